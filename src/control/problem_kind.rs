//! The kinds of problems that the API has, by URIs that programs compare (RFC 9457 section 3.1.1).

use axum::http::StatusCode;

/// Before the word of each kind of ours.
const NAMESPACE: &str = "urn:cadence-dns:problem:";

/// What kind of problem it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    /// One of HTTP, which the status says.
    OfHttp,
    /// A safety rule, a gate or a condition forbids it.
    RefusedByRule,
    /// It cannot be done as things are.
    Refused,
    /// The answer is not the one that the client has seen.
    EpochMoved,
    /// The configuration has mistakes.
    Mistakes,
    /// The controller has stopped.
    ControllerStopped,
    /// The controller has not answered in time.
    ControllerLate,
    /// The history cannot be read.
    HistoryUnreadable,
    /// The disk has not given the history in time.
    HistoryLate,
    /// The client may not do that.
    Forbidden,
    /// Nobody knows who asks.
    Unknown,
    /// Too many requests a second.
    TooMany,
    /// The request names a host that we are not.
    OtherHost,
    /// The receiver has not taken the notice.
    ReceiverFailed,
    /// No other program has taken over.
    UpgradeFailed,
}

impl ProblemKind {
    /// What a status stands for where nothing else is said.
    pub(super) fn of(status: StatusCode) -> ProblemKind {
        match status {
            StatusCode::FORBIDDEN => ProblemKind::Forbidden,
            StatusCode::UNAUTHORIZED => ProblemKind::Unknown,
            StatusCode::TOO_MANY_REQUESTS => ProblemKind::TooMany,
            StatusCode::MISDIRECTED_REQUEST => ProblemKind::OtherHost,
            StatusCode::PRECONDITION_FAILED => ProblemKind::EpochMoved,
            StatusCode::UNPROCESSABLE_ENTITY => ProblemKind::Mistakes,
            StatusCode::BAD_GATEWAY => ProblemKind::ReceiverFailed,
            StatusCode::CONFLICT => ProblemKind::Refused,
            _ => ProblemKind::OfHttp,
        }
    }

    /// The word that ends its URI, and its title; none for those of HTTP.
    fn words(self) -> Option<(&'static str, &'static str)> {
        Some(match self {
            ProblemKind::OfHttp => return None,
            ProblemKind::RefusedByRule => ("refused-by-rule", "A rule forbids it now, or on these terms"),
            ProblemKind::Refused => ("refused", "It cannot be done as things are"),
            ProblemKind::EpochMoved => ("epoch-moved", "The answer is another than the one that was seen"),
            ProblemKind::Mistakes => ("mistakes", "The configuration has mistakes"),
            ProblemKind::ControllerStopped => ("controller-stopped", "The controller has stopped"),
            ProblemKind::ControllerLate => ("controller-late", "The controller has not answered in time"),
            ProblemKind::HistoryUnreadable => ("history-unreadable", "The history cannot be read"),
            ProblemKind::HistoryLate => ("history-late", "The history was not read in time"),
            ProblemKind::Forbidden => ("forbidden", "The client may not do that"),
            ProblemKind::Unknown => ("unknown-client", "Nobody knows who asks"),
            ProblemKind::TooMany => ("too-many-requests", "Too many requests a second"),
            ProblemKind::OtherHost => ("other-host", "The request is for another host"),
            ProblemKind::ReceiverFailed => ("receiver-failed", "The receiver has not taken the notice"),
            ProblemKind::UpgradeFailed => ("upgrade-failed", "No other program has taken over"),
        })
    }

    /// Its URI.
    pub(super) fn uri(self) -> String {
        self.words().map_or_else(|| "about:blank".to_owned(), |(word, _)| format!("{NAMESPACE}{word}"))
    }

    /// Its title, the same for each problem of the kind.
    pub(super) fn title(self, status: StatusCode) -> &'static str {
        self.words().map_or_else(|| status.canonical_reason().unwrap_or("Error"), |(_, title)| title)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const ALL: [ProblemKind; 15] = [
        ProblemKind::OfHttp,
        ProblemKind::RefusedByRule,
        ProblemKind::Refused,
        ProblemKind::EpochMoved,
        ProblemKind::Mistakes,
        ProblemKind::ControllerStopped,
        ProblemKind::ControllerLate,
        ProblemKind::HistoryUnreadable,
        ProblemKind::HistoryLate,
        ProblemKind::Forbidden,
        ProblemKind::Unknown,
        ProblemKind::TooMany,
        ProblemKind::OtherHost,
        ProblemKind::ReceiverFailed,
        ProblemKind::UpgradeFailed,
    ];

    /// Programs compare them, so they are described, each under its own.
    #[test]
    fn every_kind_is_described_under_its_own_uri() {
        let uris: BTreeSet<String> = ALL.iter().map(|kind| kind.uri()).collect();
        assert_eq!(uris.len(), ALL.len());
        let described: serde_json::Value =
            serde_json::from_str(include_str!("../../docs/openapi.json")).expect("it is JSON");
        let listed = described["components"]["schemas"]["Problem"]["properties"]["type"]["enum"].as_array();
        let listed = listed.expect("a list").iter().filter_map(|uri| uri.as_str().map(str::to_owned));
        assert_eq!(listed.collect::<BTreeSet<_>>(), uris);
        let page = include_str!("../../docs/operating.md");
        for (word, title) in ALL.iter().filter_map(|kind| kind.words()) {
            assert!(
                page.contains(&format!("| `{word}` |")),
                "docs/operating.md has no row for {word}: {title}"
            );
        }
    }
}
