//! What one connection remembers while faults work on it: packets that are held back, bytes that
//! are on their way, copies that will be acknowledged once too often.
//!
//! Packets first, then bytes: a PUBLISH meets its [`Fate`], and what goes on travels by a
//! [`Passage`], in order.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Fate, Passage, Placed, Us, Way,
    frame::{Framer, Unit, puback_id, publish_id},
};
use simulation::Rng;

/// A packet that waits to be overtaken goes on after this.
const LONGEST_BEHIND_US: Us = 2_000_000;
/// A narrow wire carries pieces of about this time, so that bytes trickle.
const PIECE_US: u64 = 20_000;

/// What comes out of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Bytes.
    Bytes(Vec<u8>),
    /// The end of the stream.
    End,
}

/// Both directions of one connection.
#[derive(Debug)]
pub struct Wires {
    faults: Arc<[Placed]>,
    reads_packets: bool,
    rng: Rng,
    pipes: [Pipe; 2],
}

#[derive(Debug)]
struct Pipe {
    framer: Framer,
    held: Vec<Held>,
    wire: VecDeque<Travelling>,
    wire_bytes: usize,
    /// When the wire has taken all that was put on it.
    free_us: Us,
    /// PUBLISH packets that went twice, by their identifier, and whether one copy was acknowledged.
    copies: Vec<(u16, bool)>,
}

#[derive(Debug)]
struct Held {
    due_us: Us,
    behind: u32,
    packet: Vec<u8>,
    copies: u32,
}

#[derive(Debug)]
struct Travelling {
    /// `None` while nothing passes.
    due_us: Option<Us>,
    item: Item,
}

impl Wires {
    /// A connection that begins, with these faults; `seed` decides what they leave to chance.
    #[must_use]
    pub fn new(faults: Arc<[Placed]>, seed: u64) -> Wires {
        let reads_packets = reads_packets(&faults);
        let pipes = std::array::from_fn(|_| Pipe::new());
        Wires { faults, reads_packets, rng: Rng::new(seed, 0), pipes }
    }

    /// A connection that has carried MQTT for a while, without faults, and is between two packets
    /// both ways. So whoever has no fault to play need not have bytes read.
    #[must_use]
    pub fn joined(faults: Arc<[Placed]>, seed: u64) -> Wires {
        let mut wires = Wires::new(faults, seed);
        for pipe in &mut wires.pipes {
            pipe.framer = Framer::at_boundary();
        }
        wires
    }

    /// Whether nothing has to be remembered: without faults, bytes can go past it from here, and it
    /// can be [joined](Wires::joined) again.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let is_idle = |pipe: &Pipe| {
            let waits = !pipe.held.is_empty() || !pipe.wire.is_empty() || !pipe.copies.is_empty();
            !waits && pipe.framer.is_at_boundary()
        };
        self.faults.is_empty() && self.pipes.iter().all(is_idle)
    }

    /// Other faults are in force from `now` on. What is on its way goes its new way from here.
    pub fn change(&mut self, now: Us, faults: Arc<[Placed]>) {
        self.reads_packets = reads_packets(&faults);
        self.faults = faults;
        for way in Way::BOTH {
            if !self.reads_packets {
                for held in self.pipe(way).take_held() {
                    self.travel(way, now, held);
                }
            }
            let pipe = self.pipe(way);
            pipe.free_us = now;
            pipe.wire_bytes = 0;
            let travelling = std::mem::take(&mut pipe.wire);
            for Travelling { item, .. } in travelling {
                self.put_on_wire(way, now, item);
            }
        }
    }

    /// Bytes come in at one end.
    pub fn push(&mut self, way: Way, now: Us, bytes: &[u8]) {
        let whole = self.reads_packets;
        let mut units = Vec::new();
        self.pipe(way).framer.feed(bytes, whole, |unit| units.push(unit));
        for unit in units {
            match unit {
                Unit::Raw(bytes) => self.put_on_wire(way, now, Item::Bytes(bytes)),
                Unit::Packet(packet) => self.meet_fate(way, now, packet),
            }
        }
    }

    /// The stream ends at one end.
    pub fn push_end(&mut self, way: Way, now: Us) {
        for held in self.pipe(way).take_held() {
            self.travel(way, now, held);
        }
        self.put_on_wire(way, now, Item::End);
    }

    /// What has come out at the other end by `now`, in order.
    pub fn pull(&mut self, way: Way, now: Us) -> Option<Item> {
        while let Some(held) = self.pipe(way).take_due(now) {
            self.travel(way, now, held);
        }
        let pipe = self.pipe(way);
        pipe.wire.front()?.due_us.filter(|due_us| *due_us <= now)?;
        let item = pipe.wire.pop_front()?.item;
        if let Item::Bytes(bytes) = &item {
            pipe.wire_bytes -= bytes.len();
        }
        Some(item)
    }

    /// When there is something to pull next; `None` while there is nothing, or nothing passes.
    #[must_use]
    pub fn due_us(&self, way: Way) -> Option<Us> {
        let pipe = &self.pipes[way.index()];
        let held = pipe.held.iter().map(|held| held.due_us).min();
        let travelling = pipe.wire.front().and_then(|travelling| travelling.due_us);
        [held, travelling].into_iter().flatten().min()
    }

    /// How many bytes wait to come out.
    #[must_use]
    pub fn waiting(&self, way: Way) -> usize {
        let pipe = &self.pipes[way.index()];
        pipe.wire_bytes + pipe.held.iter().map(|held| held.packet.len()).sum::<usize>()
    }

    fn pipe(&mut self, way: Way) -> &mut Pipe {
        &mut self.pipes[way.index()]
    }

    fn meet_fate(&mut self, way: Way, now: Us, packet: Vec<u8>) {
        if let Some(id) = puback_id(&packet)
            && self.pipe(way.other()).is_second_ack(id)
        {
            return;
        }
        let Some(id) = publish_id(&packet) else {
            return self.put_on_wire(way, now, Item::Bytes(packet));
        };
        let mut fate = Fate::default();
        for placed in self.faults.iter().filter(|placed| placed.ways.include(way)) {
            placed.fault.effect().packet(&mut fate, &mut self.rng);
        }
        let pipe = self.pipe(way);
        if let Some(id) = id {
            pipe.copies.retain(|(other, _)| *other != id);
            if fate.copies > 1 {
                pipe.copies.push((id, false));
            }
        }
        if fate.copies == 0 {
            return;
        }
        let wait_us = if fate.behind > 0 { LONGEST_BEHIND_US.max(fate.delay_us) } else { fate.delay_us };
        let held = Held { due_us: now + wait_us, behind: fate.behind, packet, copies: fate.copies };
        if wait_us > 0 {
            self.pipe(way).held.push(held);
        } else {
            self.travel(way, now, held);
        }
    }

    /// A packet goes on, and may let those go that waited for it.
    fn travel(&mut self, way: Way, now: Us, held: Held) {
        let Held { packet, copies, .. } = held;
        for _ in 1..copies {
            self.put_on_wire(way, now, Item::Bytes(packet.clone()));
        }
        self.put_on_wire(way, now, Item::Bytes(packet));
        for waiting in self.pipe(way).held.iter_mut().filter(|held| held.behind > 0) {
            waiting.behind -= 1;
            if waiting.behind == 0 {
                waiting.due_us = now;
            }
        }
    }

    fn put_on_wire(&mut self, way: Way, now: Us, item: Item) {
        let passage = self.passage(way);
        let (Item::Bytes(bytes), Some(bytes_per_s)) = (&item, passage.bytes_per_s) else {
            return self.pipe(way).put(now, item, passage);
        };
        let piece = usize::try_from(u64::from(bytes_per_s) * PIECE_US / 1_000_000).unwrap_or(usize::MAX);
        for piece in bytes.chunks(piece.max(1)) {
            self.pipe(way).put(now, Item::Bytes(piece.to_vec()), passage);
        }
    }

    fn passage(&mut self, way: Way) -> Passage {
        let mut passage = Passage::default();
        for placed in self.faults.iter().filter(|placed| placed.ways.include(way)) {
            placed.fault.effect().bytes(&mut passage, &mut self.rng);
        }
        passage
    }
}

impl Pipe {
    fn new() -> Pipe {
        Pipe {
            framer: Framer::new(),
            held: Vec::new(),
            wire: VecDeque::new(),
            wire_bytes: 0,
            free_us: 0,
            copies: Vec::new(),
        }
    }

    fn put(&mut self, now: Us, item: Item, passage: Passage) {
        let length = if let Item::Bytes(bytes) = &item { bytes.len() } else { 0 };
        let mut sent_us = now;
        if let Some(bytes_per_s) = passage.bytes_per_s {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            let takes_us = length.saturating_mul(1_000_000) / u64::from(bytes_per_s.max(1));
            sent_us = self.free_us.max(now).saturating_add(takes_us);
            self.free_us = sent_us;
        }
        let close_us = if item == Item::End { passage.close_delay_us } else { 0 };
        let arrives_us = sent_us.saturating_add(passage.delay_us).saturating_add(close_us);
        // In order: no byte overtakes another, whatever its latency.
        let due_us = match self.wire.back().map(|last| last.due_us) {
            _ if passage.stalled => None,
            Some(None) => None,
            Some(Some(last_us)) => Some(arrives_us.max(last_us)),
            None => Some(arrives_us),
        };
        self.wire_bytes += length;
        self.wire.push_back(Travelling { due_us, item });
    }

    fn take_held(&mut self) -> Vec<Held> {
        std::mem::take(&mut self.held)
    }

    fn take_due(&mut self, now: Us) -> Option<Held> {
        let due = self.held.iter().enumerate().filter(|(_, held)| held.due_us <= now);
        let (index, _) = due.min_by_key(|(_, held)| held.due_us)?;
        Some(self.held.remove(index))
    }

    /// Whether an acknowledgement is that of a second copy, which its sender knows nothing of.
    fn is_second_ack(&mut self, id: u16) -> bool {
        let Some(index) = self.copies.iter().position(|(other, _)| *other == id) else { return false };
        let second = self.copies[index].1;
        if second {
            self.copies.remove(index);
        } else {
            self.copies[index].1 = true;
        }
        second
    }
}

fn reads_packets(faults: &[Placed]) -> bool {
    faults.iter().any(|placed| placed.fault.effect().reads_packets())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Bandwidth, BlackHole, Delay, Double, Latency, Lose, Reorder, SlowClose};

    const CONNECT: [u8; 4] = [0x10, 2, 0, 0];

    /// QoS 1, topic "t", this identifier and one byte of payload, the same.
    fn publish(id: u8) -> Vec<u8> {
        vec![0x32, 6, 0, 1, b't', 0, id, id]
    }

    fn wires(faults: &[Placed]) -> Wires {
        let mut wires = Wires::new(faults.into(), 1);
        wires.push(Way::Up, 0, &CONNECT);
        wires
    }

    /// All that comes out up to `until`, with its time.
    fn drain(wires: &mut Wires, way: Way, until: Us) -> Vec<(Us, Vec<u8>)> {
        let mut seen = Vec::new();
        let mut now = 0;
        loop {
            while let Some(item) = wires.pull(way, now) {
                let Item::Bytes(bytes) = item else { continue };
                seen.push((now, bytes));
            }
            match wires.due_us(way) {
                Some(due_us) if due_us <= until => now = now.max(due_us),
                _ => return seen,
            }
        }
    }

    fn ids(seen: &[(Us, Vec<u8>)]) -> Vec<u8> {
        seen.iter().filter(|(_, bytes)| bytes[0] == 0x32).map(|(_, bytes)| bytes[7]).collect()
    }

    #[test]
    fn without_faults_everything_passes_at_once_and_in_order() {
        let mut wires = wires(&[]);
        for id in 1..=5 {
            wires.push(Way::Up, 10, &publish(id));
        }
        let seen = drain(&mut wires, Way::Up, 10);
        assert_eq!(ids(&seen), [1, 2, 3, 4, 5]);
        assert_eq!((wires.due_us(Way::Up), wires.waiting(Way::Up)), (None, 0));
    }

    #[test]
    fn jitter_never_lets_a_byte_overtake_another() {
        let mut wires = wires(&[Placed::up(Latency { ms: 100, jitter_ms: 100 })]);
        for id in 1..=50 {
            wires.push(Way::Up, u64::from(id) * 1_000, &publish(id));
        }
        assert_eq!(ids(&drain(&mut wires, Way::Up, 1_000_000)), (1..=50).collect::<Vec<_>>());
    }

    #[test]
    fn a_narrow_wire_takes_as_long_as_it_must_in_each_direction_apart() {
        let mut wires = wires(&[Placed::up(Bandwidth { bytes_per_s: 1_000 })]);
        wires.push(Way::Up, 0, &[0; 496]);
        wires.push(Way::Down, 0, &[0; 500]);
        assert_eq!(wires.pull(Way::Down, 0), Some(Item::Bytes(vec![0; 500])));
        let seen = drain(&mut wires, Way::Up, 10_000_000);
        assert_eq!(seen.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(), 500);
        assert_eq!(seen.last().unwrap().0, 500_000);
    }

    #[test]
    fn what_a_black_hole_held_arrives_when_it_is_over_and_the_other_way_was_free() {
        let mut wires = wires(&[]);
        wires.change(0, [Placed::up(BlackHole)].into());
        wires.push(Way::Up, 5, &publish(1));
        wires.push(Way::Down, 5, &publish(2));
        assert_eq!(wires.pull(Way::Up, 1_000_000), None);
        assert!(wires.pull(Way::Down, 5).is_some());
        assert_eq!(wires.waiting(Way::Up), 12);
        wires.change(2_000_000, [].into());
        let seen: Vec<_> = std::iter::from_fn(|| wires.pull(Way::Up, 2_000_000)).collect();
        assert_eq!(seen, [Item::Bytes(CONNECT.to_vec()), Item::Bytes(publish(1))]);
    }

    #[test]
    fn a_faster_wire_lets_what_waited_go_on_faster() {
        let mut wires = wires(&[Placed::up(Bandwidth { bytes_per_s: 1 })]);
        wires.push(Way::Up, 0, &[0; 500]);
        wires.change(1_000_000, [].into());
        let passed: usize = std::iter::from_fn(|| wires.pull(Way::Up, 1_000_000))
            .map(|item| if let Item::Bytes(bytes) = item { bytes.len() } else { 0 })
            .sum();
        assert_eq!((passed, wires.waiting(Way::Up)), (504, 0));
    }

    #[test]
    fn only_publish_packets_are_lost() {
        let mut wires = wires(&[Placed::up(Lose { percent: 100 })]);
        wires.push(Way::Up, 0, &[&publish(1)[..], &[0xC0, 0], &publish(2)].concat());
        let seen = drain(&mut wires, Way::Up, 0);
        assert_eq!(seen, [(0, CONNECT.to_vec()), (0, vec![0xC0, 0])]);
    }

    #[test]
    fn the_second_acknowledgement_of_a_doubled_packet_is_kept_from_its_sender() {
        let mut wires = wires(&[Placed::up(Double { percent: 100 })]);
        wires.push(Way::Up, 0, &publish(9));
        assert_eq!(ids(&drain(&mut wires, Way::Up, 0)), [9, 9]);
        wires.push(Way::Down, 0, &[0x20, 2, 0, 0]);
        for _ in 0..2 {
            wires.push(Way::Down, 0, &[0x40, 2, 0, 9]);
        }
        assert_eq!(drain(&mut wires, Way::Down, 0).len(), 2, "CONNACK and one PUBACK");
        // The identifier is used again by a packet that goes once.
        wires.change(0, [Placed::up(Delay { percent: 1, ms: 1 })].into());
        wires.push(Way::Up, 0, &publish(9));
        for _ in 0..2 {
            wires.push(Way::Down, 0, &[0x40, 2, 0, 9]);
        }
        assert_eq!(drain(&mut wires, Way::Down, 0).len(), 2);
    }

    #[test]
    fn late_and_overtaken_packets_all_arrive_in_another_order() {
        for fault in [Placed::up(Delay { percent: 50, ms: 500 }), Placed::up(Reorder { percent: 50 })] {
            let mut wires = wires(&[fault]);
            let mut seen = Vec::new();
            for id in 1..=40 {
                let now = u64::from(id) * 10_000;
                wires.push(Way::Up, now, &publish(id));
                while let Some(Item::Bytes(bytes)) = wires.pull(Way::Up, now) {
                    seen.push((now, bytes));
                }
            }
            seen.extend(drain(&mut wires, Way::Up, 10_000_000));
            let mut ids = ids(&seen);
            assert!(ids.windows(2).any(|pair| pair[0] > pair[1]), "{fault}: {ids:?}");
            ids.sort_unstable();
            assert_eq!(ids, (1..=40).collect::<Vec<_>>(), "{fault}");
        }
    }

    #[test]
    fn the_end_comes_after_the_bytes_and_later_where_it_is_slow() {
        let mut wires = wires(&[Placed::up(SlowClose { ms: 300 })]);
        wires.push_end(Way::Up, 100);
        assert!(matches!(wires.pull(Way::Up, 100), Some(Item::Bytes(_))));
        assert_eq!(wires.pull(Way::Up, 300_000), None);
        assert_eq!(wires.pull(Way::Up, 300_100), Some(Item::End));
    }

    #[test]
    fn the_same_seed_means_the_same_fates() {
        let faults = [Placed::both(Lose { percent: 30 }), Placed::both(Delay { percent: 40, ms: 700 })];
        let play = || {
            let mut wires = wires(&faults);
            for id in 1..=100 {
                wires.push(Way::Up, u64::from(id) * 1_000, &publish(id));
            }
            drain(&mut wires, Way::Up, 10_000_000)
        };
        assert_eq!(play(), play());
    }
}
