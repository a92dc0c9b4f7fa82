//! A line of the timeline.

use std::net::IpAddr;
use std::time::Duration;

use super::watch::Answer;

/// How a text is set off where there is colour; the words say it without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Faint,
    Bold,
    Good,
    Warn,
    Bad,
}

impl Tone {
    /// The SGR code of a terminal (ECMA-48 section 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Faint => "2",
            Tone::Bold => "1",
            Tone::Good => "1;32",
            Tone::Warn => "33",
            Tone::Bad => "1;31",
        }
    }

    pub(super) fn paint(self, text: &str, colour: bool) -> String {
        match (self.code(), colour) {
            ("", _) | (_, false) => text.to_owned(),
            (code, true) => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// Who saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The demo did it.
    Demo,
    /// It stands in the daemon's status.
    Status,
    /// It stands in a reply of the name server.
    Server,
    /// It stands in a reply of the caching resolver.
    Client,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    /// Since the start.
    pub(super) at: Duration,
    /// Since the region died or returned, whichever was last.
    pub(super) after: Option<Duration>,
    pub(super) source: Source,
    pub(super) tone: Tone,
    pub(super) text: String,
    /// An empty line goes before it.
    pub(super) starts_a_chapter: bool,
}

impl Line {
    /// What stands above the columns.
    pub(super) const HEADING: &'static str = " SECONDS   AFTER  SEEN BY  WHAT";

    pub(super) fn render(&self, colour: bool) -> String {
        let source = match self.source {
            Source::Demo => "demo",
            Source::Status => "status",
            Source::Server => "server",
            Source::Client => "client",
        };
        let after = self.after.filter(|after| !after.is_zero());
        let after = after.map(|after| format!("+{:.2}", after.as_secs_f64())).unwrap_or_default();
        let clock = format!("{:8.2} {after:>7}  {source:<7}", self.at.as_secs_f64());
        let gap = if self.starts_a_chapter { "\n" } else { "" };
        format!("{gap}{}  {}\n", Tone::Faint.paint(&clock, colour), self.tone.paint(&self.text, colour))
    }
}

/// An answer as a line tells it.
pub(super) fn shown(answer: &Answer) -> String {
    format!("{}, TTL {}", addresses(&answer.addresses), answer.ttl)
}

/// Addresses with a space between.
pub(super) fn addresses(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
}
