//! The command line: one binary, one face of the world for each command.
//!
//! Exit status: 0 well, 1 failed, 2 wrong usage or configuration, 3 a conflict was seen or a check failed.

/// As `eprintln`, by way of [`output::note`].
macro_rules! note {
    ($($text:tt)*) => { $crate::cli::output::note(format_args!($($text)*)) };
}

mod backup;
mod board;
mod broker;
mod check;
mod common;
mod doctor;
mod exit;
mod failure;
mod flash;
mod json;
mod key;
mod monitor;
mod output;
mod own_console;
mod ports;
mod presets;
mod progress;
mod provision;
mod replay;
mod report;
mod restore;
mod run;
mod scenario;
mod soak;
mod swarm;
mod window;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use self::{
    common::Common,
    exit::{WELL, WRONG_USAGE},
};

/// A desktop digital twin of an IoT lab: traffic lights, virtual and real, that talk over MQTT.
///
/// Without a command, the window opens.
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

const EXIT_HELP: &str = "Exit status: 0 success, 1 failure, 2 wrong usage or configuration, 3 a conflict was seen or a check failed.\n\n\
                         Without a display, use \"twinlight run\": it runs the same lights as the window.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the lights without a window
    #[command(
        after_help = "Examples:\n  twinlight run --seconds 60\n  twinlight run --preset crossing --record run.jsonl\n  twinlight run --config my.toml --lights a --json"
    )]
    Run(run::RunArgs),
    /// Play a scenario: inject faults, and check how the lights react
    #[command(
        after_help = "Examples:\n  twinlight scenario --list\n  twinlight scenario wifi-lost\n  twinlight scenario my.toml --seeds 100 --html report.html"
    )]
    Scenario(scenario::ScenarioArgs),
    /// Print a recording, and judge it again
    #[command(after_help = "Examples:\n  twinlight replay run.jsonl")]
    Replay(replay::ReplayArgs),
    /// Inject random faults for a long time, and judge how the lights recover
    Soak(soak::SoakArgs),
    /// Load a broker with many pairs of lights, and measure what they cost
    #[command(
        after_help = "Examples:\n  twinlight swarm --pairs 100\n  twinlight swarm --pairs 20 --preset mosquitto --seconds 60"
    )]
    Swarm(swarm::SwarmArgs),
    /// Run only the embedded broker
    #[command(after_help = "Examples:\n  twinlight broker\n  twinlight broker --lan --port 1883")]
    Broker(broker::BrokerArgs),
    /// Grade a light that somebody else wrote: play against it, break its link, say what is wrong
    Check(check::CheckArgs),
    /// Find out step by step why a broker cannot be used
    #[command(after_help = "Examples:\n  twinlight doctor --preset lnu\n  twinlight doctor --config my.toml")]
    Doctor(doctor::DoctorArgs),
    /// List the built-in configurations, or print one
    #[command(after_help = "Examples:\n  twinlight presets\n  twinlight presets lnu > my.toml")]
    Presets(presets::PresetsArgs),
    /// Show the key of a junction with key = "auto", or store a partner's
    #[command(after_help = "Examples:\n  twinlight key --preset lnu\n  twinlight key --take --preset lnu")]
    Key(key::KeyArgs),
    /// List the serial ports, and say which of them may be a LoPy4
    Ports(ports::PortsArgs),
    /// Back up, flash, provision, verify and start a LoPy4
    #[command(after_help = "Examples:\n  twinlight flash --port /dev/ttyACM0 --provision board.toml")]
    Flash(flash::FlashArgs),
    /// Rewrite only the provisioning record of a board
    #[command(after_help = "Examples:\n  twinlight provision --port /dev/ttyACM0 --provision board.toml")]
    Provision(provision::ProvisionArgs),
    /// Read the flash of a board into a file
    #[command(after_help = "Examples:\n  twinlight backup --port /dev/ttyACM0 board.bin")]
    Backup(backup::BackupArgs),
    /// Write a backup back to its board
    #[command(after_help = "Examples:\n  twinlight restore --port /dev/ttyACM0 board.bin")]
    Restore(restore::RestoreArgs),
    /// Show the log of a board
    #[command(after_help = "Examples:\n  twinlight monitor --port /dev/ttyACM0 --reset")]
    Monitor(monitor::MonitorArgs),
}

/// The command line as it is read, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
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
        Some(Command::Check(args)) => check::run(&cli.common, &args),
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
