//! `twinlight flash`: back up, flash, provision, verify, start.

use std::{path::PathBuf, time::SystemTime};

use clap::Args;

use super::{board, output};
use crate::{
    board::{BackupPlace, BackupScope, FlashJob, ImageChoice, Outcome, Request, default_folder, provisioned},
    cli::{common::Common, exit::WELL},
};

#[derive(Clone, Debug, Args)]
pub(super) struct FlashArgs {
    #[command(flatten)]
    board: board::BoardArgs,
    /// The board's settings (light, Wi-Fi, broker): a file such as config/board.toml
    #[arg(long, value_name = "FILE.toml")]
    provision: PathBuf,
    /// Flash this merged image or app instead of the firmware that came with this program
    #[arg(long, value_name = "F")]
    image: Option<PathBuf>,
    /// Make no backup; what is on the board is lost
    #[arg(long, conflicts_with_all = ["backup_to", "backup_scope"])]
    no_backup: bool,
    /// Where to back up to; without it, a new file in the user's data folder
    #[arg(long, value_name = "F")]
    backup_to: Option<PathBuf>,
    /// How much to back up
    #[arg(long, value_enum, default_value_t = BackupScope::Whole)]
    backup_scope: BackupScope,
}

pub(super) fn run(common: &Common, args: FlashArgs) -> anyhow::Result<u8> {
    let record = board::read_provisioning(common, &args.provision)?.record;
    let record = provisioned(record, SystemTime::now());
    let backup = match args.backup_to {
        _ if args.no_backup => None,
        Some(file) => Some((args.backup_scope, BackupPlace::File(file))),
        None => Some((args.backup_scope, BackupPlace::Folder(default_folder()?))),
    };
    let image = args.image.map_or(ImageChoice::BuiltIn, ImageChoice::File);
    let request = Request::Flash(FlashJob { connection: args.board.connection(), record, image, backup });
    let done = board::run(&request, None)?;
    if let Outcome::Flashed(written) = &done.outcome {
        if let Some(backup) = &written.backup {
            output::line(format_args!("backup: {}", backup.file.display()))?;
        }
        output::line(board::sentence("flashed", written))?;
    }
    Ok(WELL)
}
