//! Queries, the framing of streams (RFC 1035 section 4.2.2), and clients over UDP and TCP.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use cadence_dns::zone::RecordType;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::EdnsOption;
use socket2::{Domain, Socket, Type};

/// The longest that anything on this machine may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The longest message that UDP or a stream carries.
const MESSAGE_MAX: usize = 65535;

/// A query without EDNS.
pub(crate) fn query(id: u16, question: &str, rtype: RecordType) -> Vec<u8> {
    octets(&message(id, question, rtype))
}

/// A query with an OPT record that has these options and offers 1232 octets.
pub(crate) fn query_with(id: u16, question: &str, rtype: RecordType, options: Vec<EdnsOption>) -> Vec<u8> {
    let mut edns = Edns::new();
    edns.set_max_payload(1232);
    options.into_iter().for_each(|option| edns.options_mut().insert(option));
    let mut message = message(id, question, rtype);
    message.edns = Some(edns);
    octets(&message)
}

/// A query as hickory's message, for what the others cannot say. Recursion is not desired.
pub(crate) fn message(id: u16, question: &str, rtype: RecordType) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    let name: cadence_dns::model::Name = question.parse().expect("a name");
    let owner = hickory_proto::rr::Name::from_labels(name.labels()).expect("a name");
    message.metadata.recursion_desired = false;
    message.add_query(Query::query(owner, rtype.0.into()));
    message
}

pub(crate) fn octets(message: &Message) -> Vec<u8> {
    message.to_vec().expect("a query that can be written")
}

/// A reply, read by hickory.
pub(crate) fn read(reply: &[u8]) -> Message {
    Message::from_vec(reply).unwrap_or_else(|error| panic!("{error}: {reply:02x?}"))
}

/// A message with its length before it.
pub(crate) fn framed(query: &[u8]) -> Vec<u8> {
    let length = u16::try_from(query.len()).expect("a short query");
    [&length.to_be_bytes(), query].concat()
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
    stream.write_all(&framed(query)).expect("the server reads");
    stream.flush().expect("the server reads");
    read_message(stream)
}

/// A connection from the given address.
pub(crate) fn client_from(address: impl Into<IpAddr>, server: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::new(address.into(), 0).into()).expect("an address of this machine");
    socket.connect_timeout(&server.into(), PATIENCE).expect("a listening server");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    socket.into()
}

/// A connection from the address that the system chooses.
pub(crate) fn client(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&server, PATIENCE).expect("a listening server");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    stream
}

/// A socket that sends to one server and receives from it.
pub(crate) fn udp_client(server: SocketAddr) -> UdpSocket {
    udp_client_from(if server.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, server)
}

/// The same, from the given address.
pub(crate) fn udp_client_from(address: IpAddr, server: SocketAddr) -> UdpSocket {
    let client = UdpSocket::bind((address, 0)).expect("a free port");
    client.connect(server).expect("a route to the server");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout above zero");
    client
}

/// The next datagram.
pub(crate) fn receive(client: &UdpSocket) -> Vec<u8> {
    let mut reply = vec![0; MESSAGE_MAX];
    let octets = client.recv(&mut reply).expect("a reply");
    reply.truncate(octets);
    reply
}

/// Asks over UDP from a socket of its own.
pub(crate) fn ask_by_udp(server: SocketAddr, query: &[u8]) -> Vec<u8> {
    let client = udp_client(server);
    client.send(query).expect("a route to the server");
    receive(&client)
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
