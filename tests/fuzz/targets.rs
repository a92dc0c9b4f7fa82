//! What must hold whatever a stranger, an operator or a broken disk hands us: one function for each way in. The fuzzers
//! call them with what they make up, `tests/edge/fuzz_seeds.rs` with the seeds.

#[cfg(feature = "xdp")]
mod ebpf;
#[cfg(feature = "xdp")]
mod frames;
mod proxy;
mod streams;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cadence_dns::answer::{
    self, AnswerTable, CookieSecrets, Identity, QueryContext, ResponsePolicy, Served, Transport,
};
use cadence_dns::api::Status;
use cadence_dns::config;
use cadence_dns::controller::{Controller, Event, Parameters, Saved};
use cadence_dns::health::{Alone, Member};
use cadence_dns::model::{Moment, Name, Ttl, has_errors};
use cadence_dns::policy::Safety;
use cadence_dns::store::{Ended, StateLog};
use cadence_dns::zone::{self, Accepted, IncludeError, MasterFile, Zone};
use hickory_proto::op::{Message, ResponseCode};
use serde_json::Value;

#[cfg(feature = "xdp")]
pub use frames::frame;
pub use proxy::proxy;
pub use streams::{https, tcp};

/// A time by the wall clock.
const NOW: Moment = Moment::from_millis(1_795_363_200_000);

fn name(text: &str) -> Name {
    text.parse().expect("a good name")
}

/// Queries: silence where it is right, else a reply that keeps every bound, twice the same.
pub fn respond(query: &[u8]) {
    let policy = ResponsePolicy {
        allow: None,
        rotate: true,
        cookies: Some(CookieSecrets::new([7; 16])),
        limiter: None,
    };
    let [over_udp, over_tcp] = [Transport::Udp, Transport::Tcp].map(|transport| {
        let address = Ipv4Addr::new(198, 51, 100, 7).into();
        let context = QueryContext { transport, address, now: NOW, idle: idle(transport), policy: &policy };
        let reply = |filling| {
            let mut reply = vec![filling; AnswerTable::REPLY_MAX_OCTETS];
            answer::respond(table(), query, &context, &mut reply)
                .octets()
                .map(|octets| reply[..octets].to_vec())
        };
        let replies = [reply(0), reply(0xff)];
        assert_eq!(replies[0], replies[1], "what stood in the buffer shows");
        let [reply, _] = replies;
        reply
    });
    assert_eq!(over_tcp.is_some(), query.len() >= 12 && query[2] & 0x80 == 0);
    if let (None, Some(over_tcp)) = (&over_udp, &over_tcp) {
        let code = Message::from_vec(over_tcp).expect("ours can be read").metadata.response_code;
        let codes = [ResponseCode::FormErr, ResponseCode::NotImp, ResponseCode::BADVERS];
        assert!(codes.contains(&code), "{code}: only what is no query gets nothing over UDP");
    }
    let (Some(over_udp), Some(over_tcp)) = (over_udp, over_tcp) else { return };
    check_reply(query, &over_udp, true);
    check_reply(query, &over_tcp, false);
    let truncated = over_udp[2] & 0x02 > 0;
    // A keepalive option that is broken counts over TCP only (RFC 7828).
    let same = over_udp[3] == over_tcp[3];
    assert!(over_udp.len() <= over_tcp.len() || truncated || !same, "more over UDP than over TCP");
}

/// What a connection may be told about itself.
fn idle(transport: Transport) -> Option<Duration> {
    match transport {
        Transport::Udp => None,
        Transport::Tcp => Some(Duration::from_secs(10)),
    }
}

/// What a reply without records has beside the query's own octets: the OPT's options.
const OPTIONS_MAX_OCTETS: usize = 256;

fn check_reply(query: &[u8], reply: &[u8], is_udp: bool) {
    let message = Message::from_vec(reply).unwrap_or_else(|error| panic!("{error}: {reply:02x?}"));
    let (head, asked) = (&message.metadata, [query[2], query[3]]);
    assert_eq!(reply[..2], query[..2], "the identifier");
    assert_eq!(reply[2] & !0x06, 0x80 | asked[0] & 0x79, "QR, opcode and RD; AA and TC are ours");
    assert_eq!(reply[3] & 0xf0, 0, "no RA, Z, AD, CD");
    let question_end = 12 + message.queries.first().map_or(0, |question| question.name().len() + 4);
    assert_eq!(reply[12..question_end], query[12..question_end], "the question comes back octet by octet");
    let (answers, authorities) = (message.answers.len(), message.authorities.len());
    let records = answers + authorities + message.additionals.len();
    if head.truncation {
        assert!(is_udp && records == 0, "TC is for UDP, and stands alone");
    }
    if !is_answer(head.response_code) {
        assert!(!head.authoritative && records == 0, "{:?} has no records", head.response_code);
        assert!(reply.len() <= query.len() + OPTIONS_MAX_OCTETS, "{} octets of an error", reply.len());
    }
    if let Ok(query) = Message::from_vec(query)
        && head.response_code != ResponseCode::FormErr
    {
        assert_eq!(message.edns.is_some(), query.edns.is_some(), "an OPT if and only if there was one");
        let most = query.edns.map_or(512, |edns| edns.max_payload().clamp(512, 1232));
        assert!(!is_udp || reply.len() <= most.into(), "{} octets of {most}", reply.len());
    }
    assert!(!is_udp || reply.len() <= AnswerTable::UDP_REPLY_MAX_OCTETS);
}

fn is_answer(code: ResponseCode) -> bool {
    [ResponseCode::NoError, ResponseCode::NXDomain, ResponseCode::YXDomain].contains(&code)
}

/// A zone with a bit of everything, and a steered name.
fn table() -> &'static AnswerTable {
    static TABLE: OnceLock<AnswerTable> = OnceLock::new();
    TABLE.get_or_init(compiled)
}

fn compiled() -> AnswerTable {
    let steered = name("app.rich.test");
    let rich = include_bytes!("../real/differential/rich.test.zone");
    let zones = [read_zone("rich.test", rich, &steered), read_zone("example.net", EXAMPLE_ZONE, &steered)];
    let addresses =
        ["192.0.2.90", "192.0.2.91", "2001:db8::90"].map(|text| text.parse().expect("an address"));
    let served = Served { addresses: Arc::new(addresses), ttl: Ttl::from_secs(30).expect("a TTL") };
    AnswerTable::compile(
        &zones,
        &[(steered, served)],
        Identity { nsid: "fuzz".into(), version: "1".into(), host: "fuzz".into() },
    )
}

const EXAMPLE_ZONE: &[u8] = include_bytes!("../../zones/example.net.zone");

fn read_zone(origin: &str, text: &[u8], steered: &Name) -> Zone {
    let master = MasterFile { file: "a zone", text };
    let accepted =
        zone::parse(&name(origin), &master, &BTreeSet::from([steered.clone()]), &mut zone::no_include);
    accepted.unwrap_or_else(|problems| panic!("{}", problems[0])).zone
}

/// Owners of one zone that are asked for; more would only be slow.
const OWNERS_MAX: usize = 50;

/// Master files: mistakes with their places, or a zone that is shown as it was read and that is answered from.
pub fn zone(text: &[u8]) {
    let origin = name("t");
    let master = MasterFile { file: "t.zone", text };
    let steered = BTreeSet::from([name("app.t")]);
    match zone::parse(&origin, &master, &steered, &mut include) {
        Err(problems) => {
            assert!(has_errors(&problems));
            problems.iter().for_each(|problem| assert!(!problem.to_string().is_empty()));
        }
        Ok(Accepted { zone, warnings }) => {
            assert!(!has_errors(&warnings));
            warnings.iter().for_each(|warning| assert!(!warning.to_string().is_empty()));
            shows_itself(&zone, &origin, &steered);
            answers(zone);
        }
    }
}

fn include(file: &str) -> Result<Vec<u8>, IncludeError> {
    match file {
        "more" => Ok(b"more 300 A 192.0.2.1\n".to_vec()),
        "again" => Ok(b"$INCLUDE again\n$INCLUDE again below\n".to_vec()),
        _ => Err(IncludeError::Unreadable(std::io::ErrorKind::NotFound.into())),
    }
}

fn shows_itself(zone: &Zone, origin: &Name, steered: &BTreeSet<Name>) {
    let shown = zone::show(zone);
    let master = MasterFile { file: "shown.zone", text: shown.as_bytes() };
    let again = zone::parse(origin, &master, steered, &mut include);
    let again = again.unwrap_or_else(|problems| panic!("{} in\n{shown}", problems[0])).zone;
    assert_eq!(shown, zone::show(&again));
}

fn answers(zone: Zone) {
    let asked: Vec<Vec<u8>> = zone
        .sets()
        .take(OWNERS_MAX)
        .map(|set| {
            let question =
                [&[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0], set.owner, &set.rtype.0.to_be_bytes(), &[0, 1]];
            question.concat()
        })
        .collect();
    let policy = ResponsePolicy { allow: None, rotate: false, cookies: None, limiter: None };
    let table = AnswerTable::compile(&[zone], &[], Identity::default());
    let mut reply = vec![0; AnswerTable::REPLY_MAX_OCTETS];
    for query in asked {
        for transport in [Transport::Udp, Transport::Tcp] {
            let context = QueryContext {
                transport,
                address: Ipv4Addr::LOCALHOST.into(),
                now: NOW,
                idle: idle(transport),
                policy: &policy,
            };
            let octets =
                answer::respond(&table, &query, &context, &mut reply).octets().expect("a query is answered");
            let code = reply[3] & 0xf;
            assert!(code == 0 || code == 3 || code == 6, "code {code} to {query:02x?}");
            assert!(transport == Transport::Tcp || octets <= 512);
        }
    }
}

/// Configuration files: mistakes in the file's order and with their places, or a configuration.
pub fn configuration(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let (fine, problems) = match config::parse("cadence-dns.toml", text, Path::new("/"), 2) {
        Ok(parsed) => (true, parsed.warnings),
        Err(problems) => (false, problems),
    };
    assert_eq!(fine, !has_errors(&problems), "{problems:#?}");
    assert!(problems.is_sorted_by(|a, b| a.place <= b.place), "{problems:#?}");
    for problem in problems {
        assert!(problem.place.is_some() && !problem.found.is_empty(), "{problem:?}");
        assert!(!problem.to_string().is_empty());
    }
}

/// Saved states, their checksum apart: a controller that starts with one serves every name, and can save it again.
pub fn state(json: &[u8]) {
    let Ok(saved) = serde_json::from_slice::<Saved>(json) else { return };
    let (parameters, zones) = world();
    let (mut controller, _) = Controller::start(parameters.clone(), zones, Some(saved), NOW);
    for seconds in [0, 1, 10, 400, 100_000] {
        let now = NOW + Duration::from_secs(seconds);
        controller.handle(Event::TimePassed, now);
        let decisions = controller.decisions();
        assert_eq!(decisions.len(), parameters.steers.len());
        assert!(decisions.iter().all(|decision| !decision.standing.addresses.is_empty()), "an empty answer");
        serde_json::to_vec(&Status::of(&controller, now)).expect("a status is JSON");
        let again = serde_json::to_vec(&controller.saved(now)).expect("a state is JSON");
        serde_json::from_slice::<Saved>(&again).expect("what was saved can be read");
    }
}

/// The files of a state folder that the fuzzer may write, in its order, with a zero after each.
const STATE_FILES: [&str; 6] =
    ["state.json", "state.json.previous", "log-1", "log-4", "journal-1", "journal-2"];

/// As many damaged files are kept.
const DAMAGED_MAX_FILES: usize = 8;

/// State folders: refused without a change, or what is found there is found again by the next start, with what was
/// appended since and no number twice. What begins with `!` gets the right checksum, for no fuzzer would find it.
pub fn state_log(octets: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in STATE_FILES.iter().zip(octets.split(|octet| *octet == 0)) {
        if !content.is_empty() {
            fs::write(folder.path().join(name), put_right(name, content)).expect("room");
        }
    }
    let before = state_files(folder.path());
    let open = || StateLog::open::<Value, Value>(folder.path(), "boot", NOW);
    let (mut log, found) = match open() {
        Ok(opened) => opened,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return assert_eq!(state_files(folder.path()), before, "{error}");
        }
    };
    assert!(found.troubles.iter().all(|trouble| trouble.contains(' ')));
    let last = log.last();
    assert!(log.append(&["new"], NOW).expect("room") > last);
    drop(log);
    let (mut log, again) = open().expect("it was opened before");
    assert_eq!((&again.snapshot, again.ended), (&found.snapshot, Ended::Killed));
    assert_eq!(again.entries, [&found.entries[..], &["new".into()]].concat());
    let through = log.last();
    assert!(through > last);
    log.snapshot(&"state", through, NOW).expect("room");
    drop(log);
    let (_, last) = open().expect("it was opened before");
    assert_eq!((last.snapshot, last.entries), (Some("state".into()), Vec::new()));
    let damaged = state_files(folder.path()).into_keys().filter(|name| name.contains(".damaged-")).count();
    assert!(damaged <= DAMAGED_MAX_FILES, "{damaged}");
}

fn put_right(name: &str, content: &[u8]) -> Vec<u8> {
    if name.starts_with("state") {
        let Some(state) = content.strip_prefix(b"!") else { return content.to_vec() };
        let seal = format!("{{\"crc32\":\"{:08x}\"}}\n", crc32fast::hash(state));
        return [state, seal.as_bytes()].concat();
    }
    let lines = content.split_inclusive(|octet| *octet == b'\n').map(|line| {
        let Some(line) = line.strip_prefix(b"!") else { return line.to_vec() };
        let json = line.strip_suffix(b"\n").unwrap_or(line);
        [format!("{:08x} ", crc32fast::hash(json)).as_bytes(), line].concat()
    });
    lines.flatten().collect()
}

/// All files of a folder but the lock.
fn state_files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| {
        let entry = entry.expect("an entry can be read");
        let name = entry.file_name().into_string().expect("our names are text");
        (name, fs::read(entry.path()).expect("a file can be read"))
    });
    files.filter(|(name, _)| name != "lock").collect()
}

fn world() -> (&'static Parameters, &'static [Zone]) {
    static WORLD: OnceLock<(Parameters, [Zone; 1])> = OnceLock::new();
    let (parameters, zones) = WORLD.get_or_init(|| {
        let text = include_str!("../../cadence-dns.toml");
        let parsed = config::parse("cadence-dns.toml", text, Path::new("/"), 1);
        let config = parsed.unwrap_or_else(|problems| panic!("{}", problems[0])).config;
        let steered = config.steers[0].name().clone();
        let text = include_bytes!("../../zones/cadence.example.com.zone");
        let zone = read_zone("cadence.example.com", text, &steered);
        let (vantage, regions, steers) = (config.node.name, config.regions, config.steers);
        let parameters = Parameters {
            members: vec![Member::server(vantage.clone())],
            cluster: None,
            vantage,
            identity: Identity::default(),
            alone: Alone::Freeze,
            witnesses: Vec::new(),
            regions,
            steers,
            gates: Vec::new(),
            hooks: Vec::new(),
            safety: Safety::default(),
        };
        (parameters, [zone])
    });
    (parameters, zones)
}
