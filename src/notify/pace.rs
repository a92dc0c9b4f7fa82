//! How fast a receiver is sent to: a bound on messages an hour, and longer and longer pauses while it fails.

use std::time::Duration;

use crate::model::Moment;

/// So many messages may come at once before the bound holds.
const BURST: u64 = 10;

/// The first pause after a failure; each further one is twice as long, up to [`PAUSE_MAX`].
const PAUSE_MIN: Duration = Duration::from_secs(1);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// A receiver may ask for a pause up to this.
const ASKED_MAX: Duration = Duration::from_secs(900);

const HOUR_MILLIS: u64 = 3_600_000;

/// When the next message may go.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Milliseconds that one message is worth.
    each: u64,
    /// When all that was sent is paid for (GCRA).
    paid: Moment,
    failures: u32,
    not_before: Moment,
}

impl Pace {
    /// At most so many messages an hour, and at least one.
    pub(super) fn of(per_hour: u32) -> Pace {
        let each = HOUR_MILLIS / u64::from(per_hour.max(1));
        Pace { each, paid: Moment::default(), failures: 0, not_before: Moment::default() }
    }

    /// Until when nothing may be sent; none if it may.
    pub(super) fn wait(&self, now: Moment) -> Option<Moment> {
        let credit = Duration::from_millis(self.each * (BURST - 1));
        let free = self.paid.before(credit);
        let until = free.max(self.not_before);
        (until > now).then_some(until)
    }

    /// A message goes.
    pub(super) fn take(&mut self, now: Moment) {
        self.paid = self.paid.max(now) + Duration::from_millis(self.each);
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// An attempt has failed; `dice` from 0 to 1 makes the pause up to half as long again.
    pub(super) fn failed(&mut self, asked: Option<Duration>, dice: f64, now: Moment) {
        let doubled = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        let pause = doubled.mul_f64(1.0 + dice.clamp(0.0, 1.0) / 2.0);
        self.not_before = now + asked.map_or(pause, |asked| asked.min(ASKED_MAX).max(pause));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(1_795_363_200_000);

    fn second(seconds: u64) -> Moment {
        NOW + Duration::from_secs(seconds)
    }

    #[test]
    fn after_a_burst_messages_come_one_by_one() {
        let mut pace = Pace::of(60);
        for _ in 0..BURST {
            assert_eq!(pace.wait(NOW), None);
            pace.take(NOW);
        }
        assert_eq!(pace.wait(NOW), Some(second(60)));
        assert_eq!(pace.wait(second(60)), None);
        pace.take(second(60));
        assert_eq!(pace.wait(second(60)), Some(second(120)));
    }

    #[test]
    fn within_an_hour_no_more_than_the_bound_and_a_burst() {
        let mut pace = Pace::of(60);
        let mut sent = 0;
        for at in (0..3600).map(second) {
            if pace.wait(at).is_none() {
                pace.take(at);
                sent += 1;
            }
        }
        assert_eq!(sent, 60 + BURST - 1);
    }

    #[test]
    fn pauses_grow_up_to_five_minutes_and_obey_the_receiver() {
        let mut pace = Pace::of(3600);
        let pauses: Vec<u64> = (0..12)
            .map(|_| {
                pace.failed(None, 0.0, NOW);
                pace.wait(NOW).map_or(0, |until| until.since(NOW).as_secs())
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        pace.succeeded();
        pace.failed(Some(Duration::from_secs(30)), 1.0, NOW);
        assert_eq!(pace.wait(NOW), Some(second(30)));
        pace.failed(Some(Duration::from_secs(86_400)), 0.0, NOW);
        assert_eq!(pace.wait(NOW), Some(second(900)));
    }
}
