//! `deny.toml`, judged without network: what Cargo.lock names, where it comes from, and under which licence.
//!
//! cargo-deny judges the same rules, and the advisories beside them: `tests/supply_chain.sh`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use toml::de::{DeTable, DeValue};

/// The only registry, as Cargo.lock writes it and as `deny.toml` does.
const REGISTRY: [&str; 2] =
    ["registry+https://github.com/rust-lang/crates.io-index", "https://github.com/rust-lang/crates.io-index"];

/// What is linked into a release; what other systems would need is never compiled.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// What `deny.toml` says.
pub(crate) struct Rules {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
    registries: Vec<String>,
    repositories: Vec<String>,
}

impl Rules {
    pub(crate) fn read() -> Rules {
        Rules::of(&read("deny.toml"))
    }

    fn of(text: &str) -> Rules {
        let table = DeTable::parse(text).unwrap_or_else(|error| panic!("deny.toml: {error}"));
        let texts = |section: &str, key: &str| -> Vec<String> {
            let section = table.get_ref().get(section).and_then(|section| section.get_ref().as_table());
            let list =
                section.and_then(|section| section.get(key)).and_then(|list| list.get_ref().as_array());
            let list = list.unwrap_or_else(|| panic!("deny.toml: no list `{key}`"));
            list.iter().map(|item| name_of(item.get_ref())).collect()
        };
        Rules {
            licences: texts("licenses", "allow").into_iter().collect(),
            banned: texts("bans", "deny").into_iter().collect(),
            registries: texts("sources", "allow-registry"),
            repositories: texts("sources", "allow-git"),
        }
    }

    /// What is wrong with a Cargo.lock: a package that is banned, or from elsewhere than crates.io.
    pub(crate) fn wrong_packages(&self, lock: &str) -> Vec<String> {
        assert!(
            self.registries == REGISTRY[1..] && self.repositories.is_empty(),
            "deny.toml: crates.io only"
        );
        let mut wrong = Vec::new();
        for package in lock.split("[[package]]").skip(1) {
            let value = |key: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
                line.map(|value| value.trim_matches('"'))
            };
            let name = value("name").unwrap_or("a package without a name");
            if self.banned.contains(name) {
                wrong.push(format!("{name} is banned"));
            }
            if let Some(source) = value("source").filter(|source| *source != REGISTRY[0]) {
                wrong.push(format!("{name} comes from {source}"));
            }
        }
        wrong
    }

    /// Whether a licence expression (SPDX, or the older `MIT/Apache-2.0`) can be satisfied with what is allowed.
    pub(crate) fn allows(&self, expression: &str) -> bool {
        let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut rest = words.as_slice();
        self.any_of(&mut rest) && rest.is_empty()
    }

    fn any_of(&self, rest: &mut &[&str]) -> bool {
        let mut allowed = self.all_of(rest);
        while take(rest, "OR") {
            allowed |= self.all_of(rest);
        }
        allowed
    }

    fn all_of(&self, rest: &mut &[&str]) -> bool {
        let mut allowed = self.one_of(rest);
        while take(rest, "AND") {
            allowed &= self.one_of(rest);
        }
        allowed
    }

    fn one_of(&self, rest: &mut &[&str]) -> bool {
        if take(rest, "(") {
            return self.any_of(rest) & take(rest, ")");
        }
        let Some((licence, after)) = rest.split_first() else { return false };
        *rest = after;
        if !take(rest, "WITH") {
            return self.licences.contains(*licence);
        }
        let Some((exception, after)) = rest.split_first() else { return false };
        *rest = after;
        self.licences.contains(&format!("{licence} WITH {exception}"))
    }
}

/// Takes the next word if it is this one.
fn take(rest: &mut &[&str], word: &str) -> bool {
    let is_next = rest.first() == Some(&word);
    if is_next {
        *rest = &rest[1..];
    }
    is_next
}

/// A text, or the `name` of a table.
fn name_of(value: &DeValue<'_>) -> String {
    let named = value.as_table().and_then(|table| table.get("name")).map(|name| name.get_ref());
    let text = named.unwrap_or(value).as_str();
    text.unwrap_or_else(|| panic!("deny.toml: {value:?} is no name")).to_owned()
}

/// The licence of every package that is compiled, those of tests included, by its name and version.
pub(crate) fn licences() -> BTreeMap<String, Option<String>> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--locked", "--offline", "--format-version=1"]);
    // What this test was built with is there without network; nothing else need be.
    command.args(cfg!(feature = "xdp").then_some("--all-features"));
    command.args(["--filter-platform", PLATFORM]).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("cargo runs this test");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let entry = |package: &serde_json::Value| {
        let name = format!("{} {}", text(&package["name"]), text(&package["version"]));
        (name, package["license"].as_str().map(str::to_owned))
    };
    packages.iter().map(entry).collect()
}

/// A file of the project.
pub(crate) fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
