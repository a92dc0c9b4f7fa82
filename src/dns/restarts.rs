//! How soon a worker that died is started again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Restarts of one worker within [`WINDOW`], at most.
pub(super) const RESTARTS_MAX: usize = 20;

/// The time that [`RESTARTS_MAX`] is about.
const WINDOW: Duration = Duration::from_secs(60);

/// The wait before the second restart within the window; each further one waits twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(10);

/// The longest wait as long as restarts are left.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// When a worker died lately.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    deaths: VecDeque<Instant>,
}

/// What follows a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Restart {
    /// Start again after this wait.
    After(Duration),
    /// It died too often: start again only after this wait, when the oldest death has left the window.
    TooMany(Duration),
}

impl Restarts {
    /// Notes a death. The first within a minute is followed by a restart at once: a single bad query should cost no
    /// more than its batch. From there on the waits grow, so that a worker that dies at once does not take a core.
    pub(super) fn after_death(&mut self, now: Instant) -> Restart {
        while self.deaths.front().is_some_and(|death| now.saturating_duration_since(*death) >= WINDOW) {
            self.deaths.pop_front();
        }
        self.deaths.push_back(now);
        let earlier = self.deaths.len() - 1;
        if earlier >= RESTARTS_MAX {
            let freed = self.deaths.pop_front().map_or(now, |oldest| oldest + WINDOW);
            return Restart::TooMany(freed.saturating_duration_since(now));
        }
        let doubled = |count: usize| FIRST_WAIT.saturating_mul(1 << (count - 1).min(16));
        Restart::After(if earlier == 0 { Duration::ZERO } else { doubled(earlier).min(WAIT_MAX) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that dies as soon as it is started; when it is started, in milliseconds.
    fn starts_within(limit: Duration) -> Vec<u128> {
        let begin = Instant::now();
        let (mut restarts, mut now, mut starts) = (Restarts::default(), begin, Vec::new());
        while now < begin + limit {
            now += match restarts.after_death(now) {
                Restart::After(wait) | Restart::TooMany(wait) => wait,
            };
            starts.push((now - begin).as_millis());
        }
        starts
    }

    #[test]
    fn the_first_restart_is_at_once_and_the_waits_grow() {
        let starts = starts_within(Duration::from_secs(10));
        assert_eq!(starts[..6], [0, 10, 30, 70, 150, 310]);
    }

    #[test]
    fn no_minute_has_more_restarts_than_are_allowed() {
        let starts = starts_within(Duration::from_secs(600));
        for (index, start) in starts.iter().enumerate() {
            let within = starts[index..].iter().take_while(|other| **other < start + 60_000).count();
            assert!(within <= RESTARTS_MAX + 1, "{within} from {start} ms on");
        }
        assert!(starts.len() > 100, "it is never given up: {}", starts.len());
    }

    #[test]
    fn deaths_that_are_far_apart_are_each_followed_by_a_restart_at_once() {
        let (mut restarts, begin) = (Restarts::default(), Instant::now());
        for minute in 0..50 {
            let death = restarts.after_death(begin + minute * WINDOW);
            assert_eq!(death, Restart::After(Duration::ZERO));
        }
    }
}
