//! `[[region]]`

use super::ProbeSpec;
use crate::config::read::{At, Word};

tables! {
    /// Addresses of load balancers that are served together.
    "[[region]]" RegionSpec {
        /// How it is called everywhere. 1 to 64 printable ASCII characters, no spaces.
        must name: String,
        /// IPv4 and IPv6 addresses, each in one region only.
        must addresses: Vec<At<String>>,
        /// Of the addresses of a family; fewer, and the family is down. A number, or a share, rounded up.
        may min_up: Word { default: "50%" },
        /// The families that it needs: `["IPv4", "IPv6"]`.
        may families: Vec<At<String>> { otherwise: "IPv4 if it has any, else IPv6" },
        /// [Which of its probes](probes.md#calculations) an address must pass.
        may passes: String { default: "all" },
        /// What its addresses must prove; a region without a probe is the last resort.
        may probe: Vec<At<ProbeSpec>>,
    }
}
