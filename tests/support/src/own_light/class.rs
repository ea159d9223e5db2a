//! A class of lights, checked at once by one program.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use super::{Address, Board, Checked, Light, checked::LONGEST};
use crate::Workspace;

/// How far the boards' starts are apart: a class does not plug them in at one moment.
const APART: Duration = Duration::from_millis(300);

/// Plays whole checks of these lights, each a group of its own, in their order. What each gets is as if it were alone,
/// but for the exit status, which is the class's, and is given too.
pub fn class(micropython: &Path, lights: &[Light]) -> (Vec<Checked>, i32) {
    let lab = Workspace::new();
    let ports = free_ports(lights.len());
    let roster = lab.folder.path().join("roster.csv");
    let rows = ports.iter().enumerate().map(|(group, port)| format!("{group},{port}\n"));
    fs::write(&roster, format!("group,port\n{}", rows.collect::<String>())).unwrap();
    let table = lab.folder.path().join("table.csv");
    let mut going = lab.start(&[
        "check",
        "--json",
        "--class",
        roster.to_str().unwrap(),
        "--csv",
        table.to_str().unwrap(),
    ]);
    let last = (lights.len() - 1).to_string();
    going.wait_for("the last group's port", 60, |line| {
        line["kind"] == "broker" && line["group"] == last.as_str()
    });
    let boards: Vec<Board> = lights
        .iter()
        .zip(&ports)
        .map(|(light, port)| {
            thread::sleep(APART);
            let (says, hears) = (light.of.says.clone(), light.of.hears.clone());
            Board::start(micropython, &light.program(&Address { port: *port, login: None, says, hears }))
        })
        .collect();
    let began = Instant::now();
    let ended = going.wait_for_end(LONGEST);
    let run = going.finish();
    let of_group = |(group, board): (usize, &Board)| {
        let group = group.to_string();
        let lines = || run.lines.iter().filter(|line| line["group"] == group.as_str());
        let steps: Vec<_> = lines().filter(|line| line["kind"] == "step").cloned().collect();
        let status = match steps.iter().find(|step| step["outcome"] == "fail") {
            Some(step) if step["cause"] == "never-came" => 1,
            Some(_) => 3,
            None => 0,
        };
        let told = lines().map(|line| format!("{line}\n")).collect::<String>() + &board.log().join("\n");
        Checked {
            steps,
            summary: lines().find(|line| line["kind"] == "summary").cloned(),
            status,
            took: began.elapsed(),
            told,
        }
    };
    (boards.iter().enumerate().map(of_group).collect(), ended.unwrap_or(run.status))
}

/// Ports that nobody listens on.
fn free_ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|port| port.local_addr().unwrap().port()).collect()
}
