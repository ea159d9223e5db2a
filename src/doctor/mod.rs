//! The broker doctor: tries what a light needs of a broker, step by step, and says where it ends, why
//! most likely, and what to do.
//!
//! It speaks on the wire itself instead of through a client library, so that it sees exactly what
//! comes back: a web page in place of a CONNACK, a code that is in no standard, a reset. It works on a
//! junction of its own below the root topic, which no light listens to, and leaves nothing behind.
//!
//! | module | one idea |
//! | --- | --- |
//! | `reach` | name, TCP, TLS |
//! | `session` | CONNECT, subscribe, hear, retained, last will |
//! | `wire` | packets out and in, and what came instead of one |
//! | `causes` | why, and what to do, in a person's words |

mod causes;
mod reach;
mod session;
mod wire;

use std::{
    fmt,
    time::{Duration, Instant},
};

use rand::RngExt;
use tokio::sync::mpsc;

use crate::{
    config::{BrokerChoice, Config},
    model::{Diagnostic, Login},
    tls::Tls,
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig, BrokerError},
    },
};

/// What a light needs of a broker, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The host's name has an address.
    Name,
    /// Something listens there.
    Tcp,
    /// It proves who it is, and encrypts.
    Tls,
    /// It speaks MQTT and lets this user in.
    Connect,
    /// It takes a subscription.
    Subscribe,
    /// What is published is heard.
    Hear,
    /// A retained message is kept for who comes later.
    Retained,
    /// The last will of a client that vanishes is published.
    Will,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Step; 8] = [
        Step::Name,
        Step::Tcp,
        Step::Tls,
        Step::Connect,
        Step::Subscribe,
        Step::Hear,
        Step::Retained,
        Step::Will,
    ];

    /// One word, as other programs read it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Step::Name => "name",
            Step::Tcp => "tcp",
            Step::Tls => "tls",
            Step::Connect => "connect",
            Step::Subscribe => "subscribe",
            Step::Hear => "hear",
            Step::Retained => "retained",
            Step::Will => "will",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it should be; what was seen.
    Well(String),
    /// It works, and something about it is not as it should be.
    Doubtful(Diagnostic),
    /// It does not work.
    Failed(Diagnostic),
    /// It was not tried, for this reason.
    Skipped(String),
}

/// One step, done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub step: Step,
    /// What it came to.
    pub verdict: Verdict,
    /// How long it took.
    pub took: Duration,
}

/// What an examination reports while it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A step begins.
    StepBegan(Step),
    /// A step is over.
    StepEnded(Finding),
}

/// A broker to examine, and how lights would use it.
#[derive(Clone)]
pub struct Target {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How to log in.
    pub login: Option<Login>,
    /// How to encrypt; `None`: not at all.
    pub tls: Option<Tls>,
    /// What stands before the junction in every topic.
    pub root: String,
    /// The junctions whose topics lights will listen to; read along, never written to.
    pub junctions: Vec<String>,
    /// Whether it is Adafruit IO, or acts so: feeds in place of topics, no retained messages, no wills.
    pub adafruit: bool,
}

/// More junctions are not listened to for a moment: if eight are allowed, so are the others.
const MOST_JUNCTIONS: usize = 8;
/// The one broker without free topics, retained messages and wills (section 2 of the design).
const ADAFRUIT: &str = "io.adafruit.com";

impl Target {
    /// The broker of a configuration; `None` where it is the one inside this program, which has to
    /// be started first.
    #[must_use]
    pub fn of(config: &Config) -> Option<Target> {
        match &config.broker {
            BrokerChoice::External { host, port, login, tls } => Some(Target {
                host: host.clone(),
                port: *port,
                login: login.clone(),
                tls: tls.clone(),
                root: config.root.to_string(),
                junctions: junctions(config),
                adafruit: host == ADAFRUIT || config.feeds.is_some(),
            }),
            BrokerChoice::Embedded { .. } => None,
        }
    }

    /// The broker inside this program, which listens on `port` of this machine.
    #[must_use]
    pub fn embedded(config: &Config, port: u16) -> Target {
        let login = match &config.broker {
            BrokerChoice::Embedded { login, .. } | BrokerChoice::External { login, .. } => login.clone(),
        };
        Target {
            host: "127.0.0.1".to_owned(),
            port,
            login,
            tls: None,
            root: config.root.to_string(),
            junctions: junctions(config),
            adafruit: config.emulated.is_some() || config.feeds.is_some(),
        }
    }

    /// `host:port`.
    #[must_use]
    pub fn address(&self) -> String {
        let Target { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Whether the user name is the secret, as at flespi.
    fn is_token_login(&self) -> bool {
        self.login.as_ref().is_some_and(|login| login.password.is_empty())
    }
}

fn junctions(config: &Config) -> Vec<String> {
    config.junctions.iter().take(MOST_JUNCTIONS).map(|junction| junction.name().to_string()).collect()
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
    let own = BrokerConfig { first_port: *port, search: true, lan: false, login: login.clone() };
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
    let probe = session::Probe::new(target, rand::rng().random());
    let mut wire = record.step(Step::Connect, probe.log_in(wire::Wire::new(stream))).await?;
    record.step(Step::Subscribe, probe.subscribe(&mut wire)).await?;
    record.step(Step::Hear, probe.hear(&mut wire)).await?;
    // Neither needs the other.
    let _ = record.step(Step::Retained, probe.retained(&mut wire)).await;
    let _ = record.step(Step::Will, probe.will(&mut wire)).await;
    probe.disconnect(&mut wire).await;
    Ok(())
}

/// What a step gives to the next one: itself, and what is to be said of it.
type Done<T> = Result<(T, Verdict), Verdict>;

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

impl Verdict {
    /// One word, as other programs read it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Well(_) => "well",
            Verdict::Doubtful(_) => "doubtful",
            Verdict::Failed(_) => "failed",
            Verdict::Skipped(_) => "skipped",
        }
    }

    /// Whether lights cannot work like that.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Verdict::Failed(_))
    }
}
