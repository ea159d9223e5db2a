//! Connections whose account may be banned while they last.

use std::{future::Future, io, pin::Pin, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tracing::debug;
use traffic_light::mqtt::codec::connack;

use super::memory::Account;
use crate::world::account_limiter::AccountLimiter;

/// A peer that has not sent its CONNECT within this is dropped.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a refused client may take to read why before the connection is closed.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
/// How long a session may take to end once its account is banned.
const CUT_TIMEOUT: Duration = Duration::from_secs(2);
const READ_BYTES: usize = 4 * 1024;

/// What serves a connection to its end.
pub(super) type BoxFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that is being served.
pub(super) struct Served {
    pub(super) session: BoxFuture,
    /// By which it can be ended.
    pub(super) account: Arc<Account>,
}

/// Serves a connection whose account may be banned meanwhile.
pub(super) async fn serve(
    mut stream: TcpStream,
    limiter: AccountLimiter,
    handle: impl FnOnce(TcpStream) -> Served + Send,
) {
    let mut cuts = limiter.cuts();
    if limiter.counts() {
        if first_byte(&stream).await.is_none() {
            return;
        }
        if let Err(refusal) = limiter.login() {
            return refuse(&mut stream, refusal.code()).await;
        }
    }
    let Served { mut session, account } = handle(stream);
    tokio::select! {
        () = &mut session => return,
        Ok(()) = cuts.changed() => {}
    }
    // The session sees an end, so that it publishes the will.
    account.cut();
    let _ = timeout(CUT_TIMEOUT, session).await;
}

/// Refuses a login before the broker hears of it: answers its CONNECT with this return code.
pub(super) async fn refuse(client: &mut TcpStream, code: u8) {
    let refused = async {
        client.write_all(&connack(code)).await?;
        client.shutdown().await?;
        // With its bytes unread the connection would end in an RST, which may overtake the answer.
        let mut rest = [0; READ_BYTES];
        while client.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    };
    if let Ok(Err(error)) = timeout(REFUSAL_TIMEOUT, refused).await {
        debug!(%error, "a refused client did not wait for the answer");
    }
}

/// Waits for a client's first byte; `None` where it has gone or says nothing.
pub(super) async fn first_byte(client: &TcpStream) -> Option<u8> {
    let mut first = [0];
    match timeout(CONNECT_TIMEOUT, client.peek(&mut first)).await {
        Ok(Ok(1)) => first.first().copied(),
        _ => None,
    }
}

/// Closing this socket sends an RST.
pub(super) fn reset(stream: &TcpStream) {
    if let Err(error) = stream.set_zero_linger() {
        debug!(%error, "this connection ends with a FIN instead of an RST");
    }
}
