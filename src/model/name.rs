//! Domain names in wire form.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire_name;

/// An absolute domain name: at most 255 octets, labels of at most 63 (RFC 1035 section 3.1).
///
/// The letter case is kept, for answers show it; comparing, ordering and hashing ignore it (RFC 4343).
/// The order is the canonical one of RFC 4034 section 6.1: a zone's apex first, each name before what is below it.
#[derive(Clone)]
pub struct Name(Box<[u8]>);

/// Why a text is not a domain name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// Nothing was written.
    Empty,
    /// Two dots in a row, or one at the start.
    EmptyLabel,
    /// A label of more than 63 octets.
    LabelTooLong,
    /// More than 255 octets in all.
    TooLong,
    /// A `\` that is followed neither by three digits up to 255 nor by another character.
    BadEscape,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NameError::Empty => "no name; the root is \".\"",
            NameError::EmptyLabel => "an empty label (two dots in a row, or a dot at the start)",
            NameError::LabelTooLong => "a label of more than 63 octets",
            NameError::TooLong => "a name of more than 255 octets",
            NameError::BadEscape => "a \\ that is not followed by a character or three digits up to 255",
        })
    }
}

impl std::error::Error for NameError {}

impl Name {
    /// The longest name, in octets on the wire.
    pub const MAX_OCTETS: usize = wire_name::MAX_OCTETS;
    /// The longest label.
    pub const MAX_LABEL_OCTETS: usize = wire_name::MAX_LABEL_OCTETS;

    /// The root, `.`
    #[must_use]
    pub fn root() -> Name {
        Name(Box::new([0]))
    }

    /// From uncompressed wire form; `None` unless it is exactly one whole name.
    #[must_use]
    pub fn from_wire(wire: &[u8]) -> Option<Name> {
        (wire_name::name_length(wire)? == wire.len()).then(|| Name(wire.into()))
    }

    /// From master-file text: relative to `origin` unless it ends in a dot; `\X` and `\DDD` are understood.
    ///
    /// # Errors
    /// When the text is not a name, or too long once completed.
    pub fn from_text(text: &[u8], origin: Option<&Name>) -> Result<Name, NameError> {
        let mut wire = Vec::with_capacity(text.len() + 2);
        Name::push_text(text, origin, &mut wire)?;
        Ok(Name(wire.into()))
    }

    /// Appends the wire form of what [`Name::from_text`] would give: without an allocation for each of a million names.
    ///
    /// # Errors
    /// As [`Name::from_text`]; `wire` is then as it was.
    pub fn push_text(text: &[u8], origin: Option<&Name>, wire: &mut Vec<u8>) -> Result<(), NameError> {
        let start = wire.len();
        let outcome = push_complete(text, origin, wire).and_then(|()| {
            if wire.len() - start > Self::MAX_OCTETS { Err(NameError::TooLong) } else { Ok(()) }
        });
        if outcome.is_err() {
            wire.truncate(start);
        }
        outcome
    }

    /// The uncompressed wire form, the root's zero octet included, in the letter case that was written.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The wire form in lower case: what a lookup is keyed by.
    #[must_use]
    pub fn lower_wire(&self) -> Vec<u8> {
        self.0.to_ascii_lowercase() // length octets are below 64, so they are no letters
    }

    /// The labels from the left, without the root's empty one.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest: &[u8] = &self.0;
        std::iter::from_fn(move || {
            let (length, tail) = rest.split_first()?;
            let (label, next) = tail.split_at(usize::from(*length));
            rest = next;
            (!label.is_empty()).then_some(label)
        })
    }

    /// The name without its first label; `None` for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Name> {
        let first = usize::from(self.0[0]);
        (first > 0).then(|| Name(self.0[1 + first..].into()))
    }

    /// Whether the name is `zone` or below it.
    #[must_use]
    pub fn is_within(&self, zone: &Name) -> bool {
        wire_name::is_within(&self.0, &zone.0)
    }

    /// Whether the first label is `*` (RFC 4592).
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(b"\x01*")
    }
}

/// Appends the labels of `text`, then those of `origin` or the root's.
fn push_complete(text: &[u8], origin: Option<&Name>, wire: &mut Vec<u8>) -> Result<(), NameError> {
    let relative = text != b"." && push_labels(text, wire)?;
    match origin {
        Some(origin) if relative => wire.extend_from_slice(&origin.0),
        Some(_) | None => wire.push(0),
    }
    Ok(())
}

/// Appends the labels of `text`; true when it does not end in a dot.
fn push_labels(text: &[u8], wire: &mut Vec<u8>) -> Result<bool, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    let mut octets = text.iter().copied();
    let mut start = wire.len();
    wire.push(0);
    let mut ends_in_dot = false;
    while let Some(octet) = octets.next() {
        ends_in_dot = octet == b'.';
        match octet {
            b'.' => start = close_label(wire, start)?,
            b'\\' => wire.push(wire_name::escaped(&mut octets).ok_or(NameError::BadEscape)?),
            _ => wire.push(octet),
        }
    }
    if ends_in_dot {
        wire.pop();
        return Ok(false);
    }
    close_label(wire, start)?;
    wire.pop();
    Ok(true)
}

/// Writes the length of the label that began at `start` and opens the next one.
fn close_label(wire: &mut Vec<u8>, start: usize) -> Result<usize, NameError> {
    let length = wire.len() - start - 1;
    match u8::try_from(length) {
        Ok(0) => return Err(NameError::EmptyLabel),
        Ok(octet) if length <= Name::MAX_LABEL_OCTETS => wire[start] = octet,
        Ok(_) | Err(_) => return Err(NameError::LabelTooLong),
    }
    wire.push(0);
    Ok(wire.len() - 1)
}

/// As people write it in configuration: absolute, with or without the last dot.
impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        Name::from_text(text.as_bytes(), None)
    }
}

/// With the last dot left out, as people write it; special characters escaped.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.0.len());
        for label in self.labels() {
            if !text.is_empty() {
                text.push('.');
            }
            for &octet in label {
                match octet {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        text.extend(['\\', char::from(octet)])
                    }
                    b'!'..=b'~' => text.push(char::from(octet)),
                    _ => text.push_str(&format!("\\{octet:03}")),
                }
            }
        }
        f.pad(if text.is_empty() { "." } else { &text })
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.lower_wire());
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Name) -> Ordering {
        wire_name::compare(&self.0, &other.0)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Name) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Name, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().expect("a good name")
    }

    #[test]
    fn text_becomes_wire_and_text_again() {
        for (text, wire, shown) in [
            (".", &b"\0"[..], "."),
            ("a.Example.", b"\x01a\x07Example\0", "a.Example"),
            ("a\\.b.c", b"\x03a.b\x01c\0", "a\\.b.c"),
            ("\\001x.c", b"\x02\x01x\x01c\0", "\\001x.c"),
            ("*.c", b"\x01*\x01c\0", "*.c"),
        ] {
            assert_eq!(name(text).wire(), wire, "{text}");
            assert_eq!(name(text).to_string(), shown);
        }
    }

    #[test]
    fn a_relative_name_takes_the_origin() {
        let origin = name("example.com");
        assert_eq!(Name::from_text(b"www", Some(&origin)), Ok(name("www.example.com")));
        assert_eq!(Name::from_text(b"www.", Some(&origin)), Ok(name("www")));
        assert_eq!(
            Name::from_text(b"a\\.", Some(&origin)).map(|n| n.to_string()),
            Ok("a\\..example.com".into())
        );
    }

    #[test]
    fn what_is_no_name_says_why() {
        let long_label = "x".repeat(64);
        let long_name = "abcdefg.".repeat(32);
        for (text, error) in [
            ("", NameError::Empty),
            ("a..b", NameError::EmptyLabel),
            (".a", NameError::EmptyLabel),
            ("a\\25", NameError::BadEscape),
            ("a\\256", NameError::BadEscape),
            (long_label.as_str(), NameError::LabelTooLong),
            (long_name.as_str(), NameError::TooLong),
        ] {
            assert_eq!(text.parse::<Name>(), Err(error), "{text}");
        }
    }

    #[test]
    fn canonical_order_ignores_case_and_reads_from_the_right() {
        let mut names: Vec<Name> =
            ["z.example", "example", "a.example", "yljkjljk.a.example", "Z.a.example", "*.z.example"]
                .map(name)
                .into();
        names.sort();
        let shown: Vec<String> = names.iter().map(Name::to_string).collect();
        assert_eq!(
            shown,
            ["example", "a.example", "yljkjljk.a.example", "Z.a.example", "z.example", "*.z.example"]
        );
        assert_eq!(name("WWW.Example"), name("www.example"));
    }

    #[test]
    fn within_means_label_by_label() {
        assert!(name("a.b.Example").is_within(&name("b.example")));
        assert!(name("b.example").is_within(&name("b.example")));
        assert!(!name("ab.example").is_within(&name("b.example")));
        assert!(name("example").is_within(&Name::root()));
    }
}
