//! Up the reconnector and down again: Wi-Fi, connection, session. The reconnector and the session are the
//! board's; here is what a board's own host does around them, with the live world's words.

use rumqttc::ConnectReturnCode;
use traffic_light::{
    lamps::Progress,
    mqtt::{ConnectOptions, End, Event, Session},
    program::{Topic, TopicText},
    reconnector::{Action, Reconnector},
};

use super::{
    Step,
    light::{NEWS_QUEUE, News, Rung},
    net::{ConnId, Out, Owner},
    observer::{at, random_u32},
    world::World,
};
use crate::{
    fault::{Direction, Micros},
    model::LightId,
    world::{LAST_STANDARD_CODE, UNKNOWN_HOST, event::Layer, explain_io, refusal, refusal_beyond_mqtt},
};

/// How long a name server takes to say that it knows no such name, at least and at most.
const LOOKUP_US: (Micros, Micros) = (5_000, 50_000);

/// What a session said, once its bytes are read.
enum Said {
    Nothing,
    Accepted,
    Subscribed,
    /// A message, which lies in the world's own buffers.
    Message {
        retained: bool,
    },
    TooLong(usize),
}

impl World {
    fn layer(&mut self, light: &LightId, layer: Layer, up: bool, reason: impl Into<String>) {
        self.observer.engine.state.link_changed(light, layer, up, reason);
    }

    /// Takes the steps of the reconnector that are due.
    pub(super) fn climb(&mut self, number: usize) {
        let now = self.net.now;
        loop {
            let Some(light) = self.light(number) else { return };
            if light.asleep {
                light.link.missed = true;
                return;
            }
            let local = light.local(now);
            match light.link.reconnector.next_action(local) {
                Action::Wait { until } => {
                    light.link.rung = Rung::Waiting;
                    let when = light
                        .clock
                        .when(until)
                        .map(|when| Micros::try_from(when.as_micros()).unwrap_or(Micros::MAX));
                    return self.plan_climb(number, when.unwrap_or(Micros::MAX));
                }
                Action::LeaveWifi => light.link.reconnector.wifi_left(local),
                Action::JoinWifi => return self.join(number),
                Action::Connect => return self.dial(number),
            }
        }
    }

    fn plan_climb(&mut self, number: usize, when: Micros) {
        let now = self.net.now;
        let Some(light) = self.light(number) else { return };
        light.link.climb_us = when.max(now);
        if when != Micros::MAX {
            self.net.plan(when, Step::Climb(number));
        }
    }

    fn join(&mut self, number: usize) {
        let permille = self.net.rng.between(700, 1_300);
        let now = self.net.now;
        let Some(light) = self.light(number) else { return };
        if !light.link.wifi_there {
            light.link.rung = Rung::NoWifi;
            return;
        }
        let takes_us = light.link.wifi_join_us * permille / 1_000;
        light.link.rung = Rung::Joining { takes_us };
        let id = light.id.clone();
        self.layer(&id, Layer::Wifi, false, "joining");
        self.plan_climb(number, now + takes_us);
    }

    fn dial(&mut self, number: usize) {
        let lookup_us = self.net.rng.between(LOOKUP_US.0, LOOKUP_US.1);
        let now = self.net.now;
        let Some(light) = self.light(number) else { return };
        let parked = light.link.parked.take();
        let nowhere = light.link.name_not_found;
        if let Some(parked) = parked {
            self.net.hang_up(parked);
        }
        if nowhere {
            if let Some(light) = self.light(number) {
                light.link.rung = Rung::Looking;
            }
            return self.plan_climb(number, now + lookup_us);
        }
        let id = self.net.dial(Owner::Light(number));
        if let Some(light) = self.light(number) {
            light.link.rung = Rung::Connected(id);
        }
    }

    /// What was waited for has come.
    pub(super) fn climb_due(&mut self, number: usize) {
        let now = self.net.now;
        let Some(light) = self.light(number).filter(|light| light.link.climb_us == now) else { return };
        light.link.climb_us = Micros::MAX;
        if light.asleep {
            light.link.missed = true;
            return;
        }
        match light.link.rung {
            Rung::Joining { takes_us } => {
                let local = light.local(now);
                light.link.reconnector.wifi_joined(local);
                light.host.wifi_joins = light.link.reconnector.wifi_joins();
                let (id, took) = (light.id.clone(), at(takes_us).as_secs_f64());
                self.layer(&id, Layer::Wifi, true, format!("joined in {took:.1} s"));
                self.climb(number);
            }
            Rung::Looking => {
                let text = format!(
                    "the name {UNKNOWN_HOST} was not found; check the host and this computer's DNS server"
                );
                self.lose_session(number, &text, true);
            }
            Rung::Waiting => self.climb(number),
            Rung::NoWifi | Rung::Connected(_) => {}
        }
    }

    fn nobody_listens(&self) -> String {
        explain_io(&std::io::ErrorKind::ConnectionRefused.into(), &self.target)
    }

    /// Nobody takes the connection.
    pub(super) fn not_connected(&mut self, number: usize, id: ConnId) {
        self.net.remove(id);
        let text = self.nobody_listens();
        self.lose_session(number, &text, true);
    }

    /// The connection is made: MQTT begins.
    pub(super) fn open_session(&mut self, number: usize, id: ConnId) {
        let (user, password) = match &self.login {
            Some(login) => (login.user.clone(), login.password.clone()),
            None => (String::new(), String::new()),
        };
        let keep_alive_s = self.config.links.keep_alive_s;
        let now = self.net.now;
        let Some(light) = self.light(number).filter(|light| light.link.rung == Rung::Connected(id)) else {
            return;
        };
        let password = if light.link.wrong_password { format!("{password}?") } else { password };
        // Without a will's topic the session keeps to what a broker without retained messages has.
        let will_topic =
            if light.program.retains() { light.program.topic(Topic::Status) } else { TopicText::new() };
        let will = light.program.will();
        let hello = ConnectOptions {
            client_id: &light.client_id,
            keep_alive_s,
            user: &user,
            password: &password,
            will_topic: &will_topic,
            will: &will,
        };
        match Session::open(&hello, light.local(now)) {
            Ok(session) => {
                light.host.session = Some(Box::new(session));
                self.flush(number);
            }
            Err(end) => self.session_ended(number, end),
        }
    }

    /// Sends what the session has to send, and sees to it that it is looked after in time.
    pub(super) fn flush(&mut self, number: usize) {
        let Some(light) = self.lights.get_mut(number).and_then(Option::as_deref_mut) else { return };
        let (Rung::Connected(id), Some(session)) = (light.link.rung, &mut light.host.session) else { return };
        if light.asleep {
            return;
        }
        let bytes = session.outgoing();
        if !bytes.is_empty() {
            let count = bytes.len();
            self.net.send(id, Direction::ToBroker, bytes);
            session.sent(count);
        }
        let due = session.due_at();
        if light.link.session_at != Some(due) {
            light.link.session_at = Some(due);
            self.plan_session(number);
        }
    }

    /// Plans the next look at the session, by the light's own clock.
    pub(super) fn plan_session(&mut self, number: usize) {
        let now = self.net.now;
        let Some(light) = self.light(number) else { return };
        let when = light.link.session_at.and_then(|due| light.clock.when(due));
        let when = when
            .map_or(Micros::MAX, |when| Micros::try_from(when.as_micros()).unwrap_or(Micros::MAX).max(now));
        if when != light.link.session_us {
            light.link.session_us = when;
            if when != Micros::MAX {
                self.net.plan(when, Step::Session(number));
            }
        }
    }

    pub(super) fn session_due(&mut self, number: usize) {
        let now = self.net.now;
        let Some(light) = self.light(number).filter(|light| light.link.session_us == now) else { return };
        light.link.session_us = Micros::MAX;
        light.link.session_at = None;
        if light.asleep {
            return;
        }
        let local = light.local(now);
        let Some(session) = &mut light.host.session else { return };
        match session.check(local) {
            Ok(()) => self.flush(number),
            Err(end) => self.session_ended(number, end),
        }
    }

    /// Something has come in for a light.
    pub(super) fn light_receives(&mut self, number: usize, id: ConnId, bytes: &[u8], out: Out) {
        let Some(light) = self.light(number).filter(|light| light.link.rung == Rung::Connected(id)) else {
            return;
        };
        let unread = &mut light.link.unread;
        if light.asleep || !unread.is_empty() {
            unread.extend_from_slice(bytes);
            if !matches!(out, Out::Bytes(_)) {
                light.link.unread_end = Some(out);
            }
            return;
        }
        match out {
            Out::Bytes(_) => self.read(number, bytes),
            end => self.connection_ended(number, id, end),
        }
    }

    /// Reads what has waited.
    pub(super) fn read_on(&mut self, number: usize) {
        let Some(light) = self.light(number).filter(|light| !light.asleep) else { return };
        let Rung::Connected(id) = light.link.rung else { return };
        let unread = std::mem::take(&mut light.link.unread);
        if !unread.is_empty() {
            self.read(number, &unread);
        }
        if let Some(light) = self.light(number)
            && light.link.rung == Rung::Connected(id)
            && light.link.unread.is_empty()
            && let Some(end) = light.link.unread_end.take()
        {
            self.connection_ended(number, id, end);
        }
    }

    fn connection_ended(&mut self, number: usize, id: ConnId, end: Out) {
        self.net.remove(id);
        let text = match end {
            // A proxy that cannot reach the broker resets the light, and knows why.
            Out::Reset if !self.broker.runs() => self.nobody_listens(),
            Out::Reset => explain_io(&std::io::ErrorKind::ConnectionReset.into(), &self.target),
            Out::End | Out::Bytes(_) => explain_io(&std::io::ErrorKind::UnexpectedEof.into(), &self.target),
        };
        self.lose_session(number, &text, true);
    }

    fn read(&mut self, number: usize, bytes: &[u8]) {
        let now = self.net.now;
        let mut rest = bytes;
        loop {
            let Some(light) = self.light(number) else { return };
            if light.news.len() >= NEWS_QUEUE {
                light.link.unread.extend_from_slice(rest);
                break;
            }
            let local = light.local(now);
            let Some(session) = &mut light.host.session else { return };
            let taken = session.feed(rest);
            rest = rest.get(taken..).unwrap_or_default();
            loop {
                match self.next_said(number, local) {
                    Ok(Said::Nothing) => break,
                    Ok(said) => {
                        if let Err(end) = self.take_said(number, local, said) {
                            return self.session_ended(number, end);
                        }
                    }
                    Err(end) => return self.session_ended(number, end),
                }
            }
            if rest.is_empty() {
                break;
            }
            // Only what waits for the socket can be in the way.
            self.flush(number);
        }
        self.settle(number);
    }

    fn next_said(&mut self, number: usize, local: traffic_light::Instant) -> Result<Said, End> {
        let World { lights, topic: heard_topic, payload: heard, .. } = self;
        let light = lights.get_mut(number).and_then(Option::as_deref_mut);
        let Some(session) = light.and_then(|light| light.host.session.as_mut()) else {
            return Ok(Said::Nothing);
        };
        Ok(match session.next_event(local)? {
            None => Said::Nothing,
            Some(Event::Accepted) => Said::Accepted,
            Some(Event::Subscribed) => Said::Subscribed,
            Some(Event::TooLong { bytes }) => Said::TooLong(bytes),
            Some(Event::Message { topic, payload, retained }) => {
                heard_topic.clear();
                heard_topic.push_str(topic);
                heard.clear();
                heard.extend_from_slice(payload);
                Said::Message { retained }
            }
        })
    }

    fn take_said(&mut self, number: usize, local: traffic_light::Instant, said: Said) -> Result<(), End> {
        let World { lights, topic, payload, target, .. } = self;
        let Some(light) = lights.get_mut(number).and_then(Option::as_deref_mut) else { return Ok(()) };
        match said {
            Said::Nothing => {}
            Said::Accepted => {
                let topics = light.program.subscriptions();
                if let Some(session) = &mut light.host.session {
                    session.subscribe(topics.iter().map(TopicText::as_str), local)?;
                }
                let (id, target) = (light.id.clone(), target.clone());
                self.layer(&id, Layer::Tcp, true, target);
            }
            Said::Subscribed => {
                light.link.reconnector.session_up(local);
                light.host.mqtt_joins = light.link.reconnector.mqtt_joins();
                let id = light.id.clone();
                self.layer(&id, Layer::Mqtt, true, "connected and subscribed");
                self.tell_program(number, News::Up);
            }
            Said::Message { retained } if light.runs() && light.news.is_empty() => {
                light.program.hear(local, topic, payload, retained, &mut light.host);
            }
            Said::Message { retained } => {
                let (topic, payload) = (topic.clone(), payload.clone());
                light.news.push_back(News::Message { topic, payload, retained });
            }
            Said::TooLong(bytes) => self.tell_program(number, News::TooLong(bytes)),
        }
        Ok(())
    }

    fn tell_program(&mut self, number: usize, news: News) {
        let now = self.net.now;
        let Some(light) = self.light(number) else { return };
        if light.runs() && light.news.is_empty() {
            light.hand_over(now, &news);
        } else {
            light.news.push_back(news);
        }
    }

    /// MQTT ended the session.
    pub(super) fn session_ended(&mut self, number: usize, end: End) {
        let Some(light) = self.light(number) else { return };
        if let Rung::Connected(id) = light.link.rung {
            self.net.hang_up(id);
        }
        let text = match end {
            End::Refused(code) if code > LAST_STANDARD_CODE => refusal_beyond_mqtt(code),
            End::Refused(4) => refusal(ConnectReturnCode::BadUserNamePassword).to_owned(),
            end => end.to_string(),
        };
        let counts = self.config.feeds.is_some();
        let rests = matches!(end, End::Refused(code) if counts || code > LAST_STANDARD_CODE);
        self.lose(number, &text, !matches!(end, End::Refused(_)), rests);
    }

    /// There is no session, and the connection has been dealt with.
    fn lose_session(&mut self, number: usize, reason: &str, connection_too: bool) {
        self.lose(number, reason, connection_too, false);
    }

    /// Where the light `rests`, the broker refused it in a way that asks for patience.
    fn lose(&mut self, number: usize, reason: &str, connection_too: bool, rests: bool) {
        let random = random_u32(&mut self.net.rng);
        let Some(id) = self.forget_session(number) else { return };
        self.layer(&id, Layer::Mqtt, false, reason);
        if connection_too {
            self.layer(&id, Layer::Tcp, false, reason);
        }
        let now = self.net.now;
        if let Some(light) = self.light(number) {
            let local = light.local(now);
            if rests {
                light.link.reconnector.session_refused(local, random);
            } else {
                light.link.reconnector.session_lost(local, random);
            }
        }
        self.settle(number);
        self.climb(number);
    }

    /// Forgets what belongs to a session, and tells the program.
    fn forget_session(&mut self, number: usize) -> Option<LightId> {
        let light = self.light(number)?;
        light.host.session = None;
        light.link.rung = Rung::Waiting;
        light.link.climb_us = Micros::MAX;
        light.link.session_us = Micros::MAX;
        light.link.session_at = None;
        light.link.unread.clear();
        light.link.unread_end = None;
        let id = light.id.clone();
        self.tell_program(number, News::Down);
        Some(id)
    }

    pub(super) fn drop_session(&mut self, number: usize) {
        let Some(light) = self.light(number) else { return };
        if let Rung::Connected(id) = light.link.rung {
            self.net.hang_up(id);
            self.lose_session(number, "the session was dropped on purpose", true);
        }
    }

    pub(super) fn set_wifi(&mut self, number: usize, there: bool) {
        let random = random_u32(&mut self.net.rng);
        let now = self.net.now;
        let Some(light) = self.light(number).filter(|light| light.link.wifi_there != there) else { return };
        light.link.wifi_there = there;
        if there {
            if light.link.rung == Rung::NoWifi {
                self.climb(number);
            }
            return;
        }
        match light.link.rung {
            Rung::NoWifi => return,
            Rung::Connected(id) => {
                light.link.parked = Some(id);
                self.net.abandon(id);
            }
            Rung::Waiting if light.link.reconnector.progress() == Progress::Joining => return,
            Rung::Waiting | Rung::Looking | Rung::Joining { .. } => {}
        }
        self.lose_wifi(number, "the Wi-Fi is gone");
        if let Some(light) = self.light(number) {
            let local = light.local(now);
            light.link.reconnector.wifi_lost(local, random);
        }
        self.settle(number);
        self.climb(number);
    }

    fn lose_wifi(&mut self, number: usize, reason: &str) {
        let Some(id) = self.forget_session(number) else { return };
        for layer in [Layer::Wifi, Layer::Tcp, Layer::Mqtt] {
            self.layer(&id, layer, false, reason);
        }
    }

    /// Loses everything, as a reset does; the next climb begins at the bottom.
    pub(super) fn restart_link(&mut self, number: usize) {
        let now = self.net.now;
        self.let_go(number);
        self.lose_wifi(number, "the light has been restarted");
        if let Some(light) = self.light(number) {
            let local = light.local(now);
            light.link.reconnector = Reconnector::new(local);
            light.link.missed = false;
        }
    }

    /// Closes the connections that the light knows of.
    pub(super) fn let_go(&mut self, number: usize) {
        let Some(light) = self.light(number) else { return };
        let present = match light.link.rung {
            Rung::Connected(id) => Some(id),
            _ => None,
        };
        let parked = light.link.parked.take();
        for id in [present, parked].into_iter().flatten() {
            self.net.hang_up(id);
        }
    }

    /// A host sleeps, or wakes up: lamps dark, no program, a clock that stands; it notices at the end.
    pub(super) fn set_asleep(&mut self, number: usize, asleep: bool) {
        let now = self.net.now;
        let Some(light) = self.light(number).filter(|light| light.asleep != asleep) else { return };
        light.asleep = asleep;
        light.clock.set_standing(at(now), asleep);
        let id = light.id.clone();
        if asleep {
            return self.observer.engine.state.aspect_changed(&id, traffic_light::Aspect::Dark);
        }
        light.program.lose_leases();
        let watchdog_us = u64::from(light.watchdog_ms()) * 1_000;
        if light.watchdog_us.is_some() {
            light.watchdog_us = Some(now + watchdog_us);
            self.net.plan(now + watchdog_us, Step::Watchdog(number));
        }
        self.call_program(number);
        if let Some(light) = self.light(number) {
            let shows = light.program.light().aspect();
            self.observer.engine.state.aspect_changed(&id, shows);
        }
        self.clock_changed(number);
        let missed = self.light(number).is_some_and(|light| std::mem::take(&mut light.link.missed));
        match self.light(number).map(|light| light.link.rung) {
            Some(Rung::Connected(id)) if missed => self.dialled(number, id),
            Some(Rung::Waiting) => self.climb(number),
            Some(Rung::Joining { .. } | Rung::Looking) if missed => {
                if let Some(light) = self.light(number) {
                    light.link.climb_us = now;
                }
                self.climb_due(number);
            }
            Some(Rung::NoWifi) => self.climb(number),
            _ => {}
        }
        self.read_on(number);
        self.flush(number);
    }

    /// The light's clock runs otherwise: what it waits for comes at another time.
    pub(super) fn clock_changed(&mut self, number: usize) {
        self.plan_session(number);
        if self.light(number).is_some_and(|light| light.link.rung == Rung::Waiting) {
            self.climb(number);
        }
    }
}
