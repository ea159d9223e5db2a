//! Connections between lights and the broker, as TCP and a proxy carry them: bytes in order, a short
//! way each, and what the faults of a link make of them.
//!
//! Without a fault bytes go straight into the air; a connection gets [`ImpairedLink`] when a fault needs
//! them and loses them when they have nothing left to remember. That makes the ordinary case cheap.
//! Each push is of whole MQTT packets, so that the link can join in at any time.

use std::{collections::VecDeque, sync::Arc};

use simulation::{Queue, Rng};

use super::step::Step;
use crate::fault::{Direction, ImpairedLink, Item, LinkFaultSpec, Micros, Terminations};

/// How long bytes travel between a light and the broker, in microseconds, at least and at most.
const WAY_US: (Micros, Micros) = (200, 2_000);
/// Bytes that have been read are thrown away at the latest when so many lie about.
const COMPACT_BYTES: usize = 16 * 1024;

/// Names one connection, and no other after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnId {
    pub(super) index: usize,
    turn: u32,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Light(usize),
    DuplicateClient(usize),
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The light waits for an answer.
    Dialling,
    /// The proxy has it, and cannot reach the broker while nothing passes.
    Proxy,
    /// Both ends are connected.
    Broker,
}

/// What comes out at one end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Bytes(usize),
    End,
    Reset,
}

/// Bytes on their way.
#[derive(Debug, Default)]
struct Pipe {
    bytes: Vec<u8>,
    /// Bytes at the front of `bytes` that have arrived.
    taken: usize,
    flights: VecDeque<Out>,
    /// When the last of them arrives: none overtakes another.
    last_us: Micros,
}

#[derive(Debug)]
pub(super) struct Conn {
    pub(super) owner: Owner,
    pub(super) reach: Reach,
    /// The light still listens; else it has closed, or lost its Wi-Fi.
    pub(super) light_listens: bool,
    /// The light's end was closed, so that the broker will hear of it.
    light_closed: bool,
    pub(super) broker_open: bool,
    /// Half-open: what the light sends goes nowhere.
    pub(super) swallows: bool,
    pub(super) terminations: Terminations,
    /// When the next strike is planned.
    strike_us: Micros,
    link: Option<Box<ImpairedLink>>,
    wires_us: Micros,
    seed: u64,
    pipes: [Pipe; 2],
}

struct Slot {
    turn: u32,
    conn: Option<Conn>,
}

/// All connections, and what is to happen when.
pub(super) struct Net {
    pub(super) now: Micros,
    pub(super) queue: Queue<Step>,
    pub(super) rng: Rng,
    slots: Vec<Slot>,
    free: Vec<usize>,
}

impl Net {
    pub(super) fn new(rng: Rng) -> Net {
        Net { now: 0, queue: Queue::new(), rng, slots: Vec::new(), free: Vec::new() }
    }

    pub(super) fn plan(&mut self, at: Micros, step: Step) {
        self.queue.push(at.max(self.now), step);
    }

    fn way_us(&mut self) -> Micros {
        self.rng.between(WAY_US.0, WAY_US.1)
    }

    /// The way there and back.
    pub(super) fn round_trip_us(&mut self) -> Micros {
        self.way_us() + self.way_us()
    }

    /// Begins to connect. [`Step::Dialled`] follows.
    pub(super) fn dial(&mut self, owner: Owner) -> ConnId {
        let conn = Conn {
            owner,
            reach: Reach::Dialling,
            light_listens: true,
            light_closed: false,
            broker_open: false,
            swallows: false,
            terminations: Terminations::new(self.now, &[]),
            strike_us: Micros::MAX,
            link: None,
            wires_us: Micros::MAX,
            seed: self.rng.draw(),
            pipes: Default::default(),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { turn: 0, conn: None });
            self.slots.len() - 1
        });
        let mut turn = 0;
        if let Some(slot) = self.slots.get_mut(index) {
            slot.turn = slot.turn.wrapping_add(1);
            slot.conn = Some(conn);
            turn = slot.turn;
        }
        let id = ConnId { index, turn };
        let at = self.now + self.round_trip_us();
        self.plan(at, Step::Dialled(id));
        id
    }

    pub(super) fn get(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.slots.get_mut(id.index).filter(|slot| slot.turn == id.turn)?.conn.as_mut()
    }

    pub(super) fn remove(&mut self, id: ConnId) {
        if let Some(slot) = self.slots.get_mut(id.index).filter(|slot| slot.turn == id.turn)
            && slot.conn.take().is_some()
        {
            self.free.push(id.index);
        }
    }

    /// The connections of `owner`, those included that it knows nothing of any more.
    pub(super) fn of(&self, owner: Owner) -> Vec<ConnId> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter(|(_, slot)| slot.conn.as_ref().is_some_and(|conn| conn.owner == owner))
            .map(|(index, slot)| ConnId { index, turn: slot.turn })
            .collect()
    }

    /// The connection is made, as far as the light can tell, under these faults.
    pub(super) fn made(&mut self, id: ConnId, reach: Reach, faults: &Arc<[LinkFaultSpec]>) {
        let now = self.now;
        let Some(conn) = self.get(id) else { return };
        conn.reach = reach;
        conn.broker_open = reach == Reach::Broker;
        conn.terminations = Terminations::new(now, faults);
        if !faults.is_empty() {
            conn.link = Some(Box::new(ImpairedLink::new(faults.clone(), conn.seed)));
        }
        self.plan_strike(id);
    }

    /// The proxy has reached the broker, and what has waited for that goes on.
    pub(super) fn reached(&mut self, id: ConnId) {
        if let Some(conn) = self.get(id) {
            conn.reach = Reach::Broker;
            conn.broker_open = true;
            self.pull(id);
        }
    }

    /// Other faults are in force for this connection.
    pub(super) fn change(&mut self, id: ConnId, faults: &Arc<[LinkFaultSpec]>) {
        let now = self.now;
        let Some(conn) = self.get(id).filter(|conn| conn.reach != Reach::Dialling) else { return };
        conn.terminations.change(now, faults);
        match &mut conn.link {
            Some(link) => link.change(now, faults.clone()),
            None if conn.swallows || faults.is_empty() => {}
            None => conn.link = Some(Box::new(ImpairedLink::joined(faults.clone(), conn.seed))),
        }
        self.plan_strike(id);
        self.pull(id);
    }

    fn plan_strike(&mut self, id: ConnId) {
        let Some(conn) = self.get(id).filter(|conn| !conn.swallows) else { return };
        let at = conn.terminations.next().map_or(Micros::MAX, |(at, _)| at);
        if at != conn.strike_us {
            conn.strike_us = at;
            if at != Micros::MAX {
                self.plan(at, Step::Terminate(id));
            }
        }
    }

    /// Sends whole packets.
    pub(super) fn send(&mut self, id: ConnId, direction: Direction, bytes: &[u8]) {
        let now = self.now;
        let Some(conn) = self.get(id) else { return };
        match &mut conn.link {
            Some(link) => {
                link.push(direction, now, bytes);
                self.pull(id);
            }
            None => self.launch(id, direction, bytes, Out::Bytes(bytes.len())),
        }
    }

    fn send_end(&mut self, id: ConnId, direction: Direction) {
        let now = self.now;
        let Some(conn) = self.get(id) else { return };
        match &mut conn.link {
            Some(link) => {
                link.push_end(direction, now);
                self.pull(id);
            }
            None => self.launch(id, direction, &[], Out::End),
        }
    }

    /// An RST, which no fault holds up.
    pub(super) fn send_reset(&mut self, id: ConnId) {
        self.launch(id, Direction::FromBroker, &[], Out::Reset);
    }

    /// Something comes out of the link now, if that is still so.
    pub(super) fn wires_due(&mut self, id: ConnId) {
        let now = self.now;
        if let Some(conn) = self.get(id).filter(|conn| conn.wires_us == now) {
            conn.wires_us = Micros::MAX;
            self.pull(id);
        }
    }

    /// Lets go on what has come through the link by now.
    pub(super) fn pull(&mut self, id: ConnId) {
        let now = self.now;
        let Some(conn) = self.get(id).filter(|conn| conn.reach == Reach::Broker) else { return };
        let Some(mut link) = conn.link.take() else { return };
        for direction in Direction::BOTH {
            while let Some(item) = link.pull(direction, now) {
                match item {
                    Item::Bytes(bytes) => self.launch(id, direction, &bytes, Out::Bytes(bytes.len())),
                    Item::End => self.launch(id, direction, &[], Out::End),
                }
            }
        }
        let due_us = Direction::BOTH
            .into_iter()
            .filter_map(|direction| link.due_us(direction))
            .min()
            .unwrap_or(Micros::MAX);
        let Some(conn) = self.get(id) else { return };
        let planned = conn.wires_us == due_us;
        conn.wires_us = due_us;
        if !link.is_idle() {
            conn.link = Some(link);
        }
        if !planned && due_us != Micros::MAX {
            self.plan(due_us, Step::Deliver(id));
        }
    }

    fn launch(&mut self, id: ConnId, direction: Direction, bytes: &[u8], what: Out) {
        let arrives_us = self.now + self.way_us();
        let Some(conn) = self.get(id) else { return };
        let pipe = &mut conn.pipes[direction.index()];
        pipe.bytes.extend_from_slice(bytes);
        pipe.flights.push_back(what);
        pipe.last_us = pipe.last_us.max(arrives_us);
        let at = pipe.last_us;
        self.queue.push(at, Step::Arrive(id, direction));
    }

    /// What arrives now, its bytes put into `into`.
    pub(super) fn land(&mut self, id: ConnId, direction: Direction, into: &mut Vec<u8>) -> Option<Out> {
        let pipe = &mut self.get(id)?.pipes[direction.index()];
        let out = pipe.flights.pop_front()?;
        into.clear();
        if let Out::Bytes(count) = out {
            into.extend_from_slice(pipe.bytes.get(pipe.taken..pipe.taken + count).unwrap_or_default());
            pipe.taken += count;
        }
        if pipe.flights.is_empty() {
            pipe.bytes.clear();
            pipe.taken = 0;
        } else if pipe.taken > COMPACT_BYTES {
            pipe.bytes.drain(..pipe.taken);
            pipe.taken = 0;
        }
        Some(out)
    }

    /// The light lets go of the connection without the other end's knowing.
    pub(super) fn abandon(&mut self, id: ConnId) {
        let Some(conn) = self.get(id) else { return };
        conn.light_listens = false;
        if conn.reach != Reach::Broker || !conn.broker_open {
            self.remove(id);
        }
    }

    /// The light closes the connection.
    pub(super) fn hang_up(&mut self, id: ConnId) {
        self.abandon(id);
        if let Some(conn) = self.get(id)
            && !conn.light_closed
        {
            conn.light_closed = true;
            self.send_end(id, Direction::ToBroker);
        }
    }

    /// The broker closes the connection.
    pub(super) fn close(&mut self, id: ConnId) {
        let Some(conn) = self.get(id) else { return };
        conn.broker_open = false;
        if conn.light_listens {
            self.send_end(id, Direction::FromBroker);
        } else {
            self.remove(id);
        }
    }

    /// The broker's end is gone, and the light is not told.
    pub(super) fn halve(&mut self, id: ConnId) {
        let Some(conn) = self.get(id) else { return };
        conn.broker_open = false;
        conn.swallows = true;
        conn.link = None;
        if !conn.light_listens {
            self.remove(id);
        }
    }

    /// Both ends get an RST.
    pub(super) fn reset(&mut self, id: ConnId) {
        let Some(conn) = self.get(id) else { return };
        conn.broker_open = false;
        conn.swallows = true;
        conn.link = None;
        if conn.light_listens {
            self.send_reset(id);
        } else {
            self.remove(id);
        }
    }
}
