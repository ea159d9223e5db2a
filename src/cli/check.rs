//! `twinlight check`: grades a light that somebody else wrote.

use std::{
    fs,
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Args;
use rand::{TryRng, rngs::SysRng};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{failure, progress::Reporter};
use crate::{
    board::provision::this_computer::{addresses, make_login},
    check::{
        Check,
        bench::{Observer, Progress, Setup},
        judge::{decided_ms, judge, judge_step},
        record::{Record, Step},
        verdict::{Cause, Outcome, Verdict},
    },
    cli::{
        common::{Common, asked_to_end, runtime},
        exit::{CHECK_FAILED, FAILED, WELL},
        failure::wrong_usage,
    },
    config::{BrokerChoice, Config},
    model::{Diagnostic, Login},
    world::{
        account_limiter::AccountLimiter,
        broker::{Broker, BrokerConfig},
        proxy::Destination,
    },
};

#[derive(Clone, Debug, Args)]
pub(super) struct CheckArgs {
    /// The port for the light under test; without it, 1883 or the next free one
    #[arg(long, value_name = "N")]
    port: Option<u16>,
    /// Open the port to the network, so that a board can join, with user and password
    #[arg(long)]
    lan: bool,
    /// Play these steps alone (and what they need): connects, talks, reacts, …
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    steps: Vec<String>,
    /// What is left to chance follows from this number
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// A program that switches the light's Wi-Fi: it is run with "down" and with "up"
    #[arg(long, value_name = "CMD")]
    wifi_hook: Option<PathBuf>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Write the verdicts and all that they are made of into a file
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
}

/// What waits to be told.
const PROGRESS: usize = 256;
/// Plain lines of progress come no more often.
const LINES: Duration = Duration::from_secs(5);

pub(super) fn run(common: &Common, args: &CheckArgs) -> anyhow::Result<u8> {
    let steps = steps(&args.steps)?;
    let config = common.load()?;
    for warning in &config.warnings {
        failure::warn(warning);
    }
    let seed = args.seed.or(config.seed).unwrap_or_else(|| SysRng.try_next_u64().unwrap_or_default());
    runtime()?.block_on(async {
        let ground = Ground::prepare(&config, args.lan).await?;
        let record = Record::new(seed, steps, ground.label.clone(), ground.retains);
        let record = checked(args, &ground, record).await?;
        if let Some(broker) = ground.broker {
            broker.stop().await;
        }
        let verdicts = judge(&record);
        say(&if args.json { summary(&record, &verdicts).to_string() } else { closing(&record, &verdicts) })?;
        if let Some(file) = &args.report {
            write_report(file, &record, &verdicts)?;
        }
        Ok(status(&verdicts))
    })
}

/// The steps that are asked for; those that the others need are always played.
fn steps(names: &[String]) -> anyhow::Result<Vec<Step>> {
    let mut steps = Vec::new();
    for name in names {
        let Some(step) = Step::find(name.trim()) else {
            let near = Step::ALL.into_iter().max_by(|a, b| {
                let near = |step: &Step| strsim::jaro_winkler(step.name(), name);
                near(a).total_cmp(&near(b))
            });
            let near = near.map_or("", Step::name);
            let all = Step::ALL.map(Step::name).join(", ");
            return Err(wrong_usage((
                format!("there is no step \"{name}\""),
                format!("did you mean \"{near}\"? The steps are {all}"),
            )));
        };
        steps.push(step);
    }
    if steps.is_empty() {
        return Ok(Step::ALL.to_vec());
    }
    steps.extend([Step::Connects, Step::Talks]);
    if steps
        .iter()
        .any(|step| *step > Step::Reacts && *step < Step::NoticesHalfOpen || *step == Step::DistrustsOldWords)
    {
        steps.push(Step::Reacts);
    }
    steps.sort_unstable();
    steps.dedup();
    Ok(steps)
}

/// The broker behind the light's port.
struct Ground {
    broker: Option<Broker>,
    destination: Destination,
    login: Option<Login>,
    /// A login that was made up because the port is open.
    made_up: bool,
    label: String,
    retains: bool,
    lan: bool,
}

impl Ground {
    async fn prepare(config: &Config, lan: bool) -> anyhow::Result<Ground> {
        let retains = config.emulated.is_none() && config.feeds.is_none();
        match &config.broker {
            BrokerChoice::External { host, port, login, tls } => Ok(Ground {
                broker: None,
                destination: Destination { host: host.clone(), port: *port, tls: tls.clone() },
                login: login.clone(),
                made_up: false,
                label: format!("{host}:{port}"),
                retains,
                lan,
            }),
            BrokerChoice::Embedded { lan: open, login, .. } => {
                let lan = lan || *open;
                let made_up = lan && login.is_none();
                let login = if made_up { Some(make_login()) } else { login.clone() };
                // It is reached through the light's port alone.
                let broker = BrokerConfig { first_port: 0, search: false, lan: false, login: login.clone() };
                let limiter = config.emulated.as_ref().map(|emulated| {
                    AccountLimiter::adafruit(
                        &emulated.user,
                        emulated.per_minute,
                        Box::new(|event| eprintln!("{event}")),
                    )
                });
                let label = match config.emulated {
                    Some(_) => "the embedded broker, as Adafruit IO",
                    None => "the embedded broker",
                };
                let broker = Broker::start_limited(&broker, limiter).await?;
                let port = broker.local_address().port();
                Ok(Ground {
                    destination: Destination { host: "127.0.0.1".to_owned(), port, tls: None },
                    broker: Some(broker),
                    login,
                    made_up,
                    label: label.to_owned(),
                    retains,
                    lan,
                })
            }
        }
    }
}

/// The port's number, where none was asked for.
const PORT: u16 = 1883;
const PORTS_TRIED: u16 = 100;

/// Plays the check, tells of it, and returns its record, to its end or to the moment at which it was ended.
async fn checked(args: &CheckArgs, ground: &Ground, record: Record) -> anyhow::Result<Record> {
    let (check, mut progress) = start(args, ground, record).await?;
    let address = check.address();
    let mut out = ProgressPrinter::new(args.json);
    out.opened(address, ground)?;
    let recording = check.recording();
    let mut run = std::pin::pin!(check.run());
    let ended = asked_to_end();
    let mut ended = std::pin::pin!(ended);
    loop {
        tokio::select! {
            biased;
            Some(progress) = progress.recv() => out.take(progress, || recording.record())?,
            () = &mut run => break,
            () = &mut ended => {
                eprintln!("ended before all steps were done; this is what was judged by then");
                break;
            }
        }
    }
    while let Ok(progress) = progress.try_recv() {
        out.take(progress, || recording.record())?;
    }
    Ok(recording.record())
}

async fn start(
    args: &CheckArgs,
    ground: &Ground,
    record: Record,
) -> anyhow::Result<(Check, mpsc::Receiver<Progress>)> {
    let ip = if ground.lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let first = args.port.unwrap_or(PORT);
    let last = if args.port.is_some() { first } else { first + PORTS_TRIED };
    let mut refused: Option<Diagnostic> = None;
    for port in first..=last {
        let (tell, progress) = mpsc::channel(PROGRESS);
        let observer: Observer = Box::new(move |progress| {
            // What is dropped here is a line of progress: verdicts are made from the record.
            let _ = tell.try_send(progress);
        });
        let setup = Setup {
            listen: SocketAddr::from((ip, port)),
            destination: ground.destination.clone(),
            login: ground.login.clone(),
            wifi_hook: args.wifi_hook.clone(),
            record: record.clone(),
        };
        match Check::start(setup, observer).await {
            Ok(check) => return Ok((check, progress)),
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    Err(refused.unwrap_or_else(|| Diagnostic::from("no port is free")).into())
}

/// Tells a person, or a program, how a check goes.
struct ProgressPrinter {
    json: bool,
    reporter: Reporter,
    learned: Option<String>,
}

impl ProgressPrinter {
    fn new(json: bool) -> ProgressPrinter {
        ProgressPrinter { json, reporter: Reporter::new(100, LINES), learned: None }
    }

    fn opened(&mut self, address: SocketAddr, ground: &Ground) -> io::Result<()> {
        let login = ground.login.as_ref();
        if self.json {
            let line = json!({
                "ms": 0,
                "kind": "port",
                "address": address.to_string(),
                "user": login.map(|login| &login.user),
                "broker": ground.label,
            });
            say(&line.to_string())?;
        } else {
            say(&format!("let your light connect to {address} ({} is behind it)", ground.label))?;
        }
        if ground.lan {
            for address in addresses() {
                eprintln!("  from the network: {address}");
            }
        }
        if let Some(login) = login.filter(|_| ground.made_up) {
            eprintln!("  user {}, password {} (made up for this check)", login.user, login.password);
        }
        Ok(())
    }

    fn take(&mut self, progress: Progress, record: impl Fn() -> Record) -> io::Result<()> {
        match progress {
            Progress::Waiting { step, text, left } => {
                let name = step.map_or("", Step::name);
                let done =
                    step.and_then(|step| Step::ALL.iter().position(|of| *of == step)).unwrap_or_default();
                let position = u64::try_from(done * 10).unwrap_or_default();
                self.reporter.set(position, || format!("{name}: {text} ({} s at most)", left.as_secs()));
            }
            Progress::Ended(step) => {
                let record = record();
                if !record.steps.contains(&step) {
                    return Ok(());
                }
                let verdict = judge_step(&record, step);
                let text = if self.json { line(&record, &verdict).to_string() } else { sentence(&verdict) };
                self.reporter.suspend(|| say(&text))?;
            }
            Progress::Learned(text) => {
                if self.learned.as_ref() != Some(&text) {
                    self.reporter.say(&format!("learned: {text}"));
                    self.learned = Some(text);
                }
            }
            Progress::Notice(text) => self.reporter.say(&format!("notice: {text}")),
        }
        Ok(())
    }
}

fn say(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

fn line(record: &Record, verdict: &Verdict) -> Value {
    let mut line = json!({
        "ms": decided_ms(record, verdict.step),
        "kind": "step",
        "step": verdict.step.name(),
        "outcome": verdict.outcome.name(),
    });
    if let Some(cause) = verdict.cause {
        line["cause"] = json!(cause.name());
    }
    line["evidence"] = json!(verdict.evidence);
    if let Some(advice) = verdict.advice() {
        line["advice"] = json!(advice);
    }
    line
}

fn sentence(verdict: &Verdict) -> String {
    let cause = verdict.cause.map(|cause| format!("{}: ", cause.name())).unwrap_or_default();
    let advice =
        verdict.advice().map(|advice| format!("\n{:36}what to do: {advice}", "")).unwrap_or_default();
    format!("{:8}  {:26}{cause}{}{advice}", verdict.outcome.name(), verdict.step.name(), verdict.evidence)
}

fn count(verdicts: &[Verdict], wanted: Outcome) -> usize {
    verdicts.iter().filter(|verdict| verdict.outcome == wanted).count()
}

fn summary(record: &Record, verdicts: &[Verdict]) -> Value {
    json!({
        "ms": record.end() / 1_000,
        "kind": "summary",
        "passed": count(verdicts, Outcome::Pass),
        "failed": count(verdicts, Outcome::Fail),
        "unjudged": count(verdicts, Outcome::Unjudged),
        "seed": record.seed,
    })
}

fn closing(record: &Record, verdicts: &[Verdict]) -> String {
    format!(
        "{} passed, {} failed, {} not judged (seed {})",
        count(verdicts, Outcome::Pass),
        count(verdicts, Outcome::Fail),
        count(verdicts, Outcome::Unjudged),
        record.seed
    )
}

fn status(verdicts: &[Verdict]) -> u8 {
    if verdicts.iter().any(|verdict| verdict.cause == Some(Cause::NeverCame)) {
        FAILED
    } else if count(verdicts, Outcome::Fail) > 0 {
        CHECK_FAILED
    } else if count(verdicts, Outcome::Unjudged) > 0 {
        FAILED
    } else {
        WELL
    }
}

fn write_report(file: &PathBuf, record: &Record, verdicts: &[Verdict]) -> anyhow::Result<()> {
    let steps: Vec<Value> = verdicts.iter().map(|verdict| line(record, verdict)).collect();
    let learned = record.profile().map(ToString::to_string);
    let text = serde_json::to_string_pretty(&json!({
        "summary": summary(record, verdicts),
        "learned": learned,
        "steps": steps,
        "record": record,
    }))?;
    fs::write(file, text).map_err(|error| {
        let message = format!("the report {} cannot be written: {error}", file.display());
        anyhow::Error::new(Diagnostic::new(message, "name another file with --report"))
    })
}
