//! How much the broker's clients may use, and who serves a connection.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use mqtt5::broker::{
    AuthProvider, BrokerConfig as CrateConfig, DynamicStorage, MemoryBackend, ResourceLimits,
    ResourceMonitor, StorageBackend, client_handler::ClientHandler, events::BrokerEventHandler,
    router::MessageRouter, storage::QueueLimits, sys_topics::BrokerStats, transport::BrokerTransport,
};
use tokio::{net::TcpStream, sync::broadcast};
use tracing::{debug, warn};

use super::{adafruit_filter, authentication, events::Events, limited, limited::BoxFuture};
use crate::{
    model::Login,
    world::{
        account_limiter::{AccountLimiter, PublishHandler},
        client_watch::ClientWatch,
    },
};

/// Sockets open at once, those that have not logged in included. One more is closed at once.
pub(super) const MAX_CONNECTIONS: usize = 10_000;

/// Messages that one client may be behind while it is connected; its retained messages at a subscribe
/// count too. Beyond it, QoS 0 is dropped and QoS 1 goes to the queue of [`QUEUED_MESSAGES`].
const CLIENT_BACKLOG: usize = 20_000;

/// Messages kept for a client that is away or further behind than [`CLIENT_BACKLOG`]; the oldest go first.
const QUEUED_MESSAGES: usize = 20_000;

/// Bytes kept for such a client.
const QUEUED_BYTES: usize = 16 * 1024 * 1024;

/// Bytes of one MQTT packet. The crate's 256 MiB would let a peer without a password fill the memory.
const MAX_PACKET_BYTES: usize = 1024 * 1024;

/// Topics with a retained message.
const MAX_RETAINED: usize = 100_000;

/// How long the session of an absent client is kept (MQTT 3.1.1 names no end to it).
const SESSION_EXPIRY: Duration = Duration::from_hours(1);

/// How often expired sessions and messages are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What the crate needs to serve one connection, shared by all.
pub(super) struct Sessions {
    config: Arc<CrateConfig>,
    router: Arc<MessageRouter>,
    auth: Arc<dyn AuthProvider>,
    storage: Arc<DynamicStorage>,
    stats: Arc<BrokerStats>,
    monitor: Arc<ResourceMonitor>,
    /// Held open and never used: sessions end by being dropped.
    shutdown: broadcast::Sender<()>,
    limiter: Option<AccountLimiter>,
}

impl Sessions {
    pub(super) fn new(
        login: Option<Login>,
        limiter: Option<AccountLimiter>,
        clients: Option<Arc<ClientWatch>>,
    ) -> Sessions {
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(QueueLimits {
            max_messages: QUEUED_MESSAGES,
            max_bytes: QUEUED_BYTES,
        })));
        let router = MessageRouter::with_storage(Arc::clone(&storage)).with_retained_limits(MAX_RETAINED, 0);
        let router = Arc::new(router);
        // Where the broker is to be like Adafruit IO, the filter counts.
        let counting = limiter.clone().filter(|limiter| !limiter.emulates());
        let counting = counting.map(|limiter| PublishHandler { limiter, router: Arc::clone(&router) });
        let event_handler = (counting.is_some() || clients.is_some())
            .then(|| -> Arc<dyn BrokerEventHandler> { Arc::new(Events { counting, clients }) });
        let config = CrateConfig {
            event_handler,
            bind_addresses: Vec::new(),
            max_clients: MAX_CONNECTIONS,
            max_packet_size: MAX_PACKET_BYTES,
            client_channel_capacity: CLIENT_BACKLOG,
            session_expiry_interval: SESSION_EXPIRY,
            sys_topics_enabled: false,
            ..CrateConfig::default()
        };
        // Only counts: a zero means no limit, and connections are limited by the accept loop.
        let monitor = ResourceMonitor::new(ResourceLimits {
            max_connections: MAX_CONNECTIONS,
            max_connections_per_ip: MAX_CONNECTIONS,
            max_message_rate_per_client: 0,
            max_bandwidth_per_client: 0,
            ..ResourceLimits::default()
        });
        let (shutdown, _) = broadcast::channel(1);
        Sessions {
            config: Arc::new(config),
            router,
            auth: authentication::provider(login),
            storage,
            stats: Arc::new(BrokerStats::new()),
            monitor: Arc::new(monitor),
            shutdown,
            limiter,
        }
    }

    /// Serves one connection to its end.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr) -> BoxFuture {
        match &self.limiter {
            None => self.handler(peer)(stream),
            Some(limiter) if limiter.emulates() => {
                let (limiter, router) = (limiter.clone(), Arc::clone(&self.router));
                let handle = self.handler(peer);
                Box::pin(async move {
                    match adafruit_filter::pair().await {
                        Ok((near, far)) => {
                            tokio::join!(adafruit_filter::carry(stream, near, limiter, router), handle(far));
                        }
                        Err(error) => warn!(%peer, "no way to the broker for a connection: {error}"),
                    }
                })
            }
            Some(limiter) => Box::pin(limited::serve(stream, limiter.clone(), self.handler(peer))),
        }
    }

    /// What serves the connection of a peer, once its stream is there.
    fn handler(&self, peer: SocketAddr) -> impl FnOnce(TcpStream) -> BoxFuture + Send + use<> {
        let (config, router) = (Arc::clone(&self.config), Arc::clone(&self.router));
        let (auth, storage) = (Arc::clone(&self.auth), Arc::clone(&self.storage));
        let (stats, monitor) = (Arc::clone(&self.stats), Arc::clone(&self.monitor));
        let shutdown = self.shutdown.subscribe();
        move |stream| {
            let stream = BrokerTransport::tcp(stream);
            let storage = Some(storage);
            let handler =
                ClientHandler::new(stream, peer, config, router, auth, storage, stats, monitor, shutdown);
            Box::pin(async move {
                if let Err(reason) = handler.run().await {
                    debug!(%peer, "connection ended: {reason}");
                }
            })
        }
    }

    /// Forgets, now and then, what has expired.
    pub(super) fn sweep(&self) -> impl Future<Output = ()> + Send + use<> {
        let storage = Arc::clone(&self.storage);
        let router = Arc::clone(&self.router);
        async move {
            loop {
                tokio::time::sleep(SWEEP_EVERY).await;
                if let Err(e) = storage.cleanup_expired().await {
                    warn!("the broker's sweep failed: {e}");
                }
                router.sweep_sessions().await;
            }
        }
    }
}
