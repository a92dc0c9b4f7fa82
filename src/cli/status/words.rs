//! Words that tables and changes share.

use crate::api::{EndpointStatus, NameStatus, WaitStatus};
use crate::health::{Doubt, State};
use crate::policy::Hold;

/// What is believed of an endpoint.
pub(in crate::cli) fn endpoint_state(endpoint: &EndpointStatus) -> &'static str {
    match (endpoint.state, endpoint.doubt) {
        (State::Down, _) => "DOWN",
        (State::Up, _) if endpoint.suspect => "up, failing",
        (State::Up, _) => "up",
        (State::Unknown, Some(Doubt::NotProbed)) => "unknown, not probed",
        (State::Unknown, Some(Doubt::Isolated)) => "unknown, isolated?",
        (State::Unknown, Some(Doubt::Stale)) => "unknown, stale",
        (State::Unknown, Some(Doubt::Divided)) => "unknown, divided",
        (State::Unknown, Some(Doubt::Unproven) | None) => "unknown",
    }
}

/// Why a name is answered so, and what it waits for, without a time that runs.
pub(in crate::cli) fn with_wait(name: &NameStatus) -> String {
    match &name.wait {
        None => name.why.clone(),
        Some(WaitStatus { to, hold: Hold::ManualFailback, .. }) => {
            format!("{}; back to {to} by `cadence-dns failback`", name.why)
        }
        Some(WaitStatus { to, hold, until: Some(until), .. }) => {
            format!("{}; {hold} hold, to {to} at {until}", name.why)
        }
        Some(WaitStatus { to, hold, until: None, .. }) => format!("{}; {hold} hold, to {to}", name.why),
    }
}
