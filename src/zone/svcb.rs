//! The parameters of SVCB and HTTPS records, between text and wire form (RFC 9460).

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use super::lexer::{Form, LexError, Lexer, Token};
use super::{codec, value};
use crate::model::numbered;

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;

/// Reserved: never a parameter (RFC 9460 section 14.3.2).
const INVALID: u16 = 65_535;

/// The keys that have a name (the IANA registry); others are written `key65333`.
const KEYS: [(&str, u16); 9] = [
    ("mandatory", MANDATORY),
    ("alpn", ALPN),
    ("no-default-alpn", NO_DEFAULT_ALPN),
    ("port", PORT),
    ("ipv4hint", IPV4_HINT),
    ("ech", ECH),
    ("ipv6hint", IPV6_HINT),
    ("dohpath", 7),
    ("ohttp", 8),
];

/// What a parameter should look like.
type Help = &'static str;

/// Reads parameters up to the end of the entry; on the wire they are in the order of their keys.
pub(super) fn read(lexer: &mut Lexer<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let mut parameters = BTreeMap::new();
    let mut first = None;
    while let Some(token) = lexer.next()? {
        first.get_or_insert(token.at);
        let (key, encoded) = parameter(&token)?;
        if parameters.insert(key, encoded).is_some() {
            return Err(wrong(&token, "each key may be given once"));
        }
    }
    agree(&parameters).map_err(|help| {
        LexError::new(first.unwrap_or_default(), "service parameters that do not fit together", help)
    })?;
    for (key, encoded) in parameters {
        let length = u16::try_from(encoded.len()).expect("a parameter is bounded where it is read");
        wire.extend(key.to_be_bytes());
        wire.extend(length.to_be_bytes());
        wire.extend(encoded);
    }
    Ok(())
}

/// The text of parameters in wire form, a blank before each; `None` when they are malformed.
pub(super) fn text(mut wire: &[u8]) -> Option<String> {
    let mut text = String::new();
    let mut last = None;
    while !wire.is_empty() {
        let (head, rest) = wire.split_first_chunk::<4>()?;
        let key = u16::from_be_bytes([head[0], head[1]]);
        let length = u16::from_be_bytes([head[2], head[3]]);
        let (encoded, rest) = rest.split_at_checked(usize::from(length))?;
        if key == INVALID || last.is_some_and(|last| last >= key) {
            return None;
        }
        text.push(' ');
        text.push_str(&key_name(key));
        text.push_str(&decode(key, encoded)?);
        (last, wire) = (Some(key), rest);
    }
    Some(text)
}

/// The keys that are there of those that give addresses: clients use these instead of the target's records (RFC 9460
/// section 7.3).
pub(super) fn address_hints(mut wire: &[u8]) -> Vec<&'static str> {
    let mut hints = Vec::new();
    while let Some((head, rest)) = wire.split_first_chunk::<4>() {
        match u16::from_be_bytes([head[0], head[1]]) {
            IPV4_HINT => hints.push("ipv4hint"),
            IPV6_HINT => hints.push("ipv6hint"),
            _ => {}
        }
        wire = rest.get(usize::from(u16::from_be_bytes([head[2], head[3]]))..).unwrap_or_default();
    }
    hints
}

/// Splits `key`, `key=value` or `key="value"` and encodes the value.
fn parameter(token: &Token<'_>) -> Result<(u16, Vec<u8>), LexError> {
    if token.form == Form::Quoted {
        return Err(wrong(token, "put the quotes around the value only, as in alpn=\"h2,h3\""));
    }
    let mut parts = token.text.splitn(2, |octet| *octet == b'=');
    let name = parts.next().unwrap_or_default();
    let generic = numbered(name, b"key").filter(|key| *key != INVALID);
    let key = generic
        .or_else(|| named_key(name))
        .ok_or_else(|| wrong(token, "a key such as alpn, port or key65333"))?;
    let mut written = Vec::new();
    let given = parts.next();
    if let Some(given) = given {
        let bare = given.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")).unwrap_or(given);
        value::push_unescaped(&Token { text: bare, ..*token }, &mut written)?;
    }
    let encoded = match generic {
        Some(_) => decode(key, &written).map(|_| written).ok_or("octets that the key allows"),
        None => encode(key, written, given.is_some()),
    };
    let encoded = encoded.map_err(|help| wrong(token, help))?;
    if encoded.len() > usize::from(u16::MAX) {
        return Err(wrong(token, "at most 65535 octets"));
    }
    Ok((key, encoded))
}

fn wrong(token: &Token<'_>, help: Help) -> LexError {
    LexError::new(token.at, format!("the service parameter {}", value::shown(token.text)), help)
}

fn named_key(name: &[u8]) -> Option<u16> {
    KEYS.iter().find(|(known, _)| known.as_bytes() == name).map(|(_, key)| *key)
}

fn key_name(key: u16) -> String {
    let known = KEYS.iter().find(|(_, number)| *number == key);
    known.map_or_else(|| format!("key{key}"), |(name, _)| (*name).to_owned())
}

/// The wire form of a value whose escapes are resolved.
fn encode(key: u16, written: Vec<u8>, given: bool) -> Result<Vec<u8>, Help> {
    let encoded = match key {
        MANDATORY => mandatory(&written),
        ALPN => protocols(&written),
        PORT => port(&written).map(|port| port.to_be_bytes().to_vec()),
        IPV4_HINT => addresses(&written, |address: Ipv4Addr| address.octets()),
        IPV6_HINT => addresses(&written, |address: Ipv6Addr| address.octets()),
        ECH => codec::from_base64(&written),
        NO_DEFAULT_ALPN => (!given).then_some(written),
        _ => Some(written),
    };
    encoded.filter(|encoded| decode(key, encoded).is_some()).ok_or(match key {
        MANDATORY => "keys with commas between them, each once, and not mandatory itself",
        ALPN => "protocols of 1 to 255 octets with commas between them, as in alpn=h2,h3",
        PORT => "a number from 0 to 65535",
        IPV4_HINT => "IPv4 addresses with commas between them",
        IPV6_HINT => "IPv6 addresses with commas between them",
        ECH => "Base64, padded with = to a multiple of 4",
        _ => "a key without a value",
    })
}

fn mandatory(written: &[u8]) -> Option<Vec<u8>> {
    let keys =
        written.split(|octet| *octet == b',').map(|name| named_key(name).or_else(|| numbered(name, b"key")));
    let mut keys = keys.collect::<Option<Vec<u16>>>()?;
    keys.sort_unstable();
    Some(keys.into_iter().flat_map(u16::to_be_bytes).collect())
}

/// Commas separate; `\,` is a comma and `\\` a backslash (RFC 9460 appendix A.1).
fn protocols(written: &[u8]) -> Option<Vec<u8>> {
    let mut items = vec![Vec::new()];
    let mut octets = written.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b',' => items.push(Vec::new()),
            b'\\' => items.last_mut()?.push(octets.next()?),
            _ => items.last_mut()?.push(octet),
        }
    }
    let mut encoded = Vec::new();
    for item in items {
        encoded.push(u8::try_from(item.len()).ok()?);
        encoded.extend(item);
    }
    Some(encoded)
}

fn port(written: &[u8]) -> Option<u16> {
    value::digits(written).and_then(|port| u16::try_from(port).ok())
}

fn addresses<A: FromStr, const N: usize>(written: &[u8], octets: fn(A) -> [u8; N]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(written).ok()?;
    let mut encoded = Vec::new();
    for address in text.split(',') {
        encoded.extend(octets(address.parse().ok()?));
    }
    Some(encoded)
}

/// `=value` or nothing; `None` when the octets are not what the key allows.
fn decode(key: u16, encoded: &[u8]) -> Option<String> {
    let list = |items: Vec<String>| (!items.is_empty()).then(|| format!("={}", items.join(",")));
    match key {
        MANDATORY => {
            let (keys, rest) = encoded.as_chunks::<2>();
            let keys: Vec<u16> = keys.iter().map(|key| u16::from_be_bytes(*key)).collect();
            let good = rest.is_empty() && !keys.contains(&MANDATORY) && keys.is_sorted_by(|a, b| a < b);
            list(keys.into_iter().map(key_name).collect()).filter(|_| good)
        }
        ALPN => protocol_list(encoded),
        NO_DEFAULT_ALPN => encoded.is_empty().then(String::new),
        PORT => Some(format!("={}", u16::from_be_bytes(encoded.try_into().ok()?))),
        IPV4_HINT => {
            let (addresses, rest) = encoded.as_chunks::<4>();
            list(addresses.iter().map(|octets| Ipv4Addr::from(*octets).to_string()).collect())
                .filter(|_| rest.is_empty())
        }
        IPV6_HINT => {
            let (addresses, rest) = encoded.as_chunks::<16>();
            list(addresses.iter().map(|octets| Ipv6Addr::from(*octets).to_string()).collect())
                .filter(|_| rest.is_empty())
        }
        ECH => (!encoded.is_empty()).then(|| format!("={}", codec::base64(encoded))),
        _ if encoded.is_empty() => Some(String::new()),
        _ => Some(format!("={}", codec::quoted(encoded))),
    }
}

fn protocol_list(mut encoded: &[u8]) -> Option<String> {
    let mut list = Vec::new();
    while let Some((length, rest)) = encoded.split_first() {
        let (item, rest) = rest.split_at_checked(usize::from(*length)).filter(|_| *length > 0)?;
        if !list.is_empty() {
            list.push(b',');
        }
        for octet in item {
            if matches!(octet, b',' | b'\\') {
                list.push(b'\\');
            }
            list.push(*octet);
        }
        encoded = rest;
    }
    (!list.is_empty()).then(|| format!("={}", codec::quoted(&list)))
}

/// Whether the parameters are consistent among themselves (RFC 9460 sections 7.1.1 and 8).
fn agree(parameters: &BTreeMap<u16, Vec<u8>>) -> Result<(), Help> {
    if parameters.contains_key(&NO_DEFAULT_ALPN) && !parameters.contains_key(&ALPN) {
        return Err("no-default-alpn needs alpn beside it");
    }
    let mandatory = parameters.get(&MANDATORY).map_or(&[][..], Vec::as_slice);
    let (keys, _) = mandatory.as_chunks::<2>();
    if keys.iter().all(|key| parameters.contains_key(&u16::from_be_bytes(*key))) {
        return Ok(());
    }
    Err("every key that mandatory names must be given")
}
