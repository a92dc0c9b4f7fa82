//! What is shown: one document for the terminal and for programs.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::configuration::ConfigurationStatus;
use super::etcd::EtcdStatus;
use super::part::PartStatus;
use super::receiver::ReceiverStatus;
use super::warning::Warning;
use crate::answer::Counter;
use crate::controller::{ClusterView, Step};
use crate::health::{Ballot, CheckState, Doubt, Failure, Health, State};
use crate::model::{CheckId, Family, GateId, Moment, Name, RegionId, Ttl, VantageId};
use crate::policy::{GatePolicy, Hold, Light, Overrides, Rule, Wait};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const STATUS_SCHEMA: &str = "cadence-dns/status/v1";

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
    /// What every gate shows; empty if the daemon does not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gates: Vec<GateStatus>,
    /// What operators have ordered and is in force, the oldest first.
    #[serde(default)]
    pub overrides: Overrides,
    /// The last steps of planned switchovers, the oldest first.
    #[serde(default)]
    pub steps: Vec<Step>,
    /// What has been asked since the start; none if the daemon does not run.
    pub dns: Option<DnsStatus>,
    /// Which configuration holds; none if the daemon does not run.
    #[serde(default)]
    pub configuration: Option<ConfigurationStatus>,
    /// The parts of the program around the controller; empty if the daemon does not run.
    #[serde(default)]
    pub parts: Vec<PartStatus>,
    /// Who is told of what happens; empty if nobody is, or the daemon does not run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub receivers: Vec<ReceiverStatus>,
    /// The name servers that decide together with this one; none if it decides alone, or does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterView>,
    /// How it stands with etcd, in which they share what they decide.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etcd: Option<EtcdStatus>,
    /// What an operator should look at, gravest first.
    pub warnings: Vec<Warning>,
    /// What is worth knowing before the next outage, and no trouble now.
    #[serde(default)]
    pub notes: Vec<Warning>,
}

/// Where a status comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The daemon, just now.
    Live,
    /// The saved state: the daemon could not be reached.
    Saved,
    /// The daemon, some time ago: its controller does not answer any more.
    Stale,
}

/// What a name is answered with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NameStatus {
    /// The name.
    pub name: Name,
    /// The regions that it may have, in order of preference; empty if they are not known.
    #[serde(default)]
    pub regions: Vec<RegionId>,
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
    /// From the death of a region to the last well-behaved client on the next one, in seconds.
    pub total: f64,
    /// From the death of a region to the new answer of the name server, in seconds.
    #[serde(default)]
    pub detect: f64,
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
    /// Why nothing is agreed, when nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Doubt>,
    /// Since when.
    pub since: Moment,
    /// In words.
    pub why: String,
    /// The least number of endpoints of a needed family that must be up; none if it is not known.
    pub min_up: Option<usize>,
    /// The families that it needs.
    #[serde(default)]
    pub families: Vec<Family>,
    /// Families that it does not need, and that are all down.
    #[serde(default)]
    pub degraded: Vec<Family>,
    /// Its addresses.
    pub endpoints: Vec<EndpointStatus>,
}

/// What a gate shows before a region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateStatus {
    /// The gate.
    pub gate: GateId,
    /// The region.
    pub region: RegionId,
    /// The names that it concerns; empty for all.
    pub names: Vec<Name>,
    /// What it does while it is not green.
    pub policy: GatePolicy,
    /// What it shows.
    pub light: Light,
    /// Why, in words.
    pub says: String,
    /// When something was last seen at it.
    pub seen: Option<Moment>,
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
    /// Why it is worse than another, though it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<String>,
    /// Every check of it by this node.
    pub checks: Vec<CheckStatus>,
    /// What each node says about it; empty where this node decides alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub votes: Vec<Ballot>,
}

/// What one vantage believes about one check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckStatus {
    /// Who looks.
    pub vantage: VantageId,
    /// The number of the `[[region.probe]]` within its region, from 0.
    pub probe: u16,
    /// Its label, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What is believed, with the count towards the next change.
    pub health: Health,
    /// When a probe last ended.
    pub seen: Option<Moment>,
    /// The same before the time of this document, in seconds, by the clock of the node.
    #[serde(default)]
    pub age: Option<f64>,
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
/// of `truncated`, `unsent` and `xdp` are among the others, those of `overflowed` are not.
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
    /// Met with silence: not a query, or from where no client is or is allowed.
    pub dropped: u64,
    /// By the rate limit.
    pub limited: LimitedStatus,
    /// Replies with TC, because the answer was too long.
    pub truncated: u64,
    /// Replies that the system would not send.
    pub unsent: u64,
    /// Messages that came in past the kernel's network stack.
    pub xdp: u64,
    /// Messages that the system dropped because they came faster than they were taken.
    #[serde(default)]
    pub overflowed: u64,
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
            Counter::Overflowed => &mut self.overflowed,
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
            gates: Vec::new(),
            overrides: Overrides::default(),
            steps: Vec::new(),
            dns: None,
            configuration: None,
            parts: Vec::new(),
            receivers: Vec::new(),
            cluster: None,
            etcd: None,
            warnings: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl WaitStatus {
    pub(super) fn new(wait: &Wait, now: Moment) -> WaitStatus {
        let left = wait.until.map(|until| until.after(now).as_secs_f64());
        WaitStatus { to: wait.to.clone(), hold: wait.hold.clone(), until: wait.until, left }
    }
}

impl CheckStatus {
    pub(super) fn new(vantage: &VantageId, check: &CheckId, state: &CheckState, now: Moment) -> CheckStatus {
        let seen = state.last.as_ref();
        CheckStatus {
            vantage: vantage.clone(),
            probe: check.probe,
            label: None,
            health: state.health,
            seen: seen.map(|seen| seen.at),
            age: seen.map(|seen| now.since(seen.at).as_secs_f64()),
            latency: seen.map(|seen| seen.timings.total.as_secs_f64()),
            connect: seen.and_then(|seen| seen.timings.connect).map(|span| span.as_secs_f64()),
            failure: seen.and_then(|seen| seen.failure.clone()),
            last_failure: state.last_failure.clone(),
            certificate_expires: state.certificate_expires,
            trouble: state.trouble.clone(),
        }
    }
}
