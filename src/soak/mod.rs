//! The soak: random faults for a long time, and a judgement. It ends every hour with a quiet time, in
//! which all faults are cleared and every light has to get its green again.
//!
//! Left out is what the rules do not allow for, since a conflict is possible then: clocks that are wrong
//! by more than ρ (1 %). Timings that cannot work are refused by the configuration already.
//!
//! | module | one idea |
//! | --- | --- |
//! | `judge` | what is seen of one junction or more: conflicts, greens, who is stuck |
//! | `figures` | what it all comes to |
//! | `simulated` | many worlds at once, on simulated clocks |
//! | `live` | one real world, as it is configured |

mod figures;
mod judge;
mod live;
mod simulated;

use std::time::Duration;

use crate::{
    config::{BrokerChoice, Config},
    fault::PlannedFault,
    world::{Command, chaos::ChaosOptions},
};

pub(crate) use self::{
    figures::Figures,
    judge::Judge,
    live::{LiveError, live},
    simulated::{Plan, Progress, simulated},
};

/// How long random faults come before each quiet time.
pub(crate) const ROUND: Duration = Duration::from_secs(3_600);
/// Within this after the end of all faults every light has had its green, or is stuck. A light may
/// have to notice a dead connection first, join, connect, sit a promise out, and wait for its turn; and
/// one whose login was refused again and again does not try for up to 286 s
/// ([`traffic_light::reconnector::Reconnector::session_refused`]).
pub(crate) const QUIET: Duration = Duration::from_secs(360);
/// The shortest soak that shows anything.
pub(crate) const SHORTEST: Duration = Duration::from_secs(20);

/// The options of the random faults: one every 20 s on average, more often in a soak of a few minutes.
fn options(config: &Config, time: Duration) -> ChaosOptions {
    let (stops_broker, login) = match &config.broker {
        BrokerChoice::Embedded { login, .. } => (true, login),
        BrokerChoice::External { login, .. } => (false, login),
    };
    ChaosOptions {
        pace: (time / 30).clamp(Duration::from_secs(2), Duration::from_secs(20)),
        longest: (time / 4).clamp(Duration::from_secs(5), Duration::from_secs(40)),
        links: config.links.proxy,
        stops_broker,
        has_login: login.is_some(),
        ..ChaosOptions::default()
    }
}

fn command(planned: PlannedFault) -> Command {
    Command::InjectFault { fault: planned.fault, lasts: planned.lasts }
}
