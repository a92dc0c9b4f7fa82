//! `[[hook]]`: what is done outside when a name moves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::errand;
use super::label::label;
use super::limit::Limit;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::errands::{Deed, HookSettings};
use crate::config::near::nearest;
use crate::config::read::At;
use crate::config::spec::HookSpec;
use crate::controller::{Hook, HookPhase};
use crate::model::HookId;
use crate::policy::Steer;

/// The most hooks.
const HOOKS: usize = 32;

const DEADLINE: Limit<Duration> = Limit {
    key: "deadline",
    least: Duration::from_millis(100),
    most: Duration::from_secs(60),
    why: "a shorter one ends every run, and what takes longer begins something and ends",
};

const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// What a file says of hooks.
#[derive(Default)]
pub(super) struct ParsedHooks {
    pub(super) hooks: Vec<Hook>,
    pub(super) settings: Vec<HookSettings>,
}

/// All of `[[hook]]`.
pub(super) fn hooks(specs: Vec<At<HookSpec>>, steers: &[Steer], context: Context<'_>) -> ParsedHooks {
    let (mut all, mut lines) = (ParsedHooks::default(), HashMap::new());
    if let Some(spec) = specs.get(HOOKS) {
        let help = format!("at most {HOOKS}; a script can do several things");
        context.diagnostics.error(&spec.place, format!("there are {} hooks", specs.len()), help);
    }
    for spec in specs.into_iter().take(HOOKS) {
        if let Some((hook, settings)) = hook(spec, steers, &mut lines, context) {
            all.hooks.push(hook);
            all.settings.push(settings);
        }
    }
    all
}

fn hook(
    At { value: spec, place }: At<HookSpec>,
    steers: &[Steer],
    lines: &mut HashMap<String, u32>,
    context: Context<'_>,
) -> Option<(Hook, HookSettings)> {
    #[rustfmt::skip]
    let HookSpec {
        name, names, when, command, url, secret_file, ca_file, insecure, deadline, must_succeed,
    } = spec;
    let diagnostics = context.diagnostics;
    let id = name.and_then(|name| claim(&name, lines, diagnostics));
    let names = errand::names(names, steers, diagnostics);
    let phase = when.and_then(|when| phase(&when, diagnostics));
    let deadline = DEADLINE.or(deadline.as_ref(), DEFAULT_DEADLINE, diagnostics);
    let deed = match (command, url) {
        (Some(command), None) => {
            let of_requests = [
                ("secret_file", secret_file.map(|at| at.place)),
                ("ca_file", ca_file.map(|at| at.place)),
                ("insecure", insecure.map(|at| at.place)),
            ];
            for (key, place) in of_requests.into_iter().filter_map(|(key, place)| Some((key, place?))) {
                let found = format!("`{key}` beside `command`, which sends nothing");
                diagnostics.error(&place, found, "leave it out, or name a `url`");
            }
            errand::program("command", command, diagnostics).map(Deed::Program)
        }
        (None, Some(url)) => {
            let web = errand::web(&url, ca_file, insecure, context);
            let secret_file = errand::secret_file("secret_file", secret_file, context);
            Some(Deed::Request { web: Arc::new(web?), secret_file: secret_file? })
        }
        (Some(_), Some(url)) => {
            let help = "one of the two; for both, add a second `[[hook]]`";
            diagnostics.error(&url.place, "a hook with `command` and with `url`", help);
            None
        }
        (None, None) => {
            let help = "add `command = [\"/…\"]`, or `url = \"https://…\"`";
            diagnostics.absence(&place, "a hook without `command` and without `url`", help);
            None
        }
    };
    let (id, phase, deadline) = (id?, phase?, deadline?);
    let must = must_succeed.as_ref().is_some_and(|must| must.value);
    if let Some(at) = must_succeed.filter(|_| must && phase == HookPhase::After) {
        let found = "`must_succeed` of a hook after the move, which is made already";
        diagnostics.error(&at.place, found, "leave it out, or use `when = \"before\"`");
        return None;
    }
    let settings = HookSettings { hook: id.clone(), place, deadline, deed: deed? };
    Some((Hook { id, names: names?, phase, must_succeed: must, deadline }, settings))
}

fn claim(
    name: &At<String>,
    lines: &mut HashMap<String, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Option<HookId> {
    let text = label("the hook's name", name, diagnostics)?;
    if let Some(line) = lines.insert(text.clone(), name.place.line) {
        let found = format!("the hook {} stands in line {line} already", quoted(&text));
        diagnostics.error(&name.place, found, "each hook under a name of its own");
        return None;
    }
    Some(text.as_str().into())
}

fn phase(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<HookPhase> {
    match value.as_str() {
        "before" => Some(HookPhase::Before),
        "after" => Some(HookPhase::After),
        other => {
            let meant = nearest(other, ["before", "after"]);
            let help = meant.map_or("before or after".into(), |meant| format!("did you mean `{meant}`?"));
            diagnostics.error(place, format!("`when` is {}", quoted(other)), help);
            None
        }
    }
}
