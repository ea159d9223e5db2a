//! What stands between a client and the embedded broker where that is to be like Adafruit IO: it reads whole
//! MQTT packets, and lets pass what Adafruit would.
//!
//! The broker behind it knows nothing of feeds. Wills and retain flags are taken away here, QoS 2 ends the
//! connection, rejected publishes are acknowledged and go no further, and a request for a last value is
//! answered to its client alone.

use std::{collections::HashMap, io, net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::BytesMut;
use mqtt5::broker::router::MessageRouter;
use rumqttc::{
    ConnectReturnCode, Packet, Protocol, PubAck, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

use super::account_limiter::{self, AccountLimiter};
use crate::{
    adafruit::Refusal,
    fault::frame::{Framer, Unit},
};

const READ_BYTES: usize = 4 * 1024;
/// A client that takes nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that has not sent its CONNECT within this is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For a refused client to read why before the connection goes.
const GOODBYE: Duration = Duration::from_secs(1);
/// Larger packets are not for feeds; Adafruit's own limit is 100 kB.
const MAX_PACKET_BYTES: usize = 128 * 1024;

/// Why a connection is over.
enum Over {
    /// One end has gone, or broke the rules of MQTT.
    Ended,
    /// It is refused, with this return code.
    Refused(u8),
    /// The account is banned: it gets an RST.
    Cut,
}

struct Gate {
    client: TcpStream,
    broker: TcpStream,
    limiter: AccountLimiter,
    router: Arc<MessageRouter>,
    filters: Vec<String>,
    /// For the packet identifier of a SUBSCRIBE of which some filters were rejected: which passed.
    half_passed: HashMap<u16, Vec<bool>>,
}

/// Two ends of a connection within this program, for a broker that serves sockets alone.
pub(super) async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let near = TcpStream::connect(listener.local_addr()?).await?;
    loop {
        let (far, peer) = listener.accept().await?;
        // Somebody else may have been quicker on this open port.
        if peer == near.local_addr()? {
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            return Ok((near, far));
        }
    }
}

/// Carries one connection to its end.
pub(super) async fn carry(
    client: TcpStream,
    broker: TcpStream,
    limiter: AccountLimiter,
    router: Arc<MessageRouter>,
) {
    let mut cuts = limiter.cuts();
    let mut gate = Gate { client, broker, limiter, router, filters: Vec::new(), half_passed: HashMap::new() };
    match gate.pump(&mut cuts).await {
        Over::Ended => {}
        Over::Refused(code) => refuse(&mut gate.client, code).await,
        Over::Cut => reset(&gate.client),
    }
}

/// Refuses a login before the broker hears of it: answers its CONNECT with this return code.
pub(super) async fn refuse(client: &mut TcpStream, code: u8) {
    let refused = async {
        client.write_all(&[0x20, 2, 0, code]).await?;
        client.shutdown().await?;
        // With its words unread the connection would end in an RST, which may overtake the answer.
        let mut rest = [0; READ_BYTES];
        while client.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    if let Ok(Err(error)) = timeout(GOODBYE, refused).await {
        tracing::debug!(%error, "a refused client did not wait for the answer");
    }
}

/// Waits for a client's first byte; `None` where it has gone or says nothing.
pub(super) async fn first_byte(client: &TcpStream) -> Option<u8> {
    let mut first = [0];
    match timeout(CONNECT_TIMEOUT, client.peek(&mut first)).await {
        Ok(Ok(1)) => first.first().copied(),
        _ => None,
    }
}

/// Closing this socket sends an RST.
pub(super) fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "this connection ends with a FIN instead of an RST");
    }
}

impl Gate {
    async fn pump(&mut self, cuts: &mut watch::Receiver<u64>) -> Over {
        let (mut up, mut down) = (Framer::new(), Framer::new());
        let (mut from_client, mut from_broker) = ([0; READ_BYTES], [0; READ_BYTES]);
        let mut logged_in = false;
        loop {
            tokio::select! {
                biased;
                changed = cuts.changed() => return if changed.is_ok() { Over::Cut } else { Over::Ended },
                read = self.client.read(&mut from_client) => {
                    let Ok(count @ 1..) = read else { return Over::Ended };
                    for packet in packets(&mut up, from_client.get(..count).unwrap_or_default()) {
                        let passed = match packet {
                            Some(packet) if logged_in => self.take_from_client(packet).await,
                            Some(packet) => self.connect(packet).await,
                            None => Err(Over::Ended),
                        };
                        if let Err(over) = passed {
                            return over;
                        }
                        logged_in = true;
                    }
                }
                read = self.broker.read(&mut from_broker) => {
                    let Ok(count @ 1..) = read else { return Over::Ended };
                    for packet in packets(&mut down, from_broker.get(..count).unwrap_or_default()) {
                        let passed = match packet {
                            Some(packet) => self.take_from_broker(packet).await,
                            None => Err(Over::Ended),
                        };
                        if let Err(over) = passed {
                            return over;
                        }
                    }
                }
            }
        }
    }

    async fn connect(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        let mut connect = match read(&bytes) {
            Some(Packet::Connect(connect)) if connect.protocol == Protocol::V4 => connect,
            _ => return Err(Over::Refused(ConnectReturnCode::RefusedProtocolVersion as u8)),
        };
        self.limiter.login().map_err(|refusal: Refusal| Over::Refused(refusal.code()))?;
        connect.last_will = None;
        self.tell_broker(&Packet::Connect(connect)).await
    }

    async fn take_from_client(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        match read(&bytes).ok_or(Over::Ended)? {
            Packet::Publish(publish) => self.publish(publish).await,
            Packet::Subscribe(subscribe) => self.subscribe(subscribe).await,
            Packet::Unsubscribe(unsubscribe) => {
                self.filters.retain(|filter| !unsubscribe.topics.contains(filter));
                write(&mut self.broker, &bytes).await
            }
            _ => write(&mut self.broker, &bytes).await,
        }
    }

    async fn publish(&mut self, mut publish: Publish) -> Result<(), Over> {
        if publish.qos == QoS::ExactlyOnce {
            return Err(Over::Ended);
        }
        let published = self.limiter.publish(&publish.topic, &publish.payload, &self.router).await;
        if let Some(topic) = published.also_on {
            account_limiter::say(&self.router, &topic, &publish.payload).await;
        }
        if published.passed {
            publish.retain = false;
            return self.tell_broker(&Packet::Publish(publish)).await;
        }
        if publish.qos == QoS::AtLeastOnce {
            self.tell_client(&Packet::PubAck(PubAck::new(publish.pkid))).await?;
        }
        match published.answer {
            Some((topic, value)) if self.listens_to(&topic) => {
                self.tell_client(&Packet::Publish(Publish::new(topic, QoS::AtMostOnce, value))).await
            }
            _ => Ok(()),
        }
    }

    async fn subscribe(&mut self, subscribe: Subscribe) -> Result<(), Over> {
        let mut passed = Vec::new();
        for filter in &subscribe.filters {
            passed.push(self.limiter.subscribe(&filter.path, &self.router).await.passed);
        }
        let pkid = subscribe.pkid;
        if !passed.contains(&true) {
            let codes = vec![SubscribeReasonCode::Failure; passed.len()];
            return self.tell_client(&Packet::SubAck(SubAck::new(pkid, codes))).await;
        }
        let filters = subscribe.filters.into_iter().zip(&passed).filter(|(_, passed)| **passed);
        let mut forwarded = Subscribe::new_many(filters.map(|(filter, _)| filter));
        forwarded.pkid = pkid;
        self.filters.extend(forwarded.filters.iter().map(|filter| filter.path.clone()));
        if passed.contains(&false) {
            self.half_passed.insert(pkid, passed);
        }
        self.tell_broker(&Packet::Subscribe(forwarded)).await
    }

    async fn take_from_broker(&mut self, bytes: Vec<u8>) -> Result<(), Over> {
        if !self.half_passed.is_empty()
            && let Some(Packet::SubAck(mut ack)) = read(&bytes)
            && let Some(passed) = self.half_passed.remove(&ack.pkid)
        {
            let mut granted = ack.return_codes.into_iter();
            let refused = SubscribeReasonCode::Failure;
            let codes = passed.into_iter().map(|passed| granted.next_if(passed).unwrap_or(refused));
            ack.return_codes = codes.collect();
            return self.tell_client(&Packet::SubAck(ack)).await;
        }
        write(&mut self.client, &bytes).await
    }

    fn listens_to(&self, topic: &str) -> bool {
        self.filters.iter().any(|filter| rumqttc::matches(topic, filter))
    }

    async fn tell_client(&mut self, packet: &Packet) -> Result<(), Over> {
        write(&mut self.client, &encoded(packet)?).await
    }

    async fn tell_broker(&mut self, packet: &Packet) -> Result<(), Over> {
        write(&mut self.broker, &encoded(packet)?).await
    }
}

/// Takes the next of them where `wanted`.
trait NextIf: Iterator {
    fn next_if(&mut self, wanted: bool) -> Option<Self::Item> {
        if wanted { self.next() } else { None }
    }
}

impl<I: Iterator> NextIf for I {}

/// The packets that have come whole; `None` for what is too long or no MQTT.
fn packets(framer: &mut Framer, bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut packets = Vec::new();
    framer.feed(bytes, true, |unit| {
        packets.push(match unit {
            Unit::Packet(packet) => Some(packet),
            Unit::Raw(_) => None,
        });
    });
    packets
}

fn read(bytes: &[u8]) -> Option<Packet> {
    Packet::read(&mut BytesMut::from(bytes), MAX_PACKET_BYTES).ok()
}

fn encoded(packet: &Packet) -> Result<BytesMut, Over> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, MAX_PACKET_BYTES).map_err(|_| Over::Ended)?;
    Ok(bytes)
}

async fn write(stream: &mut TcpStream, bytes: &[u8]) -> Result<(), Over> {
    match timeout(WRITE_TIMEOUT, stream.write_all(bytes)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(Over::Ended),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_granted_subscribe_is_answered_in_the_order_of_its_filters() {
        let mut granted = [1, 2].into_iter();
        let codes: Vec<_> = [true, false, true].into_iter().map(|passed| granted.next_if(passed)).collect();
        assert_eq!(codes, [Some(1), None, Some(2)]);
    }

    #[tokio::test]
    async fn both_ends_of_a_pair_are_connected_to_each_other() {
        let (mut near, mut far) = pair().await.unwrap();
        near.write_all(b"ping").await.unwrap();
        let mut heard = [0; 4];
        far.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
    }
}
