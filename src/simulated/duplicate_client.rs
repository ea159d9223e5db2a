//! A second client with a light's client id, without a program: each takes the session from the
//! other.

use traffic_light::{
    Instant,
    mqtt::codec::{Connect, DISCONNECT, PINGREQ, connack},
    reconnector::{Action, Reconnector},
};

use super::{
    Step,
    net::{ConnId, Out, Owner, Reach},
    observer::random_u32,
    world::World,
};
use crate::fault::{Direction, Micros};

/// The client, which comes from the world's own computer: no fault of the light's link strikes it.
pub(super) struct DuplicateClient {
    client_id: String,
    reconnector: Reconnector,
    connection: Option<ConnId>,
    /// When it has something to do next.
    due_us: Micros,
}

impl World {
    /// Lets a duplicate begin or end.
    pub(super) fn set_duplicate_client(&mut self, number: usize, on: bool) {
        let local = self.duplicate_now();
        let Some(light) = self.light(number) else { return };
        let (id, client_id) = (light.id().clone(), light.client_id().to_owned());
        if on {
            if !self.duplicate_of.contains_key(&id) {
                let mut reconnector = Reconnector::new(local);
                // It has no Wi-Fi that it would have to join.
                reconnector.wifi_joined(local);
                let index = self.duplicates.len();
                self.duplicates.push(Some(DuplicateClient {
                    client_id,
                    reconnector,
                    connection: None,
                    due_us: Micros::MAX,
                }));
                self.duplicate_of.insert(id, index);
                self.duplicate_climbs(index);
            }
            return;
        }
        let Some(index) = self.duplicate_of.remove(&id) else { return };
        let Some(duplicate) = self.duplicates.get_mut(index).and_then(Option::take) else { return };
        if let Some(connection) = duplicate.connection {
            self.net.send(connection, Direction::ToBroker, &DISCONNECT);
            self.net.hang_up(connection);
        }
    }

    /// It goes by the world's clock.
    fn duplicate_now(&self) -> Instant {
        Instant::from_ms(self.net.now / 1_000)
    }

    fn duplicate(&mut self, index: usize) -> Option<&mut DuplicateClient> {
        self.duplicates.get_mut(index)?.as_mut()
    }

    fn duplicate_climbs(&mut self, index: usize) {
        let local = self.duplicate_now();
        let Some(duplicate) = self.duplicate(index) else { return };
        if let Action::Wait { until } = duplicate.reconnector.next_action(local) {
            let due_us = until.as_ms() * 1_000;
            duplicate.due_us = due_us;
            self.net.plan(due_us, Step::DuplicateClient(index));
            return;
        }
        let connection = self.net.dial(Owner::DuplicateClient(index));
        if let Some(duplicate) = self.duplicate(index) {
            duplicate.connection = Some(connection);
        }
    }

    pub(super) fn duplicate_due(&mut self, index: usize) {
        let now = self.net.now;
        let every_us = u64::from(self.config.links.keep_alive_s) * 1_000_000;
        let Some(duplicate) = self.duplicate(index).filter(|duplicate| duplicate.due_us == now) else {
            return;
        };
        match duplicate.connection {
            None => self.duplicate_climbs(index),
            Some(connection) => {
                duplicate.due_us = now + every_us;
                self.net.plan(now + every_us, Step::DuplicateClient(index));
                self.net.send(connection, Direction::ToBroker, &PINGREQ);
            }
        }
    }

    pub(super) fn duplicate_dialled(&mut self, index: usize, id: ConnId) {
        let (now, keep_alive_s) = (self.net.now, self.config.links.keep_alive_s);
        let login = self.login.clone();
        if !self.broker.runs() {
            self.net.remove(id);
            return self.duplicate_loses(index);
        }
        let Some(duplicate) = self.duplicate(index) else { return };
        duplicate.due_us = now + u64::from(keep_alive_s) * 1_000_000;
        let (due_us, client_id) = (duplicate.due_us, duplicate.client_id.clone());
        self.net.made(id, Reach::Broker, &[].into());
        self.broker.accept(&mut self.net, id);
        self.net.plan(due_us, Step::DuplicateClient(index));
        let login = login.as_ref().map(|login| (login.user.as_str(), Some(login.password.as_bytes())));
        let connect = Connect { client_id: &client_id, clean_session: true, keep_alive_s, will: None, login };
        let mut packet = Vec::new();
        // A client id and a login are short.
        let _ = connect.encode(|bytes| packet.extend_from_slice(bytes));
        self.net.send(id, Direction::ToBroker, &packet);
    }

    pub(super) fn duplicate_receives(&mut self, index: usize, id: ConnId, bytes: &[u8], out: Out) {
        let local = self.duplicate_now();
        let Some(duplicate) = self.duplicate(index).filter(|duplicate| duplicate.connection == Some(id))
        else {
            return;
        };
        match out {
            // It subscribes to nothing, so that answers are all it gets, each whole.
            Out::Bytes(_) if bytes == connack(0) => duplicate.reconnector.session_up(local),
            Out::Bytes(_) => {}
            Out::End | Out::Reset => {
                self.net.remove(id);
                self.duplicate_loses(index);
            }
        }
    }

    fn duplicate_loses(&mut self, index: usize) {
        let local = self.duplicate_now();
        let random = random_u32(&mut self.net.rng);
        let Some(duplicate) = self.duplicate(index) else { return };
        duplicate.connection = None;
        duplicate.reconnector.session_lost(local, random);
        self.duplicate_climbs(index);
    }
}
