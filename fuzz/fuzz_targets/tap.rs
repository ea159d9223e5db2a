//! A tap on a link: whatever bytes come, in whatever pieces, nothing panics, and the pieces change nothing of what
//! is told.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;

use self::{
    fault::Direction,
    tap::{LinkEvent, Reader},
};

// The desktop's own source. The whole desktop would have to be built with it otherwise.
#[allow(dead_code)]
#[path = "../../src/tap/mod.rs"]
mod tap;

/// What the tap takes from the desktop's faults.
mod fault {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Direction {
        ToBroker,
        FromBroker,
    }

    impl Direction {
        pub(crate) fn index(self) -> usize {
            usize::from(self == Direction::FromBroker)
        }
    }
}

fuzz_target!(|input: (u8, Vec<u8>, Vec<u8>)| {
    let (size, up, down) = input;
    let whole = read(usize::MAX, &up, &down);
    assert_eq!(read(usize::from(size).max(1), &up, &down), whole);
    let malformed = |event: &&LinkEvent| matches!(event, LinkEvent::Malformed { .. });
    assert!(whole.iter().filter(malformed).count() <= 2);
});

fn read(size: usize, up: &[u8], down: &[u8]) -> Vec<LinkEvent> {
    let mut reader = Reader::new(1);
    let mut events = Vec::new();
    for (direction, bytes) in [(Direction::ToBroker, up), (Direction::FromBroker, down)] {
        for piece in bytes.chunks(size) {
            reader.bytes(Duration::ZERO, direction, piece, |seen| events.push(seen.what));
        }
    }
    reader.half_closed(Duration::ZERO, |seen| events.push(seen.what));
    events
}
