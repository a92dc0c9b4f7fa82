//! Whatever comes in, and whatever the zone: no panic, no reply that is too long or cannot be read, and the same
//! answer as found the slow way.

use std::collections::BTreeSet;

use hickory_proto::op::{Edns, Message, ResponseCode};
use proptest::prelude::*;

use crate::model::{Name, RecordType, Ttl};
use crate::zone::{MasterFile, Zone, parse};

use super::super::{AnswerTable, CookieSecrets, Identity, ResponsePolicy, Served, Transport};
use super::model::Model;
use super::render::{query, query_with, render};
use super::{ZONE, context, reply_for, reply_to, zone};

fn try_zone(origin: &str, text: &str) -> Option<Zone> {
    try_steered(origin, text, &BTreeSet::new())
}

fn try_steered(origin: &str, text: &str, steered: &BTreeSet<Name>) -> Option<Zone> {
    let origin: Name = origin.parse().expect("a good name");
    let master = MasterFile { file: "a.zone", text: text.as_bytes() };
    parse(&origin, &master, steered, &mut crate::zone::no_include).ok().map(|accepted| accepted.zone)
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
        1 => to("SRV 0 1 53"),
    ]
}

/// A zone of those records that may stand together.
fn zones(origin: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(records(), 0..14).prop_map(move |lines| {
        let mut text = "@ 300 SOA a.t. a.else. 1 2 3 4 60\n@ 300 NS ns.else.\n".to_owned();
        for line in lines {
            let longer = format!("{text}{line}\n");
            if try_zone(origin, &longer).is_some() {
                text = longer;
            }
        }
        text
    })
}

const TYPES: [RecordType; 11] = [
    RecordType::A,
    RecordType::AAAA,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::DNAME,
    RecordType::DS,
    RecordType::SRV,
    RecordType::ANY,
];

/// Up to 16 lines of text, with two names: one is in nobody's way, the other in everybody's.
fn crowd() -> impl Strategy<Value = String> {
    let owner = prop_oneof![Just("text.t."), Just("a.t.")];
    (owner, 0..16_usize).prop_map(|(owner, lines)| {
        (0..lines).map(|line| format!("{owner} 300 TXT \"{line:0100}\"\n")).collect()
    })
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort_by_key(|line| line.to_lowercase());
    lines.iter().map(|line| line.to_lowercase()).collect()
}

proptest! {
    // What fails becomes a named test.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn answers_are_those_found_the_slow_way(
        text in zones("t"),
        child in prop::option::of(zones("a.t")),
        asked in prop::collection::vec(names(), 8),
    ) {
        let mut zones = vec![try_zone("t", &text).expect("every line was tried")];
        zones.extend(child.as_ref().map(|text| try_zone("a.t", text).expect("every line was tried")));
        let models: Vec<Model> = zones.iter().map(Model::of).collect();
        let table = AnswerTable::compile(&zones, &[], Identity::default());
        for name in asked {
            for rtype in TYPES {
                let question = format!("{name} TYPE{}", rtype.0);
                let query = query(&question);
                let ours = reply_to(&table, &query, Transport::Tcp).expect("a reply");
                let name: Name = name.parse().expect("a good name");
                let slow = Model::of_name(&models, &name, rtype).reply(&query, &name, rtype);
                prop_assert_eq!(sorted(render(&ours)), sorted(render(&slow)), "{} in\n{}\n{:?}", question, text, child);
                prop_assert!(ours.len() <= slow.len(), "{} in\n{}\n{:?}", question, text, child);
            }
        }
    }

    #[test]
    fn names_stand_where_the_slow_way_finds_them(
        text in zones("t"),
        child in prop::option::of(zones("a.t")),
        asked in prop::collection::vec(names(), 16),
    ) {
        let mut zones = vec![try_zone("t", &text).expect("every line was tried")];
        zones.extend(child.as_ref().map(|text| try_zone("a.t", text).expect("every line was tried")));
        let models: Vec<Model> = zones.iter().map(Model::of).collect();
        let table = AnswerTable::compile(&zones, &[], Identity::default());
        for name in asked {
            let name: Name = name.parse().expect("a good name");
            let model = Model::of_name(&models, &name, RecordType::A);
            let slow = name.is_within(model.origin()).then(|| model.locate(&name));
            prop_assert_eq!(table.locate(&name), slow, "{} in\n{}\n{:?}", name, text, child);
        }
    }

    #[test]
    fn a_steered_name_answers_as_a_written_one(
        text in zones("t"),
        steered in prop_oneof![Just("a.t"), Just("b.a.t"), Just("*.b.t"), Just("t")],
        asked in prop::collection::vec(names(), 4),
    ) {
        let name: Name = steered.parse().expect("a good name");
        let written = format!("{text}{name}. 30 A 192.0.2.7\n{name}. 30 AAAA 2001:db8::7\n");
        let (Some(written), Some(rest)) =
            (try_zone("t", &written), try_steered("t", &text, &BTreeSet::from([name.clone()])))
        else {
            return Ok(());
        };
        let addresses = ["192.0.2.7", "2001:db8::7"].map(|text| text.parse().expect("an address"));
        let served = Served { addresses: addresses.into(), ttl: Ttl::from_secs(30).expect("a TTL") };
        let written = AnswerTable::compile(&[written], &[], Identity::default());
        let steered = AnswerTable::compile(&[rest], &[(name, served)], Identity::default());
        for name in asked {
            for rtype in TYPES {
                let query = query(&format!("{name} TYPE{}", rtype.0));
                for transport in [Transport::Udp, Transport::Tcp] {
                    let replies = [&written, &steered].map(|table| reply_to(table, &query, transport));
                    prop_assert_eq!(&replies[0], &replies[1], "{} {:?} in\n{}", name, rtype, text);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_into_a_datagram_is_left_out_or_said(
        text in zones("t"),
        crowd in crowd(),
        asked in prop::collection::vec(names(), 4),
        octets in prop::option::of(400..1400_u16),
    ) {
        let Some(zone) = try_zone("t", &format!("{text}{crowd}")) else { return Ok(()) };
        let table = AnswerTable::compile(&[zone], &[], Identity::default());
        let limit = octets.map_or(512, |octets| octets.clamp(512, 1232).into());
        for name in asked {
            for rtype in TYPES {
                let question = format!("{name} TYPE{}", rtype.0);
                let edns = octets.map(|octets| {
                    let mut edns = Edns::new();
                    edns.set_max_payload(octets);
                    edns
                });
                let query = edns.map_or_else(|| query(&question), |edns| query_with(&question, edns));
                let [udp, tcp] =
                    [Transport::Udp, Transport::Tcp].map(|way| reply_to(&table, &query, way).expect("a reply"));
                prop_assert!(udp.len() <= limit);
                prop_assert!(tcp.len() > limit || udp == tcp, "{} fits", question);
                check_cut(&render(&udp), &render(&tcp))?;
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

/// TC and nothing else, or a whole answer with fewer addresses beside it, or the beginning of a chain of renamings.
fn check_cut(udp: &[String], tcp: &[String]) -> Result<(), TestCaseError> {
    let whole: Vec<&String> = tcp.iter().skip(1).filter(|line| !line.starts_with("ad ")).collect();
    let kept: Vec<&String> = udp.iter().skip(1).filter(|line| !line.starts_with("ad ")).collect();
    if udp[0].contains(" tc") {
        prop_assert_eq!(udp.len(), 1);
    } else if !udp.iter().any(|line| line.contains(" DNAME ")) {
        prop_assert_eq!(&udp[0], &tcp[0]);
        prop_assert_eq!(kept, whole);
    }
    prop_assert!(udp.iter().skip(1).all(|line| tcp.contains(line)));
    Ok(())
}

/// Silence, or a reply that can be read, has the query's identifier and is not too long.
fn check_octets(octets: &[u8]) -> Result<(), TestCaseError> {
    thread_local! {
        static TABLE: AnswerTable = AnswerTable::compile(&[zone("t", ZONE)], &[], Identity { nsid: "n".into(), ..Identity::default() });
    }
    let policy = ResponsePolicy {
        allow: None,
        rotate: true,
        cookies: Some(CookieSecrets::new([7; 16])),
        limiter: None,
    };
    let is_response = octets.get(2).is_none_or(|flags| flags & 0x80 > 0);
    let [over_udp, over_tcp] = [Transport::Udp, Transport::Tcp]
        .map(|transport| TABLE.with(|table| reply_for(&context(transport, &policy), table, octets)));
    prop_assert_eq!(over_tcp.is_none(), octets.len() < 12 || is_response);
    if let (None, Some(over_tcp)) = (&over_udp, &over_tcp) {
        let code = Message::from_vec(over_tcp).map(|message| message.metadata.response_code);
        // BADVERS and BADSIG are both 16; the parser takes it for the latter.
        let codes = [ResponseCode::FormErr, ResponseCode::NotImp, ResponseCode::BADSIG];
        prop_assert!(
            code.as_ref().is_ok_and(|code| codes.contains(code)),
            "{:?}: only what is no query",
            code
        );
    }
    for (transport, reply) in [(Transport::Udp, over_udp), (Transport::Tcp, over_tcp)] {
        let Some(reply) = reply else { continue };
        let message = Message::from_vec(&reply);
        prop_assert!(message.is_ok(), "{message:?} in {reply:02x?} to {octets:02x?}");
        prop_assert_eq!(&reply[..2], &octets[..2]);
        prop_assert!(transport == Transport::Tcp || reply.len() <= AnswerTable::UDP_REPLY_MAX_OCTETS);
    }
    Ok(())
}
