//! A scenario's text becomes its steps, or the first line that makes no sense.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use cadence_dns::health::State;
use cadence_dns::model::{Family, GateId, HookId, RegionId};
use cadence_dns::policy::Seen;

use super::simulator::{Condition, DiskState};

/// A scenario as it stands in its file.
pub(crate) struct Scenario {
    /// The configuration, in front of `---`.
    pub(crate) config: String,
    /// What comes after it.
    pub(crate) steps: Vec<Step>,
    /// Other configurations, each after a line `--- NAME`.
    pub(crate) configs: BTreeMap<String, String>,
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
    /// The network of a node, or only one family of it, is lost or back.
    Network {
        node: usize,
        families: Vec<Family>,
        lost: bool,
    },
    /// We have no address or route of a family, or have them again.
    Family {
        family: Family,
        taken: bool,
    },
    /// The other nodes do not hear of this one, or do again.
    Parted {
        node: usize,
        parted: bool,
    },
    /// Something near us refuses every connection, or no longer.
    Forged(bool),
    /// We are out of descriptors, or no longer.
    Exhausted(bool),
    /// The prober hangs, or no longer.
    Stuck(bool),
    /// Our process is stopped for this long.
    StandStill(Duration),
    /// The disk of our node fails, or works again.
    Disk(DiskState),
    /// Somebody sets the wall clock of our node, by milliseconds: back if positive.
    Clock(i64),
    /// Three name servers, or two, from here on: in the first line of a story.
    Nodes(usize),
    /// A gate shows this whenever it is asked; none: nobody asks any more.
    Gate {
        gate: GateId,
        seen: Option<Seen>,
    },
    /// A hook fails from now on, or works.
    Hook {
        hook: HookId,
        fails: bool,
    },
    /// An operator gives a name back to the best of its regions.
    FailBack(Option<String>),
    /// Killed, or without power, and started again after this long.
    Restart(Restart),
    Expect(Expectation),
}

/// How a name server comes back.
pub(crate) struct Restart {
    pub(crate) gap: Duration,
    /// By how much the clock was set back meanwhile.
    pub(crate) back: Duration,
    pub(crate) power_lost: bool,
    /// The configuration, if it is another one now.
    pub(crate) config: Option<String>,
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
    /// What `status` warns of; `of nothing` for none.
    Warns(String),
    /// What the last command was told.
    Replied(String),
    WaitsForNothing,
    Waits {
        hold: String,
        to: RegionId,
        until: Option<Duration>,
    },
    Region {
        region: RegionId,
        state: State,
        since: Option<Duration>,
    },
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
    let mut parts: Vec<(usize, &str, Vec<&str>)> = vec![(0, "", Vec::new())];
    for (line, number) in text.lines().zip(1..) {
        match line.trim().strip_prefix("---") {
            Some(name) => parts.push((number, name.trim(), Vec::new())),
            None => parts.last_mut().expect("there is one").2.push(line),
        }
    }
    let mut parts = parts.into_iter();
    let (_, _, config) = parts.next().expect("there is one");
    let Some((border, _, story)) = parts.next() else {
        let text = "no line `---` between the configuration and the story".into();
        return Err(Mistake { line: 1, text });
    };
    let told = story.iter().zip(border + 1..);
    let told = told.map(|(text, line)| (text.split('#').next().unwrap_or_default().trim(), line));
    let steps = told.filter(|(text, _)| !text.is_empty()).map(|(text, line)| {
        let step = step(text).map(|(when, what)| Step { line, when, what });
        step.map_err(|why| Mistake { line, text: format!("`{text}`: {why}") })
    });
    Ok(Scenario {
        config: config.join("\n"),
        steps: steps.collect::<Result<_, _>>()?,
        configs: parts.map(|(_, name, lines)| (name.to_owned(), lines.join("\n"))).collect(),
    })
}

/// One line: when, and what.
pub(crate) fn step(text: &str) -> Result<(When, What), String> {
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
    let network = |families: &[Family], lost| What::Network { node: 0, families: families.to_vec(), lost };
    let restart = |gap: &str, power_lost| -> Result<Restart, String> {
        Ok(Restart { gap: span(gap)?, back: Duration::ZERO, power_lost, config: None })
    };
    Ok(match words {
        ["we", "lose", "our", "network"] => network(&Family::ALL, true),
        ["we", "lose", "our", family] => network(&[of_name(family)?], true),
        ["our", "network", "is", "back"] => network(&Family::ALL, false),
        ["our", "disk", "is", "back"] => What::Disk(DiskState::Works),
        ["our", family, "is", "back"] => network(&[of_name(family)?], false),
        [node, "loses", "its", "network"] => {
            What::Network { node: number_of(node)?, families: Family::ALL.to_vec(), lost: true }
        }
        [node, "has", "its", "network", "back"] => {
            What::Network { node: number_of(node)?, families: Family::ALL.to_vec(), lost: false }
        }
        ["we", "have", "no", family] => What::Family { family: of_name(family)?, taken: true },
        ["we", "have", family, "again"] => What::Family { family: of_name(family)?, taken: false },
        [node, "is", "not", "heard", "of"] => What::Parted { node: number_of(node)?, parted: true },
        [node, "is", "heard", "of", "again"] => What::Parted { node: number_of(node)?, parted: false },
        ["a", "middlebox", "refuses", "everything"] => What::Forged(true),
        ["the", "middlebox", "is", "gone"] => What::Forged(false),
        ["we", "cannot", "probe"] => What::Exhausted(true),
        ["we", "can", "probe", "again"] => What::Exhausted(false),
        ["the", "prober", "is", "stuck"] => What::Stuck(true),
        ["the", "prober", "is", "back"] => What::Stuck(false),
        ["we", "stand", "still", "for", time] => What::StandStill(span(time)?),
        ["our", "disk", "hangs"] => What::Disk(DiskState::Hangs),
        ["our", "disk", "is", "full"] => What::Disk(DiskState::Full),
        ["our", "clock", "is", "set", "back", time] => What::Clock(millis(time)?),
        ["our", "clock", "is", "set", "forward", time] => What::Clock(-millis(time)?),
        [number, "name", "servers", "vote"] => What::Nodes(number.parse().map_err(|_| "how many?")?),
        ["an", "operator", "fails", "back"] => What::FailBack(None),
        ["an", "operator", "fails", "back", name] => What::FailBack(Some((*name).to_owned())),
        ["the", "power", "fails", "for", gap] => What::Restart(restart(gap, true)?),
        ["restart", "after", gap] => What::Restart(restart(gap, false)?),
        ["restart", "after", gap, "with", "the", "clock", "set", "back", back] => {
            What::Restart(Restart { back: span(back)?, ..restart(gap, false)? })
        }
        ["restart", "after", gap, "with", "the", "configuration", name] => {
            What::Restart(Restart { config: Some((*name).to_owned()), ..restart(gap, false)? })
        }
        ["gate", gate, light] => What::Gate { gate: (*gate).into(), seen: seen(light)? },
        ["hook", hook, "fails"] => What::Hook { hook: (*hook).into(), fails: true },
        ["hook", hook, "works"] => What::Hook { hook: (*hook).into(), fails: false },
        [places @ .., "is" | "are", "up"] => becomes(places, Condition::Up)?,
        [places @ .., "refuses" | "refuse"] => becomes(places, Condition::Refuses)?,
        [places @ .., "hangs" | "hang"] => becomes(places, Condition::Hangs)?,
        [places @ .., "fails" | "fail", "every", "second", "probe"] => {
            becomes(places, Condition::Alternates)?
        }
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

fn seen(light: &str) -> Result<Option<Seen>, String> {
    match light {
        "green" => Ok(Some(Seen::Fine("all is well".into()))),
        "red" => Ok(Some(Seen::Unfit("not ready".into()))),
        "unknown" => Ok(Some(Seen::Blind("no answer".into()))),
        "stale" => Ok(None),
        _ => Err(format!("`{light}` is neither green, red, unknown nor stale")),
    }
}

fn of_name(name: &str) -> Result<Family, String> {
    let family = Family::ALL.into_iter().find(|family| family.to_string() == name);
    family.ok_or_else(|| format!("`{name}` is neither IPv4 nor IPv6"))
}

/// `ns2` is the second node.
fn number_of(node: &str) -> Result<usize, String> {
    let number = node.strip_prefix("ns").and_then(|number| number.parse::<usize>().ok());
    number.and_then(|number| number.checked_sub(1)).ok_or_else(|| format!("`{node}` is no node such as ns2"))
}

fn millis(text: &str) -> Result<i64, String> {
    i64::try_from(span(text)?.as_millis()).map_err(|_| "too long".to_owned())
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
        ["warns", ..] => Fact::Warns(text["warns".len()..].trim().to_owned()),
        ["replied", ..] => Fact::Replied(text["replied".len()..].trim().to_owned()),
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
