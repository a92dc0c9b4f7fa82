//! What an operator is told: one line for each change, none for a probe.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::cluster::ClusterEvent;
use super::hook::{HookEnded, HookOutcome};
use super::step::Step;
use crate::health::{CheckState, Health, State, Verdict};
use crate::model::{CheckId, GateId, Name, RegionId};
use crate::policy::{Decision, Hold, Light, Override, SafetyRule, Standing, Wait};

/// A change worth a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// A check is believed to be up, down or unknown now.
    CheckChanged {
        /// Which one.
        check: CheckId,
        /// What was believed.
        from: State,
        /// What is believed now.
        to: State,
        /// What the last probe saw.
        because: String,
    },
    /// A region's verdict is another one.
    VerdictChanged {
        /// What it was.
        from: State,
        /// What it is.
        verdict: Arc<Verdict>,
    },
    /// A region is degraded now, or no longer; its state is the same.
    GradeChanged {
        /// What it is.
        verdict: Arc<Verdict>,
    },
    /// A name gets another region, or other addresses of the same one.
    AnswerChanged {
        /// What was in force.
        before: Box<Decision>,
        /// What is in force.
        after: Box<Decision>,
    },
    /// A gate shows another light.
    GateChanged {
        /// Which gate.
        gate: GateId,
        /// The region that it guards; every one, if none.
        region: Option<RegionId>,
        /// What it showed.
        from: Light,
        /// What it shows.
        to: Light,
        /// Why, in words.
        says: String,
    },
    /// A run of a hook has ended.
    HookEnded(HookEnded),
    /// An operator's command is being carried out.
    Commanded {
        /// What is wanted.
        command: String,
        /// The names that it concerns: one of each group, and not more than can be told.
        names: Arc<[Name]>,
        /// The region that it is about, if it is about one.
        region: Option<RegionId>,
        /// Whose.
        author: String,
        /// Why.
        reason: String,
        /// The safety rules that are broken on purpose.
        broken: BTreeSet<SafetyRule>,
    },
    /// An operator's command is not carried out.
    Refused {
        /// What was wanted.
        command: String,
        /// The name that it was about, if it was about one.
        names: Arc<[Name]>,
        /// The region that it was about, if it was about one.
        region: Option<RegionId>,
        /// Whose.
        author: String,
        /// Why it was wanted.
        reason: String,
        /// Why it is refused.
        why: String,
    },
    /// Another configuration has taken over.
    Reloaded {
        /// Who wanted it.
        author: String,
        /// Why; may be empty.
        reason: String,
        /// What is different, each in a line.
        changes: Arc<[String]>,
        /// The safety rules that were broken on purpose.
        broken: BTreeSet<SafetyRule>,
    },
    /// A planned switchover goes on, or is over.
    Switchover {
        /// What was planned.
        order: Arc<Override>,
        /// What happened.
        step: Step,
    },
    /// The time of an override is over.
    OverrideEnded {
        /// Which one.
        order: Arc<Override>,
    },
    /// Something about the nodes of the cluster.
    Cluster(ClusterEvent),
    /// A name keeps its answer, for another reason than before.
    ReasonChanged {
        /// What is in force.
        decision: Box<Decision>,
    },
}

/// As many changes stand in a line.
const CHANGES_SHOWN: usize = 10;

impl Report {
    /// How grave it is: whether an operator should look.
    #[must_use]
    pub fn is_bad(&self) -> bool {
        match self {
            Report::CheckChanged { to, .. } => *to == State::Down,
            Report::VerdictChanged { verdict, .. } => verdict.state != State::Up,
            Report::GradeChanged { verdict } => verdict.is_degraded(),
            Report::AnswerChanged { .. } => true,
            Report::GateChanged { to, .. } => *to != Light::Green,
            Report::HookEnded(ended) => ended.outcome != HookOutcome::Done,
            Report::Commanded { broken, .. } | Report::Reloaded { broken, .. } => !broken.is_empty(),
            Report::Refused { .. } | Report::OverrideEnded { .. } => true,
            Report::Cluster(event) => event.is_bad(),
            Report::Switchover { step, .. } => step.bad,
            Report::ReasonChanged { decision } => decision.verdict().is_none_or(|v| v.state != State::Up),
        }
    }

    /// The stable name of the event in the log.
    #[must_use]
    pub fn event(&self) -> &'static str {
        match self {
            Report::CheckChanged { .. } => "check.changed",
            Report::VerdictChanged { .. } => "verdict.changed",
            Report::GradeChanged { .. } => "verdict.graded",
            Report::AnswerChanged { .. } => "decision.changed",
            Report::GateChanged { .. } => "gate.changed",
            Report::HookEnded(_) => "hook.ended",
            Report::Commanded { .. } => "command.accepted",
            Report::Refused { .. } => "command.refused",
            Report::Reloaded { .. } => "config.reloaded",
            Report::OverrideEnded { .. } => "override.ended",
            Report::Switchover { .. } => "switchover.step",
            Report::Cluster(event) => event.event(),
            Report::ReasonChanged { .. } => "decision.reason",
        }
    }

    pub(super) fn of_check(check: &CheckId, before: Health, state: &CheckState) -> Option<Report> {
        let (from, to) = (before.state(), state.health.state());
        let because = match state.last.as_ref().and_then(|seen| seen.failure.as_ref()) {
            Some(failure) => failure.to_string(),
            None => "passes".into(),
        };
        (from != to).then(|| Report::CheckChanged { check: check.clone(), from, to, because })
    }

    /// A start has changed an answer: the configuration says so, or what was saved is not all that was known.
    pub(super) fn of_start(before: &Standing, after: &Decision) -> Option<Report> {
        let is_same = before.addresses == after.standing.addresses;
        // What the decision before was derived from is not saved.
        let before = Decision { standing: before.clone(), ..after.clone() };
        (!is_same).then(|| Report::AnswerChanged { before: Box::new(before), after: Box::new(after.clone()) })
    }

    pub(super) fn of_decision(before: &Decision, after: &Decision) -> Option<Report> {
        let reason = |decision: &Decision| {
            // That another node may have to agree is over in a moment, or told by itself.
            let wait = decision.derivation.wait.as_ref().filter(|wait| wait.hold != Hold::Cluster);
            (
                decision.derivation.rule.label(),
                wait.map(|Wait { to, hold, until: _ }| (to.clone(), hold.clone())),
            )
        };
        let is_same = before.standing.region == after.standing.region
            && before.standing.addresses == after.standing.addresses;
        if before.standing.epoch != after.standing.epoch && !is_same {
            return Some(Report::AnswerChanged {
                before: Box::new(before.clone()),
                after: Box::new(after.clone()),
            });
        }
        (reason(before) != reason(after)).then(|| Report::ReasonChanged { decision: Box::new(after.clone()) })
    }
}

/// The name, or the first of a group and how many more there are.
fn shown(decision: &Decision) -> String {
    match decision.names.len() {
        1 => decision.name().to_string(),
        names => format!("{} and {} more", decision.name(), names - 1),
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Report::CheckChanged { check, from, to, because } => {
                write!(f, "{check}: {from} -> {to}: {because}")
            }
            Report::VerdictChanged { from, verdict } => write!(f, "{}: {from} -> {verdict}", verdict.region),
            Report::GradeChanged { verdict } if verdict.is_degraded() => {
                write!(f, "{}: {verdict}", verdict.region)
            }
            Report::GradeChanged { verdict } => {
                write!(f, "{}: degraded no longer: {verdict}", verdict.region)
            }
            Report::AnswerChanged { before, after } => {
                let (name, old, new) = (shown(after), &before.standing, &after.standing);
                if old.region == new.region {
                    write!(
                        f,
                        "{name}: {}: {} -> {} addresses",
                        new.region,
                        old.addresses.len(),
                        new.addresses.len()
                    )?;
                } else {
                    write!(f, "{name}: {} -> {}", old.region, new.region)?;
                }
                write!(f, " (epoch {}): {}", new.epoch, after.derivation.headline(&new.region))
            }
            Report::GateChanged { gate, region, from, to, says } => {
                write!(f, "gate {gate}")?;
                region.iter().try_for_each(|region| write!(f, " before {region}"))?;
                if from == to { write!(f, ": {to}: {says}") } else { write!(f, ": {from} -> {to}: {says}") }
            }
            Report::HookEnded(HookEnded { hook, name, epoch, outcome, output, .. }) => {
                write!(f, "{name}: hook {hook} (epoch {epoch}): ")?;
                match outcome {
                    HookOutcome::Done => f.write_str("done")?,
                    HookOutcome::Failed(why) => write!(f, "failed: {why}")?,
                    HookOutcome::Superseded => f.write_str("not run, a newer move came first")?,
                }
                // Quoted, so that no text of a program looks like a line of ours.
                if output.is_empty() { Ok(()) } else { write!(f, "; it said {output:?}") }
            }
            // Quoted, so that no text of an operator looks like a line of ours.
            Report::Commanded { command, author, reason, broken, names: _, region: _ } => {
                write!(f, "{command} by {author}: {reason:?}")?;
                broken.iter().try_for_each(|rule| write!(f, ", breaking {rule} on purpose"))
            }
            Report::Refused { command, author, reason, why, names: _, region: _ } => {
                write!(f, "refused: {command} by {author}: {reason:?}: {why}")
            }
            Report::Reloaded { author, reason, changes, broken } => {
                write!(f, "the configuration has become another one, by {author}")?;
                if !reason.is_empty() {
                    write!(f, ": {reason:?}")?;
                }
                broken.iter().try_for_each(|rule| write!(f, ", breaking {rule} on purpose"))?;
                match changes.split_at_checked(CHANGES_SHOWN) {
                    _ if changes.is_empty() => f.write_str("; nothing is different"),
                    Some((first, rest)) if !rest.is_empty() => {
                        write!(f, "; {}; and {} more", first.join("; "), rest.len())
                    }
                    Some(_) | None => write!(f, "; {}", changes.join("; ")),
                }
            }
            Report::Switchover { order, step } => write!(f, "switchover {}: {}", order.id, step.text),
            Report::OverrideEnded { order } => {
                write!(f, "override {} has ended: {} by {}", order.id, order.order, order.author)
            }
            Report::Cluster(event) => write!(f, "{event}"),
            Report::ReasonChanged { decision } => {
                let region = &decision.standing.region;
                write!(
                    f,
                    "{}: stays with {region}: {}",
                    shown(decision),
                    decision.derivation.headline(region)
                )?;
                match &decision.derivation.wait {
                    Some(Wait { to, hold, until: Some(until) }) => {
                        write!(f, "; to {to} after {hold}, {until}")
                    }
                    Some(Wait { to, hold, until: None }) => write!(f, "; to {to} by {hold}"),
                    None => Ok(()),
                }
            }
        }
    }
}
