//! Names in uncompressed wire form (RFC 1035 section 3.1), without building a [`Name`](super::Name): how long one is, what lies
//! above it, what lies within what, and the canonical order (RFC 4034 section 6.1). Letter case is ignored (RFC 4343).

use std::cmp::Ordering;

/// The longest name, its root label included (RFC 1035 section 2.3.4).
pub(super) const MAX_OCTETS: usize = 255;

/// The longest label (RFC 1035 section 2.3.4).
pub(super) const MAX_LABEL_OCTETS: usize = 63;

/// The most labels that 255 octets hold, the root's included.
const LABELS_MAX: usize = 128;

/// The length of the name at the start of some octets, its last zero octet included. `None` when it is cut short, has
/// a label of more than 63 octets or a compression pointer, or is longer than 255 octets.
pub(crate) fn name_length(octets: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let length = usize::from(*octets.get(at)?);
        if length > MAX_LABEL_OCTETS {
            return None;
        }
        at += 1 + length;
        if at > MAX_OCTETS {
            return None;
        }
        if length == 0 {
            return Some(at);
        }
    }
}

/// The name itself, then without its first label, and so on down to the root.
pub(crate) fn suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut next = Some(name);
    std::iter::from_fn(move || {
        let this = next?;
        let (length, _) = this.split_first()?;
        next = (*length > 0).then(|| &this[1 + usize::from(*length)..]);
        Some(this)
    })
}

/// The number of labels, the root's not counted.
pub(crate) fn label_count(name: &[u8]) -> usize {
    suffixes(name).count().saturating_sub(1)
}

/// The octet that an escape in master-file text stands for, read from what follows the `\`: one character, or three
/// digits up to 255 (RFC 1035 section 5.1). `None` when it is neither.
pub(crate) fn escaped(octets: &mut impl Iterator<Item = u8>) -> Option<u8> {
    let first = octets.next()?;
    if !first.is_ascii_digit() {
        return Some(first);
    }
    let mut value = u16::from(first - b'0');
    for _ in 0..2 {
        let digit = octets.next().filter(u8::is_ascii_digit)?;
        value = value * 10 + u16::from(digit - b'0');
    }
    u8::try_from(value).ok()
}

/// Compares two names in canonical order: an apex first, each name before what is below it, letter case ignored.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (ours, theirs) = (Labels::of(a), Labels::of(b));
    ours.right_to_left().map(Lower).cmp(theirs.right_to_left().map(Lower))
}

/// Whether `name` is `zone` or below it, label by label.
pub(crate) fn is_within(name: &[u8], zone: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > zone.len() {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    rest.eq_ignore_ascii_case(zone)
}

/// Whether `name` is below `zone` and not the same.
pub(crate) fn is_below(name: &[u8], zone: &[u8]) -> bool {
    name.len() > zone.len() && is_within(name, zone)
}

/// Every name from the parent of `name` up to `top`, which must be above `name`.
pub(crate) fn ancestors<'n>(name: &'n [u8], top: &[u8]) -> impl Iterator<Item = &'n [u8]> {
    let top = top.len();
    suffixes(name).skip(1).take_while(move |suffix| suffix.len() >= top)
}

/// The first octets of a name below `zone` in a form that compares as the names do. Names that have the same
/// prefix must still be compared: this only spares most of a sort the work.
pub(crate) fn prefix(name: &[u8], zone: &[u8]) -> u128 {
    let below = &name[..name.len() - zone.len()];
    let labels = Labels::of(below);
    let mut prefix = Prefix { octets: [0; 16], length: 0 };
    for label in labels.right_to_left() {
        label.iter().for_each(|octet| prefix.push_in_label(octet.to_ascii_lowercase()));
        prefix.push(0);
        if prefix.length == prefix.octets.len() {
            break;
        }
    }
    u128::from_be_bytes(prefix.octets)
}

struct Prefix {
    octets: [u8; 16],
    length: usize,
}

impl Prefix {
    /// Zero ends a label and sorts first, so the octets 0 and 1 are written as two.
    fn push_in_label(&mut self, octet: u8) {
        if octet < 2 {
            self.push(1);
            self.push(octet + 1);
        } else {
            self.push(octet);
        }
    }

    fn push(&mut self, octet: u8) {
        if let Some(slot) = self.octets.get_mut(self.length) {
            *slot = octet;
            self.length += 1;
        }
    }
}

/// Where the labels of a name start, for walking them from the right.
struct Labels<'n> {
    wire: &'n [u8],
    starts: [u8; LABELS_MAX],
    count: usize,
}

impl<'n> Labels<'n> {
    fn of(wire: &'n [u8]) -> Self {
        let mut labels = Labels { wire, starts: [0; LABELS_MAX], count: 0 };
        let mut at = 0;
        while let Some(&length) = wire.get(at).filter(|length| **length > 0) {
            labels.starts[labels.count] = u8::try_from(at).expect("a name has 255 octets at most");
            labels.count += 1;
            at += 1 + usize::from(length);
        }
        labels
    }

    fn right_to_left(&self) -> impl Iterator<Item = &'n [u8]> {
        let wire = self.wire;
        self.starts[..self.count].iter().rev().map(move |start| {
            let (length, rest) = wire[usize::from(*start)..].split_first().expect("a label starts here");
            &rest[..usize::from(*length)]
        })
    }
}

/// A label that is compared without regard to letter case.
struct Lower<'n>(&'n [u8]);

impl Ord for Lower<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = u8::to_ascii_lowercase;
        self.0.iter().map(lower).cmp(other.0.iter().map(lower))
    }
}

impl PartialOrd for Lower<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Lower<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Lower<'_> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Name;
    use super::*;

    fn a_name() -> impl Strategy<Value = Name> {
        let label =
            proptest::collection::vec(proptest::sample::select(b"\0\x01\x02AaBz*-\xff".to_vec()), 1..5);
        proptest::collection::vec(label, 0..5).prop_map(|labels| {
            let mut wire: Vec<u8> = Vec::new();
            for label in labels {
                wire.push(u8::try_from(label.len()).expect("short"));
                wire.extend(label);
            }
            wire.push(0);
            Name::from_wire(&wire).expect("short enough")
        })
    }

    /// RFC 4034 section 6.1 as it is written: labels from the right, in lower case, as octet strings.
    fn by_the_rfc(a: &Name, b: &Name) -> Ordering {
        let labels = |name: &Name| {
            let mut labels: Vec<Vec<u8>> = name.labels().map(<[u8]>::to_ascii_lowercase).collect();
            labels.reverse();
            labels
        };
        labels(a).cmp(&labels(b))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_order_is_that_of_the_rfc(a in a_name(), b in a_name()) {
            prop_assert_eq!(compare(a.wire(), b.wire()), by_the_rfc(&a, &b));
            let labels = |name: &Name| name.labels().map(<[u8]>::to_ascii_lowercase).collect::<Vec<_>>();
            prop_assert_eq!(is_within(a.wire(), b.wire()), labels(&a).ends_with(&labels(&b)));
            let root = Name::root();
            let prefixes = prefix(a.wire(), root.wire()).cmp(&prefix(b.wire(), root.wire()));
            prop_assert!(prefixes == Ordering::Equal || prefixes == a.cmp(&b));
        }
    }

    #[test]
    fn ancestors_end_at_the_top() {
        let (name, top): (Name, Name) = ("a.b.c.d".parse().expect("good"), "c.d".parse().expect("good"));
        let shown: Vec<String> = ancestors(name.wire(), top.wire())
            .map(|wire| Name::from_wire(wire).expect("whole").to_string())
            .collect();
        assert_eq!(shown, ["b.c.d", "c.d"]);
    }

    #[test]
    fn a_name_is_measured_or_refused() {
        assert_eq!(name_length(b"\x01a\x02bc\0rest"), Some(6));
        assert_eq!(name_length(b"\0"), Some(1));
        assert_eq!(name_length(b"\x01a"), None, "cut short");
        assert_eq!(name_length(b"\x01a\xc0\x0c"), None, "a pointer");
        assert_eq!(name_length(b"\x41a"), None, "a label type that is not in use");
        let longest =
            [&b"\x3f"[..], &[b'x'; 63], b"\x3f", &[b'x'; 63], b"\x3f", &[b'x'; 63], b"\x3d", &[b'x'; 61]];
        let mut name = longest.concat();
        name.push(0);
        assert_eq!(name_length(&name), Some(255));
        name[192] = 62;
        name.insert(193, b'x');
        assert_eq!(name_length(&name), None, "256 octets");
    }

    #[test]
    fn an_escape_is_one_character_or_three_digits() {
        for (text, octet) in [
            ("a", Some(b'a')),
            ("065", Some(b'A')),
            ("255", Some(255)),
            ("256", None),
            ("06", None),
            ("0x5", None),
            ("", None),
        ] {
            assert_eq!(escaped(&mut text.bytes()), octet, "{text}");
        }
    }
}
