//! Everything that happens, one step after the other.

use std::{collections::BTreeMap, sync::Arc};

use simulation::Rng;
use traffic_light::{
    LightConfig, Start,
    command::{Action, Command as WireCommand},
    mqtt::client_id,
    program::Place,
};

use super::{
    Options, SimulationError, Step,
    broker::Broker,
    chaos::Reigns,
    duplicate_client::DuplicateClient,
    link::Socket,
    net::{Net, Out, Owner, Reach},
    observer::{Observer, at, random_u32},
};
use crate::{
    config::{BrokerChoice, Config, Junction},
    fault::{Direction, LinkFaultSpec, Micros, Termination},
    model::{LightId, LightKind, Login},
    world::{
        Command, Event, EventKind, Fault,
        account_limiter::AccountLimits,
        action_words,
        budget::{Budget, SharedBudget},
        command::ByHand,
        event::{Severity, TopicKind},
        light::{BrokerAddress, Effect, Light, LightCommand, LightParts},
        plan,
        topics::{Topics, check_publishable},
    },
};

/// Lights start over this long for each of them, as in the live world.
const START_SPACING_US: Micros = 500;
/// How long the last words may take.
const LAST_WORDS_US: Micros = 500_000;
/// MQTT's port, where the configuration leaves the choice to the system.
const ANY_PORT: u16 = 1883;

/// All there is.
pub(super) struct World {
    pub(super) config: Config,
    pub(super) net: Net,
    pub(super) broker: Broker,
    /// What the lights may publish together.
    budget: Option<SharedBudget>,
    pub(super) observer: Observer,
    pub(super) lights: Vec<Option<Box<Light>>>,
    pub(super) sockets: Vec<Socket>,
    /// Room for what a light has decided.
    pub(super) effects: Vec<Effect>,
    pub(super) index: BTreeMap<LightId, usize>,
    pub(super) link_faults: BTreeMap<LightId, Arc<[LinkFaultSpec]>>,
    pub(super) duplicates: Vec<Option<DuplicateClient>>,
    pub(super) duplicate_of: BTreeMap<LightId, usize>,
    pub(super) address: Arc<BrokerAddress>,
    pub(super) login: Option<Login>,
    /// The number of the last command to each light.
    last_n: BTreeMap<LightId, u32>,
    /// Bytes that have just arrived.
    landed: Vec<u8>,
    pub(super) chaos: Option<Reigns>,
    ending: bool,
    ended: bool,
}

impl World {
    pub(super) fn new(config: Config, seed: u64, options: Options) -> Result<World, SimulationError> {
        // A broker with feeds is Adafruit IO, wherever it is to be.
        let (limiter, topics) = match (&config.feeds, &config.emulated) {
            (Some(feeds), _) => (
                AccountLimits::adafruit(&feeds.user, feeds.per_minute),
                Topics::on_feeds(&feeds.user, config.lights()),
            ),
            (None, Some(emulated)) => {
                (AccountLimits::adafruit(&emulated.user, emulated.per_minute), Topics::new(&config.root))
            }
            (None, None) => (AccountLimits::idle(config.root.as_str()), Topics::new(&config.root)),
        };
        let (host, port, login) = match &config.broker {
            BrokerChoice::Embedded { port, login, .. } => {
                let port = if *port == 0 { ANY_PORT } else { *port };
                ("127.0.0.1".to_owned(), port, login.clone())
            }
            BrokerChoice::External { host, port, login, .. } => (host.clone(), *port, login.clone()),
        };
        let keys = config
            .junctions
            .iter()
            .map(|junction| (junction.name().clone(), junction.key().cloned()))
            .collect();
        let mut world = World {
            net: Net::new(Rng::new(seed, 0)),
            broker: Broker::new(login.clone(), limiter),
            budget: config
                .feeds
                .as_ref()
                .map(|feeds| SharedBudget::simulated(Budget::of(feeds, &config.junctions))),
            observer: Observer::new(topics, keys, options.detailed),
            lights: Vec::new(),
            sockets: Vec::new(),
            effects: Vec::new(),
            index: BTreeMap::new(),
            link_faults: BTreeMap::new(),
            duplicates: Vec::new(),
            duplicate_of: BTreeMap::new(),
            address: Arc::new(BrokerAddress { host, port }),
            login,
            last_n: BTreeMap::new(),
            landed: Vec::new(),
            chaos: None,
            ending: false,
            ended: false,
            config,
        };
        world.start_broker();
        for warning in world.config.warnings.clone() {
            world.observer.engine.state.notice(Severity::Warning, None, warning);
        }
        for junction in world.config.junctions.clone() {
            for light in junction.virtual_lights() {
                world.add_light(&junction, light, Start::NEVER)?;
            }
        }
        for (at, command) in plan::steps(world.config.faults.clone()) {
            let at = Micros::try_from(at.as_micros()).unwrap_or(Micros::MAX);
            world.net.plan(at, Step::Obey(Box::new(command)));
        }
        Ok(world)
    }

    fn add_light(
        &mut self,
        junction: &Junction,
        config: &LightConfig,
        last_run_ended_ms: Option<u64>,
    ) -> Result<(), SimulationError> {
        let id = LightId::new(junction.name().clone(), config.name().clone());
        let (name, key) = (junction.name().clone(), junction.key().cloned());
        let keyed = key.is_some();
        let root = self.config.root.as_str();
        let place = match &self.config.feeds {
            Some(feeds) => Place::on_feeds(&feeds.user, name, key),
            None => Place::new(root, name, key),
        };
        let place = place.ok_or_else(|| SimulationError::Root(root.to_owned()))?;
        self.observer.engine.state.light_added(&id, LightKind::Virtual, junction.rule(), keyed);
        let now = self.net.now;
        let start = Start {
            boot: random_u32(&mut self.net.rng),
            seed: self.net.rng.draw(),
            lease_max_ms: config.timing().lease_ms,
            last_run_ended_ms,
        };
        let number = self.lights.len();
        let spacing_us = START_SPACING_US * u64::try_from(self.index.len()).unwrap_or(0);
        let client_id = client_id(root, id.junction.as_str(), id.light.as_str()).to_string();
        let parts = LightParts {
            id: id.clone(),
            config: config.clone(),
            place,
            start,
            client_id,
            broker: self.address.clone(),
            keep_alive_s: self.config.links.keep_alive_s,
            budget: self.budget.clone(),
            wifi_join_us: u64::from(self.config.links.wifi_join_ms) * 1_000 + spacing_us,
            seed: self.net.rng.draw(),
            boot_seed: self.net.rng.draw(),
            measured: false,
        };
        let light = Light::new(parts, now);
        let phase_us = self.net.rng.between(1, light.check_every_us());
        self.lights.push(Some(Box::new(light)));
        self.sockets.push(Socket::default());
        self.index.insert(id, number);
        self.net.plan(now + phase_us, Step::Check(number));
        self.with_light(number, |light, now| {
            light.check(now);
            light.tick(now);
        });
        Ok(())
    }

    pub(super) fn now(&self) -> Micros {
        self.net.now
    }

    pub(super) fn next_us(&self) -> Option<Micros> {
        let told = self
            .observer
            .engine
            .state
            .first_event_at()
            .map(|at| Micros::try_from(at.as_micros()).unwrap_or(Micros::MAX));
        if told.is_some() || self.ended { told } else { self.due_us() }
    }

    /// When something happens next.
    fn due_us(&self) -> Option<Micros> {
        [self.net.queue.next_us(), self.deadline_us()].into_iter().flatten().min()
    }

    pub(super) fn play(&mut self, until: Micros, take: &mut dyn FnMut(Event)) {
        while let Some(event) = self.observer.engine.state.next_event() {
            take(event);
        }
        while let Some(due) = self.due_us().filter(|due| *due <= until && !self.ended) {
            self.set_now(self.net.now.max(due));
            if self.deadline_us() == Some(due) {
                self.observer.engine.tick();
            } else if let Some((_, step)) = self.net.queue.pop() {
                self.take_step(step);
            }
            while let Some(event) = self.observer.engine.state.next_event() {
                take(event);
            }
        }
        self.set_now(self.net.now.max(until));
    }

    fn set_now(&mut self, now: Micros) {
        self.net.now = now;
        self.observer.engine.state.set_now(at(now));
        if let Some(budget) = &self.budget {
            budget.set_now(now);
        }
    }

    /// When the engine is to be called though nothing happens.
    fn deadline_us(&self) -> Option<Micros> {
        let deadline = self.observer.engine.next_deadline()?;
        Some(Micros::try_from(deadline.as_nanos().div_ceil(1_000)).unwrap_or(Micros::MAX))
    }

    fn take_step(&mut self, step: Step) {
        let now = self.net.now;
        match step {
            Step::Check(number) => {
                let Some(light) = self.light(number) else { return };
                let every_us = light.check_every_us();
                self.with_light(number, Light::check);
                self.net.plan(now + every_us, Step::Check(number));
            }
            Step::Light(number) => self.light_due(number),
            Step::DuplicateClient(number) => self.duplicate_due(number),
            Step::Dialled(id) => match self.net.get(id).map(|conn| conn.owner) {
                Some(Owner::Light(number)) => self.dialled(number, id),
                Some(Owner::DuplicateClient(number)) => self.duplicate_dialled(number, id),
                None => {}
            },
            Step::Reached(id) => self.proxy_reached(id),
            Step::Arrive(id, way) => self.arrive(id, way),
            Step::Cut => self.broker.cut(&mut self.net, &mut self.observer),
            Step::Deliver(id) => {
                self.net.wires_due(id);
            }
            Step::Terminate(id) => self.terminate(id),
            Step::KeepAlive(id) => self.broker.check(&mut self.net, &mut self.observer, id),
            Step::Obey(command) => self.obey_now(*command),
            Step::Chaos => self.play_chaos(),
            Step::Over => self.end(),
        }
    }

    pub(super) fn light(&mut self, number: usize) -> Option<&mut Light> {
        self.lights.get_mut(number)?.as_deref_mut()
    }

    fn arrive(&mut self, id: super::ConnId, way: Direction) {
        let mut landed = std::mem::take(&mut self.landed);
        if let Some(out) = self.net.land(id, way, &mut landed)
            && let Some(conn) = self.net.get(id)
        {
            let (owner, listens, open, swallows) =
                (conn.owner, conn.light_listens, conn.broker_open, conn.swallows);
            match (way, out) {
                (Direction::ToBroker, _) if swallows => {}
                (Direction::ToBroker, Out::Bytes(_)) if open => {
                    self.broker.take(&mut self.net, &mut self.observer, id, &landed);
                }
                // The broker's end has been closed: it answers with an RST.
                (Direction::ToBroker, Out::Bytes(_)) => self.net.reset(id),
                (Direction::ToBroker, _) => {
                    self.broker.lost(&mut self.net, &mut self.observer, id);
                    self.net.remove(id);
                }
                (Direction::FromBroker, out) => match owner {
                    Owner::Light(number) if listens => self.light_receives(number, id, &landed, out),
                    Owner::DuplicateClient(number) if listens => {
                        self.duplicate_receives(number, id, &landed, out)
                    }
                    _ if out == Out::Reset => self.net.remove(id),
                    _ => {}
                },
            }
        }
        self.landed = landed;
    }

    /// The faults of the link that a connection belongs to.
    pub(super) fn faults_on(&self, number: usize) -> Arc<[LinkFaultSpec]> {
        let light = self.lights.get(number).and_then(Option::as_ref);
        let faults = light.and_then(|light| self.link_faults.get(light.id()));
        faults.cloned().unwrap_or_else(|| Arc::from([]))
    }

    /// A fault of the whole connection strikes.
    fn terminate(&mut self, id: super::ConnId) {
        let now = self.net.now;
        let Some(conn) = self.net.get(id) else { return };
        let Some((_, strike)) = conn.terminations.next().filter(|(at, _)| *at <= now) else { return };
        if conn.swallows {
            return;
        }
        let held = conn.reach == Reach::Proxy;
        self.broker.lost(&mut self.net, &mut self.observer, id);
        match strike {
            Termination::HalfOpen if !held => self.net.halve(id),
            _ => self.net.reset(id),
        }
    }

    pub(super) fn report(&mut self, number: usize, asked: bool) {
        let Some(light) = self.lights.get_mut(number).and_then(Option::as_deref_mut) else { return };
        if let Some((view, counters)) = light.report(asked) {
            let light = light.id().clone();
            self.observer.engine.state.tell(EventKind::LightReported { light, view, counters });
        }
    }

    pub(super) fn obey(&mut self, command: Command) -> Result<(), String> {
        if self.ended || self.ending {
            return Err("the simulation has ended; start another".to_owned());
        }
        if let Command::LetBoardsJoin { .. } = command {
            return Err("boards cannot join a simulation: they have no simulated clock; run the live world"
                .to_owned());
        }
        if let Command::StartRecording { .. } | Command::StopRecording = command {
            return Err("a simulation is not recorded: the same seed plays it again".to_owned());
        }
        self.obey_now(command);
        Ok(())
    }

    pub(super) fn obey_now(&mut self, command: Command) {
        let now = self.net.now;
        match command {
            Command::SetWifi { light, up } => self.set_own_fault(Fault::WifiDown(light), !up),
            Command::SetSilence { light, on } => self.set_own_fault(Fault::Silence(light), on),
            Command::PutFault { fault, lasts } => {
                self.set_own_fault(fault.clone(), true);
                if let Some(lasts) = lasts {
                    let us = Micros::try_from(lasts.as_micros()).unwrap_or(Micros::MAX / 2);
                    self.net.plan(now.saturating_add(us), Step::Obey(Box::new(Command::ClearFault(fault))));
                }
            }
            Command::ClearFault(fault) => self.set_own_fault(fault, false),
            Command::ClearFaults => {
                for fault in self.observer.engine.state.faults().to_vec() {
                    self.set_own_fault(fault, false);
                }
            }
            Command::DropSession { light } => {
                self.on_light(&light, |world, number| world.command_light(number, LightCommand::DropSession));
            }
            Command::RebootLight { light } => {
                self.on_light(&light, |world, number| world.command_light(number, LightCommand::Reboot));
            }
            Command::CallLight { light } => {
                self.on_light(&light, |world, number| world.command_light(number, LightCommand::Call));
            }
            Command::RunLight { light, on: true } => self.run_light(&light),
            Command::RunLight { light, on: false } => self.retire_light(&light),
            Command::TellLight { light, action, ms } => self.tell_light(&light, action, ms),
            Command::StartChaos { seed, pace } => self.start_chaos(seed, pace),
            Command::StopChaos => self.stop_chaos(),
            Command::Publish(message) => self.publish_by_hand(&message),
            Command::AskWhatIsKept if self.broker.runs() => {
                self.broker.tell_what_is_kept(&mut self.observer);
            }
            Command::AskWhatIsKept => {
                let text = "the broker cannot be asked just now; try again";
                self.observer.engine.state.notice(Severity::Warning, None, text);
            }
            Command::LetBoardsJoin { .. } | Command::StartRecording { .. } | Command::StopRecording => {}
            Command::StopBroker => self.set_own_fault(Fault::BrokerDown, true),
            Command::StartBroker => self.set_own_fault(Fault::BrokerDown, false),
            Command::Resync => {
                self.observer.engine.state.tell_all();
                for number in 0..self.lights.len() {
                    if self.observer.detailed {
                        self.report(number, true);
                    }
                }
            }
            Command::Shutdown => self.shut_down(),
        }
    }

    /// Does something to a light, or tells the user that it is not there.
    pub(super) fn on_light(&mut self, light: &LightId, does: impl FnOnce(&mut World, usize)) -> bool {
        match self.index.get(light).copied() {
            Some(number) => {
                does(self, number);
                true
            }
            None => {
                let text = format!("{light} does not run in this simulation");
                self.observer.engine.state.notice(Severity::Warning, Some(light), text);
                false
            }
        }
    }

    fn run_light(&mut self, light: &LightId) {
        if self.index.contains_key(light) {
            return;
        }
        let junction = self.config.junction(&light.junction).cloned();
        let found =
            junction.as_ref().and_then(|junction| Some((junction, junction.light_config(&light.light)?)));
        let done = match found {
            // Whoever had its name until now may have promised something.
            Some((junction, config)) => {
                self.add_light(junction, config, Some(0)).map_err(|error| error.to_string())
            }
            None => Err(format!("the configuration has no light {light}; add it there")),
        };
        if let Err(text) = done {
            self.observer.engine.state.notice(Severity::Warning, Some(light), text);
        }
    }

    fn retire_light(&mut self, light: &LightId) {
        let Some(number) = self.index.get(light).copied() else { return };
        for fault in self.observer.engine.state.faults_of(light) {
            self.set_fault(fault, false);
        }
        self.say_goodbye(number);
        self.index.remove(light);
        self.link_faults.remove(light);
        if let Some(slot) = self.lights.get_mut(number) {
            *slot = None;
        }
        // Its goodbye is still on its way, and then nobody of its name is there any more.
        self.observer.engine.state.presence_changed(light, false, None);
        self.observer.engine.state.light_removed(light);
    }

    fn say_goodbye(&mut self, number: usize) {
        self.with_light(number, |light, _| light.say_goodbye());
        self.close_all(number);
    }

    /// Sends a command to a light over MQTT.
    fn tell_light(&mut self, light: &LightId, action: Action, ms: Option<u32>) {
        let now = self.net.now;
        let junction = self.config.junction(&light.junction);
        let key = junction.and_then(Junction::key).cloned();
        let boot = self.index.get(light).and_then(|number| self.lights.get(*number)?.as_ref());
        let boot = boot.map(|light| light.boot());
        let refused = match (junction, boot) {
            (None, _) => Some("its junction is not in the configuration"),
            (_, None) => Some("it has not been heard yet; wait until it speaks"),
            _ if !self.broker.runs() => Some("there is no session with the broker"),
            _ => None,
        };
        let (severity, text) = match (refused, boot) {
            (None, Some(boot)) => {
                let last = self.last_n.entry(light.clone()).or_default();
                let now_s = u32::try_from(now / 1_000_000).unwrap_or(u32::MAX);
                *last = now_s.max(last.saturating_add(1));
                let mut command = WireCommand::new(boot, *last, action);
                command.ms = ms;
                let topic = self.observer.topics.of(light, TopicKind::Command);
                let message = command.encode(&topic, key.as_ref());
                self.broker.say(&mut self.net, &mut self.observer, &topic, message.as_slice(), 1, false);
                (Severity::Info, format!("{light} was asked: {}", action_words(action)))
            }
            (reason, _) => {
                let reason = reason.unwrap_or_default();
                (Severity::Warning, format!("{light} cannot be asked: {reason}"))
            }
        };
        self.observer.engine.state.notice(severity, Some(light), text);
    }

    fn publish_by_hand(&mut self, message: &ByHand) {
        let ByHand { topic, payload, retain, qos } = message;
        let refused = match check_publishable(topic) {
            Err(reason) => Some(reason),
            Ok(()) if *qos > 2 => Some("the quality of service is 0, 1 or 2"),
            Ok(()) if !self.broker.runs() => Some("there is no session with the broker; wait for it"),
            Ok(()) => None,
        };
        let (severity, text) = match refused {
            Some(reason) => (Severity::Warning, format!("nothing was published: {reason}")),
            None => {
                self.broker.say(&mut self.net, &mut self.observer, topic, payload, *qos, *retain);
                let kept = if *retain { ", to be kept" } else { "" };
                let bytes = payload.len();
                (Severity::Info, format!("published {bytes} bytes on {topic}, QoS {qos}{kept}"))
            }
        };
        self.observer.engine.state.notice(severity, None, text);
    }

    /// Lights say goodbye; the rest follows when that has arrived.
    fn shut_down(&mut self) {
        if self.ending {
            return;
        }
        self.ending = true;
        for number in 0..self.lights.len() {
            self.say_goodbye(number);
            if let Some(slot) = self.lights.get_mut(number) {
                *slot = None;
            }
        }
        let at = self.net.now + LAST_WORDS_US;
        self.net.plan(at, Step::Over);
    }

    fn end(&mut self) {
        if self.broker.runs() {
            self.broker.stop(&mut self.net);
            self.observer.engine.state.broker_stopped("the program ends");
        }
        self.observer.engine.state.tell(EventKind::Stopped);
        self.ended = true;
    }
}
