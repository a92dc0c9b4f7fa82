//! From the text of a zone to tables, and servers of them in this process.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use cadence_dns::answer::{AnswerTable, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::{self, Serving, Tables};
use cadence_dns::model::Name;
use cadence_dns::zone::{self, MasterFile, Zone};

/// A name; a text that is none fails the test.
pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap_or_else(|error| panic!("{text:?} is no name: {error}"))
}

/// The zone that a text describes, in which `steered` names have no addresses of their own, if it is one.
pub(crate) fn try_zone(origin: &Name, text: &[u8], steered: &[Name]) -> Result<Zone, String> {
    let master = MasterFile { file: "test.zone", text };
    let steered: BTreeSet<Name> = steered.iter().cloned().collect();
    match zone::parse(origin, &master, &steered, &mut zone::no_include) {
        Ok(accepted) => Ok(accepted.zone),
        Err(problems) => Err(problems.iter().map(|problem| format!("{problem}\n")).collect()),
    }
}

/// The same; a mistake in the text fails the test.
pub(crate) fn steered_zone(origin: &str, text: &str, steered: &[Name]) -> Zone {
    try_zone(&name(origin), text.as_bytes(), steered)
        .unwrap_or_else(|problems| panic!("{origin}: {problems}"))
}

/// A zone without steered names.
pub(crate) fn zone(origin: &str, text: &str) -> Zone {
    steered_zone(origin, text, &[])
}

/// The table of one zone.
pub(crate) fn table(origin: &str, text: &str, identity: Identity) -> AnswerTable {
    AnswerTable::compile(&[zone(origin, text)], &[], identity)
}

/// A port of the loopback that the system chooses.
pub(crate) fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// Serves a table on a free port of the loopback; its address.
pub(crate) fn serve(settings: DnsSettings, table: AnswerTable) -> (SocketAddr, Serving) {
    let bound = dns::bind(&DnsSettings { listen: vec![any_port()], ..settings }).expect("a free port");
    (bound.addresses()[0], bound.serve(&Tables::new(Arc::new(table))).expect("threads"))
}
