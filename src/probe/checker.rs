//! One check for as long as it is configured: wait, look, report.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::flight::Flight;
use super::progress::Progress;
use super::pulse::Pulse;
use super::timetable::{Times, Timetable};
use crate::config;
use crate::health::{Failure, Observation, Pace, ProbeOutcome, Timings};
use crate::model::{Moment, VantageId};

/// How an endpoint is probed.
pub(super) trait Exchange: Send + Sync + 'static {
    /// One probe, from connecting to the last byte that matters. It says how far it is, and need keep no time: it is
    /// dropped when `limit` is over.
    fn exchange(&self, progress: &Progress, limit: Duration) -> impl Future<Output = ProbeOutcome> + Send;
}

/// What is wanted of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) pace: Pace,
    /// They hold from the last start on; what is in flight goes by those that it began with.
    pub(super) times: Times,
    /// How often a probe at once was asked for. Each that starts serves all that were asked for before.
    pub(super) asked: u64,
    /// None begins while this is so, however long it is due; what is in flight ends.
    pub(super) held: bool,
}

/// One check at work. Its probes cannot overlap: it waits for each.
#[derive(Debug)]
pub(super) struct Checker<T> {
    pub(super) probe: config::Probe,
    pub(super) vantage: VantageId,
    pub(super) transport: T,
    /// What stands in the file of the authorities that it believes, told apart by this.
    pub(super) authorities: Option<u64>,
    /// Shared with the layers of the transport.
    pub(super) progress: Arc<Progress>,
    /// Shared by all checks.
    pub(super) pulse: Arc<Pulse>,
    /// When it began its last probe: of its own, or of another process.
    pub(super) flight: Arc<Flight>,
}

impl<T: Exchange> Checker<T> {
    /// Probes until the observations, or the wishes, have no other end any more.
    pub(super) async fn run(
        self,
        seed: u64,
        mut wishes: watch::Receiver<Wish>,
        observations: mpsc::Sender<Observation>,
    ) {
        let (times, mut served, now) = (wishes.borrow().times, 0, Instant::now());
        let mut timetable = Timetable::new(&self.probe.check, times, seed, now);
        if let Some(last) = self.flight.last() {
            timetable = timetable.after(last, now);
        }
        while let Some(late) = its_time(&mut timetable, &mut wishes, &mut served).await {
            self.flight.begins(timetable.latest().unwrap_or_else(Instant::now));
            let observation = self.observe(late, timetable.times().timeout).await;
            if observations.send(observation).await.is_err() {
                return;
            }
            self.flight.ends();
            timetable.not_before(Instant::now());
        }
    }

    /// One probe, which began so late, for at most `limit`.
    pub(super) async fn observe(&self, late: Duration, limit: Duration) -> Observation {
        self.progress.begin();
        let watched = self.pulse.watch();
        let exchanged = timeout(limit, self.transport.exchange(&self.progress, limit)).await;
        let steps = self.progress.so_far();
        let timings = Timings {
            late,
            stalled: watched.lost(),
            connect: steps.connect,
            response: steps.response,
            total: steps.elapsed(),
        };
        let outcome = exchanged.unwrap_or(ProbeOutcome::failed(Failure::Timeout(steps.phase)));
        let outcome = outcome.unless_slow(&timings, limit);
        let outcome =
            outcome.unless_expiring(steps.certificate_expires, self.probe.certificate_least, wall_clock());
        Observation {
            check: self.probe.check.clone(),
            vantage: self.vantage.clone(),
            outcome,
            timings,
            certificate_expires: steps.certificate_expires,
        }
    }
}

/// What certificates are compared with.
fn wall_clock() -> Moment {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Moment::default() + since_1970.unwrap_or_default()
}

/// Waits until a probe is due or asked for, whatever happens to the pace and the times meanwhile, and says how late that
/// was noticed.
/// `None` when there is no other end of the wishes any more.
///
/// `served` is what was asked for before the last start: a probe in flight is no answer to what was asked after it began.
async fn its_time(
    timetable: &mut Timetable,
    wishes: &mut watch::Receiver<Wish>,
    served: &mut u64,
) -> Option<Duration> {
    loop {
        let Wish { pace, times, asked, held } = *wishes.borrow_and_update();
        timetable.set_times(times);
        if !held && std::mem::replace(served, asked) != asked {
            return Some(timetable.start_asked(pace, Instant::now()));
        }
        tokio::select! {
            biased;
            changed = wishes.changed() => {
                changed.ok()?;
                timetable.not_before(Instant::now());
            }
            () = sleep_until(timetable.due(pace)), if !held => return Some(timetable.start(pace, Instant::now())),
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
        async fn exchange(&self, _progress: &Progress, _limit: Duration) -> ProbeOutcome {
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
        wish: watch::Sender<Wish>,
        observations: mpsc::Receiver<Observation>,
    }

    impl Running {
        fn set_pace(&self, pace: Pace) {
            self.wish.send_modify(|wish| wish.pace = pace);
        }

        fn probe_now(&self) {
            self.wish.send_modify(|wish| wish.asked += 1);
        }

        fn set_interval(&self, interval: Duration) {
            self.wish.send_modify(|wish| wish.times.interval = interval);
        }
    }

    /// Interval 5 s, recheck 1 s, timeout 2 s: the defaults.
    fn probe(number: u16, endpoint: &Endpoint) -> Running {
        let probe = Probe {
            check: CheckId { region: "fra".into(), probe: number, address: [192, 0, 2, 1].into() },
            label: None,
            target: ([192, 0, 2, 1], 80).into(),
            interval: 5 * SECOND,
            recheck: SECOND,
            timeout: 2 * SECOND,
            tripwire: false,
            certificate_least: Duration::ZERO,
            kind: ProbeKind::Tcp,
        };
        let (progress, pulse) = (Arc::new(Progress::new()), Arc::new(Pulse::new()));
        let beating = Arc::clone(&pulse);
        tokio::spawn(async move { beating.run().await });
        let checker = Checker {
            probe,
            vantage: "ns1".into(),
            transport: endpoint.clone(),
            authorities: None,
            progress,
            pulse,
            flight: Arc::default(),
        };
        let times = Times::of(&checker.probe);
        let (wish, wish_here) = watch::channel(Wish { pace: Pace::Steady, times, asked: 0, held: false });
        let (sender, observations) = mpsc::channel(1_000);
        tokio::spawn(checker.run(7, wish_here, sender));
        Running { wish, observations }
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
        running.set_pace(Pace::Recheck);
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
        running.set_pace(Pace::Recheck);
        running.observations.recv().await.expect("at once");
        assert!(suspected.elapsed() < SECOND / 100, "waited {:?}", suspected.elapsed());
        running.observations.recv().await.expect("and then at the new pace");
        assert!((0.89..=1.01).contains(&suspected.elapsed().as_secs_f64()));
    }

    /// Reloads that come faster than the probes do.
    #[tokio::test(start_paused = true)]
    async fn another_interval_however_often_never_puts_a_probe_off() {
        let endpoint = Endpoint::that_takes(SECOND / 2);
        let mut running = probe(0, &endpoint);
        for number in 0..10_000 {
            running.set_interval((4 + number % 2) * SECOND);
            tokio::time::sleep(SECOND / 100).await;
        }
        assert!(endpoint.gaps().len() >= 100 * 10 / 55, "{:?}", endpoint.gaps());
        assert!(endpoint.gaps().iter().all(|gap| (3.59..=5.51).contains(gap)), "{:?}", endpoint.gaps());
        while let Ok(seen) = running.observations.try_recv() {
            assert_eq!(seen.outcome, ProbeOutcome::Pass, "none was cut short");
        }
        running.set_interval(SECOND);
        tokio::time::sleep(20 * SECOND).await;
        let last = *endpoint.gaps().last().expect("at work");
        assert!((0.89..=1.11).contains(&last), "{last}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_interval_counts_from_the_last_start() {
        let endpoint = Endpoint::default();
        let mut running = probe(0, &endpoint);
        running.set_interval(3_600 * SECOND);
        running.observations.recv().await.expect("the first round");
        tokio::time::sleep(60 * SECOND).await;
        let at = Instant::now();
        running.set_interval(10 * SECOND);
        running.observations.recv().await.expect("long due");
        assert!(at.elapsed() < SECOND / 100, "waited {:?}", at.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn another_timeout_holds_from_the_next_probe_on() {
        let endpoint = Endpoint::that_takes(60 * SECOND);
        let mut running = probe(0, &endpoint);
        tokio::time::sleep(SECOND).await;
        assert_eq!(endpoint.starts().len(), 1, "in flight");
        running.wish.send_modify(|wish| wish.times.timeout = SECOND / 2);
        for wanted in [2.0, 0.5, 0.5] {
            let took = running.observations.recv().await.expect("timed out").timings.total.as_secs_f64();
            assert!((wanted..wanted + 0.01).contains(&took), "{took} instead of {wanted}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calm_again_after_suspicion() {
        let endpoint = Endpoint::default();
        let mut running = probe(0, &endpoint);
        running.set_pace(Pace::Recheck);
        running.observations.recv().await.expect("the first round");
        running.set_pace(Pace::Steady);
        running.observations.recv().await.expect("the second");
        assert!(endpoint.gaps()[0] > 4.4, "{:?}", endpoint.gaps());
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_ends_the_probe_and_the_next_follows_without_overlap() {
        let endpoint = Endpoint::that_takes(60 * SECOND);
        let mut running = probe(0, &endpoint);
        running.set_pace(Pace::Recheck);
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
    async fn ends_without_a_reader_and_without_a_source_of_wishes() {
        let (deaf, forgotten) = (Endpoint::default(), Endpoint::default());
        let Running { observations, wish: _wish } = probe(0, &deaf);
        drop(observations);
        let Running { wish, observations: _observations } = probe(1, &forgotten);
        drop(wish);
        tokio::time::sleep(100 * SECOND).await;
        assert_eq!(deaf.starts().len(), 1);
        assert_eq!(forgotten.starts().len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_asked_for_starts_at_once_and_changes_no_schedule() {
        let (asked, spared) = (Endpoint::default(), Endpoint::default());
        let (mut running, _spared) = (probe(0, &asked), probe(0, &spared));
        running.observations.recv().await.expect("the first round");
        tokio::time::sleep(SECOND).await;
        let at = Instant::now();
        running.probe_now();
        let seen = running.observations.recv().await.expect("at once");
        assert!(at.elapsed() < SECOND / 100, "waited {:?}", at.elapsed());
        assert_eq!(seen.timings.late, Duration::ZERO);
        tokio::time::sleep(50 * SECOND).await;
        let scheduled: Vec<Instant> = asked.starts().into_iter().filter(|start| *start != at).collect();
        assert_eq!(scheduled, spared.starts());
        assert_eq!(asked.starts().len(), spared.starts().len() + 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_for_during_a_probe_follows_it_once() {
        let endpoint = Endpoint::that_takes(SECOND);
        let mut running = probe(0, &endpoint);
        running.observations.recv().await.expect("the first round");
        running.probe_now();
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(endpoint.starts().len(), 2, "in flight");
        (0..3).for_each(|_| running.probe_now());
        tokio::time::sleep(SECOND * 2).await;
        assert_eq!(endpoint.starts().len(), 3, "one for all three");
        assert!((endpoint.starts()[2] - endpoint.starts()[1]).abs_diff(SECOND) < SECOND / 100);
        assert_eq!(endpoint.most_together(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_due_when_it_is_asked_for_is_one_probe() {
        let endpoint = Endpoint::that_takes(SECOND);
        let mut running = probe(0, &endpoint);
        running.observations.recv().await.expect("the first round");
        running.set_pace(Pace::Recheck); // due at once: the last start was a second ago
        running.probe_now();
        tokio::time::sleep(SECOND / 2).await;
        running.set_pace(Pace::Steady);
        tokio::time::sleep(2 * SECOND).await;
        assert_eq!(endpoint.starts().len(), 2);
    }

    /// Another process is to go on: what is in flight is waited for, and nothing is forgotten.
    #[tokio::test(start_paused = true)]
    async fn while_it_is_held_no_probe_begins_and_afterwards_those_that_are_due() {
        let endpoint = Endpoint::that_takes(SECOND);
        let mut running = probe(0, &endpoint);
        running.observations.recv().await.expect("the first round");
        running.probe_now();
        tokio::time::sleep(SECOND / 2).await;
        running.wish.send_modify(|wish| wish.held = true);
        running.observations.recv().await.expect("what is in flight ends");
        running.probe_now();
        tokio::time::sleep(20 * SECOND).await;
        assert_eq!(endpoint.starts().len(), 2, "held");
        running.wish.send_modify(|wish| wish.held = false);
        running.observations.recv().await.expect("it goes on");
        assert_eq!(endpoint.starts().len(), 3);
    }

    /// All probes in flight time out at once when a stopped process goes on: that says nothing about the endpoints.
    #[tokio::test(start_paused = true)]
    async fn a_timeout_while_we_stood_still_is_ours() {
        let endpoint = Endpoint::that_takes(60 * SECOND);
        let mut running = probe(0, &endpoint);
        tokio::time::sleep(SECOND).await;
        assert_eq!(endpoint.starts().len(), 1, "in flight");
        tokio::time::advance(10 * SECOND).await;
        let seen = running.observations.recv().await.expect("timed out");
        let ProbeOutcome::Ours(why) = &seen.outcome else { panic!("{:?}", seen.outcome) };
        assert!(why.starts_with("this node was too slow: it stood still for 99"), "{why}");
        let next = running.observations.recv().await.expect("timed out");
        assert_eq!(next.outcome, ProbeOutcome::Silent(Failure::Timeout(Phase::Connect)), "well again");
    }
}
