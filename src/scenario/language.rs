//! One line of a story becomes a step, or says where it makes no sense.

use std::net::IpAddr;
use std::time::Duration;

use super::order::order;
use super::span::span;
use crate::controller::{Terms, What as Wish};
use crate::health::State;
use crate::model::{Family, GateId, HookId, RegionId};
use crate::policy::Seen;
use crate::simulator::{Condition, DiskState, Link};

/// The last moment of a story: what comes later would take long to play, and is a mistyped unit.
const LENGTH_MAX: Duration = Duration::from_secs(31 * 24 * 3600);

/// Name servers that vote, at most.
const NODES_MAX: usize = 9;

/// One line.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its number in the file, from 1.
    pub line: u32,
    /// The column of what happens, from 1.
    pub column: u32,
    /// What happens, as it was written.
    pub text: String,
    /// When.
    pub when: When,
    /// At which name server.
    pub at: Where,
    /// What happens, or is expected.
    pub what: What,
}

/// At which name server something happens, or is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// At that of this number, from 0, which is us.
    Node(usize),
    /// At all of them.
    Everywhere,
}

/// The moment of a line, from the start of the story.
#[derive(Debug, Clone, Copy)]
pub enum When {
    /// At this moment.
    At(Duration),
    /// At some moment from the line before up to this one.
    By(Duration),
    /// At every moment from the line before up to this one.
    Until(Duration),
}

/// What happens, or is expected.
#[derive(Debug, Clone)]
pub enum What {
    /// Addresses, or regions with all their addresses.
    World {
        /// As they are written.
        places: Vec<String>,
        /// What becomes of them.
        change: Change,
    },
    /// The network of a node, or only one family of it, is lost or back.
    Network {
        /// The number of the node, from 0, which is us.
        node: usize,
        /// What is lost of it.
        families: Vec<Family>,
        /// Or back.
        lost: bool,
    },
    /// We have no address or route of a family, or have them again.
    Family {
        /// Which one.
        family: Family,
        /// Or given back.
        taken: bool,
    },
    /// A node reaches what the nodes share like this.
    Linked {
        /// The number of the node, from 0, which is us.
        node: usize,
        /// What is left of the way.
        link: Link,
    },
    /// What the nodes share answers nobody, or does again.
    RegisterDown(bool),
    /// It takes so much longer.
    RegisterSlow(Duration),
    /// A node stands in a region: in the first lines of a story.
    Stands {
        /// The number of the node, from 0, which is us.
        node: usize,
        /// Where.
        region: RegionId,
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
        /// Which gate.
        gate: GateId,
        /// What is seen there.
        seen: Option<Seen>,
    },
    /// A hook fails from now on, or works.
    Hook {
        /// Which hook.
        hook: HookId,
        /// Whether it fails.
        fails: bool,
    },
    /// An operator gives a name back to the best of its regions.
    FailBack(Option<String>),
    /// An operator says something else.
    Says(Box<(Wish, Terms)>),
    /// Killed, or without power, and started again after this long.
    Restart(Restart),
    /// Another configuration is reloaded, without a restart: its name.
    Configuration(String),
    /// This is expected.
    Expect(Expectation),
}

/// How a name server comes back.
#[derive(Debug, Clone)]
pub struct Restart {
    /// After how long.
    pub gap: Duration,
    /// By how much the clock was set back meanwhile.
    pub back: Duration,
    /// What was not on the disk itself is lost.
    pub power_lost: bool,
    /// The configuration, if it is another one now.
    pub config: Option<String>,
}

/// What becomes of an address.
#[derive(Debug, Clone, Copy)]
pub enum Change {
    /// It behaves like this.
    Becomes(Condition),
    /// Shows a certificate that expires then, counted from the start.
    Certificate(Duration),
    /// So many of its next probes are lost.
    Loses(u32),
}

/// What a decision must be like.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The name; the only one, if none is given.
    pub name: Option<String>,
    /// The region in service.
    pub region: RegionId,
    /// Where the region stands, from 1.
    pub column: u32,
    /// What else is expected.
    pub facts: Vec<Expected>,
}

/// What else is expected of a decision.
#[derive(Debug, Clone)]
pub enum Fact {
    /// Its epoch.
    Epoch(u64),
    /// Its TTL.
    Ttl(Duration),
    /// The addresses, in this order.
    Answers(Vec<IpAddr>),
    /// The label of the rule.
    Rule(String),
    /// A part of why.
    Because(String),
    /// What `status` warns of; `of nothing` for none.
    Warns(String),
    /// What the last command was told.
    Replied(String),
    /// No change is wanted that is not yet allowed.
    WaitsForNothing,
    /// A change is wanted and not yet allowed.
    Waits {
        /// What it waits for.
        hold: String,
        /// Where the name would go.
        to: RegionId,
        /// Until when, from the beginning.
        until: Option<Duration>,
    },
    /// The verdict on a region.
    Region {
        /// Which one.
        region: RegionId,
        /// What it is.
        state: State,
        /// Since when, from the beginning.
        since: Option<Duration>,
    },
}

/// A part of an expectation.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Its column, from 1.
    pub column: u32,
    /// As it was written.
    pub text: String,
    /// What it says.
    pub fact: Fact,
}

/// Where a line makes no sense, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The column, from 1.
    pub column: u32,
    /// What was found.
    pub found: String,
    /// What would be right.
    pub help: String,
}

impl Step {
    /// Takes a line apart; none when there is nothing in it but a comment.
    ///
    /// # Errors
    /// The first part of it that makes no sense.
    pub fn read(line: u32, text: &str) -> Result<Option<Step>, Mistake> {
        let told = text.split('#').next().unwrap_or_default().trim_end();
        let words = words(told);
        let plain: Vec<&str> = words.iter().map(|(_, word)| *word).collect();
        let (before, of): (usize, fn(Duration) -> When) = match plain.as_slice() {
            [] => return Ok(None),
            ["by", ..] => (1, When::By),
            ["until", ..] => (1, When::Until),
            [..] => (0, When::At),
        };
        let (at, time) = words.get(before).copied().unwrap_or((told.len(), ""));
        let wrong = |at: usize, found: String| Mistake { column: column(told, at), found, help: HELP.into() };
        let moment = span(time).map_err(|found| wrong(at, found))?;
        if moment > LENGTH_MAX {
            return Err(wrong(at, format!("`{time}` is beyond the 31 days that a story may last")));
        }
        let when = of(moment);
        let mut first = (before + 1).min(plain.len());
        let (place, _) = words.get(first).copied().unwrap_or((told.len(), ""));
        let (taken, whose) = match &plain[first..] {
            ["everywhere", ..] => (1, Where::Everywhere),
            ["at", node, ..] => (2, Where::Node(number_of(node).map_err(|found| wrong(place, found))?)),
            [..] => (0, Where::Node(0)),
        };
        first += taken;
        let (at, _) = words.get(first).copied().unwrap_or((told.len(), ""));
        let rest = &plain[first.min(plain.len())..];
        let what = match rest {
            ["expect", ..] => {
                What::Expect(expectation(told, at + "expect".len()).map_err(|(at, found)| wrong(at, found))?)
            }
            _ if !matches!(when, When::At(_)) => {
                return Err(wrong(at, "`by` and `until` are for `expect`".into()));
            }
            event => happening(event).map_err(|found| wrong(at, found))?,
        };
        Ok(Some(Step {
            line,
            column: column(told, at),
            text: told[place..].to_owned(),
            when,
            at: whose,
            what,
        }))
    }
}

const HELP: &str =
    "the lines that there are stand in docs/simulating.md, and in `cadence-dns simulate --help`";

/// Each word, and the octet that it begins at.
fn words(text: &str) -> Vec<(usize, &str)> {
    let start = text.as_ptr() as usize;
    text.split_whitespace().map(|word| (word.as_ptr() as usize - start, word)).collect()
}

fn column(text: &str, at: usize) -> u32 {
    let characters = text.get(..at).unwrap_or(text).chars().count();
    u32::try_from(characters + 1).unwrap_or(u32::MAX)
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
        [node, "is", "not", "heard", "of"] => What::Linked { node: number_of(node)?, link: Link::Down },
        [node, "is", "heard", "of", "again"] => What::Linked { node: number_of(node)?, link: Link::Up },
        [node, "is", "heard", "but", "deaf"] => What::Linked { node: number_of(node)?, link: Link::Deaf },
        [node, "hears", "but", "is", "not", "heard"] => {
            What::Linked { node: number_of(node)?, link: Link::Unheard }
        }
        [node, "stands", "in", region] => What::Stands { node: number_of(node)?, region: (*region).into() },
        ["etcd", "is", "gone"] => What::RegisterDown(true),
        ["etcd", "is", "back"] => What::RegisterDown(false),
        ["etcd", "is", "slow", more] => What::RegisterSlow(span(more)?),
        ["etcd", "is", "fast"] => What::RegisterSlow(Duration::ZERO),
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
        [number, "name", "servers", "vote"] => {
            let nodes = number.parse().ok().filter(|nodes| (1..=NODES_MAX).contains(nodes));
            What::Nodes(
                nodes.ok_or_else(|| {
                    format!("`{number}` is no number of name servers from 1 to {NODES_MAX}")
                })?,
            )
        }
        ["an", "operator", "fails", "back"] => What::FailBack(None),
        ["an", "operator", "fails", "back", name] => What::FailBack(Some((*name).to_owned())),
        ["an", "operator", "says", words @ ..] => What::Says(Box::new(order(words)?)),
        ["the", "power", "fails", "for", gap] => What::Restart(restart(gap, true)?),
        ["the", "configuration", "becomes", name] => What::Configuration((*name).to_owned()),
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
        [places @ .., "answers" | "answer", status] => becomes(
            places,
            Condition::Answers(status.parse().map_err(|_| format!("`{status}` is no status of HTTP"))?),
        )?,
        [places @ .., "is" | "are", "slow", latency] => becomes(places, Condition::Slow(span(latency)?))?,
        ["the", "certificate", "of", places @ .., "expires", "at", time] => {
            world(places, Change::Certificate(span(time)?))?
        }
        [places @ .., "loses" | "lose", number, "probe" | "probes"] => {
            world(places, Change::Loses(number.parse().map_err(|_| "no number of probes")?))?
        }
        _ => return Err("nothing that can happen".into()),
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

/// What follows `expect` from an octet on; a mistake with the octet that it stands at.
fn expectation(line: &str, start: usize) -> Result<Expectation, (usize, String)> {
    let mut at = start;
    let mut parts = line[start..].split(',').map(|part| {
        let begins = at + part.len() - part.trim_start().len();
        at += part.len() + 1;
        (begins, part.trim())
    });
    let (head_at, head) = parts.next().unwrap_or((start, ""));
    let head: Vec<&str> = head.split_whitespace().collect();
    let (name, region) = match head.as_slice() {
        [region] => (None, *region),
        [name, region] => (Some((*name).to_owned()), *region),
        _ => return Err((head_at, "after `expect` comes a region, or a name and a region".into())),
    };
    let expected = |(at, text): (usize, &str)| {
        let fact = fact(text).map_err(|found| (at, found))?;
        Ok(Expected { column: column(line, at), text: text.to_owned(), fact })
    };
    Ok(Expectation {
        name,
        region: region.into(),
        column: column(line, head_at),
        facts: parts.map(expected).collect::<Result<_, _>>()?,
    })
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
        _ => return Err(format!("`{text}` is nothing that can be expected")),
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
