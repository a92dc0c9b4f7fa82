//! `[[region.probe]]`: one check for each address, or one for all.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::address;
use super::context::Context;
use super::grades;
use super::kind::{KindSpec, kind};
use super::rules::{Timing, rules};
use crate::config::probe_settings::{Probe, ProbeKind};
use crate::config::read::At;
use crate::config::spec::ProbeSpec;
use crate::health::{CertificateGrades, Check, Grades, Rules};
use crate::model::{CheckId, RegionId};

/// The checks of a probe, as the core and the prober see them.
#[derive(Default)]
pub(super) struct ProbeTargets {
    /// For the core, which keeps the health of each.
    pub(super) checks: Vec<Check>,
    /// For the prober, which sends the requests.
    pub(super) probes: Vec<Probe>,
}

/// One `[[region.probe]]`; `number` counts those of the region from 0.
pub(super) fn probe(
    At { value: spec, place }: At<ProbeSpec>,
    (region, number): (&RegionId, u16),
    addresses: &[IpAddr],
    context: Context<'_>,
) -> Option<ProbeTargets> {
    let diagnostics = context.diagnostics;
    #[rustfmt::skip]
    let ProbeSpec {
        url, tcp, grpc, dns, exec, label, address, port, method, version, headers, expect, service, ca_file, insecure,
        certificate, slow, tripwire, interval, recheck, timeout, fall, rise, brownout,
    } = spec;
    let rules = rules(Timing { interval, recheck, timeout, fall, rise, brownout }, diagnostics);
    let label: Option<Arc<str>> = label.map(|label| label.value.into());
    let one_for_all = address.is_some();
    let address = address.and_then(|text| address::unicast(&text, diagnostics));
    let aims = if one_for_all { address.as_slice() } else { addresses };
    let shown = certificate.as_ref().map(|certificate| certificate.place.clone());
    let is_written = certificate.is_some();
    let (certificate, least) = grades::certificate(certificate, diagnostics)?;
    let timeout_of = rules.as_ref().map(|rules| rules.timeout);
    let slow = grades::slow(slow, timeout_of, diagnostics)?;
    #[rustfmt::skip]
    let keys = KindSpec {
        url, tcp, grpc, dns, exec, port, method, version, headers, expect, service, ca_file, insecure,
        certificate: shown, tripwire: tripwire.as_ref().map(|tripwire| tripwire.place.clone()),
    };
    let tripwire = tripwire.is_some_and(|tripwire| tripwire.value);
    let (port, kind) = kind(keys, &place, aims, context)?;
    // Whoever accepts any certificate does not move because of one.
    let accepts_any = kind.trust().is_some_and(|trust| trust.insecure);
    let degraded = if accepts_any && !is_written { Duration::ZERO } else { certificate.degraded };
    let grades = Grades { certificate: CertificateGrades { degraded, ..certificate }, slow };
    let rules = Rules { hears: kind.hears(), grades, ..rules? };
    let mut targets = ProbeTargets::default();
    for target in aims.iter().map(|address| SocketAddr::new(*address, port)) {
        let check = CheckId { region: region.clone(), probe: number, address: target.ip() };
        let aim = Aim { target, least, tripwire, label: label.as_ref(), kind: &kind };
        targets.push(check, !one_for_all, rules, aim);
    }
    Some(targets)
}

/// What one check connects to, and what it does there.
struct Aim<'k> {
    target: SocketAddr,
    least: Duration,
    tripwire: bool,
    label: Option<&'k Arc<str>>,
    kind: &'k ProbeKind,
}

impl ProbeTargets {
    fn push(&mut self, check: CheckId, served: bool, rules: Rules, aim: Aim<'_>) {
        let Aim { target, least: certificate_least, tripwire, label, kind } = aim;
        let Rules { interval, recheck, timeout, .. } = rules;
        let endpoint = served.then_some(check.address);
        self.checks.push(Check { id: check.clone(), label: label.cloned(), endpoint, rules });
        let (label, kind) = (label.cloned(), kind.clone());
        self.probes.push(Probe {
            check,
            label,
            target,
            interval,
            recheck,
            timeout,
            tripwire,
            certificate_least,
            kind,
        });
    }
}
