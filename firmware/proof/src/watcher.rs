//! The watcher: looks at the lamps alone, in true time, and knows nothing of the light's code.

use std::fmt;

use traffic_light::Aspect;

use crate::clock::TrueMicros;

/// What must hold, by the name that the design gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Property {
    /// No two conflicting lights are in go at once.
    S1,
    /// At least the clearance lies between two conflicting go's.
    S2,
    /// No light flashes amber while a conflicting light is in go.
    S3,
    /// A light whose junction cannot be reached ends in flashing amber.
    FailSafe,
    /// With working links every light that needs green gets it within one round.
    L1,
    /// After any fault the lights alternate again in time.
    L2,
    /// Recorded words of an earlier run move nothing.
    OldWords,
}

/// A property that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub property: Property,
    /// When, in true time.
    pub at_us: TrueMicros,
    /// What was seen.
    pub what: String,
}

/// A go that was seen, from red-amber to the end of amber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Go {
    pub light: usize,
    /// Its start, in true time.
    pub start_us: TrueMicros,
    /// Its end, in true time; `None` while it goes on.
    pub end_us: Option<TrueMicros>,
    /// How much of it was green.
    pub green_us: TrueMicros,
}

#[derive(Clone, Debug)]
struct Lamps {
    aspect: Aspect,
    since_us: TrueMicros,
    /// Index of the latest go of this light in `goes`.
    go: Option<usize>,
}

/// Watches lights of which each conflicts with every other.
#[derive(Clone, Debug)]
pub struct Watcher {
    lamps: Vec<Lamps>,
    clearance_us: Vec<TrueMicros>,
    goes: Vec<Go>,
}

impl Watcher {
    /// For dark lights, of which each has to keep its own `clearance_us` before a go.
    #[must_use]
    pub fn new(clearance_us: Vec<TrueMicros>) -> Watcher {
        let lamps =
            clearance_us.iter().map(|_| Lamps { aspect: Aspect::Dark, since_us: 0, go: None }).collect();
        Watcher { lamps, clearance_us, goes: Vec::new() }
    }

    /// What `light` shows.
    #[must_use]
    pub fn aspect(&self, light: usize) -> Aspect {
        self.lamps.get(light).map_or(Aspect::Dark, |lamps| lamps.aspect)
    }

    /// All go's so far, by their start.
    #[must_use]
    pub fn goes(&self) -> &[Go] {
        &self.goes
    }

    /// Notes that `light` shows `aspect` from `now` on.
    ///
    /// # Errors
    /// When S1, S2 or S3 does not hold any more.
    pub fn see(&mut self, now: TrueMicros, light: usize, aspect: Aspect) -> Result<(), Violation> {
        let Some(lamps) = self.lamps.get_mut(light) else { return Ok(()) };
        let before = lamps.aspect;
        if before == aspect {
            return Ok(());
        }
        if before == Aspect::Green
            && let Some(go) = lamps.go.and_then(|go| self.goes.get_mut(go))
        {
            go.green_us += now - lamps.since_us;
        }
        lamps.aspect = aspect;
        lamps.since_us = now;
        match (before.is_go(), aspect.is_go()) {
            (false, true) => {
                lamps.go = Some(self.goes.len());
                self.goes.push(Go { light, start_us: now, end_us: None, green_us: 0 });
                self.check_go(now, light)?;
            }
            (true, false) => {
                if let Some(go) = lamps.go.and_then(|go| self.goes.get_mut(go)) {
                    go.end_us = Some(now);
                }
            }
            _ => {}
        }
        if aspect == Aspect::FlashingAmber { self.check_flash(now, light) } else { Ok(()) }
    }

    fn others(&self, light: usize) -> impl Iterator<Item = (usize, &Lamps)> {
        self.lamps.iter().enumerate().filter(move |(other, _)| *other != light)
    }

    fn check_go(&self, now: TrueMicros, light: usize) -> Result<(), Violation> {
        let violation = |property, what| Err(Violation { property, at_us: now, what });
        for (other, lamps) in self.others(light) {
            if lamps.aspect.is_go() {
                let what =
                    format!("{} enters go while {} shows {}", letter(light), letter(other), lamps.aspect);
                return violation(Property::S1, what);
            }
        }
        for (other, lamps) in self.others(light) {
            if lamps.aspect == Aspect::FlashingAmber {
                let what = format!("{} enters go while {} flashes", letter(light), letter(other));
                return violation(Property::S3, what);
            }
        }
        let needed_us = self.clearance_us.get(light).copied().unwrap_or(0);
        for (other, lamps) in self.others(light) {
            let ended_us = lamps.go.and_then(|go| self.goes.get(go)?.end_us);
            let Some(gap_us) = ended_us.map(|ended_us| now - ended_us) else { continue };
            if gap_us < needed_us {
                let what = format!(
                    "{} enters go {:.3} s after the go of {}, {:.3} s too early",
                    letter(light),
                    seconds(gap_us),
                    letter(other),
                    seconds(needed_us - gap_us)
                );
                return violation(Property::S2, what);
            }
        }
        Ok(())
    }

    fn check_flash(&self, now: TrueMicros, light: usize) -> Result<(), Violation> {
        for (other, lamps) in self.others(light) {
            if lamps.aspect.is_go() {
                let what =
                    format!("{} flashes while {} shows {}", letter(light), letter(other), lamps.aspect);
                return Err(Violation { property: Property::S3, at_us: now, what });
            }
        }
        Ok(())
    }
}

/// How the traces call light number `light`: `a`, `b`, …
#[must_use]
pub fn letter(light: usize) -> char {
    u8::try_from(light).ok().map_or('?', |light| char::from(b'a'.saturating_add(light)))
}

/// Microseconds in seconds, to be printed.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a printed number of a few digits")]
pub fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

impl fmt::Display for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Property::S1 => "S1",
            Property::S2 => "S2",
            Property::S3 => "S3",
            Property::FailSafe => "fail-safe",
            Property::L1 => "L1",
            Property::L2 => "L2",
            Property::OldWords => "old words",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:.3} s: {}", self.property, seconds(self.at_us), self.what)
    }
}
