//! What a change of zones costs while the program runs: `cargo bench --bench zone_change`.
//!
//! One zone of 5,000 is changed, and a steered name is moved while another thread compiles a zone of a million names.

#[allow(dead_code)] // its queries are for other benchmarks
mod load;
#[path = "../kit/zone.rs"]
#[allow(dead_code, reason = "a bench uses a part of it")]
mod zone;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cadence_dns::answer::{AnswerTable, Identity, ZoneTable};
use cadence_dns::model::{Name, SteerId};

const ZONES: usize = 5_000;
const CHANGES: usize = 1_000;
const HOSTS: u32 = 1_000_000;
const STEER: SteerId = SteerId(0);

fn main() {
    one_of_many();
    beside_a_big_one();
}

/// Compiles one small zone and puts it into a table of many.
fn one_of_many() {
    let zones = load::small_zones(ZONES);
    let mut table = AnswerTable::compile(&zones, &[], Identity::default());
    let took = (0..CHANGES).map(|change| {
        let zone = &zones[change * 7 % ZONES];
        let start = Instant::now();
        let next = table.with_zone(Arc::new(ZoneTable::compile(zone, &[])));
        let took = start.elapsed();
        table = next;
        took
    });
    report(&format!("change of one zone of {ZONES}"), took.collect());
    let apex: Name = "new.example".parse().expect("a name");
    let new =
        load::read_at("new.example", "$TTL 300\n@ SOA a.else. b.else. 1 1h 10m 1w 60\n@ NS a.else.\n", &[]);
    let took = (0..CHANGES / 2).flat_map(|_| {
        let start = Instant::now();
        let with = table.with_zone(Arc::new(ZoneTable::compile(&new, &[])));
        let added = start.elapsed();
        let start = Instant::now();
        black_box(with.without_zone(&apex));
        [added, start.elapsed()]
    });
    report(&format!("one more or one less of {ZONES}"), took.collect());
}

/// Moves the steered name of a small zone, its serial too, while the big zone is compiled again and again.
fn beside_a_big_one() {
    let steered = load::steered_hosts(1);
    let small = load::read_at("small.example", SMALL, &[]);
    let owner: Name = "app.small.example".parse().expect("a name");
    let small = Arc::new(ZoneTable::compile(&small, &[(owner, STEER)]));
    let big = load::zone_of(HOSTS);
    let start = Instant::now();
    let compiled = Arc::new(ZoneTable::compile(&big, &[]));
    println!(
        "zone of {HOSTS} names: compiled in {:.0?}, {} octets a name",
        start.elapsed(),
        compiled.octets() as f64 / f64::from(HOSTS)
    );
    let served = [(STEER, steered[0].1.clone())];
    let mut table = AnswerTable::of(vec![small, compiled], &served, Identity::default());
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let compiling = scope.spawn(|| {
            (0..2).for_each(|_| drop(black_box(ZoneTable::compile(&big, &[]))));
            let compiled = Arc::new(ZoneTable::compile(&big, &[]));
            done.store(true, Ordering::Release);
            compiled
        });
        let mut took = Vec::new();
        while !done.load(Ordering::Acquire) {
            let start = Instant::now();
            table = flipped(&table, took.len());
            took.push(start.elapsed());
            thread::sleep(Duration::from_micros(200)); // between flips a controller waits
        }
        report("flip of another zone meanwhile", took);
        let compiled = compiling.join().expect("it compiles");
        let start = Instant::now();
        table = table.with_zone(compiled);
        println!("the big zone put into the table: {:.2?}, the old one freed", start.elapsed());
    });
    black_box(table);
}

const SMALL: &str = "$TTL 300\n@ SOA a.else. b.else. 1 1h 10m 1w 60\n@ NS a.else.\n";

fn flipped(table: &AnswerTable, turn: usize) -> AnswerTable {
    let serials: Vec<_> = table
        .zones_of(&[STEER])
        .filter_map(|zone| Some((zone.clone(), table.serial_of(zone)?.next())))
        .collect();
    assert_eq!(serials.len(), 1, "the small zone alone is concerned");
    table.with(&[(STEER, load::served((turn % 200) as u8))], &serials)
}

fn report(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let [min, median, max] = [0, took.len() / 2, took.len() - 1].map(|rank| took[rank]);
    println!("{what}, {} times: min {min:.2?}, median {median:.2?}, max {max:.2?}", took.len());
}
