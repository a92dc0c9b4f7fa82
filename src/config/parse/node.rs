//! `[node]`

use super::context::Context;
use super::label::label;
use crate::config::read::At;
use crate::config::settings::NodeSettings;
use crate::config::spec::NodeSpec;

/// `[node] state_dir` when the file does not say.
pub(in crate::config) const STATE_DIR: &str = "/var/lib/cadence-dns";

/// `[node]`
pub(super) fn node(spec: Option<At<NodeSpec>>, context: Context<'_>) -> Option<NodeSettings> {
    let NodeSpec { name, state_dir, user } = spec?.value;
    let name = label("the node's name", &name?, context.diagnostics);
    let state_dir = context.path_or("state_dir", state_dir.as_ref(), STATE_DIR);
    let (user, user_place) = user.map(|At { value, place }| (value, place)).unzip();
    Some(NodeSettings { name: name?.as_str().into(), state_dir: state_dir?, user, user_place })
}
