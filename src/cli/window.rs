//! `twinlight`: the window, with its world on a runtime beside it.

use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::{own_console, run};
use crate::{
    app::{
        board::{context::ProvisioningContext, login_store},
        brokers::world_switcher::{LiveWorld, PRESET, Start},
        player::source::PlaybackSource,
        repaint::waker,
        window::{Opening, Window},
    },
    cli::{
        common::{Common, Lights, asked_to_end, runtime},
        exit::{FAILED, WELL},
        failure::wrong_usage,
    },
    config::Config,
    model::Diagnostic,
    recording::Recording,
    scenario::Scenario,
    world::{Waker, WorldOptions},
};

const WITHOUT_WINDOW: &str = "\"twinlight run\" plays the same world without a window";

#[derive(Clone, Debug, Default, Args)]
pub(super) struct WindowArgs {
    #[command(flatten)]
    lights: Lights,
    /// Record all events of the window's run in this new file
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// End each recording when its file has this many MB
    #[arg(long, value_name = "MB", value_parser = run::megabytes)]
    record_mb: Option<u64>,
    /// Open the window with this scenario, played in a simulated world
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// The seed of the simulation: the same seed gives the same run
    #[arg(long, value_name = "N", default_value_t = 1, requires = "scenario")]
    seed: u64,
    /// Open the window with this recording, made by "twinlight run --record FILE"
    #[arg(long, value_name = "FILE", conflicts_with = "scenario")]
    replay: Option<PathBuf>,
}

impl WindowArgs {
    /// Why these do not go with a command; `None` where they were left out.
    pub(super) fn refuse(&self) -> Option<anyhow::Error> {
        // Before a command they would be taken and forgotten.
        let text = if self.scenario.is_some() {
            ("--scenario opens the window", "leave it out, or the command")
        } else if self.replay.is_some() {
            ("--replay opens the window", "leave it out, or write \"twinlight replay FILE\"")
        } else if self.record.is_some() || self.record_mb.is_some() {
            ("--record before a command is the window's", "write \"run --record FILE\"")
        } else if !self.lights.lights.is_empty() {
            (
                "--lights stands before the command",
                "write it behind \"run\", as in \"twinlight run --lights a\"",
            )
        } else {
            return None;
        };
        Some(wrong_usage(text))
    }

    fn opening(&self) -> anyhow::Result<Option<Opening>> {
        // What is wrong is told before a window is opened for nothing.
        if let Some(file) = &self.replay {
            for warning in Recording::open(file)?.warnings() {
                note!("warning: {warning}");
            }
            return Ok(Some(Opening::Source(PlaybackSource::recording(file))));
        }
        let Some(file) = &self.scenario else { return Ok(None) };
        let scenario = Scenario::load(file)?;
        PlaybackSource::simulation(scenario.clone(), self.seed).map_err(wrong_usage)?;
        Ok(Some(Opening::Scenario(Box::new(scenario), self.seed)))
    }
}

pub(super) fn open(common: &Common, args: &WindowArgs) -> anyhow::Result<u8> {
    let config = args.lights.load(common)?;
    let opening = args.opening()?;
    if !has_display() {
        let message = "there is no display to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set)";
        bail!(Diagnostic::new(message, WITHOUT_WINDOW));
    }
    let source = common.source();
    let mut subtitle = match (&common.config, &common.preset) {
        (Some(file), _) => file.display().to_string(),
        (None, Some(name)) => format!("{PRESET}{name}"),
        (None, None) => "the built-in pair".to_owned(),
    };
    if !args.lights.lights.is_empty() {
        subtitle += ", some of its lights";
    }
    let state_folder = common.state_folder();
    let record_to = args.record.clone();
    let record_limits = run::record_limits(args.record_mb);
    let login_file = state_folder.as_ref().map(|folder| folder.join(login_store::FILE_NAME));
    let backups = crate::board::default_folder().ok();
    let context = move |config: &Config| {
        ProvisioningContext::of(config, backups.clone()).with_login_file(login_file.clone())
    };
    let window = Window {
        title: "Twinlight".to_owned(),
        subtitle: subtitle.clone(),
        context: context(&config),
        state_folder: state_folder.clone(),
        opening,
    };
    let runtime = runtime()?;
    own_console::let_go();
    let mut live = None;
    let shown = window.open(|ctx| {
        let wake = waker(ctx);
        runtime.spawn(close_when_asked(ctx.clone()));
        let wake = Some(std::sync::Arc::new(wake) as Waker);
        let options = WorldOptions {
            detailed: true,
            wake,
            state_folder,
            record_to,
            record_limits,
            ..WorldOptions::default()
        };
        let start = Start { config, source, subtitle, options, context: std::sync::Arc::new(context) };
        let (started, link, switcher) = runtime.block_on(LiveWorld::start(start))?;
        live = Some(started);
        Ok((link, switcher))
    });
    if let Some(live) = live {
        runtime.block_on(live.stop());
    }
    match shown {
        Ok(()) => Ok(WELL),
        Err(error) => bail!(not_opened(&error.to_string(), std::env::var("DISPLAY").ok().as_deref())),
    }
}

/// Closes the window as its own button does, when the system or the terminal asks the program to end: lights say
/// goodbye, recordings are whole, and a board that is being flashed is asked about. The second time it ends at once.
async fn close_when_asked(window: egui::Context) {
    asked_to_end().await;
    window.send_viewport_cmd(egui::ViewportCommand::Close);
    window.request_repaint();
    asked_to_end().await;
    std::process::exit(FAILED.into());
}

/// Why there is no window. `display` names the screen of X that was tried, where one was named.
fn not_opened(error: &str, display: Option<&str>) -> Diagnostic {
    if let Some(display) = display.filter(|_| error.contains("X server")) {
        let help = format!(
            "start it in a terminal of the desktop, or set DISPLAY to a screen that is there; {WITHOUT_WINDOW}"
        );
        return Diagnostic::new(
            format!("no screen answers at DISPLAY={display}, so no window can be opened"),
            help,
        );
    }
    let help = format!("install OpenGL and, on Linux, the packages that README.md names; {WITHOUT_WINDOW}");
    Diagnostic::new(format!("the window cannot be opened: {}", without_places(error)), help)
}

/// An error of the window library, without the places in its sources where it came up.
fn without_places(error: &str) -> String {
    let Some((before, rest)) = error.split_once("os error at ") else { return error.to_owned() };
    let reason = rest.split_once(": ").map_or("an error of the system", |(_, reason)| reason);
    format!("{before}{}", without_places(reason))
}

/// Whether a window can be opened. Everywhere but on the Unixes with X or Wayland it can.
fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(all(unix, not(target_os = "macos")))
        || set("DISPLAY")
        || set("WAYLAND_DISPLAY")
        || set("WAYLAND_SOCKET")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_cannot_be_opened_is_told_without_paths_of_the_builders() {
        let at = "winit EventLoopError: os error at /home/me/.cargo/registry/winit/src/mod.rs:788: ";
        let said = not_opened(&format!("{at}Failed to open connection to X server"), Some(":99")).one_line();
        assert!(said.contains("no screen answers at DISPLAY=:99") && !said.contains(".cargo"), "{said}");
        let said = not_opened(&format!("{at}it is broken"), None).one_line();
        assert!(
            said.starts_with("the window cannot be opened: winit EventLoopError: it is broken"),
            "{said}"
        );
        assert!(!said.contains(".cargo"), "{said}");
    }
}
