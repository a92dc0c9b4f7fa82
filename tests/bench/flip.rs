//! From the last failed probe of a region to the new answers of all names that it served: `cargo bench --bench flip`.
//!
//! 100,000 names are steered, 1,000 of them through each of 100 regions and a spare one. The regions die one after
//! the other. What the daemon does in between is done here too: the changes are on the disk, and the new
//! table is handed to the name server.

#[path = "../kit/zone.rs"]
#[allow(dead_code, reason = "a bench uses a part of it")]
mod zone;

use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use cadence_dns::answer::Identity;
use cadence_dns::config::{self, Config};
use cadence_dns::controller::{Change, Commit, Controller, Effect, Event, Parameters, Saved};
use cadence_dns::dns::Tables;
use cadence_dns::health::{Failure, Member, Observation, ProbeOutcome, Timings};
use cadence_dns::model::{CheckId, Moment};
use cadence_dns::store::StateLog;
use cadence_dns::zone::Zone;

const REGIONS: usize = 100;
const NAMES_OF_A_REGION: usize = 1_000;

fn main() {
    let config = config();
    let zone = zone(&config);
    let folder = tempfile::tempdir().expect("a folder");
    let opened = StateLog::open::<Saved, Change>(folder.path(), "bench", Moment::default());
    let (log, _) = opened.expect("a folder of our own");
    let (mut bench, started) = Bench::start(config, &[zone], log);
    bench.all_pass();
    let mut took: Vec<Duration> = (0..REGIONS).map(|region| bench.kill(region)).collect();
    took.sort_unstable();
    println!("start with {} steered names: {started:.1?}", REGIONS * NAMES_OF_A_REGION);
    let [min, median, max] = [0, REGIONS / 2, REGIONS - 1].map(|rank| took[rank]);
    println!("flip of {NAMES_OF_A_REGION} of them: min {min:.2?}, median {median:.2?}, max {max:.2?}");
}

struct Bench {
    controller: Controller,
    log: StateLog,
    tables: Tables,
    checks: Vec<CheckId>,
    now: Moment,
}

impl Bench {
    fn start(config: Config, zones: &[Zone], log: StateLog) -> (Bench, Duration) {
        let checks = config.probes.iter().map(|probe| probe.check.clone()).collect();
        let parameters = Parameters {
            members: vec![Member::server(config.node.name.clone())],
            cluster: None,
            vantage: config.node.name,
            identity: Identity::default(),
            alone: config.alone,
            witnesses: config.witnesses,
            regions: config.regions,
            steers: config.steers,
            gates: config.gates,
            hooks: config.hooks,
            safety: config.safety,
        };
        let now = Moment::from_millis(1_800_000_000_000);
        let start = Instant::now();
        let (controller, _) = Controller::start(parameters, zones, None, now);
        let took = start.elapsed();
        let tables = Tables::new(controller.table().clone());
        (Bench { controller, log, tables, checks, now }, took)
    }

    fn all_pass(&mut self) {
        for _ in 0..3 {
            self.now = self.now + Duration::from_secs(1);
            for check in 0..self.checks.len() {
                self.observe(check, ProbeOutcome::Pass);
            }
        }
    }

    /// Lets a region die; the time that its last probe took to become an answer.
    fn kill(&mut self, region: usize) -> Duration {
        let before = self.tables.current();
        loop {
            self.now = self.now + Duration::from_millis(10);
            (0..self.checks.len()).filter(|check| *check > region).for_each(|check| {
                self.observe(check, ProbeOutcome::Pass);
            });
            let took = self.observe(region, ProbeOutcome::failed(Failure::Refused));
            let published = self.tables.current();
            let standing = &self.controller.decisions()[region * NAMES_OF_A_REGION].standing;
            if standing.region.as_str() == "spare" {
                assert!(!std::sync::Arc::ptr_eq(&before, &published));
                return took;
            }
        }
    }

    /// Hands in a probe and does what follows from it, as the daemon does.
    fn observe(&mut self, check: usize, outcome: ProbeOutcome) -> Duration {
        let (check, vantage) = (self.checks[check].clone(), "bench".into());
        let timings = Timings::default();
        let observation = Observation { check, vantage, outcome, timings, certificate_expires: None };
        let start = Instant::now();
        let mut events = vec![Event::Observed(observation)];
        while let Some(event) = events.pop() {
            for effect in self.controller.handle(event, self.now) {
                match effect {
                    Effect::Commit(id, changes) => {
                        self.log.append(&changes, self.now).expect("room");
                        events.push(Event::Committed(id, Commit::Durable));
                    }
                    Effect::Publish(table) => self.tables.publish(table),
                    // After the answers, or on another thread.
                    Effect::Configure(_)
                    | Effect::Note(_)
                    | Effect::Transact(_)
                    | Effect::Persist
                    | Effect::Pace(..)
                    | Effect::ProbeNow(_)
                    | Effect::RunHook(_)
                    | Effect::Verify { .. }
                    | Effect::Report(_)
                    | Effect::Reply(_) => {}
                }
            }
        }
        start.elapsed()
    }
}

fn config() -> Config {
    let mut text = String::from(
        "[node]\nname = \"bench\"\n[dns]\nlisten = [\"127.0.0.1:5300\"]\n\
         [[zone]]\nname = \"cadence.example.com\"\nfile = \"x\"\n",
    );
    for region in 0..=REGIONS {
        let name = if region < REGIONS { format!("r{region}") } else { "spare".to_owned() };
        write!(
            text,
            "[[region]]\nname = \"{name}\"\naddresses = [\"10.0.0.{region}\", \"2001:db8::{region}\"]\n\
             [[region.probe]]\ntcp = 80\nfall = 2\nrise = 2\naddress = \"10.0.0.{region}\"\n"
        )
        .expect("a String takes all");
    }
    for name in 0..REGIONS * NAMES_OF_A_REGION {
        let region = name / NAMES_OF_A_REGION;
        write!(
            text,
            "[[steer]]\nname = \"n{name}.cadence.example.com\"\nregions = [\"r{region}\", \"spare\"]\ndwell = \"0s\"\n"
        )
        .expect("a String takes all");
    }
    let parsed = config::parse("bench.toml", &text, Path::new("/"), 1);
    parsed.unwrap_or_else(|problems| panic!("{}", problems[0])).config
}

fn zone(config: &Config) -> Zone {
    let text = b"$TTL 300\n@ SOA ns1 hostmaster 1 1h 15m 1w 30\n@ NS ns1\nns1 A 192.0.2.53\n";
    let [zone] = &config.zones[..] else { panic!("one zone is configured") };
    let steered: Vec<_> = zone.steered.iter().cloned().collect();
    zone::try_zone(&zone.name, text, &steered).unwrap_or_else(|problems| panic!("{problems}"))
}
