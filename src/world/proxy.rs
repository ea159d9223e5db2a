//! A proxy in front of the broker, one for each link, where the link's faults are injected.
//!
//! It listens on a port of its own and carries each connection to the broker. What it does with the
//! bytes in between is decided by [`ImpairedLink`]; here are the sockets. Faults can change at any time and
//! strike the connections that are there.
//!
//! Where the broker wants TLS, the proxy speaks it, and the faults see MQTT's own bytes as ever. What
//! connects to the proxy needs no TLS, be it a light or a board; whoever may open its port on this
//! machine can use the way to the broker, and with it a client certificate if there is one.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf, split},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::watch,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};

pub use super::upstream::{Destination, Trouble};
use super::upstream::{Server, Upstream};
use crate::{
    fault::{Direction, ImpairedLink, Item, LinkFaultSpec, Micros, Termination, Terminations, rules, stalls},
    model::Diagnostic,
};

/// More than this may not wait in one direction; the sender is held back then, as by TCP's window.
const MOST_WAITING_BYTES: usize = 64 * 1024;
const READ_BYTES: usize = 4 * 1024;
const BACKLOG: u32 = 1_024;
/// How long to look for what a broker with TLS said before it closed.
const LAST_WORD: Duration = Duration::from_millis(100);
/// Between two tries to get a port back that was given up on purpose.
const REBIND_EVERY: Duration = Duration::from_millis(100);

/// The faults in force, as all connections share them.
type Faults = Arc<[LinkFaultSpec]>;

/// A proxy that runs. Dropping it cuts its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    faults: watch::Sender<Faults>,
    trouble: Trouble,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Listens at `listen` (port 0: any free one) for connections to `host:port`, without TLS. Has to
    /// be called within a tokio runtime. What faults leave to chance follows from `seed` and the
    /// number of the connection.
    ///
    /// # Errors
    /// When the port is not to be had.
    pub fn start(listen: SocketAddr, host: &str, port: u16, seed: u64) -> io::Result<Proxy> {
        Proxy::towards(Destination { host: host.to_owned(), port, tls: None }, listen, seed)
    }

    /// As [`Proxy::start`], for connections to `destination`.
    ///
    /// # Errors
    /// When the port is not to be had.
    pub fn towards(destination: Destination, listen: SocketAddr, seed: u64) -> io::Result<Proxy> {
        let listener = bind(listen)?.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let (faults, changed) = watch::channel::<Faults>([].into());
        let trouble = Trouble::default();
        let upstream = Upstream { destination, trouble: trouble.clone() };
        let task = tokio::spawn(serve(listener, address, upstream, changed, seed));
        Ok(Proxy { address, faults, trouble, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the broker could not be reached, when that was last tried.
    #[must_use]
    pub fn trouble(&self) -> Trouble {
        self.trouble.clone()
    }

    /// The faults that are in force.
    #[must_use]
    pub fn faults(&self) -> Faults {
        self.faults.borrow().clone()
    }

    /// Injects a fault, or gives it other parameters.
    ///
    /// # Errors
    /// Returns why it is invalid and what is accepted; nothing has changed then.
    pub fn put(&self, spec: LinkFaultSpec) -> Result<(), Diagnostic> {
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

    /// Takes all faults out.
    pub fn clear_all(&self) {
        self.change(Vec::clear);
    }

    fn change(&self, change: impl FnOnce(&mut Vec<LinkFaultSpec>)) {
        self.faults.send_modify(|faults| {
            let mut changed = faults.to_vec();
            change(&mut changed);
            *faults = changed.into();
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A socket that has the port and does not listen: whoever connects is refused.
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
    mut faults: watch::Receiver<Faults>,
    seed: u64,
) {
    let mut connections = JoinSet::new();
    let mut listening = Some(listener);
    let mut count = 0_u64;
    loop {
        if rules(&faults.borrow_and_update()).refuse {
            drop(listening.take());
            let closed = bind_again(address).await;
            if faults.wait_for(|faults| !rules(faults).refuse).await.is_err() {
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
                Ok((client, _)) => {
                    count += 1;
                    let connection = Connection::new(client, upstream.clone(), faults.clone(), seed ^ count << 32);
                    connections.spawn(connection.carry());
                }
                // Out of files, most likely: others may end meanwhile.
                Err(error) => {
                    tracing::warn!(%address, %error, "the proxy cannot accept a connection");
                    sleep(REBIND_EVERY).await;
                }
            },
            changed = faults.changed() => if changed.is_err() { return },
            Some(_) = connections.join_next() => {}
        }
    }
}

struct Connection {
    client: TcpStream,
    upstream: Upstream,
    faults: watch::Receiver<Faults>,
    link: ImpairedLink,
    began: Instant,
    terminations: Terminations,
}

/// How a connection ends.
enum Over {
    /// One end has closed, and the other has been told.
    Closed,
    /// Both ends get an RST.
    Reset,
    /// A fault ends it.
    Terminated(Termination),
}

impl Connection {
    fn new(
        client: TcpStream,
        upstream: Upstream,
        mut faults: watch::Receiver<Faults>,
        seed: u64,
    ) -> Connection {
        let present = faults.borrow_and_update().clone();
        let (terminations, link) = (Terminations::new(0, &present), ImpairedLink::new(present, seed));
        Connection { client, upstream, faults, link, began: Instant::now(), terminations }
    }

    async fn carry(mut self) {
        let _ = self.client.set_nodelay(true);
        let over = match self.reach_broker().await {
            Ok(Some(mut server)) => {
                let over = self.pump(&mut server).await;
                match over {
                    Over::Closed => server.disconnect().await,
                    Over::Reset | Over::Terminated(_) => reset(server.tcp()),
                }
                over
            }
            Ok(None) => Over::Closed,
            Err(_) => Over::Reset,
        };
        match over {
            Over::Closed => {}
            Over::Reset | Over::Terminated(Termination::Reset) => reset(&self.client),
            Over::Terminated(Termination::HalfOpen) => self.swallow().await,
        }
    }

    fn now(&self) -> Micros {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn instant(&self, us: Micros) -> Instant {
        self.began + Duration::from_micros(us)
    }

    fn take_change(&mut self) {
        let now = self.now();
        let faults = self.faults.borrow_and_update().clone();
        self.terminations.change(now, &faults);
        self.link.change(now, faults);
    }

    /// Connects to the broker, once anything passes; `None` when the client has gone by then.
    async fn reach_broker(&mut self) -> io::Result<Option<Server>> {
        loop {
            if !stalls(&self.faults.borrow()) {
                return self.upstream.connect().await.map(Some);
            }
            let end_at = self.terminations.next().map(|(at_us, _)| self.instant(at_us));
            tokio::select! {
                changed = self.faults.changed() => {
                    changed.map_err(io::Error::other)?;
                    self.take_change();
                }
                read = read_some(&mut self.client), if self.link.waiting(Direction::ToBroker) < MOST_WAITING_BYTES => {
                    let bytes = read?;
                    if bytes.is_empty() {
                        return Ok(None);
                    }
                    self.link.push(Direction::ToBroker, self.now(), &bytes);
                }
                () = at(end_at) => return Err(io::ErrorKind::ConnectionReset.into()),
            }
        }
    }

    async fn pump(&mut self, server: &mut Server) -> Over {
        // What TLS holds back because the socket was full has to be flushed; TCP holds nothing back.
        let tls = matches!(server, Server::Tls(_));
        let mut unflushed = false;
        let (mut server_in, mut server_out) = split(server);
        let mut out: [Out; 2] = Default::default();
        let (mut client_ended, mut server_ended) = (false, false);
        loop {
            let now = self.now();
            for direction in Direction::BOTH {
                out[direction.index()].fill(|| self.link.pull(direction, now));
            }
            // One end has closed and the other has all that came before: nothing more can come of it.
            let [up, down] = &mut out;
            if up.is_over() && !unflushed || down.is_over() {
                return Over::Closed;
            }
            let end = self.terminations.next();
            let end_at = end.map(|(at_us, _)| self.instant(at_us));
            let due = |direction, out: &Out| self.link.due_us(direction).filter(|_| out.bytes.is_empty());
            let due_us =
                [due(Direction::ToBroker, up), due(Direction::FromBroker, down)].into_iter().flatten().min();
            let due_at = due_us.map(|due_us| self.instant(due_us));
            let may_read =
                |direction, ended: bool| !ended && self.link.waiting(direction) < MOST_WAITING_BYTES;
            let (may_read_client, may_read_server) =
                (may_read(Direction::ToBroker, client_ended), may_read(Direction::FromBroker, server_ended));
            let (mut client_in, mut client_out) = self.client.split();
            tokio::select! {
                biased;
                changed = self.faults.changed() => {
                    if changed.is_err() {
                        return Over::Closed;
                    }
                    self.take_change();
                }
                () = at(end_at) => return end.map_or(Over::Reset, |(_, how)| Over::Terminated(how)),
                written = write_or_flush(&mut server_out, &up.bytes), if unflushed || !up.bytes.is_empty() => match written {
                    Ok(count) => {
                        unflushed = tls && count > 0;
                        drop(up.bytes.drain(..count));
                    }
                    Err(error) => {
                        self.upstream.note(error);
                        // Its last word may say why.
                        if tls && let Ok(Err(error)) = timeout(LAST_WORD, read_some(&mut server_in)).await {
                            self.upstream.note(error);
                        }
                        return Over::Reset;
                    }
                },
                written = client_out.write(&down.bytes), if !down.bytes.is_empty() => match written {
                    Ok(count) => drop(down.bytes.drain(..count)),
                    Err(_) => return Over::Reset,
                },
                read = read_some(&mut client_in), if may_read_client => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        client_ended = true;
                        self.link.push_end(Direction::ToBroker, self.now());
                    }
                    Ok(bytes) => self.link.push(Direction::ToBroker, self.now(), &bytes),
                    Err(_) => return Over::Reset,
                },
                read = read_some(&mut server_in), if may_read_server => match read {
                    Ok(bytes) if bytes.is_empty() => {
                        server_ended = true;
                        self.link.push_end(Direction::FromBroker, self.now());
                    }
                    Ok(bytes) => self.link.push(Direction::FromBroker, self.now(), &bytes),
                    Err(error) => {
                        self.upstream.note(error);
                        return Over::Reset;
                    }
                },
                () = at(due_at) => {}
            }
        }
    }

    /// Takes what the client sends, and tells it nothing.
    async fn swallow(&mut self) {
        while read_some(&mut self.client).await.is_ok_and(|bytes| !bytes.is_empty()) {}
    }
}

/// What is being written to one end.
#[derive(Default)]
struct Out {
    bytes: Vec<u8>,
    ended: bool,
}

impl Out {
    /// All of it is written, and nothing more comes.
    fn is_over(&self) -> bool {
        self.ended && self.bytes.is_empty()
    }

    fn fill(&mut self, mut next: impl FnMut() -> Option<Item>) {
        while !self.ended && self.bytes.len() < READ_BYTES {
            match next() {
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
