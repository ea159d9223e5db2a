//! The words for faults, and the members that dose them.

use std::time::Duration;

use super::{
    fault::FaultKind,
    table::{Member, Reader, Table},
};
use crate::{
    fault::{
        Bandwidth, BlackHole, Delay, Directions, Double, HalfOpen, LONGEST_MS, Latency, LinkFault,
        LinkFaultSpec, Lose, Refuse, Reorder, Reset, SlowClose,
    },
    model::LightId,
    world::{
        Fault,
        fault::{MOST_DRIFT_PPM, MOST_PER_MINUTE, USUAL_PER_MINUTE},
    },
};

pub(super) const MEMBERS: [&str; 16] = [
    "name",
    "at_s",
    "spread_s",
    "for_s",
    "every_s",
    "times",
    "what",
    "light",
    "way",
    "ms",
    "jitter_ms",
    "after_ms",
    "bytes_per_s",
    "percent",
    "drift_percent",
    "per_minute",
];

/// What a word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    WifiDown,
    Silence,
    SessionDrop,
    BrokerDown,
    Quota,
    Reboot,
    WrongPassword,
    NameNotFound,
    TakenOver,
    Hang,
    ClockDrift,
    Suspend,
    /// An index of [`LinkFault::NAMES`].
    Link(usize),
}

impl Kind {
    /// Whether it strikes all lights, and so names none.
    pub(super) fn strikes_all(self) -> bool {
        matches!(self, Kind::BrokerDown | Kind::Quota)
    }
}

const WORDS: [(&str, Kind); 12] = [
    ("wifi-down", Kind::WifiDown),
    ("silence", Kind::Silence),
    ("session-drop", Kind::SessionDrop),
    ("broker-down", Kind::BrokerDown),
    ("quota", Kind::Quota),
    ("reboot", Kind::Reboot),
    ("wrong-password", Kind::WrongPassword),
    ("name-not-found", Kind::NameNotFound),
    ("taken-over", Kind::TakenOver),
    ("hang", Kind::Hang),
    ("clock-drift", Kind::ClockDrift),
    ("suspend", Kind::Suspend),
];

/// Makes the fault that lasts so long, of a light where it strikes one.
type Make = Box<dyn FnOnce(Option<LightId>, Option<Duration>) -> Option<FaultKind>>;

pub(super) fn read_word(reader: &mut Reader<'_>, member: &Member<'_>) -> Option<Kind> {
    let links = LinkFault::NAMES.iter().enumerate().map(|(index, name)| (*name, Kind::Link(index)));
    let words: Vec<_> = WORDS.into_iter().chain(links).collect();
    reader.choice(member, &words)
}

/// Reads the dose that goes with a word, and refuses members that do not.
pub(super) fn read(reader: &mut Reader<'_>, table: &Table<'_>, kind: Kind) -> Option<Make> {
    let problems_before = reader.problems.count();
    let mut dose = Dose { reader, table, used: Vec::new() };
    let make: Option<Make> = match kind {
        Kind::WifiDown => Some(lasting(Fault::WifiDown)),
        Kind::Silence => Some(lasting(Fault::Silence)),
        Kind::WrongPassword => Some(lasting(Fault::WrongPassword)),
        Kind::NameNotFound => Some(lasting(Fault::NameNotFound)),
        Kind::TakenOver => Some(lasting(Fault::TakenOver)),
        Kind::Hang => Some(lasting(Fault::Hang)),
        Kind::Suspend => Some(lasting(Fault::Suspend)),
        Kind::SessionDrop => Some(Box::new(|light, _| light.map(FaultKind::SessionDrop))),
        Kind::Reboot => Some(Box::new(|light, _| light.map(FaultKind::Reboot))),
        Kind::BrokerDown => Some(everywhere(Fault::BrokerDown)),
        Kind::Quota => dose
            .number("per_minute", USUAL_PER_MINUTE, MOST_PER_MINUTE)
            .map(|per_minute| everywhere(Fault::Quota { per_minute })),
        Kind::ClockDrift => {
            dose.drift_ppm().map(|ppm| lasting(move |light| Fault::ClockDrift { light, ppm }))
        }
        Kind::Link(index) => dose.link(index).map(|spec| lasting(move |light| Fault::Link { light, spec })),
    };
    let used = dose.used;
    for name in
        ["way", "ms", "jitter_ms", "after_ms", "bytes_per_s", "percent", "drift_percent", "per_minute"]
    {
        if let Some(member) = table.member(name).filter(|_| !used.contains(&name)) {
            let text = if used.is_empty() {
                "this fault has no dose; remove it".to_owned()
            } else {
                format!("this fault has no such dose; remove it, or use {}", used.join(", "))
            };
            reader.wrong(&member, text);
        }
    }
    make.filter(|_| reader.problems.count() == problems_before)
}

fn lasting(fault: impl FnOnce(LightId) -> Fault + 'static) -> Make {
    Box::new(move |light, lasts| Some(FaultKind::Lasting { fault: fault(light?), lasts }))
}

fn everywhere(fault: Fault) -> Make {
    Box::new(move |_, lasts| Some(FaultKind::Lasting { fault, lasts }))
}

struct Dose<'r, 'p, 't> {
    reader: &'r mut Reader<'p>,
    table: &'t Table<'t>,
    used: Vec<&'static str>,
}

impl Dose<'_, '_, '_> {
    fn link(&mut self, index: usize) -> Option<LinkFaultSpec> {
        let example = LinkFault::example(LinkFault::NAMES.get(index)?)?;
        let fault: LinkFault = match example {
            LinkFault::Latency(usual) => {
                let ms = self.ms("ms", usual.ms)?;
                let jitter_ms = if self.table.member("jitter_ms").is_some() { usual.jitter_ms } else { 0 };
                Latency { ms, jitter_ms: self.ms("jitter_ms", jitter_ms)? }.into()
            }
            LinkFault::Bandwidth(usual) => {
                Bandwidth { bytes_per_s: self.number("bytes_per_s", usual.bytes_per_s, u32::MAX)? }.into()
            }
            LinkFault::BlackHole(_) => BlackHole.into(),
            LinkFault::Reset(usual) => Reset { after_ms: self.ms("after_ms", usual.after_ms)? }.into(),
            LinkFault::Refuse(_) => Refuse.into(),
            LinkFault::SlowClose(usual) => SlowClose { ms: self.ms("ms", usual.ms)? }.into(),
            LinkFault::HalfOpen(usual) => HalfOpen { after_ms: self.ms("after_ms", usual.after_ms)? }.into(),
            LinkFault::Lose(usual) => Lose { percent: self.percent(usual.percent)? }.into(),
            LinkFault::Double(usual) => Double { percent: self.percent(usual.percent)? }.into(),
            LinkFault::Delay(usual) => {
                Delay { percent: self.percent(usual.percent)?, ms: self.ms("ms", usual.ms)? }.into()
            }
            LinkFault::Reorder(usual) => Reorder { percent: self.percent(usual.percent)? }.into(),
        };
        let spec = LinkFaultSpec { fault, directions: self.directions()? };
        if let Err(reason) = spec.check() {
            let member = self.used.iter().find_map(|name| self.table.member(name));
            match member.or_else(|| self.table.member("what")) {
                Some(member) => self.reader.wrong(&member, reason),
                None => self.reader.problems.add(self.table.span.clone(), &self.table.path, reason),
            }
            return None;
        }
        Some(spec)
    }

    fn directions(&mut self) -> Option<Directions> {
        self.used.push("way");
        let Some(member) = self.table.member("way") else { return Some(Directions::Both) };
        self.reader.choice(
            &member,
            &[("up", Directions::ToBroker), ("down", Directions::FromBroker), ("both", Directions::Both)],
        )
    }

    fn ms(&mut self, name: &'static str, usual: u32) -> Option<u32> {
        self.number(name, usual, LONGEST_MS)
    }

    fn percent(&mut self, usual: u8) -> Option<u8> {
        u8::try_from(self.number("percent", u32::from(usual), 100)?).ok()
    }

    fn number(&mut self, name: &'static str, usual: u32, most: u32) -> Option<u32> {
        self.used.push(name);
        // What is worth nothing is refused by the fault's own check, but a quota has none here.
        let least = u32::from(name == "per_minute");
        match self.table.member(name) {
            Some(member) => self.reader.number(&member, least..=most),
            None => Some(usual),
        }
    }

    fn drift_ppm(&mut self) -> Option<i32> {
        self.used.push("drift_percent");
        let most = f64::from(MOST_DRIFT_PPM) / 10_000.0;
        let Some(member) = self.table.member("drift_percent") else {
            let remedy = "add drift_percent = 3 with how much faster the clock runs, or -3 for slower";
            self.reader.missing(self.table, "drift_percent", remedy);
            return None;
        };
        let ppm = (self.reader.real(&member, -most..=most)? * 10_000.0).round();
        #[expect(clippy::cast_possible_truncation, reason = "it was checked to be within half a million")]
        let ppm = ppm as i32;
        if ppm == 0 {
            self.reader.wrong(&member, "a drift of nothing does nothing; give it another number");
            return None;
        }
        Some(ppm)
    }
}
