//! How long everything takes, and whether that can work.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{CLOCK_ERROR_PERCENT, at_least, at_most};

/// The timings of a light. All spans are in milliseconds.
///
/// The lights of a junction should have the same ones; the rules hold with different ones too, as
/// long as each passes [`Timing::check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Timing {
    /// Red-amber before green.
    pub red_amber_ms: u32,
    /// Shortest planned green.
    pub green_min_ms: u32,
    /// Longest green.
    pub green_max_ms: u32,
    /// Amber after green.
    pub amber_ms: u32,
    /// All-red between two conflicting go's.
    pub clearance_ms: u32,
    /// Longest pause between two state messages.
    pub heartbeat_ms: u32,
    /// For how long a promise to stay out of go is given.
    pub lease_ms: u32,
    /// After how long without a new word a conflicting light counts as lost.
    pub lost_after_ms: u32,
    /// Longest time between two checks of the program (τ).
    pub tick_ms: u32,
    /// After how long of a program that hangs the host must reset it and put its lamps out, counted
    /// from a moment at most a tick after the last check. Leases cover this time, so that a light
    /// that hangs in its go is dark before another may go.
    pub watchdog_ms: u32,
    /// The round trip between two lights that is allowed for.
    pub rtt_ms: u32,
    /// Set where the broker counts publishes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

/// How often a light may publish on a broker that counts: a bucket of `burst` messages that gains
/// one every `refill_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Messages that may be sent in one go, 1 or more.
    pub burst: u32,
    /// Time until one more may be sent, in milliseconds, 1 or more.
    pub refill_ms: u32,
}

impl Default for Timing {
    /// The lab's timings: a round trip of 0.2 s, three of which may be lost in a row.
    fn default() -> Timing {
        Timing {
            red_amber_ms: 1_000,
            green_min_ms: 4_000,
            green_max_ms: 8_000,
            amber_ms: 3_000,
            clearance_ms: 1_000,
            heartbeat_ms: 500,
            lease_ms: 8_000,
            lost_after_ms: 4_000,
            tick_ms: 100,
            watchdog_ms: 1_000,
            rtt_ms: 200,
            quota: None,
        }
    }
}

/// Why timings cannot work. Spans are in milliseconds; `needed` is the least value that would do,
/// or the greatest where the sentence says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Infeasible {
    /// A span that must be longer than nothing is zero.
    Zero(&'static str),
    /// A span is so long that it cannot be meant.
    TooLong(&'static str),
    /// The shortest green is longer than the longest.
    GreenRange,
    /// The lease never covers a whole red-amber and amber, so the light would never go.
    NeverGoes {
        /// The least lease that would do.
        needed: u64,
    },
    /// Three lost round trips would cut a green short.
    CutShort {
        /// The least lease that would do.
        needed: u64,
    },
    /// A few lost messages would make a light look lost.
    LostTooSoon {
        /// The least `lost_after` that would do.
        needed: u64,
    },
    /// A hanging light would show its lamps for longer than an amber.
    WatchdogTooSlow {
        /// The longest watchdog that would do.
        needed: u64,
    },
    /// After a fault the lights would need longer than lease + clearance + three heartbeats.
    RecoveryTooSlow {
        /// The least heartbeat that would do.
        needed: u64,
    },
    /// The quota does not even allow a message a heartbeat.
    QuotaTooSlow {
        /// The least heartbeat that would do.
        needed: u64,
    },
}

/// A junction whose lights speak less often than this takes minutes for everything.
const LONGEST_HEARTBEAT_MS: u32 = 60_000;

/// No span may be longer than an hour; it keeps every sum far from overflow.
const LONGEST_MS: u32 = 3_600_000;

impl Timing {
    /// The timings for a broker that allows 30 publishes a minute for two lights.
    #[must_use]
    pub fn on_quota() -> Timing {
        Timing {
            heartbeat_ms: 8_000,
            lease_ms: 30_000,
            lost_after_ms: 25_000,
            quota: Some(Quota { burst: 3, refill_ms: 5_000 }),
            ..Timing::default()
        }
    }

    /// The timings for one of `lights` that share `per_minute` publishes; `None` where that is too little
    /// for the rules of right of way to work within a minute or two.
    ///
    /// Each light has its share: a small bucket, and what refills it. Everything else follows from how
    /// often a light can then speak, in the proportions of [`Timing::on_quota`], which this is for two lights
    /// and 30 publishes.
    #[must_use]
    pub fn on_account(lights: u32, per_minute: u32) -> Option<Timing> {
        let share_ms = u64::from(per_minute) * 1_000 / u64::from(lights.max(1));
        let burst = match share_ms {
            15_000.. => 3,
            6_000.. => 2,
            _ => 1,
        };
        // Thousandths of publishes a minute that are left beside the bucket.
        let rate = share_ms.checked_sub(u64::from(burst) * 1_000).filter(|rate| *rate > 0)?;
        let refill_ms = u32::try_from((60_000 * 1_000_u64).div_ceil(rate)).ok()?;
        let heartbeat_ms = refill_ms.checked_mul(8)?.div_ceil(5).max(2_000);
        (heartbeat_ms <= LONGEST_HEARTBEAT_MS).then_some(Timing {
            heartbeat_ms,
            lease_ms: 2 * heartbeat_ms + 14_000,
            lost_after_ms: 3 * heartbeat_ms + 1_000,
            quota: Some(Quota { burst, refill_ms }),
            ..Timing::default()
        })
    }

    /// The most that a light with these timings publishes in any minute; `None` where nothing limits it.
    #[must_use]
    pub fn most_per_minute(&self) -> Option<u32> {
        self.quota.map(|quota| quota.burst.saturating_add(60_000 / quota.refill_ms.max(1)))
    }

    /// Whether a light with these timings can keep its promises and get its green.
    ///
    /// # Errors
    /// The first condition that does not hold, with the value that would do.
    pub fn check(&self) -> Result<(), Infeasible> {
        for (name, ms) in [
            ("red_amber_ms", self.red_amber_ms),
            ("green_min_ms", self.green_min_ms),
            ("green_max_ms", self.green_max_ms),
            ("amber_ms", self.amber_ms),
            ("clearance_ms", self.clearance_ms),
            ("heartbeat_ms", self.heartbeat_ms),
            ("lease_ms", self.lease_ms),
            ("lost_after_ms", self.lost_after_ms),
            ("tick_ms", self.tick_ms),
            ("watchdog_ms", self.watchdog_ms),
            ("quota.burst", self.quota.map_or(1, |quota| quota.burst)),
            ("quota.refill_ms", self.quota.map_or(1, |quota| quota.refill_ms)),
        ] {
            if ms == 0 {
                return Err(Infeasible::Zero(name));
            }
            if ms > LONGEST_MS {
                return Err(Infeasible::TooLong(name));
            }
        }
        if self.rtt_ms > LONGEST_MS {
            return Err(Infeasible::TooLong("rtt_ms"));
        }
        if self.green_min_ms > self.green_max_ms {
            return Err(Infeasible::GreenRange);
        }

        // Every other condition counts on a message a heartbeat.
        if let Some(quota) = self.quota
            && self.heartbeat_ms < quota.refill_ms
        {
            return Err(Infeasible::QuotaTooSlow { needed: u64::from(quota.refill_ms) });
        }

        let rtt = u64::from(self.rtt_ms);
        let heartbeat = u64::from(self.heartbeat_ms);
        let amber = u64::from(self.amber_ms);
        if self.watchdog_ms > self.amber_ms {
            return Err(Infeasible::WatchdogTooSlow { needed: amber });
        }
        // A program may hang at any moment of its go, and shows its lamps until the watchdog.
        let clearing = amber + 2 * u64::from(self.tick_ms) + u64::from(self.watchdog_ms);

        let covered = at_most(u64::from(self.lease_ms));
        let to_start = u64::from(self.red_amber_ms) + clearing + rtt + 2 * heartbeat;
        if covered < to_start {
            return Err(Infeasible::NeverGoes { needed: least_lease(to_start) });
        }
        // On a quota the link is a reliable one and heartbeats are far apart: a lost round trip
        // is then a lost connection, which cuts the green short anyway.
        let to_last = clearing + rtt + 5 * heartbeat;
        if self.quota.is_none() && covered < to_last {
            return Err(Infeasible::CutShort { needed: least_lease(to_last) });
        }
        let quiet = if self.quota.is_some() { 3 * heartbeat } else { 6 * heartbeat + rtt };
        if u64::from(self.lost_after_ms) < quiet {
            return Err(Infeasible::LostTooSoon { needed: quiet });
        }
        let drift = (2 * CLOCK_ERROR_PERCENT * u64::from(self.lease_ms + self.clearance_ms))
            .div_ceil(100 - CLOCK_ERROR_PERCENT);
        let recovery = drift + (3 * rtt).div_ceil(2);
        if heartbeat < recovery {
            return Err(Infeasible::RecoveryTooSlow { needed: recovery });
        }
        Ok(())
    }

    /// How long a light stays out of go and of flashing after a start: the longest promise of an
    /// earlier run, `lease_max_ms`, and the clearance after it.
    #[must_use]
    pub fn start_hold_ms(&self, lease_max_ms: u32) -> u64 {
        at_least(u64::from(lease_max_ms.max(self.lease_ms)) + u64::from(self.clearance_ms))
    }

    /// The longest go: red-amber, the longest green and amber.
    #[must_use]
    pub fn longest_go_ms(&self) -> u64 {
        u64::from(self.red_amber_ms) + u64::from(self.green_max_ms) + u64::from(self.amber_ms)
    }

    /// Time within which the lights alternate again after every fault has ended (L2): lease,
    /// clearance and three heartbeats.
    #[must_use]
    pub fn recovery_ms(&self) -> u64 {
        u64::from(self.lease_ms) + u64::from(self.clearance_ms) + 3 * u64::from(self.heartbeat_ms)
    }
}

/// The least lease that covers `span` on any clock.
fn least_lease(span: u64) -> u64 {
    let mut lease = span;
    while at_most(lease) < span {
        lease += (span - at_most(lease)).max(1);
    }
    lease
}

impl fmt::Display for Infeasible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Infeasible::Zero(member) => return write!(f, "{member} is 0"),
            Infeasible::TooLong(member) => return write!(f, "{member} is longer than an hour ({LONGEST_MS})"),
            Infeasible::GreenRange => "green_min_ms is longer than green_max_ms",
            Infeasible::NeverGoes { .. } => {
                "the light would never go: a lease has to cover red-amber, amber, the watchdog, two ticks, a round \
                 trip and two heartbeats"
            }
            Infeasible::CutShort { .. } => "three lost round trips would cut a green short",
            Infeasible::LostTooSoon { .. } => "a few lost messages would look like a lost light",
            Infeasible::WatchdogTooSlow { .. } => {
                "a hanging light would show its lamps for longer than an amber"
            }
            Infeasible::RecoveryTooSlow { .. } => {
                "after a fault the lights would need more than lease + clearance + three heartbeats"
            }
            Infeasible::QuotaTooSlow { .. } => "the quota allows less than one message a heartbeat",
        })
    }
}

/// What to change: displays as an imperative without a full stop.
#[derive(Clone, Copy, Debug)]
pub struct Help<'a>(&'a Infeasible);

impl Infeasible {
    /// What to change.
    #[must_use]
    pub fn help(&self) -> Help<'_> {
        Help(self)
    }
}

impl fmt::Display for Help<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Infeasible::Zero(_) => f.write_str("give it a length in milliseconds"),
            Infeasible::TooLong(_) => f.write_str("give a shorter one"),
            Infeasible::GreenRange => f.write_str("swap them or make them equal"),
            Infeasible::NeverGoes { needed } => write!(f, "make lease_ms at least {needed}"),
            Infeasible::CutShort { needed } => {
                write!(f, "make lease_ms at least {needed}, or heartbeat_ms or watchdog_ms shorter")
            }
            Infeasible::LostTooSoon { needed } => {
                write!(f, "make lost_after_ms at least {needed}, or heartbeat_ms shorter")
            }
            Infeasible::WatchdogTooSlow { needed } => write!(f, "make watchdog_ms at most {needed}"),
            Infeasible::RecoveryTooSlow { needed } => {
                write!(f, "make heartbeat_ms at least {needed}, or rtt_ms, lease_ms or clearance_ms shorter")
            }
            Infeasible::QuotaTooSlow { needed } => {
                write!(f, "make heartbeat_ms at least {needed}, or quota.refill_ms shorter")
            }
        }
    }
}

impl core::error::Error for Infeasible {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_and_the_quota_timings_work() {
        assert_eq!(Timing::default().check(), Ok(()));
        assert_eq!(Timing::on_quota().check(), Ok(()));
    }

    #[test]
    fn lights_that_share_an_account_never_publish_more_than_it_may_and_their_timings_work() {
        let on_quota = Timing::on_account(2, 30);
        assert_eq!(on_quota, Some(Timing::on_quota()));
        for per_minute in [10, 30, 60, 120] {
            let mut served = 0;
            for lights in 1..200 {
                let Some(timing) = Timing::on_account(lights, per_minute) else { break };
                assert_eq!(timing.check(), Ok(()), "{lights} lights on {per_minute}");
                let each = timing.most_per_minute().unwrap_or(u32::MAX);
                assert!(each * lights <= per_minute, "{lights} lights of {each} each on {per_minute}");
                served = lights;
            }
            assert!(served >= per_minute / 3, "only {served} on {per_minute}");
        }
        assert_eq!(Timing::on_account(12, 30), None);
        assert_eq!(Timing::on_account(2, 0), None);
        assert_eq!(Timing::default().most_per_minute(), None);
    }

    #[test]
    fn each_condition_refuses_at_its_edge_and_names_a_value_that_works() {
        let base = Timing::default();
        let short = Timing { heartbeat_ms: 700, lost_after_ms: 10_000, ..base };
        let never = Timing { lease_ms: 5_000, red_amber_ms: 3_000, ..base };
        let Err(Infeasible::NeverGoes { needed }) = never.check() else {
            unreachable!("{:?}", never.check())
        };
        let fixed = Timing { lease_ms: u32::try_from(needed).unwrap_or(u32::MAX), ..never };
        assert!(!matches!(fixed.check(), Err(Infeasible::NeverGoes { .. })));
        let edge = Timing { lease_ms: fixed.lease_ms - 1, ..never };
        assert!(matches!(edge.check(), Err(Infeasible::NeverGoes { .. })));

        let cut = Timing { lease_ms: 7_000, ..short };
        let Err(Infeasible::CutShort { needed }) = cut.check() else { unreachable!("{:?}", cut.check()) };
        let fixed = Timing { lease_ms: u32::try_from(needed).unwrap_or(u32::MAX), ..cut };
        assert_eq!(fixed.check(), Ok(()));

        assert_eq!(
            Timing { lost_after_ms: 3_199, ..base }.check(),
            Err(Infeasible::LostTooSoon { needed: 3_200 })
        );
        assert_eq!(Timing { lost_after_ms: 3_200, ..base }.check(), Ok(()));
        assert_eq!(
            Timing { watchdog_ms: 3_001, ..base }.check(),
            Err(Infeasible::WatchdogTooSlow { needed: 3_000 })
        );
        assert_eq!(Timing { rtt_ms: 300, ..base }.check(), Err(Infeasible::RecoveryTooSlow { needed: 632 }));
        let quota = Some(Quota { burst: 3, refill_ms: 501 });
        assert_eq!(Timing { quota, ..base }.check(), Err(Infeasible::QuotaTooSlow { needed: 501 }));
        assert_eq!(Timing { green_min_ms: 9_000, ..base }.check(), Err(Infeasible::GreenRange));
        assert_eq!(Timing { amber_ms: 0, ..base }.check(), Err(Infeasible::Zero("amber_ms")));
        assert_eq!(Timing { amber_ms: u32::MAX, ..base }.check(), Err(Infeasible::TooLong("amber_ms")));
    }
}
