//! What of all that happens is remembered for good, and in which shape.
//!
//! Decisions, verdicts, commands and refusals become entries, and what the daemon says about itself. What a single check
//! sees does not: one that flaps would push the decisions out of files that are bounded, and the verdict of its region
//! carries what it saw.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Report;
use crate::health::Verdict;
use crate::model::{Moment, Name, RegionId, Ttl, VantageId};
use crate::policy::{Decision, Derivation, Standing};

/// Names of a group that an entry lists; it counts the others.
const NAMES_MAX: usize = 1000;

/// One entry of the history: what was decided, ordered or refused, by whom, and what it rests on. Fields are added and
/// never change their meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When, by the clock of the node.
    pub time: Moment,
    /// The name server that tells it.
    pub node: VantageId,
    /// What kind of thing: the stable name of the event in the log, such as `decision.changed`.
    pub kind: String,
    /// An operator should look.
    #[serde(default, skip_serializing_if = "is_false")]
    pub bad: bool,
    /// The names that it is about; the first of them, where a group has very many.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub names: Arc<[Name]>,
    /// How many further names it is about.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more_names: usize,
    /// The regions that it is about: the one in service first, then the one that was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<RegionId>,
    /// The epoch of the answer that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Who ordered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why, in the words of the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same in one line for people.
    pub text: String,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounds: Option<Grounds>,
}

/// What an entry rests on: everything that was read, in a shape with a version of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "shape", rename_all = "kebab-case")]
pub enum Grounds {
    /// A decision, and what it was derived from.
    DecisionV1(Box<DecisionGrounds>),
    /// The verdict on a region.
    VerdictV1(Arc<Verdict>),
    /// A shape of a newer version.
    #[serde(other)]
    Newer,
}

/// A decision, and what it was derived from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DecisionGrounds {
    /// What was answered before; none where the answer stayed.
    pub before: Option<Standing>,
    /// What is answered.
    pub standing: Standing,
    /// The TTL that goes with it, in seconds.
    pub ttl: Ttl,
    /// The rule that fired and the evidence that it read.
    pub derivation: Derivation,
}

impl HistoryEntry {
    /// What a node says about itself.
    #[must_use]
    pub fn told(node: &VantageId, now: Moment, kind: &str, text: String) -> HistoryEntry {
        HistoryEntry {
            time: now,
            node: node.clone(),
            kind: kind.to_owned(),
            bad: false,
            names: Arc::default(),
            more_names: 0,
            regions: Vec::new(),
            epoch: None,
            author: None,
            reason: None,
            text,
            grounds: None,
        }
    }

    /// The entry that a report becomes; none for one that is not remembered.
    #[must_use]
    pub fn of(report: &Report, node: &VantageId, now: Moment) -> Option<HistoryEntry> {
        let blank = || HistoryEntry {
            bad: report.is_bad(),
            ..HistoryEntry::told(node, now, report.event(), report.to_string())
        };
        Some(match report {
            Report::CheckChanged { .. } => return None,
            Report::VerdictChanged { verdict, .. } | Report::GradeChanged { verdict } => HistoryEntry {
                regions: vec![verdict.region.clone()],
                grounds: Some(Grounds::VerdictV1(Arc::clone(verdict))),
                ..blank()
            },
            Report::AnswerChanged { before, after } => blank().about(after, Some(before)),
            Report::ReasonChanged { decision } => blank().about(decision, None),
            Report::Commanded { names, region, author, reason, .. }
            | Report::Refused { names, region, author, reason, .. } => HistoryEntry {
                names: Arc::clone(names),
                regions: region.iter().cloned().collect(),
                author: Some(author.clone()),
                reason: Some(reason.clone()),
                ..blank()
            },
            Report::Reloaded { author, reason, .. } => HistoryEntry {
                author: Some(author.clone()),
                reason: Some(reason.clone()).filter(|reason| !reason.is_empty()),
                ..blank()
            },
            Report::Cluster(_) => blank(),
            Report::GateChanged { region, .. } => {
                HistoryEntry { regions: region.iter().cloned().collect(), ..blank() }
            }
            Report::HookEnded(ended) => {
                let names: Arc<[Name]> = [ended.name.clone()].into();
                HistoryEntry { names, epoch: Some(ended.epoch), ..blank() }
            }
            Report::Switchover { order, .. } | Report::OverrideEnded { order } => HistoryEntry {
                names: order.order.name().cloned().into_iter().collect(),
                regions: order.order.region().cloned().into_iter().collect(),
                author: Some(order.author.clone()),
                reason: Some(order.reason.clone()),
                ..blank()
            },
        })
    }

    fn about(self, decision: &Decision, before: Option<&Decision>) -> HistoryEntry {
        let Decision { names, standing, ttl, derivation } = decision;
        let was = before.map(|before| &before.standing.region).filter(|was| **was != standing.region);
        let (names, more_names) = match names.split_at_checked(NAMES_MAX) {
            Some((first, rest)) if !rest.is_empty() => (Arc::from(first), rest.len()),
            Some(_) | None => (Arc::clone(names), 0),
        };
        let grounds = DecisionGrounds {
            before: before.map(|before| before.standing.clone()),
            standing: standing.clone(),
            ttl: *ttl,
            derivation: derivation.clone(),
        };
        HistoryEntry {
            names,
            more_names,
            regions: [&standing.region].into_iter().chain(was).cloned().collect(),
            epoch: Some(standing.epoch),
            grounds: Some(Grounds::DecisionV1(Box::new(grounds))),
            ..self
        }
    }

    /// The decision that it tells of, if it tells of one.
    #[must_use]
    pub fn decision(&self) -> Option<(Decision, Option<&Standing>)> {
        let Some(Grounds::DecisionV1(grounds)) = &self.grounds else { return None };
        let DecisionGrounds { before, standing, ttl, derivation } = &**grounds;
        let decision = Decision {
            names: Arc::clone(&self.names),
            standing: standing.clone(),
            ttl: *ttl,
            derivation: derivation.clone(),
        };
        (!self.names.is_empty()).then_some((decision, before.as_ref()))
    }
}

/// What `skip_serializing_if` asks for has a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn is_empty(names: &Arc<[Name]>) -> bool {
    names.is_empty()
}
