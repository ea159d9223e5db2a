//! A second client with a light's client id, without a program: each takes the session from the
//! other.

use traffic_light::{
    Instant,
    reconnector::{Action, Reconnector},
};

use super::{
    Step,
    net::{ConnId, Out, Owner, Reach},
    observer::random_u32,
    world::World,
};
use crate::fault::{Us, Way};

/// The client, which comes from the world's own computer: no fault of the light's link strikes it.
pub(super) struct DuplicateClient {
    client_id: String,
    reconnector: Reconnector,
    connection: Option<ConnId>,
    /// When it has something to do next.
    due_us: Us,
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
                    due_us: Us::MAX,
                }));
                self.duplicate_of.insert(id, index);
                self.duplicate_climbs(index);
            }
            return;
        }
        let Some(index) = self.duplicate_of.remove(&id) else { return };
        let Some(duplicate) = self.duplicates.get_mut(index).and_then(Option::take) else { return };
        if let Some(connection) = duplicate.connection {
            self.net.send(connection, Way::Up, &[0xE0, 0]);
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
                self.net.send(connection, Way::Up, &[0xC0, 0]);
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
        let hello = hello(&client_id, keep_alive_s, login.map(|login| (login.user, login.password)));
        self.net.send(id, Way::Up, &hello);
    }

    pub(super) fn duplicate_receives(&mut self, index: usize, id: ConnId, bytes: &[u8], out: Out) {
        let local = self.duplicate_now();
        let Some(duplicate) = self.duplicate(index).filter(|duplicate| duplicate.connection == Some(id))
        else {
            return;
        };
        match out {
            // It subscribes to nothing, so that answers are all it gets, each whole.
            Out::Bytes(_) if bytes == [0x20, 2, 0, 0] => duplicate.reconnector.session_up(local),
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

/// A CONNECT with a clean session and without a will (MQTT 3.1.1, section 3.1).
fn hello(client_id: &str, keep_alive_s: u16, login: Option<(String, String)>) -> Vec<u8> {
    let [high, low] = keep_alive_s.to_be_bytes();
    let flags = if login.is_some() { 0xC2 } else { 2 };
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, high, low];
    let mut text = |text: &str| {
        body.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes());
        body.extend(text.as_bytes());
    };
    text(client_id);
    if let Some((user, password)) = &login {
        text(user);
        text(password);
    }
    let mut packet = vec![0x10];
    let mut left = body.len();
    loop {
        let low = u8::try_from(left & 0x7F).unwrap_or_default();
        left >>= 7;
        packet.push(if left > 0 { low | 0x80 } else { low });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}
