//! The simulated broker: bytes in from each connection, bytes out to others, without a socket.
//!
//! It does what MQTT 3.1.1 and the embedded broker do, as far as a light can see: clean sessions,
//! retained messages, wills, takeover, a login, keep-alive, acknowledgements at QoS 1. It keeps
//! nothing for a client that is away and never sends a message twice. It does not know QoS 2,
//! UNSUBSCRIBE and kept sessions, which no light uses; who sends such is closed.

use std::collections::{BTreeMap, HashMap};

use traffic_light::mqtt::codec::{
    self, Connect, Delivery, Filters, PINGRESP, Packet, Publish, SUBSCRIPTION_REFUSED, matches,
};

use super::{
    net::{ConnId, Net},
    observer::{Observer, at},
    step::Step,
};
use crate::{
    fault::{Direction, Micros},
    model::Login,
    world::{
        account_limiter::{AccountEvent, AccountLimits},
        event::Severity,
    },
};

/// A peer that has not logged in within this is dropped.
const CONNECT_TIMEOUT_US: Micros = 10_000_000;
/// A client that asks for no keep-alive is dropped after so much silence all the same, as by the
/// embedded broker.
const NO_KEEP_ALIVE_US: Micros = 300_000_000;
/// From a ban to the reset of its connections, so that the notice of it still gets there.
const LAST_NOTICE_US: Micros = 250_000;

struct Client {
    id: ConnId,
    /// Empty until it has logged in.
    name: String,
    filters: Vec<(String, u8)>,
    will: Option<StoredWill>,
    silence_us: Micros,
    heard_us: Micros,
    /// When its silence is judged next.
    check_us: Micros,
    last_packet: u16,
    /// The beginning of a packet whose end has not arrived.
    inbox: Vec<u8>,
}

/// What is published when the client is gone.
#[derive(Clone)]
struct StoredWill {
    topic: String,
    payload: Vec<u8>,
    retain: bool,
}

/// A message to be passed on.
#[derive(Clone, Copy)]
pub(super) struct Message<'a> {
    pub(crate) topic: &'a str,
    pub payload: &'a [u8],
    pub(super) qos: u8,
    pub(super) retain: bool,
}

struct Topic {
    name: String,
    retained: Option<Vec<u8>>,
    /// Each with the QoS that it was granted.
    subscribers: Vec<(ConnId, u8)>,
}

/// What the broker remembers. A stop forgets all of it.
pub(super) struct Broker {
    login: Option<Login>,
    pub(super) limiter: AccountLimits,
    runs: bool,
    /// By the index of their connection.
    clients: Vec<Option<Client>>,
    names: BTreeMap<String, ConnId>,
    topics: Vec<Topic>,
    /// Looked up, never walked through.
    by_name: HashMap<String, usize>,
    packet: Vec<u8>,
}

/// What a broker ends a connection for: no packet of MQTT 3.1.1, or one that may not come here.
struct Violation;

impl Broker {
    pub(super) fn new(login: Option<Login>, limiter: AccountLimits) -> Broker {
        Broker {
            login,
            limiter,
            runs: false,
            clients: Vec::new(),
            names: BTreeMap::new(),
            topics: Vec::new(),
            by_name: HashMap::new(),
            packet: Vec::new(),
        }
    }

    pub(super) fn runs(&self) -> bool {
        self.runs
    }

    pub(super) fn start(&mut self) {
        self.runs = true;
    }

    /// Closes all connections, as a process that is killed does, and forgets everything.
    pub(super) fn stop(&mut self, net: &mut Net) {
        let clients = std::mem::take(&mut self.clients);
        for client in clients.into_iter().flatten() {
            net.close(client.id);
        }
        self.runs = false;
        self.names.clear();
        self.topics.clear();
        self.by_name.clear();
    }

    /// A client has connected.
    pub(super) fn accept(&mut self, net: &mut Net, id: ConnId) {
        let client = Client {
            id,
            name: String::new(),
            filters: Vec::new(),
            will: None,
            silence_us: CONNECT_TIMEOUT_US,
            heard_us: net.now,
            check_us: net.now + CONNECT_TIMEOUT_US,
            last_packet: 0,
            inbox: Vec::new(),
        };
        if self.clients.len() <= id.index {
            self.clients.resize_with(id.index + 1, || None);
        }
        self.clients[id.index] = Some(client);
        net.plan(net.now + CONNECT_TIMEOUT_US, Step::KeepAlive(id));
    }

    /// Bytes of a client have arrived.
    pub(super) fn take(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId, bytes: &[u8]) {
        let Some(client) = self.client(id) else { return };
        client.heard_us = net.now;
        if client.inbox.is_empty() {
            let used = self.take_whole(net, observer, id, bytes);
            if let (Some(client), Some(rest)) = (self.client(id), bytes.get(used..)) {
                client.inbox.extend_from_slice(rest);
            }
            return;
        }
        let mut inbox = std::mem::take(&mut client.inbox);
        inbox.extend_from_slice(bytes);
        let used = self.take_whole(net, observer, id, &inbox);
        inbox.drain(..used);
        if let Some(client) = self.client(id) {
            client.inbox = inbox;
        }
    }

    /// Takes all whole packets, and returns their length.
    fn take_whole(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            let taken = match Packet::read(rest) {
                Ok(None) => return used,
                Ok(Some((packet, length))) => {
                    used += length;
                    self.handle(net, observer, id, packet)
                }
                Err(_) => Err(Violation),
            };
            if taken.is_err() {
                self.close(net, observer, id, true);
            }
            if self.client(id).is_none() {
                return bytes.len();
            }
        }
        used
    }

    fn handle(
        &mut self,
        net: &mut Net,
        observer: &mut Observer,
        id: ConnId,
        packet: Packet<'_>,
    ) -> Result<(), Violation> {
        let logged_in = self.client(id).is_some_and(|client| !client.name.is_empty());
        match packet {
            Packet::Connect(connect) if !logged_in => self.on_connect(net, observer, id, &connect),
            Packet::Connect(_) => return Err(Violation),
            _ if !logged_in => return Err(Violation),
            Packet::Publish(Publish { delivery: Delivery::ExactlyOnce { .. }, .. }) => return Err(Violation),
            Packet::Publish(Publish { topic, payload, delivery, retain, .. }) => {
                if let Some(packet_id) = delivery.id() {
                    net.send(id, Direction::FromBroker, &codec::puback(packet_id));
                }
                let qos = delivery.qos();
                self.publish(net, observer, Some(id), Message { topic, payload, qos, retain });
            }
            Packet::PubAck { .. } => {}
            Packet::Subscribe { id: packet_id, filters } => {
                self.subscribe(net, observer, id, packet_id, filters)?;
            }
            Packet::PingReq => net.send(id, Direction::FromBroker, &PINGRESP),
            Packet::Disconnect => self.close(net, observer, id, false),
            _ => return Err(Violation),
        }
        Ok(())
    }

    fn on_connect(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId, connect: &Connect<'_>) {
        let (user, password) = connect.login.map_or((None, None), |(user, password)| (Some(user), password));
        let admitted = self.login.as_ref().is_none_or(|login| login.admits(user, password));
        let code = match connect.client_id {
            "" => 2,
            _ if !admitted => 4,
            _ => match self.limiter.login(at(net.now)) {
                Ok(()) => 0,
                Err((refusal, banned_for)) => {
                    if banned_for.is_some() {
                        self.ban(net, observer);
                    }
                    refusal.code()
                }
            },
        };
        if code != 0 {
            net.send(id, Direction::FromBroker, &codec::connack(code));
            return self.close(net, observer, id, false);
        }
        if let Some(earlier) = self.names.get(connect.client_id).copied() {
            self.close(net, observer, earlier, true);
        }
        self.names.insert(connect.client_id.to_owned(), id);
        let now = net.now;
        let wills = !self.limiter.emulates();
        if let Some(client) = self.client(id) {
            connect.client_id.clone_into(&mut client.name);
            client.will = connect.will.filter(|_| wills).map(|will| StoredWill {
                topic: will.topic.to_owned(),
                payload: will.payload.to_vec(),
                retain: will.retain,
            });
            client.silence_us = match connect.keep_alive_s {
                0 => NO_KEEP_ALIVE_US,
                s => u64::from(s) * 1_500_000,
            };
            client.check_us = now + client.silence_us;
            net.plan(client.check_us, Step::KeepAlive(id));
        }
        net.send(id, Direction::FromBroker, &codec::connack(0));
    }

    /// Passes a message on where the account's rules let it, and does what the rules demand.
    /// What comes from no connection comes `from` none.
    pub(super) fn publish(
        &mut self,
        net: &mut Net,
        observer: &mut Observer,
        from: Option<ConnId>,
        message: Message<'_>,
    ) {
        if !self.limiter.counts() {
            return self.route(net, observer, message);
        }
        let Message { topic, payload, qos, retain } = message;
        let retain = retain && !self.limiter.emulates();
        let (published, event) = self.limiter.publish(at(net.now), topic, payload);
        if let Some(event) = event {
            let severity = if event == AccountEvent::Released { Severity::Info } else { Severity::Warning };
            observer.engine.state.notice(severity, None, event.to_string());
        }
        self.enforce(net, observer, published.notices, published.bans);
        if let (Some((topic, value)), Some(id)) = (published.answer, from)
            && self.client(id).is_some_and(|client| client.filters.iter().any(|(f, _)| matches(f, &topic)))
        {
            self.deliver(net, id, &topic, &value, 0, false);
        }
        if published.passed {
            let payload = published.instead.as_deref().unwrap_or(payload);
            self.route(net, observer, Message { topic, payload, qos, retain });
            for (topic, payload) in &published.also_on {
                self.route(net, observer, Message { topic, payload, qos: 0, retain: false });
            }
        }
    }

    fn enforce(
        &mut self,
        net: &mut Net,
        observer: &mut Observer,
        notices: Vec<(String, String)>,
        bans: bool,
    ) {
        for (topic, text) in notices {
            if !bans && topic.ends_with("/errors") {
                let rejected = AccountEvent::Rejected(text.clone()).to_string();
                observer.engine.state.notice(Severity::Warning, None, rejected);
            }
            let message = Message { topic: &topic, payload: text.as_bytes(), qos: 0, retain: false };
            self.route(net, observer, message);
        }
        if bans {
            self.ban(net, observer);
        }
    }

    fn ban(&mut self, net: &mut Net, observer: &mut Observer) {
        let seconds = self.limiter.banned_for(at(net.now)).as_secs();
        observer.engine.state.notice(Severity::Warning, None, AccountEvent::Banned { seconds }.to_string());
        net.plan(net.now + LAST_NOTICE_US, Step::Cut);
    }

    /// The account is banned: every connection gets an RST.
    pub(super) fn cut(&mut self, net: &mut Net, observer: &mut Observer) {
        let clients: Vec<ConnId> = self.clients.iter().flatten().map(|client| client.id).collect();
        for id in clients {
            self.forget(net, observer, id, true);
            net.reset(id);
        }
    }

    fn subscribe(
        &mut self,
        net: &mut Net,
        observer: &mut Observer,
        id: ConnId,
        packet_id: u16,
        filters: Filters<'_>,
    ) -> Result<(), Violation> {
        let (mut codes, mut kept) = (Vec::new(), Vec::new());
        for (filter, qos) in filters {
            let qos = qos.min(1);
            let subscribed = self.limiter.subscribe(at(net.now), filter);
            self.enforce(net, observer, subscribed.notices, subscribed.bans);
            if !subscribed.passed {
                codes.push(SUBSCRIPTION_REFUSED);
                continue;
            }
            codes.push(qos);
            for topic in self.topics.iter_mut().filter(|topic| matches(filter, &topic.name)) {
                topic.subscribers.retain(|(other, _)| *other != id);
                topic.subscribers.push((id, qos));
                kept.extend(topic.retained.clone().map(|payload| (topic.name.clone(), payload, qos)));
            }
            if let Some(client) = self.client(id) {
                client.filters.push((filter.to_owned(), qos));
            }
        }
        self.packet.clear();
        codec::suback(packet_id, &codes, |bytes| self.packet.extend_from_slice(bytes))
            .map_err(|_| Violation)?;
        net.send(id, Direction::FromBroker, &self.packet);
        for (topic, payload, qos) in kept {
            self.deliver(net, id, &topic, &payload, qos, true);
        }
        Ok(())
    }

    fn route(&mut self, net: &mut Net, observer: &mut Observer, message: Message<'_>) {
        let Message { topic, payload, qos, retain } = message;
        let index = match self.by_name.get(topic) {
            Some(index) => *index,
            None => self.add_topic(topic),
        };
        let Some(known) = self.topics.get_mut(index) else { return };
        if retain {
            match &mut known.retained {
                _ if payload.is_empty() => known.retained = None,
                Some(kept) => {
                    kept.clear();
                    kept.extend_from_slice(payload);
                }
                none => *none = Some(payload.to_vec()),
            }
        }
        let subscribers = std::mem::take(&mut known.subscribers);
        for (id, granted) in &subscribers {
            self.deliver(net, *id, topic, payload, qos.min(*granted), false);
        }
        if let Some(known) = self.topics.get_mut(index) {
            known.subscribers = subscribers;
        }
        observer.hear(topic, payload, false, qos);
    }

    fn add_topic(&mut self, name: &str) -> usize {
        let clients = self.clients.iter().flatten();
        let subscribers = clients.filter_map(|client| {
            let found = client.filters.iter().rev().find(|(filter, _)| matches(filter, name))?;
            Some((client.id, found.1))
        });
        let topic = Topic { name: name.to_owned(), retained: None, subscribers: subscribers.collect() };
        self.topics.push(topic);
        self.by_name.insert(name.to_owned(), self.topics.len() - 1);
        self.topics.len() - 1
    }

    fn deliver(&mut self, net: &mut Net, id: ConnId, topic: &str, payload: &[u8], qos: u8, retain: bool) {
        let Some(client) = self.client(id) else { return };
        let packet_id = (qos > 0).then(|| {
            client.last_packet = client.last_packet.checked_add(1).unwrap_or(1);
            client.last_packet
        });
        let delivery = packet_id.map_or(Delivery::AtMostOnce, |id| Delivery::AtLeastOnce { id });
        let publish = Publish { topic, payload, delivery, retain, dup: false };
        self.packet.clear();
        // Its topic came in a packet, so that it fits into one.
        let _ = publish.encode(|bytes| self.packet.extend_from_slice(bytes));
        net.send(id, Direction::FromBroker, &self.packet);
    }

    /// A client's connection has ended at the other end, or was reset.
    pub(super) fn lost(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId) {
        self.forget(net, observer, id, true);
    }

    /// It is time to look whether a client still speaks.
    pub(super) fn check(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId) {
        let now = net.now;
        let Some(client) = self.client(id).filter(|client| client.check_us == now) else { return };
        let due_us = client.heard_us + client.silence_us;
        // Bytes before a login are no sign of life.
        if now >= due_us || client.name.is_empty() {
            self.close(net, observer, id, true);
        } else {
            client.check_us = due_us;
            net.plan(due_us, Step::KeepAlive(id));
        }
    }

    fn close(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId, with_will: bool) {
        self.forget(net, observer, id, with_will);
        net.close(id);
    }

    fn forget(&mut self, net: &mut Net, observer: &mut Observer, id: ConnId, with_will: bool) {
        let Some(client) =
            self.clients.get_mut(id.index).and_then(|slot| slot.take_if(|client| client.id == id))
        else {
            return;
        };
        if self.names.get(&client.name) == Some(&id) {
            self.names.remove(&client.name);
        }
        for topic in &mut self.topics {
            topic.subscribers.retain(|(other, _)| *other != id);
        }
        if let Some(StoredWill { topic, payload, retain }) = client.will.filter(|_| with_will) {
            self.route(net, observer, Message { topic: &topic, payload: &payload, qos: 1, retain });
        }
    }

    /// Gives the observer all retained messages again.
    pub(super) fn repeat_retained(&self, observer: &mut Observer) {
        for topic in &self.topics {
            if let Some(payload) = &topic.retained {
                observer.hear(&topic.name, payload, true, 1);
            }
        }
    }

    fn client(&mut self, id: ConnId) -> Option<&mut Client> {
        self.clients.get_mut(id.index)?.as_mut().filter(|client| client.id == id)
    }
}
