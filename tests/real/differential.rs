//! The same zones served by NSD, by Knot and by us, the same queries to all three: what we answer is what NSD or Knot
//! answers, and where these two agree there is no choice.
//!
//! `tests/run.sh` installs the two and runs this; plain `cargo test` leaves it out. `CADENCE_DNS_SEED` plays the dice
//! of an earlier run again.

mod ask;
mod corpus;
mod dice;
mod differences;
mod peers;
mod random_zone;
mod reply;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use cadence_dns::zone::Zone;

use ask::ask_all;
use corpus::Query;
use dice::Dice;
use differences::{Case, DIFFERENCES, RARE_DIFFERENCES, equal};
use peers::{Peer, ZoneFile};
use reply::Reply;

/// Zones from the dice, beside those that people have written.
const RANDOM_ZONES: usize = 30;

/// Differences that are shown when there are any.
const SHOWN: usize = 12;

#[test]
#[ignore = "needs NSD and Knot; tests/run.sh installs them"]
fn every_answer_is_that_of_nsd_or_knot() {
    let seed = seed();
    let mut dice = Dice::new(seed);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let zones = zones(folder.path(), &mut dice);
    let (files, zones): (Vec<ZoneFile>, Vec<Zone>) = zones.into_iter().unzip();
    let (nsd, knot) = (Peer::nsd(folder.path(), &files), Peer::knot(folder.path(), &files));
    let (ours, serving) = peers::serve(&zones);

    let queries: Vec<Query> = zones.iter().flat_map(|zone| corpus::queries(zone, &mut dice)).collect();
    let [by_us, by_nsd, by_knot] = [ours, nsd.address, knot.address].map(|server| ask_all(server, &queries));
    serving.stop();

    let mut judged = Judged::default();
    for (((query, ours), nsd), knot) in queries.iter().zip(&by_us).zip(&by_nsd).zip(&by_knot) {
        judged.add(query, ours.as_ref(), nsd.as_ref(), knot.as_ref());
    }
    judged.report(seed);
    assert!(queries.len() > 5000, "{} queries are no corpus", queries.len());
}

fn seed() -> u64 {
    match std::env::var("CADENCE_DNS_SEED") {
        Ok(seed) => seed.parse().expect("CADENCE_DNS_SEED is a number"),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos().into(),
    }
}

/// The project's own, the rich one beside this file, and random ones; each as a file for the others.
fn zones(folder: &Path, dice: &mut Dice) -> Vec<(ZoneFile, Zone)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("a zone of the repository");
    let mut texts = vec![
        ("cadence.example.com".to_owned(), read("zones/cadence.example.com.zone")),
        ("example.net".to_owned(), read("zones/example.net.zone")),
        ("rich.test".to_owned(), read("tests/real/differential/rich.test.zone")),
    ];
    for number in 0..RANDOM_ZONES {
        let origin = format!("r{number}.test");
        let text = random_zone::text(&origin, dice);
        texts.push((origin, text));
    }
    let written = |(origin, text): (String, String)| {
        let zone = random_zone::parse(&origin, &text).unwrap_or_else(|| panic!("{origin} is no zone"));
        let path = folder.join(format!("{origin}.zone"));
        fs::write(&path, text).expect("a temporary folder is writable");
        (ZoneFile { name: zone.origin().clone(), path }, zone)
    };
    texts.into_iter().map(written).collect()
}

/// What became of all queries.
#[derive(Default)]
struct Judged {
    wrong: Vec<String>,
    intended: BTreeSet<&'static str>,
}

impl Judged {
    fn add(&mut self, query: &Query, ours: Option<&Reply>, nsd: Option<&Reply>, knot: Option<&Reply>) {
        let why = match (ours, nsd, knot) {
            (Some(ours), Some(nsd), Some(knot)) => match judge(&Case { query, ours, nsd, knot }) {
                Ok(None) => return,
                Ok(Some(intended)) => {
                    self.intended.insert(intended);
                    return;
                }
                Err(why) => why,
            },
            (None, _, _) => "no answer of ours that can be read",
            (_, None, _) | (_, _, None) => "no answer of NSD's or of Knot's",
        };
        self.wrong.push(format!("{query}: {why}\n  ours {ours:?}\n  nsd  {nsd:?}\n  knot {knot:?}\n"));
    }

    fn report(&self, seed: u64) {
        let shown = self.wrong.iter().take(SHOWN).cloned().collect::<String>();
        assert!(self.wrong.is_empty(), "CADENCE_DNS_SEED={seed}: {} differ\n{shown}", self.wrong.len());
        let unseen: Vec<&str> =
            DIFFERENCES.iter().map(|(why, _)| *why).filter(|why| !self.intended.contains(why)).collect();
        assert!(unseen.is_empty(), "CADENCE_DNS_SEED={seed}: listed, and no difference any more: {unseen:?}");
    }
}

/// Nothing when we answer as one of the others does, or why we do not; an error when there is no reason for it.
fn judge(case: &Case<'_>) -> Result<Option<&'static str>, &'static str> {
    if case.ours.question != case.query.question() {
        return Err("the question came back another");
    }
    if case.ours.repeats_itself() {
        return Err("a record stands there twice");
    }
    if [case.nsd, case.knot].into_iter().any(|theirs| equal(case.ours, theirs)) {
        return Ok(None);
    }
    let reason =
        DIFFERENCES.iter().chain(RARE_DIFFERENCES).find(|(_, applies)| applies(case)).map(|(why, _)| *why);
    reason.map(Some).ok_or("neither NSD's answer nor Knot's")
}
