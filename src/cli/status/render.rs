//! A status as text: a pure function, so that its look is a golden text.

use std::net::IpAddr;
use std::time::Duration;

use super::changes::Subject;
use super::cluster::cluster;
use super::look::{Look, finish};
use super::words::endpoint_state;
use crate::api::{
    BudgetStatus, CheckStatus, DnsStatus, EndpointStatus, GateStatus, LimitedStatus, NameStatus,
    RegionStatus, Source, Status,
};
use crate::cli::overrides::shown;
use crate::cli::text::{age, latency, probe_of, table};
use crate::health::Health;
use crate::model::Moment;
use crate::policy::Hold;

/// The whole screen.
pub(super) fn render(status: &Status, look: &Look<'_>) -> String {
    let mut text = head(status, look.now);
    let sections = [
        names(status, look),
        budgets(status),
        overrides(status, look),
        regions(status, look),
        endpoints(status, look),
        gates(status, look),
        cluster(status, look),
        status.dns.as_ref().map(asked).unwrap_or_default(),
    ];
    for section in sections.into_iter().filter(|section| !section.is_empty()) {
        text.push('\n');
        text.push_str(&section);
    }
    if !status.warnings.is_empty() || !status.notes.is_empty() {
        text.push('\n');
    }
    for warning in &status.warnings {
        text.push_str(&format!("! {}\n    help: {}\n", warning.text, warning.help));
    }
    for note in &status.notes {
        text.push_str(&format!("note: {}\n    help: {}\n", note.text, note.help));
    }
    text
}

fn head(status: &Status, now: Moment) -> String {
    let Status { version, node, source, time, started, .. } = status;
    let up = started.map(|started| format!("  up {}", age(now.since(started)))).unwrap_or_default();
    match source {
        Source::Live => format!("cadence-dns {version}  node {node}{up}  {time}\n"),
        Source::Stale => format!(
            "OLD: the controller does not answer; this is what it said {} ago, at {time}\ncadence-dns {version}  node {node}{up}\n",
            age(now.since(*time))
        ),
        Source::Saved => format!(
            "OLD: the daemon does not answer; this is what it saved {} ago, at {time}\ncadence-dns {version}  node {node}\n",
            age(now.since(*time))
        ),
    }
}

fn names(status: &Status, look: &Look<'_>) -> String {
    let mut table = table(&["NAME", "ANSWER", "TTL", "SINCE", "EPOCH", "WHY"], look.width);
    for name in &status.names {
        let ttl = name.ttl.map_or_else(|| "-".into(), |ttl| ttl.to_string());
        let answer = format!("{} ({})", name.region, families(&name.addresses));
        let since = age(look.now.since(name.since));
        let epoch = name.epoch.to_string();
        let shown = look.marked(&Subject::Name(name.name.clone()), &name.name);
        table.add_row([shown, answer, ttl, since, epoch, why(name, look.now)]);
    }
    finish(&table, status.names.is_empty())
}

/// `2 A, 1 AAAA`.
fn families(addresses: &[IpAddr]) -> String {
    let v4 = addresses.iter().filter(|address| address.is_ipv4()).count();
    let parts = [(v4, "A"), (addresses.len() - v4, "AAAA")];
    let shown = parts.iter().filter(|(count, _)| *count > 0).map(|(count, rtype)| format!("{count} {rtype}"));
    shown.collect::<Vec<_>>().join(", ")
}

fn why(name: &NameStatus, now: Moment) -> String {
    let Some(wait) = &name.wait else { return name.why.clone() };
    match (&wait.hold, wait.until) {
        (Hold::ManualFailback, _) => format!("{}; back to {} by `cadence-dns failback`", name.why, wait.to),
        (hold, Some(until)) => {
            format!("{}; {hold} hold, to {} in {}", name.why, wait.to, age(until.after(now)))
        }
        (hold, None) => format!("{}; {hold} hold, to {}", name.why, wait.to),
    }
}

fn budgets(status: &Status) -> String {
    let line = |name: &NameStatus| {
        let BudgetStatus { total, rto, derivation, .. } = name.budget.as_ref()?;
        let rto = rto.map(|rto| format!(" of rto {rto}s")).unwrap_or_default();
        Some(format!("budget {}: {total}s{rto}  = {derivation}\n", name.name))
    };
    status.names.iter().filter_map(line).collect()
}

fn gates(status: &Status, look: &Look<'_>) -> String {
    let mut table = table(&["GATE", "BEFORE", "LIGHT", "SEEN", "WHY"], look.width);
    for GateStatus { gate, region, light, says, seen, .. } in &status.gates {
        let seen = seen.map_or_else(|| "-".into(), |seen| age(look.now.since(seen)));
        let shown = look.marked(&Subject::Gate(gate.clone(), region.clone()), gate);
        table.add_row([shown, region.to_string(), light.to_string(), seen, says.clone()]);
    }
    finish(&table, status.gates.is_empty())
}

fn overrides(status: &Status, look: &Look<'_>) -> String {
    if status.overrides.is_empty() { String::new() } else { shown(&status.overrides, look.now, look.width) }
}

fn regions(status: &Status, look: &Look<'_>) -> String {
    let mut table = table(&["REGION", "SINCE", "VERDICT"], look.width);
    for region in &status.regions {
        let shown = look.marked(&Subject::Region(region.region.clone()), &region.region);
        table.add_row([shown, age(look.now.since(region.since)), region.why.clone()]);
    }
    finish(&table, status.regions.is_empty())
}

fn endpoints(status: &Status, look: &Look<'_>) -> String {
    let mut table = table(&["ENDPOINT", "STATE", "PROBE", "SEEN", "LATENCY", "LAST PROBE"], look.width);
    let mut empty = true;
    for region in &status.regions {
        for endpoint in &region.endpoints {
            for row in rows(region, endpoint, look) {
                table.add_row(row);
                empty = false;
            }
        }
    }
    finish(&table, empty)
}

/// One row for each check; a single one for an endpoint without a probe.
fn rows(region: &RegionStatus, endpoint: &EndpointStatus, look: &Look<'_>) -> Vec<[String; 6]> {
    let place = format!("{} {}", region.region, endpoint.address);
    let place = look.marked(&Subject::Endpoint(region.region.clone(), endpoint.address), place);
    let state = endpoint_state(endpoint).to_owned();
    if endpoint.checks.is_empty() {
        let nothing = || "-".to_owned();
        return vec![[place, state, nothing(), nothing(), nothing(), "not probed".into()]];
    }
    let row = |check: &CheckStatus| {
        let seen = check.age.map_or_else(
            || "never".into(),
            |seconds| format!("{} ago", age(Duration::from_secs_f64(seconds.max(0.0)))),
        );
        let latency = check.latency.map_or_else(|| "-".into(), latency);
        [
            place.clone(),
            state.clone(),
            format!("{} {}", probe_of(check), count(check.health)),
            seen,
            latency,
            last(check, look.now),
        ]
    };
    endpoint.checks.iter().map(row).collect()
}

/// The belief, and how far it is on the way to another one.
fn count(health: Health) -> String {
    match health {
        Health::Unknown { passes: 0, failures: 0 } => "unknown".into(),
        Health::Unknown { passes, failures: 0 } => format!("unknown, {passes} passed"),
        Health::Unknown { failures, .. } => format!("unknown, {failures} failed"),
        Health::Up { failures: 0 } => "up".into(),
        Health::Up { failures } => format!("up, {failures} failed"),
        Health::Down { passes: 0 } => "down".into(),
        Health::Down { passes } => format!("down, {passes} passed"),
    }
}

/// What the last probe saw; after a pass also the last failure, for that is what one asks next.
fn last(check: &CheckStatus, now: Moment) -> String {
    match (&check.trouble, &check.failure, &check.last_failure) {
        (Some(trouble), _, _) => format!("could not be sent: {trouble}"),
        (None, Some(failure), _) => failure.to_string(),
        (None, None, Some((at, failure))) => format!("ok (failed {} ago: {failure})", age(now.since(*at))),
        (None, None, None) if check.seen.is_some() => "ok".into(),
        (None, None, None) => "-".into(),
    }
}

/// What was asked; what the rate limit kept back, and what came in by AF_XDP, only when there is any.
fn asked(dns: &DnsStatus) -> String {
    #[rustfmt::skip]
    let DnsStatus {
        queries, noerror, nxdomain, refused, other, dropped, limited, truncated, unsent, xdp, overflowed,
    } = dns;
    let LimitedStatus { dropped: silent, slipped, badcookie } = limited;
    let mut text = format!(
        "queries {queries}: {noerror} NOERROR, {nxdomain} NXDOMAIN, {refused} REFUSED, {other} other codes, \
         {dropped} dropped; {truncated} truncated, {unsent} unsent, {overflowed} overflowed\n"
    );
    if *xdp > 0 {
        text += &format!("AF_XDP {xdp} of the queries\n");
    }
    let all = silent + slipped + badcookie;
    if all > 0 {
        text += &format!("rate limit {all}: {silent} dropped, {slipped} slipped, {badcookie} BADCOOKIE\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::look::MARK;
    use super::super::sample::{NOW, ago, failed_over};
    use super::*;
    use crate::policy::{GatePolicy, Light};

    static NOTHING: BTreeSet<Subject> = BTreeSet::new();
    const LOOK: Look<'static> = Look { now: NOW, width: None, marked: &NOTHING };

    #[test]
    fn what_has_just_changed_is_marked() {
        let marked = BTreeSet::from([
            Subject::Name("cadence.example.com".parse().expect("a name")),
            Subject::Region("us-east".into()),
            Subject::Endpoint("us-east".into(), [192, 0, 2, 10].into()),
        ]);
        let text = render(&failed_over(), &Look { marked: &marked, ..LOOK });
        let lines: Vec<&str> = text.lines().filter(|line| line.starts_with(MARK)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        * cadence.example.com  eu-west (1 A, 1 AAAA)  30s  12:44  17     failed over: us-east down: 0/1 up, 1 needed, connection refused; failback hold, to us-east in 01:41
        * us-east  12:44  down: 0/1 up, 1 needed, connection refused
        * us-east 192.0.2.10  DOWN   #0 down, 1 passed  00:02 ago  12 ms    connection refused
        ");
    }

    #[test]
    fn a_failover_at_a_glance() {
        insta::assert_snapshot!(render(&failed_over(), &LOOK), @r"
        cadence-dns 1.0.0  node ns1  up 41d 03:12  2026-11-22T16:04:11.000Z

        NAME                 ANSWER                 TTL  SINCE  EPOCH  WHY
        cadence.example.com  eu-west (1 A, 1 AAAA)  30s  12:44  17     failed over: us-east down: 0/1 up, 1 needed, connection refused; failback hold, to us-east in 01:41

        budget cadence.example.com: 37s of rto 45s  = 5s + 2s

        REGION   SINCE  VERDICT
        eu-west  12:44  up: 1/1 up
        us-east  12:44  down: 0/1 up, 1 needed, connection refused

        ENDPOINT            STATE  PROBE              SEEN       LATENCY  LAST PROBE
        eu-west 192.0.2.20  up     #0 up              00:02 ago  12 ms    ok
        us-east 192.0.2.10  DOWN   #0 down, 1 passed  00:02 ago  12 ms    connection refused

        queries 5000: 4000 NOERROR, 300 NXDOMAIN, 20 REFUSED, 1 other codes, 9 dropped; 7 truncated, 2 unsent, 3 overflowed
        AF_XDP 4500 of the queries
        rate limit 670: 300 dropped, 330 slipped, 40 BADCOOKIE

        ! region us-east is down
            help: look at it
        ");
    }

    #[test]
    fn what_a_dead_daemon_left_behind_is_marked_as_old() {
        let status = Status { source: Source::Saved, started: None, dns: None, ..failed_over() };
        let text = render(&status, &Look { now: NOW + Duration::from_secs(90), width: Some(80), ..LOOK });
        assert!(
            text.starts_with("OLD: the daemon does not answer; this is what it saved 01:30 ago"),
            "{text}"
        );
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{text}");
    }

    #[test]
    fn every_gate_has_its_line() {
        let gate = |gate: &str, light, says: &str, seen| GateStatus {
            gate: gate.into(),
            region: "eu-west".into(),
            names: Vec::new(),
            policy: GatePolicy::Block,
            light,
            says: says.into(),
            seen,
        };
        let shown = vec![
            gate("lag", Light::Red, "replay lag 48 s > 10 s", Some(ago(3))),
            gate("room", Light::Green, "3 of 3 IPv4 endpoints are up, 2 needed", None),
        ];
        let status = Status { gates: shown, ..failed_over() };
        insta::assert_snapshot!(gates(&status, &LOOK), @r"
        GATE  BEFORE   LIGHT  SEEN   WHY
        lag   eu-west  red    00:03  replay lag 48 s > 10 s
        room  eu-west  green  -      3 of 3 IPv4 endpoints are up, 2 needed
        ");
        assert!(gates(&failed_over(), &LOOK).is_empty());
    }
}
