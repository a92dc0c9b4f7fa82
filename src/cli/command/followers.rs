//! Which name servers of the cluster answer so, after a command has been carried out.

use std::path::Path;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::cli::failure::Failure;
use crate::cli::runtime::runtime;
use crate::control::client;
use crate::controller::{ClusterView, Done, NodeView};

/// They all do within half a second; longer than this nobody waits to be told of one that does not.
const FOLLOWED_MAX: Duration = Duration::from_secs(2);

/// How often the daemon is asked.
const ASKED_EVERY: Duration = Duration::from_millis(50);

/// The line that says who has it; none without a cluster, or when no answer has changed.
pub(super) fn followers(socket: &Path, done: &Done) -> Result<Option<String>, Failure> {
    let Some(name) = done.names.iter().find(|effect| effect.changes).map(|effect| effect.name.to_string())
    else {
        return Ok(None);
    };
    let asked = async {
        loop {
            let status = client::status(socket).await.ok();
            let view = status.and_then(|status| status.cluster)?;
            if missing(&view, &name).is_empty() {
                return Some(view);
            }
            sleep(ASKED_EVERY).await;
        }
    };
    let last = async { client::status(socket).await.ok().and_then(|status| status.cluster) };
    let view = runtime()?.block_on(async {
        match timeout(FOLLOWED_MAX, asked).await {
            Ok(view) => view,
            Err(_) => last.await,
        }
    });
    Ok(view.map(|view| line(&view, &name)))
}

/// The nodes that do not answer by the epoch of this one.
fn missing<'v>(view: &'v ClusterView, name: &str) -> Vec<&'v NodeView> {
    let ours = view.nodes.iter().find(|node| node.us).and_then(|node| node.epochs.get(name));
    view.nodes.iter().filter(|node| !node.us && (!node.heard || node.epochs.get(name) != ours)).collect()
}

fn line(view: &ClusterView, name: &str) -> String {
    let missing = missing(view, name);
    let has_it = |node: &&NodeView| !missing.iter().any(|known| known.node == node.node);
    let names =
        |nodes: Vec<&NodeView>| nodes.iter().map(|node| node.node.as_str()).collect::<Vec<&str>>().join(", ");
    let having = names(view.nodes.iter().filter(has_it).collect());
    if missing.is_empty() {
        return format!("every name server of the cluster answers so: {having}\n");
    }
    format!("NOT YET on {}; it is on {having}; `cadence-dns status --cluster` shows why\n", names(missing))
}
