//! What counts as JSON here is what counts as JSON elsewhere.
#![allow(clippy::unwrap_used)]

use serde::de::IgnoredAny;
use traffic_light::{Ignored, PeerMessage, Status, command::Command, json::is_json};

fn reference(text: &[u8]) -> bool {
    // Its reader of values to be ignored does not look whether they are UTF-8.
    std::str::from_utf8(text).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok())
}

/// What a member may hold, and what it may not.
const VALUES: [(&str, bool); 38] = [
    ("null", true),
    ("nul", false),
    ("nulll", false),
    ("true", true),
    ("True", false),
    ("0", true),
    ("-0", true),
    ("-", false),
    ("+1", false),
    ("01", false),
    ("1.", false),
    (".5", false),
    ("1.2.3-", false),
    ("1e5", true),
    ("1E-07", true),
    ("1e", false),
    ("1e999", true),
    ("0x10", false),
    ("NaN", false),
    ("\"\"", true),
    ("\"\\u00e9\\n\\/\"", true),
    ("\"\\ud800\"", true),
    ("\"\\u12g4\"", false),
    ("\"\\x\"", false),
    ("\"a\tb\"", false),
    ("\"a\u{0}b\"", false),
    ("\"\u{1f}\"", false),
    ("\"\u{7f}é\u{2028}\"", true),
    ("\"open", false),
    ("'a'", false),
    ("[]", true),
    ("[1,2,[{}]]", true),
    ("[1,]", false),
    ("[1 2]", false),
    ("{\"a\":{\"b\":[null,{}]}}", true),
    ("{\"a\" 1}", false),
    ("{a:1}", false),
    ("{\"a\":1,}", false),
];

#[test]
fn a_message_counts_only_if_all_of_it_is_json() {
    let topic = "twinlight/demo/b/state";
    for (value, well) in VALUES {
        assert_eq!((is_json(value.as_bytes()), reference(value.as_bytes())), (well, well), "{value:?}");
        let member = format!(r#""x":{value}"#);
        let state = format!(r#"{{"v":1,"aspect":"red","boot":1,"seq":1,"at":1,{member}}}"#);
        let status = format!(r#"{{"v":1,{member},"online":true}}"#);
        let command = format!(r#"{{{member},"v":1,"boot":1,"n":1,"do":"identify"}}"#);
        let read = [
            PeerMessage::decode(topic, state.as_bytes(), None).map(|_| ()),
            Status::decode(topic, status.as_bytes(), None).map(|_| ()),
            Command::decode(topic, command.as_bytes(), None).map(|_| ()),
        ];
        for (read, text) in read.into_iter().zip([&state, &status, &command]) {
            assert_eq!(read, if well { Ok(()) } else { Err(Ignored::Malformed) }, "{text}");
        }
    }
}

#[test]
fn only_the_white_space_of_json_may_stand_around_a_message() {
    let state = r#"{"v":1,"aspect":"red","boot":1,"seq":1,"at":1}"#;
    let read = |text: &str| PeerMessage::decode("t", text.as_bytes(), None).is_ok();
    assert!(read(&format!(" \t\r\n{state}\n")));
    for around in ["\u{a0}", "\u{0}", "\u{feff}", "\u{2003}", "x", "{}"] {
        assert!(!read(&format!("{state}{around}")), "{around:?}");
        assert!(!read(&format!("{around}{state}")), "{around:?}");
    }
}

#[test]
fn texts_at_random_are_judged_as_by_a_reader_that_everybody_uses() {
    const PIECES: [&str; 40] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "0", "1", "9", "-", "+", ".", "e", "E", "true", "false",
        "null", "nul", "u", "12", "00e9", "d83d", "\\ude00", " ", "\n", "\t", "\u{b}", "\u{0}", "\u{7f}",
        "é", "a", "\"a\"", "\"a\":", "{}", "[]", "/", "\\n", "\\u12",
    ];
    let mut state = 1_u64;
    let mut random = move |below: usize| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        usize::try_from((mixed ^ (mixed >> 31)) >> 40).unwrap() % below
    };
    let (mut well, mut ill) = (0, 0);
    for round in 0..200_000 {
        let mut text: Vec<u8> = if round % 2 == 0 {
            (0..=random(12)).flat_map(|_| PIECES[random(PIECES.len())].bytes()).collect()
        } else {
            br#"{"v":1,"need":{"turn":7},"x":[1.5e-3,"\u00e9\n",{"y":null}],"z":-0,"lost":["c"]}"#.to_vec()
        };
        if round % 2 == 1 {
            for _ in 0..random(3) {
                let at = random(text.len());
                let piece = PIECES[random(PIECES.len())].bytes();
                text.splice(at..(at + random(3)).min(text.len()), piece);
            }
        }
        let expected = reference(&text);
        assert_eq!(is_json(&text), expected, "{:?}", String::from_utf8_lossy(&text));
        *if expected { &mut well } else { &mut ill } += 1;
    }
    assert!(well > 20_000 && ill > 20_000, "{well} and {ill}: nothing is compared");
}

#[test]
fn nesting_is_followed_as_deep_as_a_message_can_be() {
    let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
    assert!(is_json(nested(256).as_bytes()) && is_json(nested(512).as_bytes()));
    assert!(!is_json(nested(600).as_bytes()), "no message is that long");
    assert!(!is_json("[{".repeat(200).as_bytes()) && !is_json(b"") && !is_json(b" "));
    assert!(!is_json(b"[\"\xff\"]"), "not UTF-8");
}
