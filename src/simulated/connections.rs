//! Connections come as far as the broker, carry bytes, and end.

use std::sync::Arc;

use traffic_light::link::LinkError;

use super::{
    ConnId,
    net::{Out, Owner, Reach},
    world::World,
};
use crate::fault::{Direction, LinkFaultSpec, Termination, rules, stalls};

impl World {
    pub(super) fn arrive(&mut self, id: ConnId, way: Direction) {
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

    /// A light's connection has come as far as its proxy, or its end.
    pub(super) fn dialled(&mut self, number: usize, id: ConnId) {
        let faults = self.faults_on(number);
        if self.light(number).is_some_and(|light| light.is_asleep()) {
            return self.connected_asleep(number);
        }
        let reach = match (rules(&faults).refuse, stalls(&faults), self.broker.runs()) {
            (false, true, _) => Reach::Proxy,
            (false, false, true) => Reach::Broker,
            _ => return self.connection_lost(number, id, LinkError::NobodyListens),
        };
        self.net.made(id, reach, &faults);
        if reach == Reach::Broker {
            self.broker.accept(&mut self.net, id);
        }
        self.connected(number);
    }

    /// The black hole before the broker has gone.
    pub(super) fn proxy_reached(&mut self, id: ConnId) {
        let Some(conn) = self.net.get(id).filter(|conn| conn.reach == Reach::Proxy) else { return };
        let Owner::Light(number) = conn.owner else { return };
        if stalls(&self.faults_on(number)) {
            return;
        }
        if self.broker.runs() {
            self.broker.accept(&mut self.net, id);
            self.net.reached(id);
        } else {
            self.connection_lost(number, id, LinkError::NobodyListens);
        }
    }

    /// A fault of the whole connection strikes.
    pub(super) fn terminate(&mut self, id: ConnId) {
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
}
