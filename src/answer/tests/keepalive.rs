//! edns-tcp-keepalive (RFC 7828): on a connection, whoever asks is told for how long it may be idle.

use std::time::Duration;

use super::super::{QueryContext, Transport};
use super::render::{query, query_with};
use super::{PLAIN, ZONE, context, reply_for, table};

/// A query whose OPT has these octets as its options.
fn asking(options: &[u8]) -> Vec<u8> {
    let mut query = query_with("www.t A", hickory_proto::op::Edns::new());
    let length = query.len() - 1;
    query[length] = options.len() as u8;
    [&query, options].concat()
}

/// The reply's code, and what stands behind the fixed part of its OPT, on a connection that may be idle for so long.
fn told(idle: Option<Duration>, query: &[u8]) -> (u8, Vec<u8>) {
    let transport = if idle.is_some() { Transport::Tcp } else { Transport::Udp };
    let reply =
        reply_for(&QueryContext { idle, ..context(transport, &PLAIN) }, &table(&[("t", ZONE)]), query);
    let reply = reply.expect("a reply");
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0];
    let options = reply.windows(opt.len()).position(|octets| octets == opt).map(|at| at + opt.len() + 2);
    (reply[3] & 0xf, options.map_or(Vec::new(), |at| reply[at..].to_vec()))
}

const ASKS: [u8; 4] = [0, 11, 0, 0];

#[test]
fn the_timeout_in_force_is_told_in_tenths_of_a_second() {
    for (idle, tenths) in [(0, [0, 0]), (999, [0, 9]), (10_000, [0, 100]), (10_000_000, [0xff, 0xff])] {
        let reply = told(Some(Duration::from_millis(idle)), &asking(&ASKS));
        assert_eq!(reply, (0, [&[0, 11, 0, 2], &tenths[..]].concat()), "{idle} ms");
    }
}

#[test]
fn nobody_is_told_unasked() {
    let idle = Some(Duration::from_secs(10));
    assert_eq!(told(idle, &asking(&[])), (0, vec![]));
    assert_eq!(told(idle, &query("www.t A")), (0, vec![]));
}

#[test]
fn a_client_that_names_a_timeout_is_mistaken() {
    let demands = asking(&[0, 11, 0, 2, 0, 100]);
    let (code, options) = told(Some(Duration::from_secs(10)), &demands);
    assert_eq!((code, &options[..4]), (1, &[0, 11, 0, 2][..]));
}

#[test]
fn without_a_connection_the_option_means_nothing() {
    assert_eq!(told(None, &asking(&ASKS)), (0, vec![]));
    assert_eq!(told(None, &asking(&[0, 11, 0, 2, 0, 100])), (0, vec![]));
}
