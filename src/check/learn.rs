//! What a light says and hears, read from its packets. Pure.

use traffic_light::mqtt::codec::matches;

use super::{
    dictionary,
    history::History,
    record::{Payload, What, Who},
    vocabulary::{Profile, Source, Vocabulary},
};

/// Stands for a wildcard in the topic on which the partner speaks.
const PARTNER: &str = "partner";
/// More distinct payloads are no words.
const MOST_PAYLOADS: usize = 16;

/// What is known by now.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// The topic with most of its words, and the distinct payloads there, in order.
    pub(super) says: Option<String>,
    pub(super) payloads: Vec<Payload>,
    /// How often each of `payloads` came.
    pub(super) counts: Vec<usize>,
    /// The filters that were granted, in order.
    pub(super) filters: Vec<String>,
    /// A filter that was refused.
    pub(super) refused: Option<String>,
    /// What it hears beside what it says.
    pub(super) hears: Option<String>,
    /// From the dictionary.
    pub(super) vocabulary: Option<Vocabulary>,
}

/// Reads the packets of the whole record; where topics were agreed on, on those alone.
pub(super) fn findings_as_agreed(history: &History<'_>) -> Findings {
    let Some(given) = &history.record.given else { return findings(history) };
    let mut found = read(history, |topic| topic == given.says);
    found.hears =
        found.filters.iter().any(|filter| matches(filter, &given.topic)).then(|| given.hears.clone());
    found
}

/// Reads the packets of the whole record.
pub(super) fn findings(history: &History<'_>) -> Findings {
    read(history, |_| true)
}

fn read(history: &History<'_>, counts: impl Fn(&str) -> bool) -> Findings {
    let mut findings = Findings::default();
    // Topics with their payloads.
    let mut topics: Vec<(&String, Vec<(&Payload, usize)>)> = Vec::new();
    for entry in history.all {
        let What::Publish { by: Who::Light, topic, payload, .. } = &entry.what else { continue };
        if !counts(topic) {
            continue;
        }
        let at = match topics.iter().position(|(known, _)| *known == topic) {
            Some(at) => at,
            None if topics.len() >= MOST_PAYLOADS => continue,
            None => {
                topics.push((topic, Vec::new()));
                topics.len() - 1
            }
        };
        if let Some((_, payloads)) = topics.get_mut(at) {
            let full = payloads.len() >= MOST_PAYLOADS;
            match payloads.iter_mut().find(|(known, _)| *known == payload) {
                Some((_, count)) => *count += 1,
                None if full => {}
                None => payloads.push((payload, 1)),
            }
        }
    }
    let guess =
        |payloads: &[(&Payload, usize)]| dictionary::guess(payloads.iter().map(|(payload, _)| *payload));
    let understood = |payloads: &[(&Payload, usize)]| match guess(payloads) {
        Some(vocabulary) => {
            payloads.iter().filter(|(payload, _)| vocabulary.understand(payload).is_some()).count()
        }
        None => 0,
    };
    // Adafruit's way to ask for a last value is nothing that a light says.
    let spoken = topics.iter().filter(|(topic, _)| !topic.ends_with("/get"));
    if let Some((topic, payloads)) = spoken.max_by_key(|(_, payloads)| (understood(payloads), payloads.len()))
    {
        findings.says = Some((*topic).clone());
        findings.vocabulary = guess(payloads);
        findings.payloads = payloads.iter().map(|(payload, _)| (*payload).clone()).collect();
        findings.counts = payloads.iter().map(|(_, count)| *count).collect();
    }
    for subscription in history.connections().into_iter().flat_map(|connection| connection.subscriptions) {
        match subscription.granted {
            Some((_, 0x80)) => findings.refused = Some(subscription.filter),
            Some(_) if !findings.filters.contains(&subscription.filter) => {
                findings.filters.push(subscription.filter);
            }
            _ => {}
        }
    }
    findings.hears = heard(&findings.filters, findings.says.as_deref());
    findings
}

impl Findings {
    /// All that is needed to play, where it is known.
    pub(super) fn profile(&self) -> Option<Profile> {
        self.profile_with(self.vocabulary.clone()?, Source::Dictionary)
    }

    /// The same with words that were found otherwise.
    pub(super) fn profile_with(&self, vocabulary: Vocabulary, source: Source) -> Option<Profile> {
        let (says, hears) = (self.says.clone()?, self.hears.clone()?);
        Some(Profile { topic: topic_of(&hears), says, hears, vocabulary, source })
    }
}

/// Of the filters, the one on which it expects its partner.
pub(crate) fn heard(filters: &[String], says: Option<&str>) -> Option<String> {
    let usable = |filter: &&String| {
        !filter.starts_with('$') && !filter.ends_with("/throttle") && !filter.ends_with("/errors")
    };
    let says = says.unwrap_or_default();
    let others = filters.iter().filter(usable).filter(|filter| *filter != says);
    let nearest = others.max_by(|a, b| {
        let near = |filter: &str| strsim::normalized_levenshtein(filter, says);
        near(a).total_cmp(&near(b))
    });
    nearest.or_else(|| filters.iter().find(usable)).cloned()
}

/// A topic that `filter` matches.
pub(crate) fn topic_of(filter: &str) -> String {
    let levels = filter.split('/').map(|level| if matches!(level, "+" | "#") { PARTNER } else { level });
    levels.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::by_hand::Script;

    #[test]
    fn what_it_publishes_it_says_and_what_it_subscribes_to_beside_that_it_hears() {
        let mut script = Script::new();
        script.connected(0, 30).subscribed(20).says(30, "RED");
        let found = findings(&History::of(&script.record));
        let profile = found.profile().unwrap();
        assert_eq!((profile.says.as_str(), profile.topic.as_str()), ("lab/b", "lab/a"));
        assert_eq!(profile.vocabulary.green[0], "GREEN");
    }

    #[test]
    fn of_several_filters_the_one_like_its_own_topic_is_the_partners() {
        let filters = ["class/throttle", "class/feeds/b", "class/news", "class/feeds/a"].map(str::to_owned);
        assert_eq!(heard(&filters, Some("class/feeds/b")).as_deref(), Some("class/feeds/a"));
        assert_eq!(
            heard(&filters[1..2], Some("class/feeds/b")).as_deref(),
            Some("class/feeds/b"),
            "one for both"
        );
        assert_eq!(topic_of("lab/+/state"), "lab/partner/state");
    }
}
