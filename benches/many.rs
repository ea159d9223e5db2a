//! What many lights cost: pairs of virtual lights on the embedded broker in one process, each light
//! with a TCP connection of its own.
//!
//! `cargo bench --bench many` runs one idle pair, then 500 pairs, and prints the share of a core
//! that the process used, its resident memory, and the reaction latency. It fails where a conflict
//! was seen, a light was lost, or one never got green.
//! `cargo bench --bench many -- PAIRS SECONDS` runs that one alone; `direct` as one more word leaves
//! the links' proxies out.

use std::{error::Error, fs, process::ExitCode, time::Duration};

use tokio::{
    sync::broadcast::error::RecvError,
    time::{Instant, timeout_at},
};
use traffic_light::Aspect;
use twinlight::{
    config::Config,
    world::{EventKind, World, WorldOptions, event::Layer, summary::Tally},
};

/// Time for the lights to join before anything is measured.
const WARM_UP: Duration = Duration::from_secs(8);

fn main() -> ExitCode {
    // `cargo bench` adds --bench.
    let numbers: Vec<u64> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let runs = match numbers[..] {
        [pairs, seconds] => vec![(pairs, seconds)],
        _ => vec![(1, 60), (500, 60)],
    };
    println!(
        "{:>6} {:>8} {:>9} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9} {:>7}",
        "lights",
        "seconds",
        "cpu %",
        "RSS MiB",
        "KiB/light",
        "greens",
        "p50 ms",
        "p99 ms",
        "max ms",
        "faults"
    );
    let mut well = true;
    for (pairs, seconds) in runs {
        match measure(pairs, seconds) {
            Ok(clean) => well &= clean,
            Err(error) => {
                eprintln!("{pairs} pairs: {error}");
                well = false;
            }
        }
    }
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn measure(pairs: u64, seconds: u64) -> Result<bool, Box<dyn Error>> {
    let proxy = !std::env::args().any(|word| word == "direct");
    let text = format!(
        "seed = 1\n[broker]\nkind = \"embedded\"\nport = 0\n[timing]\nheartbeat_ms = 1000\nlost_after_ms = 6500\n\
         lease_ms = 9600\n[links]\nproxy = {proxy}\n[[junction]]\nname = \"p\"\ncount = {pairs}\nlights = [\"a\", \"b\"]\n"
    );
    let config = Config::from_toml(&text, "benches/many.rs", &|_| None)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let rss_before = resident_kib()?;
        let state = tempfile::tempdir()?;
        let options =
            WorldOptions { state_folder: Some(state.path().to_path_buf()), ..WorldOptions::default() };
        let (world, mut events) = World::start(config, options).await?;
        let mut tally = Tally::default();
        let mut faults = 0_u32;
        let started = Instant::now();
        let measured_from = started + WARM_UP;
        let end = measured_from + Duration::from_secs(seconds);
        let mut cpu_before = None;
        while let Ok(event) = timeout_at(end, events.recv()).await {
            let event = match event {
                Ok(event) => event,
                Err(RecvError::Lagged(lost)) => return Err(format!("{lost} events were lost").into()),
                Err(RecvError::Closed) => break,
            };
            let measuring = Instant::now() >= measured_from;
            if measuring && cpu_before.is_none() {
                cpu_before = Some((cpu_seconds()?, Instant::now()));
            }
            let fault = matches!(
                event.kind,
                EventKind::ConflictBegan { .. }
                    | EventKind::AspectChanged { aspect: Aspect::FlashingAmber, .. }
                    | EventKind::LinkChanged { layer: Layer::Mqtt, up: false, .. }
            );
            faults += u32::from(fault);
            if measuring || !matches!(event.kind, EventKind::Reacted { .. }) {
                tally.count(&event);
            }
        }
        let (cpu_before, from) = cpu_before.ok_or("no event came")?;
        let cpu = 100.0 * (cpu_seconds()? - cpu_before) / from.elapsed().as_secs_f64();
        let rss = resident_kib()?;
        world.stop().await;

        let summary = tally.summary();
        let reaction = summary.reaction_ms.ok_or("no light reacted")?;
        let dark = summary.greens.values().filter(|greens| **greens == 0).count();
        println!(
            "{:>6} {:>8} {:>9.1} {:>9.1} {:>9.1} {:>7} {:>9.3} {:>9.3} {:>9.3} {:>7}",
            2 * pairs,
            seconds,
            cpu,
            rss / 1024.0,
            (rss - rss_before) / (2 * pairs) as f64,
            summary.greens.values().sum::<u64>(),
            reaction.p50,
            reaction.p99,
            reaction.max,
            faults
        );
        if dark > 0 {
            eprintln!("{dark} lights never got green");
        }
        Ok(faults == 0 && dark == 0)
    })
}

fn resident_kib() -> Result<f64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS: is this Linux?")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}

/// User and system time of the process. The unit of /proc is 1/100 s on every Linux of today.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    let after_name = stat.rsplit_once(')').ok_or("/proc/self/stat has no name in it")?.1;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut next =
        || -> Result<f64, Box<dyn Error>> { Ok(fields.next().ok_or("a field is missing")?.parse()?) };
    Ok((next()? + next()?) / 100.0)
}
