//! Events on their way to the window. Bounded, and never in the way of those who put them there.

use std::{collections::VecDeque, sync::Mutex};

use super::{
    message::{Event, Waker},
    shared::lock,
};
use crate::board::{job_event::JobEvent, log::LogEvent};

/// Log lines that wait; more of them throw the oldest away.
const MOST_LINES: usize = 4_096;

pub(super) struct Outbox {
    waker: Waker,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    events: VecDeque<Event>,
    /// Log lines among them.
    lines: usize,
    dropped: u64,
}

impl Outbox {
    pub(super) fn new(waker: Waker) -> Outbox {
        Outbox { waker, queue: Mutex::default() }
    }

    pub(super) fn put(&self, event: Event) {
        lock(&self.queue).put(event);
        (self.waker)();
    }

    pub(super) fn take(&self) -> Option<Event> {
        lock(&self.queue).take()
    }
}

impl Queue {
    fn put(&mut self, event: Event) {
        if let Some(last) = self.events.back_mut()
            && replaces(&event, last)
        {
            *last = event;
            return;
        }
        if is_line(&event) {
            self.lines += 1;
            if self.lines > MOST_LINES
                && let Some(oldest) = self.events.iter().position(is_line)
            {
                self.events.remove(oldest);
                self.lines -= 1;
                self.dropped += 1;
            }
        }
        self.events.push_back(event);
    }

    fn take(&mut self) -> Option<Event> {
        if self.dropped > 0 {
            let lines = std::mem::take(&mut self.dropped);
            return Some(Event::Log(LogEvent::Dropped { lines }));
        }
        let event = self.events.pop_front()?;
        self.lines -= usize::from(is_line(&event));
        Some(event)
    }
}

fn is_line(event: &Event) -> bool {
    matches!(event, Event::Log(LogEvent::Line(_) | LogEvent::Explained(_)))
}

/// Whether nobody needs `last` who hears of `event` next.
fn replaces(event: &Event, last: &Event) -> bool {
    match (event, last) {
        (Event::JobReported { job, event }, Event::JobReported { job: last_job, event: last }) => {
            let same = match (event, last) {
                (JobEvent::Progressed(now), JobEvent::Progressed(before)) => now.step == before.step,
                (JobEvent::WaitingForChip { .. }, JobEvent::WaitingForChip { .. }) => true,
                _ => false,
            };
            same && job == last_job
        }
        (Event::PortsChanged(_), Event::PortsChanged(_)) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::board::{JobId, Progress, Step, log::LogLine};

    fn progressed(step: Step, done: u64) -> Event {
        let progress = Progress { step, done, total: 10, left: None };
        Event::JobReported { job: JobId(1), event: JobEvent::Progressed(progress) }
    }

    fn line(text: &str) -> Event {
        Event::Log(LogEvent::Line(LogLine::parse(text)))
    }

    #[test]
    fn progress_that_nobody_took_is_replaced_within_its_step() {
        let outbox = Outbox::new(Arc::new(|| {}));
        for event in [progressed(Step::Write, 1), progressed(Step::Write, 2), progressed(Step::Verify, 1)] {
            outbox.put(event);
        }
        assert_eq!(outbox.take(), Some(progressed(Step::Write, 2)));
        assert_eq!(outbox.take(), Some(progressed(Step::Verify, 1)));
        assert_eq!(outbox.take(), None);
    }

    #[test]
    fn lines_that_nobody_takes_are_bounded_and_their_loss_is_told() {
        let outbox = Outbox::new(Arc::new(|| {}));
        outbox.put(progressed(Step::Write, 1));
        for number in 0..MOST_LINES + 3 {
            outbox.put(line(&number.to_string()));
        }
        assert_eq!(outbox.take(), Some(Event::Log(LogEvent::Dropped { lines: 3 })));
        assert_eq!(outbox.take(), Some(progressed(Step::Write, 1)), "only lines are thrown away");
        assert_eq!(outbox.take(), Some(line("3")));
        assert_eq!(std::iter::from_fn(|| outbox.take()).count(), MOST_LINES - 1);
    }
}
