//! One scenario played with several seeds, and what that comes to.

use std::time::Duration;

use super::{
    Judge, Outcome, Scenario, Verdict,
    expect::{Check, Count},
    record::Record,
};
use crate::{
    playback::Playback,
    world::{
        Event,
        summary::{Summary, Tally},
    },
};

/// How much simulated time passes between two looks at whether somebody wants to stop.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Seeds that a sentence names.
const MOST_NAMED: usize = 5;

/// One run that is over.
#[derive(Clone, Debug)]
pub struct Played {
    /// What made its chances; `None` for a live run.
    pub seed: Option<u64>,
    /// A verdict on each expectation, in their order.
    pub verdicts: Vec<Verdict>,
    /// Its figures.
    pub(super) tally: Tally,
    /// What happened.
    pub record: Record,
}

/// Runs of one scenario with different seeds.
#[derive(Clone, Debug)]
pub struct Series {
    checks: Vec<Check>,
    seeds: Vec<Option<u64>>,
    tallies: Vec<Counted>,
    /// The run that tells most: one in which something failed, else one that shows what was wanted.
    shown: Option<(Worth, Played)>,
    /// The figures of all runs.
    tally: Tally,
    reached: Duration,
}

/// How much a run tells, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    Held,
    ShowsSought,
    NotJudged,
    Failed,
}

/// What became of one expectation in all runs.
#[derive(Clone, Debug, Default)]
struct Counted {
    expectation: String,
    held: Vec<(Option<u64>, String)>,
    failed: Vec<(Option<u64>, String)>,
    not_judged: Vec<(Option<u64>, String)>,
    counts: [usize; 3],
}

/// Plays a scenario to its end, or until `stop` says so, and judges it. Each event is told to `tell`
/// too.
pub fn play(
    scenario: &Scenario,
    seed: u64,
    stage: &mut dyn Playback,
    tell: &mut dyn FnMut(&Event),
    stop: &dyn Fn() -> bool,
) -> Played {
    let mut judge = Judge::new(&scenario.drawn(seed));
    let mut tally = Tally::default();
    while stage.now() < judge.ends_at() && !stop() {
        let until = judge.ends_at().min(stage.now() + LOOK_EVERY);
        stage.play(until, &mut |event| {
            judge.see(&event);
            tally.count(&event);
            tell(&event);
        });
        judge.reach(stage.now());
        if stage.next_at().is_none() && stage.now() < until {
            // What has ended by itself will never come so far.
            break;
        }
    }
    Played::of(Some(seed), judge, tally)
}

impl Played {
    /// A run that was judged and counted to its end.
    #[must_use]
    pub(crate) fn of(seed: Option<u64>, judge: Judge, tally: Tally) -> Played {
        Played { seed, verdicts: judge.verdicts(), tally, record: judge.into_record() }
    }

    /// Whether every expectation held but those that are only asked of one run of all.
    fn worth(&self, checks: &[Check]) -> Worth {
        let all = self.verdicts.iter().zip(checks);
        let worths = all.map(|(verdict, check)| match (verdict.outcome, check) {
            (Outcome::Held, check) if check.is_sought() => Worth::ShowsSought,
            (Outcome::Failed, check) if check.is_sought() => Worth::Held,
            (Outcome::Held, _) => Worth::Held,
            (Outcome::NotJudged, _) => Worth::NotJudged,
            (Outcome::Failed, _) => Worth::Failed,
        });
        worths.max().unwrap_or(Worth::Held)
    }
}

impl Series {
    /// No run of `scenario` yet.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Series {
        let counted = |expectation: &super::Expectation| Counted {
            expectation: expectation.to_string(),
            ..Counted::default()
        };
        Series {
            checks: scenario.expectations.iter().map(|expectation| expectation.check.clone()).collect(),
            seeds: Vec::new(),
            tallies: scenario.expectations.iter().map(counted).collect(),
            shown: None,
            tally: Tally::default(),
            reached: Duration::ZERO,
        }
    }

    /// One more run.
    pub fn add(&mut self, played: Played) {
        self.seeds.push(played.seed);
        for (counted, verdict) in self.tallies.iter_mut().zip(&played.verdicts) {
            counted.add(played.seed, verdict);
        }
        self.tally.add(played.tally.clone());
        self.reached = self.reached.max(played.record.reached);
        let worth = played.worth(&self.checks);
        if self.shown.as_ref().is_none_or(|(best, _)| worth > *best) {
            self.shown = Some((worth, played));
        }
    }

    /// The seeds, in the order in which they were played.
    #[must_use]
    pub fn seeds(&self) -> &[Option<u64>] {
        &self.seeds
    }

    /// The figures of all runs together.
    #[must_use]
    pub(crate) fn summary(&self) -> Summary {
        self.tally.summary()
    }

    /// How far the longest run came.
    #[must_use]
    pub(crate) fn reached(&self) -> Duration {
        self.reached
    }

    /// The run that tells most; `None` where none was played.
    #[must_use]
    pub(crate) fn shown(&self) -> Option<&Played> {
        self.shown.as_ref().map(|(_, played)| played)
    }

    /// A verdict on each expectation over all runs.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.tallies
            .iter()
            .zip(&self.checks)
            .map(|(counted, check)| counted.verdict(check, self.seeds.len()))
            .collect()
    }

    /// Whether everything held.
    #[must_use]
    pub(crate) fn held(&self) -> bool {
        !self.seeds.is_empty() && self.verdicts().iter().all(Verdict::held)
    }
}

impl Counted {
    fn add(&mut self, seed: Option<u64>, verdict: &Verdict) {
        let (index, kept) = match verdict.outcome {
            Outcome::Held => (0, &mut self.held),
            Outcome::Failed => (1, &mut self.failed),
            Outcome::NotJudged => (2, &mut self.not_judged),
        };
        self.counts[index] += 1;
        if kept.len() < MOST_NAMED {
            kept.push((seed, verdict.evidence.clone()));
        }
    }

    fn verdict(&self, check: &Check, runs: usize) -> Verdict {
        let [held, failed, not_judged] = self.counts;
        let outcome = match check {
            check if check.is_sought() && held > 0 => Outcome::Held,
            _ if failed > 0 => Outcome::Failed,
            _ if not_judged > 0 || runs == 0 => Outcome::NotJudged,
            _ => Outcome::Held,
        };
        let (count, kept) = match outcome {
            Outcome::Held => (held, &self.held),
            Outcome::Failed => (failed, &self.failed),
            Outcome::NotJudged => (not_judged, &self.not_judged),
        };
        Verdict { expectation: self.expectation.clone(), outcome, evidence: told(count, kept, runs) }
    }
}

/// `with 3 of 20 seeds; seed 4: …`; the evidence alone where there was one run.
fn told(count: usize, kept: &[(Option<u64>, String)], runs: usize) -> String {
    let Some((seed, evidence)) = kept.first() else { return "it was not played".to_owned() };
    if runs == 1 {
        return evidence.clone();
    }
    let share = if count == runs { format!("all {runs}") } else { format!("{count} of {runs}") };
    let others: Vec<_> =
        kept.iter().skip(1).filter_map(|(seed, _)| *seed).map(|seed| seed.to_string()).collect();
    let others = match count == runs || others.is_empty() {
        true => String::new(),
        false => format!(" (also {}{})", others.join(", "), if count > kept.len() { ", …" } else { "" }),
    };
    let seed = seed.map(|seed| format!("seed {seed}: ")).unwrap_or_default();
    format!("with {share} seeds{others}; {seed}{evidence}")
}

/// `seed 7`, `seeds 1 to 20`, `20 seeds`.
#[must_use]
pub(crate) fn seeds_told(seeds: &[Option<u64>]) -> String {
    match seeds {
        [] | [None] => String::new(),
        [Some(seed)] => format!("seed {seed}"),
        [Some(first), .., Some(last)] if last.checked_sub(*first) == u64::try_from(seeds.len() - 1).ok() => {
            format!("seeds {first} to {last}")
        }
        _ => Count(seeds.len() as u64, "seed").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "[scenario]\ntitle = \"t\"\nteaches = \"x\"\nseconds = 9\n[[junction]]\nname = \"demo\"\n[[junction]]\n\
                        name = \"other\"\n[[expect]]\nwhat = \"conflict\"\njunction = \"demo\"\n";

    fn played(seed: u64, conflict: Outcome, rest: Outcome) -> Played {
        let verdict =
            |outcome| Verdict { expectation: String::new(), outcome, evidence: format!("{outcome} so") };
        Played {
            seed: Some(seed),
            verdicts: vec![verdict(conflict), verdict(rest)],
            tally: Tally::default(),
            record: Record::default(),
        }
    }

    fn series(runs: &[(Outcome, Outcome)]) -> Series {
        let mut series = Series::new(&Scenario::from_toml(TEXT, "f", &|_| None).unwrap());
        for (seed, (conflict, rest)) in (1..).zip(runs) {
            series.add(played(seed, *conflict, *rest));
        }
        series
    }

    use Outcome::{Failed, Held, NotJudged};

    #[test]
    fn a_conflict_is_asked_of_one_run_and_all_else_of_every_run() {
        let well = series(&[(Failed, Held), (Held, Held), (Failed, Held)]);
        assert!(well.held());
        let evidence: Vec<_> = well.verdicts().into_iter().map(|verdict| verdict.evidence).collect();
        assert_eq!(evidence, ["with 1 of 3 seeds; seed 2: held so", "with all 3 seeds; seed 1: held so"]);
        assert_eq!(well.shown().unwrap().seed, Some(2), "the one that shows the conflict");

        assert!(!series(&[(Failed, Held), (Failed, Held)]).held(), "no run shows it");
        let ill = series(&[(Held, Held), (Held, Failed), (Failed, Failed), (Failed, Held)]);
        assert!(!ill.held());
        assert_eq!(ill.verdicts()[1].evidence, "with 2 of 4 seeds (also 3); seed 2: failed so");
        assert_eq!(ill.shown().unwrap().seed, Some(2), "the first that failed");
    }

    #[test]
    fn what_was_not_judged_or_not_played_did_not_hold() {
        let open = series(&[(Held, Held), (Held, NotJudged)]);
        assert_eq!(open.verdicts()[1].outcome, NotJudged);
        assert!(!open.held() && !series(&[]).held());
        assert_eq!(series(&[]).verdicts()[0].evidence, "it was not played");
    }

    #[test]
    fn seeds_are_told_in_short() {
        assert_eq!(seeds_told(&[None]), "");
        assert_eq!(seeds_told(&[Some(7)]), "seed 7");
        assert_eq!(seeds_told(&[Some(1), Some(2), Some(3)]), "seeds 1 to 3");
        assert_eq!(seeds_told(&[Some(5), Some(2)]), "2 seeds");
    }
}
