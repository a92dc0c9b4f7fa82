//! What the history says about a span of time: what came first, where each name was and for how long, who did what.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::controller::HistoryEntry;
use crate::health::State;
use crate::model::{Moment, Name, RegionId};
use crate::policy::{Decision, Rule, Standing};

/// A span of time as the history tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Incident {
    /// From here.
    pub from: Moment,
    /// To here.
    pub to: Moment,
    /// The first thing that an operator should have looked at.
    pub first: Option<HistoryEntry>,
    /// Where each name was: name by name, in the order of time. Names that nothing was decided about are not told of.
    pub stays: Vec<Stay>,
    /// How long each of these names was answered with a region that was down.
    pub on_dead: Vec<(Name, Duration)>,
    /// What people ordered, and what became of it.
    pub orders: Vec<HistoryEntry>,
    /// All of it, in the order of time.
    pub entries: Vec<HistoryEntry>,
}

/// A name, or a group of names, on one region for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The name, or the first of its group.
    pub name: Name,
    /// How many further names its group has.
    pub more_names: usize,
    /// Where it was.
    pub region: RegionId,
    /// By which epoch.
    pub epoch: u64,
    /// Since when; the beginning of the span for what was so before.
    pub from: Moment,
    /// Until when; the end of the span for what is still so.
    pub to: Moment,
    /// Why, in words; none for what was decided before the span.
    pub why: Option<String>,
    /// The region was down meanwhile.
    pub is_dead: bool,
}

impl Incident {
    /// What these entries, the oldest first, say about the time between two moments. Others are left out.
    #[must_use]
    pub fn of(entries: &[HistoryEntry], from: Moment, to: Moment) -> Incident {
        let is_within = |entry: &&HistoryEntry| entry.time >= from && entry.time <= to;
        let entries: Vec<HistoryEntry> = entries.iter().filter(is_within).cloned().collect();
        let mut by_name: BTreeMap<Name, Vec<Stay>> = BTreeMap::new();
        for entry in &entries {
            if let Some((decision, before)) = entry.decision() {
                let stays = by_name.entry(decision.name().clone()).or_default();
                match stays.last_mut() {
                    Some(last) => last.to = entry.time,
                    None => {
                        // Where the answer stayed, it was the same before.
                        let Standing { region, epoch, .. } = before.unwrap_or(&decision.standing).clone();
                        stays.push(Stay { from, ..Stay::unknown(entry, &decision, region, epoch) });
                    }
                }
                stays.push(Stay { to, ..Stay::of(entry, &decision) });
            }
        }
        let on_dead = by_name.iter().map(|(name, stays)| {
            let dead = stays.iter().filter(|stay| stay.is_dead).map(|stay| stay.to.since(stay.from));
            (name.clone(), dead.sum::<Duration>())
        });
        Incident {
            from,
            to,
            first: entries.iter().find(|entry| entry.bad).cloned(),
            on_dead: on_dead.filter(|(_, dead)| !dead.is_zero()).collect(),
            stays: by_name.into_values().flatten().collect(),
            orders: entries.iter().filter(|entry| entry.author.is_some()).cloned().collect(),
            entries,
        }
    }
}

impl Stay {
    fn of(entry: &HistoryEntry, decision: &Decision) -> Stay {
        let standing = &decision.standing;
        let is_dead = match &decision.derivation.rule {
            Rule::FailOpen | Rule::NoneProven | Rule::Held => true,
            Rule::Pinned | Rule::Frozen | Rule::Draining => {
                decision.verdict().is_some_and(|verdict| verdict.state == State::Down)
            }
            Rule::Unproven | Rule::Preferred | Rule::FailedOver { .. } | Rule::Freeze => false,
        };
        Stay {
            from: entry.time,
            why: Some(decision.derivation.headline(&standing.region)),
            is_dead,
            ..Stay::unknown(entry, decision, standing.region.clone(), standing.epoch)
        }
    }

    /// Decided before anything that is known.
    fn unknown(entry: &HistoryEntry, decision: &Decision, region: RegionId, epoch: u64) -> Stay {
        Stay {
            name: decision.name().clone(),
            more_names: decision.names.len() - 1 + entry.more_names,
            region,
            epoch,
            from: entry.time,
            to: entry.time,
            why: None,
            is_dead: false,
        }
    }
}
