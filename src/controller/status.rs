//! What we show: one document for the terminal and for programs.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Controller;
use super::saved::{Saved, SavedState};
use crate::answer::Counter;
use crate::health::{CheckState, Doubt, Failure, Health, State, Verdict};
use crate::model::{CheckId, Moment, Name, RegionId, Ttl, VantageId};
use crate::policy::{Decision, Hold, Rule, Steer, Wait, budget};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const STATUS_SCHEMA: &str = "cadence-dns/status/v1";

/// A certificate that expires within this is worth a warning.
const CERTIFICATE_WARNING: Duration = Duration::from_secs(21 * 24 * 3600);

/// What is answered, since when and why. Times are RFC 3339 in UTC, spans are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// [`STATUS_SCHEMA`].
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The name server.
    pub node: String,
    /// From the daemon, or from what it left behind.
    pub source: Source,
    /// When this was true.
    pub time: Moment,
    /// Since when the daemon runs; none if it does not.
    pub started: Option<Moment>,
    /// Every steered name, in the order of the configuration.
    pub names: Vec<NameStatus>,
    /// Every region, in the order of their names.
    pub regions: Vec<RegionStatus>,
    /// What has been asked since the start; none if the daemon does not run.
    pub dns: Option<DnsStatus>,
    /// What an operator should look at, gravest first.
    pub warnings: Vec<Warning>,
}

/// Where a status comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The daemon, just now.
    Live,
    /// The saved state: the daemon could not be reached.
    Saved,
}

/// What a name is answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameStatus {
    /// The name.
    pub name: Name,
    /// The region in service.
    pub region: RegionId,
    /// Its addresses that are served.
    pub addresses: Vec<IpAddr>,
    /// Their TTL, in seconds; none if it is not known.
    pub ttl: Option<Ttl>,
    /// Grows with every change of the answer.
    pub epoch: u64,
    /// Since when this region is served.
    pub since: Moment,
    /// The rule that fired, with its data.
    pub rule: Rule,
    /// The same in words.
    pub why: String,
    /// The change that is wanted and not yet allowed.
    pub wait: Option<WaitStatus>,
    /// Automatic changes of region within the last hour.
    pub flips_within_hour: usize,
    /// How long a well-behaved client may be sent to a dead region.
    pub budget: Option<BudgetStatus>,
}

/// A change that is wanted and not yet allowed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WaitStatus {
    /// Where the name would go.
    pub to: RegionId,
    /// What it waits for.
    pub hold: Hold,
    /// When that ends; none if only an operator ends it.
    pub until: Option<Moment>,
    /// The same from now, in seconds.
    pub left: Option<f64>,
}

/// The failover budget of a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BudgetStatus {
    /// In seconds.
    pub total: f64,
    /// The longest that the configuration allows, in seconds.
    pub rto: Option<f64>,
    /// How it comes about.
    pub derivation: String,
}

/// The verdict on a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionStatus {
    /// The region.
    pub region: RegionId,
    /// What is agreed.
    pub state: State,
    /// Since when.
    pub since: Moment,
    /// In words.
    pub why: String,
    /// The least number of endpoints that must be up; none if it is not known.
    pub min_up: Option<usize>,
    /// Its addresses.
    pub endpoints: Vec<EndpointStatus>,
}

/// What is known about an address.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The address.
    pub address: IpAddr,
    /// What is agreed.
    pub state: State,
    /// Why nobody knows, when nobody does.
    pub doubt: Option<Doubt>,
    /// It fails just now, though it is not down.
    pub suspect: bool,
    /// Every check of it, from every vantage.
    pub checks: Vec<CheckStatus>,
}

/// What one vantage believes about one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckStatus {
    /// Who looks.
    pub vantage: VantageId,
    /// The number of the `[[region.probe]]` within its region, from 0.
    pub probe: u16,
    /// What is believed, with the count towards the next change.
    pub health: Health,
    /// When a probe last ended.
    pub seen: Option<Moment>,
    /// How long it took, in seconds.
    pub latency: Option<f64>,
    /// How long it took to connect, in seconds.
    pub connect: Option<f64>,
    /// Why it failed; none for a pass.
    pub failure: Option<Failure>,
    /// The last failure, however long ago.
    pub last_failure: Option<(Moment, Failure)>,
    /// When the certificate expires that was shown last.
    pub certificate_expires: Option<Moment>,
    /// Our own trouble with probing it.
    pub trouble: Option<String>,
}

/// What became of all messages that came in since the start, by datagrams and streams. Each is counted once; those
/// of `truncated`, `unsent` and `xdp` are among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DnsStatus {
    /// Messages that came in.
    pub queries: u64,
    /// Replies with NOERROR.
    pub noerror: u64,
    /// Replies with NXDOMAIN.
    pub nxdomain: u64,
    /// Replies with REFUSED.
    pub refused: u64,
    /// Replies with any other code.
    pub other: u64,
    /// Met with silence: not a query, or from a port that nobody has.
    pub dropped: u64,
    /// By the rate limit.
    pub limited: LimitedStatus,
    /// Replies with TC, because the answer was too long.
    pub truncated: u64,
    /// Replies that the system would not send.
    pub unsent: u64,
    /// Messages that came in past the kernel's network stack.
    pub xdp: u64,
}

/// What became of queries of which a network had too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LimitedStatus {
    /// Met with silence.
    pub dropped: u64,
    /// Told by TC to come by a stream.
    pub slipped: u64,
    /// Told by BADCOOKIE to come back with the cookie.
    pub badcookie: u64,
}

impl DnsStatus {
    /// The field that shows a counter.
    fn field(&mut self, counter: Counter) -> &mut u64 {
        match counter {
            Counter::Queries => &mut self.queries,
            Counter::Noerror => &mut self.noerror,
            Counter::Nxdomain => &mut self.nxdomain,
            Counter::Refused => &mut self.refused,
            Counter::Other => &mut self.other,
            Counter::Dropped => &mut self.dropped,
            Counter::LimitedDropped => &mut self.limited.dropped,
            Counter::LimitedSlipped => &mut self.limited.slipped,
            Counter::LimitedBadcookie => &mut self.limited.badcookie,
            Counter::Truncated => &mut self.truncated,
            Counter::Unsent => &mut self.unsent,
            Counter::Xdp => &mut self.xdp,
        }
    }
}

/// From what the DNS threads have counted; a counter that is not given is 0.
impl FromIterator<(Counter, u64)> for DnsStatus {
    fn from_iter<T: IntoIterator<Item = (Counter, u64)>>(counted: T) -> DnsStatus {
        let mut status = DnsStatus::default();
        for (counter, count) in counted {
            *status.field(counter) += count;
        }
        status
    }
}

/// Something that an operator should look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What is the matter.
    pub text: String,
    /// The command or the place that helps.
    pub help: String,
}

impl Status {
    /// An empty one.
    #[must_use]
    pub fn new(node: &str, source: Source, time: Moment) -> Status {
        Status {
            schema: STATUS_SCHEMA.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            node: node.into(),
            source,
            time,
            started: None,
            names: Vec::new(),
            regions: Vec::new(),
            dns: None,
            warnings: Vec::new(),
        }
    }

    /// What the daemon left behind, as it was when it was saved.
    #[must_use]
    pub fn from_saved(saved: Saved, now: Moment) -> Status {
        let state = saved.into_state(now);
        let mut status = Status::new(&state.node, Source::Saved, state.written);
        status.names = state.names.iter().map(|saved| NameStatus::from_saved(saved, state.written)).collect();
        status.regions = state.regions.iter().map(|saved| RegionStatus::from_saved(saved, &state)).collect();
        status
    }
}

impl Controller {
    /// Everything that we know and do, as of now.
    #[must_use]
    pub fn status(&self, now: Moment) -> Status {
        let mut status = Status::new(self.parameters.vantage.as_str(), Source::Live, now);
        status.started = Some(self.started);
        let decided = self.decisions.iter().zip(&self.parameters.steers);
        status.names = decided.map(|(decision, steer)| self.name_status(decision, steer, now)).collect();
        status.regions =
            self.evidence.verdicts().values().map(|verdict| self.region_status(verdict)).collect();
        status.warnings = warnings(&status, now);
        status
    }

    fn name_status(&self, decision: &Decision, steer: &Steer, now: Moment) -> NameStatus {
        let standing = &decision.standing;
        let budget = budget(steer, &self.parameters.regions).map(|budget| BudgetStatus {
            total: budget.total.as_secs_f64(),
            rto: steer.rto.map(|rto| rto.as_secs_f64()),
            derivation: budget.to_string(),
        });
        NameStatus {
            name: decision.name.clone(),
            region: standing.region.clone(),
            addresses: standing.addresses.to_vec(),
            ttl: Some(decision.ttl),
            epoch: standing.epoch,
            since: standing.since,
            rule: decision.derivation.rule.clone(),
            why: decision.derivation.headline(&standing.region),
            wait: decision.derivation.wait.as_ref().map(|wait| WaitStatus::new(wait, now)),
            flips_within_hour: standing.flips.within_hour(now),
            budget,
        }
    }

    fn region_status(&self, verdict: &Verdict) -> RegionStatus {
        let endpoints = verdict.endpoints.iter().map(|endpoint| EndpointStatus {
            address: endpoint.address,
            state: endpoint.state,
            doubt: endpoint.doubt,
            suspect: endpoint.suspect,
            checks: self.check_statuses(&verdict.region, endpoint.address),
        });
        RegionStatus {
            region: verdict.region.clone(),
            state: verdict.state,
            since: verdict.since,
            why: verdict.to_string(),
            min_up: Some(verdict.min_up),
            endpoints: endpoints.collect(),
        }
    }

    fn check_statuses(&self, region: &RegionId, address: IpAddr) -> Vec<CheckStatus> {
        let region = self.parameters.regions.iter().find(|candidate| candidate.id == *region);
        let checks =
            region.into_iter().flat_map(|region| &region.checks).filter(|check| check.covers(address));
        let everybody = || self.evidence.states().iter();
        checks
            .flat_map(|check| {
                everybody().filter_map(|(vantage, states)| {
                    states.get(&check.id).map(|state| CheckStatus::new(vantage, &check.id, state))
                })
            })
            .collect()
    }
}

impl NameStatus {
    fn from_saved(saved: &super::saved::SavedName, now: Moment) -> NameStatus {
        NameStatus {
            name: saved.name.clone(),
            region: saved.standing.region.clone(),
            addresses: saved.standing.addresses.to_vec(),
            ttl: None,
            epoch: saved.standing.epoch,
            since: saved.standing.since,
            rule: saved.rule.clone(),
            why: saved.why.clone(),
            wait: saved.wait.as_ref().map(|wait| WaitStatus::new(wait, now)),
            flips_within_hour: saved.standing.flips.within_hour(now),
            budget: None,
        }
    }
}

impl RegionStatus {
    fn from_saved(saved: &super::saved::SavedRegion, state: &SavedState) -> RegionStatus {
        let mut endpoints: Vec<EndpointStatus> = Vec::new();
        for check in state.checks.iter().filter(|check| check.check.region == saved.region) {
            let status = CheckStatus::new(&check.vantage, &check.check, &check.state);
            let address = check.check.address;
            match endpoints.iter_mut().find(|endpoint| endpoint.address == address) {
                Some(endpoint) => endpoint.checks.push(status),
                None => endpoints.push(EndpointStatus {
                    address,
                    state: belief(check.state.health),
                    doubt: None,
                    suspect: check.state.health.failures() > 0,
                    checks: vec![status],
                }),
            }
        }
        let (region, state, since, why) = (saved.region.clone(), saved.state, saved.since, saved.why.clone());
        RegionStatus { region, state, since, why, min_up: None, endpoints }
    }
}

fn belief(health: Health) -> State {
    match health {
        Health::Unknown { .. } => State::Unknown,
        Health::Up { .. } => State::Up,
        Health::Down { .. } => State::Down,
    }
}

impl WaitStatus {
    fn new(wait: &Wait, now: Moment) -> WaitStatus {
        let left = wait.until.map(|until| until.after(now).as_secs_f64());
        WaitStatus { to: wait.to.clone(), hold: wait.hold, until: wait.until, left }
    }
}

impl CheckStatus {
    fn new(vantage: &VantageId, check: &CheckId, state: &CheckState) -> CheckStatus {
        let seen = state.last.as_ref();
        CheckStatus {
            vantage: vantage.clone(),
            probe: check.probe,
            health: state.health,
            seen: seen.map(|seen| seen.at),
            latency: seen.map(|seen| seen.timings.total.as_secs_f64()),
            connect: seen.and_then(|seen| seen.timings.connect).map(|span| span.as_secs_f64()),
            failure: seen.and_then(|seen| seen.failure.clone()),
            last_failure: state.last_failure.clone(),
            certificate_expires: state.certificate_expires,
            trouble: state.trouble.clone(),
        }
    }
}

fn warnings(status: &Status, now: Moment) -> Vec<Warning> {
    let mut warnings: Vec<Warning> = status.names.iter().filter_map(name_warning).collect();
    for region in &status.regions {
        warnings.extend(region_warning(region));
        for endpoint in &region.endpoints {
            warnings.extend(
                endpoint.checks.iter().filter_map(|check| check_warning(region, endpoint, check, now)),
            );
        }
    }
    warnings
}

fn name_warning(name: &NameStatus) -> Option<Warning> {
    let region = &name.region;
    let (text, help) = match (&name.rule, &name.wait) {
        (Rule::FailOpen, _) => (
            format!("{}: every region is down; {region} stays in the answer", name.name),
            format!("bring back any of its regions; look at {region} first"),
        ),
        (Rule::NoneProven | Rule::Freeze, _) => (
            format!("{}: frozen on {region}: {}", name.name, name.why),
            "check this node's own network, then the regions below".into(),
        ),
        (Rule::Held, Some(wait)) => (
            format!("{}: {region} is down, and {} keeps {} waiting", name.name, wait.hold, wait.to),
            "`dwell` and `max_flips_per_hour` of its [[steer]] set this".into(),
        ),
        (Rule::FailedOver { .. }, Some(WaitStatus { hold: Hold::ManualFailback, to, .. })) => (
            format!("{}: {to} is up again and waits for an operator", name.name),
            format!("cadence-dns failback {} --reason TEXT", name.name),
        ),
        (Rule::Unproven | Rule::Preferred | Rule::FailedOver { .. } | Rule::Held, _) => return None,
    };
    Some(Warning { text, help })
}

fn region_warning(region: &RegionStatus) -> Option<Warning> {
    let help = match region.state {
        State::Up => return None,
        State::Down => {
            format!("look at the load balancers of {}: why each fails stands below", region.region)
        }
        State::Unknown => {
            "a probe must pass or fail several times in a row before anything is decided".into()
        }
    };
    Some(Warning { text: format!("region {} is {}", region.region, region.why), help })
}

fn check_warning(
    region: &RegionStatus,
    endpoint: &EndpointStatus,
    check: &CheckStatus,
    now: Moment,
) -> Option<Warning> {
    let place = format!("{}/{} from {}", region.region, endpoint.address, check.vantage);
    if let Some(trouble) = &check.trouble {
        return Some(Warning {
            text: format!("{place} cannot be probed: {trouble}"),
            help: "this node's limits".into(),
        });
    }
    let expires = check.certificate_expires.filter(|expires| expires.after(now) < CERTIFICATE_WARNING)?;
    let text = match expires.after(now).as_secs() / 86_400 {
        _ if expires <= now => format!("{place}: the certificate expired at {expires}"),
        days => format!("{place}: the certificate expires in {days} days, at {expires}"),
    };
    Some(Warning { text, help: "renew it on the load balancer".into() })
}
