//! When a check began its last probe, and whether that is under way: for whoever goes on after this process.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::model::CheckId;

/// What another process goes on from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The check.
    pub check: CheckId,
    /// How long ago its last probe was due and began, in milliseconds.
    pub ago_ms: u64,
    /// Nobody knows what has become of it.
    pub in_flight: bool,
}

/// Written by a check, read by any.
#[derive(Debug, Default)]
pub(super) struct Flight(Mutex<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    last: Option<Instant>,
    in_flight: bool,
}

impl Flight {
    /// It goes on from a probe that began then.
    pub(super) fn began(&self, at: Instant) {
        self.state().last = Some(at);
    }

    /// A probe begins that was due then.
    pub(super) fn begins(&self, due: Instant) {
        *self.state() = State { last: Some(due), in_flight: true };
    }

    /// What it saw is told.
    pub(super) fn ends(&self) {
        self.state().in_flight = false;
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.state().in_flight
    }

    /// When the last one began.
    pub(super) fn last(&self) -> Option<Instant> {
        self.state().last
    }

    /// For another process; nothing, if there was no probe yet.
    pub(super) fn of(&self, check: &CheckId, now: Instant) -> Option<Begun> {
        let State { last, in_flight } = *self.state();
        let ago = now.saturating_duration_since(last?);
        Some(Begun { check: check.clone(), ago_ms: u64::try_from(ago.as_millis()).ok()?, in_flight })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
