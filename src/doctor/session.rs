//! CONNECT, subscribe, hear, retained, last will: whether the broker does what lights need.

use std::time::Duration;

use tokio::net::TcpStream;
use traffic_light::mqtt::codec::{
    Connect, DISCONNECT, Delivery, Packet, Publish, SUBSCRIPTION_REFUSED, Will, subscribe,
};

use super::{
    causes,
    finding::{Done, Verdict},
    reach,
    target::Target,
    wire::{Stream, Unexpected, Wire},
};
use crate::model::Diagnostic;

const LIMIT: Duration = Duration::from_secs(5);
/// After the broker has a message, it comes back in far less.
const ECHO_LIMIT: Duration = Duration::from_secs(3);
/// Longer than all steps together take; the doctor sends no pings.
const KEEP_ALIVE_S: u16 = 120;

/// One examination on the wire: its names and topics.
pub(super) struct Probe<'a> {
    target: &'a Target,
    client_id: String,
    state: String,
    status: String,
    /// What is published: nobody else publishes the same.
    mark: String,
}

impl<'a> Probe<'a> {
    pub(super) fn new(target: &'a Target, number: u32) -> Probe<'a> {
        let mark = format!("doctor-{number:08x}");
        let (state, status) = match &target.login {
            // One feed for all examinations: an account has room for few.
            Some(login) if target.adafruit => {
                let feed = format!("{}/feeds/twinlight-doctor", login.user);
                (feed.clone(), feed)
            }
            _ => (format!("{}/{mark}/a/state", target.root), format!("{}/{mark}/a/status", target.root)),
        };
        Probe { target, client_id: format!("twinlight-{mark}"), state, status, mark }
    }

    /// Logs in on this connection, as this client with something added to its name.
    async fn connect(&self, mut wire: Wire, suffix: &str, with_will: bool) -> Result<Wire, Unexpected> {
        let client_id = format!("{}{suffix}", self.client_id);
        let login = self.target.login.as_ref().map(|login| {
            let password = Some(login.password.as_bytes()).filter(|password| !password.is_empty());
            (login.user.as_str(), password)
        });
        // As the will of a light is.
        let will = Will { topic: &self.status, payload: self.mark.as_bytes(), qos: 1, retain: true };
        let connect = Connect {
            client_id: &client_id,
            clean_session: true,
            keep_alive_s: KEEP_ALIVE_S,
            will: Some(will).filter(|_| with_will),
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
        match self.connect(wire, "", false).await {
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

    /// Subscribes to its own topics, and to those that lights listen to.
    pub(super) async fn subscribe(&self, wire: &mut Wire) -> Done<()> {
        let mut filters = vec![self.state.clone()];
        if self.target.adafruit {
            if let Some(login) = &self.target.login {
                filters.extend(["throttle", "errors"].map(|name| format!("{}/{name}", login.user)));
            }
        } else {
            filters.push(self.status.clone());
            let root = &self.target.root;
            filters.extend(self.target.junctions.iter().map(|junction| format!("{root}/{junction}/+/state")));
        }
        let codes = match ask_for(wire, &filters).await {
            Ok(codes) => codes,
            Err(unexpected) => return Err(Verdict::Failed(causes::at_subscribe(self.target, &unexpected))),
        };
        let refused: Vec<_> = filters
            .iter()
            .zip(&codes)
            .filter(|(_, code)| **code == SUBSCRIPTION_REFUSED)
            .map(|(filter, _)| filter.as_str())
            .collect();
        if !refused.is_empty() {
            return Err(Verdict::Failed(causes::may_not_read(self.target, &refused)));
        }
        if codes.contains(&0) {
            return Ok(((), Verdict::Doubtful(causes::lower_qos())));
        }
        Ok(((), Verdict::Well(format!("{} topics, with QoS 1", filters.len()))))
    }

    /// Publishes to its own topic, and waits to hear that.
    pub(super) async fn hear(&self, wire: &mut Wire) -> Done<()> {
        let sent = self.publish(wire, &self.state, &self.mark, false).await;
        let (mut acknowledged, mut heard) = (false, false);
        let echoed = match sent {
            Err(unexpected) => Err(unexpected),
            Ok(()) => {
                wire.until(ECHO_LIMIT, |packet| {
                    match packet {
                        Packet::PubAck { .. } => acknowledged = true,
                        Packet::Publish(publish) if self.is_own(&publish, &self.state) => heard = true,
                        Packet::Publish(publish) => return self.complaint(&publish).map(Some),
                        _ => {}
                    }
                    (acknowledged && heard).then_some(None)
                })
                .await
            }
        };
        let diagnostic = match echoed {
            Ok(None) => {
                return Ok(((), Verdict::Well("a published message arrives at its subscriber".to_owned())));
            }
            Ok(Some(complaint)) => causes::quota(&complaint),
            Err(Unexpected::Silence) if acknowledged => causes::not_heard(self.target, &self.state),
            Err(Unexpected::Silence) if heard => causes::not_acknowledged(),
            Err(Unexpected::Silence) => causes::silent_at_publish(),
            Err(Unexpected::End { .. }) => causes::closed_at_publish(self.target),
            Err(unexpected) => causes::unexpected(self.target, &unexpected, "the answer to a message"),
        };
        Err(Verdict::Failed(diagnostic))
    }

    /// Publishes a retained message, and checks that a new subscriber gets it. Removes it again.
    pub(super) async fn retained(&self, wire: &mut Wire) -> Done<()> {
        if self.target.adafruit {
            return Err(Verdict::Skipped(
                "Adafruit IO has none (lights ask for the last value instead)".to_owned(),
            ));
        }
        let kept = async {
            self.publish(wire, &self.state, &self.mark, true).await?;
            acknowledgement(wire).await?;
            let mut subscriber = self.second_session("-r", false).await?;
            subscriber.send(|put| subscribe(1, [(self.state.as_str(), 1)].into_iter(), put)).await?;
            // It may come before the word that the subscription is made.
            let got = subscriber
                .until(ECHO_LIMIT, |packet| match packet {
                    Packet::Publish(publish) if self.is_own(&publish, &self.state) => Some(publish.retain),
                    _ => None,
                })
                .await;
            // A subscriber that is gone needs no DISCONNECT.
            let _ = subscriber.write(&DISCONNECT).await;
            got
        }
        .await;
        // Removed whatever came of it.
        let removed = self.clear(wire, &self.state).await;
        match (kept, removed) {
            (Ok(true), Ok(())) => {
                Ok(((), Verdict::Well("a new subscriber gets the last message at once".to_owned())))
            }
            (Ok(true), Err(_)) => Err(Verdict::Failed(causes::not_removed(&self.state))),
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
        if self.target.adafruit {
            return Err(Verdict::Skipped(
                "Adafruit IO has none (a light that is silent counts as gone)".to_owned(),
            ));
        }
        match self.second_session("-w", true).await {
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
                Packet::Publish(publish) => self.is_own(&publish, &self.status).then_some(()),
                _ => None,
            })
            .await;
        let removed = self.clear(wire, &self.status).await;
        match (heard, removed) {
            (Ok(()), Ok(())) => {
                Ok(((), Verdict::Well("a client that vanishes is reported as gone".to_owned())))
            }
            (Ok(()), Err(_)) => Err(Verdict::Failed(causes::not_removed(&self.status))),
            (Err(Unexpected::Silence), _) => Err(Verdict::Failed(causes::no_will_heard(&self.status))),
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
    async fn second_session(&self, suffix: &str, will: bool) -> Result<Wire, Unexpected> {
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
            Ok(Ok(wire)) => self.connect(wire, suffix, will).await,
            Ok(Err(error)) => Err(Unexpected::Io(error.to_string())),
            Err(_) => Err(Unexpected::Silence),
        }
    }

    async fn publish(
        &self,
        wire: &mut Wire,
        topic: &str,
        payload: &str,
        retain: bool,
    ) -> Result<(), Unexpected> {
        let delivery = Delivery::AtLeastOnce { id: 2 };
        let publish = Publish { topic, payload: payload.as_bytes(), delivery, retain, dup: false };
        wire.send(|put| publish.encode(put)).await
    }

    async fn clear(&self, wire: &mut Wire, topic: &str) -> Result<(), Unexpected> {
        self.publish(wire, topic, "", true).await?;
        acknowledgement(wire).await
    }

    fn is_own(&self, publish: &Publish<'_>, topic: &str) -> bool {
        publish.topic == topic && publish.payload == self.mark.as_bytes()
    }

    /// What Adafruit IO reports on its own topics.
    fn complaint(&self, publish: &Publish<'_>) -> Option<String> {
        let own = publish.topic.ends_with("/throttle") || publish.topic.ends_with("/errors");
        (self.target.adafruit && own).then(|| String::from_utf8_lossy(publish.payload).into_owned())
    }
}

async fn acknowledgement(wire: &mut Wire) -> Result<(), Unexpected> {
    wire.until(LIMIT, |packet| matches!(packet, Packet::PubAck { .. }).then_some(())).await
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
