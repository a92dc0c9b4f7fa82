//! The last probes of a check, one bar each.

use std::fmt::Write;

use askama::Template;
use askama::filters::HtmlSafe;

use crate::api::{Beat, BeatOutcome};
use crate::dashboard::when::clock;
use crate::model::Moment;

/// From one bar to the next, and how wide a bar is.
const STEP: usize = 6;

/// A bar for each probe, the newest on the right: full for a pass, short for a failure, a hollow one where nothing of the
/// far end was heard, a dot for our own fault.
#[derive(Template)]
#[template(path = "strip.html")]
pub(in crate::dashboard) struct Strip {
    width: usize,
    passes: String,
    heard: String,
    silent: String,
    ours: String,
    /// All of it in words.
    pub(in crate::dashboard) words: String,
}

impl HtmlSafe for Strip {}

impl Strip {
    /// The newest beats, at most `bars` of them, against the right edge.
    pub(in crate::dashboard) fn new(beats: &[Beat], bars: usize, now: Moment) -> Strip {
        let shown = &beats[beats.len().saturating_sub(bars)..];
        let first = bars - shown.len();
        let mut strip = Strip {
            width: bars * STEP,
            passes: String::new(),
            heard: String::new(),
            silent: String::new(),
            ours: String::new(),
            words: words(shown, now),
        };
        for (index, beat) in shown.iter().enumerate() {
            strip.bar((first + index) * STEP, beat.outcome);
        }
        strip
    }

    fn bar(&mut self, x: usize, outcome: BeatOutcome) {
        let (path, top) = match outcome {
            BeatOutcome::Pass => (&mut self.passes, 1),
            BeatOutcome::Heard => (&mut self.heard, 12),
            BeatOutcome::Silent => (&mut self.silent, 12),
            BeatOutcome::Ours => (&mut self.ours, 20),
        };
        let written = write!(path, "M{} {top}h4V23h-4z", x + 1);
        written.expect("a string takes all");
    }
}

/// `120 probes since 16:04:11: 118 passed, 2 failed; the last failure at 16:05:00: connection refused`.
fn words(beats: &[Beat], now: Moment) -> String {
    let Some(first) = beats.first() else { return "no probe yet".into() };
    let count = |outcome| beats.iter().filter(|beat| beat.outcome == outcome).count();
    let told = [
        (BeatOutcome::Pass, "passed"),
        (BeatOutcome::Heard, "failed"),
        (BeatOutcome::Silent, "failed in silence"),
        (BeatOutcome::Ours, "could not be sent"),
    ];
    let told = told.map(|(outcome, word)| (count(outcome), word));
    let told: Vec<String> =
        told.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect();
    let last = beats.iter().rev().find(|beat| beat.outcome != BeatOutcome::Pass);
    let last = last.map(|beat| {
        let why = beat.why.as_deref().map(|why| format!(": {why}")).unwrap_or_default();
        format!("; the last failure at {}{why}", clock(beat.at, now))
    });
    let probes = if beats.len() == 1 { "probe" } else { "probes" };
    format!(
        "{} {probes} since {}: {}{}",
        beats.len(),
        clock(first.at, now),
        told.join(", "),
        last.unwrap_or_default()
    )
}
