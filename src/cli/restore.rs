//! `twinlight restore`: a backup back on the board.

use std::path::PathBuf;

use clap::Args;

use super::{board, failure, output};
use crate::{
    board::{Identity, Outcome, Request, RestoreJob},
    cli::exit::{CHECK_FAILED, WELL},
    model::Diagnostic,
};

#[derive(Clone, Debug, Args)]
pub(super) struct RestoreArgs {
    #[command(flatten)]
    board: board::BoardArgs,
    /// The backup; what is known of it is read from FILE.toml
    file: PathBuf,
    /// Where Pycom's block on the board differs from that of its own backup, write it too, without asking
    #[arg(long)]
    write_identity: bool,
    /// Take the backup of another board; Pycom's block is left alone
    #[arg(long, conflicts_with = "write_identity")]
    another_board: bool,
}

pub(super) fn run(args: RestoreArgs) -> anyhow::Result<u8> {
    let request = Request::Restore(RestoreJob {
        connection: args.board.connection(),
        file: args.file,
        of_another_board: args.another_board,
    });
    let done = board::run(&request, args.write_identity.then_some(true))?;
    let Outcome::Restored { written, identity } = &done.outcome else { return Ok(WELL) };
    output::line(board::sentence("restored", written))?;
    let text = match identity {
        Identity::Equal => "Pycom's block was that of the backup already",
        Identity::Written => "Pycom's block was written too, as you wished",
        Identity::LeftAlone => "Pycom's block differs from the backup's and was left alone",
        Identity::NotHeld => "the backup does not hold Pycom's block",
    };
    output::line(text)?;
    if done.unasked {
        let message = "nobody was there to be asked about Pycom's block";
        failure::warn(&Diagnostic::new(message, "add --write-identity to write it too"));
        return Ok(CHECK_FAILED);
    }
    Ok(WELL)
}
