//! `twinlight backup`: the flash in a file.

use std::path::PathBuf;

use clap::Args;

use super::{board, output};
use crate::{
    board::{BackupJob, BackupPlace, BackupScope, Outcome, Request, facts_file},
    cli::exit::WELL,
};

#[derive(Clone, Debug, Args)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    board: board::BoardArgs,
    /// The file to write; it must not exist. What is known of it goes into FILE.toml
    file: PathBuf,
    /// The whole flash, or Pycom's block with the radio identity alone
    #[arg(long, value_enum, default_value_t = BackupScope::Whole)]
    scope: BackupScope,
}

pub(super) fn run(args: BackupArgs) -> anyhow::Result<u8> {
    let (connection, scope) = (args.board.connection(), args.scope);
    let place = BackupPlace::File(args.file);
    let request = Request::BackUp(BackupJob { connection, scope, place });
    if let Outcome::BackedUp(backup) = board::run(&request, None)?.outcome {
        output::line(format_args!(
            "backed up {}: {} bytes in {}, SHA-256 {} (also in {}); it may hold Wi-Fi passwords",
            backup.mac,
            backup.size,
            backup.file.display(),
            backup.sha256,
            facts_file(&backup.file).display()
        ))?;
    }
    Ok(WELL)
}
