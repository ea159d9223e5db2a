//! Listens to what speaks on the broker beside this program's own lights, while somebody wants to know, and tells a summary
//! now and then.

use std::{sync::Arc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::{
    client::{Client, ClientEvent},
    client_watch::ClientWatch,
    event::{EventKind, Survey},
    event_bus::EventBus,
    survey::SurveyBook,
    topics::Topics,
};

const TELL_EVERY: Duration = Duration::from_millis(500);

/// A survey that goes on; dropping it ends it.
#[derive(Debug)]
pub(super) struct RunningSurvey(JoinHandle<()>);

impl Drop for RunningSurvey {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Listens with `client`, which has subscribed to `filter`, to what is none of `own` topics.
pub(super) fn start(
    filter: String,
    client: Client,
    own: Topics,
    clients: Option<Arc<ClientWatch>>,
    bus: Arc<EventBus>,
) -> RunningSurvey {
    RunningSurvey(tokio::spawn(listen(filter, client, own, clients, bus)))
}

async fn listen(
    filter: String,
    mut client: Client,
    own: Topics,
    clients: Option<Arc<ClientWatch>>,
    bus: Arc<EventBus>,
) {
    let mut book = SurveyBook::default();
    let (mut listens, mut trouble) = (false, None);
    let mut told = None;
    let mut ticks = interval(TELL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            event = client.events.recv() => match event {
                Some(ClientEvent::Message { topic, payload, retained, .. }) => {
                    if own.parse(&topic).is_none() {
                        let now_ms = u64::try_from(bus.clock().now().as_millis()).unwrap_or(u64::MAX);
                        book.hear(now_ms, &topic, &payload, retained);
                    }
                }
                Some(ClientEvent::Up(_)) => (listens, trouble) = (true, None),
                Some(ClientEvent::Down { reason }) => (listens, trouble) = (false, Some(reason)),
                None => return,
            },
            _ = ticks.tick() => {
                let mut topics: Vec<_> = book.topics().cloned().collect();
                for topic in &mut topics {
                    if let Some(speaker) =
                        clients.as_ref().and_then(|clients| clients.speaker_on(&topic.topic))
                    {
                        (topic.client, topic.filters) = (Some(speaker.client), speaker.filters);
                    }
                }
                let (filter, trouble, left_out) = (filter.clone(), trouble.clone(), book.left_out());
                let survey = Survey { filter, listens, trouble, topics, left_out };
                if told.as_ref() != Some(&survey) {
                    told = Some(survey.clone());
                    bus.emit(EventKind::Surveyed(Arc::new(survey)));
                }
            }
        }
    }
}
