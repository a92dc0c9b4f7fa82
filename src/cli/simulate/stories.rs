//! Scenarios, each with its timeline.

use std::path::PathBuf;

use crate::cli::failure::Failure;
use crate::cli::output::{complain, print};
use crate::cli::story::{self, Story};
use crate::config::Config;

/// Plays each of them.
///
/// # Errors
/// When one has a mistake in it, or does not go as it says.
pub(super) fn play(scenarios: &[PathBuf], config: &Config) -> Result<(), Failure> {
    let mut failed = 0;
    for file in scenarios {
        let problems = match story::play(file, None, config) {
            Ok(story) => {
                print(&render(&story));
                story.difference.into_iter().collect()
            }
            Err(problems) => problems,
        };
        problems.iter().for_each(|problem| complain(&format!("{problem}\n")));
        failed += usize::from(!problems.is_empty());
    }
    match (failed, scenarios.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::Failed("the scenario did not go as it says".into())),
        (failed, all) => Err(Failure::Failed(format!("{failed} of {all} scenarios did not go as they say"))),
    }
}

fn render(story: &Story) -> String {
    let Story { scenario, timeline, difference } = story;
    let about = if scenario.about.is_empty() { "a scenario" } else { scenario.about.as_str() };
    let regions = match scenario.topology {
        Some(_) => "\n(with regions of its own, not those of the configuration)",
        None => "",
    };
    let end = match difference {
        None => format!("{}: as expected ({} lines)\n\n", scenario.file, scenario.steps.len()),
        Some(_) => String::new(),
    };
    format!("{}: {about}{regions}\n\n{timeline}\n{end}", scenario.file)
}
