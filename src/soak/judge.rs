//! What is seen of one world.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use traffic_light::Aspect;

use super::figures::{Failure, Figures};
use crate::{
    model::LightId,
    world::{Event, EventKind, event::Layer, monitor::Certainty},
};

/// Watches one world, by its events alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judge {
    name: String,
    figures: Figures,
    lights: BTreeSet<LightId>,
    /// In the quiet time: when it began, and who has had green since.
    quiet: Option<(Duration, BTreeSet<LightId>)>,
    conflicts: BTreeMap<Vec<LightId>, Duration>,
}

impl Judge {
    /// A judge of the world called `name`, such as `pair 3, seed 17`.
    #[must_use]
    pub(super) fn new(name: impl Into<String>) -> Judge {
        Judge { name: name.into(), ..Judge::default() }
    }

    /// Takes one event into account.
    pub(super) fn take(&mut self, event: &Event) {
        match &event.kind {
            EventKind::LightAdded { light, .. } => {
                self.lights.insert(light.clone());
            }
            EventKind::AspectChanged { light, aspect: Aspect::Green } => {
                self.figures.greens += 1;
                self.green(event.at, light);
            }
            EventKind::LinkChanged { layer: Layer::Mqtt, up: true, .. } => self.figures.sessions += 1,
            EventKind::ConflictBegan { lights, certainty: Certainty::Sure, since, .. } => {
                self.conflicts.insert(lights.clone(), *since);
            }
            EventKind::ConflictEnded { lights, certainty: Certainty::Sure, lasted, .. } => {
                let since = self.conflicts.remove(lights).unwrap_or(event.at.saturating_sub(*lasted));
                self.figures.conflicts += 1;
                self.overlap(since, lights, *lasted);
            }
            EventKind::ConflictEnded { certainty: Certainty::Possible, .. } => self.figures.possible += 1,
            EventKind::GlitchSeen { lights, since, lasted, .. } if !lasted.is_zero() => {
                self.figures.glitches += 1;
                self.overlap(*since, lights, *lasted);
            }
            _ => {}
        }
    }

    /// A fault was injected.
    pub(super) fn fault(&mut self, name: &'static str) {
        *self.figures.faults.entry(name).or_default() += 1;
    }

    /// All faults have been cleared.
    pub(super) fn begin_quiet(&mut self, at: Duration) {
        self.quiet = Some((at, BTreeSet::new()));
    }

    /// Whether every light has had its green since the quiet time began.
    #[must_use]
    pub(super) fn all_had_green(&self) -> bool {
        self.quiet.as_ref().is_some_and(|(_, greens)| greens.len() >= self.lights.len())
    }

    /// The quiet time is over; who has had no green in it is stuck.
    pub(super) fn end_quiet(&mut self) {
        let Some((began, greens)) = self.quiet.take() else { return };
        self.figures.rounds += 1;
        for light in self.lights.difference(&greens) {
            let text = format!("{light} did not get its green again");
            self.figures.fail(Failure { world: self.name.clone(), at: began, text });
            self.figures.stuck += 1;
        }
    }

    /// The figures of this world, which was played for `played`.
    #[must_use]
    pub(super) fn finish(mut self, played: Duration) -> Figures {
        for (lights, since) in std::mem::take(&mut self.conflicts) {
            self.figures.conflicts += 1;
            self.overlap(since, &lights, played.saturating_sub(since));
        }
        self.figures.worlds = 1;
        self.figures.played = played;
        self.figures
    }

    fn green(&mut self, at: Duration, light: &LightId) {
        let lights = self.lights.len();
        if let Some((began, greens)) = &mut self.quiet
            && greens.insert(light.clone())
            && greens.len() == lights
        {
            let took = at.saturating_sub(*began);
            self.figures.longest_recovery = self.figures.longest_recovery.max(took);
        }
    }

    fn overlap(&mut self, since: Duration, lights: &[LightId], lasted: Duration) {
        let names: Vec<_> = lights.iter().map(ToString::to_string).collect();
        let text = format!("{} had right of way at once for {} ms", names.join(" and "), lasted.as_millis());
        self.figures.fail(Failure { world: self.name.clone(), at: since, text });
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::{Name, Rule};

    use super::*;
    use crate::model::LightKind;

    fn light(name: &str) -> LightId {
        LightId::new(Name::new("demo").unwrap(), Name::new(name).unwrap())
    }

    fn judge() -> Judge {
        let mut judge = Judge::new("pair 1");
        for name in ["a", "b"] {
            let kind = LightKind::Virtual;
            judge.take(&event(
                0,
                EventKind::LightAdded { light: light(name), kind, rule: Rule::Lease, keyed: false },
            ));
        }
        judge
    }

    fn event(ms: u64, kind: EventKind) -> Event {
        Event { at: Duration::from_millis(ms), kind }
    }

    fn green(ms: u64, name: &str) -> Event {
        event(ms, EventKind::AspectChanged { light: light(name), aspect: Aspect::Green })
    }

    #[test]
    fn recovery_is_counted_to_the_green_of_the_last_light_and_who_has_none_is_stuck() {
        let mut judge = judge();
        judge.take(&green(10, "b"));
        judge.begin_quiet(Duration::from_millis(1_000));
        judge.take(&green(3_000, "a"));
        judge.take(&green(4_000, "a"));
        assert!(!judge.all_had_green());
        judge.take(&green(9_000, "b"));
        assert!(judge.all_had_green());
        judge.end_quiet();
        judge.begin_quiet(Duration::from_millis(20_000));
        judge.take(&green(21_000, "a"));
        judge.end_quiet();
        let figures = judge.finish(Duration::from_secs(60));
        assert_eq!(figures.longest_recovery, Duration::from_secs(8));
        assert_eq!((figures.greens, figures.rounds, figures.stuck), (5, 2, 1));
        assert!(figures.failures[0].text.contains("demo/b") && !figures.passed());
    }

    #[test]
    fn a_glitch_is_none_the_less_a_failure_and_a_conflict_that_does_not_end_counts_to_the_end() {
        let mut judge = judge();
        let lights = vec![light("a"), light("b")];
        let (since, lasted) = (Duration::ZERO, Duration::from_millis(150));
        judge.take(&event(
            150,
            EventKind::GlitchSeen { lights: lights.clone(), since, lasted, at_most: lasted },
        ));
        let (certainty, since) = (Certainty::Sure, Duration::from_millis(500));
        judge.take(&event(700, EventKind::ConflictBegan { lights, certainty, since, cause: None }));
        let figures = judge.finish(Duration::from_secs(1));
        assert_eq!((figures.glitches, figures.conflicts), (1, 1));
        assert!(figures.failures[1].text.contains("500 ms") && !figures.passed());
    }
}
