//! One look at each member, for whoever sets a cluster up.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Prepared;
use super::survey::{Look, look};

/// What was found at an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    /// The endpoint.
    pub endpoint: String,
    /// What it says of itself; or why it does not.
    pub found: Result<Found, String>,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its version.
    pub version: String,
    /// Which etcd it belongs to.
    pub cluster_id: u64,
    /// Whether it leads.
    pub leads: bool,
    /// How long it took to answer for most of them.
    pub latency: Duration,
    /// What it complains of.
    pub complaints: Vec<String>,
}

/// Asks each endpoint once, all at the same time; each request has a second.
pub async fn examine(prepared: Prepared) -> Vec<Examined> {
    let Prepared { gateway, folder } = prepared;
    let gateway = Arc::new(gateway);
    let mut looks = JoinSet::new();
    for member in 0..gateway.len() {
        let (gateway, folder) = (Arc::clone(&gateway), folder.clone());
        looks.spawn(async move {
            let found = look(&gateway, &folder, member).await.map(found);
            (member, Examined { endpoint: gateway.endpoint(member).to_owned(), found })
        });
    }
    let mut all = looks.join_all().await;
    all.sort_by_key(|(member, _)| *member);
    all.into_iter().map(|(_, examined)| examined).collect()
}

fn found(Look { status, took }: Look) -> Found {
    let leads = status.leader != 0 && status.leader == status.header.member_id;
    Found {
        version: status.version,
        cluster_id: status.header.cluster_id,
        leads,
        latency: took,
        complaints: status.errors,
    }
}
