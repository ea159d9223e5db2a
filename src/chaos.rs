//! Chaos: random faults without end, from a seed. Pure: whoever uses it has the clock and puts them in.
//!
//! A seed means the same faults for ever, at the same times, for the same lights and options.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    config::{FaultKind, PlannedFault},
    fault::{
        Bandwidth, BlackHole, Delay, Directions, Double, HalfOpen, Latency, LinkFault, LinkFaultSpec, Lose,
        Refuse, Reorder, Reset, Rng, SlowClose,
    },
    model::{LightId, LightKind},
    world::Fault,
};

/// What may come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChaosOptions {
    /// The mean time from one fault to the next, a millisecond to a day. It is longer where `most`
    /// are on.
    pub pace: Duration,
    /// The most faults that are on at once, at least 1.
    pub most: usize,
    /// The longest time that a fault stays, half a second to a day.
    pub longest: Duration,
    /// Whether links can be broken in finer ways: whether they go through proxies.
    pub links: bool,
    /// Whether the broker can be stopped, and made to count: it is part of this program.
    pub stops_broker: bool,
    /// Whether the broker asks for a login, so that a wrong password can be one.
    pub has_login: bool,
    /// Where lights run that are not [`LightKind::Virtual`]; they get only what they can be given.
    pub kinds: BTreeMap<LightId, LightKind>,
    /// Whether clocks drift by more than the rules bear: a conflict is possible then.
    pub beyond_rho: bool,
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

/// What the rules bear of a wrong clock: ρ, in millionths.
const RHO_PPM: u64 = 10_000;
/// What no rule bears.
const MOST_BEYOND_PPM: u64 = 200_000;
/// Longer than anybody waits.
const SLOWEST: Duration = Duration::from_secs(86_400);
/// A shorter fault is over before anybody sees it.
const SHORTEST_MS: u64 = 500;
/// How often something else is drawn where the first is on already.
const DRAWS: usize = 32;

/// What can come, but for its dose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WifiDown,
    Silence,
    BrokerDown,
    Quota,
    /// An index of [`LinkFault::NAMES`].
    Link(usize),
    WrongPassword,
    NameNotFound,
    TakenOver,
    Hang,
    ClockDrift,
    Suspend,
    SessionDrop,
    Reboot,
}

const KINDS: [Kind; 12] = [
    Kind::WifiDown,
    Kind::Silence,
    Kind::BrokerDown,
    Kind::Quota,
    Kind::WrongPassword,
    Kind::NameNotFound,
    Kind::TakenOver,
    Kind::Hang,
    Kind::ClockDrift,
    Kind::Suspend,
    Kind::SessionDrop,
    Kind::Reboot,
];

/// An endless source of random faults, in the order of their starts. It ends at once only where
/// nothing can be broken: without lights, or with none that can be given anything.
#[derive(Clone, Debug)]
pub struct Chaos {
    rng: Rng,
    /// What can be struck, and by what; never with an empty list.
    places: Vec<(LightId, Vec<Kind>)>,
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

    fn draw(&mut self) -> Option<FaultKind> {
        let place = self.rng.index(self.places.len());
        let (light, kinds) = self.places.get(place)?;
        let (light, kind) = (light.clone(), *kinds.get(self.rng.index(kinds.len()))?);
        let fault = match kind {
            Kind::SessionDrop => return Some(FaultKind::SessionDrop(light)),
            Kind::Reboot => return Some(FaultKind::Reboot(light)),
            Kind::WifiDown => Fault::WifiDown(light),
            Kind::Silence => Fault::Silence(light),
            Kind::BrokerDown => Fault::BrokerDown,
            Kind::Quota => Fault::Quota { per_minute: self.rng.ms(20, 600) },
            Kind::Link(index) => Fault::Link { light, spec: self.dose(index)? },
            Kind::WrongPassword => Fault::WrongPassword(light),
            Kind::NameNotFound => Fault::NameNotFound(light),
            Kind::TakenOver => Fault::TakenOver(light),
            Kind::Hang => Fault::Hang(light),
            Kind::ClockDrift => Fault::ClockDrift { light, ppm: self.drift() },
            Kind::Suspend => Fault::Suspend(light),
        };
        let longest_ms = u64::try_from(self.options.longest.as_millis()).unwrap_or(u64::MAX);
        let lasts = Duration::from_millis(self.rng.spread(SHORTEST_MS, longest_ms));
        Some(FaultKind::Lasting { fault, lasts: Some(lasts) })
    }

    /// A fault of a link with a dose that a light may or may not get along with.
    fn dose(&mut self, index: usize) -> Option<LinkFaultSpec> {
        let rng = &mut self.rng;
        let spread = |rng: &mut Rng, low: u32, high: u32| {
            u32::try_from(rng.spread(u64::from(low), u64::from(high))).unwrap_or(high)
        };
        let percent = |rng: &mut Rng, most: u64| u8::try_from(rng.between(5, most)).unwrap_or(5);
        let fault: LinkFault = match LinkFault::example(LinkFault::NAMES.get(index)?)? {
            LinkFault::Latency(_) => {
                let ms = spread(rng, 10, 2_000);
                Latency { ms, jitter_ms: rng.ms(0, ms) }.into()
            }
            LinkFault::Bandwidth(_) => Bandwidth { bytes_per_s: spread(rng, 60, 6_000) }.into(),
            LinkFault::BlackHole(_) => BlackHole.into(),
            LinkFault::Reset(_) => Reset { after_ms: rng.ms(0, 5_000) }.into(),
            LinkFault::Refuse(_) => Refuse.into(),
            LinkFault::SlowClose(_) => SlowClose { ms: spread(rng, 100, 30_000) }.into(),
            LinkFault::HalfOpen(_) => HalfOpen { after_ms: rng.ms(0, 5_000) }.into(),
            LinkFault::Lose(_) => Lose { percent: percent(rng, 80) }.into(),
            LinkFault::Double(_) => Double { percent: percent(rng, 100) }.into(),
            LinkFault::Delay(_) => Delay { percent: percent(rng, 80), ms: spread(rng, 50, 10_000) }.into(),
            LinkFault::Reorder(_) => Reorder { percent: percent(rng, 80) }.into(),
        };
        let directions = match rng.index(3) {
            _ if fault.strikes_connections() => Directions::Both,
            0 => Directions::ToBroker,
            1 => Directions::FromBroker,
            _ => Directions::Both,
        };
        Some(LinkFaultSpec { fault, directions })
    }

    fn drift(&mut self) -> i32 {
        let (least, most) = if self.options.beyond_rho { (RHO_PPM, MOST_BEYOND_PPM) } else { (1, RHO_PPM) };
        let ppm = self.rng.between(least, most);
        let ppm = i32::try_from(ppm).unwrap_or(1);
        if self.rng.chance(500) { ppm } else { -ppm }
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
                let what = self.draw()?;
                if let FaultKind::Lasting { fault, lasts } = &what {
                    if self.is_on(fault) {
                        continue;
                    }
                    let until = self.at + lasts.unwrap_or_default();
                    self.on.push((fault.clone(), until));
                }
                let entry = self.drawn;
                self.drawn += 1;
                return Some(PlannedFault { entry, ..PlannedFault::new(self.at, what) });
            }
            // Few can be given at all, and they are on: one has to end first.
            let first_end = self.on.iter().map(|(_, until)| *until).min()?;
            self.at = first_end + Duration::from_millis(1);
            self.make_room();
        }
    }
}

/// What `light` can be given.
fn kinds_for(light: &LightId, options: &ChaosOptions) -> Vec<Kind> {
    let where_run = options.kinds.get(light).copied().unwrap_or(LightKind::Virtual);
    let may = |fault: &Fault| fault.why_not(where_run).is_none();
    let links = (0..LinkFault::NAMES.len()).map(Kind::Link);
    let can = |kind: &Kind| match kind {
        Kind::WifiDown => may(&Fault::WifiDown(light.clone())),
        Kind::Silence => may(&Fault::Silence(light.clone())),
        Kind::BrokerDown | Kind::Quota => options.stops_broker,
        Kind::Link(_) => {
            options.links
                && may(&Fault::Link { light: light.clone(), spec: LinkFaultSpec::both_ways(Refuse) })
        }
        Kind::WrongPassword => options.has_login && may(&Fault::WrongPassword(light.clone())),
        Kind::NameNotFound => may(&Fault::NameNotFound(light.clone())),
        Kind::TakenOver => may(&Fault::TakenOver(light.clone())),
        Kind::Hang => may(&Fault::Hang(light.clone())),
        Kind::ClockDrift => may(&Fault::ClockDrift { light: light.clone(), ppm: 1 }),
        Kind::Suspend => may(&Fault::Suspend(light.clone())),
        Kind::SessionDrop | Kind::Reboot => where_run == LightKind::Virtual,
    };
    KINDS.into_iter().chain(links).filter(can).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use traffic_light::Name;

    use super::*;

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
    fn every_kind_comes_up_with_a_dose_that_can_be_meant() {
        let faults: Vec<_> = Chaos::new(1, lights(&["a", "b"]), all()).take(2_000).collect();
        let names: BTreeSet<_> = faults.iter().map(PlannedFault::name).collect();
        let others =
            ["wifi-down", "silence", "broker-down", "wrong-password", "name-not-found", "taken-over"];
        let more = ["hang", "clock-drift", "suspend", "session-drop", "reboot", "quota"];
        let wanted: BTreeSet<_> = LinkFault::NAMES.into_iter().chain(others).chain(more).collect();
        assert_eq!(names, wanted);
        for planned in &faults {
            if let FaultKind::Lasting { fault, lasts } = &planned.what {
                assert_eq!(fault.check(), Ok(()), "{fault}");
                assert!(lasts.is_some_and(|lasts| lasts >= Duration::from_millis(500)));
            }
        }
        let directions: BTreeSet<_> = faults
            .iter()
            .filter_map(|planned| match &planned.what {
                FaultKind::Lasting { fault: Fault::Link { spec, .. }, .. } => Some(spec.directions),
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
            if let FaultKind::Lasting { fault, .. } = planned.what {
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
            let ppm = faults.filter_map(|planned| match planned.what {
                FaultKind::Lasting { fault: Fault::ClockDrift { ppm, .. }, .. } => Some(ppm),
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
