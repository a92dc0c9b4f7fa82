//! One check for as long as it is configured: wait, look, report.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::progress::Progress;
use super::timetable::Timetable;
use crate::config;
use crate::health::{Failure, Observation, Pace, ProbeOutcome, Timings};
use crate::model::VantageId;

/// How an endpoint is probed.
pub(super) trait Exchange: Send + Sync + 'static {
    /// One probe, from connecting to the last byte that matters. It says how far it is, and keeps no time: it is
    /// dropped when its time is over.
    fn exchange(&self, progress: &Progress) -> impl Future<Output = ProbeOutcome> + Send;
}

/// One check at work. Its probes cannot overlap: it waits for each.
#[derive(Debug)]
pub(super) struct Checker<T> {
    pub(super) probe: config::Probe,
    pub(super) vantage: VantageId,
    pub(super) transport: T,
    /// Shared with the layers of the transport.
    pub(super) progress: Arc<Progress>,
}

impl<T: Exchange> Checker<T> {
    /// Probes until nobody wants to know any more.
    pub(super) async fn run(
        self,
        seed: u64,
        mut pace: watch::Receiver<Pace>,
        observations: mpsc::Sender<Observation>,
    ) {
        let mut timetable = Timetable::new(&self.probe, seed, Instant::now());
        while let Some(late) = its_time(&mut timetable, &mut pace).await {
            let observation = self.observe(late).await;
            if observations.send(observation).await.is_err() {
                return;
            }
            timetable.not_before(Instant::now());
        }
    }

    async fn observe(&self, late: Duration) -> Observation {
        self.progress.begin();
        let exchanged = timeout(self.probe.timeout, self.transport.exchange(&self.progress)).await;
        let steps = self.progress.so_far();
        Observation {
            check: self.probe.check.clone(),
            vantage: self.vantage.clone(),
            outcome: exchanged.unwrap_or(ProbeOutcome::failed(Failure::Timeout(steps.phase))),
            timings: Timings {
                late,
                connect: steps.connect,
                response: steps.response,
                total: steps.elapsed(),
            },
            certificate_expires: steps.certificate_expires,
        }
    }
}

/// Waits until a probe is due, whatever happens to the pace meanwhile, and says how late that was noticed.
/// `None` when there is nobody left to set the pace.
async fn its_time(timetable: &mut Timetable, pace: &mut watch::Receiver<Pace>) -> Option<Duration> {
    loop {
        let current = *pace.borrow_and_update();
        tokio::select! {
            biased;
            changed = pace.changed() => {
                changed.ok()?;
                timetable.not_before(Instant::now());
            }
            () = sleep_until(timetable.due(current)) => return Some(timetable.start(current, Instant::now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::config::{Probe, ProbeKind};
    use crate::health::Phase;
    use crate::model::CheckId;

    const SECOND: Duration = Duration::from_secs(1);

    /// An endpoint that takes its time, and remembers who came when.
    #[derive(Debug, Clone, Default)]
    struct Endpoint {
        takes: Duration,
        seen: Arc<Seen>,
    }

    #[derive(Debug, Default)]
    struct Seen {
        starts: Mutex<Vec<Instant>>,
        in_flight: AtomicUsize,
        together: AtomicUsize,
    }

    /// Counts down however the probe ends, for a timeout drops it in the middle.
    struct InFlight(Arc<Seen>);

    impl Drop for InFlight {
        fn drop(&mut self) {
            self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
        }
    }

    impl Exchange for Endpoint {
        async fn exchange(&self, _progress: &Progress) -> ProbeOutcome {
            let seen = &self.seen;
            seen.starts.lock().expect("no test panics with it").push(Instant::now());
            seen.together.fetch_max(seen.in_flight.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            let _in_flight = InFlight(Arc::clone(seen));
            tokio::time::sleep(self.takes).await;
            ProbeOutcome::Pass
        }
    }

    impl Endpoint {
        fn that_takes(takes: Duration) -> Endpoint {
            Endpoint { takes, ..Endpoint::default() }
        }

        fn starts(&self) -> Vec<Instant> {
            self.seen.starts.lock().expect("no test panics with it").clone()
        }

        fn gaps(&self) -> Vec<f64> {
            self.starts().windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
        }

        fn most_together(&self) -> usize {
            self.seen.together.load(Ordering::SeqCst)
        }
    }

    struct Running {
        pace: watch::Sender<Pace>,
        observations: mpsc::Receiver<Observation>,
    }

    /// Interval 5 s, recheck 1 s, timeout 2 s: the defaults.
    fn probe(number: u16, endpoint: &Endpoint) -> Running {
        let probe = Probe {
            check: CheckId { region: "fra".into(), probe: number, address: [192, 0, 2, 1].into() },
            target: ([192, 0, 2, 1], 80).into(),
            interval: 5 * SECOND,
            recheck: SECOND,
            timeout: 2 * SECOND,
            kind: ProbeKind::Tcp,
        };
        let progress = Arc::new(Progress::new());
        let checker = Checker { probe, vantage: "ns1".into(), transport: endpoint.clone(), progress };
        let (pace, pace_here) = watch::channel(Pace::Steady);
        let (sender, observations) = mpsc::channel(1_000);
        tokio::spawn(checker.run(7, pace_here, sender));
        Running { pace, observations }
    }

    #[tokio::test(start_paused = true)]
    async fn probes_once_an_interval_and_reports_each() {
        let endpoint = Endpoint::that_takes(SECOND / 10);
        let mut running = probe(0, &endpoint);
        tokio::time::sleep(500 * SECOND).await;
        let count = endpoint.starts().len();
        assert!((95..=105).contains(&count), "{count} probes in 100 intervals");
        assert!(endpoint.gaps().iter().all(|gap| (4.49..=5.51).contains(gap)), "{:?}", endpoint.gaps());
        let observation = running.observations.recv().await.expect("still at work");
        assert_eq!(observation.outcome, ProbeOutcome::Pass);
        assert_eq!(observation.timings.total, SECOND / 10);
        assert_eq!(running.observations.len(), count - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn suspicion_brings_the_next_probe_forward() {
        let endpoint = Endpoint::default();
        let mut running = probe(0, &endpoint);
        running.observations.recv().await.expect("the first round");
        running.pace.send_replace(Pace::Recheck);
        tokio::time::sleep(20 * SECOND).await;
        assert!(endpoint.gaps().len() >= 20);
        assert!(endpoint.gaps().iter().all(|gap| (0.89..=1.01).contains(gap)), "{:?}", endpoint.gaps());
    }

    #[tokio::test(start_paused = true)]
    async fn late_suspicion_probes_at_once() {
        let endpoint = Endpoint::default();
        let mut running = probe(0, &endpoint);
        running.observations.recv().await.expect("the first round");
        tokio::time::sleep(3 * SECOND).await;
        let suspected = Instant::now();
        running.pace.send_replace(Pace::Recheck);
        running.observations.recv().await.expect("at once");
        assert!(suspected.elapsed() < SECOND / 100, "waited {:?}", suspected.elapsed());
        running.observations.recv().await.expect("and then at the new pace");
        assert!((0.89..=1.01).contains(&suspected.elapsed().as_secs_f64()));
    }

    #[tokio::test(start_paused = true)]
    async fn calm_again_after_suspicion() {
        let endpoint = Endpoint::default();
        let mut running = probe(0, &endpoint);
        running.pace.send_replace(Pace::Recheck);
        running.observations.recv().await.expect("the first round");
        running.pace.send_replace(Pace::Steady);
        running.observations.recv().await.expect("the second");
        assert!(endpoint.gaps()[0] > 4.4, "{:?}", endpoint.gaps());
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_ends_the_probe_and_the_next_follows_without_overlap() {
        let endpoint = Endpoint::that_takes(60 * SECOND);
        let mut running = probe(0, &endpoint);
        running.pace.send_replace(Pace::Recheck);
        for _ in 0..10 {
            let seen = running.observations.recv().await.expect("still at work");
            assert_eq!(seen.outcome, ProbeOutcome::failed(Failure::Timeout(Phase::Connect)));
            assert!((2.0..2.01).contains(&seen.timings.total.as_secs_f64()), "{:?}", seen.timings.total);
            assert!(seen.timings.late < SECOND / 100, "it was due when the last one ended");
        }
        assert_eq!(endpoint.most_together(), 1);
        assert!(endpoint.gaps().iter().all(|gap| (2.0..2.01).contains(gap)), "{:?}", endpoint.gaps());
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_endpoint_delays_nobody() {
        let (slow, quick) = (Endpoint::that_takes(60 * SECOND), Endpoint::default());
        let (_slow, _quick) = (probe(0, &slow), probe(1, &quick));
        tokio::time::sleep(100 * SECOND).await;
        assert!(quick.gaps().len() >= 17);
        assert!(quick.gaps().iter().all(|gap| (4.49..=5.51).contains(gap)), "{:?}", quick.gaps());
    }

    #[tokio::test(start_paused = true)]
    async fn ends_when_nobody_listens_and_when_nobody_sets_the_pace() {
        let (deaf, forgotten) = (Endpoint::default(), Endpoint::default());
        let Running { observations, pace: _pace } = probe(0, &deaf);
        drop(observations);
        let Running { pace, observations: _observations } = probe(1, &forgotten);
        drop(pace);
        tokio::time::sleep(100 * SECOND).await;
        assert_eq!(deaf.starts().len(), 1);
        assert_eq!(forgotten.starts().len(), 0);
    }
}
