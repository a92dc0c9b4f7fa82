//! `[node]`, `[dns]` and `[control]`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::limit::Limit;
use super::{address, entries, label, rate_limit, streams};
use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;
use crate::config::settings::{
    ControlSettings, CookieSettings, DNS_PORT, DnsSettings, NodeSettings, XdpSettings,
};
use crate::config::spec::{ControlSpec, CookiesSpec, DnsSpec, NodeSpec};

/// `[node] state_dir` when the file does not say.
pub(in crate::config) const STATE_DIR: &str = "/var/lib/cadence-dns";
/// `[control] socket` when the file does not say.
pub(in crate::config) const SOCKET: &str = "/run/cadence-dns/control.sock";

/// UDP threads for each address.
const WORKERS: Limit<i64> =
    Limit { key: "workers", least: 1, most: 1024, why: "one per core is best, and that is the default" };

/// So many octets fit into a reply of 512 with everything else that it may have to hold.
const VERSION_MAX_OCTETS: usize = 128;

/// The longest path of a UNIX socket, in octets: `sun_path` of Linux with its closing zero.
const SOCKET_PATH_OCTETS: usize = 107;

/// `[node]`
pub(super) fn node(
    spec: Option<At<NodeSpec>>,
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<NodeSettings> {
    let NodeSpec { name, state_dir } = spec?.value;
    let name = label("the node's name", &name?, diagnostics);
    let state_dir = path_or(state_dir, STATE_DIR, "state_dir", base, diagnostics);
    Some(NodeSettings { name: name?.as_str().into(), state_dir: state_dir? })
}

/// `[dns]`
pub(super) fn dns(
    spec: Option<At<DnsSpec>>,
    base: &Path,
    cores: usize,
    diagnostics: &Diagnostics<'_>,
) -> Option<DnsSettings> {
    let DnsSpec {
        listen,
        workers,
        rotate,
        version,
        identity,
        xdp,
        cookies: cookies_spec,
        rate_limit,
        tcp,
        tls,
        https,
    } = spec.map(|spec| spec.value).unwrap_or_default();
    let mut taken = BTreeMap::new();
    let default = DnsSettings::default();
    let listen = match listen {
        None => default.listen,
        some => distinct(&entries(some), DNS_PORT, &mut taken, diagnostics),
    };
    let workers = WORKERS.or(workers.as_ref(), cores.max(1), diagnostics);
    let rotate = rotate.map_or(default.rotate, |rotate| rotate.value);
    let xdp = xdp.map(|name| interface(name, diagnostics));
    let cookies = cookies(cookies_spec, base, diagnostics);
    let (tcp, tls) =
        (streams::tcp(tcp, diagnostics), streams::tls(tls, https, &mut taken, base, diagnostics));
    let rate_limit = rate_limit::rate_limit(rate_limit, diagnostics);
    let xdp = match xdp {
        Some(judged) => Some(judged?),
        None => None,
    };
    Some(DnsSettings {
        listen,
        workers: workers?,
        rotate,
        version: version.and_then(|text| shown_version(text, diagnostics)),
        identity: identity.map_or(default.identity, |identity| identity.value),
        xdp,
        cookies: cookies?,
        rate_limit: rate_limit?,
        tcp: tcp?,
        tls: tls?,
    })
}

/// What `version.bind` tells.
fn shown_version(text: At<String>, diagnostics: &Diagnostics<'_>) -> Option<String> {
    let octets = text.value.len();
    let found = match octets {
        0 => "`version` is empty".to_owned(),
        1..=VERSION_MAX_OCTETS => return Some(text.value),
        _ => format!("`version` has {octets} octets"),
    };
    let help = format!("1 to {VERSION_MAX_OCTETS} octets of text; leave it out to tell nobody");
    diagnostics.error(&text.place, found, help);
    None
}

/// The longest name of an interface, in octets: `IFNAMSIZ` of Linux without its closing zero.
const INTERFACE_OCTETS: usize = 15;

/// `[dns] xdp`: a name that an interface can have. Whether there is one, only the machine knows.
fn interface(name: At<String>, diagnostics: &Diagnostics<'_>) -> Option<XdpSettings> {
    let At { value: interface, place } = name;
    let signs = |octet: u8| octet.is_ascii_graphic() && octet != b'/' && octet != b':';
    let fits = (1..=INTERFACE_OCTETS).contains(&interface.len()) && !matches!(&*interface, "." | "..");
    if fits && interface.bytes().all(signs) {
        return Some(XdpSettings { interface, place });
    }
    let found = format!("`xdp` is {}, which no interface is called", quoted(&interface));
    diagnostics.error(
        &place,
        found,
        "the interface that queries come in on, as `ip -brief link` shows it: \"eth0\"",
    );
    None
}

/// `[dns.cookies]`
fn cookies(
    spec: Option<At<CookiesSpec>>,
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<CookieSettings> {
    let CookiesSpec { enabled, secret_file } = spec.map(|spec| spec.value).unwrap_or_default();
    let default = CookieSettings::default();
    let enabled = enabled.map_or(default.enabled, |enabled| enabled.value);
    let Some(file) = secret_file else { return Some(CookieSettings { enabled, ..default }) };
    let secret_file = path(&file, "secret_file", base, diagnostics)?;
    Some(CookieSettings { enabled, secret_file: Some(secret_file), secret_file_place: Some(file.place) })
}

/// The addresses to listen on, none twice: `seen` are those of other lists, and their lines. `port` is the usual one.
pub(super) fn distinct(
    listen: &[At<String>],
    port: u16,
    seen: &mut BTreeMap<SocketAddr, u32>,
    diagnostics: &Diagnostics<'_>,
) -> Vec<SocketAddr> {
    let mut sockets = Vec::new();
    for text in listen {
        let Some(socket) = address::bindable(text, port, diagnostics) else { continue };
        match seen.insert(socket, text.place.line) {
            None => sockets.push(socket),
            Some(line) => {
                diagnostics.error(
                    &text.place,
                    format!("{socket} stands in line {line} already"),
                    "each address once",
                );
            }
        }
    }
    sockets
}

/// `[control]`
pub(super) fn control(
    spec: Option<At<ControlSpec>>,
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<ControlSettings> {
    let ControlSpec { socket } = spec.map(|spec| spec.value).unwrap_or_default();
    let place = socket.as_ref().map(|socket| socket.place.clone());
    let socket = path_or(socket, SOCKET, "socket", base, diagnostics)?;
    let octets = socket.as_os_str().as_bytes().len();
    if let Some(place) = place.filter(|_| octets > SOCKET_PATH_OCTETS) {
        let help = format!("at most {SOCKET_PATH_OCTETS}: the system knows no longer name of a socket");
        diagnostics.error(&place, format!("the socket's path has {octets} octets"), help);
        return None;
    }
    Some(ControlSettings { socket })
}

/// A path of the file, or the default.
fn path_or(
    given: Option<At<String>>,
    default: &str,
    key: &str,
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<PathBuf> {
    given.map_or(Some(default.into()), |text| path(&text, key, base, diagnostics))
}

/// A path; a relative one starts at the configuration file's folder.
pub(super) fn path(
    text: &At<String>,
    key: &str,
    base: &Path,
    diagnostics: &Diagnostics<'_>,
) -> Option<PathBuf> {
    if text.value.is_empty() || text.value.contains('\0') {
        diagnostics.error(
            &text.place,
            format!("`{key}` is no path"),
            "a path, from the root or from this file's folder",
        );
        return None;
    }
    Some(base.join(&text.value))
}
