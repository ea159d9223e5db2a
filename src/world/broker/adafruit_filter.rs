//! Between a client and the embedded broker, where that is to be like Adafruit IO: it reads whole MQTT
//! packets, and lets pass what Adafruit would.
//!
//! The broker behind it knows nothing of feeds. Wills and retain flags are taken away here, QoS 2 ends the
//! connection, rejected publishes are acknowledged and go no further, and a request for a last value is
//! answered to its client alone.
//!
//! What waits for one end is kept apart from what waits for the other, so that neither direction has to
//! wait for the other; an end that lets too much wait is not read from until it has taken some.

use std::{collections::HashMap, io, net::Ipv4Addr, sync::Arc, time::Duration};

use bytes::{Buf, BytesMut};
use mqtt5::broker::router::MessageRouter;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until},
};
use traffic_light::mqtt::codec::{
    self, Connect, Delivery, Filters, FixedHeader, Malformed, Packet, PacketType, Publish,
    SUBSCRIPTION_REFUSED, TooLong,
};

use super::limited;
use crate::world::account_limiter::{self, AccountLimiter};

const READ_BYTES: usize = 4 * 1024;
/// With more than this waiting for one end, the other one is not read from.
const MAX_WAITING_BYTES: usize = 64 * 1024;
/// With more than this waiting for the client, it is not read from either: it does not take its answers.
const MAX_ANSWER_BYTES: usize = 4 * MAX_WAITING_BYTES;
/// An end that takes nothing of what waits for it for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Larger packets are not for feeds; Adafruit's own limit is 100 kB.
const MAX_PACKET_BYTES: usize = 128 * 1024;
/// The CONNACK code of a broker that does not speak the client's version (section 3.2.2.3).
const UNACCEPTABLE_PROTOCOL: u8 = 1;

/// Why a connection is over.
enum Over {
    /// One end has gone, or broke the rules of MQTT.
    Ended,
    /// It is refused, with this CONNACK code.
    Refused(u8),
    /// The account is banned: it gets an RST.
    Cut,
}

struct AdafruitFilter {
    limiter: AccountLimiter,
    router: Arc<MessageRouter>,
    logged_in: bool,
    /// The client's subscriptions.
    subscribed: Vec<String>,
    /// For the packet identifier of a SUBSCRIBE of which some filters were rejected: which passed.
    half_passed: HashMap<u16, Vec<bool>>,
    to_client: BytesMut,
    to_broker: BytesMut,
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
    mut client: TcpStream,
    broker: TcpStream,
    limiter: AccountLimiter,
    router: Arc<MessageRouter>,
) {
    let mut filter = AdafruitFilter {
        limiter,
        router,
        logged_in: false,
        subscribed: Vec::new(),
        half_passed: HashMap::new(),
        to_client: BytesMut::new(),
        to_broker: BytesMut::new(),
    };
    match filter.pump(&mut client, broker).await {
        Over::Ended => {}
        Over::Refused(code) => limited::refuse(&mut client, code).await,
        Over::Cut => limited::reset(&client),
    }
}

impl AdafruitFilter {
    async fn pump(&mut self, client: &mut TcpStream, mut broker: TcpStream) -> Over {
        let mut cuts = self.limiter.cuts();
        let (mut client_in, mut client_out) = client.split();
        let (mut broker_in, mut broker_out) = broker.split();
        let (mut from_client, mut from_broker) = (BytesMut::new(), BytesMut::new());
        let (mut client_ended, mut broker_ended) = (false, false);
        let mut progress_at = Instant::now();
        loop {
            // What an end has sent before it ended still goes to the other one, and nothing to itself.
            if client_ended {
                self.to_client.clear();
            }
            if broker_ended {
                self.to_broker.clear();
            }
            let (waits_for_client, waits_for_broker) =
                (!self.to_client.is_empty(), !self.to_broker.is_empty());
            if client_ended && !waits_for_broker || broker_ended && !waits_for_client {
                return Over::Ended;
            }
            if !waits_for_client && !waits_for_broker {
                progress_at = Instant::now();
            }
            let reads_client = !client_ended
                && self.to_broker.len() < MAX_WAITING_BYTES
                && self.to_client.len() < MAX_ANSWER_BYTES;
            let reads_broker = !broker_ended && self.to_client.len() < MAX_WAITING_BYTES;
            from_client.reserve(READ_BYTES);
            from_broker.reserve(READ_BYTES);
            tokio::select! {
                changed = cuts.changed() => return if changed.is_ok() { Over::Cut } else { Over::Ended },
                written = client_out.write(&self.to_client), if waits_for_client => match written {
                    Ok(count) => {
                        self.to_client.advance(count);
                        progress_at = Instant::now();
                    }
                    Err(_) => client_ended = true,
                },
                written = broker_out.write(&self.to_broker), if waits_for_broker => match written {
                    Ok(count) => {
                        self.to_broker.advance(count);
                        progress_at = Instant::now();
                    }
                    Err(_) => broker_ended = true,
                },
                read = client_in.read_buf(&mut from_client), if reads_client => match read {
                    Ok(1..) => match self.take_from_client(&mut from_client).await {
                        Ok(()) => {}
                        Err(Over::Ended) => client_ended = true,
                        Err(over) => return over,
                    },
                    Ok(0) | Err(_) => client_ended = true,
                },
                read = broker_in.read_buf(&mut from_broker), if reads_broker => match read {
                    Ok(1..) => broker_ended = self.take_from_broker(&mut from_broker).is_err(),
                    Ok(0) | Err(_) => broker_ended = true,
                },
                () = sleep_until(progress_at + WRITE_TIMEOUT), if waits_for_client || waits_for_broker => {
                    return Over::Ended;
                }
            }
        }
    }

    async fn take_from_client(&mut self, inbox: &mut BytesMut) -> Result<(), Over> {
        while let Some(bytes) = next_packet(inbox)? {
            if !self.logged_in {
                self.connect(&bytes)?;
                continue;
            }
            match whole(&bytes)? {
                Packet::Publish(publish) => self.publish(publish).await?,
                Packet::Subscribe { id, filters } => self.subscribe(id, filters).await?,
                Packet::Unsubscribe { filters, .. } => {
                    self.subscribed.retain(|own| !filters.into_iter().any(|(filter, _)| filter == own));
                    self.to_broker.extend_from_slice(&bytes);
                }
                _ => self.to_broker.extend_from_slice(&bytes),
            }
        }
        Ok(())
    }

    fn connect(&mut self, bytes: &[u8]) -> Result<(), Over> {
        if FixedHeader::read(bytes)?.is_none_or(|header| header.packet_type != PacketType::Connect) {
            return Err(Over::Ended);
        }
        let Ok(Packet::Connect(connect)) = whole(bytes) else {
            return Err(Over::Refused(UNACCEPTABLE_PROTOCOL));
        };
        self.limiter.login().map_err(|refusal| Over::Refused(refusal.code()))?;
        self.logged_in = true;
        let without_will = Connect { will: None, ..connect };
        Ok(without_will.encode(|bytes| self.to_broker.extend_from_slice(bytes))?)
    }

    async fn publish(&mut self, publish: Publish<'_>) -> Result<(), Over> {
        if let Delivery::ExactlyOnce { .. } = publish.delivery {
            return Err(Over::Ended);
        }
        let published = self.limiter.publish(publish.topic, publish.payload, &self.router).await;
        for (topic, payload) in &published.also_on {
            account_limiter::publish_notice(&self.router, topic, payload).await;
        }
        if published.passed {
            let payload = published.instead.as_deref().unwrap_or(publish.payload);
            let not_retained = Publish { retain: false, payload, ..publish };
            return Ok(not_retained.encode(|bytes| self.to_broker.extend_from_slice(bytes))?);
        }
        if let Some(id) = publish.delivery.id() {
            self.to_client.extend_from_slice(&codec::puback(id));
        }
        if let Some((topic, value)) = published.answer.filter(|(topic, _)| self.listens_to(topic)) {
            let delivery = Delivery::AtMostOnce;
            let answer = Publish { topic: &topic, payload: &value, delivery, retain: false, dup: false };
            answer.encode(|bytes| self.to_client.extend_from_slice(bytes))?;
        }
        Ok(())
    }

    async fn subscribe(&mut self, id: u16, filters: Filters<'_>) -> Result<(), Over> {
        let mut passed = Vec::new();
        for (filter, _) in filters {
            passed.push(self.limiter.subscribe(filter, &self.router).await.passed);
        }
        if !passed.contains(&true) {
            let refused = vec![SUBSCRIPTION_REFUSED; passed.len()];
            return Ok(codec::suback(id, &refused, |bytes| self.to_client.extend_from_slice(bytes))?);
        }
        let forwarded = filters.zip(&passed).filter(|(_, passed)| **passed).map(|(filter, _)| filter);
        self.subscribed.extend(forwarded.clone().map(|(filter, _)| filter.to_owned()));
        codec::subscribe(id, forwarded, |bytes| self.to_broker.extend_from_slice(bytes))?;
        if passed.contains(&false) {
            self.half_passed.insert(id, passed);
        }
        Ok(())
    }

    fn take_from_broker(&mut self, inbox: &mut BytesMut) -> Result<(), Over> {
        while let Some(bytes) = next_packet(inbox)? {
            // Other packets are the broker's own business, even those that it should not send.
            if let Ok(Packet::SubAck { id, codes }) = whole(&bytes)
                && let Some(passed) = self.half_passed.remove(&id)
            {
                let codes = in_order(&passed, codes);
                codec::suback(id, &codes, |bytes| self.to_client.extend_from_slice(bytes))?;
            } else {
                self.to_client.extend_from_slice(&bytes);
            }
        }
        Ok(())
    }

    fn listens_to(&self, topic: &str) -> bool {
        self.subscribed.iter().any(|filter| codec::matches(filter, topic))
    }
}

/// The codes for all filters of a SUBSCRIBE, from those that the broker gave to the filters that passed.
fn in_order(passed: &[bool], granted: &[u8]) -> Vec<u8> {
    let mut granted = granted.iter().copied();
    let code = |passed: &bool| if *passed { granted.next() } else { None };
    passed.iter().map(code).map(|code| code.unwrap_or(SUBSCRIPTION_REFUSED)).collect()
}

/// The next packet, once it is whole.
fn next_packet(inbox: &mut BytesMut) -> Result<Option<BytesMut>, Over> {
    let Some(header) = FixedHeader::read(inbox)? else { return Ok(None) };
    if header.total > MAX_PACKET_BYTES {
        return Err(Over::Ended);
    }
    Ok((inbox.len() >= header.total).then(|| inbox.split_to(header.total)))
}

fn whole(bytes: &[u8]) -> Result<Packet<'_>, Over> {
    Packet::read(bytes)?.map(|(packet, _)| packet).ok_or(Over::Ended)
}

impl From<Malformed> for Over {
    fn from(_: Malformed) -> Over {
        Over::Ended
    }
}

impl From<TooLong> for Over {
    fn from(_: TooLong) -> Over {
        Over::Ended
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_granted_subscribe_is_answered_in_the_order_of_its_filters() {
        assert_eq!(in_order(&[true, false, true], &[1, 0]), [1, SUBSCRIPTION_REFUSED, 0]);
        assert_eq!(in_order(&[true, true], &[1]), [1, SUBSCRIPTION_REFUSED], "a broker that says too little");
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
