//! Stories of outages, as text that an operator could have written, played against the real controller.
//!
//! Each `scenarios/*.txt` begins with what it is about (lines with `#`) and the configuration, word for word as in
//! the file of the real thing; only `[node]`, `[dns]` and `[[zone]]` are the same in all and left out. After a line
//! `---` comes one line for each thing that happens, or is expected:
//!
//! ```text
//! 12s        us-east refuses                 at 12 seconds, all addresses of a region, or one of them, …
//! 20s        192.0.2.10 is up                … is up | refuses | hangs | answers 503 | is slow 1500ms | loses 1 probe
//! 25s        us-east and 192.0.2.10 hang     several at once
//! 30s        we lose our network             or only our IPv4 or our IPv6; `our network is back`
//! 40s        we cannot probe                 no descriptors left; `we can probe again`
//! 50s        the prober is stuck             no probe returns any more; `the prober is back`
//! 60s        restart after 4s                kill -9, and a new start from the saved state; also
//! 60s        restart after 4s with the clock set back 1h
//! 25s        expect eu-west, epoch 2         holds at 25 seconds
//! by 25s     expect eu-west                  holds at some moment from the line before up to 25 seconds
//! until 310s expect eu-west                  holds at every moment from the line before up to 310 seconds
//! ```
//!
//! After `expect` stands the name, which may be left out when there is only one, and the region in service. What
//! else is expected follows after commas:
//!
//! ```text
//! epoch 2                              ttl 10s                        answers 192.0.2.10 192.0.2.11
//! failed-over                          (the label of the rule)        because connection refused
//! waits for failback to us-east        waits for dwell to us-east until 90s      waits for nothing
//! us-east is down                      us-east is up since 60s
//! ```
//!
//! Moments given after `until` and `since` are right to the second.

mod simulator;

#[path = "scenarios/language.rs"]
mod language;
#[path = "scenarios/play.rs"]
mod play;

use std::path::Path;

/// Every story, each with its name: the tests below are the files in the folder.
macro_rules! scenarios {
    ($($story:ident)*) => {
        $(
            #[test]
            fn $story() {
                play::file(&folder().join(concat!(stringify!($story), ".txt")));
            }
        )*

        #[test]
        fn every_story_is_played() {
            let mut files: Vec<String> = std::fs::read_dir(folder())
                .expect("the folder is there")
                .filter_map(|entry| entry.expect("a file").file_name().to_str()?.strip_suffix(".txt").map(Into::into))
                .collect();
            files.sort();
            assert_eq!(files, [$(stringify!($story)),*]);
        }
    };
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

scenarios! {
    all_regions_down
    brownout
    brownout_after_isolation
    clock_set_back
    death_by_blackhole
    death_by_refusal
    death_in_isolation
    dwell
    failback_auto
    failback_interrupted
    failback_manual
    failback_to_a_stumbling_region
    first_start_in_an_outage
    flip_limit
    ipv4_only_region
    isolation
    long_absence
    long_absence_while_held
    loss_of_ipv6
    one_lost_packet
    one_slow_answer
    out_of_descriptors
    part_of_a_region
    region_without_probe
    restart_across_a_failback
    restart_in_a_failure
    restart_in_a_hold
    restart_in_an_outage
    stuck_prober
    three_regions
}
