//! How long a zone of a million names takes to read, and what it costs in memory: `cargo bench --bench zone_load`.

#[path = "../kit/zone.rs"]
#[allow(dead_code, reason = "a bench uses a part of it")]
mod zone;

use std::fmt::Write;
use std::time::Instant;

const NAMES: u64 = 1_000_000;

fn main() {
    let text = master_file();
    let origin = zone::name("bench.example");
    let before = resident_kib("VmRSS");
    let start = Instant::now();
    let outcome = zone::try_zone(&origin, text.as_bytes(), &[]);
    let took = start.elapsed();
    let zone = outcome.unwrap_or_else(|problems| panic!("{problems}"));
    let (kept, peak) = (resident_kib("VmRSS") - before, resident_kib("VmHWM") - before);
    println!("{} records from {} MiB in {} ms", zone.record_count(), text.len() >> 20, took.as_millis());
    println!("kept {} bytes a name, {} at the peak", kept * 1024 / NAMES, peak * 1024 / NAMES);
    let start = Instant::now();
    println!(
        "{} octets of data, walked in {:.0?}",
        zone.sets().flat_map(|set| set.rdata()).flatten().count(),
        start.elapsed()
    );
}

/// Names in no order, as a hash gives them.
fn master_file() -> String {
    let mut text =
        String::from("$TTL 300\n@ SOA ns1 hostmaster 1 1h 15m 1w 30\n@ NS ns1\nns1 A 192.0.2.53\n");
    for number in 0..NAMES {
        let name = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16;
        let [_, a, b, c] = u32::try_from(number).expect("a million").to_be_bytes();
        writeln!(text, "h{name:012x} A 10.{a}.{b}.{c}").expect("a String takes all");
    }
    text
}

/// A line of `/proc/self/status`; 0 where there is none.
fn resident_kib(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(field));
    line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse().ok()).unwrap_or(0)
}
