//! UDP past the kernel's network stack: `[dns] xdp`.
//!
//! ```text
//! interface ─frame─▶ program ─query for us─▶ ring of its queue ─▶ worker ─reply─▶ ring ─▶ interface
//!                       └─everything else──▶ the kernel ─▶ our ordinary sockets, TCP, other programs
//! ```
//!
//! `program` is what the interface runs, `attached` has it run, `rings` takes and sends frames, `frame` finds the query
//! in one and makes it the frame of the reply, `worker` answers. It runs beside the sockets and never instead of
//! them: whatever is missing for it, [`XdpUnavailable`] says, and the sockets answer everything.

use std::fmt;
#[cfg(feature = "xdp")]
use std::net::SocketAddr;

#[cfg(feature = "xdp")]
mod assembler;
#[cfg(feature = "xdp")]
mod attached;
#[cfg(all(feature = "xdp", test))]
mod crafted;
#[cfg(feature = "xdp")]
mod frame;
#[cfg(feature = "xdp")]
mod kernel;
#[cfg(feature = "xdp")]
mod program;
#[cfg(feature = "xdp")]
mod rings;
#[cfg(feature = "xdp")]
mod worker;

#[cfg(feature = "xdp")]
pub(super) use attached::{Attached, Link, attach};
#[cfg(feature = "xdp")]
pub(super) use worker::work;

/// For the fuzzers: the program of an interface with this hardware address, `addresses` and `sockets` standing for its maps.
#[cfg(feature = "xdp")]
#[doc(hidden)]
#[must_use]
pub fn frame_program(hardware: [u8; 6], addresses: i32, sockets: i32) -> Vec<u64> {
    program::program_of_numbers(hardware, addresses, sockets)
}

/// For the fuzzers: who asks in a frame, and what.
#[cfg(feature = "xdp")]
#[doc(hidden)]
#[must_use]
pub fn frame_query(frame: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let layout = frame::read(frame)?;
    Some((layout.source(frame), layout.query(frame)))
}

/// Why the sockets answer everything although `[dns] xdp` is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XdpUnavailable {
    /// What is missing.
    pub missing: String,
    /// What would help.
    pub help: String,
}

impl fmt::Display for XdpUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.missing, self.help)
    }
}

impl std::error::Error for XdpUnavailable {}

/// What a build without the feature has instead.
#[cfg(not(feature = "xdp"))]
mod absent {
    use std::fmt;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    use super::XdpUnavailable;
    use crate::dns::Tables;
    use crate::dns::counters::Tally;
    use crate::dns::datagram::Datagrams;

    /// There is none.
    pub(in crate::dns) enum Attached {}

    /// There is none.
    pub(in crate::dns) enum Link {}

    /// There is none.
    pub(in crate::dns) enum Queue {}

    pub(in crate::dns) fn attach(_: &str, _: &[SocketAddr]) -> Result<Attached, XdpUnavailable> {
        Err(XdpUnavailable {
            missing: "this build has no xdp".into(),
            help: "build with `cargo build --release --features xdp`, or take `xdp` out of [dns]".into(),
        })
    }

    impl Link {
        pub(in crate::dns) fn detach(self) {
            match self {}
        }
    }

    impl Attached {
        pub(in crate::dns) fn direct(&self) -> Result<(), XdpUnavailable> {
            match *self {}
        }

        pub(in crate::dns) fn start(self) -> (Option<Link>, Vec<Queue>) {
            match self {}
        }
    }

    pub(in crate::dns) fn work(
        queue: Queue,
        _: Tables,
        _: Arc<Datagrams>,
        _: Arc<AtomicBool>,
        _: Arc<Tally>,
    ) -> fn() {
        match queue {}
    }

    impl fmt::Display for Attached {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            match *self {}
        }
    }
}

#[cfg(not(feature = "xdp"))]
pub(super) use absent::{Attached, Link, attach, work};
