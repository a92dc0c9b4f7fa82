//! `docs/configuration.md` is what `config/spec` says of each key, and what it says is what is obeyed.
//!
//! `INSTA_UPDATE=always cargo test --all-features --test documents reference` writes it.

mod markdown;
mod occurrences;

use std::path::Path;
use std::time::Duration;

use cadence_dns::config::{self, KeyReference, Kind, Parsed, REFERENCE, TableReference};
use cadence_dns::model::{Problem, shown};
use jiff::SpanRelativeTo;
use regex::Regex;

use occurrences::{Occurrence, occurrences};

/// Every key, none at its default.
const COMPLETE: &str = include_str!("../config/complete.toml");

/// As on a machine with four cores, from a file in `/etc/cadence-dns`.
fn read(text: &str) -> Result<Parsed, Vec<Problem>> {
    config::parse("test.toml", text, Path::new("/etc/cadence-dns"), 4)
}

/// Every table with its heading, each after the one that it stands in.
fn tables() -> Vec<(String, &'static TableReference)> {
    fn visit(parent: &TableReference, found: &mut Vec<(String, &'static TableReference)>) {
        for key in parent.keys {
            if let Some(table) = (key.kind)().table() {
                found.push((heading(key, table, parent), table));
                visit(table, found);
            }
        }
    }
    let mut found = Vec::new();
    visit(REFERENCE, &mut found);
    found
}

/// A table within a table is called by its key: `expect` of `[[region.probe]]`.
fn heading(key: &KeyReference, table: &TableReference, parent: &TableReference) -> String {
    if table.sample.starts_with('[') {
        return format!("`{}`", table.sample);
    }
    let parent = parent.sample.split_once(" = ").map_or(parent.sample, |(key, _)| key);
    format!("`{}` of `{parent}`", key.name)
}

/// Every key but those of tables, with the table that it stands in.
fn keys() -> impl Iterator<Item = (&'static TableReference, &'static KeyReference)> {
    let of_table =
        |(_, table): (String, &'static TableReference)| table.keys.iter().map(move |key| (table, key));
    tables().into_iter().flat_map(of_table).filter(|(_, key)| (key.kind)().table().is_none())
}

/// Where the complete file has a key.
fn in_the_complete_file(table: &TableReference, key: &KeyReference) -> Vec<Occurrence> {
    let mut all = occurrences(COMPLETE);
    all.retain(|occurrence| occurrence.table == table.sample && occurrence.key == key.name);
    assert!(
        !all.is_empty(),
        "tests/config/complete.toml has no `{}` in `{}`: it is where the reference has its example from",
        key.name,
        table.sample
    );
    all
}

#[test]
fn every_key_says_what_it_does() {
    for (table, key) in keys() {
        assert!(
            !key.about.is_empty(),
            "a doc comment above `{}` of `{}` in config/spec",
            key.name,
            table.sample
        );
    }
}

#[test]
fn the_reference_is_what_the_specification_says() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
    let made = markdown::page();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(file, &made).expect("docs can be written");
    }
    let kept = std::fs::read_to_string(file).expect("docs can be read");
    let differs = made.lines().zip(kept.lines()).find(|(made, kept)| made != kept);
    assert!(
        made == kept,
        "docs/configuration.md is not what config/spec says: {differs:?}\n\
         INSTA_UPDATE=always cargo test --all-features --test documents reference"
    );
}

/// What becomes of a file, wherever in it things stand.
fn outcome(text: &str) -> String {
    let places = Regex::new(r"(line|column): \d+,").expect("it is an expression");
    let told = match read(text) {
        Ok(parsed) => format!("{:#?}", parsed.config),
        Err(problems) => {
            problems.iter().map(|Problem { found, help, .. }| format!("{found}; {help}\n")).collect()
        }
    };
    places.replace_all(&told, "").into_owned()
}

#[test]
fn the_defaults_of_the_reference_change_nothing() {
    for (table, key) in keys().filter(|(_, key)| !key.facts.default.is_empty()) {
        let written = (key.kind)().written(key.facts.default);
        for occurrence in in_the_complete_file(table, key) {
            let (with, without) = (occurrence.replaced(COMPLETE, &written), occurrence.removed(COMPLETE));
            let (with, without) = (outcome(&with), outcome(&without));
            let differs = with.lines().zip(without.lines()).find(|(with, without)| with != without);
            assert!(with == without, "`{} = {written}` of `{}`: {differs:?}", key.name, table.sample);
        }
    }
}

#[test]
fn no_example_is_the_default() {
    for (table, key) in keys() {
        let default = (key.kind)().written(key.facts.default);
        let examples = in_the_complete_file(table, key);
        let differs = examples.iter().any(|occurrence| occurrence.value(COMPLETE) != default);
        assert!(differs, "`{} = {default}` of `{}`: an example shows something else", key.name, table.sample);
    }
}

/// The problems of the complete file with another value of one key.
fn problems(occurrence: &Occurrence, value: &str) -> Vec<Problem> {
    read(&occurrence.replaced(COMPLETE, value)).err().unwrap_or_default()
}

/// A limit as messages write it, and the values next to it on the wrong side.
fn limit(kind: &Kind, text: &str, is_least: bool) -> (String, Option<String>) {
    if let Kind::Duration = kind {
        let span: jiff::Span = text.parse().expect("a limit of a duration is one");
        let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).expect("it is no month");
        let span = Duration::try_from(span).expect("it is no less than nothing");
        let wrong = match is_least {
            true => span.checked_sub(Duration::from_millis(1)),
            false => Some(span + Duration::from_secs(1)),
        };
        return (shown(span), wrong.map(|wrong| format!("\"{}ms\"", wrong.as_millis())));
    }
    let number: i64 = text.parse().expect("a limit of a number is one");
    let wrong = if is_least { number - 1 } else { number + 1 };
    (text.to_owned(), Some(wrong.to_string()))
}

#[test]
fn the_limits_of_the_reference_are_those_that_are_obeyed() {
    for (table, key) in keys() {
        let (kind, facts) = ((key.kind)(), &key.facts);
        let limits = [(facts.least, true), (facts.most, false)];
        for (text, is_least) in limits.into_iter().filter(|(text, _)| !text.is_empty()) {
            let (said, wrong) = limit(&kind, text, is_least);
            let Some(wrong) = wrong else { continue };
            let told = problems(&in_the_complete_file(table, key)[0], &wrong);
            let said = if is_least { format!("from {said} to ") } else { format!(" to {said}: ") };
            let is_told = told.iter().any(|problem| problem.help.contains(&said));
            assert!(is_told, "`{} = {wrong}` of `{}`: {said:?} in {told:#?}", key.name, table.sample);
        }
    }
}

#[test]
fn the_words_of_the_reference_are_those_that_are_obeyed() {
    for (table, key) in keys().filter(|(_, key)| !key.facts.one_of.is_empty()) {
        let words = key.facts.one_of;
        let lists_all = |problem: &Problem| words.iter().all(|word| problem.help.contains(word));
        let occurrence = &in_the_complete_file(table, key)[0];
        let told = problems(occurrence, "\"zzzzzz\"");
        assert!(told.iter().any(lists_all), "{words:?} of `{}`: {told:#?}", key.name);
        for word in words {
            let told = problems(occurrence, &format!("\"{word}\""));
            assert!(!told.iter().any(lists_all), "{word} of `{}`: {told:#?}", key.name);
        }
    }
}
