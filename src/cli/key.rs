//! `twinlight key`: the keys of junctions with `key = "auto"`, for a partner.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;

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
    let mut out = io::stdout().lock();
    if args.take {
        let key = ask()?;
        let kept = keys::take(&mut config, folder.as_deref(), &key).map_err(usage)?;
        writeln!(
            out,
            "the junction {} signs with that key from its next start; it is kept in {}",
            kept.junction,
            kept.file.display()
        )?;
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
        if kept.len() == 1 { writeln!(out, "{key}")? } else { writeln!(out, "{}: {key}", one.junction)? }
    }
    out.flush()?;
    for kept in &kept {
        let made = if kept.new { "was made just now and " } else { "" };
        let file = kept.file.display();
        eprintln!("the key of {} {made}is kept in {file}", kept.junction);
        eprintln!("help: give it to your partner and to nobody else");
    }
    Ok(WELL)
}

/// The key, from whoever types it. On a command line it would stay in the shell's history.
fn ask() -> anyhow::Result<String> {
    use std::io::Read;
    if io::stdin().is_terminal() {
        eprint!("the partner's key (\"twinlight key\" shows it there): ");
    }
    let mut line = String::new();
    io::stdin().lock().take(MOST_BYTES).read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn usage(error: KeyError) -> anyhow::Error {
    match error {
        KeyError::NothingToDo(diagnostic) => wrong_usage(diagnostic),
        error => error.into(),
    }
}
