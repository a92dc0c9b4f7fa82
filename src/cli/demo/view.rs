//! What one asker sees, and what is new about it.

use super::line::shown;
use super::plan::Plan;
use super::watch::Answer;
use crate::model::{RegionId, Ttl};

/// The answers that one asker gets: a resolver at the name server, or a client at the cache.
#[derive(Debug, Default)]
pub(super) struct View {
    current: Option<(RegionId, Answer)>,
    complaint: Option<String>,
    asked: u64,
    bad: u64,
    moved: bool,
    returned: bool,
}

/// What is new in an answer since the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The first answer.
    Begins(RegionId, Answer),
    /// Another region than the preferred one is answered.
    Moves(RegionId, Answer),
    /// The preferred region is answered again.
    Returns(RegionId, Answer),
    /// Other addresses of the same region.
    Members(RegionId, Answer),
    /// The same addresses, for another time.
    Ttl { region: RegionId, before: Ttl, now: Ttl },
    /// No address came, or addresses that are of no region or of more than one.
    Bad(String),
}

impl View {
    /// Takes in a reply; a complaint that repeats the last one is counted and not told again.
    pub(super) fn take(&mut self, plan: &Plan, reply: &Result<Answer, String>) -> Option<Change> {
        self.asked += 1;
        let answer = match reply {
            Ok(answer) => answer,
            Err(why) => return self.bad(format!("NO ADDRESS: {why}")),
        };
        match plan.region_of(&answer.addresses) {
            Some(region) => self.good(region.clone(), answer.clone(), plan),
            None => self.bad(format!("NOT OF ONE REGION: {}", shown(answer))),
        }
    }

    fn good(&mut self, region: RegionId, answer: Answer, plan: &Plan) -> Option<Change> {
        self.complaint = None;
        let before = self.current.replace((region.clone(), answer.clone()));
        match before {
            None => Some(Change::Begins(region, answer)),
            Some((old, _)) if old != region => Some(self.moved(region, answer, plan)),
            Some((_, old)) if old.addresses != answer.addresses => Some(Change::Members(region, answer)),
            Some((_, old)) if old.ttl != answer.ttl => {
                Some(Change::Ttl { region, before: old.ttl, now: answer.ttl })
            }
            Some(_) => None,
        }
    }

    fn moved(&mut self, region: RegionId, answer: Answer, plan: &Plan) -> Change {
        if region == *plan.preferred() {
            self.returned |= self.moved;
            Change::Returns(region, answer)
        } else {
            self.moved = true;
            Change::Moves(region, answer)
        }
    }

    fn bad(&mut self, complaint: String) -> Option<Change> {
        self.bad += 1;
        let before = self.complaint.replace(complaint.clone());
        (before.as_ref() != Some(&complaint)).then_some(Change::Bad(complaint))
    }

    /// The region and the answer that were last seen.
    pub(super) fn current(&self) -> Option<&(RegionId, Answer)> {
        self.current.as_ref()
    }

    /// Whether this region was last seen.
    pub(super) fn is_on(&self, region: &RegionId) -> bool {
        self.current.as_ref().is_some_and(|(current, _)| current == region)
    }

    /// Questions, and those of them that were not answered with the addresses of one region.
    pub(super) fn questions(&self) -> (u64, u64) {
        (self.asked, self.bad)
    }

    /// Whether a flip was seen, and a failback after it.
    pub(super) fn saw(&self) -> (bool, bool) {
        (self.moved, self.returned)
    }
}
