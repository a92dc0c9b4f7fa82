//! An operator's word on a region or an address: it beats every probe.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::State;

/// What an operator says of a region or an address, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// What it counts as.
    pub says: Says,
    /// Whose word it is.
    pub author: String,
    /// Why.
    pub reason: String,
}

/// What a region or an address counts as, whatever its probes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Says {
    /// It works.
    Up,
    /// It is broken.
    Down,
    /// It is to be left, and served only where nothing else works.
    Drained,
}

impl Says {
    /// The state that it stands for, if it is one.
    pub(super) fn state(self) -> Option<State> {
        match self {
            Says::Up => Some(State::Up),
            Says::Down => Some(State::Down),
            Says::Drained => None,
        }
    }
}

/// `forced down by alice: "the disks are full"`: quoted, so that no text of an operator looks like ours.
impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let says = match self.says {
            Says::Up => "forced up",
            Says::Down => "forced down",
            Says::Drained => "drained",
        };
        write!(f, "{says} by {}: {:?}", self.author, self.reason)
    }
}
