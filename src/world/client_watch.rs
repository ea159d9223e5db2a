//! Who speaks and listens where on the broker, and what becomes of the sessions of foreign lights. It is fed by the
//! broker in this program, or by the ports through which lights reach another one.
//!
//! A client is a foreign light once it has subscribed to what that one is told and published what it says. Who only
//! publishes, and goes again, may be anybody with a tool: nothing follows from the end of that.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use traffic_light::{Foreign, mqtt::codec::matches};

use crate::model::LightId;

/// Filters and topics of one client that are remembered, beside those of foreign lights.
const MOST_REMEMBERED: usize = 16;

/// What has become of a foreign light's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ForeignSession {
    /// It has subscribed to what it is told.
    Subscribed,
    /// It speaks for the first time.
    Speaks,
    /// It is over, however it ended.
    Over,
}

/// Is called with each such light.
type Listener = Box<dyn Fn(&LightId, ForeignSession) + Send + Sync>;

/// Follows the clients of one broker.
pub(super) struct ClientWatch {
    /// A plain mutex: it is held for a few map operations and never across an await.
    book: Mutex<Book>,
    listener: Listener,
}

/// A client that says something on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Speaker {
    pub(super) client: String,
    /// What it has subscribed to.
    pub(super) filters: Vec<String>,
}

#[derive(Debug)]
struct Book {
    lights: Vec<(LightId, Foreign)>,
    clients: BTreeMap<Arc<str>, Client>,
}

#[derive(Debug, Default)]
struct Client {
    /// At a takeover the new session begins before the old one is over.
    sessions: u32,
    filters: Vec<String>,
    topics: Vec<String>,
}

impl Client {
    fn listens_to(&self, foreign: &Foreign) -> bool {
        self.filters.iter().any(|filter| matches(filter, foreign.hears()))
    }

    fn is(&self, foreign: &Foreign) -> bool {
        self.speaks_on(foreign.says()) && self.listens_to(foreign)
    }

    fn speaks_on(&self, topic: &str) -> bool {
        self.topics.iter().any(|known| known == topic)
    }
}

/// Remembers a few, and always one that matters; returns whether it was not known.
fn remember(known: &mut Vec<String>, new: &str, matters: bool) -> bool {
    let is_new = (matters || known.len() < MOST_REMEMBERED) && !known.iter().any(|known| known == new);
    if is_new {
        known.push(new.to_owned());
    }
    is_new
}

impl ClientWatch {
    pub(super) fn new(lights: Vec<(LightId, Foreign)>, listener: Listener) -> ClientWatch {
        ClientWatch { book: Mutex::new(Book { lights, clients: BTreeMap::new() }), listener }
    }

    /// How a light is talked with from now on; `None`: it is no foreign light any more.
    pub(super) fn set_light(&self, light: &LightId, foreign: Option<Foreign>) {
        let mut book = self.book();
        book.lights.retain(|(known, _)| known != light);
        book.lights.extend(foreign.map(|foreign| (light.clone(), foreign)));
    }

    /// Nobody is connected.
    pub(super) fn reset(&self) {
        self.book().clients.clear();
    }

    pub(super) fn connected(&self, client: Arc<str>) {
        self.book().clients.entry(client).or_default().sessions += 1;
    }

    /// The broker has granted these.
    pub(super) fn subscribed(&self, client: &str, filters: &[&str]) {
        let mut told = Vec::new();
        {
            let Book { lights, clients } = &mut *self.book();
            let Some(client) = clients.get_mut(client) else { return };
            for filter in filters {
                let matters = lights.iter().any(|(_, foreign)| matches(filter, foreign.hears()));
                remember(&mut client.filters, filter, matters);
            }
            for (light, foreign) in lights {
                let exactly = filters.contains(&foreign.hears());
                // Who listens to everything may be a tool.
                let listens = || filters.iter().any(|filter| matches(filter, foreign.hears()));
                if exactly || (client.speaks_on(foreign.says()) && listens()) {
                    told.push(light.clone());
                }
            }
        }
        self.tell(&told, ForeignSession::Subscribed);
    }

    pub(super) fn published(&self, client: &str, topic: &str) {
        let mut told = Vec::new();
        {
            let Book { lights, clients } = &mut *self.book();
            let Some(client) = clients.get_mut(client) else { return };
            let speakers = lights.iter().filter(|(_, foreign)| foreign.says() == topic);
            told.extend(speakers.map(|(light, _)| light.clone()));
            if !remember(&mut client.topics, topic, !told.is_empty()) {
                return;
            }
        }
        self.tell(&told, ForeignSession::Speaks);
    }

    pub(super) fn disconnected(&self, client: &str) {
        let mut over = Vec::new();
        {
            let Book { lights, clients } = &mut *self.book();
            if let Some(known) = clients.get_mut(client) {
                known.sessions = known.sessions.saturating_sub(1);
                if known.sessions == 0
                    && let Some(gone) = clients.remove(client)
                {
                    let were = lights.iter().filter(|(_, foreign)| gone.is(foreign));
                    // Another client may be the same light by now.
                    let gone = were.filter(|(_, foreign)| !clients.values().any(|client| client.is(foreign)));
                    over.extend(gone.map(|(light, _)| light.clone()));
                }
            }
        }
        self.tell(&over, ForeignSession::Over);
    }

    /// Who says something on this topic, where that is known.
    pub(super) fn speaker_on(&self, topic: &str) -> Option<Speaker> {
        let book = self.book();
        let (client, known) = book.clients.iter().find(|(_, client)| client.speaks_on(topic))?;
        Some(Speaker { client: client.to_string(), filters: known.filters.clone() })
    }

    fn tell(&self, lights: &[LightId], session: ForeignSession) {
        for light in lights {
            (self.listener)(light, session);
        }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientWatch").field("book", &self.book).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::{Name, foreign::Words};

    use super::*;

    fn watch() -> (Arc<ClientWatch>, Arc<Mutex<Vec<ForeignSession>>>) {
        let light = LightId::new(Name::new("lab").unwrap(), Name::new("b").unwrap());
        let foreign = Foreign::new("cars/x", "cars/y", Words::default()).unwrap();
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = {
            let told = told.clone();
            Box::new(move |_: &LightId, session| told.lock().unwrap().push(session))
        };
        (Arc::new(ClientWatch::new(vec![(light, foreign)], listener)), told)
    }

    #[test]
    fn a_client_that_speaks_and_listens_is_the_light_and_its_end_is_told() {
        let (watch, told) = watch();
        watch.connected("it".into());
        watch.subscribed("it", &["cars/y"]);
        watch.published("it", "cars/x");
        watch.published("it", "cars/x");
        let began = [ForeignSession::Subscribed, ForeignSession::Speaks];
        assert_eq!(*told.lock().unwrap(), began);
        // It takes its own session over.
        watch.connected("it".into());
        watch.disconnected("it");
        assert_eq!(told.lock().unwrap().len(), 2);
        watch.disconnected("it");
        assert_eq!(told.lock().unwrap().split_off(2), [ForeignSession::Over]);
        // A new session speaks before it listens.
        watch.connected("it".into());
        watch.published("it", "cars/x");
        assert_eq!(told.lock().unwrap().split_off(2), [ForeignSession::Speaks]);
    }

    #[test]
    fn tools_that_only_publish_or_listen_to_everything_are_not_the_light() {
        let (watch, told) = watch();
        for tool in ["pub", "sub"] {
            watch.connected(tool.into());
        }
        watch.subscribed("sub", &["#"]);
        watch.published("pub", "cars/x");
        watch.disconnected("pub");
        watch.disconnected("sub");
        assert!(!told.lock().unwrap().contains(&ForeignSession::Over));
    }

    #[test]
    fn who_speaks_on_a_topic_is_known_with_its_subscriptions_and_not_without_bounds() {
        let (watch, _) = watch();
        watch.connected("it".into());
        watch.subscribed("it", &["lab/a"]);
        watch.published("it", "lab/b");
        for number in 0..1_000 {
            watch.published("it", &format!("flood/{number}"));
        }
        watch.published("it", "cars/x");
        let speaker = Speaker { client: "it".to_owned(), filters: vec!["lab/a".to_owned()] };
        assert_eq!(watch.speaker_on("lab/b"), Some(speaker.clone()));
        assert_eq!(watch.speaker_on("cars/x"), Some(speaker), "what a foreign light says always counts");
        assert_eq!(watch.speaker_on("flood/999"), None);
        watch.disconnected("it");
        assert_eq!(watch.speaker_on("lab/b"), None);
    }

    #[test]
    fn a_client_that_was_there_before_a_light_was_named_is_that_light() {
        let (watch, told) = watch();
        let light = LightId::new(Name::new("lab").unwrap(), Name::new("c").unwrap());
        watch.connected("it".into());
        watch.subscribed("it", &["lab/a"]);
        watch.published("it", "lab/b");
        watch.set_light(&light, Some(Foreign::new("lab/b", "lab/a", Words::default()).unwrap()));
        watch.disconnected("it");
        assert_eq!(*told.lock().unwrap(), [ForeignSession::Over]);
    }
}
