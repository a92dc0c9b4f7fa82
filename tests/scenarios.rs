//! Stories of outages, as text that an operator could have written, played against the real controller.
//!
//! Each `scenarios/*.txt` begins with what it is about (lines with `#`) and the regions, steers and witnesses, word for
//! word as in the configuration of the real thing. After a line `---` comes the story, in the language of
//! `src/scenario/language.txt`.

mod simulator;

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
    calculated_checks
    clock_set_back
    cluster_a_clock_is_wrong
    cluster_a_full_disk_on_one_node
    cluster_a_region_dies
    cluster_a_region_dies_with_a_name_server
    cluster_an_old_node_with_an_old_file
    cluster_an_order_is_answered_by_all
    cluster_another_configuration_on_one_node
    cluster_both_others_and_the_region_are_lost
    cluster_etcd_is_gone
    cluster_etcd_is_gone_for_a_moment
    cluster_it_hears_but_is_not_heard
    cluster_one_is_cut_off
    cluster_one_is_cut_off_without_anchors
    cluster_one_name_server_dies
    cluster_one_stands_still
    cluster_two_operators_on_two_sides
    cluster_vantages_disagree
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
    degraded_by_a_certificate
    degraded_by_ipv6
    degraded_by_slowness
    disk_that_hangs
    disk_that_is_full
    drain_of_the_last_region
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
    failover_to_a_dead_region
    first_start_in_an_outage
    flip_limit
    flips_of_a_clock_that_was_set_back
    freeze_through_an_outage
    frozen_by_isolation_and_released
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
    nothing_is_proven_up
    one_address_and_a_page
    one_address_and_a_witness
    one_address_that_is_trusted
    one_lost_packet
    one_slow_answer
    operator_leaves_a_grey_region
    our_ipv4_lost_while_ipv6_is_down
    out_of_descriptors
    override_outlives_a_restart
    override_then_hold
    override_without_a_subject
    own_network_lost_while_an_address_is_down
    own_network_lost_while_ipv6_is_down
    part_of_a_region
    power_cut
    process_that_stands_still
    region_left_out_in_an_outage
    region_renamed_in_an_outage
    region_without_probe
    release_of_a_hold
    reloads_faster_than_the_probes
    restart_across_a_failback
    restart_in_a_failure
    restart_in_a_hold
    restart_in_an_outage
    standby_that_could_not_take_over
    stuck_prober
    switch_that_is_off
    switch_that_opens_a_window
    switchover
    switchover_across_a_restart
    switchover_and_its_hook
    switchover_before_a_red_gate
    switchover_given_up
    three_regions
    three_vantages
    three_vantages_of_which_two_are_gone
    two_regions_die_one_after_the_other
    unproven_accepted
    wall_clock_wrong_while_it_runs
}
