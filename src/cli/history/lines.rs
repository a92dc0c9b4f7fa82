//! An entry in one line.

use crate::store::Recorded;

/// When, which, what kind, and what; `!` where an operator should have looked.
pub(super) fn line(Recorded { number, entry, .. }: &Recorded) -> String {
    let mark = if entry.bad { '!' } else { ' ' };
    format!("{mark} {}  #{number:<5} {:<17}  {}\n", entry.time, entry.kind, entry.text)
}
