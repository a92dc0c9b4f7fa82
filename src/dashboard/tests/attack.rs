//! Text that operators, servers and certificates send us is text on every page, and nothing else.

use super::cluster::hostile;
use super::stage::{Stage, configured};
use super::{Sight, judge};
use crate::api::{CheckHeartbeat, HistoryQuestion, Warning};
use crate::dashboard::{NameSight, OverviewQuery, Span, history, name, overview, region, settings};
use crate::health::Failure;
use crate::model::Name;

/// Breaks out of text, of an attribute, of SVG; loads something; turns the line around; is long.
const PAYLOADS: &[&str] = &[
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></svg><script src=//evil.example/x.js></script>",
    "{{ 7 * 7 }}{% include \"x\" %}",
    "javascript:alert(1)",
    "&lt;script&gt;",
    "]]><!--",
    "a\u{202e}cilbup\u{202c} b\u{1b}[31m\u{0}",
];

#[test]
fn hostile_text_stays_text() {
    let together = Stage::play("0s 3 name servers vote\n60s expect us-east");
    for payload in PAYLOADS {
        let stage = Stage::play(
            "60s us-east refuses\nby 80s expect eu-west\n90s an operator says drain us-east for 30m\n95s expect eu-west",
        );
        let mut status = stage.status();
        status.node = (*payload).into();
        status.names[0].why = (*payload).into();
        status.names[0].region = (*payload).into();
        status.warnings.push(Warning { text: (*payload).into(), help: format!("`{payload}` {payload}") });
        for region in &mut status.regions {
            region.why = (*payload).into();
            for endpoint in &mut region.endpoints {
                endpoint.degraded = Some((*payload).into());
                for check in &mut endpoint.checks {
                    check.label = Some((*payload).into());
                    check.trouble = Some((*payload).into());
                    check.failure = Some(Failure::OtherAnswer((*payload).into()));
                }
            }
        }
        status.overrides = serde_json::from_str(
            &serde_json::to_string(&status.overrides)
                .expect("plain data")
                .replace("\"operator\"", &serde_json::to_string(payload).expect("a string")),
        )
        .expect("what was written");
        let mut beats = stage.heartbeats();
        for CheckHeartbeat { label, does, target, beats, .. } in &mut beats.checks {
            *label = Some((*payload).into());
            (*does, *target) = ((*payload).into(), (*payload).into());
            for beat in beats {
                beat.why = Some((*payload).into());
            }
        }
        let mut entries = stage.history();
        for numbered in &mut entries.entries {
            numbered.entry.text = (*payload).into();
            numbered.entry.author = Some((*payload).into());
            numbered.entry.reason = Some((*payload).into());
        }
        let app: Name = "app.example.com".parse().expect("a name");
        let mut explanation = stage.explanation(&app);
        let decision = explanation.decision.as_mut().expect("it is steered");
        decision.why = (*payload).into();
        decision.regions[0].why = (*payload).into();
        decision.regions[0].region = (*payload).into();
        let sight = Sight { status: &status, trouble: Some(payload), now: stage.now() };
        let seen =
            NameSight { explanation: &explanation, history: Ok(&entries), beats: &beats, span: Span::Hour };
        let asked = OverviewQuery { find: (*payload).into(), ..OverviewQuery::default() };
        let question = HistoryQuestion { region: Some((*payload).into()), ..HistoryQuestion::newest(100) };
        let pages = [
            overview(&sight, &beats, &OverviewQuery::default()),
            overview(&sight, &beats, &asked),
            name(&sight, &app, &seen).expect("it is steered"),
            region(&sight, &"us-east".into(), &beats).expect("it is there"),
            history(&sight, &entries, &question),
            settings(&sight, &configured(payload)),
            hostile(&together, payload),
        ];
        for page in pages {
            judge(payload, &page); // it parses, and has no script, no handler, no link to elsewhere
            assert_eq!(page.matches("<script").count(), 1, "{payload}");
            for deceptive in ['\u{202e}', '\u{1b}', '\u{0}'] {
                assert!(!page.contains(deceptive), "{payload:?}");
            }
        }
    }
}
