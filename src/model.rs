//! Nouns that every layer shares. Nothing here decides anything.

mod moment;
mod name;
mod plain;
mod problem;
mod record_type;
mod serial;
mod span;
pub(crate) mod wire_name;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use moment::Moment;
pub use name::{Name, NameError};
pub use plain::{is_deceptive, plain};
pub use problem::{Place, Problem, Severity, has_errors};
pub(crate) use record_type::numbered;
pub use record_type::{Class, RecordType};
pub use serial::Serial;
pub use span::shown;

/// A time to live that a resolver will honour, in seconds: RFC 2181 section 8 caps it at 2^31 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ttl(u32);

impl Ttl {
    /// Not to be kept at all.
    pub const ZERO: Ttl = Ttl(0);

    /// The shortest that a cache keeps anything for.
    pub const SECOND: Ttl = Ttl(1);

    /// The largest value that has a meaning.
    pub const MAX: Ttl = Ttl(0x7fff_ffff);

    /// `None` above 2^31 - 1.
    #[must_use]
    pub fn from_secs(seconds: u64) -> Option<Ttl> {
        u32::try_from(seconds).ok().filter(|s| *s <= Self::MAX.0).map(Ttl)
    }

    /// Whole seconds, as on the wire.
    #[must_use]
    pub fn as_secs(self) -> u32 {
        self.0
    }

    /// The same as a span of time.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

/// IPv4 or IPv6: which of A and AAAA an address goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Served as A.
    Ipv4,
    /// Served as AAAA.
    Ipv6,
}

impl Family {
    /// Both, in the order in which they are shown.
    pub const ALL: [Family; 2] = [Family::Ipv4, Family::Ipv6];

    /// The family of an address.
    #[must_use]
    pub fn of(address: IpAddr) -> Family {
        if address.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Ipv4 => "IPv4",
            Family::Ipv6 => "IPv6",
        })
    }
}

/// A name from the configuration, cheap to copy.
macro_rules! label_type {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub struct $type(Arc<str>);

        impl $type {
            /// The name as it stands in the configuration.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

/// What decides the addresses of one steered name, or of several that move together: the same number in every table,
/// whatever zones come and go. They are given out from 0 upwards, for a table holds room up to the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SteerId(pub u32);

label_type! {
    /// A region, by its name in the configuration: its addresses and what they must prove.
    RegionId
}
label_type! {
    /// A place that probes: the node's name.
    VantageId
}
label_type! {
    /// A gate, by its name in the configuration.
    GateId
}
label_type! {
    /// A hook, by its name in the configuration.
    HookId
}
label_type! {
    /// Somebody who is told, by the name in the configuration.
    ReceiverId
}

/// An address that we may serve, in the region that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EndpointId {
    /// The region.
    pub region: RegionId,
    /// The address that A or AAAA would carry.
    pub address: IpAddr,
}

/// One probe of a region aimed at one address: what has health.
///
/// A region with two probes and three addresses has six checks; a probe with an `address` of its own has one,
/// and it speaks for every endpoint of the region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CheckId {
    /// The region.
    pub region: RegionId,
    /// The number of the `[[region.probe]]` within its region, from 0.
    pub probe: u16,
    /// The address that the probe connects to.
    pub address: IpAddr,
}

impl CheckId {
    /// How the `region` of a witness's check begins; no region of the configuration can.
    const WITNESS: &str = "witness/";

    /// The check of a `[[witness]]`: it is heard, and counted in no verdict.
    #[must_use]
    pub fn of_witness(name: &str, address: IpAddr) -> CheckId {
        CheckId { region: format!("{}{name}", Self::WITNESS).as_str().into(), probe: 0, address }
    }

    /// Whether it belongs to a `[[witness]]` and to no region.
    #[must_use]
    pub fn is_witness(&self) -> bool {
        self.region.as_str().starts_with(Self::WITNESS)
    }

    /// The family of the address that it connects to.
    #[must_use]
    pub fn family(&self) -> Family {
        Family::of(self.address)
    }
}

impl fmt::Display for EndpointId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.region, self.address)
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}#{}", self.region, self.address, self.probe)
    }
}
