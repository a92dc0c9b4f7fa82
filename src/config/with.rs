//! Settings that replace those of the file, as `simulate --with` has them: `fall=2,interval=3s`.

use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use super::diagnostics::{Diagnostics, quoted};
use super::read::{At, Table, entries_of};
use super::spec::{FailbackSpec, ProbeSpec, Spec, SteerSpec};
use super::syntax;
use crate::model::{Place, Problem};

/// How messages call the place of such a setting.
const FILE: &str = "--with";

/// Each setting once: of every probe, and of every steer.
pub(super) struct With {
    probe: ProbeSpec,
    steer: SteerSpec,
}

/// One `key=value`, and the column that it begins at, from 1.
struct Assignment<'t> {
    column: u32,
    key: &'t str,
    value: &'t str,
}

impl With {
    /// Reads `key=value,key=value`.
    ///
    /// # Errors
    /// Every part of it that makes no sense.
    pub(super) fn read(text: &str) -> Result<With, Vec<Problem>> {
        let assignments = assignments(text)?;
        let toml: String = assignments.iter().map(Assignment::as_toml).collect();
        let place = |place: &Place| {
            let assignment = assignments.get(place.line as usize - 1).or(assignments.last());
            Place { file: FILE.into(), line: 1, column: assignment.map_or(1, |assignment| assignment.column) }
        };
        let diagnostics = Diagnostics::new(FILE, &toml);
        let with =
            With::take(Table::named("--with", syntax::tree(&toml, &diagnostics), &diagnostics), &place);
        if !diagnostics.has_errors() {
            return Ok(with);
        }
        let mut problems = diagnostics.into_problems();
        for problem in &mut problems {
            problem.place = problem.place.as_ref().map(place);
            problem.source_line = Some(text.to_owned());
        }
        Err(problems)
    }

    fn take(mut table: Table<'_, '_>, place: &dyn Fn(&Place) -> Place) -> With {
        fn moved<T>(at: Option<At<T>>, place: &dyn Fn(&Place) -> Place) -> Option<At<T>> {
            at.map(|At { value, place: found }| At { value, place: place(&found) })
        }
        let probe = ProbeSpec {
            interval: moved(table.may("interval"), place),
            recheck: moved(table.may("recheck"), place),
            timeout: moved(table.may("timeout"), place),
            fall: moved(table.may("fall"), place),
            rise: moved(table.may("rise"), place),
            ..ProbeSpec::default()
        };
        let steer = SteerSpec {
            ttl: moved(table.may("ttl"), place),
            ttl_suspect: moved(table.may("ttl_suspect"), place),
            failback: moved(table.may::<String>("failback"), place).map(failback),
            dwell: moved(table.may("dwell"), place),
            max_flips_per_hour: moved(table.may("max_flips_per_hour"), place),
            ..SteerSpec::default()
        };
        table.finish();
        With { probe, steer }
    }

    /// Puts them in the place of what the file says. What the file states as its limit holds for the file alone.
    pub(super) fn apply(&self, spec: &mut Spec) {
        fn put<T: Clone>(to: &mut Option<At<T>>, from: &Option<At<T>>) {
            if from.is_some() {
                to.clone_from(from);
            }
        }
        for probe in entries_of(&mut spec.region).flat_map(|region| entries_of(&mut region.value.probe)) {
            let (probe, with) = (&mut probe.value, &self.probe);
            put(&mut probe.interval, &with.interval);
            put(&mut probe.recheck, &with.recheck);
            put(&mut probe.timeout, &with.timeout);
            put(&mut probe.fall, &with.fall);
            put(&mut probe.rise, &with.rise);
        }
        for steer in entries_of(&mut spec.steer) {
            let (steer, with) = (&mut steer.value, &self.steer);
            put(&mut steer.ttl, &with.ttl);
            put(&mut steer.ttl_suspect, &with.ttl_suspect);
            put(&mut steer.failback, &with.failback);
            put(&mut steer.dwell, &with.dwell);
            put(&mut steer.max_flips_per_hour, &with.max_flips_per_hour);
            steer.rto = None;
        }
    }
}

/// `auto`, `manual`, or how long a region must have been up: that is `delayed`.
fn failback(At { value, place }: At<String>) -> At<FailbackSpec> {
    let at = |value: String| Some(At { value, place: place.clone() });
    let after: Option<Duration> = SpanParser::new().parse_unsigned_duration(value.as_bytes()).ok();
    let spec = match after {
        Some(after) => FailbackSpec {
            mode: at("delayed".into()),
            after: Some(At { value: after, place: place.clone() }),
        },
        None => FailbackSpec { mode: at(value), after: None },
    };
    At { value: spec, place }
}

fn assignments(text: &str) -> Result<Vec<Assignment<'_>>, Vec<Problem>> {
    let mut at = 0;
    let mut problems = Vec::new();
    let mut all = Vec::new();
    for part in text.split(',') {
        let begins = at + part.len() - part.trim_start().len();
        at += part.len() + 1;
        let column = u32::try_from(text[..begins].chars().count() + 1).unwrap_or(u32::MAX);
        match part.split_once('=') {
            Some((key, value)) if is_key(key.trim()) => {
                all.push(Assignment { column, key: key.trim(), value: value.trim() });
            }
            Some(_) | None => {
                let place = Place { file: Arc::from(FILE), line: 1, column };
                let found = format!("{} is no setting", quoted(part.trim()));
                let help = "settings as in fall=2,interval=3s";
                problems.push(Problem::error(Some(place), found, help).with_source(text));
            }
        }
    }
    if problems.is_empty() { Ok(all) } else { Err(problems) }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_')
}

impl Assignment<'_> {
    /// A line of the configuration.
    fn as_toml(&self) -> String {
        let Assignment { key, value, .. } = self;
        let is_number = !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit());
        let plain =
            value.chars().filter(|character| !character.is_control() && !matches!(character, '"' | '\\'));
        let plain: String = plain.collect();
        if is_number { format!("{key} = {value}\n") } else { format!("{key} = \"{plain}\"\n") }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse_with;
    use crate::config::Config;
    use crate::model::Problem;
    use crate::policy::Failback;

    const CONTRACT: &str = include_str!("../../tests/config/contract.toml");

    fn with(settings: &str) -> Result<Config, Vec<Problem>> {
        let parsed = parse_with("c.toml", CONTRACT, Path::new("/etc"), 1, Some(settings));
        parsed.map(|parsed| parsed.config)
    }

    #[test]
    fn settings_replace_those_of_every_probe_and_steer() {
        let config = with("fall=2, interval=3s,failback=90s,ttl=5s,ttl_suspect=1s").expect("they are right");
        let mut rules = config.regions.iter().flat_map(|region| &region.checks).map(|check| check.rules);
        assert!(rules.all(|rules| rules.fall == 2 && rules.interval.as_secs() == 3));
        let steer = &config.steers[0];
        assert_eq!(steer.failback, Failback::Delayed(std::time::Duration::from_secs(90)));
        assert_eq!((steer.ttl.as_secs(), steer.rto), (5, None));
        assert_eq!(with("failback=manual").expect("right").steers[0].failback, Failback::Manual);
    }

    fn check(settings: &str, told: &[&str]) {
        let problems = with(settings).expect_err("a mistake");
        let lines: Vec<String> = problems
            .iter()
            .map(|problem| {
                let place = problem.place.as_ref().expect("a place");
                format!("{place}: {}; {}", problem.found, problem.help)
            })
            .collect();
        assert_eq!(lines, told, "{settings}");
    }

    #[test]
    fn a_mistake_is_told_with_its_column() {
        check(
            "fall=2,intervall=3s",
            &["--with:1:8: `--with` has no key \"intervall\"; did you mean `interval`?"],
        );
        check("fall", &["--with:1:1: \"fall\" is no setting; settings as in fall=2,interval=3s"]);
        check("", &["--with:1:1: \"\" is no setting; settings as in fall=2,interval=3s"]);
        check(
            "rise=2,fall=1",
            &[
                "--with:1:8: `fall` is 1; from 2 to 100: a single failed probe must not change an answer; more than 100 only delay it",
            ],
        );
        check(
            "interval=3",
            &["--with:1:1: `interval` is a number without a unit; write the unit, as in \"3s\" or \"3ms\""],
        );
        check(
            "fall=2,fall=3",
            &["--with:1:8: duplicate key; a key, or a table, is written once: remove one of the two"],
        );
        check("failback=soon", &["--with:1:1: there is no failback mode \"soon\"; auto, delayed or manual"]);
    }

    #[test]
    fn any_text_is_read_or_refused() {
        for text in [
            "=",
            "a=b=c",
            "fall=\"2",
            "x=\n[node]",
            "é=1",
            ",,",
            "fall=2,",
            "ttl=\u{0}",
            "interval=99999999999999999999h",
        ] {
            drop(with(text));
        }
    }
}
