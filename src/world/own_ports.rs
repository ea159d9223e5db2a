//! Which connections of the broker in this program come from this program itself.
//!
//! A light connects as any client does, so that the two ends find each other by the port that the light's socket has.
//! The set is one for the process, as ports are.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpStream;

/// A set of ports.
struct Ports([AtomicU64; 1024]);

static LISTENING: Ports = Ports([const { AtomicU64::new(0) }; 1024]);
static CONNECTED: Ports = Ports([const { AtomicU64::new(0) }; 1024]);

impl Ports {
    fn add(&self, port: u16) {
        if let Some(word) = self.0.get(usize::from(port / 64)) {
            word.fetch_or(1 << (port % 64), Ordering::Relaxed);
        }
    }

    fn has(&self, port: u16) -> bool {
        self.0
            .get(usize::from(port / 64))
            .is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (port % 64)) != 0)
    }

    fn take(&self, port: u16) -> bool {
        let bit = 1 << (port % 64);
        self.0
            .get(usize::from(port / 64))
            .is_some_and(|word| word.fetch_and(!bit, Ordering::Relaxed) & bit != 0)
    }
}

/// A broker of this program listens on a port.
pub(super) fn listens_on(port: u16) {
    LISTENING.add(port);
}

/// This program has connected, before it has said anything.
pub(super) fn connected(stream: &TcpStream) {
    if let (Ok(peer), Ok(local)) = (stream.peer_addr(), stream.local_addr())
        && peer.ip().is_loopback()
        && LISTENING.has(peer.port())
    {
        CONNECTED.add(local.port());
    }
}

/// Whether a client that logs in is this program itself; asked once for a connection.
pub(super) fn is_own(peer: std::net::SocketAddr) -> bool {
    peer.ip().is_loopback() && CONNECTED.take(peer.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_taken_out_of_its_set_once() {
        let ports = Ports([const { AtomicU64::new(0) }; 1024]);
        for port in [0, 63, 64, 65_535] {
            assert!(!ports.take(port));
            ports.add(port);
            assert!(ports.has(port) && ports.take(port) && !ports.take(port));
        }
    }
}
