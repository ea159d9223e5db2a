//! The broker doctor: tries what a light needs of a broker, step by step, and says which step fails, the
//! most likely reason, and what to do.
//!
//! It speaks on the wire itself instead of through a client library, so that it sees exactly what
//! comes back: a web page in place of a CONNACK, a code that is in no standard, a reset. It tries what the lights
//! of the configuration will do, no less and no more, speaks in the name of lights that there are not, and leaves
//! nothing behind.
//!
//! | module | one idea |
//! | --- | --- |
//! | `target` | the broker to examine |
//! | `finding` | the steps, and what each came to |
//! | `reach` | name, TCP, TLS |
//! | `load` | what the lights of a configuration will do |
//! | `place` | the topics on which it speaks |
//! | `session` | CONNECT, subscribe, hear, sessions, retained, last will |
//! | `wire` | packets out and in, and what came instead of one |
//! | `causes` | the most likely reasons, and what to do |

mod causes;
mod finding;
mod load;
mod place;
mod reach;
mod session;
mod target;
mod wire;

use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::sync::mpsc;

use self::finding::Done;
pub use self::{
    finding::{Finding, Step, Verdict},
    load::{JunctionLoad, Load},
    target::Target,
};
use crate::{
    config::{BrokerChoice, Config},
    model::BrokerLimits,
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig, BrokerError, OwnClients},
    },
};

/// What an examination reports while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A step begins.
    StepBegan(Step),
    /// A step is over.
    StepEnded(Finding),
}

/// The broker of `config`, to be examined. The one in this program is started: lights would do the same.
/// Whoever asked for it stops it again.
///
/// # Errors
/// When the one in this program cannot start.
pub async fn prepare(config: &Config) -> Result<(Target, Option<Broker>), BrokerError> {
    if let Some(target) = Target::of(config) {
        return Ok((target, None));
    }
    let (BrokerChoice::Embedded { port, login, .. } | BrokerChoice::External { port, login, .. }) =
        &config.broker;
    // Nobody but the doctor has to reach it.
    let own = BrokerConfig {
        first_port: *port,
        search: true,
        lan: false,
        login: login.clone(),
        limits: BrokerLimits::default(),
        own: OwnClients::default(),
    };
    let limiter = config
        .emulated
        .as_ref()
        .map(|emulated| AccountLimiter::adafruit(&emulated.user, emulated.per_minute, Box::new(|_| {})));
    let broker = Broker::start_limited(&own, limiter).await?;
    Ok((Target::embedded(config, broker.address().port()), Some(broker)))
}

/// Examines a broker, and returns what each step came to. Each has a time limit, of seconds; dropping
/// the future ends it at once. `progress` hears of each step as it goes; it may be closed, and one that is
/// full holds the examination back.
pub async fn examine(target: &Target, progress: &mpsc::Sender<Progress>) -> Vec<Finding> {
    let mut record = Record { progress, findings: Vec::new() };
    // Ends at the first step that the next ones need.
    let _ = run(target, &mut record).await;
    let why = "an earlier step failed";
    for step in Step::ALL {
        if !record.findings.iter().any(|finding| finding.step == step) {
            record.note(step, Verdict::Skipped(why.to_owned()), Duration::ZERO).await;
        }
    }
    record.findings
}

async fn run(target: &Target, record: &mut Record<'_>) -> Result<(), ()> {
    let addresses = record.step(Step::Name, reach::look_up(target)).await?;
    let tcp = record.step(Step::Tcp, reach::connect(target, &addresses)).await?;
    let stream = record.step(Step::Tls, reach::encrypt(target, tcp)).await?;
    let mut probe = session::Probe::new(target, rand::rng().random());
    let mut wire = record.step(Step::Connect, probe.log_in(wire::Wire::new(stream))).await?;
    record.step(Step::Subscribe, probe.subscribe(&mut wire)).await?;
    record.step(Step::Hear, probe.hear(&mut wire)).await?;
    record.step(Step::Sessions, probe.sessions(&mut wire)).await?;
    // Neither needs the other.
    let _ = record.step(Step::Retained, probe.retained(&mut wire)).await;
    let _ = record.step(Step::Will, probe.will(&mut wire)).await;
    probe.disconnect(&mut wire).await;
    Ok(())
}

struct Record<'a> {
    progress: &'a mpsc::Sender<Progress>,
    findings: Vec<Finding>,
}

impl Record<'_> {
    async fn step<T>(&mut self, step: Step, work: impl Future<Output = Done<T>>) -> Result<T, ()> {
        // Nobody has to listen.
        let _ = self.progress.send(Progress::StepBegan(step)).await;
        let began = Instant::now();
        let done = work.await;
        let took = began.elapsed();
        match done {
            Ok((value, verdict)) => {
                self.note(step, verdict, took).await;
                Ok(value)
            }
            Err(verdict) => {
                self.note(step, verdict, took).await;
                Err(())
            }
        }
    }

    async fn note(&mut self, step: Step, verdict: Verdict, took: Duration) {
        let finding = Finding { step, verdict, took };
        self.findings.push(finding.clone());
        let _ = self.progress.send(Progress::StepEnded(finding)).await;
    }
}
