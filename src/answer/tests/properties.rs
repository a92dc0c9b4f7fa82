//! Whatever comes in, and whatever the zone: no panic, no reply that is too long or cannot be read, and the same
//! answer as found the slow way.

use std::collections::BTreeSet;

use hickory_proto::op::Message;
use proptest::prelude::*;

use crate::model::Name;
use crate::zone::{MasterFile, RecordType, Zone, parse};

use super::super::{AnswerTable, CookieSecrets, Identity, Manners, Transport};
use super::model::Model;
use super::render::{query, render};
use super::{ZONE, asker, reply_for, reply_to, zone};

fn try_zone(text: &str) -> Option<Zone> {
    let origin: Name = "t".parse().expect("a good name");
    let master = MasterFile { file: "t.zone", text: text.as_bytes() };
    parse(&origin, &master, &BTreeSet::new(), &mut |_| Err(String::new())).ok().map(|accepted| accepted.zone)
}

/// Names of few labels, so that they meet: inside the zone, at its apex, and outside.
fn names() -> impl Strategy<Value = String> {
    let label = prop_oneof![4 => "[ab]", 1 => Just("*".to_owned()), 1 => "[A-C]"];
    let inside = prop::collection::vec(label, 0..4).prop_map(|labels| labels.join(".") + ".t.");
    prop_oneof![
        12 => inside.prop_map(|name| if name == ".t." { "t.".to_owned() } else { name }),
        3 => "[ab]\\.else\\."
    ]
}

fn records() -> impl Strategy<Value = String> {
    let to = |kind: &'static str| (names(), names()).prop_map(move |(n, m)| format!("{n} 300 {kind} {m}"));
    prop_oneof![
        4 => names().prop_map(|name| format!("{name} 300 A 192.0.2.1")),
        2 => names().prop_map(|name| format!("{name} 300 AAAA 2001:db8::1")),
        1 => names().prop_map(|name| format!("{name} 300 TXT x")),
        3 => to("NS"),
        3 => to("CNAME"),
        2 => to("DNAME"),
        2 => to("MX 10"),
        1 => to("MX 20"),
    ]
}

/// A zone of those records that may stand together.
fn zones() -> impl Strategy<Value = String> {
    prop::collection::vec(records(), 0..14).prop_map(|lines| {
        let mut text = "t. 300 SOA a.t. a.else. 1 2 3 4 60\nt. 300 NS ns.else.\n".to_owned();
        for line in lines {
            let longer = format!("{text}{line}\n");
            if try_zone(&longer).is_some() {
                text = longer;
            }
        }
        text
    })
}

const TYPES: [RecordType; 9] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::DNAME,
    RecordType::DS,
];

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_by_key(|line| line.to_lowercase());
    lines.iter().map(|line| line.to_lowercase()).collect()
}

proptest! {
    #[test]
    fn answers_are_those_found_the_slow_way(text in zones(), asked in prop::collection::vec(names(), 12)) {
        let zone = try_zone(&text).expect("every line was tried");
        let model = Model::of(&zone);
        let table = AnswerTable::compile(&[zone], &[], Identity::default());
        for name in asked {
            for rtype in TYPES {
                let question = format!("{name} TYPE{}", rtype.0);
                let query = query(&question);
                let ours = reply_to(&table, &query, Transport::Tcp).expect("a reply");
                let slow = model.reply(&query, &name.parse().expect("a good name"), rtype);
                prop_assert!(ours.len() <= slow.len());
                prop_assert_eq!(sorted(render(&ours)), sorted(render(&slow)), "{} in\n{}", question, text);
            }
        }
    }

    #[test]
    fn no_octets_do_harm(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        check_octets(&octets)?;
    }

    #[test]
    fn no_change_of_a_query_does_harm(
        name in names(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tail in prop::collection::vec(any::<u8>(), 0..30),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut octets = query(&format!("{name} A"));
        octets.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 32, 0, 3, 0, 0, 0, 10, 0, 24]);
        octets.extend([1; 24]);
        octets[11] = 1;
        octets.extend(tail);
        for (at, octet) in changes {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        check_octets(&octets)?;
        check_octets(&octets[..cut.index(octets.len())])?;
    }
}

/// Silence, or a reply that can be read, has the query's identifier and is not too long.
fn check_octets(octets: &[u8]) -> Result<(), TestCaseError> {
    thread_local! {
        static TABLE: AnswerTable = AnswerTable::compile(&[zone("t", ZONE)], &[], Identity { nsid: "n".into(), ..Identity::default() });
    }
    let manners = Manners { rotate: true, cookies: Some(CookieSecrets::new([7; 16])), limiter: None };
    let is_response = octets.get(2).is_none_or(|flags| flags & 0x80 > 0);
    for transport in [Transport::Udp, Transport::Tcp] {
        let reply = TABLE.with(|table| reply_for(&asker(transport, &manners), table, octets));
        prop_assert_eq!(reply.is_none(), octets.len() < 12 || is_response);
        let Some(reply) = reply else { continue };
        let message = Message::from_vec(&reply);
        prop_assert!(message.is_ok(), "{message:?} in {reply:02x?} to {octets:02x?}");
        prop_assert_eq!(&reply[..2], &octets[..2]);
        prop_assert!(transport == Transport::Tcp || reply.len() <= AnswerTable::UDP_REPLY_MAX_OCTETS);
    }
    Ok(())
}
