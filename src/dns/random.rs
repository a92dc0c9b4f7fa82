//! Chance.

use std::io;

use crate::answer::Secret;

/// A secret from the system's random numbers.
pub(super) fn random() -> io::Result<Secret> {
    let mut octets = Secret::default();
    getrandom::fill(&mut octets).map_err(io::Error::other)?;
    Ok(octets)
}
