//! The configuration in force with all its defaults, in the words of the file, and without what is secret.

use serde_json::{Value, json};

use crate::config::{
    ApiSettings, ClusterSettings, Config, DnsSettings, Probe, ReceiverSettings, TlsSettings,
};
use crate::controller::{Hook, HookPhase};
use crate::health::{Check, Member, Region};
use crate::model::shown;
use crate::policy::{Failback, Gate, GatePolicy, Steer};

/// The configuration as a document. Values of headers, queries of URLs and the contents of secret files are left out.
#[must_use]
pub fn effective_config(config: &Config) -> Value {
    let Config {
        node,
        dns,
        control,
        api,
        record,
        history,
        zones,
        witnesses,
        regions,
        probes,
        steers,
        gates,
        hooks,
        receivers,
        safety,
        cluster,
        alone: _,
        check: _,
        asked: _,
        deeds: _,
    } = config;
    let zone = |zone: &crate::config::ZoneSettings| json!({ "name": zone.name, "file": zone.file });
    json!({
        "schema": "cadence-dns/config/v1",
        "node": {
            "name": node.name,
            "state_dir": node.state_dir,
            "user": node.user,
            "landlock": node.landlock,
            "seccomp": format!("{:?}", node.seccomp).to_lowercase(),
        },
        "dns": dns_table(dns),
        "control": { "socket": control.socket },
        "api": api_table(api),
        "record": { "max_size": record.max_size },
        "history": { "max_size": history.max_size, "files": history.files },
        "zone": zones.iter().map(zone).collect::<Vec<_>>(),
        "witness": witnesses.iter().map(|check| witness(check, probes)).collect::<Vec<_>>(),
        "region": regions.iter().map(|one| region(one, probes)).collect::<Vec<_>>(),
        "steer": steers.iter().map(steer).collect::<Vec<_>>(),
        "gate": gates.iter().map(gate).collect::<Vec<_>>(),
        "hook": hooks.iter().map(hook).collect::<Vec<_>>(),
        "notify": receivers.iter().map(receiver).collect::<Vec<_>>(),
        "safety": { "min_serving": safety.min_serving },
        "cluster": cluster.as_ref().map(cluster_table),
    })
}

fn cluster_table(ClusterSettings { name, nodes, etcd }: &ClusterSettings) -> Value {
    let certificate = etcd.certificate.as_ref();
    json!({
        "name": name,
        "nodes": nodes.iter().map(node).collect::<Vec<_>>(),
        "etcd": {
            "endpoints": etcd.endpoints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "ca_file": etcd.authorities.ca_file,
            "certificate": certificate.map(|shown| &shown.certificate.file),
            "key": certificate.map(|shown| &shown.key.file),
            "username": etcd.login.as_ref().map(|login| &login.username),
            "password_file": etcd.login.as_ref().map(|login| &login.password_file.file),
        },
    })
}

fn node(node: &Member) -> Value {
    json!({ "name": node.vantage, "region": node.region, "role": node.role })
}

fn api_table(api: &ApiSettings) -> Value {
    json!({
        "listen": api.listen,
        "hosts": api.hosts,
        "anonymous": api.anonymous,
        "access_file": api.access_file.as_ref().map(|access| &access.file),
        "certificate": api.tls.as_ref().map(|tls| &tls.certificate),
        "key": api.tls.as_ref().map(|tls| &tls.key),
        "client_ca": api.tls.as_ref().and_then(|tls| tls.client_ca.as_ref()),
    })
}

/// Without a place where it is told: a URL may be a secret.
fn receiver(settings: &ReceiverSettings) -> Value {
    let ReceiverSettings { receiver, kind, urgency, events, names, rate, .. } = settings;
    json!({
        "name": receiver, "kind": kind.word(), "urgency": urgency, "events": events, "names": names, "rate": rate,
    })
}

fn dns_table(dns: &DnsSettings) -> Value {
    let limit = &dns.rate_limit;
    json!({
        "listen": dns.listen,
        "allow": dns.allow,
        "workers": dns.workers,
        "receive_buffer": dns.receive_buffer,
        "send_buffer": dns.send_buffer,
        "rotate": dns.rotate,
        "identity": dns.identity,
        "xdp": dns.xdp.as_ref().map(|xdp| &xdp.interface),
        "cookies": { "enabled": dns.cookies.enabled, "secret_file": dns.cookies.secret_file },
        "rate_limit": {
            "enabled": limit.enabled,
            "rate": limit.rate,
            "network_rate": limit.network_rate,
            "slip": limit.slip,
        },
        "tcp": { "connections": dns.tcp.connections, "idle_timeout": shown(dns.tcp.idle_timeout) },
        "tls": dns.tls.as_ref().map(tls),
    })
}

fn tls(tls: &TlsSettings) -> Value {
    let https = tls.https.as_ref().map(|https| json!({ "listen": https.listen, "path": &*https.path }));
    json!({ "listen": tls.listen, "certificate": tls.certificate, "key": tls.key, "https": https })
}

fn witness(check: &Check, probes: &[Probe]) -> Value {
    json!({ "name": check.id.region, "address": check.id.address, "probe": of_check(check, probes) })
}

fn region(region: &Region, probes: &[Probe]) -> Value {
    let mut told = Vec::new();
    let mut numbers = Vec::new();
    for check in &region.checks {
        if !numbers.contains(&check.id.probe) {
            numbers.push(check.id.probe);
            told.push(of_check(check, probes));
        }
    }
    json!({
        "name": region.id,
        "addresses": region.addresses,
        "min_up": region.min_up.of(region.addresses.len()),
        "families": region.families,
        "probe": told,
    })
}

fn of_check(check: &Check, probes: &[Probe]) -> Value {
    let probe = probes.iter().find(|probe| probe.check == check.id);
    let rules = &check.rules;
    json!({
        "label": check.label.as_deref(),
        "does": probe.map(Probe::does),
        "port": probe.map(|probe| probe.target.port()).filter(|port| *port > 0),
        "interval": shown(rules.interval),
        "recheck": shown(rules.recheck),
        "timeout": shown(rules.timeout),
        "fall": rules.fall,
        "rise": rules.rise,
        "tripwire": probe.is_some_and(|probe| probe.tripwire),
    })
}

fn steer(steer: &Steer) -> Value {
    let failback = match steer.failback {
        Failback::Auto => json!({ "mode": "auto" }),
        Failback::Delayed(after) => json!({ "mode": "delayed", "after": shown(after) }),
        Failback::Manual => json!({ "mode": "manual" }),
    };
    json!({
        "names": &*steer.names,
        "regions": steer.regions,
        "ttl": steer.ttl,
        "ttl_suspect": steer.ttl_suspect,
        "failback": failback,
        "dwell": shown(steer.dwell),
        "max_flips_per_hour": steer.max_flips_per_hour,
        "unproven": if steer.accepts_unproven { "accept" } else { "refuse" },
        "rto": steer.rto.map(shown),
    })
}

fn gate(gate: &Gate) -> Value {
    let policy = match gate.policy {
        GatePolicy::Block => json!("block"),
        GatePolicy::Warn => json!("warn"),
        GatePolicy::BlockFor(span) => json!({ "block_for": shown(span) }),
    };
    json!({
        "name": gate.id,
        "region": gate.region,
        "names": gate.names,
        "policy": policy,
        "stale_after": shown(gate.stale_after),
    })
}

fn hook(hook: &Hook) -> Value {
    let when = match hook.phase {
        HookPhase::Before => "before",
        HookPhase::After => "after",
    };
    json!({
        "name": hook.id,
        "names": hook.names,
        "when": when,
        "must_succeed": hook.must_succeed,
        "deadline": shown(hook.deadline),
    })
}
