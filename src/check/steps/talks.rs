//! It publishes its words, and has a subscription that carries its partner's.

use std::time::Duration;

use traffic_light::mqtt::codec::matches;

use crate::check::{
    bench::{Bench, Progress},
    by_itself::{shared_client_id, takeovers},
    dictionary,
    history::{Connection, History, seconds, us},
    learn::{Findings, findings, findings_as_agreed, topic_of},
    reaction::calm,
    record::{Payload, Step, What, Who},
    timings::{BEGIN_TO_SPEAK, COLLECT, FIRST_WORDS, FORM, MORE_WORDS, TRIAL, WATCHED},
    verdict::{Cause, Verdict},
    vocabulary::{Profile, Shown, Source, Vocabulary},
};

/// Words with which a partner begins that does not know the light's.
const OPENING: [&str; 3] = ["red", "RED", "Red"];
/// A word that keeps the light from changing for so long at the end of its trial has stopped it.
const STILL_US: u64 = 7_000_000;
/// A connection that ends so often after QoS 2 ends because of it.
const QOS_2_ENDS: usize = 2;

/// So many other forms of the words are tried.
const MOST_FORMS: usize = 4;
/// A second board with the same client id that is switched on together with this one has come by then.
const STAYS: Duration = Duration::from_secs(5);

/// Learns the light; the partner shows red at the end.
pub(crate) async fn play(bench: &mut Bench) {
    let given = bench.look(|history| history.record.given.clone());
    match given {
        // Topics may be agreed on without the words.
        Some(profile) if !profile.vocabulary.green.is_empty() => play_given(bench, profile).await,
        _ => learn(bench).await,
    }
    let thrown_out = |history: &History<'_>| (!takeovers(history).is_empty()).then_some(());
    if bench.until(STAYS, "watches whether it stays connected", thrown_out).await.is_some() {
        watch_takeovers(bench).await;
    }
    if bench.look(|history| history.profile.is_some()) {
        bench.say(Shown::Red).await;
    }
}

/// One that was thrown out once: whether that goes on.
pub(crate) async fn watch_takeovers(bench: &mut Bench) {
    let often = |history: &History<'_>| shared_client_id(history).map(|_| ());
    bench.until(WATCHED, "it was thrown out: watches whether that goes on", often).await;
}

async fn play_given(bench: &mut Bench, profile: Profile) {
    let wanted = profile.clone();
    let talks =
        move |history: &History<'_>| (says(history, &wanted) && hears(history, &wanted)).then_some(());
    let hears_first = profile.clone();
    let listens = move |history: &History<'_>| hears(history, &hears_first).then_some(());
    // One that waits for its partner to speak first must be spoken to.
    bench.note(What::Learned { profile });
    if bench.until(FIRST_WORDS, "waits for its subscription", listens).await.is_some() {
        bench.say(Shown::Red).await;
    }
    bench.until(FIRST_WORDS, "waits for its words", talks).await;
}

async fn learn(bench: &mut Bench) {
    let enough = |history: &History<'_>| {
        let found = findings_as_agreed(history);
        (found.says.is_some() && found.hears.is_some() && found.hears != found.says).then_some(())
    };
    let malformed = |history: &History<'_>| malformed(&history.connections()).is_some();
    let ready = move |history: &History<'_>| enough(history).or_else(|| malformed(history).then_some(()));
    if bench.until(BEGIN_TO_SPEAK, "waits for its words and its subscription", ready).await.is_none() {
        let hears = bench.look(|history| findings_as_agreed(history).hears);
        if let Some(hears) = hears {
            let topic = topic_of(&hears);
            for word in OPENING {
                let payload = Payload(word.as_bytes().to_vec());
                bench.note(What::Tried { payload: payload.clone() });
                bench.publish_raw(&topic, payload, false).await;
                if bench.until(MORE_WORDS, "it is silent: the partner speaks first", ready).await.is_some() {
                    break;
                }
            }
        }
        bench.until(FIRST_WORDS, "waits for its words and its subscription", ready).await;
    }
    let known = |history: &History<'_>| findings_as_agreed(history).profile().map(|_| ());
    bench.until(MORE_WORDS, "reads its words", known).await;
    let found = bench.look(findings_as_agreed);
    let profile = match found.profile() {
        Some(profile) => Some(profile),
        None if found.says.is_some() && found.hears.is_some() && found.hears != found.says => {
            by_trial(bench).await
        }
        None => None,
    };
    if let Some(profile) = profile {
        bench.tell(Progress::Learned(profile.to_string()));
        bench.note(What::Learned { profile });
    }
}

/// Takes the forms over that the light says by now.
pub(crate) fn refine(bench: &Bench) {
    let newer = bench.look(|history| {
        let old = history.profile?;
        if old.source != Source::Dictionary {
            return None;
        }
        let found = findings_as_agreed(history);
        let vocabulary = found.vocabulary.clone()?;
        let newer = Profile { vocabulary, ..old.clone() };
        (newer != *old && found.says.as_ref() == Some(&old.says)).then_some(newer)
    });
    if let Some(profile) = newer {
        bench.tell(Progress::Learned(profile.to_string()));
        bench.note(What::Learned { profile });
    }
}

/// Says each of the words that the light itself says: the one at which it yields means green.
async fn by_trial(bench: &mut Bench) -> Option<Profile> {
    let several = |history: &History<'_>| {
        let found = findings_as_agreed(history);
        // A word that came once may be a beginning.
        (found.counts.iter().filter(|count| **count > 1).count() >= 2).then_some(())
    };
    bench.until(COLLECT, "its words are in no dictionary: collects them", several).await;
    let found = bench.look(findings_as_agreed);
    let topic = topic_of(found.hears.as_ref()?);
    for word in found.payloads.iter().take(4) {
        let began = bench.now();
        bench.note(What::Tried { payload: word.clone() });
        bench.publish_raw(&topic, word.clone(), false).await;
        bench.pass(TRIAL, "tries its words: at which does it yield?").await;
        let says = found.says.clone().unwrap_or_default();
        let rest = bench.look(|history| resting(history, &says, began));
        if let Some(rest) = rest.filter(|rest| rest != word) {
            let text = |payload: &Payload| {
                String::from_utf8(payload.0.clone()).ok().map(|text| text.trim().to_owned())
            };
            let (green, red) = (text(word)?, text(&rest)?);
            let others = found.payloads.iter().filter(|other| *other != word && **other != rest);
            let vocabulary = Vocabulary {
                red: vec![red],
                green: vec![green],
                amber: others.filter_map(text).collect(),
                ..Vocabulary::default()
            };
            return found.profile_with(vocabulary, Source::Trial);
        }
    }
    None
}

/// The word at which it stayed while a word was tried from `began` on.
fn resting(history: &History<'_>, says: &str, began: u64) -> Option<Payload> {
    let end = began + us(TRIAL);
    let mut last: Option<(u64, &Payload)> = None;
    for entry in history.entries(0, end) {
        if let What::Publish { by: Who::Light, topic, payload, .. } = &entry.what
            && topic == says
            && last.is_none_or(|(_, before)| before != payload)
        {
            last = Some((entry.at, payload));
        }
    }
    // It changed to it after it was told, or had it before and has stayed for longer than its own red.
    last.filter(|(at, _)| end.saturating_sub(*at) >= STILL_US).map(|(_, payload)| payload.clone())
}

fn says(history: &History<'_>, profile: &Profile) -> bool {
    history.all.iter().any(|entry| match &entry.what {
        What::Publish { by: Who::Light, topic, payload, .. } => {
            *topic == profile.says && profile.vocabulary.understand(payload).is_some()
        }
        _ => false,
    })
}

fn hears(history: &History<'_>, profile: &Profile) -> bool {
    history.connections().iter().any(|connection| connection.hears(&profile.topic).is_some())
}

pub(crate) fn judge(history: &History<'_>) -> Verdict {
    let step = Step::Talks;
    let connections = history.connections();
    let found = findings(history);
    let failed = shared_client_id(history)
        .map(|evidence| (Cause::SharedClientId, evidence))
        .or_else(|| malformed(&connections))
        .or_else(|| qos_2(history, &connections))
        .or_else(|| match &history.record.given {
            Some(given) => against_given(history, &found, given),
            None => learned(history, &found, &connections),
        })
        .or_else(|| will(history, &connections));
    match failed {
        Some((cause, evidence)) => Verdict::fail(step, cause, evidence),
        None => Verdict::pass(step, history.profile.map(ToString::to_string).unwrap_or_default()),
    }
}

type Failed = Option<(Cause, String)>;

/// So few connections of noise beside a light are not the light's.
const MOST_NOISE: usize = 20;

/// Connections whose first bytes are no MQTT, where a light is connected beside them: somebody looks for open ports, or
/// takes this one for another. How many they are, and what came.
pub(crate) fn noise(connections: &[Connection]) -> Option<(usize, String)> {
    let light = connections.iter().any(|one| one.up().is_some() && one.malformed.is_none());
    let mut noise = connections.iter().filter_map(of_noise);
    let first = noise.next()?;
    let count = 1 + noise.count();
    (light && count <= MOST_NOISE).then(|| (count, first.to_owned()))
}

fn of_noise(connection: &Connection) -> Option<&str> {
    let no_packet = connection.connect.is_none() && connection.first_packet_is_connect.is_none();
    let (_, by, reason) = connection.malformed.as_ref()?;
    (no_packet && *by == Who::Light).then_some(reason)
}

fn malformed(connections: &[Connection]) -> Failed {
    let has_noise = noise(connections).is_some();
    let mut of_light =
        connections.iter().filter(|one| !has_noise || of_noise(one).is_none()).filter_map(|one| {
            let (at, by, reason) = one.malformed.as_ref()?;
            (*by == Who::Light).then_some((at, reason))
        });
    let (at, reason) = of_light.next()?;
    let count = 1 + of_light.count();
    Some((
        Cause::MalformedPacket,
        format!("at {}: {reason} ({count} of {} connections)", seconds(*at), connections.len()),
    ))
}

fn qos_2(history: &History<'_>, connections: &[Connection]) -> Failed {
    let is = |entry: &&crate::check::record::Entry| {
        matches!(entry.what, What::Publish { by: Who::Light, qos: 2, .. })
    };
    let published = history.all.iter().filter(is).count();
    if published == 0 {
        return None;
    }
    let ends = connections.iter().filter(|connection| {
        let Some((closed, Who::Broker, _)) = connection.closed else { return false };
        history.all.iter().filter(is).any(|entry| {
            entry.what.connection() == Some(connection.c) && closed.saturating_sub(entry.at) < 1_000_000
        })
    });
    let ends = ends.count();
    if ends >= QOS_2_ENDS {
        let evidence = format!("the broker ended {ends} connections right after a PUBLISH with QoS 2");
        return Some((Cause::Qos2Refused, evidence));
    }
    let named = |wanted: &str, by: Who| {
        let has = |entry: &&crate::check::record::Entry| matches!(&entry.what, What::Ack { name, by: from, .. } if name == wanted && *from == by);
        history.all.iter().filter(has).count()
    };
    let (answered, released) = (named("PUBREC", Who::Broker), named("PUBREL", Who::Light));
    (answered > 0 && released == 0).then(|| {
        let evidence = format!("{published} publishes with QoS 2, {answered} PUBREC from the broker, and no PUBREL from the light");
        (Cause::UnfinishedQos2, evidence)
    })
}

fn will(history: &History<'_>, connections: &[Connection]) -> Failed {
    let profile = history.profile?;
    connections.iter().find_map(|connection| {
        let (topic, payload) = connection.will.as_ref()?;
        let goes = profile.vocabulary.understand(payload).is_some_and(Shown::is_go);
        (*topic == profile.says && goes).then(|| {
            let evidence = format!(
                "its will says {payload} on {topic}: whoever hears it waits for a light that is gone"
            );
            (Cause::WillSaysGo, evidence)
        })
    })
}

fn against_given(history: &History<'_>, found: &Findings, given: &Profile) -> Failed {
    let learned = history.profile.filter(|_| given.vocabulary.green.is_empty());
    let given = learned.unwrap_or(given);
    if !hears(history, given) {
        return Some(match found.filters.first().or(found.refused.as_ref()) {
            None => (Cause::NoSubscribe, "it subscribed to nothing".to_owned()),
            Some(filter) => {
                let evidence =
                    format!("it subscribed to \"{filter}\", and its partner speaks on \"{}\"", given.topic);
                (Cause::WrongTopic, evidence)
            }
        });
    }
    if says(history, given) {
        return None;
    }
    let published = |topic: &str| {
        history.all.iter().any(
            |entry| matches!(&entry.what, What::Publish { by: Who::Light, topic: of, .. } if of == topic),
        )
    };
    Some(match &found.says {
        _ if published(&given.says) => not_understood(found),
        None => never_speaks(),
        Some(topic) => {
            (Cause::WrongTopic, format!("it publishes to \"{topic}\", and \"{}\" was agreed on", given.says))
        }
    })
}

fn learned(history: &History<'_>, found: &Findings, connections: &[Connection]) -> Failed {
    let Some(says) = &found.says else {
        let subscribed = !found.filters.is_empty();
        return Some(if subscribed { never_speaks() } else { nothing(connections) });
    };
    let Some(hears) = &found.hears else {
        let evidence = match &found.refused {
            Some(filter) => format!("the broker refused its subscription to \"{filter}\""),
            None => format!("it publishes to \"{says}\" and subscribed to nothing"),
        };
        return Some((Cause::NoSubscribe, evidence));
    };
    if hears == says {
        let evidence = format!("it publishes to \"{says}\" and subscribes to the same topic alone");
        return Some((Cause::OneTopicForBoth, evidence));
    }
    let ends = |topic: &str| topic.ends_with('/') || topic.starts_with('/') || topic.trim() != topic;
    if ends(says) != ends(hears) && !hears.contains(['+', '#']) {
        let (odd, other) = if ends(says) { (says, hears) } else { (hears, says) };
        let evidence = format!(
            "\"{odd}\" begins or ends with a slash or a blank and \"{other}\" does not: a light that is its mirror image would never meet it"
        );
        return Some((Cause::WrongTopic, evidence));
    }
    history.profile.is_none().then(|| not_understood(found))
}

fn not_understood(found: &Findings) -> (Cause, String) {
    let words: Vec<String> = found.payloads.iter().take(5).map(ToString::to_string).collect();
    let evidence =
        format!("it says {}: none of it is a usual word, and it yielded at none", words.join(", "));
    (Cause::WordsNotUnderstood, evidence)
}

fn never_speaks() -> (Cause, String) {
    (Cause::NeverSpeaks, "it connected and subscribed, and published nothing".to_owned())
}

fn nothing(connections: &[Connection]) -> (Cause, String) {
    let last = connections.iter().filter_map(|connection| connection.last_sent).max().unwrap_or_default();
    let evidence = format!("it neither subscribed nor published; its last packet came at {}", seconds(last));
    (Cause::NoSubscribe, evidence)
}

/// Whether the topic on which its partner speaks is its own too.
pub(crate) fn hears_itself(profile: &Profile) -> bool {
    matches(&profile.hears, &profile.says) && profile.hears == profile.says
}

/// Other forms of the partner's green, for a light that does not yield to the first.
pub(crate) async fn try_other_forms(bench: &mut Bench) {
    let profile = bench.look(|history| history.profile.cloned());
    let Some(profile) = profile else { return };
    let forms = |shown| {
        let said = bench.look(|history| said_as(history, shown));
        let word = profile.vocabulary.words(shown).first().cloned().unwrap_or_default();
        let others = dictionary::other_forms(&word);
        let wrapped = others.iter().map(|form| profile.vocabulary.wrap(form));
        said.into_iter().chain(wrapped).take(MOST_FORMS).collect::<Vec<_>>()
    };
    let pairs = forms(Shown::Green).into_iter().zip(forms(Shown::Red));
    for (green, red) in pairs.collect::<Vec<_>>() {
        calm(bench).await;
        bench.publish_raw(&profile.topic, red, false).await;
        let from = bench.now();
        let goes = move |history: &History<'_>| history.goes(from, u64::MAX).last().copied();
        if bench.until(FIRST_WORDS, "tries other forms of the words", goes).await.is_none() {
            continue;
        }
        let moment = bench.between(200, 500);
        bench.pass(moment, "tries other forms of the words").await;
        bench.note(What::Tried { payload: green.clone() });
        bench.publish_raw(&profile.topic, green, false).await;
        bench.pass(FORM, "tries other forms of the words").await;
    }
}

/// The very bytes with which the light says it, where its partner says it otherwise.
fn said_as(history: &History<'_>, shown: Shown) -> Option<Payload> {
    let profile = history.profile?;
    let own = history.all.iter().rev().find_map(|entry| match &entry.what {
        What::Publish { by: Who::Light, topic, payload, .. } if *topic == profile.says => {
            Some(payload).filter(|payload| profile.vocabulary.understand(payload) == Some(shown))
        }
        _ => None,
    });
    own.filter(|payload| **payload != profile.vocabulary.encode(shown)).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::{Script, profile};

    fn verdict(script: &Script) -> (Option<Cause>, String) {
        let verdict = judge(&History::of(&script.record));
        (verdict.cause, verdict.evidence)
    }

    #[test]
    fn a_light_that_says_and_hears_talks() {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(20).says(30, "red");
        assert_eq!(verdict(&script).0, None);
    }

    #[test]
    fn a_stranger_that_knocks_with_noise_is_not_the_light() {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(20).says(30, "red");
        let mut knock = |c: u64| {
            let reason = "no packet of MQTT begins with the byte 0xFB".to_owned();
            script.at(40, What::Opened { c, from: None });
            script.at(41, What::Malformed { c, by: Who::Light, reason });
            script.at(42, What::Closed { c, by: Who::Broker, reset: true });
        };
        knock(50);
        knock(51);
        let judged = verdict(&script);
        assert_eq!(judged.0, None, "{}", judged.1);
        let connections = History::of(&script.record).connections();
        assert_eq!(noise(&connections).unwrap().0, 2);
    }

    #[test]
    fn each_way_not_to_talk_has_its_cause() {
        let mut script = Script::new();
        script.connected(0, 30);
        assert_eq!(verdict(&script).0, Some(Cause::NoSubscribe));
        script.says(30, "red");
        assert_eq!(verdict(&script).0, Some(Cause::NoSubscribe));
        let own = |script: &mut Script, filter: &str| {
            script.at(40, What::Subscribe { c: 1, id: 4, filters: vec![filter.to_owned()] });
            script.at(41, What::SubAck { c: 1, id: 4, codes: vec![0] });
        };
        own(&mut script, "lab/b");
        assert_eq!(verdict(&script).0, Some(Cause::OneTopicForBoth));
        own(&mut script, "lab/a/");
        assert_eq!(verdict(&script).0, Some(Cause::WrongTopic));
        let mut silent = Script::new();
        silent.connected(0, 30).subscribed(20);
        assert_eq!(verdict(&silent).0, Some(Cause::NeverSpeaks));
        silent.says(30, "17").says(40, "23");
        assert_eq!(verdict(&silent).0, Some(Cause::WordsNotUnderstood));
        silent.at(50, What::Malformed { c: 1, by: Who::Light, reason: "a length".to_owned() });
        assert_eq!(verdict(&silent).0, Some(Cause::MalformedPacket));
    }

    #[test]
    fn a_will_that_says_green_and_an_unfinished_qos_2_are_told() {
        let mut script = Script::learned();
        let will = Some(("lab/b".to_owned(), Payload(b"green".to_vec())));
        script.at(
            0,
            What::Connect { c: 1, client_id: "x".to_owned(), keep_alive_s: 9, clean: true, will, user: None },
        );
        script.at(1, What::ConnAck { c: 1, session: false, code: 0 });
        script.at(2, What::Subscribe { c: 1, id: 4, filters: vec!["lab/a".to_owned()] });
        script.at(3, What::SubAck { c: 1, id: 4, codes: vec![0] });
        let publish = What::Publish {
            c: 1,
            by: Who::Light,
            topic: "lab/b".to_owned(),
            payload: Payload(b"red".to_vec()),
            qos: 2,
            retain: false,
            id: Some(7),
        };
        script.at(5, publish);
        assert_eq!(verdict(&script).0, Some(Cause::WillSaysGo));
        script.at(6, What::Ack { c: 1, by: Who::Broker, name: "PUBREC".to_owned(), id: 7 });
        assert_eq!(verdict(&script).0, Some(Cause::UnfinishedQos2));
        script.at(7, What::Ack { c: 1, by: Who::Light, name: "PUBREL".to_owned(), id: 7 });
        assert_eq!(verdict(&script).0, Some(Cause::WillSaysGo));
    }

    #[test]
    fn what_was_agreed_on_is_compared_letter_by_letter() {
        let mut script = Script::learned();
        script.record.given = Some(Profile { source: Source::Given, ..profile() });
        script.connected(0, 30).subscribed(10);
        script.at(
            30,
            What::Publish {
                c: 1,
                by: Who::Light,
                topic: "lab/b/".to_owned(),
                payload: Payload(b"red".to_vec()),
                qos: 0,
                retain: false,
                id: None,
            },
        );
        let (cause, evidence) = verdict(&script);
        assert_eq!(cause, Some(Cause::WrongTopic));
        assert!(evidence.contains("\"lab/b/\""), "{evidence}");
    }

    #[test]
    fn a_light_that_stays_at_a_word_rests_there() {
        let mut script = Script::new();
        script.connected(0, 30).subscribed(10).says(1_000, "1").says(5_000, "0").says(9_000, "1");
        // Told "1" at 10 s.
        script.says(10_300, "0");
        script.at(22_000, What::Tried { payload: Payload(b"0".to_vec()) });
        let history = History::of(&script.record);
        assert_eq!(resting(&history, "lab/b", 10_000_000), Some(Payload(b"0".to_vec())));
        assert_eq!(resting(&history, "lab/b", 2_000_000), None);
    }

    #[test]
    fn two_that_throw_each_other_out_share_a_client_id_and_a_reconnection_does_not() {
        let mut script = Script::new();
        for n in 0..4 {
            script.connected(n * 2_000, 30).subscribed(n * 2_000 + 11);
            if n > 0 {
                script.at(n * 2_000 + 12, What::Closed { c: n, by: Who::Broker, reset: false });
            }
        }
        assert_eq!(verdict(&script).0, Some(Cause::SharedClientId));
        // They come together, and the broker lets the first in last.
        let mut script = Script::new();
        let connect = |c| What::Connect {
            c,
            client_id: "light".to_owned(),
            keep_alive_s: 30,
            clean: true,
            will: None,
            user: None,
        };
        script
            .at(0, What::Opened { c: 1, from: None })
            .at(1, What::Opened { c: 2, from: None })
            .at(2, connect(1))
            .at(2, connect(2));
        script.at(3, What::ConnAck { c: 1, session: false, code: 0 });
        script.at(3, What::Closed { c: 2, by: Who::Broker, reset: false });
        assert_eq!(takeovers(&History::of(&script.record)).len(), 1);
        let mut script = Script::new();
        for n in 0..4 {
            script.connected(n * 2_000, 30).closed(n * 2_000 + 1_000, Who::Broker);
        }
        assert_ne!(verdict(&script).0, Some(Cause::SharedClientId));
    }
}
