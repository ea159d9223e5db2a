//! Chaos that is on: what it puts in, and takes out again. Whoever has the clock asks it.

use std::time::Duration;

use super::Chaos;
use crate::{
    config::{FaultKind, PlannedFault},
    world::Fault,
};

/// The longest time that a fault stays, at the fastest and the slowest pace.
const SHORTEST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);

/// The longest time that a fault is to stay where they come at `pace`: however fast they come, most
/// are over when the next few are there.
#[must_use]
pub fn longest_at(pace: Duration) -> Duration {
    pace.saturating_mul(5).clamp(SHORTEST, LONGEST)
}

/// Chaos that is on. Times count from when it began.
#[derive(Clone, Debug)]
pub struct Reign {
    source: Chaos,
    next: PlannedFault,
    /// What it has put in, with its end. What a person changes in between is not its any more.
    put_in: Vec<(Fault, Duration)>,
}

impl Reign {
    /// Begins; `None` where nothing can be broken.
    #[must_use]
    pub fn begin(mut source: Chaos) -> Option<Reign> {
        let next = source.next()?;
        Some(Reign { source, next, put_in: Vec::new() })
    }

    /// When there is something to do: a fault to put in, or one to take out.
    #[must_use]
    pub fn due_at(&self) -> Duration {
        self.put_in.iter().map(|(_, until)| *until).fold(self.next.at, Duration::min)
    }

    /// What is over by `now`, which is to be taken out first; and what comes.
    pub fn play(&mut self, now: Duration) -> (Vec<Fault>, Vec<FaultKind>) {
        let over = self.put_in.extract_if(.., |(_, until)| *until <= now).map(|(fault, _)| fault).collect();
        let mut comes = Vec::new();
        while self.next.at <= now {
            let Some(next) = self.source.next() else { break };
            comes.push(std::mem::replace(&mut self.next, next).what);
        }
        (over, comes)
    }

    /// A fault that came was put in, to stay until then.
    pub fn has_put_in(&mut self, fault: Fault, until: Duration) {
        self.put_in.push((fault, until));
    }

    /// A person takes this fault over, by putting it in or out: chaos leaves it alone from now on.
    pub fn leave(&mut self, fault: &Fault) {
        self.put_in.retain(|(own, _)| !own.is_replaced_by(fault));
    }

    /// It is over: what is still to be taken out.
    pub fn end(self) -> impl Iterator<Item = Fault> {
        self.put_in.into_iter().map(|(fault, _)| fault)
    }
}

#[cfg(test)]
mod tests {
    use traffic_light::Name;

    use super::*;
    use crate::{chaos::ChaosOptions, model::LightId};

    fn reign() -> Reign {
        let light = LightId::new(Name::new("demo").unwrap(), Name::new("a").unwrap());
        Reign::begin(Chaos::new(1, vec![light], ChaosOptions::default())).unwrap()
    }

    #[test]
    fn what_was_put_in_is_taken_out_in_time_and_what_a_person_took_over_is_left() {
        let mut reign = reign();
        let first = reign.due_at();
        assert_eq!(reign.play(first - Duration::from_millis(1)), (vec![], vec![]));
        let (over, comes) = reign.play(first);
        assert_eq!((over.len(), comes.len()), (0, 1));
        reign.has_put_in(Fault::BrokerDown, first + Duration::from_millis(1));
        assert_eq!(reign.due_at(), first + Duration::from_millis(1));
        let mut taken = reign.clone();
        assert_eq!(reign.play(first + Duration::from_millis(1)).0, [Fault::BrokerDown]);
        assert_eq!(taken.clone().end().collect::<Vec<_>>(), [Fault::BrokerDown]);
        taken.leave(&Fault::BrokerDown);
        assert_eq!(taken.end().count(), 0);
    }

    #[test]
    fn where_nothing_can_be_broken_it_does_not_begin() {
        assert!(Reign::begin(Chaos::new(1, Vec::new(), ChaosOptions::default())).is_none());
    }
}
