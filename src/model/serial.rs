//! The serial number of a zone.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The serial number of a zone, which its SOA tells (RFC 1035 section 3.3.13): 32 bits that go round, compared by the
/// arithmetic of RFC 1982. Of two numbers the later one is less than 2^31 steps ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Serial(pub u32);

impl Serial {
    /// The number that follows this one: what a zone gets when its content changes.
    #[must_use]
    pub fn next(self) -> Serial {
        Serial(self.0.wrapping_add(1))
    }

    /// Whether a secondary that has `other` would fetch a zone with this number. Never true of two numbers both ways:
    /// not for equal ones, nor for two that are exactly 2^31 apart, which RFC 1982 section 3.2 leaves undefined.
    #[must_use]
    pub fn is_after(self, other: Serial) -> bool {
        self.partial_cmp(&other) == Some(Ordering::Greater)
    }

    /// The later of the two; this one where neither is.
    #[must_use]
    pub fn max(self, other: Serial) -> Serial {
        if other.is_after(self) { other } else { self }
    }
}

/// RFC 1982 section 3.2; `None` for two numbers that are exactly 2^31 apart. Not transitive, so there is no `Ord`.
impl PartialOrd for Serial {
    fn partial_cmp(&self, other: &Serial) -> Option<Ordering> {
        const HALF: u32 = 1 << 31;
        match self.0.wrapping_sub(other.0) {
            0 => Some(Ordering::Equal),
            HALF => None,
            1..HALF => Some(Ordering::Greater),
            _ => Some(Ordering::Less),
        }
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_round() {
        assert_eq!(Serial(7).next(), Serial(8));
        assert_eq!(Serial(u32::MAX).next(), Serial(0));
        assert!(Serial(0).is_after(Serial(u32::MAX)));
    }

    #[test]
    fn the_later_one_is_less_than_half_way_ahead() {
        for start in [0, 1, 100, 1 << 31, u32::MAX] {
            let at = |steps: u32| Serial(start.wrapping_add(steps));
            for steps in [1, 2, 1 << 30, (1 << 31) - 1] {
                assert!(at(steps).is_after(at(0)) && !at(0).is_after(at(steps)), "{start} + {steps}");
                assert_eq!(at(0).max(at(steps)), at(steps));
                assert_eq!(at(steps).max(at(0)), at(steps));
            }
            assert!(!at(0).is_after(at(0)));
        }
    }

    #[test]
    fn half_way_ahead_neither_is_later() {
        let (a, b) = (Serial(5), Serial(5 + (1 << 31)));
        assert_eq!(a.partial_cmp(&b), None);
        assert!(!a.is_after(b) && !b.is_after(a));
        assert_eq!((a.max(b), b.max(a)), (a, b), "what is in force stays");
    }
}
