//! What the observer says, each time because a person asks for it.

use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};

use rumqttc::{QoS, SubscribeFilter};
use tokio::{
    sync::oneshot,
    time::{Instant, timeout_at},
};

use super::{LAST_WORDS, Observer};
use traffic_light::{
    Foreign,
    command::{Action, Command},
};

use crate::{
    model::{Diagnostic, LightId, unix_seconds},
    world::{
        budget::Budget,
        client::{Client, ClientEvent},
        command::ByHand,
        engine::{Effect, NotSent, Task},
        event::{Severity, TopicKind},
        feed_watch::FeedWatch,
        topics::check_publishable,
    },
};

/// For how long the broker is asked to forget, how long it is waited for other words before, and the pause
/// while the queue to it is full.
const FORGET_WITHIN: Duration = Duration::from_secs(10);
const FORGET_AFTER: Duration = Duration::from_secs(1);
const FORGET_STEP: Duration = Duration::from_millis(5);

/// What the observer may be asked to say.
#[derive(Debug)]
pub(in crate::world) enum ObserverCommand {
    /// What the engine wants to be said.
    Perform(Task),
    /// Take a light for somebody else's, or no more.
    SetForeign(LightId, Option<Box<Foreign>>),
    /// Let the broker forget what it keeps on these topics. The sender is dropped when that is done or
    /// cannot be done.
    Forget(Vec<String>, oneshot::Sender<()>),
}

impl Observer {
    /// Says something for the engine, and tells it what came of that.
    pub(super) fn perform(&mut self, task: Task) {
        let said = match &task.effect {
            Effect::TellLight { light, action, ms } => self.tell(light, *action, *ms),
            Effect::Publish(message) => self.publish(message),
            Effect::RequestRetained => self.ask_what_is_kept(),
            _ => Ok(()),
        };
        self.bus.with(|engine| engine.performed(task, said.map_err(Diagnostic::from)));
    }

    /// Sends a command to the light's present run.
    fn tell(&mut self, light: &LightId, action: Action, ms: Option<u32>) -> Result<(), NotSent> {
        if self.feeds.is_some() {
            return Err(NotSent::Feeds);
        }
        let junction = self.junctions.get(&light.junction).ok_or(NotSent::UnknownJunction)?;
        let run = self.runs.get_mut(light).ok_or(NotSent::NeverHeard)?;
        let session = self.session.as_ref().ok_or(NotSent::NoSession)?;
        // Another program may have sent commands too: numbers grow with the time of day.
        run.last_n = unix_seconds(SystemTime::now()).max(run.last_n.saturating_add(1));
        let mut command = Command::new(run.boot, run.last_n, action);
        command.ms = ms;
        let topic = self.topics.of(light, TopicKind::Command);
        let message = command.encode(&topic, junction.key());
        session
            .try_publish(topic, QoS::AtLeastOnce, false, message.as_slice())
            .map_err(|_| NotSent::BrokerSlow)
    }

    fn publish(&self, message: &ByHand) -> Result<(), NotSent> {
        let ByHand { topic, payload, retain, qos } = message;
        check_publishable(topic).map_err(NotSent::Topic)?;
        let qos = rumqttc::qos(*qos).map_err(|_| NotSent::Qos)?;
        let session = self.session.as_ref().ok_or(NotSent::NoSession)?;
        let spent = |feeds: &FeedWatch| !feeds.budget.with(Budget::publish);
        if self.feeds.as_ref().is_some_and(spent) {
            return Err(NotSent::Budget);
        }
        let sent = session.try_publish(topic.as_str(), qos, *retain, payload.clone());
        sent.map_err(|_| NotSent::BrokerSlow)
    }

    /// A broker sends what it keeps again for each new subscription, though there is the same already
    /// (MQTT 3.1.1, section 3.8.4).
    fn ask_what_is_kept(&mut self) -> Result<(), NotSent> {
        let asked = if self.feeds.is_some() {
            self.ask_feeds()
        } else {
            let filters = self.topics.everything();
            let filters = filters.into_iter().map(|path| SubscribeFilter::new(path, QoS::AtLeastOnce));
            self.session.as_ref().is_some_and(|session| session.try_subscribe_many(filters).is_ok())
        };
        if asked { Ok(()) } else { Err(NotSent::CannotAsk) }
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
                    let message = format!(
                        "the broker still keeps {} retained messages of lights that are gone",
                        waiting.len()
                    );
                    return self.bus.notice(Severity::Warning, None, (message, "clear them there by hand"));
                }
            }
        }
    }
}
