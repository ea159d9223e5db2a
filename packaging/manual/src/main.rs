//! Writes the man pages (`man/*.1`) and the completions of bash, zsh, fish and PowerShell (`completions/`) into a folder.

use std::{env, fs, path::PathBuf};

use anyhow::Context as _;
use clap_complete::Shell;

fn main() -> anyhow::Result<()> {
    let folder = env::args_os().nth(1).map(PathBuf::from).context("usage: manual FOLDER")?;
    let man = folder.join("man");
    let completions = folder.join("completions");
    for folder in [&man, &completions] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let mut command = twinlight::cli::command();
    clap_mangen::generate_to(command.clone(), &man)
        .with_context(|| format!("cannot write to {}", man.display()))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
        clap_complete::generate_to(shell, &mut command, "twinlight", &completions)
            .with_context(|| format!("cannot write to {}", completions.display()))?;
    }
    Ok(())
}
