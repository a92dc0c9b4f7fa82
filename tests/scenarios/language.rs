//! A scenario's text becomes its steps, or the first line that makes no sense.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use cadence_dns::health::State;
use cadence_dns::model::{Family, RegionId};

use super::simulator::Condition;

/// A scenario as it stands in its file.
pub(crate) struct Scenario {
    /// The configuration, in front of `---`.
    pub(crate) config: String,
    /// What comes after it.
    pub(crate) steps: Vec<Step>,
}

/// One line.
pub(crate) struct Step {
    /// Its number in the file, from 1.
    pub(crate) line: usize,
    pub(crate) when: When,
    pub(crate) what: What,
}

/// The moment of a line, from the start of the story.
pub(crate) enum When {
    At(Duration),
    By(Duration),
    Until(Duration),
}

pub(crate) enum What {
    /// Addresses, or regions with all their addresses.
    World {
        places: Vec<String>,
        change: Change,
    },
    /// Our own network, or only one family of it, is lost or back.
    Network {
        families: Vec<Family>,
        lost: bool,
    },
    /// We are out of descriptors, or no longer.
    Exhausted(bool),
    /// The prober hangs, or no longer.
    Stuck(bool),
    /// Killed, and started again after this long, by a clock that was set back meanwhile.
    Restart {
        gap: Duration,
        back: Duration,
    },
    Expect(Expectation),
}

pub(crate) enum Change {
    Becomes(Condition),
    Loses(u32),
}

/// What a decision must be like.
pub(crate) struct Expectation {
    /// The name; the only one, if none is given.
    pub(crate) name: Option<String>,
    pub(crate) region: RegionId,
    pub(crate) facts: Vec<Fact>,
}

pub(crate) enum Fact {
    Epoch(u64),
    Ttl(Duration),
    Answers(Vec<IpAddr>),
    Rule(String),
    Because(String),
    WaitsForNothing,
    Waits { hold: String, to: RegionId, until: Option<Duration> },
    Region { region: RegionId, state: State, since: Option<Duration> },
}

/// Where the text makes no sense, and why.
#[derive(Debug)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.text)
    }
}

/// Takes a scenario apart.
pub(crate) fn read(text: &str) -> Result<Scenario, Mistake> {
    let border = text.lines().position(|line| line.trim() == "---");
    let Some(border) = border else {
        return Err(Mistake {
            line: 1,
            text: "no line `---` between the configuration and the story".into(),
        });
    };
    let config = text.lines().take(border).collect::<Vec<_>>().join("\n");
    let story = text.lines().zip(1..).skip(border + 1);
    let told = story.map(|(text, line)| (text.split('#').next().unwrap_or_default().trim(), line));
    let steps = told.filter(|(text, _)| !text.is_empty()).map(|(text, line)| {
        let step = step(text).map(|(when, what)| Step { line, when, what });
        step.map_err(|why| Mistake { line, text: format!("`{text}`: {why}") })
    });
    Ok(Scenario { config, steps: steps.collect::<Result<_, _>>()? })
}

fn step(text: &str) -> Result<(When, What), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let (when, rest) = match words.as_slice() {
        ["by", time, rest @ ..] => (When::By(span(time)?), rest),
        ["until", time, rest @ ..] => (When::Until(span(time)?), rest),
        [time, rest @ ..] => (When::At(span(time)?), rest),
        [] => return Err("nothing".into()),
    };
    let what = match rest {
        ["expect", ..] => What::Expect(expectation(text.split_once("expect").map_or("", |(_, rest)| rest))?),
        _ if !matches!(when, When::At(_)) => return Err("`by` and `until` are for `expect`".into()),
        event => happening(event)?,
    };
    Ok((when, what))
}

fn happening(words: &[&str]) -> Result<What, String> {
    let network = |families: &[Family], lost| What::Network { families: families.to_vec(), lost };
    Ok(match words {
        ["we", "lose", "our", "network"] => network(&Family::ALL, true),
        ["we", "lose", "our", "IPv4"] => network(&[Family::Ipv4], true),
        ["we", "lose", "our", "IPv6"] => network(&[Family::Ipv6], true),
        ["our", "network", "is", "back"] => network(&Family::ALL, false),
        ["our", "IPv4", "is", "back"] => network(&[Family::Ipv4], false),
        ["our", "IPv6", "is", "back"] => network(&[Family::Ipv6], false),
        ["we", "cannot", "probe"] => What::Exhausted(true),
        ["we", "can", "probe", "again"] => What::Exhausted(false),
        ["the", "prober", "is", "stuck"] => What::Stuck(true),
        ["the", "prober", "is", "back"] => What::Stuck(false),
        ["restart", "after", gap] => What::Restart { gap: span(gap)?, back: Duration::ZERO },
        ["restart", "after", gap, "with", "the", "clock", "set", "back", back] => {
            What::Restart { gap: span(gap)?, back: span(back)? }
        }
        [places @ .., "is" | "are", "up"] => becomes(places, Condition::Up)?,
        [places @ .., "refuses" | "refuse"] => becomes(places, Condition::Refuses)?,
        [places @ .., "hangs" | "hang"] => becomes(places, Condition::Hangs)?,
        [places @ .., "answers" | "answer", status] => {
            becomes(places, Condition::Answers(status.parse().map_err(|_| "no status")?))?
        }
        [places @ .., "is" | "are", "slow", latency] => becomes(places, Condition::Slow(span(latency)?))?,
        [places @ .., "loses" | "lose", number, "probe" | "probes"] => {
            world(places, Change::Loses(number.parse().map_err(|_| "no number of probes")?))?
        }
        _ => return Err("no event that is known; see tests/scenarios.rs".into()),
    })
}

fn becomes(places: &[&str], condition: Condition) -> Result<What, String> {
    world(places, Change::Becomes(condition))
}

/// `us-east`, or `us-east and 192.0.2.10`.
fn world(places: &[&str], change: Change) -> Result<What, String> {
    let names = places.iter().filter(|word| **word != "and").map(|place| (*place).to_owned());
    let places: Vec<String> = names.collect();
    if places.is_empty() { Err("what does?".into()) } else { Ok(What::World { places, change }) }
}

fn expectation(text: &str) -> Result<Expectation, String> {
    let mut parts = text.split(',').map(str::trim);
    let head: Vec<&str> = parts.next().unwrap_or_default().split_whitespace().collect();
    let (name, region) = match head.as_slice() {
        [region] => (None, *region),
        [name, region] => (Some((*name).to_owned()), *region),
        _ => return Err("after `expect` comes a region, or a name and a region".into()),
    };
    Ok(Expectation { name, region: region.into(), facts: parts.map(fact).collect::<Result<_, _>>()? })
}

fn fact(text: &str) -> Result<Fact, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    Ok(match words.as_slice() {
        ["epoch", number] => Fact::Epoch(number.parse().map_err(|_| format!("`{number}` is no epoch"))?),
        ["ttl", ttl] => Fact::Ttl(span(ttl)?),
        ["answers", addresses @ ..] => {
            let parse = |text: &&str| text.parse().map_err(|_| format!("`{text}` is no address"));
            Fact::Answers(addresses.iter().map(parse).collect::<Result<_, _>>()?)
        }
        ["because", ..] => Fact::Because(text["because".len()..].trim().to_owned()),
        ["waits", "for", "nothing"] => Fact::WaitsForNothing,
        ["waits", "for", hold @ .., "to", to, "until", until] => waits(hold, to, Some(span(until)?)),
        ["waits", "for", hold @ .., "to", to] => waits(hold, to, None),
        [region, "is", state, "since", since] => verdict(region, state, Some(span(since)?))?,
        [region, "is", state] => verdict(region, state, None)?,
        [rule] => Fact::Rule((*rule).to_owned()),
        _ => return Err(format!("`{text}` is nothing that can be expected; see tests/scenarios.rs")),
    })
}

fn waits(hold: &[&str], to: &str, until: Option<Duration>) -> Fact {
    Fact::Waits { hold: hold.join(" "), to: to.into(), until }
}

fn verdict(region: &str, state: &str, since: Option<Duration>) -> Result<Fact, String> {
    let state = [State::Up, State::Down, State::Unknown].into_iter().find(|known| known.to_string() == state);
    let state = state.ok_or("a region is up, down or unknown")?;
    Ok(Fact::Region { region: region.into(), state, since })
}

/// `90s`, `1500ms`, `1h5m`.
fn span(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    parsed.ok_or_else(|| format!("`{text}` is no time such as 90s or 1h5m"))
}
