//! Response rate limiting: bounds how many replies a second one network gets by UDP, about one thing and in all.
//!
//! An attacker who forges the address of a victim makes a server send large replies there. A resolver caches what it
//! was told, so it never needs the same reply hundreds of times a second. An attacker who asks for one thing after the
//! other stays below that limit with each; the second limit, for the network as a whole, is for him.
//!
//! There is one table for all workers, of a size that never changes. A bucket is one word:
//!
//! ```text
//! tag 28 | when all that was told is paid for 36     microseconds, which wrap around every 19 hours
//! ```
//!
//! A bucket that was last used exactly one wrap-around ago looks as if it had been used within this second. The
//! consequence is one reply that is limited although it should not be.
//!
//! Eight buckets share a cache line, and a network and key may be counted in any of the eight. A query costs two lines:
//! that of its network and that of its network and key. For queries over a limit the table is only read, so that under a
//! flood the workers do not fight for the lines.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use siphasher::sip::SipHasher13;

use super::client_network::ClientNetwork;
use crate::answer::{ResponseRateLimit, RrlKey, Ruling};
use crate::config::RateLimitSettings;
use crate::model::Moment;

/// The rate limit of all workers together: a token bucket for each network, and one for each network and key.
pub struct Limiter {
    /// The key is random, so that an attacker cannot find out which networks share a bucket.
    hasher: SipHasher13,
    /// Of a network and key.
    of_key: Allowance,
    /// Of a network as a whole.
    of_network: Allowance,
    slip: u64,
    exempt: Box<[IpNet]>,
    buckets: Box<[AtomicU64]>,
    /// Buckets before the first that begins a cache line.
    unaligned: usize,
}

/// What a bucket lets through.
#[derive(Debug, Clone, Copy)]
struct Allowance {
    /// The time that one reply uses up, in whole microseconds, so that a rate is kept or stayed below.
    price: u64,
    /// How far a bucket may be ahead of the time, in microseconds: about a second.
    credit: u64,
}

impl Allowance {
    /// So many replies a second, and as many at once.
    fn new(rate: u32) -> Allowance {
        let rate = u64::from(rate.max(1));
        let price = MICROS_PER_SECOND.div_ceil(rate);
        Allowance { price, credit: rate * price }
    }

    /// Whether a bucket that is so far ahead of the time has credit for one more reply.
    fn has_credit(self, debt: u64) -> bool {
        debt + self.price <= self.credit
    }
}

const BUCKETS: usize = 1 << 16;

/// Buckets in a cache line of 64 octets.
const LINE: usize = 8;

/// The lower bits of a bucket hold the time.
const TIME_BITS: u32 = 36;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// A worker uses the time of its batch, which may lie behind another worker's by this much. A bucket that is further
/// ahead was written before the time wrapped around, or before the clock was set back.
const SKEW_MICROS: u64 = MICROS_PER_SECOND;

/// After this many lost races for a bucket the reply goes out uncounted: waiting longer would cost more.
const ATTEMPTS: usize = 16;

impl Limiter {
    /// Lets `rate` replies a second with one key through to one network, `network_rate` with any keys, and as many at
    /// once. Of the replies beyond that, one in `slip` goes out without its records; 0 for none. `key` is random.
    #[must_use]
    pub fn new(settings: &RateLimitSettings, key: [u8; 16]) -> Limiter {
        let RateLimitSettings { enabled: _, rate, network_rate, slip, exempt } = settings;
        // The system hands out zeroed pages as they are touched: a quiet server does not pay for them.
        let buckets = bytemuck::zeroed_slice_box::<AtomicU64>(BUCKETS + LINE);
        let unaligned = buckets.as_ptr().align_offset(LINE * size_of::<AtomicU64>()).min(LINE);
        Limiter {
            hasher: SipHasher13::new_with_key(&key),
            of_key: Allowance::new(*rate),
            of_network: Allowance::new(*network_rate),
            slip: u64::from(*slip),
            exempt: exempt.as_slice().into(),
            buckets,
            unaligned,
        }
    }

    /// Whether an address is exempt. A loopback address always is: no one outside can forge it.
    fn spares(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.exempt.iter().any(|network| network.contains(&address))
    }

    /// The ruling on a reply whose key has the number `thing`.
    fn judge(&self, client: IpAddr, thing: u64, now: Moment, id: u16) -> Ruling {
        if self.spares(client) {
            return Ruling::Whole;
        }
        let network = self.hash([ClientNetwork::of(client).number(), 0]);
        let hash = mixed(network, thing);
        if self.admits(network, hash, now.as_millis().wrapping_mul(1000)) {
            return Ruling::Whole;
        }
        // A lottery instead of a count, which would be one more shared write. Without the key it cannot be steered.
        let lot = self.hash([hash ^ u64::from(id), now.as_millis()]);
        if self.slip > 0 && lot.is_multiple_of(self.slip) { Ruling::Slip } else { Ruling::Drop }
    }

    fn hash(&self, [a, b]: [u64; 2]) -> u64 {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&a.to_ne_bytes());
        octets[8..].copy_from_slice(&b.to_ne_bytes());
        self.hasher.hash(&octets)
    }

    /// Takes the price of a reply from the bucket of its network and from that of its key; from neither if the credit of
    /// one is used up, so that a flood of one thing leaves the network all others. `now` is in microseconds.
    fn admits(&self, network: u64, key: u64, now: u64) -> bool {
        let (_, _, debt) = self.find(network, now);
        self.of_network.has_credit(debt)
            && self.pay(key, self.of_key, now)
            && self.pay(network, self.of_network, now)
    }

    /// Takes the price from a bucket, unless its credit is used up.
    fn pay(&self, hash: u64, allowance: Allowance, now: u64) -> bool {
        for _ in 0..ATTEMPTS {
            let (bucket, word, debt) = self.find(hash, now);
            if !allowance.has_credit(debt) {
                return false;
            }
            let paid = hash >> TIME_BITS << TIME_BITS | now.wrapping_add(debt + allowance.price) & TIME_MASK;
            if bucket.compare_exchange(word, paid, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
        true
    }

    /// The bucket of a hash, what stands in it, and how far it is ahead of the time. It may be another's that would be
    /// overwritten; then there is no debt.
    fn find(&self, hash: u64, now: u64) -> (&AtomicU64, u64, u64) {
        let tag = hash >> TIME_BITS;
        let (bucket, word) = choose(self.line(hash), tag, |word| self.debt(word, now));
        (bucket, word, if word >> TIME_BITS == tag { self.debt(word, now) } else { 0 })
    }

    /// The cache line that the lower bits of a hash choose; the upper ones are the tag.
    fn line(&self, hash: u64) -> &[AtomicU64] {
        let start = self.unaligned + hash as usize % (BUCKETS / LINE) * LINE;
        &self.buckets[start..start + LINE]
    }

    /// How far a bucket is ahead of the time.
    fn debt(&self, word: u64, now: u64) -> u64 {
        let ahead = word.wrapping_sub(now) & TIME_MASK;
        let most = self.of_key.credit.max(self.of_network.credit);
        if ahead > most + SKEW_MICROS { 0 } else { ahead }
    }
}

/// The hash of a network and key, from the secret one of the network: all bits depend on all of both.
fn mixed(network: u64, thing: u64) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15; // 2^64 / golden ratio
    let product = u128::from(network ^ thing.wrapping_mul(ODD)) * u128::from(network | 1);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The bucket that has the tag; otherwise the one with the smallest debt, which may be overwritten.
fn choose(line: &[AtomicU64], tag: u64, debt: impl Fn(u64) -> u64) -> (&AtomicU64, u64) {
    let mut least = (&line[0], 0, u64::MAX);
    for bucket in line {
        let word = bucket.load(Ordering::Relaxed);
        if word >> TIME_BITS == tag {
            return (bucket, word);
        }
        let debt = debt(word);
        if debt < least.2 {
            least = (bucket, word, debt);
        }
    }
    (least.0, least.1)
}

impl ResponseRateLimit for Limiter {
    fn rule(&self, client: IpAddr, rrl_key: RrlKey, now: Moment, id: u16) -> Ruling {
        self.judge(client, rrl_key.number(), now, id)
    }
}

/// Without the key and the 65,536 buckets.
impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limiter { of_key, of_network, slip, exempt, .. } = self;
        let (key, network) = (of_key.price, of_network.price);
        write!(f, "a reply every {key} µs, of a network every {network} µs, slip {slip}, exempt {exempt:?}")
    }
}

#[cfg(test)]
mod tests;
