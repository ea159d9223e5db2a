//! Plays `twinlight check` against lights under a real MicroPython, many times, and prints a table.
//!
//! `cargo build && cargo own-lights --runs 20 --brokers embedded,mosquitto,adafruit --lights good`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a tool of the tests")]

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    process::ExitCode,
    sync::Mutex,
    time::{Duration, Instant},
};

use test_support::own_light::{
    Beside, Broker, Light, beside, check, class, good, judge, micropython, side_by_side, wrong,
};

const USAGE: &str = "\
cargo own-lights [--runs N] [--brokers embedded,mosquitto,adafruit] [--lights good|wrong|NAME,…] [--width N] [--logs DIR]
                 [--beside MINUTES] [--class N]

Plays `twinlight check` against each light on each broker, N times (1), at most so many at once (30), and prints a
table: how often each was judged as it must be. Build the program first (cargo build). With --logs, what was said is
written there. With --beside, each good light takes turns with a virtual one instead, for so many minutes; the table
has the conflicts and the greens of both. With --class, one program checks a class of N such lights at once. The exit status is 3 where a light was misjudged or a conflict was seen.";

struct Wanted {
    runs: usize,
    brokers: Vec<Broker>,
    lights: Vec<Light>,
    width: usize,
    logs: Option<String>,
    beside: Option<Duration>,
    class: Option<usize>,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        runs: 1,
        brokers: vec![Broker::Embedded],
        lights: Vec::new(),
        width: 30,
        logs: None,
        beside: None,
        class: None,
    };
    let all = || good().into_iter().chain(wrong());
    let mut arguments = env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(USAGE)?;
        let number = || value.parse().map_err(|_| format!("{name} {value}: no number"));
        match name.as_str() {
            "--runs" => wanted.runs = number()?,
            "--width" => wanted.width = number()?,
            "--class" => wanted.class = Some(number()?),
            "--logs" => wanted.logs = Some(value),
            "--beside" => wanted.beside = Some(Duration::from_secs(60 * u64::try_from(number()?).unwrap())),
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
        wanted.lights =
            if wanted.beside.is_some() || wanted.class.is_some() { good() } else { all().collect() };
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

/// Which run, where, and of which light.
type Play<'l> = (usize, Broker, &'l Light);

fn write_log(folder: &str, (run, broker, light): Play<'_>, told: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(format!("{folder}/{}-{}-{run}.log", light.name, broker.name()), told).unwrap();
}

/// A virtual light is green about once in twenty seconds beside another; so seldom it stands still.
const LEAST_GREENS_A_MINUTE: u64 = 1;

fn play_beside(micropython: &Path, wanted: &Wanted, plays: &[Play<'_>], time: Duration) -> ExitCode {
    let rows = Mutex::new(BTreeMap::<(&str, &str), Vec<Beside>>::new());
    side_by_side(
        plays,
        wanted.width,
        |(_, broker, light)| beside(micropython, light, *broker, time),
        |(run, broker, light), went| {
            if let Some(folder) = &wanted.logs {
                write_log(folder, (*run, *broker, light), &went.told);
            }
            eprintln!(
                "{} on {}: {} conflicts, greens {:?}",
                light.name,
                broker.name(),
                went.conflicts,
                went.greens
            );
            rows.lock().unwrap().entry((&light.name, broker.name())).or_default().push(went);
        },
    );
    println!(
        "| light | broker | runs | conflicts | greens of the virtual light | greens of the other |\n| --- | --- | --- | --- | --- | --- |"
    );
    let rows = rows.into_inner().unwrap();
    for ((light, broker), runs) in &rows {
        let sum = |of: fn(&Beside) -> u64| runs.iter().map(of).sum::<u64>();
        let (conflicts, own, other) =
            (sum(|run| run.conflicts), sum(|run| run.greens[0]), sum(|run| run.greens[1]));
        println!("| {light} | {broker} | {} | {conflicts} | {own} | {other} |", runs.len());
    }
    println!("\n{} runs of {} s, {} at once", plays.len(), time.as_secs(), wanted.width);
    let least = LEAST_GREENS_A_MINUTE * time.as_secs() / 60;
    let well = |run: &Beside| {
        run.status == 0 && run.conflicts == 0 && run.greens.iter().all(|greens| *greens >= least)
    };
    if rows.values().flatten().all(well) { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

fn play_class(micropython: &Path, wanted: &Wanted, groups: usize) -> ExitCode {
    // Some need more than their board: a login, a second board, a Wi-Fi of their own, a file.
    let plain = |light: &&Light| !(light.login || light.twin || light.radio || light.foreign);
    let lights: Vec<Light> = wanted.lights.iter().filter(plain).cycle().take(groups).cloned().collect();
    let began = Instant::now();
    let (checks, status) = class(micropython, &lights);
    println!("| group | light | what was said |\n| --- | --- | --- |");
    let mut wrong = 0;
    for (group, (light, checked)) in lights.iter().zip(&checks).enumerate() {
        if let Some(folder) = &wanted.logs {
            write_log(folder, (group, Broker::Embedded, light), &checked.told);
        }
        let judged = judge(&light.expected, checked);
        wrong += usize::from(judged.is_err());
        println!(
            "| {group} | {} | {} |",
            light.name,
            judged.unwrap_or_else(|wrong| format!("WRONG: {wrong}"))
        );
    }
    println!(
        "\n{groups} groups in {} s by one program, which ended with {status}; {wrong} misjudged",
        began.elapsed().as_secs()
    );
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::from(3) }
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
    if let Some(time) = wanted.beside {
        return play_beside(&micropython, &wanted, &plays, time);
    }
    if let Some(groups) = wanted.class {
        return play_class(&micropython, &wanted, groups);
    }
    let began = Instant::now();
    let rows = Mutex::new(BTreeMap::<(String, &str), Row>::new());
    side_by_side(
        &plays,
        wanted.width,
        |(_, broker, light)| check(&micropython, light, *broker),
        |(run, broker, light), checked| {
            let judged = judge(&light.expected, &checked);
            if let Some(folder) = &wanted.logs {
                write_log(folder, (*run, *broker, light), &checked.told);
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
