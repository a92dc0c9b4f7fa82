//! What happened in a story, line by line, for people.

use std::fmt::Write;

use super::compare::shown;
use super::language::{Step, What};
use crate::model::Moment;

/// Lines that are shown at most: a story that flaps for weeks shows its end.
const LINES_MAX: usize = 200;

/// What happened (`>`), what was expected and came true (`✓`), and what the name server made of it, in the order of time.
///
/// `played` are the steps with the moments at which they were done, `journal` what the name server told.
#[must_use]
pub fn timeline(played: &[(Moment, Step)], journal: &[(Moment, String)]) -> String {
    let steps = played.iter().map(|(at, step)| {
        let mark = if matches!(step.what, What::Expect(_)) { "✓" } else { ">" };
        (*at, format!("{mark} {}", step.text))
    });
    let mut lines: Vec<(Moment, String)> = steps.collect();
    lines.extend(journal.iter().map(|(at, text)| (*at, format!("  {text}"))));
    // What was done at a moment comes before what the name server made of it; what was expected after it.
    let rank = |text: &str| match text.chars().next() {
        Some('>') => 0,
        Some('✓') => 2,
        Some(_) | None => 1,
    };
    lines.sort_by(|(at, text), (other_at, other)| (at, rank(text)).cmp(&(other_at, rank(other))));
    let left_out = lines.len().saturating_sub(LINES_MAX);
    let mut text = String::new();
    if left_out > 0 {
        writeln!(text, "{:>10}  ({left_out} lines before are left out)", "…").expect("room");
    }
    for (at, line) in &lines[left_out..] {
        writeln!(text, "{:>10}  {line}", shown(*at)).expect("room");
    }
    text
}
