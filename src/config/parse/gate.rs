//! `[[gate]]`: what a region must prove before a name may move to it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::context::Context;
use super::errand;
use super::expect::pointer;
use super::label::label;
use super::limit::Limit;
use super::region::Regions;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::errands::{Ask, Bound, BoundLimit, GateSettings, PostgresServer};
use crate::config::near::nearest;
use crate::config::read::{At, Concealed, Word};
use crate::config::spec::{GateSpec, HttpGateSpec, PostgresGateSpec};
use crate::health::MinUp;
use crate::model::{GateId, Name, Place, RegionId, shown};
use crate::policy::{DatabaseRules, Failback, Gate, GatePolicy, Proof, Role, Steer};

/// The most gates.
const GATES: usize = 100;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DEFAULT_INTERVAL: Duration = Duration::from_secs(5);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

const INTERVAL: Limit<Duration> = Limit {
    key: "interval",
    least: Duration::from_millis(100),
    most: HOUR,
    why: "a shorter one loads what is asked, a longer one knows too little when it matters",
};
const TIMEOUT: Limit<Duration> = Limit {
    key: "timeout",
    least: Duration::from_millis(10),
    most: HOUR,
    why: "a shorter one asks in vain, a longer one knows too little when it matters",
};
const STALE_AFTER: Limit<Duration> = Limit {
    key: "stale_after",
    least: Duration::from_millis(200),
    most: DAY,
    why: "what was seen counts until it is seen again, and not much longer",
};
const BLOCK_FOR: Limit<Duration> = Limit {
    key: "block_for",
    least: Duration::from_secs(1),
    most: DAY,
    why: "`policy = \"warn\"` never blocks, `policy = \"block\"` always",
};
const LAG: Limit<Duration> =
    Limit { key: "lag", least: Duration::ZERO, most: DAY, why: "more than a day behind is no standby" };
const LAG_BYTES: Limit<i64> =
    Limit { key: "lag_bytes", least: 0, most: i64::MAX, why: "octets of the write-ahead log" };
const PORT: Limit<i64> = Limit { key: "port", least: 1, most: 65535, why: "the ports of TCP" };

/// What a file says of gates.
#[derive(Default)]
pub(super) struct ParsedGates {
    pub(super) gates: Vec<Gate>,
    pub(super) settings: Vec<GateSettings>,
}

/// All of `[[gate]]`.
pub(super) fn gates(
    specs: Vec<At<GateSpec>>,
    regions: &Regions,
    steers: &[Steer],
    context: Context<'_>,
) -> ParsedGates {
    let (mut all, mut lines) = (ParsedGates::default(), HashMap::new());
    if let Some(spec) = specs.get(GATES) {
        let help = format!("at most {GATES}: each of them is asked every few seconds");
        context.diagnostics.error(&spec.place, format!("there are {} gates", specs.len()), help);
    }
    for spec in specs.into_iter().take(GATES) {
        if let Some((gate, settings)) = gate(spec, regions, steers, &mut lines, context) {
            all.gates.push(gate);
            all.settings.extend(settings);
        }
    }
    all
}

/// Where a gate is about data, nothing goes back by itself unless the file says so: what was written meanwhile would be
/// lost.
pub(super) fn keep_data(steers: &mut [Steer], undecided: &BTreeSet<Name>, gates: &[Gate]) {
    for steer in steers.iter_mut().filter(|steer| undecided.contains(steer.name())) {
        let stands_before = |gate: &&Gate| steer.regions.iter().any(|region| gate.guards(region));
        let mut of_data = gates.iter().filter(|gate| gate.is_of_data());
        if of_data.any(|gate| gate.concerns(steer) && stands_before(&gate)) {
            steer.failback = Failback::Manual;
        }
    }
}

fn gate(
    At { value: spec, place }: At<GateSpec>,
    regions: &Regions,
    steers: &[Steer],
    lines: &mut HashMap<String, u32>,
    context: Context<'_>,
) -> Option<(Gate, Option<GateSettings>)> {
    #[rustfmt::skip]
    let GateSpec {
        name, region, names, http, postgres, exec, capacity, switch, policy, block_for, interval, timeout, stale_after,
    } = spec;
    let diagnostics = context.diagnostics;
    let id = name.and_then(|name| claim(&name, lines, diagnostics));
    let needs_region = postgres.is_some();
    let region = match region {
        Some(region) => Some(known(&region, regions, diagnostics)?),
        None => None,
    };
    if needs_region && region.is_none() {
        let help = "add `region = \"…\"`: the server of each region has a gate of its own";
        diagnostics.absence(&place, "a gate of `postgres` without `region`", help);
        return None;
    }
    let names = errand::names(names, steers, diagnostics);
    let policy = parse_policy(policy, block_for, diagnostics);
    let times = times(interval, timeout, stale_after, diagnostics);
    let (proof, ask) = match switch {
        Some(switch) if http.is_none() && postgres.is_none() && exec.is_none() && capacity.is_none() => {
            (Proof::Switch { on: is_on(&switch, diagnostics)? }, None)
        }
        Some(_) => {
            diagnostics.error(&place, "a gate that asks in several ways", HELP);
            return None;
        }
        None => proof(http, postgres, exec, capacity, &place, context)?,
    };
    let (interval, timeout, stale_after) = times?;
    let id = id?;
    let gate = Gate { id: id.clone(), region, names: names?, proof, policy: policy?, stale_after };
    let settings = ask.map(|ask| GateSettings { gate: id, place, interval, timeout, ask });
    Some((gate, settings))
}

fn claim(
    name: &At<String>,
    lines: &mut HashMap<String, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Option<GateId> {
    let text = label("the gate's name", name, diagnostics)?;
    if let Some(line) = lines.insert(text.clone(), name.place.line) {
        let found = format!("the gate {} stands in line {line} already", quoted(&text));
        diagnostics.error(&name.place, found, "each gate under a name of its own");
        return None;
    }
    Some(text.as_str().into())
}

fn known(region: &At<String>, regions: &Regions, diagnostics: &Diagnostics<'_>) -> Option<RegionId> {
    let id = RegionId::from(region.value.as_str());
    if regions.names.contains_key(&id) {
        return Some(id);
    }
    if regions.complete {
        let help = match nearest(&region.value, regions.names.keys().map(RegionId::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "the name of a `[[region]]`".to_owned(),
        };
        let found = format!("there is no region {}", quoted(&region.value));
        diagnostics.absence(&region.place, found, help);
    }
    None
}

fn parse_policy(
    policy: Option<At<String>>,
    block_for: Option<At<Duration>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<GatePolicy> {
    let policy = match policy {
        None => GatePolicy::Block,
        Some(At { value, .. }) if value == "block" => GatePolicy::Block,
        Some(At { value, .. }) if value == "warn" => GatePolicy::Warn,
        Some(At { value, place }) => {
            let meant = nearest(&value, ["block", "warn"]);
            let help = meant.map_or("block or warn".into(), |meant| format!("did you mean `{meant}`?"));
            diagnostics.error(&place, format!("`policy` is {}", quoted(&value)), help);
            return None;
        }
    };
    match (policy, block_for) {
        (policy, None) => Some(policy),
        (GatePolicy::Warn, Some(block_for)) => {
            let found = "`block_for` beside `policy = \"warn\"`, which never blocks";
            diagnostics.error(&block_for.place, found, "one of the two");
            None
        }
        (GatePolicy::Block | GatePolicy::BlockFor(_), Some(block_for)) => {
            BLOCK_FOR.check(&block_for, diagnostics).map(GatePolicy::BlockFor)
        }
    }
}

/// Interval, timeout, and how long what was seen counts.
fn times(
    interval: Option<At<Duration>>,
    timeout: Option<At<Duration>>,
    stale_after: Option<At<Duration>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<(Duration, Duration, Duration)> {
    let interval = INTERVAL.or(interval.as_ref(), DEFAULT_INTERVAL, diagnostics);
    let span = TIMEOUT.or(timeout.as_ref(), DEFAULT_TIMEOUT.min(interval?), diagnostics)?;
    let interval = interval?;
    if let Some(at) = timeout.filter(|_| span > interval) {
        let found =
            format!("`timeout` is {}, longer than the `interval` of {}", shown(span), shown(interval));
        let help = format!("at most {}: the gate must be asked again then", shown(interval));
        diagnostics.error(&at.place, found, help);
        return None;
    }
    let stale = STALE_AFTER.or(stale_after.as_ref(), interval * 3, diagnostics)?;
    if let Some(at) = stale_after.filter(|_| stale < interval + span) {
        let found = format!("`stale_after` is {}", shown(stale));
        let help = format!(
            "at least {}, `interval` and `timeout` together: the gate would be unknown in between",
            shown(interval + span)
        );
        diagnostics.error(&at.place, found, help);
        return None;
    }
    Some((interval, span, stale))
}

const HELP: &str =
    "one of `http`, `postgres`, `exec`, `capacity` and `switch`; for another one add a second `[[gate]]`";

/// Whether a switch is on while no operator says otherwise.
fn is_on(switch: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<bool> {
    match switch.value.as_str() {
        "on" => Some(true),
        "off" => Some(false),
        other => {
            let help = "on or off: what it is while no operator says otherwise";
            diagnostics.error(&switch.place, format!("`switch` is {}", quoted(other)), help);
            None
        }
    }
}

/// What must be proven, and how it is asked.
fn proof(
    http: Option<At<HttpGateSpec>>,
    postgres: Option<At<Concealed<PostgresGateSpec>>>,
    exec: Option<At<Vec<At<String>>>>,
    capacity: Option<At<Word>>,
    place: &Place,
    context: Context<'_>,
) -> Option<(Proof, Option<Ask>)> {
    match (http, postgres, exec, capacity) {
        (Some(spec), None, None, None) => of_http(spec.value, context),
        (None, Some(spec), None, None) => of_postgres(spec.value.0, context),
        (None, None, Some(words), None) => {
            let program = errand::program("exec", words, context.diagnostics)?;
            Some((Proof::Reply { of_data: false }, Some(Ask::Program(program))))
        }
        (None, None, None, Some(least)) => {
            Some((Proof::Capacity(capacity_of(&least, context.diagnostics)?), None))
        }
        (None, None, None, None) => {
            context.diagnostics.absence(place, "a gate that asks for nothing", HELP);
            None
        }
        _ => {
            context.diagnostics.error(place, "a gate that asks in several ways", HELP);
            None
        }
    }
}

fn of_http(spec: HttpGateSpec, context: Context<'_>) -> Option<(Proof, Option<Ask>)> {
    let HttpGateSpec { url, value, at_most, at_least, is, ca_file, insecure } = spec;
    let diagnostics = context.diagnostics;
    let web = url.and_then(|url| errand::web(&url, ca_file, insecure, context));
    let limits =
        [at_most.map(|at| ("at_most", at)), at_least.map(|at| ("at_least", at)), is.map(|at| ("is", at))];
    let mut limits: Vec<(&str, At<serde_json::Value>)> = limits.into_iter().flatten().collect();
    if let Some((key, second)) = limits.get(1) {
        let found = format!("`{key}` beside another bound of the same value");
        diagnostics.error(&second.place, found, "one of `at_most`, `at_least` and `is`");
        return None;
    }
    let bound = match (value, limits.pop()) {
        (None, None) => None,
        (Some(value), Some((key, limit))) => {
            let limit = bound_limit(key, limit, diagnostics);
            Some(Bound { pointer: pointer(value, diagnostics)?, limit: limit? })
        }
        (Some(value), None) => {
            let help = "add `at_most`, `at_least` or `is`";
            diagnostics.absence(&value.place, "`value` without a bound", help);
            return None;
        }
        (None, Some((key, limit))) => {
            let found = format!("`{key}` without `value`");
            diagnostics.absence(&limit.place, found, "add `value`, a JSON pointer such as \"/replica/lag\"");
            return None;
        }
    };
    let is_measured = |bound: &Bound| matches!(bound.limit, BoundLimit::AtMost(_) | BoundLimit::AtLeast(_));
    let of_data = bound.as_ref().is_some_and(is_measured);
    Some((Proof::Reply { of_data }, Some(Ask::Http(Arc::new(web?), bound))))
}

fn bound_limit(
    key: &str,
    At { value, place }: At<serde_json::Value>,
    diagnostics: &Diagnostics<'_>,
) -> Option<BoundLimit> {
    if key == "is" {
        return Some(BoundLimit::Is(value));
    }
    let Some(number) = value.as_f64() else {
        diagnostics.error(&place, format!("`{key}` is not a number"), "a number, without quotes");
        return None;
    };
    Some(if key == "at_most" { BoundLimit::AtMost(number) } else { BoundLimit::AtLeast(number) })
}

fn of_postgres(spec: PostgresGateSpec, context: Context<'_>) -> Option<(Proof, Option<Ask>)> {
    #[rustfmt::skip]
    let PostgresGateSpec {
        host, port, database, user, password_file, role, lag, lag_bytes, tls, ca_file, insecure,
    } = spec;
    let diagnostics = context.diagnostics;
    let host = host.and_then(|host| server(&host, diagnostics));
    let port = PORT.or(port.as_ref(), 5432, diagnostics);
    let role = match role {
        None => None,
        Some(At { value, .. }) if value == "primary" => Some(Role::Primary),
        Some(At { value, .. }) if value == "replica" => Some(Role::Replica),
        Some(At { value, place }) => {
            diagnostics.error(&place, format!("`role` is {}", quoted(&value)), "primary or replica");
            return None;
        }
    };
    for (key, lag) in
        [("lag", lag.as_ref().map(|at| &at.place)), ("lag_bytes", lag_bytes.as_ref().map(|at| &at.place))]
    {
        if let (Some(Role::Primary), Some(place)) = (role, lag) {
            let found = format!("`{key}` beside `role = \"primary\"`, which lags behind nobody");
            diagnostics.error(place, found, "leave one of the two out");
            return None;
        }
    }
    let lag = match lag {
        Some(lag) => Some(LAG.check(&lag, diagnostics)?),
        None => None,
    };
    let lag_bytes = match lag_bytes {
        Some(bytes) => Some(LAG_BYTES.check(&bytes, diagnostics)?),
        None => None,
    };
    let encrypted = tls.is_none_or(|tls| tls.value);
    if let Some(place) = ca_file.as_ref().map(|at| &at.place).filter(|_| !encrypted) {
        let found = "`ca_file` beside `tls = false`, where there is no certificate";
        diagnostics.error(place, found, "leave one of the two out");
        return None;
    }
    let insecure = insecure.filter(|_| encrypted);
    let authorities = errand::authorities(ca_file, insecure, encrypted, context);
    let server = PostgresServer {
        host: host?,
        port: port?,
        database: database.map_or("postgres".into(), |at| at.value),
        user: user?.value,
        password_file: errand::secret_file("password_file", password_file, context)?,
        tls: encrypted.then_some(authorities),
    };
    Some((Proof::Database(DatabaseRules { role, lag, lag_bytes }), Some(Ask::Postgres(Arc::new(server)))))
}

/// A name or an address; a whole connection string may have a password in it.
fn server(host: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if !host.value.is_empty() && host.value.len() <= 255 && host.value.chars().all(is_allowed) {
        return Some(host.value.clone());
    }
    let help =
        "a host name or an address; port, user, database and the file of the password have keys of their own";
    diagnostics.error(&host.place, "`host` is neither a name nor an address", help);
    None
}

fn capacity_of(At { value, place }: &At<Word>, diagnostics: &Diagnostics<'_>) -> Option<MinUp> {
    let found = match value {
        Word::Text(text) => match text.strip_suffix('%').and_then(|digits| digits.parse().ok()) {
            Some(percent @ 1..=100) => return Some(MinUp::Percent(percent)),
            Some(_) | None => quoted(text),
        },
        Word::Number(number) => match usize::try_from(*number) {
            Ok(count @ 1..) => return Some(MinUp::Count(count)),
            Ok(_) | Err(_) => number.to_string(),
        },
    };
    let help = "a number of endpoints, or a share from \"1%\" to \"100%\"";
    diagnostics.error(place, format!("`capacity` is {found}"), help);
    None
}
