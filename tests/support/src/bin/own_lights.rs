//! Plays `twinlight check` against lights under a real MicroPython, many times, and prints a table.
//!
//! `cargo build && cargo own-lights --runs 20 --brokers embedded,mosquitto,adafruit --lights good`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a tool of the tests")]

use std::{
    collections::BTreeMap,
    env, fs,
    process::ExitCode,
    sync::Mutex,
    time::{Duration, Instant},
};

use test_support::own_light::{Broker, Light, check, good, judge, micropython, side_by_side, wrong};

const USAGE: &str = "\
cargo own-lights [--runs N] [--brokers embedded,mosquitto,adafruit] [--lights good|wrong|NAME,…] [--width N] [--logs DIR]

Plays `twinlight check` against each light on each broker, N times (1), at most so many at once (30), and prints a
table: how often each was judged as it must be. Build the program first (cargo build). With --logs, what was said in
runs that were misjudged is written there.";

struct Wanted {
    runs: usize,
    brokers: Vec<Broker>,
    lights: Vec<Light>,
    width: usize,
    logs: Option<String>,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted =
        Wanted { runs: 1, brokers: vec![Broker::Embedded], lights: Vec::new(), width: 30, logs: None };
    let all = || good().into_iter().chain(wrong());
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        let number = || value.parse().map_err(|_| format!("{name} {value}: no number"));
        match name.as_str() {
            "--runs" => wanted.runs = number()?,
            "--width" => wanted.width = number()?,
            "--logs" => wanted.logs = Some(value),
            "--brokers" => {
                let broker = |name: &str| Broker::ALL.into_iter().find(|broker| broker.name() == name);
                let broker = |name| broker(name).ok_or_else(|| format!("there is no broker {name}"));
                wanted.brokers = value.split(',').map(broker).collect::<Result<_, _>>()?;
            }
            "--lights" => {
                wanted.lights = match value.as_str() {
                    "good" => good(),
                    "wrong" => wrong(),
                    names => {
                        let light = |name: &str| all().find(|light| light.name == name);
                        let light = |name| light(name).ok_or_else(|| format!("there is no light {name}"));
                        names.split(',').map(light).collect::<Result<_, _>>()?
                    }
                }
            }
            _ => return Err(USAGE.to_owned()),
        }
    }
    if wanted.lights.is_empty() {
        wanted.lights = all().collect();
    }
    Ok(wanted)
}

#[derive(Default)]
struct Row {
    right: usize,
    all: usize,
    longest: Duration,
    /// What was said, and how often.
    said: BTreeMap<String, usize>,
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    let Some(micropython) = micropython("everything") else { return ExitCode::FAILURE };
    let mut plays = Vec::new();
    for run in 0..wanted.runs {
        for broker in &wanted.brokers {
            plays.extend(wanted.lights.iter().map(|light| (run, *broker, light)));
        }
    }
    let began = Instant::now();
    let rows = Mutex::new(BTreeMap::<(String, &str), Row>::new());
    side_by_side(
        &plays,
        wanted.width,
        |(_, broker, light)| check(&micropython, light, *broker),
        |(run, broker, light), checked| {
            let judged = judge(&light.expected, &checked);
            if let (Err(_), Some(folder)) = (&judged, &wanted.logs) {
                fs::create_dir_all(folder).unwrap();
                fs::write(format!("{folder}/{}-{}-{run}.log", light.name, broker.name()), &checked.told)
                    .unwrap();
            }
            let mut rows = rows.lock().unwrap();
            let row = rows.entry((light.name.clone(), broker.name())).or_default();
            row.all += 1;
            row.right += usize::from(judged.is_ok());
            row.longest = row.longest.max(checked.took);
            let said = judged.unwrap_or_else(|wrong| format!("WRONG: {wrong}"));
            eprintln!("{:4} s {} on {}: {said}", began.elapsed().as_secs(), light.name, broker.name());
            *row.said.entry(said).or_default() += 1;
        },
    );
    let rows = rows.into_inner().unwrap();
    println!(
        "| light | broker | judged rightly | longest | what was said |\n| --- | --- | --- | --- | --- |"
    );
    for ((light, broker), Row { right, all, longest, said }) in &rows {
        let said: Vec<String> = said
            .iter()
            .map(|(what, times)| if *times == *all { what.clone() } else { format!("{times} × {what}") })
            .collect();
        println!("| {light} | {broker} | {right} of {all} | {} s | {} |", longest.as_secs(), said.join("; "));
    }
    println!("\n{} checks in {} s, {} at once", plays.len(), began.elapsed().as_secs(), wanted.width);
    if rows.values().all(|row| row.right == row.all) { ExitCode::SUCCESS } else { ExitCode::from(3) }
}
