//! Alertmanager's API v2: alerts are told again and again while they fire, and known by their labels.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::controller::{Notice, NoticeState};
use crate::model::Moment;
use crate::notify::outbox::{Message, Outgoing};

/// An alert that is not told again is over after this many times of repeating it.
const REPEATS_KEPT: u32 = 4;

/// Where alerts are posted below the URL of an Alertmanager.
const PATH: &str = "/api/v2/alerts";

/// Where alerts are posted.
pub(in crate::notify) fn endpoint(url: &str) -> String {
    match url.trim_end_matches('/') {
        whole if whole.ends_with(PATH) => whole.to_owned(),
        base => format!("{base}{PATH}"),
    }
}

/// The body of the request. An alert whose labels are others now is over under the old ones.
pub(in crate::notify) fn body(
    Message(notices): &Message,
    text: impl Fn(&Notice) -> String,
    repeat: Duration,
    now: Moment,
) -> Vec<u8> {
    let mut alerts = Vec::new();
    for Outgoing { notice, previous } in notices {
        let own = labels(notice);
        if let Some(previous) = previous
            && labels(previous) != own
        {
            alerts.push(alert(previous, labels(previous), text(previous), now));
        }
        let is_over = notice.state == NoticeState::Resolved;
        // What is over is over under the labels that it was told with.
        let own = previous.as_ref().filter(|_| is_over).map_or(own, labels);
        let ends = if is_over { now } else { now + repeat * REPEATS_KEPT };
        alerts.push(alert(notice, own, text(notice), ends));
    }
    alerts.dedup_by(|one, other| one["labels"] == other["labels"]);
    Value::from(alerts).to_string().into_bytes()
}

fn labels(notice: &Notice) -> BTreeMap<&'static str, String> {
    let Notice { event, urgency, node, key, names, regions, .. } = notice;
    let mut labels = BTreeMap::from([
        ("alertname", alert_name(event.word())),
        ("severity", urgency.to_string()),
        ("node", node.to_string()),
        ("key", key.clone()),
        ("service", "cadence-dns".to_owned()),
    ]);
    labels.extend(names.first().map(|name| ("name", name.to_string())));
    labels.extend(regions.first().map(|region| ("region", region.to_string())));
    labels
}

/// `CadenceDnsFailOpen` of `fail-open`.
fn alert_name(word: &str) -> String {
    let capital = |part: &str| {
        let (first, rest) = part.split_at_checked(1).unwrap_or_default();
        first.to_uppercase() + rest
    };
    format!("CadenceDns{}", word.split('-').map(capital).collect::<String>())
}

fn alert(notice: &Notice, labels: BTreeMap<&'static str, String>, text: String, ends: Moment) -> Value {
    json!({
        "labels": labels,
        "annotations": { "summary": text, "description": notice.text },
        "startsAt": notice.since,
        "endsAt": ends,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::NoticeEvent;
    use crate::notify::words::sample;
    use crate::policy::Urgency;

    const NOW: Moment = Moment::from_millis(1_795_363_260_000);

    fn sent(notices: Vec<Outgoing>) -> Vec<(String, String)> {
        let body = body(&Message(notices), |_| "in short".into(), Duration::from_secs(60), NOW);
        let alerts: Vec<Value> = serde_json::from_slice(&body).expect("JSON");
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        alerts.iter().map(|alert| (word(&alert["labels"]["alertname"]), word(&alert["endsAt"]))).collect()
    }

    #[test]
    fn an_alert_fires_for_four_minutes_unless_it_is_told_again() {
        let body = body(
            &Message(vec![Outgoing { notice: sample(), previous: None }]),
            |_| "in short".into(),
            Duration::from_secs(60),
            NOW,
        );
        let alerts: Value = serde_json::from_slice(&body).expect("JSON");
        insta::assert_snapshot!(format!("{alerts:#}"), @r#"
        [
          {
            "annotations": {
              "description": "app.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: \"refused\" <&>",
              "summary": "in short"
            },
            "endsAt": "2026-11-22T16:05:00.000Z",
            "labels": {
              "alertname": "CadenceDnsFailedOver",
              "key": "name/app.example.com",
              "name": "app.example.com",
              "node": "ns1",
              "region": "eu-west",
              "service": "cadence-dns",
              "severity": "warning"
            },
            "startsAt": "2026-11-22T16:00:00.000Z"
          }
        ]
        "#);
    }

    #[test]
    fn under_other_labels_it_is_another_alert_and_the_old_one_is_over() {
        let grave = Notice { event: NoticeEvent::FailOpen, urgency: Urgency::Critical, ..sample() };
        let changed = Outgoing { notice: grave, previous: Some(sample()) };
        let now = NOW.to_string();
        assert_eq!(
            sent(vec![changed]),
            [
                ("CadenceDnsFailedOver".to_owned(), now.clone()),
                ("CadenceDnsFailOpen".to_owned(), "2026-11-22T16:05:00.000Z".to_owned())
            ]
        );
        let over = Notice { state: NoticeState::Resolved, event: NoticeEvent::Decision, ..sample() };
        let over = Outgoing { notice: over, previous: Some(sample()) };
        assert_eq!(sent(vec![over]), [("CadenceDnsFailedOver".to_owned(), now)]);
    }

    #[test]
    fn a_prefix_of_the_url_is_kept() {
        for (url, expected) in [
            ("http://am:9093", "http://am:9093/api/v2/alerts"),
            ("http://am:9093/", "http://am:9093/api/v2/alerts"),
            ("https://x/am/", "https://x/am/api/v2/alerts"),
            ("https://x/api/v2/alerts", "https://x/api/v2/alerts"),
        ] {
            assert_eq!(endpoint(url), expected);
        }
    }
}
