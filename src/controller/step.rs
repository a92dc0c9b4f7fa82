//! What is told of a switchover, step by step.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::model::Moment;
use crate::policy::OverrideId;

/// So many steps of switchovers are remembered for those who look.
const STEPS_MAX: usize = 64;

/// A step of a switchover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// Of which one.
    pub id: OverrideId,
    /// What happened, in a line.
    pub text: String,
    /// It is over, one way or the other.
    pub last: bool,
    /// It did not go as planned.
    pub bad: bool,
}

/// The last steps.
#[derive(Default)]
pub(super) struct Steps(VecDeque<Step>);

impl Steps {
    /// The oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Step> {
        self.0.iter()
    }

    pub(super) fn add(&mut self, step: Step) {
        if self.0.len() == STEPS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(step);
    }
}
