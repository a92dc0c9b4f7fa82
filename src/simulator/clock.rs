//! What a node takes for now.

use crate::model::Moment;

/// The clock of a node.
#[derive(Debug, Clone, Default)]
pub(super) struct NodeClock {
    /// How far it is behind the time, in milliseconds: ahead if negative.
    behind: i64,
    /// By how much somebody has set it since the start: it counts from the next start on.
    set_meanwhile: i64,
}

impl NodeClock {
    /// What the node takes for now.
    pub(super) fn of(&self, now: Moment) -> Moment {
        Moment::from_millis(now.as_millis().saturating_add_signed(-self.behind))
    }

    /// When it is this by the node's clock.
    pub(super) fn time_of(&self, at: Moment) -> Moment {
        Moment::from_millis(at.as_millis().saturating_add_signed(self.behind))
    }

    /// The daemon starts, and follows from here what somebody has set.
    pub(super) fn start(&mut self) {
        self.behind += std::mem::take(&mut self.set_meanwhile);
    }

    /// Somebody sets it back, by milliseconds: a daemon that runs does not follow.
    pub(super) fn set_back(&mut self, millis: i64, daemon_runs: bool) {
        if daemon_runs {
            self.set_meanwhile += millis;
        } else {
            self.behind += millis;
        }
    }
}
