//! From an aspect to lamps that are lit: the three LEDs of a board, and its one coloured LED.

use crate::{aspect::Aspect, time::Instant};

/// Flashing amber is lit for the first half of each of these, in milliseconds: 60 flashes a minute,
/// as EN 12368 signals flash.
pub const FLASH_MS: u64 = 1_000;
/// So bright, of 255, the coloured LED gets: it is looked at from near.
const GLOW: u8 = 24;

/// Which of the three lamps are lit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lamps {
    pub red: bool,
    pub amber: bool,
    pub green: bool,
}

impl Lamps {
    /// The lamps that show `aspect` at `now`.
    #[must_use]
    pub const fn of(aspect: Aspect, now: Instant) -> Lamps {
        let (red, amber, green) = match aspect {
            Aspect::Dark => (false, false, false),
            Aspect::Red => (true, false, false),
            Aspect::RedAmber => (true, true, false),
            Aspect::Green => (false, false, true),
            Aspect::Amber => (false, true, false),
            Aspect::FlashingAmber => (false, now.as_ms() % FLASH_MS < FLASH_MS / 2, false),
        };
        Lamps { red, amber, green }
    }
}

/// How far a board has come; its coloured LED tells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// It does not know what to be: short violet blinks.
    Unprovisioned,
    /// It wants to join Wi-Fi: slow blue blinks.
    #[default]
    Joining,
    /// It is on Wi-Fi and wants a session with the broker: quick cyan blinks.
    Connecting,
    /// It has a session: a small copy of what the lamps show.
    Connected,
    /// The radio or the flash does not work: quick white blinks.
    Failing,
}

/// A colour, 0 to 255 each of red, green and blue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colour {
    /// Of red light.
    pub red: u8,
    /// Of green light.
    pub green: u8,
    /// Of blue light.
    pub blue: u8,
}

impl Colour {
    const fn new(red: u8, green: u8, blue: u8) -> Colour {
        Colour { red, green, blue }
    }

    /// What the coloured LED shows at `now`.
    ///
    /// While it blinks, the pauses show the aspect too, fainter, so that a light without its three
    /// lamps can still be watched. `identify` goes before everything: quick magenta blinks.
    #[must_use]
    pub fn of(progress: Progress, aspect: Aspect, identify: bool, now: Instant) -> Colour {
        let small = Colour::small_copy(aspect, now);
        let faint = Colour::new(small.red / 8, small.green / 8, small.blue / 8);
        let (blink, period_ms, lit_ms) = match (identify, progress) {
            (true, _) => (Colour::new(2 * GLOW, 0, 2 * GLOW), 200, 100),
            (false, Progress::Connected) => return small,
            (false, Progress::Unprovisioned) => (Colour::new(GLOW, 0, GLOW), 2_000, 100),
            (false, Progress::Joining) => (Colour::new(0, 0, GLOW), 1_000, 300),
            (false, Progress::Connecting) => (Colour::new(0, GLOW, GLOW), 400, 150),
            (false, Progress::Failing) => (Colour::new(GLOW, GLOW, GLOW), 200, 100),
        };
        if now.as_ms() % period_ms < lit_ms { blink } else { faint }
    }

    /// The aspect in one colour; red-amber is orange.
    const fn small_copy(aspect: Aspect, now: Instant) -> Colour {
        let amber = Colour::new(GLOW, GLOW / 2, 0);
        match aspect {
            Aspect::Dark => Colour::new(0, 0, 0),
            Aspect::Red => Colour::new(GLOW, 0, 0),
            Aspect::RedAmber => Colour::new(GLOW, GLOW / 5, 0),
            Aspect::Green => Colour::new(0, GLOW, 0),
            Aspect::Amber => amber,
            Aspect::FlashingAmber => {
                if Lamps::of(aspect, now).amber {
                    amber
                } else {
                    Colour::new(0, 0, 0)
                }
            }
        }
    }

    /// The 24 bits that a WS2812 takes, first bit highest: green, red, blue (WS2812B data sheet).
    #[must_use]
    pub fn grb(self) -> u32 {
        u32::from(self.green) << 16 | u32::from(self.red) << 8 | u32::from(self.blue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: [Progress; 5] = [
        Progress::Unprovisioned,
        Progress::Joining,
        Progress::Connecting,
        Progress::Connected,
        Progress::Failing,
    ];

    fn at(ms: u64) -> Instant {
        Instant::from_ms(ms)
    }

    #[test]
    fn each_aspect_lights_its_lamps_and_no_other_than_flashing_amber_blinks() {
        let lit = |aspect, ms| {
            let lamps = Lamps::of(aspect, at(ms));
            (lamps.red, lamps.amber, lamps.green)
        };
        for ms in [0, 499, 500, 999, 1_000] {
            assert_eq!(lit(Aspect::Dark, ms), (false, false, false));
            assert_eq!(lit(Aspect::Red, ms), (true, false, false));
            assert_eq!(lit(Aspect::RedAmber, ms), (true, true, false));
            assert_eq!(lit(Aspect::Green, ms), (false, false, true));
            assert_eq!(lit(Aspect::Amber, ms), (false, true, false));
        }
        assert!(lit(Aspect::FlashingAmber, 10_000).1 && !lit(Aspect::FlashingAmber, 10_500).1);
    }

    #[test]
    fn each_progress_looks_different_within_two_seconds() {
        for one in PROGRESS {
            for other in PROGRESS {
                let same = (0..2_000).step_by(10).all(|ms| {
                    let show = |progress| Colour::of(progress, Aspect::Red, false, at(ms));
                    show(one) == show(other)
                });
                assert_eq!(same, one == other, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_connected_board_shows_five_aspects_in_five_colours() {
        let colours = Aspect::ALL.map(|aspect| Colour::of(Progress::Connected, aspect, false, at(0)));
        for (index, colour) in colours.iter().enumerate().take(5) {
            assert!(!colours.iter().skip(index + 1).take(4 - index).any(|other| other == colour), "{index}");
        }
    }

    #[test]
    fn the_led_wants_green_first() {
        assert_eq!(Colour::new(1, 2, 3).grb(), 0x02_01_03);
    }
}
