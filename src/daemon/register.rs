//! What the nodes of a cluster share, as the event loop meets it; nothing where this node decides alone.

use std::time::Duration;

use tokio::sync::mpsc;
use tracing::error;

use crate::api::{EtcdMemberStatus, EtcdStatus};
use crate::cluster::{self, MemberHealth, Prepared, Register, RegisterHealth};
use crate::config::ClusterSettings;
use crate::controller::{RegisterNews, Transaction};

/// News that may wait for the controller; beyond that the watch waits.
const NEWS_MAX: usize = 256;

/// Who speaks to etcd, if anybody does.
pub(super) struct SharedRegister {
    register: Option<Register>,
    settings: Option<ClusterSettings>,
    news: mpsc::Sender<RegisterNews>,
}

impl SharedRegister {
    /// Begins to read and to write, where there is a cluster; and where its news come from.
    pub(super) fn start(
        prepared: Option<Prepared>,
        settings: Option<ClusterSettings>,
    ) -> (SharedRegister, mpsc::Receiver<RegisterNews>) {
        let (news, heard) = mpsc::channel(NEWS_MAX);
        let register = prepared.map(|prepared| prepared.start(news.clone()));
        (SharedRegister { register, settings, news }, heard)
    }

    /// Begins a transaction; what is known of it at once.
    pub(super) fn transact(&self, transaction: Transaction) -> Option<RegisterNews> {
        self.register.as_ref()?.transact(transaction)
    }

    /// Reads everything anew: the controller that had read it is gone. The one before is ended first, and what it had
    /// under way may be written or not.
    pub(super) fn start_anew(&mut self) {
        let Some(settings) = &self.settings else { return };
        self.register = None;
        match cluster::prepare(settings) {
            Ok(prepared) => self.register = Some(prepared.start(self.news.clone())),
            Err(problems) => {
                let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
                error!(event = "cluster.lost", "etcd cannot be spoken to any more: {}", told.join("; "));
            }
        }
    }

    /// How it stands with etcd.
    pub(super) fn status(&self) -> Option<EtcdStatus> {
        self.register.as_ref().map(|register| status(register.health()))
    }
}

fn status(health: RegisterHealth) -> EtcdStatus {
    let RegisterHealth { followed, silent_for, revision, error, cluster_id, members } = health;
    EtcdStatus {
        cluster_id: cluster_id.map(|id| format!("{id:016x}")),
        followed: followed.map(|(endpoint, _)| endpoint),
        silent_for: silent_for.map(|span| span.as_secs_f64()),
        revision,
        error: error.map(|(why, _)| why),
        members: members.into_iter().map(member).collect(),
    }
}

fn member(health: MemberHealth) -> EtcdMemberStatus {
    let MemberHealth { endpoint, heard, latency, error, version, leads, has_leader, mut complaints } = health;
    if heard.is_some() && !has_leader {
        complaints.push("it has no leader".into());
    }
    EtcdMemberStatus {
        endpoint,
        heard: heard.as_ref().map(Duration::as_secs_f64),
        latency: latency.as_ref().map(Duration::as_secs_f64),
        error,
        version,
        leads,
        complaints,
    }
}
