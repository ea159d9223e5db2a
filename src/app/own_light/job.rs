//! A check at work for the window: on a thread of its own, with news as they come.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use crate::{
    board::provision::this_computer::{addresses, make_login},
    check::{
        Check,
        bench::{Progress, Setup},
        judge::judge,
        record::{Record, Step},
        report::{self, SealKey},
        verdict::{Outcome, Verdict},
    },
    model::{BrokerLimits, Diagnostic, Login, private_file},
    world::{
        Waker,
        broker::{Broker, BrokerConfig},
        proxy::Destination,
    },
};

/// Events that may wait for the window, which takes none while it is hidden. Waits and notices fill one half of
/// it at most: a check has fewer than that of all others.
const QUEUE: usize = 256;
/// Where reports are kept, below the state folder.
const FOLDER: &str = "checks";
/// What the report says of the broker.
const BROKER: &str = "a broker in this program, started for the check";
/// More notices are not shown.
const MOST_NOTICES: usize = 6;

enum CheckEvent {
    Open { address: String, login: Option<Login> },
    Progress(Progress),
    Judged(Vec<Verdict>),
    Saved(Result<PathBuf, String>),
    Over(Result<(), String>),
}

/// How far a check is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    Working,
    Done,
    Cancelled,
    /// It could not begin, or could not go on, for this reason.
    Failed(String),
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Playing {
    pub step: Option<Step>,
    pub text: String,
    pub left: Duration,
    /// The longest that this wait was said to take.
    whole: Duration,
}

impl Playing {
    /// How much of the wait is left, from 1 to 0.
    #[must_use]
    pub fn share_left(&self) -> f32 {
        if self.whole.is_zero() { 0.0 } else { self.left.as_secs_f32() / self.whole.as_secs_f32() }
    }
}

/// A check, as far as it is known. Dropping it ends the work.
#[derive(Debug)]
pub struct CheckJob {
    /// `host:port` that the light connects to; `None` until the port is open.
    pub address: Option<String>,
    /// What the light logs in with, where the port is open to the network.
    pub login: Option<Login>,
    /// What was learned of the light, in a sentence.
    pub learned: Option<String>,
    pub notices: Vec<String>,
    pub playing: Option<Playing>,
    pub stage: Stage,
    /// Where the report is, or why there is none.
    pub saved: Option<Result<PathBuf, String>>,
    verdicts: Vec<Verdict>,
    ended: Vec<Step>,
    events: mpsc::Receiver<CheckEvent>,
    cancel: Option<oneshot::Sender<()>>,
}

impl std::fmt::Debug for CheckEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CheckEvent")
    }
}

impl CheckJob {
    /// Begins a check on a thread of its own. `wake` is called after each piece of news.
    ///
    /// # Errors
    /// A sentence for the user when the system has no thread for it.
    pub fn begin(
        port: u16,
        lan: bool,
        state_folder: Option<PathBuf>,
        wake: Waker,
    ) -> Result<CheckJob, String> {
        let (report, events) = mpsc::channel(QUEUE);
        let (cancel, cancelled) = oneshot::channel();
        let reporter = Reporter { report, wake };
        std::thread::Builder::new()
            .name("twinlight-check".to_owned())
            .spawn(move || run(port, lan, state_folder.as_deref(), &reporter, cancelled))
            .map_err(|error| no_threads(&error))?;
        Ok(CheckJob {
            address: None,
            login: None,
            learned: None,
            notices: Vec::new(),
            playing: None,
            stage: Stage::Working,
            saved: None,
            verdicts: Vec::new(),
            ended: Vec::new(),
            events,
            cancel: Some(cancel),
        })
    }

    pub fn drain(&mut self) {
        loop {
            match self.events.try_recv() {
                Ok(event) => self.take(event),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    if self.stage == Stage::Working {
                        let text =
                            "The check ended by itself. Try again; what it wrote on the terminal says more.";
                        self.stage = Stage::Failed(text.to_owned());
                    }
                    return;
                }
            }
        }
    }

    fn take(&mut self, event: CheckEvent) {
        match event {
            CheckEvent::Open { address, login } => (self.address, self.login) = (Some(address), login),
            CheckEvent::Progress(Progress::Waiting { step, text, left }) => {
                let before = self.playing.take().filter(|before| before.step == step && before.text == text);
                let whole = before.map_or(left, |before| before.whole.max(left));
                self.playing = Some(Playing { step, text, left, whole });
            }
            CheckEvent::Progress(Progress::Ended(step)) => self.ended.push(step),
            CheckEvent::Progress(Progress::Learned(sentence)) => self.learned = Some(sentence),
            CheckEvent::Progress(Progress::Notice(text)) => {
                if self.notices.len() < MOST_NOTICES && !self.notices.contains(&text) {
                    self.notices.push(text);
                }
            }
            CheckEvent::Judged(verdicts) => self.verdicts = verdicts,
            CheckEvent::Saved(saved) => self.saved = Some(saved),
            CheckEvent::Over(over) => {
                self.playing = None;
                // What was cancelled says so until it is put away.
                if self.stage == Stage::Working {
                    self.stage = over.map_or_else(Stage::Failed, |()| Stage::Done);
                }
            }
        }
    }

    /// Ends the steps; what was judged is reported.
    pub fn cancel(&mut self) {
        if self.stage == Stage::Working {
            self.cancel = None;
            self.playing = None;
            self.stage = Stage::Cancelled;
        }
    }

    /// The verdict on a step, once it has ended.
    #[must_use]
    pub fn verdict(&self, step: Step) -> Option<&Verdict> {
        let over = self.ended.contains(&step) || self.stage != Stage::Working;
        self.verdicts.iter().find(|verdict| verdict.step == step).filter(|_| over)
    }

    /// How many steps passed, failed, and were not judged.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |outcome| self.verdicts.iter().filter(|verdict| verdict.outcome == outcome).count();
        (count(Outcome::Pass), count(Outcome::Fail), count(Outcome::Unjudged))
    }
}

fn no_threads(error: &std::io::Error) -> String {
    format!("The check cannot begin: {error}. End other programs and try again.")
}

struct Reporter {
    report: mpsc::Sender<CheckEvent>,
    wake: Waker,
}

impl Reporter {
    /// Tells the window, and wakes it.
    fn tell(&self, event: CheckEvent) {
        let may_be_missed =
            matches!(event, CheckEvent::Progress(Progress::Waiting { .. } | Progress::Notice(_)));
        if !may_be_missed || self.report.capacity() > QUEUE / 2 {
            // Where the window has gone, nobody has to know.
            let _ = self.report.try_send(event);
        }
        (self.wake)();
    }
}

fn run(
    port: u16,
    lan: bool,
    state_folder: Option<&Path>,
    reporter: &Reporter,
    cancelled: oneshot::Receiver<()>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return reporter.tell(CheckEvent::Over(Err(no_threads(&error)))),
    };
    let over = runtime.block_on(play(port, lan, state_folder, reporter, cancelled));
    runtime.shutdown_background();
    reporter.tell(CheckEvent::Over(over.map_err(|why| format!("{}.", why.one_line()))));
}

/// Plays all steps against the light that comes, with a broker started for it.
async fn play(
    port: u16,
    lan: bool,
    state_folder: Option<&Path>,
    reporter: &Reporter,
    cancelled: oneshot::Receiver<()>,
) -> Result<(), Diagnostic> {
    // Whoever opens a port to the network asks for a login.
    let login = lan.then(make_login);
    let config = BrokerConfig {
        first_port: 0,
        search: false,
        lan: false,
        login: login.clone(),
        limits: BrokerLimits::default(),
        own_clients: 0,
    };
    let broker = Broker::start(&config).await.map_err(Diagnostic::from)?;
    let (progressed, mut progress) = mpsc::channel(QUEUE);
    // What does not fit is a wait that is told again within a second.
    let observer = Box::new(move |progress| drop(progressed.try_send(progress)));
    let ip = if lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST };
    let setup = Setup {
        listen: SocketAddr::from((ip, port)),
        destination: Destination {
            host: broker.local_address().ip().to_string(),
            port: broker.local_address().port(),
            tls: None,
        },
        login: login.clone(),
        wifi_hook: None,
        record: Record::new(rand::random(), Step::ALL.to_vec(), BROKER.to_owned(), true),
    };
    let check = Check::start(setup, observer)?;
    let recording = check.recording();
    let reached_at = addresses().first().copied().filter(|_| lan).unwrap_or(Ipv4Addr::LOCALHOST);
    reporter.tell(CheckEvent::Open { address: format!("{reached_at}:{}", check.address().port()), login });
    let run = check.run();
    tokio::pin!(run, cancelled);
    loop {
        tokio::select! {
            () = &mut run => break,
            // Cancelled, or the window has gone.
            _ = &mut cancelled => break,
            Some(progress) = progress.recv() => {
                let ended = matches!(progress, Progress::Ended(_));
                reporter.tell(CheckEvent::Progress(progress));
                if ended {
                    reporter.tell(CheckEvent::Judged(judge(&recording.record())));
                }
            }
        }
    }
    let record = recording.record();
    reporter.tell(CheckEvent::Judged(judge(&record)));
    if let Some(folder) = state_folder {
        reporter.tell(CheckEvent::Saved(save(&record, folder).map_err(|why| why.one_line())));
    }
    broker.stop().await;
    Ok(())
}

/// Writes the page to hand in, sealed with this program's key.
fn save(record: &Record, state_folder: &Path) -> Result<PathBuf, Diagnostic> {
    let unwritten = |error: io::Error| {
        let folder = state_folder.display();
        Diagnostic::new(
            format!("the report cannot be written below {folder}: {error}"),
            "make room there, or start Twinlight with --state FOLDER",
        )
    };
    let page = report::page(record, &SealKey::load(state_folder)?).map_err(unwritten)?;
    let file = state_folder.join(FOLDER).join(format!("check-{}.html", record.began_s));
    private_file::write(&file, &page).map_err(unwritten)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_looks_away_for_long_misses_no_verdict_and_not_the_end() {
        let (report, mut events) = mpsc::channel(QUEUE);
        let reporter = Reporter { report, wake: std::sync::Arc::new(|| ()) };
        for _ in 0..10 * QUEUE {
            let left = Duration::from_secs(1);
            let waiting = Progress::Waiting { step: None, text: "waits".to_owned(), left };
            reporter.tell(CheckEvent::Progress(waiting));
        }
        for step in Step::ALL {
            reporter.tell(CheckEvent::Progress(Progress::Ended(step)));
            reporter.tell(CheckEvent::Judged(Vec::new()));
        }
        reporter.tell(CheckEvent::Over(Ok(())));
        let (mut ended, mut last) = (0, None);
        while let Ok(event) = events.try_recv() {
            ended += usize::from(matches!(event, CheckEvent::Progress(Progress::Ended(_))));
            last = Some(event);
        }
        assert_eq!(ended, Step::ALL.len());
        assert!(matches!(last, Some(CheckEvent::Over(Ok(())))));
    }
}
