//! An operator's word: an event like any other, answered by an effect.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::{GateId, HookId, Moment, Name, RegionId, Ttl, VantageId, shown};
use crate::policy::{AtExpiry, Breach, Order, Override, OverrideId, SafetyRule, Scope};

/// The number by which a command and its reply belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandId(pub u64);

/// What somebody wants done, who, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// For the reply.
    pub id: CommandId,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub reason: String,
    /// After this moment it is refused: whoever sent it no longer waits for it.
    pub expires: Moment,
    /// What is wanted.
    pub what: What,
    /// On which terms.
    pub terms: Terms,
}

/// What can be wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// Give a name, and its group, back to the most preferred of its regions that is up.
    FailBack(Name),
    /// Lift whatever holds a name: what it waits for happens now.
    Release(Name),
    /// Put an override in force.
    Order {
        /// What is ordered.
        order: Order,
        /// From when on, if not now: only a pin can be planned.
        #[serde(default)]
        starts: Option<Moment>,
        /// For how long.
        lasts: Duration,
        /// What becomes of the names then.
        at_expiry: AtExpiry,
    },
    /// End overrides before their time.
    Withdraw(Which),
}

/// Which overrides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// The one with this number.
    Id(OverrideId),
    /// Exactly this order.
    Order(Order),
    /// All of them.
    All,
}

/// On which terms a command is carried out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Terms {
    /// Only tell what would happen.
    pub dry_run: bool,
    /// Only while each of these names has this epoch: nothing has changed since its author looked.
    pub if_epochs: Vec<(Name, u64)>,
    /// The safety rules that it may break.
    pub break_glass: Vec<SafetyRule>,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The command.
    pub id: CommandId,
    /// What was done, or why nothing was.
    pub outcome: Result<Done, Refusal>,
}

/// What was done, and is on the disk or in the cluster already; or what would be.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Done {
    /// Nothing was done: this is what would happen.
    pub dry_run: bool,
    /// It outlives a restart; not while the disk takes nothing.
    pub durable: bool,
    /// The override that is in force now.
    pub made: Option<Arc<Override>>,
    /// Those that are not any more.
    pub ended: Vec<Arc<Override>>,
    /// What it means for each steered name that it concerns.
    pub names: Vec<NameEffect>,
    /// The safety rules that were broken on purpose.
    pub broken: Vec<Breach>,
    /// What else its author should know, each in a line.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What a command means for a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NameEffect {
    /// The name; its group has the same.
    pub name: Name,
    /// The epoch of the answer before.
    pub epoch: u64,
    /// The region that it had.
    pub from: RegionId,
    /// The region that it has after that.
    pub to: RegionId,
    /// The addresses that it is answered with after that.
    pub addresses: Vec<IpAddr>,
    /// The answer is another one.
    pub changes: bool,
    /// The longest that a cache may still give the old answer: its last client follows within this.
    pub ttl: Ttl,
    /// The decision in words.
    pub why: String,
}

/// Why nothing was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No `[[steer]]` has the name.
    NotSteered(Name),
    /// There is no such region, or it is none of the name's.
    NoSuchRegion {
        /// What was named.
        region: RegionId,
        /// What would be right.
        regions: Vec<RegionId>,
    },
    /// No region has the address.
    NoSuchAddress(IpAddr),
    /// No `[[gate]]` with `switch` has the name.
    NoSuchSwitch(GateId),
    /// No such name server is in the cluster, or there is no cluster.
    NoSuchNode {
        /// What was named.
        node: VantageId,
        /// What would be right.
        nodes: Vec<VantageId>,
    },
    /// Fewer than two name servers of the cluster would count.
    TooFewNodes,
    /// No region that is preferred to the one in service is up.
    NoBetterRegion {
        /// The name.
        name: Name,
        /// The region in service.
        region: RegionId,
    },
    /// The name waits for nothing.
    NothingHeld(Name),
    /// There is no such override.
    NoSuchOverride(Which),
    /// An override lasts too long, or not at all.
    Lasts {
        /// What was wanted.
        lasts: Duration,
        /// The longest.
        most: Duration,
    },
    /// An order is planned for a moment that has passed, or is too far, or cannot be planned.
    Planned {
        /// Its moment.
        starts: Moment,
        /// What would be right.
        help: String,
    },
    /// Too many overrides are in force.
    TooMany(usize),
    /// The answer is another one than its author has seen.
    EpochMoved {
        /// The name.
        name: Name,
        /// What was seen.
        seen: u64,
        /// What it is.
        found: u64,
    },
    /// Safety rules forbid it.
    Unsafe(Vec<Breach>),
    /// Another change of the same name is being made durable.
    ChangePending(Name),
    /// Another node's change of the same name came first.
    Superseded(Name),
    /// A hook that must succeed before the move has failed.
    Hook {
        /// The name.
        name: Name,
        /// The hook.
        hook: HookId,
        /// Why.
        why: String,
    },
    /// The configuration has become another one meanwhile.
    Reloaded(Name),
    /// It came too late.
    Expired,
}

impl What {
    /// The name that it is about, if it is about one.
    #[must_use]
    pub fn name(&self) -> Option<&Name> {
        match self {
            What::FailBack(name)
            | What::Release(name)
            | What::Order { order: Order::Pin { name, .. } | Order::Freeze(Scope::OfName(name)), .. } => {
                Some(name)
            }
            What::Order { .. } | What::Withdraw(_) => None,
        }
    }

    /// The region that it is about, if it is about one as a whole.
    pub(super) fn region(&self) -> Option<&RegionId> {
        match self {
            What::Order { order, .. } | What::Withdraw(Which::Order(order)) => order.region(),
            What::FailBack(_) | What::Release(_) | What::Withdraw(Which::Id(_) | Which::All) => None,
        }
    }
}

impl Refusal {
    /// Whether a rule or a condition forbids it: the same command is right at another time, or on other terms.
    #[must_use]
    pub fn is_by_rule(&self) -> bool {
        matches!(self, Refusal::Unsafe(_) | Refusal::EpochMoved { .. })
    }
}

/// As an operator would say it, such as `drain us-east for 1h`.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::FailBack(name) => write!(f, "failback {name}"),
            What::Release(name) => write!(f, "release {name}"),
            What::Order { order, starts, lasts, at_expiry } => {
                match starts {
                    Some(starts) => write!(f, "{order} from {starts} on for {}", shown(*lasts))?,
                    None => write!(f, "{order} for {}", shown(*lasts))?,
                }
                if *at_expiry == AtExpiry::Hold { f.write_str(", then hold") } else { Ok(()) }
            }
            What::Withdraw(which) => write!(f, "clear {which}"),
        }
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Which::Id(id) => write!(f, "{id}"),
            Which::Order(order) => write!(f, "{order}"),
            Which::All => f.write_str("all overrides"),
        }
    }
}

/// The answers that are others now.
impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moved: Vec<&NameEffect> = self.names.iter().filter(|effect| effect.changes).collect();
        match moved.as_slice() {
            [] => f.write_str("no answer has changed"),
            [one] => write!(f, "{} is answered with {} now", one.name, one.to),
            all => write!(f, "{} names have another answer now", all.len()),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::NotSteered(name) => {
                write!(f, "{name} is not steered; `cadence-dns status` lists the names that are")
            }
            Refusal::NoSuchRegion { region, regions } => {
                let known: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
                write!(f, "there is no region {region} here; there are {}", known.join(", "))
            }
            Refusal::NoSuchAddress(address) => {
                write!(
                    f,
                    "no region has the address {address}; `cadence-dns status` lists those that there are"
                )
            }
            Refusal::NoSuchSwitch(gate) => {
                write!(
                    f,
                    "there is no switch {gate}; a `[[gate]]` with `switch` is one, `cadence-dns status` shows the gates"
                )
            }
            Refusal::NoSuchNode { node, nodes } => {
                let known: Vec<&str> = nodes.iter().map(VantageId::as_str).collect();
                write!(f, "there is no name server {node} in a cluster here; there are {}", known.join(", "))
            }
            Refusal::TooFewNodes => {
                f.write_str("two name servers at least must count; see `cadence-dns status --cluster`")
            }
            Refusal::NoBetterRegion { name, region } => {
                write!(f, "{name} stays with {region}: no region that it prefers is up")
            }
            Refusal::NothingHeld(name) => {
                write!(f, "{name} is not held: it has the region that it should have, and waits for nothing")
            }
            Refusal::NoSuchOverride(which) => {
                write!(
                    f,
                    "{which}: no such override is in force; `cadence-dns override list` shows those that are"
                )
            }
            Refusal::Lasts { lasts, most } => {
                write!(
                    f,
                    "an override lasts between 1s and {}, not {}; it can be renewed",
                    shown(*most),
                    shown(*lasts)
                )
            }
            Refusal::Planned { starts, help } => write!(f, "it cannot begin at {starts}: {help}"),
            Refusal::TooMany(most) => {
                write!(f, "{most} overrides are in force already; clear some: `cadence-dns override list`")
            }
            Refusal::EpochMoved { name, seen, found } => write!(
                f,
                "{name} has epoch {found}, not {seen}: its answer has changed; look at `cadence-dns status`, then ask again"
            ),
            Refusal::Unsafe(breaches) => {
                for (number, breach) in breaches.iter().enumerate() {
                    f.write_str(if number > 0 { "\n" } else { "" })?;
                    write!(f, "{breach}; `--break-glass {}` does it all the same", breach.rule)?;
                }
                Ok(())
            }
            Refusal::ChangePending(name) => {
                write!(f, "{name} is just being changed; look at `cadence-dns status`, then ask again")
            }
            Refusal::Superseded(name) => {
                write!(
                    f,
                    "another node has just changed {name}; look at `cadence-dns status`, then ask again"
                )
            }
            Refusal::Hook { name, hook, why } => {
                write!(f, "{name} stays: the hook {hook}, which must succeed before, has failed: {why}")
            }
            Refusal::Reloaded(name) => write!(
                f,
                "{name} stays: the configuration has become another one meanwhile; look at `cadence-dns status`, then ask again"
            ),
            Refusal::Expired => f.write_str("the command came too late, nothing was done; ask again"),
        }
    }
}

impl std::error::Error for Refusal {}
