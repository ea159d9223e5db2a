//! Every behaviour of two lights in a small world, with the model checker stateright.
//!
//! Time goes in steps of a second; at each step both lights make a check, and between two steps
//! anything may happen in any order. The lights are the library's own; a step of the world calls
//! [`Light::hear`] and [`Light::step`] as a host does.
//!
//! - **Messages**: in each direction the network holds up to [`World::kept`] messages. Any that it
//!   holds may be delivered at any moment, any number of times, in any order, or never. When a
//!   light says more than the network can hold, any one of them is lost, be it the new one. So a
//!   message may be lost, doubled, reordered, or late by any time.
//! - **Restarts**: either light may start anew at any moment, [`World::restarts`] times in all.
//! - **Clocks**: all pairs of rates of 0.99, 1 and 1.01.
//!
//! States are compared in a common form ([`traffic_light::light::canonical`]), so the search has no
//! bound in time: it ends when every state that can be reached was seen. What bounds it is the
//! number of messages that the network holds and of restarts, and turns that lie further apart
//! than [`World::turns`] are not followed.

use std::sync::Arc;

use stateright::{Checker, HasDiscoveries, Model, Property as Rule};
use traffic_light::{
    Aspect, Demand, Instant, Light, LightConfig, Mutation, Name, PeerMessage, Start, State, Timing,
    light::canonical::{self, Renumber},
};

/// The bounds of a world, and what is wrong with its lights.
#[derive(Clone, Copy, Debug)]
pub struct World {
    /// Messages that the network holds in each direction.
    pub kept: usize,
    /// Starts of lights that ran before, in all.
    pub restarts: u8,
    /// The greatest difference of turns that is followed.
    pub turns: u32,
    /// Happenings after which a way is not followed further; `None` for no bound.
    pub depth: Option<usize>,
    /// Whether the lights know that nobody else can say a number in a light's name.
    pub keyed: bool,
    /// Pairs of clock rates that are tried, as readings of a step in milliseconds.
    pub rates: &'static [[u16; 2]],
    /// A safeguard to switch off.
    pub mutation: Option<Mutation>,
}

/// All pairs of the slowest, the true and the fastest clock.
pub const ALL_RATES: &[[u16; 2]] = &[
    [1_000, 1_000],
    [990, 1_010],
    [1_010, 990],
    [990, 990],
    [990, 1_000],
    [1_000, 990],
    [1_000, 1_010],
    [1_010, 1_000],
    [1_010, 1_010],
];

/// True milliseconds from one step to the next.
const STEP_MS: u64 = 1_000;
/// What a light's clock reads whenever its state is compared.
const BASE: Instant = Instant::from_ms(1_000_000);

/// The world's timings: a lease lasts five steps, red-amber, green, amber and clearance one each.
#[must_use]
pub fn timing() -> Timing {
    Timing {
        red_amber_ms: 900,
        green_min_ms: 900,
        green_max_ms: 900,
        amber_ms: 900,
        clearance_ms: 900,
        heartbeat_ms: 150,
        lease_ms: 5_100,
        lost_after_ms: 1_500,
        // A step, by the fastest clock.
        tick_ms: 1_010,
        // Nothing hangs here.
        watchdog_ms: 1,
        rtt_ms: 0,
        quota: None,
    }
}

/// A state of the world, in the common form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Moment {
    lights: [Arc<Light>; 2],
    /// Clock readings a step, in milliseconds.
    rates: [u16; 2],
    /// Messages from light 0 and from light 1 that the network holds, sorted.
    network: [Vec<Arc<State>>; 2],
    runs: [u8; 2],
    restarts_left: u8,
    /// Steps since the end of each light's last go, up to those that clearance asks for.
    since_go: [u8; 2],
    /// What was seen to be violated.
    wrong: Option<crate::watcher::Property>,
}

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A step of time passes and both lights check. Where what they say does not all fit into the
    /// network, `lost` says which of each light's are lost, by their place among old and new.
    Step {
        /// For each light.
        lost: [u8; 2],
    },
    /// The message `index` from light `from` arrives; as to what the other says upon it, `lost` is
    /// as above.
    Arrive {
        /// Whose message.
        from: u8,
        /// Its place in the network.
        index: u8,
        /// Which of the other's messages is lost, if it says something.
        lost: u8,
    },
    /// A light starts anew.
    Restart {
        light: u8,
        /// Which of its messages is lost when it speaks.
        lost: u8,
    },
}

/// The numbers that a moment holds, sorted.
#[derive(Default)]
struct Numbers {
    seqs: Vec<(u32, u32)>,
    echoed: Vec<(u32, u32)>,
    turns: Vec<u32>,
}

impl Numbers {
    fn of(moment: &Moment) -> Numbers {
        let Numbers { mut seqs, mut echoed, mut turns } = Numbers::default();
        let mut seq = |boot, seq| seqs.push((boot, seq));
        let mut echo = |boot, seq| echoed.push((boot, seq));
        let mut turn = |turn| turns.push(turn);
        for light in &moment.lights {
            light.each_number(&mut seq, &mut echo, &mut turn);
        }
        for state in moment.network.iter().flatten() {
            canonical::each_number(state, &mut seq, &mut echo, &mut turn);
        }
        seqs.sort_unstable();
        seqs.dedup();
        turns.sort_unstable();
        Numbers { seqs, echoed, turns }
    }

    fn least_turn(&self) -> u32 {
        self.turns.first().copied().unwrap_or(0)
    }

    /// The greatest difference of turns.
    fn span(&self) -> u32 {
        self.turns.last().map_or(0, |last| last - self.least_turn())
    }
}

impl Renumber for Numbers {
    fn seq(&self, boot: u32, seq: u32) -> u32 {
        // Numbers start at 1, and 0 stands for none said yet.
        let first = self.seqs.partition_point(|known| *known < (boot, 1));
        let place = self.seqs.partition_point(|known| *known <= (boot, seq)).saturating_sub(first);
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    fn turn(&self, turn: u32) -> u32 {
        turn.saturating_sub(self.least_turn())
    }

    fn is_awaited(&self, boot: u32, seq: u32) -> bool {
        self.echoed.contains(&(boot, seq))
    }
}

impl Moment {
    fn bring_into_common_form(&mut self) {
        // Requests that nobody can echo any more fall out first, and no longer count as numbers.
        let numbers = Numbers::of(self);
        for light in &mut self.lights {
            Arc::make_mut(light).forget_unawaited(&numbers);
        }
        let numbers = Numbers::of(self);
        for light in &mut self.lights {
            Arc::make_mut(light).rebase(BASE, &numbers);
        }
        for state in self.network.iter_mut().flatten() {
            canonical::rebase(Arc::make_mut(state), &numbers);
        }
        for network in &mut self.network {
            network.sort_by_key(|state| (state.boot, state.seq));
            network.dedup();
        }
    }

    /// Drops messages that would be ignored whenever they arrived: what is stale stays stale, for a light
    /// that does not start anew, and where an earlier run never comes to count again.
    fn drop_stale(&mut self, keyed: bool) {
        for from in 0..2 {
            if self.restarts_left == 0 && (keyed || self.runs[from] == 0) {
                let heard = self.lights[1 - from].last_heard(0).unwrap_or_default();
                self.network[from].retain(|state| (state.boot, state.seq) > heard);
            }
        }
    }

    /// Looks at the lamps, as the watcher of the simulation does.
    fn look(&mut self, light: usize, before: Aspect) {
        use crate::watcher::Property;
        let after = self.lights[light].aspect();
        let other = self.lights[1 - light].aspect();
        if before.is_go() && !after.is_go() {
            self.since_go[light] = 0;
        }
        if after == Aspect::FlashingAmber && other.is_go() || other == Aspect::FlashingAmber && after.is_go()
        {
            self.wrong = Some(Property::S3);
        }
        if after.is_go() && !before.is_go() {
            let gap_ms = u64::from(self.since_go[1 - light]) * STEP_MS;
            if gap_ms < u64::from(timing().clearance_ms) {
                self.wrong = Some(Property::S2);
            }
        }
        if after.is_go() && other.is_go() {
            self.wrong = Some(Property::S1);
        }
    }

    fn apply(&mut self, light: usize, kept: usize, lost: u8, step: impl FnOnce(&mut Light) -> Option<State>) {
        let before = self.lights[light].aspect();
        let said = step(Arc::make_mut(&mut self.lights[light]));
        self.look(light, before);
        if let Some(state) = said {
            let network = &mut self.network[light];
            network.push(Arc::new(state));
            if network.len() > kept {
                network.remove(usize::from(lost).min(kept));
            }
        }
    }
}

impl World {
    fn light(&self, light: usize, run: u8, last_run_ended_ms: Option<u64>) -> Option<Light> {
        let names = [Name::new("a").ok()?, Name::new("b").ok()?];
        let [first, second] = names;
        let (own, other) = if light == 0 { (first, second) } else { (second, first) };
        let config =
            LightConfig::new(own, &[other], traffic_light::Rule::Lease, Demand::Always, timing()).ok()?;
        let config = config.keyed(self.keyed);
        let boot = u32::from(run) * 2 + u32::try_from(light).ok()? + 1;
        let start = Start { boot, seed: 0, lease_max_ms: 0, last_run_ended_ms };
        let mut light = Light::new(config, start, BASE);
        if let Some(mutation) = self.mutation {
            light.mutate(mutation);
        }
        Some(light)
    }

    /// What may be lost: nothing to choose while there is room.
    fn losses(&self, moment: &Moment, light: usize) -> std::ops::RangeInclusive<u8> {
        let full = moment.network[light].len() >= self.kept;
        0..=if full { u8::try_from(self.kept).unwrap_or(u8::MAX) } else { 0 }
    }

    /// Searches all of it, on `threads` threads.
    #[must_use]
    pub fn search(self, threads: usize) -> Searched {
        let started = std::time::Instant::now();
        let mut checker = self.checker().threads(threads).finish_when(HasDiscoveries::AnyFailures);
        if let Some(depth) = self.depth {
            checker = checker.target_max_depth(depth);
        }
        let checker = checker.spawn_bfs().join();
        let trace =
            checker.discoveries().into_iter().find(|(name, _)| name.starts_with('S')).map(|(name, path)| {
                let mut text = format!("{name}\n");
                for (moment, happening) in path.into_vec() {
                    use std::fmt::Write as _;
                    let [a, b] = &moment.lights;
                    let happening =
                        happening.map_or("the end".to_owned(), |happening| self.describe(&moment, happening));
                    let _ = writeln!(
                        text,
                        "  a {:<14} b {:<14} then {happening}",
                        a.aspect().as_str(),
                        b.aspect().as_str()
                    );
                }
                text
            });
        Searched {
            states: checker.unique_state_count(),
            transitions: checker.state_count(),
            depth: checker.max_depth(),
            seconds: started.elapsed().as_secs_f64(),
            violation: trace,
        }
    }

    fn describe(&self, moment: &Moment, happening: Happening) -> String {
        match happening {
            Happening::Step { .. } => "a step".to_owned(),
            Happening::Arrive { from, index, .. } => {
                let state = moment.network[usize::from(from)].get(usize::from(index));
                let what = state.map_or(String::new(), |state| crate::trace::short(state));
                format!("{} hears {what}", if from == 0 { 'b' } else { 'a' })
            }
            Happening::Restart { light, .. } => format!("{} starts anew", if light == 0 { 'a' } else { 'b' }),
        }
    }
}

/// What came of an exhaustive search.
#[derive(Clone, Debug)]
pub struct Searched {
    /// Different states.
    pub states: usize,
    /// States that were generated, with repetitions.
    pub transitions: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// How long it took.
    pub seconds: f64,
    /// The shortest way to a violation, in words.
    pub violation: Option<String>,
}

impl Model for World {
    type State = Moment;
    type Action = Happening;

    fn init_states(&self) -> Vec<Moment> {
        let mut moments = Vec::new();
        for rates in self.rates {
            let (Some(a), Some(b)) = (self.light(0, 0, Start::NEVER), self.light(1, 0, Start::NEVER)) else {
                continue;
            };
            let mut moment = Moment {
                lights: [Arc::new(a), Arc::new(b)],
                rates: *rates,
                network: [Vec::new(), Vec::new()],
                runs: [0, 0],
                restarts_left: self.restarts,
                since_go: [CLEAR_STEPS; 2],
                wrong: None,
            };
            moment.bring_into_common_form();
            moments.push(moment);
        }
        moments
    }

    fn actions(&self, moment: &Moment, actions: &mut Vec<Happening>) {
        if moment.wrong.is_some() {
            return;
        }
        for first in self.losses(moment, 0) {
            for second in self.losses(moment, 1) {
                actions.push(Happening::Step { lost: [first, second] });
            }
        }
        for from in 0..2_u8 {
            let to = usize::from(1 - from);
            for index in 0..moment.network[usize::from(from)].len() {
                for lost in self.losses(moment, to) {
                    actions.push(Happening::Arrive {
                        from,
                        index: u8::try_from(index).unwrap_or(u8::MAX),
                        lost,
                    });
                }
            }
        }
        if moment.restarts_left > 0 {
            for light in 0..2_u8 {
                for lost in self.losses(moment, usize::from(light)) {
                    actions.push(Happening::Restart { light, lost });
                }
            }
        }
    }

    fn next_state(&self, moment: &Moment, happening: Happening) -> Option<Moment> {
        let mut next = moment.clone();
        match happening {
            Happening::Step { lost } => {
                for since in &mut next.since_go {
                    *since = (*since + 1).min(CLEAR_STEPS);
                }
                for (light, lost) in lost.into_iter().enumerate() {
                    let now = BASE.after(u64::from(next.rates[light]));
                    next.apply(light, self.kept, lost, |light| light.step(now));
                }
            }
            Happening::Arrive { from, index, lost } => {
                let from = usize::from(from);
                let word = PeerMessage::State(State::clone(next.network[from].get(usize::from(index))?));
                let name = next.lights[from].config().name().clone();
                next.apply(1 - from, self.kept, lost, |light| {
                    light.hear(BASE, &name, &word, false);
                    light.step(BASE)
                });
            }
            Happening::Restart { light, lost } => {
                let light = usize::from(light);
                next.restarts_left -= 1;
                next.runs[light] += 1;
                let before = next.lights[light].aspect();
                next.lights[light] = Arc::new(self.light(light, next.runs[light], None)?);
                next.look(light, before);
                next.apply(light, self.kept, lost, |light| light.step(BASE));
            }
        }
        // A mutated light may heed what is stale.
        if self.mutation.is_none() {
            next.drop_stale(self.keyed);
        }
        next.bring_into_common_form();
        (next != *moment).then_some(next)
    }

    fn properties(&self) -> Vec<Rule<World>> {
        use crate::watcher::Property;
        vec![
            Rule::always("S1: no two lights in go at once", |_, moment: &Moment| {
                moment.wrong != Some(Property::S1)
            }),
            Rule::always("S2: clearance between two go's", |_, moment: &Moment| {
                moment.wrong != Some(Property::S2)
            }),
            Rule::always("S3: no flashing beside a go", |_, moment: &Moment| {
                moment.wrong != Some(Property::S3)
            }),
            Rule::sometimes("light a shows green", |_, moment: &Moment| {
                moment.lights[0].aspect() == Aspect::Green
            }),
            Rule::sometimes("light b shows green", |_, moment: &Moment| {
                moment.lights[1].aspect() == Aspect::Green
            }),
            Rule::sometimes("both flash", |_, moment: &Moment| {
                moment.lights.iter().all(|light| light.aspect() == Aspect::FlashingAmber)
            }),
        ]
    }

    fn within_boundary(&self, moment: &Moment) -> bool {
        Numbers::of(moment).span() <= self.turns
    }
}

/// Steps after which a go that has ended does not matter any more.
const CLEAR_STEPS: u8 = 2;
