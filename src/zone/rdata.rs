//! The data of one record, from text to wire form, field by field.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::lexer::{Form, LexError, Lexer, Token};
use super::types::{self, Field};
use super::{codec, show, svcb, value};
use crate::model::{Name, NameError, RecordType};

/// The most that the data of a record can hold: its length is two octets on the wire.
const RDATA_MAX_OCTETS: usize = 65_535;

/// Reads the data of a record up to the end of the entry and appends its wire form.
pub(super) fn read(
    lexer: &mut Lexer<'_>,
    rtype: RecordType,
    origin: &Name,
    wire: &mut Vec<u8>,
) -> Result<(), LexError> {
    let start = wire.len();
    let first = lexer.need("the data of the record")?;
    if first.form == Form::Word && first.text == b"\\#" {
        read_generic(lexer, rtype, first.at, wire)?;
    } else {
        lexer.unread(first);
        let fields = types::fields(rtype);
        for field in fields.ok_or_else(|| only_generic(rtype, first.at))? {
            read_field(lexer, *field, origin, wire)?;
        }
    }
    if wire.len() - start > RDATA_MAX_OCTETS {
        return Err(LexError::new(first.at, "data of more than 65535 octets", "no DNS message can carry it"));
    }
    match lexer.next()? {
        Some(junk) => Err(too_much(rtype, &junk)),
        None => Ok(()),
    }
}

/// The generic form of RFC 3597 section 5: `\# LENGTH HEX…`. Data of a type that we know must be what the type is.
fn read_generic(
    lexer: &mut Lexer<'_>,
    rtype: RecordType,
    at: usize,
    wire: &mut Vec<u8>,
) -> Result<(), LexError> {
    let start = wire.len();
    let stated = value::number(lexer, 0xffff)?;
    codec::push_hex(lexer, wire)?;
    let length = wire.len() - start;
    if usize::try_from(stated) != Ok(length) {
        let found = format!("\\# {stated} before {length} octets");
        return Err(LexError::new(
            at,
            found,
            "make the number that of the octets, two hexadecimal digits each",
        ));
    }
    let well_formed = show::rdata(rtype, &wire[start..]).is_some();
    well_formed.then_some(()).ok_or_else(|| {
        LexError::new(
            at,
            format!("octets that are no data of type {rtype}"),
            "uncompressed wire form of the type",
        )
    })
}

fn read_field(
    lexer: &mut Lexer<'_>,
    field: Field,
    origin: &Name,
    wire: &mut Vec<u8>,
) -> Result<(), LexError> {
    match field {
        Field::U8 => wire.extend(&value::number(lexer, 0xff)?.to_be_bytes()[3..]),
        Field::U16 => wire.extend(&value::number(lexer, 0xffff)?.to_be_bytes()[2..]),
        Field::U32 => wire.extend(value::number(lexer, u32::MAX)?.to_be_bytes()),
        Field::Seconds => wire.extend(value::seconds(&lexer.need_word("a time")?)?.as_secs().to_be_bytes()),
        Field::Ipv4 => wire.extend(address::<Ipv4Addr>(lexer, "an IPv4 address")?.octets()),
        Field::Ipv6 => wire.extend(address::<Ipv6Addr>(lexer, "an IPv6 address")?.octets()),
        Field::Name => push_name(&lexer.need_word("a name")?, origin, wire)?,
        Field::Text => value::push_text(&lexer.need("a string")?, wire)?,
        Field::Texts => push_texts(lexer, wire)?,
        Field::LongText => value::push_unescaped(&lexer.need("a string")?, wire)?,
        Field::Tag => push_tag(&lexer.need_word("a property")?, wire)?,
        Field::Hex => push_some(lexer, "hexadecimal digits", wire, codec::push_hex)?,
        Field::Base64 => push_some(lexer, "Base64", wire, codec::push_base64)?,
        Field::TypeSet => push_type_set(lexer, wire)?,
        Field::Algorithm => wire.push(algorithm(lexer)?),
        Field::ServiceParameters => svcb::read(lexer, wire)?,
    }
    Ok(())
}

/// Appends a name: `@` is the origin, and what does not end in a dot is completed by it.
pub(super) fn push_name(token: &Token<'_>, origin: &Name, wire: &mut Vec<u8>) -> Result<(), LexError> {
    if token.text == b"@" {
        wire.extend_from_slice(origin.wire());
        return Ok(());
    }
    Name::push_text(token.text, Some(origin), wire).map_err(|error| bad_name(token, error))
}

pub(super) fn bad_name(token: &Token<'_>, error: NameError) -> LexError {
    LexError::new(
        token.at,
        format!("{} is not a name: {error}", value::shown(token.text)),
        "write it as in www.example.com.",
    )
}

fn address<A: FromStr>(lexer: &mut Lexer<'_>, what: &str) -> Result<A, LexError> {
    let token = lexer.need_word(what)?;
    let parsed = std::str::from_utf8(token.text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| {
        let help =
            if what.contains('4') { "write it as in 192.0.2.10" } else { "write it as in 2001:db8::10" };
        LexError::new(token.at, format!("{} is not {what}", value::shown(token.text)), help)
    })
}

fn push_texts(lexer: &mut Lexer<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    value::push_text(&lexer.need("a string")?, wire)?;
    while let Some(token) = lexer.next()? {
        lexer.unread(token);
        value::push_text(&lexer.need("a string")?, wire)?;
    }
    Ok(())
}

fn push_tag(token: &Token<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let good = token.text.iter().all(u8::is_ascii_alphanumeric);
    if !good {
        let found = format!("{} is not a property", value::shown(token.text));
        return Err(LexError::new(token.at, found, "letters and digits, as in issue, issuewild or iodef"));
    }
    value::push_text(token, wire)
}

/// Reads to the end with `push`, which must find something.
fn push_some(
    lexer: &mut Lexer<'_>,
    what: &str,
    wire: &mut Vec<u8>,
    push: fn(&mut Lexer<'_>, &mut Vec<u8>) -> Result<(), LexError>,
) -> Result<(), LexError> {
    let first = lexer.need_word(what)?;
    lexer.unread(first);
    push(lexer, wire)
}

/// A bitmap per window of 256 types, those without a type left out (RFC 4034 section 4.1.2).
fn push_type_set(lexer: &mut Lexer<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let mut windows = std::collections::BTreeMap::<u8, [u8; 32]>::new();
    while let Some(token) = value::next_word(lexer, "record types")? {
        let rtype = RecordType::from_mnemonic(token.text).ok_or_else(|| {
            LexError::new(
                token.at,
                format!("{} is not a record type", value::shown(token.text)),
                "such as A or TYPE65280",
            )
        })?;
        let [window, bit] = rtype.0.to_be_bytes();
        windows.entry(window).or_insert([0; 32])[usize::from(bit / 8)] |= 0x80 >> (bit % 8);
    }
    for (window, bits) in windows {
        let used = bits.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
        wire.extend([window, u8::try_from(used).expect("a window has 32 octets")]);
        wire.extend_from_slice(&bits[..used]);
    }
    Ok(())
}

fn algorithm(lexer: &mut Lexer<'_>) -> Result<u8, LexError> {
    let token = lexer.need_word("an algorithm")?;
    let number = value::digits(token.text).and_then(|number| u8::try_from(number).ok());
    number.or_else(|| types::algorithm(token.text)).ok_or_else(|| {
        let found = format!("{} is not a DNSSEC algorithm", value::shown(token.text));
        LexError::new(token.at, found, "a number up to 255, or a mnemonic such as ECDSAP256SHA256")
    })
}

fn only_generic(rtype: RecordType, at: usize) -> LexError {
    LexError::new(
        at,
        format!("the text form of {rtype} data, which is not understood here"),
        format!("write it as {rtype} \\# LENGTH HEXADECIMAL (RFC 3597 section 5)"),
    )
}

fn too_much(rtype: RecordType, junk: &Token<'_>) -> LexError {
    LexError::new(
        junk.at,
        format!("{} after the end of the {rtype} data", value::shown(junk.text)),
        "take it away, or begin a comment with ;",
    )
}
