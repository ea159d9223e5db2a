//! The sockets of simulated lights: what a light does is decided in [`crate::world::light`], its bytes go
//! through [`super::net`].

use traffic_light::link::LinkError;

use super::{
    net::{ConnId, Out, Owner},
    step::Step,
    world::World,
};
use crate::{
    fault::{Direction, Micros},
    model::LightId,
    world::{
        engine::LightCommand,
        light::{Light, LightEffect},
    },
};

/// A light's connections.
#[derive(Default)]
pub(super) struct Socket {
    present: Option<ConnId>,
    /// The connection of a light whose Wi-Fi is lost: the broker does not know yet.
    parked: Option<ConnId>,
    /// What has come in and was not read, by a host that sleeps or a program that hangs.
    unread: Vec<u8>,
    unread_end: Option<Out>,
    /// The connection was made while the host slept.
    made: bool,
    /// When the light has something to do next, as it is planned.
    due_us: Micros,
}

impl World {
    /// Does something to a light, then all that follows from it.
    pub(super) fn with_light(&mut self, number: usize, does: impl FnOnce(&mut Light, Micros)) {
        let now = self.net.now;
        let Some(light) = self.light(number) else { return };
        does(light, now);
        self.settle(number);
    }

    pub(super) fn command_light(&mut self, number: usize, command: LightCommand) {
        self.with_light(number, |light, now| light.obey(now, command));
        // A host that wakes up, or a program that is called again, reads what has come in meanwhile.
        if self.sockets.get(number).is_some_and(|socket| socket.made) {
            self.dialled_late(number);
        }
        self.read_on(number);
    }

    /// Time has come for what a light had planned, if it still has.
    pub(super) fn light_due(&mut self, number: usize) {
        if let Some(socket) = self.sockets.get_mut(number) {
            socket.due_us = Micros::MAX;
        }
        self.with_light(number, |light, now| {
            if light.due_us() <= now {
                light.tick(now);
            }
        });
    }

    /// Does what a light has decided, and sends what its session has to send.
    pub(super) fn settle(&mut self, number: usize) {
        let mut effects = std::mem::take(&mut self.effects);
        while let Some(light) = self.light(number) {
            light.swap_effects(&mut effects);
            let id = light.id().clone();
            let quiet = effects.is_empty();
            for effect in effects.drain(..) {
                self.perform_for(number, &id, effect);
            }
            if !self.flush(number) && quiet {
                break;
            }
        }
        self.effects = effects;
        if self.observer.detailed {
            self.report(number, false);
        }
        let (Some(light), Some(socket)) =
            (self.lights.get(number).and_then(Option::as_deref), self.sockets.get_mut(number))
        else {
            return;
        };
        let due_us = light.due_us();
        if due_us != socket.due_us {
            socket.due_us = due_us;
            if due_us != Micros::MAX {
                self.net.plan(due_us, Step::Light(number));
            }
        }
    }

    fn perform_for(&mut self, number: usize, id: &LightId, effect: LightEffect) {
        if let LightEffect::Booted(boot) = effect {
            self.highest_boot = self.highest_boot.max(boot);
        }
        match effect.tell(id, &mut self.observer.engine) {
            None => {}
            Some(LightEffect::Connect) => {
                let dialled = self.net.dial(Owner::Light(number));
                self.socket(number, |socket| socket.present = Some(dialled));
            }
            Some(LightEffect::HangUp) => {
                if let Some(present) = self.let_go(number) {
                    self.net.hang_up(present);
                }
            }
            Some(LightEffect::Park) => {
                if let Some(present) = self.let_go(number) {
                    self.net.abandon(present);
                    self.socket(number, |socket| socket.parked = Some(present));
                }
            }
            Some(LightEffect::CloseParked) => {
                if let Some(parked) = self.socket(number, |socket| socket.parked.take()).flatten() {
                    self.net.hang_up(parked);
                }
            }
            // For who measures in real time.
            Some(_) => {}
        }
    }

    fn socket<T>(&mut self, number: usize, change: impl FnOnce(&mut Socket) -> T) -> Option<T> {
        self.sockets.get_mut(number).map(change)
    }

    /// Takes the present connection from a light.
    fn let_go(&mut self, number: usize) -> Option<ConnId> {
        self.socket(number, |socket| {
            socket.unread.clear();
            (socket.unread_end, socket.made) = (None, false);
            socket.present.take()
        })
        .flatten()
    }

    /// Closes the connections of a light that ends.
    pub(super) fn close_all(&mut self, number: usize) {
        let present = self.let_go(number);
        let parked = self.socket(number, |socket| socket.parked.take()).flatten();
        for id in [present, parked].into_iter().flatten() {
            self.net.hang_up(id);
        }
    }

    /// Sends what the session has to send; returns whether there was anything.
    fn flush(&mut self, number: usize) -> bool {
        let now = self.net.now;
        let light = self.lights.get_mut(number).and_then(Option::as_deref_mut);
        let present = self.sockets.get(number).and_then(|socket| socket.present);
        let (Some(light), Some(id)) = (light, present) else { return false };
        let bytes = light.outgoing();
        let count = bytes.len();
        if count > 0 {
            self.net.send(id, Direction::ToBroker, bytes);
            light.sent(now, count);
        }
        count > 0
    }

    /// The connection is made: MQTT begins.
    pub(super) fn connected(&mut self, number: usize) {
        let login = self.login.clone();
        self.with_light(number, |light, now| light.connected(now, login));
    }

    /// A connection was made while the light's host slept.
    pub(super) fn connected_asleep(&mut self, number: usize) {
        self.socket(number, |socket| socket.made = true);
    }

    fn dialled_late(&mut self, number: usize) {
        let present = self.socket(number, |socket| {
            socket.made = false;
            socket.present
        });
        if let Some(id) = present.flatten() {
            self.dialled(number, id);
        }
    }

    pub(super) fn connection_lost(&mut self, number: usize, id: ConnId, error: LinkError) {
        self.net.remove(id);
        self.let_go(number);
        self.with_light(number, |light, now| light.connection_lost(now, error, None));
    }

    /// Something has come in for a light.
    pub(super) fn light_receives(&mut self, number: usize, id: ConnId, bytes: &[u8], out: Out) {
        let present = self.sockets.get(number).and_then(|socket| socket.present);
        if present != Some(id) {
            return;
        }
        let waits = self.sockets.get(number).is_some_and(|socket| !socket.unread.is_empty());
        let taken = if waits { 0 } else { self.read(number, id, bytes) };
        let rest = bytes.get(taken..).unwrap_or_default();
        self.socket(number, |socket| {
            if socket.present == Some(id) {
                socket.unread.extend_from_slice(rest);
                socket.unread_end =
                    socket.unread_end.or(Some(out).filter(|out| !matches!(out, Out::Bytes(_))));
            }
        });
        self.end_read(number, id);
    }

    /// Reads what has waited.
    fn read_on(&mut self, number: usize) {
        let Some(id) = self.sockets.get(number).and_then(|socket| socket.present) else { return };
        let unread = self.socket(number, |socket| std::mem::take(&mut socket.unread)).unwrap_or_default();
        let taken = self.read(number, id, &unread);
        let rest = unread.get(taken..).unwrap_or_default();
        self.socket(number, |socket| {
            if socket.present == Some(id) {
                socket.unread.extend_from_slice(rest);
            }
        });
        self.end_read(number, id);
    }

    /// Lets the light read as much as it takes; returns how much.
    fn read(&mut self, number: usize, id: ConnId, bytes: &[u8]) -> usize {
        let now = self.net.now;
        let mut read = 0;
        while let Some(rest) = bytes.get(read..).filter(|rest| !rest.is_empty())
            && self.sockets.get(number).is_some_and(|socket| socket.present == Some(id))
            && let Some(light) = self.light(number).filter(|light| light.room() > 0)
        {
            read += light.feed(now, rest);
            self.settle(number);
        }
        read
    }

    /// The connection has ended, once all that came before is read.
    fn end_read(&mut self, number: usize, id: ConnId) {
        if self.light(number).is_none_or(|light| light.is_asleep()) {
            return;
        }
        let end = self.socket(number, |socket| {
            if socket.present == Some(id) && socket.unread.is_empty() {
                socket.unread_end.take()
            } else {
                None
            }
        });
        let error = match end.flatten() {
            None => return,
            // A proxy that cannot reach the broker resets the light, and knows why.
            Some(Out::Reset) if !self.broker.runs() => LinkError::NobodyListens,
            Some(Out::Reset) => LinkError::Reset,
            Some(Out::End | Out::Bytes(_)) => LinkError::Closed,
        };
        self.connection_lost(number, id, error);
    }
}
