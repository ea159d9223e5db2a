//! Who the broker lets in.

use std::{net::SocketAddr, pin::Pin, sync::Arc};

use mqtt5::{
    broker::{AuthProvider, AuthResult},
    packet::connect::ConnectPacket,
    protocol::v5::reason_codes::ReasonCode,
};

use crate::model::Login;

/// Lets in who has `login`, or everybody where there is none.
///
/// The crate's own provider for passwords hashes with argon2, tens of milliseconds for each of 1,000
/// logins, to protect a password file that does not exist here; its rate limit would lock all of loopback
/// out for 300 s after five wrong passwords.
pub(super) fn provider(login: Option<Login>) -> Arc<dyn AuthProvider> {
    Arc::new(StaticCredentials(login))
}

/// Bytes of a topic filter; the crate would keep 1,000 of 64 KiB for each client.
const MAX_FILTER: usize = 1_024;

/// One login for all, or none; whoever is in may publish and subscribe anywhere.
struct StaticCredentials(Option<Login>);

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for StaticCredentials {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _peer: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let user = connect.username.as_deref();
        let result = match &self.0 {
            None => AuthResult::success(),
            Some(login) if login.admits(user, connect.password.as_deref()) => {
                AuthResult::success_with_user(login.user.as_str())
            }
            Some(_) => AuthResult::fail(ReasonCode::BadUsernameOrPassword),
        };
        Box::pin(async move { Ok(result) })
    }

    fn authorize_publish<'a>(
        &'a self,
        _client_id: &str,
        _user: Option<&'a str>,
        _topic: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(async { true })
    }

    fn authorize_subscribe<'a>(
        &'a self,
        _client_id: &str,
        _user: Option<&'a str>,
        filter: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(async { filter.len() <= MAX_FILTER })
    }
}
