//! Addresses, as they are served and as they are listened on.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use crate::config::diagnostics::{Diagnostics, quoted};
use crate::config::read::At;

/// An address that packets can be sent to.
pub(super) fn unicast(text: &At<String>, diagnostics: &Diagnostics<'_>) -> Option<IpAddr> {
    let Ok(address) = text.value.parse::<IpAddr>() else {
        diagnostics.error(
            &text.place,
            format!("{} is not an IP address", quoted(&text.value)),
            not_an_address(&text.value),
        );
        return None;
    };
    match not_one_host(address) {
        Some((why, help)) => diagnostics.error(&text.place, format!("{address} is {why}"), help),
        None => return Some(address),
    }
    None
}

/// What was probably meant.
fn not_an_address(text: &str) -> String {
    match text.parse::<SocketAddr>() {
        Ok(socket) => format!("\"{}\", without the port", socket.ip()),
        Err(_) => "an IPv4 or IPv6 address, as in \"192.0.2.10\" or \"2001:db8::10\"".into(),
    }
}

/// Why this is not the address of one host, and what would be right.
fn not_one_host(address: IpAddr) -> Option<(&'static str, String)> {
    let one = || "the address of one host".to_owned();
    match (address, address.to_canonical()) {
        _ if address.is_unspecified() => Some(("the unspecified address", one())),
        _ if address.is_multicast() => Some(("a multicast address", one())),
        (IpAddr::V4(Ipv4Addr::BROADCAST), _) => Some(("the broadcast address", one())),
        (IpAddr::V6(_), IpAddr::V4(v4)) => {
            Some(("an IPv4 address that IPv6 clients cannot reach", format!("\"{v4}\"")))
        }
        (IpAddr::V4(_) | IpAddr::V6(_), _) => None,
    }
}

/// An address and port that a socket can be bound to; `port` is where clients ask.
pub(super) fn bindable(text: &At<String>, port: u16, diagnostics: &Diagnostics<'_>) -> Option<SocketAddr> {
    let Ok(socket) = text.value.parse::<SocketAddr>() else {
        let found = format!("{} is not an address with a port", quoted(&text.value));
        diagnostics.error(&text.place, found, not_a_socket(&text.value, port));
        return None;
    };
    if socket.ip().is_multicast() {
        diagnostics.error(
            &text.place,
            format!("{socket} is a multicast address"),
            "an address of this machine",
        );
        return None;
    }
    if socket.port() == 0 {
        let help = format!("clients look for port {port}; port 0 is for tests");
        diagnostics.warning(&text.place, format!("{socket} has a port that the system chooses"), help);
    }
    Some(socket)
}

/// What was probably meant.
fn not_a_socket(text: &str, port: u16) -> String {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => format!("\"{}\"", SocketAddr::new(address, port)),
        Err(_) => format!("an IP address and a port, as in \"0.0.0.0:{port}\" or \"[::]:{port}\""),
    }
}
