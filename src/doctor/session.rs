//! CONNECT, subscribe, hear, sessions, retained, last will: whether the broker does what lights need.

use std::{collections::HashSet, time::Duration};

use tokio::{net::TcpStream, task::JoinSet};
use traffic_light::mqtt::{
    client_id,
    codec::{Connect, DISCONNECT, Delivery, PINGREQ, Packet, Publish, SUBSCRIPTION_REFUSED, Will, subscribe},
};

use super::{
    causes,
    finding::{Done, Verdict},
    load::JunctionLoad,
    place::Place,
    reach,
    target::Target,
    wire::{Stream, Unexpected, Wire},
};
use crate::model::Diagnostic;

const LIMIT: Duration = Duration::from_secs(5);
/// After the broker has a message, it comes back in far less.
const ECHO_LIMIT: Duration = Duration::from_secs(3);
/// All sessions together have to be there within this.
const SESSIONS_LIMIT: Duration = Duration::from_secs(20);
/// Longer than all steps together take.
const KEEP_ALIVE_S: u16 = 120;
/// No packet of a light's asks for more.
const FILTERS_A_PACKET: usize = 8;
/// More sessions at one time are not tried: a broker that lets so many in has room.
const MOST_SESSIONS: usize = 200;
/// The retained check needs a second one.
const FEWEST_SESSIONS: usize = 2;

/// One examination on the wire: its names and topics.
pub(super) struct Probe<'a> {
    target: &'a Target,
    mark: String,
    /// One for each junction, at least one.
    places: Vec<Place>,
}

/// What came of a message that was to come back.
enum Echo {
    Heard,
    /// What Adafruit IO reports on its own topics.
    Complaint(String),
    /// It did not come in time, or it was not acknowledged.
    Missing {
        acknowledged: bool,
        heard: bool,
    },
}

impl<'a> Probe<'a> {
    pub(super) fn new(target: &'a Target, number: u32) -> Probe<'a> {
        let mark = format!("doctor-{number:08x}");
        let beside = |junction: &str, longest| Place::beside_the_lights(target, junction, &mark, longest);
        let junctions = &target.load.junctions;
        let mut places: Vec<_> = match &target.login {
            Some(login) if target.adafruit => {
                vec![Place::feed(&login.user, &mark, target.load.longest())]
            }
            _ => junctions.iter().map(|junction| beside(&junction.name, junction.longest)).collect(),
        };
        if places.is_empty() {
            places.push(beside(&mark, 0));
        }
        Probe { target, mark, places }
    }

    /// Where retained messages and wills are tried.
    fn place(&self) -> Option<&Place> {
        self.places.first()
    }

    /// Logs in on this connection, as client number `number`.
    async fn connect(&self, mut wire: Wire, number: usize, with_will: bool) -> Result<Wire, Unexpected> {
        let tail = self.mark.trim_start_matches("doctor-");
        // As those of lights are.
        let client_id = client_id(&self.target.root, "doctor", &format!("{tail}-{number}"));
        let login = self.target.login.as_ref().map(|login| {
            let password = Some(login.password.as_bytes()).filter(|password| !password.is_empty());
            (login.user.as_str(), password)
        });
        // As the will of a light is.
        let will = self.place().map(|place| Will {
            topic: &place.status,
            payload: &place.short,
            qos: 1,
            retain: true,
        });
        let connect = Connect {
            client_id: &client_id,
            clean_session: true,
            keep_alive_s: KEEP_ALIVE_S,
            will: will.filter(|_| with_will),
            login,
        };
        wire.send(|put| connect.encode(put)).await?;
        match wire.receive(LIMIT).await? {
            Packet::ConnAck { code: 0, .. } => Ok(wire),
            Packet::ConnAck { code, .. } => Err(Unexpected::Refused(code)),
            _ => Err(Unexpected::NotMqtt("another packet of MQTT than CONNACK".to_owned())),
        }
    }

    /// Sends CONNECT, and waits for the broker's answer.
    pub(super) async fn log_in(&self, wire: Wire) -> Done<Wire> {
        match self.connect(wire, 1, false).await {
            Ok(wire) => {
                let who = match &self.target.login {
                    Some(login) if !self.target.is_token_login() => format!("logged in as {}", login.user),
                    Some(_) => "logged in with the token".to_owned(),
                    None => "the broker requires no user and password".to_owned(),
                };
                Ok((wire, Verdict::Well(who)))
            }
            Err(unexpected) => Err(Verdict::Failed(self.why_not_in(unexpected).await)),
        }
    }

    async fn why_not_in(&self, unexpected: Unexpected) -> Diagnostic {
        let target = self.target;
        match unexpected {
            Unexpected::Tls => causes::tls_there(target),
            Unexpected::End { .. } | Unexpected::Silence
                if target.tls.is_none() && reach::speaks_tls(target).await =>
            {
                causes::tls_there(target)
            }
            Unexpected::End { reset } => causes::closed_at_connect(target, reset),
            unexpected => causes::unexpected(target, &unexpected, "the answer to CONNECT"),
        }
    }

    /// Subscribes to its own topics, to those that lights listen to, and to those that the program watches.
    pub(super) async fn subscribe(&self, wire: &mut Wire) -> Done<()> {
        let filters = self.filters();
        let mut granted = Vec::new();
        for filters in filters.chunks(FILTERS_A_PACKET) {
            match ask_for(wire, filters).await {
                Ok(codes) => granted.extend(filters.iter().zip(codes)),
                Err(unexpected) => {
                    return Err(Verdict::Failed(causes::at_subscribe(self.target, filters, &unexpected)));
                }
            }
        }
        let refused: Vec<_> = granted
            .iter()
            .filter(|(_, code)| *code == SUBSCRIPTION_REFUSED)
            .map(|(filter, _)| filter.as_str())
            .collect();
        if !refused.is_empty() {
            return Err(Verdict::Failed(causes::may_not_read(self.target, &refused)));
        }
        let mut verdict = Verdict::Well(format!("{} topics, with QoS 1", granted.len()));
        if granted.iter().any(|(_, code)| *code == 0) {
            verdict = Verdict::Doubtful(causes::lower_qos());
        }
        if self.target.adafruit {
            return Ok(((), verdict));
        }
        let watched = vec![format!("{}/+/+/+", self.target.root)];
        match ask_for(wire, &watched).await {
            Ok(codes) if codes.contains(&SUBSCRIPTION_REFUSED) => {
                Ok(((), Verdict::Doubtful(causes::may_not_watch(&watched))))
            }
            Ok(_) => Ok(((), verdict)),
            Err(unexpected) => Err(Verdict::Failed(causes::at_subscribe(self.target, &watched, &unexpected))),
        }
    }

    fn filters(&self) -> Vec<String> {
        let mut filters: Vec<_> = self.places.iter().map(|place| place.state.clone()).collect();
        if let (true, Some(login)) = (self.target.adafruit, &self.target.login) {
            filters.extend(["throttle", "errors"].map(|name| format!("{}/{name}", login.user)));
            return filters;
        }
        filters.extend(self.places.iter().map(|place| place.status.clone()));
        let root = &self.target.root;
        for JunctionLoad { name, lights, foreign, .. } in &self.target.load.junctions {
            let topics = |light| ["state", "cmd"].map(|last| format!("{root}/{name}/{light}/{last}"));
            filters.extend(lights.iter().flat_map(topics));
            filters.extend(foreign.iter().cloned());
        }
        filters
    }

    /// Publishes a message as long as the longest of the lights in each junction, and waits to hear it.
    pub(super) async fn hear(&mut self, wire: &mut Wire) -> Done<()> {
        let mut heard_of = HashSet::new();
        let mut own_topics = false;
        for index in 0..self.places.len() {
            let Some(place) = self.places.get(index) else { break };
            let missing = match self.echo(wire, place, &place.long, &mut heard_of).await {
                Ok(Echo::Heard) => continue,
                Ok(Echo::Complaint(complaint)) => return Err(Verdict::Failed(causes::quota(&complaint))),
                Ok(Echo::Missing { acknowledged: true, .. }) if !self.target.adafruit => {
                    match self.why_not_heard(wire, index, &mut heard_of).await {
                        Ok(other) => {
                            if let Some(place) = self.places.get_mut(index) {
                                *place = other;
                            }
                            own_topics = true;
                            continue;
                        }
                        Err(verdict) => return verdict.map(|verdict| ((), verdict)).map_err(Verdict::Failed),
                    }
                }
                Ok(Echo::Missing { acknowledged: true, .. }) => causes::not_heard(self.target, &place.state),
                Ok(Echo::Missing { heard: true, .. }) => causes::not_acknowledged(),
                Ok(Echo::Missing { .. }) => causes::silent_at_publish(),
                Err(Unexpected::End { .. }) if self.takes_short_ones(place).await => {
                    causes::too_long(self.target, place.short.len(), place.long.len())
                }
                Err(Unexpected::End { .. }) => causes::closed_at_publish(self.target),
                Err(unexpected) => causes::unexpected(self.target, &unexpected, "the answer to a message"),
            };
            return Err(Verdict::Failed(missing));
        }
        let longest = self.places.iter().map(|place| place.long.len()).max().unwrap_or_default();
        let whose = if own_topics { ", on the lights' own topics alone" } else { "" };
        Ok(((), Verdict::Well(format!("a message of {longest} bytes arrives at its subscriber{whose}"))))
    }

    /// Publishes to the place, and waits to hear that. `heard_of` gathers the topics of other messages that
    /// were not kept ones.
    async fn echo(
        &self,
        wire: &mut Wire,
        place: &Place,
        payload: &[u8],
        heard_of: &mut HashSet<String>,
    ) -> Result<Echo, Unexpected> {
        publish(wire, &place.state, payload, false).await?;
        let (mut acknowledged, mut heard) = (false, false);
        let came = wire
            .until(ECHO_LIMIT, |packet| {
                match packet {
                    Packet::PubAck { .. } => acknowledged = true,
                    Packet::Publish(publish)
                        if publish.topic == place.state && publish.payload == payload =>
                    {
                        heard |= !publish.retain;
                    }
                    Packet::Publish(publish) => {
                        if !publish.retain && heard_of.len() < 1_000 {
                            heard_of.insert(publish.topic.to_owned());
                        }
                        return self.complaint(&publish).map(Echo::Complaint);
                    }
                    _ => {}
                }
                (acknowledged && heard).then_some(Echo::Heard)
            })
            .await;
        match came {
            Err(Unexpected::Silence) => Ok(Echo::Missing { acknowledged, heard }),
            came => came,
        }
    }

    /// A message was taken and not delivered. Either it was too long, or these topics may not be used. Then the
    /// lights' own topics may be, which are given back where they can.
    async fn why_not_heard(
        &self,
        wire: &mut Wire,
        index: usize,
        heard_of: &mut HashSet<String>,
    ) -> Result<Place, Result<Verdict, Diagnostic>> {
        let target = self.target;
        let failed = |unexpected| Err(causes::unexpected(target, &unexpected, "the answer to a message"));
        let Some(place) = self.places.get(index) else { return Err(Err(causes::silent_at_publish())) };
        let short = self.echo(wire, place, &place.short, heard_of).await.map_err(failed)?;
        if matches!(short, Echo::Heard) {
            return Err(Err(causes::too_long(target, place.short.len(), place.long.len())));
        }
        let junction = target.load.junctions.get(index);
        let Some(mut own) = junction.and_then(|junction| Place::of_a_light(target, junction)) else {
            return Err(Err(causes::not_heard(target, &place.state)));
        };
        let light = own.state.trim_end_matches("/status");
        if heard_of.iter().any(|topic| topic.strip_prefix(light).is_some_and(|rest| rest.starts_with('/'))) {
            return Err(Ok(Verdict::Doubtful(causes::only_own_topics(&place.state, light))));
        }
        own.before = self.kept(&own.status).await.map_err(failed)?;
        ask_for(wire, std::slice::from_ref(&own.status)).await.map_err(failed)?;
        match self.echo(wire, &own, &own.long, heard_of).await.map_err(failed)? {
            Echo::Heard => Ok(own),
            _ => match self.echo(wire, &own, &own.short, heard_of).await.map_err(failed)? {
                Echo::Heard => Err(Err(causes::too_long(target, own.short.len(), own.long.len()))),
                _ => Err(Err(causes::not_heard(target, &own.status))),
            },
        }
    }

    /// What the broker keeps on a topic; empty where it keeps nothing.
    async fn kept(&self, topic: &str) -> Result<Vec<u8>, Unexpected> {
        let mut subscriber = self.another(2, false).await?;
        subscriber.send(|put| subscribe(1, [(topic, 1)].into_iter(), put)).await?;
        let kept = subscriber
            .until(Duration::from_secs(1), |packet| match packet {
                Packet::Publish(publish) if publish.topic == topic && publish.retain => {
                    Some(publish.payload.to_vec())
                }
                _ => None,
            })
            .await;
        subscriber.close().await;
        match kept {
            Err(Unexpected::Silence) => Ok(Vec::new()),
            kept => kept,
        }
    }

    /// Whether a broker that ended a session at a long message takes a short one.
    async fn takes_short_ones(&self, place: &Place) -> bool {
        let tried = async {
            let mut wire = self.another(2, false).await?;
            publish(&mut wire, &place.state, &place.short, false).await?;
            acknowledgement(&mut wire).await?;
            wire.close().await;
            Ok::<_, Unexpected>(())
        };
        place.short.len() < place.long.len() && !self.target.adafruit && tried.await.is_ok()
    }

    /// Opens as many sessions as the lights will have, all with the same login.
    pub(super) async fn sessions(&self, wire: &mut Wire) -> Done<()> {
        let needed = self.target.load.sessions.max(FEWEST_SESSIONS);
        // An account may log in but so many times a minute.
        let most = if self.target.adafruit { FEWEST_SESSIONS } else { MOST_SESSIONS };
        let total = needed.min(most);
        let mut others: Vec<Wire> = Vec::new();
        let opening = async {
            while others.len() + 1 < total {
                let there = others.len() + 1;
                match self.another(there + 1, false).await {
                    Ok(other) => others.push(other),
                    Err(unexpected) => {
                        return Err(causes::no_more_sessions(self.target, there, needed, &unexpected));
                    }
                }
                if there == 1 && ping(wire).await.is_err() {
                    return Err(causes::one_session_a_login(self.target, needed));
                }
            }
            for (index, other) in others.iter_mut().enumerate() {
                if let Err(unexpected) = ping(other).await {
                    return Err(causes::session_taken_away(self.target, index + 2, total, &unexpected));
                }
            }
            ping(wire)
                .await
                .map_err(|unexpected| causes::session_taken_away(self.target, 1, total, &unexpected))
        };
        let opened = tokio::time::timeout(SESSIONS_LIMIT, opening).await;
        others.into_iter().map(Wire::close).collect::<JoinSet<_>>().join_all().await;
        match opened {
            Ok(Ok(())) if total < needed => {
                let text = format!(
                    "{total} at once with one login; the lights need {needed}, and no more were tried"
                );
                Ok(((), Verdict::Well(text)))
            }
            Ok(Ok(())) => {
                Ok(((), Verdict::Well(format!("{total} at once with one login, as the lights need"))))
            }
            Ok(Err(diagnostic)) => Err(Verdict::Failed(diagnostic)),
            Err(_) => Err(Verdict::Failed(causes::slow_sessions(SESSIONS_LIMIT, total))),
        }
    }

    /// Publishes a retained message, and checks that a new subscriber gets it. Removes it again.
    pub(super) async fn retained(&self, wire: &mut Wire) -> Done<()> {
        let (false, Some(place)) = (self.target.adafruit, self.place()) else {
            return Err(Verdict::Skipped(
                "Adafruit IO has none (lights ask for the last value instead)".to_owned(),
            ));
        };
        let kept = async {
            publish(wire, &place.state, &place.long, true).await?;
            acknowledgement(wire).await?;
            let mut subscriber = self.another(2, false).await?;
            subscriber.send(|put| subscribe(1, [(place.state.as_str(), 1)].into_iter(), put)).await?;
            // It may come before the word that the subscription is made.
            let got = subscriber
                .until(ECHO_LIMIT, |packet| match packet {
                    Packet::Publish(publish)
                        if publish.topic == place.state && publish.payload == place.long =>
                    {
                        Some(publish.retain)
                    }
                    _ => None,
                })
                .await;
            subscriber.close().await;
            got
        }
        .await;
        // Removed whatever came of it.
        let removed = put_back(wire, &place.state, &place.before).await;
        match (kept, removed) {
            (Ok(true), Ok(())) => {
                Ok(((), Verdict::Well("a new subscriber gets the last message at once".to_owned())))
            }
            (Ok(true), Err(_)) => Err(Verdict::Failed(causes::not_removed(&place.state))),
            (Ok(false), _) => Err(Verdict::Failed(causes::retained_unmarked())),
            (Err(Unexpected::Silence), _) => Err(Verdict::Failed(causes::not_retained(self.target))),
            (Err(Unexpected::End { .. }), _) => Err(Verdict::Failed(causes::closed_at_retained())),
            (Err(unexpected), _) => {
                Err(Verdict::Failed(causes::unexpected(self.target, &unexpected, "a retained message")))
            }
        }
    }

    /// Lets a second client vanish, and waits for its last will.
    pub(super) async fn will(&self, wire: &mut Wire) -> Done<()> {
        let (false, Some(place)) = (self.target.adafruit, self.place()) else {
            return Err(Verdict::Skipped(
                "Adafruit IO has none (a light that is silent counts as gone)".to_owned(),
            ));
        };
        match self.another(2, true).await {
            // Dropped without a DISCONNECT, as by a light that loses power.
            Ok(second) => drop(second),
            Err(Unexpected::End { .. }) => return Err(Verdict::Failed(causes::no_will_taken())),
            Err(unexpected) => {
                return Err(Verdict::Failed(causes::unexpected(
                    self.target,
                    &unexpected,
                    "a CONNECT with a last will",
                )));
            }
        }
        let heard = wire
            .until(LIMIT, |packet| match packet {
                Packet::Publish(publish) if publish.topic == place.status => {
                    (publish.payload == place.short).then_some(())
                }
                _ => None,
            })
            .await;
        let removed = put_back(wire, &place.status, &place.before).await;
        match (heard, removed) {
            (Ok(()), Ok(())) => {
                Ok(((), Verdict::Well("a client that vanishes is reported as gone".to_owned())))
            }
            (Ok(()), Err(_)) => Err(Verdict::Failed(causes::not_removed(&place.status))),
            (Err(Unexpected::Silence), _) => Err(Verdict::Failed(causes::no_will_heard(&place.status))),
            (Err(unexpected), _) => {
                Err(Verdict::Failed(causes::unexpected(self.target, &unexpected, "a last will")))
            }
        }
    }

    pub(super) async fn disconnect(&self, wire: &mut Wire) {
        // A broker that has gone needs no DISCONNECT.
        let _ = wire.write(&DISCONNECT).await;
    }

    /// One more session of the same user.
    async fn another(&self, number: usize, will: bool) -> Result<Wire, Unexpected> {
        let Target { host, port, tls, .. } = self.target;
        let connected = async {
            let tcp = TcpStream::connect((host.as_str(), *port)).await?;
            tcp.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match tls {
                Some(tls) => Box::new(tls.connect(host, tcp).await?),
                None => Box::new(tcp),
            };
            std::io::Result::Ok(Wire::new(stream))
        };
        match tokio::time::timeout(2 * LIMIT, connected).await {
            Ok(Ok(wire)) => self.connect(wire, number, will).await,
            Ok(Err(error)) => Err(Unexpected::Io(error.to_string())),
            Err(_) => Err(Unexpected::Silence),
        }
    }

    /// What Adafruit IO reports on its own topics.
    fn complaint(&self, publish: &Publish<'_>) -> Option<String> {
        let own = publish.topic.ends_with("/throttle") || publish.topic.ends_with("/errors");
        (self.target.adafruit && own).then(|| String::from_utf8_lossy(publish.payload).into_owned())
    }
}

async fn publish(wire: &mut Wire, topic: &str, payload: &[u8], retain: bool) -> Result<(), Unexpected> {
    let delivery = Delivery::AtLeastOnce { id: 2 };
    let publish = Publish { topic, payload, delivery, retain, dup: false };
    wire.send(|put| publish.encode(put)).await
}

async fn put_back(wire: &mut Wire, topic: &str, before: &[u8]) -> Result<(), Unexpected> {
    publish(wire, topic, before, true).await?;
    acknowledgement(wire).await
}

async fn acknowledgement(wire: &mut Wire) -> Result<(), Unexpected> {
    wire.until(LIMIT, |packet| matches!(packet, Packet::PubAck { .. }).then_some(())).await
}

async fn ping(wire: &mut Wire) -> Result<(), Unexpected> {
    wire.write(&PINGREQ).await?;
    wire.until(LIMIT, |packet| (packet == Packet::PingResp).then_some(())).await
}

/// Subscribes with QoS 1, and returns the broker's code for each filter.
async fn ask_for(wire: &mut Wire, filters: &[String]) -> Result<Vec<u8>, Unexpected> {
    let wanted = filters.iter().map(|filter| (filter.as_str(), 1));
    wire.send(|put| subscribe(1, wanted, put)).await?;
    wire.until(LIMIT, |packet| match packet {
        Packet::SubAck { codes, .. } => Some(codes.to_vec()),
        _ => None,
    })
    .await
}
