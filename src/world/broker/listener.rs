//! The port that the broker listens on, and the accept loop.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    time::Duration,
};

use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::oneshot,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tracing::{debug, error, warn};

use super::{BrokerConfig, BrokerError, Ended, sessions::Sessions};

/// How many ports a search tries, the first one included.
pub const PORTS_TRIED: u16 = 100;

/// Connections that the system may hold ready for an accept; the system caps it (Linux: 4096).
const BACKLOG: u32 = 4096;

/// Pause after an accept that failed for want of file descriptors or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Where to listen: this machine alone unless boards are to join.
pub(super) fn ip(lan: bool) -> Ipv4Addr {
    if lan { Ipv4Addr::UNSPECIFIED } else { Ipv4Addr::LOCALHOST }
}

/// Listens on the first port of the configuration that can be had.
pub(super) fn listen(config: &BrokerConfig) -> Result<TcpListener, BrokerError> {
    let ip = ip(config.lan);
    let first = config.first_port;
    let searches = config.search && first != 0;
    let last = if searches { first.saturating_add(PORTS_TRIED - 1) } else { first };
    for port in first..=last {
        let address = SocketAddrV4::new(ip, port);
        match listen_on(address) {
            Ok(listener) => return Ok(listener),
            Err(e) if e.kind() == io::ErrorKind::AddrInUse => {}
            // Windows reserves ranges of ports and then calls them not permitted: the next may do.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied && searches && port >= 1024 => {}
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
                return Err(BrokerError::NoPermission { port });
            }
            Err(source) => return Err(BrokerError::Listen { address, source }),
        }
    }
    Err(if searches {
        BrokerError::NoFreePort { ip, first, last }
    } else {
        BrokerError::PortInUse { ip, port: first }
    })
}

fn listen_on(address: SocketAddrV4) -> io::Result<TcpListener> {
    if address.ip().is_unspecified() && address.port() != 0 {
        // Beside a broker on 127.0.0.1, macOS and Windows let another have all interfaces, and local
        // clients would then reach the other one. Linux refuses it below anyway.
        bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, address.port()))?;
    }
    bind(address)?.listen(BACKLOG)
}

fn bind(address: SocketAddrV4) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Elsewhere this lets a restart have the port of connections that still linger; on Windows that
    // needs no option, and this one would let two programs share the port.
    #[cfg(not(windows))]
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::V4(address))?;
    Ok(socket)
}

/// Accepts and serves until the stop is requested (or its sender dropped) or the listener is gone.
pub(super) async fn serve(
    listener: TcpListener,
    sessions: Sessions,
    mut stop_requested: oneshot::Receiver<()>,
) -> Ended {
    let mut tasks = JoinSet::new();
    tasks.spawn(sessions.sweep());
    let mut accept_from = Instant::now();
    let mut refusing = false;
    let most = sessions.most_connections();
    let end = loop {
        let accepted = tokio::select! {
            biased;
            _ = &mut stop_requested => break Ended::Stopped,
            Some(done) = tasks.join_next() => {
                if let Err(failed) = done {
                    error!("a connection of the broker failed: {failed}");
                }
                continue;
            }
            accepted = accept(&listener, accept_from) => accepted,
        };
        let was_refusing = refusing;
        match accepted {
            Ok((stream, peer)) if tasks.len() <= most => {
                refusing = false;
                // Nagle's algorithm would hold small messages back for the peer's delayed ACK.
                if let Err(e) = stream.set_nodelay(true) {
                    debug!(%peer, "TCP_NODELAY not set: {e}");
                }
                tasks.spawn(sessions.serve(stream, peer));
            }
            Ok((stream, peer)) => {
                drop(stream);
                refusing = true;
                if !was_refusing {
                    warn!(%peer, "the broker has {most} connections and refuses more");
                }
            }
            Err(e) => match on_accept_error(e.kind()) {
                OnAcceptError::Retry => {}
                OnAcceptError::Pause => {
                    refusing = true;
                    accept_from = Instant::now() + ACCEPT_PAUSE;
                    if !was_refusing {
                        warn!("the broker cannot accept connections at the moment: {e}");
                    }
                }
                OnAcceptError::End => {
                    break Ended::Failed { reason: format!("the listening socket is gone: {e}") };
                }
            },
        }
    };
    drop(listener);
    tasks.shutdown().await;
    end
}

async fn accept(listener: &TcpListener, from: Instant) -> io::Result<(TcpStream, SocketAddr)> {
    sleep_until(from).await;
    listener.accept().await
}

/// What to do after an accept that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnAcceptError {
    /// It concerns one peer, which has gone again.
    Retry,
    /// Something is short (file descriptors, memory): an accept at once would spin.
    Pause,
    /// The listening socket itself is no good any more.
    End,
}

fn on_accept_error(kind: io::ErrorKind) -> OnAcceptError {
    match kind {
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {
            OnAcceptError::Retry
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => OnAcceptError::End,
        _ => OnAcceptError::Pause,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accept_that_fails_for_want_of_file_descriptors_pauses_and_does_not_spin_or_end() {
        let no_descriptors = io::Error::from_raw_os_error(24);
        assert_eq!(on_accept_error(no_descriptors.kind()), OnAcceptError::Pause);
        assert_eq!(on_accept_error(io::ErrorKind::ConnectionAborted), OnAcceptError::Retry);
        assert_eq!(on_accept_error(io::ErrorKind::InvalidInput), OnAcceptError::End);
    }
}
