//! What many lights cost: pairs of virtual lights on the embedded broker in one process, each light
//! with a TCP connection of its own. It is `twinlight swarm` with a second's heartbeat, in one table.
//!
//! `cargo bench --bench many` runs one idle pair, then 500 pairs, and prints the share of a core
//! that the process used, its resident memory, and the reaction latency. It fails where a conflict
//! was seen, a light was lost, or one never got green.
//! `cargo bench --bench many -- PAIRS SECONDS` runs that one alone; `direct` as one more word leaves
//! the links' proxies out.

use std::{error::Error, process::ExitCode, time::Duration};

use twinlight::{
    config::Config,
    swarm::{self, Figures, Plan},
};

/// Slow enough for 500 pairs; the other timings follow from it.
const CONFIG: &str = "seed = 1\n[broker]\nkind = \"embedded\"\nport = 0\n\
                      [timing]\nheartbeat_ms = 1000\nlost_after_ms = 6500\nlease_ms = 9600\n\
                      [[junction]]\nname = \"p\"\n";

fn main() -> ExitCode {
    // `cargo bench` adds --bench.
    let numbers: Vec<u32> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let runs = match numbers[..] {
        [pairs, seconds] => vec![(pairs, seconds)],
        _ => vec![(1, 60), (500, 60)],
    };
    println!(
        "{:>6} {:>8} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}",
        "lights", "seconds", "cpu %", "RSS MiB", "KiB/light", "greens", "p50 ms", "p99 ms", "max ms"
    );
    let mut well = true;
    for (pairs, seconds) in runs {
        match measure(pairs, seconds) {
            Ok(figures) => well &= figures.is_well(),
            Err(error) => {
                eprintln!("{pairs} pairs: {error}");
                well = false;
            }
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(pairs: u32, seconds: u32) -> Result<Figures, Box<dyn Error>> {
    let proxies = !std::env::args().any(|word| word == "direct");
    let plan = Plan { pairs, measured_for: Duration::from_secs(seconds.into()), proxies };
    let config = swarm::configure(Config::from_toml(CONFIG, "benches/many.rs", &|_| None)?, &plan)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = runtime.block_on(swarm::run(config, &plan, std::future::pending(), |_| {}))?;
    let reaction = figures.reaction_ms.ok_or_else(|| format!("no light reacted: {figures}"))?;
    println!(
        "{:>6} {:>8} {:>9.1} {:>9.1} {:>9.1} {:>7} {:>9.3} {:>9.3} {:>9.3}",
        figures.lights,
        seconds,
        figures.cpu_percent.ok_or("the system does not tell the processor time: is this Linux?")?,
        figures.resident_kib.ok_or("the system does not tell the memory")? / 1024.0,
        figures.kib_per_light.ok_or("the system does not tell the memory")?,
        figures.greens,
        reaction.p50,
        reaction.p99,
        reaction.max
    );
    for complaint in &figures.complaints {
        eprintln!("{complaint}");
    }
    Ok(figures)
}
