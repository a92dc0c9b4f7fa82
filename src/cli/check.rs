//! `cadence-dns check`: everything that a start checks, the failover budgets, and the stories that must go as they say.

mod etcd;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::ConfigFile;
use super::failure::{Failure, refused};
use super::output::{Output, complain, print, print_as_it_is};
use super::probe;
use super::problems::{self, ProblemDocument};
use super::reload;
use super::story::{self, Story};
use crate::config::{Config, ScenarioSettings};
use crate::daemon;
use crate::model::{Problem, has_errors};
use crate::policy::{Failback, Gate, GatePolicy, Steer, budget};

/// The time that `--live` takes at most.
const LIVE_MAX: Duration = Duration::from_secs(30);

/// `cadence-dns check`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    file: ConfigFile,
    /// Probe every region as well, once, for half a minute at most, and fail if one of them would not be up; with a cluster,
    /// ask every endpoint of its etcd
    #[arg(long)]
    live: bool,
    /// Ask the daemon that runs what this file would change in it, and change nothing
    #[arg(long)]
    diff_running: bool,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table, conflicts_with_all = ["live", "diff_running"])]
    output: Output,
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    /// Whether a start would take it, and its scenarios go as they say.
    right: bool,
    problems: Vec<ProblemDocument<'d>>,
    /// Of each steer that can fail over.
    budgets: Vec<BudgetDocument>,
}

/// For how long clients may be sent to a dead region, in seconds.
#[derive(Serialize)]
struct BudgetDocument {
    name: String,
    total: f64,
    detect: f64,
    rto: Option<f64>,
    derivation: String,
}

/// Checks the configuration; prints the budgets when it is right.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { file: ConfigFile { config: file }, live, diff_running, output } = arguments;
    if *output == Output::Json {
        return document(file);
    }
    let ready = daemon::load(file).map_err(|problems| refused(&problems))?;
    for warning in &ready.warnings {
        complain(&format!("{warning}\n"));
    }
    let told = play(&ready.config).map_err(|problems| refused(&problems))?;
    print(&told);
    print(&render(&ready.config, file));
    if *diff_running {
        print(&reload::difference(file)?);
    }
    if !live {
        return Ok(());
    }
    let of_etcd = ready.cluster.map_or(Ok(()), etcd::check_live);
    let of_regions = probe::check_live(&ready.config, LIVE_MAX);
    match (of_regions, of_etcd) {
        (Err(Failure::Failed(regions)), Err(Failure::Failed(etcd))) => {
            Err(Failure::Failed(format!("{regions}; {etcd}")))
        }
        (of_regions, of_etcd) => of_regions.and(of_etcd),
    }
}

/// The same for programs: whatever is found is in the document, and the exit code says whether it is right.
fn document(file: &Path) -> Result<(), Failure> {
    let (problems, budgets) = match daemon::load(file) {
        Err(problems) => (problems, Vec::new()),
        Ok(ready) => {
            let played = play(&ready.config).err().unwrap_or_default();
            let problems = ready.warnings.into_iter().chain(played).collect();
            (problems, budgets(&ready.config))
        }
    };
    let right = !has_errors(&problems);
    let problems = problems::documents(&problems);
    let document = Document { schema: "cadence-dns/check/v1", right, problems, budgets };
    let text = serde_json::to_string_pretty(&document).expect("it is plain data");
    print_as_it_is(&format!("{text}\n"));
    if right { Ok(()) } else { Err(Failure::Told(1)) }
}

fn budgets(config: &Config) -> Vec<BudgetDocument> {
    let of_steer = |steer: &Steer| {
        let budget = budget(steer, &config.regions)?;
        Some(BudgetDocument {
            name: steer.name().to_string(),
            total: budget.total.as_secs_f64(),
            detect: budget.detect.as_secs_f64(),
            rto: steer.rto.map(|rto| rto.as_secs_f64()),
            derivation: budget.to_string(),
        })
    };
    config.steers.iter().filter_map(of_steer).collect()
}

/// Plays the scenarios of `[check]`; a line for each.
///
/// # Errors
/// Every mistake in them, and the first line of each that is not as expected.
fn play(config: &Config) -> Result<String, Vec<Problem>> {
    let (mut text, mut problems) = (String::new(), Vec::new());
    for ScenarioSettings { file, place } in &config.check.scenarios {
        match story::play(file, Some(place), config) {
            Ok(Story { scenario, .. }) if scenario.topology.is_some() => {
                let found = format!("{} brings regions of its own, so it checks nothing here", scenario.file);
                let help = "remove all in front of its line `---`, and name the regions of this file";
                problems.push(Problem::error(Some(place.clone()), found, help));
            }
            Ok(Story { difference: Some(difference), .. }) => problems.push(difference),
            Ok(Story { scenario, difference: None, .. }) => {
                writeln!(text, "{}: as expected ({} lines)", scenario.file, scenario.steps.len())
                    .expect("writing to a string cannot fail");
            }
            Err(mistakes) => problems.extend(mistakes),
        }
    }
    if problems.is_empty() { Ok(text) } else { Err(problems) }
}

/// For how long clients may be sent to a dead region, and how much there is of everything.
fn render(config: &Config, file: &Path) -> String {
    let Config { zones, regions, probes, steers, .. } = config;
    let mut text = String::new();
    for steer in steers {
        text.push_str(&budget_line(config, steer));
        text.push_str(&gate_lines(config, steer));
    }
    writeln!(
        text,
        "{}: right (zones: {}, regions: {}, checks: {}, steered names: {})",
        file.display(),
        zones.len(),
        regions.len(),
        probes.len(),
        steers.len(),
    )
    .expect("writing to a string cannot fail");
    text
}

fn budget_line(config: &Config, steer: &Steer) -> String {
    let Some(budget) = budget(steer, &config.regions) else {
        return format!("{}  no failover: a single region, or none that is probed\n", steer.name());
    };
    let rto = steer.rto.map(|rto| format!(" of rto {rto:?}")).unwrap_or_default();
    format!("{}  budget {:?}{rto}  = {budget}\n", steer.name(), budget.total)
}

/// The gates before the regions of a name, which no budget counts; and what follows from them.
fn gate_lines(config: &Config, steer: &Steer) -> String {
    let mut text = String::new();
    let gates = config.gates.iter().filter(|gate| gate.concerns(steer));
    for gate in gates.filter(|gate| steer.regions.iter().any(|region| gate.guards(region))) {
        let place = gate.region.as_ref().map_or("every region".to_owned(), ToString::to_string);
        let deed = match gate.policy {
            GatePolicy::Block => "lets nothing move there unless it is green".to_owned(),
            GatePolicy::BlockFor(span) => {
                format!("lets nothing move there unless it is green, for {span:?} after a death")
            }
            GatePolicy::Warn => "warns".to_owned(),
        };
        writeln!(text, "{}  gate {} before {place} {deed}", steer.name(), gate.id)
            .expect("writing to a string cannot fail");
    }
    let is_of_data = |gate: &&Gate| gate.concerns(steer) && gate.is_of_data();
    if steer.failback == Failback::Manual
        && let Some(gate) = config.gates.iter().find(is_of_data)
    {
        writeln!(text, "{}  goes back by hand only: gate {} is about data", steer.name(), gate.id)
            .expect("writing to a string cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn one_line_for_each_name() {
        let text = r#"
            [node]
            name = "ns1"
            [[zone]]
            name = "example.com"
            file = "example.com.zone"
            [[region]]
            name = "us"
            addresses = ["192.0.2.1"]
            [[region.probe]]
            tcp = 80
            [[region]]
            name = "eu"
            addresses = ["192.0.2.2"]
            [[region.probe]]
            tcp = 80
            [[steer]]
            name = "example.com"
            regions = ["us", "eu"]
            rto = "45s"
        "#;
        let config = parse("c.toml", text, Path::new("."), 2).expect("a good configuration").config;
        insta::assert_snapshot!(render(&config, Path::new("c.toml")), @r"
        example.com  budget 38.5s of rto 45s  = interval 5s + 10% + timeout 2s + 2 × 2s + witness 2s = 13.5s to detect; max(7.5s + ttl 30s + 1s, 13.5s + ttl_suspect 10s + 1s) = 38.5s; up to dwell 60s more if the next region has itself just come up
        c.toml: right (zones: 1, regions: 2, checks: 2, steered names: 1)
        ");
    }

    #[test]
    fn what_a_gate_does_is_told_beside_the_budget() {
        let text = r#"
            [node]
            name = "ns1"
            [[zone]]
            name = "example.com"
            file = "example.com.zone"
            [[region]]
            name = "us"
            addresses = ["192.0.2.1"]
            [[region.probe]]
            tcp = 80
            [[region]]
            name = "eu"
            addresses = ["192.0.2.2"]
            [[region.probe]]
            tcp = 80
            [[steer]]
            name = "example.com"
            regions = ["us", "eu"]
            [[gate]]
            name = "lag"
            region = "eu"
            postgres = { host = "db.eu.example.com", user = "monitor", lag = "10s" }
            block_for = "2m"
            [[gate]]
            name = "switch"
            exec = ["/usr/local/bin/switch"]
            [[gate]]
            name = "room"
            capacity = 1
            policy = "warn"
        "#;
        let config = parse("c.toml", text, Path::new("."), 2).expect("a good configuration").config;
        let told = render(&config, Path::new("c.toml"));
        insta::assert_snapshot!(told.split_once('\n').expect("a budget").1, @r"
        example.com  gate lag before eu lets nothing move there unless it is green, for 120s after a death
        example.com  gate switch before every region lets nothing move there unless it is green
        example.com  gate room before every region warns
        example.com  goes back by hand only: gate lag is about data
        c.toml: right (zones: 1, regions: 2, checks: 2, steered names: 1)
        ");
    }
}
