//! A whole light on a hostile topic: whatever it hears and whenever, it does not panic, what it says
//! can be read, and it is not in go unless its one peer has given it leave.
#![no_main]

use libfuzzer_sys::fuzz_target;
use traffic_light::{
    Aspect, Instant, Key, Name, PeerMessage, Start, Status,
    message::Message,
    program::{Facts, HostCommand, LightHost, LogEvent, Program, Topic},
    record::Record,
};

const PEER: &str = "twinlight/demo/b/state";

#[derive(Default)]
struct Host {
    aspect: Option<Aspect>,
    key: Option<Key>,
}

impl LightHost for Host {
    fn show(&mut self, aspect: Aspect) {
        self.aspect = Some(aspect);
    }

    fn publish(&mut self, topic: Topic, message: &Message) -> bool {
        match topic {
            Topic::Status => Status::decode("twinlight/demo/a/status", message, self.key.as_ref()).map(drop),
            _ => PeerMessage::decode("twinlight/demo/a/state", message, self.key.as_ref()).map(drop),
        }
        .expect("what a light says can be read");
        true
    }

    fn execute(&mut self, _command: HostCommand) -> bool {
        true
    }

    fn facts(&self) -> Facts {
        Facts { kind: "board", reset: "power-on", firmware: "0", ..Facts::default() }
    }

    fn log(&mut self, event: LogEvent) {
        assert!(!event.to_string().is_empty());
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((first, mut rest)) = data.split_first() else { return };
    let name = |text| Name::new(text).expect("it is a name");
    let mut record = Record::new(name("demo"), name("a"));
    record.peers.push(name("b")).expect("there is room");
    record.key =
        (first & 1 == 1).then(|| Key::new(b"a key of 16 bytes at least").expect("it is long enough"));
    let mut host = Host { key: record.key.clone(), ..Host::default() };
    let start = Start { boot: 7, seed: 1, lease_max_ms: 8_000, last_run_ended_ms: None };
    let mut program = Program::new(&record, start, Instant::from_ms(0)).expect("the record is a good one");
    let mut now = 0;
    let mut promised = false;
    program.session_up(Instant::from_ms(now), &mut host);
    // Each step: how long to wait, what happens, and for a message its length.
    while let Some((&[wait, what, length], after)) = rest.split_first_chunk::<3>() {
        let (payload, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        for _ in 0..wait {
            now += 50;
            program.check(Instant::from_ms(now), &mut host);
        }
        let at = Instant::from_ms(now);
        match what % 6 {
            0 => {
                promised |= matches!(
                    PeerMessage::decode(PEER, payload, record.key.as_ref()),
                    Ok(PeerMessage::State(state)) if state.give.iter().any(|give| give.to.as_str() == "a" && give.boot == 7)
                );
                program.hear(at, PEER, payload, what >= 128, &mut host);
            }
            1 => program.hear(at, "twinlight/demo/a/cmd", payload, what >= 128, &mut host),
            2 => program.session_down(at, &mut host),
            3 => program.session_up(at, &mut host),
            4 => program.call(at, &mut host),
            _ => program.set_silent(at, what >= 128, &mut host),
        }
        if host.aspect.is_some_and(Aspect::is_go) {
            assert!(promised, "it goes without leave");
        }
    }
});
