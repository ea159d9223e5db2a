//! `twinlight key`: the keys of junctions with `key = "auto"`, for a partner.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;

use super::output;
use crate::{
    cli::{common::Common, exit::WELL, failure::wrong_usage},
    keys::{self, KeyError},
};

#[derive(Clone, Debug, Args)]
pub(super) struct KeyArgs {
    /// Store a partner's key: asks for it, or reads it from standard input
    #[arg(long)]
    take: bool,
}

/// Longer than any key can be.
const MOST_BYTES: u64 = 1_024;

pub(super) fn run(common: &Common, args: &KeyArgs) -> anyhow::Result<u8> {
    let mut config = common.load_without_keys()?;
    let folder = common.state_folder();
    if args.take {
        let key = ask()?;
        let kept = keys::take(&mut config, folder.as_deref(), &key).map_err(usage)?;
        output::line(format_args!(
            "the junction {} signs with that key from its next start; it is kept in {}",
            kept.junction,
            kept.file.display()
        ))?;
        return Ok(WELL);
    }
    let kept = keys::give(&mut config, folder.as_deref())?;
    if kept.is_empty() {
        let message = "this configuration has no junction with key = \"auto\"";
        let help = "write that into a [[junction]], or name another one with --config or --preset";
        return Err(wrong_usage((message, help)));
    }
    for one in &kept {
        let key = config.junctions.iter().find(|junction| junction.name().as_str() == one.junction);
        let key = key.and_then(|junction| junction.key());
        // A key is text, as this program writes it and takes it over.
        let key = key.map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned()).unwrap_or_default();
        output::line(if kept.len() == 1 { key } else { format!("{}: {key}", one.junction) })?;
    }
    for kept in &kept {
        let made = if kept.new { "was made just now and " } else { "" };
        let file = kept.file.display();
        note!("the key of {} {made}is kept in {file}", kept.junction);
        note!("help: give it to your partner and to nobody else");
    }
    Ok(WELL)
}

/// The key, from whoever types it. On a command line it would stay in the shell's history.
fn ask() -> anyhow::Result<String> {
    use std::io::Read;
    if io::stdin().is_terminal() {
        output::note_part("the partner's key (\"twinlight key\" shows it there): ");
    }
    let mut line = String::new();
    io::stdin().lock().take(MOST_BYTES).read_line(&mut line).map_err(|error| {
        let help = "copy the whole key that \"twinlight key\" shows at your partner's";
        wrong_usage((format!("no key can be read from standard input: {error}"), help))
    })?;
    Ok(line)
}

fn usage(error: KeyError) -> anyhow::Error {
    match error {
        KeyError::NothingToDo(diagnostic) => wrong_usage(diagnostic),
        error => error.into(),
    }
}
