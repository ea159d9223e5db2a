//! How much the broker's clients may use, and who serves a connection.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use mqtt5::broker::{
    AuthProvider, BrokerConfig as CrateConfig, DynamicStorage, MemoryBackend, ResourceLimits,
    ResourceMonitor, StorageBackend,
    client_handler::ClientHandler,
    events::{BrokerEventHandler, RetainedSetEvent},
    router::MessageRouter,
    storage::QueueLimits,
    sys_topics::BrokerStats,
    transport::BrokerTransport,
};
use tokio::{net::TcpStream, sync::broadcast};
use tracing::{debug, warn};

use super::{
    adafruit_filter, authentication,
    client_stream::{ClientStream, TOPIC_ALIASES},
    connect::client_id,
    events::Events,
    limited,
    limited::{BoxFuture, Served},
    memory::{Memory, SWEEP},
    notice::BrokerNotice,
};
use crate::{
    model::Login,
    world::{
        account_limiter::{AccountLimiter, PublishHandler},
        client_watch::ClientWatch,
    },
};

/// Messages that one client may be behind while it is connected; its retained messages at a subscribe
/// count too. Beyond it, QoS 0 is dropped and QoS 1 goes to the queue of [`QUEUED_MESSAGES`].
const CLIENT_BACKLOG: usize = 20_000;

/// Messages kept for a client that is away or further behind than [`CLIENT_BACKLOG`]; the oldest go first.
const QUEUED_MESSAGES: usize = 20_000;

/// Messages of QoS 2 that a client may send before it releases one; the crate keeps each twice.
const RECEIVE_MAXIMUM: u16 = 256;

/// Topic filters of one client.
const MAX_SUBSCRIPTIONS: usize = 1_000;

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
    memory: Arc<Memory>,
}

impl Sessions {
    pub(super) fn new(
        login: Option<Login>,
        limiter: Option<AccountLimiter>,
        clients: Option<Arc<ClientWatch>>,
        memory: Memory,
    ) -> Sessions {
        let memory = Arc::new(memory);
        let storage = Arc::new(DynamicStorage::Memory(MemoryBackend::with_queue_limits(QueueLimits {
            max_messages: QUEUED_MESSAGES,
            max_bytes: memory.shares.absent_client,
        })));
        let router = MessageRouter::with_storage(Arc::clone(&storage)).with_retained_limits(MAX_RETAINED, 0);
        let router = router.with_event_handler(Arc::new(RetainedWatch(memory.clone())));
        let router = Arc::new(router);
        // Where the broker is to be like Adafruit IO, the filter counts.
        let counting = limiter.clone().filter(|limiter| !limiter.emulates());
        let counting = counting.map(|limiter| PublishHandler { limiter, router: Arc::clone(&router) });
        let events = Events { counting, clients, memory: memory.clone() };
        let config = CrateConfig {
            event_handler: Some(Arc::new(events)),
            bind_addresses: Vec::new(),
            max_clients: memory.places.connections,
            max_packet_size: memory.shares.packet,
            topic_alias_maximum: TOPIC_ALIASES,
            server_receive_maximum: Some(RECEIVE_MAXIMUM),
            max_subscriptions_per_client: MAX_SUBSCRIPTIONS,
            client_channel_capacity: CLIENT_BACKLOG,
            session_expiry_interval: SESSION_EXPIRY,
            sys_topics_enabled: false,
            ..CrateConfig::default()
        };
        // Only counts: a zero means no limit, and connections are limited by the accept loop.
        let monitor = ResourceMonitor::new(ResourceLimits {
            max_connections: memory.places.connections,
            max_connections_per_ip: memory.places.connections,
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
            memory,
        }
    }

    /// Sockets open at once, those that have not logged in included.
    pub(super) fn most_connections(&self) -> usize {
        self.memory.places.connections
    }

    /// Serves one connection to its end.
    pub(super) fn serve(&self, stream: TcpStream, peer: SocketAddr) -> BoxFuture {
        match &self.limiter {
            None => self.handler(peer)(stream).session,
            Some(limiter) if limiter.emulates() => {
                let (limiter, router) = (limiter.clone(), Arc::clone(&self.router));
                let handle = self.handler(peer);
                Box::pin(async move {
                    match adafruit_filter::pair().await {
                        Ok((near, far)) => {
                            let carried = adafruit_filter::carry(stream, near, limiter, router);
                            tokio::join!(carried, handle(far).session);
                        }
                        Err(error) => warn!(%peer, "no way to the broker for a connection: {error}"),
                    }
                })
            }
            Some(limiter) => Box::pin(limited::serve(stream, limiter.clone(), self.handler(peer))),
        }
    }

    /// What serves the connection of a peer, once its stream is there.
    fn handler(&self, peer: SocketAddr) -> impl FnOnce(TcpStream) -> Served + Send + use<> {
        let (config, router) = (Arc::clone(&self.config), Arc::clone(&self.router));
        let (auth, storage) = (Arc::clone(&self.auth), Arc::clone(&self.storage));
        let (stats, monitor) = (Arc::clone(&self.stats), Arc::clone(&self.monitor));
        let shutdown = self.shutdown.subscribe();
        let memory = self.memory.clone();
        move |stream| {
            let stream = ClientStream::new(stream, peer, memory);
            let account = stream.account();
            let stream = BrokerTransport::WebSocket(Box::new(stream));
            let storage = Some(storage);
            let handler =
                ClientHandler::new(stream, peer, config, router, auth, storage, stats, monitor, shutdown);
            let session = Box::pin(async move {
                if let Err(reason) = handler.run().await {
                    debug!(%peer, "connection ended: {reason}");
                }
            });
            Served { session, account }
        }
    }

    /// Forgets, now and then, what has expired, and looks who takes too much memory.
    pub(super) fn sweep(&self) -> impl Future<Output = ()> + Send + use<> {
        let storage = Arc::clone(&self.storage);
        let router = Arc::clone(&self.router);
        let memory = Arc::clone(&self.memory);
        async move {
            let mut expired_at = Instant::now();
            loop {
                tokio::time::sleep(SWEEP).await;
                let now = Instant::now();
                memory.sweep(now);
                if memory.sessions_kept.load(Ordering::Relaxed) {
                    forget_absent(&memory, &storage, &router).await;
                }
                if now.saturating_duration_since(expired_at) < SWEEP_EVERY {
                    continue;
                }
                expired_at = now;
                if let Err(e) = storage.cleanup_expired().await {
                    warn!("the broker's sweep failed: {e}");
                }
                router.sweep_sessions().await;
            }
        }
    }
}

/// Counts what the router retains, wills included.
struct RetainedWatch(Arc<Memory>);

impl BrokerEventHandler for RetainedWatch {
    fn on_retained_set<'a>(
        &'a self,
        event: RetainedSetEvent,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        self.0.count_retained(&event.topic, event.payload.len());
        Box::pin(async {})
    }
}

/// Gives up the sessions of clients that are away, those first that went first, while there are too many.
async fn forget_absent(memory: &Memory, storage: &DynamicStorage, router: &MessageRouter) {
    let Ok(clients) = storage.session_client_ids().await else { return };
    if clients.len() <= memory.shares.absent_sessions {
        return;
    }
    let mut absent = Vec::new();
    for client in clients {
        if !router.is_connected(&client).await
            && let Ok(Some(session)) = storage.get_session(&client).await
        {
            absent.push((session.disconnected_at, client));
        }
    }
    let surplus = absent.len().saturating_sub(memory.shares.absent_sessions);
    if surplus == 0 {
        return;
    }
    absent.sort_unstable();
    for (_, client) in absent.into_iter().take(surplus) {
        // Its owner may come back meanwhile.
        let slot = router.lock_session(&client).await;
        if router.is_connected(&client).await {
            continue;
        }
        let removed = storage.remove_session(&client).await.is_ok();
        drop(slot);
        if removed {
            memory.notices.tell(BrokerNotice::SessionForgotten {
                client: client_id(&client).escape_debug().to_string(),
            });
        }
    }
    router.sweep_sessions().await;
}
