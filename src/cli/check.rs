//! `twinlight check`: grades a light that somebody else wrote.

mod class;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use rand::{TryRng, rngs::SysRng};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{failure, output, progress::Reporter, report as files};
use crate::{
    board::{
        Cancel,
        log::{self, LogEvent},
        provision::this_computer::addresses,
    },
    check::{
        Check,
        bench::{Observer, Progress, Recording},
        given,
        ground::Ground,
        judge::{decided_ms, judge, judge_step},
        record::{Record, Step},
        report::{self, SealKey},
        verdict::{Cause, Outcome, Verdict},
        vocabulary::Profile,
    },
    cli::{
        common::{Common, asked_to_end, runtime},
        exit::{CHECK_FAILED, FAILED, WELL},
        failure::wrong_usage,
    },
    config::{BrokerChoice, Config, foreign},
    model::{Diagnostic, LightId, text_file},
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
    /// A command that switches the light's Wi-Fi: it is run with "down" and with "up" behind it
    #[arg(long, value_name = "CMD")]
    wifi_hook: Option<String>,
    /// Print one JSON object a line
    #[arg(long)]
    json: bool,
    /// Write the verdicts and all that they are made of into a file
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
    /// Write a page for people, with a timeline, sealed so that a change is found
    #[arg(long, value_name = "F.html")]
    html: Option<PathBuf>,
    /// The light's topics and words, as a [[foreign]] table; without it they are learned
    #[arg(long, value_name = "F.toml")]
    foreign: Option<PathBuf>,
    /// Write what was learned into a file, as a [[foreign]] table
    #[arg(long, value_name = "F.toml")]
    learn: Option<PathBuf>,
    /// The board's serial port: its log is read beside the check, for a Python traceback
    #[arg(long, value_name = "PORT")]
    serial: Option<String>,
    /// Check a class at once, each group at a port of its own: a table with the column group, and port, says, hears where wanted
    #[arg(long, value_name = "ROSTER.csv", requires = "csv", conflicts_with_all = ["foreign", "learn", "serial", "html", "report", "port"])]
    class: Option<PathBuf>,
    /// Write the class's table of outcomes
    #[arg(long, value_name = "OUT.csv", requires = "class")]
    csv: Option<PathBuf>,
    /// Judge a page again that --html wrote, and look whether it was changed
    #[arg(long, value_name = "F.html", conflicts_with_all = ["class", "steps", "port", "html", "report", "foreign", "learn", "serial"])]
    verify: Option<PathBuf>,
}

/// What waits to be told.
const PROGRESS: usize = 256;
/// As of every configuration.
const MOST_CONFIG_BYTES: u64 = 1 << 20;
/// Plain lines of progress come no more often.
const LINES: Duration = Duration::from_secs(5);

pub(super) fn run(common: &Common, args: &CheckArgs) -> anyhow::Result<u8> {
    if let Some(file) = &args.verify {
        return verified(common, args, file);
    }
    let steps = steps(&args.steps)?;
    let config = load(common)?;
    for warning in &config.warnings {
        failure::warn(warning);
    }
    let given = args.foreign.as_deref().map(given).transpose()?;
    // Before minutes of a check that could not be kept.
    check_places(args)?;
    let key = args.html.as_ref().map(|_| seal_key(common)).transpose()?;
    let seed = args.seed.or(config.seed).unwrap_or_else(|| SysRng.try_next_u64().unwrap_or_default());
    if let (Some(roster), Some(csv)) = (&args.class, &args.csv) {
        let rows = class::roster(roster)?;
        return runtime()?.block_on(class::run(args, &config, rows, csv, (seed, steps)));
    }
    runtime()?.block_on(async {
        let ground = prepare(&config, args.lan).await?;
        let mut record = ground.record(seed, steps);
        record.given = given;
        let (record, printed) = checked(args, &ground, record).await?;
        ground.stop().await;
        let verdicts = judge(&record);
        let closing =
            if args.json { summary(&record, &verdicts).to_string() } else { closing(&record, &verdicts) };
        let printed = printed.and_then(|()| output::line(closing));
        if record.is_of_nobody() {
            // An earlier page of the same name is worth more than one of nothing.
            note!("no light came, so there is nothing to keep");
            return printed.map(|()| status(&verdicts));
        }
        // What is said last and each file are tried whatever became of the others.
        let mut done = vec![printed];
        if let Some(file) = &args.report {
            done.push(write_report(file, &record, &verdicts));
        }
        if let (Some(file), Some(key)) = (&args.html, &key) {
            done.push(write_page(file, &record, key, common.state_folder().as_deref()));
        }
        if let Some(file) = &args.learn {
            done.push(keep_learned(file, &record));
        }
        let mut wrong = done.into_iter().filter_map(Result::err);
        let Some(first) = wrong.next() else { return Ok(status(&verdicts)) };
        wrong.for_each(|error| _ = failure::tell(&error));
        Err(first)
    })
}

/// That every file that is to be written can be, and that none takes another's place.
fn check_places(args: &CheckArgs) -> anyhow::Result<()> {
    let read = [("--class", &args.class), ("--foreign", &args.foreign)];
    let written =
        [("--report", &args.report), ("--html", &args.html), ("--learn", &args.learn), ("--csv", &args.csv)];
    for (option, file) in written {
        files::check_place(option, file.as_deref())?;
    }
    let [class, foreign] = read.map(|(option, file)| (option, file.as_deref()));
    let [report, html, learn, csv] = written.map(|(option, file)| (option, file.as_deref()));
    files::check_apart([class, foreign, report, html, learn, csv])
}

/// Stands in for the junction of a configuration that says no more than which broker there is.
const JUNCTION: &str = "\n[[junction]]\nname = \"lab\"\nlights = [\"a\", \"b\"]\n";

/// The configuration; a check needs no junction of it.
fn load(common: &Common) -> anyhow::Result<Config> {
    if let Some(file) = &common.config
        && let Ok(text) = text_file::read(file, MOST_CONFIG_BYTES)
        && let Ok(table) = toml::from_str::<toml::Table>(&text)
        && !table.contains_key("junction")
    {
        return Ok(Config::from_text(&format!("{text}{JUNCTION}"), &file.display().to_string())?);
    }
    common.load()
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

/// The port is open to the network where that is asked for, here or in the configuration.
async fn prepare(config: &Config, lan: bool) -> Result<Ground, Diagnostic> {
    let lan = lan || matches!(config.broker, BrokerChoice::Embedded { lan: true, .. });
    Ground::prepare(config, lan, |text| note!("{text}")).await
}

/// The port's number, where none was asked for.
const PORT: u16 = 1883;
const PORTS_TRIED: u16 = 100;

/// Plays the check, tells of it, and returns its record, to its end or to the moment at which it was ended, with what
/// came of the telling.
async fn checked(
    args: &CheckArgs,
    ground: &Ground,
    record: Record,
) -> anyhow::Result<(Record, anyhow::Result<()>)> {
    let (check, mut progress) = start(args, ground, record).await?;
    let address = check.address();
    let mut out = ProgressPrinter::new(args.json);
    out.opened(address, ground)?;
    let recording = check.recording();
    let serial = args.serial.as_deref().map(|port| follow_serial(port, recording.clone())).transpose()?;
    let _serial = Stopping(serial);
    let mut run = std::pin::pin!(check.run());
    let ended = asked_to_end();
    let mut ended = std::pin::pin!(ended);
    // A full disk below standard output costs the lines, not the check.
    let mut printed = Ok(());
    let mut take = |progress| {
        if printed.is_ok() {
            printed = out.take(progress, || recording.record());
        }
    };
    loop {
        tokio::select! {
            biased;
            Some(progress) = progress.recv() => take(progress),
            () = &mut run => break,
            () = &mut ended => {
                note!("ended before all steps were done; this is what was judged by then");
                break;
            }
        }
    }
    while let Ok(progress) = progress.try_recv() {
        take(progress);
    }
    Ok((recording.record(), printed))
}

/// Opens the light's port: the one that is asked for, or the first that is free.
async fn start(
    args: &CheckArgs,
    ground: &Ground,
    record: Record,
) -> anyhow::Result<(Check, mpsc::Receiver<Progress>)> {
    let first = args.port.unwrap_or(PORT);
    let last = if args.port.is_some() { first } else { first + PORTS_TRIED };
    let mut refused: Option<Diagnostic> = None;
    for port in first..=last {
        let (tell, progress) = mpsc::channel(PROGRESS);
        let observer: Observer = Box::new(move |progress| {
            // What is dropped here is a line of progress: verdicts are made from the record.
            let _ = tell.try_send(progress);
        });
        let hook = args.wifi_hook.clone();
        let setup = ground.setup(port, "choose another port with --port", hook, record.clone());
        match Check::start(setup, observer) {
            Ok(check) => return Ok((check, progress)),
            Err(error) => {
                refused.get_or_insert(error);
            }
        }
    }
    Err(refused.unwrap_or_else(|| Diagnostic::from("no port is free")).into())
}

/// Under which a light reaches its port, the likeliest first; empty where this computer is in no network.
fn hosts(lan: bool) -> Vec<Ipv4Addr> {
    if lan { addresses() } else { vec![Ipv4Addr::LOCALHOST] }
}

/// What a student types.
fn place(hosts: &[Ipv4Addr], port: u16) -> String {
    match hosts.first() {
        Some(host) => format!("{host}:{port}"),
        None => format!("port {port} of this computer"),
    }
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

    fn opened(&mut self, address: SocketAddr, ground: &Ground) -> anyhow::Result<()> {
        let login = ground.login.as_ref();
        let hosts = hosts(ground.lan);
        if self.json {
            let line = json!({
                "ms": 0,
                "kind": "broker",
                "address": address.to_string(),
                "hosts": hosts,
                "user": login.map(|login| &login.user),
                "behind": ground.label,
            });
            output::line(line)?;
        } else {
            let place = place(&hosts, address.port());
            output::line(format!("let your light connect to {place} ({} is behind it)", ground.label))?;
        }
        if ground.lan && hosts.is_empty() {
            note!("  this computer seems to be in no network: join a Wi-Fi, or open a hotspot");
        }
        for other in hosts.iter().skip(1) {
            note!("  under another address, too: {other}:{}", address.port());
        }
        if let Some(login) = login.filter(|_| ground.made_up) {
            note!("  user {}, password {} (made up for this check)", login.user, login.password);
        }
        Ok(())
    }

    fn take(&mut self, progress: Progress, record: impl Fn() -> Record) -> anyhow::Result<()> {
        match progress {
            Progress::Waiting { step, text, left } => {
                let name = step.map_or("", Step::name);
                let done =
                    step.and_then(|step| Step::ALL.iter().position(|of| *of == step)).unwrap_or_default();
                let position = u64::try_from(done * 10).unwrap_or_default();
                self.reporter.set(position, || {
                    format!("{name}: {text} ({} s at most)", left.as_millis().div_ceil(1_000))
                });
            }
            Progress::Ended(step) => {
                let record = record();
                if !record.steps.contains(&step) {
                    return Ok(());
                }
                let verdict = judge_step(&record, step);
                let text = if self.json { line(&record, &verdict).to_string() } else { sentence(&verdict) };
                self.reporter.suspend(|| output::line(text))?;
            }
            Progress::Learned(text) => {
                if self.learned.as_ref() != Some(&text) {
                    self.reporter.say(&format!("learned: {}", on_one_line(&text)));
                    self.learned = Some(text);
                }
            }
            Progress::Notice(text) => self.reporter.say(&format!("notice: {}", on_one_line(&text))),
        }
        Ok(())
    }
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
    let evidence = on_one_line(&verdict.evidence);
    format!("{:8}  {:26}{cause}{evidence}{advice}", verdict.outcome.name(), verdict.step.name())
}

/// The words of a light stand in it, and must not look like lines of the check's own.
fn on_one_line(text: &str) -> String {
    text.replace('\n', "\\n").replace('\t', "\\t")
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

fn write_report(file: &Path, record: &Record, verdicts: &[Verdict]) -> anyhow::Result<()> {
    let steps: Vec<Value> = verdicts.iter().map(|verdict| line(record, verdict)).collect();
    let learned = record.profile().map(ToString::to_string);
    let text = serde_json::to_string(&json!({
        "summary": summary(record, verdicts),
        "learned": learned,
        "steps": steps,
        "record": record,
    }))?;
    files::write_whole(file, text.as_bytes())
}

/// Writes the page where it was asked for; where that fails, in the state folder, so that minutes of work are not lost.
fn write_page(
    file: &Path,
    record: &Record,
    key: &SealKey,
    state_folder: Option<&Path>,
) -> anyhow::Result<()> {
    let html = report::page(record, key)?;
    let Err(error) = files::write_whole(file, html.as_bytes()) else { return Ok(()) };
    let Some(folder) = state_folder else { return Err(error) };
    match report::save(record, &html, folder) {
        Ok(kept) => {
            let help = format!("the page is in {} instead: copy it from there", kept.display());
            Err(Diagnostic::new(error.to_string(), help).into())
        }
        Err(_) => Err(error),
    }
}

/// The one light of a file of `[[foreign]]` tables.
fn given(file: &Path) -> anyhow::Result<Profile> {
    let lights = foreign::load(file)?;
    match lights.as_slice() {
        [light] => Ok(given::profile(&light.foreign)),
        lights => Err(wrong_usage((
            format!("{} has {} tables [[foreign]], and one light is checked", file.display(), lights.len()),
            "keep the one of the light under test, or check them all with --class",
        ))),
    }
}

fn keep_learned(file: &Path, record: &Record) -> anyhow::Result<()> {
    let Some(foreign) = record.profile().and_then(given::foreign) else {
        note!(
            "warning: nothing was learned that a [[foreign]] table could hold, so {} was not written",
            file.display()
        );
        return Ok(());
    };
    let light = LightId::try_from("lab/b".to_owned()).map_err(|error| anyhow::anyhow!("{error}"))?;
    files::write_whole(file, foreign::ForeignLight { light, foreign }.to_toml().as_bytes())
}

fn seal_key(common: &Common) -> anyhow::Result<SealKey> {
    let folder = common.state_folder().ok_or_else(|| {
        Diagnostic::new("this system has no folder to keep the seal's key in", "name one with --state FOLDER")
    })?;
    Ok(SealKey::load(&folder)?)
}

/// Judges a page again, and says whether it is as it was written.
fn verified(common: &Common, args: &CheckArgs, file: &Path) -> anyhow::Result<u8> {
    let html = report::read(file).map_err(wrong_usage)?;
    let page = report::verify(&html, &seal_key(common)?).map_err(wrong_usage)?;
    let verdicts = judge(&page.record);
    for verdict in &verdicts {
        output::line(if args.json { line(&page.record, verdict).to_string() } else { sentence(verdict) })?;
    }
    if args.json {
        let mut last = summary(&page.record, &verdicts);
        last["genuine"] = json!(page.is_genuine());
        last["finding"] = json!(page.finding());
        last["group"] = json!(page.record.group);
        output::line(last)?;
    } else {
        output::line(closing(&page.record, &verdicts))?;
        output::line(page.finding())?;
    }
    Ok(if page.is_genuine() { WELL } else { CHECK_FAILED })
}

/// Follows the board's log, until the check is over.
fn follow_serial(port: &str, recording: Recording) -> anyhow::Result<Cancel> {
    let stop = Cancel::default();
    let (port, cancel) = (port.to_owned(), stop.clone());
    std::thread::Builder::new().name("twinlight-serial".to_owned()).spawn(move || {
        log::follow(&port, &cancel, &mut |event| match event {
            LogEvent::Line(line) => recording.log(line.text),
            LogEvent::Lost { reason } => note!("the board's log: {reason}"),
            _ => {}
        });
    })?;
    Ok(stop)
}

/// Sets its flag when it goes out of scope.
struct Stopping(Option<Cancel>);

impl Drop for Stopping {
    fn drop(&mut self) {
        if let Some(cancel) = &self.0 {
            cancel.cancel();
        }
    }
}
