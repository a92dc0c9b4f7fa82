//! `[node]`

use super::context::Context;
use super::label::label;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::near::nearest;
use crate::config::read::At;
use crate::config::settings::{NodeSettings, Seccomp};
use crate::config::spec::NodeSpec;

/// `[node] state_dir` when the file does not say.
pub(in crate::config) const STATE_DIR: &str = "/var/lib/cadence-dns";

/// What `landlock` may be.
const LANDLOCK: [(&str, bool); 2] = [("enforce", true), ("off", false)];

/// What `seccomp` may be.
const SECCOMP: [(&str, Seccomp); 3] =
    [("enforce", Seccomp::Enforce), ("log", Seccomp::Log), ("off", Seccomp::Off)];

/// `[node]`
pub(super) fn node(spec: Option<At<NodeSpec>>, context: Context<'_>) -> Option<NodeSettings> {
    let NodeSpec { name, state_dir, user, landlock, seccomp, watch } = spec?.value;
    let name = label("the node's name", &name?, context.diagnostics);
    let state_dir = context.path_or("state_dir", state_dir.as_ref(), STATE_DIR);
    let (user, user_place) = user.map(|At { value, place }| (value, place)).unzip();
    let landlock = word("landlock", landlock, &LANDLOCK, context.diagnostics);
    let seccomp = word("seccomp", seccomp, &SECCOMP, context.diagnostics);
    Some(NodeSettings {
        name: name?.as_str().into(),
        state_dir: state_dir?,
        user,
        user_place,
        landlock: landlock?,
        seccomp: seccomp?,
        watch: watch.is_some_and(|watch| watch.value),
    })
}

/// What a word means; the first of them when the file does not say.
fn word<T: Copy>(
    key: &str,
    text: Option<At<String>>,
    words: &[(&str, T)],
    diagnostics: &Diagnostics<'_>,
) -> Option<T> {
    let Some(At { value, place }) = text else { return words.first().map(|(_, meaning)| *meaning) };
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == value) {
        return Some(*meaning);
    }
    let known = || words.iter().map(|(word, _)| *word);
    let help = match nearest(&value, known()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("one of: {}", known().collect::<Vec<_>>().join(", ")),
    };
    diagnostics.error(&place, format!("`{key}` is {}", quoted(&value)), help);
    None
}
