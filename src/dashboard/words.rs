//! Figures and lists in words.

use crate::model::Moment;

const DAY_SECONDS: u64 = 86_400;

/// The first few of something, and how many more.
pub(super) fn list<T: ToString>(items: &[T]) -> String {
    const SHOWN: usize = 6;
    let shown: Vec<String> = items.iter().take(SHOWN).map(ToString::to_string).collect();
    match items.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// How many whole days a certificate has left.
pub(super) fn days(expires: Moment, now: Moment) -> u64 {
    expires.after(now).as_secs() / DAY_SECONDS
}

/// `certificate: 41 days`.
pub(super) fn certificate_days(expires: Moment, now: Moment) -> String {
    match (days(expires, now), expires > now) {
        (_, false) => "certificate EXPIRED".into(),
        (0, true) => "certificate ends within a day".into(),
        (1, true) => "certificate: 1 day".into(),
        (days, true) => format!("certificate: {days} days"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_of_a_certificate() {
        let now = Moment::from_millis(1_795_363_451_007);
        let shown = |seconds| certificate_days(now + Duration::from_secs(seconds), now);
        assert_eq!(shown(0), "certificate EXPIRED");
        assert_eq!(shown(3_600), "certificate ends within a day");
        assert_eq!(shown(90_000), "certificate: 1 day");
        assert_eq!(shown(41 * DAY_SECONDS), "certificate: 41 days");
    }

    #[test]
    fn long_lists_are_cut() {
        assert_eq!(list(&[1, 2]), "1, 2");
        assert_eq!(list(&[1, 2, 3, 4, 5, 6, 7, 8]), "1, 2, 3, 4, 5, 6 and 2 more");
    }
}
