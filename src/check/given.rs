//! A profile as a `[[foreign]]` table, and back.

use traffic_light::{
    Aspect, Foreign,
    foreign::{Pointer, Words},
};

use super::vocabulary::{Profile, Shown, Source, Vocabulary};

const ASPECTS: [(Aspect, Shown); 5] = [
    (Aspect::Red, Shown::Red),
    (Aspect::RedAmber, Shown::RedAmber),
    (Aspect::Green, Shown::Green),
    (Aspect::Amber, Shown::Amber),
    (Aspect::Dark, Shown::Dark),
];

/// What a configuration says of a light.
#[must_use]
pub(crate) fn profile(foreign: &Foreign) -> Profile {
    let words = |wanted: Aspect| {
        let flashing = wanted == Aspect::Amber;
        let of = move |aspect: Aspect| aspect == wanted || flashing && aspect == Aspect::FlashingAmber;
        foreign
            .words()
            .iter()
            .filter(move |(aspect, _)| of(*aspect))
            .map(|(_, word)| word.to_owned())
            .collect()
    };
    let vocabulary = Vocabulary {
        red: words(Aspect::Red),
        red_amber: words(Aspect::RedAmber),
        amber: words(Aspect::Amber),
        green: words(Aspect::Green),
        dark: words(Aspect::Dark),
        json: foreign.json().map(|pointer| pointer.as_str().to_owned()),
    };
    let (says, hears) = (foreign.says().to_owned(), foreign.hears().to_owned());
    Profile { topic: hears.clone(), says, hears, vocabulary, source: Source::Given }
}

/// A profile for a configuration; `None` where it does not fit into one.
#[must_use]
pub(crate) fn foreign(profile: &Profile) -> Option<Foreign> {
    let vocabulary = &profile.vocabulary;
    // The words that it says itself stand first; a configuration has room for a few.
    let words: Vec<(Aspect, &str)> = ASPECTS
        .iter()
        .flat_map(|(aspect, shown)| {
            vocabulary.words(*shown).iter().take(1).map(|word| (*aspect, word.as_str()))
        })
        .filter(|(_, word)| Words::check_word(word).is_ok())
        .collect();
    let foreign = Foreign::new(&profile.says, &profile.topic, Words::new(&words).ok()?).ok()?;
    let pointer = match &vocabulary.json {
        Some(json) => Some(Pointer::new(json).ok()?),
        None => None,
    };
    Some(foreign.with_json(pointer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand;

    #[test]
    fn a_profile_is_the_same_after_a_way_through_a_configuration() {
        let mut before = by_hand::profile();
        before.vocabulary.json = Some("/state".to_owned());
        let after = profile(&foreign(&before).unwrap());
        assert_eq!(after, Profile { source: Source::Given, ..before });
    }
}
