//! `twinlight check` plays against a light.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    sync::{
        Arc, Mutex,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    Address, Board, Expected, Light,
    brokers::{Behind, Broker},
    radio::Radio,
};
use crate::Workspace;

/// The steps of a check, in their order.
pub const STEPS: [&str; 10] = [
    "connects",
    "talks",
    "reacts",
    "recovers-from-reset",
    "recovers-from-broker-loss",
    "recovers-from-wifi-loss",
    "notices-half-open",
    "distrusts-old-words",
    "survives-refusal",
    "keeps-within-limits",
];

/// A check that is over.
pub struct Checked {
    pub steps: Vec<Value>,
    pub summary: Option<Value>,
    pub status: i32,
    pub took: Duration,
    /// For whoever wants to know why.
    pub told: String,
}

/// A check that takes longer hangs: the contract allows a good light six minutes, and a wrong one makes it wait.
pub(super) const LONGEST: Duration = Duration::from_secs(840);

/// Plays a whole check of this light.
pub fn check(micropython: &Path, light: &Light, broker: Broker) -> Checked {
    let began = Instant::now();
    let lab = Workspace::new();
    let behind = Behind::start(broker, light.login);
    let config =
        lab.config(&format!("{}\n[[junction]]\nname = \"lab\"\nlights = [\"a\", \"b\"]\n", behind.toml));
    let mut at = behind.address(light);

    let mut args: Vec<String> = ["check", "--json", "--port", "0", "--config"].map(str::to_owned).to_vec();
    args.push(config.to_str().unwrap().to_owned());
    if light.foreign {
        let file = lab.folder.path().join("foreign.toml");
        fs::write(&file, light.foreign(&at)).unwrap();
        args.extend(["--foreign".to_owned(), file.to_str().unwrap().to_owned()]);
    }
    // The hook is asked for before the board is there: a file tells it which board it is.
    let hook = lab.folder.path().join("hook");
    let wifi = lab.folder.path().join("wifi");
    if light.radio {
        fs::write(&hook, format!("#!/bin/sh\nexec \"$(cat {})\" \"$1\"\n", wifi.display())).unwrap();
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o700)).unwrap();
        args.extend(["--wifi-hook".to_owned(), hook.to_str().unwrap().to_owned()]);
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut going = lab.start(&args);
    let opened = going.wait_for("the light's port", 30, |line| line["kind"] == "broker");
    at.port = opened["address"].as_str().unwrap().rsplit_once(':').unwrap().1.parse().unwrap();

    let joined = Arc::new(Mutex::new(None));
    let radio = light.radio.then(|| Radio::listen(at.port, joined.clone()));
    if let Some(radio) = &radio {
        at.port = radio.port;
    }
    let board = Board::start(micropython, &light.program(&at));
    *joined.lock().unwrap() = Some(board.joined());
    fs::write(&wifi, board.wifi_hook().to_str().unwrap()).unwrap();
    let twin = light.twin.then(|| {
        let at = Address { says: at.hears.clone(), hears: at.says.clone(), ..at.clone() };
        Later::start(micropython, light.program(&at), light.twin_after)
    });

    let status = going.wait_for_end(LONGEST);
    let run = going.finish();
    let took = began.elapsed();
    let steps: Vec<Value> = run.of_kind("step").cloned().collect();
    let mut told = String::new();
    for line in &run.lines {
        told += &format!("{line}\n");
    }
    told += &run.stderr;
    for (name, board) in [("board", Some(board)), ("its twin", twin.and_then(Later::end))] {
        if let Some(board) = board {
            let log = board.log();
            let last = log[log.len().saturating_sub(30)..].join("\n");
            told += &format!("\n--- {name}'s log, its end:\n{last}\n");
        }
    }
    let summary = run.lines.last().filter(|line| line["kind"] == "summary").cloned();
    Checked { steps, summary, status: status.unwrap_or(run.status), took, told }
}

/// A board that is switched on some time later.
struct Later {
    over: Sender<()>,
    started: JoinHandle<Option<Board>>,
}

impl Later {
    fn start(micropython: &Path, program: String, after: Duration) -> Later {
        let (over, is_over) = channel();
        let micropython = micropython.to_owned();
        let started = thread::spawn(move || {
            let waited = is_over.recv_timeout(after) == Err(RecvTimeoutError::Timeout);
            waited.then(|| Board::start(&micropython, &program))
        });
        Later { over, started }
    }

    /// The board, if it was switched on.
    fn end(self) -> Option<Board> {
        drop(self.over);
        self.started.join().unwrap()
    }
}

/// What is wrong with what a check said of a light; `Ok` with one line that sums it up.
pub fn judge(expected: &Expected, checked: &Checked) -> Result<String, String> {
    let of = |name: &str| checked.steps.iter().filter(|step| step["step"] == name).collect::<Vec<_>>();
    for name in STEPS {
        if of(name).len() != 1 {
            return Err(format!("the step {name} was told {} times", of(name).len()));
        }
    }
    let failed: Vec<(&str, &str)> = checked
        .steps
        .iter()
        .filter(|step| step["outcome"] == "fail")
        .map(|step| (step["step"].as_str().unwrap_or("?"), step["cause"].as_str().unwrap_or("?")))
        .collect();
    let list = failed.iter().map(|(step, cause)| format!("{step}: {cause}")).collect::<Vec<_>>().join(", ");
    let status = checked.status;
    match expected {
        Expected::Good => {
            let passed = checked.steps.iter().filter(|step| step["outcome"] == "pass").count();
            let unjudged: Vec<_> =
                checked.steps.iter().filter(|step| step["outcome"] == "unjudged").collect();
            if !failed.is_empty() {
                return Err(format!("fails {list}"));
            }
            if !unjudged.is_empty() {
                return Err(format!("was not judged in {unjudged:?}"));
            }
            if status != 0 {
                return Err(format!("passed {passed} steps, and the check ended with {status}"));
            }
            Ok("passes".to_owned())
        }
        Expected::Wrong { step, cause, also } => {
            if failed.first() != Some(&(step.as_str(), cause.as_str())) {
                return Err(format!("must fail {step}: {cause}; it fails {list}"));
            }
            if let Some((other, _)) =
                failed.iter().skip(1).find(|(other, _)| !also.iter().any(|one| one == other))
            {
                return Err(format!("fails {other}, which its mistake does not explain: {list}"));
            }
            let wanted = if cause == "never-came" { 1 } else { 3 };
            if status != wanted {
                return Err(format!("the check ended with {status} instead of {wanted}; it fails {list}"));
            }
            Ok(list)
        }
    }
}

/// Plays many checks side by side, at most `width` at once, and hands each to `done` as it ends.
pub fn side_by_side<T: Send + Sync, R>(
    plays: &[T],
    width: usize,
    play: impl Fn(&T) -> R + Sync,
    done: impl Fn(&T, R) + Sync,
) {
    let next = Mutex::new(0);
    thread::scope(|scope| {
        for number in 0..width.min(plays.len()) {
            let (next, play, done) = (&next, &play, &done);
            scope.spawn(move || {
                // Brokers, checks and interpreters that all start at once take the processor from each other.
                thread::sleep(Duration::from_millis(300 * u64::try_from(number).unwrap()));
                loop {
                    let index = {
                        let mut next = next.lock().unwrap();
                        *next += 1;
                        *next - 1
                    };
                    let Some(one) = plays.get(index) else { return };
                    done(one, play(one));
                }
            });
        }
    });
}
