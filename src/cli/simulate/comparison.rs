//! The present settings and others side by side, over the recorded past.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::document;
use super::drawing::{Axis, answers, health, moves, rough, second};
use super::progress::Progress;
use super::recordings::Past;
use crate::api::Simulated;
use crate::cli::output::{Output, print, print_document};
use crate::cli::text::table;
use crate::config::Config;
use crate::controller::Parameters;
use crate::model::{Moment, RegionId};
use crate::replay::{Course, Coverage, Figures, Hindsight, figures, replay};

/// Outages, and moves of a name, that are listed.
const LISTED_MAX: usize = 20;

/// The letters of regions in a drawing.
const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Some settings, what they are called, and what they would have brought.
struct Judged<'p> {
    called: &'p str,
    parameters: &'p Parameters,
    course: Course,
    figures: Vec<Figures>,
}

/// Prints what the present settings, and others if there are any, would have brought.
pub(super) fn compare(
    config: &Config,
    with: Option<(&str, Parameters)>,
    past: &Past,
    glitch: Duration,
    output: Output,
) {
    match output {
        Output::Table => print(&told(config, with, past, glitch, terminal_width())),
        Output::Json => print_document(&for_programs(config, with, past, glitch)),
    }
}

/// The same for programs.
pub(super) fn for_programs(
    config: &Config,
    with: Option<(&str, Parameters)>,
    past: &Past,
    glitch: Duration,
) -> Simulated {
    judged(config, with, past, glitch, |judged, hindsight| {
        let settings = judged.iter().map(|judged| (judged.called, &judged.course, &judged.figures[..]));
        document::of_past(settings, hindsight, &past.coverage)
    })
}

/// The same as text.
pub(super) fn told(
    config: &Config,
    with: Option<(&str, Parameters)>,
    past: &Past,
    glitch: Duration,
    width: Option<u16>,
) -> String {
    judged(config, with, past, glitch, |judged, hindsight| render(judged, hindsight, &past.coverage, width))
}

/// Replays the past by all settings, and shows what came of it.
fn judged<T>(
    config: &Config,
    with: Option<(&str, Parameters)>,
    past: &Past,
    glitch: Duration,
    show: impl FnOnce(&[Judged<'_>], &Hindsight) -> T,
) -> T {
    let present = config.parameters();
    let mut settings = vec![("present", &present)];
    settings.extend(with.as_ref().map(|(called, parameters)| (*called, parameters)));
    let hindsight = Hindsight::of(&past.history, &past.coverage, &present, glitch);
    let progress = Progress::of(settings.len());
    let judged = thread::scope(|scope| {
        let judge = |(called, parameters)| {
            let (past, hindsight, progress) = (past, &hindsight, &progress);
            scope.spawn(move || {
                let course = course(past, parameters, progress);
                let figures = figures(&course, hindsight, parameters);
                Judged { called, parameters, course, figures }
            })
        };
        let judging: Vec<_> = settings.into_iter().map(judge).collect();
        let joined = judging.into_iter().map(|judged| judged.join());
        joined
            .map(|judged| judged.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect::<Vec<_>>()
    });
    drop(progress);
    show(&judged, &hindsight)
}

/// A replay that tells how far it is.
pub(super) fn course(past: &Past, parameters: &Parameters, progress: &Progress) -> Course {
    let Past { history, coverage } = past;
    let (whole, told) = (coverage.until.since(coverage.from).as_millis().max(1), AtomicU64::new(0));
    let mut advance = |now: Moment| {
        let done = (now.since(coverage.from).as_millis() * 1_000 / whole) as u64;
        progress.advance(done.saturating_sub(told.swap(done, Ordering::Relaxed)));
    };
    replay(history, coverage, parameters, &mut advance)
}

fn render(judged: &[Judged<'_>], hindsight: &Hindsight, coverage: &Coverage, width: Option<u16>) -> String {
    let mut text = recorded(hindsight, coverage);
    text.push_str(&timeline(judged, hindsight, coverage, width));
    text.push_str(&outages(hindsight));
    for (steer, present) in judged[0].figures.iter().enumerate() {
        write!(text, "\n{}\n\n{}\n", present.name, figures_of(judged, steer, width)).expect("room");
        for Judged { called, course, figures, .. } in judged {
            let moved = moves(course, steer, LISTED_MAX);
            if !moved.is_empty() {
                write!(text, "\n{called}: {} flips\n{moved}", figures[steer].flips).expect("room");
            }
        }
    }
    text
}

/// What there is of the past.
fn recorded(hindsight: &Hindsight, coverage: &Coverage) -> String {
    let Coverage { from, until, probes, missing, unknown, damaged } = coverage;
    let span = until.since(*from);
    let mut text =
        format!("recorded {} to {} UTC, {}: {probes} probes\n", second(*from), second(*until), rough(span));
    let gaps = hindsight.unknown().total();
    if !gaps.is_zero() {
        writeln!(text, "nothing is known of {} of it, where answers freeze", rough(gaps)).expect("room");
    }
    if *damaged > 0 {
        writeln!(text, "{damaged} octets are damaged and left out").expect("room");
    }
    let mut list = |checks: &[crate::model::CheckId], what: &str| {
        if let Some(first) = checks.first() {
            writeln!(text, "{what}: {} checks, such as {first}", checks.len()).expect("room");
        }
    };
    list(missing, "configured and never recorded, so nothing is known of them");
    list(unknown, "recorded and not configured, so they are left out");
    text
}

fn timeline(judged: &[Judged<'_>], hindsight: &Hindsight, coverage: &Coverage, width: Option<u16>) -> String {
    let parameters = judged[0].parameters;
    let regions: Vec<&RegionId> = parameters.regions.iter().map(|region| &region.id).collect();
    let letter = |region: &RegionId| {
        let place = regions.iter().position(|known| *known == region);
        place.and_then(|place| LETTERS.chars().nth(place)).unwrap_or('?')
    };
    let names = regions.iter().map(|region| region.as_str().chars().count() + 4);
    let axis =
        Axis::new(coverage, names.chain(judged.iter().map(|judged| judged.called.chars().count())), width);
    let mut text = format!("\n{}", axis.scale());
    for region in &regions {
        let name = format!("{} = {region}", letter(region));
        text.push_str(&axis.line(&name, health(hindsight, region)));
    }
    for steer in 0..judged[0].figures.len() {
        if judged[0].figures.len() > 1 {
            writeln!(text, "{}", judged[0].figures[steer].name).expect("room");
        }
        for Judged { called, course, .. } in judged {
            text.push_str(&axis.line(called, answers(&course.stays[steer], letter)));
        }
    }
    let column = axis.column();
    writeln!(text, "- alive, # dead, . nothing recorded, * a change of region; a column is {column}")
        .expect("room");
    text
}

/// The outages that hindsight has found.
fn outages(hindsight: &Hindsight) -> String {
    let outages = hindsight.outages();
    let mut text = format!("\noutages: {}\n", outages.len());
    for outage in outages.iter().take(LISTED_MAX) {
        let lasted = rough(outage.until.since(outage.from));
        writeln!(text, "  {}  {} dead for {lasted}", second(outage.from), outage.region).expect("room");
    }
    if outages.len() > LISTED_MAX {
        writeln!(text, "  … and {} more", outages.len() - LISTED_MAX).expect("room");
    }
    text
}

fn figures_of(judged: &[Judged<'_>], steer: usize, width: Option<u16>) -> String {
    let mut header = vec![""];
    header.extend(judged.iter().map(|judged| judged.called));
    let mut table = table(&header, width);
    let mut row = |name: &str, value: &dyn Fn(&Figures) -> String| {
        let values = judged.iter().map(|judged| value(&judged.figures[steer]));
        table.add_row([name.to_owned()].into_iter().chain(values));
    };
    row("flips", &|figures| figures.flips.to_string());
    row("false flips", &|figures| figures.false_flips.len().to_string());
    row("answered dead", &|figures| rough(figures.answered_dead));
    row("downtime", &|figures| rough(figures.downtime));
    row("hopeless", &|figures| rough(figures.hopeless));
    row("budget", &|figures| {
        figures.budget.map_or_else(|| "no failover".into(), |budget| format!("{budget:?}"))
    });
    table.trim_fmt()
}

/// None when stdout is no terminal.
pub(super) fn terminal_width() -> Option<u16> {
    use std::io::IsTerminal;
    std::io::stdout().is_terminal().then(|| comfy_table::Table::new().width()).flatten()
}
