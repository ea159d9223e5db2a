//! CONNECT, subscribe, hear, retained, last will: whether the broker does what lights need.

use std::time::Duration;

use rumqttc::{
    Packet, Publish, QoS, SubscribeFilter, SubscribeReasonCode,
    mqttbytes::v4::{Connect, LastWill, Login as Credentials, Subscribe},
};
use tokio::net::TcpStream;

use super::{
    Done, Patient, Trouble, Verdict, causes, reach,
    wire::{Instead, Stream, Wire},
};

const LIMIT: Duration = Duration::from_secs(5);
/// After the broker has a message, it comes back in far less.
const ECHO_LIMIT: Duration = Duration::from_secs(3);
/// Longer than all steps together take; the doctor sends no pings.
const KEEP_ALIVE_S: u16 = 120;

/// One examination on the wire: its names and topics.
pub(super) struct Visit<'a> {
    patient: &'a Patient,
    client_id: String,
    state: String,
    status: String,
    /// What is published; nobody else says that.
    mark: String,
}

impl<'a> Visit<'a> {
    pub(super) fn new(patient: &'a Patient, number: u32) -> Visit<'a> {
        let mark = format!("doctor-{number:08x}");
        let (state, status) = match &patient.login {
            // One feed for all examinations: an account has room for few.
            Some(login) if patient.adafruit => {
                let feed = format!("{}/feeds/twinlight-doctor", login.user);
                (feed.clone(), feed)
            }
            _ => (format!("{}/{mark}/a/state", patient.root), format!("{}/{mark}/a/status", patient.root)),
        };
        Visit { patient, client_id: format!("twinlight-{mark}"), state, status, mark }
    }

    fn hello(&self, suffix: &str, will: bool) -> Packet {
        let mut hello = Connect::new(format!("{}{suffix}", self.client_id));
        hello.keep_alive = KEEP_ALIVE_S;
        hello.login = self.patient.login.as_ref().map(|login| Credentials::new(&login.user, &login.password));
        // As the will of a light is.
        hello.last_will =
            will.then(|| LastWill::new(&self.status, self.mark.clone(), QoS::AtLeastOnce, true));
        Packet::Connect(hello)
    }

    /// Says CONNECT, and waits for the broker's answer.
    pub(super) async fn log_in(&self, mut wire: Wire) -> Done<Wire> {
        match greet(&mut wire, self.hello("", false)).await {
            Ok(()) => {
                let who = match &self.patient.login {
                    Some(login) if !self.patient.is_token_login() => format!("user {} is let in", login.user),
                    Some(_) => "the token is let in".to_owned(),
                    None => "everybody is let in, without user and password".to_owned(),
                };
                Ok((wire, Verdict::Well(who)))
            }
            Err(refusal) => Err(Verdict::Failed(self.why_not_in(refusal).await)),
        }
    }

    async fn why_not_in(&self, refusal: Refusal) -> Trouble {
        let patient = self.patient;
        match refusal {
            Refusal::Code(code) => causes::refused(patient, code),
            Refusal::Instead(Instead::Tls) => causes::tls_there(patient),
            Refusal::Instead(Instead::End { .. } | Instead::Silence)
                if patient.tls.is_none() && reach::speaks_tls(patient).await =>
            {
                causes::tls_there(patient)
            }
            Refusal::Instead(Instead::End { reset }) => causes::closed_at_connect(patient, reset),
            Refusal::Instead(instead) => causes::instead(patient, &instead, "the answer to CONNECT"),
        }
    }

    /// Subscribes to its own topics, and to those that lights listen to.
    pub(super) async fn subscribe(&self, wire: &mut Wire) -> Done<()> {
        let mut filters = vec![self.state.clone()];
        if self.patient.adafruit {
            if let Some(login) = &self.patient.login {
                filters.extend(["throttle", "errors"].map(|name| format!("{}/{name}", login.user)));
            }
        } else {
            filters.push(self.status.clone());
            let root = &self.patient.root;
            filters
                .extend(self.patient.junctions.iter().map(|junction| format!("{root}/{junction}/+/state")));
        }
        let codes = match ask_for(wire, &filters).await {
            Ok(codes) => codes,
            Err(instead) => return Err(Verdict::Failed(causes::at_subscribe(self.patient, &instead))),
        };
        let refused: Vec<_> = filters
            .iter()
            .zip(&codes)
            .filter(|(_, code)| **code == SubscribeReasonCode::Failure)
            .map(|(filter, _)| filter.as_str())
            .collect();
        if !refused.is_empty() {
            return Err(Verdict::Failed(causes::may_not_read(self.patient, &refused)));
        }
        if codes.contains(&SubscribeReasonCode::Success(QoS::AtMostOnce)) {
            return Ok(((), Verdict::Doubtful(causes::lower_qos())));
        }
        Ok(((), Verdict::Well(format!("{} topics, with QoS 1", filters.len()))))
    }

    /// Publishes to its own topic, and waits to hear that.
    pub(super) async fn hear(&self, wire: &mut Wire) -> Done<()> {
        let sent = wire.send(self.message(&self.state, &self.mark, false)).await;
        let (mut acknowledged, mut heard) = (false, false);
        let echoed = match sent {
            Err(instead) => Err(instead),
            Ok(()) => {
                wire.until(ECHO_LIMIT, |packet| {
                    match packet {
                        Packet::PubAck(_) => acknowledged = true,
                        Packet::Publish(publish) if self.is_own(&publish, &self.state) => heard = true,
                        Packet::Publish(publish) => return self.complaint(&publish).map(Some),
                        _ => {}
                    }
                    (acknowledged && heard).then_some(None)
                })
                .await
            }
        };
        let trouble = match echoed {
            Ok(None) => {
                return Ok(((), Verdict::Well("a message comes back to whoever has subscribed".to_owned())));
            }
            Ok(Some(complaint)) => causes::quota(&complaint),
            Err(Instead::Silence) if acknowledged => causes::not_heard(self.patient, &self.state),
            Err(Instead::Silence) if heard => causes::not_acknowledged(),
            Err(Instead::Silence) => causes::silent_at_publish(),
            Err(Instead::End { .. }) => causes::closed_at_publish(self.patient),
            Err(instead) => causes::instead(self.patient, &instead, "the answer to a message"),
        };
        Err(Verdict::Failed(trouble))
    }

    /// Publishes a retained message, and looks whether a newcomer gets it. Removes it again.
    pub(super) async fn retained(&self, wire: &mut Wire) -> Done<()> {
        if self.patient.adafruit {
            return Err(Verdict::Skipped(
                "Adafruit IO keeps none; the last value is asked for instead".to_owned(),
            ));
        }
        let kept = async {
            wire.send(self.message(&self.state, &self.mark, true)).await?;
            wire.until(LIMIT, |packet| matches!(packet, Packet::PubAck(_)).then_some(())).await?;
            let mut newcomer = self.come_again("-r", false).await?;
            newcomer.send(subscribe(std::slice::from_ref(&self.state))).await?;
            // It may come before the word that the subscription is made.
            let got = newcomer
                .until(ECHO_LIMIT, |packet| match packet {
                    Packet::Publish(publish) if self.is_own(&publish, &self.state) => Some(publish.retain),
                    _ => None,
                })
                .await;
            // A newcomer that is gone needs no goodbye.
            let _ = newcomer.send(Packet::Disconnect).await;
            got
        }
        .await;
        // Removed whatever came of it.
        let removed = self.clear(wire, &self.state).await;
        match (kept, removed) {
            (Ok(true), Ok(())) => {
                Ok(((), Verdict::Well("a newcomer gets the last message at once".to_owned())))
            }
            (Ok(true), Err(_)) => Err(Verdict::Failed(causes::not_removed(&self.state))),
            (Ok(false), _) => Err(Verdict::Failed(causes::retained_unmarked())),
            (Err(Instead::Silence), _) => Err(Verdict::Failed(causes::not_retained(self.patient))),
            (Err(Instead::End { .. }), _) => Err(Verdict::Failed(causes::closed_at_retained())),
            (Err(instead), _) => {
                Err(Verdict::Failed(causes::instead(self.patient, &instead, "a retained message")))
            }
        }
    }

    /// Lets a second client vanish, and waits for its last will.
    pub(super) async fn will(&self, wire: &mut Wire) -> Done<()> {
        if self.patient.adafruit {
            return Err(Verdict::Skipped("Adafruit IO has none; presence is judged by silence".to_owned()));
        }
        match self.come_again("-w", true).await {
            // Dropped without a goodbye, as a light that loses power.
            Ok(mortal) => drop(mortal),
            Err(Instead::End { .. }) => return Err(Verdict::Failed(causes::no_will_taken())),
            Err(instead) => {
                return Err(Verdict::Failed(causes::instead(
                    self.patient,
                    &instead,
                    "a CONNECT with a last will",
                )));
            }
        }
        let heard = wire
            .until(LIMIT, |packet| match packet {
                Packet::Publish(publish) => self.is_own(&publish, &self.status).then_some(()),
                _ => None,
            })
            .await;
        let removed = self.clear(wire, &self.status).await;
        match (heard, removed) {
            (Ok(()), Ok(())) => Ok(((), Verdict::Well("who vanishes is reported as gone".to_owned()))),
            (Ok(()), Err(_)) => Err(Verdict::Failed(causes::not_removed(&self.status))),
            (Err(Instead::Silence), _) => Err(Verdict::Failed(causes::no_will_heard(&self.status))),
            (Err(instead), _) => Err(Verdict::Failed(causes::instead(self.patient, &instead, "a last will"))),
        }
    }

    /// Says goodbye.
    pub(super) async fn leave(&self, wire: &mut Wire) {
        // A broker that has gone needs none.
        let _ = wire.send(Packet::Disconnect).await;
    }

    /// One more session of the same user.
    async fn come_again(&self, suffix: &str, will: bool) -> Result<Wire, Instead> {
        let Patient { host, port, tls, .. } = self.patient;
        let connected = async {
            let tcp = TcpStream::connect((host.as_str(), *port)).await?;
            tcp.set_nodelay(true)?;
            let stream: Box<dyn Stream> = match tls {
                Some(tls) => Box::new(tls.connect(host, tcp).await?),
                None => Box::new(tcp),
            };
            std::io::Result::Ok(Wire::new(stream))
        };
        let mut wire = match tokio::time::timeout(2 * LIMIT, connected).await {
            Ok(Ok(wire)) => wire,
            Ok(Err(error)) => return Err(Instead::Io(error.to_string())),
            Err(_) => return Err(Instead::Silence),
        };
        match greet(&mut wire, self.hello(suffix, will)).await {
            Ok(()) => Ok(wire),
            Err(Refusal::Code(code)) => Err(Instead::Code(code)),
            Err(Refusal::Instead(instead)) => Err(instead),
        }
    }

    fn message(&self, topic: &str, payload: &str, retain: bool) -> Packet {
        let mut publish = Publish::new(topic, QoS::AtLeastOnce, payload);
        publish.retain = retain;
        publish.pkid = 2;
        Packet::Publish(publish)
    }

    async fn clear(&self, wire: &mut Wire, topic: &str) -> Result<(), Instead> {
        wire.send(self.message(topic, "", true)).await?;
        wire.until(LIMIT, |packet| matches!(packet, Packet::PubAck(_)).then_some(())).await
    }

    fn is_own(&self, publish: &Publish, topic: &str) -> bool {
        publish.topic == topic && publish.payload == self.mark.as_bytes()
    }

    /// What Adafruit IO says on its own topics.
    fn complaint(&self, publish: &Publish) -> Option<String> {
        let own = publish.topic.ends_with("/throttle") || publish.topic.ends_with("/errors");
        (self.patient.adafruit && own).then(|| String::from_utf8_lossy(&publish.payload).into_owned())
    }
}

/// Why there is no session.
enum Refusal {
    Code(u8),
    Instead(Instead),
}

async fn greet(wire: &mut Wire, hello: Packet) -> Result<(), Refusal> {
    wire.send(hello).await.map_err(Refusal::Instead)?;
    match wire.receive(LIMIT).await {
        Ok(Packet::ConnAck(ack)) => match ack.code as u8 {
            0 => Ok(()),
            code => Err(Refusal::Code(code)),
        },
        Ok(_) => Err(Refusal::Instead(Instead::NotMqtt("another packet of MQTT than CONNACK".to_owned()))),
        Err(Instead::Code(code)) => Err(Refusal::Code(code)),
        Err(instead) => Err(Refusal::Instead(instead)),
    }
}

async fn ask_for(wire: &mut Wire, filters: &[String]) -> Result<Vec<SubscribeReasonCode>, Instead> {
    wire.send(subscribe(filters)).await?;
    wire.until(LIMIT, |packet| match packet {
        Packet::SubAck(ack) => Some(ack.return_codes),
        _ => None,
    })
    .await
}

fn subscribe(filters: &[String]) -> Packet {
    let wanted = filters.iter().map(|filter| SubscribeFilter::new(filter.clone(), QoS::AtLeastOnce));
    let mut subscribe = Subscribe::new_many(wanted);
    subscribe.pkid = 1;
    Packet::Subscribe(subscribe)
}
