//! Messages of a junction: reading never panics, what is read can be said again and means the same,
//! nothing passes in a junction with a key that the key did not sign, and what counts as JSON is what another
//! reader takes for JSON.
#![no_main]

use std::fmt::Debug;

use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use traffic_light::{
    Ignored, Key, MAX_MESSAGE_BYTES, PeerMessage, Status, command::Command, json::is_json, message::Message,
};

const TOPIC: &str = "twinlight/demo/b/state";

fuzz_target!(|payload: &[u8]| {
    // The other reader follows no more than 127 levels.
    if payload.iter().filter(|byte| b"[{".contains(byte)).count() < 100 && payload.len() <= MAX_MESSAGE_BYTES {
        let well = std::str::from_utf8(payload).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
        assert_eq!(is_json(payload), well);
    }
    let key = Key::new(b"a key of 16 bytes at least").expect("it is long enough");
    if let Some(word) = read(payload, &key, PeerMessage::decode)
        && let PeerMessage::State(state) = &word
    {
        let said = state.encode(TOPIC, None);
        let heard = PeerMessage::decode(TOPIC, &said, None).expect("a state that was read can be said");
        let PeerMessage::State(heard) = heard else { panic!("a state was said, and something else heard") };
        // What does not fit is left out from the end of the lists.
        assert!(state.give.starts_with(&heard.give) && state.lost.starts_with(&heard.lost));
        let mut whole = heard;
        (whole.give, whole.lost) = (state.give.clone(), state.lost.clone());
        assert_eq!(&whole, state);
        let signed = state.encode(TOPIC, Some(&key));
        assert!(PeerMessage::decode(TOPIC, &signed, Some(&key)).is_ok());
        assert_eq!(
            PeerMessage::decode("twinlight/demo/c/state", &signed, Some(&key)),
            Err(Ignored::WrongSignature)
        );
    }
    if let Some(status) = read(payload, &key, Status::decode) {
        said_again(&status, &status.encode(TOPIC, None), Status::decode);
    }
    if let Some(command) = read(payload, &key, Command::decode) {
        said_again(&command, &command.encode(TOPIC, None), Command::decode);
    }
});

type Decode<T> = fn(&str, &[u8], Option<&Key>) -> Result<T, Ignored>;

/// What a junction without a key reads; one with a key reads nothing, since nobody signed it.
fn read<T: Debug>(payload: &[u8], key: &Key, decode: Decode<T>) -> Option<T> {
    let refused = decode(TOPIC, payload, Some(key)).expect_err("nobody guesses a signature");
    assert!(!refused.to_string().is_empty());
    let read = decode(TOPIC, payload, None).ok()?;
    assert!(payload.len() <= MAX_MESSAGE_BYTES);
    Some(read)
}

fn said_again<T: Debug + PartialEq>(value: &T, said: &Message, decode: Decode<T>) {
    // An empty message is one that did not fit.
    if !said.is_empty() {
        assert_eq!(decode(TOPIC, said, None).as_ref(), Ok(value));
    }
}
