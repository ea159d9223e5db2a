//! What all commands for boards share: which board, how it goes, and how it ended.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::Path,
    process::exit,
    time::Duration,
};

use clap::Args;

use super::{
    CHECK_FAILED, Common, FAILED, WRONG_USAGE, asked_to_end,
    failure::{self, Failure},
};
use crate::{
    board::{
        BoardError, BoardFile, Cancel, Connection, EntryMethod, News, Observer, Outcome, Progress, Question,
        Request, Written, provision::differences,
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
    /// The highest rate to try, in baud
    #[arg(long, value_name = "N", default_value_t = 921_600, value_parser = clap::value_parser!(u32).range(115_200..))]
    baud: u32,
    /// Work with the chip's ROM alone, which is slower, instead of loading a flasher stub into its RAM
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
            eprintln!("warning: {difference}");
        }
    }
    Ok(file)
}

/// Does what was asked, with progress on standard error; Ctrl-C ends it between two blocks.
pub(super) fn run(request: &Request, answer: Option<bool>) -> anyhow::Result<Done> {
    let cancel = Cancel::default();
    cancel_when_asked_to(&cancel)?;
    let mut teller = Teller { answer, ..Teller::default() };
    let done = request.run(&mut teller, &cancel);
    teller.end_line();
    done.map(|outcome| Done { outcome, unasked: teller.unasked }).map_err(explained)
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
        | BoardError::BadRecord(_) => WRONG_USAGE,
        BoardError::VerifyFailed { .. } | BoardError::ReadFailed { .. } => CHECK_FAILED,
        _ => FAILED,
    };
    Failure { status, diagnostic: Diagnostic::new(error.to_string(), error.help()) }.into()
}

/// Sets the flag on Ctrl-C; a second one ends the program.
pub(super) fn cancel_when_asked_to(cancel: &Cancel) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cancel = cancel.clone();
    std::thread::Builder::new().name("twinlight-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            asked_to_end().await;
            cancel.cancel();
            eprintln!("\nStopping after this block. Press Ctrl-C again to stop immediately.");
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

/// Tells on standard error how a job goes.
#[derive(Default)]
struct Teller {
    /// What was answered on the command line already.
    answer: Option<bool>,
    unasked: bool,
    /// A line of progress stands there and is to be written over.
    open: bool,
    waiting: bool,
}

impl Teller {
    fn say(&mut self, text: &str) {
        self.end_line();
        eprintln!("{text}");
    }

    /// Writes over the line before, on a terminal; nothing elsewhere.
    fn show(&mut self, text: &str) {
        let mut out = io::stderr();
        if out.is_terminal() {
            // Nothing is to be done about a terminal that is gone.
            let _ = write!(out, "\r{text:<70}");
            let _ = out.flush();
            self.open = true;
        }
    }

    fn end_line(&mut self) {
        if std::mem::take(&mut self.open) {
            eprintln!();
        }
    }
}

impl Observer for Teller {
    fn tell(&mut self, news: News) {
        match news {
            News::StepBegan(step) => self.say(&format!("{} …", step.words())),
            News::Progressed(progress) => self.show(&bar(&progress)),
            News::WaitingForChip { waited } => {
                if !self.waiting {
                    self.waiting = true;
                    self.say(
                        "connect G23 to ground with a jumper (on an expansion board), press the reset button, and wait \
                         for the chip",
                    );
                }
                self.show(&format!("  waiting for the chip … {} s", waited.as_secs()));
            }
            News::ChipAnswered if std::mem::take(&mut self.waiting) => self.say("it answered"),
            News::ChipAnswered => {}
            News::BoardMet(board) => {
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
            News::BackedUp(backup) => {
                self.say(&format!("  {} bytes in {}", backup.size, backup.file.display()));
            }
            News::PartSkipped(part) => self.say(&format!("  {}: right already", part.name)),
            News::PartWritten(part) => self.say(&format!("  {}: written", part.name)),
            News::PartVerified(_) => {}
            News::Noted(text) => self.say(&format!("  {text}")),
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
        eprint!("yes or no? ");
        let mut line = String::new();
        // What cannot be read is a no.
        let _ = io::stdin().lock().read_line(&mut line);
        matches!(line.trim(), "y" | "yes")
    }
}

fn bar(progress: &Progress) -> String {
    let percent = progress.done * 100 / progress.total.max(1);
    let left = progress.left.filter(|left| !left.is_zero());
    let left = left.map(|left| format!(", {} left", time(left))).unwrap_or_default();
    format!("  {percent:3} %  {} of {} kB{left}", progress.done / 1000, progress.total / 1000)
}

fn time(left: Duration) -> String {
    match left.as_secs() {
        seconds @ 0..120 => format!("{} s", seconds.max(1)),
        seconds => format!("{} min", seconds.div_ceil(60)),
    }
}
