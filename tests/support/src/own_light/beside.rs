//! A light beside a virtual one.

use std::{path::Path, time::Duration};

use super::{
    Board, Light,
    brokers::{Behind, Broker},
};
use crate::Workspace;

/// How it went.
#[derive(Debug)]
pub struct Beside {
    pub conflicts: u64,
    /// Of the virtual light, and of the other.
    pub greens: [u64; 2],
    /// The program's exit status: 0 without a conflict.
    pub status: i32,
    /// For whoever wants to know why.
    pub told: String,
}

/// Longer than a run takes to end when its time is over.
const END: Duration = Duration::from_secs(60);

/// Lets the light take turns with a virtual one for this time.
pub fn beside(micropython: &Path, light: &Light, broker: Broker, time: Duration) -> Beside {
    let lab = Workspace::new();
    let behind = Behind::start(broker, light.login);
    let mut at = behind.address(light);
    let junction = "[[junction]]\nname = \"lab\"\nlights = [\"a\", \"b\"]\nrun = [\"a\"]\n";
    let config = lab.config(&format!("{}\n{junction}\n{}", behind.toml, light.foreign(&at)));
    let seconds = time.as_secs().to_string();
    let args = ["run", "--json", "--seconds", &seconds, "--config", config.to_str().unwrap()];
    let mut going = lab.start(&args);
    let port = going.port();
    at.port = behind.port().unwrap_or(port);
    let board = Board::start(micropython, &light.program(&at));
    let status = going.wait_for_end(time + END);
    let run = going.finish();
    let last = run.lines.last().filter(|line| line["kind"] == "summary");
    let count = |pointer: &str| last.and_then(|line| line.pointer(pointer)?.as_u64());
    let mut told = String::new();
    for line in &run.lines {
        told += &format!("{line}\n");
    }
    told += &format!("{}\n--- the board's log:\n{}\n", run.stderr, board.log().join("\n"));
    Beside {
        conflicts: count("/conflicts").unwrap_or(u64::MAX),
        greens: ["/greens/lab~1a", "/greens/lab~1b"].map(|light| count(light).unwrap_or_default()),
        status: status.unwrap_or(run.status),
        told,
    }
}
