//! A status as a monitoring plugin tells it (Nagios, Icinga and those that run their plugins): one line and an exit code.

use std::fmt::Write;

use crate::api::{NameStatus, PartStatus, Status};
use crate::health::State;
use crate::model::Moment;
use crate::policy::{Rule, Urgency};

/// So many troubles are told in the line; the others are counted.
const TOLD_MAX: usize = 3;

/// The states of a service, as the plugin interface numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Ok,
    Warning,
    Critical,
    Unknown,
}

/// What a plugin says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The exit code.
    pub(super) state: Level,
    /// The line.
    pub(super) line: String,
}

impl Level {
    pub(super) fn code(self) -> u8 {
        match self {
            Level::Ok => 0,
            Level::Warning => 1,
            Level::Critical => 2,
            Level::Unknown => 3,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Level::Ok => "OK",
            Level::Warning => "WARNING",
            Level::Critical => "CRITICAL",
            Level::Unknown => "UNKNOWN",
        }
    }
}

impl From<Urgency> for Level {
    fn from(urgency: Urgency) -> Level {
        match urgency {
            Urgency::Info => Level::Ok,
            Urgency::Warning => Level::Warning,
            Urgency::Critical => Level::Critical,
        }
    }
}

/// What there is to say without a status.
pub(super) fn without_status(state: Level, why: &str) -> Verdict {
    Verdict { state, line: format!("CADENCE-DNS {} - {}\n", state.word(), plain(why)) }
}

/// What there is to say about a running daemon.
pub(super) fn verdict(status: &Status, now: Moment) -> Verdict {
    let mut troubles: Vec<(Level, String)> =
        status.names.iter().filter_map(|name| of_name(name, status)).collect();
    troubles.extend(status.parts.iter().filter_map(of_part));
    // Whatever `status` warns of is not OK; the names have told for themselves.
    troubles.extend(status.warnings.iter().map(|warning| (Level::Warning, warning.text.clone())));
    troubles.sort_by_key(|(state, _)| std::cmp::Reverse(*state)); // a stable sort: the first stays the first
    let state = troubles.first().map_or(Level::Ok, |(state, _)| *state);
    let mut told: Vec<String> = Vec::new();
    for (_, text) in &troubles {
        let text = plain(text);
        if !told.contains(&text) {
            told.push(text);
        }
    }
    let more = told.len().saturating_sub(TOLD_MAX);
    told.truncate(TOLD_MAX);
    let mut text = if told.is_empty() { all_well(status) } else { told.join("; ") };
    if more > 0 {
        write!(text, "; and {more} more, see `cadence-dns status`").expect("a string takes everything");
    }
    let line = format!("CADENCE-DNS {} - {text} | {}\n", state.word(), performance(status, now));
    Verdict { state, line }
}

fn all_well(status: &Status) -> String {
    let shown: Vec<String> =
        status.names.iter().map(|name| format!("{} = {}", name.name, name.region)).collect();
    match shown.len() {
        0 => "no name is steered".to_owned(),
        1..=TOLD_MAX => shown.join(", "),
        many => format!("{many} names, each with its preferred region"),
    }
}

fn of_name(name: &NameStatus, status: &Status) -> Option<(Level, String)> {
    let urgency = Urgency::of_name(name, status)?;
    let NameStatus { name, region, rule, why, .. } = name;
    let word = match rule {
        Rule::FailOpen => "FAIL OPEN",
        Rule::NoneProven | Rule::Freeze | Rule::Frozen => "FROZEN",
        Rule::Held => "HELD",
        Rule::Pinned => "PINNED",
        Rule::Draining => "DRAINING",
        Rule::FailedOver { .. } => "FAILED OVER",
        Rule::Unproven => "UNPROVEN",
        Rule::Preferred => "PREFERRED",
    };
    Some((urgency.into(), format!("{name}: {word} on {region}, {why}")))
}

/// Whoever answers clients or decides is needed now; the others within the day.
fn of_part(part: &PartStatus) -> Option<(Level, String)> {
    if part.healthy {
        return None;
    }
    let is_vital = part.part.starts_with("dns") || part.part == "controller";
    let text = part.trouble.clone().unwrap_or_else(|| format!("{} does not work", part.part));
    Some((if is_vital { Level::Critical } else { Level::Warning }, text))
}

/// Nothing in the text may look like the bar before the figures, or end the line.
fn plain(text: &str) -> String {
    let one_line: Vec<&str> = text.split_whitespace().collect();
    one_line.join(" ").replace('|', "/")
}

/// `label=value[unit];[warn];[crit];[min];[max]`, with the ranges that the verdict comes from where there are any.
fn performance(status: &Status, now: Moment) -> String {
    let count = |what: &dyn Fn(&Rule) -> bool| status.names.iter().filter(|name| what(&name.rule)).count();
    let (names, regions) = (status.names.len(), status.regions.len());
    let up = status.regions.iter().filter(|region| region.state == State::Up).count();
    let mut figures = vec![
        format!("names={names};;;0"),
        format!("fail_open={};;0;0;{names}", count(&|rule| *rule == Rule::FailOpen)),
        format!("held={};;0;0;{names}", count(&|rule| *rule == Rule::Held)),
        format!(
            "frozen={};;;0;{names}",
            count(&|rule| matches!(rule, Rule::Freeze | Rule::NoneProven | Rule::Frozen))
        ),
        format!("failed_over={};0;;0;{names}", count(&|rule| matches!(rule, Rule::FailedOver { .. }))),
        format!("regions_up={up};{regions}:;;0;{regions}"),
        format!("overrides={};;;0", status.overrides.iter().count()),
        format!("warnings={};0;;0", status.warnings.len()),
    ];
    let checks = status.regions.iter().flat_map(|region| &region.endpoints).flat_map(|end| &end.checks);
    if let Some(oldest) = checks.filter_map(|check| check.age).reduce(f64::max) {
        figures.push(format!("evidence_age={oldest:.3}s;;;0"));
    }
    for region in &status.regions {
        let checks = region.endpoints.iter().flat_map(|endpoint| &endpoint.checks);
        if let Some(longest) = checks.filter_map(|check| check.latency).reduce(f64::max) {
            figures.push(format!("'latency_{}'={longest:.6}s;;;0", region.region));
        }
    }
    if let Some(started) = status.started {
        figures.push(format!("uptime={}s;;;0", now.since(started).as_secs()));
    }
    if let Some(dns) = &status.dns {
        figures.push(format!("queries={}c;;;0", dns.queries));
        figures.push(format!("dropped={}c;;;0", dns.dropped + dns.limited.dropped + dns.overflowed));
    }
    figures.join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, failed_over};
    use super::*;
    use crate::api::{Source, Warning};

    fn said(change: impl FnOnce(&mut Status)) -> (u8, String) {
        let mut status = failed_over();
        change(&mut status);
        let Verdict { state, line } = verdict(&status, NOW);
        assert_eq!(line.matches('|').count(), 1, "{line}");
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        (state.code(), line.split(" | ").next().unwrap_or_default().to_owned())
    }

    /// Everything is well, but for what `change` does.
    fn of_calm(change: impl FnOnce(&mut Status)) -> (u8, String) {
        said(|status| {
            status.names[0].rule = Rule::Preferred;
            status.regions.remove(1);
            status.warnings.clear();
            change(status);
        })
    }

    #[test]
    fn a_failover_is_a_warning_with_figures() {
        let Verdict { state, line } = verdict(&failed_over(), NOW);
        assert_eq!(state.code(), 1);
        insta::assert_snapshot!(line, @r"CADENCE-DNS WARNING - cadence.example.com: FAILED OVER on eu-west, failed over: us-east down: 0/1 up, 1 needed, connection refused; region us-east is down | names=1;;;0 fail_open=0;;0;0;1 held=0;;0;0;1 frozen=0;;;0;1 failed_over=1;0;;0;1 regions_up=1;2:;;0;2 overrides=0;;;0 warnings=1;0;;0 evidence_age=2.000s;;;0 'latency_eu-west'=0.012000s;;;0 'latency_us-east'=0.012000s;;;0 uptime=3553964s;;;0 queries=5000c;;;0 dropped=312c;;;0");
    }

    #[test]
    fn what_is_well_is_ok() {
        assert_eq!(of_calm(|_| {}), (0, "CADENCE-DNS OK - cadence.example.com = eu-west".into()));
    }

    #[test]
    fn no_rule_that_holds_or_freezes_is_ok() {
        let code = |rule: Rule| of_calm(|status| status.names[0].rule = rule).0;
        for rule in [Rule::FailOpen, Rule::Held, Rule::NoneProven, Rule::Freeze] {
            assert_eq!(code(rule.clone()), 2, "{rule:?}");
        }
        let from = "us-east".into();
        for rule in [Rule::Frozen, Rule::Pinned, Rule::Draining, Rule::Unproven, Rule::FailedOver { from }] {
            assert_eq!(code(rule.clone()), 1, "{rule:?}");
        }
        let (code, line) = of_calm(|status| {
            status.names[0].rule = Rule::Frozen;
            status.regions[0].state = State::Down;
        });
        assert!(code == 2 && line.contains("FROZEN on eu-west"), "{line}");
    }

    #[test]
    fn a_dead_worker_is_critical_and_any_warning_is_one() {
        let dead = |part: &str| PartStatus { healthy: false, ..PartStatus::working(part) };
        assert_eq!(of_calm(|status| status.parts = vec![dead("dns-0-53")]).0, 2);
        assert_eq!(of_calm(|status| status.parts = vec![dead("recorder")]).0, 1);
        let warning = Warning { text: "a | b\nc".into(), help: String::new() };
        let warned = of_calm(|status| status.warnings = vec![warning]);
        assert_eq!(warned, (1, "CADENCE-DNS WARNING - a / b c".into()));
    }

    #[test]
    fn many_troubles_are_counted() {
        let many = |number: usize| Warning { text: format!("trouble {number}"), help: String::new() };
        let (_, line) = of_calm(|status| status.warnings = (0..9).map(many).collect());
        assert!(line.ends_with("trouble 2; and 6 more, see `cadence-dns status`"), "{line}");
    }

    #[test]
    fn figures_have_the_form_of_the_plugin_interface() {
        let mut status = failed_over();
        status.source = Source::Live;
        let figures = performance(&status, NOW);
        for figure in figures.split(' ') {
            let (label, value) = figure.split_once('=').expect("label=value");
            assert!(!label.trim_matches('\'').is_empty() && value.matches(';').count() >= 3, "{figure}");
            let number = value.split(';').next().unwrap_or_default().trim_end_matches(['s', 'c']);
            assert!(number.parse::<f64>().is_ok(), "{figure}");
        }
    }
}
