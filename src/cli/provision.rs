//! `twinlight provision`: the provisioning record alone.

use std::{path::PathBuf, time::SystemTime};

use clap::Args;

use super::{board, output};
use crate::{
    board::{Outcome, ProvisionJob, Request, provisioned},
    cli::{common::Common, exit::WELL},
};

#[derive(Clone, Debug, Args)]
pub(super) struct ProvisionArgs {
    #[command(flatten)]
    board: board::BoardArgs,
    /// The board's settings (light, Wi-Fi, broker): a file such as config/board.toml
    #[arg(long, value_name = "FILE.toml")]
    provision: PathBuf,
}

pub(super) fn run(common: &Common, args: &ProvisionArgs) -> anyhow::Result<u8> {
    let record = board::read_provisioning(common, &args.provision)?.record;
    let record = provisioned(record, SystemTime::now());
    let request = Request::Provision(ProvisionJob { connection: args.board.connection(), record });
    if let Outcome::Provisioned(written) = board::run(&request, None)?.outcome {
        output::line(board::sentence("provisioned", &written))?;
    }
    Ok(WELL)
}
