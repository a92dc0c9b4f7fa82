//! What Prometheus reads: every metric from the same status that people see, and from what the shells have counted.
//!
//! A file for each subject; each adds its families to a [`Page`]. Labels come from closed sets and from the configuration,
//! never from what a stranger or a server says.

mod cluster;
mod decisions;
mod families;
mod itself;
mod notices;
mod probes;
mod queries;
mod regions;

use prometheus::{Encoder, TextEncoder};

use super::figures::{ApiFigures, ProbeFigures, ShellFigures};
use super::status::Status;

use families::Page;

/// The type of the text.
pub const METRICS_TYPE: &str = prometheus::TEXT_FORMAT;

/// Names that are told one by one; of more, `cadence_dns_names_untold` says how many are not.
const NAMES_MAX: usize = 1_000;

/// All that a page of metrics is made of.
#[derive(Debug, Clone)]
pub struct Scrape<'s> {
    /// The last status; none if the controller has never made one.
    pub status: Option<&'s Status>,
    /// Whether the controller has made it just now.
    pub is_live: bool,
    /// What the shells have counted.
    pub shells: &'s ShellFigures,
    /// What probes saw since the start.
    pub probes: &'s [ProbeFigures],
    /// What the API has counted.
    pub api: ApiFigures,
}

/// The page of metrics, in the text format of Prometheus.
#[must_use]
pub fn metrics(scrape: &Scrape<'_>) -> String {
    let mut page = Page::default();
    itself::tell(&mut page, scrape);
    if let Some(status) = scrape.status {
        decisions::tell(&mut page, status);
        regions::tell(&mut page, status);
        notices::tell(&mut page, status);
        cluster::tell(&mut page, status);
    }
    decisions::tell_changes(&mut page, &scrape.shells.changes);
    probes::tell(&mut page, scrape.probes);
    queries::tell(&mut page, &scrape.shells.dns, &scrape.shells.queries);
    let mut text = Vec::new();
    TextEncoder::new()
        .encode(&page.into_families(), &mut text)
        .expect("families are whole, and memory takes them");
    String::from_utf8(text).expect("names, labels and numbers are text")
}
