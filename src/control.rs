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
mod events;
mod guard;
mod lights;
mod listen;
mod pages;
mod patience;
mod peer;
mod problem;
mod problem_kind;
mod protection;
mod router;
mod serving;
mod socket;
#[cfg(test)]
mod tests;
mod tls;
mod traffic;

use std::net::IpAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::api::{Explanation, Question, Status};
use crate::controller::{Done, Refusal, Terms, What};
use crate::model::{Name, Problem, ReceiverId};

pub use access::{Scope, hash_of_token};
pub use backend::{Behind, ReadFigures, ReadHistory};
pub use beats::{Fed, Feed, feed};
pub use connections::STRANGERS_MAX as CONNECTIONS_MAX;
pub use listen::{ListenError, Listeners, listen, listen_with};
pub use protection::{Protection, protect};
pub use serving::{Doors, Serving};
pub use socket::{BindError, Bound, bind, take_over};

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
    /// Take another configuration over, or tell what it would change.
    Reload(ReloadWish, oneshot::Sender<Result<Reloaded, ReloadError>>),
    /// Hand over to the program that is in the place of this one by now; why it goes on, if it does.
    Upgrade(UpgradeWish, oneshot::Sender<Result<Upgraded, String>>),
}

/// As long as a successor may take at the most until it is ready, in seconds.
pub const UPGRADE_MAX_SECONDS: u64 = 600;

/// That the program hand over to a successor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpgradeWish {
    /// The longest that the successor may take until it is ready, in seconds.
    pub within: u64,
    /// Who: filled in from the socket's peer, whatever was sent.
    #[serde(default)]
    pub by: String,
}

/// Who has taken over from whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upgraded {
    /// The process that answers now.
    pub process: u32,
    /// Its version.
    pub version: String,
    /// The process that has answered until now, and ends.
    pub predecessor: u32,
    /// Its version.
    pub predecessor_version: String,
}

/// That another configuration be taken over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReloadWish {
    /// Why; may be empty.
    #[serde(default)]
    pub reason: String,
    /// On which terms.
    #[serde(default)]
    pub terms: Terms,
    /// What is only looked at, in the place of the file.
    #[serde(default)]
    pub candidate: Option<Candidate>,
    /// Who: filled in from the socket's peer, whatever was sent.
    #[serde(default)]
    pub by: String,
}

/// A configuration that might become the one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Its file, for messages, and for paths that are relative to it.
    pub file: PathBuf,
    /// Its text.
    pub text: String,
}

/// What a reload has changed, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// What it means for the names.
    pub done: Done,
    /// What is different in the files, each in a line.
    pub changes: Vec<String>,
    /// What tells the configuration from any other.
    pub hash: String,
    /// What is doubtful about it.
    pub warnings: Vec<String>,
}

/// Why everything stays as it was.
#[derive(Debug)]
pub enum ReloadError {
    /// Mistakes in the files, each with its place.
    Mistakes(Vec<Problem>),
    /// A rule forbids it.
    Refused(Refusal),
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
    /// Its kind, as a URI; `about:blank` where the status says it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its kind in words.
    pub title: String,
    /// The status of the response.
    pub status: u16,
    /// What is the matter, in a sentence.
    pub detail: String,
    /// A safety rule, a gate or a condition forbids it: the same is right at another time, or on other terms.
    #[serde(default)]
    pub by_rule: bool,
    /// Each mistake with its place and what would be right; warnings among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<String>,
}
