//! How things are, as a shape, a word and a colour: never by the colour alone.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::api::{EndpointStatus, GateStatus, NameStatus, RegionStatus};
use crate::health::{Doubt, State, Vote};
use crate::policy::{Light, Rule, Urgency};

/// How much an operator should care; the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tone {
    /// Something is broken, or clients may be sent to what is.
    Bad,
    /// Not as preferred, or not known.
    Watch,
    /// As it should be.
    Good,
}

/// A word with its shape.
#[derive(Debug, Clone, PartialEq, Eq, Template)]
#[template(path = "mark.html")]
pub(super) struct Mark {
    pub(super) tone: Tone,
    pub(super) word: String,
}

impl HtmlSafe for Mark {}

impl Tone {
    fn of(urgency: Option<Urgency>) -> Tone {
        match urgency {
            Some(Urgency::Critical) => Tone::Bad,
            Some(Urgency::Warning) => Tone::Watch,
            Some(Urgency::Info) | None => Tone::Good,
        }
    }

    #[cfg(test)]
    pub(super) fn all() -> [Tone; 3] {
        [Tone::Bad, Tone::Watch, Tone::Good]
    }

    /// The class of the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Tone::Bad => "bad",
            Tone::Watch => "watch",
            Tone::Good => "good",
        }
    }

    /// A disc, a triangle or a square with a bar through it, in a square of 16.
    fn path(self) -> &'static str {
        match self {
            Tone::Bad => "M1 1h14v14H1zM4 6.5v3h8v-3z",
            Tone::Watch => "M8 1l7.5 14H.5z",
            Tone::Good => "M8 1a7 7 0 1 1 0 14a7 7 0 1 1 0-14z",
        }
    }
}

impl Mark {
    pub(super) fn new(tone: Tone, word: impl Into<String>) -> Mark {
        Mark { tone, word: word.into() }
    }

    /// How a name is answered. `is_down`: the region in service is proven down.
    pub(super) fn of_name(name: &NameStatus, is_down: bool) -> Mark {
        let word = match &name.rule {
            Rule::Preferred => "preferred",
            Rule::FailedOver { .. } => "failed over",
            Rule::Unproven => "unproven",
            Rule::FailOpen => "FAIL OPEN",
            Rule::NoneProven | Rule::Freeze => "FROZEN",
            Rule::Held => "HELD",
            Rule::Pinned => "pinned",
            Rule::Frozen => "frozen by order",
            Rule::Draining => "draining",
        };
        Mark::new(Tone::of(Urgency::of(&name.rule, is_down.then_some(State::Down))), word)
    }

    pub(super) fn of_region(region: &RegionStatus) -> Mark {
        let is_degraded = !region.degraded.is_empty()
            || region.endpoints.iter().any(|endpoint| endpoint.degraded.is_some());
        match region.state {
            State::Up if region.endpoints.iter().any(|endpoint| endpoint.suspect) => {
                Mark::new(Tone::Watch, "up, failing")
            }
            State::Up if is_degraded => Mark::new(Tone::Watch, "degraded"),
            State::Up | State::Down | State::Unknown => Mark::of_state(region.state, None),
        }
    }

    pub(super) fn of_endpoint(endpoint: &EndpointStatus) -> Mark {
        match endpoint.state {
            State::Up if endpoint.suspect => Mark::new(Tone::Watch, "up, failing"),
            State::Up if endpoint.degraded.is_some() => Mark::new(Tone::Watch, "degraded"),
            State::Up | State::Down | State::Unknown => Mark::of_state(endpoint.state, endpoint.doubt),
        }
    }

    pub(super) fn of_state(state: State, doubt: Option<Doubt>) -> Mark {
        match state {
            State::Up => Mark::new(Tone::Good, "up"),
            State::Down => Mark::new(Tone::Bad, "DOWN"),
            State::Unknown => Mark::new(
                Tone::Watch,
                doubt.map_or("unknown".into(), |doubt| format!("unknown, {}", word(doubt))),
            ),
        }
    }

    pub(super) fn of_vote(vote: Vote) -> Mark {
        match vote {
            Vote::Up => Mark::of_state(State::Up, None),
            Vote::Down => Mark::of_state(State::Down, None),
            Vote::Unknown(doubt) => Mark::of_state(State::Unknown, Some(doubt)),
        }
    }

    pub(super) fn of_gate(gate: &GateStatus) -> Mark {
        match gate.light {
            Light::Green => Mark::new(Tone::Good, "green"),
            Light::Red => Mark::new(Tone::Bad, "red"),
            Light::Unknown => Mark::new(Tone::Watch, "unknown"),
        }
    }
}

fn word(doubt: Doubt) -> &'static str {
    match doubt {
        Doubt::Isolated => "isolated",
        Doubt::NotProbed => "not probed",
        Doubt::Unproven => "unproven",
        Doubt::Stale => "stale",
        Doubt::Divided => "divided",
    }
}
