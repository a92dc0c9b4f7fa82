//! What every check saw lately, probe by probe: for a strip of heartbeats and for statistics, not for decisions.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::config::{Probe, ProbeKind};
use crate::health::{Observation, ProbeOutcome};
use crate::model::{CheckId, Moment, RegionId};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const HEARTBEATS_SCHEMA: &str = "cadence-dns/heartbeats/v1";

/// The most beats of one check that are kept.
pub const BEATS_MAX: usize = 120;

/// The most beats of all checks together: with more than a thousand checks each has fewer, and memory stays at some
/// twenty megabytes.
const BEATS_TOTAL_MAX: usize = 120_000;

/// How many beats are kept of each of so many checks: one at the least.
#[must_use]
pub fn beats_kept(checks: usize) -> usize {
    (BEATS_TOTAL_MAX / checks.max(1)).clamp(1, BEATS_MAX)
}

/// The last probes of every check. Times are RFC 3339 in UTC, spans are seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Heartbeats {
    /// [`HEARTBEATS_SCHEMA`].
    pub schema: String,
    /// Every check, in the order of the configuration.
    pub checks: Vec<CheckHeartbeat>,
}

/// The last probes of a check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckHeartbeat {
    /// The region, or `witness/` and the name of a witness.
    pub region: RegionId,
    /// The address that is probed.
    pub address: IpAddr,
    /// The check, such as `us-east/192.0.2.10#0`.
    pub check: String,
    /// The number of the `[[region.probe]]` within its region, from 0.
    pub probe: u16,
    /// Its label, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// What is done there, such as `GET https://example.com/health`.
    pub does: Arc<str>,
    /// What is connected to, such as `192.0.2.10:443`; the address alone for a program.
    pub target: Arc<str>,
    /// At most [`BEATS_MAX`] of them, the oldest first.
    pub beats: Vec<Beat>,
}

/// What one probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// When it ended.
    pub at: Moment,
    /// What it proves.
    pub outcome: BeatOutcome,
    /// How long it took.
    pub seconds: f64,
    /// Until it was connected: TCP, and the TLS handshake where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<f64>,
    /// Until the head of the response was there, from the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<f64>,
    /// Why it did not pass.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<str>>,
}

/// What a probe proves: a [`ProbeOutcome`] without its reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BeatOutcome {
    /// All that was expected.
    Pass,
    /// A failure that the far end told us of.
    Heard,
    /// A failure in silence.
    Silent,
    /// We failed ourselves.
    Ours,
}

impl BeatOutcome {
    /// All of them, in the order in which they are shown.
    pub const ALL: [BeatOutcome; 4] =
        [BeatOutcome::Pass, BeatOutcome::Heard, BeatOutcome::Silent, BeatOutcome::Ours];

    /// The metric label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            BeatOutcome::Pass => "pass",
            BeatOutcome::Heard => "heard",
            BeatOutcome::Silent => "silent",
            BeatOutcome::Ours => "ours",
        }
    }
}

/// The octets of a reason that are kept: a server's word may be long.
const WHY_MAX_OCTETS: usize = 160;

impl Beat {
    /// The probe that ended at a moment.
    #[must_use]
    pub fn of(observation: &Observation, at: Moment) -> Beat {
        let (outcome, why) = match &observation.outcome {
            ProbeOutcome::Pass => (BeatOutcome::Pass, None),
            ProbeOutcome::Heard(failure) => (BeatOutcome::Heard, Some(failure.to_string())),
            ProbeOutcome::Silent(failure) => (BeatOutcome::Silent, Some(failure.to_string())),
            ProbeOutcome::Ours(trouble) => (BeatOutcome::Ours, Some(trouble.clone())),
        };
        let timings = &observation.timings;
        Beat {
            at,
            outcome,
            seconds: timings.total.as_secs_f64(),
            connect: timings.connect.map(|span| span.as_secs_f64()),
            response: timings.response.map(|span| span.as_secs_f64()),
            why: why.map(|why| cut(&why).into()),
        }
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(WHY_MAX_OCTETS);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A check whose beats are kept.
#[derive(Debug, Clone, PartialEq)]
pub struct BeatingCheck {
    /// Which.
    pub id: CheckId,
    /// As in [`CheckHeartbeat`].
    pub label: Option<Arc<str>>,
    /// As in [`CheckHeartbeat`].
    pub does: Arc<str>,
    /// As in [`CheckHeartbeat`].
    pub target: Arc<str>,
}

impl BeatingCheck {
    /// The check of a probe of the configuration.
    #[must_use]
    pub fn of(probe: &Probe) -> BeatingCheck {
        let target = match &probe.kind {
            ProbeKind::Exec(_) => probe.check.address.to_string(),
            ProbeKind::Tcp | ProbeKind::Http(_) | ProbeKind::Grpc(_) | ProbeKind::Dns(_) => {
                probe.target.to_string()
            }
        };
        BeatingCheck {
            id: probe.check.clone(),
            label: probe.label.clone(),
            does: probe.does().into(),
            target: target.into(),
        }
    }

    /// With its beats.
    #[must_use]
    pub fn with(&self, beats: Vec<Beat>) -> CheckHeartbeat {
        let BeatingCheck { id, label, does, target } = self;
        CheckHeartbeat {
            region: id.region.clone(),
            address: id.address,
            check: id.to_string(),
            probe: id.probe,
            label: label.clone(),
            does: Arc::clone(does),
            target: Arc::clone(target),
            beats,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{Failure, Phase, Timings};

    fn beat(outcome: ProbeOutcome) -> Beat {
        let observation = Observation {
            check: CheckId { region: "us".into(), probe: 0, address: [192, 0, 2, 1].into() },
            vantage: "ns1".into(),
            outcome,
            timings: Timings {
                connect: Some(Duration::from_millis(12)),
                total: Duration::from_millis(250),
                ..Timings::default()
            },
            certificate_expires: None,
        };
        Beat::of(&observation, Moment::from_millis(1_795_363_451_007))
    }

    #[test]
    fn a_beat_is_what_a_probe_saw() {
        let shown = serde_json::to_string(&[
            beat(ProbeOutcome::Pass),
            beat(ProbeOutcome::failed(Failure::Timeout(Phase::Connect))),
            beat(ProbeOutcome::Ours("no descriptor".into())),
        ]);
        insta::assert_snapshot!(shown.expect("plain data"), @r#"[{"at":"2026-11-22T16:04:11.007Z","outcome":"pass","seconds":0.25,"connect":0.012},{"at":"2026-11-22T16:04:11.007Z","outcome":"silent","seconds":0.25,"connect":0.012,"why":"timeout connecting"},{"at":"2026-11-22T16:04:11.007Z","outcome":"ours","seconds":0.25,"connect":0.012,"why":"no descriptor"}]"#);
    }

    #[test]
    fn a_long_reason_is_cut_between_letters() {
        let said = "ü".repeat(1_000);
        let why =
            beat(ProbeOutcome::failed(Failure::Grpc { code: 2, message: said })).why.expect("it failed");
        assert!(why.len() <= WHY_MAX_OCTETS && why.ends_with('ü'), "{why}");
    }

    #[test]
    fn many_checks_keep_fewer_beats_each() {
        let kept = [0, 1, 1_000, 1_001, 12_000, 1_000_000].map(beats_kept);
        assert_eq!(kept, [120, 120, 120, 119, 10, 1]);
    }
}
