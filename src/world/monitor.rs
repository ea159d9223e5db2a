//! The monitor: an independent watcher that reports when two conflicting lights are in go at once.
//!
//! It knows what the lamps show and nothing of promises, as the malfunction unit of a real signal
//! cabinet does. For virtual lights it is exact: they share one clock, and their lamps switch under
//! the same lock that it judges under. Of boards and foreign lights it knows what they say.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use traffic_light::{Aspect, Name};

use super::event::{EventKind, LightId};

/// Which lights are in go, junction by junction.
#[derive(Debug, Default)]
pub struct Monitor {
    junctions: HashMap<Name, Junction>,
}

#[derive(Debug, Default)]
struct Junction {
    in_go: BTreeSet<LightId>,
    conflict: Option<(Vec<LightId>, Duration)>,
}

impl Monitor {
    /// Takes note that `light` shows `aspect` since `at`, and says which conflicts began or ended.
    #[must_use]
    pub fn observe(&mut self, at: Duration, light: &LightId, aspect: Aspect) -> Vec<EventKind> {
        let junction = self.junctions.entry(light.junction.clone()).or_default();
        let changed =
            if aspect.is_go() { junction.in_go.insert(light.clone()) } else { junction.in_go.remove(light) };
        let mut news = Vec::new();
        if !changed {
            return news;
        }
        if let Some((lights, since)) = junction.conflict.take() {
            news.push(EventKind::ConflictEnded { lights, lasted: at.saturating_sub(since) });
        }
        if junction.in_go.len() > 1 {
            let lights: Vec<_> = junction.in_go.iter().cloned().collect();
            junction.conflict = Some((lights.clone(), at));
            news.push(EventKind::ConflictBegan { lights });
        }
        news
    }

    /// The conflicts that go on.
    pub fn conflicts(&self) -> impl Iterator<Item = &Vec<LightId>> {
        self.junctions.values().filter_map(|junction| junction.conflict.as_ref()).map(|(lights, _)| lights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn light(name: &str) -> LightId {
        let (junction, light) = name.split_once('/').unwrap();
        LightId::new(Name::new(junction).unwrap(), Name::new(light).unwrap())
    }

    fn kinds(news: &[EventKind]) -> Vec<String> {
        news.iter()
            .map(|kind| match kind {
                EventKind::ConflictBegan { lights } => format!("began {}", lights.len()),
                EventKind::ConflictEnded { lights, lasted } => format!("ended {} {lasted:?}", lights.len()),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn red_amber_and_amber_count_as_go_and_other_junctions_do_not_matter() {
        let mut monitor = Monitor::default();
        let ms = Duration::from_millis;
        assert!(monitor.observe(ms(0), &light("x/a"), Aspect::Amber).is_empty());
        assert!(monitor.observe(ms(1), &light("y/b"), Aspect::Green).is_empty());
        assert!(monitor.observe(ms(2), &light("x/b"), Aspect::FlashingAmber).is_empty());
        assert_eq!(kinds(&monitor.observe(ms(3), &light("x/b"), Aspect::RedAmber)), ["began 2"]);
        assert!(monitor.observe(ms(4), &light("x/b"), Aspect::Green).is_empty(), "the same conflict goes on");
        assert_eq!(kinds(&monitor.observe(ms(9), &light("x/a"), Aspect::Red)), ["ended 2 6ms"]);
    }

    #[test]
    fn a_third_light_makes_it_another_conflict() {
        let mut monitor = Monitor::default();
        let ms = Duration::from_millis;
        let _ = monitor.observe(ms(0), &light("x/a"), Aspect::Green);
        let _ = monitor.observe(ms(1), &light("x/b"), Aspect::Green);
        assert_eq!(kinds(&monitor.observe(ms(5), &light("x/c"), Aspect::Green)), ["ended 2 4ms", "began 3"]);
        assert_eq!(monitor.conflicts().count(), 1);
        assert_eq!(kinds(&monitor.observe(ms(6), &light("x/b"), Aspect::Dark)), ["ended 3 1ms", "began 2"]);
        assert_eq!(kinds(&monitor.observe(ms(7), &light("x/c"), Aspect::Red)), ["ended 2 1ms"]);
        assert_eq!(monitor.conflicts().count(), 0);
    }
}
