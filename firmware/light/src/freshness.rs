//! Which of another light's messages are new.
//!
//! The numbers of a light's runs (`boot`) grow, and `seq` counts within a run. So what was said in an
//! earlier run, or said again, is known for what it is, whoever repeats it and however well it is signed.

use crate::time::Instant;

/// What one listener has heard of one light.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Freshness {
    /// Boot and seq of the newest message.
    pub(crate) last: Option<(u32, u32)>,
    /// When a message was last heard whose boot was not lower.
    pub(crate) heard_at: Instant,
    /// The newest message of lower boots since then. Only where it may come to count.
    pub(crate) lower: Option<(u32, u32)>,
    /// That nothing but lower boots is heard was told since then.
    pub(crate) told: bool,
}

/// By what a listener judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The junction has a key: then nobody else can say a number in the light's name.
    pub keyed: bool,
    /// After how long of silence a light counts as lost, in milliseconds.
    pub lost_after_ms: u32,
}

/// What a message is, by its boot and seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Newer than all that was heard of the light.
    New,
    /// Of the present run, and heard before or overtaken by a newer one.
    Repeated,
    EarlierRun,
    /// Of an earlier run, and nothing else has been heard for `lost_after`: the light's number went back,
    /// or somebody replays what a light said that is gone. Judged so once, until the light is heard
    /// with a number that is not lower.
    WentBack {
        /// The message is taken for new, and so are those that follow it. Only in a junction without a key,
        /// where anybody can say a high number once and silence the light for ever.
        taken: bool,
    },
}

impl Judged {
    /// Whether the message counts.
    #[must_use]
    pub fn is_new(self) -> bool {
        matches!(self, Judged::New | Judged::WentBack { taken: true })
    }
}

impl Freshness {
    /// Nothing has been heard until `now`.
    #[must_use]
    pub fn new(now: Instant) -> Freshness {
        Freshness { last: None, heard_at: now, lower: None, told: false }
    }

    /// Boot and seq of the newest message.
    #[must_use]
    pub fn last(&self) -> Option<(u32, u32)> {
        self.last
    }

    /// Judges message `seq` of the run `boot`, heard `now` and not kept by the broker.
    pub fn judge(&mut self, now: Instant, boot: u32, seq: u32, listener: Listener) -> Judged {
        let Some((last_boot, last_seq)) = self.last.filter(|(last_boot, _)| boot <= *last_boot) else {
            self.take(now, boot, seq);
            return Judged::New;
        };
        if boot == last_boot {
            self.heard(now);
            if seq <= last_seq {
                return Judged::Repeated;
            }
            self.last = Some((boot, seq));
            return Judged::New;
        }
        let silent = now.since(self.heard_at) >= u64::from(listener.lost_after_ms);
        if listener.keyed {
            return if silent && !core::mem::replace(&mut self.told, true) {
                Judged::WentBack { taken: false }
            } else {
                Judged::EarlierRun
            };
        }
        let newest = self.lower.is_none_or(|lower| lower < (boot, seq));
        if newest {
            self.lower = Some((boot, seq));
        }
        if silent && newest {
            self.take(now, boot, seq);
            return Judged::WentBack { taken: true };
        }
        Judged::EarlierRun
    }

    /// As versions before 0.2.0 judged: any other boot is a new run.
    #[cfg(feature = "mutations")]
    pub(crate) fn judge_any_boot(&mut self, now: Instant, boot: u32, seq: u32) -> Judged {
        if self.last.is_some_and(|(last_boot, last_seq)| boot == last_boot && seq <= last_seq) {
            return Judged::Repeated;
        }
        self.take(now, boot, seq);
        Judged::New
    }

    fn take(&mut self, now: Instant, boot: u32, seq: u32) {
        self.last = Some((boot, seq));
        self.heard(now);
    }

    fn heard(&mut self, now: Instant) {
        self.heard_at = now;
        self.lower = None;
        self.told = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYED: Listener = Listener { keyed: true, lost_after_ms: 4_000 };
    const OPEN: Listener = Listener { keyed: false, ..KEYED };

    fn at(ms: u64) -> Instant {
        Instant::from_ms(ms)
    }

    #[test]
    fn numbers_that_grow_are_new_and_all_others_are_not() {
        for listener in [KEYED, OPEN] {
            let mut light = Freshness::new(at(0));
            let mut judge = |boot, seq| light.judge(at(1), boot, seq, listener);
            assert_eq!(judge(7, 5), Judged::New);
            assert_eq!(judge(7, 6), Judged::New);
            assert_eq!((judge(7, 6), judge(7, 1)), (Judged::Repeated, Judged::Repeated));
            assert_eq!(judge(6, 99), Judged::EarlierRun);
            assert_eq!(judge(9, 1), Judged::New);
            assert_eq!((judge(7, 7), judge(8, 1)), (Judged::EarlierRun, Judged::EarlierRun));
        }
    }

    #[test]
    fn with_a_key_lower_boots_never_count_and_are_told_once() {
        let mut light = Freshness::new(at(0));
        assert_eq!(light.judge(at(0), 7, 1, KEYED), Judged::New);
        assert_eq!(light.judge(at(3_999), 6, 1, KEYED), Judged::EarlierRun);
        assert_eq!(light.judge(at(4_000), 6, 2, KEYED), Judged::WentBack { taken: false });
        assert_eq!(light.judge(at(9_000), 6, 3, KEYED), Judged::EarlierRun, "told already");
        assert_eq!(light.judge(at(9_001), 7, 1, KEYED), Judged::Repeated, "it is there after all");
        assert_eq!(light.judge(at(13_000), 6, 4, KEYED), Judged::EarlierRun);
        assert_eq!(light.judge(at(13_001), 6, 5, KEYED), Judged::WentBack { taken: false });
    }

    #[test]
    fn without_a_key_the_newest_of_lower_boots_counts_again_once_nothing_else_is_heard() {
        let mut light = Freshness::new(at(0));
        assert_eq!(light.judge(at(0), 900, 1, OPEN), Judged::New);
        assert_eq!(light.judge(at(3_000), 7, 4, OPEN), Judged::EarlierRun);
        assert_eq!(light.judge(at(4_100), 5, 9, OPEN), Judged::EarlierRun, "not the newest of them");
        assert_eq!(light.judge(at(4_200), 7, 4, OPEN), Judged::EarlierRun, "heard before");
        assert_eq!(light.judge(at(4_300), 7, 5, OPEN), Judged::WentBack { taken: true });
        assert_eq!(light.judge(at(4_400), 7, 6, OPEN), Judged::New);
        assert_eq!(light.judge(at(4_500), 7, 5, OPEN), Judged::Repeated);
        assert_eq!(light.judge(at(4_600), 900, 2, OPEN), Judged::New, "the higher one speaks after all");
    }
}
