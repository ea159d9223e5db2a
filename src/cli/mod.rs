//! The command line: one binary, one face of the world for each command.
//!
//! Exit status: 0 well, 1 failed, 2 wrong usage or configuration, 3 a conflict was seen or a check failed.

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

use clap::{Parser, Subcommand};

use self::{
    common::Common,
    exit::{WELL, WRONG_USAGE},
};

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
    /// Grade a light that somebody else wrote: play against it, break its link, say what is wrong
    Check(check::CheckArgs),
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
