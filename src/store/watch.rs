//! What a thread that waits for the disk is doing, seen from one that must not.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::error::StoreError;
use super::slot::locked;

/// What a thread is doing, and how it last fared.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Doing>);

#[derive(Debug, Default)]
struct Doing {
    since: Option<Instant>,
    failure: Option<String>,
}

impl Watch {
    pub(super) fn during<R>(&self, work: impl FnOnce() -> Result<R, StoreError>) -> Result<R, StoreError> {
        locked(&self.0).since = Some(Instant::now());
        let result = work();
        *locked(&self.0) =
            Doing { since: None, failure: result.as_ref().err().map(|error| error.to_string()) };
        result
    }

    pub(super) fn trouble(&self, what: &str, limit: Duration, now: Instant) -> Option<String> {
        let doing = locked(&self.0);
        let hanging = doing.since.map(|since| now.saturating_duration_since(since));
        match (hanging.filter(|hanging| *hanging > limit), &doing.failure) {
            (Some(hanging), _) => {
                Some(format!("the disk has not taken {what} for {} s: it hangs", hanging.as_secs()))
            }
            (None, Some(failure)) => Some(failure.clone()),
            (None, None) => None,
        }
    }
}
