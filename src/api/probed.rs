//! What `cadence-dns probe` shows: one probe of each check, and what a region would be by it.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::health::{
    CheckState, Failure, Observation, ProbeOutcome, Region, Rules, State, Testimony, Verdict, ballots_of,
    judge,
};
use crate::model::{CheckId, Moment, RegionId, VantageId};

/// The name of the document's shape. Within it, fields are added and never change their meaning.
pub const PROBE_SCHEMA: &str = "cadence-dns/probe/v1";

/// One probe of each check. Times are RFC 3339 in UTC, spans are seconds from the start of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probed {
    /// [`PROBE_SCHEMA`].
    pub schema: String,
    /// When.
    pub time: Moment,
    /// By region, in the order of the configuration.
    pub regions: Vec<RegionProbed>,
}

/// The probes of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionProbed {
    /// The region, or `witness/` and the name of a witness.
    pub region: RegionId,
    /// What it would be if its probes went on like this; none for a witness.
    pub state: Option<State>,
    /// The same in words.
    pub why: String,
    /// Each of its checks.
    pub checks: Vec<CheckProbed>,
}

/// What one probe saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CheckProbed {
    /// The number of the `[[region.probe]]` within its region, from 0.
    pub probe: u16,
    /// Its label.
    pub label: Option<String>,
    /// The address that was probed.
    pub address: IpAddr,
    /// What was connected to; none for a program.
    pub target: Option<SocketAddr>,
    /// What was done there.
    pub does: String,
    /// What it saw: `pass`, a failure that was `heard` or came with `silent`ce, or `ours`, which says nothing.
    pub outcome: ProbeOutcome,
    /// Until TCP stood.
    pub tcp: Option<f64>,
    /// Until the connection stood, TLS included.
    pub connect: Option<f64>,
    /// Until the head of the reply was there.
    pub first_byte: Option<f64>,
    /// All of it.
    pub total: f64,
    /// What was agreed on in the TLS handshake.
    pub tls: Option<String>,
    /// The certificate that was shown.
    pub certificate: Option<CertificateProbed>,
    /// The head of the reply.
    pub reply: Option<String>,
    /// How what the far end, or a program, said begins.
    pub said: Option<String>,
}

/// A certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertificateProbed {
    /// Whose it is.
    pub subject: String,
    /// The names that it is for.
    pub names: Vec<String>,
    /// Who signed it.
    pub issuer: String,
    /// Until when it is valid.
    pub expires: Option<Moment>,
}

impl CheckProbed {
    /// Whether it passed.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.outcome == ProbeOutcome::Pass
    }

    /// Why it failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.outcome.failure()
    }
}

impl Probed {
    /// Whether every probe passed.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.regions.iter().flat_map(|region| &region.checks).all(CheckProbed::passes)
    }

    /// The regions that would not be up.
    pub fn not_up(&self) -> impl Iterator<Item = &RegionProbed> {
        self.regions.iter().filter(|region| region.state.is_some_and(|state| state != State::Up))
    }
}

/// What a region would be if its probes went on like these: as the daemon judges it, with a single probe for proof.
#[must_use]
pub fn would_be(region: &Region, observations: &[Observation], now: Moment) -> Verdict {
    let mut region = region.clone();
    for check in &mut region.checks {
        check.rules = Rules { fall: 1, rise: 1, brownout: None, ..check.rules };
    }
    let mut states: BTreeMap<CheckId, CheckState> = BTreeMap::new();
    let mut vantage = VantageId::from("");
    for observation in observations {
        let Some(check) = region.checks.iter().find(|check| check.id == observation.check) else { continue };
        let state = states.entry(check.id.clone()).or_insert_with(|| CheckState::unseen(now));
        state.observe(observation, &check.rules, Testimony::Counts, now);
        vantage = observation.vantage.clone();
    }
    let ballots = ballots_of(&vantage, &region, &states, now);
    judge(&region, &[ballots], None, now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::health::{Calculation, Check, Grades, MinUp, Passes, Timings};

    fn check_id(probe: u16, host: u8) -> CheckId {
        CheckId { region: "us".into(), probe, address: [192, 0, 2, host].into() }
    }

    /// Two addresses with two probes each; one letter a probe: `.` passes, `x` fails, `?` is our own fault.
    fn check(letters: &str, passes: Passes, expected: State) {
        let rules = Rules {
            fall: 3,
            rise: 3,
            brownout: None,
            interval: Duration::from_secs(5),
            recheck: Duration::from_secs(1),
            timeout: Duration::from_secs(2),
            hears: true,
            grades: Grades::NONE,
        };
        let ids = [check_id(0, 1), check_id(1, 1), check_id(0, 2), check_id(1, 2)];
        let checks =
            ids.iter().map(|id| Check { id: id.clone(), label: None, endpoint: Some(id.address), rules });
        let addresses: Vec<IpAddr> = vec![[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
        let region = Region {
            id: "us".into(),
            families: Region::default_families(&addresses),
            addresses,
            min_up: MinUp::Percent(50),
            passes,
            checks: checks.collect(),
        };
        let observation = |(id, letter): (&CheckId, char)| Observation {
            check: id.clone(),
            vantage: "v".into(),
            outcome: match letter {
                '.' => ProbeOutcome::Pass,
                'x' => ProbeOutcome::Heard(Failure::Refused),
                _ => ProbeOutcome::Ours("no route".into()),
            },
            timings: Timings::default(),
            certificate_expires: None,
        };
        let observations: Vec<Observation> = ids.iter().zip(letters.chars()).map(observation).collect();
        let verdict = would_be(&region, &observations, Moment::from_millis(1_000_000));
        assert_eq!(verdict.state, expected, "{letters}: {verdict}");
    }

    #[test]
    fn a_region_is_judged_as_the_daemon_would() {
        check("....", Passes::All, State::Up);
        check(".x..", Passes::All, State::Up);
        check(".xx.", Passes::All, State::Down);
        check("????", Passes::All, State::Unknown);
        check("??xx", Passes::All, State::Down);
        let any = || {
            Passes::Calculated(Calculation::AtLeast(1, vec![Calculation::Probe(0), Calculation::Probe(1)]))
        };
        check(".xx.", any(), State::Up);
        check("xxxx", any(), State::Down);
    }
}
