//! What is explained of an answer is what `respond` answers.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::super::{TraceFound, TraceStep};
use super::*;
use crate::model::RecordType;

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 100));

/// A name for each kind of answer; some of them with more labels than there are.
const NAMES: &str = "t www.t alias.t alias2.t gone.t out.t loop.t self.t below.t nowhere.t x.www.t c.t b.c.t x.wild.t \
    wild.t *.wild.t y.wild.t x.walias.t q.a.star.t sub.t x.sub.t ns.sub.t sib.t dn.t x.dn.t y.x.dn.t x.dout.t x.dself.t \
    dup.up.t x.dup.up.t _s._tcp.t svc.t raw.t else . tt";

const TYPES: [&str; 9] = ["A", "AAAA", "CNAME", "DNAME", "MX", "NS", "SOA", "TXT", "DS"];

/// The records of the answer section that the steps lead to.
fn answers(steps: &[TraceStep]) -> usize {
    let mut renamings = BTreeSet::new();
    let of_step = |step: &TraceStep| match &step.found {
        TraceFound::Records { count, .. } | TraceFound::Steered { count, .. } => usize::from(*count),
        TraceFound::Alias(_) => 1,
        TraceFound::Renamed(owner, next) => {
            usize::from(renamings.insert(owner.clone())) + usize::from(next.is_some())
        }
        TraceFound::NotOurs
        | TraceFound::Delegated(_)
        | TraceFound::NoData { .. }
        | TraceFound::Absent(_)
        | TraceFound::AskedAnew => 0,
    };
    steps.iter().map(of_step).sum()
}

#[test]
fn every_trace_ends_as_the_answer_does() {
    let table = table(&[("t", ZONE)]);
    let mut kinds = BTreeSet::new();
    for name in NAMES.split_whitespace() {
        for rtype in TYPES {
            let reply =
                reply_to(&table, &query(&format!("{name} {rtype}")), Transport::Tcp).expect("a reply");
            let lines = render(&reply);
            let asked = RecordType::from_mnemonic(rtype.as_bytes()).expect("a type");
            let steps = table.trace(&name.parse().expect("a name"), asked, CLIENT);
            let last = steps.last().expect("at least one");
            let code = lines[0].split_whitespace().next();
            assert_eq!(code, Some(last.found.code()), "{name} {rtype}: {steps:#?}\n{lines:#?}");
            let wanted = lines.iter().filter(|line| line.starts_with("an ")).count();
            assert_eq!(answers(&steps), wanted, "{name} {rtype}: {steps:#?}\n{lines:#?}");
            let refers = matches!(last.found, TraceFound::Delegated(_));
            assert_eq!(refers, lines.iter().any(|line| line.starts_with("au ") && line.contains(" NS ")));
            kinds.insert(format!("{:?}", last.found).split([' ', '(']).next().map(str::to_owned));
        }
    }
    assert!(kinds.len() >= 7, "{kinds:?}");
}

#[test]
fn what_is_told_of_a_step() {
    let table = table(&[("t", ZONE)]);
    let shown = |name: &str| {
        let steps = table.trace(&name.parse().expect("a name"), RecordType::A, CLIENT);
        let shown = |TraceStep { name, wildcard, found, .. }: TraceStep| {
            let by = wildcard.map(|wildcard| format!(" by {wildcard}")).unwrap_or_default();
            format!("{name}{by}: {found:?}")
        };
        steps.into_iter().map(shown).collect::<Vec<_>>().join("\n")
    };
    let names = [
        "alias2.t",
        "x.walias.t",
        "x.wild.t",
        "x.dn.t",
        "gone.t",
        "loop.t",
        "out.t",
        "x.sub.t",
        "c.t",
        "else",
    ];
    insta::assert_snapshot!(names.map(shown).join("\n\n"), @r#"
        alias2.t: Alias("alias.t")
        alias.t: Alias("www.t")
        www.t: Records { rtype: A, count: 2, ttl: Ttl(300) }

        x.walias.t by *.walias.t: Alias("www.t")
        www.t: Records { rtype: A, count: 2, ttl: Ttl(300) }

        x.wild.t by *.wild.t: Records { rtype: A, count: 1, ttl: Ttl(300) }

        x.dn.t: Renamed("dn.t", Some("x.www.t"))
        x.www.t: Absent("www.t")

        gone.t: Alias("nowhere.t")
        nowhere.t: Absent("t")

        loop.t: Alias("pool.t")
        pool.t: Alias("loop.t")
        loop.t: AskedAnew

        out.t: Alias("www.else")
        www.else: AskedAnew

        x.sub.t: Delegated("sub.t")

        c.t: NoData { steered: false }

        else: NotOurs
    "#);
}
