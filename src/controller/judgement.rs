//! What follows from the evidence: a verdict for each region, from our own votes and those of other nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::saved::SavedRegion;
use super::{Change, News, Parameters, Report, SavedState};
use crate::health::{Ballot, Degradation, Doubt, Failure, Member, Region, Verdict, Vote, judge};
use crate::model::{Moment, RegionId, VantageId};
use crate::policy::Verdicts;

/// The votes of a node that are older than this are none: it may be cut off, or gone.
pub const VOTES_FRESH: Duration = Duration::from_secs(12);

/// What a node says about one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointVote {
    /// The address.
    pub address: IpAddr,
    /// What it says.
    pub vote: Vote,
    /// It fails just now, though it is not down.
    #[serde(default, skip_serializing_if = "is_false")]
    pub suspect: bool,
    /// Its last probe was silent, and nothing else was heard.
    #[serde(default, skip_serializing_if = "is_false")]
    pub isolated: bool,
    /// Only until other places have been probed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub awaits_witness: bool,
    /// It was down before an address of the region came into doubt that the node cannot judge.
    #[serde(default, skip_serializing_if = "is_false")]
    pub predates_doubt: bool,
    /// Why it failed last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why it is worse than another, though it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degradation>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl EndpointVote {
    fn of(address: IpAddr, ballot: Ballot) -> EndpointVote {
        #[rustfmt::skip]
        let Ballot {
            vantage: _, vote, suspect, isolated, awaits_witness, predates_doubt, failure, trouble: _, degraded,
        } = ballot;
        EndpointVote { address, vote, suspect, isolated, awaits_witness, predates_doubt, failure, degraded }
    }

    fn ballot(self, vantage: &VantageId) -> Ballot {
        #[rustfmt::skip]
        let EndpointVote {
            address: _, vote, suspect, isolated, awaits_witness, predates_doubt, failure, degraded,
        } = self;
        let vantage = vantage.clone();
        #[rustfmt::skip]
        let ballot = Ballot {
            vantage, vote, suspect, isolated, awaits_witness, predates_doubt, failure, trouble: None, degraded,
        };
        ballot
    }
}

/// The verdicts, and when each of them has to be looked at again though nothing is observed.
pub(super) struct Judgement {
    vantage: VantageId,
    members: Vec<Member>,
    regions: BTreeMap<RegionId, Region>,
    others: BTreeMap<VantageId, Received>,
    verdicts: Verdicts,
    expires: BTreeSet<(Moment, RegionId)>,
    expires_at: BTreeMap<RegionId, Moment>,
}

/// The last votes of another node.
#[derive(Clone, Default)]
pub(super) struct Received {
    /// A moment, by our clock, after which it stood by them; none while nobody knows.
    said: Option<Moment>,
    /// Of which run they are.
    run: Option<u64>,
    ballots: BTreeMap<(RegionId, IpAddr), Ballot>,
}

impl Received {
    fn is_fresh(&self, now: Moment) -> bool {
        self.said.is_some_and(|said| now.since(said) <= VOTES_FRESH)
    }
}

impl Judgement {
    /// The verdict on every region, which goes on from what was saved.
    pub(super) fn start(
        parameters: &Parameters,
        saved: &SavedState,
        evidence: &Evidence,
        now: Moment,
    ) -> Judgement {
        Judgement::start_with(parameters, saved, evidence, BTreeMap::new(), now)
    }

    /// The same with what other nodes have said, as far as they are members.
    pub(super) fn start_with(
        parameters: &Parameters,
        saved: &SavedState,
        evidence: &Evidence,
        mut others: BTreeMap<VantageId, Received>,
        now: Moment,
    ) -> Judgement {
        others.retain(|vantage, _| parameters.members.iter().any(|member| member.vantage == *vantage));
        let regions = parameters.regions.iter().map(|region| (region.id.clone(), region.clone()));
        let mut judgement = Judgement {
            vantage: parameters.vantage.clone(),
            members: parameters.members.clone(),
            regions: regions.collect(),
            others,
            verdicts: Verdicts::new(),
            expires: BTreeSet::new(),
            expires_at: BTreeMap::new(),
        };
        for region in &parameters.regions {
            let before = saved.verdict(&region.id);
            let verdict = judgement.judged(region, evidence, before.as_ref(), now);
            judgement.verdicts.insert(region.id.clone(), Arc::new(verdict));
            judgement.note_expiry(&region.id, evidence, now);
        }
        judgement
    }

    /// What other nodes have said, in the names that regions have now.
    pub(super) fn others(&self, renamed: &BTreeMap<RegionId, RegionId>) -> BTreeMap<VantageId, Received> {
        let mut others = self.others.clone();
        for received in others.values_mut().filter(|_| !renamed.is_empty()) {
            let ballots = std::mem::take(&mut received.ballots).into_iter();
            let named = |((region, address), ballot): ((RegionId, IpAddr), Ballot)| {
                ((renamed.get(&region).cloned().unwrap_or(region), address), ballot)
            };
            received.ballots = ballots.map(named).collect();
        }
        others
    }

    /// The verdict on each configured region.
    pub(super) fn verdicts(&self) -> &Verdicts {
        &self.verdicts
    }

    /// The members whose votes count from now on.
    pub(super) fn set_members(&mut self, members: Vec<Member>) {
        self.members = members;
    }

    /// Whether what is known of a node is of another run than this one.
    pub(super) fn is_another_run(&self, node: &VantageId, run: Option<u64>) -> bool {
        self.others.get(node).is_none_or(|known| known.run != run)
    }

    /// A node stands by what it said, after this moment. The regions that have to be judged again because of it.
    pub(super) fn hear(&mut self, node: &VantageId, said: Moment, now: Moment) -> BTreeSet<RegionId> {
        let known = self.others.entry(node.clone()).or_default();
        let was_fresh = known.is_fresh(now);
        known.said = known.said.max(Some(said));
        if was_fresh || !known.is_fresh(now) {
            BTreeSet::new()
        } else {
            self.regions.keys().cloned().collect()
        }
    }

    /// All that a run of a node says, in place of what any run of it said before.
    pub(super) fn receive_all(
        &mut self,
        node: &VantageId,
        run: Option<u64>,
        votes: BTreeMap<RegionId, Vec<EndpointVote>>,
    ) -> BTreeSet<RegionId> {
        let known = self.others.entry(node.clone()).or_default();
        known.run = run;
        known.ballots.clear();
        for (region, votes) in votes {
            self.receive(node, &region, votes);
        }
        self.regions.keys().cloned().collect()
    }

    /// What a node says of a region, in place of what it said before.
    pub(super) fn receive(
        &mut self,
        node: &VantageId,
        region: &RegionId,
        votes: Vec<EndpointVote>,
    ) -> Option<RegionId> {
        let known = self.others.entry(node.clone()).or_default();
        known.ballots.retain(|(of, _), _| of != region);
        let ballots = votes.into_iter().map(|vote| ((region.clone(), vote.address), vote.ballot(node)));
        known.ballots.extend(ballots);
        self.regions.contains_key(region).then(|| region.clone())
    }

    /// What we say about each region that is probed, for the other nodes.
    pub(super) fn votes_by_region(
        &self,
        evidence: &Evidence,
        now: Moment,
    ) -> BTreeMap<RegionId, Vec<EndpointVote>> {
        let probed = self.regions.values().filter(|region| !region.checks.is_empty());
        let of_region = |region: &Region| {
            let ballots = region.addresses.iter().zip(evidence.ballots(region, now));
            let votes = ballots.map(|(address, ballot)| EndpointVote::of(*address, ballot));
            (region.id.clone(), votes.collect())
        };
        probed.map(of_region).collect()
    }

    /// Judges a region again. True when anything that a decision is made from, or explained with, is another one.
    pub(super) fn judge(
        &mut self,
        region: &RegionId,
        evidence: &Evidence,
        now: Moment,
        news: &mut News,
    ) -> bool {
        let Some(configured) = self.regions.get(region) else { return false };
        let before = self.verdicts.get(region).cloned();
        let verdict = Arc::new(self.judged(configured, evidence, before.as_deref(), now));
        self.note_expiry(region, evidence, now);
        if before.as_ref() == Some(&verdict) {
            return false;
        }
        if let Some(before) = before.as_ref().filter(|before| before.state != verdict.state) {
            news.changes.push(Change::Region(SavedRegion::of(&verdict)));
            news.reports.push(Report::VerdictChanged { from: before.state, verdict: Arc::clone(&verdict) });
        }
        let graded = before.is_some_and(|before| {
            before.state == verdict.state && before.is_degraded() != verdict.is_degraded()
        });
        if graded {
            news.reports.push(Report::GradeChanged { verdict: Arc::clone(&verdict) });
        }
        self.verdicts.insert(region.clone(), verdict);
        true
    }

    /// The regions whose verdict may no longer follow from the evidence, because some of it has grown old.
    pub(super) fn expired(&self, now: Moment) -> Vec<RegionId> {
        self.expires.iter().take_while(|(at, _)| *at < now).map(|(_, region)| region.clone()).collect()
    }

    fn judged(&self, region: &Region, evidence: &Evidence, before: Option<&Verdict>, now: Moment) -> Verdict {
        let ballots = |member: &Member| self.ballots(member, region, evidence, now);
        let voters: Vec<Vec<Ballot>> = self.voters(&region.id).map(ballots).collect();
        judge(region, &voters, before, now)
    }

    /// The members outside of a region vote on it; where there is none, all do.
    fn voters(&self, region: &RegionId) -> impl Iterator<Item = &Member> {
        let is_outside = |member: &&Member| member.region.as_ref() != Some(region);
        let any_outside = self.members.iter().any(|member| is_outside(&member));
        self.members.iter().filter(move |member| !any_outside || is_outside(member))
    }

    fn ballots(&self, member: &Member, region: &Region, evidence: &Evidence, now: Moment) -> Vec<Ballot> {
        if member.vantage == self.vantage {
            return evidence.ballots(region, now);
        }
        let fresh = self.others.get(&member.vantage).filter(|known| known.is_fresh(now));
        let ballot = |address: &IpAddr| {
            let known = fresh.and_then(|known| known.ballots.get(&(region.id.clone(), *address)));
            let unproven = Vote::Unknown(Doubt::Unproven);
            match (fresh, known) {
                (_, Some(ballot)) => ballot.clone(),
                (Some(_), None) => Ballot { vote: unproven, ..Ballot::absent(&member.vantage) },
                (None, None) => Ballot::absent(&member.vantage),
            }
        };
        region.addresses.iter().map(ballot).collect()
    }

    fn note_expiry(&mut self, region: &RegionId, evidence: &Evidence, now: Moment) {
        let Some(configured) = self.regions.get(region) else { return };
        let ours = evidence.fresh_until(configured, now);
        let theirs = self
            .others
            .values()
            .filter_map(|known| Some(known.said? + VOTES_FRESH))
            .filter(|until| *until >= now);
        let expires = ours.into_iter().chain(theirs).min();
        if let Some(before) = self.expires_at.remove(region) {
            self.expires.remove(&(before, region.clone()));
        }
        if let Some(at) = expires {
            self.expires_at.insert(region.clone(), at);
            self.expires.insert((at, region.clone()));
        }
    }
}
