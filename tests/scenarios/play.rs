//! A scenario is played and watched, and a test fails where it is not as expected.

use std::path::Path;

use cadence_dns::controller::Parameters;
use cadence_dns::model::Problem;
use cadence_dns::scenario::{self, Topologies, timeline};

use super::simulator::Watch;

/// A story on its way, and the rules that hold in all of them.
pub(crate) type Player = scenario::Player<Watch>;

/// Plays the scenario of a file.
///
/// # Panics
/// At the first line that makes no sense or is not as expected, with the file and the line.
pub(crate) fn file(path: &Path) {
    let shown = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).display().to_string();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let scenario = scenario::read(&shown, &text).unwrap_or_else(|problems| panic!("{}", lines(&problems)));
    let given = scenario.topology.as_deref().expect("each story has regions of its own");
    let of = |text: &str| read_config(&shown, text);
    let others = scenario.configs.iter().map(|(name, text)| (name.clone(), of(text))).collect();
    let mut player = Player::new(Topologies { first: of(given), others });
    for step in &scenario.steps {
        if let Err(mistake) = player.play(step) {
            panic!("{}\n{}", scenario.problem(step, mistake), timeline(&player.played, player.journal()));
        }
    }
}

/// What a configuration makes a controller decide by.
///
/// # Panics
/// With every mistake in it.
pub(crate) fn read_config(shown: &str, config: &str) -> Parameters {
    scenario::of_text(shown, config).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
