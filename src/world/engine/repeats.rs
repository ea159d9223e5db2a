//! Messages that are ignored, told one by one as long as they are few, and else summed up: whoever floods a topic
//! must not fill disks and screens.

use std::{collections::BTreeMap, time::Duration};

use crate::{
    model::LightId,
    world::event::{EventKind, Ignorer},
};

/// So many of one source are told one by one in a window; the others of it are summed up when it is over.
const TOLD: u32 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// Sources that are told apart at once. Names are made up more easily than lights.
const MOST_SOURCES: usize = 64;

/// Who ignored it, and the light on whose topic it came. By its name, since [`Ignorer`] has no order.
type Source = (Option<LightId>, Option<LightId>);

#[derive(Debug)]
struct Window {
    began: Duration,
    told: u32,
    more: u64,
    /// Why the last one was ignored.
    reason: String,
}

/// What is ignored at present.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    windows: BTreeMap<Source, Window>,
}

impl Repeats {
    /// One more is ignored; returns whether it is to be told by itself.
    pub(super) fn take(
        &mut self,
        now: Duration,
        light: Option<&LightId>,
        by: &Ignorer,
        reason: &str,
    ) -> bool {
        let by = match by {
            Ignorer::Light(by) => Some(by.clone()),
            Ignorer::Observer => None,
        };
        let mut source = (by, light.cloned());
        if !self.windows.contains_key(&source) && self.windows.len() >= MOST_SOURCES {
            source.1 = None;
        }
        let fresh = || Window { began: now, told: 0, more: 0, reason: String::new() };
        let window = self.windows.entry(source).or_insert_with(fresh);
        if window.told < TOLD {
            window.told += 1;
            return true;
        }
        window.more += 1;
        reason.clone_into(&mut window.reason);
        false
    }

    /// When [`Repeats::end`] has something to do.
    pub(super) fn due_at(&self) -> Option<Duration> {
        self.windows.values().map(|window| window.began + WINDOW).min()
    }

    /// Ends the windows that are over by `now`; returns what is to be told of them.
    pub(super) fn end(&mut self, now: Duration) -> Vec<EventKind> {
        let over = self.windows.extract_if(.., |_, window| window.began + WINDOW <= now);
        over.filter(|(_, window)| window.more > 0).map(|(source, window)| sum(source, window)).collect()
    }

    /// The world ends: what was not told yet.
    pub(super) fn end_all(&mut self) -> Vec<EventKind> {
        self.end(Duration::MAX)
    }
}

fn sum((by, light): Source, Window { more, reason, .. }: Window) -> EventKind {
    let by = by.map_or(Ignorer::Observer, Ignorer::Light);
    EventKind::MessageIgnored { light, by, reason, more }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_summed_up_each_second_and_no_message_is_uncounted() {
        let (s, mut repeats) = (Duration::from_secs, Repeats::default());
        let light = LightId::try_from("demo/a".to_owned()).unwrap();
        let told = (0..1_752).filter(|_| repeats.take(s(1), Some(&light), &Ignorer::Observer, "no JSON"));
        assert_eq!(told.count(), 10);
        assert_eq!(repeats.due_at(), Some(s(2)));
        assert!(repeats.end(Duration::from_millis(1_999)).is_empty());
        let sums = repeats.end(s(2));
        let [EventKind::MessageIgnored { light: Some(of), reason, more: 1_742, .. }] = &sums[..] else {
            panic!("{sums:?}")
        };
        assert_eq!((of, &**reason), (&light, "no JSON"));
        assert_eq!(repeats.due_at(), None);
    }

    #[test]
    fn made_up_names_take_no_memory_and_are_told_no_more_than_one_name() {
        let mut repeats = Repeats::default();
        let mut told = 0;
        for n in 0..100_000 {
            let light = LightId::try_from(format!("demo/x{n}")).unwrap();
            told += u64::from(repeats.take(Duration::ZERO, Some(&light), &Ignorer::Observer, "no JSON"));
        }
        assert!(repeats.windows.len() <= MOST_SOURCES + 1);
        let sums: u64 = repeats
            .end_all()
            .iter()
            .map(|sum| if let EventKind::MessageIgnored { more, .. } = sum { *more } else { 0 })
            .sum();
        assert_eq!((told, told + sums), (74, 100_000));
    }
}
