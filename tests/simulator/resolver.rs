//! Asks the published table as a resolver would, in bytes.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use cadence_dns::answer::{AnswerTable, QueryContext, ResponsePolicy, Transport, respond};
use cadence_dns::model::{Family, Moment, Name};
use cadence_dns::policy::Decision;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Record, RecordType};

/// Asserts that A and AAAA of every name are exactly what was decided, and that a family without addresses is no error.
pub(crate) fn ask(table: &AnswerTable, decision: &Decision) {
    decision.names.iter().for_each(|name| ask_for(table, decision, name));
}

fn ask_for(table: &AnswerTable, decision: &Decision, name: &Name) {
    for (family, rtype) in [(Family::Ipv4, RecordType::A), (Family::Ipv6, RecordType::AAAA)] {
        let decided = decision.standing.addresses.iter().filter(|address| Family::of(**address) == family);
        let expected: BTreeSet<(IpAddr, u32)> =
            decided.map(|address| (*address, decision.ttl.as_secs())).collect();
        let reply = query(table, name, rtype);
        assert_eq!(reply.response_code, ResponseCode::NoError, "{} {rtype}", name);
        let answered: Vec<(IpAddr, u32)> = reply.answers.iter().map(address).collect();
        assert_eq!(answered.len(), expected.len(), "{} {rtype}", name);
        assert_eq!(answered.into_iter().collect::<BTreeSet<_>>(), expected, "{} {rtype}", name);
    }
}

fn query(table: &AnswerTable, name: &Name, rtype: RecordType) -> Message {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    let owner = hickory_proto::rr::Name::from_labels(name.labels()).expect("a name");
    message.add_query(Query::query(owner, rtype));
    let query = message.to_vec().expect("a query that can be written");
    let mut reply = vec![0; AnswerTable::UDP_REPLY_MAX_OCTETS];
    let (address, now) = (Ipv4Addr::LOCALHOST.into(), Moment::default());
    let policy = &ResponsePolicy { allow: None, rotate: true, cookies: None, limiter: None };
    let context = QueryContext { transport: Transport::Udp, address, now, idle: None, policy };
    let length = respond(table, &query, &context, &mut reply).octets().expect("a query gets a reply");
    Message::from_vec(&reply[..length]).expect("a reply that can be read")
}

fn address(record: &Record) -> (IpAddr, u32) {
    let ip = record.data.ip_addr().expect("an address");
    (ip, record.ttl)
}
