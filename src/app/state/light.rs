//! What is known of one light.

use std::{collections::VecDeque, sync::Arc};

use traffic_light::{Aspect, View, Waiting};

use super::ForeignState;
use crate::{
    model::{LightId, LightKind},
    world::event::{About, Counters, Layer, TopicKind},
};

/// The most aspects kept for the timeline: well over ten minutes of busy alternation.
const MAX_SPANS: usize = 600;

/// How many times as many marks are kept where none of them is over.
const MOST_OPEN: usize = 16;

/// The most messages kept for the light's panel.
const MAX_MESSAGES: usize = 6;

#[derive(Clone, Debug)]
pub struct LayerState {
    /// Whether it carries; `None` until it was heard of.
    pub up: Option<bool>,
    /// What brought it up or down.
    pub reason: Arc<str>,
    pub since_ms: u64,
}

impl Default for LayerState {
    fn default() -> LayerState {
        LayerState { up: None, reason: Arc::from(""), since_ms: 0 }
    }
}

/// An aspect and since when it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub from_ms: u64,
    /// What was shown until the next span begins.
    pub aspect: Aspect,
}

#[derive(Clone, Debug)]
pub struct Message {
    pub at_ms: u64,
    pub topic: TopicKind,
    pub payload: Arc<str>,
    pub retained: bool,
}

/// A packet that passed the light's port.
#[derive(Clone, Debug)]
pub struct SeenPacket {
    pub at_ms: u64,
    pub text: Arc<str>,
    /// How many before it are not shown.
    pub untold: u64,
}

#[derive(Clone, Debug)]
pub struct LightState {
    pub id: LightId,
    /// Where its program runs.
    pub kind: LightKind,
    pub aspect: Aspect,
    /// What it showed before; a lamp that goes out fades from it.
    pub previous: Aspect,
    /// Since when it shows that.
    pub since_ms: u64,
    /// Its inside; only virtual lights show theirs.
    pub view: Option<Arc<View>>,
    /// Of a board: what its twin shows, where that is known.
    pub twin: Option<Aspect>,
    /// Of a board: since when it was told to show something else than its twin.
    pub differs_since_ms: Option<u64>,
    /// What it has sent and received.
    pub counters: Counters,
    /// Whether the broker says that it is there; `None` = not heard of.
    pub online: Option<bool>,
    pub about: Option<About>,
    /// Of a foreign light of the configuration.
    pub foreign: Option<Box<ForeignState>>,
    /// When its last connection to its port ended, and how.
    pub last_end: Option<(u64, Arc<str>)>,
    pub layers: [LayerState; 3],
    /// Whether its Wi-Fi was taken away on purpose.
    pub wifi_cut: bool,
    /// Whether it was told to be silent.
    pub silenced: bool,
    /// Whether its host was put to sleep: what its inside last told is out of date.
    pub suspended: bool,
    pub messages: VecDeque<Message>,
    /// Of a light with a port here: what passed there last.
    pub packets: VecDeque<SeenPacket>,
    pub spans: VecDeque<Span>,
    /// How long it took to hear that another ended its go, most recent last, in microseconds.
    pub reactions_us: VecDeque<u64>,
}

impl LightState {
    pub(super) fn new(id: LightId, kind: LightKind, at_ms: u64) -> LightState {
        LightState {
            id,
            kind,
            aspect: Aspect::Dark,
            previous: Aspect::Dark,
            since_ms: at_ms,
            view: None,
            twin: None,
            differs_since_ms: None,
            counters: Counters::default(),
            online: None,
            about: None,
            foreign: None,
            last_end: None,
            layers: Default::default(),
            wifi_cut: false,
            silenced: false,
            suspended: false,
            messages: VecDeque::new(),
            packets: VecDeque::new(),
            spans: VecDeque::new(),
            reactions_us: VecDeque::new(),
        }
    }

    /// Takes a new aspect; returns whether it is one.
    pub(super) fn show(&mut self, aspect: Aspect, at_ms: u64) -> bool {
        if self.aspect == aspect && !self.spans.is_empty() {
            return false;
        }
        let first = self.spans.is_empty();
        self.previous = if first { aspect } else { self.aspect };
        self.aspect = aspect;
        self.since_ms = at_ms;
        push_bounded(&mut self.spans, Span { from_ms: at_ms, aspect }, MAX_SPANS);
        !first || aspect != Aspect::Dark
    }

    pub(super) fn add_message(&mut self, message: Message) {
        push_bounded(&mut self.messages, message, MAX_MESSAGES);
    }

    pub(super) fn add_packet(&mut self, packet: SeenPacket) {
        push_bounded(&mut self.packets, packet, MAX_MESSAGES);
    }

    pub(super) fn reacted(&mut self, took_us: u64) {
        push_bounded(&mut self.reactions_us, took_us, 20);
    }

    #[must_use]
    pub fn layer(&self, layer: Layer) -> &LayerState {
        &self.layers[index_of(layer)]
    }

    pub(super) fn layer_mut(&mut self, layer: Layer) -> &mut LayerState {
        &mut self.layers[index_of(layer)]
    }

    /// The layer to mend first. Without Wi-Fi nothing above it is tried. Else it is what failed last: a login
    /// that the broker refuses is newer than the end of the connection before it. Of what failed at once, the
    /// lowest.
    #[must_use]
    pub fn broken_layer(&self) -> Option<Layer> {
        let down = |layer: &Layer| self.layer(*layer).up == Some(false);
        if down(&Layer::Wifi) {
            return Some(Layer::Wifi);
        }
        [Layer::Mqtt, Layer::Tcp].into_iter().filter(down).max_by_key(|layer| self.layer(*layer).since_ms)
    }

    /// Whether it may be commanded: only virtual lights obey the window.
    #[must_use]
    pub fn is_virtual(&self) -> bool {
        self.kind == LightKind::Virtual
    }

    /// Why it does not go, where its inside is known.
    #[must_use]
    pub fn waiting(&self) -> Option<&Waiting> {
        self.view.as_ref()?.waiting.as_ref()
    }

    /// The middle one of the last reaction times, in milliseconds.
    #[must_use]
    pub fn usual_reaction_ms(&self) -> Option<f64> {
        let mut sorted: Vec<u64> = self.reactions_us.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).map(|us| *us as f64 / 1_000.0)
    }
}

const fn index_of(layer: Layer) -> usize {
    match layer {
        Layer::Wifi => 0,
        Layer::Tcp => 1,
        Layer::Mqtt => 2,
    }
}

/// As [`push_bounded`], but what goes on is kept: the oldest that is over goes. Of what goes on there are at most
/// [`MOST_OPEN`] times as many.
pub(super) fn push_keeping_open<T>(
    ring: &mut VecDeque<T>,
    item: T,
    most: usize,
    is_over: impl Fn(&T) -> bool,
) {
    if ring.len() >= most {
        match ring.iter().position(is_over) {
            Some(oldest) => drop(ring.remove(oldest)),
            None if ring.len() >= most * MOST_OPEN => drop(ring.pop_front()),
            None => {}
        }
    }
    ring.push_back(item);
}

/// Adds to a ring that holds at most `most`; the oldest goes.
pub(super) fn push_bounded<T>(ring: &mut VecDeque<T>, item: T, most: usize) {
    if ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(item);
}
