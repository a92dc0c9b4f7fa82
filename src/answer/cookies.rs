//! DNS cookies (RFC 7873): a client that can show what we once told it has the address that it says it has.
//!
//! They are made as RFC 9018 has it, so that several servers with one secret accept each other's.

use std::net::IpAddr;

use siphasher::sip::SipHasher24;

use super::secrets::{CookieSecrets, Secret, Secrets};
use crate::model::Moment;

/// Octets of the client's part, which means nothing to us.
const CLIENT_OCTETS: usize = 8;

/// Octets that a server cookie may have, ours or another server's (RFC 7873 section 4).
const SERVER_OCTETS: std::ops::RangeInclusive<usize> = 8..=32;

/// Octets of a whole cookie with a server's part of ours: version 1, reserved 3, time 4, hash 8.
pub(super) const COOKIE_OCTETS: usize = CLIENT_OCTETS + 16;

/// Version 1, and what is reserved.
const HEAD: [u8; 4] = [1, 0, 0, 0];

/// A cookie is good for so long.
const LIFETIME_SECONDS: i32 = 3600;
/// The clocks of servers that share a secret may differ by so much.
const EARLY_SECONDS: i32 = 300;
/// From this age on the client is given another one, so that one that keeps asking never has one that is too old.
const RENEWED_AFTER_SECONDS: i32 = 1800;

/// A cookie as it goes back: the client's part and ours.
pub(super) type Cookie = [u8; COOKIE_OCTETS];

/// What the cookie of a query says about who sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// There is none, or we do not speak of them.
    None,
    /// It is no cookie at all.
    Malformed,
    /// Only the client's part: it asks for ours.
    Wanted(Cookie),
    /// A server's part that is not ours, or is too old.
    Wrong(Cookie),
    /// The client is where it says it is.
    Good(Cookie),
}

impl Proof {
    /// Whether the client is where it says it is.
    pub(super) fn is_good(&self) -> bool {
        matches!(self, Proof::Good(_))
    }

    /// What goes back.
    pub(super) fn cookie(&self) -> Option<&Cookie> {
        match self {
            Proof::None | Proof::Malformed => None,
            Proof::Wanted(cookie) | Proof::Wrong(cookie) | Proof::Good(cookie) => Some(cookie),
        }
    }
}

impl CookieSecrets {
    /// Judges the data of a COOKIE option.
    pub(super) fn verify(&self, data: &[u8], address: IpAddr, now: Moment) -> Proof {
        self.load().verify(data, address, now)
    }
}

impl Secrets {
    fn verify(&self, data: &[u8], address: IpAddr, now: Moment) -> Proof {
        let Some((client, server)) = data.split_first_chunk::<CLIENT_OCTETS>() else {
            return Proof::Malformed;
        };
        let seconds = (now.as_millis() / 1000) as u32; // in the arithmetic of serial numbers (RFC 9018 section 4.3)
        let fresh = || cookie(client, HEAD, seconds, address, self.first());
        match server {
            [] => Proof::Wanted(fresh()),
            server if !SERVER_OCTETS.contains(&server.len()) => Proof::Malformed,
            server => match self.age(client, server, address, seconds) {
                None => Proof::Wrong(fresh()),
                Some(Age::Young) => Proof::Good(joined(client, server).unwrap_or_else(fresh)),
                Some(Age::Old) => Proof::Good(fresh()),
            },
        }
    }

    /// How old a server's part is; `None` if it is not ours, or from another time.
    fn age(&self, client: &[u8; CLIENT_OCTETS], server: &[u8], address: IpAddr, now: u32) -> Option<Age> {
        let (&[version, r1, r2, r3, t1, t2, t3, t4], _) = server.split_first_chunk()?;
        let time = u32::from_be_bytes([t1, t2, t3, t4]);
        let age = now.wrapping_sub(time) as i32;
        if version != HEAD[0] || !(-EARLY_SECONDS..=LIFETIME_SECONDS).contains(&age) {
            return None;
        }
        let made_by = |secret| cookie(client, [version, r1, r2, r3], time, address, secret);
        let signer = self.all().iter().position(|secret| made_by(secret)[CLIENT_OCTETS..] == *server)?;
        Some(if signer > 0 || age > RENEWED_AFTER_SECONDS { Age::Old } else { Age::Young })
    }
}

enum Age {
    /// It goes back as it came.
    Young,
    /// Another one goes back.
    Old,
}

fn joined(client: &[u8; CLIENT_OCTETS], server: &[u8]) -> Option<Cookie> {
    let mut cookie = [0; COOKIE_OCTETS];
    cookie[..CLIENT_OCTETS].copy_from_slice(client);
    cookie.split_at_mut(CLIENT_OCTETS).1.copy_from_slice(server.get(..COOKIE_OCTETS - CLIENT_OCTETS)?);
    Some(cookie)
}

/// RFC 9018 section 4: the hash of all before it and the client's address.
fn cookie(
    client: &[u8; CLIENT_OCTETS],
    head: [u8; 4],
    seconds: u32,
    address: IpAddr,
    secret: &Secret,
) -> Cookie {
    const HASH_AT: usize = COOKIE_OCTETS - 8;
    let mut hashed = [0; HASH_AT + 16];
    hashed[..CLIENT_OCTETS].copy_from_slice(client);
    hashed[CLIENT_OCTETS..CLIENT_OCTETS + 4].copy_from_slice(&head);
    hashed[CLIENT_OCTETS + 4..HASH_AT].copy_from_slice(&seconds.to_be_bytes());
    let octets = match address {
        IpAddr::V4(v4) => {
            hashed[HASH_AT..HASH_AT + 4].copy_from_slice(&v4.octets());
            HASH_AT + 4
        }
        IpAddr::V6(v6) => {
            hashed[HASH_AT..].copy_from_slice(&v6.octets());
            HASH_AT + 16
        }
    };
    let hash = SipHasher24::new_with_key(secret).hash(&hashed[..octets]);
    let mut cookie = [0; COOKIE_OCTETS];
    cookie[..HASH_AT].copy_from_slice(&hashed[..HASH_AT]);
    cookie[HASH_AT..].copy_from_slice(&hash.to_le_bytes());
    cookie
}
