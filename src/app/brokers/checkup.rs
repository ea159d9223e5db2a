//! The doctor at work for the window: on a thread of its own, with news as they come.

use tokio::sync::{
    mpsc::{self, error::TryRecvError},
    oneshot,
};

use super::typed::Typed;
use crate::{
    doctor::{self, Finding, Step, Target, Verdict},
    model::Diagnostic,
    presets::Preset,
    world::Waker,
};

/// Two pieces of news for each step, one before them and one after them.
const QUEUE: usize = 2 * Step::ALL.len() + 2;

/// Whom to examine.
pub enum Whom {
    /// A broker that runs.
    Known(Box<Target>),
    /// The broker of a preset, with what was typed for it; one inside this program is started for it.
    Of(Preset, Typed),
}

enum News {
    At(String),
    Step(doctor::Progress),
    Over(Result<(), String>),
}

/// How far the examination is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It goes on.
    Working,
    /// All steps are done, or left out for a reason.
    Done,
    /// It was cancelled.
    Cancelled,
    /// It could not begin, for this reason.
    Impossible(String),
}

/// An examination, as far as it is known. Dropping it ends the work.
#[derive(Debug)]
pub struct Checkup {
    /// `host:port`, and whose it is; empty until it is known.
    pub address: String,
    /// The step that is being tried.
    pub trying: Option<Step>,
    /// What the steps came to, in their order.
    pub findings: Vec<Finding>,
    /// How far it is.
    pub stage: Stage,
    news: mpsc::Receiver<News>,
    cancel: Option<oneshot::Sender<()>>,
}

impl std::fmt::Debug for News {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("News")
    }
}

impl Checkup {
    /// Begins to examine. `wake` is called after each piece of news.
    ///
    /// # Errors
    /// A sentence for the user when the system has no thread for it.
    pub fn begin(whom: Whom, wake: Waker) -> Result<Checkup, String> {
        let (tell, news) = mpsc::channel(QUEUE);
        let (cancel, cancelled) = oneshot::channel();
        std::thread::Builder::new()
            .name("twinlight-doctor".to_owned())
            .spawn(move || {
                let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                    Ok(runtime) => runtime,
                    Err(error) => {
                        // The queue is new and has room.
                        let _ = tell.try_send(News::Over(Err(no_threads(&error))));
                        wake();
                        return;
                    }
                };
                runtime.block_on(async {
                    tokio::select! {
                        over = examine(whom, &tell, &wake) => {
                            let _ = tell.send(News::Over(over)).await;
                        }
                        // Cancelled, or nobody waits any more.
                        _ = cancelled => {}
                    }
                });
                // A name that is still looked up must not hold anything back.
                runtime.shutdown_background();
                drop(tell);
                wake();
            })
            .map_err(|error| no_threads(&error))?;
        let findings = Vec::new();
        let (address, stage) = (String::new(), Stage::Working);
        Ok(Checkup { address, trying: None, findings, stage, news, cancel: Some(cancel) })
    }

    /// Takes in what has come.
    pub fn drain(&mut self) {
        if self.stage != Stage::Working {
            return;
        }
        loop {
            match self.news.try_recv() {
                Ok(News::At(address)) => self.address = address,
                Ok(News::Step(doctor::Progress::StepBegan(step))) => self.trying = Some(step),
                Ok(News::Step(doctor::Progress::StepEnded(finding))) => {
                    self.trying = None;
                    self.findings.push(finding);
                }
                Ok(News::Over(Ok(()))) => return self.end(Stage::Done),
                Ok(News::Over(Err(text))) => return self.end(Stage::Impossible(text)),
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    let text =
                        "The doctor ended by itself. Try again; what it wrote on the terminal says more.";
                    return self.end(Stage::Impossible(text.to_owned()));
                }
            }
        }
    }

    /// Ends the work; what was found so far stays.
    pub fn cancel(&mut self) {
        if self.stage == Stage::Working {
            self.cancel = None;
            self.end(Stage::Cancelled);
        }
    }

    /// Whether it goes on.
    #[must_use]
    pub fn works(&self) -> bool {
        self.stage == Stage::Working
    }

    /// What it came to, in a sentence; `None` while it goes on.
    #[must_use]
    pub fn conclusion(&self) -> Option<String> {
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

async fn examine(whom: Whom, tell: &mpsc::Sender<News>, wake: &Waker) -> Result<(), String> {
    let (patient, broker) = match whom {
        Whom::Known(patient) => (*patient, None),
        Whom::Of(preset, typed) => {
            let config = preset.load_with(&|name| typed.typed(name)).map_err(|error| error.to_string())?;
            doctor::prepare(&config).await.map_err(|error| {
                format!("The broker cannot start: {}.", Diagnostic::from(error).one_line())
            })?
        }
    };
    let whose = if broker.is_some() { ", in this program, started for this" } else { "" };
    // Where nobody listens any more, the work is about to be ended.
    let _ = tell.send(News::At(format!("{}{whose}", patient.address()))).await;
    wake();
    let (sender, mut heard) = mpsc::channel(QUEUE);
    let telling = async {
        while let Some(news) = heard.recv().await {
            let _ = tell.send(News::Step(news)).await;
            wake();
        }
    };
    let examining = async move {
        doctor::examine(&patient, &sender).await;
    };
    tokio::join!(examining, telling);
    if let Some(broker) = broker {
        broker.stop().await;
    }
    Ok(())
}
