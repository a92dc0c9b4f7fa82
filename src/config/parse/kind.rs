//! What a probe sends, and to which port: exactly one of `url`, `tcp`, `grpc`, `dns` and `exec`.

use std::net::IpAddr;
use std::sync::Arc;

use super::context::Context;
use super::http::{self, CallSpec, HeadersSpec, RequestSpec, TrustSpec};
use super::limit::Limit;
use super::{program, question};
use crate::config::diagnostics::Diagnostics;
use crate::config::probe_settings::ProbeKind;
use crate::config::read::At;
use crate::config::spec::{ExpectSpec, QuestionSpec};
use crate::model::Place;

const PORT: Limit<i64> = Limit { key: "port", least: 1, most: 65535, why: "the ports of TCP" };
const TCP: Limit<i64> = Limit { key: "tcp", ..PORT };

/// The keys of a probe that say what is sent, and where.
pub(super) struct KindSpec {
    pub(super) url: Option<At<String>>,
    pub(super) tcp: Option<At<i64>>,
    pub(super) grpc: Option<At<String>>,
    pub(super) dns: Option<At<QuestionSpec>>,
    pub(super) exec: Option<At<Vec<At<String>>>>,
    pub(super) port: Option<At<i64>>,
    pub(super) method: Option<At<String>>,
    pub(super) version: Option<At<String>>,
    pub(super) headers: Option<At<HeadersSpec>>,
    pub(super) expect: Option<At<ExpectSpec>>,
    pub(super) service: Option<At<String>>,
    pub(super) ca_file: Option<At<String>>,
    pub(super) insecure: Option<At<bool>>,
    /// Where `certificate` stands, which is judged elsewhere.
    pub(super) certificate: Option<Place>,
    /// Where `tripwire` stands, likewise.
    pub(super) tripwire: Option<Place>,
}

/// The port to connect to, and what to do there. `place` is that of the whole probe.
pub(super) fn kind(
    keys: KindSpec,
    place: &Place,
    aims: &[IpAddr],
    context: Context<'_>,
) -> Option<(u16, ProbeKind)> {
    let diagnostics = context.diagnostics;
    let named = keys.named();
    if let [(first, _), (second, place), ..] = named.as_slice() {
        let found = format!("a probe with `{first}` and with `{second}`");
        diagnostics.error(place, found, "one of the two; for both, add a second `[[region.probe]]`");
        return None;
    }
    let Some((named, _)) = named.first() else {
        let help = "add `url = \"https://…\"`, or `tcp` and a port";
        diagnostics.absence(place, "a probe without `url` and without `tcp`", help);
        return None;
    };
    keys.refuse_useless(named, diagnostics);
    #[rustfmt::skip]
    let KindSpec {
        url, tcp, grpc, dns, exec, port, method, version, headers, expect, service, ca_file, insecure,
        certificate, tripwire: _,
    } = keys;
    let has_no_port = tcp.is_some() || exec.is_some();
    let port = port.filter(|_| !has_no_port);
    let port = port.and_then(|at| Some(At { value: PORT.check(&at, diagnostics)?, place: at.place }));
    let trust = TrustSpec { ca_file, insecure, certificate };
    if let Some(url) = url {
        let request = RequestSpec { method, version, headers, expect, trust };
        let (port, http) = http::http(&url, port.as_ref(), request, aims, context)?;
        Some((port, ProbeKind::Http(Arc::new(http))))
    } else if let Some(url) = grpc {
        let call = CallSpec { service, headers, trust };
        let (port, grpc) = http::grpc(&url, port.as_ref(), call, aims, context)?;
        Some((port, ProbeKind::Grpc(Arc::new(grpc))))
    } else if let Some(tcp) = tcp {
        Some((TCP.check(&tcp, diagnostics)?, ProbeKind::Tcp))
    } else if let Some(dns) = dns {
        let port = port.map_or(question::PORT, |port| port.value);
        Some((port, ProbeKind::Dns(Arc::new(question::question(dns.value, diagnostics)?))))
    } else {
        Some((0, ProbeKind::Exec(Arc::new(program::program(exec?, diagnostics)?))))
    }
}

/// What each kind does, for messages about keys that it has no use for.
const DOES: [(&str, &str); 5] = [
    ("url", "fetches a page"),
    ("tcp", "only connects"),
    ("grpc", "asks for health"),
    ("dns", "asks a question"),
    ("exec", "runs a program"),
];

impl KindSpec {
    /// The keys that name a kind, of which there should be one.
    fn named(&self) -> Vec<(&'static str, Place)> {
        let all = [
            ("url", place(&self.url)),
            ("tcp", place(&self.tcp)),
            ("grpc", place(&self.grpc)),
            ("dns", place(&self.dns)),
            ("exec", place(&self.exec)),
        ];
        all.into_iter().filter_map(|(key, place)| Some((key, place?.clone()))).collect()
    }

    /// Reports the keys that the kind has no use for.
    fn refuse_useless(&self, kind: &str, diagnostics: &Diagnostics<'_>) {
        let of_http: &[&str] = &["url", "grpc"];
        let keys: [(&str, Option<&Place>, &[&str]); 10] = [
            ("port", place(&self.port), &["url", "grpc", "dns"]),
            ("method", place(&self.method), &["url"]),
            ("version", place(&self.version), &["url"]),
            ("headers", place(&self.headers), of_http),
            ("expect", place(&self.expect), &["url"]),
            ("service", place(&self.service), &["grpc"]),
            ("ca_file", place(&self.ca_file), of_http),
            ("insecure", place(&self.insecure), of_http),
            ("certificate", self.certificate.as_ref(), of_http),
            ("tripwire", self.tripwire.as_ref(), &["url", "tcp", "grpc"]),
        ];
        let does = DOES.iter().find(|(known, _)| *known == kind).map_or("is", |(_, does)| does);
        for (key, place, kinds) in keys {
            let Some(place) = place.filter(|_| !kinds.contains(&kind)) else { continue };
            let (found, help) = match (key, kind) {
                ("port", "tcp") => {
                    ("`port` beside `tcp`, which already names the port".into(), "leave `port` out".into())
                }
                _ => (
                    format!("`{key}` beside `{kind}`, which {does}"),
                    format!(
                        "leave it out, or probe {}",
                        if kinds == ["grpc"] { "`grpc`" } else { "a `url`" }
                    ),
                ),
            };
            diagnostics.error(place, found, help);
        }
    }
}

fn place<T>(at: &Option<At<T>>) -> Option<&Place> {
    at.as_ref().map(|at| &at.place)
}
