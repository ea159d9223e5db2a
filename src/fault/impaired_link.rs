//! What one connection remembers while faults work on it: packets that are held back, bytes that
//! are on their way, copies that will be acknowledged once too often.
//!
//! Packets first, then bytes: a PUBLISH meets its [`PacketAction`], and what goes on travels by a
//! [`Shaping`], in order.

use std::{collections::VecDeque, sync::Arc};

use simulation::Rng;

use super::{
    effect::{Micros, PacketAction, Shaping},
    frame::{Framer, Unit, puback_id, publish_id},
    spec::{Direction, LinkFaultSpec},
};

/// A packet that waits to be overtaken goes on after this.
const LONGEST_BEHIND_US: Micros = 2_000_000;
/// A narrow wire carries pieces of about this time, so that bytes trickle.
const PIECE_US: u64 = 20_000;

/// What comes out of a wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Bytes(Vec<u8>),
    /// The end of the stream.
    End,
}

/// Both directions of one connection.
#[derive(Debug)]
pub(crate) struct ImpairedLink {
    faults: Arc<[LinkFaultSpec]>,
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
    free_us: Micros,
    /// PUBLISH packets that went twice, by their identifier, and whether one copy was acknowledged.
    copies: Vec<(u16, bool)>,
}

#[derive(Debug)]
struct Held {
    due_us: Micros,
    behind: u32,
    packet: Vec<u8>,
    copies: u32,
}

#[derive(Debug)]
struct Travelling {
    /// `None` while nothing passes.
    due_us: Option<Micros>,
    item: Item,
}

impl ImpairedLink {
    /// A connection that begins, with these faults; `seed` decides what they leave to chance.
    #[must_use]
    pub(crate) fn new(faults: Arc<[LinkFaultSpec]>, seed: u64) -> ImpairedLink {
        let reads_packets = reads_packets(&faults);
        let pipes = std::array::from_fn(|_| Pipe::new());
        ImpairedLink { faults, reads_packets, rng: Rng::new(seed, 0), pipes }
    }

    /// A connection that has carried MQTT for a while, without faults, and is between two packets
    /// both ways. So whoever has no fault to play need not have bytes read.
    #[must_use]
    pub(crate) fn joined(faults: Arc<[LinkFaultSpec]>, seed: u64) -> ImpairedLink {
        let mut link = ImpairedLink::new(faults, seed);
        for pipe in &mut link.pipes {
            pipe.framer = Framer::at_boundary();
        }
        link
    }

    /// Whether nothing has to be remembered: without faults, bytes can go past it from here, and it
    /// can be [joined](ImpairedLink::joined) again.
    #[must_use]
    pub(crate) fn is_idle(&self) -> bool {
        let is_idle = |pipe: &Pipe| {
            let waits = !pipe.held.is_empty() || !pipe.wire.is_empty() || !pipe.copies.is_empty();
            !waits && pipe.framer.is_at_boundary()
        };
        self.faults.is_empty() && self.pipes.iter().all(is_idle)
    }

    /// Other faults are in force from `now` on. What is on its way goes its new way from here.
    pub(crate) fn change(&mut self, now: Micros, faults: Arc<[LinkFaultSpec]>) {
        self.reads_packets = reads_packets(&faults);
        self.faults = faults;
        for direction in Direction::BOTH {
            if !self.reads_packets {
                for held in self.pipe(direction).take_held() {
                    self.travel(direction, now, held);
                }
            }
            let pipe = self.pipe(direction);
            pipe.free_us = now;
            pipe.wire_bytes = 0;
            let travelling = std::mem::take(&mut pipe.wire);
            for Travelling { item, .. } in travelling {
                self.put_on_wire(direction, now, item);
            }
        }
    }

    /// Bytes come in at one end.
    pub(crate) fn push(&mut self, direction: Direction, now: Micros, bytes: &[u8]) {
        let whole = self.reads_packets;
        let mut units = Vec::new();
        self.pipe(direction).framer.feed(bytes, whole, |unit| units.push(unit));
        for unit in units {
            match unit {
                Unit::Raw(bytes) => self.put_on_wire(direction, now, Item::Bytes(bytes)),
                Unit::Packet(packet) => self.decide(direction, now, packet),
            }
        }
    }

    /// The stream ends at one end.
    pub(crate) fn push_end(&mut self, direction: Direction, now: Micros) {
        for held in self.pipe(direction).take_held() {
            self.travel(direction, now, held);
        }
        self.put_on_wire(direction, now, Item::End);
    }

    /// What has come out at the other end by `now`, in order.
    pub(crate) fn pull(&mut self, direction: Direction, now: Micros) -> Option<Item> {
        while let Some(held) = self.pipe(direction).take_due(now) {
            self.travel(direction, now, held);
        }
        let pipe = self.pipe(direction);
        pipe.wire.front()?.due_us.filter(|due_us| *due_us <= now)?;
        let item = pipe.wire.pop_front()?.item;
        if let Item::Bytes(bytes) = &item {
            pipe.wire_bytes -= bytes.len();
        }
        Some(item)
    }

    /// When there is something to pull next; `None` while there is nothing, or nothing passes.
    #[must_use]
    pub(crate) fn due_us(&self, direction: Direction) -> Option<Micros> {
        let pipe = &self.pipes[direction.index()];
        let held = pipe.held.iter().map(|held| held.due_us).min();
        let travelling = pipe.wire.front().and_then(|travelling| travelling.due_us);
        [held, travelling].into_iter().flatten().min()
    }

    /// How many bytes wait to come out.
    #[must_use]
    pub(crate) fn waiting(&self, direction: Direction) -> usize {
        let pipe = &self.pipes[direction.index()];
        pipe.wire_bytes + pipe.held.iter().map(|held| held.packet.len()).sum::<usize>()
    }

    fn pipe(&mut self, direction: Direction) -> &mut Pipe {
        &mut self.pipes[direction.index()]
    }

    fn decide(&mut self, direction: Direction, now: Micros, packet: Vec<u8>) {
        if let Some(id) = puback_id(&packet)
            && self.pipe(direction.other()).is_second_ack(id)
        {
            return;
        }
        let Some(id) = publish_id(&packet) else {
            return self.put_on_wire(direction, now, Item::Bytes(packet));
        };
        let mut action = PacketAction::default();
        for spec in self.faults.iter().filter(|spec| spec.directions.include(direction)) {
            spec.fault.definition().packet(&mut action, &mut self.rng);
        }
        let pipe = self.pipe(direction);
        if let Some(id) = id {
            pipe.copies.retain(|(other, _)| *other != id);
            if action.copies > 1 {
                pipe.copies.push((id, false));
            }
        }
        if action.copies == 0 {
            return;
        }
        let wait_us =
            if action.behind > 0 { LONGEST_BEHIND_US.max(action.delay_us) } else { action.delay_us };
        let held = Held { due_us: now + wait_us, behind: action.behind, packet, copies: action.copies };
        if wait_us > 0 {
            self.pipe(direction).held.push(held);
        } else {
            self.travel(direction, now, held);
        }
    }

    /// A packet goes on, and may let those go that waited for it.
    fn travel(&mut self, direction: Direction, now: Micros, held: Held) {
        let Held { packet, copies, .. } = held;
        for _ in 1..copies {
            self.put_on_wire(direction, now, Item::Bytes(packet.clone()));
        }
        self.put_on_wire(direction, now, Item::Bytes(packet));
        for waiting in self.pipe(direction).held.iter_mut().filter(|held| held.behind > 0) {
            waiting.behind -= 1;
            if waiting.behind == 0 {
                waiting.due_us = now;
            }
        }
    }

    fn put_on_wire(&mut self, direction: Direction, now: Micros, item: Item) {
        let shaping = self.shaping(direction);
        let (Item::Bytes(bytes), Some(bytes_per_s)) = (&item, shaping.bytes_per_s) else {
            return self.pipe(direction).put(now, item, shaping);
        };
        let piece = usize::try_from(u64::from(bytes_per_s) * PIECE_US / 1_000_000).unwrap_or(usize::MAX);
        for piece in bytes.chunks(piece.max(1)) {
            self.pipe(direction).put(now, Item::Bytes(piece.to_vec()), shaping);
        }
    }

    fn shaping(&mut self, direction: Direction) -> Shaping {
        let mut shaping = Shaping::default();
        for spec in self.faults.iter().filter(|spec| spec.directions.include(direction)) {
            spec.fault.definition().bytes(&mut shaping, &mut self.rng);
        }
        shaping
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

    fn put(&mut self, now: Micros, item: Item, shaping: Shaping) {
        let length = if let Item::Bytes(bytes) = &item { bytes.len() } else { 0 };
        let mut sent_us = now;
        if let Some(bytes_per_s) = shaping.bytes_per_s {
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            let takes_us = length.saturating_mul(1_000_000) / u64::from(bytes_per_s.max(1));
            sent_us = self.free_us.max(now).saturating_add(takes_us);
            self.free_us = sent_us;
        }
        let close_us = if item == Item::End { shaping.close_delay_us } else { 0 };
        let arrives_us = sent_us.saturating_add(shaping.delay_us).saturating_add(close_us);
        // In order: no byte overtakes another, whatever its latency.
        let due_us = match self.wire.back().map(|last| last.due_us) {
            _ if shaping.stalled => None,
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

    fn take_due(&mut self, now: Micros) -> Option<Held> {
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

fn reads_packets(faults: &[LinkFaultSpec]) -> bool {
    faults.iter().any(|spec| spec.fault.definition().reads_packets())
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

    fn link(faults: &[LinkFaultSpec]) -> ImpairedLink {
        let mut link = ImpairedLink::new(faults.into(), 1);
        link.push(Direction::ToBroker, 0, &CONNECT);
        link
    }

    /// All that comes out up to `until`, with its time.
    fn drain(link: &mut ImpairedLink, direction: Direction, until: Micros) -> Vec<(Micros, Vec<u8>)> {
        let mut seen = Vec::new();
        let mut now = 0;
        loop {
            while let Some(item) = link.pull(direction, now) {
                let Item::Bytes(bytes) = item else { continue };
                seen.push((now, bytes));
            }
            match link.due_us(direction) {
                Some(due_us) if due_us <= until => now = now.max(due_us),
                _ => return seen,
            }
        }
    }

    fn ids(seen: &[(Micros, Vec<u8>)]) -> Vec<u8> {
        seen.iter().filter(|(_, bytes)| bytes[0] == 0x32).map(|(_, bytes)| bytes[7]).collect()
    }

    #[test]
    fn without_faults_everything_passes_at_once_and_in_order() {
        let mut link = link(&[]);
        for id in 1..=5 {
            link.push(Direction::ToBroker, 10, &publish(id));
        }
        let seen = drain(&mut link, Direction::ToBroker, 10);
        assert_eq!(ids(&seen), [1, 2, 3, 4, 5]);
        assert_eq!((link.due_us(Direction::ToBroker), link.waiting(Direction::ToBroker)), (None, 0));
    }

    #[test]
    fn jitter_never_lets_a_byte_overtake_another() {
        let mut link = link(&[LinkFaultSpec::to_broker(Latency { ms: 100, jitter_ms: 100 })]);
        for id in 1..=50 {
            link.push(Direction::ToBroker, u64::from(id) * 1_000, &publish(id));
        }
        assert_eq!(ids(&drain(&mut link, Direction::ToBroker, 1_000_000)), (1..=50).collect::<Vec<_>>());
    }

    #[test]
    fn a_narrow_wire_takes_as_long_as_it_must_in_each_direction_apart() {
        let mut link = link(&[LinkFaultSpec::to_broker(Bandwidth { bytes_per_s: 1_000 })]);
        link.push(Direction::ToBroker, 0, &[0; 496]);
        link.push(Direction::FromBroker, 0, &[0; 500]);
        assert_eq!(link.pull(Direction::FromBroker, 0), Some(Item::Bytes(vec![0; 500])));
        let seen = drain(&mut link, Direction::ToBroker, 10_000_000);
        assert_eq!(seen.iter().map(|(_, bytes)| bytes.len()).sum::<usize>(), 500);
        assert_eq!(seen.last().unwrap().0, 500_000);
    }

    #[test]
    fn what_a_black_hole_held_arrives_when_it_is_over_and_the_other_way_was_free() {
        let mut link = link(&[]);
        link.change(0, [LinkFaultSpec::to_broker(BlackHole)].into());
        link.push(Direction::ToBroker, 5, &publish(1));
        link.push(Direction::FromBroker, 5, &publish(2));
        assert_eq!(link.pull(Direction::ToBroker, 1_000_000), None);
        assert!(link.pull(Direction::FromBroker, 5).is_some());
        assert_eq!(link.waiting(Direction::ToBroker), 12);
        link.change(2_000_000, [].into());
        let seen: Vec<_> = std::iter::from_fn(|| link.pull(Direction::ToBroker, 2_000_000)).collect();
        assert_eq!(seen, [Item::Bytes(CONNECT.to_vec()), Item::Bytes(publish(1))]);
    }

    #[test]
    fn a_faster_wire_lets_what_waited_go_on_faster() {
        let mut link = link(&[LinkFaultSpec::to_broker(Bandwidth { bytes_per_s: 1 })]);
        link.push(Direction::ToBroker, 0, &[0; 500]);
        link.change(1_000_000, [].into());
        let passed: usize = std::iter::from_fn(|| link.pull(Direction::ToBroker, 1_000_000))
            .map(|item| if let Item::Bytes(bytes) = item { bytes.len() } else { 0 })
            .sum();
        assert_eq!((passed, link.waiting(Direction::ToBroker)), (504, 0));
    }

    #[test]
    fn only_publish_packets_are_lost() {
        let mut link = link(&[LinkFaultSpec::to_broker(Lose { percent: 100 })]);
        link.push(Direction::ToBroker, 0, &[&publish(1)[..], &[0xC0, 0], &publish(2)].concat());
        let seen = drain(&mut link, Direction::ToBroker, 0);
        assert_eq!(seen, [(0, CONNECT.to_vec()), (0, vec![0xC0, 0])]);
    }

    #[test]
    fn the_second_acknowledgement_of_a_doubled_packet_is_kept_from_its_sender() {
        let mut link = link(&[LinkFaultSpec::to_broker(Double { percent: 100 })]);
        link.push(Direction::ToBroker, 0, &publish(9));
        assert_eq!(ids(&drain(&mut link, Direction::ToBroker, 0)), [9, 9]);
        link.push(Direction::FromBroker, 0, &[0x20, 2, 0, 0]);
        for _ in 0..2 {
            link.push(Direction::FromBroker, 0, &[0x40, 2, 0, 9]);
        }
        assert_eq!(drain(&mut link, Direction::FromBroker, 0).len(), 2, "CONNACK and one PUBACK");
        // The identifier is used again by a packet that goes once.
        link.change(0, [LinkFaultSpec::to_broker(Delay { percent: 1, ms: 1 })].into());
        link.push(Direction::ToBroker, 0, &publish(9));
        for _ in 0..2 {
            link.push(Direction::FromBroker, 0, &[0x40, 2, 0, 9]);
        }
        assert_eq!(drain(&mut link, Direction::FromBroker, 0).len(), 2);
    }

    #[test]
    fn late_and_overtaken_packets_all_arrive_in_another_order() {
        for fault in [
            LinkFaultSpec::to_broker(Delay { percent: 50, ms: 500 }),
            LinkFaultSpec::to_broker(Reorder { percent: 50 }),
        ] {
            let mut link = link(&[fault]);
            let mut seen = Vec::new();
            for id in 1..=40 {
                let now = u64::from(id) * 10_000;
                link.push(Direction::ToBroker, now, &publish(id));
                while let Some(Item::Bytes(bytes)) = link.pull(Direction::ToBroker, now) {
                    seen.push((now, bytes));
                }
            }
            seen.extend(drain(&mut link, Direction::ToBroker, 10_000_000));
            let mut ids = ids(&seen);
            assert!(ids.windows(2).any(|pair| pair[0] > pair[1]), "{fault}: {ids:?}");
            ids.sort_unstable();
            assert_eq!(ids, (1..=40).collect::<Vec<_>>(), "{fault}");
        }
    }

    #[test]
    fn the_end_comes_after_the_bytes_and_later_where_it_is_slow() {
        let mut link = link(&[LinkFaultSpec::to_broker(SlowClose { ms: 300 })]);
        link.push_end(Direction::ToBroker, 100);
        assert!(matches!(link.pull(Direction::ToBroker, 100), Some(Item::Bytes(_))));
        assert_eq!(link.pull(Direction::ToBroker, 300_000), None);
        assert_eq!(link.pull(Direction::ToBroker, 300_100), Some(Item::End));
    }

    #[test]
    fn the_same_seed_means_the_same_fates() {
        let faults = [
            LinkFaultSpec::both_ways(Lose { percent: 30 }),
            LinkFaultSpec::both_ways(Delay { percent: 40, ms: 700 }),
        ];
        let play = || {
            let mut link = link(&faults);
            for id in 1..=100 {
                link.push(Direction::ToBroker, u64::from(id) * 1_000, &publish(id));
            }
            drain(&mut link, Direction::ToBroker, 10_000_000)
        };
        assert_eq!(play(), play());
    }
}
