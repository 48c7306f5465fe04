//! One living line at the bottom of a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the line is drawn anew; slower than the eye, faster than boredom.
const TICK: Duration = Duration::from_millis(120);

/// The living line, or nothing where there is no terminal.
pub(crate) struct ProgressLine(Option<ProgressBar>);

impl ProgressLine {
    /// A line if `live`, not shown before something is said.
    #[must_use]
    pub(crate) fn new(live: bool) -> Self {
        Self(live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            let style = ProgressStyle::with_template("{spinner} {elapsed} {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        }))
    }

    /// Whether there is a terminal to draw on.
    #[must_use]
    pub(crate) fn is_live(&self) -> bool {
        self.0.is_some()
    }

    /// Replaces what the line says, and shows it from now on.
    pub(crate) fn say(&self, message: String) {
        if let Some(bar) = &self.0 {
            if bar.is_hidden() {
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.enable_steady_tick(TICK);
            }
            bar.set_message(message);
        }
    }

    /// Takes the line away while something else is printed.
    pub(crate) fn suspend<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Takes the line away for good.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
