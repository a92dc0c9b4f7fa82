//! How long the last probes of a check took.

use std::fmt::Write;

use askama::Template;
use askama::filters::HtmlSafe;

use crate::api::{Beat, BeatOutcome, latency};
use crate::dashboard::when::clock;
use crate::model::Moment;

/// The plot's own units; it is stretched to its place.
const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 100.0;

/// The slowest probe is not drawn on the upper edge.
const HEADROOM: f64 = 1.1;

/// Two curves, until connected and until the end, over the time; failures as ticks at the bottom.
#[derive(Template)]
#[template(path = "latency.html")]
pub(in crate::dashboard) struct Latency {
    /// The upper edge, in words.
    top: String,
    middle: String,
    begin: String,
    end: String,
    /// Each piece without a failure in it.
    total: String,
    connect: String,
    failures: String,
    has_connect: bool,
    words: String,
}

impl HtmlSafe for Latency {}

impl Latency {
    /// None while too little was seen for a curve.
    pub(in crate::dashboard) fn new(beats: &[Beat], now: Moment) -> Option<Latency> {
        let (first, last) = (beats.first()?.at, beats.last()?.at);
        let mut passes: Vec<f64> = of_passes(beats).map(|beat| beat.seconds).collect();
        if passes.len() < 2 || first >= last {
            return None;
        }
        passes.sort_by(f64::total_cmp);
        let slowest = passes.last().copied().unwrap_or_default();
        let top = round_up(slowest * HEADROOM);
        let scale = Scale { first, span: last.since(first).as_secs_f64(), top };
        let words = format!(
            "half of the passes took up to {}, 19 of 20 up to {}, the slowest {}",
            latency(quantile(&passes, 0.5)),
            latency(quantile(&passes, 0.95)),
            latency(slowest)
        );
        Some(Latency {
            top: latency(top),
            middle: latency(top / 2.0),
            begin: clock(first, now),
            end: clock(last, now),
            total: scale.curve(beats, |beat| Some(beat.seconds)),
            connect: scale.curve(beats, |beat| beat.connect),
            failures: scale.ticks(beats),
            has_connect: of_passes(beats).any(|beat| beat.connect.is_some()),
            words,
        })
    }
}

fn of_passes(beats: &[Beat]) -> impl Iterator<Item = &Beat> {
    beats.iter().filter(|beat| beat.outcome == BeatOutcome::Pass)
}

/// Of values in order.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(index.saturating_sub(1)).copied().unwrap_or_default()
}

/// The next 1, 2 or 5 of a power of ten, at least a tenth of a millisecond.
fn round_up(seconds: f64) -> f64 {
    let power = 10f64.powf(seconds.max(0.000_1).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= seconds).unwrap_or(10.0);
    step * power
}

struct Scale {
    first: Moment,
    span: f64,
    top: f64,
}

impl Scale {
    fn x(&self, at: Moment) -> f64 {
        at.since(self.first).as_secs_f64() / self.span * WIDTH
    }

    fn y(&self, seconds: f64) -> f64 {
        HEIGHT - (seconds / self.top).clamp(0.0, 1.0) * HEIGHT
    }

    /// A polyline that has a gap wherever a probe did not pass.
    fn curve(&self, beats: &[Beat], value: impl Fn(&Beat) -> Option<f64>) -> String {
        let (mut path, mut is_drawing) = (String::new(), false);
        for beat in beats {
            let seen = if beat.outcome == BeatOutcome::Pass { value(beat) } else { None };
            if let Some(seconds) = seen {
                let verb = if is_drawing { 'L' } else { 'M' };
                let written = write!(path, "{verb}{:.1} {:.1}", self.x(beat.at), self.y(seconds));
                written.expect("a string takes all");
            }
            is_drawing = seen.is_some();
        }
        path
    }

    fn ticks(&self, beats: &[Beat]) -> String {
        let failed = beats.iter().filter(|beat| beat.outcome != BeatOutcome::Pass);
        failed.map(|beat| format!("M{:.1} {HEIGHT}V88", self.x(beat.at))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_figure() {
        for (seconds, top) in
            [(0.0, 0.000_1), (0.000_3, 0.000_5), (0.011, 0.02), (0.2, 0.2), (0.7, 1.0), (1.9, 2.0)]
        {
            assert!((round_up(seconds) - top).abs() < 1e-9, "{seconds}: {}", round_up(seconds));
        }
    }

    #[test]
    fn half_and_nineteen_of_twenty() {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!([quantile(&values, 0.5), quantile(&values, 0.95)], [10.0, 19.0]);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
