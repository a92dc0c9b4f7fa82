//! `[dns]` and the tables below it.

mod cookies;
mod listen;
mod network;
mod rate_limit;
mod streams;

use super::context::Context;
use super::limit::Limit;
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;
use crate::config::settings::{DNS_PORT, DnsSettings, XdpSettings};
use crate::config::spec::DnsSpec;
use crate::model::Place;
use listen::Listening;

/// UDP threads for each address.
const WORKERS: Limit<i64> =
    Limit { key: "workers", least: 1, most: 1024, why: "one per core is best, and that is the default" };

/// The buffers of each UDP socket.
const RECEIVE_BUFFER: Limit<i64> = buffer("receive_buffer");
const SEND_BUFFER: Limit<i64> = buffer("send_buffer");

/// From a few hundred datagrams to a quarter of what the kernel can count.
const fn buffer(key: &'static str) -> Limit<i64> {
    Limit { key, least: 64 << 10, most: 256 << 20, why: "octets for each UDP socket, 4194304 by default" }
}

/// The longest text at `version.bind`, in octets: with it, a reply of 512 octets has room for all its options.
const VERSION_MAX_OCTETS: usize = 128;

/// The longest name of an interface, in octets: `IFNAMSIZ` of Linux without its closing zero.
const INTERFACE_OCTETS: usize = 15;

/// Where it names addresses that are listened on, of whatever protocol.
pub(super) fn listened(spec: Option<&At<DnsSpec>>) -> Option<Place> {
    let DnsSpec { listen, tls, https, xdp, .. } = &spec?.value;
    let places = [
        listen.as_ref().map(|listen| &listen.place),
        tls.as_ref().map(|tls| &tls.place),
        https.as_ref().map(|https| &https.place),
        xdp.as_ref().map(|xdp| &xdp.place),
    ];
    places.into_iter().flatten().min().cloned()
}

/// `[dns]`
pub(super) fn dns(spec: Option<At<DnsSpec>>, context: Context<'_>) -> Option<DnsSettings> {
    #[rustfmt::skip]
    let DnsSpec {
        listen, allow, proxy_protocol_from, workers, receive_buffer, send_buffer, rotate, version, identity, xdp,
        cookies, rate_limit, tcp, tls, https,
    } = spec.map(|spec| spec.value).unwrap_or_default();
    let diagnostics = context.diagnostics;
    let default = DnsSettings::default();
    let mut listening = Listening::default();
    let listen = listen.map(|listen| listening.distinct(&listen.value, DNS_PORT, diagnostics));
    let allow = allow.map(|allow| network::networks(&allow.value, diagnostics));
    let front_ends = proxy_protocol_from.map(|list| network::networks(&list.value, diagnostics));
    let workers = WORKERS.or(workers.as_ref(), context.cores.max(1), diagnostics);
    let receive_buffer = RECEIVE_BUFFER.or(receive_buffer.as_ref(), default.receive_buffer, diagnostics);
    let send_buffer = SEND_BUFFER.or(send_buffer.as_ref(), default.send_buffer, diagnostics);
    let version = version.and_then(|text| shown_version(text, diagnostics));
    let xdp = xdp.map(|name| interface(name, diagnostics));
    let cookies = cookies::cookies(cookies, context);
    let tcp = streams::tcp(tcp, diagnostics);
    let tls = streams::tls(tls, https, &mut listening, context);
    let rate_limit = rate_limit::rate_limit(rate_limit, diagnostics);
    Some(DnsSettings {
        listen: listen.unwrap_or(default.listen),
        allow,
        proxy_protocol_from: front_ends.unwrap_or_default(),
        workers: workers?,
        receive_buffer: receive_buffer?,
        send_buffer: send_buffer?,
        rotate: rotate.map_or(default.rotate, |rotate| rotate.value),
        version,
        identity: identity.map_or(default.identity, |identity| identity.value),
        xdp: match xdp {
            Some(judged) => Some(judged?),
            None => None,
        },
        cookies: cookies?,
        rate_limit: rate_limit?,
        tcp: tcp?,
        tls: tls?,
    })
}

/// The text at `version.bind`.
fn shown_version(text: At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let octets = text.value.len();
    let found = match octets {
        0 => "`version` is empty".to_owned(),
        1..=VERSION_MAX_OCTETS => return Some(text.value),
        _ => format!("`version` has {octets} octets"),
    };
    let help = format!("1 to {VERSION_MAX_OCTETS} octets of text; leave it out to show no version");
    diagnostics.error(&text.place, found, help);
    None
}

/// `[dns] xdp`: a name that an interface can have. Whether there is one, only the machine knows.
fn interface(name: At<String>, diagnostics: &Diagnostics<'_>) -> Option<XdpSettings> {
    let At { value: interface, place } = name;
    let is_allowed = |octet: u8| octet.is_ascii_graphic() && octet != b'/' && octet != b':';
    let fits = (1..=INTERFACE_OCTETS).contains(&interface.len()) && !matches!(&*interface, "." | "..");
    if fits && interface.bytes().all(is_allowed) {
        return Some(XdpSettings { interface, place });
    }
    let found = format!("`xdp` is {}, which cannot be the name of an interface", quoted(&interface));
    let help = "the interface that receives the queries, as `ip -brief link` shows it: \"eth0\"";
    diagnostics.error(&place, found, help);
    None
}
