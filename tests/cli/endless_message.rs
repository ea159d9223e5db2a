//! A broker that announces a message of 256 MB, to everyone: by hand, on plain sockets.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use test_support::Workspace;

/// The longest packet that MQTT has.
const ANNOUNCED: usize = 268_435_455;
const SOON_S: u64 = 60;
/// What a run may take more than before: nobody's share of the message is kept.
const MOST_GROWTH_KIB: u64 = 24 * 1_024;

/// A broker whose every subscriber gets the message. Tells of each how much it took before it hung up.
fn broker() -> (u16, Receiver<usize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, took) = channel();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let tell = tell.clone();
            // A client may hang up at any moment.
            thread::spawn(move || serve(client, &tell));
        }
    });
    (port, took)
}

fn serve(mut client: TcpStream, tell: &Sender<usize>) -> Option<()> {
    loop {
        let (first, body) = packet(&mut client)?;
        let id = || body.get(..2).map(<[u8]>::to_vec);
        match first >> 4 {
            1 => client.write_all(b"\x20\x02\x00\x00").ok()?,
            3 => {
                // Behind its topic.
                let topic = usize::from(u16::from_be_bytes([*body.first()?, *body.get(1)?]));
                client.write_all(&[&b"\x40\x02"[..], body.get(topic + 2..topic + 4)?].concat()).ok()?;
            }
            8 => {
                let (mut at, mut codes) = (2, Vec::new());
                while let Some(length) = body.get(at..at + 2) {
                    at += usize::from(u16::from_be_bytes([length[0], length[1]])) + 3;
                    codes.push(1);
                }
                let length = u8::try_from(codes.len() + 2).ok()?;
                client.write_all(&[&[0x90, length][..], &id()?, &codes].concat()).ok()?;
                let _ = tell.send(flood(&mut client));
                return None;
            }
            12 => client.write_all(b"\xd0\x00").ok()?,
            _ => {}
        }
    }
}

fn packet(client: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut byte = [0];
    client.read_exact(&mut byte).ok()?;
    let first = byte[0];
    let (mut length, mut shift) = (0, 0);
    loop {
        client.read_exact(&mut byte).ok()?;
        length |= usize::from(byte[0] & 0x7f) << shift;
        shift += 7;
        if byte[0] & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// Sends the message until the client hangs up or has all of it; returns how much went.
fn flood(client: &mut TcpStream) -> usize {
    let piece = vec![b'x'; 64 * 1_024];
    let mut sent = 0;
    if client.write_all(b"\x30\xff\xff\xff\x7f\x00\x01a").is_err() {
        return 0;
    }
    while sent < ANNOUNCED - 3 {
        let rest = piece.len().min(ANNOUNCED - 3 - sent);
        if client.write_all(&piece[..rest]).is_err() {
            return sent;
        }
        sent += rest;
    }
    sent
}

fn on_broker(port: u16) -> String {
    format!(
        "[broker]\nkind = \"external\"\nhost = \"127.0.0.1\"\nport = {port}\n[[junction]]\nname = \"demo\"\n"
    )
}

#[test]
fn a_message_of_256_mb_is_told_and_costs_a_run_no_memory() {
    let (port, took) = broker();
    let lab = Workspace::new();
    let file = lab.config(&on_broker(port));
    let mut run = lab.start(&["run", "--config", file.to_str().unwrap()]);
    let words = "no broker: the broker sends a message of 268,435,455 bytes; at most 1,048,576 are taken";
    run.wait_for(words, SOON_S, |line| line.as_str().is_some_and(|line| line.contains(words)));
    let before = run.most_kib().unwrap();
    // The observer, which hangs up, and both lights, which pass over all of it.
    let mut all: Vec<_> =
        (0..3).map(|_| took.recv_timeout(Duration::from_secs(SOON_S)).expect("a client hangs")).collect();
    all.sort_unstable();
    assert!(all[0] < 16 << 20, "nobody hung up: {all:?}");
    let after = run.most_kib().unwrap();
    println!("taken: {all:?} bytes; memory {before} and then {after} KiB");
    assert!(after < before + MOST_GROWTH_KIB && after < 128 * 1_024, "{before} and then {after} KiB");
    let (status, _) = run.end();
    assert_ne!(status, 101);
}

#[test]
fn a_doctor_passes_over_a_message_of_256_mb() {
    let (port, _took) = broker();
    let lab = Workspace::new();
    let file = lab.config(&on_broker(port));
    let mut doctor = lab.start(&["doctor", "--config", file.to_str().unwrap()]);
    let mut most = 0;
    let until = Instant::now() + Duration::from_secs(2 * SOON_S);
    while doctor.wait_for_end(Duration::from_millis(1)).is_none() {
        assert!(Instant::now() < until, "it does not end");
        most = most.max(doctor.most_kib().unwrap_or(0));
    }
    println!("the doctor took {most} KiB");
    assert!(most < 64 * 1_024, "{most} KiB");
}
