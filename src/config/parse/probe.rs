//! `[[region.probe]]`: one check for each address, or one for all.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::address;
use super::context::Context;
use super::http::{self, RequestSpec};
use super::limit::Limit;
use super::rules::{Timing, rules};
use crate::config::read::At;
use crate::config::settings::{Probe, ProbeKind};
use crate::config::spec::ProbeSpec;
use crate::health::{Check, Rules};
use crate::model::{CheckId, Place, RegionId};

const PORT: Limit<i64> = Limit { key: "port", least: 1, most: 65535, why: "the ports of TCP" };
const TCP: Limit<i64> = Limit { key: "tcp", ..PORT };

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
        url, tcp, address, port, method, headers, expect, ca_file, insecure,
        interval, recheck, timeout, fall, rise, brownout,
    } = spec;
    let rules = rules(Timing { interval, recheck, timeout, fall, rise, brownout }, diagnostics);
    let one_for_all = address.is_some();
    let address = address.and_then(|text| address::unicast(&text, diagnostics));
    let aims = if one_for_all { address.as_slice() } else { addresses };
    let port = port.and_then(|at| Some(At { value: PORT.check(&at, diagnostics)?, place: at.place }));
    let method =
        ProbeMethod { url, tcp, port, request: RequestSpec { method, headers, expect, ca_file, insecure } };
    let (port, kind) = method.parse(&place, aims, context)?;
    let rules = rules?;
    let mut targets = ProbeTargets::default();
    for target in aims.iter().map(|address| SocketAddr::new(*address, port)) {
        let check = CheckId { region: region.clone(), probe: number, address: target.ip() };
        targets.push(check, !one_for_all, rules, target, &kind);
    }
    Some(targets)
}

impl ProbeTargets {
    fn push(&mut self, check: CheckId, served: bool, rules: Rules, target: SocketAddr, kind: &ProbeKind) {
        let Rules { interval, recheck, timeout, .. } = rules;
        self.checks.push(Check { id: check.clone(), endpoint: served.then_some(check.address), rules });
        self.probes.push(Probe { check, target, interval, recheck, timeout, kind: kind.clone() });
    }
}

/// The keys of a probe that say what is sent, and where.
struct ProbeMethod {
    url: Option<At<String>>,
    tcp: Option<At<i64>>,
    port: Option<At<u16>>,
    request: RequestSpec,
}

impl ProbeMethod {
    /// The port to connect to, and what to do there.
    fn parse(self, place: &Place, aims: &[IpAddr], context: Context<'_>) -> Option<(u16, ProbeKind)> {
        let diagnostics = context.diagnostics;
        let ProbeMethod { url, tcp, port, request } = self;
        match (url, tcp) {
            (Some(url), None) => {
                let (port, http) = http::http(&url, port.as_ref(), request, aims, context)?;
                Some((port, ProbeKind::Http(Arc::new(http))))
            }
            (None, Some(tcp)) => {
                request.refuse_beside_tcp(diagnostics);
                if let Some(port) = port {
                    let found = "`port` beside `tcp`, which already names the port";
                    diagnostics.error(&port.place, found, "leave `port` out");
                }
                Some((TCP.check(&tcp, diagnostics)?, ProbeKind::Tcp))
            }
            (Some(_), Some(tcp)) => {
                let help = "one of the two; for both, add a second `[[region.probe]]`";
                diagnostics.error(&tcp.place, "a probe with `url` and with `tcp`", help);
                None
            }
            (None, None) => {
                let help = "add `url = \"https://…\"`, or `tcp` and a port";
                diagnostics.absence(place, "a probe without `url` and without `tcp`", help);
                None
            }
        }
    }
}
