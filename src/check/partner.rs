//! The partner that plays against a light: an MQTT client of its own, at the broker and not at the light's port.

use std::time::Duration;

use rumqttc::{AsyncClient, Event, Incoming, MqttOptions, QoS};
use tokio::{sync::watch, task::JoinHandle, time::timeout};

use crate::model::{Diagnostic, Login};

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
                            state.trouble = Some(error.to_string());
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

impl Drop for Partner {
    fn drop(&mut self) {
        self.task.abort();
    }
}
