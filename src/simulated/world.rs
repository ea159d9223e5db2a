//! Everything that happens, one step after the other.

use std::{collections::BTreeMap, sync::Arc};

use simulation::Rng;
use traffic_light::Start;

use super::{
    broker::Broker,
    duplicate_client::DuplicateClient,
    link::Socket,
    net::{Net, Owner},
    observer::{Observer, at},
    step::Step,
};
use crate::{
    config::{BrokerChoice, Config},
    fault::{LinkFaultSpec, Micros},
    model::{Diagnostic, LightId, Login},
    world::{
        Command, Event, EventKind,
        account_limiter::AccountLimits,
        budget::{Budget, SharedBudget},
        engine::Engine,
        event::Severity,
        foreign::ForeignWatch,
        light::{BrokerAddress, Light, LightEffect},
        topics::Topics,
    },
};

/// How long the last messages may take.
const LAST_WORDS_US: Micros = 500_000;
/// MQTT's port, where the configuration leaves the choice to the system.
const ANY_PORT: u16 = 1883;

/// What a simulation is given beside its configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Whether the insides of lights and the single messages are told, for somebody who looks.
    pub detailed: bool,
}

/// Why there is no simulation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    /// The root topic does not fit a board's record.
    #[error("the root topic {0:?} is too long")]
    Root(String),
}

impl SimulationError {
    /// What to do about it: an imperative without a full stop.
    #[must_use]
    pub(crate) fn help(&self) -> &'static str {
        match self {
            SimulationError::Root(_) => "make it shorter",
        }
    }
}

impl From<SimulationError> for Diagnostic {
    fn from(error: SimulationError) -> Diagnostic {
        Diagnostic::new(error.to_string(), error.help())
    }
}

/// One simulation: its lights, connections and broker, which take one step after the other, and the observer
/// with the engine that says what is to be done.
pub(crate) struct World {
    pub(super) config: Config,
    pub(super) net: Net,
    pub(super) broker: Broker,
    /// What the lights may publish together.
    pub(super) budget: Option<SharedBudget>,
    pub(super) observer: Observer,
    pub(super) lights: Vec<Option<Box<Light>>>,
    pub(super) sockets: Vec<Socket>,
    /// Room for what a light has decided.
    pub(super) effects: Vec<LightEffect>,
    pub(super) index: BTreeMap<LightId, usize>,
    pub(super) link_faults: BTreeMap<LightId, Arc<[LinkFaultSpec]>>,
    pub(super) duplicates: Vec<Option<DuplicateClient>>,
    pub(super) duplicate_of: BTreeMap<LightId, usize>,
    pub(super) address: Arc<BrokerAddress>,
    pub(super) login: Option<Login>,
    /// The number of the last command to each light.
    pub(super) last_n: BTreeMap<LightId, u32>,
    /// Bytes that have just arrived.
    pub(super) landed: Vec<u8>,
    /// The highest number of a run so far.
    pub(super) highest_boot: u32,
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
            observer: Observer::new(
                Engine::new(&config, true, seed),
                topics,
                keys,
                ForeignWatch::new(&config.junctions),
                options.detailed,
            ),
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
            highest_boot: 0,
            ending: false,
            ended: false,
            config,
        };
        world.observer.engine.add_foreign_lights();
        world.start_broker();
        for warning in world.config.warnings.clone() {
            world.observer.engine.state.notice(Severity::Warning, None, warning);
        }
        for junction in world.config.junctions.clone() {
            for light in junction.virtual_lights() {
                world.add_light(&junction, light, Start::NEVER)?;
            }
        }
        Ok(world)
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
            self.perform_tasks();
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
                let Observer { engine, foreign, .. } = &mut self.observer;
                foreign.note_silence(engine, at(now));
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
            Step::Over => self.end(),
        }
    }
    pub(super) fn light(&mut self, number: usize) -> Option<&mut Light> {
        self.lights.get_mut(number)?.as_deref_mut()
    }

    pub(super) fn obey(&mut self, command: Command) -> Result<(), Diagnostic> {
        if self.ended || self.ending {
            return Err(("the simulation has ended", "start another").into());
        }
        match command {
            Command::LetBoardsJoin { .. } | Command::CloseToBoards => {
                let message = "boards cannot join a simulation: they have no simulated clock";
                Err((message, "go back to the live lab").into())
            }
            Command::StartRecording { .. } | Command::StopRecording => {
                Err("a simulation is not recorded: the same seed plays it again".into())
            }
            Command::Shutdown => {
                self.shut_down();
                Ok(())
            }
            command => {
                self.observer.engine.command(command);
                self.perform_tasks();
                Ok(())
            }
        }
    }

    /// Lights say goodbye; the rest follows when that has arrived.
    fn shut_down(&mut self) {
        self.ending = true;
        self.observer.engine.end();
        for number in 0..self.lights.len() {
            self.retire(number);
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
