//! A bar of progress, where somebody looks.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};

/// Parts of a percent are not worth a write.
const STEPS: u64 = 100;

const WIDTH: u64 = 40;

/// How far some pieces of work are, which may run beside each other.
pub(super) struct Progress {
    shown: bool,
    pieces: u64,
    /// Thousandths of all pieces that are done.
    done: AtomicU64,
    told: AtomicU64,
}

impl Progress {
    /// For so many pieces of equal size; silent unless stderr is a terminal.
    pub(super) fn of(pieces: usize) -> Progress {
        let shown = std::io::stderr().is_terminal();
        Progress { shown, pieces: pieces.max(1) as u64, done: AtomicU64::new(0), told: AtomicU64::new(0) }
    }

    /// A piece has gone on by so many thousandths of itself.
    pub(super) fn advance(&self, thousandths: u64) {
        let done = self.done.fetch_add(thousandths, Ordering::Relaxed) + thousandths;
        let step = done * STEPS / (self.pieces * 1_000);
        if self.shown && self.told.fetch_max(step, Ordering::Relaxed) < step {
            write(&bar(step.min(STEPS)));
        }
    }
}

/// The line goes when the work is done.
impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            write(&format!("\r{:width$}\r", "", width = WIDTH as usize + 8));
        }
    }
}

fn bar(percent: u64) -> String {
    let full = percent * WIDTH / STEPS;
    let part = |sign: &str, count: u64| sign.repeat(count as usize);
    format!("\r[{}{}] {percent:>3} %", part("#", full), part("-", WIDTH - full))
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush())); // a bar that nobody reads is no failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_has_one_width() {
        assert_eq!(bar(0), format!("\r[{}]   0 %", "-".repeat(40)));
        assert_eq!(bar(50), format!("\r[{}{}]  50 %", "#".repeat(20), "-".repeat(20)));
        assert_eq!(bar(100).len(), bar(0).len());
    }
}
