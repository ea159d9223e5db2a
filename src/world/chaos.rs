//! Chaos: random faults without end, from a seed. Pure: whoever uses it has the clock and injects them.
//!
//! A seed means the same faults at the same times for the same lights, options and list of faults.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    fault::{Directions, Draw, Fault, FaultKind, PlannedFault, Rng},
    model::{LightId, LightKind},
};

/// What may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChaosOptions {
    /// The mean time from one fault to the next, a millisecond to a day. It is longer where `most`
    /// are on.
    pub(crate) pace: Duration,
    /// The most faults that are on at once, at least 1.
    pub(crate) most: usize,
    /// The longest time that a fault stays, half a second to a day.
    pub(crate) longest: Duration,
    /// Whether links can be broken in finer ways: whether they go through proxies.
    pub(crate) links: bool,
    /// Whether the broker can be stopped, and made to count: it is part of this program.
    pub(crate) stops_broker: bool,
    /// Whether the broker asks for a login, so that a wrong password can be one.
    pub(crate) has_login: bool,
    /// Where lights run that are not [`LightKind::Virtual`]; they get only what they can be given.
    pub(crate) kinds: BTreeMap<LightId, LightKind>,
    /// Whether clocks drift by more than the right-of-way rules allow for: a conflict is possible then.
    pub(crate) beyond_rho: bool,
}

impl Default for ChaosOptions {
    /// A fault every ten seconds, three at once at most, on virtual lights with proxies and an
    /// embedded broker without a login.
    fn default() -> ChaosOptions {
        ChaosOptions {
            pace: Duration::from_secs(10),
            most: 3,
            longest: Duration::from_secs(40),
            links: true,
            stops_broker: true,
            has_login: false,
            kinds: BTreeMap::new(),
            beyond_rho: false,
        }
    }
}

/// Longer than anybody waits.
const SLOWEST: Duration = Duration::from_secs(86_400);
/// A shorter fault is over before anybody sees it.
const SHORTEST_MS: u64 = 500;
/// How often something else is drawn where the first is on already.
const DRAWS: usize = 32;

/// An endless source of random faults, in the order of their starts. It ends at once only where
/// nothing can be broken: without lights, or with none that can be given anything.
#[derive(Clone, Debug)]
pub struct Chaos {
    rng: Rng,
    /// What can be struck, and by what; never with an empty list.
    places: Vec<(LightId, Vec<FaultKind>)>,
    options: ChaosOptions,
    at: Duration,
    /// What is on, with its end.
    on: Vec<(Fault, Duration)>,
    /// How many were drawn.
    drawn: usize,
}

impl Chaos {
    /// Chaos for these lights.
    #[must_use]
    pub fn new(seed: u64, lights: Vec<LightId>, options: ChaosOptions) -> Chaos {
        let places = lights
            .into_iter()
            .map(|light| {
                let kinds = kinds_for(&light, &options);
                (light, kinds)
            })
            .filter(|(_, kinds)| !kinds.is_empty())
            .collect();
        let options = ChaosOptions {
            pace: options.pace.clamp(Duration::from_millis(1), SLOWEST),
            most: options.most.max(1),
            longest: options.longest.clamp(Duration::from_millis(SHORTEST_MS), SLOWEST),
            ..options
        };
        Chaos { rng: Rng::new(seed, 0xC4A0), places, options, at: Duration::ZERO, on: Vec::new(), drawn: 0 }
    }

    /// Draws the time to the next fault: as calls arrive at an exchange, with the pace as their mean.
    fn wait(&mut self) -> Duration {
        // 53 bits, so that every number between is one of a double's; never 0.
        let unit = ((self.rng.draw() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let wait_s = -unit.ln() * self.options.pace.as_secs_f64();
        // Whole milliseconds: the last digits of a logarithm differ from machine to machine.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most 37 times a day")]
        let wait_ms = (wait_s * 1_000.0).round() as u64;
        Duration::from_millis(wait_ms.max(1))
    }

    /// Sees to it that there is room for one more.
    fn make_room(&mut self) {
        loop {
            let at = self.at;
            // One that ends this very moment is still on: nobody knows which is done first.
            self.on.retain(|(_, until)| *until >= at);
            if self.on.len() < self.options.most {
                return;
            }
            let first_end = self.on.iter().map(|(_, until)| *until).min();
            self.at = first_end.unwrap_or(at) + Duration::from_millis(1);
        }
    }

    /// A fault, and how long it lasts.
    fn draw(&mut self) -> Option<(Fault, Option<Duration>)> {
        let place = self.rng.index(self.places.len());
        let (light, kinds) = self.places.get(place)?;
        let (light, mut kind) = (light.clone(), *kinds.get(self.rng.index(kinds.len()))?);
        kind.draw(&mut Draw { rng: &mut self.rng, beyond_rho: self.options.beyond_rho });
        let directions = match kind.has_direction().then(|| self.rng.index(3)) {
            Some(0) => Directions::ToBroker,
            Some(1) => Directions::FromBroker,
            _ => Directions::Both,
        };
        let longest_ms = u64::try_from(self.options.longest.as_millis()).unwrap_or(u64::MAX);
        let lasts =
            (!kind.about().instant).then(|| Duration::from_millis(self.rng.spread(SHORTEST_MS, longest_ms)));
        Some((kind.at(Some(light), directions)?, lasts))
    }

    fn is_on(&self, fault: &Fault) -> bool {
        self.on.iter().any(|(on, _)| on.is_replaced_by(fault))
    }
}

impl Iterator for Chaos {
    type Item = PlannedFault;

    fn next(&mut self) -> Option<PlannedFault> {
        let wait = self.wait();
        self.at += wait;
        self.make_room();
        loop {
            for _ in 0..DRAWS {
                let (fault, lasts) = self.draw()?;
                if let Some(lasts) = lasts {
                    if self.is_on(&fault) {
                        continue;
                    }
                    self.on.push((fault.clone(), self.at + lasts));
                }
                let entry = self.drawn;
                self.drawn += 1;
                return Some(PlannedFault { entry, ..PlannedFault::new(self.at, fault, lasts) });
            }
            // Few can be given at all, and they are on: one has to end first.
            let first_end = self.on.iter().map(|(_, until)| *until).min()?;
            self.at = first_end + Duration::from_millis(1);
            self.make_room();
        }
    }
}

/// What `light` can be given.
fn kinds_for(light: &LightId, options: &ChaosOptions) -> Vec<FaultKind> {
    let where_run = options.kinds.get(light).copied().unwrap_or(LightKind::Virtual);
    let can = |kind: &FaultKind| {
        let is_there = match kind {
            FaultKind::LinkFault(_) => options.links,
            FaultKind::LightFault(_) => options.has_login || !kind.about().needs_login,
            FaultKind::BrokerFault(_) => options.stops_broker,
        };
        let fault = kind.at(Some(light.clone()), Directions::Both);
        is_there && fault.is_some_and(|fault| fault.why_not(where_run).is_none())
    };
    FaultKind::examples().filter(can).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use traffic_light::Name;

    use super::*;
    use crate::fault::LightFault;

    fn lights(names: &[&str]) -> Vec<LightId> {
        let junction = || Name::new("demo").unwrap();
        names.iter().map(|name| LightId::new(junction(), Name::new(name).unwrap())).collect()
    }

    fn all() -> ChaosOptions {
        ChaosOptions { has_login: true, ..ChaosOptions::default() }
    }

    #[test]
    fn a_seed_means_the_same_faults_and_another_seed_others() {
        let take = |seed| Chaos::new(seed, lights(&["a", "b"]), all()).take(200).collect::<Vec<_>>();
        assert_eq!(take(7), take(7));
        assert_ne!(take(7), take(8));
    }

    #[test]
    fn every_kind_comes_up_with_valid_parameters() {
        let faults: Vec<_> = Chaos::new(1, lights(&["a", "b"]), all()).take(2_000).collect();
        let names: BTreeSet<_> = faults.iter().map(PlannedFault::name).collect();
        assert_eq!(names, FaultKind::examples().map(|kind| kind.about().name).collect());
        for PlannedFault { fault, lasts, .. } in &faults {
            assert_eq!(fault.check(), Ok(()), "{fault}");
            assert_eq!(lasts.is_none(), fault.is_instant());
            assert!(lasts.is_none_or(|lasts| lasts >= Duration::from_millis(500)));
        }
        let directions: BTreeSet<_> = faults
            .iter()
            .filter_map(|planned| match &planned.fault {
                Fault::Link { spec, .. } => Some(spec.directions),
                _ => None,
            })
            .collect();
        assert_eq!(directions.len(), 3);
    }

    #[test]
    fn faults_come_in_order_at_the_pace_and_never_too_many_or_the_same_twice_at_once() {
        let options = ChaosOptions { most: 4, pace: Duration::from_secs(20), ..all() };
        let faults: Vec<_> = Chaos::new(3, lights(&["a", "b", "c"]), options).take(2_000).collect();
        assert!(faults.windows(2).all(|pair| pair[0].at <= pair[1].at));
        let mean_s = faults[1_999].at.as_secs_f64() / 2_000.0;
        assert!((18.0..23.0).contains(&mean_s), "{mean_s}");
        let mut on: Vec<(Fault, Duration)> = Vec::new();
        for planned in faults {
            let ends_at = planned.ends_at().unwrap();
            on.retain(|(_, until)| *until >= planned.at);
            if planned.lasts.is_some() {
                let fault = planned.fault;
                assert!(!on.iter().any(|(other, _)| other.is_replaced_by(&fault)), "{fault} is on already");
                on.push((fault, ends_at));
            }
            assert!(on.len() <= 4);
        }
    }

    #[test]
    fn clocks_drift_within_what_the_rules_bear_unless_more_is_asked_for() {
        let drifts = |beyond_rho| {
            let options = ChaosOptions { beyond_rho, ..all() };
            let faults = Chaos::new(5, lights(&["a", "b"]), options).take(2_000);
            let ppm = faults.filter_map(|planned| match planned.fault {
                Fault::Light { fault: LightFault::ClockDrift(drift), .. } => Some(drift.ppm),
                _ => None,
            });
            ppm.collect::<Vec<_>>()
        };
        let within = drifts(false);
        assert!(within.iter().all(|ppm| ppm.abs() <= 10_000));
        assert!(within.iter().any(|ppm| *ppm > 0) && within.iter().any(|ppm| *ppm < 0));
        assert!(drifts(true).iter().all(|ppm| ppm.abs() >= 10_000));
    }

    #[test]
    fn a_board_gets_only_what_it_can_be_given() {
        let lights = lights(&["a"]);
        let kinds = BTreeMap::from([(lights[0].clone(), LightKind::Board)]);
        let options = ChaosOptions { kinds, stops_broker: false, ..all() };
        let names: BTreeSet<_> =
            Chaos::new(1, lights, options).take(300).map(|planned| planned.name()).collect();
        assert_eq!(names, BTreeSet::from(["wifi-down", "silence"]));
    }

    #[test]
    fn where_nothing_can_be_broken_there_is_no_chaos() {
        assert_eq!(Chaos::new(1, Vec::new(), all()).next(), None);
        let lights = lights(&["a"]);
        let kinds = BTreeMap::from([(lights[0].clone(), LightKind::Foreign)]);
        let options = ChaosOptions { kinds, stops_broker: false, ..all() };
        assert_eq!(Chaos::new(1, lights, options).next(), None);
    }
}
