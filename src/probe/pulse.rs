//! How long this process stood still: without it, the endpoints would be blamed for a node that is stopped or starved.
//!
//! While probes are in flight a task of the same runtime wakes up every [`PERIOD`]. What it wakes up later than that,
//! no probe could make use of.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// Short beside the shortest timeout (100 ms), and cheap: fifty wake-ups a second at most, none while nothing is in flight.
const PERIOD: Duration = Duration::from_millis(20);

/// What a timer may be late on a machine that is well: the clock of tokio counts milliseconds.
const SLACK: Duration = Duration::from_millis(5);

/// One for all checks of a prober.
#[derive(Debug)]
pub(super) struct Pulse {
    beats: Mutex<Beats>,
    needed: Notify,
}

#[derive(Debug)]
struct Beats {
    probes: usize,
    last: Instant,
    /// All time that was lost up to `last`.
    lost: Duration,
}

impl Beats {
    /// All time that was lost so far; a beat that is overdue counts already.
    fn lost_at(&self, now: Instant) -> Duration {
        self.lost + now.saturating_duration_since(self.last).saturating_sub(PERIOD + SLACK)
    }
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        let beats = Beats { probes: 0, last: Instant::now(), lost: Duration::ZERO };
        Pulse { beats: Mutex::new(beats), needed: Notify::new() }
    }

    /// Beats as long as it is polled.
    pub(super) async fn run(&self) {
        loop {
            self.needed.notified().await;
            while self.beat() {
                sleep(PERIOD).await;
            }
        }
    }

    /// Whether there are probes in flight that need the next one.
    fn beat(&self) -> bool {
        let (mut beats, now) = (self.beats(), Instant::now());
        beats.lost = beats.lost_at(now);
        beats.last = now;
        beats.probes > 0
    }

    /// A probe begins; it ends when the value is dropped.
    pub(super) fn watch(&self) -> Watched<'_> {
        let (mut beats, now) = (self.beats(), Instant::now());
        if beats.probes == 0 {
            beats.last = now; // what was before, no probe has felt
            self.needed.notify_one();
        }
        beats.probes += 1;
        Watched { pulse: self, lost_before: beats.lost_at(now) }
    }

    /// Counts are plain values, whole after every assignment.
    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time of one probe.
#[derive(Debug)]
pub(super) struct Watched<'p> {
    pulse: &'p Pulse,
    lost_before: Duration,
}

impl Watched<'_> {
    /// How much of it the process stood still.
    pub(super) fn lost(&self) -> Duration {
        self.pulse.beats().lost_at(Instant::now()).saturating_sub(self.lost_before)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.pulse.beats().probes -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn beating() -> Arc<Pulse> {
        let pulse = Arc::new(Pulse::new());
        let task = Arc::clone(&pulse);
        tokio::spawn(async move { task.run().await });
        pulse
    }

    /// The clock moves on and nothing runs meanwhile.
    async fn stand_still(span: Duration) {
        tokio::time::advance(span).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_runs_loses_nothing() {
        let pulse = beating();
        let watched = pulse.watch();
        sleep(10 * SECOND).await;
        assert_eq!(watched.lost(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_probe_lost_is_known_before_the_next_beat_and_after() {
        let pulse = beating();
        let watched = pulse.watch();
        sleep(SECOND).await;
        stand_still(10 * SECOND).await;
        let lost = watched.lost();
        assert!((9.9..=10.0).contains(&lost.as_secs_f64()), "{lost:?}");
        sleep(SECOND).await;
        assert!(watched.lost() >= lost && watched.lost() < lost + SECOND / 10, "{:?}", watched.lost());
        assert_eq!(pulse.watch().lost(), Duration::ZERO, "what was before a probe is not its loss");
    }

    #[tokio::test(start_paused = true)]
    async fn many_short_stops_add_up() {
        let pulse = beating();
        let watched = pulse.watch();
        for _ in 0..10 {
            stand_still(SECOND / 5).await;
            sleep(SECOND / 20).await;
        }
        let lost = watched.lost().as_secs_f64();
        assert!((1.5..=2.0).contains(&lost), "{lost} s of 2 s");
    }

    #[tokio::test(start_paused = true)]
    async fn standing_still_between_probes_is_no_loss_of_theirs() {
        let pulse = beating();
        drop(pulse.watch());
        sleep(SECOND).await;
        stand_still(10 * SECOND).await;
        let watched = pulse.watch();
        sleep(SECOND).await;
        assert_eq!(watched.lost(), Duration::ZERO);
    }
}
