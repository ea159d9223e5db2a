//! How long everything in a check may take, and why.

use std::time::Duration;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A board needs this to start, join Wi-Fi and connect; nobody waits longer at a bench.
pub(super) const FIRST_CONNECTION: Duration = s(60);
/// From the first connection to the first word and subscription: a light that waits for all-red first.
pub(super) const FIRST_WORDS: Duration = s(25);
/// A light that subscribes and says nothing may wait for its partner to speak: then the partner begins.
pub(super) const BEGIN_TO_SPEAK: Duration = s(6);
/// Words that are heard after the first one, so that its other words are known before it is tried.
pub(super) const MORE_WORDS: Duration = s(4);
/// A word that is tried is held for so long: the green and the all-red of a beginner's light.
pub(super) const TRIAL: Duration = s(12);
/// Words that no dictionary has are collected for so long: one round of a slow light.
pub(super) const COLLECT: Duration = s(40);
/// How soon a light must end its green when the partner goes (contract).
pub(super) const YIELD: Duration = ms(2_500);
/// After this a light that has not yielded never will.
pub(super) const YIELD_AT_LAST: Duration = s(12);
/// How soon a light must go while the partner is red: one round of a slow light.
pub(super) const TURN: Duration = s(30);
/// Another form of a word is held for so long: to yield, and to stay.
pub(super) const FORM: Duration = s(8);
/// While the partner stays green, a light that yielded is watched: shorter than the time after which it
/// may take the partner for lost.
pub(super) const HOLD: Duration = s(5);
/// A light that yielded late may have yielded by chance: then it is watched for its own red time, at most.
pub(super) const LONGEST_HOLD: Duration = s(20);
/// The longest green that is waited for, to know how long it is when nobody asks for its end.
pub(super) const LONGEST_GREEN: Duration = s(12);
/// Connected, subscribed and speaking again (contract).
pub(super) const RECOVERY: Duration = s(30);
/// After a failed recovery a light may still come back for the steps that follow.
pub(super) const COME_BACK: Duration = s(25);
/// A light of which nothing was heard for so long is not there, though its connection may look open: it pings or
/// speaks more often.
pub(super) const SIGN_OF_LIFE: Duration = s(40);
/// How long the broker is away (contract).
pub(super) const BROKER_AWAY: Duration = s(10);
/// How long the Wi-Fi is away (contract).
pub(super) const WIFI_AWAY: Duration = s(12);
/// How soon a dead connection must be given up (contract).
pub(super) const HALF_OPEN: Duration = s(45);
/// How long a partner that is gone may stop a light: longer than a loss that is noticed in 30 s.
pub(super) const OLD_GREEN: Duration = s(45);
/// What a light says so soon after it subscribed may be its state from before.
pub(super) const SETTLED: Duration = s(5);
/// A light that goes so soon after an old word has not waited for a new one.
pub(super) const AT_ONCE: Duration = s(1);
/// How often an old red must be followed by a go at once, before it is no chance.
pub(super) const OLD_RED_TRIES: usize = 2;
/// How long it is watched for a go after an old red.
pub(super) const OLD_RED_WATCHED: Duration = ms(3_000);
/// How many goes soon after an old red, but not at once, call for another try.
pub(super) const OLD_RED_LATE: usize = 2;
/// How long the link is away while the retained word is changed.
pub(super) const CHANGE_RETAINED: Duration = ms(1_500);
/// A try so soon after a refusal is one at once.
pub(super) const RETRY_AT_ONCE: Duration = ms(500);
/// A light that has not tried again by then has given up.
pub(super) const RETRY: Duration = s(45);
/// How many of the tries are refused or cut.
pub(super) const REFUSALS: usize = 3;
/// The window of the limits (contract).
pub(super) const LIMIT_WINDOW: Duration = s(60);
/// Publishes in a window (contract).
pub(super) const MOST_PUBLISHES: usize = 15;
/// Logins in a window (contract).
pub(super) const MOST_LOGINS: usize = 10;
/// The check itself never makes a light say more than this in a window: it waits with the partner in green.
pub(super) const CALM_PUBLISHES: usize = 9;
/// It does not wait longer than this for it.
pub(super) const LONGEST_CALM: Duration = s(35);
/// A partner that stays green for long says so again: otherwise the light may rightly take it for lost.
pub(super) const REPEAT: Duration = s(7);
/// So many takeovers of one client id, outside faults, are no accident.
pub(super) const TAKEOVERS: usize = 3;
/// A program that is silent for so long, and twice as long as ever before, has ended or hangs.
pub(super) const STOPPED: Duration = s(10);
/// A light that was thrown out is watched for so long: whether that goes on.
pub(super) const WATCHED: Duration = s(20);
/// Once the partner stays green for this long without saying so again: a light that forgets it goes by its own clock.
pub(super) const LONG_GREEN: Duration = s(10);
/// How long the partner's amber after green lasts.
pub(super) const AMBER: Duration = ms(1_500);
/// How often a light must go on that amber, before it is no chance.
pub(super) const AMBER_TRIES: usize = 2;
/// How often conditions are looked at while much happens.
pub(super) const LOOK: Duration = ms(20);
