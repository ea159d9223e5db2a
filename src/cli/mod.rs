//! The command line: one binary, one face of the world for each command.
//!
//! Exit status: 0 well, 1 failed, 2 wrong usage or configuration, 3 a conflict was seen or a check failed.

mod backup;
mod board;
mod broker;
mod doctor;
mod failure;
mod flash;
mod json;
mod key;
mod monitor;
mod ports;
mod presets;
mod provision;
mod replay;
mod report;
mod restore;
mod run;
mod scenario;
mod soak;
mod swarm;
mod window;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use self::failure::wrong_usage;
use crate::{
    config::{Config, Pick},
    keys,
};

/// Everything went well.
const WELL: u8 = 0;
/// Something failed while it ran.
const FAILED: u8 = 1;
/// The command line or the configuration is wrong.
const WRONG_USAGE: u8 = 2;
/// A conflict was seen.
const CONFLICT: u8 = 3;
/// What was compared is not equal.
const CHECK_FAILED: u8 = 3;

/// A desktop digital twin of an IoT lab: traffic lights, virtual and real, that talk over MQTT.
///
/// Without a command it opens the window.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_HELP)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    window: window::WindowArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXIT_HELP: &str = "Exit status: 0 well, 1 failed, 2 wrong usage or configuration, 3 a conflict was seen\nor a check failed.\n\n\
                         Without a display, \"twinlight run\" plays the same world as the window does.";

#[derive(Clone, Debug, Args)]
struct Common {
    /// The configuration; without it, a pair of lights on the embedded broker
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A configuration that comes with the program, instead of --config; "twinlight presets" lists them
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "config")]
    preset: Option<String>,
    /// Say more on standard error; twice says still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Where the program remembers when its lights last ran; without it, the user's own place for that
    #[arg(long, global = true, value_name = "FOLDER", env = "TWINLIGHT_STATE")]
    state: Option<PathBuf>,
}

/// Of the window and of `run`.
#[derive(Clone, Debug, Default, Args)]
struct Lights {
    /// Run only these lights of the configuration here, such as a,b or demo/a; the others run elsewhere
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    lights: Vec<Pick>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Play the world without a window
    Run(run::RunArgs),
    /// Play faults, and check what must hold meanwhile
    Scenario(scenario::ScenarioArgs),
    /// Tell a recording and judge it again
    Replay(replay::ReplayArgs),
    /// Play random faults for a long time, and judge
    Soak(soak::SoakArgs),
    /// Make load: many pairs of lights, each light with a connection of its own
    Swarm(swarm::SwarmArgs),
    /// Run the embedded broker alone
    Broker(broker::BrokerArgs),
    /// Say why a broker cannot be used, step by step
    Doctor(doctor::DoctorArgs),
    /// List the configurations that come with the program, or print one
    Presets(presets::PresetsArgs),
    /// Show the key of a junction with key = "auto", or take over a partner's
    Key(key::KeyArgs),
    /// List the serial ports, and which of them is a LoPy4
    Ports(ports::PortsArgs),
    /// Back up, flash, provision, verify and start a LoPy4
    Flash(flash::FlashArgs),
    /// Rewrite the provisioning record of a board alone
    Provision(provision::ProvisionArgs),
    /// Read the flash of a board into a file
    Backup(backup::BackupArgs),
    /// Write a backup back to its board
    Restore(restore::RestoreArgs),
    /// Show the log of a board
    Monitor(monitor::MonitorArgs),
}

/// Reads the command line, does what it says, and gives the exit status.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, and are no errors.
            let status = if error.use_stderr() { WRONG_USAGE } else { WELL };
            // Nothing can be told where even standard error is closed.
            let _ = error.print();
            return ExitCode::from(status);
        }
    };
    start_log(cli.common.verbose);
    if let (Some(_), Some(refused)) = (&cli.command, cli.window.refuse()) {
        return ExitCode::from(failure::tell(&refused));
    }
    let done = match cli.command {
        None => window::open(&cli.common, &cli.window),
        Some(Command::Run(args)) => run::run(&cli.common, &args),
        Some(Command::Scenario(args)) => scenario::run(&cli.common, &args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Soak(args)) => soak::run(&cli.common, &args),
        Some(Command::Swarm(args)) => swarm::run(&cli.common, &args),
        Some(Command::Broker(args)) => broker::run(&cli.common, &args),
        Some(Command::Doctor(args)) => doctor::run(&cli.common, &args),
        Some(Command::Presets(args)) => presets::run(&args),
        Some(Command::Key(args)) => key::run(&cli.common, &args),
        Some(Command::Ports(args)) => ports::run(&args),
        Some(Command::Flash(args)) => flash::run(&cli.common, args),
        Some(Command::Provision(args)) => provision::run(&cli.common, &args),
        Some(Command::Backup(args)) => backup::run(args),
        Some(Command::Restore(args)) => restore::run(args),
        Some(Command::Monitor(args)) => monitor::run(&args),
    };
    match done {
        Ok(status) => ExitCode::from(status),
        Err(error) => ExitCode::from(failure::tell(&error)),
    }
}

impl Lights {
    /// The configuration, with the lights that are picked to run here.
    fn load(&self, common: &Common) -> anyhow::Result<Config> {
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
    fn load(&self) -> anyhow::Result<Config> {
        let mut config = self.load_without_keys()?;
        keys::give_and_tell(&mut config, self.state_folder().as_deref(), &self.chosen())?;
        Ok(config)
    }

    fn load_without_keys(&self) -> anyhow::Result<Config> {
        match (&self.config, &self.preset) {
            (Some(file), _) => Ok(Config::load(file)?),
            (None, Some(name)) => match crate::presets::find(name) {
                Some(preset) => Ok(preset.load()?),
                None => Err(wrong_usage(presets::unknown(name))),
            },
            (None, None) => Ok(Config::default()),
        }
    }

    /// How the command line chooses the configuration, to be repeated; empty: not at all.
    fn chosen(&self) -> String {
        match (&self.config, &self.preset) {
            (Some(file), _) => format!("--config {}", file.display()),
            (None, Some(name)) => format!("--preset {name}"),
            (None, None) => String::new(),
        }
    }

    /// The folder of the user's own for what has to be remembered; `None` where the system has none.
    fn state_folder(&self) -> Option<PathBuf> {
        self.state.clone().or_else(|| {
            let folders = directories::ProjectDirs::from("", "", "twinlight")?;
            Some(folders.state_dir().unwrap_or_else(|| folders.data_local_dir()).to_path_buf())
        })
    }
}

fn start_log(verbose: u8) {
    let level = match verbose {
        0 => "warn",
        1 => "twinlight=info,warn",
        2 => "twinlight=debug,info",
        _ => "trace",
    };
    // The broker tells of each client that goes away; that is what links do here.
    let filter = tracing_subscriber::EnvFilter::try_from_env("TWINLIGHT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(format!("{level},mqtt5=error")));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}

/// The runtime that a world lives on.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("twinlight-world")
        .build()
        .context("the system gives no threads to run on")
}

/// Ends when the user asks for it: Ctrl-C, or the system's request to end.
async fn asked_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn shown(path: &Path) -> std::path::Display<'_> {
    path.display()
}
