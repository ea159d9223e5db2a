//! The usual words of beginners' lights, and how the words that were not heard yet follow from one that was.

use super::{
    record::Payload,
    vocabulary::{Shown, Vocabulary, scalar, text},
};

/// Words of one language, in lower case.
struct Language {
    red: &'static [&'static str],
    red_amber: &'static [&'static str],
    amber: &'static [&'static str],
    green: &'static [&'static str],
    dark: &'static [&'static str],
}

const LANGUAGES: &[Language] = &[
    Language {
        red: &["red"],
        red_amber: &[
            "red-amber",
            "redamber",
            "red_amber",
            "red amber",
            "red-yellow",
            "redyellow",
            "red_yellow",
        ],
        amber: &["yellow", "amber", "orange", "flashing-amber", "flashing", "blinking"],
        green: &["green"],
        dark: &["off", "dark"],
    },
    Language {
        red: &["röd", "rod", "rött"],
        red_amber: &["rödgul", "röd-gul", "rodgul"],
        amber: &["gul", "gult"],
        green: &["grön", "gron", "grönt"],
        dark: &["av", "släckt"],
    },
    Language {
        red: &["rot"],
        red_amber: &["rotgelb", "rot-gelb"],
        amber: &["gelb"],
        green: &["grün", "gruen", "grun"],
        dark: &["aus"],
    },
    Language { red: &["rød"], red_amber: &[], amber: &["gul"], green: &["grønn", "grøn"], dark: &["av"] },
    Language {
        red: &["punainen"],
        red_amber: &[],
        amber: &["keltainen"],
        green: &["vihreä"],
        dark: &["pois"],
    },
    Language {
        red: &["rouge"],
        red_amber: &[],
        amber: &["jaune", "orange"],
        green: &["vert"],
        dark: &["éteint"],
    },
    Language {
        red: &["rojo"],
        red_amber: &[],
        amber: &["amarillo", "ámbar"],
        green: &["verde"],
        dark: &["apagado"],
    },
    Language { red: &["rosso"], red_amber: &[], amber: &["giallo"], green: &["verde"], dark: &["spento"] },
    Language {
        red: &["vermelho"],
        red_amber: &[],
        amber: &["amarelo"],
        green: &["verde"],
        dark: &["desligado"],
    },
    Language {
        red: &["rood"],
        red_amber: &[],
        amber: &["geel", "oranje"],
        green: &["groen"],
        dark: &["uit"],
    },
    Language {
        red: &["czerwone", "czerwony"],
        red_amber: &[],
        amber: &["żółte", "żółty"],
        green: &["zielone", "zielony"],
        dark: &[],
    },
    Language {
        red: &["stop"],
        red_amber: &["ready"],
        amber: &["wait", "caution", "slow"],
        green: &["go"],
        dark: &[],
    },
    Language { red: &["r"], red_amber: &["ry", "ra"], amber: &["y", "a", "o"], green: &["g"], dark: &["d"] },
];

impl Language {
    fn rows(&self) -> [(Shown, &'static [&'static str]); 5] {
        [
            (Shown::Red, self.red),
            (Shown::RedAmber, self.red_amber),
            (Shown::Green, self.green),
            (Shown::Amber, self.amber),
            (Shown::Dark, self.dark),
        ]
    }

    fn find(&self, lower: &str) -> Option<Shown> {
        self.rows().into_iter().find(|(_, words)| words.contains(&lower)).map(|(shown, _)| shown)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Lower,
    Upper,
    Capital,
}

impl Case {
    fn of(word: &str) -> Case {
        let upper = |c: char| c.is_uppercase();
        if word.chars().count() > 1 && !word.chars().any(char::is_lowercase) {
            Case::Upper
        } else if word.chars().next().is_some_and(upper) {
            if word.chars().count() == 1 { Case::Upper } else { Case::Capital }
        } else {
            Case::Lower
        }
    }

    fn apply(self, word: &str) -> String {
        match self {
            Case::Lower => word.to_owned(),
            Case::Upper => word.to_uppercase(),
            Case::Capital => {
                let mut letters = word.chars();
                letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
            }
        }
    }
}

/// A payload, taken apart.
struct Found {
    json: Option<String>,
    before: String,
    word: String,
    after: String,
}

/// The vocabulary that explains most of these payloads; `None` where no usual word is among them.
#[must_use]
pub(crate) fn guess<'p>(payloads: impl IntoIterator<Item = &'p Payload>) -> Option<Vocabulary> {
    let mut distinct: Vec<&Payload> = Vec::new();
    for payload in payloads {
        if !distinct.contains(&payload) && distinct.len() < 32 {
            distinct.push(payload);
        }
    }
    let candidates = LANGUAGES.iter().filter_map(|language| {
        let found: Vec<(Shown, Found)> =
            distinct.iter().filter_map(|payload| explain(language, payload)).collect();
        let count = found.len();
        Some((count, vocabulary(language, &found)?))
    });
    // The first of equals: English before others.
    candidates
        .reduce(|best, next| if next.0 > best.0 { next } else { best })
        .map(|(_, vocabulary)| vocabulary)
}

/// A word without the signs around it: `'b'RED''` is `RED`.
fn bare(word: &str) -> &str {
    let plain = |letters: &str| letters.chars().count() > 1;
    word.split(|c: char| !c.is_alphanumeric())
        .filter(|part| plain(part))
        .max_by_key(|part| part.len())
        .unwrap_or(word)
}

/// Other forms of a word that a program might compare with: without the signs around it, and in another case.
#[must_use]
pub(super) fn other_forms(word: &str) -> Vec<String> {
    let bare = bare(word);
    let cases = |word: &str| {
        let lower = word.to_lowercase();
        [Case::Lower, Case::Upper, Case::Capital].map(|case| case.apply(&lower))
    };
    let mut distinct: Vec<String> = Vec::new();
    for form in [bare.to_owned()].into_iter().chain(cases(bare)).chain(cases(word)) {
        if form != word && !distinct.contains(&form) {
            distinct.push(form);
        }
    }
    distinct
}

fn vocabulary(language: &Language, found: &[(Shown, Found)]) -> Option<Vocabulary> {
    // A light shows red before anything else, mostly; any of its words tells the form of the others.
    let (_, first) = found.first()?;
    let case = Case::of(&first.word);
    let heard = |shown: Shown| {
        let mut words: Vec<String> = Vec::new();
        for (_, Found { before, word, after, .. }) in found.iter().filter(|(of, _)| *of == shown) {
            let form = format!("{before}{word}{after}");
            if !words.contains(&form) {
                words.push(form);
            }
        }
        words
    };
    let all = |shown: Shown, usual: &[&str]| {
        let mut words = heard(shown);
        for word in usual {
            let form = format!("{}{}{}", first.before, case.apply(word), first.after);
            if !words.contains(&form) {
                words.push(form);
            }
        }
        words
    };
    Some(Vocabulary {
        red: all(Shown::Red, language.red),
        red_amber: heard(Shown::RedAmber),
        amber: all(Shown::Amber, language.amber),
        green: all(Shown::Green, language.green),
        dark: all(Shown::Dark, language.dark),
        json: first.json.clone(),
    })
}

/// What a payload says in this language.
fn explain(language: &Language, payload: &Payload) -> Option<(Shown, Found)> {
    let text = text(payload)?;
    if let Ok(value @ serde_json::Value::Object(_)) = serde_json::from_str(text) {
        let mut members = Vec::new();
        collect(&value, "", &mut members);
        let hit = members.into_iter().find_map(|(pointer, word)| {
            let shown = language.find(&word.trim().to_lowercase())?;
            Some((shown, Found { json: Some(pointer), before: String::new(), word, after: String::new() }))
        });
        return hit;
    }
    if let Some(shown) = language.find(&text.to_lowercase()) {
        return Some((
            shown,
            Found { json: None, before: String::new(), word: text.to_owned(), after: String::new() },
        ));
    }
    // One word among signs, as in "light: RED!"; single letters would be found anywhere.
    let mut hits = Vec::new();
    let mut from = 0;
    let letters = |c: char| c.is_alphabetic();
    while let Some(offset) = text.get(from..)?.find(letters) {
        let begin = from + offset;
        let end = text.get(begin..)?.find(|c| !letters(c)).map_or(text.len(), |length| begin + length);
        let word = text.get(begin..end)?;
        if word.chars().count() > 1
            && let Some(shown) = language.find(&word.to_lowercase())
        {
            hits.push((shown, begin, end));
        }
        from = end;
    }
    let [(shown, begin, end)] = hits[..] else { return None };
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default().to_owned();
    Some((
        shown,
        Found { json: None, before: part(0..begin), word: part(begin..end), after: part(end..text.len()) },
    ))
}

/// The members of an object that can be words, with their pointers.
fn collect(value: &serde_json::Value, pointer: &str, into: &mut Vec<(String, String)>) {
    if let serde_json::Value::Object(members) = value {
        for (name, member) in members {
            let pointer = format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"));
            if let Some(word) = scalar(member) {
                into.push((pointer, word));
            } else if pointer.len() < 64 {
                collect(member, &pointer, into);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(payloads: &[&str]) -> Option<Vocabulary> {
        let payloads: Vec<Payload> = payloads.iter().map(|text| Payload(text.as_bytes().to_vec())).collect();
        guess(&payloads)
    }

    #[test]
    fn one_word_tells_the_language_the_case_and_the_others() {
        for (heard, green) in [
            ("red", "green"),
            ("RED", "GREEN"),
            ("Röd", "Grön"),
            ("ROT", "GRÜN"),
            ("R", "G"),
            ("stop", "go"),
            ("light=red;", "light=green;"),
            ("{\"id\":7,\"state\":\"Red\"}", "{\"state\":\"Green\"}"),
        ] {
            let vocabulary = learned(&[heard]).unwrap();
            assert_eq!(String::from_utf8(vocabulary.encode(Shown::Green).0).unwrap(), green, "{heard}");
        }
        assert_eq!(learned(&["hello", "7", ""]), None);
    }

    #[test]
    fn what_was_heard_is_said_as_it_was_heard() {
        let vocabulary = learned(&["red", "AMBER", "GREEN"]).unwrap();
        assert_eq!(vocabulary.encode(Shown::Green).0, b"GREEN");
        assert_eq!(vocabulary.encode(Shown::Amber).0, b"AMBER");
        assert_eq!(vocabulary.encode(Shown::RedAmber).0, b"GREEN", "no word for it was heard");
        let swedish = learned(&["gul", "röd"]).unwrap();
        assert_eq!(swedish.green[0], "grön", "the language that explains most");
    }

    #[test]
    fn other_forms_differ_in_case() {
        assert_eq!(other_forms("Green"), ["green", "GREEN"]);
        assert_eq!(other_forms("g"), ["G"]);
        assert_eq!(other_forms("\"RED\"")[..2], ["RED", "red"], "without its quotes");
        assert_eq!(other_forms("b'RED'")[0], "RED");
    }
}
