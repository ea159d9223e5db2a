//! The wire contract: what is written is read again, what is not a message is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use traffic_light::{
    Aspect, Ignored, Key, MAX_MESSAGE_BYTES, Name, Need, PeerMessage, Refused, ReplayGuard, State, Status,
    command::{Action, Command},
    message::Give,
};

const TOPIC: &str = "twinlight/demo/a/state";
const SAMPLE: &str = r#"{"v":1,"aspect":"green","boot":305419896,"seq":42,"at":81234,"need":{"turn":7},"give":[{"to":"b","boot":77,"seq":9,"ms":8000}]}"#;

/// SplitMix64: the same numbers in every run.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn word(&mut self) -> u32 {
        // Short and long numbers alike.
        let shift = self.next() % 32;
        u32::try_from(self.next() >> 32).unwrap() >> shift
    }

    fn name(&mut self) -> Name {
        let len = 1 + self.below(16);
        let text: String =
            (0..len).map(|_| char::from(b"abcdefghijklmnopqrstuvwxyz0123456789-"[self.below(37)])).collect();
        Name::new(&text).unwrap()
    }

    fn state(&mut self) -> State {
        let mut state =
            State::new(Aspect::ALL[self.below(6)], self.word(), self.word(), self.next() >> self.below(64));
        if self.below(2) == 0 {
            state.need = Some(Need { turn: self.word() });
        }
        for boot in 0..u32::try_from(self.below(4)).unwrap() {
            let give = Give { to: self.name(), boot, seq: self.word(), ms: self.word() };
            state.give.push(give).unwrap();
        }
        for _ in 0..self.below(3) {
            state.lost.push(self.name()).unwrap();
        }
        state
    }
}

fn key() -> Key {
    Key::new(b"0123456789abcdef").unwrap()
}

#[test]
fn the_sample_of_the_contract_is_read_and_written_to_the_letter() {
    let PeerMessage::State(state) = PeerMessage::decode(TOPIC, SAMPLE.as_bytes(), None).unwrap() else {
        panic!("a state")
    };
    assert_eq!((state.aspect, state.boot, state.need), (Aspect::Green, 305_419_896, Some(Need { turn: 7 })));
    assert_eq!(state.encode(TOPIC, None).as_slice(), SAMPLE.as_bytes());
}

#[test]
fn what_is_written_is_read_again() {
    let mut rng = Rng(1);
    let key = key();
    for round in 0..5_000 {
        let state = rng.state();
        let key = (round % 2 == 0).then_some(&key);
        let message = state.encode(TOPIC, key);
        assert_eq!(PeerMessage::decode(TOPIC, &message, key), Ok(PeerMessage::State(state)));
    }
}

#[test]
fn no_bytes_make_the_reader_panic() {
    let mut rng = Rng(2);
    let key = key();
    for round in 0..30_000 {
        let mut bytes = match round % 3 {
            0 => (0..rng.below(600)).map(|_| u8::try_from(rng.below(256)).unwrap()).collect(),
            _ => rng.state().encode(TOPIC, (round % 2 == 0).then_some(&key)).to_vec(),
        };
        for _ in 0..rng.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = rng.below(bytes.len());
            match rng.below(4) {
                0 => bytes[at] = u8::try_from(rng.below(256)).unwrap(),
                1 => bytes.truncate(at),
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"{}[]\",:-0"[rng.below(9)]),
            }
        }
        for key in [None, Some(&key)] {
            let _ = PeerMessage::decode(TOPIC, &bytes, key);
            let _ = Status::decode(TOPIC, &bytes, key);
            let _ = Command::decode(TOPIC, &bytes, key);
        }
    }
}

#[test]
fn seven_long_names_and_a_key_fit_into_512_bytes() {
    let key = Key::new(&[b'k'; 64]).unwrap();
    let names: Vec<Name> =
        (0..7).map(|index| Name::new(&format!("long-name-here-{index}")).unwrap()).collect();
    let mut state = State::new(Aspect::FlashingAmber, u32::MAX, u32::MAX, u64::MAX);
    state.need = Some(Need { turn: u32::MAX });
    for name in &names {
        state.lost.push(name.clone()).unwrap();
        state.give.push(Give { to: name.clone(), boot: u32::MAX, seq: u32::MAX, ms: u32::MAX }).unwrap();
    }
    let message = state.encode(TOPIC, Some(&key));
    assert!(!message.is_empty() && message.len() <= MAX_MESSAGE_BYTES);
    let PeerMessage::State(read) = PeerMessage::decode(TOPIC, &message, Some(&key)).unwrap() else {
        panic!("a state")
    };
    assert_eq!(read.lost, state.lost, "promises are left out before lost lights are");
    assert!(!read.give.is_empty(), "the first promise is told");
    assert_eq!(read.give[0], state.give[0]);
}

/// Keeps away a message of the contract that is refused for the number of its promises.
#[test]
fn as_many_short_promises_as_fit_into_a_message_are_read() {
    let mut text = r#"{"v":1,"aspect":"red","boot":1,"seq":1,"at":1,"give":["#.to_owned();
    for boot in 0.. {
        let give = format!(r#"{{"to":"b","boot":{boot},"seq":1,"ms":1}},"#);
        if text.len() + give.len() + 1 > MAX_MESSAGE_BYTES {
            break;
        }
        text += &give;
    }
    let text = format!("{}]}}", text.trim_end_matches(','));
    assert!(text.len() <= MAX_MESSAGE_BYTES);
    let PeerMessage::State(read) = PeerMessage::decode(TOPIC, text.as_bytes(), None).unwrap() else {
        panic!("a state")
    };
    assert_eq!(read.give.len(), text.matches("boot").count() - 1);
}

/// Made with Python: `hmac.new(key, topic + b"\0" + body, hashlib.sha256).digest()[:16].hex()`.
#[test]
fn signatures_are_those_that_another_program_computes() {
    let red = r#"{"v":1,"aspect":"red","boot":1,"seq":1,"at":0"#;
    let state = State::new(Aspect::Red, 1, 1, 0);
    let signed = format!(r#"{red},"sig":"0d47a8a63c02acd6aafd33bdf25d720f"}}"#);
    assert_eq!(state.encode(TOPIC, Some(&key())).as_slice(), signed.as_bytes());

    let long = Key::new(&[b'k'; 64]).unwrap();
    let body = SAMPLE.strip_suffix('}').unwrap();
    let signed = format!(r#"{body},"sig":"43145f035399f886fb3860e77a82fdd5"}}"#);
    assert!(PeerMessage::decode("twinlight/demo/b/state", signed.as_bytes(), Some(&long)).is_ok());
    assert_eq!(
        PeerMessage::decode(TOPIC, signed.as_bytes(), Some(&long)),
        Err(Ignored::WrongSignature),
        "another topic"
    );
    assert_eq!(PeerMessage::decode(TOPIC, SAMPLE.as_bytes(), Some(&long)), Err(Ignored::Unsigned));
    assert_eq!(PeerMessage::decode(TOPIC, b"GREEN", Some(&long)), Err(Ignored::Unsigned));
}

#[test]
fn every_changed_byte_breaks_the_signature() {
    let key = key();
    let message = Rng(3).state().encode(TOPIC, Some(&key));
    for at in 0..message.len() {
        let mut changed = message.to_vec();
        changed[at] ^= 1;
        assert!(PeerMessage::decode(TOPIC, &changed, Some(&key)).is_err(), "byte {at}");
    }
}

#[test]
fn unknown_members_are_ignored() {
    for extra in [
        r#""new":1"#,
        r#""new":-1.5e3"#,
        r#""new":null"#,
        r#""new":true"#,
        r#""new":"a \"quoted\" word""#,
        r#""new":[1,[2,{"a":[]}]]"#,
        r#""new":{"deep":{"er":[{}]}}"#,
    ] {
        let text = format!("{},{extra}}}", SAMPLE.strip_suffix('}').unwrap());
        assert!(PeerMessage::decode(TOPIC, text.as_bytes(), None).is_ok(), "{text}");
        let text = format!("{{{extra},{}", SAMPLE.strip_prefix('{').unwrap());
        assert!(PeerMessage::decode(TOPIC, text.as_bytes(), None).is_ok(), "{text}");
    }
}

#[test]
fn impossible_messages_are_refused_with_the_reason() {
    let long = " ".repeat(500) + SAMPLE;
    assert_eq!(
        PeerMessage::decode(TOPIC, long.as_bytes(), None),
        Err(Ignored::TooLong { bytes: long.len() })
    );
    let other = SAMPLE.replace(r#""v":1"#, r#""v":2"#);
    assert_eq!(PeerMessage::decode(TOPIC, other.as_bytes(), None), Err(Ignored::Version { found: 2 }));
    for (from, to) in
        [("green", "blue"), ("305419896", "4294967296"), ("42", "-1"), ("\"b\"", "\"B\""), ("\"b\"", "\"\"")]
    {
        let text = SAMPLE.replace(from, to);
        assert_eq!(PeerMessage::decode(TOPIC, text.as_bytes(), None), Err(Ignored::Malformed), "{text}");
    }
    let give = r#"{"to":"b","boot":77,"seq":9,"ms":8000}"#;
    let twice = SAMPLE.replace(give, &format!("{give},{give}"));
    assert!(matches!(PeerMessage::decode(TOPIC, twice.as_bytes(), None), Err(Ignored::Impossible(_))));
}

#[test]
fn a_beginners_bare_words_are_aspects() {
    for (text, aspect) in [
        ("red", Aspect::Red),
        ("GREEN", Aspect::Green),
        (" Amber\n", Aspect::Amber),
        ("yellow", Aspect::Amber),
        ("RED_AMBER", Aspect::RedAmber),
        ("flashing amber", Aspect::FlashingAmber),
    ] {
        assert_eq!(PeerMessage::decode(TOPIC, text.as_bytes(), None), Ok(PeerMessage::Plain(aspect)));
    }
    assert_eq!(PeerMessage::decode(TOPIC, b"blue", None), Err(Ignored::Malformed));
}

#[test]
fn commands_are_obeyed_once_in_order_and_for_this_boot() {
    let command = |boot, n| Command::new(boot, n, Action::Reboot);
    let mut guard = ReplayGuard::new(7, true);
    assert_eq!(guard.admit(&command(8, 9)), Err(Refused::OtherBoot));
    assert_eq!(guard.admit(&command(7, 5)), Ok(()));
    assert_eq!(guard.admit(&command(7, 5)), Err(Refused::Replayed));
    assert_eq!(guard.admit(&command(7, 4)), Err(Refused::Replayed));
    assert_eq!(guard.admit(&command(7, 6)), Ok(()));
    let mut open = ReplayGuard::new(7, false);
    assert_eq!(open.admit(&command(7, 1)), Err(Refused::NeedsKey));
    assert_eq!(open.admit(&Command::new(7, 1, Action::Identify)), Ok(()));
}

/// Found by fuzzing: such texts came through as they stood, onto whatever screen shows them.
#[test]
fn a_status_with_escapes_or_control_characters_is_ignored() {
    let impossible = Ignored::Impossible("a text with escapes or control characters");
    for (fw, why) in [
        ("0.1.\u{10}", Ignored::Malformed),
        ("\u{1b}[2J", Ignored::Malformed),
        ("0.1.\u{7f}", impossible),
        (r"0.1.\u001b[2J", impossible),
        (r#"0.1\"0"#, impossible),
    ] {
        let text = format!(r#"{{"v":1,"online":true,"fw":"{fw}"}}"#);
        assert_eq!(Status::decode(TOPIC, text.as_bytes(), None), Err(why), "{fw:?}");
    }
}

#[test]
fn commands_and_status_are_read_as_they_are_written() {
    let text = br#"{"v":1,"boot":7,"n":5,"do":"wifi-down","ms":10000}"#;
    let command = Command::decode(TOPIC, text, None).unwrap();
    assert_eq!((command.action, command.ms), (Action::WifiDown, Some(10_000)));
    assert_eq!(command.encode(TOPIC, None).as_slice(), text);
    assert_eq!(Status::offline().encode(TOPIC, None).as_slice(), br#"{"v":1,"online":false}"#);
    let text = br#"{"v":1,"online":true,"kind":"virtual","fw":"0.1.0","wifi_rssi":-61,"wifi_joins":1,"mqtt_joins":2,"uptime_s":93,"heap":81234,"reset":"power-on"}"#;
    assert_eq!(Status::decode(TOPIC, text, None).unwrap().encode(TOPIC, None).as_slice(), text);
}
