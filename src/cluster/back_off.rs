//! Waits that grow while something fails, and differ from node to node.

use std::time::Duration;

/// From the least to the most, each twice the one before, by up to a half shorter.
#[derive(Debug)]
pub(super) struct BackOff {
    least: Duration,
    most: Duration,
    next: Duration,
}

impl BackOff {
    /// Nothing has failed yet.
    pub(super) fn new((least, most): (Duration, Duration)) -> BackOff {
        BackOff { least, most, next: least }
    }

    /// All is well again.
    pub(super) fn reset(&mut self) {
        self.next = self.least;
    }

    /// How long to wait now.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        wait - wait.mul_f64(chance() / 2.0)
    }
}

/// From 0 to 1.
fn chance() -> f64 {
    f64::from(getrandom::u32().unwrap_or_default()) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_limit() {
        let mut back_off = BackOff::new((Duration::from_millis(50), Duration::from_millis(400)));
        for most in [50, 100, 200, 400, 400, 400] {
            let wait = back_off.wait();
            assert!((most / 2..=most).contains(&wait.as_millis()), "{wait:?} of {most} ms");
        }
        back_off.reset();
        assert!(back_off.wait().as_millis() <= 50);
    }
}
