//! Who the broker lets in.

use std::{net::SocketAddr, pin::Pin, sync::Arc};

use mqtt5::{
    broker::{AllowAllAuthProvider, AuthProvider, AuthResult},
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
    match login {
        Some(login) => Arc::new(StaticCredentials(login)),
        None => Arc::new(AllowAllAuthProvider),
    }
}

/// One login for all; whoever is in may publish and subscribe anywhere.
struct StaticCredentials(Login);

type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl AuthProvider for StaticCredentials {
    fn authenticate<'a>(
        &'a self,
        connect: &'a ConnectPacket,
        _peer: SocketAddr,
    ) -> Answer<'a, mqtt5::Result<AuthResult>> {
        let user = connect.username.as_deref();
        let result = if self.0.admits(user, connect.password.as_deref()) {
            AuthResult::success_with_user(self.0.user.as_str())
        } else {
            AuthResult::fail(ReasonCode::BadUsernameOrPassword)
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
        _filter: &'a str,
    ) -> Answer<'a, bool> {
        Box::pin(async { true })
    }
}
