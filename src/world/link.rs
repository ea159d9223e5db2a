//! Where the broker is, how to log in, and why it could not be reached.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use traffic_light::link::LinkError;

use super::{
    light::BrokerAddress,
    proxy::{Destination, Proxy, Trouble},
};
use crate::{
    model::Login,
    tls::{Failure, Tls},
};

/// MQTT's port with TLS.
const TLS_PORT: u16 = 8883;

/// Where the broker is, and how to log in.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: Arc<BrokerAddress>,
    pub(crate) login: SharedLogin,
    /// Links to a broker with TLS go through a proxy, which speaks it.
    pub(super) tls: Option<Tls>,
}

/// A login that may change while links use it: each new connection logs in with the present one.
#[derive(Clone, Debug, Default)]
pub(super) struct SharedLogin(Arc<Mutex<Option<Login>>>);

/// The way from a client to the broker.
#[derive(Clone, Debug)]
pub(super) struct BrokerPath {
    pub(super) target: Target,
    /// The proxy that it goes through; `None`: straight to the target.
    pub(super) via: Option<Via>,
}

/// The proxy that a link goes through.
#[derive(Clone, Debug)]
pub(super) struct Via {
    pub(super) address: SocketAddr,
    pub(super) trouble: Trouble,
}

impl SharedLogin {
    pub(super) fn new(login: Option<Login>) -> SharedLogin {
        SharedLogin(Arc::new(Mutex::new(login)))
    }

    pub(super) fn set(&self, login: Option<Login>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = login;
    }

    pub(super) fn get(&self) -> Option<Login> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Via {
    pub(super) fn through(proxy: &Proxy) -> Via {
        Via { address: proxy.address(), trouble: proxy.trouble() }
    }
}

impl Target {
    /// Where a proxy leads that a link goes through.
    pub(super) fn destination(&self) -> Destination {
        let BrokerAddress { host, port } = &*self.address;
        Destination { host: host.clone(), port: *port, tls: self.tls.clone() }
    }

    /// A port for TLS closes connections that begin without.
    fn wants_tls(&self) -> bool {
        self.address.port == TLS_PORT && self.tls.is_none()
    }

    /// What `error` means, and a sentence for people where that says more.
    fn explain(&self, error: &io::Error) -> (LinkError, Option<String>) {
        use io::ErrorKind;
        let address = &self.address;
        if let Some(failure) = Failure::of(error) {
            return (LinkError::Unreachable, Some(failure.diagnostic(&address.host).one_line()));
        }
        let plain = match error.kind() {
            ErrorKind::NotFound => LinkError::NameNotFound,
            ErrorKind::ConnectionRefused => LinkError::NobodyListens,
            ErrorKind::TimedOut => LinkError::NoAnswer,
            ErrorKind::ConnectionReset => LinkError::Reset,
            ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe => {
                LinkError::Closed
            }
            _ => return (LinkError::Unreachable, Some(format!("{address}: {error}"))),
        };
        let hint = matches!(plain, LinkError::Reset | LinkError::Closed) && self.wants_tls();
        let hint = hint.then(|| {
            format!(
                "{address} closed the connection. That port is for TLS as a rule: write tls = true into [broker]."
            )
        });
        (plain, hint)
    }
}

impl BrokerPath {
    /// Host and port to connect to.
    pub(super) fn first_hop(&self) -> (String, u16) {
        match &self.via {
            Some(via) => (via.address.ip().to_string(), via.address.port()),
            None => (self.target.address.host.clone(), self.target.address.port),
        }
    }

    /// What `error` means that ended a connection, and a sentence for people where that says more. A proxy
    /// knows better, and tells it once.
    pub(super) fn explain(&self, error: &io::Error) -> (LinkError, Option<String>) {
        let trouble = self.via.as_ref();
        let trouble =
            trouble.and_then(|via| via.trouble.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.target.explain(trouble.as_ref().unwrap_or(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_connection_that_the_port_for_tls_closes_is_told_to_use_it() {
        let target = |port| Target {
            address: Arc::new(BrokerAddress { host: "h".to_owned(), port }),
            login: SharedLogin::default(),
            tls: None,
        };
        for kind in [io::ErrorKind::ConnectionReset, io::ErrorKind::UnexpectedEof] {
            let (_, said) = target(8883).explain(&kind.into());
            assert!(said.is_some_and(|said| said.contains("write tls = true into [broker]")));
            assert_eq!(target(1883).explain(&kind.into()).1, None);
        }
    }
}
