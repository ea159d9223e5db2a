//! What several commands share: the configuration that is chosen, the runtime, and when to end.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use super::{failure::wrong_usage, presets};
use crate::{
    config::{Config, Pick, Source},
    keys,
};

const GENERAL: &str = "Options of every command";

#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The configuration file; without it, a pair of lights on the embedded broker
    #[arg(long, global = true, value_name = "FILE", help_heading = GENERAL)]
    pub(super) config: Option<PathBuf>,
    /// A built-in configuration instead of --config; "twinlight presets" lists them
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "config", help_heading = GENERAL)]
    pub(super) preset: Option<String>,
    /// Log more to standard error: -v for information, -vv for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = GENERAL)]
    pub(super) verbose: u8,
    /// The folder for what the program remembers between runs (keys, recordings, when its lights last ran);
    /// without it, a folder of your user account
    #[arg(long, global = true, value_name = "FOLDER", env = "TWINLIGHT_STATE", help_heading = GENERAL)]
    pub(super) state: Option<PathBuf>,
}

/// Of the window and of `run`.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Lights {
    /// Run only these lights of the configuration, such as a,b or demo/a; the others run elsewhere
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub(super) lights: Vec<Pick>,
}

impl Lights {
    /// The configuration, with the lights that are picked to run here.
    pub(super) fn load(&self, common: &Common) -> anyhow::Result<Config> {
        let mut config = common.load()?;
        if !self.lights.is_empty() {
            config.run_only(&self.lights)?;
        }
        Ok(config)
    }
}

impl Common {
    /// The configuration that the command line names, with the keys of its junctions. Those that are
    /// made just now are told of among its warnings.
    pub(super) fn load(&self) -> anyhow::Result<Config> {
        let mut config = self.load_without_keys()?;
        keys::give_and_tell(&mut config, self.state_folder().as_deref(), &self.chosen())?;
        Ok(config)
    }

    pub(super) fn load_without_keys(&self) -> anyhow::Result<Config> {
        match (&self.config, &self.preset) {
            (Some(file), _) => Ok(Config::load(file)?),
            (None, Some(name)) => match crate::presets::find(name) {
                Some(preset) => Ok(preset.load()?),
                None => Err(wrong_usage(presets::unknown(name))),
            },
            (None, None) => Ok(Config::default()),
        }
    }

    /// Where that came from.
    pub(super) fn source(&self) -> Source {
        let preset = self.preset.as_deref().and_then(crate::presets::find);
        match &self.config {
            Some(file) => Source::File(file.clone()),
            None => Source::Text(preset.map_or(crate::config::DEFAULT_TEXT, |preset| preset.text)),
        }
    }

    /// How the command line chooses the configuration, to be repeated; empty: not at all.
    pub(super) fn chosen(&self) -> String {
        match (&self.config, &self.preset) {
            (Some(file), _) => format!("--config {}", file.display()),
            (None, Some(name)) => format!("--preset {name}"),
            (None, None) => String::new(),
        }
    }

    /// The folder of the user's own for what has to be remembered; `None` where the system has none.
    pub(super) fn state_folder(&self) -> Option<PathBuf> {
        self.state.clone().or_else(|| {
            let folders = directories::ProjectDirs::from("", "", "twinlight")?;
            Some(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_path_buf())
        })
    }
}

/// The runtime that a world lives on.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("twinlight-world")
        .build()
        .context("the system gives no threads to run on")
}

/// Whether whoever started this program wants it to outlive its terminal, as `nohup` does. Known where the system
/// has `/proc`.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    static IGNORES: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    *IGNORES.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        // Its lowest bit is that of SIGHUP.
        ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
    })
}

/// Ends when the user asks for it: Ctrl-C, the system's request to end, or a terminal that is closed.
pub(super) async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        // Read before it is listened to, which changes it.
        let keeps_on = ignores_hangup();
        if let (Ok(mut terminate), Ok(mut hangup)) = (
            signal(SignalKind::terminate()),
            signal(if keeps_on { SignalKind::terminate() } else { SignalKind::hangup() }),
        ) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    #[cfg(windows)]
    {
        use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_logoff, ctrl_shutdown};
        // Of a console that is closed, and of a session that ends, the system gives some seconds to say goodbye.
        if let (Ok(mut pressed), Ok(mut closed), Ok(mut logged_off), Ok(mut shut_down)) =
            (ctrl_break(), ctrl_close(), ctrl_logoff(), ctrl_shutdown())
        {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = pressed.recv() => {}
                _ = closed.recv() => {}
                _ = logged_off.recv() => {}
                _ = shut_down.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

pub(super) fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}
