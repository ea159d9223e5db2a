//! Whether a light yields when its partner goes, and goes when its partner does not: how it is asked, and how the
//! record is read.
//!
//! A light that hears nothing changes its colour too, by its own clock. So it is told "green" soon after it went,
//! at a moment that the seed decides; and where its green is short, or ended late, it is watched for as long as its
//! own red lasts: one that goes again then, while the partner is still green, has not heard.

use std::time::Duration;

use super::{
    bench::Bench,
    history::{History, seconds, us},
    record::{Payload, What},
    timings::{self, FORM, HOLD, LONG_GREEN, LONGEST_HOLD, TURN, YIELD, YIELD_AT_LAST},
    vocabulary::Shown,
};

/// So far what passes at once on two connections may be apart.
const ORDER_US: u64 = 20_000;

/// A green of the partner's that met a light in go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// When the word reached the light.
    pub(super) told: u64,
    /// When it ended its green.
    pub(super) yielded: Option<u64>,
    /// When it went again though the partner was still green.
    pub(super) again: Option<u64>,
    /// How long the partner stayed green after the word.
    held: u64,
}

/// What came of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reaction {
    InTime,
    Late,
    Never,
    /// The partner did not stay green for long enough.
    Unknown,
}

impl Round {
    pub(super) fn reaction(&self) -> Reaction {
        match self.yielded {
            _ if self.again.is_some() => Reaction::Never,
            Some(at) if at - self.told <= us(YIELD) => Reaction::InTime,
            Some(_) => Reaction::Late,
            None if self.held + 100_000 >= us(YIELD_AT_LAST) => Reaction::Never,
            None => Reaction::Unknown,
        }
    }

    /// Whether it yielded in time and not by chance, whatever it did then: it has understood the word.
    pub(super) fn understood(&self, history: &History<'_>) -> bool {
        self.yielded.is_some_and(|at| at - self.told <= us(YIELD)) && !is_short(history)
    }

    /// For evidence.
    pub(super) fn describe(&self) -> String {
        match (self.yielded, self.again) {
            (_, Some(again)) => format!(
                "it got the partner's green at {} and went again at {}, while the partner was still green",
                seconds(self.told),
                seconds(again)
            ),
            (Some(at), _) => {
                format!(
                    "it got the partner's green at {} and yielded {} later",
                    seconds(self.told),
                    seconds(at - self.told)
                )
            }
            (None, None) => {
                format!(
                    "it got the partner's green at {} and stayed in go for {}",
                    seconds(self.told),
                    seconds(self.held)
                )
            }
        }
    }
}

/// When a word of the partner's reached the light. What passes on two connections may be written down in either order:
/// a light that acted on the word had heard it.
fn heard(history: &History<'_>, payload: &Payload, said: u64, until: u64) -> Option<u64> {
    let told = history.delivered(payload, said, until)?;
    let spoken = history.spoken(told.saturating_sub(ORDER_US).max(said), told);
    let acted = spoken.iter().find(|(_, shown)| !shown.is_go()).map(|(at, _)| at.saturating_sub(1));
    Some(acted.unwrap_or(told))
}

/// The rounds from `from` to `to`.
pub(super) fn rounds(history: &History<'_>, from: u64, to: u64) -> Vec<Round> {
    let said = history.partner(from, to);
    let mut rounds = Vec::new();
    for (index, (at, shown, payload)) in said.iter().enumerate() {
        if *shown != Shown::Green {
            continue;
        }
        let until =
            said.iter().skip(index + 1).find(|(_, next, _)| *next != Shown::Green).map_or(to, |next| next.0);
        let Some(told) = heard(history, payload, *at, until) else { continue };
        if !history.shown_at(told).is_some_and(Shown::is_go) {
            continue;
        }
        let spoken = history.spoken(told + 1, until);
        let yielded = spoken.iter().find(|(_, shown)| !shown.is_go()).map(|(at, _)| *at);
        let late = yielded.is_some_and(|at| at - told > us(YIELD));
        let watched =
            yielded.map(|at| at + us(if late || is_short(history) { LONGEST_HOLD } else { LONG_GREEN }));
        let again = yielded
            .zip(watched)
            .and_then(|(at, watched)| history.goes(at + 1, until.min(watched)).first().copied());
        rounds.push(Round { told, yielded, again, held: until - told });
    }
    rounds
}

/// Its greens and its reds that no word of the partner's ended, in microseconds.
fn own_times(history: &History<'_>) -> (Option<u64>, Option<u64>) {
    let end = history.end();
    let greens: Vec<u64> = history
        .partner(0, end)
        .iter()
        .filter(|(_, shown, _)| *shown == Shown::Green)
        .map(|(at, ..)| *at)
        .collect();
    let disturbed = |from: u64, to: u64| greens.iter().any(|at| (from..=to).contains(at));
    let (mut green, mut red) = (None, None);
    let mut since: Option<(u64, bool)> = None;
    for (at, shown) in history.spoken(0, end) {
        let goes = shown.is_go();
        match since {
            Some((_, before)) if before == goes => continue,
            Some((from, before)) if !disturbed(from.saturating_sub(us(LONGEST_HOLD)), at) => {
                if before {
                    // The first is as good as any.
                    green.get_or_insert(at - from);
                } else {
                    // The first may have begun before it spoke.
                    red = red.max(Some(at - from));
                }
            }
            _ => {}
        }
        since = Some((at, goes));
    }
    (green, red)
}

/// Whether its own green is so short that it may end in time by chance.
fn is_short(history: &History<'_>) -> bool {
    own_times(history).0.is_some_and(|green| green < us(YIELD) + 1_500_000)
}

/// For how long the partner stays green after the light yielded.
fn hold(history: &History<'_>, late: bool, partner: Partner) -> Duration {
    let own_red = own_times(history).1.map(Duration::from_micros);
    if !late && !is_short(history) {
        let seen = own_red.map(|red| red + Duration::from_secs(1)).filter(|time| *time <= LONG_GREEN);
        return seen.filter(|_| partner == Partner::Long).unwrap_or(HOLD).max(HOLD);
    }
    let own_red = own_red.unwrap_or(LONGEST_HOLD);
    (own_red + Duration::from_secs(3)).clamp(HOLD, LONGEST_HOLD)
}

/// How the partner plays in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partner {
    Plain,
    /// It stays green for long, and says so once.
    Long,
    /// It shows amber after its green.
    Amber,
}

/// When the light went while its partner was in amber after green, from `from` to `to`.
pub(super) fn goes_on_amber(history: &History<'_>, from: u64, to: u64) -> Vec<u64> {
    let said = history.partner(from, to);
    let ambers = said.windows(2).filter_map(|pair| match pair {
        [(_, Shown::Green, _), (at, Shown::Amber, payload)] => {
            let end = said.iter().find(|(next, ..)| next > at).map_or(to, |(next, ..)| *next);
            Some((history.delivered(payload, *at, end)?, end))
        }
        _ => None,
    });
    ambers.filter_map(|(told, end)| history.goes(told, end).first().copied()).collect()
}

/// How one round of asking went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Yielded,
    NeverWent,
    NeverYielded,
    /// It yielded in time, and went again while the partner was still green.
    WentAgain,
    /// Its green was over before it was asked; nothing is known.
    Missed,
}

/// Waits until the light has said little enough that being asked does not make it break the limits. The partner stays
/// green meanwhile, and says so again before the light may take it for lost.
pub(super) async fn calm(bench: &mut Bench) {
    let limit = us(timings::LIMIT_WINDOW);
    let few = |now: u64| {
        move |history: &History<'_>| {
            let from = now.saturating_sub(limit);
            (history.publishes(from, u64::MAX).len() <= timings::CALM_PUBLISHES).then_some(())
        }
    };
    let since = bench.now();
    let mut said = since;
    while bench.now() - since < us(timings::LONGEST_CALM) {
        let now = bench.now();
        let many = bench.look(|history| history.publishes(now.saturating_sub(limit), u64::MAX).len());
        // One that floods does not rest.
        if bench.look(few(now)).is_some() || many > 2 * timings::MOST_PUBLISHES {
            return;
        }
        if bench.shown() != Some(Shown::Green) || bench.now() - said >= us(timings::REPEAT) {
            bench.say(Shown::Green).await;
            said = bench.now();
        }
        bench.pass(Duration::from_secs(1), "lets the light rest, so that it keeps its own limits").await;
    }
}

/// One round: the partner is red until the light goes, and then green until it has yielded.
pub(super) async fn ask(bench: &mut Bench, partner: Partner) -> Asked {
    calm(bench).await;
    if bench.shown() != Some(Shown::Red) {
        bench.say(Shown::Red).await;
    }
    let in_go = |history: &History<'_>| history.shown_at(u64::MAX).filter(|shown| shown.is_go()).map(|_| ());
    // A go that has just begun: one that is nearly over ends by itself.
    let from = bench.now();
    let fresh = move |history: &History<'_>| history.goes(from, u64::MAX).last().map(|_| ());
    let own_green = bench.look(|history| own_times(history).0);
    let went = match own_green {
        Some(_) => bench.until(TURN, "waits for the light to go", fresh).await,
        None => bench.until(TURN, "waits for the light to go", in_go).await,
    };
    if went.is_none() {
        return if bench.look(in_go).is_some() { ask_now(bench, partner).await } else { Asked::NeverWent };
    }
    let moment = bench.between(200, 700);
    bench.pass(moment, "lets it be green for a moment").await;
    if bench.look(in_go).is_none() {
        return Asked::Missed;
    }
    ask_now(bench, partner).await
}

async fn ask_now(bench: &mut Bench, partner: Partner) -> Asked {
    let from = bench.now();
    bench.say(Shown::Green).await;
    let yielded = move |history: &History<'_>| {
        rounds(history, from, u64::MAX)
            .first()
            .and_then(|round| round.yielded.map(|at| at - round.told > us(YIELD)))
    };
    let Some(late) =
        bench.until(YIELD_AT_LAST, "the partner goes: waits for the light to yield", yielded).await
    else {
        return Asked::NeverYielded;
    };
    let time = bench.look(|history| hold(history, late, partner));
    let again =
        move |history: &History<'_>| rounds(history, from, u64::MAX).first().and_then(|round| round.again);
    let mut left = time;
    loop {
        let part =
            if partner == Partner::Long && time <= LONG_GREEN { left } else { left.min(timings::REPEAT) };
        if bench.until(part, "the partner is green: watches that the light stays", again).await.is_some() {
            let by_chance = late || bench.look(is_short);
            return if by_chance { Asked::NeverYielded } else { Asked::WentAgain };
        }
        left -= part;
        if left.is_zero() {
            // Who never says amber need not know the word.
            let knows = |history: &History<'_>| {
                history.spoken(0, u64::MAX).iter().any(|(_, shown)| *shown == Shown::Amber)
            };
            if partner == Partner::Amber && bench.look(knows) {
                bench.say(Shown::Amber).await;
                bench.pass(timings::AMBER, "the partner is in amber: watches that the light waits").await;
            }
            return Asked::Yielded;
        }
        bench.say(Shown::Green).await;
    }
}

/// Asks until the light was met in go, a few times at most.
pub(super) async fn ask_until_met(bench: &mut Bench, partner: Partner) -> Asked {
    for _ in 0..3 {
        match ask(bench, partner).await {
            Asked::Missed => {}
            asked => return asked,
        }
    }
    Asked::Missed
}

/// Whether the light yielded to another form of the partner's green: when it was told, and the form.
pub(super) fn understood_form(history: &History<'_>, from: u64, to: u64) -> Option<(u64, Payload)> {
    let tried: Vec<(u64, &Payload)> = history
        .entries(from, to)
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Tried { payload } => Some((entry.at, payload)),
            _ => None,
        })
        .collect();
    tried.iter().enumerate().find_map(|(index, (at, payload))| {
        let until = tried.get(index + 1).map_or(to, |next| next.0).min(*at + us(FORM));
        let told = heard(history, payload, *at, until)?;
        if !history.shown_at(told).is_some_and(Shown::is_go) {
            return None;
        }
        let yielded =
            history.spoken(told + 1, until).iter().find(|(_, shown)| !shown.is_go()).map(|(at, _)| *at)?;
        let stays = history.goes(yielded + 1, until).is_empty();
        (yielded - told <= us(YIELD) && stays && until - yielded + 100_000 >= us(HOLD))
            .then(|| (told, (*payload).clone()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::{history::by_hand::Script, record::Who};

    fn only(script: &Script) -> Round {
        let history = History::of(&script.record);
        rounds(&history, 0, history.end())[0]
    }

    #[test]
    fn a_form_that_made_the_light_yield_counts_though_the_light_goes_before_the_next_one() {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(500, "green");
        for (ms, word) in [(1_000, "GREEN"), (11_000, "Green")] {
            let payload = Payload(word.as_bytes().to_vec());
            script.at(ms, What::Tried { payload: payload.clone() });
            let topic = "lab/a".to_owned();
            let what =
                What::Publish { c: 1, by: Who::Broker, topic, payload, qos: 0, retain: false, id: None };
            script.at(ms + 5, what);
            script.says(ms + 600, if ms == 1_000 { "red" } else { "green" }).says(ms + 9_500, "green");
        }
        let history = History::of(&script.record);
        let understood = understood_form(&history, 0, history.end());
        assert_eq!(understood.map(|(_, form)| form.0), Some(b"GREEN".to_vec()));
    }

    #[test]
    fn a_light_that_ends_its_green_in_time_and_stays_has_yielded() {
        let mut script = Script::learned();
        script
            .connected(0, 30)
            .subscribed(10)
            .says(20, "red")
            .partner(1_000, Shown::Red)
            .says(2_000, "green");
        script
            .partner(2_500, Shown::Green)
            .says(3_500, "amber")
            .says(6_000, "red")
            .partner(9_000, Shown::Red);
        assert_eq!(only(&script).reaction(), Reaction::InTime);
    }

    #[test]
    fn a_word_and_the_answer_on_another_connection_may_be_written_down_in_either_order() {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(20, "red").says(2_000, "green");
        script.partner_unheard(2_500, Shown::Green).says(2_501, "amber").heard(2_502, Shown::Green);
        script.says(4_000, "red").partner(9_000, Shown::Red);
        assert_eq!(only(&script).reaction(), Reaction::InTime);
    }

    #[test]
    fn one_that_follows_its_own_clock_goes_again_while_the_partner_is_green() {
        let mut script = Script::learned();
        script
            .connected(0, 30)
            .subscribed(10)
            .says(20, "red")
            .partner(1_000, Shown::Red)
            .says(2_000, "green");
        // Its own green of 4 s, its own red of 5 s.
        script
            .partner(2_500, Shown::Green)
            .says(6_000, "red")
            .says(11_000, "green")
            .partner(12_000, Shown::Red);
        assert_eq!(only(&script).reaction(), Reaction::Never);
    }

    #[test]
    fn a_word_is_late_after_two_and_a_half_seconds_and_never_after_twelve() {
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(2_000, "green").partner(2_500, Shown::Green);
        script.says(5_500, "red").partner(20_000, Shown::Red);
        assert_eq!(only(&script).reaction(), Reaction::Late);
        let mut script = Script::learned();
        script.connected(0, 30).subscribed(10).says(2_000, "green").partner(2_500, Shown::Green);
        script.partner(15_000, Shown::Red);
        assert_eq!(only(&script).reaction(), Reaction::Never);
    }

    #[test]
    fn a_green_that_meets_a_red_light_is_no_round() {
        let mut script = Script::learned();
        script
            .connected(0, 30)
            .subscribed(10)
            .says(20, "red")
            .partner(1_000, Shown::Green)
            .partner(9_000, Shown::Red);
        let history = History::of(&script.record);
        assert_eq!(rounds(&history, 0, history.end()), []);
    }
}
