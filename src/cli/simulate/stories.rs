//! Scenarios, each with its timeline.

use std::path::PathBuf;

use super::document;
use crate::api::ScenarioPlayed;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, complain, print, print_document};
use crate::cli::story::{self, Story};
use crate::config::Config;
use crate::model::Problem;

/// Plays each of them.
///
/// # Errors
/// When one has a mistake in it, or does not go as it says.
pub(super) fn play(scenarios: &[PathBuf], config: &Config, output: Output) -> Result<(), Failure> {
    let mut played = Vec::new();
    for file in scenarios {
        let story = story::play(file, None, config);
        if let (Ok(story), Output::Table) = (&story, output) {
            print(&render(story));
        }
        played.push(ScenarioPlayed { file: file.display().to_string(), ..of(story) });
    }
    match output {
        Output::Table => {
            played
                .iter()
                .flat_map(|played| &played.problems)
                .for_each(|problem| complain(&format!("{problem}\n")));
        }
        Output::Json => print_document(&document::of_scenarios(played.clone())),
    }
    let failed = played.iter().filter(|played| !played.as_expected).count();
    match (failed, scenarios.len()) {
        (0, _) => Ok(()),
        (_, 1) => Err(Failure::Failed("the scenario did not go as it says".into())),
        (failed, all) => Err(Failure::Failed(format!("{failed} of {all} scenarios did not go as they say"))),
    }
}

/// For programs.
fn of(story: Result<Story, Vec<Problem>>) -> ScenarioPlayed {
    let unread = ScenarioPlayed {
        file: String::new(),
        about: String::new(),
        own_regions: false,
        as_expected: false,
        timeline: Vec::new(),
        problems: Vec::new(),
    };
    match story {
        Ok(Story { scenario, timeline, difference }) => ScenarioPlayed {
            about: scenario.about,
            own_regions: scenario.topology.is_some(),
            as_expected: difference.is_none(),
            timeline: timeline.lines().map(str::to_owned).collect(),
            problems: difference.iter().map(ToString::to_string).collect(),
            ..unread
        },
        Err(problems) => {
            ScenarioPlayed { problems: problems.iter().map(ToString::to_string).collect(), ..unread }
        }
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
