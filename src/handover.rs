//! How a daemon hands over to its successor: another process, perhaps of another version, that answers from the same sockets
//! and goes on from the same state, so that no query and no verdict is lost.
//!
//! ```text
//! daemon ──────── Start ───────▶ starter ─ starts ─▶ successor      reads, judges, compiles
//!    ◀────────────────────────── Hello ───────────── successor
//!    ─────── Offer, sockets ───────────────────────▶ successor      takes them, binds what is new, gives up its rights
//!    ◀────────────────────────── Ready ───────────── successor
//!  closes state and history, goes on answering
//!    ─────── Bequest ──────────────────────────────▶ successor      opens them, decides, answers
//!    ◀────────────────────────── Serving ─────────── successor
//!  leaves
//! ```
//!
//! Until *Serving* the daemon can go on as if nothing had happened, and does so whatever goes wrong; its DNS threads never
//! stop before. Every wait has an end. The channel is a socket that the successor was born with: nobody else can ask for
//! our sockets. A successor whose predecessor dies on the way goes on with what it has.

mod giver;
mod starter;
mod taker;
mod wire;

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::dns::Listener;
use crate::model::Moment;
use crate::probe::Begun;

pub use giver::{Cancel, Giver, Successor};
pub use starter::{ARGUMENT, Starter, TAKE_OVER, serve};
pub use taker::{Predecessor, TakeError};

/// What both must speak. It changes when one of the messages does in a way that another program would misunderstand.
const PROTOCOL: u32 = 1;

/// What a daemon has to hand over, as it says at first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Offer {
    /// The version of the program.
    pub version: String,
    /// The process.
    pub process: u32,
    /// `[node] name`.
    pub node: String,
    /// `[node] state_dir`
    pub state_dir: PathBuf,
    /// What its DNS sockets are for, in the order in which they come.
    pub dns: Vec<Listener>,
    /// The addresses of the API as configured, in the order in which their sockets come after those.
    pub api: Vec<SocketAddr>,
    /// The control socket, which comes last.
    pub control: PathBuf,
}

/// What came with an offer.
#[derive(Debug, Default)]
pub struct Offered {
    /// For DNS.
    pub dns: Vec<(Listener, OwnedFd)>,
    /// For the API.
    pub api: Vec<(SocketAddr, OwnedFd)>,
    /// The control socket and its path.
    pub control: Option<(PathBuf, OwnedFd)>,
}

/// What a daemon leaves when it has closed its files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Bequest {
    /// The time by its clock, and the kernel's monotonic clock then, in nanoseconds: ages go on as they were.
    pub at: Moment,
    /// See above.
    pub monotonic_ns: u64,
    /// The secrets of cookies that were made by chance, as lines of a file. Clients have cookies of them.
    pub secrets: Option<String>,
    /// The last probe of each check; none from a program that does not say.
    #[serde(default)]
    pub probes: Option<Vec<Begun>>,
}

/// What the daemon says.
#[derive(Debug, Serialize, Deserialize)]
enum FromPredecessor {
    /// Its sockets come in further messages, as many as it lists.
    Offer(Offer),
    Sockets,
    Bequest(Bequest),
}

/// What the successor says.
#[derive(Debug, Serialize, Deserialize)]
enum FromSuccessor {
    Hello {
        protocol: u32,
        version: String,
    },
    Ready,
    Serving {
        /// Whether it has the control socket of its predecessor.
        control: bool,
    },
    /// It ends.
    Failed {
        why: String,
    },
}
