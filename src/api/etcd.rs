//! How it stands with etcd, as plain data that is handed in.

use serde::{Deserialize, Serialize};

use super::warning::Warning;

/// How it stands with etcd.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EtcdStatus {
    /// Which etcd it is, by its own number.
    pub cluster_id: Option<String>,
    /// The endpoint whose changes are followed; none while there is none.
    pub followed: Option<String>,
    /// Since something came from there, in seconds.
    pub silent_for: Option<f64>,
    /// The revision that was read up to.
    pub revision: u64,
    /// What went wrong last.
    pub error: Option<String>,
    /// Every endpoint, in the order of the configuration.
    pub members: Vec<EtcdMemberStatus>,
}

/// How it stands with one of its members.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EtcdMemberStatus {
    /// Where it is.
    pub endpoint: String,
    /// Since it answered last, in seconds.
    pub heard: Option<f64>,
    /// How long it took then, in seconds.
    pub latency: Option<f64>,
    /// What went wrong since.
    pub error: Option<String>,
    /// Its version, once it has told.
    pub version: Option<String>,
    /// It leads the others.
    pub leads: bool,
    /// What it says is wrong with itself.
    pub complaints: Vec<String>,
}

impl EtcdStatus {
    /// Whether a majority of the members answers, and what is wrong with the others.
    pub fn warnings(&self) -> impl Iterator<Item = Warning> {
        self.members.iter().filter_map(|member| {
            let why = member.error.clone().or_else(|| member.complaints.first().cloned())?;
            Some(Warning {
                text: format!("etcd at {}: {why}", member.endpoint),
                help: "most members of etcd are enough, and every one that is missing is one less: bring it back"
                    .into(),
            })
        })
    }
}
