//! What a good file means.

use std::time::Duration;

use super::{COMPLETE, CONTRACT, good};
use crate::config::spec::REFERENCE;
use crate::config::{
    BodyRule, Config, CookieSettings, DnsProbe, DnsTransport, HistorySettings, HttpVersion, ProbeKind,
    RateLimitSettings, Seccomp,
};
use crate::health::{Alone, Brownout, CertificateGrades, Grades, MinUp, Passes, Rules, SlowRule};
use crate::model::{Family, RecordType};
use crate::policy::{Failback, budget};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn http(config: &Config, probe: usize) -> &crate::config::HttpProbe {
    let ProbeKind::Http(http) = &config.probes[probe].kind else { panic!("probe {probe} is no request") };
    http
}

#[test]
fn the_contract_means_what_it_says() {
    let parsed = good(CONTRACT);
    assert_eq!(parsed.warnings, []);
    let Config {
        node,
        dns,
        control,
        history,
        record,
        check,
        zones,
        regions,
        probes,
        steers,
        alone,
        witnesses,
        safety,
        ..
    } = &parsed.config;
    assert_eq!(*history, HistorySettings::default());
    assert_eq!((record.max_size, check.scenarios.len()), (64 << 20, 0));
    assert_eq!((*alone, witnesses.len(), safety.min_serving), (Alone::Freeze, 0, 1));
    assert_eq!((node.name.as_str(), node.state_dir.to_str()), ("ns1", Some("/var/lib/cadence-dns")));
    assert_eq!((dns.listen.len(), dns.workers), (2, 2));
    let limit =
        RateLimitSettings { enabled: true, rate: 200, network_rate: 2000, slip: 2, exempt: Vec::new() };
    assert_eq!(dns.rate_limit, limit);
    assert_eq!(control.socket.to_str(), Some("/run/cadence-dns/control.sock"));
    assert_eq!(zones[0].file.to_str(), Some("/etc/cadence-dns/zones/cadence.example.com.zone"));
    assert_eq!(zones[0].place.line, 11);
    assert!(zones[0].steered.contains(steers[0].name()));

    let east = &regions[0];
    assert_eq!((east.id.as_str(), east.addresses.len(), east.min_up), ("us-east", 3, MinUp::Percent(50)));
    assert_eq!(east.families, [Family::Ipv4]);
    let checks: Vec<String> = east.checks.iter().map(|check| check.id.to_string()).collect();
    assert_eq!(checks[..2], ["us-east/192.0.2.10#0", "us-east/192.0.2.11#0"]);
    assert_eq!(checks[5], "us-east/2001:db8:a::10#1");
    let rules = Rules {
        fall: 3,
        rise: 3,
        brownout: Some(Brownout { failures: None, window: 60 * SECOND }),
        interval: 5 * SECOND,
        recheck: SECOND,
        timeout: 2 * SECOND,
        hears: true,
        grades: Grades::default(),
    };
    assert!(regions.iter().flat_map(|region| &region.checks).all(|check| check.rules == rules));
    assert_eq!(probes[0].target.to_string(), "192.0.2.10:443");
    assert_eq!(probes[5].target.to_string(), "[2001:db8:a::10]:5432");
    assert!(matches!(probes[5].kind, ProbeKind::Tcp));

    let request = http(&parsed.config, 0);
    assert_eq!(request.url.to_string(), "https://cadence.example.com/health");
    assert_eq!(request.expect.status, [200..=299]);
    assert_eq!(request.expect.json, [("/status".to_owned(), "ok".into())]);
    assert_eq!(request.expect.fresh.as_ref().map(|fresh| fresh.max_age), Some(30 * SECOND));

    let steer = &steers[0];
    assert_eq!((steer.ttl.as_secs(), steer.ttl_suspect.as_secs()), (30, 10));
    assert_eq!((steer.failback, steer.dwell), (Failback::Delayed(300 * SECOND), 60 * SECOND));
    assert_eq!((steer.max_flips_per_hour, steer.rto), (3, Some(45 * SECOND)));
    assert_eq!(budget(steer, regions).map(|budget| budget.total), Some(Duration::from_millis(38_500)));
}

#[test]
fn what_is_left_out_has_its_default() {
    let parsed = good(concat!(
        "[node]\nname = \"a\"\n[[zone]]\nname = \"e\"\nfile = \"e\"\n",
        "[[region]]\nname = \"r\"\naddresses = [\"127.0.0.1\"]\n[[region.probe]]\nurl = \"http://e/\"\n",
        "[[steer]]\nname = \"e\"\nregions = [\"r\"]\n",
    ));
    let Config {
        node,
        dns,
        control,
        api,
        history,
        record,
        check,
        zones: _,
        regions,
        probes,
        steers,
        alone,
        witnesses,
        safety,
        gates,
        asked,
        hooks,
        deeds,
        receivers,
        cluster,
    } = &parsed.config;
    assert!(cluster.is_none());
    assert_eq!(*history, HistorySettings::default());
    assert!(api.listen.is_empty());
    assert_eq!((record.max_size, check.scenarios.len()), (64 << 20, 0));
    assert_eq!((*alone, witnesses.len(), safety.min_serving), (Alone::Freeze, 0, 1));
    assert!(gates.is_empty() && asked.is_empty() && hooks.is_empty() && deeds.is_empty());
    assert!(receivers.is_empty());
    assert_eq!((node.state_dir.to_str(), &node.user), (Some("/var/lib/cadence-dns"), &None));
    assert_eq!((node.landlock, node.seccomp), (true, Seccomp::Enforce));
    assert_eq!(dns.listen.iter().map(ToString::to_string).collect::<Vec<_>>(), ["0.0.0.0:53", "[::]:53"]);
    assert_eq!((dns.workers, dns.rotate), (4, true));
    assert_eq!((&dns.version, dns.identity), (&None, false));
    assert_eq!((dns.cookies.enabled, &dns.cookies.secret_file, &dns.xdp), (true, &None, &None));
    assert_eq!((dns.tcp.connections, dns.tcp.idle_timeout), (800, 10 * SECOND));
    assert_eq!(dns.tls, None);
    assert_eq!(control.socket.to_str(), Some("/run/cadence-dns/control.sock"));
    let rules = Rules {
        fall: 3,
        rise: 3,
        brownout: Some(Brownout { failures: None, window: 60 * SECOND }),
        interval: 5 * SECOND,
        recheck: SECOND,
        timeout: 2 * SECOND,
        hears: true,
        grades: Grades::default(),
    };
    assert_eq!((regions[0].min_up, regions[0].checks[0].rules), (MinUp::Percent(50), rules));
    assert_eq!(probes[0].target.to_string(), "127.0.0.1:80");
    let request = http(&parsed.config, 0);
    assert_eq!((request.method.as_str(), request.headers.len(), request.trust.insecure), ("GET", 0, false));
    assert_eq!(request.expect.status, [200..=299]);
    assert!(
        request.expect.json.is_empty() && request.expect.fresh.is_none() && request.expect.body.is_none()
    );
    let steer = &steers[0];
    assert_eq!((steer.ttl.as_secs(), steer.ttl_suspect.as_secs(), steer.rto), (30, 10, None));
    assert_eq!((steer.failback, steer.dwell), (Failback::Delayed(300 * SECOND), 60 * SECOND));
    assert_eq!(steer.max_flips_per_hour, 3);
}

/// A default is reduced to a shorter interval or TTL that is written.
#[test]
fn defaults_never_contradict_what_was_written() {
    let text = CONTRACT
        .replace("interval = \"5s\"\nrecheck = \"1s\"", "interval = \"200ms\"\n#")
        .replace("timeout = \"2s\"\n", "")
        .replace("ttl = \"30s\"\nttl_suspect = \"10s\"", "ttl = \"5s\"");
    let config = good(&text).config;
    let Rules { interval, recheck, timeout, .. } = config.regions[0].checks[0].rules;
    assert_eq!([interval, recheck, timeout], [Duration::from_millis(200); 3]);
    assert_eq!((config.steers[0].ttl.as_secs(), config.steers[0].ttl_suspect.as_secs()), (5, 5));
}

/// The fastest settings of the contract.
#[test]
fn a_tenth_of_a_second_for_everything_is_legal() {
    let fast = "interval = \"100ms\"\nrecheck = \"100ms\"\ntimeout = \"100ms\"\nfall = 2\n#";
    let config = good(
        &CONTRACT
            .replace("interval = \"5s\"", fast)
            .replace("recheck = \"1s\"", "#")
            .replace("timeout = \"2s\"\nfall = 3", "#"),
    );
    assert_eq!(config.config.regions[0].checks[0].rules.timeout, Duration::from_millis(100));
}

#[test]
fn half_of_the_addresses_is_rounded_up() {
    let check = |min_up: &str, expected: usize| {
        let text = CONTRACT.replace("min_up = \"50%\"", &format!("min_up = {min_up}"));
        let region = &good(&text).config.regions[0];
        assert_eq!(region.min_up.of(region.addresses.len()), expected, "{min_up}");
    };
    check("\"50%\"", 2);
    check("\"1%\"", 1);
    check("\"67%\"", 3);
    check("\"100%\"", 3);
    check("1", 1);
    check("3", 3);
}

#[test]
fn a_steered_name_belongs_to_the_deepest_zone() {
    let zone = |name: &str| format!("[[zone]]\nname = \"{name}\"\nfile = \"f\"\n");
    let text = format!("{CONTRACT}{}{}", zone("example.com"), zone("www.cadence.example.com"));
    let text = text.replace("[[steer]]\nname = \"cadence", "[[steer]]\nname = \"A.www.Cadence");
    let steered: Vec<usize> = good(&text).config.zones.iter().map(|zone| zone.steered.len()).collect();
    assert_eq!(steered, [0, 0, 1]);
}

/// Thousands are normal, so nothing may grow with their square.
#[test]
fn ten_thousand_zones_are_nothing_special() {
    let one = |n: usize| {
        let name = format!("z{n}.example.net");
        format!(
            "[[zone]]\nname = \"{name}\"\nfile = \"{n}\"\n[[steer]]\nname = \"{name}\"\nregions = [\"us-east\"]\n"
        )
    };
    let text = CONTRACT.to_owned() + &(0..10_000).map(one).collect::<String>();
    let config = good(&text).config;
    assert_eq!((config.zones.len(), config.steers.len()), (10_001, 10_001));
}

/// One row for each key: another value, and what it changes.
#[test]
fn every_key_is_obeyed() {
    // The values of headers may be tokens, so `Debug` does not show them.
    let shown = |config: &Config| format!("{config:?} {:?}", http(config, 0).headers["x-probe"].as_bytes());
    let whole = shown(&good(COMPLETE).config);
    assert!(!format!("{:?}", good(COMPLETE).config).contains("yes"));
    let rows = [
        ("name", "name = \"ns7\"", "name = \"ns8\""),
        ("state_dir", "\"/srv/cadence-dns\"", "\"/srv/other\""),
        ("user", "user = \"dns\"", "user = \"other\""),
        ("landlock", "landlock = \"off\"", "landlock = \"enforce\""),
        ("seccomp", "seccomp = \"log\"", "seccomp = \"enforce\""),
        ("watch", "watch = true", "watch = false"),
        ("listen", "192.0.2.53:5353", "192.0.2.54:5353"),
        ("allow", "203.0.113.0/24", "203.0.113.0/25"),
        ("proxy_protocol_from", "198.51.100.53", "198.51.100.54"),
        ("workers", "workers = 7", "workers = 8"),
        ("receive_buffer", "receive_buffer = 8388608", "receive_buffer = 8388609"),
        ("send_buffer", "send_buffer = 2097152", "send_buffer = 2097153"),
        ("rotate", "rotate = false", "rotate = true"),
        ("version", "a name server", "another"),
        ("identity", "identity = true", "identity = false"),
        ("xdp", "xdp = \"enp1s0\"", "xdp = \"eth1\""),
        ("enabled", "[dns.cookies]\nenabled = false", "[dns.cookies]\nenabled = true"),
        ("secret_file", "cookies.secret", "other.secret"),
        ("connections", "connections = 900", "connections = 901"),
        ("idle_timeout", "idle_timeout = \"20s\"", "idle_timeout = \"21s\""),
        ("certificate", "tls/chain.pem", "tls/other.pem"),
        ("key", "tls/key.pem", "tls/other.pem"),
        ("listen", "192.0.2.53:8853", "192.0.2.54:8853"),
        ("listen", "192.0.2.53:8443", "192.0.2.54:8443"),
        ("path", "/resolve", "/dns-query"),
        ("enabled", "[dns.rate_limit]\nenabled = false", "[dns.rate_limit]\nenabled = true"),
        ("rate", "rate = 150", "rate = 151"),
        ("network_rate", "network_rate = 900", "network_rate = 901"),
        ("slip", "slip = 3", "slip = 4"),
        ("exempt", "192.0.2.0/25", "192.0.2.0/26"),
        ("socket", "/srv/cadence-dns/control.sock", "/srv/other.sock"),
        ("listen", "127.0.0.1:8054", "127.0.0.1:8055"),
        ("hosts", "ns7.example.net", "ns8.example.net"),
        ("anonymous", "anonymous = false", "anonymous = true"),
        ("access_file", "api.access", "other.access"),
        ("certificate", "tls/api-chain.pem", "tls/other.pem"),
        ("key", "tls/api-key.pem", "tls/other.pem"),
        ("client_ca", "tls/operators.pem", "tls/other.pem"),
        ("max_size", "max_size = 33554432", "max_size = 0"),
        ("scenarios", "scenarios/outage.txt", "scenarios/other.txt"),
        ("max_size", "max_size = 1048576", "max_size = 1048577"),
        ("files", "files = 5", "files = 6"),
        ("name", "name = \"example.com\"", "name = \"com\""),
        ("file", "example.com.zone", "other.zone"),
        ("name", "\"near\"", "\"here\""),
        ("addresses", "192.0.2.11", "192.0.2.13"),
        ("min_up", "min_up = \"34%\"", "min_up = \"33%\""),
        ("passes", "any and (health or not db)", "any and (health or db)"),
        ("label", "label = \"deep\"", "label = \"deeper\""),
        ("url", "https://www.example.com/health", "https://www.example.com/deep"),
        ("port", "port = 8443", "port = 8444"),
        ("method", "method = \"POST\"", "method = \"PUT\""),
        ("version", "version = \"2\"", "version = \"1.1\""),
        ("warning", "warning = \"30d\"", "warning = \"31d\""),
        ("degraded", "degraded = \"5d\"", "degraded = \"6d\""),
        ("failed", "failed = \"36h\"", "failed = \"35h\""),
        ("tripwire", "tripwire = true", "tripwire = false"),
        ("above", "above = \"700ms\"", "above = \"701ms\""),
        ("after", "after = \"45s\"", "after = \"46s\""),
        ("grpc", "https://api.example.com:50051", "http://api.example.com:50051"),
        ("service", "cadence.Api", "cadence.Other"),
        ("name", "probe.example.com", "other.example.com"),
        ("record", "record = \"AAAA\", contains = [\"2001:db8::80\"]", "record = \"AAAA\""),
        ("contains", "2001:db8::80", "2001:db8::81"),
        ("over", "over = \"tcp\"", "over = \"udp\""),
        ("rcode", "rcode = \"NXDOMAIN\"", "rcode = \"REFUSED\""),
        ("exec", "/usr/lib/probes/deep", "/usr/lib/probes/deeper"),
        ("headers", "X-Probe = \"yes\"", "X-Probe = \"no\""),
        ("status", "200-204", "200-205"),
        ("json", "\"/status\" = \"ok\"", "\"/status\" = true"),
        ("pointer", "pointer = \"/time\"", "pointer = \"/at\""),
        ("max_age", "max_age = \"31s\"", "max_age = \"32s\""),
        ("contains", "contains = \"ready\"", "contains = \"steady\""),
        ("ca_file", "\"ca.pem\"", "\"other.pem\""),
        ("interval", "interval = \"4s\"", "interval = \"3s\""),
        ("recheck", "recheck = \"900ms\"", "recheck = \"901ms\""),
        ("timeout", "timeout = \"1500ms\"", "timeout = \"1501ms\""),
        ("fall", "fall = 4", "fall = 5"),
        ("rise", "rise = 5", "rise = 6"),
        ("failures", "failures = 6", "failures = 7"),
        ("window", "window = \"2m\"", "window = \"3m\""),
        ("address", "address = \"192.0.2.99\"", "address = \"192.0.2.98\""),
        ("insecure", "insecure = true", "insecure = false"),
        ("regex", "(?i)ready", "(?i)steady"),
        ("tcp", "tcp = 5432", "tcp = 5433"), // the probe; `tcp` of [dns] is a table
        ("name", "name = \"www.example.com\"", "name = \"example.com\""),
        ("regions", "[\"far\", \"near\"]", "[\"near\", \"far\"]"),
        ("ttl", "ttl = \"20s\"", "ttl = \"21s\""),
        ("ttl_suspect", "ttl_suspect = \"7s\"", "ttl_suspect = \"8s\""),
        ("mode", "mode = \"delayed\", after = \"2m\"", "mode = \"auto\""),
        ("after", "after = \"2m\"", "after = \"3m\""),
        ("dwell", "dwell = \"90s\"", "dwell = \"91s\""),
        ("max_flips_per_hour", "max_flips_per_hour = 9", "max_flips_per_hour = 8"),
        ("rto", "rto = \"44s\"", "rto = \"45s\""),
        ("alone", "alone = \"trust\"", "alone = \"freeze\""),
        ("name", "name = \"resolver\"", "name = \"another\""),
        ("address", "address = \"203.0.113.53\"", "address = \"203.0.113.54\""),
        ("tcp", "tcp = 53\n", "tcp = 54\n"),
        ("url", "https://witness.example.net/", "https://witness.example.net/other"),
        ("ca_file", "witness-ca.pem", "another-ca.pem"),
        ("insecure", "third.example.net/\"\ninsecure = true", "third.example.net/\"\ninsecure = false"),
        ("families", "families = [\"IPv4\", \"IPv6\"]", "families = [\"IPv6\"]"),
        ("enabled", "brownout = { enabled = false }", "brownout = { enabled = true }"),
        ("names", "\"hooks.example.com\"", "\"events.example.com\""),
        ("unproven", "unproven = \"accept\"", "unproven = \"refuse\""),
        ("name", "name = \"lag\"", "name = \"behind\""),
        ("region", "region = \"far\"\nnames", "region = \"near\"\nnames"),
        ("names", "names = [\"api.example.com\"]\npostgres", "names = [\"www.example.com\"]\npostgres"),
        ("host", "db.far.example.com", "db2.far.example.com"),
        ("port", "port = 5433", "port = 5434"),
        ("database", "database = \"app\"", "database = \"other\""),
        ("user", "user = \"monitor\", password_file", "user = \"other\", password_file"),
        ("password_file", "db.password", "other.password"),
        ("role", "role = \"primary\"", "role = \"replica\""),
        ("lag", "lag = \"11s\"", "lag = \"12s\""),
        ("lag_bytes", "lag_bytes = 1048576", "lag_bytes = 1048577"),
        ("tls", "tls = false", "tls = true"),
        ("ca_file", "db-ca.pem", "other-ca.pem"),
        ("insecure", "role = \"replica\", insecure = true", "role = \"replica\", insecure = false"),
        ("block_for", "block_for = \"3m\"", "block_for = \"4m\""),
        ("interval", "interval = \"6s\"", "interval = \"7s\""),
        ("timeout", "timeout = \"1200ms\"", "timeout = \"1300ms\""),
        ("stale_after", "stale_after = \"25s\"", "stale_after = \"26s\""),
        ("policy", "policy = \"warn\"", "policy = \"block\""),
        (
            "url",
            "https://far.example.com/ready\", value = \"/replica",
            "https://far.example.com/other\", value = \"/replica",
        ),
        ("value", "value = \"/replica/lag\"", "value = \"/replica/age\""),
        ("at_most", "at_most = 10", "at_most = 10.5"),
        ("at_least", "at_least = 3", "at_least = 4"),
        ("is", "is = \"ready\"", "is = true"),
        ("ca_file", "web-ca.pem", "other-ca.pem"),
        ("insecure", "is = \"ready\", insecure = true", "is = \"ready\", insecure = false"),
        ("exec", "/usr/local/bin/switch", "/usr/local/bin/other"),
        ("capacity", "capacity = \"75%\"", "capacity = 2"),
        ("switch", "switch = \"off\"", "switch = \"on\""),
        ("name", "name = \"promote\"", "name = \"raise\""),
        ("names", "names = [\"api.example.com\"]\nwhen", "names = [\"www.example.com\"]\nwhen"),
        ("when", "when = \"after\"\nurl = \"https://chat", "when = \"before\"\nurl = \"https://chat"),
        ("command", "\"--now\"", "\"--later\""),
        ("deadline", "deadline = \"20s\"", "deadline = \"21s\""),
        ("must_succeed", "must_succeed = true", "must_succeed = false"),
        ("url", "https://chat.example.com/hook", "https://chat.example.com/other"),
        ("secret_file", "hook.secret", "other.secret"),
        ("ca_file", "chat-ca.pem", "other-ca.pem"),
        (
            "insecure",
            "others.example.com/hook\"\ninsecure = true",
            "others.example.com/hook\"\ninsecure = false",
        ),
        ("name", "name = \"everything\"", "name = \"all\""),
        ("kind", "kind = \"slack\"", "kind = \"webhook\""),
        ("url", "https://events.example.com/in", "https://events.example.com/out"),
        ("url_file", "slack.url", "other.url"),
        ("secret_file", "events.secret", "other.secret"),
        ("ca_file", "events-ca.pem", "other-ca.pem"),
        ("insecure", "9093\"\ninsecure = true", "9093\"\ninsecure = false"),
        ("command", "\"--json\"", "\"--text\""),
        ("from", "from = \"dns@", "from = \"ns@"),
        ("to", "boss@example.com", "chief@example.com"),
        ("urgency", "urgency = \"warning\"", "urgency = \"critical\""),
        ("events", "\"fail-open\"]", "\"held\"]"),
        ("names", "names = [\"api.example.com\"]\ntext", "names = [\"www.example.com\"]\ntext"),
        ("text", "{{ urgency }}: {{ text }}", "{{ text }}"),
        ("subject", "{{ headline }}", "{{ text }}"),
        ("deadline", "deadline = \"3s\"", "deadline = \"4s\""),
        ("rate", "rate = 60", "rate = 61"),
        ("repeat", "repeat = \"45s\"", "repeat = \"46s\""),
        ("min_serving", "min_serving = 2", "min_serving = 3"),
        ("reload_max_share", "reload_max_share = 20", "reload_max_share = 21"),
        ("name", "name = \"edge\"", "name = \"brink\""),
        ("name", "name = \"ns9\"", "name = \"ns8\""),
        ("region", "name = \"ns9\"\nregion = \"far\"", "name = \"ns9\"\nregion = \"near\""),
        ("role", "role = \"witness\"", "role = \"server\""),
        ("endpoints", "etcd2.example.net", "etcd3.example.net"),
        ("ca_file", "etcd-ca.pem", "other-ca.pem"),
        ("certificate", "tls/etcd-client.pem", "tls/other.pem"),
        ("key", "tls/etcd-client-key.pem", "tls/other-key.pem"),
        ("username", "username = \"edge\"", "username = \"brink\""),
        ("password_file", "etcd.password", "other.password"),
    ];
    for (key, old, new) in rows {
        assert!(COMPLETE.contains(old), "{old} is in the file");
        let changed = shown(&good(&COMPLETE.replace(old, new)).config);
        assert_ne!(changed, whole, "{key}: {new} is read, and nothing obeys it");
    }
    let mut listed: Vec<&str> = rows.iter().map(|(key, ..)| *key).collect();
    let keys = REFERENCE.tables().into_iter().flat_map(|table| table.keys);
    let values = keys.filter(|key| (key.kind)().table().is_none());
    let mut known: Vec<&str> = values.map(|key| key.name).collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known, "a row for each key");
}

fn line_of(text: &str) -> Option<u32> {
    COMPLETE.lines().zip(1..).find(|(line, _)| line.contains(text)).map(|(_, number)| number)
}

/// TLS and HTTPS on their usual ports.
#[test]
fn a_certificate_is_all_that_encryption_takes() {
    let files = "[dns.tls]\ncertificate = \"c\"\nkey = \"k\"\n[dns.https]\n[control]";
    let config = good(&CONTRACT.replace("[control]", files)).config;
    let tls = config.dns.tls.expect("there is a certificate");
    let https = tls.https.expect("it is written, empty as it is");
    let shown = |listen: &[std::net::SocketAddr]| listen.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(shown(&tls.listen), ["0.0.0.0:853", "[::]:853"]);
    assert_eq!(
        (shown(&https.listen), &*https.path),
        (vec!["0.0.0.0:443".into(), "[::]:443".into()], "/dns-query")
    );
}

#[test]
fn the_complete_file_means_what_it_says() {
    let config = good(COMPLETE).config;
    let xdp = config.dns.xdp.as_ref().map(|xdp| (xdp.interface.as_str(), Some(xdp.place.line)));
    assert_eq!(xdp, Some(("enp1s0", line_of("xdp = "))));
    assert_eq!((config.node.landlock, config.node.seccomp), (false, Seccomp::Log));
    let user_line = config.node.user_place.as_ref().map(|place| place.line);
    assert_eq!((config.node.user.as_deref(), user_line), (Some("dns"), line_of("user = ")));
    let CookieSettings { enabled, secret_file, secret_file_place } = &config.dns.cookies;
    let secret_file = secret_file.as_deref().and_then(|path| path.to_str());
    assert_eq!((*enabled, secret_file), (false, Some("/etc/cadence-dns/cookies.secret")));
    assert_eq!(secret_file_place.as_ref().map(|place| place.line), line_of("cookies.secret"));

    let RateLimitSettings { enabled, rate, network_rate, slip, exempt } = &config.dns.rate_limit;
    assert_eq!((*enabled, *rate, *network_rate, *slip), (false, 150, 900, 3));
    assert_eq!(
        exempt.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["192.0.2.0/25", "2001:db8::1/128"]
    );

    let tls = config.dns.tls.as_ref().expect("the file has a certificate");
    assert_eq!(tls.certificate.to_str(), Some("/etc/cadence-dns/tls/chain.pem"));
    assert_eq!(Some(tls.key_place.line), line_of("tls/key.pem"));
    assert_eq!(tls.https.as_ref().map(|https| &*https.path), Some("/resolve"));

    let near = &config.regions[0];
    assert_eq!((near.min_up, near.checks.len()), (MinUp::Percent(34), 7));
    assert_eq!(config.regions[1].families, [Family::Ipv4, Family::Ipv6]);
    let window = Some(Brownout { failures: Some(6), window: 120 * SECOND });
    let millis = Duration::from_millis;
    let rules = Rules {
        fall: 4,
        rise: 5,
        brownout: window,
        interval: 4 * SECOND,
        recheck: millis(900),
        timeout: millis(1500),
        hears: true,
        grades: Grades {
            certificate: CertificateGrades { warning: 30 * DAY, degraded: 5 * DAY },
            slow: Some(SlowRule { above: millis(700), after: 45 * SECOND }),
        },
    };
    assert_eq!(near.checks[0].rules, rules);
    assert_eq!(
        (config.probes[0].certificate_least, config.probes[1].certificate_least),
        (36 * HOUR, 36 * HOUR)
    );
    assert_eq!(
        near.checks[3].rules.grades.certificate.degraded,
        Duration::ZERO,
        "it accepts any certificate"
    );

    let request = http(&config, 0);
    assert_eq!(request.url.to_string(), "https://www.example.com:8443/health");
    assert_eq!((request.url.host(), request.method.as_str()), ("www.example.com", "POST"));
    assert_eq!(request.headers.len(), 1);
    assert_eq!(request.headers["x-probe"], "yes");
    assert_eq!(request.expect.status, [200..=204, 301..=301]);
    assert!(matches!(&request.expect.body, Some(BodyRule::Contains(text)) if text == "ready"));
    assert_eq!(
        request.trust.ca_file.as_deref().and_then(|path| path.to_str()),
        Some("/etc/cadence-dns/ca.pem")
    );
    assert_eq!(request.trust.ca_file_place.as_ref().map(|place| place.line), line_of("\"ca.pem\""));
    assert_eq!(config.probes[0].target.to_string(), "192.0.2.10:8443");
    assert_eq!(config.probes[0].interval, 4 * SECOND);

    assert_eq!(config.alone, Alone::Trust);
    let witnesses: Vec<String> = config.witnesses.iter().map(|check| check.id.to_string()).collect();
    assert_eq!(witnesses[..2], ["witness/resolver/203.0.113.53#0", "witness/203.0.113.80/203.0.113.80#0"]);
    let of_witnesses = &config.probes[config.probes.len() - witnesses.len()..];
    assert_eq!(of_witnesses[0].target.to_string(), "203.0.113.53:53");
    assert_eq!(of_witnesses[1].target.to_string(), "203.0.113.80:443");
    assert_eq!((of_witnesses[0].interval, config.witnesses[0].rules.brownout), (60 * SECOND, None));
    assert_eq!(config.regions[1].checks[0].rules.brownout, None, "switched off");
    let group: Vec<String> = config.steers[1].names.iter().map(ToString::to_string).collect();
    assert_eq!(group, ["api.example.com", "hooks.example.com"]);
    assert!(config.steers[1].accepts_unproven && !config.steers[0].accepts_unproven);
}

#[test]
fn every_kind_of_probe_means_what_it_says() {
    let config = good(COMPLETE).config;
    assert_eq!(http(&config, 0).version, HttpVersion::Two);
    let far: Vec<_> = config.probes.iter().filter(|probe| probe.check.region.as_str() == "far").collect();
    let targets: Vec<String> = far.iter().map(|probe| probe.target.to_string()).collect();
    assert_eq!(targets[2..5], ["198.51.100.10:50051", "[2001:db8::10]:50051", "198.51.100.10:53"]);
    assert_eq!(targets[8], "198.51.100.10:0", "a program has no port");
    let ProbeKind::Grpc(grpc) = &far[2].kind else { panic!("{:?}", far[2].kind) };
    assert_eq!((grpc.service.as_str(), grpc.trust.insecure), ("cadence.Api", false));
    let ProbeKind::Dns(dns) = &far[4].kind else { panic!("{:?}", far[4].kind) };
    let contains = vec!["2001:db8::80".parse().expect("an address")];
    let (name, over) = ("probe.example.com".parse().expect("a name"), DnsTransport::Tcp);
    assert_eq!(**dns, DnsProbe { name, rtype: RecordType::AAAA, rcode: 0, contains, over });
    let ProbeKind::Exec(exec) = &far[8].kind else { panic!("{:?}", far[8].kind) };
    assert_eq!(exec.arguments, ["/usr/lib/probes/deep", "{address}"]);
    let hears: Vec<bool> = config.regions[1].checks.iter().map(|check| check.rules.hears).collect();
    assert_eq!(hears[6..], [true, true, false, false], "a program is no witness");
}

#[test]
fn what_must_pass_is_calculated() {
    let config = good(COMPLETE).config;
    let Passes::Calculated(calculation) = &config.regions[0].passes else { panic!("it stands there") };
    assert_eq!(calculation.probes(), [0, 1, 2, 0, 2]);
    assert_eq!(config.regions[1].passes, Passes::All);
    assert_eq!(
        good(&COMPLETE.replace("any and (health or not db)", " all ")).config.regions[0].passes,
        Passes::All
    );
}

/// A probe with an `address` of its own is one check, and it speaks for the whole region.
#[test]
fn an_address_of_its_own_makes_one_check_for_all() {
    let config = good(COMPLETE).config;
    let deep: Vec<_> = config.regions[0].checks.iter().filter(|check| check.id.probe == 1).collect();
    assert_eq!(deep.len(), 1);
    assert_eq!((deep[0].endpoint, deep[0].id.address.to_string().as_str()), (None, "192.0.2.99"));
    assert_eq!(config.probes[3].target.to_string(), "192.0.2.99:443");
    assert!(http(&config, 3).trust.insecure);
    assert!(matches!(&http(&config, 3).expect.body, Some(BodyRule::Regex(regex)) if regex.is_match("READY")));
    assert_eq!(config.regions[0].checks[0].endpoint, Some(config.regions[0].addresses[0]));
}
