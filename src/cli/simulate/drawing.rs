//! A course as a drawing: one column for a share of the time.

use std::fmt::Write;
use std::time::Duration;

use crate::model::{Moment, RegionId};
use crate::replay::{Course, Coverage, Hindsight, Spans, Stay};

/// Columns where the width of the terminal is not known.
const COLUMNS: u16 = 72;
const COLUMNS_MAX: u16 = 160;

/// The time axis.
pub(super) struct Axis {
    from: Moment,
    until: Moment,
    columns: u64,
    /// The width of what stands in front.
    margin: usize,
}

impl Axis {
    /// For a terminal of this width, with room for names in front.
    pub(super) fn new(coverage: &Coverage, names: impl Iterator<Item = usize>, width: Option<u16>) -> Axis {
        let margin = names.max().unwrap_or(0) + 2;
        let width = usize::from(width.unwrap_or(COLUMNS).min(COLUMNS_MAX));
        let columns = width.saturating_sub(margin).max(20) as u64;
        Axis { from: coverage.from, until: coverage.until, columns, margin }
    }

    /// A line with one sign a column.
    pub(super) fn line(&self, name: &str, sign: impl Fn(Moment, Moment) -> char) -> String {
        let signs = (0..self.columns).map(|column| sign(self.at(column), self.at(column + 1)));
        format!("{name:margin$}{}\n", signs.collect::<String>(), margin = self.margin)
    }

    /// How long a column is.
    pub(super) fn column(&self) -> String {
        rough(Duration::from_millis(self.until.since(self.from).as_millis() as u64 / self.columns))
    }

    /// The moments at both ends.
    pub(super) fn scale(&self) -> String {
        let (from, until) = (minute(self.from), minute(self.until));
        let gap = (self.columns as usize).saturating_sub(from.len() + until.len());
        let margin = " ".repeat(self.margin);
        format!("{margin}{from}{}{until}\n", " ".repeat(gap))
    }

    fn at(&self, column: u64) -> Moment {
        let span = self.until.since(self.from).as_millis() as u64;
        self.from + Duration::from_millis((span as u128 * column as u128 / self.columns as u128) as u64)
    }
}

/// `#` while a region was dead, `.` while nothing is known, `-` while it was alive.
pub(super) fn health(hindsight: &Hindsight, region: &RegionId) -> impl Fn(Moment, Moment) -> char {
    let (dead, unknown) = (hindsight.dead(region), hindsight.unknown().clone());
    move |from, until| {
        let column = Spans::of([(from, until)]);
        if dead.and(&column) != Spans::default() {
            '#'
        } else if unknown.and(&column).total() * 2 > until.since(from) {
            '.'
        } else {
            '-'
        }
    }
}

/// The letter of the region that was answered, or `*` where that changed.
pub(super) fn answers<'c>(
    stays: &'c [Stay],
    letter: impl Fn(&RegionId) -> char + 'c,
) -> impl Fn(Moment, Moment) -> char + 'c {
    move |from, until| {
        let after = stays.partition_point(|stay| stay.from <= from);
        let Some(first) = stays.get(after.saturating_sub(1)) else { return ' ' };
        let later = stays[after..].iter().take_while(|stay| stay.from < until);
        let moved = later.into_iter().any(|stay| stay.region != first.region);
        if moved { '*' } else { letter(&first.region) }
    }
}

/// Each change of region as a line, up to some number of them.
pub(super) fn moves(course: &Course, steer: usize, max: usize) -> String {
    let stays = &course.stays[steer];
    let moved: Vec<&[Stay]> = stays.windows(2).filter(|pair| pair[0].region != pair[1].region).collect();
    let mut text = String::new();
    for pair in moved.iter().take(max) {
        let [left, taken] = pair else { continue };
        writeln!(text, "  {}  {} -> {}: {}", second(taken.from), left.region, taken.region, taken.why)
            .expect("room");
    }
    if moved.len() > max {
        writeln!(text, "  … and {} more", moved.len() - max).expect("room");
    }
    text
}

/// `2026-11-22 16:04`.
fn minute(at: Moment) -> String {
    let text = at.to_string();
    text.get(..16).unwrap_or(&text).replace('T', " ")
}

/// `2026-11-22 16:04:11`.
pub(super) fn second(at: Moment) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

/// `850ms`, `12.5s`, `3m 04s`, `2h 14m`, `4d 02h`.
pub(super) fn rough(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0 => format!("{}ms", span.as_millis()),
        1..60 => format!("{:.1}s", span.as_secs_f64()),
        60..3_600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}
