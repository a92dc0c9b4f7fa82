//! Networks in lists: those that are answered, and those that no limit applies to.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;

/// The networks of a list, those left out that were reported.
pub(super) fn networks(list: &[At<String>], diagnostics: &Diagnostics<'_>) -> Vec<IpNet> {
    list.iter().filter_map(|text| network(text, diagnostics)).collect()
}

/// A network by its prefix; an address alone is a network of one host.
fn network(text: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<IpNet> {
    let read = text.value.parse::<IpNet>().or_else(|_| text.value.parse::<IpAddr>().map(IpNet::from));
    let Ok(network) = read else {
        let help = "an address and a prefix length, as in \"192.0.2.0/24\" or \"2001:db8::/32\"";
        diagnostics.error(&text.place, format!("{} is not a network", quoted(&text.value)), help);
        return None;
    };
    if network != network.trunc() {
        let found = format!("{network} has bits set beyond its prefix");
        diagnostics.error(&text.place, found, format!("\"{}\", or a longer prefix", network.trunc()));
        return None;
    }
    Some(network)
}
