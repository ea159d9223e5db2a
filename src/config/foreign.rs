//! `[[foreign]]`: somebody else's light, with its topics and words.

use std::{fmt::Write, path::Path};

use traffic_light::{
    Aspect, Foreign, Name, feeds,
    foreign::{
        ForeignError, LOST_AFTER_MS, LOST_AFTER_RANGE_MS, MAX_FOREIGN_TOPIC_BYTES, Pointer, Words,
        WordsError, is_topic,
    },
};

use super::{
    Config, ConfigError,
    junction::Junction,
    table::{Member, Reader, Table},
};
use crate::model::{Diagnostic, LightId, RootTopic};

pub(crate) const MEMBERS: [&str; 7] = ["light", "says", "hears", "words", "json", "retain", "lost_after_s"];
/// The aspects that a light may have words for, in the order in which they are written.
const ASPECTS: [Aspect; 6] =
    [Aspect::Red, Aspect::RedAmber, Aspect::Green, Aspect::Amber, Aspect::FlashingAmber, Aspect::Dark];

/// A foreign light, and the place that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignLight {
    /// The light of a junction that it stands for.
    pub light: LightId,
    /// How to talk with it.
    pub foreign: Foreign,
}

impl ForeignLight {
    /// One `[[foreign]]` table, as a configuration has it, for a file.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let text = |text: &str| toml::Value::from(text).to_string();
        let ForeignLight { light, foreign } = self;
        let mut toml = format!(
            "[[foreign]]\nlight = {}\nsays = {}\nhears = {}\n",
            text(&light.to_string()),
            text(foreign.says()),
            text(foreign.hears())
        );
        let of = |aspect: Aspect| {
            let words = foreign.words().iter().filter(|(of, _)| *of == aspect);
            let words: Vec<_> = words.map(|(_, word)| text(word)).collect();
            match words.as_slice() {
                [] => None,
                [one] => Some(format!("{aspect} = {one}")),
                several => Some(format!("{aspect} = [{}]", several.join(", "))),
            }
        };
        let words: Vec<_> = ASPECTS.into_iter().filter_map(of).collect();
        // Writing to a text does not fail.
        let _ = writeln!(toml, "words = {{ {} }}", words.join(", "));
        if let Some(json) = foreign.json() {
            let _ = writeln!(toml, "json = {}", text(json.as_str()));
        }
        if foreign.retain() {
            let _ = writeln!(toml, "retain = true");
        }
        if foreign.lost_after_ms() != LOST_AFTER_MS {
            let _ = writeln!(toml, "lost_after_s = {}", f64::from(foreign.lost_after_ms()) / 1_000.0);
        }
        toml
    }
}

/// Reads the `[[foreign]]` tables of a file that may have nothing else in it.
///
/// # Errors
/// When the file cannot be read, or a table is wrong; the error has all problems.
pub(crate) fn load(path: &Path) -> Result<Vec<ForeignLight>, ConfigError> {
    let (lights, _) = super::with_file(path, |text, file, env| {
        super::parse(text, file, env, |reader, top| {
            let Some(member) = top.member("foreign") else {
                reader.missing(top, "foreign", "add a table [[foreign]] with light, says, hears and words");
                return None;
            };
            let tables = reader.tables(&member, &MEMBERS);
            Some(tables.iter().filter_map(|table| read_one(reader, table, None)).collect())
        })
    })?;
    Ok(lights)
}

/// Reads all `[[foreign]]` tables and gives each to its junction. `user` is the account's where the lights meet on feeds.
pub(super) fn read(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    junctions: &mut [Junction],
    root: &RootTopic,
    user: Option<&str>,
) {
    let Some(member) = top.member("foreign") else { return };
    // Those of the junctions stand in no line of this text.
    let mut taken: Vec<(ForeignLight, Option<usize>)> = Vec::new();
    for junction in junctions.iter() {
        let known = junction.foreign_lights().map(|(name, foreign)| {
            let light = LightId::new(junction.name().clone(), name.clone());
            (ForeignLight { light, foreign: foreign.clone() }, None)
        });
        taken.extend(known);
    }
    for table in reader.tables(&member, &MEMBERS) {
        let Some(one) = read_one(reader, &table, user) else { continue };
        let at = |name: &str| table.member(name);
        let Some(place) = at("light") else { continue };
        let Some(junction) = junctions.iter_mut().find(|junction| *junction.name() == one.light.junction)
        else {
            let message = format!("there is no junction {}", one.light.junction);
            reader.wrong(&place, (message, "name a light of a [[junction]] of this file, as in \"demo/b\""));
            continue;
        };
        if let Some(wrong) = misfit(junction, &one.light.light) {
            reader.wrong(&place, wrong);
            continue;
        }
        let here = place.span.start;
        for (other, line) in &taken {
            let (a, b) = (&other.foreign, &one.foreign);
            let (name, what) = if other.light == one.light {
                ("light", "is this light")
            } else if a.says() == b.says() {
                ("says", "says its words on this topic")
            } else if a.hears() == b.hears() {
                ("hears", "hears its partner on this topic")
            } else {
                continue;
            };
            if let Some(member) = at(name) {
                let help = "give each foreign light a light and topics of its own";
                let which = match line {
                    Some(line) => format!("the foreign light of line {}", reader.problems.line_of(*line)),
                    None => format!("the foreign light {}", other.light),
                };
                reader.wrong(&member, (format!("{which} {what} already"), help));
            }
        }
        if user.is_none() {
            for (name, topic) in [("says", one.foreign.says()), ("hears", one.foreign.hears())] {
                if let (true, Some(member)) = (is_own(topic, root, &one.light), at(name)) {
                    let help = "choose a topic outside of it, which Twinlight's own messages do not go to";
                    reader.wrong(&member, (format!("Twinlight's lights use the topics below {root}"), help));
                }
            }
        }
        if let (Some(_), Some(member)) = (junction.key(), at("light")) {
            let help = "take it for what it is, or leave the key out";
            reader.warn(
                &member,
                ("a foreign light signs nothing: anybody on the broker can speak for it", help),
            );
        }
        junction.set_foreign(&one.light.light, Some(one.foreign.clone()));
        taken.push((one, Some(here)));
    }
}

/// Reads one `[[foreign]]` table for `light`, beside all that `config` says, and gives its junctions with it.
pub(super) fn read_beside(
    reader: &mut Reader<'_>,
    top: &Table<'_>,
    config: &Config,
    light: &LightId,
) -> Vec<Junction> {
    let mut junctions = config.junctions.clone();
    if let Some(junction) = junctions.iter_mut().find(|known| *known.name() == light.junction) {
        junction.vacate(&light.light);
    }
    let user = config.feeds.as_ref().map(|feeds| feeds.user.as_str());
    read(reader, top, &mut junctions, &config.root, user);
    if let Some(user) = user {
        check_feeds(reader, top, user, &junctions);
    }
    junctions
}

/// Whether a topic is one of Twinlight's own: below the root, and not of the light that the foreign one stands for.
fn is_own(topic: &str, root: &RootTopic, light: &LightId) -> bool {
    let below = topic.strip_prefix(root.as_str()).and_then(|below| below.strip_prefix('/'));
    let Some((junction, rest)) = below.and_then(|below| below.split_once('/')) else { return false };
    let mut levels = rest.split('/');
    let of = (levels.next(), levels.next(), levels.next());
    let contract = matches!(of, (Some(_), Some("state" | "status" | "cmd"), None));
    let its_own =
        junction == light.junction.as_str() && of == (Some(light.light.as_str()), Some("state"), None);
    contract && !its_own
}

/// Why the light cannot be a foreign one.
fn misfit(junction: &Junction, light: &Name) -> Option<Diagnostic> {
    let known: Vec<_> = junction.lights().map(Name::as_str).collect();
    if !junction.lights().any(|known| known == light) {
        let message = format!("the junction {} has no light {light}", junction.name());
        return Some(Diagnostic::new(message, format!("its lights are {}", known.join(", "))));
    }
    if known.len() != 2 {
        let message = format!(
            "the junction {} has {} lights, and a foreign light has one partner",
            junction.name(),
            known.len()
        );
        return Some(Diagnostic::new(message, "give it a junction of two lights"));
    }
    if junction.is_named_to_run(light) {
        let message = format!("this program is to run {light} itself");
        return Some(Diagnostic::new(
            message,
            format!("leave {light} out of run, where somebody else's light takes its place"),
        ));
    }
    None
}

/// Reads one table, without the place that it takes in a junction; `None` where it is wrong, which the reader then knows.
/// Its members are looked at by who has read it as a table.
pub(crate) fn read_one(
    reader: &mut Reader<'_>,
    table: &Table<'_>,
    user: Option<&str>,
) -> Option<ForeignLight> {
    let light = required(reader, table, "light", "add light = \"demo/b\", the light that it stands for");
    let says = required(reader, table, "says", "add the topic that it publishes to");
    let hears = required(reader, table, "hears", "add the topic that it subscribes to");
    let light = light.and_then(|member| {
        let text = reader.text(&member)?;
        LightId::try_from(text.to_owned())
            .map_err(|why| {
                reader.wrong(&member, (format!("{text:?} is no light: {why}"), "write it as \"demo/b\""));
            })
            .ok()
    });
    let mut topics = [says.clone(), hears.clone()].map(|member| read_topic(reader, &member?, user));
    let words = match table.member("words") {
        Some(member) => read_words(reader, &member),
        None => Some(Words::default()),
    };
    let json = match table.member("json") {
        Some(member) => read_pointer(reader, &member).map(Some),
        None => Some(None),
    };
    let retain = table.member("retain").and_then(|member| {
        let retain = reader.flag(&member)?;
        if retain && user.is_some() {
            reader.wrong(&member, ("Adafruit IO keeps no messages", "remove retain"));
        }
        Some(retain)
    });
    let lost_after_ms = match table.member("lost_after_s") {
        Some(member) => read_lost_after(reader, &member)?,
        None => LOST_AFTER_MS,
    };
    let [says_topic, hears_topic] = &mut topics;
    let (says_topic, hears_topic) = (says_topic.take()?, hears_topic.take()?);
    let foreign = Foreign::new(&says_topic, &hears_topic, words?).map_err(|error| {
        let place = hears.as_ref().or(says.as_ref());
        let help = match error {
            ForeignError::OneTopic => {
                "let the light publish to one topic and subscribe to another: on one alone it hears itself, and nobody can \
                 tell whose words are whose"
            }
            _ => "choose another topic",
        };
        if let Some(place) = place {
            reader.wrong(place, (error.to_string(), help));
        }
    });
    let foreign = foreign.ok()?.with_json(json?).with_retain(retain.unwrap_or_default());
    Some(ForeignLight { light: light?, foreign: foreign.with_lost_after_ms(lost_after_ms) })
}

fn required<'a>(reader: &mut Reader<'_>, table: &Table<'a>, name: &str, help: &str) -> Option<Member<'a>> {
    let member = table.member(name);
    if member.is_none() {
        reader.missing(table, name, help);
    }
    member
}

fn read_topic(reader: &mut Reader<'_>, member: &Member<'_>, user: Option<&str>) -> Option<String> {
    let topic = reader.expanded(member, true)?.text;
    let wrong = if topic.is_empty() {
        Some(("it is empty", "write one whole topic, such as \"cowboys/x/cars\"".to_owned()))
    } else if topic.contains(['+', '#']) {
        Some((
            "+ and # stand for many topics",
            "write one whole topic, such as \"cowboys/x/cars\"".to_owned(),
        ))
    } else if topic.len() > MAX_FOREIGN_TOPIC_BYTES {
        Some(("it is too long", format!("choose one of at most {MAX_FOREIGN_TOPIC_BYTES} bytes")))
    } else if !is_topic(&topic) {
        Some(("nobody can publish there", "leave out $ at the beginning and control characters".to_owned()))
    } else {
        user.and_then(|user| wrong_feed(user, &topic))
    };
    match wrong {
        Some((message, help)) => {
            reader.wrong(member, (message, help));
            None
        }
        None => Some(topic),
    }
}

/// On Adafruit IO a topic is a feed of the account.
fn wrong_feed(user: &str, topic: &str) -> Option<(&'static str, String)> {
    let key = topic.strip_prefix(user).and_then(|rest| rest.strip_prefix('/'));
    let key = key.and_then(|rest| rest.strip_prefix("feeds/").or_else(|| rest.strip_prefix("f/")));
    let last = key.or_else(|| topic.rsplit('/').next()).unwrap_or_default();
    let right = format!("{user}/feeds/{}", last.to_ascii_lowercase().replace([' ', '_'], "-"));
    if key.is_none() {
        return Some(("it is no feed of this account", format!("write it as \"{right}\"")));
    }
    if topic != right || crate::adafruit::topics::publish(user, topic).is_err() {
        return Some((
            "it is not the long form of a feed's key, which has a to z, 0 to 9 and -",
            format!("write it as \"{right}\""),
        ));
    }
    None
}

fn read_words(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Words> {
    let names: Vec<&str> = ASPECTS.iter().map(|aspect| aspect.as_str()).collect();
    let table = reader.table(member, &names)?;
    let problems_before = reader.problems.count();
    let mut all: Vec<(Aspect, &str, Member<'_>)> = Vec::new();
    for aspect in ASPECTS {
        let Some(of) = table.member(aspect.as_str()) else { continue };
        for (place, word) in reader.one_or_more_texts(&of) {
            if let Err(error) = Words::check_word(word) {
                reader.wrong(
                    &place,
                    (error.to_string(), "write it as the light says it, without what is around it"),
                );
                continue;
            }
            let like = all
                .iter()
                .find(|(of, other, _)| *other == word || (*of != aspect && other.eq_ignore_ascii_case(word)));
            if let Some((of, other, _)) = like {
                let message = if *of == aspect {
                    format!("{word:?} stands here twice")
                } else {
                    format!("{word:?} is {aspect} and {other:?} is {of}: one word for two aspects")
                };
                reader.wrong(
                    &place,
                    (
                        message,
                        "give every aspect words of its own; upper and lower case do not tell them apart",
                    ),
                );
                continue;
            }
            all.push((aspect, word, place));
        }
    }
    if reader.problems.count() > problems_before {
        return None;
    }
    let words: Vec<(Aspect, &str)> = all.iter().map(|(aspect, word, _)| (*aspect, *word)).collect();
    Words::new(&words)
        .map_err(|error| {
            let help = match error {
                WordsError::Missing(aspect) => {
                    format!("add {aspect} = \"…\": a partner has to be able to say it")
                }
                _ => "leave some out".to_owned(),
            };
            reader.wrong(member, (error.to_string(), help));
        })
        .ok()
}

fn read_pointer(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Pointer> {
    let text = reader.text(member)?;
    Pointer::new(text)
        .map_err(|error| {
            let message = format!("{text:?} is no place for a word: {error}");
            reader.wrong(member, (message, "write a JSON pointer, as in \"/state\" for {\"state\":\"RED\"}"));
        })
        .ok()
}

fn read_lost_after(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<u32> {
    let after = reader.seconds(member)?;
    let (least, most) = LOST_AFTER_RANGE_MS;
    let ms = u32::try_from(after.as_millis()).ok().filter(|ms| (least..=most).contains(ms));
    if ms.is_none() {
        let help = format!("give {} to {} seconds", least / 1_000, most / 1_000);
        reader.wrong(member, ("a light is not lost after such a time", help));
    }
    ms
}

/// Refuses that a foreign light's feed is one of Twinlight's lights.
pub(super) fn check_feeds(reader: &mut Reader<'_>, top: &Table<'_>, user: &str, junctions: &[Junction]) {
    let Some(place) = top.member("foreign") else { return };
    let own = junctions.iter().flat_map(|junction| {
        let lights = junction.lights().filter(|light| junction.foreign(light).is_none());
        lights
            .map(|light| format!("{user}/feeds/{}", feeds::state_feed(junction.name(), light)))
            .collect::<Vec<_>>()
    });
    let own: Vec<String> = own.collect();
    for foreign in junctions.iter().flat_map(Junction::foreign_lights).map(|(_, foreign)| foreign) {
        for topic in [foreign.says(), foreign.hears()] {
            if own.iter().any(|own| own == topic) {
                let message = format!("the feed {topic} is that of one of Twinlight's own lights");
                reader.wrong(&place, (message, "choose another feed for the foreign light"));
            }
        }
    }
}
