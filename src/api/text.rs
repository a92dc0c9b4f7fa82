//! Spans of time and checks, as operators read them everywhere.

use std::time::Duration;

use super::status::CheckStatus;

/// `41d 03:12`, `03:12:44` or `12:44`: to the second below a day, so that two calls of `status` differ.
#[must_use]
pub fn age(span: Duration) -> String {
    let seconds = span.as_secs();
    let (days, hours, minutes, seconds) =
        (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match days {
        0 if hours == 0 => format!("{minutes:02}:{seconds:02}"),
        0 => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        days => format!("{days}d {hours:02}:{minutes:02}"),
    }
}

/// `850 µs`, `12 ms`, `1.25 s`.
#[must_use]
pub fn latency(seconds: f64) -> String {
    match seconds {
        s if s < 0.001 => format!("{:.0} µs", s * 1e6),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

/// The number of a check's probe in its region, and its label.
#[must_use]
pub fn probe_of(check: &CheckStatus) -> String {
    match &check.label {
        Some(label) => format!("#{} {label}", check.probe),
        None => format!("#{}", check.probe),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_read_at_a_glance() {
        for (seconds, shown) in [(0, "00:00"), (764, "12:44"), (11_564, "03:12:44"), (3_553_964, "41d 03:12")]
        {
            assert_eq!(age(Duration::from_secs(seconds)), shown);
        }
        for (seconds, shown) in [(0.000_85, "850 µs"), (0.0121, "12 ms"), (1.25, "1.25 s")] {
            assert_eq!(latency(seconds), shown);
        }
    }
}
