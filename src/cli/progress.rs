//! Progress on standard error: a bar on a terminal, and nothing of it elsewhere.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Redraws of a bar in a second, at most.
const REDRAWS: u8 = 10;

/// A bar of `length`, drawn as `template` says. Without a terminal it draws nothing; then
/// [`ProgressBar::is_hidden`] is true.
pub(super) fn bar(length: u64, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(REDRAWS));
    // A template that is wrong is a slip in this program; the usual one serves then.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Says how far something long is: by `bar`, or by plain lines where there is no terminal.
pub(super) struct Reporter {
    bar: ProgressBar,
    every: Duration,
    last: std::time::Instant,
}

impl Reporter {
    /// Plain lines come no more often than `every`.
    pub(super) fn new(length: u64, every: Duration) -> Reporter {
        let bar = bar(length, "[{bar:30}] {percent:>3} %  {msg}");
        Reporter { bar, every, last: std::time::Instant::now() }
    }

    pub(super) fn set(&mut self, position: u64, text: impl FnOnce() -> String) {
        if !self.bar.is_hidden() {
            self.bar.set_message(text());
            self.bar.set_position(position);
        } else if self.last.elapsed() >= self.every {
            self.last = std::time::Instant::now();
            note!("{}", text());
        }
    }

    /// Prints a line that stays, above the bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| note!("{line}"));
    }

    /// Runs `print`, which writes to the same terminal, without the bar in its way.
    pub(super) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
