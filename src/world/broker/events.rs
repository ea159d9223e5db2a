//! What the broker in this program asks and tells of its clients.

use std::{future::Future, pin::Pin, sync::Arc};

use mqtt5::broker::events::{
    BrokerEventHandler, ClientConnectEvent, ClientDisconnectEvent, ClientPublishEvent, ClientSubscribeEvent,
    PublishAction,
};

use super::{connect::client_id, limited::BoxFuture, memory::Memory};
use crate::world::{account_limiter::PublishHandler, client_watch::ClientWatch};

/// What the broker asks and tells: it may count, it may be watched, and what is published has to fit into its memory.
pub(super) struct Events {
    pub(super) counting: Option<PublishHandler>,
    pub(super) clients: Option<Arc<ClientWatch>>,
    pub(super) memory: Arc<Memory>,
}

impl BrokerEventHandler for Events {
    fn on_client_connect<'a>(
        &'a self,
        event: ClientConnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.connected(client_id(&event.client_id).into());
        }
        done()
    }

    fn on_client_subscribe<'a>(
        &'a self,
        event: ClientSubscribeEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            let filters: Vec<_> = event.subscriptions.iter().map(|made| &*made.topic_filter).collect();
            clients.subscribed(&client_id(&event.client_id), &filters);
        }
        done()
    }

    fn on_client_publish<'a>(
        &'a self,
        event: ClientPublishEvent,
    ) -> Pin<Box<dyn Future<Output = PublishAction> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.published(&client_id(&event.client_id), &event.topic);
        }
        Box::pin(async move {
            self.memory.admit(&event.payload).await;
            match &self.counting {
                Some(counting) => counting.on_client_publish(event).await,
                None => PublishAction::Continue,
            }
        })
    }

    fn on_client_disconnect<'a>(
        &'a self,
        event: ClientDisconnectEvent,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
        if let Some(clients) = &self.clients {
            clients.disconnected(&client_id(&event.client_id));
        }
        done()
    }
}

fn done() -> BoxFuture {
    Box::pin(async {})
}
