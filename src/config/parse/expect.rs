//! `expect`: what makes a response a pass.

use std::ops::RangeInclusive;
use std::time::Duration;

use regex::RegexBuilder;

use super::limit::Limit;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::probe_settings::{BodyRule, Expect, Fresh};
use crate::config::read::{At, OneOrMore, Pairs, Word};

use crate::config::spec::{BodySpec, ExpectSpec, FreshSpec};
use crate::model::Place;

/// The status codes of a final response (RFC 9110 section 15); those of 1xx are interim.
const STATUS: RangeInclusive<u16> = 200..=599;

/// What is expected when the configuration names no status.
const SUCCESS: RangeInclusive<u16> = 200..=299;

const MAX_AGE: Limit<Duration> = Limit {
    key: "max_age",
    least: Duration::from_secs(1),
    most: Duration::from_secs(24 * 60 * 60),
    why: "clocks may differ by a second, and a time older than a day proves nothing",
};

/// The most memory that an expression may take once compiled, in octets: a hundred times what a usual one needs.
const REGEX_OCTETS: usize = 1024 * 1024;

/// The expectations; `bodiless` when the method is HEAD.
pub(super) fn expect(
    spec: Option<At<ExpectSpec>>,
    bodiless: bool,
    diagnostics: &Diagnostics<'_>,
) -> Option<Expect> {
    let ExpectSpec { status, json, fresh, body } = spec.map(|spec| spec.value).unwrap_or_default();
    if bodiless {
        let places = [("json", place(&json)), ("fresh", place(&fresh)), ("body", place(&body))];
        for (key, place) in places.into_iter().filter_map(|(key, place)| Some((key, place?))) {
            let found = format!("`{key}` beside the method HEAD, whose response has no body");
            diagnostics.error(place, found, "leave it out, or use GET");
        }
    }
    let status = status.map_or(vec![SUCCESS], |words| codes(words.value, diagnostics));
    let json = json.map(|json| pointers(json.value, diagnostics)).unwrap_or_default();
    let fresh = match fresh {
        Some(spec) => Some(freshness(spec.value, diagnostics)?),
        None => None,
    };
    let body = match body {
        Some(spec) => Some(rule(spec, diagnostics)?),
        None => None,
    };
    Some(Expect { status, json, fresh, body })
}

fn place<T>(at: &Option<At<T>>) -> Option<&Place> {
    at.as_ref().map(|at| &at.place)
}

/// The accepted status codes, those left out that were reported.
fn codes(OneOrMore(words): OneOrMore<Word>, diagnostics: &Diagnostics<'_>) -> Vec<RangeInclusive<u16>> {
    let mut ranges = Vec::new();
    for At { value, place } in words {
        let text = match value {
            Word::Text(text) => text,
            Word::Number(number) => number.to_string(),
        };
        for part in text.split(',') {
            match range(part) {
                Some(range) => ranges.push(range),
                None => {
                    let help = "a code or a range between 200 and 599, as in 200 or \"200-299,301\"";
                    diagnostics.error(&place, format!("{} is not a status code", quoted(part)), help);
                }
            }
        }
    }
    ranges
}

/// One code, or the first and the last of a range.
fn range(part: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let code = |text: &str| text.trim().parse().ok().filter(|code| STATUS.contains(code));
    let range = code(first)?..=code(last)?;
    (!range.is_empty()).then_some(range)
}

/// JSON pointers and what must stand there, those left out that were reported.
fn pointers(
    Pairs(pairs): Pairs<serde_json::Value>,
    diagnostics: &Diagnostics<'_>,
) -> Vec<(String, serde_json::Value)> {
    let pair =
        |(key, value): (At<String>, At<serde_json::Value>)| Some((pointer(key, diagnostics)?, value.value));
    pairs.into_iter().filter_map(pair).collect()
}

/// RFC 6901 section 3: empty, or parts with a slash before each; `~` is written `~0`, a slash in a part `~1`.
pub(super) fn pointer(text: At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let At { value, place } = text;
    let escapes_are_whole = value.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    if (value.is_empty() || value.starts_with('/')) && escapes_are_whole {
        return Some(value);
    }
    let help = match escapes_are_whole {
        true => format!("begin with a slash: {}", quoted(&format!("/{value}"))),
        false => "write ~ as ~0, and a slash within a name as ~1".into(),
    };
    diagnostics.error(&place, format!("{} is not a JSON pointer", quoted(&value)), help);
    None
}

fn freshness(
    FreshSpec { pointer: text, max_age }: FreshSpec,
    diagnostics: &Diagnostics<'_>,
) -> Option<Fresh> {
    let pointer = text.and_then(|text| pointer(text, diagnostics));
    let max_age = max_age.and_then(|max_age| MAX_AGE.check(&max_age, diagnostics));
    Some(Fresh { pointer: pointer?, max_age: max_age? })
}

fn rule(
    At { value: BodySpec { contains, regex }, place }: At<BodySpec>,
    diagnostics: &Diagnostics<'_>,
) -> Option<BodyRule> {
    match (contains, regex) {
        (Some(text), None) if text.value.is_empty() => {
            diagnostics.error(
                &text.place,
                "`contains` is empty, so every body contains it",
                "a text that only the body of a healthy endpoint has",
            );
            None
        }
        (Some(text), None) => Some(BodyRule::Contains(text.value)),
        (None, Some(text)) => expression(&text, diagnostics).map(BodyRule::Regex),
        (Some(_), Some(text)) => {
            diagnostics.error(&text.place, "`body` with `contains` and with `regex`", "one of the two");
            None
        }
        (None, None) => {
            diagnostics.absence(
                &place,
                "`body` without `contains` and without `regex`",
                "add one of the two",
            );
            None
        }
    }
}

fn expression(At { value, place }: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<regex::Regex> {
    let error = match RegexBuilder::new(value).size_limit(REGEX_OCTETS).build() {
        Ok(regex) => return Some(regex),
        Err(error) => error.to_string(),
    };
    // The error is a drawing of several lines; what is wrong stands in the last.
    let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ").trim_end_matches('.');
    let help = "the syntax of Rust's regex crate; TOML leaves backslashes alone in single quotes";
    diagnostics.error(place, format!("{} is not a regular expression: {why}", quoted(value)), help);
    None
}
