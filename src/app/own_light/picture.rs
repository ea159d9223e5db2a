//! A check as a crossing: the light under test and its partner, drawn by the scene as any pair is.

use std::time::Instant;

use traffic_light::{Aspect, Name, Rule};

use crate::{
    app::state::State,
    check::{live::Live, record::BenchFault, vocabulary::Shown},
    fault::{BlackHole, Fault, LinkFaultSpec, Refuse},
    model::{LightId, LightKind},
    world::{
        Event, EventKind,
        event::{Layer, TopicKind},
    },
};

/// For how long a reset is named, though it takes no time.
const RESET_MS: u64 = 3_000;
/// More words at once are one for the picture.
const MOST_FLIGHTS: u64 = 3;

/// What the scene shows of a check.
#[derive(Debug)]
pub struct Picture {
    pub state: State,
    began: Instant,
    light: LightId,
    partner: LightId,
    shown: Live,
    reset_ms: Option<u64>,
}

impl Picture {
    /// Of a check at the broker `behind`; `None` where it has no names for its lights, which does not happen.
    #[must_use]
    pub fn new(behind: &str) -> Option<Picture> {
        let junction = Name::new("check").ok()?;
        let id = |name| Some(LightId::new(junction.clone(), Name::new(name).ok()?));
        let (light, partner) = (id("light")?, id("partner")?);
        let mut picture = Picture {
            state: State::default(),
            began: Instant::now(),
            light: light.clone(),
            partner: partner.clone(),
            shown: Live::default(),
            reset_ms: None,
        };
        for (light, kind) in [(light, LightKind::Foreign), (partner, LightKind::Foreign)] {
            picture.apply(EventKind::LightAdded { light, kind, rule: Rule::React, keyed: false });
        }
        picture.apply(EventKind::BrokerStarted {
            address: behind.to_owned(),
            embedded: false,
            open: false,
            note: None,
        });
        Some(picture)
    }

    /// The time on the picture's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The fault that strikes the link now, in a few words.
    #[must_use]
    pub fn fault(&self) -> Option<&'static str> {
        let reset =
            self.reset_ms.is_some_and(|at| self.now_ms() < at + RESET_MS).then_some(BenchFault::Reset.text());
        self.shown.faults.last().map(|fault| fault.text()).or(reset)
    }

    /// In how many milliseconds the picture changes by itself.
    #[must_use]
    pub fn changes_in_ms(&self) -> Option<u64> {
        let until = self.reset_ms? + RESET_MS;
        until.checked_sub(self.now_ms()).filter(|left| *left > 0)
    }

    /// Brings it up to `live`.
    pub fn follow(&mut self, live: &Live) {
        let (light, partner) = (self.light.clone(), self.partner.clone());
        let before = std::mem::replace(&mut self.shown, live.clone());
        let shows = |shown: Option<Shown>| shown.map_or(Aspect::Dark, aspect);
        self.apply(EventKind::AspectChanged { light: light.clone(), aspect: shows(live.light) });
        self.apply(EventKind::AspectChanged { light: partner.clone(), aspect: shows(live.partner) });
        for (layer, up, why) in [
            (Layer::Tcp, live.is_connected(), "no connection to the port of the check"),
            (Layer::Mqtt, live.has_session(), "not logged in"),
        ] {
            let reason = if up { "seen at the port of the check" } else { why }.to_owned();
            self.apply(EventKind::LinkChanged { light: light.clone(), layer, up, reason });
        }
        let here = live.partner.is_some();
        for (light, online) in [(light.clone(), live.has_session()), (partner.clone(), here)] {
            self.apply(EventKind::PresenceChanged { light, online, about: None });
        }
        for (fault, spec) in [
            (BenchFault::Silence, LinkFaultSpec::both_ways(BlackHole)),
            (BenchFault::Refuse, LinkFaultSpec::both_ways(Refuse)),
        ] {
            let on = live.faults.contains(&fault);
            self.apply(EventKind::FaultChanged { fault: Fault::Link { light: light.clone(), spec }, on });
        }
        for (light, spoken) in [
            (light, live.words.0 - before.words.0.min(live.words.0)),
            (partner, live.words.1 - before.words.1.min(live.words.1)),
        ] {
            for _ in 0..spoken.min(MOST_FLIGHTS) {
                let (topic, payload) = (TopicKind::State, "".into());
                self.apply(EventKind::MessagePassed {
                    light: light.clone(),
                    topic,
                    payload,
                    retained: false,
                });
            }
        }
        if live.resets > before.resets {
            self.reset_ms = Some(self.now_ms());
        }
    }

    fn apply(&mut self, kind: EventKind) {
        self.state.apply(&Event { at: self.began.elapsed(), kind });
    }
}

fn aspect(shown: Shown) -> Aspect {
    match shown {
        Shown::Red => Aspect::Red,
        Shown::RedAmber => Aspect::RedAmber,
        Shown::Green => Aspect::Green,
        Shown::Amber => Aspect::Amber,
        Shown::Dark => Aspect::Dark,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_and_done_stands_in_the_picture_and_goes_again() {
        let mut picture = Picture::new("the embedded broker").unwrap();
        let live = Live {
            light: Some(Shown::Amber),
            partner: Some(Shown::Green),
            faults: vec![BenchFault::Silence],
            words: (1, 1),
            ..Live::default()
        };
        picture.follow(&live);
        let junction = &picture.state.junctions[0];
        let aspects: Vec<_> = junction.lights.iter().map(|light| light.aspect).collect();
        assert_eq!(aspects, [Aspect::Amber, Aspect::Green]);
        assert_eq!((picture.state.faults_on().count(), picture.fault()), (1, Some("nothing passes")));
        assert_eq!(junction.lights[0].broken_layer(), Some(Layer::Tcp));
        picture.follow(&Live { light: Some(Shown::Red), resets: 1, ..Live::default() });
        assert_eq!((picture.state.faults_on().count(), picture.fault()), (0, Some("connection reset")));
        assert_eq!(picture.state.junctions[0].lights[1].aspect, Aspect::Dark, "the partner is gone");
    }
}
