//! Master-file text becomes a [`Zone`], or every mistake in it with its place.
//!
//! Pure: the caller hands in the text, and a function that reads what `$INCLUDE` names.

mod codec;
mod difference;
mod draft;
mod findings;
mod include;
mod lexer;
mod rdata;
mod reader;
mod record;
mod rules;
mod show;
mod svcb;
mod types;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use crate::model::{Name, Problem};
use reader::Reading;

pub use crate::model::RecordType;
pub use difference::{Few, ZoneDifference};
pub use include::{IncludeError, no_include};
pub use record::{RecordSet, Zone};
pub use show::show;

/// A master file, as the caller read it.
pub struct MasterFile<'t> {
    /// Its name, for messages.
    pub file: &'t str,
    /// Its text; octets above 127 are allowed where RFC 1035 allows them.
    pub text: &'t [u8],
}

/// Reads the file that `$INCLUDE` names, relative to the zone's folder; refuses to leave that folder.
pub type Include<'i> = &'i mut dyn FnMut(&str) -> Result<Vec<u8>, IncludeError>;

/// A zone that may be served, and what is doubtful about it.
pub struct Accepted {
    /// The zone.
    pub zone: Zone,
    /// Warnings; never errors.
    pub warnings: Vec<Problem>,
}

/// Reads and judges a master file. `steered` are the names in the zone whose A and AAAA come from a decision:
/// they exist and have addresses, so the file must not give them any, nor a CNAME.
///
/// # Errors
/// Every mistake found, warnings among them, when at least one of them forbids to serve the zone.
pub fn parse(
    origin: &Name,
    master: &MasterFile<'_>,
    steered: &BTreeSet<Name>,
    include: Include<'_>,
) -> Result<Accepted, Vec<Problem>> {
    let Reading { draft, mut findings, sources } = reader::read(origin, master, include);
    let mut records = draft.sort(origin);
    rules::judge(&mut records, origin, steered, &mut findings);
    let rejected = findings.has_errors();
    let problems = findings.into_problems(&sources);
    if rejected { Err(problems) } else { Ok(Accepted { zone: records.seal(origin), warnings: problems }) }
}
