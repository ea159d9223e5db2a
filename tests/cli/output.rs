//! Standard output that is closed, or full: no panic, and a full one is told.

use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

use test_support::{Workspace, binary};

const COMMANDS: [&[&str]; 6] = [
    &["scenario", "--list"],
    &["scenario", "--list", "--json"],
    &["scenario", "wifi-lost"],
    &["doctor"],
    &["presets"],
    &["ports", "--json"],
];

fn ended_with(lab: &Workspace, args: &[&str], out: Stdio) -> (Option<i32>, String) {
    let output = lab.command(args).stdout(out).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn nobody_who_reads_is_no_panic() {
    let lab = Workspace::new();
    for args in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let (status, stderr) = ended_with(&lab, args, writer.into());
        assert!(status.is_some_and(|status| status != 101), "{args:?} ended with {status:?}: {stderr}");
        assert!(!stderr.contains("panicked"), "{args:?}: {stderr}");
    }
}

#[test]
fn a_full_disk_is_told_and_is_no_success() {
    let lab = Workspace::new();
    for args in COMMANDS {
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let (status, stderr) = ended_with(&lab, args, full.into());
        if args == ["ports", "--json"] && status == Some(0) {
            // No port is there, and nothing had to be written.
            continue;
        }
        assert_eq!(status, Some(1), "{args:?}: {stderr}");
        assert!(stderr.starts_with("error: ") || stderr.contains("\nerror: "), "{args:?}: {stderr}");
    }
}

#[test]
fn the_broker_goes_on_without_a_reader() {
    let lab = Workspace::new();
    let mut broker = Command::new(binary())
        .args(["broker", "--port", "0", "--state"])
        .arg(lab.folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line is read, and the rest has no reader.
    let mut first = String::new();
    let mut out = BufReader::new(broker.stdout.take().unwrap());
    out.read_line(&mut first).unwrap();
    drop(out);
    let address = first.trim_end().rsplit(' ').next().unwrap();
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    client.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x05\x00\x01x").unwrap();
    let mut answer = [0; 4];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0], "it serves on");
    assert_eq!(broker.try_wait().unwrap(), None);
    broker.kill().unwrap();
    broker.wait().unwrap();
}
