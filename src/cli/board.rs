//! What all commands for boards share: which board, how it goes, and how it ended.

use std::{
    io::{self, BufRead, IsTerminal},
    path::Path,
    process::exit,
    time::Duration,
};

use clap::Args;
use indicatif::ProgressBar;

use super::{
    failure::{self, Failure},
    output, progress,
};
use crate::{
    board::{
        BoardError, BoardFile, Cancel, Connection, EntryMethod, JobEvent, JobObserver, Outcome, Progress,
        Question, Request, Written, provision::differences,
    },
    cli::{
        common::{Common, asked_to_end},
        exit::{CHECK_FAILED, FAILED, WRONG_USAGE},
    },
    model::Diagnostic,
};

/// Which board, and how to reach it.
#[derive(Clone, Debug, Args)]
pub(super) struct BoardArgs {
    /// The serial port: a path such as /dev/ttyACM0, or a name such as COM3; "twinlight ports" lists them
    #[arg(long, value_name = "P")]
    port: String,
    /// How to bring the chip into download mode
    #[arg(long, value_enum, default_value_t = EntryMethod::Auto)]
    entry: EntryMethod,
    /// The highest speed to try, in baud
    #[arg(long, value_name = "N", default_value_t = 921_600, value_parser = clap::value_parser!(u32).range(115_200..))]
    baud: u32,
    /// Use only the chip's ROM, which is slower, instead of loading a flasher stub into its RAM
    #[arg(long)]
    no_stub: bool,
}

impl BoardArgs {
    pub(super) fn connection(&self) -> Connection {
        Connection {
            entry: self.entry,
            max_baud: self.baud,
            stub: !self.no_stub,
            ..Connection::new(&self.port)
        }
    }
}

/// Reads what the board is to know, and says on standard error what a person should know of it.
pub(super) fn read_provisioning(common: &Common, file: &Path) -> anyhow::Result<BoardFile> {
    let file = BoardFile::load_with_keys(file, common.state_folder().as_deref())?;
    file.warnings.iter().for_each(failure::warn);
    if common.config.is_some() || common.preset.is_some() {
        for difference in differences(&file.record, &common.load()?) {
            note!("warning: {difference}");
        }
    }
    Ok(file)
}

/// Does what was asked, with progress on standard error; Ctrl-C ends it between two blocks.
pub(super) fn run(request: &Request, answer: Option<bool>) -> anyhow::Result<Done> {
    let cancel = Cancel::default();
    cancel_when_asked_to(&cancel, "Stopping after this block.")?;
    let mut printer = ProgressPrinter::new(answer);
    let done = request.run(&mut printer, &cancel);
    printer.bar.finish_and_clear();
    done.map(|outcome| Done { outcome, unasked: printer.unasked }).map_err(explained)
}

/// How a job ended.
pub(super) struct Done {
    pub(super) outcome: Outcome,
    /// A question that nobody was there to answer was taken for a no.
    pub(super) unasked: bool,
}

/// With the exit status that goes with it.
fn explained(error: BoardError) -> anyhow::Error {
    let cause = if let BoardError::Halfway(cause) = &error { cause } else { &error };
    let status = match cause {
        BoardError::BadImage { .. }
        | BoardError::BadBackup { .. }
        | BoardError::BackupExists { .. }
        | BoardError::File { .. }
        | BoardError::NoDataFolder
        | BoardError::UnreachableBroker(_)
        | BoardError::BadRecord(_) => WRONG_USAGE,
        BoardError::VerifyFailed { .. } | BoardError::ReadFailed { .. } => CHECK_FAILED,
        _ => FAILED,
    };
    Failure { status, diagnostic: Diagnostic::new(error.to_string(), error.help()) }.into()
}

/// Sets the flag on Ctrl-C, and says `sentence`; a second one ends the program.
pub(super) fn cancel_when_asked_to(cancel: &Cancel, sentence: &'static str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cancel = cancel.clone();
    std::thread::Builder::new().name("twinlight-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            asked_to_end().await;
            cancel.cancel();
            note!("\n{sentence} Press Ctrl-C again to stop immediately.");
            asked_to_end().await;
            exit(i32::from(FAILED));
        });
    })?;
    Ok(())
}

/// One line that tells what was done to a board.
pub(super) fn sentence(what: &str, written: &Written) -> String {
    let Written { board, written: bytes, skipped, took, started, .. } = written;
    let (major, minor) = board.revision;
    let start =
        if *started { "its program was started" } else { "press its reset button to start the program" };
    format!(
        "{what} {} ({} revision {major}.{minor}, {} MB of flash): {bytes} bytes written, {skipped} were right already, \
         in {:.1} s; verified; {start}",
        board.mac,
        board.chip,
        board.flash_bytes >> 20,
        took.as_secs_f64()
    )
}

/// Tells on standard error how a job goes: a line for each step, and on a terminal one that changes.
struct ProgressPrinter {
    /// What was answered on the command line already.
    answer: Option<bool>,
    unasked: bool,
    waiting: bool,
    bar: ProgressBar,
}

impl ProgressPrinter {
    fn new(answer: Option<bool>) -> ProgressPrinter {
        let bar = progress::bar(0, "{msg}");
        ProgressPrinter { answer, unasked: false, waiting: false, bar }
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| note!("{text}"));
    }

    fn show(&self, progress: &Progress) {
        let left = progress.left.filter(|left| !left.is_zero());
        let left = left.map(|left| format!(", {} left", time(left))).unwrap_or_default();
        let percent = progress.done * 100 / progress.total.max(1);
        let (done, total) = (progress.done / 1000, progress.total / 1000);
        self.bar.set_message(format!("  {percent:3} %  {done} of {total} kB{left}"));
    }
}

impl JobObserver for ProgressPrinter {
    fn notify(&mut self, event: JobEvent) {
        match event {
            JobEvent::StepBegan(step) => {
                self.bar.set_message("");
                self.say(&format!("{} …", step.words()));
            }
            JobEvent::Progressed(progress) => self.show(&progress),
            JobEvent::WaitingForChip { waited } => {
                if !self.waiting {
                    self.waiting = true;
                    self.say(
                        "connect G23 to ground with a jumper (on an expansion board), press the reset button, and wait \
                         for the chip",
                    );
                }
                self.bar.set_message(format!("  waiting for the chip … {} s", waited.as_secs()));
            }
            JobEvent::ChipAnswered if std::mem::take(&mut self.waiting) => self.say("it answered"),
            JobEvent::ChipAnswered => {}
            JobEvent::BoardMet(board) => {
                let (major, minor) = board.revision;
                let loader = if board.stub { "stub" } else { "ROM" };
                self.say(&format!(
                    "  {} revision {major}.{minor}, MAC {}, {} MB of flash ({loader}, {} baud)",
                    board.chip,
                    board.mac,
                    board.flash_bytes >> 20,
                    board.baud
                ));
            }
            JobEvent::BackedUp(backup) => {
                self.say(&format!("  {} bytes in {}", backup.size, backup.file.display()));
            }
            JobEvent::PartSkipped(part) => self.say(&format!("  {}: right already", part.name)),
            JobEvent::PartWritten(part) => self.say(&format!("  {}: written", part.name)),
            JobEvent::PartVerified(_) => {}
            JobEvent::Noted(text) => self.say(&format!("  {text}")),
        }
    }

    fn ask(&mut self, question: &Question) -> bool {
        if let Some(answer) = self.answer {
            return answer;
        }
        self.say(&question.text());
        if !io::stdin().is_terminal() {
            self.unasked = true;
            return false;
        }
        output::note_part("yes or no? ");
        let mut line = String::new();
        // What cannot be read is a no.
        let _ = io::stdin().lock().read_line(&mut line);
        matches!(line.trim(), "y" | "yes")
    }
}

fn time(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..120 => format!("{} s", seconds.max(1)),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
