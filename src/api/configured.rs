//! The configuration that is in effect, defaults included, for people to read. It has no secrets: those are in files of
//! their own, and headers and queries of probes, which may hold tokens, are left out.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use crate::config::{Config, Probe};
use crate::health::{Check, Region};
use crate::model::shown;
use crate::policy::{Failback, GatePolicy, Steer};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const CONFIGURED_SCHEMA: &str = "cadence-dns/configured/v1";

/// The configuration that is in effect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configured {
    /// [`CONFIGURED_SCHEMA`].
    pub schema: String,
    /// Its tables, in the order of the reference.
    pub tables: Vec<ConfiguredTable>,
}

/// A table of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredTable {
    /// Its header, and what tells it from others of its kind, such as `[[region]] us-east`.
    pub table: String,
    /// Its values, as people would write them.
    pub values: Vec<ConfiguredValue>,
}

/// A value of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfiguredValue {
    /// The key.
    pub key: String,
    /// What it is.
    pub value: String,
}

impl Configured {
    /// What a configuration means.
    #[must_use]
    pub fn of(config: &Config) -> Configured {
        let mut tables = vec![node(config), dns(config), reached(config)];
        tables.extend(config.zones.iter().map(|zone| {
            ConfiguredTable::new(format!("[[zone]] {}", zone.name)).with("file", zone.file.display())
        }));
        tables.extend(config.witnesses.iter().map(|check| witness(check, &config.probes)));
        tables.extend(config.regions.iter().map(|region| self::region(region, &config.probes)));
        tables.extend(config.steers.iter().map(steer));
        tables.extend(config.gates.iter().map(gate));
        tables.extend(config.hooks.iter().map(|hook| {
            ConfiguredTable::new(format!("[[hook]] {}", hook.id))
                .with("deadline", shown(hook.deadline))
                .with("must_succeed", hook.must_succeed)
        }));
        let safety = ConfiguredTable::new("[safety]").with("min_serving", config.safety.min_serving);
        tables.push(safety);
        Configured { schema: CONFIGURED_SCHEMA.into(), tables }
    }
}

impl ConfiguredTable {
    fn new(table: impl Into<String>) -> ConfiguredTable {
        ConfiguredTable { table: table.into(), values: Vec::new() }
    }

    fn with(mut self, key: impl Into<String>, value: impl Display) -> ConfiguredTable {
        self.values.push(ConfiguredValue { key: key.into(), value: value.to_string() });
        self
    }
}

fn node(config: &Config) -> ConfiguredTable {
    let node = &config.node;
    let history = format!("{} files of {} octets at the most", config.history.files, config.history.max_size);
    ConfiguredTable::new("[node]")
        .with("name", &node.name)
        .with("state_dir", node.state_dir.display())
        .with("user", node.user.as_deref().unwrap_or("cadence-dns, if there is such a user"))
        .with("landlock", node.landlock)
        .with("history", history)
        .with("record", format!("{} octets of probes at the most", config.record.max_size))
}

fn dns(config: &Config) -> ConfiguredTable {
    let dns = &config.dns;
    let limit = &dns.rate_limit;
    let limit = if limit.enabled {
        format!(
            "{} replies a second about one thing, {} in all, to one network; slip {}",
            limit.rate, limit.network_rate, limit.slip
        )
    } else {
        "off".to_owned()
    };
    let table = ConfiguredTable::new("[dns]")
        .with("listen", list(&dns.listen))
        .with("allow", dns.allow.as_deref().map_or_else(|| "every network".into(), list))
        .with("workers", dns.workers)
        .with("rotate", dns.rotate)
        .with("cookies", if dns.cookies.enabled { "on" } else { "off" })
        .with("rate_limit", limit)
        .with(
            "tcp",
            format!("{} connections, idle for {}", dns.tcp.connections, shown(dns.tcp.idle_timeout)),
        );
    let Some(tls) = &dns.tls else { return table };
    let table =
        table.with("tls.listen", list(&tls.listen)).with("tls.certificate", tls.certificate.display());
    match &tls.https {
        Some(https) => table.with("https", format!("{} at {}", https.path, list(&https.listen))),
        None => table,
    }
}

fn reached(config: &Config) -> ConfiguredTable {
    ConfiguredTable::new("[control] and [api]")
        .with("socket", config.control.socket.display())
        .with("listen", list(&config.api.listen))
}

fn witness(check: &Check, probes: &[Probe]) -> ConfiguredTable {
    let probe = probes.iter().find(|probe| probe.check == check.id);
    let table = ConfiguredTable::new(format!("[[witness]] {}", check.id.region.as_str()))
        .with("address", check.id.address);
    match probe {
        Some(probe) => table.with("probe", format!("{} at {}", probe.does(), probe.target)),
        None => table,
    }
}

fn region(region: &Region, probes: &[Probe]) -> ConfiguredTable {
    let needed: Vec<String> = region
        .families
        .iter()
        .map(|family| {
            let of_family = region.addresses_of(*family).count();
            format!("{} of {of_family} {family}", region.min_up.of(of_family))
        })
        .collect();
    let mut table = ConfiguredTable::new(format!("[[region]] {}", region.id))
        .with("addresses", list(&region.addresses))
        .with("min_up", needed.join(", "));
    let mut last = None;
    for check in region.checks.iter().filter(|check| last.replace(check.id.probe) != Some(check.id.probe)) {
        let rules = &check.rules;
        let does = probes.iter().find(|probe| probe.check == check.id).map(Probe::does).unwrap_or_default();
        let label = check.label.as_deref().map(|label| format!(" {label}")).unwrap_or_default();
        table = table.with(
            format!("probe #{}{label}", check.id.probe),
            format!(
                "{does}; every {}, {} while suspect, within {}; down after {} failures, up after {} passes",
                shown(rules.interval),
                shown(rules.recheck),
                shown(rules.timeout),
                rules.fall,
                rules.rise
            ),
        );
    }
    table
}

fn steer(steer: &Steer) -> ConfiguredTable {
    let failback = match steer.failback {
        Failback::Auto => "automatic".to_owned(),
        Failback::Delayed(span) => format!("after {} of green", shown(span)),
        Failback::Manual => "by an operator".to_owned(),
    };
    ConfiguredTable::new(format!("[[steer]] {}", steer.name()))
        .with("names", list(&steer.names))
        .with("regions", list(&steer.regions))
        .with("ttl", format!("{}, {} while suspect", steer.ttl, steer.ttl_suspect))
        .with("failback", failback)
        .with("dwell", shown(steer.dwell))
        .with("max_flips_per_hour", steer.max_flips_per_hour)
        .with("unproven", if steer.accepts_unproven { "accept" } else { "refuse" })
        .with("rto", steer.rto.map_or_else(|| "none".into(), shown))
}

fn gate(gate: &crate::policy::Gate) -> ConfiguredTable {
    let policy = match gate.policy {
        GatePolicy::Warn => "warn".to_owned(),
        GatePolicy::Block => "block".to_owned(),
        GatePolicy::BlockFor(span) => format!("block for {}", shown(span)),
    };
    ConfiguredTable::new(format!("[[gate]] {}", gate.id))
        .with("region", gate.region.as_ref().map_or_else(|| "every one".into(), ToString::to_string))
        .with("policy", policy)
        .with("stale_after", shown(gate.stale_after))
}

/// The first of many, and how many more.
fn list<T: ToString>(items: &[T]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    match items.len() {
        0 => "none".into(),
        all if all > SHOWN => format!("{} and {} more", shown.join(", "), all - SHOWN),
        _ => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    #[test]
    fn everything_in_effect_and_no_secret() {
        let text = include_str!("../../tests/config/complete.toml");
        let parsed =
            config::parse("complete.toml", text, Path::new("/etc"), 1).expect("a good configuration");
        let configured = Configured::of(&parsed.config);
        let lines = configured.tables.iter().flat_map(|table| {
            let values = table.values.iter().map(|value| format!("  {} = {}", value.key, value.value));
            [table.table.clone()].into_iter().chain(values)
        });
        let shown = lines.collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(shown);
        let json = serde_json::to_string(&configured).expect("plain data");
        assert_eq!(serde_json::from_str::<Configured>(&json).expect("what was written"), configured);
    }
}
