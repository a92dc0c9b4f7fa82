//! What was asked and answered.

use super::families::Page;
use crate::api::figures::QueryFigures;
use crate::api::status::DnsStatus;

pub(super) fn tell(page: &mut Page, dns: &DnsStatus, queries: &[QueryFigures]) {
    page.counter("cadence_dns_messages_total", "Messages that came in, answered or not.")
        .only(dns.queries as f64);
    let mut replies = page.counter(
        "cadence_dns_queries_total",
        "Queries that got a reply, by how they came, the type that was asked for, and the code of the reply.",
    );
    for over in queries {
        for (qtype, code, count) in &over.replies {
            let labels = [("proto", over.protocol), ("qtype", qtype.label()), ("rcode", code.label())];
            replies.put(&labels, *count as f64);
        }
    }
    drop(replies);
    let mut durations = page.histogram(
        "cadence_dns_query_duration_seconds",
        "From when a worker had a query until it had given the reply back to the system; a batch counts as a whole.",
    );
    for over in queries {
        durations.put_histogram(&[("proto", over.protocol)], &over.durations);
    }
    drop(durations);
    let mut dropped =
        page.counter("cadence_dns_queries_dropped_total", "Messages that got no reply, by why.");
    for (reason, count) in [
        ("no_query", dns.dropped),
        ("rate_limit", dns.limited.dropped),
        ("unsent", dns.unsent),
        ("overflow", dns.overflowed),
    ] {
        dropped.put(&[("reason", reason)], count as f64);
    }
    drop(dropped);
    let mut limited =
        page.counter("cadence_dns_responses_limited_total", "Replies that the rate limit has cut, by how.");
    limited.put(&[("how", "truncated")], dns.limited.slipped as f64);
    limited.put(&[("how", "badcookie")], dns.limited.badcookie as f64);
    drop(limited);
    page.counter("cadence_dns_responses_truncated_total", "Replies with TC, for the answer was too long.")
        .only(dns.truncated as f64);
    page.counter("cadence_dns_xdp_messages_total", "Messages that came in past the kernel's network stack.")
        .only(dns.xdp as f64);
}
