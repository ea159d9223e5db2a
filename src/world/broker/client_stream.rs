//! Between a client's socket and the broker crate: whole packets, checked and mended on their way.
//!
//! It stands in the crate's place for a WebSocket, the only transport of `mqtt5` 0.49.0 that takes a stream of
//! somebody else's (`broker/transport.rs`); no other socket and no task is needed for it. What it does that the crate
//! does not:
//!
//! - it reads CONNECT as [`super::connect`] has it, and refuses packets that are too large before they are read;
//! - it ends a connection for a packet identifier of 0, a QoS of 3, a topic alias that is not there, and before MQTT 5
//!   for whatever else the shared codec refuses;
//! - it takes the sender's client id and user out of each PUBLISH (`handle_publish` in `client_handler/publish.rs`);
//! - it keeps MQTT 5's DISCONNECT from clients that do not speak it (`send_taken_over` in `client_handler/mod.rs`);
//! - it counts what the connection takes of the broker's [`Memory`], and ends it when it has to go.

use std::{
    collections::{HashMap, VecDeque},
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes, BytesMut};
use mqtt5::broker::transport::WebSocketTransport;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};
use traffic_light::mqtt::codec::{
    Delivery, PINGREQ, PINGRESP, Packet, PacketType, PublishHead, RemainingLength, connack, puback,
};

use super::{
    connect::{self, Refusal, Version},
    limited,
    memory::{Account, Memory, Registered},
    notice::BrokerNotice,
    properties,
};
use crate::world::own_ports;

const READ_BYTES: usize = 4 * 1024;
/// With more than this waiting for the client, the crate has to wait.
const MAX_WAITING: usize = 256 * 1024;
/// A CONNECT may have a client id, a will and a login, of 64 KiB each; nobody needs that much.
const MAX_CONNECT: usize = 128 * 1024;
/// How long a client may take to read why it is refused.
const FAREWELL: Duration = Duration::from_secs(1);
/// Messages that the crate has under way to a client before it is acknowledged (`default_max_outbound_inflight`).
const WINDOW: usize = 64;
/// Topic aliases that a client may set; the crate would keep 65,535 of up to 64 KiB.
pub(super) const TOPIC_ALIASES: u16 = 16;

/// The CONNACK codes for a client for which there is no place, of MQTT 3.1.1 and 5.
const SERVER_UNAVAILABLE: u8 = 3;
const SERVER_BUSY: u8 = 0x89;
const MALFORMED: u8 = 0x81;
const PROTOCOL_ERROR: u8 = 0x82;
const TOPIC_ALIAS_INVALID: u8 = 0x94;
const PACKET_TOO_LARGE: u8 = 0x95;
const CONNECT: u8 = PacketType::Connect as u8;
const CONNACK: u8 = PacketType::ConnAck as u8;
const PUBLISH: u8 = PacketType::Publish as u8;
const PUBACK: u8 = PacketType::PubAck as u8;
const PUBREC: u8 = PacketType::PubRec as u8;
const PUBREL: u8 = PacketType::PubRel as u8;
const PUBCOMP: u8 = PacketType::PubComp as u8;
const SUBSCRIBE: u8 = PacketType::Subscribe as u8;
const UNSUBSCRIBE: u8 = PacketType::Unsubscribe as u8;
const DISCONNECT: u8 = PacketType::Disconnect as u8;
const DUP: u8 = 0x08;
const RETAIN: u8 = 0x01;

/// A client's connection, as the crate reads and writes it.
pub(super) struct ClientStream {
    socket: TcpStream,
    peer: SocketAddr,
    memory: Arc<Memory>,
    registered: Registered,
    version: Option<Version>,
    from_client: BytesMut,
    to_broker: BytesMut,
    from_broker: BytesMut,
    to_client: VecDeque<Bytes>,
    waiting: usize,
    window: usize,
    /// Bytes of a packet that the client takes.
    maximum_packet: usize,
    /// Bytes of what the client has not acknowledged, and of what it has not released, by packet identifier.
    unacknowledged: HashMap<u16, usize>,
    unreleased: HashMap<u16, usize>,
    held_back: usize,
    aliases: u32,
    /// PINGRESPs for the PINGREQs that the client has not sent.
    vouched: usize,
    ending: Ending,
}

/// How far the end of a connection has come.
enum Ending {
    No,
    /// The client may read why, until then.
    Farewell(Pin<Box<Sleep>>),
    Over,
}

/// Why a connection ends, with the reason code of MQTT 5.
struct Violation(u8);

impl ClientStream {
    pub(super) fn new(socket: TcpStream, peer: SocketAddr, memory: Arc<Memory>) -> ClientStream {
        let registered = memory.register();
        ClientStream {
            socket,
            peer,
            memory,
            registered,
            version: None,
            from_client: BytesMut::new(),
            to_broker: BytesMut::new(),
            from_broker: BytesMut::new(),
            to_client: VecDeque::new(),
            waiting: 0,
            window: WINDOW,
            maximum_packet: usize::MAX,
            unacknowledged: HashMap::new(),
            unreleased: HashMap::new(),
            held_back: 0,
            aliases: 0,
            vouched: 0,
            ending: Ending::No,
        }
    }

    /// By which it can be ended.
    pub(super) fn account(&self) -> Arc<Account> {
        self.registered.account.clone()
    }

    /// Writes what waits for the client, as far as it takes it.
    fn flush(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while let Some(front) = self.to_client.front_mut() {
            let Poll::Ready(written) = Pin::new(&mut self.socket).poll_write(context, front) else { break };
            let written = written?;
            front.advance(written);
            self.waiting -= written;
            self.registered.account.taken.fetch_add(written as u64, Ordering::Relaxed);
            if front.is_empty() {
                self.to_client.pop_front();
            }
        }
        Ok(())
    }

    /// Writes a packet, or keeps what the client does not take of it.
    fn send(&mut self, context: &mut Context<'_>, mut packet: Bytes) -> io::Result<()> {
        if self.to_client.is_empty()
            && let Poll::Ready(written) = Pin::new(&mut self.socket).poll_write(context, &packet)
        {
            let written = written?;
            packet.advance(written);
            self.registered.account.taken.fetch_add(written as u64, Ordering::Relaxed);
        }
        if !packet.is_empty() {
            self.waiting += packet.len();
            self.to_client.push_back(packet);
        }
        Ok(())
    }

    /// Tells the account what this connection takes at present.
    fn settle(&self) {
        let account = &self.registered.account;
        let held = self.from_client.len() + self.to_broker.len() + self.waiting + self.held_back;
        account.held.store(held, Ordering::Relaxed);
        let blocked = self.waiting >= MAX_WAITING || self.unacknowledged.len() >= self.window;
        account.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Tells the client why, and ends the connection once it has read it.
    fn end(&mut self, context: &mut Context<'_>, farewell: Option<Vec<u8>>) {
        self.from_client.clear();
        self.ending = match farewell {
            Some(farewell) => {
                // Whether it hears of it is its own matter.
                let _ = self.send(context, farewell.into());
                Ending::Farewell(Box::pin(sleep(FAREWELL)))
            }
            None => Ending::Over,
        };
    }

    fn violated(&mut self, context: &mut Context<'_>, Violation(code): Violation) {
        let farewell = (self.version == Some(Version::V5)).then(|| vec![0xE0, 2, code, 0]);
        self.end(context, farewell);
    }

    /// Takes the whole packets of what the client has sent.
    fn take_from_client(&mut self, context: &mut Context<'_>) {
        while matches!(self.ending, Ending::No) {
            let (header, total) = match frame(&self.from_client) {
                Ok(Some(frame)) => frame,
                Ok(None) => return,
                Err(violation) => return self.violated(context, violation),
            };
            let connected = self.version.is_some();
            let limit = self.memory.shares.packet;
            let limit = if connected { limit } else { limit.min(MAX_CONNECT) };
            if total > limit {
                if connected {
                    let client = self.registered.account.name();
                    self.memory.notices.tell(BrokerNotice::TooLarge { client, bytes: total, limit });
                }
                return self.violated(context, Violation(PACKET_TOO_LARGE));
            }
            if self.from_client.len() < total {
                return;
            }
            let packet = self.from_client.split_to(total);
            let taken = match self.version {
                None => return self.connect(context, &packet, header),
                Some(Version::V5) => self.take_v5(packet, header),
                Some(version) => self.take_v3(packet, version),
            };
            if let Err(violation) = taken {
                return self.violated(context, violation);
            }
        }
    }

    fn connect(&mut self, context: &mut Context<'_>, packet: &[u8], header: usize) {
        if packet.first().is_none_or(|first| *first != CONNECT << 4) {
            return self.end(context, None);
        }
        let own = own_ports::is_own(self.peer);
        let may_retain = |topic: &str, bytes| self.memory.may_retain(topic, bytes, own);
        match connect::read(packet, header, may_retain) {
            Ok(connect) => {
                self.version = Some(connect.version);
                self.window = WINDOW.min(usize::from(connect.receive_maximum)).max(1);
                self.maximum_packet = connect.maximum_packet;
                if connect.kept {
                    self.memory.sessions_kept.store(true, Ordering::Relaxed);
                }
                self.held_back += packet.len();
                if !self.registered.logged_in(connect.client_id, own, connect.for_ever) {
                    let answer = match connect.version {
                        Version::V5 => vec![0x20, 3, 0, SERVER_BUSY, 0],
                        Version::V31 | Version::V311 => connack(SERVER_UNAVAILABLE).to_vec(),
                    };
                    return self.end(context, Some(answer));
                }
                self.to_broker.extend_from_slice(&connect.packet);
                self.take_from_client(context);
            }
            Err(Refusal::Malformed) => self.end(context, None),
            Err(Refusal::Answer(answer)) => self.end(context, Some(answer)),
        }
    }

    /// Before MQTT 5, the shared codec knows the rules.
    fn take_v3(&mut self, mut packet: BytesMut, version: Version) -> Result<(), Violation> {
        if version == Version::V31
            && let Some(first) = packet.first_mut()
            && matches!(*first >> 4, PUBREL | SUBSCRIBE | UNSUBSCRIBE)
        {
            // MQTT 3.1 has a DUP flag here.
            *first &= !DUP;
        }
        match Packet::read(&packet) {
            Ok(Some((Packet::Publish(publish), length))) => {
                let (topic, id) = (publish.topic, publish.delivery.id());
                let strips = publish.retain
                    && !publish.payload.is_empty()
                    && !self.may_retain(topic, publish.payload.len());
                let exactly_once = publish.delivery.qos() == 2;
                self.published(length, id.filter(|_| exactly_once));
                if strips {
                    self.strip_retain(&mut packet);
                }
            }
            Ok(Some((Packet::PubAck { id } | Packet::Qos2(PacketType::PubComp, id), _))) => {
                self.acknowledged(id);
            }
            Ok(Some((Packet::Qos2(PacketType::PubRel, id), _))) => self.released(id),
            Ok(Some(_)) => {}
            // Another error than of this packet cannot be: it is whole.
            Ok(None) | Err(_) => return Err(Violation(MALFORMED)),
        }
        self.to_broker.extend_from_slice(&packet);
        Ok(())
    }

    fn take_v5(&mut self, mut packet: BytesMut, header: usize) -> Result<(), Violation> {
        let first = packet.first().copied().unwrap_or(0);
        match first >> 4 {
            PUBLISH => {
                let Ok(Some(head)) = PublishHead::read(&packet) else { return Err(Violation(MALFORMED)) };
                let topic = packet.get(head.topic).and_then(|topic| std::str::from_utf8(topic).ok());
                let topic = topic.ok_or(Violation(MALFORMED))?;
                let id = head.delivery.id();
                if id == Some(0) {
                    return Err(Violation(PROTOCOL_ERROR));
                }
                let rest = packet.get(head.payload_at..).unwrap_or_default();
                if let Some(alias) = properties::topic_alias(rest) {
                    let known = topic.is_empty();
                    self.aliases = with_alias(self.aliases, alias, known)?;
                }
                let exactly_once = head.delivery.qos() == 2;
                let payload = properties::length(rest)
                    .map_or(0, |(length, digits)| rest.len().saturating_sub(length + digits));
                if first & RETAIN != 0 && payload > 0 && !self.may_retain(topic, payload) {
                    self.strip_retain(&mut packet);
                }
                self.published(packet.len(), id.filter(|_| exactly_once));
            }
            PUBACK | PUBCOMP => self.acknowledged(id_at(&packet, header)),
            // A PUBREC that refuses ends the exchange.
            PUBREC if packet.get(header + 2).is_some_and(|reason| *reason >= 0x80) => {
                self.acknowledged(id_at(&packet, header));
            }
            PUBREL => self.released(id_at(&packet, header)),
            SUBSCRIBE => check_subscribe(packet.get(header..).unwrap_or_default())?,
            UNSUBSCRIBE if id_at(&packet, header) == 0 => return Err(Violation(PROTOCOL_ERROR)),
            _ => {}
        }
        self.to_broker.extend_from_slice(&packet);
        Ok(())
    }

    fn may_retain(&self, topic: &str, bytes: usize) -> bool {
        self.memory.may_retain(topic, bytes, self.registered.account.is_own())
    }

    fn strip_retain(&self, packet: &mut BytesMut) {
        if let Some(first) = packet.first_mut() {
            *first &= !RETAIN;
        }
        self.memory.notices.tell(BrokerNotice::RetainedFull { client: self.registered.account.name() });
    }

    fn published(&mut self, bytes: usize, exactly_once: Option<u16>) {
        self.memory.count_publish(bytes);
        if let Some(id) = exactly_once {
            // The crate keeps the message, and a copy in its storage.
            hold(&mut self.unreleased, &mut self.held_back, id, 2 * bytes);
        }
    }

    fn released(&mut self, id: u16) {
        self.held_back -= self.unreleased.remove(&id).unwrap_or(0);
    }

    fn acknowledged(&mut self, id: u16) {
        self.held_back -= self.unacknowledged.remove(&id).unwrap_or(0);
    }

    /// Tells the crate that a message is done with, which the client is too small for (MQTT 5, section 3.1.2.11.4).
    fn leave_out(&mut self, delivery: Delivery) {
        match delivery {
            Delivery::AtMostOnce => {}
            Delivery::AtLeastOnce { id } => self.to_broker.extend_from_slice(&puback(id)),
            Delivery::ExactlyOnce { id } => {
                let [high, low] = id.to_be_bytes();
                self.to_broker.extend_from_slice(&[PUBREC << 4, 4, high, low, PACKET_TOO_LARGE, 0]);
            }
        }
    }

    /// Sends a packet of the crate on, mended for this client.
    fn take_from_broker(
        &mut self,
        context: &mut Context<'_>,
        mut packet: BytesMut,
        header: usize,
    ) -> io::Result<()> {
        let first = packet.first().copied().unwrap_or(0);
        let v5 = self.version == Some(Version::V5);
        match first >> 4 {
            DISCONNECT if !v5 => return Ok(()),
            CONNACK if self.version == Some(Version::V31) => {
                // Reserved in MQTT 3.1; since then it tells of a session.
                if let Some(flags) = packet.get_mut(header) {
                    *flags = 0;
                }
            }
            PUBLISH => {
                if let Ok(Some(head)) = PublishHead::read(&packet) {
                    let mended = if v5 {
                        properties::without_added(&packet, header, head.payload_at).map(Bytes::from)
                    } else {
                        None
                    };
                    let packet = mended.unwrap_or_else(|| packet.freeze());
                    if packet.len() > self.maximum_packet {
                        self.leave_out(head.delivery);
                        return Ok(());
                    }
                    if let Some(id) = head.delivery.id() {
                        hold(&mut self.unacknowledged, &mut self.held_back, id, 2 * packet.len());
                    }
                    return self.send(context, packet);
                }
            }
            _ if self.vouched > 0 && packet[..] == PINGRESP => {
                self.vouched -= 1;
                return Ok(());
            }
            _ if packet.len() > self.maximum_packet => return Ok(()),
            _ => {}
        }
        self.send(context, packet.freeze())
    }
}

/// The aliases that are set once this one has been used; `known`: it has to be set already.
fn with_alias(set: u32, alias: u16, known: bool) -> Result<u32, Violation> {
    let bit = 1_u32.checked_shl(u32::from(alias)).unwrap_or(0);
    if alias == 0 || alias > TOPIC_ALIASES || (known && set & bit == 0) {
        return Err(Violation(TOPIC_ALIAS_INVALID));
    }
    Ok(set | bit)
}

/// Notes that the crate keeps `bytes` for a packet identifier.
fn hold(kept: &mut HashMap<u16, usize>, sum: &mut usize, id: u16, bytes: usize) {
    *sum += bytes;
    *sum -= kept.insert(id, bytes).unwrap_or(0);
}

/// The length of the fixed header that `bytes` begin with, and of its whole packet; `None` while too few are there.
fn frame(bytes: &[u8]) -> Result<Option<(usize, usize)>, Violation> {
    let mut remaining = RemainingLength::default();
    for (header, byte) in (2..).zip(bytes.iter().skip(1)) {
        match remaining.push(*byte) {
            Ok(Some(length)) => return Ok(Some((header, header + length))),
            Ok(None) => {}
            Err(_) => return Err(Violation(MALFORMED)),
        }
    }
    Ok(None)
}

fn id_at(packet: &[u8], at: usize) -> u16 {
    packet.get(at..).and_then(<[u8]>::first_chunk::<2>).map_or(0, |id| u16::from_be_bytes(*id))
}

/// A SUBSCRIBE of MQTT 5, from its packet identifier on.
fn check_subscribe(body: &[u8]) -> Result<(), Violation> {
    if id_at(body, 0) == 0 {
        return Err(Violation(PROTOCOL_ERROR));
    }
    let Some((length, digits)) = body.get(2..).and_then(properties::length) else {
        return Err(Violation(MALFORMED));
    };
    let mut rest = body.get(2 + digits + length..).unwrap_or_default();
    while let Some(filter) = rest.first_chunk::<2>() {
        let options = 2 + usize::from(u16::from_be_bytes(*filter));
        match rest.get(options) {
            Some(options) if options & 3 != 3 => {}
            _ => return Err(Violation(MALFORMED)),
        }
        rest = rest.get(options + 1..).unwrap_or_default();
    }
    Ok(())
}

impl AsyncRead for ClientStream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.registered.account.set_waker(context.waker());
        stream.flush(context)?;
        if stream.registered.account.ended.load(Ordering::Relaxed) {
            stream.ending = Ending::Over;
            if stream.registered.account.reset.load(Ordering::Relaxed) {
                limited::reset(&stream.socket);
            }
        }
        if stream.registered.account.vouched.swap(false, Ordering::Relaxed) {
            stream.vouched += 1;
            stream.to_broker.extend_from_slice(&PINGREQ);
        }
        let polled = stream.poll_packets(context, bytes);
        stream.settle();
        polled
    }
}

impl ClientStream {
    fn poll_packets(&mut self, context: &mut Context<'_>, bytes: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.to_broker.is_empty() && !matches!(self.ending, Ending::Over) {
                let count = self.to_broker.len().min(bytes.remaining());
                bytes.put_slice(&self.to_broker.split_to(count));
                if self.to_broker.is_empty() {
                    self.to_broker = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            let mut chunk = [0; READ_BYTES];
            let mut read = ReadBuf::new(&mut chunk);
            match &mut self.ending {
                Ending::Over => return Poll::Ready(Ok(())),
                Ending::Farewell(deadline) => {
                    if deadline.as_mut().poll(context).is_ready() {
                        self.ending = Ending::Over;
                        continue;
                    }
                    // With bytes of the client's unread the connection would end in an RST, which may overtake
                    // the answer.
                    ready!(Pin::new(&mut self.socket).poll_read(context, &mut read))?;
                    if read.filled().is_empty() {
                        self.ending = Ending::Over;
                    }
                }
                Ending::No => {
                    ready!(Pin::new(&mut self.socket).poll_read(context, &mut read))?;
                    if read.filled().is_empty() {
                        self.ending = Ending::Over;
                        continue;
                    }
                    self.from_client.extend_from_slice(read.filled());
                    self.take_from_client(context);
                    if self.from_client.is_empty() {
                        self.from_client = BytesMut::new();
                    }
                }
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let stream = self.get_mut();
        stream.registered.account.set_waker(context.waker());
        if !matches!(stream.ending, Ending::No) || stream.registered.account.ended.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        stream.flush(context)?;
        if stream.waiting >= MAX_WAITING {
            stream.settle();
            return Poll::Pending;
        }
        stream.from_broker.extend_from_slice(bytes);
        while let Ok(Some((header, total))) = frame(&stream.from_broker) {
            if stream.from_broker.len() < total {
                break;
            }
            let packet = stream.from_broker.split_to(total);
            stream.take_from_broker(context, packet, header)?;
        }
        if stream.from_broker.is_empty() {
            stream.from_broker = BytesMut::new();
        }
        stream.settle();
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        stream.flush(context)?;
        stream.settle();
        // What the client does not take is written while it is read from.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_shutdown(context)
    }
}

impl WebSocketTransport for ClientStream {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        Ok(self.peer)
    }
}
