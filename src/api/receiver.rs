//! How those who are told of what happens do, as plain data that is handed in.

use serde::{Deserialize, Serialize};

use super::warning::Warning;
use crate::model::{Moment, ReceiverId};

/// How a receiver of notices does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiverStatus {
    /// Its name.
    pub receiver: ReceiverId,
    /// What it is, such as `slack`.
    pub kind: String,
    /// Messages that it has taken since the start.
    pub sent: u64,
    /// Attempts that failed since the start; they are made again.
    pub failed: u64,
    /// Notices that were given up since the start.
    pub dead: u64,
    /// Notices that wait to be taken.
    pub waiting: usize,
    /// Alerts that fire now, of those that it wants to be told.
    pub firing: usize,
    /// When it last took a message.
    pub last: Option<Moment>,
    /// Since when it takes nothing; none if it does.
    pub since: Option<Moment>,
    /// Why it takes nothing.
    pub trouble: Option<String>,
}

impl ReceiverStatus {
    /// What an operator should look at, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<Warning> {
        let ReceiverStatus { receiver, since, trouble, waiting, .. } = self;
        let (since, trouble) = (since.as_ref()?, trouble.as_ref()?);
        Some(Warning {
            text: format!("{receiver} takes no notices since {since}, waiting: {waiting}: {trouble}"),
            help: format!("mend it, then `cadence-dns notify test {receiver}`"),
        })
    }
}
