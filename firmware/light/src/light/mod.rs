//! The program of a light: its phases, its promises and leases, and when it speaks.
//!
//! The host calls [`Light::hear`] for each message of a conflicting light, and [`Light::step`]
//! right after it and at least once a tick. A step decides and switches the lamps at once: the
//! host shows [`Light::aspect`] and sends what the step returns.
//!
//! | module | one idea |
//! | --- | --- |
//! | `peer` | what a light knows of one conflicting light: words heard, promise given, lease held |
//! | `lease` | right of way by promises |
//! | `react` | the lab's first idea: look at the other's last word; also serves foreign lights |
//! | `foreign`, `partner` | a foreign light that was announced as one, and is talked to in its own words; what is known of it |
//! | `outbox` | what is said, when, and which requests were sent |
//! | `replica` | a twin of a light that is only heard |
//! | `canonical` | one form for states that behave alike, for the proof alone |
//! | `view` | what a person is shown of a light's inside |

#[cfg(feature = "mutations")]
pub mod canonical;
mod foreign;
mod lease;
#[cfg(feature = "mutations")]
mod mutation;
mod outbox;
mod partner;
mod peer;
mod react;
mod replica;
mod view;

use core::fmt;

use heapless::Vec;
use serde::{Deserialize, Serialize};

#[cfg(feature = "mutations")]
pub use self::mutation::Mutation;
use self::{outbox::Outbox, partner::Partner, peer::Peer};
pub use self::{
    replica::Replica,
    view::{Held, View, Waiting},
};
use crate::{
    aspect::Aspect,
    freshness::{Judged, Listener},
    message::{MAX_PEERS, Need, PeerMessage, State},
    name::Name,
    time::{Instant, at_least},
    timing::{Infeasible, Timing},
};

/// By what a light decides whether it may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Only with a promise of every conflicting light: safe whatever happens to the messages.
    #[default]
    Lease,
    /// By the other lights' last words: the lab's own first idea, for teaching. It is safe only
    /// while every message arrives at once.
    React,
}

/// When a light wants green.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// Always: there is traffic on every approach.
    #[default]
    Always,
    /// After its button was pressed.
    Call,
}

/// What a light is, for as long as it runs. Checked when it is made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LightConfig {
    name: Name,
    peers: Vec<Name, MAX_PEERS>,
    rule: Rule,
    demand: Demand,
    timing: Timing,
    keyed: bool,
    /// Its one conflicting light is a foreign one, and lost after so long of silence.
    foreign_lost_after_ms: Option<u32>,
}

/// Why a light cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// More conflicting lights than [`MAX_PEERS`].
    TooManyPeers,
    /// A light may not be its own conflicting light, nor one be named twice.
    NamedTwice(Name),
    /// Timings that cannot work.
    Timing(Infeasible),
}

/// What is new with each start of a light.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// The number of this run, higher than that of every earlier one.
    pub boot: u32,
    /// Seeds the length of the greens; any number.
    pub seed: u64,
    /// The longest lease that an earlier run may have promised, in milliseconds.
    pub lease_max_ms: u32,
    /// How long ago the last run ended, in milliseconds on this clock; `None` where that is not
    /// known, [`Start::NEVER`] where there was none.
    pub last_run_ended_ms: Option<u64>,
}

impl Start {
    /// For [`Start::last_run_ended_ms`]: the light has never run before.
    pub const NEVER: Option<u64> = Some(u64::MAX);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Red,
    RedAmber,
    Green { planned_ms: u64 },
    Amber,
    Flashing,
}

/// What came of a word that was heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It was new.
    New,
    /// It was heard before, or a newer one was, or it is of an earlier run.
    Stale,
    /// Nothing but words of earlier runs has been heard for `lost_after`. Told once, until a newer one is
    /// heard.
    WentBack {
        /// It counts as new, as there is no key.
        taken: bool,
    },
    /// The broker had kept it.
    Kept,
    /// The light does not conflict with this one.
    NoConflict,
    /// A bare aspect on the topic of a light that speaks the whole contract.
    Doubtful,
}

/// One light: its program, between two steps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Light {
    config: LightConfig,
    /// Taken over at the next red.
    next_timing: Option<Timing>,
    booted_at: Instant,
    now: Instant,
    phase: Phase,
    phase_since: Instant,
    /// Out of go and of flashing until then: an earlier run may have promised it.
    hold_until: Instant,
    /// Out of go until then: clearance after a promise or a go that ended.
    clear_at: Instant,
    need: Option<Need>,
    /// The highest turn seen or used.
    highest_turn: u32,
    called: bool,
    /// Since when the host has had no session with the broker.
    disconnected_since: Option<Instant>,
    turns: react::Turns,
    /// What is known of a foreign light beside its words.
    partner: Option<Partner>,
    peers: Vec<Peer, MAX_PEERS>,
    outbox: Outbox,
    random: u64,
    #[cfg(feature = "mutations")]
    mutation: Option<Mutation>,
}

impl LightConfig {
    /// A light `name` that conflicts with `peers`.
    ///
    /// # Errors
    /// When the names cannot be, there are too many, or the timings cannot work.
    pub fn new(
        name: Name,
        peers: &[Name],
        rule: Rule,
        demand: Demand,
        timing: Timing,
    ) -> Result<LightConfig, ConfigError> {
        timing.check().map_err(ConfigError::Timing)?;
        let mut sorted = Vec::<Name, MAX_PEERS>::from_slice(peers).map_err(|_| ConfigError::TooManyPeers)?;
        sorted.sort_unstable();
        for (index, peer) in sorted.iter().enumerate() {
            if *peer == name || sorted.get(index + 1) == Some(peer) {
                return Err(ConfigError::NamedTwice(peer.clone()));
            }
        }
        Ok(LightConfig {
            name,
            peers: sorted,
            rule,
            demand,
            timing,
            keyed: false,
            foreign_lost_after_ms: None,
        })
    }

    /// The same light in a junction that has a key, or has none, as without this.
    #[must_use]
    pub fn keyed(self, keyed: bool) -> LightConfig {
        LightConfig { keyed, ..self }
    }

    /// The same light, whose conflicting light is somebody else's: it is judged by its words alone, and lost after so many
    /// milliseconds of silence. `None` where it is not one light that it conflicts with: a foreign light has one partner.
    #[must_use]
    pub fn with_foreign_partner(self, lost_after_ms: u32) -> Option<LightConfig> {
        let foreign_lost_after_ms = Some(lost_after_ms);
        (self.peers.len() == 1).then_some(LightConfig { foreign_lost_after_ms, ..self })
    }

    /// The light's own name.
    #[must_use]
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The lights that it conflicts with, sorted.
    #[must_use]
    pub fn peers(&self) -> &[Name] {
        &self.peers
    }

    /// When it wants green.
    #[must_use]
    pub fn demand(&self) -> Demand {
        self.demand
    }

    /// The rule that it follows.
    #[must_use]
    pub fn rule(&self) -> Rule {
        self.rule
    }

    /// Its timings.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.timing
    }

    /// By what it judges which messages are new.
    #[must_use]
    pub fn listener(&self) -> Listener {
        Listener { keyed: self.keyed, lost_after_ms: self.timing.lost_after_ms }
    }
}

impl Heard {
    fn of(judged: Judged) -> Heard {
        match judged {
            Judged::New => Heard::New,
            Judged::Repeated | Judged::EarlierRun => Heard::Stale,
            Judged::WentBack { taken } => Heard::WentBack { taken },
        }
    }

    /// Whether it counts as fresh.
    #[must_use]
    pub fn is_new(self) -> bool {
        matches!(self, Heard::New | Heard::WentBack { taken: true })
    }
}

impl Light {
    /// A light that starts `now`: red, and out of go for as long as an earlier run may have
    /// promised.
    #[must_use]
    pub fn new(config: LightConfig, start: Start, now: Instant) -> Light {
        let hold_ms = match config.rule {
            Rule::Lease => {
                let ended_ms = start.last_run_ended_ms.unwrap_or(0);
                config.timing.start_hold_ms(start.lease_max_ms).saturating_sub(ended_ms)
            }
            Rule::React => 0,
        };
        let partner = config.foreign_lost_after_ms.map(|lost_after_ms| Partner::new(lost_after_ms, now));
        let new_peer = |name: &Name| Peer { foreign: partner.is_some(), ..Peer::new(name.clone(), now) };
        let peers = config.peers.iter().map(new_peer).collect();
        Light {
            booted_at: now,
            now,
            next_timing: None,
            phase: Phase::Red,
            phase_since: now,
            hold_until: now.after(hold_ms),
            clear_at: now,
            need: None,
            highest_turn: 0,
            called: false,
            disconnected_since: None,
            turns: react::Turns::new(&config, now),
            partner,
            peers,
            outbox: Outbox::new(start.boot, now, config.timing.quota),
            random: start.seed,
            config,
            #[cfg(feature = "mutations")]
            mutation: None,
        }
    }

    /// What the lamps have to show.
    #[must_use]
    pub fn aspect(&self) -> Aspect {
        match self.phase {
            Phase::Red => Aspect::Red,
            Phase::RedAmber => Aspect::RedAmber,
            Phase::Green { .. } => Aspect::Green,
            Phase::Amber => Aspect::Amber,
            Phase::Flashing => Aspect::FlashingAmber,
        }
    }

    #[must_use]
    pub fn config(&self) -> &LightConfig {
        &self.config
    }

    /// The number of this run.
    #[must_use]
    pub fn boot(&self) -> u32 {
        self.outbox.boot()
    }

    /// Tells of a word of the light `from`, received `now`.
    ///
    /// `retained` says that the broker had kept it: such a word is for display, it is not fresh
    /// and asks for nothing.
    pub fn hear(&mut self, now: Instant, from: &Name, word: &PeerMessage, retained: bool) -> Heard {
        self.advance(now);
        let Some(index) = self.peers.iter().position(|peer| peer.name == *from) else {
            return Heard::NoConflict;
        };
        if self.partner.is_some() {
            return Heard::NoConflict;
        }
        match word {
            PeerMessage::State(state) if !retained => self.hear_state(index, state),
            PeerMessage::Plain(_) if !retained => self.hear_plain(index, word.aspect()),
            _ => {
                if self.config.rule == Rule::React {
                    self.hear_aspect(index, word.aspect());
                }
                Heard::Kept
            }
        }
    }

    /// Decides, switches the lamps, and returns what is to be sent now, if anything.
    ///
    /// To be called at least once a tick, and after each word heard. The message counts as sent at
    /// `now`; one that cannot be sent must be dropped, never kept for later.
    pub fn step(&mut self, now: Instant) -> Option<State> {
        self.advance(now);
        self.expire_promises();
        self.note_lost();
        let flashed = self.phase == Phase::Flashing;
        self.move_on();
        self.make_promises();
        self.want();
        // A light that has flashed shows red first, however good its leases are.
        if !flashed {
            self.enter_go();
        }
        self.speak()
    }

    /// Forgets every lease: the host's clock may have stood still, or has jumped.
    pub fn lose_leases(&mut self) {
        for peer in &mut self.peers {
            peer.lease_until = None;
        }
        self.outbox.forget_requests();
    }

    /// Tells whether the host has a session with the broker. A light that gets one has something
    /// to say at once.
    ///
    /// A light judges lease-giving lights by their words alone; one that serves a foreign light,
    /// which may be silent for long, has nothing else to go by. A light that goes by last words
    /// does not go for the first time before it has had a session, and one that goes by leases
    /// makes no promise while nobody can be told of it. Until this is called, the light
    /// takes it that there is one.
    pub fn set_connected(&mut self, now: Instant, connected: bool) {
        self.advance(now);
        if connected && self.disconnected_since.is_some() {
            self.outbox.announce();
            self.turns.connected(self.now);
            self.partner_connected();
        }
        self.disconnected_since = match (connected, self.disconnected_since) {
            (true, _) => None,
            (false, since) => since.or(Some(self.now)),
        };
    }

    /// The button: with [`Demand::Call`] the light wants one green.
    pub fn call(&mut self) {
        self.called = true;
    }

    /// Takes other timings: at once while the light is not in go, else at its next red.
    ///
    /// # Errors
    /// When the timings cannot work; the present ones stay.
    pub fn set_timing(&mut self, timing: Timing) -> Result<(), Infeasible> {
        timing.check()?;
        self.next_timing = Some(timing);
        Ok(())
    }

    /// Switches one safeguard off; to be called right after [`Light::new`].
    #[cfg(feature = "mutations")]
    pub fn mutate(&mut self, mutation: Mutation) {
        self.mutation = Some(mutation);
        if mutation == Mutation::NoHold {
            self.hold_until = self.now;
        }
    }

    #[cfg(feature = "mutations")]
    fn mutated(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn in_go(&self) -> bool {
        self.aspect().is_go()
    }

    /// The host's clock may not run backwards; a reading that does is taken for the last one.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_since = self.now;
    }

    /// The sequence, and what breaks it off.
    fn move_on(&mut self) {
        let elapsed_ms = self.now.since(self.phase_since);
        let timing = self.config.timing;
        if self.in_go() && self.lease_ended() {
            self.become_red();
            return;
        }
        match self.phase {
            Phase::Red => self.maybe_flash(),
            Phase::Flashing => {
                if !self.has_reason_to_flash() {
                    self.enter(Phase::Red);
                }
            }
            Phase::RedAmber | Phase::Green { .. } if self.must_clear() => self.enter(Phase::Amber),
            Phase::RedAmber => {
                if elapsed_ms >= u64::from(timing.red_amber_ms) {
                    let planned_ms = self.plan_green();
                    // Served; who presses from now on asks for the next green.
                    self.called = false;
                    self.enter(Phase::Green { planned_ms });
                }
            }
            Phase::Green { planned_ms } => {
                let limit_ms =
                    if self.somebody_waits() { planned_ms } else { u64::from(timing.green_max_ms) };
                if elapsed_ms >= limit_ms {
                    self.enter(Phase::Amber);
                }
            }
            Phase::Amber => {
                if elapsed_ms >= u64::from(timing.amber_ms) {
                    self.become_red();
                }
            }
        }
        if !self.in_go()
            && let Some(timing) = self.next_timing.take()
        {
            self.config.timing = timing;
        }
    }

    /// Whether a go that has not come to its amber has to begin it now.
    fn must_clear(&self) -> bool {
        self.has_reason_to_flash() || self.lease_runs_out() || self.reacts_to_go() || self.partner_is_untold()
    }

    fn maybe_flash(&mut self) {
        let held = self.now < self.hold_until || self.peers.iter().any(Peer::has_promise);
        #[cfg(feature = "mutations")]
        let held = held && !self.mutated(Mutation::FlashAtOnce);
        if self.has_reason_to_flash() && !held {
            self.enter(Phase::Flashing);
        }
    }

    /// The end of a go: the need is dropped, and with it every lease, sent or not.
    fn become_red(&mut self) {
        self.enter(Phase::Red);
        self.need = None;
        self.turns.own_go_ended(self.now);
        #[cfg(feature = "mutations")]
        if self.mutated(Mutation::KeepLeases) {
            return;
        }
        self.lose_leases();
    }

    /// A length between the shortest and the longest green, so that a demonstration is not a
    /// metronome.
    fn plan_green(&mut self) -> u64 {
        let timing = &self.config.timing;
        let range = u64::from(timing.green_max_ms - timing.green_min_ms) + 1;
        let shortest = u64::from(timing.green_min_ms);
        shortest + self.next_random() % range
    }

    /// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn somebody_waits(&self) -> bool {
        self.peers.iter().any(|peer| peer.need.is_some() || peer.foreign)
    }

    /// Sets the need of a light that wants green.
    fn want(&mut self) {
        let wants = match self.config.demand {
            Demand::Always => true,
            Demand::Call => self.called,
        };
        let ready_at = self.hold_until.as_ms().saturating_sub(2 * u64::from(self.config.timing.heartbeat_ms));
        if wants && self.need.is_none() && self.phase == Phase::Red && self.now.as_ms() >= ready_at {
            let turn = self.highest_turn.saturating_add(1);
            self.highest_turn = turn;
            self.need = Some(Need { turn });
        }
    }

    fn enter_go(&mut self) {
        if self.need.is_some() && self.phase == Phase::Red && self.waiting().is_none() {
            self.enter(Phase::RedAmber);
        }
    }

    /// Keeps clear of conflicting go's for the clearance after `end`.
    fn keep_clear_after(&mut self, end: Instant) {
        #[cfg(feature = "mutations")]
        if self.mutated(Mutation::NoClearance) {
            return;
        }
        self.clear_at = self.clear_at.max(end.after(self.stretched(self.config.timing.clearance_ms)));
    }

    /// A span of this light's clock that is surely `ms` on another's.
    fn stretched(&self, ms: u32) -> u64 {
        #[cfg(feature = "mutations")]
        if self.mutated(Mutation::NoDrift) {
            return u64::from(ms);
        }
        at_least(u64::from(ms))
    }

    /// Takes in a bare aspect. From then on the light is a foreign one, unless it has just shown
    /// that it knows the contract: then somebody else uses its topic.
    fn hear_plain(&mut self, index: usize, aspect: Aspect) -> Heard {
        let lost_after = u64::from(self.config.timing.lost_after_ms);
        let Some(peer) = self.peers.get_mut(index) else { return Heard::NoConflict };
        if peer.state_at.is_some_and(|at| self.now.since(at) < lost_after) {
            return Heard::Doubtful;
        }
        peer.foreign = true;
        peer.names_lost = false;
        peer.need = None;
        peer.heard_at = self.now;
        self.hear_aspect(index, aspect);
        Heard::New
    }

    /// Takes over what a conflicting light shows, and notes the end of its go.
    fn hear_aspect(&mut self, index: usize, aspect: Aspect) {
        let now = self.now;
        let Some(peer) = self.peers.get_mut(index) else { return };
        let was_in_go = peer.aspect.is_go();
        peer.aspect = aspect;
        peer.aspect_at = now;
        if was_in_go && !aspect.is_go() {
            let name = peer.name.clone();
            self.turns.go_ended(&self.config, &name, now);
            self.keep_clear_after(now);
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Rule::Lease => "lease",
            Rule::React => "react",
        })
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::TooManyPeers => {
                write!(f, "a junction has at most {} lights", MAX_PEERS + 1)
            }
            ConfigError::NamedTwice(name) => {
                write!(f, "the light \"{name}\" is named twice")
            }
            ConfigError::Timing(error) => write!(f, "{error} ({})", error.help()),
        }
    }
}

impl core::error::Error for ConfigError {}
