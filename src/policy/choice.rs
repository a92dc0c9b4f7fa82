//! A region for a name, and the rule by which it gets it.

use std::sync::Arc;

use super::Rule;
use super::hold::Wait;
use crate::health::{Doubt, State, Verdict};

/// What the names get, and by which rule.
pub(super) struct Choice {
    pub(super) index: usize,
    pub(super) rule: Rule,
    pub(super) wait: Option<Wait>,
}

/// The rule under which a region is served for as long as nothing changes.
pub(super) fn stay(evidence: &[Arc<Verdict>], index: usize) -> Choice {
    let others = || evidence.iter().enumerate().filter(move |(other, _)| *other != index).map(|(_, v)| v);
    let unproven = evidence[index].doubt == Some(Doubt::Unproven);
    let rule = match evidence[index].state {
        State::Up | State::Unknown if evidence[index].is_drained() => Rule::Draining,
        State::Up if index == 0 => Rule::Preferred,
        State::Up => Rule::FailedOver { from: evidence[0].region.clone() },
        State::Unknown if unproven => Rule::Unproven,
        State::Unknown => Rule::Freeze,
        State::Down if others().any(|other| other.state == State::Unknown) => Rule::NoneProven,
        State::Down => Rule::FailOpen,
    };
    Choice { index, rule, wait: None }
}
