//! `dns = { … }`: the question of a DNS probe, and the answer that is expected.

use std::net::IpAddr;

use super::zone::domain;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::probe_settings::{DnsProbe, DnsTransport};
use crate::config::read::{At, entries};
use crate::config::spec::QuestionSpec;
use crate::model::RecordType;

/// Where name servers listen.
pub(super) const PORT: u16 = 53;

/// The response codes that a probe can expect (RFC 1035 section 4.1.1), by their numbers.
const RCODES: [(&str, u16); 6] =
    [("NOERROR", 0), ("FORMERR", 1), ("SERVFAIL", 2), ("NXDOMAIN", 3), ("NOTIMP", 4), ("REFUSED", 5)];

/// The question and what is expected.
pub(super) fn question(spec: QuestionSpec, diagnostics: &Diagnostics<'_>) -> Option<DnsProbe> {
    let QuestionSpec { name, record, rcode, contains, over } = spec;
    let name = name.and_then(|name| domain(&name, diagnostics));
    let rtype = record.as_ref().map_or(Some(RecordType::A), |record| self::record(record, diagnostics));
    let expected = rcode.as_ref().map_or(Some(0), |rcode| code(rcode, diagnostics));
    let over = over.map_or(Some(DnsTransport::Udp), |over| transport(&over, diagnostics));
    let listed = contains.as_ref().map(|contains| contains.place.clone());
    let contains: Vec<Option<IpAddr>> =
        entries(contains).iter().map(|text| address(text, rtype, diagnostics)).collect();
    if let (Some(place), Some(code @ 1..)) = (&listed, expected) {
        let found = format!("`contains` beside the response code {code}, with which nothing is answered");
        diagnostics.error(place, found, "leave out `contains`, or expect NOERROR");
    }
    let contains: Option<Vec<IpAddr>> = contains.into_iter().collect();
    Some(DnsProbe { name: name?, rtype: rtype?, rcode: expected?, contains: contains?, over: over? })
}

fn record(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<RecordType> {
    let known = RecordType::from_mnemonic(value.as_bytes()).filter(|rtype| rtype.is_data());
    if known.is_none() {
        let found = format!("{} is not a record type", quoted(value));
        diagnostics.error(place, found, "a type of data, as in \"A\", \"AAAA\" or \"SOA\"");
    }
    known
}

fn code(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<u16> {
    let known = RCODES.iter().find(|(name, _)| name.eq_ignore_ascii_case(value));
    if known.is_none() {
        let names = RCODES.map(|(name, _)| name);
        let help = match nearest(&value.to_ascii_uppercase(), names) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("one of {}", names.join(", ")),
        };
        diagnostics.error(place, format!("{} is not a response code", quoted(value)), help);
    }
    known.map(|(_, number)| *number)
}

fn transport(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<DnsTransport> {
    match value.as_str() {
        "udp" => Some(DnsTransport::Udp),
        "tcp" => Some(DnsTransport::Tcp),
        other => {
            diagnostics.error(place, format!("`over` is {}", quoted(other)), "udp or tcp");
            None
        }
    }
}

/// An address that can be in an answer of this type.
fn address(
    At { value, place }: &At<String>,
    rtype: Option<RecordType>,
    diagnostics: &Diagnostics<'_>,
) -> Option<IpAddr> {
    let Ok(address) = value.parse::<IpAddr>() else {
        diagnostics.error(place, format!("{} is not an IP address", quoted(value)), "as in \"192.0.2.10\"");
        return None;
    };
    let fitting = if address.is_ipv4() { RecordType::A } else { RecordType::AAAA };
    if let Some(rtype) = rtype.filter(|rtype| *rtype != fitting) {
        let found = format!("{address} is never in an answer of type {rtype}");
        diagnostics.error(place, found, format!("`record = \"{fitting}\"`, or an address of that type"));
        return None;
    }
    Some(address)
}
