//! Random regions, and what may happen to them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use cadence_dns::answer::Identity;
use cadence_dns::controller::{Hook, HookPhase, Parameters};
use cadence_dns::health::{
    Alone, Brownout, Calculation, Check, Failure, Grades, Member, MinUp, Observation, Passes, Phase,
    ProbeOutcome, Region, Rules, Timings,
};
use cadence_dns::model::{CheckId, Family, Moment, RegionId, Ttl};
use cadence_dns::policy::{Failback, Gate, GatePolicy, Proof, Safety, Seen, Steer};
use proptest::prelude::*;
use proptest::sample::select;

use super::simulator::{Condition, Simulator};

/// How it is probed: what operators may set, at speeds that keep the tests short.
fn rules() -> impl Strategy<Value = Rules> + Clone {
    let spans =
        select(vec![(1_000, 500, 400), (1_000, 1_000, 2_000), (5_000, 1_000, 2_000), (5_000, 5_000, 1_000)]);
    let brownout = (prop::option::of(2..6_u8), 60..180_u64)
        .prop_map(|(failures, window)| Brownout { failures, window: Duration::from_secs(window) });
    (2..5_u8, 1..4_u8, prop::option::weighted(0.3, brownout), spans).prop_map(
        |(fall, rise, brownout, (interval, recheck, timeout))| Rules {
            fall,
            rise,
            brownout,
            interval: Duration::from_millis(interval),
            recheck: Duration::from_millis(recheck),
            timeout: Duration::from_millis(timeout),
            hears: true,
            grades: Grades::default(),
        },
    )
}

/// A region before it has a name: how many addresses of each family, how many must be up, and its probes.
#[derive(Debug, Clone)]
struct Plan {
    ipv4: u8,
    ipv6: u8,
    needed: usize,
    probes: Vec<(Rules, bool)>,
    /// One of the probes is enough.
    any: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    // `true`: the probe has an address of its own, and speaks for the whole region.
    let probe = (rules(), prop::bool::weighted(0.1));
    let number = select(vec![0, 1, 1, 1, 1, 1, 1, 2]);
    let probes = number.prop_flat_map(move |number| prop::collection::vec(probe.clone(), number));
    let any = prop::bool::weighted(0.3);
    (0..3_u8, 0..2_u8, 1..4_usize, probes, any).prop_map(|(ipv4, ipv6, needed, probes, any)| Plan {
        any,
        ipv4: if ipv6 == 0 { ipv4.max(1) } else { ipv4 },
        ipv6,
        needed,
        probes,
    })
}

impl Plan {
    fn passes(&self) -> Passes {
        let all = (0..).take(self.probes.len()).map(Calculation::Probe).collect();
        if self.any && !self.probes.is_empty() {
            Passes::Calculated(Calculation::AtLeast(1, all))
        } else {
            Passes::All
        }
    }

    fn region(&self, number: u8) -> Region {
        let id = RegionId::from(format!("region-{number}").as_str());
        let ipv4 = (0..self.ipv4).map(|host| IpAddr::from([192, 0, number, host + 10]));
        let ipv6 = (0..self.ipv6).map(|host| address_v6(number, host));
        let addresses: Vec<IpAddr> = ipv4.chain(ipv6).collect();
        let mut checks = Vec::new();
        for ((rules, own), probe) in self.probes.iter().zip(0..) {
            let check = |address: IpAddr, endpoint| Check {
                id: CheckId { region: id.clone(), probe, address },
                label: None,
                endpoint,
                rules: *rules,
            };
            if *own {
                checks.push(check(Ipv4Addr::new(192, 0, number, 200).into(), None));
            } else {
                checks.extend(addresses.iter().map(|address| check(*address, Some(*address))));
            }
        }
        Region {
            id,
            min_up: MinUp::Count(self.needed),
            passes: self.passes(),
            families: Region::default_families(&addresses),
            addresses,
            checks,
        }
    }
}

fn address_v6(region: u8, host: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, region.into(), 0, 0, 0, 0, host.into()).into()
}

/// One to four regions, and one or two names that go through them in an order of their own.
pub(crate) fn parameters() -> impl Strategy<Value = Parameters> {
    prop::collection::vec(plan(), 1..5).prop_flat_map(|plans| {
        let regions: Vec<Region> = plans.iter().zip(0..).map(|(plan, number)| plan.region(number)).collect();
        let ids: Vec<RegionId> = regions.iter().map(|region| region.id.clone()).collect();
        let steers = (steer("www.example.com", ids.clone()), prop::option::of(steer("api.example.com", ids)));
        steers.prop_map(move |(first, second)| Parameters {
            vantage: "ns1".into(),
            members: vec![Member::server("ns1".into())],
            cluster: None,
            identity: Identity::default(),
            alone: Alone::Freeze,
            witnesses: Vec::new(),
            regions: regions.clone(),
            steers: [first].into_iter().chain(second).collect(),
            gates: Vec::new(),
            hooks: Vec::new(),
            safety: Safety::default(),
        })
    })
}

/// The same with a gate or two before them, and hooks of which one must succeed.
pub(crate) fn gated() -> impl Strategy<Value = Parameters> {
    let policy = prop_oneof![
        3 => Just(GatePolicy::Block),
        1 => Just(GatePolicy::Warn),
        2 => (1..200_u64).prop_map(|span| GatePolicy::BlockFor(Duration::from_secs(span))),
    ];
    let gate = (prop::option::weighted(0.7, any::<usize>()), policy);
    let hooks = select(vec![vec![], vec![false], vec![true], vec![true, false]]);
    (parameters(), prop::collection::vec(gate, 0..3), hooks).prop_map(|(parameters, gates, hooks)| {
        let regions = parameters.regions.clone();
        let gates = gates.into_iter().zip(0..).map(|((region, policy), number)| Gate {
            id: format!("gate-{number}").as_str().into(),
            region: region.and_then(|n| pick(&regions, n)).map(|region| region.id.clone()),
            names: Vec::new(),
            proof: Proof::Reply { of_data: false },
            policy,
            stale_after: Duration::from_secs(15),
        });
        let hooks = hooks.into_iter().zip(0..).map(|(must_succeed, number)| Hook {
            id: format!("hook-{number}").as_str().into(),
            names: Vec::new(),
            phase: if must_succeed { HookPhase::Before } else { HookPhase::After },
            must_succeed,
            deadline: Duration::from_secs(5),
        });
        Parameters { gates: gates.collect(), hooks: hooks.collect(), ..parameters }
    })
}

fn steer(name: &'static str, ids: Vec<RegionId>) -> impl Strategy<Value = Steer> {
    let number = ids.len();
    let failback = prop_oneof![
        Just(Failback::Auto),
        (0..300_u64).prop_map(|after| Failback::Delayed(Duration::from_secs(after))),
        Just(Failback::Manual),
    ];
    let order = Just(ids).prop_shuffle();
    (order, 1..=number, failback, select(vec![0, 10, 60]), 1..5_u32, 1..60_u64).prop_map(
        move |(order, number, failback, dwell, max_flips_per_hour, ttl)| Steer {
            names: [name.parse().expect("a name")].into(),
            regions: order[..number].to_vec(),
            ttl: Ttl::from_secs(ttl).expect("a small TTL"),
            ttl_suspect: Ttl::from_secs(ttl.min(10)).expect("a small TTL"),
            failback,
            dwell: Duration::from_secs(dwell),
            max_flips_per_hour,
            accepts_unproven: false,
            rto: None,
        },
    )
}

/// Something happens, some time after what happened before. Numbers stand for whatever there is, counted round.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) after: Duration,
    pub(crate) trouble: Trouble,
}

#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    Address(usize, Condition),
    Region(usize, Condition),
    Lost(usize, u32),
    Network(Vec<Family>, bool),
    Exhausted(bool),
    Stuck(bool),
    Restart(Duration),
    /// A gate shows this from now on; none: it is asked no more.
    Gate(usize, Option<Seen>),
    /// Every hook fails from now on, or works.
    Hooks(bool),
}

impl Trouble {
    pub(crate) fn is_restart(&self) -> bool {
        matches!(self, Trouble::Restart(_))
    }
}

pub(crate) fn history() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..60_000_u64, trouble())
        .prop_map(|(after, trouble)| Step { after: Duration::from_millis(after), trouble });
    prop::collection::vec(step, 0..20)
}

/// The same, and what is seen at gates and becomes of hooks.
pub(crate) fn gated_history() -> impl Strategy<Value = Vec<Step>> {
    let seen = select(vec![
        Some(Seen::Fine("ready".into())),
        Some(Seen::Fine("ready".into())),
        Some(Seen::Unfit("behind".into())),
        Some(Seen::Blind("no answer".into())),
        None,
    ]);
    let trouble = prop_oneof![
        2 => trouble(),
        1 => (any::<usize>(), seen).prop_map(|(n, seen)| Trouble::Gate(n, seen)),
        1 => prop::bool::weighted(0.3).prop_map(Trouble::Hooks),
    ];
    let step = (0..60_000_u64, trouble)
        .prop_map(|(after, trouble)| Step { after: Duration::from_millis(after), trouble });
    prop::collection::vec(step, 0..30)
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        4 => (any::<usize>(), condition()).prop_map(|(n, condition)| Trouble::Address(n, condition)),
        8 => (any::<usize>(), condition()).prop_map(|(n, condition)| Trouble::Region(n, condition)),
        4 => (any::<usize>(), 1..3_u32).prop_map(|(n, probes)| Trouble::Lost(n, probes)),
        3 => (families(), any::<bool>()).prop_map(|(families, lost)| Trouble::Network(families, lost)),
        1 => any::<bool>().prop_map(Trouble::Exhausted),
        1 => any::<bool>().prop_map(Trouble::Stuck),
        // Shorter than `CALM`, so that every history ends with a name server that runs.
        3 => (0..30_000_u64).prop_map(|gap| Trouble::Restart(Duration::from_millis(gap))),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    select(vec![
        Condition::Up,
        Condition::Up,
        Condition::Up,
        Condition::Refuses,
        Condition::Hangs,
        Condition::Answers(503),
        Condition::Slow(Duration::from_millis(900)),
    ])
}

fn families() -> impl Strategy<Value = Vec<Family>> {
    select(vec![Family::ALL.to_vec(), Family::ALL.to_vec(), vec![Family::Ipv4], vec![Family::Ipv6]])
}

/// Plays a history to its last step.
pub(crate) fn play(simulator: &mut Simulator, parameters: &Parameters, history: &[Step]) {
    let addresses = probed(parameters);
    for Step { after, trouble } in history {
        simulator.run_until(simulator.now + *after);
        match trouble {
            Trouble::Address(n, condition) => {
                if let Some(address) = pick(&addresses, *n) {
                    simulator.world.set(*address, *condition);
                }
            }
            Trouble::Region(n, condition) => {
                for check in pick(&parameters.regions, *n).iter().flat_map(|region| &region.checks) {
                    simulator.world.set(check.id.address, *condition);
                }
            }
            Trouble::Lost(n, probes) => {
                if let Some(address) = pick(&addresses, *n) {
                    simulator.world.lose(*address, *probes);
                }
            }
            Trouble::Network(families, lost) => {
                families.iter().for_each(|family| simulator.world.cut_off(0, *family, *lost));
            }
            Trouble::Exhausted(exhausted) => simulator.world.exhaust(0, *exhausted),
            Trouble::Stuck(stuck) => {
                let now = simulator.now;
                simulator.us_mut().set_prober_stuck(*stuck, now);
            }
            Trouble::Gate(n, seen) => {
                let Some(gate) = pick(&parameters.gates, *n).map(|gate| gate.id.clone()) else { continue };
                simulator.us_mut().set_gate(&gate, seen.clone());
            }
            Trouble::Hooks(fail) => {
                for hook in &parameters.hooks {
                    simulator.us_mut().set_hook(&hook.id, *fail);
                }
            }
            Trouble::Restart(gap) => {
                let now = simulator.now;
                simulator.us_mut().restart_after(*gap, false, now);
            }
        }
    }
}

/// The one with this number, counted round; none of none.
fn pick<T>(items: &[T], number: usize) -> Option<&T> {
    items.get(number.checked_rem(items.len())?)
}

fn probed(parameters: &Parameters) -> Vec<IpAddr> {
    parameters.regions.iter().flat_map(|region| &region.checks).map(|check| check.id.address).collect()
}

/// This node is cut off for a while, and when it is back one more packet is lost.
#[derive(Debug, Clone)]
pub(crate) struct Isolation {
    families: Vec<Family>,
    pub(crate) lasts: Duration,
    lost: usize,
}

pub(crate) fn isolations() -> impl Strategy<Value = Vec<Isolation>> {
    // From the time in which every check of `rules` has failed and at least one has failed again.
    let isolation = (families(), 20_000..200_000_u64, any::<usize>()).prop_map(|(families, lasts, lost)| {
        Isolation { families, lasts: Duration::from_millis(lasts), lost }
    });
    prop::collection::vec(isolation, 1..4)
}

impl Isolation {
    pub(crate) fn begin(&self, simulator: &mut Simulator) {
        self.families.iter().for_each(|family| simulator.world.cut_off(0, *family, true));
    }

    pub(crate) fn end(&self, simulator: &mut Simulator, parameters: &Parameters) {
        self.families.iter().for_each(|family| simulator.world.cut_off(0, *family, false));
        if let Some(address) = pick(&probed(parameters), self.lost) {
            simulator.world.lose(*address, 1);
        }
    }
}

/// A probe result out of nowhere, some time after the last one.
#[derive(Debug, Clone)]
pub(crate) struct Noise {
    pub(crate) check: usize,
    pub(crate) outcome: ProbeOutcome,
    pub(crate) after: Duration,
}

pub(crate) fn noise() -> impl Strategy<Value = Vec<Noise>> {
    let outcome = select(vec![
        ProbeOutcome::Pass,
        ProbeOutcome::Pass,
        ProbeOutcome::Heard(Failure::Refused),
        ProbeOutcome::Silent(Failure::Timeout(Phase::Connect)),
        ProbeOutcome::Heard(Failure::Timeout(Phase::Body)),
        ProbeOutcome::Ours("out of memory".into()),
    ]);
    let noise = (0..40_usize, outcome, 0..4_000_u64).prop_map(|(check, outcome, after)| Noise {
        check,
        outcome,
        after: Duration::from_millis(after),
    });
    prop::collection::vec(noise, 1..200)
}

/// Of the check with this number; beyond the last one of a check that does not exist.
pub(crate) fn observation(parameters: &Parameters, check: usize, outcome: &ProbeOutcome) -> Observation {
    let stranger = || CheckId { region: "nowhere".into(), probe: 0, address: Ipv4Addr::LOCALHOST.into() };
    let known = parameters.regions.iter().flat_map(|region| &region.checks).nth(check);
    Observation {
        check: known.map_or_else(stranger, |check| check.id.clone()),
        vantage: "ns1".into(),
        outcome: outcome.clone(),
        timings: Timings::default(),
        certificate_expires: Some(Moment::from_millis(u64::MAX)),
    }
}
