//! Clients behind front ends that speak the PROXY protocol: each is answered for what it is, by UDP and TCP.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use cadence_dns::config::DnsSettings;
use cadence_dns::dns::Serving;
use cadence_dns::zone::RecordType;
use hickory_proto::op::ResponseCode;
use ppp::v2::{Builder, Command, Protocol, Version};

use crate::kit::query::{client_from, framed, query, read, read_message, receive, udp_client_from};
use crate::streams::server::serve;

const FRONT_END: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const ALLOWED: &str = "198.51.100.7:5000";
const STRANGER: &str = "203.0.113.7:5000";

/// Answers one network, and knows one front end, which is not in it.
fn started() -> (SocketAddr, Serving) {
    let network = |text: &str| text.parse().expect("a network");
    serve(DnsSettings {
        allow: Some(vec![network("198.51.100.0/24")]),
        proxy_protocol_from: vec![network("127.0.0.1/32")],
        ..DnsSettings::default()
    })
}

fn header(client: &str, protocol: Protocol) -> Vec<u8> {
    let addresses = (client.parse::<SocketAddr>().expect("ours"), SocketAddr::from(([192, 0, 2, 53], 53)));
    let builder = Builder::with_addresses(Version::Two | Command::Proxy, protocol, addresses);
    builder.build().expect("a short header")
}

fn code(reply: &[u8]) -> ResponseCode {
    read(reply).metadata.response_code
}

#[test]
fn a_datagram_is_answered_for_the_client_behind_the_front_end() {
    let (server, serving) = started();
    let asked = |id| query(id, "www.t", RecordType::A);
    let for_client = |id, client| [header(client, Protocol::Datagram), asked(id)].concat();
    let (front_end, other) = (udp_client_from(FRONT_END, server), udp_client_from(OTHER, server));
    // Of all of these one is answered, and it comes last.
    front_end.send(&asked(1)).expect("a route");
    front_end.send(&for_client(2, STRANGER)).expect("a route");
    front_end.send(&for_client(3, ALLOWED)[..20]).expect("a route");
    other.send(&for_client(4, ALLOWED)).expect("a route");
    front_end.send(&for_client(5, ALLOWED)).expect("a route");
    let reply = receive(&front_end);
    assert_eq!((reply[..2].to_vec(), code(&reply)), (vec![0, 5], ResponseCode::NoError));
    serving.stop();
}

#[test]
fn a_stream_is_answered_for_the_client_behind_the_front_end() {
    let (server, serving) = started();
    let ask = |from, before: &[u8]| {
        let mut stream = client_from(from, server);
        stream.write_all(&[before, &framed(&query(7, "www.t", RecordType::A))].concat()).expect("it is open");
        let answered = stream.peek(&mut [0]).is_ok_and(|octets| octets > 0);
        answered.then(|| code(&read_message(&mut stream)))
    };
    assert_eq!(ask(FRONT_END, &header(ALLOWED, Protocol::Stream)), Some(ResponseCode::NoError));
    assert_eq!(ask(FRONT_END, &header(STRANGER, Protocol::Stream)), Some(ResponseCode::Refused));
    assert_eq!(ask(FRONT_END, b""), None, "a front end says who asks");
    assert_eq!(ask(OTHER, b""), Some(ResponseCode::Refused));
    serving.stop();
}
