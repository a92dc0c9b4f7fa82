//! How old may be what the register says? Judged by our own clock alone: what is written after a push of ours was
//! written after we sent it.
//!
//! A member that is cut off shows keys and leases long after their writers are gone, and a watch can be silent, or late,
//! without an error. So nothing that is there proves anything but this: our own push, which we sent at a moment that we
//! know, stands before it.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::Moment;

/// We are in contact while a push comes back that is no older than this: three of the usual ones.
pub(super) const CONTACT_MAX: Duration = Duration::from_secs(3);

/// As many pushes are remembered, sent and come back.
const REMEMBERED: usize = 64;

/// Our pushes, as they went out and as they came back.
#[derive(Debug, Default)]
pub(in crate::controller) struct Contact {
    /// Those on their way: their number, and when they were sent.
    sent: VecDeque<(u64, Moment)>,
    /// Those that came back: the revision that they made, and when they were sent.
    back: VecDeque<(u64, Moment)>,
    /// Somebody did not answer then: only what is sent later proves that we are in contact again.
    doubted: Option<Moment>,
}

impl Contact {
    /// A push goes out.
    pub(in crate::controller) fn send(&mut self, number: u64, now: Moment) {
        self.sent.push_back((number, now));
        if self.sent.len() > REMEMBERED {
            self.sent.pop_front();
        }
    }

    /// A push has come back by the watch.
    pub(in crate::controller) fn come_back(&mut self, number: u64, revision: u64) {
        while let Some((sent, at)) = self.sent.front().copied().filter(|(sent, _)| *sent <= number) {
            self.sent.pop_front();
            if sent == number && self.back.back().is_none_or(|(last, _)| *last < revision) {
                self.back.push_back((revision, at));
            }
        }
        if self.back.len() > REMEMBERED {
            self.back.pop_front();
        }
    }

    /// Something that we sent was not answered.
    pub(in crate::controller) fn doubt(&mut self, now: Moment) {
        self.doubted = Some(now);
    }

    /// A moment after which this revision was written; none if no push of ours stands before it.
    pub(in crate::controller) fn written_after(&self, revision: u64) -> Option<Moment> {
        let before = self.back.iter().rev().find(|(back, _)| *back < revision);
        before.map(|(_, sent)| *sent)
    }

    /// Whether this revision is known to have been written just now, however long the watch took to tell.
    pub(in crate::controller) fn is_new(&self, revision: u64, now: Moment) -> bool {
        self.written_after(revision).is_some_and(|after| now.since(after) <= CONTACT_MAX)
    }

    /// When the last push was sent that came back.
    pub(in crate::controller) fn last(&self) -> Option<Moment> {
        let last = self.back.back().map(|(_, sent)| *sent);
        last.filter(|last| self.doubted.is_none_or(|doubted| *last > doubted))
    }

    /// Whether what we write is heard, and what is written reaches us.
    pub(in crate::controller) fn is_fresh(&self, now: Moment) -> bool {
        self.last().is_some_and(|last| now.since(last) <= CONTACT_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::from_millis(1_000_000 + millis)
    }

    #[test]
    fn what_stands_after_a_push_is_no_older_than_it() {
        let mut contact = Contact::default();
        contact.send(1, at(0));
        contact.send(2, at(1000));
        assert_eq!(contact.written_after(100), None, "nothing has come back");
        contact.come_back(1, 50);
        assert_eq!(contact.written_after(50), None, "it is not written after itself");
        assert_eq!(contact.written_after(51), Some(at(0)));
        contact.come_back(2, 60);
        assert_eq!(contact.written_after(55), Some(at(0)));
        assert_eq!(contact.written_after(61), Some(at(1000)));
    }

    #[test]
    fn what_comes_late_is_old_though_it_comes_now() {
        let mut contact = Contact::default();
        contact.send(1, at(0));
        contact.come_back(1, 50);
        assert!(contact.is_fresh(at(3000)));
        // Stopped for a minute; then a minute of the watch at once.
        assert_eq!(contact.written_after(90), Some(at(0)));
        assert!(contact.is_new(90, at(1000)));
        assert!(!contact.is_new(90, at(60_000)));
        assert!(!contact.is_fresh(at(60_000)));
    }

    #[test]
    fn an_answer_that_did_not_come_is_a_doubt_until_a_later_push_is_back() {
        let mut contact = Contact::default();
        contact.send(1, at(0));
        contact.send(2, at(1000));
        contact.come_back(1, 50);
        contact.doubt(at(500));
        assert!(!contact.is_fresh(at(600)));
        contact.come_back(2, 60);
        assert!(contact.is_fresh(at(1100)));
    }

    #[test]
    fn a_push_that_never_came_back_is_no_mark() {
        let mut contact = Contact::default();
        contact.send(1, at(0));
        contact.send(2, at(1000));
        contact.come_back(2, 60);
        assert_eq!(contact.written_after(61), Some(at(1000)));
        contact.come_back(1, 70);
        assert_eq!(contact.written_after(71), Some(at(1000)), "it came out of its order");
    }
}
