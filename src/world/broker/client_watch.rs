//! Which clients of the embedded broker are foreign lights, and what becomes of their sessions.
//!
//! A client is a foreign light once it has subscribed to what that one is told and published what it says. Who only
//! publishes, and goes again, may be anybody with a tool: nothing follows from the end of that.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use mqtt5::broker::events::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent, ClientSubscribeEvent,
    PublishAction,
};
use traffic_light::{Foreign, mqtt::codec::matches};

use super::{limited::BoxFuture, memory::Memory};
use crate::{model::LightId, world::account_limiter::PublishHandler};

/// What has become of a foreign light's session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::world) enum ForeignSession {
    /// It has subscribed to what it is told.
    Subscribed,
    /// It is over, however it ended.
    Over,
}

/// Is called with each such light.
type Listener = Box<dyn Fn(&LightId, ForeignSession) + Send + Sync>;

/// Follows the clients of one broker.
pub(in crate::world) struct ClientWatch {
    lights: Vec<(LightId, Foreign)>,
    /// A plain mutex: it is held for a few map operations and never across an await.
    clients: Mutex<BTreeMap<Arc<str>, Client>>,
    listener: Listener,
}

#[derive(Default)]
struct Client {
    /// At a takeover the new session begins before the old one is over.
    sessions: u32,
    /// Places in the list of lights.
    listens: BTreeSet<usize>,
    speaks: BTreeSet<usize>,
}

impl ClientWatch {
    pub(in crate::world) fn new(lights: Vec<(LightId, Foreign)>, listener: Listener) -> ClientWatch {
        ClientWatch { lights, clients: Mutex::default(), listener }
    }

    /// The broker has started, and nobody is connected.
    pub(super) fn reset(&self) {
        self.clients().clear();
    }

    fn connected(&self, client: Arc<str>) {
        self.clients().entry(client).or_default().sessions += 1;
    }

    fn subscribed(&self, client: &str, filters: &[&str]) {
        let mut told = Vec::new();
        if let Some(client) = self.clients().get_mut(client) {
            for (place, (_, foreign)) in self.lights.iter().enumerate() {
                let exactly = filters.contains(&foreign.hears());
                let listens = exactly || filters.iter().any(|filter| matches(filter, foreign.hears()));
                if listens {
                    client.listens.insert(place);
                }
                // Who listens to everything may be a tool.
                if exactly || (listens && client.speaks.contains(&place)) {
                    told.push(place);
                }
            }
        }
        self.tell(told, ForeignSession::Subscribed);
    }

    fn published(&self, client: &str, topic: &str) {
        let Some(place) = self.lights.iter().position(|(_, foreign)| foreign.says() == topic) else { return };
        if let Some(client) = self.clients().get_mut(client) {
            client.speaks.insert(place);
        }
    }

    fn disconnected(&self, client: &str) {
        let mut over = Vec::new();
        {
            let mut clients = self.clients();
            if let Some(known) = clients.get_mut(client) {
                known.sessions = known.sessions.saturating_sub(1);
                if known.sessions == 0 {
                    over.extend(known.listens.intersection(&known.speaks).copied());
                    clients.remove(client);
                }
            }
            // Another client may be the same light by now.
            let is_there = |place: usize| {
                clients
                    .values()
                    .any(|client| client.listens.contains(&place) && client.speaks.contains(&place))
            };
            over.retain(|place| !is_there(*place));
        }
        self.tell(over, ForeignSession::Over);
    }

    fn tell(&self, places: Vec<usize>, session: ForeignSession) {
        for (light, _) in places.into_iter().filter_map(|place| self.lights.get(place)) {
            (self.listener)(light, session);
        }
    }

    fn clients(&self) -> MutexGuard<'_, BTreeMap<Arc<str>, Client>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClientWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientWatch").field("lights", &self.lights.len()).finish_non_exhaustive()
    }
}

/// What the broker asks and tells: it may count, it may be watched, and what is published has to fit into its memory.
pub(super) struct Events {
    pub(super) counting: Option<PublishHandler>,
    pub(super) clients: Option<Arc<ClientWatch>>,
    pub(super) memory: Arc<Memory>,
}

impl BrokerEventHandler for Events {
    fn on_client_connect<'a>(
        &'a self,
        event: ClientConnectEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.connected(event.client_id);
        }
        done()
    }

    fn on_client_subscribe<'a>(
        &'a self,
        event: ClientSubscribeEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            let filters: Vec<_> = event.subscriptions.iter().map(|made| &*made.topic_filter).collect();
            clients.subscribed(&event.client_id, &filters);
        }
        done()
    }

    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.published(&event.client_id, &event.topic);
        }
        Box::pin(async move {
            self.memory.admit(&event.payload).await;
            match &self.counting {
                Some(counting) => counting.on_client_publish(event).await,
                None => PublishAction::Continue,
            }
        })
    }

    fn on_client_disconnect<'a>(
        &'a self,
        event: ClientDisconnectEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.disconnected(&event.client_id);
        }
        done()
    }
}

fn done() -> BoxFuture {
    Box::pin(async {})
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
        assert_eq!(*told.lock().unwrap(), [ForeignSession::Subscribed]);
        // It takes its own session over.
        watch.connected("it".into());
        watch.disconnected("it");
        assert_eq!(told.lock().unwrap().len(), 1);
        watch.disconnected("it");
        assert_eq!(*told.lock().unwrap(), [ForeignSession::Subscribed, ForeignSession::Over]);
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
        assert_eq!(*told.lock().unwrap(), []);
    }
}
