//! Our place among the nodes of a cluster: what we tell them, what we hear of them, and whether we are cut off.

use std::collections::{BTreeMap, BTreeSet};

use super::ceilings::Ceilings;
use super::cluster::ClusterEvent;
use super::cluster::{
    ALONE_AFTER, ANCHORS_EVERY, ANCHORS_FRESH, ANSWERS_TOLD, ClusterView, CutOff, HeldOverride, Key,
    KeyValue, NodeFacts, NodeRecord, ORDERS_TOLD, PUSHES_APART, PUSHES_EVERY, Participant, RegisterNews,
    Transaction, TransactionId, VotesRecord, millis, read, text,
};
use super::judgement::{EndpointVote, VOTES_FRESH};
use super::sharing::{Matter, has_all, numbered, stay};
use super::{Controller, News, Parameters, Report};
use crate::health::Role;
use crate::model::{Moment, RegionId, VantageId};
use crate::policy::{Decision, Hold, Overrides, Standing, Steer};

/// What one piece of news was about.
#[derive(Default)]
struct Touched {
    nodes: BTreeSet<VantageId>,
    votes: BTreeSet<(VantageId, RegionId)>,
}

impl Controller {
    /// The register has something to say.
    pub(super) fn hear_register(&mut self, heard: RegisterNews, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return };
        match heard {
            RegisterNews::Snapshot { revision, all } => {
                part.peers.forget_all_votes();
                part.held.begin_anew(revision);
                part.said.clear();
                let mut touched = Touched::default();
                all.into_iter().for_each(|key| part.hear_key(key, false, now, &mut touched));
                touched.nodes.extend(part.nodes.iter().map(|node| node.vantage.clone()));
                (part.seen, part.unsettled, part.wants_push) = (revision, true, true);
                self.take_votes(&touched, true, now, news);
            }
            RegisterNews::Changed { revision, keys } => {
                let mut touched = Touched::default();
                keys.into_iter().for_each(|key| part.hear_key(key, true, now, &mut touched));
                part.seen = part.seen.max(revision);
                self.take_votes(&touched, false, now, news);
            }
            RegisterNews::Transacted(id, outcome) => self.hear_outcome(id, outcome, now, news),
        }
    }

    /// What the register holds of keys that a transaction of ours depended on.
    pub(super) fn hear_keys(&mut self, keys: Vec<KeyValue>, now: Moment) {
        let Some(part) = &mut self.participant else { return };
        let mut touched = Touched::default();
        keys.into_iter().for_each(|key| part.hear_key(key, false, now, &mut touched));
    }

    /// What others should know has changed.
    pub(super) fn want_push(&mut self) {
        if let Some(part) = &mut self.participant {
            part.wants_push = true;
        }
    }

    /// Tells the others that we are here, what we see and what we answer: once a second, and when that changes.
    pub(super) fn push_when_due(&mut self, now: Moment, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let is_due = part.pushed.is_none_or(|pushed| {
            let since = now.since(pushed);
            since >= PUSHES_EVERY || (part.wants_push && since >= PUSHES_APART)
        });
        if !is_due || part.seen == 0 {
            return; // without a snapshot nobody knows what stands there under our name
        }
        let votes = self.judgement.votes_by_region(&self.evidence, now);
        let facts = self.facts_of_node(now);
        let Some(part) = &mut self.participant else { return };
        let transaction = part.push(votes, facts, now);
        self.under_way.insert(transaction.id, (now, Matter::Push));
        news.transactions.push(transaction);
    }

    /// The cluster as we see it, if we belong to one.
    #[must_use]
    pub fn cluster(&self, now: Moment) -> Option<ClusterView> {
        let part = self.participant.as_ref()?;
        let own = NodeRecord::of(self.facts_of_node(now), part.incarnation, part.sequence, part.seen);
        let unshared = self.overrides.iter().filter(|order| !order.shared).map(|order| order.id);
        Some(part.view(&own, unshared.collect(), self.judgement.verdicts(), now))
    }

    fn facts_of_node(&self, now: Moment) -> NodeFacts {
        let told = self.decisions.iter().take(ANSWERS_TOLD);
        let zones = self.table.compiled().take(ANSWERS_TOLD).map(|zone| {
            let serial = self.table.serial_of(zone.origin()).map_or(0, |serial| serial.0);
            (zone.origin().to_string(), (serial, format!("{:08x}", zone.checksum())))
        });
        let orders = self.overrides.iter().rev().take(ORDERS_TOLD);
        let orders =
            orders.map(|order| (order.id, (millis(now.since(order.made)), millis(order.expires.after(now)))));
        let part = self.participant.as_ref();
        let own = part.and_then(|part| part.nodes.iter().find(|node| node.vantage == part.us));
        NodeFacts {
            configuration: self
                .parameters
                .cluster
                .as_ref()
                .map(|c| c.configuration.clone())
                .unwrap_or_default(),
            role: own.map_or(Role::Server, |own| own.role),
            epochs: told.map(|decision| (decision.name().to_string(), decision.standing.epoch)).collect(),
            zones: zones.collect(),
            orders: orders.collect(),
            cut_off_for: part.and_then(|part| part.cut_off.as_ref()).map(|cut_off| now.since(cut_off.since)),
        }
    }

    /// What others say goes into the verdicts.
    fn take_votes(&mut self, touched: &Touched, anew: bool, now: Moment, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let mut regions = BTreeSet::new();
        for node in &touched.nodes {
            let Some(peer) = part.peers.get(node) else { continue };
            let run = peer.record.as_ref().map(|record| record.incarnation);
            if anew || self.judgement.is_another_run(node, run) {
                let votes = peer.votes().map(|(region, votes)| (region.clone(), votes.endpoints.clone()));
                regions.extend(self.judgement.receive_all(node, run, votes.collect()));
            }
            if let Some(said) = peer.said {
                regions.extend(self.judgement.hear(node, said, now));
            }
        }
        for (node, region) in &touched.votes {
            let Some(peer) = part.peers.get(node) else { continue };
            let votes = peer.votes().find(|(of, _)| *of == region).map(|(_, votes)| votes.endpoints.clone());
            regions.extend(self.judgement.receive(node, region, votes.unwrap_or_default()));
        }
        let waits = |decision: &Decision| {
            decision.derivation.wait.as_ref().is_some_and(|wait| wait.hold == Hold::Cluster)
        };
        let waiting = self.decisions.iter().enumerate().filter(|(_, decision)| waits(decision));
        news.concerned.extend(waiting.map(|(index, _)| index));
        self.judge(regions, now, news);
    }

    /// Whether we are cut off, may act alone, and who is silent or different: told when that changes.
    pub(super) fn look_around(&mut self, now: Moment, news: &mut News) {
        let Some(part) = &mut self.participant else { return };
        let was_cut_off = part.cut_off.is_some();
        part.look_at_contact(now, news);
        part.look_at_nodes(now, news);
        if was_cut_off && part.cut_off.is_none() {
            news.concerned.extend(0..self.decisions.len());
        }
        let anchors = self.evidence.anchors_heard(now.before(ANCHORS_FRESH));
        let Some(part) = &mut self.participant else { return };
        let cut_off_for = part.cut_off.as_ref().map(|cut_off| now.since(cut_off.since));
        let is_long = cut_off_for.is_some_and(|span| span >= ALONE_AFTER);
        let is_due = part.anchors_asked.is_none_or(|asked| now.since(asked) >= ANCHORS_EVERY);
        if cut_off_for.is_some_and(|span| span + ANCHORS_FRESH >= ALONE_AFTER) && is_due {
            part.anchors_asked = Some(now);
            self.evidence.ask_anchors(news);
        }
        let is_world_there = anchors.is_some_and(|(heard, all)| heard * 2 > all);
        let alone = is_long && is_world_there && !part.suspended.contains(&part.us);
        if part.alone != alone {
            part.alone = alone;
            let event = if alone { ClusterEvent::Alone } else { ClusterEvent::NotAlone };
            news.reports.push(Report::Cluster(event));
            self.set_voters(now, news);
        }
    }

    /// Another configuration has taken over, of the same cluster.
    pub(super) fn take_part_anew(&mut self, now: Moment, news: &mut News) {
        let (Some(part), Some(cluster)) = (&mut self.participant, &self.parameters.cluster) else { return };
        part.configure(&cluster.configuration);
        self.set_voters(now, news);
    }

    /// Whose votes count has changed.
    pub(super) fn set_voters(&mut self, now: Moment, news: &mut News) {
        let Some(part) = &self.participant else { return };
        let voters = part.active().filter(|node| !part.alone || node.vantage == part.us);
        let voters = voters.cloned().collect();
        self.judgement.set_members(voters);
        let regions = self.parameters.regions.iter().map(|region| region.id.clone()).collect();
        self.judge(regions, now, news);
        news.concerned.extend(0..self.decisions.len());
    }
}

impl Participant {
    /// Our part in the cluster of the configuration, if it has one.
    pub(super) fn of(parameters: &Parameters, overrides: &Overrides, now: Moment) -> Option<Participant> {
        let cluster = parameters.cluster.as_ref()?;
        let Parameters { vantage, members, .. } = parameters;
        Some(Participant::start(vantage, members, &cluster.configuration, overrides, now))
    }

    /// What is answered at a start: what was answered last, as long as the configuration has it, for nothing is moved
    /// before the others were heard.
    pub(super) fn first_decision(
        &self,
        steer: &Steer,
        before: Option<&Standing>,
        decision: Decision,
        (parameters, ceilings): (&Parameters, &Ceilings),
        now: Moment,
    ) -> Decision {
        let Some(before) = before else {
            let epoch = self.numbers.own_after(ceilings.told(&steer.names));
            return numbered(decision, epoch);
        };
        if decision.standing.epoch == before.epoch {
            return decision;
        }
        if has_all(parameters, before) {
            return stay(steer, before, decision, now);
        }
        let last = (decision.standing.epoch - 1).max(ceilings.told(&steer.names));
        numbered(decision, self.numbers.own_after(last))
    }

    /// `is_new`: it is told as it is written, and not as what has stood there for a while.
    fn hear_key(&mut self, heard: KeyValue, is_new: bool, now: Moment, touched: &mut Touched) {
        let KeyValue { key: path, value, revision } = heard;
        let Some(key) = Key::parse(&path) else { return };
        let told = match (key, value.as_deref()) {
            (Key::Node(node), Some(text)) => {
                read(text).map(|record| self.hear_node(node, record, (revision, now), touched))
            }
            (Key::Node(_), None) => Ok(()),
            (Key::Votes(node, region), value) if node == self.us => {
                match value {
                    Some(text) => drop(self.said.insert(region, text.to_owned())),
                    None => drop(self.said.remove(&region)),
                }
                Ok(())
            }
            (Key::Votes(node, region), Some(text)) => read::<VotesRecord>(text).map(|votes| {
                self.peers.hear_votes(&node, &region, votes);
                touched.votes.insert((node, region));
            }),
            (Key::Votes(node, region), None) => {
                self.peers.forget_votes(&node, &region);
                touched.votes.insert((node, region));
                Ok(())
            }
            (Key::Decision(name), value) => {
                self.unsettled = true;
                let record = value.map(read).transpose();
                self.held.decide(name, revision, record.clone().ok().flatten());
                record.map(drop)
            }
            (Key::Override(id), Some(text)) => read(text).map(|record| {
                self.unsettled = true;
                let is_new = is_new && self.contact.is_new(revision, now);
                self.held.order(id, HeldOverride { revision, read: now, is_new, record });
            }),
            (Key::Override(id), None) => {
                self.unsettled = true;
                self.held.end(id);
                Ok(())
            }
        };
        match told {
            Ok(()) => self.held.mark_readable(&path),
            Err(why) => self.held.mark_unreadable(path, why),
        }
    }

    fn hear_node(
        &mut self,
        node: VantageId,
        record: NodeRecord,
        (revision, now): (u64, Moment),
        touched: &mut Touched,
    ) {
        if node != self.us {
            // Who comes back waits for a word that was said after its own.
            self.wants_push |= !self.is_heard(&node, now);
            // It had read that revision, so it wrote after it.
            let said = self.contact.written_after(record.seen + 1);
            self.peers.hear(&node, record, said);
            touched.nodes.insert(node);
        } else if record.incarnation == self.incarnation {
            self.unsettled |= !self.contact.is_fresh(now); // what was decided meanwhile can be written now
            self.contact.come_back(record.sequence, revision);
        } else if self.sequence > 0 && record.incarnation > self.incarnation {
            self.namesake = self.contact.last(); // whoever it is, it started after us
        }
    }

    /// All that the register should have of us, as one transaction.
    fn push(
        &mut self,
        votes: BTreeMap<RegionId, Vec<EndpointVote>>,
        facts: NodeFacts,
        now: Moment,
    ) -> Transaction {
        self.sequence += 1;
        self.pushed = Some(now);
        self.wants_push = false;
        self.contact.send(self.sequence, now);
        let record = NodeRecord::of(facts, self.incarnation, self.sequence, self.seen);
        let mut writes = vec![(Key::Node(self.us.clone()).to_string(), Some(text(&record)))];
        for (region, votes) in &votes {
            let votes = text(&VotesRecord::of(votes.clone(), self.incarnation));
            if self.said.get(region) != Some(&votes) {
                writes.push((Key::Votes(self.us.clone(), region.clone()).to_string(), Some(votes)));
            }
        }
        let gone = self.said.keys().filter(|region| !votes.contains_key(*region));
        writes.extend(gone.map(|region| (Key::Votes(self.us.clone(), region.clone()).to_string(), None)));
        self.transaction(Vec::new(), writes)
    }

    pub(super) fn transaction(
        &mut self,
        conditions: Vec<(String, u64)>,
        writes: Vec<(String, Option<String>)>,
    ) -> Transaction {
        self.last_transaction += 1;
        let id = TransactionId(self.last_transaction);
        Transaction { id, conditions, writes }
    }

    fn look_at_contact(&mut self, now: Moment, news: &mut News) {
        let why = self.isolation(now);
        match (&mut self.cut_off, why) {
            (None, None) => {}
            (None, Some(why)) => {
                self.together_since = None;
                self.cut_off = Some(CutOff { since: now, why, told: false });
            }
            (Some(cut_off), Some(why)) => {
                cut_off.why = why;
                if !cut_off.told && now.since(cut_off.since) >= PUSHES_EVERY * 2 {
                    cut_off.told = true;
                    let why = cut_off.why.clone();
                    news.reports.push(Report::Cluster(ClusterEvent::CutOff { why }));
                }
            }
            (Some(cut_off), None) => {
                if cut_off.told {
                    let after = now.since(cut_off.since);
                    news.reports.push(Report::Cluster(ClusterEvent::Together { after }));
                }
                self.cut_off = None;
                self.together_since = Some(now);
                self.unsettled = true;
            }
        }
    }

    fn look_at_nodes(&mut self, now: Moment, news: &mut News) {
        let others = self.active().map(|node| node.vantage.clone()).filter(|node| *node != self.us);
        for node in others.collect::<Vec<VantageId>>() {
            let is_heard = self.is_heard(&node, now);
            if is_heard == self.told.silent.contains(&node) {
                let event = if is_heard {
                    self.told.silent.remove(&node);
                    ClusterEvent::Heard { node: node.clone() }
                } else if self.together_since.is_some_and(|since| now.since(since) > VOTES_FRESH) {
                    self.told.silent.insert(node.clone());
                    ClusterEvent::Silent { node: node.clone() }
                } else {
                    continue; // that we are cut off, or have just begun to listen, says it all
                };
                news.reports.push(Report::Cluster(event));
            }
            let differs = is_heard && self.configuration_of(&node) != self.configuration_of(&self.us);
            if is_heard && differs != self.told.different.contains(&node) {
                let event = if differs {
                    self.told.different.insert(node.clone());
                    ClusterEvent::Differs { node }
                } else {
                    self.told.different.remove(&node);
                    ClusterEvent::Agrees { node }
                };
                news.reports.push(Report::Cluster(event));
            }
        }
    }
}
