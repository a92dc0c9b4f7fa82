//! The canonical order of names (RFC 4034 section 6.1) on wire form, without building a name.

use std::cmp::Ordering;

/// The most labels that 255 octets hold, the root's included.
const LABELS_MAX: usize = 128;

/// Compares two names in canonical order: an apex first, each name before what is below it, letter case ignored.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (ours, theirs) = (Labels::of(a), Labels::of(b));
    ours.right_to_left().map(Lower).cmp(theirs.right_to_left().map(Lower))
}

/// Whether `name` is `zone` or below it, label by label.
pub(super) fn is_within(name: &[u8], zone: &[u8]) -> bool {
    let mut rest = name;
    while rest.len() > zone.len() {
        rest = &rest[1 + usize::from(rest[0])..];
    }
    rest.eq_ignore_ascii_case(zone)
}

/// Whether `name` is below `zone` and not the same.
pub(super) fn is_below(name: &[u8], zone: &[u8]) -> bool {
    name.len() > zone.len() && is_within(name, zone)
}

/// Every name from the parent of `name` up to `top`, which must lie above.
pub(super) fn ancestors<'n>(name: &'n [u8], top: &[u8]) -> impl Iterator<Item = &'n [u8]> {
    let top = top.len();
    let mut rest = name;
    std::iter::from_fn(move || {
        rest = (rest.len() > top).then(|| &rest[1 + usize::from(rest[0])..])?;
        Some(rest)
    })
}

/// The first octets of a name below `zone` in a form that compares as the names do. Names that have the same
/// prefix must still be compared: this only spares most of a sort the work.
pub(super) fn prefix(name: &[u8], zone: &[u8]) -> u128 {
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

    use super::*;
    use crate::model::Name;

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

    proptest! {
        #[test]
        fn the_order_is_that_of_names(a in a_name(), b in a_name()) {
            prop_assert_eq!(compare(a.wire(), b.wire()), a.cmp(&b));
            prop_assert_eq!(is_within(a.wire(), b.wire()), a.is_within(&b));
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
}
