//! Feeds the controller and does what it says: the only place where effects become deeds.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};
use tracing::{info, warn};

use super::clock::Clock;
use super::disk::Disk;
use crate::control::{ControlRequest, FailBack};
use crate::controller::{Controller, DnsStatus, Effect, Event, LimitedStatus, Report, Status, Warning};
use crate::dns::{Counters, Meter, Tables};
use crate::health::Observation;
use crate::probe::Probing;

/// How often evidence is looked at for having grown old.
const WATCHDOG: Duration = Duration::from_secs(1);

/// The longest that a part may take to stop before the next one is told to.
pub(super) const STAGE_MAX: Duration = Duration::from_secs(3);

/// The controller and all that its effects act upon.
pub(super) struct EventLoop {
    pub(super) controller: Controller,
    pub(super) tables: Tables,
    pub(super) meter: Meter,
    pub(super) clock: Clock,
    pub(super) disk: Disk,
    pub(super) probing: Probing,
}

impl EventLoop {
    /// Until told to stop; then the probes end, and the last state is saved.
    pub(super) async fn run(
        mut self,
        mut observations: mpsc::Receiver<Observation>,
        mut requests: mpsc::Receiver<ControlRequest>,
        mut stopped: mpsc::Receiver<()>,
    ) {
        let mut watchdog = interval(WATCHDOG);
        watchdog.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let wake = self.controller.wake_at().map(|at| self.clock.instant(at));
            tokio::select! {
                biased;
                _ = stopped.recv() => break,
                Some(observation) = observations.recv() => self.take(Event::Observed(observation)).await,
                () = async { sleep_until(wake.expect("guarded below")).await }, if wake.is_some() => self.take(Event::TimePassed).await,
                _ = watchdog.tick() => {
                    self.disk.look();
                    self.take(Event::TimePassed).await;
                }
                wants_state = self.disk.next() => if wants_state {
                    let now = self.clock.now();
                    self.disk.save(self.controller.saved(now), now);
                },
                Some(request) = requests.recv() => self.answer(request).await,
            }
        }
        self.finish().await;
    }

    async fn take(&mut self, event: Event) {
        let effects = self.controller.handle(event, self.clock.now());
        self.perform(effects).await;
    }

    /// Does what the controller says, in its order.
    pub(super) async fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Record(changes) => self.disk.commit(changes, self.clock.now()).await,
                Effect::Publish(table) => self.tables.publish(table),
                Effect::Persist => self.disk.want_state(),
                Effect::Pace(check, pace) => self.probing.set_pace(&check, pace),
                Effect::Report(report) => tell(&report),
            }
        }
    }

    async fn answer(&mut self, request: ControlRequest) {
        match request {
            ControlRequest::Status(reply) => drop(reply.send(self.status())), // a client that hung up needs none
            ControlRequest::FailBack(wish, reply) => drop(reply.send(self.fail_back(&wish).await)),
        }
    }

    fn status(&self) -> Status {
        let mut status = self.controller.status(self.clock.now());
        status.dns = Some(asked(self.meter.counters()));
        if let Some(trouble) = self.disk.trouble() {
            let text =
                format!("the state cannot be saved, a restart would forget the last changes: {trouble}");
            status.warnings.insert(
                0,
                Warning { text, help: "free space, or mend the rights on [node] state_dir".into() },
            );
        }
        status
    }

    async fn fail_back(&mut self, wish: &FailBack) -> Result<String, String> {
        let FailBack { name, reason, by } = wish;
        let effects = self.controller.fail_back(name, self.clock.now())?;
        info!(event = "failback.approved", %name, by, reason, "{name}: failback by {by}: {reason}");
        self.perform(effects).await;
        let decision = self.controller.decisions().iter().find(|decision| decision.name == *name);
        let region = decision.map(|decision| decision.standing.region.to_string()).unwrap_or_default();
        Ok(format!("{name} is answered with {region} now"))
    }

    async fn finish(self) {
        let now = self.clock.now();
        let last = self.controller.saved(now);
        let EventLoop { disk, probing, .. } = self;
        if timeout(STAGE_MAX, probing.stop()).await.is_err() {
            warn!(event = "stop.forced", "the probes did not end in time");
        }
        disk.finish(last, now, STAGE_MAX).await;
    }
}

/// The numbers of one room in the words of another.
fn asked(counted: Counters) -> DnsStatus {
    let Counters { queries, noerror, nxdomain, refused, other, dropped, truncated, unsent, xdp, .. } =
        counted;
    let limited = LimitedStatus {
        dropped: counted.limited_dropped,
        slipped: counted.limited_slipped,
        badcookie: counted.limited_badcookie,
    };
    DnsStatus { queries, noerror, nxdomain, refused, other, dropped, limited, truncated, unsent, xdp }
}

fn tell(report: &Report) {
    let event = report.event();
    if report.is_bad() { warn!(event, "{report}") } else { info!(event, "{report}") }
}
