//! Settings that would have kept the recovery time with the fewest false flips.

use std::fmt::Write;
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use super::comparison::{course, terminal_width};
use super::document;
use super::drawing::rough;
use super::progress::Progress;
use super::recordings::Past;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, print, print_document};
use crate::cli::text::table;
use crate::config::Config;
use crate::daemon;
use crate::replay::{self, Advice, Candidate, Figures, Hindsight, figures};

/// Rows of the table besides the settings in force.
const ROWS_MAX: usize = 15;

/// Searches, and prints the frontier.
///
/// # Errors
/// When there is no recovery time to keep, or nothing keeps it.
pub(super) fn advise(
    file: &Path,
    config: &Config,
    past: &Past,
    rto: Option<Duration>,
    glitch: Duration,
    output: Output,
) -> Result<(), Failure> {
    let strictest = config.steers.iter().filter_map(|steer| steer.rto).min();
    let rto = rto.or(strictest).ok_or_else(|| {
        Failure::Failed("no [[steer]] states an `rto` to be kept; name one with --rto 45s".into())
    })?;
    let present = config.parameters();
    let Some(in_force) = Candidate::new(String::new(), present.clone()) else {
        return Err(Failure::Failed("no name has a failover, so there is nothing to advise".into()));
    };
    let others = replay::settings().into_iter().filter_map(|settings| {
        let parsed = daemon::load_config_with(file, Some(&settings)).ok()?; // a longer timeout forbids an interval
        Candidate::new(settings, parsed.config.parameters()).filter(|candidate| candidate.budget <= rto)
    });
    let candidates: Vec<Candidate> = std::iter::once(in_force).chain(others).collect();
    let tried = candidates.len();
    let hindsight = Hindsight::of(&past.history, &past.coverage, &present, glitch);
    let judged = judge(candidates, past, &hindsight);
    let advice = replay::advise(judged);
    match output {
        Output::Table => print(&render(&advice, rto, tried, terminal_width())),
        Output::Json => print_document(&document::of_advice(&advice, rto, tried)),
    }
    if tried == 1 {
        return Err(Failure::Failed(format!(
            "no settings of fall, interval and recheck keep an rto of {rto:?}: lower `timeout`, `ttl` or `ttl_suspect`"
        )));
    }
    Ok(())
}

/// Replays each, on all cores.
fn judge(candidates: Vec<Candidate>, past: &Past, hindsight: &Hindsight) -> Vec<(Candidate, Vec<Figures>)> {
    let progress = Progress::of(candidates.len());
    let (left, judged) = (Mutex::new(candidates), Mutex::new(Vec::new()));
    let lock = "no thread panics with it";
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                while let Some(candidate) = { left.lock().expect(lock).pop() } {
                    let course = course(past, &candidate.parameters, &progress);
                    let figures = figures(&course, hindsight, &candidate.parameters);
                    judged.lock().expect(lock).push((candidate, figures));
                }
            });
        }
    });
    judged.into_inner().expect(lock)
}

fn render(advice: &[Advice], rto: Duration, tried: usize, width: Option<u16>) -> String {
    let mut text = format!("{tried} settings tried that keep an rto of {rto:?}, over the recorded past\n\n");
    let header = ["SETTINGS", "BUDGET", "FALSE FLIPS", "FLIPS", "DOWNTIME", ""];
    let mut table = table(&header, width);
    let best = advice.iter().find(|advice| advice.budget <= rto);
    let shown = advice.iter().filter(|advice| advice.is_on_frontier).take(ROWS_MAX);
    let in_force = advice.iter().find(|advice| advice.settings.is_empty() && !advice.is_on_frontier);
    for advice in shown.chain(in_force) {
        let is_best = best.is_some_and(|best| best == advice);
        let note = match (is_best, advice.budget > rto) {
            (true, _) => "advised",
            (false, true) => "does not keep the rto",
            (false, false) => "",
        };
        table.add_row([
            if advice.settings.is_empty() { "(present)".to_owned() } else { advice.settings.clone() },
            format!("{:?}", advice.budget),
            advice.false_flips.to_string(),
            advice.flips.to_string(),
            rough(advice.downtime),
            note.to_owned(),
        ]);
    }
    writeln!(text, "{}", table.trim_fmt()).expect("room");
    text.push_str(
        "\nEach line is better than every other in budget, false flips or downtime; the present settings stand below them if\n\
         they are not. The advised ones have the fewest false flips, and among those the least downtime. A faster schedule\n\
         would have met more short trouble than is recorded: see --help.\n",
    );
    text
}
