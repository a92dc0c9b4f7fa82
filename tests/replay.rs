//! The past once more: months that the simulator has lived through, recorded, and replayed under any settings.
//!
//! A few days in a debug build, a month in a release build. `CADENCE_DNS_RECORDING=FOLDER` writes the recordings of a calm
//! and a noisy month to files, to be replayed by hand.

mod simulator;

use std::path::Path;
use std::time::Duration;

use cadence_dns::config::parse_with;
use cadence_dns::controller::{Controller, Effect, Event, Parameters};
use cadence_dns::model::{CheckId, Moment};
use cadence_dns::recording::{HEADER, PROBE_MAX_OCTETS, Probe, ProbeBlock, table};
use cadence_dns::replay::{Course, Figures, Hindsight, History, figures, replay};
use cadence_dns::simulator::{BEGINNING, Condition, Handled, Onlooker, Simulator};

const HOUR: Duration = Duration::from_secs(3_600);
const GLITCH: Duration = Duration::from_secs(10);

/// Two regions with two addresses each, probed as by default; the TTL is short, so that it hides nothing.
const CONFIG: &str = r#"
[node]
name = "ns1"
[[zone]]
name = "cadence.example.com"
file = "cadence.zone"
[[region]]
name = "us-east"
addresses = ["192.0.2.10", "192.0.2.11"]
[[region.probe]]
url = "http://cadence.example.com/health"
[[region]]
name = "eu-west"
addresses = ["198.51.100.10", "198.51.100.11"]
[[region.probe]]
url = "http://cadence.example.com/health"
[[steer]]
name = "cadence.example.com"
regions = ["us-east", "eu-west"]
ttl = "2s"
ttl_suspect = "1s"
"#;

/// The same with one address each, so that a single check makes a region fall.
fn lean() -> String {
    CONFIG.replace(", \"192.0.2.11\"", "").replace(", \"198.51.100.11\"", "")
}

fn parameters(config: &str, with: Option<&str>) -> Parameters {
    let parsed = parse_with("test.toml", config, Path::new("/"), 1, with);
    parsed.unwrap_or_else(|problems| panic!("{}", problems[0])).config.parameters()
}

fn days() -> u32 {
    if cfg!(debug_assertions) { 2 } else { 30 }
}

/// Writes down every probe that the controller is told of, and each move of the name.
#[derive(Clone)]
struct Scribe {
    checks: Vec<CheckId>,
    octets: Vec<u8>,
    block: ProbeBlock,
    probes: u64,
    moves: Vec<(Moment, String)>,
}

impl Onlooker for Scribe {
    fn new(parameters: &Parameters) -> Scribe {
        let checks = parameters.regions.iter().flat_map(|region| &region.checks);
        let checks: Vec<CheckId> = checks.map(|check| check.id.clone()).collect();
        let octets = [HEADER, &table(&checks)].concat();
        Scribe { checks, octets, block: ProbeBlock::default(), probes: 0, moves: Vec::new() }
    }

    fn started(&mut self, controller: &Controller, _effects: &[Effect], _lost: bool, now: Moment) {
        self.note_move(controller, now);
    }

    fn handled(&mut self, Handled { event, controller, .. }: Handled<'_>, _clock: Moment, now: Moment) {
        self.note_move(controller, now);
        let Event::Observed(seen) = event else { return };
        let number = self.checks.iter().position(|check| *check == seen.check).expect("it is configured");
        let probe = Probe::of(seen, u32::try_from(number).expect("few"), now);
        self.probes += 1;
        if !self.block.push(&probe) || self.block.octets() > 4_000 {
            self.octets.extend(self.block.take());
        }
    }
}

impl Scribe {
    fn note_move(&mut self, controller: &Controller, now: Moment) {
        let region = controller.decisions()[0].standing.region.to_string();
        if self.moves.last().is_none_or(|(_, last)| *last != region) {
            self.moves.push((now, region));
        }
    }

    fn recording(&self) -> Vec<u8> {
        [self.octets.clone(), self.block.clone().take()].concat()
    }
}

/// A time with so much loss, in which us-east dies for some minutes now and then. What was recorded, and what was done.
fn live(config: &str, days: u32, loss: u32) -> Scribe {
    let parameters = parameters(config, None);
    let mut simulator = Simulator::<Scribe>::start(parameters.clone());
    simulator.world.lose_at_random(loss, 7);
    let east = &parameters.regions[0].addresses;
    for death in 0..days {
        let at = BEGINNING + HOUR * (24 * death + 11) + Duration::from_millis(u64::from(death) * 137_137);
        simulator.run_until(at);
        let condition = if death % 2 == 0 { Condition::Hangs } else { Condition::Refuses };
        east.iter().for_each(|address| simulator.world.set(*address, condition));
        simulator.run_until(at + Duration::from_secs(60 + 60 * u64::from(death)));
        east.iter().for_each(|address| simulator.world.set(*address, Condition::Up));
    }
    simulator.run_until(BEGINNING + HOUR * 24 * days);
    simulator.us().watch.clone()
}

fn history(octets: &[u8]) -> History {
    let mut history = History::default();
    history.add(octets).expect("a recording");
    history.finish();
    history
}

/// What settings would have brought.
fn judged(history: &History, config: &str, with: Option<&str>) -> (Course, Figures) {
    let (present, parameters) = (parameters(config, None), parameters(config, with));
    let checks = present.regions.iter().flat_map(|region| &region.checks).map(|check| &check.id);
    let coverage = history.coverage(checks).expect("probes");
    let hindsight = Hindsight::of(history, &coverage, &present, GLITCH);
    let course = replay(history, &coverage, &parameters, &mut |_| {});
    let figures = figures(&course, &hindsight, &parameters);
    (course, figures.into_iter().next().expect("one name"))
}

fn moves(course: &Course) -> Vec<(Moment, String)> {
    let mut moves: Vec<(Moment, String)> = Vec::new();
    for stay in &course.stays[0] {
        if moves.last().is_none_or(|(_, last)| *last != stay.region.as_str()) {
            moves.push((stay.from, stay.region.to_string()));
        }
    }
    moves
}

/// With the settings that were in force, each move comes when it came, within two intervals: a probe that a slightly other
/// schedule lost or did not lose makes as much.
#[test]
fn a_replay_with_the_settings_in_force_is_the_past() {
    for (config, loss, called) in [(CONFIG.to_owned(), 1_000, "calm"), (lean(), 5_000, "noisy")] {
        let lived = live(&config, days(), loss);
        if let Ok(folder) = std::env::var("CADENCE_DNS_RECORDING") {
            let file = Path::new(&folder).join(format!("{called}.rec"));
            std::fs::write(file, lived.recording()).expect("a folder that can be written to");
        }
        let recording = lived.recording();
        let octets = recording.len() as f64 / lived.probes as f64;
        println!("{} probes, {octets:.1} octets each, {} moves", lived.probes, lived.moves.len());
        assert!(octets < PROBE_MAX_OCTETS as f64);
        let (course, figures) = judged(&history(&recording), &config, None);
        let replayed = moves(&course);
        assert_eq!(replayed.len(), lived.moves.len(), "{replayed:?}\n{:?}", lived.moves);
        for ((at, region), (lived_at, lived_region)) in replayed.iter().zip(&lived.moves).skip(1) {
            assert_eq!(region, lived_region);
            let apart = at.since(*lived_at).max(lived_at.since(*at));
            assert!(apart < Duration::from_secs(10), "{region} at {at}, not at {lived_at}");
        }
        assert_eq!(figures.flips, lived.moves.len() - 1);
    }
}

/// Two failures in a row happen by chance; three or four do so far less often.
#[test]
fn fewer_failures_mean_more_false_flips_and_less_downtime() {
    let config = lean();
    let history = history(&live(&config, days(), 8_000).recording());
    let with = |settings| judged(&history, &config, Some(settings)).1;
    let (hasty, present, patient) = (with("fall=2"), with("fall=3"), with("fall=5"));
    let false_flips = [&hasty, &present, &patient].map(|figures| figures.false_flips.len());
    println!(
        "false flips {false_flips:?}, downtime {:?} {:?} {:?}",
        hasty.downtime, present.downtime, patient.downtime
    );
    assert!(false_flips[0] > 0 && false_flips.is_sorted_by(|a, b| a >= b), "{false_flips:?}");
    assert!(hasty.downtime <= present.downtime && present.downtime < patient.downtime);
    assert!(hasty.budget < present.budget && present.budget < patient.budget);
}

/// The gain of a faster schedule, and the price of a slower one, without noise.
#[test]
fn a_faster_schedule_notices_earlier() {
    let history = history(&live(CONFIG, days(), 0).recording());
    let downtime = |settings| judged(&history, CONFIG, Some(settings)).1.downtime;
    let (fast, present, slow) = (
        downtime("interval=2s,recheck=500ms,timeout=500ms"),
        downtime("interval=5s"),
        downtime("interval=20s"),
    );
    println!("downtime {fast:?} {present:?} {slow:?}");
    assert!(fast < present && present < slow);
    let flips = |settings| judged(&history, CONFIG, Some(settings)).1;
    for settings in ["interval=2s", "interval=20s", "fall=2", "timeout=1s"] {
        let figures = flips(settings);
        assert_eq!(figures.false_flips, [], "{settings}: nothing but outages");
        assert_eq!(figures.flips, 2 * days() as usize, "{settings}: there and back each day");
    }
}

/// Hours without a recording: nothing is known, and nothing moves.
#[test]
fn a_gap_freezes() {
    let scribe = live(CONFIG, 1, 0);
    let whole = scribe.recording();
    // Blocks of the middle are left out: the outage is among them.
    let third = whole.len() / 3;
    let torn = [&whole[..third], &whole[2 * third..]].concat();
    let (_, figures) = judged(&history(&torn), CONFIG, None);
    assert_eq!(figures.flips, 0, "the outage is not known of");
    assert_eq!(judged(&history(&whole), CONFIG, None).1.flips, 2);
}
