//! What a reply by HTTP says of a gate: pure.

use serde_json::Value;

use crate::config::{Bound, BoundLimit};
use crate::errand::Reply;
use crate::model::plain;
use crate::policy::Seen;

/// As much of a value of the far end is shown, in characters.
const SHOWN_MAX: usize = 60;

/// A status of 2xx, and the value within its bound.
pub(super) fn judge(reply: &Reply, bound: Option<&Bound>) -> Seen {
    if !reply.is_success() {
        return Seen::Unfit(format!("status {}", reply.status));
    }
    let Some(Bound { pointer, limit }) = bound else { return Seen::Fine(format!("status {}", reply.status)) };
    let Ok(document) = serde_json::from_slice::<Value>(&reply.body) else {
        return Seen::Blind("the body is not JSON".into());
    };
    let Some(value) = document.pointer(pointer) else {
        return Seen::Blind(format!("there is nothing at {pointer}"));
    };
    match limit {
        BoundLimit::Is(wanted) if is_same(value, wanted) => {
            Seen::Fine(format!("{pointer} is {}", shown(value)))
        }
        BoundLimit::Is(wanted) => Seen::Unfit(format!("{pointer} is {}, not {wanted}", shown(value))),
        BoundLimit::AtMost(most) => number(value, pointer, |number| number <= *most, &format!("> {most}")),
        BoundLimit::AtLeast(least) => {
            number(value, pointer, |number| number >= *least, &format!("< {least}"))
        }
    }
}

fn number(value: &Value, pointer: &str, is_within: impl Fn(f64) -> bool, beyond: &str) -> Seen {
    match value.as_f64() {
        Some(number) if is_within(number) => Seen::Fine(format!("{pointer} is {number}")),
        Some(number) => Seen::Unfit(format!("{pointer} {number} {beyond}")),
        None => Seen::Blind(format!("{pointer} is {}, not a number", shown(value))),
    }
}

/// A number is the same however it is written.
fn is_same(value: &Value, wanted: &Value) -> bool {
    let numbers = value.is_number() && wanted.is_number();
    value == wanted || (numbers && value.as_f64() == wanted.as_f64())
}

/// Short, and without anything that could repaint a terminal.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    let mut short: String = plain(&text, |_| false).chars().take(SHOWN_MAX).collect();
    if text.chars().count() > SHOWN_MAX {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(limit: BoundLimit, status: u16, body: &str, expected: &str) {
        let bound = Bound { pointer: "/replica/lag".into(), limit };
        let seen = judge(&Reply { status, body: body.as_bytes().to_vec(), retry_after: None }, Some(&bound));
        let told = match seen {
            Seen::Fine(says) => format!("fine: {says}"),
            Seen::Unfit(says) => format!("unfit: {says}"),
            Seen::Blind(says) => format!("blind: {says}"),
            Seen::Database(_) => "a database".into(),
        };
        assert_eq!(told, expected, "{body}");
    }

    #[test]
    fn a_value_is_held_to_its_bound() {
        let at_most = || BoundLimit::AtMost(10.0);
        check(at_most(), 200, r#"{"replica":{"lag":10}}"#, "fine: /replica/lag is 10");
        check(at_most(), 200, r#"{"replica":{"lag":48.5}}"#, "unfit: /replica/lag 48.5 > 10");
        check(at_most(), 503, r#"{"replica":{"lag":1}}"#, "unfit: status 503");
        check(at_most(), 200, r#"{"replica":{}}"#, "blind: there is nothing at /replica/lag");
        check(at_most(), 200, r#"{"replica":{"lag":"1"}}"#, "blind: /replica/lag is \"1\", not a number");
        check(at_most(), 200, r#"{"replica":{"lag":null}}"#, "blind: /replica/lag is null, not a number");
        check(at_most(), 200, "ok", "blind: the body is not JSON");
        check(BoundLimit::AtLeast(2.0), 200, r#"{"replica":{"lag":1}}"#, "unfit: /replica/lag 1 < 2");
        check(
            BoundLimit::Is("ok".into()),
            200,
            r#"{"replica":{"lag":"ok"}}"#,
            "fine: /replica/lag is \"ok\"",
        );
        let no = "unfit: /replica/lag is \"\\u{202e}no\", not \"ok\"";
        check(BoundLimit::Is("ok".into()), 200, "{\"replica\":{\"lag\":\"\u{202e}no\"}}", no);
        check(BoundLimit::Is(1.into()), 200, r#"{"replica":{"lag":1.0}}"#, "fine: /replica/lag is 1.0");
    }

    #[test]
    fn a_flood_of_text_is_cut() {
        let body = format!(r#"{{"replica":{{"lag":"{}"}}}}"#, "x".repeat(60_000));
        let bound = Bound { pointer: "/replica/lag".into(), limit: BoundLimit::AtMost(1.0) };
        let Seen::Blind(told) =
            judge(&Reply { status: 200, body: body.into(), retry_after: None }, Some(&bound))
        else {
            panic!("a text is no number");
        };
        assert!(told.chars().count() < 100, "{told}");
    }
}
