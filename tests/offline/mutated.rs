//! Files that a person or a stranger changed in any way: they are read or refused, with words, and nothing panics.
//!
//! Two seconds for each kind of file; `TWINLIGHT_MUTATE_S=600 cargo test --workspace --test offline mutated` takes as
//! long as it says. A finding prints the input.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use twinlight::{
    board::BoardFile,
    config::Config,
    recording::{Recording, judge},
    scenario::Scenario,
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// What breaks readers: ends of ranges, half of things, letters of several bytes.
const TOKENS: [&str; 28] = [
    "-1",
    "0",
    "1e308",
    "nan",
    "inf",
    "-0.0",
    "18446744073709551616",
    "9223372036854775807",
    "4294967296",
    "65536",
    "\"\"",
    "\"${HOME}\"",
    "\"${\"",
    "[]",
    "{}",
    "[[",
    "]]",
    "\n",
    "\r",
    "\t",
    "\0",
    "\u{1b}[31m",
    "\u{feff}",
    "å",
    "𝄞",
    "=",
    "#",
    "'''",
];

fn time() -> Duration {
    let seconds = std::env::var("TWINLIGHT_MUTATE_S").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(2))
}

/// All configurations in a folder of the repository.
fn shipped(folder: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
    files.sort();
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

/// One of the seeds, changed in a few places; some with parts of another one.
fn mutated(seeds: &[Vec<u8>], random: &mut StdRng) -> Vec<u8> {
    let mut bytes = seeds[random.random_range(0..seeds.len())].clone();
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..40)).min(bytes.len());
        let token = TOKENS[random.random_range(0..TOKENS.len())].as_bytes();
        match random.random_range(0..8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 => drop(bytes.drain(at..end)),
            2 => drop(bytes.splice(at..end, token.iter().copied())),
            3 => drop(bytes.splice(at..at, token.iter().copied())),
            4 => {
                let piece = bytes[at..end].to_vec();
                let to = random.random_range(0..=bytes.len());
                drop(bytes.splice(to..to, piece));
            }
            5 => bytes.truncate(at),
            6 => {
                let other = &seeds[random.random_range(0..seeds.len())];
                let from = random.random_range(0..=other.len());
                let to = (from + random.random_range(0..400)).min(other.len());
                drop(bytes.splice(at..at, other[from..to].iter().copied()));
            }
            // A number becomes another one.
            _ => {
                let digit = |byte: &u8| byte.is_ascii_digit();
                if let Some(first) = bytes[at..].iter().position(digit).map(|first| at + first) {
                    let last = bytes[first..]
                        .iter()
                        .position(|byte| !digit(byte))
                        .map_or(bytes.len(), |n| first + n);
                    drop(bytes.splice(first..last, token.iter().copied()));
                }
            }
        }
    }
    bytes
}

/// Gives `read` changed seeds for as long as it is to last.
fn for_a_while(what: &str, seeds: &[Vec<u8>], read: impl Fn(&[u8])) {
    let mut random = StdRng::seed_from_u64(std::env::var("TWINLIGHT_MUTATE_S").map_or(1, |_| rand::random()));
    let (began, mut count) = (Instant::now(), 0_u64);
    while began.elapsed() < time() {
        let bytes = mutated(seeds, &mut random);
        count += 1;
        if catch_unwind(AssertUnwindSafe(|| read(&bytes))).is_err() {
            panic!("{what} number {count} panicked:\n{:?}", String::from_utf8_lossy(&bytes));
        }
    }
    eprintln!("{what}: {count} changed files in {:.0} s", began.elapsed().as_secs_f64());
}

fn env(name: &str) -> Option<String> {
    name.len().is_multiple_of(2).then(|| "sixteen-or-more-bytes".to_owned())
}

#[test]
fn configurations() {
    for_a_while("configuration", &shipped("config"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Config::from_toml(&text, "lab.toml", &env) {
            Ok(mut config) => config.draw_faults(1),
            Err(error) => assert!(!error.draw(false).is_empty() && !error.to_string().is_empty()),
        }
    });
}

#[test]
fn scenarios() {
    for_a_while("scenario", &shipped("config/scenarios"), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match Scenario::from_toml(&text, "lesson.toml", &env) {
            Ok(scenario) => drop((scenario.drawn(7), scenario.why_not_simulated())),
            Err(error) => assert!(!error.draw(true).is_empty()),
        }
    });
}

#[test]
fn provisioning_files() {
    let mut seeds = shipped("config");
    seeds.push(fs::read(Path::new(ROOT).join("config/board.toml")).unwrap());
    for_a_while("provisioning file", &seeds, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        match BoardFile::from_toml(&text, "board.toml", &Path::new(ROOT).join("config"), &env) {
            Ok(file) => drop(file),
            Err(error) => assert!(!error.draw(false).is_empty()),
        }
    });
}

#[test]
fn recordings() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("run.jsonl");
    let seeds = [super::recording::one_of_everything()];
    for_a_while("recording", &seeds, |bytes| {
        fs::write(&file, bytes).unwrap();
        match Recording::open(&file) {
            Ok(recording) => drop(judge(&recording)),
            Err(error) => assert!(!error.to_string().is_empty() && error.help().is_some()),
        }
    });
}

#[test]
fn payloads_of_foreign_lights() {
    let text = fs::read_to_string(Path::new(ROOT).join("config/own-light.toml")).unwrap();
    let config = Config::from_toml(&text, "own-light.toml", &env).unwrap();
    assert!(config.junctions.iter().any(|junction| junction.foreign_lights().next().is_some()));
    let seeds = [
        b"RED".to_vec(),
        b"green\r\n".to_vec(),
        br#"{"state":"GREEN","lamp":{"colour":"red"},"n":[1,2,3]}"#.to_vec(),
        br#"{"v":1,"aspect":"green","boot":1,"seq":2,"at":3}"#.to_vec(),
        b"\xff\xfeR\0E\0D\0".to_vec(),
    ];
    for_a_while("foreign payload", &seeds, |bytes| {
        for junction in &config.junctions {
            for (_, foreign) in junction.foreign_lights() {
                let understood = foreign.understand(bytes);
                assert_eq!(foreign.understand(bytes), understood);
            }
        }
        // Whoever listens to the contract's words hears the same payloads.
        for key in [None, traffic_light::Key::new(b"sixteen-or-more-bytes").ok()] {
            let _ = traffic_light::PeerMessage::decode("lab/demo/a/state", bytes, key.as_ref());
            let _ = traffic_light::Status::decode("lab/demo/a/status", bytes, key.as_ref());
        }
    });
}
