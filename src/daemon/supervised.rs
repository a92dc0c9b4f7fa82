//! The controller, and what happens when it panics: another one goes on from the saved state.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tracing::error;

use crate::api::{Explanation, PartStatus, Question, Status, in_a_line};
use crate::config::DnsSettings;
use crate::controller::{Change, Controller, Effect, Event, Missing, Parameters, Saved};
use crate::model::Moment;
use crate::store;
use crate::telemetry::panic_text;
use crate::zone::Zone;

/// So many panics within [`PANICS_WITHIN`] are one that comes back whatever is done.
const PANICS_MAX: usize = 3;
const PANICS_WITHIN: Duration = Duration::from_secs(60);

/// The longest that the saved state is read for; without it the controller starts as if for the first time.
const READ_MAX: Duration = Duration::from_millis(800);

/// The controller, with all that it takes to build another one.
pub(super) struct Supervised {
    controller: Controller,
    parameters: Parameters,
    zones: Arc<[Zone]>,
    state_dir: PathBuf,
    /// What it panicked with just now, so that it must not be asked any more.
    panicked: Option<String>,
    panics: VecDeque<Moment>,
    total: u64,
    last: Option<String>,
    #[cfg(test)]
    pub(super) inject_panic: bool,
}

/// The controller has panicked too often: the supervisor of the process must act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GaveUp {
    /// What it panicked with last.
    pub panic: String,
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the controller panicked {PANICS_MAX} times within a minute, last: {}; the process ends, so that it is \
             started anew",
            self.panic
        )
    }
}

impl std::error::Error for GaveUp {}

impl Supervised {
    /// A controller that has just been started, and what it was started from.
    pub(super) fn new(
        controller: Controller,
        parameters: Parameters,
        zones: Arc<[Zone]>,
        state_dir: PathBuf,
    ) -> Supervised {
        Supervised {
            controller,
            parameters,
            zones,
            state_dir,
            panicked: None,
            panics: VecDeque::new(),
            total: 0,
            last: None,
            #[cfg(test)]
            inject_panic: false,
        }
    }

    /// What it takes to build another one is something else from now on.
    pub(super) fn configured(&mut self, parameters: Parameters, zones: Arc<[Zone]>) {
        (self.parameters, self.zones) = (parameters, zones);
    }

    /// As [`Controller::handle`]; no effects after a panic.
    pub(super) fn handle(&mut self, event: Event, now: Moment) -> Vec<Effect> {
        #[cfg(test)]
        let inject = std::mem::take(&mut self.inject_panic);
        self.ask(|controller| {
            #[cfg(test)]
            assert!(!inject, "injected by a test");
            controller.handle(event, now)
        })
        .unwrap_or_default()
    }

    /// As [`Controller::saved`]; none after a panic.
    pub(super) fn saved(&mut self, now: Moment) -> Option<Saved> {
        self.ask(|controller| controller.saved(now))
    }

    /// As [`Status::of`]; none after a panic.
    pub(super) fn status(&mut self, now: Moment) -> Option<Status> {
        self.ask(|controller| Status::of(controller, now))
    }

    /// As [`in_a_line`]; none after a panic.
    pub(super) fn in_a_line(&mut self) -> Option<String> {
        self.ask(|controller| in_a_line(controller))
    }

    /// As [`Explanation::of`]; none after a panic.
    pub(super) fn explain(
        &mut self,
        question: &Question,
        settings: &DnsSettings,
        now: Moment,
    ) -> Option<Explanation> {
        self.ask(|controller| Explanation::of(controller, question, settings, now))
    }

    /// As [`Controller::wake_at`].
    pub(super) fn wake_at(&self) -> Option<Moment> {
        self.controller.wake_at()
    }

    /// Whether it must be built anew before it is asked again.
    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.is_some()
    }

    /// What it panicked with just now.
    pub(super) fn panic(&self) -> &str {
        self.panicked.as_deref().unwrap_or_default()
    }

    /// How it does, for status.
    pub(super) fn part(&self) -> PartStatus {
        let part = PartStatus::working("controller");
        let Some(last) = &self.last else { return part };
        let times = if self.total == 1 { "once".to_owned() } else { format!("{} times", self.total) };
        part.with_trouble(
            format!("the controller panicked {times} and was built anew from the saved state, last: {last}"),
            "a panic is a bug: the log has its place, please report it",
        )
    }

    /// Builds another controller from the saved state, in which something may be missing.
    ///
    /// # Errors
    /// When this happens too often.
    pub(super) async fn rebuild(&mut self, missing: Missing, now: Moment) -> Result<Vec<Effect>, GaveUp> {
        let panic = self.panicked.take().unwrap_or_default();
        self.panics.push_back(now);
        self.panics.retain(|at| now.since(*at) <= PANICS_WITHIN);
        self.total += 1;
        self.last = Some(panic.clone());
        if self.panics.len() >= PANICS_MAX {
            return Err(GaveUp { panic });
        }
        error!(
            event = "controller.panicked",
            panic, "the controller panicked; another one goes on from the saved state"
        );
        let saved = self.read().await.map(|saved| saved.with_missing(missing));
        let (parameters, zones) = (self.parameters.clone(), Arc::clone(&self.zones));
        match catch_unwind(AssertUnwindSafe(|| Controller::start(parameters, &zones, saved, now))) {
            Ok((controller, effects)) => {
                self.controller = controller;
                Ok(effects)
            }
            Err(panic) => Err(GaveUp { panic: panic_text(&*panic).to_owned() }),
        }
    }

    /// Another process has decided meanwhile: another controller goes on from what it left.
    ///
    /// # Errors
    /// When there is no going on from that.
    pub(super) fn go_on_from(&mut self, saved: Saved, now: Moment) -> Result<Vec<Effect>, GaveUp> {
        let (parameters, zones) = (self.parameters.clone(), Arc::clone(&self.zones));
        match catch_unwind(AssertUnwindSafe(|| Controller::start(parameters, &zones, Some(saved), now))) {
            Ok((controller, effects)) => {
                self.controller = controller;
                Ok(effects)
            }
            Err(panic) => Err(GaveUp { panic: panic_text(&*panic).to_owned() }),
        }
    }

    /// The saved state, read beside the thread that writes it.
    async fn read(&self) -> Option<Saved> {
        let folder = self.state_dir.clone();
        let read =
            tokio::task::spawn_blocking(move || store::read_for_display::<Saved, Change>(&folder).ok());
        let recovered = timeout(READ_MAX, read).await.ok()?.ok()??;
        Saved::with_changes(recovered.snapshot, recovered.entries)
    }

    fn ask<T>(&mut self, question: impl FnOnce(&mut Controller) -> T) -> Option<T> {
        if self.has_panicked() {
            return None;
        }
        match catch_unwind(AssertUnwindSafe(|| question(&mut self.controller))) {
            Ok(answer) => Some(answer),
            Err(panic) => {
                self.panicked = Some(panic_text(&*panic).to_owned());
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Identity;
    use crate::health::{Alone, Member, MinUp, Passes, Region};
    use crate::model::{Family, Ttl};
    use crate::policy::{Failback, Safety, Steer};
    use crate::store::StateLog;

    const NOW: Moment = Moment::from_millis(1_795_363_200_000);

    fn parameters() -> Parameters {
        let address = [192, 0, 2, 1].into();
        let region = Region {
            id: "us-east".into(),
            addresses: vec![address],
            min_up: MinUp::Count(1),
            families: vec![Family::Ipv4],
            passes: Passes::All,
            checks: Vec::new(),
        };
        let ttl = Ttl::from_secs(30).expect("a small TTL");
        let steer = Steer {
            names: ["app.t".parse().expect("a name")].into(),
            regions: vec!["us-east".into()],
            ttl,
            ttl_suspect: ttl,
            failback: Failback::Auto,
            dwell: Duration::ZERO,
            max_flips_per_hour: 3,
            accepts_unproven: false,
            rto: None,
        };
        Parameters {
            vantage: "ns1".into(),
            members: vec![Member::server("ns1".into())],
            cluster: None,
            identity: Identity::default(),
            alone: Alone::Freeze,
            witnesses: Vec::new(),
            regions: vec![region],
            steers: vec![steer],
            gates: Vec::new(),
            hooks: Vec::new(),
            safety: Safety::default(),
        }
    }

    /// A controller whose state is on the disk, with an epoch that no first start has.
    fn supervised(folder: &tempfile::TempDir) -> Supervised {
        let (controller, _) = Controller::start(parameters(), &[], None, NOW);
        let saved = serde_json::to_string(&controller.saved(NOW)).expect("the state is JSON");
        let saved = saved.replace("\"epoch\":1", "\"epoch\":41");
        let saved: Saved = serde_json::from_str(&saved).expect("it was only another number");
        let (mut log, _) =
            StateLog::open::<Saved, Change>(folder.path(), "boot", NOW).expect("a folder of our own");
        log.snapshot(&saved, log.last(), NOW).expect("room");
        let (controller, _) = Controller::start(parameters(), &[], Some(saved), NOW);
        Supervised::new(controller, parameters(), Arc::default(), folder.path().to_owned())
    }

    fn epoch(supervised: &Supervised) -> u64 {
        supervised.controller.decisions()[0].standing.epoch
    }

    #[tokio::test]
    async fn after_a_panic_another_controller_goes_on_from_the_saved_state() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut supervised = supervised(&folder);
        assert!(!supervised.part().trouble.is_some_and(|trouble| trouble.contains("panicked")));
        supervised.inject_panic = true;
        assert!(supervised.handle(Event::TimePassed, NOW).is_empty());
        assert!(supervised.has_panicked());
        assert!(supervised.status(NOW).is_none(), "it is not asked any more");
        let effects = supervised.rebuild(Missing::Nothing, NOW).await.expect("once is not too often");
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Publish(_))));
        assert_eq!((supervised.has_panicked(), epoch(&supervised)), (false, 41));
        let told = supervised.part().trouble.expect("it is told");
        assert!(told.contains("panicked once") && told.contains("injected by a test"), "{told}");
    }

    #[tokio::test]
    async fn what_was_told_and_not_saved_is_told_under_another_epoch() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut supervised = supervised(&folder);
        supervised.inject_panic = true;
        supervised.handle(Event::TimePassed, NOW);
        supervised.rebuild(Missing::Commits, NOW).await.expect("once is not too often");
        assert!(epoch(&supervised) > 41 + 16, "{}", epoch(&supervised));
    }

    #[tokio::test]
    async fn three_panics_within_a_minute_are_too_many() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut supervised = supervised(&folder);
        let mut panic_at = async |second: u64| {
            let now = NOW + Duration::from_secs(second);
            supervised.inject_panic = true;
            supervised.handle(Event::TimePassed, now);
            supervised.rebuild(Missing::Nothing, now).await.is_ok()
        };
        assert!(panic_at(0).await);
        assert!(panic_at(30).await);
        assert!(panic_at(91).await, "the first two are long ago");
        assert!(panic_at(92).await);
        assert!(!panic_at(93).await);
    }
}
