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

/// What a node says about every address that it probes, for the other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Votes {
    /// Whose.
    pub vantage: VantageId,
    /// How long ago it said so. Ages travel, times do not: clocks of different nodes need not agree.
    pub age: Duration,
    /// One for each address of each region.
    pub endpoints: Vec<EndpointVote>,
}

/// What a node says about one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointVote {
    /// The region of the address.
    pub region: RegionId,
    /// The address.
    pub address: IpAddr,
    /// What it says.
    pub vote: Vote,
    /// It fails just now, though it is not down.
    pub suspect: bool,
    /// Its last probe was silent, and nothing else was heard.
    #[serde(default)]
    pub isolated: bool,
    /// Only until other places have been probed.
    #[serde(default)]
    pub awaits_witness: bool,
    /// It was down before an address of the region came into doubt that the node cannot judge.
    #[serde(default)]
    pub predates_doubt: bool,
    /// Why it failed last.
    pub failure: Option<Failure>,
    /// Why it is worse than another, though it is up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded: Option<Degradation>,
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
#[derive(Clone)]
pub(super) struct Received {
    /// When they were given, by our clock.
    given: Moment,
    ballots: BTreeMap<(RegionId, IpAddr), Ballot>,
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

    /// Takes in what another node says. The regions that have to be judged again; none for a node that is no member.
    pub(super) fn receive(&mut self, votes: Votes, now: Moment) -> BTreeSet<RegionId> {
        let Votes { vantage, age, endpoints } = votes;
        let is_member = self.members.iter().any(|member| member.vantage == vantage);
        let given = now.before(age);
        let is_newer = self.others.get(&vantage).is_none_or(|known| known.given <= given);
        if !is_member || vantage == self.vantage || !is_newer {
            return BTreeSet::new();
        }
        let ballot = |vote: EndpointVote| {
            #[rustfmt::skip]
            let EndpointVote {
                region, address, vote, suspect, isolated, awaits_witness, predates_doubt, failure, degraded,
            } = vote;
            let vantage = vantage.clone();
            #[rustfmt::skip]
            let ballot = Ballot {
                vantage, vote, suspect, isolated, awaits_witness, predates_doubt, failure, trouble: None, degraded,
            };
            ((region, address), ballot)
        };
        let ballots = endpoints.into_iter().map(ballot).collect();
        self.others.insert(vantage, Received { given, ballots });
        self.regions.keys().cloned().collect()
    }

    /// What we say, for the other nodes.
    pub(super) fn votes(&self, evidence: &Evidence, now: Moment) -> Votes {
        let of_region = |region: &Region| -> Vec<EndpointVote> {
            let ballots = region.addresses.iter().zip(evidence.ballots(region, now));
            let vote = |(address, ballot): (&IpAddr, Ballot)| EndpointVote {
                region: region.id.clone(),
                address: *address,
                vote: ballot.vote,
                suspect: ballot.suspect,
                isolated: ballot.isolated,
                awaits_witness: ballot.awaits_witness,
                predates_doubt: ballot.predates_doubt,
                failure: ballot.failure,
                degraded: ballot.degraded,
            };
            ballots.map(vote).collect()
        };
        let probed = self.regions.values().filter(|region| !region.checks.is_empty());
        Votes {
            vantage: self.vantage.clone(),
            age: Duration::ZERO,
            endpoints: probed.flat_map(of_region).collect(),
        }
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
        let fresh = self.others.get(&member.vantage).filter(|known| now.since(known.given) <= VOTES_FRESH);
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
        let theirs =
            self.others.values().map(|known| known.given + VOTES_FRESH).filter(|until| *until >= now);
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
