//! What probes that count make of a check: the state machine of up and down.

use serde::{Deserialize, Serialize};

use super::{Rules, State};

/// What one vantage believes about one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// Too little has been seen yet. Both count what came last in a row; one of them is zero.
    Unknown {
        /// Passes in a row.
        passes: u8,
        /// Failures in a row that count.
        failures: u8,
    },
    /// Believed to work.
    Up {
        /// Failures in a row that count.
        failures: u8,
    },
    /// Believed to be broken.
    Down {
        /// Passes in a row.
        passes: u8,
    },
}

/// What a probe that counts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Pass,
    Fail,
}

impl Health {
    /// A check that nobody has looked at.
    pub const UNSEEN: Health = Health::Unknown { passes: 0, failures: 0 };

    /// The whole state machine. `worn`: the brown-out window is full; `calm`: whatever wore it out is over.
    ///
    /// | health  | sign | becomes |
    /// |---------|------|---------|
    /// | unknown | pass | up after `rise` in a row |
    /// | unknown | fail | down after `fall` in a row |
    /// | up      | pass | up, nothing counted |
    /// | up      | fail | down after `fall` in a row or when worn |
    /// | down    | pass | up after `rise` in a row, if calm |
    /// | down    | fail | down, nothing counted |
    pub(super) fn step(self, sign: Sign, rules: &Rules, worn: bool, calm: bool) -> Health {
        let risen = |passes: u8| passes >= rules.rise;
        let fallen = |failures: u8| failures >= rules.fall;
        match (self, sign) {
            (Health::Unknown { passes, .. }, Sign::Pass) => match passes.saturating_add(1) {
                passes if risen(passes) => Health::Up { failures: 0 },
                passes => Health::Unknown { passes, failures: 0 },
            },
            (Health::Unknown { failures, .. }, Sign::Fail) => match failures.saturating_add(1) {
                failures if fallen(failures) => Health::Down { passes: 0 },
                failures => Health::Unknown { passes: 0, failures },
            },
            (Health::Up { .. }, Sign::Pass) => Health::Up { failures: 0 },
            (Health::Up { failures }, Sign::Fail) => match failures.saturating_add(1) {
                failures if fallen(failures) || worn => Health::Down { passes: 0 },
                failures => Health::Up { failures },
            },
            (Health::Down { passes }, Sign::Pass) => match passes.saturating_add(1) {
                passes if risen(passes) && calm => Health::Up { failures: 0 },
                passes => Health::Down { passes },
            },
            (Health::Down { .. }, Sign::Fail) => Health::Down { passes: 0 },
        }
    }

    /// Failures in a row that count towards `fall`.
    #[must_use]
    pub fn failures(self) -> u8 {
        match self {
            Health::Unknown { failures, .. } | Health::Up { failures } => failures,
            Health::Down { .. } => 0,
        }
    }

    /// The belief without the counts.
    #[must_use]
    pub fn state(self) -> State {
        match self {
            Health::Unknown { .. } => State::Unknown,
            Health::Up { .. } => State::Up,
            Health::Down { .. } => State::Down,
        }
    }

    /// Whether it is believed to be broken.
    #[must_use]
    pub fn is_down(self) -> bool {
        matches!(self, Health::Down { .. })
    }

    /// Whether a few more probes may change it, so that it is worth looking sooner.
    pub(super) fn is_unsettled(self) -> bool {
        match self {
            Health::Unknown { .. } => true,
            Health::Up { failures } => failures > 0,
            Health::Down { passes } => passes > 0,
        }
    }
}
