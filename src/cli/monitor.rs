//! `twinlight monitor`: the board's log.

use anyhow::anyhow;
use clap::Args;

use super::{board, output};
use crate::{
    board::{
        Cancel,
        log::{self, LogEvent, LogLevel, LogLine},
        reset,
    },
    cli::exit::WELL,
};

#[derive(Clone, Debug, Args)]
pub(super) struct MonitorArgs {
    #[command(flatten)]
    board: board::BoardArgs,
    /// Reset the board first, to see its log from the beginning
    #[arg(long)]
    reset: bool,
}

pub(super) fn run(args: &MonitorArgs) -> anyhow::Result<u8> {
    let connection = args.board.connection();
    if args.reset {
        reset(&connection)?;
    }
    let stop = Cancel::default();
    board::cancel_when_asked_to(&stop, "The log ends here; the board goes on.")?;
    let mut opened = false;
    let (mut failed, mut unwritten) = (None, Ok(()));
    log::follow(&connection.port, &stop, &mut |event| match event {
        LogEvent::Opened { port } if !opened => {
            opened = true;
            note!("the log of the board on {port}; Ctrl-C ends it");
        }
        LogEvent::Opened { .. } => note!("it is back"),
        LogEvent::Line(line) => {
            // Whoever does not read along any more ends it.
            if let Err(error) = output::try_line(shown(&line)) {
                unwritten = Err(error);
                stop.cancel();
            }
        }
        LogEvent::Explained(meaning) => note!("{}", meaning.one_line()),
        LogEvent::Lost { reason } if opened => note!("{reason}"),
        LogEvent::Lost { reason } => {
            failed = Some(reason);
            stop.cancel();
        }
        LogEvent::Dropped { .. } | LogEvent::Reset | LogEvent::Closed => {}
    });
    match failed {
        Some(reason) => Err(anyhow!(reason)),
        None => output::told(unwritten).map(|()| WELL),
    }
}

fn shown(line: &LogLine) -> String {
    let level = match line.level {
        LogLevel::Raw => return line.text.clone(),
        LogLevel::Info => "info",
        LogLevel::Warning => "warning",
        LogLevel::Error => "error",
    };
    let uptime = line.uptime.unwrap_or_default();
    format!("{:>6}.{:03} {level:7} {}", uptime.as_secs(), uptime.subsec_millis(), line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_printed_as_the_board_sent_them() {
        for line in
            ["    12.345 warning the broker is gone", "rst:0x1 (POWERON_RESET)", "123456.001 info    x"]
        {
            assert_eq!(shown(&LogLine::parse(line)), line);
        }
    }
}
