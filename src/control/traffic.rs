//! What the API counts of itself.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::StatusCode;

use crate::api::ApiFigures;

/// Counters, written on the thread of the API alone.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    responses: [AtomicU64; 5],
    turned_away: AtomicU64,
}

impl Traffic {
    /// A response with this status is on its way.
    pub(super) fn responded(&self, status: StatusCode) {
        let hundreds = usize::from(status.as_u16() / 100);
        if let Some(count) = self.responses.get(hundreds.wrapping_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A connection was hung up on, for its client had too many.
    pub(super) fn turned_away(&self) {
        self.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far; what others count is 0.
    pub(super) fn figures(&self) -> ApiFigures {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ApiFigures {
            responses: self.responses.each_ref().map(get),
            turned_away: get(&self.turned_away),
            beats_lost: 0,
        }
    }
}
