//! `twinlight swarm`: load, and what it costs.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::Args;
use serde_json::json;

use super::{output, report, run};
use crate::{
    cli::{
        common::{Common, asked_to_end, runtime},
        exit::{CONFLICT, FAILED, WELL},
        failure::wrong_usage,
    },
    config::BrokerChoice,
    swarm::{self, MAX_PAIRS, Plan, Progress},
};

#[derive(Clone, Debug, Args)]
pub(super) struct SwarmArgs {
    /// How many pairs of lights
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_PAIRS)))]
    pairs: u32,
    /// Measure for this many seconds, from when all lights are connected
    #[arg(long, value_name = "S", value_parser = run::seconds, default_value = "30")]
    seconds: f64,
    /// Print the figures as one JSON object
    #[arg(long)]
    json: bool,
    /// Write the figures to this file, as JSON
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
    /// Run each link through a proxy, as the window does
    #[arg(long)]
    proxies: bool,
    /// Allow a broker on another computer; ask whoever runs it first
    #[arg(long)]
    elsewhere: bool,
}

pub(super) fn run(common: &Common, args: &SwarmArgs) -> anyhow::Result<u8> {
    let base = common.load()?;
    if let BrokerChoice::External { host, .. } = &base.broker
        && !args.elsewhere
        && !is_this_computer(host)
    {
        let message = format!("{host} is another computer, where a swarm takes room from others");
        let help = "add --elsewhere if whoever runs it agrees, or try it on this computer first";
        return Err(wrong_usage((message, help)));
    }
    if base.feeds.is_some() {
        let message = "Adafruit IO counts what an account publishes, and would ban it for a swarm";
        return Err(wrong_usage((message, "choose another broker")));
    }
    report::check_place("--report", args.report.as_deref())?;
    let measured_for = Duration::from_secs_f64(args.seconds);
    let plan = Plan { pairs: args.pairs, measured_for, proxies: args.proxies };
    let config = swarm::configure(base, &plan)?;
    let figures =
        runtime()?.block_on(swarm::run(config, &plan, asked_to_end(), |progress| tell(&progress)))?;

    let mut line = serde_json::to_value(&figures)?;
    line["kind"] = json!("summary");
    output::lines(&if args.json { format!("{line}\n") } else { figures.to_string() })?;
    if let Some(file) = &args.report {
        let version = env!("CARGO_PKG_VERSION");
        report::write(file, &json!({"program": "twinlight", "version": version, "swarm": line}))?;
    }
    Ok(match figures.conflicts {
        0 if figures.is_well() => WELL,
        0 => FAILED,
        _ => CONFLICT,
    })
}

/// On standard error: standard output has the figures alone.
fn tell(progress: &Progress) {
    let Progress { connected, lights, after, measuring } = progress;
    let doing = if *measuring { "measuring" } else { "connecting" };
    note!("{:5.0} s  {doing}: {connected} of {lights} lights connected", after.as_secs_f64());
}

fn is_this_computer(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
