//! A board's MQTT session: whatever a broker sends, and in whatever pieces, nothing panics, nothing
//! grows, and the pieces make no difference.
#![no_main]

use libfuzzer_sys::fuzz_target;
use traffic_light::{
    Instant,
    mqtt::{ConnectOptions, End, Event, INBOX_BYTES, OUTBOX_BYTES, Session},
};

const OPTIONS: ConnectOptions<'_> = ConnectOptions {
    client_id: "id",
    keep_alive_s: 5,
    user: "king",
    password: "arthur",
    will_topic: "w",
    will: b"bye",
};

/// An event that outlives the bytes that it was made of.
#[derive(Debug, PartialEq)]
enum Seen {
    Accepted,
    Subscribed,
    Message(String, Vec<u8>, bool),
    TooLong(usize),
}

fuzz_target!(|data: &[u8]| {
    // The first byte says how long the pieces are; 0: all at once.
    let Some((piece, bytes)) = data.split_first() else { return };
    let whole = run(bytes, usize::MAX);
    let pieces = run(bytes, usize::from(*piece).max(1));
    assert_eq!(whole, pieces);
});

fn run(bytes: &[u8], piece: usize) -> (Vec<Seen>, Option<End>) {
    let now = Instant::from_ms(0);
    let mut session = Session::open(&OPTIONS, now).expect("it fits");
    let mut seen = Vec::new();
    for chunk in bytes.chunks(piece.min(bytes.len().max(1))) {
        let mut rest = chunk;
        loop {
            let taken = session.feed(rest);
            rest = &rest[taken..];
            let events_before = seen.len();
            if let Err(end) = drain(&mut session, &mut seen, now) {
                assert!(!end.to_string().is_empty());
                return (seen, Some(end));
            }
            let waiting = session.outgoing().len();
            assert!(waiting <= OUTBOX_BYTES);
            session.sent(waiting);
            if rest.is_empty() {
                break;
            }
            assert!(taken > 0 || waiting > 0 || seen.len() > events_before, "it is stuck for ever");
        }
    }
    (seen, None)
}

fn drain(session: &mut Session, seen: &mut Vec<Seen>, now: Instant) -> Result<(), End> {
    loop {
        let event = match session.next_event(now)? {
            None => None,
            Some(Event::Accepted) => Some(Seen::Accepted),
            Some(Event::Subscribed) => Some(Seen::Subscribed),
            Some(Event::Message { topic, payload, retained }) => {
                assert!(topic.len() + payload.len() < INBOX_BYTES);
                Some(Seen::Message(topic.to_owned(), payload.to_vec(), retained))
            }
            Some(Event::TooLong { bytes }) => {
                assert!(bytes > INBOX_BYTES);
                Some(Seen::TooLong(bytes))
            }
        };
        // Without room for an acknowledgement the session waits for the socket.
        let was_full = session.outgoing().len() + 8 > OUTBOX_BYTES;
        let Some(event) = event else {
            if was_full {
                session.sent(OUTBOX_BYTES);
                continue;
            }
            return Ok(());
        };
        let accepted = event == Seen::Accepted;
        seen.push(event);
        if accepted {
            session.subscribe(["a", "b"], now)?;
        } else if session.is_up() {
            session.publish("x", b"a word of the light");
        }
    }
}
