//! What is typed to take a light for somebody else's, and what is wrong with it, as a configuration would say.

use std::{collections::BTreeSet, sync::Arc};

use traffic_light::{Aspect, Foreign, foreign::Words};

use crate::{
    check::{self, record::Payload, vocabulary::Shown},
    config::{Config, Problem},
    model::{Diagnostic, LightId},
    world::event::SurveyTopic,
};

/// The aspects that a light may have words for, in the order of the form.
pub(in crate::app) const ASPECTS: [Aspect; 6] =
    [Aspect::Red, Aspect::Amber, Aspect::Green, Aspect::RedAmber, Aspect::FlashingAmber, Aspect::Dark];
/// The usual words that stand for them.
const SHOWN: [Option<Shown>; 6] = [
    Some(Shown::Red),
    Some(Shown::Amber),
    Some(Shown::Green),
    Some(Shown::RedAmber),
    None,
    Some(Shown::Dark),
];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::app) struct ForeignLightForm {
    /// The light that it stands for.
    pub light: Option<LightId>,
    pub says: String,
    pub hears: String,
    /// By [`ASPECTS`]; several stand behind commas.
    pub words: [String; 6],
    pub json: String,
    pub retain: bool,
    /// Empty: what is usual.
    pub lost_after_s: String,
}

impl Default for ForeignLightForm {
    fn default() -> ForeignLightForm {
        let mut form = ForeignLightForm {
            light: None,
            says: String::new(),
            hears: String::new(),
            words: Default::default(),
            json: String::new(),
            retain: false,
            lost_after_s: String::new(),
        };
        form.set_words(&Words::default());
        form
    }
}

impl ForeignLightForm {
    fn set_words(&mut self, words: &Words) {
        for (aspect, text) in ASPECTS.into_iter().zip(&mut self.words) {
            let of = words.iter().filter(|(of, _)| *of == aspect).map(|(_, word)| word);
            *text = of.collect::<Vec<_>>().join(", ");
        }
    }

    /// Fills in how a light is talked with.
    pub(super) fn fill_in(&mut self, foreign: &Foreign) {
        foreign.says().clone_into(&mut self.says);
        foreign.hears().clone_into(&mut self.hears);
        self.set_words(foreign.words());
        self.json = foreign.json().map(|json| json.as_str().to_owned()).unwrap_or_default();
        self.retain = foreign.retain();
        self.lost_after_s = match foreign.lost_after_ms() {
            traffic_light::foreign::LOST_AFTER_MS => String::new(),
            ms => (f64::from(ms) / 1_000.0).to_string(),
        };
    }

    /// Fills in what was heard on a topic: it, the words as far as they are usual ones, and where its client listens.
    pub(super) fn take(&mut self, topic: &SurveyTopic) {
        topic.topic.as_ref().clone_into(&mut self.says);
        if let Some(hears) = hears(topic) {
            self.hears = hears;
        }
        let Some(known) = check::guess(&payloads(topic)) else { return };
        let said = |word: &&String| topic.forms.iter().any(|form| form.contains(word.as_str()));
        for (shown, text) in SHOWN.into_iter().zip(&mut self.words) {
            let words = shown.map(|shown| known.words(shown)).unwrap_or_default();
            let heard: Vec<_> = words.iter().filter(said).map(String::as_str).collect();
            // Red, amber and green follow from any of them; the others only some lights know.
            let usual = words.first().filter(|_| {
                matches!(shown, Some(Shown::Red | Shown::Amber | Shown::Green)) && heard.is_empty()
            });
            *text = usual.map_or_else(|| heard.join(", "), Clone::clone);
        }
        self.json = known.json.unwrap_or_default();
    }

    /// What is typed for a member; `None` where that is no text.
    fn text(&self, member: &str) -> Option<&str> {
        match member {
            "says" => Some(&self.says),
            "hears" => Some(&self.hears),
            "json" => Some(&self.json),
            "lost_after_s" => Some(&self.lost_after_s),
            _ => {
                let aspect = member.strip_prefix("words.")?;
                let place = ASPECTS.iter().position(|known| known.to_string() == aspect)?;
                self.words.get(place).map(String::as_str)
            }
        }
    }

    /// It as a `[[foreign]]` table.
    pub(super) fn table(&self) -> String {
        let text = |text: &str| toml::Value::from(text).to_string();
        let light = self.light.as_ref().map(LightId::to_string).unwrap_or_default();
        let mut table = format!(
            "[[foreign]]\nlight = {}\nsays = {}\nhears = {}\n",
            text(&light),
            text(&self.says),
            text(&self.hears)
        );
        let words = ASPECTS.into_iter().zip(&self.words).filter(|(_, words)| !words.trim().is_empty());
        let words: Vec<_> = words
            .map(|(aspect, words)| {
                let words: Vec<_> = words.split(',').map(|word| text(word.trim())).collect();
                format!("{aspect} = [{}]", words.join(", "))
            })
            .collect();
        table += &format!("words = {{ {} }}\n", words.join(", "));
        if !self.json.is_empty() {
            table += &format!("json = {}\n", text(&self.json));
        }
        if self.retain {
            table += "retain = true\n";
        }
        match self.lost_after_s.trim() {
            "" => {}
            typed => match typed.parse::<f64>() {
                Ok(seconds) if seconds.is_finite() => table += &format!("lost_after_s = {seconds:?}\n"),
                _ => table += &format!("lost_after_s = {}\n", text(typed)),
            },
        }
        table
    }
}

/// Whether what is said on a topic is a usual word for a light.
pub(super) fn is_like_a_light(topic: &SurveyTopic) -> bool {
    check::guess(&payloads(topic)).is_some()
}

/// Where the light that says something on this topic expects its partner, as far as its subscriptions tell.
fn hears(topic: &SurveyTopic) -> Option<String> {
    let others: Vec<_> = topic.filters.iter().filter(|filter| **filter != *topic.topic).cloned().collect();
    check::heard(&others, Some(&topic.topic)).map(|filter| check::topic_of(&filter))
}

fn payloads(topic: &SurveyTopic) -> Vec<Payload> {
    topic.forms.iter().map(|form| Payload(form.as_bytes().to_vec())).collect()
}

/// Which of the things that are wrong are shown: those of an empty field not before somebody typed there, or pressed
/// a button that takes the form.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Marks {
    pub edited: BTreeSet<String>,
    pub all: bool,
}

impl Marks {
    #[must_use]
    pub(in crate::app) fn show(&self, member: &str, text: &str) -> bool {
        self.all || !text.is_empty() || self.edited.contains(member)
    }
}

/// What a configuration says of the form.
#[derive(Clone, Debug, Default)]
pub(in crate::app) struct Checked {
    problems: Vec<Problem>,
    pub warnings: Vec<String>,
    /// With the form in it, where nothing is wrong.
    pub config: Option<Arc<Config>>,
}

impl Checked {
    pub(super) fn of(form: &ForeignLightForm, config: &Config) -> Checked {
        let Some(light) = &form.light else { return Checked::default() };
        match config.with_foreign(light, &form.table()) {
            Ok((config, warnings)) => {
                // The place in the text is that of no file.
                let warnings = warnings.iter().map(|warning| {
                    let text = warning.one_line();
                    text.split_once("foreign.light: ").map_or(text.clone(), |(_, said)| said.to_owned())
                });
                Checked { problems: Vec::new(), warnings: warnings.collect(), config: Some(Arc::new(config)) }
            }
            Err(error) => Checked { problems: error.problems().to_vec(), ..Checked::default() },
        }
    }

    /// What is wrong with a member, such as `says`; `words` is that of no single aspect.
    pub(in crate::app) fn wrong_with(&self, member: &str) -> impl Iterator<Item = &Diagnostic> {
        let path = format!("foreign.{member}");
        self.problems.iter().filter(move |problem| problem.member == path).map(|problem| &problem.diagnostic)
    }

    /// Whether something that is wrong is shown.
    #[must_use]
    pub(in crate::app) fn is_marked(&self, form: &ForeignLightForm, marks: &Marks) -> bool {
        self.problems.iter().any(|problem| {
            let member = problem.member.strip_prefix("foreign.").unwrap_or(&problem.member);
            form.text(member).is_none_or(|text| marks.show(member, text))
        })
    }

    /// How the light is talked with, where nothing is wrong.
    #[must_use]
    pub(in crate::app) fn foreign(&self, light: &LightId) -> Option<&Foreign> {
        self.config.as_ref()?.junction(&light.junction)?.foreign(&light.light)
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;

    fn topic(name: &str, forms: &[&str], filters: &[&str]) -> SurveyTopic {
        SurveyTopic {
            topic: name.into(),
            forms: forms.iter().map(|form| (*form).into()).collect(),
            filters: filters.iter().map(|filter| (*filter).to_owned()).collect(),
            ..SurveyTopic::default()
        }
    }

    fn b() -> Option<LightId> {
        Some(LightId::new(Name::new("demo").unwrap(), Name::new("b").unwrap()))
    }

    #[test]
    fn what_was_heard_fills_the_form_in_so_that_nothing_is_wrong_with_it() {
        let mut form = ForeignLightForm { light: b(), ..ForeignLightForm::default() };
        form.take(&topic("lab/ann", &["RED", "GREEN", "YELLOW", "AMBER"], &["news", "lab/bob", "lab/ann"]));
        assert_eq!((form.says.as_str(), form.hears.as_str(), form.json.as_str()), ("lab/ann", "lab/bob", ""));
        assert_eq!(form.words, ["RED", "YELLOW, AMBER", "GREEN", "", "", ""]);
        let checked = Checked::of(&form, &Config::default());
        assert_eq!(checked.foreign(&b().unwrap()).unwrap().hears(), "lab/bob");
        form.take(&topic("x/1", &["{\"id\":7,\"state\":\"röd\"}"], &["x/+"]));
        assert_eq!((form.hears.as_str(), form.json.as_str()), ("x/partner", "/state"));
        assert_eq!(form.words, ["röd", "gul", "grön", "", "", ""]);
        assert!(Checked::of(&form, &Config::default()).config.is_some());
    }

    #[test]
    fn what_is_typed_is_checked_as_a_configuration_is() {
        let form = |change: fn(&mut ForeignLightForm)| {
            let mut form = ForeignLightForm { light: b(), ..ForeignLightForm::default() };
            (form.says, form.hears) = ("cars/x".to_owned(), "cars/y".to_owned());
            change(&mut form);
            Checked::of(&form, &Config::default())
        };
        let wrong = |checked: Checked, member: &str| {
            assert!(checked.config.is_none());
            let all: Vec<_> = checked.wrong_with(member).map(|wrong| wrong.message.clone()).collect();
            all.join("; ")
        };
        assert!(form(|_| {}).config.is_some());
        assert_eq!(wrong(form(|form| form.says = "a/+".to_owned()), "says"), "+ and # stand for many topics");
        assert!(wrong(form(|form| form.hears.clone_from(&form.says)), "hears").contains("one topic"));
        assert!(wrong(form(|form| form.words[2].clear()), "words").contains("green"));
        let twice = wrong(form(|form| form.words[1] = "Red".to_owned()), "words.amber");
        assert!(twice.contains("one word for two aspects"), "{twice}");
        assert!(wrong(form(|form| form.json = "state".to_owned()), "json").contains("no place for a word"));
        assert!(
            wrong(form(|form| form.lost_after_s = "soon".to_owned()), "lost_after_s").contains("seconds")
        );
        assert!(
            wrong(form(|form| form.lost_after_s = "0.1".to_owned()), "lost_after_s").contains("not lost")
        );
        let own = wrong(form(|form| form.says = "twinlight/demo/a/state".to_owned()), "says");
        assert!(own.contains("Twinlight's lights use the topics below"), "{own}");
        assert!(form(|form| form.lost_after_s = " 5 ".to_owned()).config.is_some());
    }
}
