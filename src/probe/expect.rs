//! What a response is worth: pure, from status and body to the first expectation that it fails.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::excerpt::excerpt;
use crate::config::{BodyRule, Expect, Fresh};
use crate::health::Failure;

/// Judged as soon as the head is here: a 503 is a 503, however its body goes on.
pub(super) fn status(expect: &Expect, got: u16) -> Result<(), Failure> {
    let expected = expect.status.iter().any(|range| range.contains(&got));
    if expected { Ok(()) } else { Err(Failure::Status(got)) }
}

/// The whole body, in the order in which an operator would look: the text, then what it says, then how old it is.
pub(super) fn body(expect: &Expect, body: &[u8], now: Timestamp) -> Result<(), Failure> {
    if let Some(rule) = &expect.body {
        text(rule, &String::from_utf8_lossy(body))?;
    }
    if expect.json.is_empty() && expect.fresh.is_none() {
        return Ok(());
    }
    let document: Value = serde_json::from_slice(body).map_err(|_| Failure::NotJson)?;
    for (pointer, wanted) in &expect.json {
        value(&document, pointer, wanted)?;
    }
    expect.fresh.as_ref().map_or(Ok(()), |fresh| age(&document, fresh, now))
}

fn text(rule: &BodyRule, body: &str) -> Result<(), Failure> {
    let found = match rule {
        BodyRule::Contains(wanted) => body.contains(wanted.as_str()),
        BodyRule::Regex(wanted) => wanted.is_match(body),
    };
    if found { Ok(()) } else { Err(Failure::BodyMismatch) }
}

fn value(document: &Value, pointer: &str, wanted: &Value) -> Result<(), Failure> {
    let got = document.pointer(pointer);
    if got.is_some_and(|got| same(got, wanted)) {
        return Ok(());
    }
    let got = got.map_or(Cow::Borrowed("nothing"), |got| Cow::Owned(got.to_string()));
    Err(Failure::JsonMismatch { pointer: pointer.to_owned(), got: excerpt(&got) })
}

/// A number is the same however it is written: `1` in the configuration, `1.0` in the body.
fn same(got: &Value, wanted: &Value) -> bool {
    let numbers = got.is_number() && wanted.is_number();
    got == wanted || (numbers && got.as_f64() == wanted.as_f64())
}

/// A time ahead of ours is as wrong as an old one: a frozen answer would look fresh until we catch up.
fn age(document: &Value, Fresh { pointer, max_age }: &Fresh, now: Timestamp) -> Result<(), Failure> {
    let stale = |got: String, beyond| Failure::Stale { pointer: pointer.clone(), got, beyond };
    let got = document.pointer(pointer).ok_or_else(|| stale("nothing".to_owned(), None))?;
    let time: Option<Timestamp> = got.as_str().and_then(|text| text.parse().ok());
    let no_time = || stale(format!("{}, not an RFC 3339 time", excerpt(&got.to_string())), None);
    let off = now.duration_since(time.ok_or_else(no_time)?);
    let (age, way) = (off.unsigned_abs(), if off.is_negative() { "ahead" } else { "old" });
    if age <= *max_age {
        return Ok(());
    }
    // A time ahead does not come nearer by our standing still.
    let beyond = (!off.is_negative()).then_some(age - *max_age);
    Err(stale(format!("{} {way}", span(age)), beyond))
}

/// To a tenth of a second while that matters, to the second after.
fn span(span: Duration) -> String {
    match span.as_secs() {
        0..100 => format!("{:.1} s", span.as_secs_f64()),
        seconds => format!("{seconds} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-22T14:44:11Z";

    fn expect() -> Expect {
        Expect { status: vec![200..=299], json: Vec::new(), fresh: None, body: None }
    }

    fn judge(expect: &Expect, got: &str) -> Result<(), String> {
        let now = NOW.parse().expect("a time");
        body(expect, got.as_bytes(), now).map_err(|failure| format!("{}: {failure}", failure.label()))
    }

    fn check(expect: &Expect, got: &str, wanted: &str) {
        let judged = judge(expect, got).err().unwrap_or_else(|| "pass".to_owned());
        assert_eq!(judged, wanted, "{got}");
    }

    #[test]
    fn statuses() {
        let expect = Expect { status: vec![200..=204, 418..=418], ..expect() };
        let passes = |got| status(&expect, got).is_ok();
        assert!(passes(200) && passes(204) && passes(418));
        assert!(!passes(199) && !passes(205) && !passes(301) && !passes(417) && !passes(503));
        assert_eq!(status(&expect, 503), Err(Failure::Status(503)));
    }

    #[test]
    fn any_body_will_do_when_nothing_is_expected_of_it() {
        check(&expect(), "", "pass");
        check(&expect(), "\u{0}not json", "pass");
    }

    #[test]
    fn texts() {
        let contains = Expect { body: Some(BodyRule::Contains("all fine".into())), ..expect() };
        check(&contains, "<p>all fine</p>", "pass");
        check(&contains, "all is fine", "body_mismatch: body lacks the expected text");
        check(&contains, "", "body_mismatch: body lacks the expected text");
        let pattern = regex::Regex::new("^ok [0-9]+$").expect("a pattern");
        let regex = Expect { body: Some(BodyRule::Regex(pattern)), ..expect() };
        check(&regex, "ok 12", "pass");
        check(&regex, "not ok 12", "body_mismatch: body lacks the expected text");
    }

    #[test]
    fn bytes_that_are_no_text_may_stand_around_the_text() {
        let contains = Expect { body: Some(BodyRule::Contains("fine".into())), ..expect() };
        assert_eq!(body(&contains, b"\xff\xfefine\xff", Timestamp::UNIX_EPOCH), Ok(()));
    }

    #[test]
    fn json_values() {
        let wants =
            |pointer: &str, wanted: Value| Expect { json: vec![(pointer.into(), wanted)], ..expect() };
        let ok = wants("/status", "ok".into());
        check(&ok, r#"{"status":"ok","time":"now"}"#, "pass");
        check(&ok, r#"{"status":"degraded"}"#, r#"json_mismatch: /status is "degraded""#);
        check(&ok, r#"{"status":null}"#, "json_mismatch: /status is null");
        check(&ok, r#"{"state":"ok"}"#, "json_mismatch: /status is nothing");
        check(&ok, "[]", "json_mismatch: /status is nothing");
        check(&ok, "", "not_json: body is not JSON");
        check(&ok, r#"{"status":"ok"} and more"#, "not_json: body is not JSON");
        check(&ok, "<html>", "not_json: body is not JSON");
        check(&ok, &"[".repeat(60_000), "not_json: body is not JSON");
        check(&wants("/a/1/b~1c", 7.into()), r#"{"a":[0,{"b/c":7.0}]}"#, "pass");
        check(&wants("/n", 7.into()), r#"{"n":"7"}"#, r#"json_mismatch: /n is "7""#);
        check(&wants("", true.into()), "true", "pass");
    }

    #[test]
    fn every_expectation_counts() {
        let json = vec![("/a".to_owned(), 1.into()), ("/b".to_owned(), 2.into())];
        let both = Expect { json, body: Some(BodyRule::Contains("a".into())), ..expect() };
        check(&both, r#"{"a":1,"b":2}"#, "pass");
        check(&both, r#"{"a":1,"b":3}"#, "json_mismatch: /b is 3");
        check(&both, r#"{"b":2}"#, "body_mismatch: body lacks the expected text");
    }

    #[test]
    fn times() {
        let max_age = Duration::from_secs(30);
        let fresh = Expect { fresh: Some(Fresh { pointer: "/time".into(), max_age }), ..expect() };
        let at = |time: &str, wanted| check(&fresh, &format!(r#"{{"time":"{time}"}}"#), wanted);
        at("2026-11-22T14:44:11Z", "pass");
        at("2026-11-22T15:44:11.5+01:00", "pass");
        at("2026-11-22T14:43:41Z", "pass");
        at("2026-11-22T14:44:41Z", "pass");
        at("2026-11-22T14:43:40.9Z", "stale: /time is 30.1 s old");
        at("2026-11-22T14:44:41.1Z", "stale: /time is 30.1 s ahead");
        at("2026-11-22T13:44:11Z", "stale: /time is 3600 s old");
        at("9999-12-30T22:00:00Z", "stale: /time is 251606848549 s ahead");
        at("2026-11-22T14:44:11", r#"stale: /time is "2026-11-22T14:44:11", not an RFC 3339 time"#);
        at("yesterday", r#"stale: /time is "yesterday", not an RFC 3339 time"#);
        check(&fresh, r#"{"time":1795358651}"#, "stale: /time is 1795358651, not an RFC 3339 time");
        check(&fresh, r#"{"now":"2026-11-22T14:44:11Z"}"#, "stale: /time is nothing");
        check(&fresh, "ok", "not_json: body is not JSON");
    }

    #[test]
    fn what_is_quoted_is_short_and_harmless() {
        let wants = Expect { json: vec![("/s".into(), "ok".into())], ..expect() };
        let shown = judge(&wants, &format!(r#"{{"s":"\u001b[2J{}"}}"#, "x".repeat(60_000)));
        let shown = shown.expect_err("not ok");
        assert!(shown.chars().count() < 100 && !shown.contains('\x1b'), "{shown}");
    }
}
