//! Whether a decision is as expected, and what it is if not.

use std::time::Duration;

use super::language::Fact;
use crate::api::Status;
use crate::controller::Reply;
use crate::model::Moment;
use crate::policy::Decision;
use crate::simulator::BEGINNING;

/// Moments of holds and verdicts are right within this: they depend on the phases of the probes.
const TOLERANCE: Duration = Duration::from_secs(1);

/// What there is to compare with.
pub(super) struct Found<'f> {
    /// The decision on the name.
    pub(super) decision: &'f Decision,
    /// What an operator would read.
    pub(super) status: &'f dyn Fn() -> Option<Status>,
    /// What became of the last command.
    pub(super) reply: Option<&'f Reply>,
}

/// One fact.
///
/// # Errors
/// What was found instead.
pub(super) fn compare(fact: &Fact, found: &Found<'_>) -> Result<(), String> {
    let decision = found.decision;
    let (standing, derivation) = (&decision.standing, &decision.derivation);
    let wait = derivation.wait.as_ref();
    let unless = |fine: bool, found: String| if fine { Ok(()) } else { Err(found) };
    match fact {
        Fact::Epoch(epoch) => unless(standing.epoch == *epoch, format!("epoch {}", standing.epoch)),
        Fact::Ttl(ttl) => unless(decision.ttl.as_duration() == *ttl, format!("ttl {}", decision.ttl)),
        Fact::Answers(addresses) => {
            let all: Vec<String> = standing.addresses.iter().map(ToString::to_string).collect();
            unless(*standing.addresses == **addresses, format!("answers {}", all.join(" ")))
        }
        Fact::Rule(rule) => unless(derivation.rule.label() == rule, derivation.rule.label().into()),
        Fact::Because(text) => {
            let why = derivation.headline(&standing.region);
            unless(why.contains(text), format!("because {why}"))
        }
        Fact::Warns(text) => warns(text, found),
        Fact::Replied(text) => replied(text, found),
        Fact::WaitsForNothing => {
            unless(wait.is_none(), wait.map(|wait| format!("waits for {}", wait.hold)).unwrap_or_default())
        }
        Fact::Waits { hold, to, until } => {
            let fits = wait.is_some_and(|wait| {
                wait.hold.to_string() == *hold && wait.to == *to && until.is_none_or(|u| near(wait.until, u))
            });
            let found = wait.map_or("waits for nothing".to_owned(), |wait| {
                let until = wait.until.map(|until| format!(" until {}", shown(until))).unwrap_or_default();
                format!("waits for {} to {}{until}", wait.hold, wait.to)
            });
            unless(fits, found)
        }
        Fact::Region { region, state, since } => {
            let verdict =
                derivation.verdict_on(region).ok_or_else(|| format!("{region} is none of its regions"))?;
            let fits = verdict.state == *state && since.is_none_or(|since| near(Some(verdict.since), since));
            unless(fits, format!("{region} is {verdict}, since {}", shown(verdict.since)))
        }
    }
}

fn warns(text: &str, found: &Found<'_>) -> Result<(), String> {
    let status = (found.status)().ok_or("the name server is away")?;
    let warned = match text {
        "of nothing" => status.warnings.is_empty(),
        text => status.warnings.iter().any(|warning| warning.text.contains(text)),
    };
    let all: Vec<String> = status.warnings.into_iter().map(|warning| warning.text).collect();
    match all.as_slice() {
        _ if warned => Ok(()),
        [] => Err("warns of nothing".into()),
        all => Err(format!("warns {}", all.join("; and "))),
    }
}

fn replied(text: &str, found: &Found<'_>) -> Result<(), String> {
    let reply = found.reply.ok_or("no reply yet")?;
    let told = match &reply.outcome {
        Ok(done) => done.to_string(),
        Err(refusal) => refusal.to_string(),
    };
    if told.contains(text) { Ok(()) } else { Err(format!("replied {told}")) }
}

fn near(moment: Option<Moment>, expected: Duration) -> bool {
    let expected = BEGINNING + expected;
    moment.is_some_and(|moment| moment.since(expected).max(expected.since(moment)) <= TOLERANCE)
}

/// As in the story: the time since its beginning.
pub(super) fn shown(moment: Moment) -> String {
    let span = moment.since(BEGINNING);
    if span.is_zero() { "0s".into() } else { format!("{span:?}") }
}
