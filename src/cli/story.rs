//! One scenario, read and played: for `simulate` and `check`.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::config::Config;
use crate::model::{Place, Problem};
use crate::scenario::{self, Player, Scenario, timeline};
use crate::simulator::Nobody;

/// A scenario is a page or two; a file beyond this is something else.
const FILE_MAX_OCTETS: u64 = 1 << 20;

/// A story that was played to its end, or to the first line that is not as expected.
pub(super) struct Story {
    /// The scenario.
    pub(super) scenario: Scenario,
    /// What happened.
    pub(super) timeline: String,
    /// The line that is not as expected.
    pub(super) difference: Option<Problem>,
}

/// Reads and plays a scenario. `place` is where its file is named, if in a file.
///
/// # Errors
/// Every mistake in it, with its place.
pub(super) fn play(file: &Path, place: Option<&Place>, config: &Config) -> Result<Story, Vec<Problem>> {
    let shown = file.display().to_string();
    let text = read(file).map_err(|error| {
        let help = "the name of a file in the language of `cadence-dns simulate --help`";
        vec![Problem::error(place.cloned(), format!("cannot read the scenario {shown}: {error}"), help)]
    })?;
    let scenario = scenario::read(&shown, &text)?;
    let mut player = Player::<Nobody>::new(scenario.topologies(config)?);
    let mistake = scenario.steps.iter().find_map(|step| Some((step, player.play(step).err()?)));
    let difference = mistake.map(|(step, mistake)| scenario.problem(step, mistake));
    let timeline = timeline(&player.played, player.journal());
    Ok(Story { scenario, timeline, difference })
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(FILE_MAX_OCTETS + 1).read_to_string(&mut text)?;
    if text.len() as u64 > FILE_MAX_OCTETS {
        return Err(io::Error::other(format!("it is longer than {FILE_MAX_OCTETS} octets")));
    }
    Ok(text)
}
