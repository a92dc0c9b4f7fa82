//! The reference in `docs/configuration.md` has every key, and its defaults are those that are obeyed.

use super::good;
use crate::config::spec::KEYS;

const REFERENCE: &str = include_str!("../../../docs/configuration.md");

/// The tables of the reference: the heading, and a row for each key with its default.
fn tables() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let sections = REFERENCE.split("\n## `").skip(1);
    let table = |section: &'static str| {
        let (heading, rest) = section.split_once('`')?;
        let cells = |line: &'static str| {
            let mut cells = line.strip_prefix("| `")?.splitn(3, " | ");
            Some((cells.next()?.strip_suffix('`')?, cells.next()?))
        };
        Some((heading, rest.lines().filter_map(cells).collect()))
    };
    sections.filter_map(table).collect()
}

#[test]
fn every_key_of_every_table_has_its_row() {
    let listed: Vec<Vec<&str>> =
        tables().into_iter().map(|(_, rows)| rows.into_iter().map(|(key, _)| key).collect()).collect();
    let known: Vec<Vec<&str>> = KEYS.iter().skip(1).map(|keys| keys.to_vec()).collect();
    assert_eq!(listed, known);
}

/// Every table that has defaults; a line `@` stands where they may be written.
const BARE: &str = r#"
[node]
name = "ns1"
@[node]
[dns]
@[dns]
[dns.cookies]
@[dns.cookies]
[dns.rate_limit]
@[dns.rate_limit]
[dns.tcp]
@[dns.tcp]
[dns.tls]
certificate = "chain.pem"
key = "key.pem"
@[dns.tls]
[dns.https]
@[dns.https]
[control]
@[control]
[record]
@[record]
[check]
[history]
@[history]
[[zone]]
name = "example.com"
file = "example.com.zone"
[evidence]
@[evidence]
[[witness]]
address = "203.0.113.1"
url = "https://witness.example.net/"
@[[witness]]
[[region]]
name = "near"
addresses = ["192.0.2.1", "192.0.2.2"]
@[[region]]
[[region.probe]]
url = "https://example.com/health"
expect = { @expect }
certificate = { @certificate }
slow = { above = "1s", @slow }
brownout = { @brownout }
@[[region.probe]]
[[region.probe]]
dns = { name = "example.com", @question }
[[steer]]
name = "example.com"
regions = ["near"]
failback = { mode = "delayed", @failback }
@[[steer]]
[[gate]]
name = "answer"
http = { url = "https://example.com/ready", @http }
@[[gate]]
[[gate]]
name = "data"
region = "near"
postgres = { host = "192.0.2.9", user = "monitor", @postgres }
[[hook]]
name = "tell"
when = "before"
url = "https://example.com/hook"
@[[hook]]
[[notify]]
name = "all"
kind = "alertmanager"
url = "https://example.com/"
@[[notify]]
[safety]
@[safety]
"#;

/// The defaults of a table that are TOML and nothing else.
fn defaults(rows: &[(&str, &str)]) -> Vec<String> {
    let literal = |default: &str| {
        let literal = default.strip_prefix('`')?.strip_suffix('`')?;
        (!literal.contains('`')).then(|| literal.to_owned())
    };
    rows.iter().filter_map(|(key, default)| Some(format!("{key} = {}", literal(default)?))).collect()
}

#[test]
fn the_defaults_of_the_reference_change_nothing() {
    let (mut written, mut left_out) = (BARE.to_owned(), BARE.to_owned());
    for (heading, rows) in tables() {
        let defaults = defaults(&rows);
        let marker = format!("@{heading}");
        if defaults.is_empty() {
            continue;
        }
        assert!(BARE.contains(&marker), "{heading} has defaults");
        let (inline, lines) = (defaults.join(", "), defaults.join("\n"));
        let is_inline = BARE.contains(&format!("{marker} }}"));
        written = written.replace(&marker, if is_inline { &inline } else { &lines });
        // Comments in their place, so that everything else stays where it is.
        let blanks = defaults.iter().map(|_| "#").collect::<Vec<_>>().join("\n");
        left_out = left_out.replace(&marker, if is_inline { "" } else { &blanks });
    }
    let left_out = left_out.replace(", }", " }");
    assert_eq!(format!("{:#?}", good(&left_out).config), format!("{:#?}", good(&written).config));
}
