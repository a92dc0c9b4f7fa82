//! `exec = […]`: the program of a probe and its arguments.

use std::path::Path;

use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::probe_settings::ExecProbe;
use crate::config::read::At;

/// The most arguments.
const ARGUMENTS: usize = 100;

/// What stands for the address that is probed.
const ADDRESS: &str = "{address}";

/// The program, whose file is looked at when the probes are prepared.
pub(super) fn program(
    At { value: arguments, place }: At<Vec<At<String>>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<ExecProbe> {
    let file = arguments.first()?.clone();
    if !Path::new(&file.value).is_absolute() {
        let found = format!("{} is not an absolute path", quoted(&file.value));
        let help = "the path of a program: no shell looks for it; for one, [\"/bin/sh\", \"-c\", \"…\"]";
        diagnostics.error(&file.place, found, help);
        return None;
    }
    if arguments.len() > ARGUMENTS {
        let found = format!("a program with {} arguments", arguments.len() - 1);
        diagnostics.error(&place, found, format!("at most {}; write a script", ARGUMENTS - 1));
        return None;
    }
    let mut whole = true;
    for argument in &arguments {
        if argument.value.contains('\0') {
            diagnostics.error(&argument.place, "an argument with a NUL in it", "leave it out");
            whole = false;
        }
        // Something in braces that is nearly the placeholder was meant to be it.
        let braced = argument.value.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
        if let Some((inner, _)) =
            braced.filter(|(inner, _)| inner.eq_ignore_ascii_case("address") && *inner != "address")
        {
            let found = format!("an argument with {{{inner}}}");
            diagnostics.error(&argument.place, found, format!("did you mean `{ADDRESS}`?"));
            whole = false;
        }
    }
    let arguments = arguments.into_iter().map(|argument| argument.value).collect();
    whole.then_some(ExecProbe { arguments, place: Some(file.place) })
}
