//! A run: real lights, their hosts, the network between them, and the faults of a plan.
//!
//! The world is a queue of events in true time. Every light is the library's own [`Light`], every
//! message goes through its own writer and reader, and a host does what a host of the library has
//! to do: it calls `step` at least once a tick and right after each word heard, shows the lamps at
//! once, and drops what cannot be sent.

use std::sync::Arc;

use traffic_light::{
    Aspect, Demand, Light, LightConfig, Mutation, Name, PeerMessage, Rule, Start, State, time::at_least,
};

use crate::{
    clock::{Clock, TrueMicros},
    liveness,
    plan::{FaultKind, Plan, Quality},
    queue::Queue,
    rng::Rng,
    trace::{Trace, short},
    watcher::{Property, Violation, Watcher, seconds},
};

const MS: TrueMicros = 1_000;

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The first violation, at which the run stops.
    pub violation: Option<Violation>,
    /// Figures of the run.
    pub tally: Tally,
    /// What happened, if it was kept.
    pub trace: Trace,
}

/// Figures of a run, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Simulated time.
    pub simulated_us: TrueMicros,
    /// Greens that were shown.
    pub greens: u64,
    /// Of these, how many have ended.
    pub greens_ended: u64,
    /// How long those that ended took, in all.
    pub green_us: TrueMicros,
    /// Of those that ended, how many were shorter than the shortest planned.
    pub greens_cut: u64,
    /// Messages published.
    pub publishes: u64,
    /// Messages delivered.
    pub deliveries: u64,
    /// The longest time from the end of all faults to the first go, unless every light had just started.
    pub recovery_us: TrueMicros,
    /// The longest wait from the end of a go to the same light's next, after recovery.
    pub wait_us: TrueMicros,
}

impl Tally {
    /// Adds another run's figures.
    pub fn add(&mut self, other: &Tally) {
        self.simulated_us += other.simulated_us;
        self.greens += other.greens;
        self.greens_ended += other.greens_ended;
        self.green_us += other.green_us;
        self.greens_cut += other.greens_cut;
        self.publishes += other.publishes;
        self.deliveries += other.deliveries;
        self.recovery_us = self.recovery_us.max(other.recovery_us);
        self.wait_us = self.wait_us.max(other.wait_us);
    }
}

/// A message on its way, as bytes.
type Payload = Arc<[u8]>;

#[derive(Debug)]
enum Event {
    Tick { light: usize, generation: u32 },
    Arrive { to: usize, from: usize, payload: Payload, retained: bool },
    Call { light: usize, every_us: TrueMicros },
    FirstStart { light: usize, never_ran: bool },
    FaultStarts(usize),
    FaultEnds(usize),
    Watchdog { light: usize, fault: usize },
    Replay,
    Heal,
}

/// A light and its host.
struct Host {
    name: Name,
    topic: String,
    clock: Clock,
    light: Option<Light>,
    /// Given up when the light stops: ticks of an earlier generation are void.
    generation: u32,
    started_us: TrueMicros,
    /// When its program last began to run: at the start, or after a hang or sleep.
    awake_us: TrueMicros,
    /// How long it stays out of go and of flashing after that start, in true time at most.
    hold_us: TrueMicros,
    stopped_us: TrueMicros,
    /// The fault by which the program stands still.
    paused_by: Option<usize>,
    paused_at_us: TrueMicros,
    inbox: Vec<(usize, Payload, bool)>,
    /// Faults by which the host knows that it has no session.
    offline: u32,
    /// The longest lease and `lost_after` of all its timings so far.
    lease_max_ms: u32,
    lost_max_ms: u32,
    /// When something new was last heard from each light.
    heard_us: Vec<TrueMicros>,
    /// The number of its last run.
    boot: u32,
    /// The last message that the broker has of this light.
    retained: Option<Payload>,
    /// When the message sent last arrives at each light, where links keep their order.
    arrives_us: Vec<TrueMicros>,
}

/// Plays `plan`; with `mutation` every light lacks that safeguard.
#[must_use]
pub fn play(plan: &Plan, mutation: Option<Mutation>, trace: Trace) -> Outcome {
    let mut world = World::new(plan, mutation, trace);
    let violation = world.run().err();
    let mut tally = world.tally;
    tally.simulated_us = world.now.min(plan.end_us);
    for go in world.watcher.goes() {
        tally.greens += u64::from(
            go.green_us > 0 || world.watcher.aspect(go.light) == Aspect::Green && go.end_us.is_none(),
        );
        if go.end_us.is_some() && go.green_us > 0 {
            let shortest_us = u64::from(plan.timings[go.light].green_min_ms) * MS * 98 / 100;
            tally.greens_ended += 1;
            tally.green_us += go.green_us;
            tally.greens_cut += u64::from(go.green_us < shortest_us);
        }
    }
    Outcome { violation, tally, trace: world.trace }
}

struct World<'a> {
    plan: &'a Plan,
    mutation: Option<Mutation>,
    now: TrueMicros,
    queue: Queue<Event>,
    hosts: Vec<Host>,
    /// Faults that go on, as indices of the plan's.
    active: Vec<usize>,
    healed: bool,
    /// At the moment of healing: how much of each light's wait after a start may be left.
    holds_left_us: Vec<TrueMicros>,
    watcher: Watcher,
    rng: Rng,
    /// All that was ever said, and by whom, for a replayer, and how far he has got with it.
    recorded: Vec<(usize, Payload)>,
    replayed: usize,
    /// What he does by chance; of its own, so that a run without him is the same but for him.
    replayer_rng: Rng,
    tally: Tally,
    trace: Trace,
}

impl<'a> World<'a> {
    fn new(plan: &'a Plan, mutation: Option<Mutation>, trace: Trace) -> World<'a> {
        let lights = plan.lights();
        let hosts = (0..lights)
            .filter_map(|light| {
                let name = Name::new(&crate::watcher::letter(light).to_string()).ok()?;
                Some(Host {
                    topic: format!("twinlight/proof/{name}/state"),
                    name,
                    clock: plan.clocks[light].clone(),
                    light: None,
                    generation: 0,
                    started_us: 0,
                    awake_us: 0,
                    hold_us: 0,
                    stopped_us: 0,
                    paused_by: None,
                    paused_at_us: 0,
                    inbox: Vec::new(),
                    offline: 0,
                    lease_max_ms: plan.timings[light].lease_ms,
                    lost_max_ms: plan.timings[light].lost_after_ms,
                    heard_us: vec![0; lights],
                    boot: 0,
                    retained: None,
                    arrives_us: vec![0; lights],
                })
            })
            .collect();
        let clearance_us = plan.timings.iter().map(|timing| u64::from(timing.clearance_ms) * MS).collect();
        let mut world = World {
            plan,
            mutation,
            now: 0,
            queue: Queue::new(),
            hosts,
            active: Vec::new(),
            healed: false,
            holds_left_us: vec![0; lights],
            watcher: Watcher::new(clearance_us),
            rng: Rng::new(plan.seed, 1),
            recorded: Vec::new(),
            replayed: 0,
            replayer_rng: Rng::new(plan.seed, 2),
            tally: Tally::default(),
            trace,
        };
        for (light, (at_us, never_ran)) in plan.first_starts.iter().enumerate() {
            world.at(*at_us, Event::FirstStart { light, never_ran: *never_ran });
            if let Some(every_us) = plan.calls_us[light] {
                world.at(every_us, Event::Call { light, every_us });
            }
        }
        for (index, fault) in plan.faults.iter().enumerate() {
            world.at(fault.start_us, Event::FaultStarts(index));
            world.at(fault.end_us.max(fault.start_us + 1), Event::FaultEnds(index));
        }
        if plan.replayer.is_some() {
            world.at(1, Event::Replay);
        }
        if let Some(heal_at_us) = plan.heal_at_us {
            world.at(heal_at_us + 2, Event::Heal);
        }
        world
    }

    fn at(&mut self, at_us: TrueMicros, event: Event) {
        self.queue.push(at_us, event);
    }

    fn run(&mut self) -> Result<(), Violation> {
        while let Some((at_us, event)) = self.queue.pop() {
            if at_us > self.plan.end_us {
                self.now = self.plan.end_us;
                break;
            }
            self.now = at_us;
            self.handle(event)?;
        }
        let Some(heal_at_us) = self.plan.heal_at_us else { return Ok(()) };
        let report = match self.plan.settled_us() {
            None => liveness::check(self.plan, heal_at_us, &self.holds_left_us, self.watcher.goes())?,
            Some(settled_us) => {
                self.check_moved_nothing(settled_us)?;
                liveness::check(self.plan, settled_us, &vec![0; self.hosts.len()], self.watcher.goes())?
            }
        };
        self.tally.recovery_us = report.recovery_us;
        self.tally.wait_us = report.wait_us;
        Ok(())
    }

    fn handle(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Tick { light, generation } => {
                if self.hosts[light].generation == generation && self.hosts[light].light.is_some() {
                    self.step(light)?;
                    self.check_fail_safe(light)?;
                    self.next_tick(light);
                }
                Ok(())
            }
            Event::Arrive { to, from, payload, retained } => self.arrive(to, from, payload, retained),
            Event::Call { light, every_us } => {
                if let Some(running) = &mut self.hosts[light].light {
                    running.call();
                }
                let pause_us = self.rng.between(1, 2 * every_us);
                self.at(self.now + pause_us, Event::Call { light, every_us });
                Ok(())
            }
            Event::FirstStart { light, never_ran } => {
                let ended_ms = if never_ran { Start::NEVER } else { None };
                if self.hosts[light].light.is_none() && self.hosts[light].generation == 0 {
                    self.start(light, ended_ms)?;
                }
                Ok(())
            }
            Event::FaultStarts(index) => self.fault_starts(index),
            Event::FaultEnds(index) => self.fault_ends(index),
            Event::Watchdog { light, fault } => {
                if self.hosts[light].paused_by == Some(fault) {
                    self.trace.note(self.now, Some(light), || "watchdog: lamps out".into());
                    self.stop(light)?;
                }
                Ok(())
            }
            Event::Replay => self.replay(),
            Event::Heal => self.heal(),
        }
    }

    /// Says again what was said once, to any light.
    fn replay(&mut self) -> Result<(), Violation> {
        let Some(replayer) = self.plan.replayer.filter(|replayer| replayer.stays || !self.healed) else {
            return Ok(());
        };
        let rng = &mut self.replayer_rng;
        let pause_us = rng.between(1, replayer.pause_us);
        let count = self.recorded.len();
        let to = rng.index(self.hosts.len());
        if count > 0 {
            if rng.chance(10) {
                self.replayed = rng.index(count);
            }
            let place = if rng.chance(replayer.random) { rng.index(count) } else { self.replayed % count };
            self.replayed = (self.replayed + 1) % count;
            let (from, payload) = self.recorded[place].clone();
            if from != to {
                self.arrive(to, from, payload, false)?;
            }
        }
        self.at(self.now + pause_us, Event::Replay);
        Ok(())
    }

    /// Whether every green was as long as it was meant to be while somebody replayed old messages.
    fn check_moved_nothing(&self, settled_us: TrueMicros) -> Result<(), Violation> {
        for go in self.watcher.goes().iter().filter(|go| go.start_us >= settled_us) {
            let shortest_us = u64::from(self.plan.timings[go.light].green_min_ms) * MS * 98 / 100;
            if let Some(end_us) = go.end_us.filter(|_| go.green_us < shortest_us) {
                let green = seconds(go.green_us);
                let what = format!("a green of {} ended after {green:.3} s", self.hosts[go.light].name);
                return Err(Violation { property: Property::OldWords, at_us: end_us, what });
            }
        }
        Ok(())
    }

    // The life of a light.

    fn start(&mut self, light: usize, ended_ms: Option<u64>) -> Result<(), Violation> {
        let peers: Vec<Name> = self
            .hosts
            .iter()
            .enumerate()
            .filter(|(peer, _)| *peer != light)
            .map(|(_, host)| host.name.clone())
            .collect();
        let timing = self.plan.timings[light];
        let demand = if self.plan.calls_us[light].is_some() { Demand::Call } else { Demand::Always };
        let start = Start {
            // As seconds have passed, or none.
            boot: self.hosts[light].boot + 1 + u32::try_from(self.rng.draw() % 100).unwrap_or(0),
            seed: self.rng.draw(),
            lease_max_ms: self.hosts[light].lease_max_ms,
            last_run_ended_ms: ended_ms,
        };
        let now = self.now;
        let host = &mut self.hosts[light];
        host.boot = start.boot;
        let Ok(config) = LightConfig::new(host.name.clone(), &peers, Rule::Lease, demand, timing) else {
            return Ok(());
        };
        let config = config.keyed(self.plan.key.is_some());
        let mut running = Light::new(config, start, host.clock.read(now));
        if let Some(mutation) = self.mutation {
            running.mutate(mutation);
        }
        host.light = Some(running);
        host.generation += 1;
        host.started_us = now;
        host.awake_us = now;
        let hold_ms = timing.start_hold_ms(host.lease_max_ms).saturating_sub(ended_ms.unwrap_or(0));
        host.hold_us = host.clock.true_us(hold_ms + 1);
        host.heard_us.fill(now);
        self.trace.note(now, Some(light), || format!("starts as {:x}, waits {hold_ms} ms", start.boot));
        self.show(light)?;
        if self.hosts[light].offline > 0 {
            self.set_connected(light, false);
        } else {
            self.deliver_retained(light);
        }
        self.step(light)?;
        self.next_tick(light);
        Ok(())
    }

    fn stop(&mut self, light: usize) -> Result<(), Violation> {
        let host = &mut self.hosts[light];
        host.light = None;
        host.generation += 1;
        host.stopped_us = self.now;
        host.paused_by = None;
        host.inbox.clear();
        self.show(light)
    }

    fn next_tick(&mut self, light: usize) {
        let host = &self.hosts[light];
        let Some(running) = &host.light else { return };
        let longest_us = host.clock.true_us(u64::from(running.config().timing().tick_ms));
        let generation = host.generation;
        let pause_us =
            if self.plan.jitter { self.rng.between(longest_us / 4, longest_us) } else { longest_us };
        self.at(self.now + pause_us.max(1), Event::Tick { light, generation });
    }

    fn step(&mut self, light: usize) -> Result<(), Violation> {
        let host = &mut self.hosts[light];
        let now = host.clock.read(self.now);
        let Some(running) = &mut host.light else { return Ok(()) };
        let said = running.step(now);
        self.show(light)?;
        if let Some(state) = said {
            self.publish(light, &state);
        }
        Ok(())
    }

    /// Brings the lamps before the watcher's eyes.
    fn show(&mut self, light: usize) -> Result<(), Violation> {
        let host = &self.hosts[light];
        let asleep = host
            .paused_by
            .is_some_and(|fault| matches!(self.plan.faults[fault].what, FaultKind::Suspend { .. }));
        let aspect = match &host.light {
            Some(running) if !asleep => running.aspect(),
            _ => Aspect::Dark,
        };
        if self.watcher.aspect(light) != aspect {
            self.trace.note(self.now, Some(light), || format!("shows {}", aspect.as_str().to_uppercase()));
            let settled = self.plan.settled_us().is_some_and(|settled_us| self.now >= settled_us);
            if settled && aspect == Aspect::FlashingAmber {
                let what = format!("{} flashes while nothing is wrong", self.hosts[light].name);
                return Err(Violation { property: Property::OldWords, at_us: self.now, what });
            }
        }
        self.watcher.see(self.now, light, aspect)
    }

    fn set_connected(&mut self, light: usize, connected: bool) {
        let host = &mut self.hosts[light];
        let now = host.clock.read(self.now);
        if let Some(running) = &mut host.light {
            running.set_connected(now, connected);
        }
    }

    // The network.

    fn publish(&mut self, from: usize, state: &State) {
        let host = &self.hosts[from];
        self.trace.note(self.now, Some(from), || format!("says  {}", short(state)));
        self.tally.publishes += 1;
        if host.offline > 0 {
            return;
        }
        let payload: Payload = Arc::from(state.encode(&host.topic, self.plan.key.as_ref()).as_slice());
        let reaches_broker = !self.active.iter().any(|fault| match self.plan.faults[*fault].what {
            FaultKind::Isolate { light, .. } => light == from,
            FaultKind::Broker { .. } => true,
            _ => false,
        });
        if self.plan.replayer.is_some() {
            self.recorded.push((from, Arc::clone(&payload)));
        }
        if reaches_broker {
            self.hosts[from].retained = Some(Arc::clone(&payload));
        }
        for to in (0..self.hosts.len()).filter(|to| *to != from) {
            self.send(from, to, &payload);
        }
    }

    fn send(&mut self, from: usize, to: usize, payload: &Payload) {
        let lights = self.hosts.len();
        let mut quality = if self.healed {
            Quality::good(&self.plan.timings[from])
        } else {
            self.plan.links[from * lights + to]
        };
        let mut stalled_until_us = 0;
        for fault in &self.active {
            let fault = &self.plan.faults[*fault];
            let blocks = match fault.what {
                FaultKind::OneWay { from: source, to: sink, stall } if (source, sink) == (from, to) => {
                    Some(stall)
                }
                FaultKind::Isolate { light, stall, .. } if light == from || light == to => Some(stall),
                FaultKind::Broker { stall, .. } => Some(stall),
                FaultKind::Storm(storm) => {
                    quality = storm;
                    None
                }
                _ => None,
            };
            match blocks {
                Some(true) => stalled_until_us = stalled_until_us.max(fault.end_us),
                Some(false) => {
                    self.trace.note(self.now, Some(from), || {
                        format!("      … does not reach {}", crate::watcher::letter(to))
                    });
                    return;
                }
                None => {}
            }
        }
        if self.rng.chance(quality.lost) {
            self.trace
                .note(self.now, Some(from), || format!("      … lost to {}", crate::watcher::letter(to)));
            return;
        }
        let copies = if self.rng.chance(quality.doubled) { 2 } else { 1 };
        for _ in 0..copies {
            let (shortest_us, longest_us) = quality.delay_us;
            let mut delay_us = self.rng.between(shortest_us, longest_us);
            if self.rng.chance(quality.late) {
                delay_us = self.rng.between(0, quality.late_us);
            }
            let mut at_us = self.now.max(stalled_until_us) + delay_us;
            if self.plan.ordered {
                at_us = at_us.max(self.hosts[from].arrives_us[to]);
                self.hosts[from].arrives_us[to] = at_us;
            }
            self.at(at_us, Event::Arrive { to, from, payload: Arc::clone(payload), retained: false });
        }
    }

    fn deliver_retained(&mut self, to: usize) {
        for from in (0..self.hosts.len()).filter(|from| *from != to) {
            if let Some(payload) = self.hosts[from].retained.clone() {
                let delay_us = self.rng.between(0, 50 * MS);
                self.at(self.now + delay_us, Event::Arrive { to, from, payload, retained: true });
            }
        }
    }

    fn arrive(&mut self, to: usize, from: usize, payload: Payload, retained: bool) -> Result<(), Violation> {
        if let Some(fault) = self.hosts[to].paused_by {
            if !matches!(self.plan.faults[fault].what, FaultKind::Hang { queued: false, .. }) {
                self.hosts[to].inbox.push((from, payload, retained));
            }
            return Ok(());
        }
        self.hear(to, from, &payload, retained)
    }

    fn hear(&mut self, to: usize, from: usize, payload: &[u8], retained: bool) -> Result<(), Violation> {
        let word = PeerMessage::decode(&self.hosts[from].topic, payload, self.plan.key.as_ref());
        let name = self.hosts[from].name.clone();
        let host = &mut self.hosts[to];
        let now = host.clock.read(self.now);
        let Some(running) = &mut host.light else { return Ok(()) };
        let word = word.map_err(|ignored| Violation {
            property: Property::L1,
            at_us: self.now,
            what: format!("a light does not understand another's message: {ignored}"),
        })?;
        let heard = running.hear(now, &name, &word, retained);
        self.tally.deliveries += 1;
        if heard.is_new() {
            host.heard_us[from] = self.now;
        }
        self.trace.note(self.now, Some(to), || {
            let what = match &word {
                PeerMessage::State(state) => short(state),
                PeerMessage::Plain(aspect) => aspect.as_str().into(),
            };
            format!("hears {name}: {what} ({heard:?})").to_string()
        });
        self.step(to)
    }

    // Faults.

    fn fault_starts(&mut self, index: usize) -> Result<(), Violation> {
        let fault = self.plan.faults[index];
        self.active.push(index);
        self.trace.note(self.now, None, || {
            format!("fault {index} starts: {:?}, until {:.6} s", fault.what, seconds(fault.end_us))
        });
        match fault.what {
            FaultKind::Isolate { light, told: true, .. } => self.goes_offline(light),
            FaultKind::Broker { told, forgets, .. } => {
                for light in 0..self.hosts.len() {
                    if told {
                        self.goes_offline(light);
                    }
                    if forgets {
                        self.hosts[light].retained = None;
                    }
                }
            }
            FaultKind::Stop { light, .. } if self.hosts[light].light.is_some() => self.stop(light)?,
            FaultKind::Hang { light, .. } | FaultKind::Suspend { light } => {
                let host = &mut self.hosts[light];
                let Some(running) = &host.light else { return Ok(()) };
                if host.paused_by.is_some() {
                    return Ok(());
                }
                let watchdog_us = u64::from(running.config().timing().watchdog_ms) * MS;
                host.paused_by = Some(index);
                host.paused_at_us = self.now;
                host.generation += 1;
                if matches!(fault.what, FaultKind::Hang { .. }) {
                    self.at(self.now + watchdog_us, Event::Watchdog { light, fault: index });
                }
                self.show(light)?;
            }
            FaultKind::Retime { light, timing } => {
                let host = &mut self.hosts[light];
                if let Some(running) = &mut host.light
                    && running.set_timing(timing).is_ok()
                {
                    host.lease_max_ms = host.lease_max_ms.max(timing.lease_ms);
                    host.lost_max_ms = host.lost_max_ms.max(timing.lost_after_ms);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn fault_ends(&mut self, index: usize) -> Result<(), Violation> {
        let fault = self.plan.faults[index];
        self.active.retain(|active| *active != index);
        self.trace.note(self.now, None, || format!("fault {index} ends"));
        match fault.what {
            FaultKind::Isolate { light, told: true, .. } => self.comes_online(light)?,
            FaultKind::Broker { told: true, .. } => {
                for light in 0..self.hosts.len() {
                    self.comes_online(light)?;
                }
            }
            FaultKind::Stop { light, known } => self.start_again(light, known)?,
            FaultKind::Hang { light, .. } => {
                if self.hosts[light].paused_by == Some(index) {
                    self.wake(light)?;
                } else {
                    self.start_again(light, false)?;
                }
            }
            FaultKind::Suspend { light } if self.hosts[light].paused_by == Some(index) => {
                let host = &mut self.hosts[light];
                let slept_us = self.now - host.paused_at_us;
                host.clock.stood_us += slept_us;
                // Its wait after the start goes by its clock, which stood still.
                host.started_us += slept_us;
                if let Some(running) = &mut host.light {
                    running.lose_leases();
                }
                self.wake(light)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Switches a light on that is off; not where another fault keeps it off.
    fn start_again(&mut self, light: usize, known: bool) -> Result<(), Violation> {
        let kept_off = self.active.iter().any(|active| {
            matches!(self.plan.faults[*active].what, FaultKind::Stop { light: other, .. } if other == light)
        });
        let host = &self.hosts[light];
        // A light that was never on waits for its first start.
        if host.light.is_some() || kept_off || host.generation == 0 {
            return Ok(());
        }
        let off_ms = host.clock.read(self.now).since(host.clock.read(host.stopped_us)).saturating_sub(1);
        self.start(light, known.then_some(off_ms))
    }

    /// The program of a light that stood still goes on.
    fn wake(&mut self, light: usize) -> Result<(), Violation> {
        let host = &mut self.hosts[light];
        host.paused_by = None;
        host.generation += 1;
        host.awake_us = self.now;
        let inbox = std::mem::take(&mut host.inbox);
        // What came of its session meanwhile is the first thing that its host tells it.
        let connected = host.offline == 0;
        self.set_connected(light, connected);
        self.step(light)?;
        for (from, payload, retained) in inbox {
            self.hear(light, from, &payload, retained)?;
        }
        self.next_tick(light);
        Ok(())
    }

    fn goes_offline(&mut self, light: usize) {
        self.hosts[light].offline += 1;
        if self.hosts[light].paused_by.is_none() {
            self.set_connected(light, false);
        }
    }

    fn comes_online(&mut self, light: usize) -> Result<(), Violation> {
        let host = &mut self.hosts[light];
        host.offline = host.offline.saturating_sub(1);
        if host.offline > 0 || host.light.is_none() || host.paused_by.is_some() {
            return Ok(());
        }
        self.set_connected(light, true);
        self.deliver_retained(light);
        self.step(light)
    }

    /// All faults are over: what is still on its way arrives soon or never.
    fn heal(&mut self) -> Result<(), Violation> {
        self.trace.note(self.now, None, || "all faults have ended, links are good".into());
        self.healed = true;
        let longest_us = u64::from(self.plan.timings[0].rtt_ms) * MS / 2;
        for (mut at_us, event) in self.queue.drain() {
            if matches!(event, Event::Arrive { .. }) && at_us > self.now + longest_us {
                if self.rng.chance(500) {
                    continue;
                }
                at_us = self.now + self.rng.between(0, longest_us);
            }
            self.queue.push(at_us, event);
        }
        for host in &mut self.hosts {
            host.arrives_us.fill(0);
        }
        for light in 0..self.hosts.len() {
            if self.hosts[light].light.is_none() {
                self.start(light, None)?;
            }
            let host = &self.hosts[light];
            self.holds_left_us[light] = (host.started_us + host.hold_us).saturating_sub(self.now);
        }
        Ok(())
    }

    /// Whether a light that has not heard another for long shows what it must.
    fn check_fail_safe(&self, light: usize) -> Result<(), Violation> {
        let host = &self.hosts[light];
        let Some(running) = &host.light else { return Ok(()) };
        let quietest_us =
            host.heard_us.iter().enumerate().filter(|(peer, _)| *peer != light).map(|(_, at)| *at).min();
        let since_us = quietest_us.unwrap_or(self.now).max(host.awake_us);
        let timing = running.config().timing();
        let ticks_ms = 3 * u64::from(timing.tick_ms);
        let lost_us = since_us + host.clock.true_us(u64::from(host.lost_max_ms) + ticks_ms);
        let clear_us = lost_us + host.clock.true_us(u64::from(timing.amber_ms) + ticks_ms);
        let kept_us = lost_us + host.clock.true_us(at_least(u64::from(host.lease_max_ms)) + ticks_ms);
        let flash_us =
            clear_us.max(kept_us).max(host.started_us + host.hold_us + host.clock.true_us(ticks_ms));
        let aspect = running.aspect();
        let wrong =
            self.now > clear_us && aspect.is_go() || self.now > flash_us && aspect != Aspect::FlashingAmber;
        if wrong {
            let silent = seconds(self.now - since_us);
            let what = format!("{} still shows {aspect} after {silent:.3} s of silence", host.name);
            return Err(Violation { property: Property::FailSafe, at_us: self.now, what });
        }
        Ok(())
    }
}
