//! How it stands with etcd: which members are well, what we follow, and what we should have heard.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::wire::{Header, Status};

/// When nobody of our etcd has been heard for so long, another one in its place is believed: it was replaced.
const REPLACED_AFTER: Duration = Duration::from_secs(60);

/// All that the tasks of the room know together.
#[derive(Debug)]
pub(super) struct Standing(Mutex<State>);

#[derive(Debug)]
struct State {
    members: Vec<Member>,
    /// The etcd that we belong to, and when it was last heard.
    ours: Option<(u64, Instant)>,
    followed: Option<Followed>,
    /// What went wrong last, and when.
    error: Option<(Instant, String)>,
    /// The revision that the watch has come to.
    seen: u64,
    /// A revision that was acknowledged and that the watch has not come to, and since when.
    missed: Option<(u64, Instant)>,
}

#[derive(Debug, Clone, Default)]
struct Member {
    looked_at: Option<Instant>,
    heard: Option<Instant>,
    latency: Option<Duration>,
    /// Since its last success.
    failed: Option<(Instant, String)>,
    id: u64,
    version: String,
    leader: u64,
    complaints: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Followed {
    member: usize,
    since: Instant,
    heard: Instant,
}

/// How it stands with etcd, for those who look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterHealth {
    /// The endpoint whose changes we follow, and for how long; none while there is none.
    pub followed: Option<(String, Duration)>,
    /// Since something came from there.
    pub silent_for: Option<Duration>,
    /// The revision that we have come to.
    pub revision: u64,
    /// What went wrong last, and how long ago.
    pub error: Option<(String, Duration)>,
    /// Which etcd it is, by its own number.
    pub cluster_id: Option<u64>,
    /// Every endpoint, in the order of the configuration.
    pub members: Vec<MemberHealth>,
}

/// How it stands with a member of etcd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberHealth {
    /// Where it is.
    pub endpoint: String,
    /// Since it last answered for most of its kind.
    pub heard: Option<Duration>,
    /// How long it took then.
    pub latency: Option<Duration>,
    /// What went wrong since.
    pub error: Option<String>,
    /// Its version, once it has told.
    pub version: Option<String>,
    /// Whether it leads.
    pub leads: bool,
    /// Whether it knows who leads.
    pub has_leader: bool,
    /// What it complains of itself.
    pub complaints: Vec<String>,
}

impl Standing {
    /// Nothing has been heard of so many members.
    pub(super) fn new(members: usize) -> Standing {
        Standing(Mutex::new(State {
            members: vec![Member::default(); members],
            ours: None,
            followed: None,
            error: None,
            seen: 0,
            missed: None,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The members, those that are well first, in the order of the configuration; then those whose failure is longest ago.
    pub(super) fn order(&self) -> Vec<usize> {
        let state = self.lock();
        let mut order: Vec<usize> = (0..state.members.len()).collect();
        order.sort_by_key(|member| state.members[*member].failed.as_ref().map(|(at, _)| *at));
        order
    }

    /// The best of them, another one if that is possible.
    pub(super) fn best_but(&self, avoided: Option<usize>) -> usize {
        let order = self.order();
        let other = order.iter().find(|member| Some(**member) != avoided);
        other.or(order.first()).copied().unwrap_or(0)
    }

    /// Whether a reply comes from the etcd that we belong to: the first that was heard.
    pub(super) fn belongs(&self, member: usize, header: Header) -> Result<(), String> {
        let mut state = self.lock();
        let now = Instant::now();
        state.members[member].id = header.member_id;
        match state.ours {
            Some((ours, at)) if ours != header.cluster_id && now - at < REPLACED_AFTER => Err(format!(
                "it belongs to another etcd, {:x}, than the one that we have met, {ours:x}",
                header.cluster_id
            )),
            Some(_) | None => {
                state.ours = Some((header.cluster_id, now));
                Ok(())
            }
        }
    }

    /// A member has answered for most of them.
    pub(super) fn worked(&self, member: usize, took: Duration) {
        let known = &mut self.lock().members[member];
        (known.heard, known.latency, known.failed) = (Some(Instant::now()), Some(took), None);
    }

    /// A member has failed us.
    pub(super) fn failed(&self, member: usize, endpoint: &str, why: &str) {
        let mut state = self.lock();
        let now = Instant::now();
        state.members[member].failed = Some((now, why.to_owned()));
        state.error = Some((now, format!("{endpoint}: {why}")));
    }

    /// What a member says of itself.
    pub(super) fn told(&self, member: usize, status: Status) {
        let Status { header, version, leader, errors } = status;
        let known = &mut self.lock().members[member];
        (known.id, known.version, known.leader, known.complaints) =
            (header.member_id, version, leader, errors);
    }

    /// The member to be looked at now: that whose turn was longest ago.
    pub(super) fn turn(&self) -> usize {
        let members = &mut self.lock().members;
        let turn = (0..members.len()).min_by_key(|member| members[*member].looked_at).unwrap_or(0);
        members[turn].looked_at = Some(Instant::now());
        turn
    }

    /// We follow a member from this revision on.
    pub(super) fn follow(&self, member: usize, revision: u64) {
        let mut state = self.lock();
        let now = Instant::now();
        state.followed = Some(Followed { member, since: now, heard: now });
        (state.seen, state.missed) = (revision, None);
    }

    /// We follow nobody any more.
    pub(super) fn lose(&self) {
        self.lock().followed = None;
    }

    /// The watch has said something, and has come to this revision, if it is a new one.
    pub(super) fn heard(&self, revision: Option<u64>) {
        let mut state = self.lock();
        if let Some(followed) = &mut state.followed {
            followed.heard = Instant::now();
        }
        if let Some(revision) = revision {
            state.seen = revision;
            state.missed = state.missed.filter(|(missed, _)| *missed > revision);
        }
    }

    /// A transaction of ours was acknowledged: the watch must come to its revision.
    pub(super) fn acknowledged(&self, revision: u64) {
        let mut state = self.lock();
        if revision > state.seen && state.missed.is_none() {
            state.missed = Some((revision, Instant::now()));
        }
    }

    /// Until when the watch must have said something that it lacks.
    pub(super) fn patience(&self, silence: Duration) -> Instant {
        let state = self.lock();
        let heard = state.followed.map_or_else(Instant::now, |followed| followed.heard);
        let missed = state.missed.map(|(_, since)| since);
        missed.map_or(heard, |missed| missed.min(heard)) + silence
    }

    /// What the watch should have said by now.
    pub(super) fn lacks(&self) -> Option<u64> {
        self.lock().missed.map(|(revision, _)| revision)
    }

    /// For those who look; `endpoint` names a member.
    pub(super) fn health(&self, endpoint: impl Fn(usize) -> String) -> RegisterHealth {
        let state = self.lock();
        let of_member = |(number, member): (usize, &Member)| MemberHealth {
            endpoint: endpoint(number),
            heard: member.heard.map(|at| at.elapsed()),
            latency: member.latency,
            error: member.failed.as_ref().map(|(_, why)| why.clone()),
            version: (!member.version.is_empty()).then(|| member.version.clone()),
            leads: member.leader != 0 && member.leader == member.id,
            has_leader: member.leader != 0,
            complaints: member.complaints.clone(),
        };
        RegisterHealth {
            followed: state.followed.map(|followed| (endpoint(followed.member), followed.since.elapsed())),
            silent_for: state.followed.map(|followed| followed.heard.elapsed()),
            revision: state.seen,
            error: state.error.as_ref().map(|(at, why)| (why.clone(), at.elapsed())),
            cluster_id: state.ours.map(|(ours, _)| ours),
            members: state
                .members
                .iter()
                .enumerate()
                .map(|(number, member)| of_member((number, member)))
                .collect(),
        }
    }
}
