//! What is seen of a port's connections becomes links, notices and packets. Pure: the time comes in.
//!
//! However much a light does, what is told of it stays within an allowance; the rest is counted and told as a sum.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::Arc,
    time::Duration,
};

use super::{
    allowance::Allowance,
    describe::{self, quoted},
};
use crate::{
    fault::Direction,
    model::LightId,
    tap::{Connect, LinkEvent, Packet},
    world::event::{Layer, Severity},
};

/// More connections at once are not told apart.
const MOST_CONNECTIONS: usize = 256;
/// Subscriptions of a connection that may wait for their SUBACK.
const MOST_PENDING: usize = 8;
/// Subscriptions of a connection that are shown.
const MOST_SHOWN: usize = 4;
/// More of a client id is not compared.
const ID_CHARS: usize = 256;
const LINK_CHANGES: (u32, Duration) = (10, Duration::from_secs(10));
const OPENS: (u32, Duration) = (10, Duration::from_secs(10));
const NOTICES: (u32, Duration) = (12, Duration::from_secs(60));
const PACKETS: (u32, Duration) = (20, Duration::from_secs(1));
/// The same notice is not told again within this.
const SAME_NOTICE: Duration = Duration::from_secs(60);

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PortEvent {
    Link { layer: Layer, up: bool, reason: String },
    Notice { severity: Severity, text: String },
    Packet { connection: u64, text: String, untold: u64 },
}

/// What a client that the broker has let in does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ClientChange {
    Connected,
    /// The broker has granted these filters.
    Subscribed(Vec<String>),
    Published(String),
    Disconnected,
}

/// Whose client ids are in use.
#[derive(Debug, Default)]
pub(in crate::world) struct ClientIds {
    /// Of the lights that run here.
    own: HashMap<String, LightId>,
    /// Of sessions through ports.
    open: HashMap<String, Vec<LightId>>,
}

impl ClientIds {
    /// A light that runs here logs in with this id.
    pub(in crate::world) fn add_own(&mut self, id: &str, light: LightId) {
        self.own.insert(id.to_owned(), light);
    }

    fn other_holder(&self, id: &str, light: &LightId) -> Option<&LightId> {
        let open = self.open.get(id).into_iter().flatten();
        self.own.get(id).into_iter().chain(open).find(|holder| *holder != light)
    }

    fn opened(&mut self, id: &str, light: &LightId) {
        self.open.entry(id.to_owned()).or_default().push(light.clone());
    }

    fn closed(&mut self, id: &str, light: &LightId) {
        let Some(holders) = self.open.get_mut(id) else { return };
        if let Some(place) = holders.iter().position(|holder| holder == light) {
            holders.swap_remove(place);
        }
        if holders.is_empty() {
            self.open.remove(id);
        }
    }
}

#[derive(Debug, Default)]
struct Connection {
    /// The client id, once the broker has taken it.
    session: Option<String>,
    asked: Option<Connect>,
    /// Who it is among the broker's clients, from then on.
    client: Option<Arc<str>>,
    disconnected: bool,
    /// What the broker has granted.
    granted: Vec<String>,
    /// Filters by packet identifier.
    pending: BTreeMap<u16, Vec<String>>,
}

#[derive(Debug)]
struct LayerWatch {
    layer: Layer,
    now: Option<(bool, String)>,
    told: Option<(bool, String)>,
    allowance: Allowance,
}

/// What is known of one port.
#[derive(Debug)]
pub(super) struct PortWatch {
    light: LightId,
    connections: BTreeMap<u64, Connection>,
    tcp: LayerWatch,
    mqtt: LayerWatch,
    /// Connections that were made.
    opens: Allowance,
    notices: Allowance,
    /// Notices that were told, when, and how often again since.
    noticed: HashMap<String, (Duration, u64)>,
    /// `None`: packets are not told.
    packets: Option<Allowance>,
    /// Packets that were not told since the last one that was.
    untold: u64,
    last_connection: u64,
    out: Vec<PortEvent>,
    /// `None`: nobody wants to know.
    client_changes: Option<Vec<(Arc<str>, ClientChange)>>,
}

impl PortWatch {
    /// `packets`: whether single packets are told; `clients`: whether it is told what its clients do.
    pub(super) fn new(light: LightId, packets: bool, clients: bool) -> PortWatch {
        let layer = |layer| LayerWatch {
            layer,
            now: None,
            told: None,
            allowance: Allowance::new(LINK_CHANGES.0, LINK_CHANGES.1),
        };
        PortWatch {
            light,
            connections: BTreeMap::new(),
            tcp: layer(Layer::Tcp),
            mqtt: layer(Layer::Mqtt),
            opens: Allowance::new(OPENS.0, OPENS.1),
            notices: Allowance::new(NOTICES.0, NOTICES.1),
            noticed: HashMap::new(),
            packets: packets.then(|| Allowance::new(PACKETS.0, PACKETS.1)),
            untold: 0,
            last_connection: 0,
            out: Vec::new(),
            client_changes: clients.then(Vec::new),
        }
    }

    /// What is to be told by now.
    pub(super) fn events(&mut self) -> Vec<PortEvent> {
        mem::take(&mut self.out)
    }

    /// What its clients have done since this was last asked.
    pub(super) fn client_changes(&mut self) -> Vec<(Arc<str>, ClientChange)> {
        self.client_changes.as_mut().map(mem::take).unwrap_or_default()
    }

    pub(super) fn take(&mut self, now: Duration, number: u64, what: LinkEvent, ids: &mut ClientIds) {
        self.last_connection = number;
        match what {
            LinkEvent::Opened { from } => {
                self.opens.take(now);
                if self.connections.len() < MOST_CONNECTIONS {
                    self.connections.insert(number, Connection::default());
                }
                self.tcp.set(now, true, format!("connected from {}", from.ip()), &mut self.out);
            }
            LinkEvent::Packet { direction, packet } => {
                self.tell_packet(now, number, describe::packet(direction, &packet));
                self.take_packet(now, number, direction, packet, ids);
            }
            LinkEvent::Malformed { direction: Direction::ToBroker, reason } => {
                let text = format!("{} does not keep to MQTT 3.1.1: {reason}", self.light);
                self.tell_packet(now, number, format!("sent something malformed: {reason}"));
                self.notice(now, Severity::Warning, text);
            }
            LinkEvent::Malformed { direction: Direction::FromBroker, reason } => {
                let text = format!("the broker does not keep to MQTT 3.1.1 towards {}: {reason}", self.light);
                self.notice(now, Severity::Warning, text);
            }
            LinkEvent::HalfClosed => {}
            LinkEvent::Closed { by, reset } => {
                let Some(connection) = self.connections.remove(&number) else { return };
                let reason = describe::end(by, reset, connection.disconnected);
                self.note_client(connection.client, ClientChange::Disconnected);
                if let Some(id) = connection.session {
                    ids.closed(&id, &self.light);
                    self.settle_session(now, reason);
                }
                if self.connections.is_empty() {
                    self.tcp.set(now, false, reason.to_owned(), &mut self.out);
                }
            }
            LinkEvent::Lost { events } => {
                // The end of any connection may be among them.
                for connection in mem::take(&mut self.connections).into_values() {
                    self.note_client(connection.client, ClientChange::Disconnected);
                    if let Some(id) = connection.session {
                        ids.closed(&id, &self.light);
                    }
                }
                let text = format!(
                    "{} sends more than can be followed: {events} packets were not looked at",
                    self.light
                );
                self.notice(now, Severity::Warning, text);
            }
        }
    }

    fn take_packet(
        &mut self,
        now: Duration,
        number: u64,
        direction: Direction,
        packet: Packet,
        ids: &mut ClientIds,
    ) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        match (direction, packet) {
            (Direction::ToBroker, Packet::Connect(connect)) => {
                connection.asked = Some(connect.clone());
                self.judge_login(now, &connect, ids);
            }
            (Direction::FromBroker, Packet::ConnAck { code: 0, .. }) => {
                let Some(asked) = &connection.asked else { return };
                let id = shortened(&asked.client_id);
                let reason = session(&id, asked);
                ids.opened(&id, &self.light);
                // The broker makes up an id for who has none.
                let name = if id.is_empty() { format!("{} {number}", self.light) } else { id.clone() };
                let client: Arc<str> = name.into();
                connection.client = Some(client.clone());
                connection.session = Some(id);
                self.note_client(Some(client), ClientChange::Connected);
                self.mqtt.set(now, true, reason, &mut self.out);
            }
            (Direction::FromBroker, Packet::ConnAck { code, .. }) => {
                let reason = describe::refusal(code);
                self.notice(now, Severity::Warning, format!("{}: {reason}", self.light));
                if !self.has_session() {
                    self.mqtt.set(now, false, reason, &mut self.out);
                }
            }
            (Direction::ToBroker, Packet::Subscribe { id, filters })
                if connection.pending.len() < MOST_PENDING =>
            {
                let filters = filters.into_iter().map(|(filter, _)| filter).collect();
                connection.pending.insert(id, filters);
            }
            (Direction::FromBroker, Packet::SubAck { id, codes }) => {
                let filters = connection.pending.remove(&id).unwrap_or_default();
                let client = connection.client.clone();
                let mut granted = Vec::new();
                for (filter, code) in filters.into_iter().zip(codes) {
                    if code <= 2 {
                        granted.push(filter);
                        continue;
                    }
                    let (light, filter) = (&self.light, quoted(&filter));
                    let text = format!("the broker refused the subscription of {light} to {filter}");
                    self.notice(now, Severity::Warning, text);
                }
                if !granted.is_empty() {
                    self.tell_of_session(now, number, &granted);
                    self.note_client(client, ClientChange::Subscribed(granted));
                }
            }
            (Direction::ToBroker, Packet::Publish(publish)) => {
                let client = connection.client.clone();
                self.note_client(client, ClientChange::Published(publish.topic));
            }
            (Direction::ToBroker, Packet::Disconnect) => connection.disconnected = true,
            _ => {}
        }
    }

    /// A session has a subscription more.
    fn tell_of_session(&mut self, now: Duration, number: u64, granted: &[String]) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        for filter in granted {
            if connection.granted.len() < MOST_SHOWN && !connection.granted.contains(filter) {
                connection.granted.push(filter.clone());
            }
        }
        let (Some(id), Some(asked)) = (&connection.session, &connection.asked) else { return };
        let filters: Vec<_> = connection.granted.iter().map(|filter| quoted(filter)).collect();
        let reason = format!("{}, subscribed to {}", session(id, asked), filters.join(", "));
        self.mqtt.set(now, true, reason, &mut self.out);
    }

    fn note_client(&mut self, client: Option<Arc<str>>, change: ClientChange) {
        if let (Some(changes), Some(client)) = (&mut self.client_changes, client) {
            changes.push((client, change));
        }
    }

    fn judge_login(&mut self, now: Duration, connect: &Connect, ids: &ClientIds) {
        let id = shortened(&connect.client_id);
        if let Some(other) = ids.other_holder(&id, &self.light).filter(|_| !id.is_empty()) {
            let text = format!(
                "{} connected with the client id of {other}, {}: the broker will throw one of them out (help: give each \
                 light a client id of its own)",
                self.light,
                quoted(&id)
            );
            self.notice(now, Severity::Warning, text);
        }
        if connect.keep_alive_s == 0 {
            let text = format!(
                "{} connects with a keep-alive of 0: if its link dies silently, neither the broker nor its partner will \
                 know (help: give its client a keep-alive, such as 10 s, and let it ping)",
                self.light
            );
            self.notice(now, Severity::Warning, text);
        }
    }

    fn has_session(&self) -> bool {
        self.connections.values().any(|connection| connection.session.is_some())
    }

    /// A session is over, and another may go on.
    fn settle_session(&mut self, now: Duration, reason: &str) {
        if !self.has_session() {
            self.mqtt.set(now, false, reason.to_owned(), &mut self.out);
        }
    }

    fn notice(&mut self, now: Duration, severity: Severity, text: String) {
        if let Some((at, again)) = self.noticed.get_mut(&text)
            && now < *at + SAME_NOTICE
        {
            *again += 1;
            return;
        }
        if !self.notices.take(now) {
            return;
        }
        let again = self.noticed.insert(text.clone(), (now, 0)).map_or(0, |(_, again)| again);
        // What was told long ago need not be known any more.
        self.noticed.retain(|_, (at, again)| *again > 0 || now < *at + SAME_NOTICE);
        if self.noticed.len() > 2 * NOTICES.0 as usize {
            self.noticed.clear();
        }
        let text = if again > 0 { format!("{text} (and {again} times more in between)") } else { text };
        self.out.push(PortEvent::Notice { severity, text });
    }

    fn tell_packet(&mut self, now: Duration, connection: u64, text: String) {
        let Some(packets) = &mut self.packets else { return };
        if packets.take(now) {
            self.out.push(PortEvent::Packet { connection, text, untold: mem::take(&mut self.untold) });
        } else {
            self.untold += 1;
        }
    }

    /// Whether there is something that [`PortWatch::catch_up`] will tell.
    pub(super) fn holds_back(&self) -> bool {
        let behind = self.untold > 0 || self.tcp.is_behind() || self.mqtt.is_behind();
        behind || self.opens.is_over() || self.notices.is_over()
    }

    /// Tells what was held back, as far as it may be told by now.
    pub(super) fn catch_up(&mut self, now: Duration) {
        if let Some(times) = self.opens.excess(now) {
            let seconds = self.opens.seconds();
            let text = format!("{} connects again and again: {times} times in {seconds} s", self.light);
            self.out.push(PortEvent::Notice { severity: Severity::Warning, text });
        }
        self.tcp.tell(now, &mut self.out);
        self.mqtt.tell(now, &mut self.out);
        let (most, seconds) = (NOTICES.0, self.notices.seconds());
        if let Some(count) = self.notices.excess(now) {
            let more = count.saturating_sub(most);
            let text = format!("{more} more notices about {} in {seconds} s were left out", self.light);
            self.out.push(PortEvent::Notice { severity: Severity::Warning, text });
        }
        if self.untold > 0 && self.packets.as_mut().is_some_and(|packets| packets.take(now)) {
            let (connection, untold) = (self.last_connection, mem::take(&mut self.untold));
            let text = "more than is shown one by one".to_owned();
            self.out.push(PortEvent::Packet { connection, text, untold });
        }
    }
}

impl LayerWatch {
    fn set(&mut self, now: Duration, up: bool, reason: String, out: &mut Vec<PortEvent>) {
        self.now = Some((up, reason));
        self.tell(now, out);
    }

    fn is_behind(&self) -> bool {
        self.now != self.told
    }

    fn tell(&mut self, now: Duration, out: &mut Vec<PortEvent>) {
        if let Some((up, reason)) = self.now.clone()
            && self.is_behind()
            && self.allowance.take(now)
        {
            self.told = self.now.clone();
            out.push(PortEvent::Link { layer: self.layer, up, reason });
        }
    }
}

fn session(id: &str, asked: &Connect) -> String {
    format!("session as {}, keep-alive {} s", quoted(id), asked.keep_alive_s)
}

fn shortened(id: &str) -> String {
    id.chars().take(ID_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use traffic_light::Name;

    use super::*;
    use crate::tap::{Closer, Publish};

    const FROM: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9);

    fn light(name: &str) -> LightId {
        LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
    }

    fn up(packet: Packet) -> LinkEvent {
        LinkEvent::Packet { direction: Direction::ToBroker, packet }
    }

    fn down(packet: Packet) -> LinkEvent {
        LinkEvent::Packet { direction: Direction::FromBroker, packet }
    }

    fn connect(id: &str, keep_alive_s: u16) -> LinkEvent {
        let client_id = id.to_owned();
        up(Packet::Connect(Connect {
            client_id,
            keep_alive_s,
            clean_session: true,
            will: None,
            user: None,
            has_password: false,
        }))
    }

    fn connack(code: u8) -> LinkEvent {
        down(Packet::ConnAck { session_present: false, code })
    }

    struct Bench {
        watch: PortWatch,
        ids: ClientIds,
        now: Duration,
    }

    impl Bench {
        fn new(name: &str, packets: bool) -> Bench {
            Bench {
                watch: PortWatch::new(light(name), packets, true),
                ids: ClientIds::default(),
                now: Duration::ZERO,
            }
        }

        fn see(&mut self, number: u64, what: LinkEvent) -> Vec<PortEvent> {
            self.watch.take(self.now, number, what, &mut self.ids);
            self.watch.events()
        }

        fn login(&mut self, number: u64, id: &str) {
            self.see(number, LinkEvent::Opened { from: FROM });
            self.see(number, connect(id, 10));
            self.see(number, connack(0));
        }
    }

    fn notices(events: &[PortEvent]) -> Vec<&str> {
        let mut texts = Vec::new();
        for event in events {
            if let PortEvent::Notice { text, .. } = event {
                texts.push(text.as_str());
            }
        }
        texts
    }

    #[test]
    fn a_links_layers_come_and_go_with_who_ended_them() {
        let mut bench = Bench::new("b", false);
        let link = |layer, up, reason: &str| PortEvent::Link { layer, up, reason: reason.to_owned() };
        let opened = bench.see(1, LinkEvent::Opened { from: FROM });
        assert_eq!(opened, [link(Layer::Tcp, true, "connected from 127.0.0.1")]);
        assert_eq!(bench.see(1, connect("me", 10)), []);
        assert_eq!(bench.see(1, connack(0)), [link(Layer::Mqtt, true, "session as \"me\", keep-alive 10 s")]);
        // A second connection takes over before the first has ended.
        bench.login(2, "me");
        assert_eq!(bench.see(1, LinkEvent::Closed { by: Closer::Broker, reset: false }), []);
        let end = bench.see(2, LinkEvent::Closed { by: Closer::Light, reset: false });
        let why = "it closed the connection without a DISCONNECT";
        assert_eq!(end, [link(Layer::Mqtt, false, why), link(Layer::Tcp, false, why)]);
    }

    #[test]
    fn mistakes_are_told_with_their_names() {
        let mut bench = Bench::new("b", false);
        bench.ids.add_own("tl-a", light("a"));
        bench.see(1, LinkEvent::Opened { from: FROM });
        let told = bench.see(1, connect("tl-a", 0));
        let told = notices(&told);
        assert!(told[0].starts_with("demo/b connected with the client id of demo/a, \"tl-a\""), "{told:?}");
        assert!(told[1].contains("keep-alive of 0"), "{told:?}");
        let refused = bench.see(1, connack(5));
        assert_eq!(notices(&refused), ["demo/b: the broker refused the login: not authorised (code 5)"]);
        bench.login(2, "own");
        bench.see(
            2,
            up(Packet::Subscribe { id: 3, filters: vec![("a/#".to_owned(), 1), ("b".to_owned(), 0)] }),
        );
        let refused = bench.see(2, down(Packet::SubAck { id: 3, codes: vec![128, 0] }));
        assert_eq!(notices(&refused), ["the broker refused the subscription of demo/b to \"a/#\""]);
        let malformed =
            LinkEvent::Malformed { direction: Direction::ToBroker, reason: "a QoS of 3".to_owned() };
        assert_eq!(notices(&bench.see(2, malformed)), ["demo/b does not keep to MQTT 3.1.1: a QoS of 3"]);
    }

    #[test]
    fn what_clients_do_is_told_once_the_broker_has_let_them_in_and_granted_it() {
        let mut bench = Bench::new("b", false);
        let say = |topic: &str| {
            let (topic, payload) = (topic.to_owned(), b"x".as_slice().into());
            up(Packet::Publish(Publish {
                topic,
                payload,
                bytes: 1,
                qos: 0,
                retain: false,
                dup: false,
                id: None,
            }))
        };
        bench.see(1, LinkEvent::Opened { from: FROM });
        bench.see(1, connect("me", 10));
        bench.see(1, say("early"));
        bench.see(1, connack(0));
        let filters = vec![("cars/y".to_owned(), 1), ("secret".to_owned(), 1)];
        bench.see(1, up(Packet::Subscribe { id: 3, filters }));
        bench.see(1, say("cars/x"));
        bench.see(1, down(Packet::SubAck { id: 3, codes: vec![1, 128] }));
        bench.see(1, LinkEvent::Closed { by: Closer::Light, reset: true });
        let changes = bench.watch.client_changes();
        assert!(changes.iter().all(|(client, _)| &**client == "me"));
        let changes: Vec<_> = changes.into_iter().map(|(_, change)| change).collect();
        let (topic, filter) = ("cars/x".to_owned(), "cars/y".to_owned());
        let wanted = [
            ClientChange::Connected,
            ClientChange::Published(topic),
            ClientChange::Subscribed(vec![filter]),
            ClientChange::Disconnected,
        ];
        assert_eq!(changes, wanted);
    }

    #[test]
    fn a_client_id_is_shared_only_while_both_are_connected_and_never_with_itself() {
        let mut ids = ClientIds::default();
        ids.add_own("tl-b", light("b"));
        let mut b = Bench { ids, ..Bench::new("b", false) };
        b.login(1, "tl-b");
        b.see(2, LinkEvent::Opened { from: FROM });
        assert_eq!(b.see(2, connect("tl-b", 10)), [], "its own, and its own again");
        let mut c = Bench { ids: mem::take(&mut b.ids), ..Bench::new("c", false) };
        c.see(1, LinkEvent::Opened { from: FROM });
        assert_eq!(notices(&c.see(1, connect("tl-b", 10))).len(), 1);
        c.login(2, "x");
        c.see(2, LinkEvent::Closed { by: Closer::Light, reset: true });
        let mut d = Bench { ids: mem::take(&mut c.ids), ..Bench::new("d", false) };
        d.see(1, LinkEvent::Opened { from: FROM });
        assert_eq!(d.see(1, connect("x", 10)), []);
    }

    #[test]
    fn a_flood_of_packets_is_summed_up() {
        let mut bench = Bench::new("b", true);
        bench.login(1, "me");
        let publish = Packet::Publish(Publish {
            topic: "t".to_owned(),
            payload: b"x".as_slice().into(),
            bytes: 1,
            qos: 0,
            retain: false,
            dup: false,
            id: None,
        });
        let mut told = 0;
        for _ in 0..100_000 {
            told += bench.see(1, up(publish.clone())).len();
        }
        assert_eq!(told, 18, "twenty in a second, of which the login had two");
        assert!(bench.watch.holds_back());
        bench.now = Duration::from_secs(1);
        bench.watch.catch_up(bench.now);
        let events = bench.watch.events();
        assert!(matches!(&events[..], [PortEvent::Packet { untold: 99_982, .. }]), "{events:?}");
        assert!(!bench.watch.holds_back());
    }

    #[test]
    fn a_storm_of_connections_and_of_malformed_packets_is_summed_up_and_the_last_state_is_told() {
        let mut bench = Bench::new("b", false);
        let mut told = Vec::new();
        for number in 1..=1_000 {
            told.extend(bench.see(number, LinkEvent::Opened { from: FROM }));
            let reason = format!("garbage {number}");
            told.extend(bench.see(number, LinkEvent::Malformed { direction: Direction::ToBroker, reason }));
            told.extend(bench.see(number, LinkEvent::Closed { by: Closer::Light, reset: true }));
        }
        told.extend(bench.see(1_001, LinkEvent::Opened { from: FROM }));
        assert!(told.len() <= 25, "{}", told.len());
        for seconds in 1..=61 {
            bench.now = Duration::from_secs(seconds);
            bench.watch.catch_up(bench.now);
        }
        let later = bench.watch.events();
        let last = later.iter().rfind(|event| matches!(event, PortEvent::Link { .. }));
        assert!(matches!(last, Some(PortEvent::Link { layer: Layer::Tcp, up: true, .. })), "{later:?}");
        let sums = notices(&later);
        assert!(
            sums.iter().any(|text| text.contains("connects again and again: 1001 times in 10 s")),
            "{sums:?}"
        );
        assert!(
            sums.iter().any(|text| text.contains("more notices about demo/b in 60 s were left out")),
            "{sums:?}"
        );
        assert!(later.len() < 8 && !bench.watch.holds_back(), "{later:?}");
    }
}
