//! PagerDuty's Events API v2.

use serde_json::json;

use crate::controller::{Notice, NoticeState};
use crate::policy::Urgency;

/// The longest summary, in characters.
const SUMMARY_MAX: usize = 1_024;

/// The longest key of an incident, in characters.
const KEY_MAX: usize = 255;

/// The body of the request.
pub(in crate::notify) fn body(notice: &Notice, text: &str, routing_key: &str) -> Vec<u8> {
    let Notice { key, state, urgency, node, time, event, regions, .. } = notice;
    let action = match state {
        NoticeState::Resolved => "resolve",
        NoticeState::Firing | NoticeState::Told => "trigger",
    };
    let severity = match urgency {
        Urgency::Info => "info",
        Urgency::Warning => "warning",
        Urgency::Critical => "critical",
    };
    let summary: String = text.chars().take(SUMMARY_MAX).collect();
    let component = notice.names.first().map(ToString::to_string);
    let document = json!({
        "routing_key": routing_key,
        "event_action": action,
        "dedup_key": format!("{node}/{key}").chars().take(KEY_MAX).collect::<String>(),
        "client": "cadence-dns",
        "payload": {
            "summary": summary,
            "source": node,
            "severity": severity,
            "timestamp": time,
            "component": component,
            "group": regions.first(),
            "class": event,
            "custom_details": notice,
        },
    });
    document.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::words::sample;

    fn shown(notice: &Notice) -> serde_json::Value {
        let mut document: serde_json::Value =
            serde_json::from_slice(&body(notice, &"é".repeat(2_000), "r0ut1ng")).expect("JSON");
        assert_eq!(document["payload"]["summary"].as_str().map(|text| text.chars().count()), Some(1_024));
        document["payload"]["summary"] = "cut".into();
        document["payload"]["custom_details"] = "the notice".into();
        document
    }

    #[test]
    fn an_incident_is_triggered_and_resolved_under_one_key() {
        insta::assert_snapshot!(format!("{:#}", shown(&sample())), @r#"
        {
          "client": "cadence-dns",
          "dedup_key": "ns1/name/app.example.com",
          "event_action": "trigger",
          "payload": {
            "class": "failed-over",
            "component": "app.example.com",
            "custom_details": "the notice",
            "group": "eu-west",
            "severity": "warning",
            "source": "ns1",
            "summary": "cut",
            "timestamp": "2026-11-22T16:00:00.000Z"
          },
          "routing_key": "r0ut1ng"
        }
        "#);
        let over = Notice { state: NoticeState::Resolved, ..sample() };
        let (over, fires) = (shown(&over), shown(&sample()));
        assert_eq!((&over["event_action"], &over["dedup_key"]), (&"resolve".into(), &fires["dedup_key"]));
    }
}
