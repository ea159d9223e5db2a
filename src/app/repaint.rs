//! When the next frame is needed. Every moving part says how soon it changes; the soonest wins,
//! and a still picture asks for nothing.

use std::time::Duration;

/// Time between frames while something moves: smooth enough for cars, half the work of 60.
const MOVING_MS: u64 = 33;

/// Time between frames while something moves in a window that has not the focus.
const MOVING_UNFOCUSED_MS: u64 = 100;

/// Time between frames while a number counts down: its tenths can still be read.
const COUNTING_MS: u64 = 200;

/// The same with reduced motion: whole seconds will do.
const COUNTING_CALMLY_MS: u64 = 1_000;

/// Time that events are gathered for before they are shown: a busy world must not drive the window
/// faster than its animation.
const GATHER: Duration = Duration::from_millis(33);

/// What a world calls after each event: wakes the window soon, once for many events.
pub fn waker(ctx: &egui::Context) -> impl Fn() + Send + Sync + 'static {
    let ctx = ctx.clone();
    move || ctx.request_repaint_after(GATHER)
}

/// Collects what the parts of one frame need.
#[derive(Debug, Default)]
pub(super) struct RepaintScheduler {
    next_ms: Option<u64>,
    calm: bool,
}

impl RepaintScheduler {
    /// For one frame; `calm` is reduced motion.
    #[must_use]
    pub(super) fn new(calm: bool) -> RepaintScheduler {
        RepaintScheduler { next_ms: None, calm }
    }

    /// A number counts down.
    pub(super) fn counting(&mut self) {
        self.within(if self.calm { COUNTING_CALMLY_MS } else { COUNTING_MS });
    }

    /// Something moves: frames at the animation rate.
    pub(super) fn moving(&mut self) {
        self.within(MOVING_MS);
    }

    /// Something changes in `ms` milliseconds.
    pub(super) fn within(&mut self, ms: u64) {
        self.next_ms = Some(self.next_ms.map_or(ms, |next| next.min(ms)));
    }

    /// Something changes at `at_ms`, it being `now_ms`; the past needs no frame.
    pub(super) fn at(&mut self, now_ms: u64, at_ms: u64) {
        if let Some(ms) = at_ms.checked_sub(now_ms) {
            self.within(ms.max(1));
        }
    }

    /// How long to wait for the next frame; `None` = until an event or the user.
    #[must_use]
    pub(super) fn delay(&self, focused: bool) -> Option<Duration> {
        let least = if focused { MOVING_MS } else { MOVING_UNFOCUSED_MS };
        self.next_ms.map(|ms| Duration::from_millis(ms.max(least)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_still_picture_asks_for_no_frame() {
        let mut repaint = RepaintScheduler::default();
        repaint.at(1_000, 900);
        assert_eq!(repaint.delay(true), None);
    }

    #[test]
    fn the_soonest_change_wins_but_never_faster_than_the_animation() {
        let mut repaint = RepaintScheduler::default();
        repaint.at(1_000, 1_500);
        repaint.within(5);
        assert_eq!(repaint.delay(true), Some(Duration::from_millis(MOVING_MS)));
        assert_eq!(repaint.delay(false), Some(Duration::from_millis(MOVING_UNFOCUSED_MS)));
    }
}
