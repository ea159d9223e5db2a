//! A second client with a light's client id, without a program: each takes the session from the
//! other.

use traffic_light::{
    Instant,
    reconnector::{Action, Reconnector},
};

use super::{
    Step,
    ear::random_u32,
    net::{ConnId, Out, Owner, Reach},
    world::World,
};
use crate::fault::{Direction, Micros};

/// The client, which comes from the world's own computer: no fault of the light's link strikes it.
pub(super) struct Usurper {
    client_id: String,
    reconnector: Reconnector,
    connection: Option<ConnId>,
    /// When it has something to do next.
    due_us: Micros,
}

impl World {
    /// Lets a usurper begin or end.
    pub(super) fn set_usurper(&mut self, number: usize, on: bool) {
        let local = self.usurper_now();
        let Some(light) = self.light(number) else { return };
        let (id, client_id) = (light.id.clone(), light.client_id.clone());
        if on {
            if !self.usurper_of.contains_key(&id) {
                let mut reconnector = Reconnector::new(local);
                // It has no Wi-Fi that it would have to join.
                reconnector.wifi_joined(local);
                let index = self.usurpers.len();
                self.usurpers.push(Some(Usurper {
                    client_id,
                    reconnector,
                    connection: None,
                    due_us: Micros::MAX,
                }));
                self.usurper_of.insert(id, index);
                self.usurper_climbs(index);
            }
            return;
        }
        let Some(index) = self.usurper_of.remove(&id) else { return };
        let Some(usurper) = self.usurpers.get_mut(index).and_then(Option::take) else { return };
        if let Some(connection) = usurper.connection {
            self.net.send(connection, Direction::ToBroker, &[0xE0, 0]);
            self.net.hang_up(connection);
        }
    }

    /// Usurpers go by the world's clock.
    fn usurper_now(&self) -> Instant {
        Instant::from_ms(self.net.now / 1_000)
    }

    fn usurper(&mut self, index: usize) -> Option<&mut Usurper> {
        self.usurpers.get_mut(index)?.as_mut()
    }

    fn usurper_climbs(&mut self, index: usize) {
        let local = self.usurper_now();
        let Some(usurper) = self.usurper(index) else { return };
        if let Action::Wait { until } = usurper.reconnector.next_action(local) {
            let due_us = until.as_ms() * 1_000;
            usurper.due_us = due_us;
            self.net.plan(due_us, Step::Usurper(index));
            return;
        }
        let connection = self.net.dial(Owner::Usurper(index));
        if let Some(usurper) = self.usurper(index) {
            usurper.connection = Some(connection);
        }
    }

    pub(super) fn usurper_due(&mut self, index: usize) {
        let now = self.net.now;
        let every_us = u64::from(self.config.links.keep_alive_s) * 1_000_000;
        let Some(usurper) = self.usurper(index).filter(|usurper| usurper.due_us == now) else { return };
        match usurper.connection {
            None => self.usurper_climbs(index),
            Some(connection) => {
                usurper.due_us = now + every_us;
                self.net.plan(now + every_us, Step::Usurper(index));
                self.net.send(connection, Direction::ToBroker, &[0xC0, 0]);
            }
        }
    }

    pub(super) fn usurper_dialled(&mut self, index: usize, id: ConnId) {
        let (now, keep_alive_s) = (self.net.now, self.config.links.keep_alive_s);
        let login = self.login.clone();
        if !self.broker.runs() {
            self.net.remove(id);
            return self.usurper_loses(index);
        }
        let Some(usurper) = self.usurper(index) else { return };
        usurper.due_us = now + u64::from(keep_alive_s) * 1_000_000;
        let (due_us, client_id) = (usurper.due_us, usurper.client_id.clone());
        self.net.made(id, Reach::Broker, &[].into());
        self.broker.accept(&mut self.net, id);
        self.net.plan(due_us, Step::Usurper(index));
        let hello = hello(&client_id, keep_alive_s, login.map(|login| (login.user, login.password)));
        self.net.send(id, Direction::ToBroker, &hello);
    }

    pub(super) fn usurper_receives(&mut self, index: usize, id: ConnId, bytes: &[u8], out: Out) {
        let local = self.usurper_now();
        let Some(usurper) = self.usurper(index).filter(|usurper| usurper.connection == Some(id)) else {
            return;
        };
        match out {
            // It subscribes to nothing, so that answers are all it gets, each whole.
            Out::Bytes(_) if bytes == [0x20, 2, 0, 0] => usurper.reconnector.session_up(local),
            Out::Bytes(_) => {}
            Out::End | Out::Reset => {
                self.net.remove(id);
                self.usurper_loses(index);
            }
        }
    }

    fn usurper_loses(&mut self, index: usize) {
        let local = self.usurper_now();
        let random = random_u32(&mut self.net.rng);
        let Some(usurper) = self.usurper(index) else { return };
        usurper.connection = None;
        usurper.reconnector.session_lost(local, random);
        self.usurper_climbs(index);
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
