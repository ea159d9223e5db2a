//! The doctor at work for the window: on a thread of its own, with news as they come.

use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use super::variables::Variables;
use crate::{
    doctor::{self, Finding, Step, Target, Verdict},
    model::Diagnostic,
    presets::Preset,
    world::Waker,
};

/// Two pieces of news for each step, one before them and one after them.
const QUEUE: usize = 2 * Step::ALL.len() + 2;

/// Which broker to examine.
pub(super) enum Subject {
    /// A broker that runs.
    Known(Box<Target>),
    /// The broker of a preset, with what was typed for it; one inside this program is started for it.
    Of(Preset, Variables),
}

enum Progress {
    AddressKnown(String),
    Step(doctor::Progress),
    Over(Result<(), String>),
}

/// How far the examination is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Working,
    /// All steps are done, or left out for a reason.
    Done,
    Cancelled,
    /// It could not begin, for this reason.
    Impossible(String),
}

/// An examination, as far as it is known. Dropping it ends the work.
#[derive(Debug)]
pub struct Diagnosis {
    /// `host:port`, and whose it is; empty until it is known.
    pub(crate) address: String,
    /// The step that is being tried.
    pub(in crate::app) trying: Option<Step>,
    /// What the steps came to, in their order.
    pub(in crate::app) findings: Vec<Finding>,
    /// How far it is.
    pub(super) stage: Stage,
    progress: mpsc::Receiver<Progress>,
    cancel: Option<oneshot::Sender<()>>,
}

impl std::fmt::Debug for Progress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Progress")
    }
}

impl Diagnosis {
    /// Begins to examine. `wake` is called after each piece of news.
    ///
    /// # Errors
    /// A sentence for the user when the system has no thread for it.
    pub(super) fn begin(subject: Subject, wake: Waker) -> Result<Diagnosis, String> {
        let (report, progress) = mpsc::channel(QUEUE);
        let (cancel, cancelled) = oneshot::channel();
        std::thread::Builder::new()
            .name("twinlight-doctor".to_owned())
            .spawn(move || {
                let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        // The queue is new and has room.
                        let _ = report.try_send(Progress::Over(Err(no_threads(&error))));
                        wake();
                        return;
                    }
                };
                runtime.block_on(async {
                    tokio::select! {
                        over = examine(subject, &report, &wake) => {
                            let _ = report.send(Progress::Over(over)).await;
                        }
                        // Cancelled, or the window has gone.
                        _ = cancelled => {}
                    }
                });
                // A name that is still looked up must not hold anything back.
                runtime.shutdown_background();
                drop(report);
                wake();
            })
            .map_err(|error| no_threads(&error))?;
        let findings = Vec::new();
        let (address, stage) = (String::new(), Stage::Working);
        Ok(Diagnosis { address, trying: None, findings, stage, progress, cancel: Some(cancel) })
    }

    pub(super) fn drain(&mut self) {
        if self.stage != Stage::Working {
            return;
        }
        loop {
            match self.progress.try_recv() {
                Ok(Progress::AddressKnown(address)) => self.address = address,
                Ok(Progress::Step(doctor::Progress::StepBegan(step))) => self.trying = Some(step),
                Ok(Progress::Step(doctor::Progress::StepEnded(finding))) => {
                    self.trying = None;
                    self.findings.push(finding);
                }
                Ok(Progress::Over(Ok(()))) => return self.end(Stage::Done),
                Ok(Progress::Over(Err(text))) => return self.end(Stage::Impossible(text)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    let text =
                        "The doctor ended by itself. Try again; what it wrote on the terminal says more.";
                    return self.end(Stage::Impossible(text.to_owned()));
                }
            }
        }
    }

    pub(super) fn cancel(&mut self) {
        if self.stage == Stage::Working {
            self.cancel = None;
            self.end(Stage::Cancelled);
        }
    }

    /// What it came to, in a sentence; `None` while it goes on.
    #[must_use]
    pub(in crate::app) fn conclusion(&self) -> Option<String> {
        let with =
            |wanted: fn(&Verdict) -> bool| self.findings.iter().any(|finding| wanted(&finding.verdict));
        Some(match &self.stage {
            Stage::Working => return None,
            Stage::Cancelled => "Cancelled before all steps were done.".to_owned(),
            Stage::Impossible(text) => text.clone(),
            Stage::Done if with(Verdict::is_failure) => {
                "Lights cannot work with this broker as they should.".to_owned()
            }
            Stage::Done if with(|verdict| matches!(verdict, Verdict::Doubtful(_))) => {
                "Lights can work with this broker, but not all is as it should be.".to_owned()
            }
            Stage::Done => "Lights can work with this broker.".to_owned(),
        })
    }

    fn end(&mut self, stage: Stage) {
        self.trying = None;
        self.stage = stage;
    }
}

fn no_threads(error: &std::io::Error) -> String {
    format!("The doctor cannot begin: {error}. End other programs and try again.")
}

async fn examine(subject: Subject, report: &mpsc::Sender<Progress>, wake: &Waker) -> Result<(), String> {
    let (target, broker) = match subject {
        Subject::Known(target) => (*target, None),
        Subject::Of(preset, typed) => {
            let config = preset.load_with(&|name| typed.typed(name)).map_err(|error| error.to_string())?;
            doctor::prepare(&config).await.map_err(|error| {
                format!("The broker cannot start: {}.", Diagnostic::from(error).one_line())
            })?
        }
    };
    let whose = if broker.is_some() { ", in this program, started for this" } else { "" };
    // If the window has gone, the work is about to be ended.
    let _ = report.send(Progress::AddressKnown(format!("{}{whose}", target.address()))).await;
    wake();
    let (sender, mut heard) = mpsc::channel(QUEUE);
    let reporting = async {
        while let Some(progress) = heard.recv().await {
            let _ = report.send(Progress::Step(progress)).await;
            wake();
        }
    };
    let examining = async move {
        doctor::examine(&target, &sender).await;
    };
    tokio::join!(examining, reporting);
    if let Some(broker) = broker {
        broker.stop().await;
    }
    Ok(())
}
