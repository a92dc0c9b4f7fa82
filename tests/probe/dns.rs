//! DNS probes, by datagrams and TCP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use cadence_dns::config::{DnsProbe, DnsTransport, ProbeKind};
use cadence_dns::health::{Failure, Phase, ProbeOutcome};
use cadence_dns::model::RecordType;
use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{RData, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::{PLENTY, SHORT, a_probe, endpoint, outcome};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));

fn question() -> DnsProbe {
    DnsProbe {
        name: "www.example.com".parse().expect("a name"),
        rtype: RecordType::A,
        rcode: 0,
        contains: vec![ADDRESS],
        over: DnsTransport::Udp,
    }
}

async fn outcome_of(probe: DnsProbe, server: SocketAddr, timeout: std::time::Duration) -> ProbeOutcome {
    outcome(a_probe(server, timeout, ProbeKind::Dns(Arc::new(probe)))).await
}

/// What a server makes of a question; each of its messages is sent.
type Answer = fn(&Message) -> Vec<Vec<u8>>;

/// Answers by datagrams, and by TCP on the same port.
async fn serve(by_datagram: Answer, by_tcp: Answer) -> SocketAddr {
    let (socket, listener) = free_port().await;
    let address = socket.local_addr().expect("it is bound");
    tokio::spawn(async move {
        let mut octets = [0; 512];
        while let Ok((received, client)) = socket.recv_from(&mut octets).await {
            let question = Message::from_vec(&octets[..received]).expect("a message");
            for reply in by_datagram(&question) {
                socket.send_to(&reply, client).await.expect("the client listens");
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.expect("a question");
            let mut octets = vec![0; length.into()];
            stream.read_exact(&mut octets).await.expect("a question");
            for reply in by_tcp(&Message::from_vec(&octets).expect("a message")) {
                stream.write_u16(u16::try_from(reply.len()).expect("short")).await.expect("it listens");
                stream.write_all(&reply).await.expect("it listens");
            }
        }
    });
    address
}

/// One that nobody has for either protocol; a free one of UDP may be somebody's of TCP.
async fn free_port() -> (UdpSocket, TcpListener) {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        if let Ok(listener) = TcpListener::bind(socket.local_addr().expect("it is bound")).await {
            return (socket, listener);
        }
    }
}

fn silence(_: &Message) -> Vec<Vec<u8>> {
    Vec::new()
}

fn reply(question: &Message, code: ResponseCode, answers: &[[u8; 4]]) -> Message {
    let mut reply = question.clone();
    (reply.metadata.message_type, reply.metadata.response_code) = (MessageType::Response, code);
    let name = question.queries[0].name().clone();
    let record =
        |octets: &[u8; 4]| Record::from_rdata(name.clone(), 30, RData::A(Ipv4Addr::from(*octets).into()));
    reply.answers = answers.iter().map(record).collect();
    reply
}

fn octets(reply: &Message) -> Vec<Vec<u8>> {
    vec![reply.to_vec().expect("a message")]
}

fn well(question: &Message) -> Vec<Vec<u8>> {
    octets(&reply(question, ResponseCode::NoError, &[[192, 0, 2, 11], [192, 0, 2, 10]]))
}

#[tokio::test]
async fn the_answer_that_is_expected() {
    let server = serve(well, silence).await;
    assert_eq!(outcome_of(question(), server, PLENTY).await, ProbeOutcome::Pass);
    let server = serve(silence, well).await;
    let by_tcp = DnsProbe { over: DnsTransport::Tcp, ..question() };
    assert_eq!(outcome_of(by_tcp, server, PLENTY).await, ProbeOutcome::Pass);
}

#[tokio::test]
async fn other_answers() {
    let check = async |probe: DnsProbe, answer: Answer, wanted: Failure| {
        let server = serve(answer, silence).await;
        assert_eq!(outcome_of(probe, server, PLENTY).await, ProbeOutcome::Heard(wanted));
    };
    let refused: Answer = |question| octets(&reply(question, ResponseCode::Refused, &[]));
    check(question(), refused, Failure::Rcode(5)).await;
    check(DnsProbe { rcode: 3, contains: Vec::new(), ..question() }, well, Failure::Rcode(0)).await;
    let another: Answer = |question| octets(&reply(question, ResponseCode::NoError, &[[192, 0, 2, 99]]));
    check(question(), another, Failure::OtherAnswer("192.0.2.99".into())).await;
    let nothing: Answer = |question| octets(&reply(question, ResponseCode::NoError, &[]));
    check(question(), nothing, Failure::OtherAnswer("no address".into())).await;
    let broken: Answer =
        |question| vec![question.metadata.id.to_be_bytes().iter().chain(&[0x80; 30]).copied().collect()];
    check(question(), broken, Failure::NotDns).await;
    let elsewhere: Answer = |question| {
        let mut reply = reply(question, ResponseCode::NoError, &[[192, 0, 2, 10]]);
        let name = "evil.example.net.".parse().expect("a name");
        reply.queries = vec![Query::query(name, hickory_proto::rr::RecordType::A)];
        octets(&reply)
    };
    check(question(), elsewhere, Failure::NotDns).await;
}

#[tokio::test]
async fn a_code_that_is_expected_is_a_pass() {
    let server = serve(|question| octets(&reply(question, ResponseCode::NXDomain, &[])), silence).await;
    let probe = DnsProbe { rcode: 3, contains: Vec::new(), ..question() };
    assert_eq!(outcome_of(probe, server, PLENTY).await, ProbeOutcome::Pass);
}

/// What somebody else sends first, with another identifier or as a question, is passed over.
#[tokio::test]
async fn forgeries_are_passed_over() {
    let answer: Answer = |question| {
        let mut forged = reply(question, ResponseCode::ServFail, &[]);
        forged.metadata.id = question.metadata.id.wrapping_add(1);
        let echoed = question.to_vec().expect("a message");
        [octets(&forged), vec![echoed], vec![b"hello".to_vec()], well(question)].concat()
    };
    assert_eq!(outcome_of(question(), serve(answer, silence).await, PLENTY).await, ProbeOutcome::Pass);
}

#[tokio::test]
async fn what_is_truncated_is_asked_for_again_by_tcp() {
    let truncated: Answer = |question| {
        let mut reply = reply(question, ResponseCode::NoError, &[]);
        reply.metadata.truncation = true;
        octets(&reply)
    };
    assert_eq!(outcome_of(question(), serve(truncated, well).await, PLENTY).await, ProbeOutcome::Pass);
}

/// No datagram proves nothing; the host itself says when nobody listens.
#[tokio::test]
async fn silence_and_a_closed_port() {
    let server = serve(silence, silence).await;
    let silent = ProbeOutcome::Silent(Failure::Timeout(Phase::Datagram));
    assert_eq!(outcome_of(question(), server, SHORT).await, silent);
    let refused = ProbeOutcome::Heard(Failure::Refused);
    assert_eq!(outcome_of(question(), endpoint::closed().await, PLENTY).await, refused);
}

#[tokio::test]
async fn silence_after_tcp_stands_was_heard() {
    let (address, _listener) = endpoint::frozen().await;
    let by_tcp = DnsProbe { over: DnsTransport::Tcp, ..question() };
    let timeout = ProbeOutcome::Heard(Failure::Timeout(Phase::Response));
    assert_eq!(outcome_of(by_tcp, address, SHORT).await, timeout);
}
