//! A check at work for the window: on a thread of its own, with news as they come.

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{
        mpsc::{self, error::TryRecvError},
        oneshot, watch,
    },
    time::{MissedTickBehavior, interval},
};

use crate::{
    board::provision::this_computer::addresses,
    check::{
        Check,
        bench::Progress,
        class::Group,
        ground::Ground,
        judge::judge,
        live::Live,
        record::{Record, Step},
        report::{self, SealKey},
        verdict::{Outcome, Verdict},
    },
    config::Config,
    model::{Diagnostic, Login, private_file},
    world::Waker,
};

/// Events that may wait for the window, which takes none while it is hidden. Waits and notices fill one half of
/// it at most: a check has fewer than that of all others.
const QUEUE: usize = 256;
/// How often the picture of the check is brought up to date.
const LOOK: Duration = Duration::from_millis(200);
/// More notices are not shown.
const MOST_NOTICES: usize = 6;

/// What a check is begun with.
#[derive(Clone, Debug)]
pub struct CheckSpec {
    /// Says which broker is behind the port.
    pub config: Arc<Config>,
    /// Where the light connects. 0: any free port.
    pub port: u16,
    /// How a person takes another port.
    pub another_port: &'static str,
    /// Whether others in the network may connect.
    pub lan: bool,
    /// Whose light it is, in a class.
    pub group: Option<Group>,
    /// Where the report is kept; without it none is written.
    pub state_folder: Option<PathBuf>,
}

/// A port that is open for a light.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenPort {
    /// Under which the light reaches it, the likeliest first; empty where this computer is in no network.
    pub addresses: Vec<Ipv4Addr>,
    pub port: u16,
    /// What the light logs in with.
    pub login: Option<Login>,
    /// The login was made up for this check, and so may be shown.
    pub made_up: bool,
    /// Which broker is behind it.
    pub behind: String,
}

impl OpenPort {
    /// `host:port` to type into a program.
    #[must_use]
    pub fn address(&self) -> String {
        match self.addresses.first() {
            Some(address) => format!("{address}:{}", self.port),
            None => format!("port {}", self.port),
        }
    }

    /// User and password, where a person may read them.
    #[must_use]
    pub fn shown_login(&self) -> Option<&Login> {
        self.login.as_ref().filter(|_| self.made_up)
    }

    /// All that a program has to be told, a line each.
    #[must_use]
    pub fn as_text(&self) -> String {
        let host = self.addresses.first().map_or_else(String::new, |address| format!("host: {address}\n"));
        let login = self.shown_login();
        let login = login.map(|login| format!("user: {}\npassword: {}\n", login.user, login.password));
        format!("{host}port: {}\n{}", self.port, login.unwrap_or_default())
    }
}

impl std::fmt::Debug for OpenPort {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenPort").field("port", &self.port).finish_non_exhaustive()
    }
}

enum CheckEvent {
    Open(OpenPort),
    Progress(Progress),
    Judged(Vec<Verdict>),
    Saved(Result<PathBuf, String>),
    NobodyCame,
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
    /// Where the light connects; `None` until the port is open.
    pub open: Option<OpenPort>,
    /// What was learned of the light, in a sentence.
    pub learned: Option<String>,
    pub notices: Vec<String>,
    pub playing: Option<Playing>,
    pub stage: Stage,
    /// It was cancelled before a light came, so that there is nothing to report.
    pub nobody_came: bool,
    /// Where the report is, or why there is none.
    pub saved: Option<Result<PathBuf, String>>,
    verdicts: Vec<Verdict>,
    ended: Vec<Step>,
    live: watch::Receiver<Live>,
    /// The work is done: port and broker are closed.
    over: bool,
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
    pub fn begin(spec: CheckSpec, wake: Waker) -> Result<CheckJob, String> {
        let (report, events) = mpsc::channel(QUEUE);
        let (cancel, cancelled) = oneshot::channel();
        let (picture, live) = watch::channel(Live::default());
        let reporter = Reporter { report, picture, wake };
        std::thread::Builder::new()
            .name("twinlight-check".to_owned())
            .spawn(move || run(&spec, &reporter, cancelled))
            .map_err(|error| no_threads(&error))?;
        Ok(CheckJob {
            open: None,
            learned: None,
            notices: Vec::new(),
            playing: None,
            stage: Stage::Working,
            nobody_came: false,
            saved: None,
            verdicts: Vec::new(),
            ended: Vec::new(),
            live,
            over: false,
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
                    self.over = true;
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
            CheckEvent::Open(open) => self.open = Some(open),
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
            CheckEvent::NobodyCame => self.nobody_came = true,
            CheckEvent::Over(over) => {
                self.playing = None;
                self.over = true;
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

    /// What was judged last, in the order of the steps.
    #[must_use]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// What both lights show at this moment.
    #[must_use]
    pub fn live(&self) -> Live {
        self.live.borrow().clone()
    }

    /// Whether port and broker are closed again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over
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
    picture: watch::Sender<Live>,
    wake: Waker,
}

impl Reporter {
    /// Shows this from now on.
    fn show(&self, live: &Live) {
        let changed = self.picture.send_if_modified(|shown| {
            let changed = shown != live;
            if changed {
                shown.clone_from(live);
            }
            changed
        });
        if changed {
            (self.wake)();
        }
    }

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

fn run(spec: &CheckSpec, reporter: &Reporter, cancelled: oneshot::Receiver<()>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return reporter.tell(CheckEvent::Over(Err(no_threads(&error)))),
    };
    let over = runtime.block_on(play(spec, reporter, cancelled));
    runtime.shutdown_background();
    reporter.tell(CheckEvent::Over(over.map_err(|why| format!("{}.", why.one_line()))));
}

/// Plays all steps against the light that comes.
async fn play(
    spec: &CheckSpec,
    reporter: &Reporter,
    cancelled: oneshot::Receiver<()>,
) -> Result<(), Diagnostic> {
    if let Some(folder) = &spec.state_folder {
        check_place(folder)?;
        SealKey::load(folder)?;
    }
    let (progressed, mut progress) = mpsc::channel(QUEUE);
    let noticed = progressed.clone();
    let notice = move |text| drop(noticed.try_send(Progress::Notice(text)));
    let ground = Ground::prepare(&spec.config, spec.lan, notice).await?;
    // What does not fit is a wait that is told again within a second.
    let observer = Box::new(move |progress| drop(progressed.try_send(progress)));
    let seed = spec.config.seed.unwrap_or_else(rand::random);
    let seed = seed ^ spec.group.as_ref().map_or(0, |group| u64::from(group.port) << 32);
    let mut record = ground.record(seed, Step::ALL.to_vec());
    record.group = spec.group.as_ref().map(|group| group.name.clone());
    record.given = spec.group.as_ref().and_then(Group::given);
    let check = Check::start(ground.setup(spec.port, spec.another_port, None, record), observer)?;
    let recording = check.recording();
    reporter.tell(CheckEvent::Open(OpenPort {
        addresses: if spec.lan { addresses() } else { vec![Ipv4Addr::LOCALHOST] },
        port: check.address().port(),
        login: ground.login.clone(),
        made_up: ground.made_up,
        behind: ground.label.clone(),
    }));
    let (mut live, mut seen) = (Live::default(), 0);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // A class is not ready all at once: a group's steps begin when its light comes, however late that is.
    let mut came = spec.group.is_none();
    if !came {
        let text = "waits for its light".to_owned();
        let waiting = Progress::Waiting { step: Some(Step::Connects), text, left: Duration::ZERO };
        reporter.tell(CheckEvent::Progress(waiting));
    }
    {
        let run = check.run();
        tokio::pin!(run, cancelled);
        loop {
            tokio::select! {
                () = &mut run, if came => break,
                // Cancelled, or the window has gone.
                _ = &mut cancelled => break,
                Some(progress) = progress.recv() => {
                    let ended = matches!(progress, Progress::Ended(_));
                    reporter.tell(CheckEvent::Progress(progress));
                    if ended {
                        reporter.tell(CheckEvent::Judged(judge(&recording.record())));
                    }
                }
                _ = look.tick() => {
                    seen = recording.follow(&mut live, seen);
                    came |= seen > 0;
                    reporter.show(&live);
                }
            }
        }
    }
    let record = recording.record();
    reporter.tell(CheckEvent::Judged(judge(&record)));
    if record.is_of_nobody() {
        reporter.tell(CheckEvent::NobodyCame);
    } else if let Some(folder) = &spec.state_folder {
        let saved = save(&record, folder);
        reporter.tell(CheckEvent::Saved(saved.map_err(|why| why.one_line())));
    }
    ground.stop().await;
    Ok(())
}

/// That there is a place for the reports, before minutes of a check that could not be kept.
fn check_place(state_folder: &Path) -> Result<(), Diagnostic> {
    let folder = state_folder.join(report::FOLDER);
    let try_it =
        || private_file::make_folder(&folder).and_then(|()| tempfile::tempfile_in(&folder).map(drop));
    try_it().map_err(|error| unwritten(state_folder, &error))
}

/// Keeps the page to hand in, sealed with this program's key.
fn save(record: &Record, state_folder: &Path) -> Result<PathBuf, Diagnostic> {
    let unwritten = |error: io::Error| unwritten(state_folder, &error);
    let page = report::page(record, &SealKey::load(state_folder)?).map_err(unwritten)?;
    report::save(record, &page, state_folder).map_err(unwritten)
}

fn unwritten(state_folder: &Path, error: &io::Error) -> Diagnostic {
    Diagnostic::new(
        format!("the report cannot be written below {}: {error}", state_folder.display()),
        "make room there, or start Twinlight with --state FOLDER",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_looks_away_for_long_misses_no_verdict_and_not_the_end() {
        let (report, mut events) = mpsc::channel(QUEUE);
        let picture = watch::channel(Live::default()).0;
        let reporter = Reporter { report, picture, wake: Arc::new(|| ()) };
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
