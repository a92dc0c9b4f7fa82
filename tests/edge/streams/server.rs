//! A server with one zone, and clients of it.

use std::net::SocketAddr;
use std::sync::Arc;

use cadence_dns::answer::{AnswerTable, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::{self, Serving, Tables};

use crate::kit::zone::{any_port, zone};

pub(crate) use crate::kit::query::{
    PATIENCE, ask, ask_by_udp, client, client_from, framed, is_closed, query, query_with, read_message,
    wait_for_close,
};

/// Everything that a reply can be: answers of all sizes, aliases, referrals, nothing.
pub(crate) const ZONE: &str = "\
@     300 SOA ns a 1 2 3 4 60
@     300 NS  ns
@     300 MX  10 www
ns    300 A   192.0.2.53
www   300 A   192.0.2.1
www   120 AAAA 2001:db8::1
alias 40  CNAME www
old   300 DNAME new
*.wild 300 TXT \"whatever\"
sub   300 NS  ns.sub
ns.sub 300 A  192.0.2.2
a.b.c 300 A   192.0.2.3
";

/// Some names in the zone, and types: for all of them.
pub(crate) const NAMES: [&str; 11] = [
    "t",
    "www.t",
    "WwW.t",
    "alias.t",
    "x.old.t",
    "x.y.wild.t",
    "sub.t",
    "b.c.t",
    "nowhere.t",
    "big.t",
    "else",
];
pub(crate) const TYPES: [u16; 7] = [1, 28, 5, 6, 15, 16, 255];

/// The tables of that zone.
pub(crate) fn tables() -> Tables {
    let big: String = (0..200).map(|i| format!("big 300 TXT \"{i:085}\"\n")).collect();
    let zone = zone("t", &(ZONE.to_owned() + &big));
    Tables::new(Arc::new(AnswerTable::compile(
        &[zone],
        &[],
        Identity { nsid: "ns1".into(), ..Identity::default() },
    )))
}

/// A server on a free port of the loopback, and its address.
pub(crate) fn serve(settings: DnsSettings) -> (SocketAddr, Serving) {
    let bound = dns::bind(&DnsSettings { listen: vec![any_port()], ..settings }).expect("a free port");
    (bound.addresses()[0], bound.serve(&tables()).expect("threads"))
}
