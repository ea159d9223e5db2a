//! What the broker in this program asks and tells of its clients.

use std::{future::Future, pin::Pin, sync::Arc};

use mqtt5::broker::events::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent, ClientSubscribeEvent,
    PublishAction,
};

use super::limited::BoxFuture;
use crate::world::{account_limiter::PublishHandler, client_watch::ClientWatch};

/// What the broker asks and tells: it may count, and it may be watched.
pub(super) struct Events {
    pub(super) counting: Option<PublishHandler>,
    pub(super) clients: Option<Arc<ClientWatch>>,
}

impl BrokerEventHandler for Events {
    fn on_client_connect<'a>(
        &'a self,
        event: ClientConnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.connected(event.client_id);
        }
        done()
    }

    fn on_client_subscribe<'a>(
        &'a self,
        event: ClientSubscribeEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            let filters: Vec<_> = event.subscriptions.iter().map(|made| &*made.topic_filter).collect();
            clients.subscribed(&event.client_id, &filters);
        }
        done()
    }

    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.published(&event.client_id, &event.topic);
        }
        match &self.counting {
            Some(counting) => counting.on_client_publish(event),
            None => Box::pin(async { PublishAction::Continue }),
        }
    }

    fn on_client_disconnect<'a>(
        &'a self,
        event: ClientDisconnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.disconnected(&event.client_id);
        }
        done()
    }
}

fn done() -> BoxFuture {
    Box::pin(async {})
}
