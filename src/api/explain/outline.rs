//! An explanation as lines below lines: what the terminal draws as a tree, and the dashboard as a list.

use std::time::Duration;

use super::{
    ClientExplanation, DecisionExplanation, EndpointExplanation, Explanation, ExplanationSource,
    NextExplanation, RegionExplanation, RuleExplanation, WitnessExplanation,
};
use crate::api::status::CheckStatus;
use crate::api::text::{age, latency, probe_of};
use crate::health::{Ballot, Doubt, Health, State, Vote};
use crate::model::{Family, Moment};

/// A line, and what stands below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// The line.
    pub text: String,
    /// What it rests on, or consists of.
    pub below: Vec<Outline>,
}

impl Outline {
    fn leaf(text: impl Into<String>) -> Outline {
        Outline { text: text.into(), below: Vec::new() }
    }

    fn new(text: impl Into<String>, below: Vec<Outline>) -> Outline {
        Outline { text: text.into(), below }
    }

    /// The whole of an explanation.
    #[must_use]
    pub fn of(explanation: &Explanation) -> Outline {
        let Explanation { node, time, source, name, rtype, code, path, client, decision, .. } = explanation;
        let head = match (source, code) {
            (ExplanationSource::History(number), _) => {
                format!("{name}, as {node} decided at {time} (entry {number} of the history)")
            }
            (ExplanationSource::Live, code) => {
                format!("{name} {rtype}: {}  ({node}, {time})", code.as_deref().unwrap_or("-"))
            }
        };
        let steps = path.iter().map(|step| Outline::leaf(format!("{}: {}", step.name, step.text)));
        let mut below: Vec<Outline> = steps.collect();
        below.extend(client.as_ref().map(of_client));
        below.extend(decision.iter().flat_map(|decision| of_decision(decision, *time)));
        Outline::new(head, below)
    }
}

fn of_client(ClientExplanation { address, is_answered, text }: &ClientExplanation) -> Outline {
    let answered = if *is_answered { "is answered" } else { "is NOT answered" };
    Outline::new(format!("client {address} {answered}"), text.iter().map(Outline::leaf).collect())
}

fn of_decision(decision: &DecisionExplanation, now: Moment) -> Vec<Outline> {
    let DecisionExplanation { region, epoch, since, why, names, addresses, .. } = decision;
    let head = format!("decision: {region}, epoch {epoch}, since {since} ({} ago)", ago(now.since(*since)));
    let mut below = vec![Outline::leaf(format!("why: {why}"))];
    if names.len() > 1 {
        below.push(Outline::leaf(format!("moves together: {}", list(names))));
    }
    below.push(Outline::leaf(format!("answers {}", list(addresses))));
    below.push(Outline::leaf(format!("TTL {}: {}", decision.ttl.ttl, decision.ttl.why)));
    below.extend(decision.wait.as_ref().map(|wait| {
        let until = wait.until.map_or_else(
            || "until an operator ends it".to_owned(),
            |until| format!("until {until} ({} more)", ago(until.after(now))),
        );
        Outline::leaf(format!("hold: {} keeps {} waiting {until}", wait.hold, wait.to))
    }));
    below.extend(decision.overrides.iter().map(|known| {
        Outline::leaf(format!(
            "order {}: {} by {}: {:?}, ends at {} (in {})",
            known.id,
            known.order,
            known.author,
            known.reason,
            known.expires,
            ago(known.expires.after(now))
        ))
    }));
    below.push(Outline::leaf(moves(decision)));
    below.extend(decision.pending.as_ref().map(Outline::leaf));
    below.extend(decision.budget.as_ref().map(|budget| {
        let rto = budget.rto.map(|rto| format!(" of rto {rto}s")).unwrap_or_default();
        Outline::leaf(format!("budget {}s{rto} = {}", budget.total, budget.derivation))
    }));
    let mut nodes = vec![Outline::new(head, below), rules(decision), evidence(decision, now)];
    if !decision.next.is_empty() {
        nodes.push(Outline::new(
            "what would change it",
            decision.next.iter().map(|next| of_next(next, now)).collect(),
        ));
    }
    if !decision.later.is_empty() {
        let later =
            decision.later.iter().map(|later| Outline::leaf(format!("{} {}", later.time, later.text)));
        nodes.push(Outline::new("later in this epoch", later.collect()));
    }
    nodes
}

fn moves(decision: &DecisionExplanation) -> String {
    let moves = &decision.moves;
    match moves.limit {
        Some(limit) => format!("automatic moves within the hour: {} of {limit}", moves.within_hour),
        None => format!("automatic moves within the hour: {}", moves.within_hour),
    }
}

fn rules(decision: &DecisionExplanation) -> Outline {
    let rule = |rule: &RuleExplanation| {
        let mark = if rule.fired { "fired: " } else { "not " };
        Outline::leaf(format!("{mark}{} — {}", rule.rule, rule.why))
    };
    let (fired, not): (Vec<_>, Vec<_>) = decision.rules.iter().partition(|rule| rule.fired);
    Outline::new("rules", fired.into_iter().chain(not).map(rule).collect())
}

fn evidence(decision: &DecisionExplanation, now: Moment) -> Outline {
    let regions = decision.regions.iter().map(|region| of_region(region, now));
    let mut below: Vec<Outline> = regions.collect();
    if !decision.witnesses.is_empty() {
        below.push(Outline::new("witnesses", decision.witnesses.iter().map(witness).collect()));
    }
    Outline::new("evidence", below)
}

fn of_region(region: &RegionExplanation, now: Moment) -> Outline {
    let RegionExplanation { preference, in_service, decisive, since, why, .. } = region;
    let mark = if *decisive == Some(true) { "* " } else { "" };
    let service = if *in_service { ", in service" } else { "" };
    let since = format!("since {since} ({} ago)", ago(now.since(*since)));
    let mut below = Vec::new();
    if let Some(overruled) = &region.overruled {
        below.push(Outline::leaf(format!("an operator's word beats its probes, which say {overruled}")));
    }
    if let Some(recovered) = region.recovered {
        below.push(Outline::leaf(format!(
            "came up after it was down at {recovered} ({} ago)",
            ago(now.since(recovered))
        )));
    }
    if region.state == State::Up && !region.steady {
        below
            .push(Outline::leaf("not steady: with the addresses down that fail just now it would not be up"));
    }
    if *decisive == Some(false) {
        below.push(Outline::leaf("not decisive: whatever is believed of it, the answer stays"));
    }
    for view in &region.gates {
        let bars = if view.bars { "; it bars" } else { "" };
        below.push(Outline::leaf(format!("{}{bars}", view.headline())));
    }
    for family in Family::ALL {
        let of_family: Vec<&EndpointExplanation> =
            region.endpoints.iter().filter(|endpoint| endpoint.family == family).collect();
        if of_family.is_empty() {
            continue;
        }
        let is_needed = region.families.contains(&family);
        let needed = if is_needed {
            format!("needed, {} of {}", region.needed.min(of_family.len()), of_family.len())
        } else {
            "not needed".to_owned()
        };
        let nodes = of_family.into_iter().map(|endpoint| of_endpoint(endpoint, now)).collect();
        below.push(Outline::new(format!("{family} ({needed})"), nodes));
    }
    Outline::new(format!("{mark}{preference}. {}{service}: {why}, {since}", region.region), below)
}

fn of_endpoint(endpoint: &EndpointExplanation, now: Moment) -> Outline {
    let EndpointExplanation { address, votes, checks, .. } = endpoint;
    let marks = [
        endpoint.doubt.map(|doubt| word(&doubt).to_owned()),
        endpoint.suspect.then(|| "fails just now".to_owned()),
        endpoint.degraded.map(|why| format!("degraded: {why}")),
        endpoint.word.as_ref().map(ToString::to_string),
        endpoint.served.then(|| "in the answer".to_owned()),
    ];
    let marks: String = marks.into_iter().flatten().map(|mark| format!(", {mark}")).collect();
    let checks_below = checks.iter().map(|check| Outline::leaf(of_check(check, now)));
    // Where this node votes alone its checks say more than its vote, unless what they saw does not count.
    let is_told = |ballot: &&Ballot| votes.len() > 1 || checks.is_empty() || ballot.isolated;
    let others = votes.iter().filter(is_told).map(|vote| Outline::leaf(of_vote(vote)));
    Outline::new(format!("{address} {}{marks}", endpoint.state), checks_below.chain(others).collect())
}

fn of_check(check: &CheckStatus, now: Moment) -> String {
    let seen = match check.seen {
        Some(seen) => format!("{} ago", ago(now.since(seen))),
        None => "never".to_owned(),
    };
    let took = check.latency.map(|seconds| format!(" in {}", latency(seconds))).unwrap_or_default();
    let said = match (&check.trouble, &check.failure) {
        (Some(trouble), _) => format!("could not be sent: {trouble}"),
        (None, Some(failure)) => failure.to_string(),
        (None, None) if check.seen.is_some() => "ok".to_owned(),
        (None, None) => "-".to_owned(),
    };
    format!(
        "probe {} from {}: {}; seen {seen}{took}: {said}",
        probe_of(check),
        check.vantage,
        belief(check.health)
    )
}

fn belief(health: Health) -> String {
    match health {
        Health::Unknown { passes, failures } => {
            format!("unknown ({passes} passed, {failures} failed in a row)")
        }
        Health::Up { failures: 0 } => "up".to_owned(),
        Health::Up { failures } => format!("up ({failures} failed)"),
        Health::Down { passes: 0 } => "down".to_owned(),
        Health::Down { passes } => format!("down ({passes} passed)"),
    }
}

fn of_vote(ballot: &Ballot) -> String {
    let says = match ballot.vote {
        Vote::Up => "up".to_owned(),
        Vote::Down => "down".to_owned(),
        Vote::Unknown(doubt) => format!("cannot say, {}", word(&doubt)),
    };
    let notes = [
        ballot.suspect.then(|| "fails just now".to_owned()),
        ballot.isolated.then(|| "silent, and no other place was heard that could witness it".to_owned()),
        ballot.awaits_witness.then(|| "other places are asked".to_owned()),
        ballot.failure.as_ref().map(ToString::to_string),
        ballot.trouble.clone(),
    ];
    let notes: Vec<String> = notes.into_iter().flatten().collect();
    let notes = if notes.is_empty() { String::new() } else { format!(": {}", notes.join(", ")) };
    format!("vote of {}: {says}{notes}", ballot.vantage)
}

fn word(doubt: &Doubt) -> &'static str {
    match doubt {
        Doubt::Unproven => "too few probes yet",
        Doubt::Stale => "no fresh probe",
        Doubt::Isolated => "nothing answers us",
        Doubt::NotProbed => "it cannot be probed",
        Doubt::Divided => "the vantages disagree",
    }
}

fn witness(WitnessExplanation { witness, address, family, age, .. }: &WitnessExplanation) -> Outline {
    let heard = match age {
        Some(seconds) => format!("heard {} ago", ago(Duration::from_secs_f64(seconds.max(0.0)))),
        None => "never heard".to_owned(),
    };
    Outline::leaf(format!("{witness} {address} ({family}): {heard}"))
}

fn of_next(next: &NextExplanation, now: Moment) -> Outline {
    let NextExplanation { cause, effect, changes_answer, earliest } = next;
    let mark = if *changes_answer { "→" } else { "·" };
    let earliest = match earliest {
        Some(at) if *at > now => {
            format!(" (at the earliest in {}, at {at})", ago(at.after(now)))
        }
        Some(_) => " (with the next probe)".to_owned(),
        None => String::new(),
    };
    Outline::leaf(format!("{cause}{earliest} {mark} {effect}"))
}

fn list<T: ToString>(items: &[T]) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = items.len().saturating_sub(SHOWN);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}

/// To a tenth of a second below a minute: how fresh a probe is.
fn ago(span: Duration) -> String {
    if span < Duration::from_secs(60) { format!("{:.1} s", span.as_secs_f64()) } else { age(span) }
}
