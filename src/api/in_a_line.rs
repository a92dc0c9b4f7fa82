//! What is answered, in one line: where there is no room for more.

use crate::controller::Controller;
use crate::health::State;
use crate::policy::Decision;

/// So many decisions are shown; of the rest, how many there are.
const SHOWN_MAX: usize = 3;

/// From where each name is answered, and how many regions are up: `www.example.com from us-east, epoch 7; 2 of 2 regions up`.
#[must_use]
pub fn in_a_line(controller: &Controller) -> String {
    let decisions = controller.decisions();
    let mut said: Vec<String> = decisions.iter().take(SHOWN_MAX).map(of_names).collect();
    if decisions.len() > SHOWN_MAX {
        said.push(format!("{} others", decisions.len() - SHOWN_MAX));
    }
    let verdicts = controller.verdicts();
    let of = |state| verdicts.values().filter(|verdict| verdict.state == state).count();
    let unknown = match of(State::Unknown) {
        0 => String::new(),
        unknown => format!(", {unknown} unknown"),
    };
    said.push(format!("{} of {} regions up{unknown}", of(State::Up), verdicts.len()));
    said.join("; ")
}

fn of_names(Decision { names, standing, .. }: &Decision) -> String {
    let first = names.first().map(ToString::to_string).unwrap_or_default();
    let more = match names.len() {
        0 | 1 => String::new(),
        names => format!(" and {} more", names - 1),
    };
    format!("{first}{more} from {}, epoch {}", standing.region, standing.epoch)
}
