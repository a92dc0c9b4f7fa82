//! How operators and programs reach the daemon: one HTTP API, on a UNIX socket whose mode says who may use it, and on TCP
//! for those who only look.
//!
//! ```text
//! UNIX socket ─Caller─▶ ┌────────┐ ─▶ api/v1/…, pages ─▶ ┌─────────┐ ─ControlRequest─▶ owner of the controller
//! TCP         ─Caller─▶ │ router │                       │ backend │ ◀────── Feed ────
//!                       └────────┘                       └─────────┘ ─▶ history on the disk
//! ```
//!
//! All of it runs on a thread of its own (`serving`). Connections are bounded in number and time (`connections`); what
//! holds for every request is in `guard`.

mod access;
mod backend;
mod beats;
mod caller;
pub mod client;
mod clients;
mod connections;
mod documents;
mod etag;
mod guard;
mod lights;
mod listen;
mod pages;
mod peer;
mod problem;
mod protection;
mod router;
mod serving;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::api::{Explanation, Question, Status};
use crate::controller::{Done, Refusal, Terms, What};
use crate::model::{Name, ReceiverId};

pub use access::{Scope, hash_of_token};
pub use backend::{Behind, ReadFigures, ReadHistory};
pub use beats::{Fed, Feed, feed};
pub use connections::STRANGERS_MAX as CONNECTIONS_MAX;
pub use listen::{ListenError, Listeners, listen};
pub use protection::{Protection, protect};
pub use serving::Serving;
pub use socket::{BindError, Bound, bind};

/// What the server hands to the owner of the controller. A dropped reply means that the controller is gone.
#[derive(Debug)]
pub enum ControlRequest {
    /// What is answered, since when and why.
    Status(oneshot::Sender<Status>),
    /// Do this, or tell what it would mean.
    Command(Wish, oneshot::Sender<Result<Done, Refusal>>),
    /// Send a notice to this receiver, and tell how that ended.
    TestReceiver(ReceiverId, oneshot::Sender<Result<(), String>>),
    /// Why a name is answered as it is.
    Explain(Question, oneshot::Sender<Explanation>),
}

/// What an operator wants done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// What.
    pub what: What,
    /// Why, for the log and for colleagues.
    pub reason: String,
    /// On which terms.
    #[serde(default)]
    pub terms: Terms,
    /// Who: filled in from the socket's peer, whatever was sent.
    #[serde(default)]
    pub by: String,
}

/// What is to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explain {
    /// The name.
    pub name: Name,
    /// The mnemonic of the record type; an address type if none is given.
    #[serde(default, rename = "type")]
    pub rtype: Option<String>,
    /// Who asks.
    #[serde(default)]
    pub client: Option<IpAddr>,
}

/// Who is to be sent a notice that changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestReceiver {
    /// The receiver.
    pub receiver: ReceiverId,
}

/// What the API answers when it does not do what it was asked, as `application/problem+json` (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDetails {
    /// `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: String,
    /// The name of the status.
    pub title: String,
    /// The status of the response.
    pub status: u16,
    /// What is the matter, in a sentence.
    pub detail: String,
    /// A safety rule, a gate or a condition forbids it: the same is right at another time, or on other terms.
    #[serde(default)]
    pub by_rule: bool,
}
