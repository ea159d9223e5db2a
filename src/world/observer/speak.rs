//! What the observer says, each time because a person asks for it.

use std::{collections::HashSet, time::Duration};

use rumqttc::{QoS, SubscribeFilter};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{LAST_WORDS, Observer, Tell};
use crate::world::{
    budget::Budget,
    client::{Client, ClientEvent},
    command::ByHand,
    event::Severity,
    feed_watch::FeedWatch,
    topics::check_publishable,
};

/// For how long the broker is asked to forget, how long it is waited for other words before, and the pause
/// while the queue to it is full.
const FORGET_WITHIN: Duration = Duration::from_secs(10);
const FORGET_AFTER: Duration = Duration::from_secs(1);
const FORGET_STEP: Duration = Duration::from_millis(5);

/// What the observer may be asked to say.
#[derive(Debug)]
pub(in crate::world) enum Say {
    /// A command to a light.
    Tell(Tell),
    /// A message by hand.
    Publish(ByHand),
    /// Let the broker tell again what it keeps.
    AskWhatIsKept,
    /// Let the broker forget what it keeps on these topics. The sender is dropped when that is done or
    /// cannot be done.
    Forget(Vec<String>, oneshot::Sender<()>),
}

impl Observer {
    pub(super) fn publish(&self, message: ByHand) {
        let ByHand { topic, payload, retain, qos } = message;
        let bytes = payload.len();
        let sent = check_publishable(&topic).and_then(|()| {
            let qos = rumqttc::qos(qos).map_err(|_| "the quality of service is 0, 1 or 2")?;
            let session = self.session.as_ref().ok_or("there is no session with the broker; wait for it")?;
            let spent = |feeds: &FeedWatch| !feeds.budget.with(Budget::publish);
            if self.feeds.as_ref().is_some_and(spent) {
                return Err("the account may publish no more in this minute; wait");
            }
            session
                .try_publish(topic.as_str(), qos, retain, payload)
                .map_err(|_| "the broker is too slow just now; try again")
        });
        match sent {
            Ok(()) => {
                let kept = if retain { ", to be kept" } else { "" };
                let text = format!("published {bytes} bytes on {topic}, QoS {qos}{kept}");
                self.bus.notice(Severity::Info, None, text);
            }
            Err(reason) => {
                self.bus.notice(Severity::Warning, None, format!("nothing was published: {reason}"));
            }
        }
    }

    /// A broker sends what it keeps again for each new subscription, though there is the same already
    /// (MQTT 3.1.1, section 3.8.4).
    pub(super) fn ask_what_is_kept(&mut self) {
        let asked = if self.feeds.is_some() {
            self.ask_feeds()
        } else {
            let filters = self.topics.everything();
            let filters = filters.into_iter().map(|path| SubscribeFilter::new(path, QoS::AtLeastOnce));
            self.session.as_ref().is_some_and(|session| session.try_subscribe_many(filters).is_ok())
        };
        if !asked {
            self.bus.notice(Severity::Warning, None, "the broker cannot be asked just now; try again");
        }
    }

    /// An empty message that the broker is to keep makes it forget the one that it kept (MQTT 3.1.1,
    /// section 3.3.1.3). Done is what comes back.
    pub(super) async fn forget(&mut self, topics: &[String], client: &mut Client) {
        // The lights' goodbyes, which the broker keeps too, come over other connections.
        let quiet_by = Instant::now() + FORGET_AFTER;
        while let Ok(Some(event)) =
            timeout_at(quiet_by.min(Instant::now() + LAST_WORDS), client.events.recv()).await
        {
            self.take(event);
        }
        let until = Instant::now() + FORGET_WITHIN;
        let mut waiting: HashSet<&str> = topics.iter().map(String::as_str).collect();
        let mut unsent = topics.iter();
        let mut next = unsent.next();
        while !waiting.is_empty() {
            // One message at a time: the queue is for few, and what comes back has to be read meanwhile.
            if let (Some(topic), Some(session)) = (next, &self.session)
                && session.try_publish(topic, QoS::AtLeastOnce, true, Vec::new()).is_ok()
            {
                next = unsent.next();
                if next.is_some() && client.events.is_empty() {
                    continue;
                }
            }
            let patience = if next.is_some() { Instant::now() + FORGET_STEP } else { until };
            match timeout_at(patience.min(until), client.events.recv()).await {
                Ok(Some(ClientEvent::Message { topic, payload, .. })) if payload.is_empty() => {
                    waiting.remove(topic.as_str());
                }
                Ok(Some(event)) => self.take(event),
                Ok(None) => return,
                Err(_) if Instant::now() < until => {}
                Err(_) => {
                    let text = format!(
                        "the broker still keeps {} messages of lights that have gone; clear them there by hand",
                        waiting.len()
                    );
                    return self.bus.notice(Severity::Warning, None, text);
                }
            }
        }
    }
}
