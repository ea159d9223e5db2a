//! The words of somebody else's light, bare and anywhere in JSON: reading never panics, and what it is told is
//! understood again as the word that was chosen.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use traffic_light::{
    Aspect,
    foreign::{Foreign, Forms, Pointer, Words, is_topic},
};

static BARE: LazyLock<Foreign> = LazyLock::new(|| {
    let words = Words::new(&[(Aspect::Red, "RED"), (Aspect::Amber, "yellow"), (Aspect::Green, "1")]);
    Foreign::new("says", "hears", words.expect("these are words")).expect("these are topics")
});

fuzz_target!(|input: (&str, &str, &[u8])| {
    let (pointer, topic, payload) = input;
    let _ = is_topic(topic);
    let mut forms = Forms::default();
    forms.is_new(payload);
    assert!(!forms.is_new(payload), "one form is told once");
    read(&BARE, payload);
    if let Ok(pointer) = Pointer::new(pointer) {
        read(&BARE.clone().with_json(Some(pointer)), payload);
    }
    if let Ok(words) = Words::new(&[(Aspect::Green, topic), (Aspect::Red, "red")])
        && let Ok(foreign) = Foreign::new("says", "hears", words)
    {
        read(&foreign, payload);
    }
});

fn read(foreign: &Foreign, payload: &[u8]) {
    assert_eq!(foreign.check(), Ok(()));
    let _ = foreign.understand(payload);
    for aspect in Aspect::ALL {
        if let Some(said) = foreign.say(aspect) {
            let word = foreign.words().word_for(aspect).expect("it was said");
            assert_eq!(foreign.understand(&said), foreign.words().aspect_of(word.as_bytes()));
        }
    }
}
