//! Zones and queries like those of a busy name server: what the benchmarks answer.
//!
//! The mix is 70 % A (of which some through a wildcard), 15 % AAAA, 10 % names that do not exist, 5 % others, all
//! with EDNS and without a cookie.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use cadence_dns::answer::Served;
use cadence_dns::model::{Name, Ttl};
use cadence_dns::zone::Zone;

use crate::zone::{name, steered_zone};

const APEX: &str = "cadence.example.com";

/// Queries of a mix: more than the processor remembers the branches of.
const QUERIES: u64 = 8192;

const RECORDS: &str = "\
$TTL 300
@ SOA ns1 hostmaster 1 1h 10m 1w 60
@ NS ns1
@ NS ns2
@ MX 10 mail
@ MX 20 mail2
@ TXT \"v=spf1 -all\"
@ A 192.0.2.1
@ A 192.0.2.2
@ AAAA 2001:db8::1
@ AAAA 2001:db8::2
ns1 A 192.0.2.53
ns1 AAAA 2001:db8::53
ns2 A 198.51.100.53
mail A 192.0.2.25
mail2 A 192.0.2.26
*.wild A 192.0.2.99
_sip._udp SRV 10 20 5060 www
";

const HOSTS: &str = "\
www A 192.0.2.1
www A 192.0.2.2
www AAAA 2001:db8::1
www AAAA 2001:db8::2
api A 192.0.2.1
api A 192.0.2.2
api AAAA 2001:db8::1
api AAAA 2001:db8::2
";

/// Letters of a name in a query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Letters {
    /// As most ask.
    Lower,
    /// As resolvers ask that guard themselves against forged answers.
    Random,
}

/// The zone of the mix; `steered` names have no addresses of their own.
pub(crate) fn zone(steered: &[(Name, Served)]) -> Zone {
    let hosts = if steered.is_empty() { HOSTS } else { "" };
    read(&format!("{RECORDS}{hosts}"), steered)
}

/// What www and api get when a decision gives it.
pub(crate) fn steered() -> Vec<(Name, Served)> {
    ["www", "api"].map(|host| (name(&format!("{host}.{APEX}")), served(0))).into()
}

/// Two addresses of each family; those of another `turn` differ.
pub(crate) fn served(turn: u8) -> Served {
    let texts = [format!("192.0.2.{turn}"), format!("198.51.100.{turn}")];
    let texts = texts.into_iter().chain([format!("2001:db8::{turn}"), format!("2001:db8:1::{turn}")]);
    let addresses: Arc<[IpAddr]> = texts.map(|text| text.parse().expect("an address")).collect();
    Served { addresses, ttl: Ttl::from_secs(30).expect("a TTL") }
}

/// A zone with so many hosts, an address each.
pub(crate) fn zone_of(hosts: u32) -> Zone {
    let mut text = RECORDS.to_owned();
    for host in 0..hosts {
        let [_, a, b, c] = host.to_be_bytes();
        writeln!(text, "h{host} A 10.{a}.{b}.{c}").expect("a String takes all");
    }
    read(&text, &[])
}

/// So many steered names in a zone.
pub(crate) fn steered_hosts(hosts: u32) -> Vec<(Name, Served)> {
    (0..hosts).map(|host| (name(&format!("s{host}.{APEX}")), served((host % 200) as u8))).collect()
}

/// A zone in which those names may lie.
pub(crate) fn read(text: &str, steered: &[(Name, Served)]) -> Zone {
    read_at(APEX, text, steered)
}

/// A zone of another apex.
pub(crate) fn read_at(apex: &str, text: &str, steered: &[(Name, Served)]) -> Zone {
    let steered: Vec<Name> = steered.iter().map(|(name, _)| name.clone()).collect();
    steered_zone(apex, text, &steered)
}

/// Hosts of each of the [`small_zones`], an address each.
pub(crate) const HOSTS_OF_A_ZONE: usize = 9;

/// So many zones of ten names, the apex among them.
pub(crate) fn small_zones(zones: usize) -> Vec<Zone> {
    let mut text = "$TTL 300\n@ SOA ns.else. hostmaster.else. 1 1h 10m 1w 60\n@ NS ns.else.\n".to_owned();
    for host in 0..HOSTS_OF_A_ZONE {
        writeln!(text, "h{host} A 192.0.2.{host}").expect("a String takes all");
    }
    (0..zones).map(|zone| read_at(&format!("z{zone}.{APEX}"), &text, &[])).collect()
}

/// A zone with nothing in it but what a decision gives.
pub(crate) fn bare_zone(steered: &[(Name, Served)]) -> Zone {
    read(RECORDS, steered)
}

/// Queries, one after the other in memory.
pub(crate) struct Queries {
    octets: Vec<u8>,
    ends: Vec<usize>,
}

impl Queries {
    fn of(questions: impl IntoIterator<Item = (String, u16)>) -> Queries {
        let mut queries = Queries { octets: Vec::new(), ends: Vec::new() };
        for (id, (name, rtype)) in (0..).zip(questions) {
            queries.octets.extend(query(id, &name, rtype));
            queries.ends.push(queries.octets.len());
        }
        queries
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| &self.octets[*start..*end])
    }
}

fn query(id: u16, name: &str, rtype: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut query = vec![high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    for label in name.split('.') {
        query.push(label.len() as u8);
        query.extend(label.bytes());
    }
    query.push(0);
    query.extend(rtype.to_be_bytes());
    query.extend([0, 1]);
    query.extend([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]); // OPT, 1232 octets
    query
}

const A: u16 = 1;
const NS: u16 = 2;
const SOA: u16 = 6;
const MX: u16 = 15;
const TXT: u16 = 16;
const AAAA: u16 = 28;

/// One question.
pub(crate) fn hot() -> Queries {
    Queries::of((0..QUERIES).map(|_| (format!("www.{APEX}"), A)))
}

/// The mix.
pub(crate) fn mixed(letters: Letters) -> Queries {
    let mut dice = Dice(7);
    Queries::of((0..QUERIES).map(|_| {
        let (name, rtype) = question(&mut dice);
        (spelled(name, letters, &mut dice), rtype)
    }))
}

fn question(dice: &mut Dice) -> (String, u16) {
    let host = |dice: &mut Dice| ["", "www.", "api.", "www.", "www.", "api."][dice.below(6)];
    match dice.below(100) {
        0..63 => (format!("{}{APEX}", host(dice)), A),
        63..67 => (format!("ns1.{APEX}"), A),
        67..70 => (format!("{}.wild.{APEX}", label(dice)), A),
        70..85 => (format!("{}{APEX}", host(dice)), AAAA),
        85..95 => (format!("{}.{APEX}", label(dice)), A),
        95.. => (APEX.to_owned(), [SOA, NS, MX, TXT][dice.below(4)]),
    }
}

/// Hosts of [`zone_of`], each as likely as any other.
pub(crate) fn hosts(hosts: u32) -> Queries {
    let mut dice = Dice(7);
    Queries::of((0..8 * QUERIES).map(|_| (format!("h{}.{APEX}", dice.below(hosts as usize)), A)))
}

/// Hosts of [`small_zones`], each as likely as any other.
pub(crate) fn hosts_of_small_zones(zones: usize) -> Queries {
    let mut dice = Dice(7);
    Queries::of((0..8 * QUERIES).map(|_| {
        let (host, zone) = (dice.below(HOSTS_OF_A_ZONE), dice.below(zones));
        (format!("h{host}.z{zone}.{APEX}"), A)
    }))
}

fn label(dice: &mut Dice) -> String {
    (0..8).map(|_| char::from(b'a' + dice.below(26) as u8)).collect()
}

fn spelled(name: String, letters: Letters, dice: &mut Dice) -> String {
    match letters {
        Letters::Lower => name,
        Letters::Random => name
            .chars()
            .map(|letter| if dice.below(2) == 0 { letter } else { letter.to_ascii_uppercase() })
            .collect(),
    }
}

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((u128::from(word ^ word >> 31) * end as u128) >> 64) as usize
    }
}
