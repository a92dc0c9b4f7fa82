//! Stories of outages, as text that an operator could have written, played against the real controller.
//!
//! Each `scenarios/*.txt` begins with what it is about (lines with `#`) and the configuration, word for word as in
//! the file of the real thing; only `[node]`, `[dns]` and `[[zone]]` are the same in all and left out. After a line
//! `---` comes one line for each thing that happens, or is expected:
//!
//! ```text
//! 12s        us-east refuses                 at 12 seconds, all addresses of a region, or one of them, or a witness …
//! 20s        192.0.2.10 is up                … is up | refuses | hangs | answers 503 | is slow 1500ms | loses 1 probe
//!                                            | fails every second probe
//! 25s        us-east and 192.0.2.10 hang     several at once
//! 30s        we lose our network             or only our IPv4 or our IPv6; `our network is back`, `our IPv6 is back`
//! 30s        we have no IPv6                 no address or route, so we cannot even try; `we have IPv6 again`
//! 30s        a middlebox refuses everything  near us; `the middlebox is gone`
//! 40s        we cannot probe                 no descriptors left; `we can probe again`
//! 50s        the prober is stuck             no probe returns any more; `the prober is back`
//! 50s        we stand still for 30s          as by SIGSTOP
//! 55s        our disk hangs                  or is full; `our disk is back`
//! 55s        our clock is set forward 1h     or back; a name server that runs does not follow its wall clock
//! 58s        gate lag red                    or green, unknown (no answer), stale (not asked any more): from now on
//! 58s        hook promote fails              or works: from now on
//! 58s        an operator fails back          by `cadence-dns failback`; a name may follow
//! 60s        restart after 4s                kill -9, and a new start from the saved state; also
//! 60s        restart after 4s with the clock set back 1h
//! 60s        restart after 4s with the configuration NAME       which stands after the story, after a line `--- NAME`
//! 60s        the power fails for 4s          what was not on the disk itself is lost
//! 0s         3 name servers vote             ns1, which is us, ns2 and ns3, from the start
//! 70s        ns2 loses its network           also `ns2 has its network back`, `ns2 is not heard of`, `ns2 is heard of again`
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
//! warns region us-east is down         (in `status`)                 replied is answered with us-east now
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
    both_families_needed
    brownout
    brownout_after_isolation
    clock_set_back
    death_beside_a_standby_with_ipv6_only
    death_beside_a_stumbling_standby
    death_by_blackhole
    death_by_refusal
    death_in_isolation
    death_of_ipv4_alone
    death_on_a_node_without_ipv6
    death_seen_by_ipv6_alone
    death_while_the_standby_lacks_ipv4
    death_while_the_standby_lacks_ipv6
    death_while_the_standby_needs_its_dead_ipv4
    degraded_by_ipv6
    disk_that_hangs
    disk_that_is_full
    dwell
    escape_in_spite_of_the_flip_limit
    every_region_answers_503
    every_second_probe_fails
    failback_auto
    failback_interrupted
    failback_manual
    failback_that_is_due_in_a_silence
    failback_to_a_cold_region
    failback_to_a_stumbling_region
    first_start_in_an_outage
    flip_limit
    flips_of_a_clock_that_was_set_back
    gate_before_a_failback
    gate_before_an_escape
    gate_that_blocks_for_a_time
    gate_that_warns
    group
    hook_that_must_succeed
    ipv4_only_region
    isolation
    last_resort
    long_absence
    long_absence_while_held
    loss_of_ipv6
    manual_failback_and_a_third_region
    middlebox_that_refuses_everything
    one_address_and_a_page
    one_address_and_a_witness
    one_address_that_is_trusted
    one_lost_packet
    one_slow_answer
    our_ipv4_lost_while_ipv6_is_down
    out_of_descriptors
    own_network_lost_while_an_address_is_down
    own_network_lost_while_ipv6_is_down
    part_of_a_region
    power_cut
    process_that_stands_still
    region_left_out_in_an_outage
    region_renamed_in_an_outage
    region_without_probe
    restart_across_a_failback
    restart_in_a_failure
    restart_in_a_hold
    restart_in_an_outage
    standby_that_could_not_take_over
    stuck_prober
    three_regions
    three_vantages
    three_vantages_of_which_two_are_gone
    two_regions_die_one_after_the_other
    unproven_accepted
    wall_clock_wrong_while_it_runs
}
