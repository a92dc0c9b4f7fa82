//! What a set of records must be: no record twice, one TTL, small enough for a message.

use std::borrow::Cow;

use super::super::draft::{Sorted, Staged};
use super::super::findings::Findings;
use super::super::show;
use super::judged::shown;

/// The octets of the largest message.
const MESSAGE_MAX_OCTETS: usize = 65_535;

/// The octets of a message beside its answers: header, type and class of the question, OPT without options.
const MESSAGE_HEAD_OCTETS: usize = 12 + 4 + 11;

/// The octets of an answer beside its data: a pointer to the question, type, class, TTL, length.
const ANSWER_HEAD_OCTETS: usize = 12;

/// Keeps one of equal records and the smallest TTL of each set, and warns of it.
pub(super) fn settle(records: &mut Sorted, findings: &mut Findings) {
    drop_duplicates(records, findings);
    let mut start = 0;
    while start < records.records.len() {
        let length = records.set_length(start);
        if length > 1 {
            unify_ttl(records, start..start + length, findings);
        }
        check_size(records, &records.records[start..start + length], findings);
        start += length;
    }
}

fn drop_duplicates(records: &mut Sorted, findings: &mut Findings) {
    let mut doubled = Vec::new();
    let mut start = 0;
    for set in records.sets() {
        if set.len() > 1 {
            doubled.extend(duplicates(records, set).into_iter().map(|index| start + index));
        }
        start += set.len();
    }
    for index in &doubled {
        let record = &records.records[*index];
        let found = format!("the {} record of {} twice", record.rtype, shown(records.owner(record)));
        findings.warning(record.spot, found, "it is kept once; take one away");
    }
    let mut doubled = doubled.into_iter().peekable();
    let mut index = 0;
    records.records.retain(|_| {
        let drop = doubled.next_if_eq(&index).is_some();
        index += 1;
        !drop
    });
}

/// The records of a set that say the same as one before them, in rising order.
fn duplicates(records: &Sorted, set: &[Staged]) -> Vec<usize> {
    let mut data: Vec<(Cow<'_, [u8]>, usize)> = Vec::with_capacity(set.len());
    for (index, record) in set.iter().enumerate() {
        let wire = records.data(record);
        data.push((show::folded(record.rtype, wire).map_or(Cow::Borrowed(wire), Cow::Owned), index));
    }
    data.sort_unstable();
    let mut doubled: Vec<usize> =
        data.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].1).collect();
    doubled.sort_unstable();
    doubled
}

/// RFC 2181 section 5.2: the TTLs of a set must not differ; if they do, the smallest counts.
fn unify_ttl(records: &mut Sorted, range: std::ops::Range<usize>, findings: &mut Findings) {
    let set = &records.records[range.clone()];
    let (first, smallest) = (set[0].ttl, set.iter().map(|record| record.ttl).min().unwrap_or(set[0].ttl));
    if let Some(other) = set.iter().find(|record| record.ttl != first) {
        let (rtype, owner) = (other.rtype, shown(records.owner(other)));
        let found = format!("TTLs of {first} and {} in the {rtype} set of {owner}", other.ttl);
        findings.warning(
            other.spot,
            found,
            format!("{smallest} is used for all; a set has one TTL (RFC 2181 section 5.2)"),
        );
        records.records[range].iter_mut().for_each(|record| record.ttl = smallest);
    }
}

fn check_size(records: &Sorted, set: &[Staged], findings: &mut Findings) {
    let data: usize = set.iter().map(|record| ANSWER_HEAD_OCTETS + records.data(record).len()).sum();
    let first = &set[0];
    let octets = MESSAGE_HEAD_OCTETS + records.owner(first).len() + data;
    if octets > MESSAGE_MAX_OCTETS {
        let found =
            format!("the {} set of {} needs {octets} octets", first.rtype, shown(records.owner(first)));
        findings.error(
            first.spot,
            found,
            format!("no message holds more than {MESSAGE_MAX_OCTETS}; take records away"),
        );
    }
}
