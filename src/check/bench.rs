//! The bench that a light is checked at: its port with the tap and the faults, the broker behind it, the partner,
//! and the record of it all.

use std::{
    io::ErrorKind,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep, sleep_until},
};

use super::{
    ground,
    history::{History, us},
    hook,
    live::Live,
    partner::Partner,
    record::{BenchFault, Payload, Record, Step, What, Who},
    timings,
    vocabulary::Shown,
};
use crate::{
    fault::{BlackHole, Direction, LinkFault, LinkFaultSpec, Refuse},
    model::{Diagnostic, Login},
    tap::{Closer, LinkEvent, Packet, Seen},
    world::proxy::{Destination, LoginAnswer, Proxy},
};

/// What was seen and waits to be written down; a light that floods waits for it.
const SEEN: usize = 1_024;

/// What a bench is made of.
pub struct Setup {
    /// Where the light connects.
    pub listen: SocketAddr,
    /// What a person does to take another port than that; an imperative.
    pub another_port: &'static str,
    /// The broker.
    pub destination: Destination,
    /// How the partner logs in there.
    pub login: Option<Login>,
    /// The program that switches the light's Wi-Fi off and on.
    pub wifi_hook: Option<String>,
    /// What is known before anything happens.
    pub record: Record,
}

/// How far a check is.
#[derive(Clone, Debug)]
pub enum Progress {
    /// What is waited for, and for how long at most.
    Waiting {
        step: Option<Step>,
        text: String,
        left: Duration,
    },
    Ended(Step),
    /// What was learned of the light.
    Learned(String),
    /// Something that a person should know.
    Notice(String),
}

/// Where a check tells how far it is.
pub type Observer = Box<dyn Fn(Progress) + Send + Sync>;

pub(super) struct Bench {
    shared: Arc<Shared>,
    changed: watch::Receiver<()>,
    proxy: Proxy,
    /// The broker.
    destination: Destination,
    /// The partner's own way to it.
    partner_port: u16,
    _partner_way: Proxy,
    login: Option<Login>,
    partner: Option<Partner>,
    /// What the partner shows, while it is there.
    shown: Option<Shown>,
    /// Up to which entry subscriptions were looked for.
    tended: usize,
    wifi_hook: Option<String>,
    /// The light's network was switched off and not on again.
    wifi_off: bool,
    random: StdRng,
    step: Option<Step>,
    observer: Observer,
    reader: JoinHandle<()>,
}

struct Shared {
    record: Mutex<Record>,
    began: Instant,
    changed: watch::Sender<()>,
}

impl Shared {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, what: What) {
        self.record().push(self.began.elapsed(), what);
        self.changed.send_replace(());
    }
}

/// The record of a check that goes on; it can be judged at any time.
#[derive(Clone)]
pub struct Recording(Arc<Shared>);

impl Recording {
    /// All that has happened by now.
    #[must_use]
    pub fn record(&self) -> Record {
        self.0.record().clone()
    }

    /// Brings `live` up to what has happened by now, where it stood at `seen` entries; returns how many there are.
    pub fn follow(&self, live: &mut Live, seen: usize) -> usize {
        live.follow(&self.0.record(), seen)
    }

    /// Adds a line of the board's log.
    pub fn log(&self, line: String) {
        self.0.push(What::Log { line });
    }
}

impl Bench {
    /// Opens the light's port.
    pub(super) fn start(setup: Setup, observer: Observer) -> Result<Bench, Diagnostic> {
        let Setup { listen, another_port, destination, login, wifi_hook, record } = setup;
        let seed = record.seed;
        let (changed_in, changed) = watch::channel(());
        let shared =
            Arc::new(Shared { record: Mutex::new(record), began: Instant::now(), changed: changed_in });
        let (seen_in, seen) = mpsc::channel(SEEN);
        let no_port = |error| Diagnostic::from(format!("the bench has no port of its own: {error}"));
        let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let partner_way = Proxy::towards(destination.clone(), own, seed).map_err(no_port)?;
        let proxy = Proxy::tapped(destination.clone(), listen, seed, seen_in).map_err(|error| {
            let help = match error.kind() {
                ErrorKind::AddrInUse => format!("stop the program that has it, or {another_port}"),
                _ => another_port.to_owned(),
            };
            Diagnostic::new(format!("the light's port {} cannot be opened: {error}", listen.port()), help)
        })?;
        let reader = tokio::spawn(write_down(seen, shared.clone()));
        Ok(Bench {
            shared,
            changed,
            destination,
            partner_port: partner_way.address().port(),
            _partner_way: partner_way,
            proxy,
            login,
            partner: None,
            shown: None,
            tended: 0,
            wifi_hook,
            wifi_off: false,
            random: StdRng::seed_from_u64(seed),
            step: None,
            observer,
            reader,
        })
    }

    /// Where the light connects.
    pub(super) fn address(&self) -> SocketAddr {
        self.proxy.address()
    }

    pub(super) fn recording(&self) -> Recording {
        Recording(self.shared.clone())
    }

    /// Microseconds since the check began.
    pub(super) fn now(&self) -> u64 {
        us(self.shared.began.elapsed())
    }

    /// Writes down what the bench does.
    pub(super) fn note(&self, what: What) {
        self.shared.push(what);
    }

    pub(super) fn tell(&self, progress: Progress) {
        (self.observer)(progress);
    }

    pub(super) fn began(&mut self, step: Step) {
        self.step = Some(step);
        self.note(What::Began { step });
    }

    pub(super) fn ended(&mut self, step: Step) {
        self.note(What::Ended { step });
        self.step = None;
        self.tell(Progress::Ended(step));
    }

    /// Looks at what has happened by now.
    pub(super) fn look<T>(&self, look: impl FnOnce(&History<'_>) -> T) -> T {
        let record = self.shared.record();
        look(&History::of(&record))
    }

    /// Waits until `look` finds something, at most for `limit`.
    pub(super) async fn until<T>(
        &mut self,
        limit: Duration,
        text: &str,
        look: impl Fn(&History<'_>) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + limit;
        let mut told = Instant::now();
        loop {
            self.changed.borrow_and_update();
            if let Some(found) = self.look(&look) {
                return Some(found);
            }
            let now = Instant::now();
            if now >= deadline {
                return None;
            }
            if now >= told {
                self.tell(Progress::Waiting { step: self.step, text: text.to_owned(), left: deadline - now });
                told = now + Duration::from_secs(1);
            }
            self.repeat_to_new_subscriptions().await;
            let wake = deadline.min(told);
            tokio::select! {
                _ = self.changed.changed() => sleep(timings::LOOK).await,
                () = sleep_until(wake) => {}
            }
        }
    }

    /// Lets time pass.
    pub(super) async fn pass(&mut self, time: Duration, text: &str) {
        self.until(time, text, |_| None::<()>).await;
    }

    /// A time between these, by the check's seed.
    pub(super) fn between(&mut self, from_ms: u64, to_ms: u64) -> Duration {
        Duration::from_millis(self.random.random_range(from_ms..=to_ms))
    }

    /// What the partner shows; `None`: it is not there.
    pub(super) fn shown(&self) -> Option<Shown> {
        self.shown
    }

    /// The partner says what it shows, and shows it from now on.
    pub(super) async fn say(&mut self, shown: Shown) {
        self.shown = Some(shown);
        self.publish(shown, false).await;
    }

    /// The same, to be kept by the broker.
    pub(super) async fn say_retained(&mut self, shown: Shown) {
        self.shown = Some(shown);
        self.publish(shown, true).await;
    }

    async fn publish(&mut self, shown: Shown, retain: bool) {
        let profile = self.look(|history| history.profile.cloned());
        let Some(profile) = profile else { return };
        let payload = profile.vocabulary.encode(shown);
        let (topic, said) = (profile.topic.clone(), payload.clone());
        // Whatever it subscribed to before this word hears it.
        self.tended = self.shared.record().entries.len();
        self.note(What::PartnerSays { shown, topic, payload: said, retain });
        self.publish_raw(&profile.topic, payload, retain).await;
    }

    /// Publishes a payload in the partner's name.
    pub(super) async fn publish_raw(&mut self, topic: &str, payload: Payload, retain: bool) {
        for last in [false, true] {
            let Err(text) = self.try_to_publish(topic, payload.clone(), retain).await else { return };
            self.partner = None;
            if last {
                // Why nobody listens is plainer than why a client was not answered.
                self.trouble(ground::reach(&self.destination).await.err().unwrap_or(text));
            }
        }
    }

    async fn try_to_publish(&mut self, topic: &str, payload: Payload, retain: bool) -> Result<(), String> {
        if self.partner.is_none() {
            let id = format!("twinlight-partner-{:08x}", self.random.random::<u32>());
            match Partner::connect(self.partner_port, self.login.as_ref(), &id).await {
                Ok(partner) => self.partner = Some(partner),
                Err(diagnostic) => return Err(diagnostic.message),
            }
        }
        match &mut self.partner {
            Some(partner) => partner.say(topic, payload.0, retain).await,
            None => Ok(()),
        }
    }

    /// A partner says its word again when the light has subscribed anew.
    async fn repeat_to_new_subscriptions(&mut self) {
        let Some(shown) = self.shown else { return };
        let subscribed = {
            let record = self.shared.record();
            let new = record.entries.get(self.tended..).unwrap_or_default();
            let subscribed = new.iter().any(|entry| matches!(entry.what, What::SubAck { .. }));
            self.tended = record.entries.len();
            subscribed
        };
        if subscribed {
            self.publish(shown, false).await;
        }
    }

    /// The partner leaves, and says nothing any more.
    pub(super) async fn partner_leaves(&mut self) {
        self.shown = None;
        if let Some(partner) = self.partner.take() {
            partner.leave().await;
        }
        self.note(What::PartnerGone);
    }

    /// It is there again, and shows this.
    pub(super) async fn partner_returns(&mut self, shown: Shown) {
        self.note(What::PartnerBack);
        self.say(shown).await;
    }

    /// What the broker keeps of the partner is removed, while the light is away.
    pub(super) async fn clear_retained(&mut self) {
        let topic = self.look(|history| history.profile.map(|profile| profile.topic.clone()));
        let Some(topic) = topic else { return };
        let had = self.partner.is_some();
        self.publish_raw(&topic, Payload::default(), true).await;
        if !had && let Some(partner) = self.partner.take() {
            partner.leave().await;
        }
        self.note(What::Cleared);
    }

    /// Publishes to be kept, by a client that is gone again.
    pub(super) async fn leave_word(&mut self, shown: Shown) {
        self.say_retained(shown).await;
        self.partner_leaves().await;
    }

    fn inject(&self, fault: BenchFault, spec: impl Into<LinkFault>, on: bool) {
        let spec = LinkFaultSpec::both_ways(spec);
        if on {
            self.note(What::Fault { fault, on });
            if let Err(error) = self.proxy.inject(spec) {
                self.trouble(error.message);
            }
        } else {
            // Noted before: a light that comes back at once does not come back during the fault.
            self.note(What::Fault { fault, on });
            self.proxy.clear(&spec);
        }
    }

    /// Resets the connections that are there.
    pub(super) fn reset(&self) {
        self.note(What::Fault { fault: BenchFault::Reset, on: true });
        self.note(What::Fault { fault: BenchFault::Reset, on: false });
        self.proxy.cut();
    }

    /// Whether new connections are refused.
    pub(super) fn refuse(&self, on: bool) {
        self.inject(BenchFault::Refuse, Refuse, on);
    }

    /// Whether nothing passes, either way.
    pub(super) fn silence(&self, on: bool) {
        self.inject(BenchFault::Silence, BlackHole, on);
    }

    /// What the logins from now on get instead of the broker's answer.
    pub(super) fn answer_logins(&self, answer: Option<LoginAnswer>) {
        for (fault, is) in [
            (BenchFault::RefuseLogin, matches!(answer, Some(LoginAnswer::Refused(_)))),
            (BenchFault::CutConnect, answer == Some(LoginAnswer::Cut)),
        ] {
            let was = self.look(|history| {
                history.faults(fault, 0, u64::MAX).last().is_some_and(|(_, end)| end.is_none())
            });
            if was != is {
                self.note(What::Fault { fault, on: is });
            }
        }
        self.proxy.answer_logins(answer);
    }

    pub(super) fn has_hook(&self) -> bool {
        self.wifi_hook.is_some()
    }

    /// Switches the light's own network off or on.
    pub(super) async fn hook(&mut self, up: bool) {
        let Some(hook) = &self.wifi_hook else { return };
        let argument = if up { hook::UP } else { hook::DOWN };
        self.note(What::Fault { fault: BenchFault::Hook, on: !up });
        // Whatever became of the command: "up" harms no network that is up.
        self.wifi_off = true;
        let Err(trouble) = hook::run(hook, argument).await else {
            self.wifi_off = !up;
            return;
        };
        self.trouble(format!("the Wi-Fi hook \"{hook} {argument}\" failed: {trouble}"));
    }

    /// Something in the check itself does not work; told once in a step.
    fn trouble(&self, text: String) {
        let told = {
            let record = self.shared.record();
            let mut step =
                record.entries.iter().rev().take_while(|entry| !matches!(entry.what, What::Began { .. }));
            step.any(|entry| matches!(&entry.what, What::Trouble { text: known } if *known == text))
        };
        if told {
            return;
        }
        self.tell(Progress::Notice(text.clone()));
        self.note(What::Trouble { text });
    }

    /// Something that a person should know, and no trouble of the check's.
    pub(super) fn notice(&self, text: String) {
        self.tell(Progress::Notice(text.clone()));
        self.note(What::Notice { text });
    }

    /// Notes where the broker is away by itself.
    pub(super) async fn look_for_broker(&self) {
        if let Err(why) = ground::reach(&self.destination).await {
            self.trouble(why);
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.reader.abort();
        // A check that is ended in the middle leaves nobody without a network.
        if let Some(hook) = self.wifi_hook.as_ref().filter(|_| self.wifi_off) {
            hook::start(hook, hook::UP);
        }
    }
}

async fn write_down(mut seen: mpsc::Receiver<Seen>, shared: Arc<Shared>) {
    while let Some(seen) = seen.recv().await {
        if let Some(what) = what(seen) {
            shared.push(what);
        }
    }
}

/// What the tap saw, in the record's form.
fn what(seen: Seen) -> Option<What> {
    let c = seen.connection;
    let who = |direction| if direction == Direction::ToBroker { Who::Light } else { Who::Broker };
    Some(match seen.what {
        LinkEvent::Opened { from } => What::Opened { c, from: Some(from.ip()) },
        LinkEvent::Malformed { direction, reason } => What::Malformed { c, by: who(direction), reason },
        LinkEvent::Closed { by, reset } => {
            let by = match by {
                Closer::Light => Who::Light,
                Closer::Broker => Who::Broker,
                Closer::Fault => Who::Fault,
            };
            What::Closed { c, by, reset }
        }
        LinkEvent::HalfClosed => What::HalfClosed { c },
        LinkEvent::Lost { events } => {
            let packets = u32::try_from(events).unwrap_or(u32::MAX);
            What::Dropped { c, packets, publishes: packets }
        }
        LinkEvent::Packet { direction, packet } => {
            let by = who(direction);
            match packet {
                Packet::Connect(connect) => What::Connect {
                    c,
                    client_id: connect.client_id,
                    keep_alive_s: connect.keep_alive_s,
                    clean: connect.clean_session,
                    will: connect.will.map(|(topic, payload, _)| (topic, Payload(payload.to_vec()))),
                    user: connect.user,
                },
                Packet::ConnAck { session_present, code } => {
                    What::ConnAck { c, session: session_present, code }
                }
                Packet::Publish(publish) => What::Publish {
                    c,
                    by,
                    topic: publish.topic,
                    payload: Payload(publish.payload.to_vec()),
                    qos: publish.qos,
                    retain: publish.retain,
                    id: publish.id,
                },
                Packet::Subscribe { id, filters } => What::Subscribe {
                    c,
                    id,
                    filters: filters.into_iter().map(|(filter, _)| filter).collect(),
                },
                Packet::SubAck { id, codes } => What::SubAck { c, id, codes },
                Packet::Unsubscribe { filters, .. } => What::Unsubscribe { c, filters },
                Packet::Ack { name, id } => What::Ack { c, by, name: name.to_owned(), id },
                Packet::PingReq | Packet::PingResp => What::Ping { c, by },
                Packet::Disconnect => What::Disconnect { c, by },
                Packet::Long { .. } => return None,
            }
        }
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_check_that_is_ended_while_the_network_is_off_switches_it_on() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("calls");
        let setup = Setup {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            another_port: "",
            destination: Destination { host: "127.0.0.1".to_owned(), port: 1, tls: None },
            login: None,
            wifi_hook: Some(format!("echo >> {}", file.display())),
            record: Record::default(),
        };
        let mut bench = Bench::start(setup, Box::new(|_| ())).unwrap();
        let calls = || std::fs::read_to_string(&file).unwrap_or_default();
        bench.hook(false).await;
        bench.hook(true).await;
        bench.hook(false).await;
        assert_eq!(calls().lines().collect::<Vec<_>>(), ["down", "up", "down"]);
        drop(bench);
        let on_again = async {
            while calls().lines().count() < 4 {
                sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), on_again).await.unwrap();
        assert!(calls().ends_with("down\nup\n"), "{}", calls());
    }
}
