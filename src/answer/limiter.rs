//! Response rate limiting: so often, and no oftener, is one network told one thing by datagrams.
//!
//! Whoever forges the address of a victim makes us send it what he wants, as often as he wants. A resolver keeps
//! what it was told, so that hundreds of times a second is nothing that it can have a use for.
//!
//! There is one table for all workers, of a size that never changes. A bucket is one word:
//!
//! ```text
//! tag 28 | when all that was told is paid for 36     microseconds, which begin again every 19 hours
//! ```
//!
//! A bucket that nobody has touched for just that long looks like one of this second, once: then one network is told one
//! thing a second late.
//!
//! Eight buckets share a cache line, and a thing may be counted in any of the eight. Whoever is being limited is only
//! read about, so that under a flood the workers do not fight for the line.

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use ipnet::IpNet;
use siphasher::sip::SipHasher13;

use super::rrl_key::RrlKey;
use crate::model::Moment;

/// Counts what each network was told, for all workers.
pub struct Limiter {
    /// The key is random: nobody can find out who shares a bucket with whom.
    hasher: SipHasher13,
    /// What a reply costs, in microseconds.
    price: u64,
    /// So far may a bucket be ahead of the time.
    credit: u64,
    slip: u64,
    exempt: Box<[IpNet]>,
    buckets: Box<[AtomicU64]>,
    /// Buckets before the first that begins a cache line.
    unaligned: usize,
}

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ruling {
    /// It goes out as it is.
    Whole,
    /// It goes out without its records.
    Slip,
    /// It does not go out.
    Drop,
}

const BUCKETS: usize = 1 << 16;

/// A cache line of them, of 64 octets.
const LINE: usize = 8;

/// The lower bits of a bucket.
const TIME_BITS: u32 = 36;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

const MICROS_PER_SECOND: u64 = 1_000_000;

/// A worker's time is that of its batch and may lie behind another's by so much. A bucket that is further ahead is
/// from before the time began again, or before somebody set the clock back.
const SKEW_MICROS: u64 = MICROS_PER_SECOND;

/// A bucket that changes under our hands so often belongs to a reply that is worth less than the wait.
const ATTEMPTS: usize = 16;

/// The network that an IPv4 address is counted in has so many bits.
const IPV4_PREFIX_BITS: u32 = 24;
/// The same for IPv6: what one customer gets.
const IPV6_PREFIX_BITS: u32 = 56;

impl Limiter {
    /// Lets `rate` replies a second through to one network about one thing, and as many at once. Of those beyond,
    /// one in `slip` goes out without its records; 0 for none. `key` is random.
    #[must_use]
    pub fn new(rate: u32, slip: u32, exempt: &[IpNet], key: [u8; 16]) -> Limiter {
        let rate = u64::from(rate.max(1));
        let price = MICROS_PER_SECOND.div_ceil(rate);
        // Zeroed by the system as it is touched: a server that nobody floods does not pay for it.
        let buckets = bytemuck::zeroed_slice_box::<AtomicU64>(BUCKETS + LINE);
        let unaligned = buckets.as_ptr().align_offset(LINE * size_of::<AtomicU64>()).min(LINE);
        Limiter {
            hasher: SipHasher13::new_with_key(&key),
            price,
            credit: rate * price,
            slip: u64::from(slip),
            exempt: exempt.into(),
            buckets,
            unaligned,
        }
    }

    /// Whether an address is told everything as often as it asks: nobody outside can forge that of a loopback.
    pub(super) fn spares(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.exempt.iter().any(|network| network.contains(&address))
    }

    /// Judges a reply to an address; `id` is the query's.
    pub(super) fn rule(&self, address: IpAddr, rrl_key: RrlKey, now: Moment, id: u16) -> Ruling {
        let hash = self.hash([network(address), rrl_key.number()]);
        if self.pay(hash, now.as_millis().wrapping_mul(1000)) {
            return Ruling::Whole;
        }
        // Counting them would be one more thing to write; nobody who has not the key can choose the one.
        let lot = self.hash([hash ^ u64::from(id), now.as_millis()]);
        if self.slip > 0 && lot.is_multiple_of(self.slip) { Ruling::Slip } else { Ruling::Drop }
    }

    fn hash(&self, [a, b]: [u64; 2]) -> u64 {
        let mut octets = [0; 16];
        octets[..8].copy_from_slice(&a.to_ne_bytes());
        octets[8..].copy_from_slice(&b.to_ne_bytes());
        self.hasher.hash(&octets)
    }

    /// Takes the price from a bucket, unless its credit is used up. `now` is in microseconds.
    fn pay(&self, hash: u64, now: u64) -> bool {
        let (line, tag) = (self.line(hash), hash >> TIME_BITS);
        for _ in 0..ATTEMPTS {
            let (bucket, word) = choose(line, tag, |word| self.debt(word, now));
            let debt = if word >> TIME_BITS == tag { self.debt(word, now) } else { 0 };
            if debt + self.price > self.credit {
                return false;
            }
            let paid = tag << TIME_BITS | now.wrapping_add(debt + self.price) & TIME_MASK;
            if bucket.compare_exchange(word, paid, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                return true;
            }
        }
        true
    }

    /// The cache line that the lower bits of a hash choose; the upper ones are the tag.
    fn line(&self, hash: u64) -> &[AtomicU64] {
        let start = self.unaligned + hash as usize % (BUCKETS / LINE) * LINE;
        &self.buckets[start..start + LINE]
    }

    /// How far a bucket is ahead of the time.
    fn debt(&self, word: u64, now: u64) -> u64 {
        let ahead = word.wrapping_sub(now) & TIME_MASK;
        if ahead > self.credit + SKEW_MICROS { 0 } else { ahead }
    }
}

/// The bucket that has the tag; otherwise the one that is missed least.
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

/// The network of an address as a number.
fn network(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(v4.to_bits() >> (u32::BITS - IPV4_PREFIX_BITS)),
        // Above all those of IPv4.
        IpAddr::V6(v6) => 1 << 63 | (v6.to_bits() >> (u128::BITS - IPV6_PREFIX_BITS)) as u64,
    }
}

/// Not the key, nor 65,536 buckets.
impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Limiter { price, slip, exempt, .. } = self;
        write!(f, "a reply every {price} µs, slip {slip}, exempt {exempt:?}")
    }
}

#[cfg(test)]
mod tests;
