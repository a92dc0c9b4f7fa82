//! Whether a PostgreSQL server may take over: by its role, and by what it lacks of its primary.
//!
//! What a replica lacks is measured against what was known of its primary, for a replica that is cut off says that it has
//! all that it received. The primary is whatever gate found to be one, with the same data.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::Light;
use super::seen::{Database, Lsn};
use crate::health::State;
use crate::model::{GateId, Moment, RegionId};
use crate::policy::Verdicts;

/// As many positions of a primary are remembered: at the usual interval, those of five minutes.
const POSITIONS_MAX: usize = 64;

/// What was seen of a primary is its present for this long.
const PRIMARY_FRESH: Duration = Duration::from_secs(15);

/// What a server must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DatabaseRules {
    /// Its role; either, if none.
    pub role: Option<Role>,
    /// The most that a replica may lack of its primary, as a time.
    pub lag: Option<Duration>,
    /// The same in octets of the log.
    pub lag_bytes: Option<u64>,
}

/// What a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It is written to.
    Primary,
    /// It replays what its primary writes.
    Replica,
}

/// What is known of each primary, by the gate that found it.
#[derive(Debug, Clone, Default)]
pub(super) struct Primaries(BTreeMap<GateId, Primary>);

#[derive(Debug, Clone)]
struct Primary {
    system: u64,
    region: RegionId,
    /// When it was seen last.
    seen: Moment,
    /// The oldest first; each greater than the one before; never empty.
    positions: VecDeque<Position>,
}

#[derive(Debug, Clone, Copy)]
struct Position {
    at: Lsn,
    /// When it was seen there for the first time.
    first: Moment,
    /// And for the last.
    last: Moment,
}

impl Primaries {
    /// Those that these gates have found.
    pub(super) fn kept(&self, gates: &BTreeSet<GateId>) -> Primaries {
        let kept = self.0.iter().filter(|(gate, _)| gates.contains(gate));
        Primaries(kept.map(|(gate, primary)| (gate.clone(), primary.clone())).collect())
    }

    pub(super) const NONE: Primaries = Primaries(BTreeMap::new());

    /// A gate has seen a server.
    pub(super) fn note(&mut self, gate: &GateId, region: &RegionId, seen: &Database, now: Moment) {
        if seen.in_recovery {
            self.0.remove(gate);
            return;
        }
        let is_same = |known: &Primary| known.system == seen.system && known.last().at <= seen.position;
        let position = Position { at: seen.position, first: now, last: now };
        match self.0.get_mut(gate).filter(|known| is_same(known)) {
            Some(known) => known.note(position),
            // Another server, or one that was restored: what was known says nothing of it.
            None => {
                let known = Primary {
                    system: seen.system,
                    region: region.clone(),
                    seen: now,
                    positions: [position].into(),
                };
                self.0.insert(gate.clone(), known);
            }
        }
    }

    /// The primary of this data: of several, the one that was seen last.
    fn of(&self, system: u64) -> Option<&Primary> {
        let known = self.0.values().filter(|known| known.system == system);
        known.max_by_key(|known| (known.seen, known.last().at))
    }
}

impl Primary {
    fn note(&mut self, position: Position) {
        self.seen = position.last;
        match self.positions.back_mut() {
            Some(last) if last.at == position.at => last.last = position.last,
            Some(_) | None => self.positions.push_back(position),
        }
        if self.positions.len() > POSITIONS_MAX {
            self.positions.pop_front();
        }
    }

    fn last(&self) -> &Position {
        self.positions.back().expect("it was seen somewhere")
    }

    /// When its region went down, if that is down.
    fn down_since(&self, verdicts: &Verdicts) -> Option<Moment> {
        let verdict = verdicts.get(&self.region)?;
        (verdict.state == State::Down).then_some(verdict.since)
    }

    /// Whether its last position is the one that counts: the present one, or that of its end.
    fn is_known(&self, at: Moment, verdicts: &Verdicts) -> bool {
        let end = self.down_since(verdicts).map_or(at, |since| since.min(at));
        end.since(self.seen) <= PRIMARY_FRESH
    }

    /// Whether it works: in a region that is down, it has been seen since.
    fn is_alive(&self, at: Moment, verdicts: &Verdicts) -> bool {
        let seen_since_then = self.down_since(verdicts).is_none_or(|since| self.seen > since);
        seen_since_then && at.since(self.seen) <= PRIMARY_FRESH
    }

    /// For how long, at least, it has had what a replica at this position lacks.
    fn lacked_for_at_least(&self, replayed: Lsn) -> Duration {
        let lacks = self.positions.iter().find(|position| position.at > replayed);
        lacks.map_or(Duration::ZERO, |position| self.seen.since(position.first))
    }

    /// For how long at most; none if nobody was there to see.
    fn lacked_for_at_most(&self, replayed: Lsn) -> Option<Duration> {
        if self.last().at <= replayed {
            return Some(Duration::ZERO);
        }
        let has = self.positions.iter().rfind(|position| position.at <= replayed);
        has.map(|position| self.seen.since(position.last))
    }
}

/// What a gate shows whose server was seen `at` that moment.
pub(super) fn judge(
    rules: &DatabaseRules,
    seen: &Database,
    at: Moment,
    primaries: &Primaries,
    verdicts: &Verdicts,
) -> (Light, String) {
    match (rules.role, seen.in_recovery) {
        (Some(Role::Primary), true) => (Light::Red, "it is a replica, not a primary".into()),
        (Some(Role::Replica), false) => (Light::Red, "it is a primary, not a replica".into()),
        (_, false) => (Light::Green, format!("primary, at {}", seen.position)),
        (_, true) => replica(rules, seen, at, primaries.of(seen.system), verdicts),
    }
}

fn replica(
    rules: &DatabaseRules,
    seen: &Database,
    at: Moment,
    primary: Option<&Primary>,
    verdicts: &Verdicts,
) -> (Light, String) {
    if !seen.receives {
        match primary {
            None => return (Light::Red, "it receives from no primary, and no gate knows one".into()),
            Some(primary) if primary.is_alive(at, verdicts) => {
                let found = format!("replication is broken: it receives nothing from {}", primary.region);
                return (Light::Red, found);
            }
            Some(_) => {}
        }
    }
    let known = primary.filter(|primary| primary.is_known(at, verdicts));
    let octets = known.map(|primary| primary.last().at.0.saturating_sub(seen.position.0));
    let lag = match (known, seen.receives) {
        (Some(primary), true) => {
            let proven = primary.lacked_for_at_least(seen.position);
            let own = seen.behind.map(|behind| behind.max(proven));
            // One that has replayed no transaction yet has no word of its own.
            let at_most = || primary.lacked_for_at_most(seen.position);
            let too_long = rules.lag.is_some_and(|most| proven > most).then_some(proven);
            own.or_else(at_most).or(too_long)
        }
        (Some(primary), false) => primary.lacked_for_at_most(seen.position),
        (None, true) => seen.behind,
        (None, false) => None,
    };
    if let Some(most) = rules.lag {
        match lag {
            Some(lag) if lag > most => {
                return (Light::Red, format!("replay lag {} > {}", seconds(lag), seconds(most)));
            }
            Some(_) => {}
            None => return (Light::Unknown, unknown(primary, known, at)),
        }
    }
    if let Some(most) = rules.lag_bytes {
        match octets {
            Some(octets) if octets > most => {
                return (Light::Red, format!("replay lag {octets} bytes > {most} bytes"));
            }
            Some(_) => {}
            None => return (Light::Unknown, unknown(primary, known, at)),
        }
    }
    let said = [lag.map(seconds), octets.map(|octets| format!("{octets} bytes"))];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (
        Light::Green,
        if said.is_empty() { "replica".into() } else { format!("replica, {} behind", said.join(" and ")) },
    )
}

/// Why nobody knows how far a replica is behind.
fn unknown(primary: Option<&Primary>, known: Option<&Primary>, at: Moment) -> String {
    match (primary, known) {
        (None, _) => "no gate knows the position of its primary".into(),
        (Some(primary), None) => {
            let age = at.since(primary.seen).as_secs();
            format!("its primary in {} was last seen {age} s before", primary.region)
        }
        (Some(primary), Some(_)) => {
            format!("it lacks more of its primary in {} than was watched", primary.region)
        }
    }
}

/// `0.4 s`, `48 s`
fn seconds(span: Duration) -> String {
    match span.as_millis() {
        millis if millis < 10_000 && millis % 1_000 != 0 => format!("{:.1} s", span.as_secs_f64()),
        _ => format!("{} s", span.as_secs()),
    }
}
