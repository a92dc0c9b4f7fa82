//! Several name servers, one decision: what they share, and what follows from it.
//!
//! ```text
//!            ┌ nodes, votes ─▶ peers: who was heard, and how long ago at most ─▶ judgement
//! register ──┤
//!            └ decisions, overrides ─▶ held ─▶ followed, or written over by what is newer here
//!
//! a move ─▶ may it be made? together: most nodes are heard ─▶ transaction ─▶ own log ─▶ adopted
//!                           alone: cut off for a minute, anchors heard, region down ─▶ own log ─▶ adopted
//!                           else the names stay
//! ```
//!
//! What is known about others is judged by our own clock alone, see [`Contact`].

mod contact;
mod event;
mod held;
mod numbers;
mod peers;
mod record;
mod register;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::judgement::VOTES_FRESH;
use crate::health::Member;
use crate::model::{Moment, RegionId, VantageId};
use crate::policy::{Override, OverrideId, Overrides};

pub(super) use contact::Contact;
pub(super) use held::{Held, HeldOverride};
pub(super) use peers::Peers;
pub(super) use record::{
    ANSWERS_TOLD, DecisionRecord, Key, NodeFacts, ORDERS_TOLD, OverrideRecord, VotesRecord, millis, read,
    text,
};

pub use event::ClusterEvent;
pub use numbers::{NODES_MAX, Numbers};
pub use record::NodeRecord;
pub use register::{KeyValue, RegisterNews, Transacted, Transaction, TransactionId};
pub use view::{ClusterView, NodeView, Togetherness};

/// We say that we are there this often.
pub const PUSHES_EVERY: Duration = Duration::from_secs(1);

/// And what we see as soon as it changes, but not more often than this.
pub(super) const PUSHES_APART: Duration = Duration::from_millis(50);

/// So long a node must have been cut off before it acts by its own view.
pub const ALONE_AFTER: Duration = Duration::from_secs(60);

/// Anchors that were heard longer ago say nothing about now.
pub(super) const ANCHORS_FRESH: Duration = Duration::from_secs(10);

/// They are asked this often while we are cut off.
pub(super) const ANCHORS_EVERY: Duration = Duration::from_secs(4);

/// So long an order waits for somebody who knows how old it is.
pub(super) const AGE_MAX: Duration = Duration::from_secs(3);

/// A transaction whose outcome has not come by then: whoever carries it is gone.
pub(super) const OUTCOME_MAX: Duration = Duration::from_secs(5);

/// Our part in a cluster: what we have read and written, and whom we have heard.
pub(super) struct Participant {
    pub(super) us: VantageId,
    pub(super) numbers: Numbers,
    /// Every node of the configuration, in its order.
    pub(super) nodes: Vec<Member>,
    /// Those that an operator has taken out for maintenance.
    pub(super) suspended: BTreeSet<VantageId>,
    configuration: String,
    /// This run of ours.
    pub(super) incarnation: u64,
    pub(super) sequence: u64,
    pub(super) pushed: Option<Moment>,
    /// Something that others should know is not in the register yet.
    pub(super) wants_push: bool,
    /// The revision that we have read up to; 0 before the first snapshot.
    pub(super) seen: u64,
    pub(super) contact: Contact,
    pub(super) peers: Peers,
    pub(super) held: Held,
    /// Our own votes, as the register shows them.
    pub(super) said: BTreeMap<RegionId, String>,
    /// Another run calls itself by our name.
    pub(super) namesake: Option<Moment>,
    pub(super) last_transaction: u64,
    /// Since when we are not heard, or do not hear most nodes; why, in words.
    pub(super) cut_off: Option<CutOff>,
    /// Since when we are not, if we are not.
    pub(super) together_since: Option<Moment>,
    /// We act by our own view.
    pub(super) alone: bool,
    pub(super) anchors_asked: Option<Moment>,
    /// What was told of other nodes.
    pub(super) told: Told,
    /// Something may have to be followed, or written.
    pub(super) unsettled: bool,
}

/// That we are not heard, or do not hear most nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CutOff {
    pub(super) since: Moment,
    pub(super) why: String,
    /// It was told.
    pub(super) told: bool,
}

/// What operators were told of the nodes.
#[derive(Default)]
pub(super) struct Told {
    pub(super) silent: BTreeSet<VantageId>,
    pub(super) different: BTreeSet<VantageId>,
}

/// Whether a move may be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mandate {
    /// Most nodes are heard: it is made for all of them.
    Together,
    /// We are cut off for long, and the world is there: we leave a dead region on our own.
    Alone,
    /// It has to wait, for this reason.
    Not(String),
}

impl Participant {
    /// A node that has just started, and has heard nobody yet.
    pub(super) fn start(
        us: &VantageId,
        nodes: &[Member],
        configuration: &str,
        overrides: &Overrides,
        now: Moment,
    ) -> Participant {
        let place = nodes.iter().position(|node| node.vantage == *us);
        let mut participant = Participant {
            us: us.clone(),
            numbers: Numbers::of_place(place.expect("the configuration has us among the nodes")),
            nodes: nodes.to_vec(),
            suspended: BTreeSet::new(),
            configuration: configuration.to_owned(),
            incarnation: now.as_millis(),
            sequence: 0,
            pushed: None,
            wants_push: true,
            seen: 0,
            contact: Contact::default(),
            peers: Peers::default(),
            held: Held::default(),
            said: BTreeMap::new(),
            namesake: None,
            last_transaction: 0,
            cut_off: Some(CutOff { since: now, why: "it has just started".into(), told: false }),
            together_since: None,
            alone: false,
            anchors_asked: None,
            told: Told::default(),
            unsettled: true,
        };
        participant.suspend(overrides);
        participant
    }

    /// Another configuration holds, of the same cluster.
    pub(super) fn configure(&mut self, configuration: &str) {
        configuration.clone_into(&mut self.configuration);
        self.wants_push = true;
        self.unsettled = true;
    }

    /// Which nodes count is what operators have said last. True when that has changed.
    pub(super) fn suspend(&mut self, overrides: &Overrides) -> bool {
        let suspended: BTreeSet<VantageId> = overrides.suspended().cloned().collect();
        let before = std::mem::replace(&mut self.suspended, suspended);
        before != self.suspended
    }

    /// The nodes that count, in the order of the configuration.
    pub(super) fn active(&self) -> impl Iterator<Item = &Member> {
        self.nodes.iter().filter(|node| !self.suspended.contains(&node.vantage))
    }

    /// Whether a node was heard lately, ourselves as far as we are heard.
    pub(super) fn is_heard(&self, node: &VantageId, now: Moment) -> bool {
        if *node == self.us {
            return self.contact.is_fresh(now);
        }
        let said = self.peers.get(node).and_then(|peer| peer.said);
        said.is_some_and(|said| now.since(said) <= VOTES_FRESH)
    }

    /// The hash of what a node's decisions follow from, as it said last.
    pub(super) fn configuration_of(&self, node: &VantageId) -> Option<&str> {
        if *node == self.us {
            return Some(&self.configuration);
        }
        Some(&self.peers.get(node)?.record.as_ref()?.configuration)
    }

    /// Whether we make moves for all, on votes that were given after this revision; or why not. `revision` is that of what
    /// is in force: no decision rests on evidence that is older than the one which it replaces.
    pub(super) fn mandate(&self, revision: u64, now: Moment) -> Mandate {
        if self.suspended.contains(&self.us) {
            return Mandate::Not("this node is suspended".into());
        }
        if let Some(why) = self.isolation(now) {
            return if self.alone { Mandate::Alone } else { Mandate::Not(why) };
        }
        let is_informed = |node: &VantageId| {
            *node == self.us || self.peers.get(node).is_some_and(|peer| peer.has_seen(revision))
        };
        if !self.is_majority(self.heard(now).filter(|node| is_informed(node)).count()) {
            return Mandate::Not("most nodes have not voted since the last move".into());
        }
        if !self.decides_as_most_do(now) {
            return Mandate::Not("most nodes decide by another configuration".into());
        }
        Mandate::Together
    }

    /// Why we are on our own, if we are.
    pub(super) fn isolation(&self, now: Moment) -> Option<String> {
        if !self.contact.is_fresh(now) {
            return Some("no answer of the register".into());
        }
        let (heard, all) = (self.heard(now).count(), self.active().count());
        (!self.is_majority(heard)).then(|| format!("only {heard} of {all} nodes are heard"))
    }

    /// Whether some may not have been heard yet that will be in a moment: what can wait, waits for their votes.
    pub(super) fn has_just_come_together(&self, now: Moment) -> bool {
        self.together_since.is_none_or(|since| now.since(since) < PUSHES_EVERY * 2)
    }

    /// Whether we are the first of the nodes that are heard: what only one may do falls to it.
    pub(super) fn is_first(&self, now: Moment) -> bool {
        self.heard(now).next() == Some(&self.us)
    }

    /// Until when nothing is pushed because something just was.
    pub(super) fn push_due(&self) -> Option<Moment> {
        self.wants_push.then(|| self.pushed.map(|pushed| pushed + PUSHES_APART)).flatten()
    }

    /// An order of ours stands in the register as of this revision, which the watch may not have told yet.
    pub(super) fn hold_order(&mut self, order: &Override, revision: u64, now: Moment) {
        if self.seen >= revision {
            return; // it has: also if the order is gone since
        }
        let record = OverrideRecord::of(order, &self.us, now);
        self.held.order(order.id, HeldOverride { revision, read: now, is_new: true, record });
    }

    /// How old an order is, and how long it has left, as the node says that has had it for longest.
    pub(super) fn age_of(&self, order: OverrideId, now: Moment) -> Option<(u64, u64)> {
        let heard = self.heard(now).filter(|node| **node != self.us);
        let told =
            heard.filter_map(|node| self.peers.get(node)?.record.as_ref()?.orders.get(&order).copied());
        told.max()
    }

    fn heard(&self, now: Moment) -> impl Iterator<Item = &VantageId> {
        self.active().map(|node| &node.vantage).filter(move |node| self.is_heard(node, now))
    }

    fn is_majority(&self, nodes: usize) -> bool {
        nodes * 2 > self.active().count()
    }

    /// Whether as many of the nodes that are heard decide by our configuration as by any other; of several, the one that
    /// the first node has.
    pub(super) fn decides_as_most_do(&self, now: Moment) -> bool {
        let heard: Vec<&VantageId> = self.heard(now).collect();
        let by = |node: &&VantageId| self.configuration_of(node);
        let share = |configuration: &str| heard.iter().filter(|node| by(node) == Some(configuration)).count();
        let main = heard.iter().filter_map(by).rev().max_by_key(|known| share(known));
        main == Some(&self.configuration)
    }
}
