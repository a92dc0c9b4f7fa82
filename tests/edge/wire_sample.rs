//! The Ferret sample's queries over real UDP: each answer must equal that of one of four name servers.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::path::Path;
use std::sync::Arc;

use cadence_dns::answer::{AnswerTable, Identity};
use cadence_dns::config::DnsSettings;
use cadence_dns::dns::{self, Tables};
use cadence_dns::model::Name;
use cadence_dns::zone::{self, Zone};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::{RData, Record};
use serde::Deserialize;

use crate::kit::query::{octets, read, receive, udp_client};
use crate::kit::sample;
use crate::kit::zone::{any_port, try_zone};

/// A query of the sample, and the answers that some servers gave.
#[derive(Deserialize)]
struct Test {
    id: u32,
    origin: String,
    qname: String,
    qtype: String,
    tag: String,
    groups: Vec<(Vec<String>, Vec<String>)>,
}

impl Test {
    fn origin(&self) -> Name {
        self.origin.parse().expect("an origin is a name")
    }
}

#[test]
fn every_answer_is_that_of_a_known_server() {
    let Some(folder) = sample::folder() else { return };
    let tests: Vec<Test> = sample::tests(&folder.join("valid.json"));
    let tables = Tables::new(Arc::new(AnswerTable::compile(&[], &[], Identity::default())));
    let bound =
        dns::bind(&DnsSettings { listen: vec![any_port()], ..DnsSettings::default() }).expect("a free port");
    let server = bound.addresses()[0];
    let serving = bound.serve(&tables).expect("threads");
    let client = udp_client(server);

    let (mut wrong, mut against_most) = (Vec::new(), 0);
    for group in groups_without_overlap(&tests) {
        let zones: Vec<Zone> = group.iter().map(|test| read_zone(&folder, test)).collect();
        tables.publish(Arc::new(AnswerTable::compile(&zones, &[], Identity::default())));
        for test in group {
            let answer = Answer::of(&ask(&client, test));
            let agrees = |(_, text): &&(Vec<String>, Vec<String>)| Answer::parse(text).equals(&answer);
            match test.groups.iter().find(agrees) {
                None => wrong
                    .push(format!("{} {} {} ({}): {answer:#?}", test.id, test.qname, test.qtype, test.tag)),
                Some((servers, _)) => against_most += usize::from(is_minority(servers, test)),
            }
        }
    }
    serving.stop();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), tests.len(), wrong.join("\n"));
    assert!(against_most * 500 <= tests.len(), "{against_most} answers are those of a minority");
}

/// One server alone against others that agree.
fn is_minority(servers: &[String], test: &Test) -> bool {
    test.groups.iter().any(|(others, _)| others.len() > servers.len())
}

/// Zones that may be served together: none lies in another. Many, so that they also are a crowd.
fn groups_without_overlap(tests: &[Test]) -> Vec<Vec<&Test>> {
    let mut groups: Vec<Vec<&Test>> = Vec::new();
    for test in tests {
        let origin = test.origin();
        let apart = |other: &&Test| !other.origin().is_within(&origin) && !origin.is_within(&other.origin());
        match groups.iter_mut().find(|group| group.iter().all(apart)) {
            Some(group) => group.push(test),
            None => groups.push(vec![test]),
        }
    }
    groups
}

fn read_zone(folder: &Path, test: &Test) -> Zone {
    let path = folder.join(format!("valid/{}.zone", test.id));
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    try_zone(&test.origin(), &text, &[]).unwrap_or_else(|problems| panic!("{}: {problems}", test.id))
}

fn ask(client: &UdpSocket, test: &Test) -> Message {
    let name: Name = test.qname.parse().expect("a name");
    let name = hickory_proto::rr::Name::from_labels(name.labels()).expect("a name");
    let rtype = match test.qtype.as_str() {
        "DNAME" => 39.into(),
        other => other.parse().expect("a type that hickory knows"),
    };
    let mut query = Message::new(test.id as u16, MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = false;
    query.add_query(Query::query(name, rtype));
    client.send(&octets(&query)).expect("sent to ourselves");
    let reply = receive(client);
    assert!(reply.len() <= 512, "{}: {} octets without EDNS", test.id, reply.len());
    let reply = read(&reply);
    assert_eq!(reply.metadata.id, query.metadata.id);
    reply
}

/// A response as it is compared: without TTL, order and letter case.
#[derive(Debug, Default, PartialEq)]
struct Answer {
    code: String,
    flags: BTreeSet<String>,
    sections: BTreeMap<String, BTreeSet<String>>,
}

const SECTIONS: [&str; 4] = [";QUESTION", ";ANSWER", ";AUTHORITY", ";ADDITIONAL"];

impl Answer {
    /// From dnspython's text.
    fn parse(lines: &[String]) -> Answer {
        let mut answer = Answer::default();
        SECTIONS.iter().for_each(|name| drop(answer.sections.insert((*name).to_owned(), BTreeSet::new())));
        let mut section = None;
        for line in lines {
            match line.split_once(' ') {
                Some(("opcode", _)) => {}
                Some(("rcode", code)) => answer.code = code.to_owned(),
                Some(("flags", flags)) => answer.flags = flags.split(' ').map(str::to_owned).collect(),
                None => section = answer.sections.get_mut(line),
                Some(_) => {
                    section.as_mut().expect("records stand in sections").insert(without_ttl(line));
                }
            }
        }
        answer.flags.remove("RA");
        answer
    }

    fn of(reply: &Message) -> Answer {
        let metadata = &reply.metadata;
        let code = match u16::from(metadata.response_code) {
            0 => "NOERROR",
            3 => "NXDOMAIN",
            6 => "YXDOMAIN",
            _ => "other",
        };
        let flags = [("QR", true), ("AA", metadata.authoritative), ("TC", metadata.truncation)];
        let flags = flags.iter().filter(|(_, set)| *set).map(|(flag, _)| (*flag).to_owned()).collect();
        let question =
            |query: &Query| format!("{} IN {}", query.name(), type_name(query.query_type().into()));
        let records = |records: &[Record]| records.iter().map(|record| text(record).to_lowercase()).collect();
        let sections = [
            reply.queries.iter().map(|query| question(query).to_lowercase()).collect(),
            records(&reply.answers),
            records(&reply.authorities),
            records(&reply.additionals),
        ];
        let sections = SECTIONS.iter().map(|name| (*name).to_owned()).zip(sections).collect();
        Answer { code: code.to_owned(), flags, sections }
    }

    /// Authority sections are compared unless both answers have records: some servers add NS of their own.
    fn equals(&self, other: &Answer) -> bool {
        let same = |name: &str| self.sections[name] == other.sections[name];
        let both_answer = !self.sections[";ANSWER"].is_empty() && !other.sections[";ANSWER"].is_empty();
        self.code == other.code
            && self.flags == other.flags
            && SECTIONS.iter().filter(|name| **name != ";AUTHORITY" || !both_answer).all(|name| same(name))
    }
}

fn type_name(number: u16) -> String {
    zone::RecordType(number).to_string()
}

fn text(record: &Record) -> String {
    let rtype = u16::from(record.record_type());
    let data = if let RData::TXT(txt) = &record.data {
        format!("\"{txt}\"")
    } else if let RData::Unknown { rdata, .. } = &record.data {
        let target = Name::from_wire(&rdata.anything).expect("a DNAME, which leads to a name");
        if target == Name::root() { ".".to_owned() } else { format!("{target}.") }
    } else {
        record.data.to_string()
    };
    format!("{} IN {} {data}", record.name, type_name(rtype))
}

/// `owner ttl IN type data`, or `owner IN type` in the question.
fn without_ttl(line: &str) -> String {
    let mut words: Vec<&str> = line.split(' ').collect();
    if words[1].chars().all(|c| c.is_ascii_digit()) {
        words.remove(1);
    }
    words.join(" ").to_lowercase()
}
