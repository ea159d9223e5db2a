//! What happens in a run: drawn from a seed before the run starts, and so the same in a replay.

use traffic_light::{Key, Timing, timing::Infeasible, timing::Quota};

use crate::{
    clock::{Clock, TrueMicros},
    rng::Rng,
};

/// A kind of run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Kind {
    /// Anything at any time, to the end: for S1, S2, S3 and the fail-safe.
    Hostile,
    /// As hostile, but all faults end at one moment and links are good from then on: also L1, L2.
    Recovery,
    /// As recovery, all lights with the default timings: for figures.
    Lab,
    /// As hostile, and the programs hang for longer than a tick, up to the watchdog.
    Hangs,
    /// Good links, the default timings, no faults: for figures, and L1.
    Quiet,
    /// 20 % of messages lost and 300 ms of delay, the default timings, no faults: for figures.
    Lossy,
    /// Good links and the timings for a broker that counts: for figures.
    Quota,
    /// Restarts and other faults with the default timings, then good links; all the while somebody replays what
    /// was ever said, which must move nothing.
    Replays,
}

/// Somebody who has recorded all that was ever said, in all runs, and says it again. He can sign nothing
/// of his own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replayer {
    /// The longest time from one message to the next.
    pub pause_us: TrueMicros,
    /// Of 1,000 messages, how many are any at random; the others follow each other as they were said.
    pub random: u64,
    /// Whether he goes on when the links have become good.
    pub stays: bool,
}

/// How the messages from one light to another fare, without faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quality {
    /// Of 1,000 messages, how many are lost.
    pub lost: u64,
    /// Of 1,000 messages, how many come twice.
    pub doubled: u64,
    /// The shortest and the longest ordinary delay.
    pub delay_us: (TrueMicros, TrueMicros),
    /// Of 1,000 messages, how many take up to `late_us` instead.
    pub late: u64,
    /// The longest delay of those.
    pub late_us: TrueMicros,
}

/// Something that goes wrong from `start_us` to `end_us`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What.
    pub what: FaultKind,
    /// From when on, in true time.
    pub start_us: TrueMicros,
    /// Until when, in true time.
    pub end_us: TrueMicros,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Messages from one light do not reach another; `stall` keeps them until the end.
    OneWay {
        /// Whose messages.
        from: usize,
        /// Whom they do not reach.
        to: usize,
        /// Kept until the end instead of lost.
        stall: bool,
    },
    /// A light has no link in either direction.
    Isolate {
        light: usize,
        /// Messages are kept until the end instead of lost.
        stall: bool,
        /// The light's host notices, and tells the light.
        told: bool,
    },
    /// Nobody has a link.
    Broker {
        /// Messages are kept until the end instead of lost.
        stall: bool,
        /// The hosts notice, and tell their lights.
        told: bool,
        /// Retained messages are gone after it.
        forgets: bool,
    },
    /// Every link has this quality.
    Storm(Quality),
    /// A light is off, its lamps dark; it starts anew at the end.
    Stop {
        light: usize,
        /// Its next run knows how long it was off.
        known: bool,
    },
    /// A light's program does nothing and its lamps stay. At the watchdog its host resets it.
    Hang {
        light: usize,
        /// What it should have heard meanwhile is heard late instead of never.
        queued: bool,
    },
    /// A light's host sleeps, lamps dark, its clock standing still, and notices when it wakes up.
    Suspend { light: usize },
    /// A light is given other timings.
    Retime {
        light: usize,
        /// Which timings.
        timing: Timing,
    },
}

/// All that is known of a run before it starts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The timings that each light starts with.
    pub timings: Vec<Timing>,
    /// The junction's key, if it has one.
    pub key: Option<Key>,
    /// Each light's clock.
    pub clocks: Vec<Clock>,
    /// When each light is switched on first, and whether it knows that it never ran before.
    pub first_starts: Vec<(TrueMicros, bool)>,
    /// For each light, how often its button is pressed, or `None` where it always wants green.
    pub calls_us: Vec<Option<TrueMicros>>,
    /// Quality of the link `from * lights + to`.
    pub links: Vec<Quality>,
    /// Messages of one link keep their order.
    pub ordered: bool,
    /// Ticks come at any time up to the longest, instead of regularly.
    pub jitter: bool,
    /// Faults by their start.
    pub faults: Vec<Fault>,
    /// Who replays, if anybody does.
    pub replayer: Option<Replayer>,
    /// When all faults have ended and the links are good.
    pub heal_at_us: Option<TrueMicros>,
    /// The end of the run.
    pub end_us: TrueMicros,
    /// For what happens by chance during the run.
    pub seed: u64,
}

const MS: TrueMicros = 1_000;
const KEY: &[u8] = b"a key of the proof, for tests";

impl Quality {
    /// A link whose messages take up to half of the round trip that is allowed for.
    #[must_use]
    pub fn good(timing: &Timing) -> Quality {
        let longest_us = u64::from(timing.rtt_ms) * MS / 2;
        Quality { lost: 0, doubled: 0, delay_us: (longest_us.min(200), longest_us), late: 0, late_us: 0 }
    }

    fn drawn(rng: &mut Rng, timing: &Timing) -> Quality {
        let lease_us = u64::from(timing.lease_ms) * MS;
        let longest_us = match rng.index(6) {
            0 => 0,
            1 | 2 => rng.between(0, 20 * MS),
            3 | 4 => u64::from(timing.rtt_ms) * MS / 2,
            _ => rng.between(0, lease_us / 2),
        };
        let lost = [0, 0, 50, 200, 500, 900][rng.index(6)];
        let doubled = [0, 50, 300, 1_000][rng.index(4)];
        let late = [0, 0, 20, 200, 600][rng.index(5)];
        Quality {
            lost,
            doubled,
            delay_us: (rng.between(0, longest_us), longest_us),
            late,
            late_us: rng.spread(lease_us / 8, 4 * lease_us),
        }
    }
}

impl Plan {
    /// Draws run number `run` of `seed`.
    #[must_use]
    pub fn draw(kind: Kind, lights: usize, seed: u64, run: u64) -> Plan {
        let mut rng = Rng::new(seed ^ ((lights as u64) << 56) ^ ((kind as u64) << 48), run);
        match kind {
            Kind::Quiet => Plan::figure(&mut rng, lights, Timing::default(), Quality::good),
            Kind::Lossy => {
                let link =
                    Quality { lost: 200, doubled: 0, delay_us: (300 * MS, 300 * MS), late: 0, late_us: 0 };
                let plan = Plan::figure(&mut rng, lights, Timing::default(), |_| link);
                // These links never become good.
                Plan { heal_at_us: None, ..plan }
            }
            Kind::Quota => Plan::figure(&mut rng, lights, Timing::on_quota(), Quality::good),
            Kind::Hostile | Kind::Recovery | Kind::Lab | Kind::Hangs | Kind::Replays => {
                Plan::hostile(&mut rng, kind, lights)
            }
        }
    }

    fn figure(rng: &mut Rng, lights: usize, timing: Timing, link: impl Fn(&Timing) -> Quality) -> Plan {
        Plan {
            timings: vec![timing; lights],
            key: None,
            clocks: clocks(rng, lights),
            first_starts: (0..lights).map(|_| (rng.between(0, 500 * MS), true)).collect(),
            calls_us: vec![None; lights],
            links: vec![link(&timing); lights * lights],
            ordered: false,
            jitter: true,
            faults: Vec::new(),
            replayer: None,
            heal_at_us: Some(500 * MS),
            end_us: 600_000 * MS,
            seed: rng.draw(),
        }
    }

    fn hostile(rng: &mut Rng, kind: Kind, lights: usize) -> Plan {
        let timing =
            if matches!(kind, Kind::Lab | Kind::Replays) { Timing::default() } else { draw_timing(rng) };
        let recovery = matches!(kind, Kind::Recovery | Kind::Lab | Kind::Replays);
        let mixed = !recovery && rng.chance(100);
        let timings: Vec<Timing> = (0..lights)
            .map(|_| {
                if mixed { Timing { clearance_ms: timing.clearance_ms, ..draw_timing(rng) } } else { timing }
            })
            .map(|drawn| if drawn.check().is_ok() { drawn } else { timing })
            .collect();
        let lease_us = u64::from(timing.lease_ms) * MS;
        let trouble_us = (15 * lease_us).min(300_000 * MS);
        let quality = Quality::drawn(rng, &timing);
        let uniform = rng.chance(500);
        // Messages of earlier runs that come long after a restart, and little else.
        let ghosts = !recovery && rng.chance(150);
        let haunted =
            Quality { lost: 0, doubled: 500, late: 300, late_us: 4 * lease_us, ..Quality::good(&timing) };
        let links = (0..lights * lights)
            .map(|_| match rng.index(3) {
                _ if ghosts => haunted,
                _ if uniform => quality,
                0 => Quality::good(&timing),
                _ => Quality::drawn(rng, &timing),
            })
            .collect();
        let first_starts = (0..lights)
            .map(|_| if rng.chance(500) { (0, true) } else { (rng.between(0, lease_us), rng.chance(700)) })
            .collect();
        let with_calls = !recovery && rng.chance(150);
        let calls_us = (0..lights)
            .map(|_| (with_calls && rng.chance(700)).then(|| rng.spread(500 * MS, 2 * lease_us)))
            .collect();
        let mut faults = draw_faults(rng, kind, ghosts, &timings, trouble_us);
        let heal_at_us = recovery.then_some(trouble_us);
        if let Some(heal_at_us) = heal_at_us {
            for fault in &mut faults {
                fault.end_us = fault.end_us.min(heal_at_us);
            }
        }
        let after_us = match kind {
            Kind::Replays => settling_us(&timing) + after_heal_us(&timing, lights),
            _ if recovery => after_heal_us(&timing, lights),
            _ => 0,
        };
        let mut plan = Plan {
            key: if rng.chance(100) { Key::new(KEY).ok() } else { None },
            clocks: clocks(rng, lights),
            first_starts,
            calls_us,
            links,
            ordered: rng.chance(250),
            jitter: rng.chance(600),
            faults,
            replayer: None,
            heal_at_us,
            end_us: trouble_us + after_us,
            seed: rng.draw(),
            timings,
        };
        // Drawn last: the runs without him stay as they are.
        if kind == Kind::Replays || rng.chance(300) {
            plan.replayer = Some(Replayer {
                pause_us: rng.spread(MS, 2 * u64::from(timing.heartbeat_ms) * MS),
                random: [0, 100, 500, 1_000][rng.index(4)],
                stays: kind == Kind::Replays,
            });
            plan.key = if rng.chance(500) { Key::new(KEY).ok() } else { None };
        }
        plan
    }

    /// From when on nothing of the faults is left, and what is replayed must move nothing.
    #[must_use]
    pub fn settled_us(&self) -> Option<TrueMicros> {
        let timing = self.timings.first()?;
        self.replayer.filter(|replayer| replayer.stays)?;
        Some(self.heal_at_us? + settling_us(timing))
    }

    /// How many lights there are.
    #[must_use]
    pub fn lights(&self) -> usize {
        self.timings.len()
    }
}

/// Enough to recover, with a start at the last moment, and for every light to go twice.
fn after_heal_us(timing: &Timing, lights: usize) -> TrueMicros {
    let round_ms = (timing.longest_go_ms() + u64::from(timing.clearance_ms) * 2) * lights as u64;
    (timing.recovery_ms() + timing.start_hold_ms(timing.lease_ms) + round_ms * 5 / 2) * MS * 103 / 100
}

/// Enough for every wait and promise from before to be over, and for a promise to an old run that was heard
/// at a start.
fn settling_us(timing: &Timing) -> TrueMicros {
    let waits_ms = timing.recovery_ms() + timing.start_hold_ms(timing.lease_ms) + u64::from(timing.lease_ms);
    (waits_ms + timing.longest_go_ms()) * MS * 103 / 100
}

fn clocks(rng: &mut Rng, lights: usize) -> Vec<Clock> {
    let style = rng.index(4);
    let fast = rng.index(lights);
    (0..lights)
        .map(|light| {
            let rate = match style {
                0 => 1_000_000,
                1 => rng.between(990_000, 1_010_000),
                2 => [990_000, 1_010_000][rng.index(2)],
                _ => [990_000, 1_010_000][usize::from(light == fast)],
            };
            Clock { offset_us: rng.spread(0, 4_000_000_000_000), rate, stood_us: 0 }
        })
        .collect()
}

/// Timings that pass the check: the default ones often, the quota ones seldom, else any.
pub fn draw_timing(rng: &mut Rng) -> Timing {
    match rng.index(20) {
        0..=7 => return Timing::default(),
        8 => return Timing::on_quota(),
        _ => {}
    }
    let amber_ms = rng.ms(20, 3_000);
    let green_min_ms = rng.ms(10, 4_000);
    let heartbeat_ms = rng.ms(60, 1_000);
    let quota = rng.chance(60).then(|| Quota { burst: rng.ms(2, 5), refill_ms: rng.ms(100, 2_000) });
    let mut timing = Timing {
        red_amber_ms: rng.ms(10, 2_000),
        green_min_ms,
        green_max_ms: green_min_ms + rng.ms(0, 4_000),
        amber_ms,
        clearance_ms: rng.ms(1, 2_000),
        heartbeat_ms,
        lease_ms: rng.ms(100, 20_000),
        lost_after_ms: rng.ms(200, 10_000),
        tick_ms: rng.ms(5, 100),
        watchdog_ms: rng.ms(1, amber_ms),
        rtt_ms: rng.ms(0, heartbeat_ms / 3),
        quota,
    };
    // Each refusal names a value that would do; a longer heartbeat may ask for a longer lease again.
    for _ in 0..20 {
        let clip = |ms: u64| u32::try_from(ms).unwrap_or(u32::MAX);
        match timing.check() {
            Ok(()) => return timing,
            Err(Infeasible::NeverGoes { needed } | Infeasible::CutShort { needed }) => {
                timing.lease_ms = clip(needed);
            }
            Err(Infeasible::LostTooSoon { needed }) => timing.lost_after_ms = clip(needed),
            Err(Infeasible::RecoveryTooSlow { needed } | Infeasible::QuotaTooSlow { needed }) => {
                timing.heartbeat_ms = clip(needed);
            }
            Err(_) => return Timing::default(),
        }
    }
    Timing::default()
}

fn draw_faults(
    rng: &mut Rng,
    kind: Kind,
    ghosts: bool,
    timings: &[Timing],
    trouble_us: TrueMicros,
) -> Vec<Fault> {
    let lights = timings.len();
    let timing = timings.first().copied().unwrap_or_default();
    let lease_us = u64::from(timing.lease_ms) * MS;
    let most = [0, 4, 12, 30][rng.index(4)];
    let count = rng.between(0, most);
    // In some runs one kind of fault only, and often: what hides between others is found there.
    let only = if ghosts { Some(5) } else { rng.chance(400).then(|| rng.index(9)) };
    let mut faults: Vec<Fault> = (0..count)
        .map(|_| {
            let light = rng.index(lights);
            let (stall, told) = (rng.chance(400), rng.chance(500));
            let choice = only.unwrap_or_else(|| rng.index(9));
            let what = match choice {
                0 => {
                    let to = (light + 1 + rng.index(lights - 1)) % lights;
                    FaultKind::OneWay { from: light, to, stall }
                }
                1 | 2 => FaultKind::Isolate { light, stall, told },
                3 => FaultKind::Broker { stall, told, forgets: rng.chance(500) },
                4 => FaultKind::Storm(Quality::drawn(rng, &timing)),
                5 | 6 => FaultKind::Stop { light, known: rng.chance(300) },
                7 if matches!(kind, Kind::Hostile | Kind::Hangs) && rng.chance(500) => {
                    FaultKind::Retime { light, timing: retimed(rng, timing) }
                }
                7 => FaultKind::Stop { light, known: false },
                _ => FaultKind::Suspend { light },
            };
            let what = if kind == Kind::Hangs && rng.chance(600) {
                FaultKind::Hang { light, queued: rng.chance(700) }
            } else {
                what
            };
            let start_us = rng.between(0, trouble_us);
            let length_us = match what {
                FaultKind::Hang { .. } => rng.between(0, u64::from(timing.watchdog_ms) * MS * 5 / 4),
                // Longer than a tick, else nobody has to notice.
                FaultKind::Suspend { .. } => rng.spread(u64::from(timing.tick_ms + 2) * MS, 3 * lease_us),
                FaultKind::Stop { .. } => rng.spread(MS, 2 * lease_us),
                _ => rng.spread(MS, 3 * lease_us),
            };
            // What ends at the last moment leaves the most to recover from.
            if matches!(kind, Kind::Recovery | Kind::Lab | Kind::Replays) && rng.chance(500) {
                return Fault { what, start_us: trouble_us.saturating_sub(length_us), end_us: trouble_us };
            }
            Fault { what, start_us, end_us: start_us + length_us }
        })
        .collect();
    faults.sort_by_key(|fault| fault.start_us);
    faults
}

/// Other timings for a light that runs: the clearance is the junction's and stays.
fn retimed(rng: &mut Rng, timing: Timing) -> Timing {
    let drawn = Timing { clearance_ms: timing.clearance_ms, ..draw_timing(rng) };
    if drawn.check().is_ok() { drawn } else { timing }
}
