//! The way from a proxy to the broker: TCP, and TLS where the broker wants it.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::own_ports;
use crate::tls::{Failure, Tls, TlsStream};

/// A broker that does not answer within this is given up; the light's own limit is shorter.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long TLS's close_notify may take.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// Why the broker could not be reached, kept for the light: through a proxy it sees no more than that its
/// connection ended.
pub(crate) type Trouble = Arc<Mutex<Option<io::Error>>>;

/// Where a proxy leads.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// TLS; `None`: plain TCP.
    pub tls: Option<Tls>,
}

#[derive(Clone)]
pub(super) struct Upstream {
    pub(super) destination: Destination,
    pub(super) trouble: Trouble,
}

/// A connection with the broker.
pub(super) enum Server {
    Plain(TcpStream),
    // Large, and once for a connection.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Upstream {
    pub(super) async fn connect(&self) -> io::Result<Server> {
        let connected = timeout(CONNECT_TIMEOUT, self.destination.connect()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match connected {
            Ok(server) => {
                *trouble = None;
                Ok(server)
            }
            Err(error) => {
                let kind = error.kind();
                *trouble = Some(error);
                Err(kind.into())
            }
        }
    }

    /// Keeps what the broker said of TLS when it ended a connection: with TLS 1.3 it refuses a
    /// client's certificate only after the client believes that all is well.
    pub(super) fn note(&self, error: io::Error) {
        if Failure::of(&error).is_some() {
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        }
    }
}

/// Connects to the first of a host's addresses that answers.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] where nobody knows the name; otherwise what the last address said.
pub(super) async fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let addresses =
        lookup_host((host, port)).await.map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))?;
    let mut failure = io::ErrorKind::NotFound.into();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => {
                tcp.set_nodelay(true)?;
                own_ports::connected(&tcp);
                return Ok(tcp);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

impl Destination {
    async fn connect(&self) -> io::Result<Server> {
        let tcp = connect(&self.host, self.port).await?;
        match &self.tls {
            None => Ok(Server::Plain(tcp)),
            Some(tls) => Ok(Server::Tls(Box::new(tls.connect(&self.host, tcp).await?))),
        }
    }
}

impl Server {
    pub(super) fn tcp(&self) -> &TcpStream {
        match self {
            Server::Plain(tcp) => tcp,
            Server::Tls(tls) => tls.get_ref().0,
        }
    }

    /// Tells the other end that nothing follows, where TLS has a message for it; a plain connection closes.
    pub(super) async fn disconnect(&mut self) {
        if let Server::Tls(tls) = self {
            // A broker that has gone already needs none.
            let _ = timeout(CLOSE_TIMEOUT, tls.shutdown()).await;
        }
    }
}

impl AsyncRead for Server {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Server::Plain(tcp) => Pin::new(tcp).poll_read(context, bytes),
            Server::Tls(tls) => match Pin::new(tls).poll_read(context, bytes) {
                // Many brokers close without TLS's goodbye; MQTT's own lengths tell whether anything is missing.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(()))
                }
                polled => polled,
            },
        }
    }
}

impl AsyncWrite for Server {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Server::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Server::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Server::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Server::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Server::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Server::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}
