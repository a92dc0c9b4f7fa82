//! The program itself: its parts, its API, and what it takes of the machine.

use super::Scrape;
use super::decisions::seconds;
use super::families::Page;
use crate::api::configuration::ConfigurationStatus;
use crate::api::figures::{ApiFigures, ProcessFigures};
use crate::api::part::PartStatus;

pub(super) fn tell(page: &mut Page, scrape: &Scrape<'_>) {
    let version = env!("CARGO_PKG_VERSION");
    let mut build = page.gauge("cadence_dns_build_info", "1, with what was built.");
    build.put(&[("version", version)], 1.0);
    drop(build);
    page.gauge("cadence_dns_controller_up", "1 if the controller has made a status for this page.")
        .only(f64::from(u8::from(scrape.is_live)));
    if let Some(status) = scrape.status {
        page.gauge(
            "cadence_dns_status_timestamp_seconds",
            "When that was true which this page tells of decisions.",
        )
        .only(seconds(status.time));
        if let Some(started) = status.started {
            page.gauge("cadence_dns_start_time_seconds", "When the program started, in seconds since 1970.")
                .only(seconds(started));
        }
        if let Some(configuration) = &status.configuration {
            loaded(page, configuration);
        }
        page.gauge("cadence_dns_warnings", "Warnings that `cadence-dns status` shows.")
            .only(status.warnings.len() as f64);
    }
    parts(page, scrape);
    api(page, &scrape.api);
    if let Some(figures) = &scrape.shells.process {
        process(page, figures);
        if let Some(started) = scrape.status.and_then(|status| status.started) {
            page.gauge("process_start_time_seconds", "When the process started, in seconds since 1970.")
                .only(seconds(started));
        }
    }
}

/// The start counts as a reload that went well.
fn loaded(page: &mut Page, configuration: &ConfigurationStatus) {
    let failed = configuration.last_reload.as_ref().is_some_and(|last| !last.successful);
    page.gauge(
        "cadence_dns_config_last_reload_successful",
        "0 if the last attempt to reload the configuration failed, and the one before stays.",
    )
    .only(f64::from(u8::from(!failed)));
    page.gauge(
        "cadence_dns_config_last_reload_success_timestamp_seconds",
        "Since when the configuration holds that holds now.",
    )
    .only(seconds(configuration.since));
}

/// The controller tells of parts that are seen from where it is.
fn parts(page: &mut Page, scrape: &Scrape<'_>) {
    let seen = &scrape.shells.parts;
    let is_seen = |part: &&PartStatus| seen.iter().any(|other| other.part == part.part);
    let others = scrape.status.iter().flat_map(|status| &status.parts).filter(|part| !is_seen(part));
    let mut healthy = page.gauge("cadence_dns_part_healthy", "1 for a part of the program that works.");
    seen.iter().chain(others).for_each(|part| healthy.flag(&[("part", &part.part)], part.healthy));
}

fn api(page: &mut Page, figures: &ApiFigures) {
    let mut responses =
        page.counter("cadence_dns_api_responses_total", "Responses of the API by their status.");
    for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().zip(figures.responses) {
        responses.put(&[("status", class)], count as f64);
    }
    drop(responses);
    page.counter("cadence_dns_api_turned_away_total", "Connections whose client had too many already.")
        .only(figures.turned_away as f64);
    page.counter("cadence_dns_heartbeats_lost_total", "Probes that came faster than heartbeats were kept.")
        .only(figures.beats_lost as f64);
}

/// The names that every exporter has.
fn process(page: &mut Page, figures: &ProcessFigures) {
    page.counter("process_cpu_seconds_total", "Processor time of all threads.").only(figures.cpu_seconds);
    let optional = [
        ("process_resident_memory_bytes", "Memory that is resident.", figures.resident_octets),
        ("process_virtual_memory_bytes", "Memory that is mapped.", figures.virtual_octets),
        ("process_open_fds", "Descriptors that are open.", figures.open_descriptors),
        ("process_max_fds", "Descriptors that there may be.", figures.descriptors_max),
    ];
    for (name, help, value) in optional {
        if let Some(value) = value {
            page.gauge(name, help).only(value as f64);
        }
    }
}
