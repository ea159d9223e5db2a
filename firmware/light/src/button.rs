//! A push button, read in regular steps: debounced, with a short and a long press.

use crate::time::Instant;

/// A level has to stay this long to count: contacts bounce for a few milliseconds.
const SETTLE_MS: u64 = 30;
/// A press that lasts this long is a long one.
pub const LONG_MS: u64 = 1_500;

/// What a finger did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// Pressed and released again.
    Short,
    /// Held down; told once, while it is still down.
    Long,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    read: bool,
    read_since: Instant,
    down: bool,
    down_since: Instant,
    told_long: bool,
}

impl Button {
    /// A button that is up. One that is down at the start is noticed as pressed from then on.
    #[must_use]
    pub const fn new(now: Instant) -> Button {
        Button { read: false, read_since: now, down: false, down_since: now, told_long: false }
    }

    /// Takes in what the pin says `now`: whether the button is down.
    pub fn read(&mut self, now: Instant, down: bool) -> Option<Press> {
        if down != self.read {
            self.read = down;
            self.read_since = now;
        }
        if self.read != self.down && now.since(self.read_since) >= SETTLE_MS {
            self.down = self.read;
            if self.down {
                self.down_since = self.read_since;
                self.told_long = false;
            } else if !self.told_long {
                return Some(Press::Short);
            }
        }
        if self.down && !self.told_long && now.since(self.down_since) >= LONG_MS {
            self.told_long = true;
            return Some(Press::Long);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use super::*;

    /// Presses heard when the level changes at the given milliseconds, read every 10 ms.
    fn presses(changes: &[u64], until: u64) -> Vec<(u64, Press)> {
        let mut button = Button::new(Instant::from_ms(0));
        (0..until)
            .step_by(10)
            .filter_map(|ms| {
                let down = changes.iter().filter(|change| **change <= ms).count() % 2 == 1;
                button.read(Instant::from_ms(ms), down).map(|press| (ms, press))
            })
            .collect()
    }

    #[test]
    fn a_short_press_is_told_at_its_end() {
        assert_eq!(presses(&[100, 400], 3_000), [(430, Press::Short)]);
    }

    #[test]
    fn a_long_press_is_told_once_while_it_lasts_and_its_end_is_no_short_one() {
        assert_eq!(presses(&[100, 5_000], 6_000), [(1_600, Press::Long)]);
        assert_eq!(
            presses(&[100, 5_000, 5_500, 5_700], 7_000),
            [(1_600, Press::Long), (5_730, Press::Short)]
        );
    }

    #[test]
    fn bouncing_contacts_make_one_press() {
        assert_eq!(presses(&[100, 110, 120, 300, 310, 320], 3_000), [(350, Press::Short)]);
        assert_eq!(presses(&[100, 110, 200, 220], 3_000), [], "a spark is no press");
    }

    #[test]
    fn a_button_held_down_since_the_start_is_pressed_from_then_on() {
        assert_eq!(presses(&[0], 3_000), [(1_500, Press::Long)]);
    }
}
