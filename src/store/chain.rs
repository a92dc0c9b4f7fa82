//! Follows the log's records by their numbers, and notices where one is missing. No file is touched here.

use super::record::{self, Content, Head, Line};

/// What the records up to here say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    /// The snapshot has all entries up to this number.
    through: u64,
    /// No snapshot: the first record is where the chain begins.
    is_loose: bool,
    /// The number of the next entry.
    next: u64,
    /// The number of the last entry.
    pub(super) last: u64,
    /// The lines whose entries are not in the snapshot, and how many of their first entries are.
    pub(super) lines: Vec<(Vec<u8>, usize)>,
    /// The boot of the last run that began.
    pub(super) boot: Option<String>,
    /// The last record says that its run ended as it should.
    pub(super) is_closed: bool,
    /// Octets that were no record, or that did not follow.
    damaged_octets: u64,
    /// The highest number that was seen behind damage.
    highest: u64,
}

/// What was found in one segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Walk {
    /// From here on nothing could be used.
    pub(super) damaged_from: Option<usize>,
    /// Octets in the middle that were no record though nothing is missing.
    pub(super) harmless_octets: usize,
    /// Records are missing before the first that could not be used.
    pub(super) is_gap: bool,
}

/// A record of a format that this program does not know.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Newer(pub(super) u32);

impl Chain {
    /// After a snapshot that has all entries up to `through`; without one the log begins where it begins.
    pub(super) fn after(through: Option<u64>) -> Chain {
        let (is_loose, through) = (through.is_none(), through.unwrap_or(0));
        Chain {
            through,
            is_loose,
            next: through.saturating_add(1),
            last: through,
            lines: Vec::new(),
            boot: None,
            is_closed: false,
            damaged_octets: 0,
            highest: 0,
        }
    }

    /// The number for the next entry: higher than any that damage may have hidden, for an entry has an octet at least.
    pub(super) fn next(&self) -> u64 {
        self.next.max(self.highest.saturating_add(1)).saturating_add(self.damaged_octets)
    }

    /// Reads a segment after the ones before. It is used if nothing is missing between what was used and its first
    /// record, also when something in between could not be used.
    ///
    /// # Errors
    /// When a record is of a newer format.
    pub(super) fn walk(&mut self, segment: &[u8]) -> Result<Walk, Newer> {
        let (mut walk, mut at) = (Walk::default(), 0);
        for line in segment.split_inclusive(|octet| *octet == b'\n') {
            match record::read(line) {
                Line::Newer(format) => return Err(Newer(format)),
                Line::Damaged => {
                    walk.damaged_from.get_or_insert(at);
                }
                Line::Whole(head) if walk.is_gap || !self.follows(&head) => {
                    walk.is_gap = true;
                    walk.damaged_from.get_or_insert(at);
                    self.highest = self.highest.max(head.next().saturating_sub(1));
                }
                Line::Whole(head) => {
                    walk.harmless_octets += walk.damaged_from.take().map_or(0, |from| at - from);
                    self.take(&head, line);
                }
            }
            at += line.len();
        }
        if let Some(from) = walk.damaged_from {
            self.lose(&segment[from..]);
        }
        Ok(walk)
    }

    /// A segment of at most so many octets, of which not even the numbers are known.
    pub(super) fn lose_unread(&mut self, octets: u64) {
        self.damaged_octets = self.damaged_octets.saturating_add(octets);
        self.is_closed = false;
    }

    fn lose(&mut self, octets: &[u8]) {
        self.lose_unread(octets.len() as u64);
    }

    fn follows(&self, head: &Head) -> bool {
        match &head.content {
            Content::Opened(opened) => self.is_loose || opened.after < self.next,
            Content::Closed => self.is_loose || head.sequence <= self.next,
            // Numbers that come again are as wrong as numbers that are missing, except those in the snapshot.
            Content::Entries(_) => {
                self.is_loose || head.sequence == self.next || head.sequence <= self.through
            }
        }
    }

    fn take(&mut self, head: &Head, line: &[u8]) {
        if self.is_loose {
            (self.is_loose, self.next, self.last) = (false, head.sequence, head.sequence.saturating_sub(1));
        }
        self.is_closed = false;
        match &head.content {
            Content::Opened(opened) => self.boot = Some(opened.boot.clone()),
            Content::Closed => self.is_closed = true,
            Content::Entries(_) if head.next() > self.next => {
                let known = usize::try_from(self.next.saturating_sub(head.sequence)).unwrap_or(usize::MAX);
                self.lines.push((line.to_vec(), known));
                self.last = head.next() - 1;
            }
            Content::Entries(_) => {}
        }
        self.next = self.next.max(head.next());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Moment;
    use crate::store::record::Opened;

    fn opened(sequence: u64, after: u64) -> Vec<u8> {
        record::opened(sequence, Moment::default(), &Opened { boot: "b".into(), after })
    }

    fn entries(sequence: u64, count: usize) -> Vec<u8> {
        record::entries(sequence, Moment::default(), &vec![0; count]).expect("numbers")
    }

    /// The numbers of the records that are used, and the number for the next entry, less the damaged octets.
    #[track_caller]
    fn check(through: Option<u64>, segment: &[Vec<u8>], used: &[(u64, usize)], next: u64, is_gap: bool) {
        let mut chain = Chain::after(through);
        let walk = chain.walk(&segment.concat()).expect("of our format");
        let numbers = chain.lines.iter().map(|(line, known)| match record::read(line) {
            Line::Whole(head) => (head.sequence, *known),
            Line::Newer(_) | Line::Damaged => panic!("{line:?}"),
        });
        assert_eq!(numbers.collect::<Vec<_>>(), used);
        assert_eq!((chain.next() - chain.damaged_octets, walk.is_gap), (next, is_gap));
    }

    #[test]
    fn records_are_used_in_order_and_up_to_the_first_that_is_missing() {
        let torn = || entries(9, 9)[..20].to_vec();
        let broken = || b"x\n".to_vec();
        check(Some(0), &[opened(1, 0), entries(1, 2), entries(3, 1)], &[(1, 0), (3, 0)], 4, false);
        check(Some(2), &[opened(1, 0), entries(1, 2), entries(3, 1)], &[(3, 0)], 4, false);
        check(Some(1), &[opened(1, 0), entries(1, 2)], &[(1, 1)], 3, false);
        check(Some(9), &[opened(1, 0), entries(1, 2)], &[], 10, false);
        check(Some(0), &[opened(1, 0), entries(1, 2), torn()], &[(1, 0)], 3, false);
        check(Some(0), &[opened(1, 0), entries(2, 2)], &[], 4, true);
        check(Some(0), &[entries(1, 2), broken(), entries(4, 2)], &[(1, 0)], 6, true);
        check(Some(0), &[entries(1, 2), broken(), entries(3, 2)], &[(1, 0), (3, 0)], 5, false);
        check(Some(0), &[entries(1, 2), entries(1, 2)], &[(1, 0)], 3, true);
        check(Some(2), &[entries(1, 2), entries(2, 2), entries(3, 1)], &[(2, 1)], 4, true);
        check(Some(2), &[opened(8, 2), entries(8, 1)], &[(8, 0)], 9, false);
        check(Some(2), &[opened(8, 3), entries(8, 1)], &[], 9, true);
        check(None, &[opened(8, 7), entries(8, 1), entries(9, 1)], &[(8, 0), (9, 0)], 10, false);
        check(None, &[broken(), entries(8, 1), entries(10, 1)], &[(8, 0)], 11, true);
    }

    #[test]
    fn numbers_that_damage_may_have_hidden_are_not_given_again() {
        let mut chain = Chain::after(Some(0));
        let damaged = chain.walk(b"[0,0,0,0,0,0,0,0]").expect("no format").damaged_from;
        assert_eq!((damaged, chain.next()), (Some(0), 1 + 17));
    }

    #[test]
    fn numbers_at_the_end_of_all_numbers_are_no_trouble() {
        let last = record::entries(u64::MAX, Moment::default(), &[0, 0]).expect("numbers");
        for through in [None, Some(0), Some(u64::MAX)] {
            let mut chain = Chain::after(through);
            chain.walk(&last).expect("of our format");
            assert_eq!(chain.next(), u64::MAX);
        }
    }
}
