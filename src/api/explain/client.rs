//! Whether a client is answered, by the configuration.

use std::net::IpAddr;

use ipnet::IpNet;

use super::ClientExplanation;
use crate::config::{DnsSettings, RateLimitSettings};

/// Whose network counts as one.
const IPV4_PREFIX_BITS: u8 = 24;
const IPV6_PREFIX_BITS: u8 = 56;

/// What becomes of the queries of a client.
pub(super) fn client(address: IpAddr, settings: &DnsSettings) -> ClientExplanation {
    let mut text = Vec::new();
    let is_answered = match &settings.allow {
        None => {
            text.push("every network is answered: [dns] allow is not set".to_owned());
            true
        }
        Some(networks) => match networks.iter().find(|network| network.contains(&address)) {
            Some(network) => {
                text.push(format!("answered: {network} of [dns] allow has it"));
                true
            }
            None => {
                text.push(
                    "in no network of [dns] allow: silence by datagrams, REFUSED by streams".to_owned(),
                );
                false
            }
        },
    };
    if is_answered {
        text.push(limit(address, &settings.rate_limit));
        text.push("with the same answer as every other client".to_owned());
    }
    if settings.proxy_protocol_from.iter().any(|network| network.contains(&address)) {
        text.push(
            "a front end of [dns] proxy_protocol_from: its queries count for the clients that it names"
                .to_owned(),
        );
    }
    ClientExplanation { address, is_answered, text }
}

fn limit(address: IpAddr, settings: &RateLimitSettings) -> String {
    let RateLimitSettings { enabled, rate, network_rate, slip, exempt } = settings;
    if !enabled {
        return "no rate limit: [dns.rate_limit] enabled is false".to_owned();
    }
    if address.is_loopback() {
        return "no rate limit: a loopback address".to_owned();
    }
    if let Some(network) = exempt.iter().find(|network| network.contains(&address)) {
        return format!("no rate limit: {network} of [dns.rate_limit] exempt has it");
    }
    let bits = if address.is_ipv4() { IPV4_PREFIX_BITS } else { IPV6_PREFIX_BITS };
    let network =
        IpNet::new(address, bits).map_or_else(|_| address.to_string(), |net| net.trunc().to_string());
    let beyond = match slip {
        0 => "silence".to_owned(),
        1 => "a truncated reply that sends it to TCP".to_owned(),
        slip => format!("one reply in {slip} is truncated and sends it to TCP, the others are silence"),
    };
    format!(
        "by datagrams {network} gets {rate} replies a second about one thing and {network_rate} in all, beyond that \
         {beyond}; no limit with a good cookie or by streams"
    )
}
