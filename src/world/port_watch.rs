//! What a light that runs elsewhere does on its port, told as events: its link as the port sees it, what is
//! wrong with it, and its packets where somebody looks.
//!
//! | module | one idea |
//! | --- | --- |
//! | `connections` | what is seen of a port's connections becomes links, notices and packets |
//! | `allowance` | how much of it is told one by one |
//! | `describe` | packets and ends in a person's words |

mod allowance;
mod connections;
mod describe;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use traffic_light::Rule;

pub(super) use self::connections::ClientIds;
use self::connections::{ClientChange, PortEvent, PortWatch};
use super::{client_watch::ClientWatch, event::EventKind, event_bus::EventBus};
use crate::{model::LightId, tap::Seen};

/// How many events may wait for the watch; more make the light that causes them wait.
pub(super) const ROOM: usize = 256;
/// How often is looked whether what was held back can be told.
const CATCH_UP_EVERY: Duration = Duration::from_secs(1);

/// The client ids of all lights that are watched.
pub(super) type SharedClientIds = Arc<Mutex<ClientIds>>;

/// A port and its light.
pub(super) struct PortSpec {
    pub(super) light: LightId,
    /// The rule of its junction.
    pub(super) rule: Rule,
    /// Whether single packets are told.
    pub(super) packets: bool,
    pub(super) ids: SharedClientIds,
    /// Is told who speaks and listens here, where nobody else knows.
    pub(super) clients: Option<Arc<ClientWatch>>,
    pub(super) bus: Arc<EventBus>,
}

/// Watches a port until its proxy is gone.
pub(super) async fn watch(port: PortSpec, mut seen: mpsc::Receiver<Seen>) {
    let PortSpec { light, rule, packets, ids, clients, bus } = port;
    let mut watch = PortWatch::new(light.clone(), packets, clients.is_some());
    let started = Instant::now();
    let mut ticks = interval(CATCH_UP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            next = seen.recv() => {
                let Some(next) = next else { return };
                watch.take(started.elapsed(), next.connection, next.what, &mut ids.lock().unwrap_or_else(PoisonError::into_inner));
            }
            _ = ticks.tick(), if watch.holds_back() => watch.catch_up(started.elapsed()),
        }
        for (client, change) in watch.client_changes() {
            if let Some(clients) = &clients {
                tell(clients, &client, change);
            }
        }
        let events = watch.events();
        if events.is_empty() {
            continue;
        }
        bus.with(|engine| {
            // A light that connects is there, whether it has spoken or not.
            engine.light_connects(&light, rule);
            for event in events {
                match event {
                    PortEvent::Link { layer, up, reason } => {
                        engine.state.link_changed(&light, layer, up, reason);
                    }
                    PortEvent::Notice { severity, text } => engine.state.notice(severity, Some(&light), text),
                    PortEvent::Packet { connection, text, untold } => {
                        let light = light.clone();
                        engine.state.tell(EventKind::PacketSeen {
                            light,
                            connection,
                            text: text.into(),
                            untold,
                        });
                    }
                }
            }
        });
    }
}

fn tell(clients: &ClientWatch, client: &Arc<str>, change: ClientChange) {
    match change {
        ClientChange::Connected => clients.connected(client.clone()),
        ClientChange::Subscribed(filters) => {
            clients.subscribed(client, &filters.iter().map(String::as_str).collect::<Vec<_>>());
        }
        ClientChange::Published(topic) => clients.published(client, &topic),
        ClientChange::Disconnected => clients.disconnected(client),
    }
}
