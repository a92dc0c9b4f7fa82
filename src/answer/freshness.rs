//! How long a reply may be kept.

use std::time::Duration;

use crate::model::RecordType;

use super::wire::{HEADER_OCTETS, skip_name, u16_at, u32_at};

/// The smallest TTL of a reply's records: how long an HTTP cache may keep the reply as a whole (RFC 8484 section
/// 5.1). A negative one has its SOA's, which is the negative TTL already (RFC 2308). `None` without records.
#[must_use]
pub fn freshness(reply: &[u8]) -> Option<Duration> {
    let count = |at| u16_at(reply, at).map(u32::from);
    let mut at = HEADER_OCTETS;
    for _ in 0..count(4)? {
        at = skip_name(reply, at)? + 4;
    }
    let mut least = None;
    for _ in 0..count(6)? + count(8)? + count(10)? {
        let fixed = skip_name(reply, at)?;
        let ttl = u32_at(reply, fixed + 4)?;
        if u16_at(reply, fixed)? != RecordType::OPT.0 {
            least = Some(least.map_or(ttl, |least: u32| least.min(ttl)));
        }
        at = fixed + 10 + usize::from(u16_at(reply, fixed + 8)?);
    }
    least.map(|seconds| Duration::from_secs(seconds.into()))
}
