//! Queries from text, replies to text, by hickory-proto.

use std::fmt::Write;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::model;

/// A query of class IN without EDNS; `question` is a name and a type.
pub(crate) fn query(question: &str) -> Vec<u8> {
    message(question).to_vec().expect("a query that can be written")
}

/// The same with EDNS.
pub(crate) fn query_with(question: &str, edns: Edns) -> Vec<u8> {
    let mut message = message(question);
    message.set_edns(edns);
    message.to_vec().expect("a query that can be written")
}

fn message(question: &str) -> Message {
    let (name, rtype) = question.split_once(' ').expect("a name and a type");
    let name: model::Name = name.parse().expect("a good name");
    let rtype = match rtype.strip_prefix("TYPE") {
        Some(number) => RecordType::from(number.parse::<u16>().expect("a number")),
        None => rtype.parse().expect("a type that hickory knows"),
    };
    let mut message = Message::new(0x1234, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(Name::from_labels(name.labels()).expect("a name"), rtype));
    message
}

/// The code and flags, then a line for each record: its section, owner, TTL, type and data.
pub(crate) fn render(reply: &[u8]) -> Vec<String> {
    let message = Message::from_vec(reply).expect("a reply that can be read");
    let mut lines = vec![head(&message)];
    for (section, records) in
        [("an", &message.answers), ("au", &message.authorities), ("ad", &message.additionals)]
    {
        lines.extend(records.iter().map(|record| format!("{section} {}", render_record(record))));
    }
    lines
}

fn head(message: &Message) -> String {
    let metadata = &message.metadata;
    let mut head = match u16::from(metadata.response_code) {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        6 => "YXDOMAIN".to_owned(),
        16 => "BADVERS".to_owned(),
        other => format!("CODE{other}"),
    };
    let flags = [
        ("aa", metadata.authoritative),
        ("tc", metadata.truncation),
        ("rd", metadata.recursion_desired),
        ("ra", metadata.recursion_available),
        ("ad", metadata.authentic_data),
        ("cd", metadata.checking_disabled),
    ];
    flags
        .iter()
        .filter(|(_, set)| *set)
        .for_each(|(flag, _)| write!(head, " {flag}").expect("a string grows"));
    if let Some(edns) = &message.edns {
        write!(head, " edns {}{}", edns.max_payload(), if edns.flags().dnssec_ok { " do" } else { "" })
            .expect("a string grows");
    }
    head
}

fn render_record(record: &Record) -> String {
    let rtype = crate::model::RecordType(record.record_type().into());
    let data = if let RData::Unknown { rdata, .. } = &record.data {
        render_unknown(rtype, &rdata.anything)
    } else {
        record.data.to_string()
    };
    format!("{} {} {rtype} {data}", record.name, record.ttl)
}

/// What hickory does not know: DNAME, and data in RFC 3597's form.
fn render_unknown(rtype: crate::model::RecordType, data: &[u8]) -> String {
    if rtype == crate::model::RecordType::DNAME {
        return format!("{}.", model::Name::from_wire(data).expect("a DNAME leads to a name"));
    }
    let hex: String = data.iter().map(|octet| format!("{octet:02x}")).collect();
    format!("\\# {} {hex}", data.len())
}
