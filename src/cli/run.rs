//! `twinlight run`: the same world as in the window, without one.

use std::{
    io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use clap::Args;
use serde_json::json;
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep_until},
};

use super::{json, output, report};
use crate::{
    cli::{
        common::{Common, Lights, asked_to_end, runtime},
        exit::{FAILED, WELL},
    },
    world::{Event, EventKind, World, WorldOptions, event::Severity, recorder::Limits, summary::Tally},
};

#[derive(Clone, Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    lights: Lights,
    /// Stop after this many seconds; without it, when the configuration says so, or with Ctrl-C
    #[arg(long, value_name = "N", value_parser = seconds)]
    seconds: Option<f64>,
    /// Print one JSON object a line instead of sentences
    #[arg(long)]
    json: bool,
    /// Write a summary of the run to this file, as JSON
    #[arg(long, value_name = "F.json")]
    report: Option<PathBuf>,
    /// Record all events in this new file, for "twinlight replay" and the window
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// End the recording when its file has this many MB
    #[arg(long, value_name = "MB", value_parser = megabytes, requires = "record")]
    record_mb: Option<u64>,
}

/// The size of a recording.
pub(super) fn megabytes(text: &str) -> Result<u64, String> {
    match text.parse::<u64>() {
        Ok(megabytes @ 1..=1_000_000) => Ok(megabytes),
        _ => Err("give a whole number of megabytes, from 1 to 1000000".to_owned()),
    }
}

/// How much of the disk a recording may take, where `megabytes` were asked for.
pub(super) fn record_limits(megabytes: Option<u64>) -> Limits {
    let limits = Limits::default();
    Limits { bytes: megabytes.map_or(limits.bytes, |megabytes| megabytes * 1_000_000), ..limits }
}

/// A year is as good as for ever, and far from what a clock cannot count.
const LONGEST_S: f64 = 365.0 * 86_400.0;

pub(super) fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds > 0.0 && seconds <= LONGEST_S => Ok(seconds),
        Ok(_) => Err("give a number of seconds above 0, at most a year".to_owned()),
        Err(_) => Err("give a number of seconds, such as 90".to_owned()),
    }
}

pub(super) fn run(common: &Common, args: &RunArgs) -> anyhow::Result<u8> {
    let config = args.lights.load(common)?;
    let run_for = args.seconds.map(Duration::from_secs_f64).or(config.run_for);
    report::check_place("--report", args.report.as_deref())?;
    report::check_place("--record", args.record.as_deref())?;
    report::check_apart([("--record", args.record.as_deref()), ("--report", args.report.as_deref())])?;
    let options = WorldOptions {
        // A recording is to show in the window all that a run shows there.
        detailed: args.record.is_some(),
        record_to: args.record.clone(),
        record_limits: record_limits(args.record_mb),
        state_folder: common.state_folder(),
        ..WorldOptions::default()
    };
    runtime()?.block_on(async {
        let (world, events) = World::start(config, options).await?;
        let mut listener = Listener {
            json: args.json,
            tally: Tally::default(),
            last: Duration::ZERO,
            filter: json::ChangeFilter::default(),
            started_at: world.started_at(),
            records: args.record.is_some(),
            printed: Ok(()),
        };
        listener.listen(world, events, run_for).await;

        let summary = listener.tally.summary();
        let last_line = json::summary(listener.last, &summary)?;
        let closing = if args.json { format!("{last_line}\n") } else { report::closing(&summary) };
        // What is said last and the report are tried whatever became of the lines before.
        let printed = listener.printed.and(output::try_lines(&closing));
        if let Some(file) = &args.report {
            let version = env!("CARGO_PKG_VERSION");
            report::write(file, &json!({"program": "twinlight", "version": version, "summary": last_line}))?;
        }
        output::told(printed)?;
        let recorded = args.record.is_none() || listener.records;
        Ok(match report::status(&summary) {
            // What was asked for is not there as a whole.
            WELL if !recorded => FAILED,
            status => status,
        })
    })
}

struct Listener {
    json: bool,
    tally: Tally,
    last: Duration,
    filter: json::ChangeFilter,
    started_at: SystemTime,
    /// Whether the recording still goes on, where one was asked for.
    records: bool,
    /// Whether all lines could be printed so far.
    printed: io::Result<()>,
}

impl Listener {
    /// Listens until the time is over or the user asks to end, then to the world's end.
    async fn listen(&mut self, world: World, mut events: Receiver<Event>, run_for: Option<Duration>) {
        let started = Instant::now();
        let over = async {
            match run_for {
                Some(run_for) => sleep_until(started + run_for).await,
                None => std::future::pending().await,
            }
        };
        let ended = async {
            tokio::select! {
                () = over => {}
                () = asked_to_end() => {}
            }
        };
        tokio::pin!(ended);
        loop {
            tokio::select! {
                () = &mut ended => break,
                event = events.recv() => if !self.take(event) { break },
            }
            // A run that tells nobody is over: behind "| head", or on a full disk.
            if self.printed.is_err() {
                break;
            }
        }
        let stopping = tokio::spawn(world.stop());
        while self.take(events.recv().await) {}
        if let Err(error) = stopping.await {
            tracing::error!(%error, "the world did not end well");
        }
        // The recording ends last, and may have something to tell.
        while let Ok(event) = events.try_recv() {
            self.take(Ok(event));
        }
    }

    /// Tells of an event; returns whether more may follow.
    fn take(&mut self, event: Result<Event, RecvError>) -> bool {
        let event = match event {
            Ok(event) => event,
            Err(RecvError::Lagged(lost)) => {
                tracing::warn!(
                    lost,
                    "standard output is too slow: events were lost, and the figures lack them"
                );
                self.tally.miss(lost);
                return true;
            }
            Err(RecvError::Closed) => return false,
        };
        self.tally.count(&event);
        self.last = event.at;
        self.records &= !matches!(event.kind, EventKind::RecordingChanged { file: None });
        if let EventKind::Noticed { severity: Severity::Error, text, .. } = &event.kind
            && self.json
        {
            // It has no line of its own there.
            note!("error: {text}");
        }
        if !self.filter.is_new(&event) || self.printed.is_err() {
            return !matches!(event.kind, EventKind::Stopped);
        }
        let line = if self.json {
            json::line(&event).map(|line| json::with_wall_clock(line, &event, self.started_at).to_string())
        } else {
            report::sentence(&event)
        };
        if let Some(line) = line {
            self.printed = output::try_line(line);
        }
        !matches!(event.kind, EventKind::Stopped)
    }
}
