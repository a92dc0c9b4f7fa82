//! A server with one zone, and clients of it.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use cadence_dns::answer::{AnswerTable, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::{self, Serving, Tables};
use cadence_dns::model::Name;
use cadence_dns::zone::{self, MasterFile, RecordType};
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use socket2::{Domain, Socket, Type};

/// How long anything on this machine may take at the worst.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

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
    let origin: Name = "t".parse().expect("a good name");
    let big: String = (0..200).map(|i| format!("big 300 TXT \"{i:085}\"\n")).collect();
    let text = ZONE.to_owned() + &big;
    let master = MasterFile { file: "t.zone", text: text.as_bytes() };
    let zone = zone::parse(&origin, &master, &BTreeSet::new(), &mut zone::no_include);
    let zone = zone.unwrap_or_else(|problems| panic!("{}", problems[0])).zone;
    Tables::new(Arc::new(AnswerTable::compile(
        &[zone],
        &[],
        Identity { nsid: "ns1".into(), ..Identity::default() },
    )))
}

/// A server on a free port of the loopback, and its address.
pub(crate) fn serve(settings: DnsSettings) -> (SocketAddr, Serving) {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let bound = dns::bind(&DnsSettings { listen: vec![any_port], ..settings }).expect("a free port");
    (bound.addresses()[0], bound.serve(&tables()).expect("threads"))
}

pub(crate) fn query(id: u16, question: &str, rtype: RecordType) -> Vec<u8> {
    message(id, question, rtype).to_vec().expect("a query that can be written")
}

/// With an OPT that has these options.
pub(crate) fn query_with(id: u16, question: &str, rtype: RecordType, options: Vec<EdnsOption>) -> Vec<u8> {
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    options.into_iter().for_each(|option| edns.options_mut().insert(option));
    let mut message = message(id, question, rtype);
    message.edns = Some(edns);
    message.to_vec().expect("a query that can be written")
}

fn message(id: u16, question: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    let owner = hickory_proto::rr::Name::from_ascii(question).expect("a name");
    message.add_query(Query::query(owner, rtype.0.into()));
    message
}

pub(crate) fn framed(query: &[u8]) -> Vec<u8> {
    let length = u16::try_from(query.len()).expect("a short query");
    [&length.to_be_bytes(), query].concat()
}

/// A connection from an address of ours.
pub(crate) fn client_from(address: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let from = SocketAddr::from((IpAddr::from(address), 0));
    socket.bind(&from.into()).expect("all of 127.0.0.0/8 is ours");
    socket.connect_timeout(&server.into(), PATIENCE).expect("somebody listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    socket.into()
}

pub(crate) fn client(server: SocketAddr) -> TcpStream {
    client_from([127, 0, 0, 1], server)
}

/// The next message of a stream.
pub(crate) fn read_message(stream: &mut impl Read) -> Vec<u8> {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("a length");
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).expect("a whole message");
    message
}

/// Asks on a stream and waits for the reply.
pub(crate) fn ask(stream: &mut (impl Read + Write), query: &[u8]) -> Vec<u8> {
    stream.write_all(&framed(query)).expect("somebody reads");
    stream.flush().expect("somebody reads");
    read_message(stream)
}

pub(crate) fn ask_by_udp(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let client = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    client.send_to(query, server).expect("sent to ourselves");
    let mut reply = vec![0; 65535];
    let octets = client.recv(&mut reply).expect("a reply");
    reply[..octets].to_vec()
}

/// Whether the server has closed the connection, without waiting for it.
pub(crate) fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("our socket");
    let closed = match (&mut &*stream).read(&mut [0]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).expect("our socket");
    closed
}

/// Waits until the server closes the connection.
pub(crate) fn wait_for_close(stream: &mut TcpStream) {
    loop {
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return,
            Ok(_) => {} // what was still under way
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => panic!("it stays open"),
            Err(_) => return, // it was closed with queries unread
        }
    }
}
