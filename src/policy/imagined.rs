//! What the names would get if a verdict were another one: what an answer depends on, and what would change it.

use std::sync::Arc;
use std::time::Duration;

use super::decide::{Facts, decide};
use super::{Decision, Failback, Standing, Steer, TtlRule, Verdicts};
use crate::health::{Degradation, Doubt, State, Verdict};
use crate::model::{Family, Moment, RegionId};

/// A turn that a region could take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is proven down.
    GoesDown,
    /// It is proven up, as of now.
    ComesUp,
    /// Nobody knows any more.
    GoesUnknown,
}

/// Each turn of each region that would be news.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn turns(steer: &Steer, facts: Facts<'_>) -> Vec<(RegionId, Turn)> {
    let all = [Turn::GoesDown, Turn::ComesUp, Turn::GoesUnknown];
    let news = |region| {
        let state = facts.verdicts[region].state;
        all.into_iter()
            .filter(move |turn| turn.state() != state)
            .map(move |turn| (RegionId::clone(region), turn))
    };
    probed(steer, facts).flat_map(news).collect()
}

/// What would be decided if a region took a turn at a moment, all else being as it is.
///
/// # Panics
/// As [`decide`], and when the region is none of the steer's.
#[must_use]
pub fn imagine(
    steer: &Steer,
    before: &Standing,
    facts: Facts<'_>,
    (region, turn): &(RegionId, Turn),
    at: Moment,
) -> Decision {
    decided_with(steer, before, facts, turn.of(&facts.verdicts[region], at), at)
}

/// The regions whose verdict the answer of this moment depends on: with another one it would be another answer. Whatever
/// is believed of the others, alone or all together, the region, the addresses and the TTL stay.
///
/// # Panics
/// As [`decide`].
#[must_use]
pub fn decisive(steer: &Steer, before: &Standing, facts: Facts<'_>, now: Moment) -> Vec<RegionId> {
    let answer = |decision: &Decision| {
        let Standing { region, addresses, .. } = &decision.standing;
        (region.clone(), Arc::clone(addresses), decision.ttl)
    };
    let decision = decide(steer, Some(before), facts, now);
    let ours = answer(&decision);
    // A move that is near shortens the TTL. Where several regions are about to come, none of them alone does.
    let near =
        decision.derivation.wait.as_ref().filter(|_| decision.derivation.ttl_rule == TtlRule::ChangeDue);
    let awaited = near.map(|wait| &wait.to);
    let differs = |verdict| answer(&decided_with(steer, before, facts, verdict, now)) != ours;
    let is_decisive = |region: &&RegionId| {
        **region == before.region
            || awaited == Some(*region)
            || every(&facts.verdicts[*region], steer, now).into_iter().any(differs)
    };
    probed(steer, facts).filter(is_decisive).cloned().collect()
}

/// The regions about which anything can be believed: what is not probed counts as up for ever. The one in service is
/// among them in any case.
fn probed<'s>(steer: &'s Steer, facts: Facts<'s>) -> impl Iterator<Item = &'s RegionId> {
    let is_probed = move |region: &&RegionId| !facts.verdicts[*region].is_unprobed();
    steer.regions.iter().filter(is_probed)
}

fn decided_with(
    steer: &Steer,
    before: &Standing,
    facts: Facts<'_>,
    verdict: Verdict,
    now: Moment,
) -> Decision {
    // The others are not read.
    let read = steer.regions.iter().chain([&before.region]);
    let known = read.filter_map(|region| facts.verdicts.get_key_value(region));
    let mut verdicts: Verdicts = known.map(|(region, known)| (region.clone(), Arc::clone(known))).collect();
    verdicts.insert(verdict.region.clone(), Arc::new(verdict));
    let mut with = facts;
    with.verdicts = &verdicts;
    decide(steer, Some(before), with, now)
}

impl Turn {
    fn state(self) -> State {
        match self {
            Turn::GoesDown => State::Down,
            Turn::ComesUp => State::Up,
            Turn::GoesUnknown => State::Unknown,
        }
    }

    /// The verdict after it.
    fn of(self, verdict: &Verdict, now: Moment) -> Verdict {
        match self {
            Turn::GoesDown | Turn::GoesUnknown => turned(verdict, self.state(), now),
            Turn::ComesUp => {
                let was_down = verdict.proven == Some(State::Down);
                let recovered = if was_down { Some(now) } else { verdict.recovered };
                Verdict { recovered, ..turned(verdict, State::Up, now) }
            }
        }
    }
}

/// The verdict with all its addresses in this state since a moment.
fn turned(verdict: &Verdict, state: State, since: Moment) -> Verdict {
    let mut turned = verdict.clone();
    let doubt = (state == State::Unknown).then_some(Doubt::Stale);
    (turned.state, turned.doubt, turned.since) = (state, doubt, since);
    turned.steady = state == State::Up;
    turned.proven = if state == State::Unknown { verdict.proven } else { Some(state) };
    for endpoint in &mut turned.endpoints {
        (endpoint.state, endpoint.doubt, endpoint.suspect) = (state, doubt, false);
        endpoint.degraded = None;
    }
    turned
}

/// A verdict of each kind that a decision tells apart.
fn every(verdict: &Verdict, steer: &Steer, now: Moment) -> Vec<Verdict> {
    let long_ago = Moment::default();
    let up = |since, recovered| Verdict { recovered, ..turned(verdict, State::Up, since) };
    let fit = up(long_ago, None);
    let soon = steer.ttl.as_duration().min(Duration::from_secs(1));
    let due_soon = match steer.failback {
        Failback::Delayed(after) => up(now.before(after.saturating_sub(soon)), None),
        Failback::Auto | Failback::Manual => fit.clone(),
    };
    let mut degraded = fit.clone();
    for endpoint in &mut degraded.endpoints {
        endpoint.degraded = Some(Degradation::Slow(Duration::ZERO));
        if !degraded.families.contains(&Family::of(endpoint.address)) {
            endpoint.state = State::Down;
        }
    }
    let unsteady = Verdict { steady: false, ..fit.clone() };
    let young = up(now, Some(now));
    let just_grown_up = up(now, Some(now.before(steer.dwell)));
    let down = turned(verdict, State::Down, long_ago);
    let stale = turned(verdict, State::Unknown, long_ago);
    let unproven = Verdict { doubt: Some(Doubt::Unproven), ..stale.clone() };
    vec![fit, due_soon, degraded, unsteady, young, just_grown_up, down, stale, unproven]
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::health::{Ballot, EndpointVerdict, MinUp, RegionVote, Vote};
    use crate::model::Ttl;
    use crate::policy::{
        AtExpiry, Flips, Gate, GatePolicy, Gates, Order, Override, OverrideId, Overrides, Proof, Scope, Seen,
        Target,
    };

    const NOW: Moment = Moment::from_millis(100_000_000);

    /// A moment up to some hours ago, near the spans of the steers below.
    fn moment() -> impl Strategy<Value = Moment> {
        select(vec![0_u64, 1, 9, 10, 11, 29, 30, 31, 59, 60, 61, 290, 299, 300, 301, 5000])
            .prop_map(|ago| NOW.before(Duration::from_secs(ago)))
    }

    fn state() -> impl Strategy<Value = (State, Option<Doubt>)> {
        select(vec![
            (State::Up, None),
            (State::Up, None),
            (State::Down, None),
            (State::Unknown, Some(Doubt::Stale)),
            (State::Unknown, Some(Doubt::Unproven)),
            (State::Unknown, Some(Doubt::Isolated)),
        ])
    }

    fn verdict(number: u8) -> impl Strategy<Value = Verdict> {
        let endpoints = prop::collection::vec((state(), any::<bool>()), 3);
        let of_region =
            (state(), moment(), prop::option::of(moment()), any::<bool>(), prop::bool::weighted(0.9));
        (of_region, endpoints).prop_map(move |(of_region, endpoints)| {
            let ((state, doubt), since, recovered, steady, is_probed) = of_region;
            let vote = RegionVote { vantage: "v".into(), vote: Vote::Up };
            let addresses: [IpAddr; 3] = [
                [192, 0, number, 1].into(),
                [192, 0, number, 2].into(),
                [0x2001, 0xdb8, number.into(), 0, 0, 0, 0, 1].into(),
            ];
            let endpoint = |(address, ((state, doubt), suspect))| EndpointVerdict {
                address,
                state,
                doubt,
                suspect,
                degraded: (suspect && state == State::Up).then_some(Degradation::Slow(Duration::ZERO)),
                ballots: vec![Ballot::absent(&"v".into())],
                word: None,
            };
            Verdict {
                region: name(number),
                state: if is_probed { state } else { State::Up },
                doubt: doubt.filter(|_| is_probed),
                since,
                proven: None,
                recovered,
                steady,
                families: vec![Family::Ipv4],
                needed: 1,
                min_up: MinUp::Count(1),
                votes: if is_probed { vec![vote] } else { Vec::new() },
                endpoints: addresses.into_iter().zip(endpoints).map(endpoint).collect(),
                word: None,
            }
        })
    }

    fn name(number: u8) -> RegionId {
        format!("region-{number}").as_str().into()
    }

    /// What operators have ordered: mostly nothing.
    fn overrides() -> impl Strategy<Value = Overrides> {
        let target = || (0..5_u8).prop_map(|number| Target::Region(name(number)));
        let address = (0..5_u8).prop_map(|number| Target::Address([192, 0, number, 1].into()));
        let order = prop_oneof![
            target().prop_map(Order::ForceUp),
            target().prop_map(Order::ForceDown),
            target().prop_map(Order::Drain),
            address.prop_map(Order::Drain),
            (0..5_u8).prop_map(|number| Order::Freeze(Scope::InRegion(name(number)))),
        ];
        let made = |(id, order)| Override {
            shared: false,
            id: OverrideId(id),
            order,
            author: "an operator".into(),
            reason: "a test".into(),
            made: Moment::default(),
            starts: None,
            expires: NOW + Duration::from_secs(60),
            at_expiry: AtExpiry::Automatic,
        };
        let orders = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(order, 1..3)];
        orders.prop_map(move |orders| (1..).zip(orders).map(made).collect())
    }

    /// What is believed of five regions.
    fn verdicts() -> impl Strategy<Value = Vec<Verdict>> {
        (verdict(0), verdict(1), verdict(2), verdict(3), verdict(4))
            .prop_map(|(a, b, c, d, e)| vec![a, b, c, d, e])
    }

    fn steer() -> impl Strategy<Value = Steer> {
        let failback = select(vec![
            Failback::Auto,
            Failback::Manual,
            Failback::Delayed(Duration::from_secs(10)),
            Failback::Delayed(Duration::from_secs(300)),
        ]);
        (failback, select(vec![0_u64, 60]), any::<bool>(), 1..5_u8).prop_map(
            |(failback, dwell, accepts_unproven, regions)| Steer {
                names: ["a.t".parse().expect("a name")].into(),
                regions: (0..regions).map(name).collect(),
                ttl: Ttl::from_secs(30).expect("a small TTL"),
                ttl_suspect: Ttl::from_secs(10).expect("a small TTL"),
                failback,
                dwell: Duration::from_secs(dwell),
                max_flips_per_hour: 2,
                accepts_unproven,
                rto: None,
            },
        )
    }

    fn as_facts(verdicts: &[Verdict]) -> Verdicts {
        verdicts.iter().map(|verdict| (verdict.region.clone(), Arc::new(verdict.clone()))).collect()
    }

    /// A case is a few decisions, so there is time for many.
    fn cases() -> ProptestConfig {
        let usual = ProptestConfig::default();
        ProptestConfig { cases: usual.cases * 16, failure_persistence: None, ..usual }
    }

    /// A gate before some of the regions, and what was seen at it.
    fn gates() -> impl Strategy<Value = Gates> {
        let proof = select(vec![
            Proof::Reply { of_data: false },
            Proof::Reply { of_data: true },
            Proof::Capacity(MinUp::Count(2)),
        ]);
        let policy =
            select(vec![GatePolicy::Block, GatePolicy::Warn, GatePolicy::BlockFor(Duration::from_secs(30))]);
        let seen = select(vec![None, Some(Seen::Fine("fine".into())), Some(Seen::Unfit("unfit".into()))]);
        let gate = (0..5_u8, proof, policy, seen);
        prop::collection::vec(gate, 0..3).prop_map(|all| {
            let named = all.into_iter().zip(["a", "b", "c"]);
            let (gates, seen): (Vec<Gate>, Vec<_>) = named
                .map(|((region, proof, policy, seen), id)| {
                    let region = Some(name(region));
                    let stale_after = Duration::from_secs(60);
                    let gate = Gate { id: id.into(), region, names: Vec::new(), proof, policy, stale_after };
                    (gate, (id, seen))
                })
                .unzip();
            let mut gates = Gates::new(gates);
            for (id, seen) in seen {
                if let Some(seen) = seen {
                    gates.note(&id.into(), seen, NOW);
                }
            }
            gates
        })
    }

    proptest! {
        #![proptest_config(cases())]

        /// Whatever is believed of all regions together that are not decisive, addresses and all: the answer stays.
        #[test]
        fn what_is_not_decisive_never_changes_the_answer(
            steer in steer(),
            served in 0..5_u8,
            flips in prop::collection::vec(moment(), 0..3),
            known in verdicts(),
            others in prop::collection::vec(verdicts(), 4),
            ordered in overrides(),
            gates in gates(),
        ) {
            let known = as_facts(&known);
            let facts = Facts { verdicts: &known, overrides: &ordered, gates: &gates };
            let flips = flips.into_iter().fold(Flips::default(), |flips, at| flips.and(at, &steer));
            let served = &known[&name(served % u8::try_from(steer.regions.len()).expect("few"))];
            let before = Standing {
                region: served.region.clone(),
                addresses: served.endpoints.iter().map(|endpoint| endpoint.address).collect(),
                epoch: 7,
                since: Moment::default(),
                flips,
                kept: false,
            };
            // What is in force follows from what is known, so that it stays when it is decided again.
            let mut decision = decide(&steer, Some(&before), facts, NOW);
            for _ in 0..5 {
                decision = decide(&steer, Some(&decision.standing), facts, NOW);
            }
            let before = &decision.standing;
            let decisive = decisive(&steer, before, facts, NOW);
            for other in others {
                let mut believed = known.clone();
                for other in other {
                    let is_unprobed = known[&other.region].is_unprobed() || other.is_unprobed();
                    if !decisive.contains(&other.region) && !is_unprobed {
                        believed.insert(other.region.clone(), Arc::new(other));
                    }
                }
                let facts = Facts { verdicts: &believed, ..facts };
                let then = decide(&steer, Some(before), facts, NOW);
                prop_assert_eq!(&then.standing, before);
                prop_assert_eq!(then.ttl, decision.ttl);
            }
        }
    }
}
