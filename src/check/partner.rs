//! The partner that plays against a light: an MQTT client of its own, at the broker and not at the light's port.

use std::time::Duration;

use rumqttc::{
    AsyncClient, ConnectionError, Event, Incoming, MqttOptions, QoS, StateError,
    mqttbytes::Error::PayloadSizeLimitExceeded,
};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::model::{
    Diagnostic, Login,
    packet_limit::{self, MAX_PACKET_BYTES},
};

/// Messages that may wait for the broker.
const REQUESTS: usize = 16;
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The broker's answer to the first CONNECT.
const CONNECT: Duration = Duration::from_secs(10);
/// The broker's acknowledgement of a word.
const ACKNOWLEDGED: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(500);

/// What the client's task tells.
#[derive(Clone, Debug, Default)]
struct State {
    connected: bool,
    acknowledged: u64,
    trouble: Option<String>,
}

/// A client that is connected until it is dropped.
#[derive(Debug)]
pub(super) struct Partner {
    client: AsyncClient,
    state: watch::Receiver<State>,
    task: JoinHandle<()>,
    published: u64,
}

impl Partner {
    /// Connects.
    ///
    /// # Errors
    /// When the broker does not let it in.
    pub(super) async fn connect(port: u16, login: Option<&Login>, id: &str) -> Result<Partner, Diagnostic> {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_keep_alive(KEEP_ALIVE);
        options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        if let Some(Login { user, password }) = login {
            options.set_credentials(user, password);
        }
        let (client, mut connection) = AsyncClient::new(options, REQUESTS);
        let (tell, mut state) = watch::channel(State::default());
        let task = tokio::spawn(async move {
            loop {
                match connection.poll().await {
                    Ok(Event::Incoming(Incoming::ConnAck(_))) => {
                        tell.send_modify(|state| state.connected = true);
                    }
                    Ok(Event::Incoming(Incoming::PubAck(_))) => {
                        tell.send_modify(|state| state.acknowledged += 1);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        tell.send_modify(|state| {
                            state.connected = false;
                            state.trouble = Some(in_words(&error));
                        });
                        tokio::time::sleep(RETRY).await;
                    }
                }
            }
        });
        let up = timeout(CONNECT, state.wait_for(|state| state.connected)).await.is_ok();
        let partner = Partner { client, state, task, published: 0 };
        if up {
            return Ok(partner);
        }
        let trouble = partner.state.borrow().trouble.clone().unwrap_or_else(|| "no answer".to_owned());
        Err(Diagnostic::new(
            format!("the partner cannot join the broker: {trouble}"),
            "\"twinlight doctor\" with the same configuration says why",
        ))
    }

    /// Publishes at QoS 1 and waits for the acknowledgement.
    ///
    /// # Errors
    /// When none comes.
    pub(super) async fn say(&mut self, topic: &str, payload: Vec<u8>, retain: bool) -> Result<(), String> {
        self.published += 1;
        let wanted = self.published;
        let sent = self.client.publish(topic, QoS::AtLeastOnce, retain, payload);
        if timeout(ACKNOWLEDGED, sent).await.is_err() {
            return Err("the partner's word could not be sent".to_owned());
        }
        let acknowledged = self.state.wait_for(|state| state.acknowledged >= wanted);
        if matches!(timeout(ACKNOWLEDGED, acknowledged).await, Ok(Ok(_))) {
            return Ok(());
        }
        // One that is lost must not be counted for the next one.
        self.published = self.state.borrow().acknowledged;
        Err("the broker did not acknowledge the partner's word".to_owned())
    }

    /// Disconnects.
    pub(super) async fn leave(self) {
        if timeout(ACKNOWLEDGED, self.client.disconnect()).await.is_ok() {
            // The packet is sent by the task; it ends with the connection's error after it.
            let mut state = self.state.clone();
            let _ = timeout(Duration::from_millis(500), state.wait_for(|state| !state.connected)).await;
        }
    }
}

fn in_words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::MqttState(StateError::Deserialization(PayloadSizeLimitExceeded(bytes))) => {
            packet_limit::too_long(*bytes, MAX_PACKET_BYTES).message
        }
        other => other.to_string(),
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// The fault: a partner's client has no limit of its own.
    #[tokio::test]
    async fn a_broker_that_announces_256_mb_is_left_and_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (joined, has_joined) = tokio::sync::oneshot::channel();
        let broker = tokio::spawn(async move {
            let (mut client, _) = listener.accept().await.unwrap();
            let mut connect = [0; 128];
            assert!(client.read(&mut connect).await.unwrap() > 0);
            client.write_all(b"\x20\x02\x00\x00").await.unwrap();
            has_joined.await.unwrap();
            client.write_all(b"\x30\xff\xff\xff\x7f\x00\x01a").await.unwrap();
            // It hangs up without waiting for the rest.
            let mut left = Vec::new();
            client.read_to_end(&mut left).await.unwrap();
        });
        let partner = Partner::connect(port, None, "partner").await.unwrap();
        joined.send(()).unwrap();
        timeout(CONNECT, broker).await.expect("it waits for 256 MB").unwrap();
        let mut state = partner.state.clone();
        let told = state.wait_for(|state| state.trouble.is_some()).await.unwrap().trouble.clone().unwrap();
        let limit = crate::model::grouped(MAX_PACKET_BYTES as u64, ',');
        assert!(told.contains("268,435,455 bytes") && told.contains(&limit), "{told}");
    }
}
