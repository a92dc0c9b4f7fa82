//! The same for programs.

use std::time::Duration;

use crate::api::{
    CandidateSettings, MoveReplayed, NameReplayed, OutageSeen, PastReplayed, SIMULATION_SCHEMA,
    ScenarioPlayed, SettingsAdvised, SettingsReplayed, Simulated,
};
use crate::replay::{Advice, Course, Coverage, Figures, Hindsight, Outage, Stay};

/// Scenarios that were played.
pub(super) fn of_scenarios(scenarios: Vec<ScenarioPlayed>) -> Simulated {
    Simulated { schema: SIMULATION_SCHEMA.into(), scenarios, replay: None, advice: None }
}

/// The past, by settings that have these names.
pub(super) fn of_past<'s>(
    settings: impl Iterator<Item = (&'s str, &'s Course, &'s [Figures])>,
    hindsight: &Hindsight,
    coverage: &Coverage,
) -> Simulated {
    let outage = |Outage { region, from, until }| OutageSeen { region, from, until };
    let replay = PastReplayed {
        from: coverage.from,
        until: coverage.until,
        probes: coverage.probes,
        unknown: hindsight.unknown().total().as_secs_f64(),
        damaged: coverage.damaged,
        outages: hindsight.outages().into_iter().map(outage).collect(),
        settings: settings.map(|(called, course, figures)| replayed(called, course, figures)).collect(),
    };
    Simulated { replay: Some(replay), ..of_scenarios(Vec::new()) }
}

fn replayed(called: &str, course: &Course, figures: &[Figures]) -> SettingsReplayed {
    let names = figures.iter().zip(&course.stays).map(|(figures, stays)| NameReplayed {
        name: figures.name.clone(),
        flips: figures.flips,
        false_flips: figures.false_flips.len(),
        answered_dead: figures.answered_dead.as_secs_f64(),
        downtime: figures.downtime.as_secs_f64(),
        hopeless: figures.hopeless.as_secs_f64(),
        budget: figures.budget.map(|budget| budget.as_secs_f64()),
        moves: stays.windows(2).filter(|pair| pair[0].region != pair[1].region).map(moved).collect(),
    });
    SettingsReplayed { settings: called.to_owned(), names: names.collect() }
}

fn moved(pair: &[Stay]) -> MoveReplayed {
    let (left, taken) = (&pair[0], &pair[1]);
    MoveReplayed {
        at: taken.from,
        from: left.region.clone(),
        to: taken.region.clone(),
        why: taken.why.clone(),
    }
}

/// Settings that are advised, or would be without the others.
pub(super) fn of_advice(advice: &[Advice], rto: Duration, tried: usize) -> Simulated {
    let best = advice.iter().find(|advice| advice.budget <= rto);
    let shown = advice.iter().filter(|advice| advice.is_on_frontier || advice.settings.is_empty());
    let settings = shown.map(|advice| CandidateSettings {
        settings: if advice.settings.is_empty() { "present".to_owned() } else { advice.settings.clone() },
        budget: advice.budget.as_secs_f64(),
        keeps_rto: advice.budget <= rto,
        advised: best == Some(advice),
        false_flips: advice.false_flips,
        flips: advice.flips,
        downtime: advice.downtime.as_secs_f64(),
    });
    let advice = SettingsAdvised { rto: rto.as_secs_f64(), tried, settings: settings.collect() };
    Simulated { advice: Some(advice), ..of_scenarios(Vec::new()) }
}
