//! A scenario in real time: real links, a real broker, and boards where there are some.

use std::{path::PathBuf, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    super::{
        json::{self, milliseconds},
        output,
        progress::Reporter,
        report,
    },
    Plan,
};
use crate::{
    cli::common::asked_to_end,
    scenario::{
        Judge,
        series::{Played, Series},
    },
    world::{Event, EventKind, World, WorldOptions, summary::Tally},
};

/// How often it is looked whether it is over.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is said how far it has come, without a terminal.
const TELL_EVERY: Duration = Duration::from_secs(10);

struct Listener {
    judge: Judge,
    tally: Tally,
    json: bool,
    filter: json::ChangeFilter,
    progress: Reporter,
}

pub(super) async fn play(plan: &Plan<'_>, state_folder: Option<PathBuf>) -> anyhow::Result<Series> {
    let scenario = plan.scenario.drawn(plan.first_seed);
    let mut config = scenario.config.clone();
    config.seed = Some(plan.first_seed);
    // They have been told already.
    config.warnings.clear();
    let options = WorldOptions { state_folder, ..WorldOptions::default() };
    let (world, events) = World::start(config, options).await?;
    let mut listener = Listener {
        judge: Judge::new(&scenario),
        tally: Tally::default(),
        json: plan.args.json,
        filter: json::ChangeFilter::default(),
        progress: Reporter::new(milliseconds(plan.scenario.length), TELL_EVERY),
    };
    listener.listen(events).await?;
    world.stop().await;
    let mut series = Series::new(&plan.scenario);
    series.add(Played::of(Some(plan.first_seed), listener.judge, listener.tally));
    Ok(series)
}

impl Listener {
    /// Listens until everything is decided or the user asks to end.
    async fn listen(&mut self, mut events: Receiver<Event>) -> anyhow::Result<()> {
        let started = Instant::now();
        let asked = asked_to_end();
        tokio::pin!(asked);
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                // What has happened comes first, so that nothing is judged as not having happened.
                biased;
                () = &mut asked => return Ok(()),
                event = events.recv() => if !self.take(event)? { return Ok(()) },
                _ = looks.tick() => {
                    // The world's clock started a little earlier.
                    self.judge.reach(started.elapsed());
                    if started.elapsed() >= self.judge.ends_at() {
                        return Ok(());
                    }
                    let (at, end) = (started.elapsed(), self.judge.ends_at());
                    self.progress.set(milliseconds(at), || {
                        format!("{:.0} s of {:.0} s", at.as_secs_f64(), end.as_secs_f64())
                    });
                }
            }
        }
    }

    /// Takes an event; returns whether more may follow.
    fn take(&mut self, event: Result<Event, RecvError>) -> anyhow::Result<bool> {
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Lagged(lost)) => {
                self.judge.miss(&format!("{lost} events were lost, since this computer is too busy"));
                return Ok(true);
            }
            Err(RecvError::Closed) => return Ok(false),
        };
        self.judge.see(&event);
        self.tally.count(&event);
        if !self.filter.is_new(&event) {
            return Ok(true);
        }
        if self.json {
            if let Some(line) = json::line(&event) {
                self.progress.suspend(|| output::line(line))?;
            }
        } else if is_progress(&event.kind)
            && let Some(sentence) = report::sentence(&event)
        {
            self.progress.say(&sentence);
        }
        Ok(!matches!(event.kind, EventKind::Stopped))
    }
}

/// Whether somebody who waits wants to read it.
fn is_progress(kind: &EventKind) -> bool {
    matches!(
        kind,
        EventKind::BrokerStarted { .. }
            | EventKind::BrokerStopped { .. }
            | EventKind::FaultChanged { .. }
            | EventKind::ConflictBegan { .. }
            | EventKind::ConflictEnded { .. }
            | EventKind::Noticed { .. }
    )
}
