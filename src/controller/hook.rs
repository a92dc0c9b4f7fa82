//! What a hook is, and what a run of it.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{HookId, Name, RegionId};
use crate::policy::Decision;

/// What is done outside when a name moves to another region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// Its name.
    pub id: HookId,
    /// The names that it is run for, and with a name its group; all, if none.
    pub names: Vec<Name>,
    /// When.
    pub phase: HookPhase,
    /// The move is made only when it has succeeded; of those before it.
    pub must_succeed: bool,
    /// The longest that a run takes.
    pub deadline: Duration,
}

/// When a hook is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookPhase {
    /// Before the move is made durable.
    Before,
    /// After it was published.
    After,
}

/// The number of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

/// A run of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookRun {
    /// For its end.
    pub run: RunId,
    /// Of this hook.
    pub hook: HookId,
    /// Before the move or after it.
    pub phase: HookPhase,
    /// The names that move, at least one.
    pub names: Arc<[Name]>,
    /// The region that they leave.
    pub from: RegionId,
    /// The region that they get.
    pub to: RegionId,
    /// The epoch that the move has: it only grows.
    pub epoch: u64,
    /// Why they move, in words.
    pub reason: String,
}

/// The end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookEnded {
    /// Which run.
    pub run: RunId,
    /// Of this hook.
    pub hook: HookId,
    /// The first of the names that move.
    pub name: Name,
    /// The epoch of the move.
    pub epoch: u64,
    /// What became of it.
    pub outcome: HookOutcome,
    /// What it said, cut short.
    pub output: String,
}

/// What became of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookOutcome {
    /// It succeeded.
    Done,
    /// It did not: why.
    Failed(String),
    /// A newer move of the same names came before it was started.
    Superseded,
}

impl Hook {
    /// Whether it is run when these names move.
    pub(super) fn concerns(&self, decision: &Decision) -> bool {
        self.names.is_empty() || self.names.iter().any(|name| decision.names.contains(name))
    }
}
