//! A DNS probe: one question to one address.
//!
//! By a datagram, nothing is heard of the far end until its reply is here, or an ICMP error of its own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::Name;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::connect::{connect, icmp_error, keep_icmp_errors};
use super::excerpt::excerpt;
use super::fault;
use super::progress::Progress;
use crate::config::{DnsProbe, DnsTransport};
use crate::health::{Failure, Phase, ProbeOutcome};
use crate::model::Problem;

/// What we say that we take by datagram: what fits into a packet everywhere (DNS flag day 2020).
const PAYLOAD_OCTETS: u16 = 1232;

/// Room for more than that: what is longer is cut, and no message then.
const DATAGRAM_MAX_OCTETS: usize = 4096;

/// Whom to ask, and what.
#[derive(Debug)]
pub(super) struct Dns {
    target: SocketAddr,
    query: Query,
    probe: DnsProbe,
}

impl Dns {
    /// Builds the question.
    pub(super) fn new(probe: &DnsProbe, target: SocketAddr) -> Result<Dns, Problem> {
        let name = Name::from_labels(probe.name.labels()).map_err(|error| {
            let found = format!("cannot ask for {}: {error}", excerpt(&probe.name.to_string()));
            Problem::error(None, found, "a name such as www.example.com")
        })?;
        Ok(Dns { target, query: Query::query(name, probe.rtype.0.into()), probe: probe.clone() })
    }

    /// The question with an identifier that nobody can guess.
    fn message(&self) -> Result<Message, ProbeOutcome> {
        let mut id = [0; 2];
        getrandom::fill(&mut id).map_err(|error| ProbeOutcome::Ours(format!("no randomness: {error}")))?;
        let mut message = Message::new(u16::from_be_bytes(id), MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true; // as every client asks
        message.add_query(self.query.clone());
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD_OCTETS);
        message.set_edns(edns);
        Ok(message)
    }

    async fn ask(&self, progress: &Progress) -> Result<(), ProbeOutcome> {
        let question = self.message()?;
        let reply = match self.probe.over {
            DnsTransport::Tcp => self.by_tcp(&question, progress).await?,
            DnsTransport::Udp => {
                let reply = self.by_datagram(&question, progress).await?;
                // What does not fit is asked for again, as a client would.
                if reply.metadata.truncation { self.by_tcp(&question, progress).await? } else { reply }
            }
        };
        progress.said(said(&reply));
        judge(&self.probe, &reply).map_err(ProbeOutcome::failed)
    }

    /// Waits for the reply to this question; other messages are somebody else's.
    async fn by_datagram(&self, question: &Message, progress: &Progress) -> Result<Message, ProbeOutcome> {
        let octets = question.to_vec().map_err(|error| ProbeOutcome::Ours(error.to_string()))?;
        let ours = |error: io::Error| ProbeOutcome::Ours(error.to_string());
        let any: IpAddr = match self.target {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await.map_err(ours)?;
        keep_icmp_errors(&socket, self.target, true).map_err(ours)?;
        socket.connect(self.target).await.map_err(ours)?;
        socket.send(&octets).await.map_err(ours)?;
        progress.sent();
        let mut reply = vec![0; DATAGRAM_MAX_OCTETS];
        loop {
            let received = socket.recv(&mut reply).await.map_err(|error| self.unreached(&socket, &error))?;
            // Anybody can send datagrams in the name of the far end; only who has seen the question knows its identifier.
            if is_reply(&reply[..received], question) {
                let message = Message::from_vec(&reply[..received]);
                let message = message.map_err(|_| ProbeOutcome::failed(Failure::NotDns))?;
                progress.responded(code_of(&message));
                return Ok(message);
            }
        }
    }

    /// An error of a datagram socket is the word of whoever sent the ICMP message, or our own system's.
    fn unreached(&self, socket: &UdpSocket, error: &io::Error) -> ProbeOutcome {
        let local = socket.local_addr().ok().map(|address| address.ip());
        match icmp_error(socket) {
            Some(icmp) => icmp.proves(self.target.ip(), local, error),
            None => ProbeOutcome::Ours(error.to_string()),
        }
    }

    async fn by_tcp(&self, question: &Message, progress: &Progress) -> Result<Message, ProbeOutcome> {
        let octets = question.to_vec().map_err(|error| ProbeOutcome::Ours(error.to_string()))?;
        let length = u16::try_from(octets.len()).expect("a question is short");
        let mut stream = connect(self.target).await?;
        progress.reached();
        progress.connected();
        let unfit = |error: io::Error| fault::outcome(&error, Phase::Response);
        stream.write_all(&[&length.to_be_bytes(), octets.as_slice()].concat()).await.map_err(unfit)?;
        let length = stream.read_u16().await.map_err(unfit)?;
        let mut reply = vec![0; length.into()];
        stream.read_exact(&mut reply).await.map_err(unfit)?;
        if !is_reply(&reply, question) {
            return Err(ProbeOutcome::failed(Failure::NotDns));
        }
        let message = Message::from_vec(&reply).map_err(|_| ProbeOutcome::failed(Failure::NotDns))?;
        progress.responded(code_of(&message));
        Ok(message)
    }
}

impl Dns {
    /// One probe.
    pub(super) async fn exchange(&self, progress: &Progress) -> ProbeOutcome {
        self.ask(progress).await.map_or_else(|outcome| outcome, |()| ProbeOutcome::Pass)
    }
}

/// Whether octets are a reply with the identifier of our question.
fn is_reply(octets: &[u8], question: &Message) -> bool {
    let Some(head) = octets.first_chunk::<12>() else { return false };
    head[2] & 0x80 != 0 && head[..2] == question.metadata.id.to_be_bytes()
}

/// The response code as an operator knows it.
fn code_of(reply: &Message) -> String {
    reply.metadata.response_code.to_string()
}

fn judge(probe: &DnsProbe, reply: &Message) -> Result<(), Failure> {
    // An error may come back without the question; another question is never an answer to ours.
    let asked = reply.queries.first();
    let is_ours = asked.is_none_or(|query| {
        u16::from(query.query_type()) == probe.rtype.0
            && Name::from_labels(probe.name.labels()).is_ok_and(|name| name == *query.name())
    });
    if !is_ours {
        return Err(Failure::NotDns);
    }
    let code = u16::from(reply.metadata.response_code);
    if code != probe.rcode {
        return Err(Failure::Rcode(code));
    }
    let got = addresses(reply);
    if probe.contains.iter().all(|wanted| got.contains(wanted)) {
        return Ok(());
    }
    Err(Failure::OtherAnswer(shown(&got)))
}

fn addresses(reply: &Message) -> Vec<IpAddr> {
    reply.answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}

fn shown(addresses: &[IpAddr]) -> String {
    if addresses.is_empty() {
        return "no address".to_owned();
    }
    excerpt(&addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}

fn said(reply: &Message) -> String {
    let records = reply.answers.len();
    format!("{}, {records} records in the answer: {}", code_of(reply), shown(&addresses(reply)))
}
