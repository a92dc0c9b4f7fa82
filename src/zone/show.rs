//! A zone as it was understood: one record per line, every name absolute, every TTL stated.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::codec::{base64, hex, quoted};
use super::types::{self, Field};
use super::{Zone, svcb};
use crate::model::wire_name::name_length;
use crate::model::{Name, RecordType};

/// The zone as a master file without directives; reading it gives the same zone.
#[must_use]
pub fn show(zone: &Zone) -> String {
    let mut text = String::new();
    for set in zone.sets() {
        let owner = name(set.owner).expect("the reader wrote whole names");
        for data in set.rdata() {
            let shown = rdata(set.rtype, data).unwrap_or_else(|| generic(data));
            writeln!(text, "{owner} {} IN {} {shown}", set.ttl.as_secs(), set.rtype)
                .expect("a String takes all");
        }
    }
    text
}

/// The text of a record's data in wire form; `None` when it is not what the type demands.
/// Types without a text form of their own are shown as RFC 3597 has it.
pub(super) fn rdata(rtype: RecordType, wire: &[u8]) -> Option<String> {
    let Some(fields) = types::fields(rtype) else {
        return Some(generic(wire));
    };
    let mut rest = wire;
    let mut text = String::new();
    for field in fields {
        if !text.is_empty() && *field != Field::ServiceParameters {
            text.push(' ');
        }
        text.push_str(&field_text(*field, take(*field, &mut rest)?)?);
    }
    rest.is_empty().then_some(text)
}

/// The same data with its names in lower case, for comparing (RFC 4034 section 6.2); `None` when it has no names.
pub(super) fn folded(rtype: RecordType, wire: &[u8]) -> Option<Vec<u8>> {
    let fields = types::fields(rtype)?;
    if !fields.contains(&Field::Name) {
        return None;
    }
    let mut rest = wire;
    let mut folded = Vec::with_capacity(wire.len());
    for field in fields {
        let octets = take(*field, &mut rest)?;
        let start = folded.len();
        folded.extend_from_slice(octets);
        if *field == Field::Name {
            folded[start..].make_ascii_lowercase();
        }
    }
    Some(folded)
}

/// The generic form of RFC 3597 section 5.
fn generic(wire: &[u8]) -> String {
    let blank = if wire.is_empty() { "" } else { " " };
    format!("\\# {}{blank}{}", wire.len(), hex(wire))
}

/// Cuts the octets of a field off the front of the data.
fn take<'w>(field: Field, rest: &mut &'w [u8]) -> Option<&'w [u8]> {
    let length = match field {
        Field::U8 | Field::Algorithm => 1,
        Field::U16 => 2,
        Field::U32 | Field::Seconds | Field::Ipv4 => 4,
        Field::Ipv6 => 16,
        Field::Name => name_length(rest)?,
        Field::Text | Field::Tag => 1 + usize::from(*rest.first()?),
        Field::Texts
        | Field::LongText
        | Field::Hex
        | Field::Base64
        | Field::TypeSet
        | Field::ServiceParameters => rest.len(),
    };
    let (octets, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(octets)
}

fn field_text(field: Field, octets: &[u8]) -> Option<String> {
    Some(match field {
        Field::U8 | Field::U16 | Field::U32 | Field::Algorithm => number(octets).to_string(),
        Field::Seconds => Some(number(octets)).filter(|seconds| *seconds <= 0x7fff_ffff)?.to_string(),
        Field::Ipv4 => Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?).to_string(),
        Field::Ipv6 => Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).to_string(),
        Field::Name => name(octets)?,
        Field::Text => quoted(&octets[1..]),
        Field::Texts => texts(octets)?,
        Field::LongText => quoted(octets),
        Field::Tag => tag(&octets[1..])?,
        Field::Hex => Some(hex(octets)).filter(|text| !text.is_empty())?,
        Field::Base64 => Some(base64(octets)).filter(|text| !text.is_empty())?,
        Field::TypeSet => type_set(octets)?,
        Field::ServiceParameters => svcb::text(octets)?,
    })
}

fn number(octets: &[u8]) -> u32 {
    octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet))
}

/// A name with its last dot.
fn name(wire: &[u8]) -> Option<String> {
    let text = Name::from_wire(wire)?.to_string();
    Some(if text == "." { text } else { text + "." })
}

fn texts(mut octets: &[u8]) -> Option<String> {
    let mut strings = Vec::new();
    while !octets.is_empty() {
        strings.push(quoted(&take(Field::Text, &mut octets)?[1..]));
    }
    (!strings.is_empty()).then(|| strings.join(" "))
}

fn tag(octets: &[u8]) -> Option<String> {
    let good = !octets.is_empty() && octets.iter().all(u8::is_ascii_alphanumeric);
    good.then(|| octets.iter().copied().map(char::from).collect())
}

/// Windows in rising order, none of them empty or with zero octets at its end (RFC 4034 section 4.1.2).
fn type_set(mut octets: &[u8]) -> Option<String> {
    let mut types = Vec::new();
    let mut last = None;
    while let Some((&[window, length], rest)) = octets.split_first_chunk() {
        let (bits, rest) = rest.split_at_checked(usize::from(length)).filter(|_| length <= 32)?;
        if bits.last().is_none_or(|octet| *octet == 0) || last.is_some_and(|last| last >= window) {
            return None;
        }
        for low in 0..=u8::MAX {
            let octet = bits.get(usize::from(low / 8)).copied().unwrap_or(0);
            if octet & 0x80 >> (low % 8) != 0 {
                types.push(RecordType(u16::from_be_bytes([window, low])).to_string());
            }
        }
        (last, octets) = (Some(window), rest);
    }
    octets.is_empty().then(|| types.join(" "))
}
