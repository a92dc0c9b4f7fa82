//! `[api]`

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::address;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::{At, entries};
use crate::config::settings::ApiSettings;
use crate::config::spec::ApiSpec;

/// The port that documents and examples use.
const API_PORT: u16 = 8053;

/// `[api]`
pub(super) fn api(spec: Option<At<ApiSpec>>, diagnostics: &Diagnostics<'_>) -> ApiSettings {
    let ApiSpec { listen } = spec.map(|spec| spec.value).unwrap_or_default();
    let mut lines: BTreeMap<SocketAddr, u32> = BTreeMap::new();
    let mut sockets = Vec::new();
    for text in entries(listen) {
        let Some(socket) = address::bindable(&text, API_PORT, diagnostics) else { continue };
        if let Some(line) = lines.insert(socket, text.place.line) {
            let found = format!("{socket} is already listed in line {line}");
            diagnostics.error(&text.place, found, "list each address once");
            continue;
        }
        if !socket.ip().to_canonical().is_loopback() {
            let found = format!(
                "{socket} can be reached from other machines, and what is read there is not encrypted"
            );
            let help = format!("\"127.0.0.1:{}\", or a network that only operators reach", socket.port());
            diagnostics.warning(&text.place, found, help);
        }
        sockets.push(socket);
    }
    ApiSettings { listen: sockets }
}
