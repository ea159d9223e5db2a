//! A proxy in front of the broker, one for each link, where the link's faults are injected.
//!
//! It listens on a port of its own and carries each connection to the broker. What it does with the
//! bytes in between is decided by [`ImpairedLink`]; here are the sockets. Faults can change at any time and
//! affect the connections that are open.
//!
//! Where the broker wants TLS, the proxy speaks it, and the faults see plain MQTT as before. What
//! connects to the proxy needs no TLS, be it a light or a board; whoever may open its port on this
//! machine can use the way to the broker, and with it a client certificate if there is one.

use std::{
    collections::VecDeque,
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, split},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout, timeout_at},
};
use traffic_light::mqtt::codec::{FixedHeader, connack};

pub use super::upstream::Destination;
pub(super) use super::upstream::Trouble;
use super::upstream::{Server, Upstream};
use crate::{
    fault::{Direction, ImpairedLink, Item, LinkFaultSpec, Micros, Termination, Terminations, rules, stalls},
    model::Diagnostic,
    tap::{Closer, LinkEvent, Reader, Seen},
};

/// More than this may not wait in one direction; the sender is held back then, as by TCP's window.
const MAX_WAITING_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;
const BACKLOG: u32 = 1_024;
/// How long to wait for the TLS alert of a broker that has closed.
const ALERT_TIMEOUT: Duration = Duration::from_millis(100);
/// Between two attempts to get back a port that was released on purpose.
const REBIND_EVERY: Duration = Duration::from_millis(100);
/// How long a broker may go on after a light has ended its side.
const HALF_CLOSED_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a light may take to hear that its connection is over.
const LAST_BYTES_TIMEOUT: Duration = Duration::from_millis(500);
/// How long a connection waits for whoever watches it.
const TAP_TIMEOUT: Duration = Duration::from_secs(1);

/// The faults in force, as all connections share them.
type Faults = Arc<[LinkFaultSpec]>;

/// What all connections are told.
#[derive(Clone, Debug, Default)]
struct Orders {
    faults: Faults,
    /// How often all connections were cut.
    cuts: u64,
    /// What new connections get for their CONNECT, without the broker's hearing of it.
    login: Option<LoginAnswer>,
    /// Nobody listens.
    closed: bool,
}

impl Orders {
    fn refuses(&self) -> bool {
        self.closed || rules(&self.faults).refuse
    }
}

/// What a CONNECT gets instead of the broker's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginAnswer {
    /// The end of the connection.
    Cut,
    /// A CONNACK with this code, and then the end. Codes from 1 up refuse: 4 the password, 5 the user.
    Refused(u8),
}

/// A proxy that runs. Dropping it cuts its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    trouble: Trouble,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens at `listen` (port 0: any free one) for connections to `host:port`, without TLS. Has to
    /// be called within a tokio runtime. What faults leave to chance follows from `seed` and the
    /// number of the connection.
    ///
    /// # Errors
    /// When the port is not available.
    pub fn start(listen: SocketAddr, host: &str, port: u16, seed: u64) -> io::Result<Proxy> {
        Proxy::towards(Destination { host: host.to_owned(), port, tls: None }, listen, seed)
    }

    /// As [`Proxy::start`], for connections to `destination`.
    ///
    /// # Errors
    /// When the port is not available.
    pub(crate) fn towards(destination: Destination, listen: SocketAddr, seed: u64) -> io::Result<Proxy> {
        Proxy::open(destination, listen, seed, None)
    }

    /// As [`Proxy::towards`], and tells what it sees of its connections. Where nobody takes that for so
    /// long that `seen` is full, the connections wait for up to a second, so that a flood holds up its
    /// sender; what can still not be told then is counted, and told as [`LinkEvent::Lost`] later.
    ///
    /// # Errors
    /// When the port is not available.
    pub fn tapped(
        destination: Destination,
        listen: SocketAddr,
        seed: u64,
        seen: mpsc::Sender<Seen>,
    ) -> io::Result<Proxy> {
        Proxy::open(destination, listen, seed, Some(seen))
    }

    fn open(
        destination: Destination,
        listen: SocketAddr,
        seed: u64,
        seen: Option<mpsc::Sender<Seen>>,
    ) -> io::Result<Proxy> {
        let listener = bind(listen)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (orders, changed) = watch::channel(Orders::default());
        let trouble = Trouble::default();
        let upstream = Upstream { destination, trouble: trouble.clone() };
        let task = tokio::spawn(serve(listener, address, upstream, changed, seed, seen));
        Ok(Proxy { address, orders, trouble, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the last connection to the broker could not be made.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// Injects a fault, or changes its parameters.
    ///
    /// # Errors
    /// Why its parameters are invalid; nothing has changed then.
    pub fn inject(&self, spec: LinkFaultSpec) -> Result<(), Diagnostic> {
        spec.check()?;
        self.change(|faults| {
            faults.retain(|other| !other.is_replaced_by(&spec));
            faults.push(spec);
        });
        Ok(())
    }

    /// Clears a fault, whatever its parameters.
    pub fn clear(&self, spec: &LinkFaultSpec) {
        self.change(|faults| faults.retain(|other| !other.is_replaced_by(spec)));
    }

    /// Clears all faults.
    pub fn clear_all(&self) {
        self.change(Vec::clear);
    }

    /// Resets the connections that are there; new ones are taken.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Lets new connections be answered so once they have sent their CONNECT; `None`: the broker answers.
    pub fn answer_logins(&self, login: Option<LoginAnswer>) {
        self.orders.send_modify(|orders| orders.login = login);
    }

    /// Closes the port to new connections, as where no broker runs, or opens it again.
    pub fn set_closed(&self, closed: bool) {
        self.orders.send_if_modified(|orders| std::mem::replace(&mut orders.closed, closed) != closed);
    }

    fn change(&self, change: impl FnOnce(&mut Vec<LinkFaultSpec>)) {
        self.orders.send_modify(|orders| {
            let mut changed = orders.faults.to_vec();
            change(&mut changed);
            orders.faults = changed.into();
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A socket that holds the port without listening: clients are refused.
fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // Elsewhere than on Unix this would let two programs have one port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn bind_again(address: SocketAddr) -> TcpSocket {
    loop {
        match bind(address) {
            Ok(socket) => return socket,
            Err(error) => tracing::warn!(%address, %error, "the proxy waits for its port"),
        }
        sleep(REBIND_EVERY).await;
    }
}

async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    upstream: Upstream,
    mut orders: watch::Receiver<Orders>,
    seed: u64,
    seen: Option<mpsc::Sender<Seen>>,
) {
    let tap = seen.map(|seen| TapSender { seen, lost: Arc::default(), opened: Instant::now() });
    let mut connections = JoinSet::new();
    let mut listening = Some(listener);
    let mut count = 0_u64;
    loop {
        if orders.borrow_and_update().refuses() {
            drop(listening.take());
            let closed = bind_again(address).await;
            if orders.wait_for(|orders| !orders.refuses()).await.is_err() {
                return;
            }
            match closed.listen(BACKLOG) {
                Ok(listener) => listening = Some(listener),
                Err(error) => tracing::warn!(%address, %error, "the proxy cannot listen again"),
            }
        }
        let Some(listener) = &listening else {
            sleep(REBIND_EVERY).await;
            listening = bind_again(address).await.listen(BACKLOG).ok();
            continue;
        };
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, from)) => {
                    count += 1;
                    let tap = tap.clone().map(|sender| Tap::new(sender, count, from));
                    let connection =
                        Connection::new(client, upstream.clone(), orders.clone(), seed ^ count << 32, tap);
                    connections.spawn(connection.carry());
                }
                // Out of files, most likely: others may end meanwhile.
                Err(error) => {
                    tracing::warn!(%address, %error, "the proxy cannot accept a connection");
                    sleep(REBIND_EVERY).await;
                }
            },
            changed = orders.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Connection {
    client: TcpStream,
    upstream: Upstream,
    orders: watch::Receiver<Orders>,
    /// How often all connections had been cut when this one was made.
    cuts: u64,
    link: ImpairedLink,
    began: Instant,
    terminations: Terminations,
    tap: Option<Tap>,
}

/// How a connection ends.
enum Over {
    /// One end has closed, and the other has been told.
    Closed(Closer),
    /// Both ends get an RST.
    Reset(Closer),
    /// A fault ends it.
    Terminated(Termination),
}

impl Connection {
    fn new(
        client: TcpStream,
        upstream: Upstream,
        mut orders: watch::Receiver<Orders>,
        seed: u64,
        tap: Option<Tap>,
    ) -> Connection {
        let Orders { faults, cuts, .. } = orders.borrow_and_update().clone();
        let (terminations, link) = (Terminations::new(0, &faults), ImpairedLink::new(faults, seed));
        Connection { client, upstream, orders, cuts, link, began: Instant::now(), terminations, tap }
    }

    async fn carry(mut self) {
        let _ = self.client.set_nodelay(true);
        let over = match self.reach_broker().await {
            Ok(mut server) => {
                let over = self.pump(&mut server).await;
                match over {
                    Over::Closed(_) => server.disconnect().await,
                    Over::Reset(_) | Over::Terminated(_) => reset(server.tcp()),
                }
                over
            }
            Err(over) => over,
        };
        let (by, was_reset) = match over {
            Over::Closed(by) => (by, false),
            Over::Reset(by) => (by, true),
            Over::Terminated(Termination::Reset) => (Closer::Fault, true),
            Over::Terminated(Termination::HalfOpen) => self.discard().await,
        };
        if was_reset {
            reset(&self.client);
        }
        drop(self.client);
        if let Some(tap) = self.tap {
            tap.closed(by, was_reset).await;
        }
    }

    fn now(&self) -> Micros {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn instant(&self, us: Micros) -> Instant {
        self.began + Duration::from_micros(us)
    }

    /// Whether the connection is cut.
    fn take_change(&mut self) -> bool {
        let now = self.now();
        let Orders { faults, cuts, .. } = self.orders.borrow_and_update().clone();
        self.terminations.change(now, &faults);
        self.link.change(now, faults);
        cuts != self.cuts
    }

    /// Takes in what was read. A fault injected before the bytes were sent holds for them, even if its
    /// change arrived after this connection last looked for one. Returns whether the connection is cut.
    fn push(&mut self, direction: Direction, bytes: &[u8]) -> bool {
        // A proxy that is gone changes nothing any more.
        let is_cut = self.orders.has_changed().unwrap_or(false) && self.take_change();
        self.link.push(direction, self.now(), bytes);
        is_cut
    }

    fn see(&mut self, direction: Direction, bytes: &[u8]) {
        if let Some(tap) = &mut self.tap {
            tap.bytes(direction, bytes);
        }
    }

    /// Connects to the broker, once anything passes; or returns how the connection ends before.
    async fn reach_broker(&mut self) -> Result<Server, Over> {
        let answer = self.orders.borrow().login;
        if let Some(answer) = answer {
            return Err(self.answer_login(answer).await);
        }
        loop {
            if !stalls(&self.orders.borrow().faults) {
                let server = self.upstream.connect().await;
                return server.map_err(|_| Over::Reset(Closer::Broker));
            }
            let end = self.terminations.next();
            let end_at = end.map(|(at_us, _)| self.instant(at_us));
            let behind = is_behind(self.tap.as_ref());
            let may_read = !behind && self.link.waiting(Direction::ToBroker) < MAX_WAITING_BYTES;
            tokio::select! {
                changed = self.orders.changed() => {
                    if changed.is_err() {
                        return Err(Over::Reset(Closer::Fault));
                    }
                    if self.take_change() {
                        return Err(Over::Terminated(Termination::Reset));
                    }
                }
                () = at(end_at) => {
                    return Err(end.map_or(Over::Reset(Closer::Fault), |(_, how)| Over::Terminated(how)));
                }
                () = catch_up(self.tap.as_mut()), if behind => {}
                read = read_some(&mut self.client), if may_read => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        self.half_closed();
                        return Err(Over::Closed(Closer::Light));
                    }
                    Ok(bytes) => {
                        self.see(Direction::ToBroker, &bytes);
                        if self.push(Direction::ToBroker, &bytes) {
                            return Err(Over::Terminated(Termination::Reset));
                        }
                    }
                    Err(_) => return Err(Over::Reset(Closer::Light)),
                },
            }
        }
    }

    /// Reads a CONNECT, and ends the connection with this answer.
    async fn answer_login(&mut self, answer: LoginAnswer) -> Over {
        let mut first = Vec::new();
        while !is_whole(&first) {
            let behind = is_behind(self.tap.as_ref());
            tokio::select! {
                changed = self.orders.changed() => if changed.is_err() || self.take_change() {
                    return Over::Terminated(Termination::Reset);
                },
                () = catch_up(self.tap.as_mut()), if behind => {}
                read = read_some(&mut self.client), if !behind => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        self.half_closed();
                        return Over::Closed(Closer::Light);
                    }
                    Ok(bytes) => {
                        self.see(Direction::ToBroker, &bytes);
                        first.extend(bytes);
                    }
                    Err(_) => return Over::Reset(Closer::Light),
                },
            }
        }
        if let LoginAnswer::Refused(code) = answer {
            let connack = connack(code);
            if self.client.write_all(&connack).await.is_err() {
                return Over::Reset(Closer::Light);
            }
            self.see(Direction::FromBroker, &connack);
        }
        // A socket that is closed with bytes unread sends an RST, and the light may miss the answer.
        let _ = self.client.shutdown().await;
        let _ = timeout(LAST_BYTES_TIMEOUT, async {
            while read_some(&mut self.client).await.is_ok_and(|bytes| !bytes.is_empty()) {}
        })
        .await;
        Over::Closed(Closer::Fault)
    }

    fn half_closed(&mut self) {
        if let Some(tap) = &mut self.tap {
            tap.half_closed();
        }
    }

    async fn pump(&mut self, server: &mut Server) -> Over {
        // What TLS holds back because the socket was full has to be flushed; TCP holds nothing back.
        let tls = matches!(server, Server::Tls(_));
        let mut unflushed = false;
        let (mut server_in, mut server_out) = split(server);
        let mut out: [Out; 2] = Default::default();
        let (mut client_ended, mut server_ended) = (false, false);
        // Who has ended it first.
        let mut by = None;
        // From when the broker has been told of the light's end.
        let mut half_closed_until = None;
        loop {
            let now = self.now();
            for direction in Direction::BOTH {
                out[direction.index()].fill(|| self.link.pull(direction, now));
            }
            let [up, down] = &mut out;
            // The broker has closed and the light has all that came before: nothing more can come of it.
            if down.is_over() {
                return Over::Closed(by.unwrap_or(Closer::Broker));
            }
            if up.is_over() && !unflushed {
                if down.gone {
                    return Over::Closed(Closer::Light);
                }
                // The light may still wait for what the broker says.
                if half_closed_until.is_none() {
                    half_closed_until = Some(Instant::now() + HALF_CLOSED_TIMEOUT);
                    let told = timeout(ALERT_TIMEOUT, server_out.shutdown()).await;
                    if told.is_ok_and(|told| told.is_err()) {
                        return Over::Closed(Closer::Light);
                    }
                }
            }
            let end = self.terminations.next();
            let end_at = end.map(|(at_us, _)| self.instant(at_us));
            let due = |direction, out: &Out| self.link.due_us(direction).filter(|_| out.bytes.is_empty());
            let due_us =
                [due(Direction::ToBroker, up), due(Direction::FromBroker, down)].into_iter().flatten().min();
            let due_at = due_us.map(|due_us| self.instant(due_us));
            let behind = is_behind(self.tap.as_ref());
            let may_read = |direction, ended: bool| {
                !behind && !ended && self.link.waiting(direction) < MAX_WAITING_BYTES
            };
            let (may_read_client, may_read_server) =
                (may_read(Direction::ToBroker, client_ended), may_read(Direction::FromBroker, server_ended));
            let (mut client_in, mut client_out) = self.client.split();
            tokio::select! {
                biased;
                changed = self.orders.changed() => {
                    if changed.is_err() {
                        return Over::Closed(Closer::Fault);
                    }
                    if self.take_change() {
                        return Over::Terminated(Termination::Reset);
                    }
                }
                () = at(end_at) => {
                    return end.map_or(Over::Reset(Closer::Fault), |(_, how)| Over::Terminated(how));
                }
                () = at(half_closed_until) => return Over::Closed(Closer::Light),
                () = catch_up(self.tap.as_mut()), if behind => {}
                written = write_or_flush(&mut server_out, &up.bytes), if unflushed || !up.bytes.is_empty() => match written {
                    Ok(count) => {
                        unflushed = tls && count > 0;
                        drop(up.bytes.drain(..count));
                    }
                    // The broker takes no more; what it said before its end still goes to the light.
                    Err(_) if server_ended => {
                        unflushed = false;
                        up.give_up();
                    }
                    Err(error) => {
                        self.upstream.note(error);
                        // An alert may say why.
                        if tls && let Ok(Err(error)) = timeout(ALERT_TIMEOUT, read_some(&mut server_in)).await {
                            self.upstream.note(error);
                        }
                        return broken(client_ended);
                    }
                },
                written = client_out.write(&down.bytes), if !behind && !down.bytes.is_empty() => match written {
                    Ok(count) => {
                        if let Some(tap) = &mut self.tap {
                            tap.bytes(Direction::FromBroker, down.bytes.get(..count).unwrap_or_default());
                        }
                        drop(down.bytes.drain(..count));
                    }
                    // The light takes no more; what it said before its end still goes to the broker.
                    Err(_) if client_ended => down.give_up(),
                    Err(_) => return Over::Reset(Closer::Light),
                },
                read = read_some(&mut client_in), if may_read_client => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        client_ended = true;
                        by.get_or_insert(Closer::Light);
                        self.half_closed();
                        self.link.push_end(Direction::ToBroker, self.now());
                    }
                    Ok(bytes) => {
                        self.see(Direction::ToBroker, &bytes);
                        if self.push(Direction::ToBroker, &bytes) {
                            return Over::Terminated(Termination::Reset);
                        }
                    }
                    Err(_) => return Over::Reset(Closer::Light),
                },
                read = read_some(&mut server_in), if may_read_server => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        server_ended = true;
                        by.get_or_insert(Closer::Broker);
                        self.link.push_end(Direction::FromBroker, self.now());
                    }
                    Ok(bytes) => if self.push(Direction::FromBroker, &bytes) {
                        return Over::Terminated(Termination::Reset);
                    },
                    Err(error) => {
                        self.upstream.note(error);
                        return broken(client_ended);
                    }
                },
                () = at(due_at) => {}
            }
        }
    }

    /// Reads what the client sends, and answers nothing. Returns who ends that, and whether with a reset.
    async fn discard(&mut self) -> (Closer, bool) {
        loop {
            let behind = is_behind(self.tap.as_ref());
            tokio::select! {
                changed = self.orders.changed() => if changed.is_err() || self.take_change() {
                    return (Closer::Fault, true);
                },
                () = catch_up(self.tap.as_mut()), if behind => {}
                read = read_some(&mut self.client), if !behind => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        self.half_closed();
                        return (Closer::Light, false);
                    }
                    Ok(bytes) => self.see(Direction::ToBroker, &bytes),
                    Err(_) => return (Closer::Light, true),
                },
            }
        }
    }
}

/// Whether a whole packet is there, or what will never be one.
fn is_whole(bytes: &[u8]) -> bool {
    match FixedHeader::read(bytes) {
        Ok(header) => header.is_some_and(|header| bytes.len() >= header.total.min(MAX_WAITING_BYTES)),
        Err(_) => true,
    }
}

/// The connection with the broker is broken off.
fn broken(client_ended: bool) -> Over {
    if client_ended { Over::Closed(Closer::Light) } else { Over::Reset(Closer::Broker) }
}

/// Where all connections of a port tell what is seen of them.
#[derive(Clone)]
struct TapSender {
    seen: mpsc::Sender<Seen>,
    /// What could not be told.
    lost: Arc<AtomicU64>,
    opened: Instant,
}

/// Tells what is seen of one connection.
struct Tap {
    sender: TapSender,
    reader: Reader,
    /// What could not be told yet: as much as one read can hold.
    waiting: VecDeque<Seen>,
    /// When it is given up.
    give_up_at: Instant,
}

impl Tap {
    fn new(sender: TapSender, connection: u64, from: SocketAddr) -> Tap {
        let (reader, now) = (Reader::new(connection), Instant::now());
        let mut tap = Tap { sender, reader, waiting: VecDeque::new(), give_up_at: now };
        tap.add(|reader, at, out| out(reader.opened(at, from)));
        tap
    }

    fn bytes(&mut self, direction: Direction, bytes: &[u8]) {
        self.add(|reader, at, out| reader.bytes(at, direction, bytes, out));
    }

    fn half_closed(&mut self) {
        self.add(|reader, at, out| reader.half_closed(at, out));
    }

    async fn closed(mut self, by: Closer, reset: bool) {
        self.add(|reader, at, out| out(reader.closed(at, by, reset)));
        catch_up(Some(&mut self)).await;
    }

    /// Tells at once what there is room for.
    fn add(&mut self, read: impl FnOnce(&mut Reader, Duration, &mut dyn FnMut(Seen))) {
        let at = self.sender.opened.elapsed();
        if self.waiting.is_empty() {
            self.give_up_at = Instant::now() + TAP_TIMEOUT;
        }
        read(&mut self.reader, at, &mut |seen| self.waiting.push_back(seen));
        while !self.waiting.is_empty() {
            let Ok(permit) = self.sender.seen.try_reserve() else { return };
            if let Some(next) = next(&mut self.waiting, &self.sender.lost) {
                permit.send(next);
            }
        }
    }
}

/// What is to be told next: first, how much could not be told.
fn next(waiting: &mut VecDeque<Seen>, lost: &AtomicU64) -> Option<Seen> {
    match lost.swap(0, Ordering::Relaxed) {
        0 => waiting.pop_front(),
        events => Some(Seen { what: LinkEvent::Lost { events }, ..waiting.front()?.clone() }),
    }
}

fn is_behind(tap: Option<&Tap>) -> bool {
    tap.is_some_and(|tap| !tap.waiting.is_empty())
}

/// Waits until what was seen is told, and gives it up where that takes too long.
async fn catch_up(tap: Option<&mut Tap>) {
    let Some(tap) = tap else { return };
    while !tap.waiting.is_empty() {
        match timeout_at(tap.give_up_at, tap.sender.seen.reserve()).await {
            Ok(Ok(permit)) => {
                if let Some(next) = next(&mut tap.waiting, &tap.sender.lost) {
                    permit.send(next);
                }
            }
            // Nobody takes it, or nobody is there to take it.
            Ok(Err(_)) | Err(_) => {
                let lost = u64::try_from(tap.waiting.len()).unwrap_or(u64::MAX);
                tap.sender.lost.fetch_add(lost, Ordering::Relaxed);
                tap.waiting.clear();
            }
        }
    }
}

/// What is being written to one end.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    ended: bool,
    /// Whoever should read it is gone; what comes is dropped.
    gone: bool,
}

impl Out {
    /// All of it is written, and nothing more comes.
    fn is_over(&self) -> bool {
        self.ended && self.bytes.is_empty()
    }

    fn give_up(&mut self) {
        self.gone = true;
        self.bytes.clear();
    }

    fn fill(&mut self, mut next: impl FnMut() -> Option<Item>) {
        while !self.ended && self.bytes.len() < READ_BYTES {
            match next() {
                Some(Item::Bytes(_)) if self.gone => {}
                Some(Item::Bytes(bytes)) if self.bytes.is_empty() => self.bytes = bytes,
                Some(Item::Bytes(bytes)) => self.bytes.extend(bytes),
                Some(Item::End) => self.ended = true,
                None => return,
            }
        }
    }
}

/// Reads what there is, nothing at the end. The buffer is there only while it is read into, so that
/// connections on which nothing happens need none.
async fn read_some(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    poll_fn(|context| {
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut *from).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().to_vec()))
    })
    .await
}

/// Writes some of `bytes` and says how many; flushes where there are none.
async fn write_or_flush(out: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<usize> {
    if bytes.is_empty() { out.flush().await.map(|()| 0) } else { out.write(bytes).await }
}

/// Closing this socket sends an RST.
fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        tracing::debug!(%error, "this connection ends with a FIN instead of an RST");
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
