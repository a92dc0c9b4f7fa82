//! The event loop at an upgrade: files are closed for the successor, and opened again where there is none after all.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, interval, timeout};
use tracing::{error, info, warn};

use super::disk::DiskNews;
use super::event_loop::{EventLoop, STAGE_MAX};
use super::files::{missing, recorder, unsaved_mark};
use super::supervised::GaveUp;
use super::upgrades::{Leaving, Upgrade, UpgradeNews, within};
use crate::control::{UpgradeWish, Upgraded};
use crate::handover::{Bequest, Giver, Offer, Successor};
use crate::store::{self, HistoryWriter, UnsavedMark};

/// Probes in flight are waited for so long: as long as one may take by default, and a little.
const PROBES_MAX: Duration = Duration::from_millis(2_500);

/// Changes that are being written are waited for so long; each is given up after some milliseconds anyway.
const SETTLED_WITHIN: Duration = Duration::from_secs(1);

/// A disk that is busy takes the last state by then; DNS goes on meanwhile, so there is more time than at a stop.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// The folder of the state is free again, or will not be soon: then it goes on without.
const REOPENED_WITHIN: Duration = Duration::from_secs(5);

/// How often whoever watches over us finds that the loop goes on.
const TURN_EVERY: Duration = Duration::from_secs(1);

/// A handover that is broken off is over by then.
const CANCELLED_WITHIN: Duration = Duration::from_secs(4);

impl EventLoop {
    /// Begins to hand over, or says why not.
    pub(super) fn upgrade(&mut self, wish: UpgradeWish, reply: oneshot::Sender<Result<Upgraded, String>>) {
        let giver = match self.giver(&wish) {
            Ok(giver) => giver,
            Err(why) => {
                warn!(event = "upgrade.refused", by = wish.by, "no upgrade: {why}");
                return drop(reply.send(Err(why))); // a client that hung up needs none
            }
        };
        info!(event = "upgrade.begins", by = wish.by, "a successor is started");
        self.upgrades.begin(wish, reply, giver);
    }

    fn giver(&self, wish: &UpgradeWish) -> Result<Giver, String> {
        if let Some(why) = self.upgrades.hindrance() {
            return Err(why.to_owned());
        }
        if self.reloads.is_under_way() {
            return Err("a reload is under way".to_owned());
        }
        let config = &self.reloads.running().config;
        if config.dns.xdp.is_some() {
            return Err(
                "[dns] xdp: what AF_XDP takes cannot be handed over; a restart takes it up".to_owned()
            );
        }
        if let Some(trouble) = self.disk.trouble() {
            return Err(format!("the state cannot be saved, and a successor would not know it: {trouble}"));
        }
        let unavailable = |error: std::io::Error| format!("the sockets cannot be had once more: {error}");
        let doors = self.doors.share().map_err(unavailable)?;
        let serving = self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let dns = serving.as_ref().ok_or("it stops")?.sockets().map_err(unavailable)?;
        drop(serving);
        let offer = Offer {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            process: std::process::id(),
            node: config.node.name.to_string(),
            state_dir: config.node.state_dir.clone(),
            dns: dns.iter().map(|(listener, _)| listener).collect(),
            api: doors.strangers.iter().map(|(address, _)| *address).collect(),
            control: doors.path,
        };
        let sockets = dns.into_descriptors().chain(doors.strangers.into_iter().map(|(_, socket)| socket));
        let sockets = sockets.chain([doors.users]).collect();
        Ok(Giver { offer, sockets, within: within(wish) })
    }

    /// News before the successor is ready: it came to nothing.
    pub(super) fn upgrade_failed(&mut self, why: String) {
        let now = self.clock.now();
        let by = self.upgrades.by();
        error!(event = "upgrade.failed", by, "the upgrade failed, this process goes on: {why}");
        self.record.upgrade_failed(&by, &why, now);
        self.upgrades.over(Err(why));
    }

    /// The successor is ready. All goes on, but no probe begins: those in flight would be lost, and if that happens often,
    /// what is known of the regions with them.
    pub(super) fn prepare_to_leave(
        &mut self,
        successor: Successor,
        reply: oneshot::Sender<Result<Bequest, String>>,
    ) {
        self.probing.hold(true);
        self.leaving = Some(Leaving { successor, reply, deadline: Instant::now() + PROBES_MAX });
    }

    /// Whether it is time to leave: every probe has been heard, or takes too long.
    pub(super) fn leaves(&mut self, all_heard: bool) -> Option<Leaving> {
        let is_done = all_heard && !self.probing.is_under_way();
        self.leaving.take_if(|leaving| is_done || leaving.deadline <= Instant::now())
    }

    /// From here on nothing is decided until it is over, and DNS goes on.
    ///
    /// # Errors
    /// When the controller cannot go on from what the successor has left.
    pub(super) async fn hand_over(
        &mut self,
        Leaving { successor, reply, .. }: Leaving,
        news: &mut mpsc::Receiver<UpgradeNews>,
        stopped: &mut mpsc::Receiver<()>,
    ) -> Result<Upgrade, GaveUp> {
        let bequest = self.close_files(&successor).await;
        drop(reply.send(bequest)); // who waits for it tells at last that it is over
        let mut stops = false;
        let mut turn = interval(TURN_EVERY);
        loop {
            self.watchdog.turned();
            tokio::select! {
                _ = turn.tick() => {}
                said = news.recv() => match said {
                    Some(UpgradeNews::Over(Ok(successor))) => {
                        info!(
                            event = "upgrade.done",
                            "process {} of version {} answers; this one ends", successor.process, successor.version
                        );
                        self.upgrades.over(Ok(&successor));
                        return Ok(Upgrade::Done(successor));
                    }
                    Some(UpgradeNews::Over(Err(why))) => {
                        self.open_files().await?;
                        self.upgrade_failed(why);
                        return Ok(Upgrade::Failed { stops });
                    }
                    Some(UpgradeNews::Ready(..)) => {}
                    None => {
                        self.open_files().await?;
                        return Ok(Upgrade::Failed { stops });
                    }
                },
                _ = stopped.recv(), if !stops => {
                    stops = true;
                    self.upgrades.cancel();
                }
            }
        }
    }

    /// The daemon stops: no successor may outlive it.
    pub(super) async fn break_off(&mut self, news: &mut mpsc::Receiver<UpgradeNews>) {
        if !self.upgrades.cancel() {
            return;
        }
        if let Some(Leaving { reply, .. }) = self.leaving.take() {
            drop(reply.send(Err("this daemon stops".to_owned())));
        }
        let deadline = Instant::now() + CANCELLED_WITHIN;
        loop {
            match tokio::time::timeout_at(deadline, news.recv()).await {
                Ok(Some(UpgradeNews::Ready(_, reply))) => {
                    drop(reply.send(Err("this daemon stops".to_owned())));
                }
                Ok(Some(UpgradeNews::Over(outcome))) => {
                    return self.upgrade_failed(outcome.err().unwrap_or_default());
                }
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// Only one process may write these files.
    async fn close_files(&mut self, successor: &Successor) -> Result<Bequest, String> {
        self.doors.wait(); // whoever comes now is the successor's client
        let settled = Instant::now() + SETTLED_WITHIN;
        while self.disk.is_writing() && Instant::now() < settled {
            let news = self.disk.next().await;
            self.hear_of_disk(news);
        }
        if self.controller.has_panicked() {
            return Err("the controller has just panicked".to_owned());
        }
        if self.reloads.is_under_way() {
            return Err("a reload is under way".to_owned());
        }
        let now = self.clock.now();
        let last = self.controller.saved(now).ok_or("the controller has just panicked")?;
        self.notifier.suspend().await;
        if let Some(recorder) = self.recorder.take()
            && timeout(STAGE_MAX, recorder.stop()).await.is_err()
        {
            warn!(event = "upgrade.unrecorded", "the last probes were not recorded in time");
        }
        let Successor { process, version, .. } = successor;
        let text = format!("handed over to process {process}, version {version}, by {}", self.upgrades.by());
        self.watchdog.turned();
        self.record.hand_over(text, now, STAGE_MAX).await;
        self.watchdog.turned();
        self.disk.close(last, now, CLOSED_WITHIN).await?;
        let serving = self.serving.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let own = serving.as_ref().and_then(|serving| serving.own_secrets());
        let secrets = own.map(|secrets| secrets.to_text().to_string());
        drop(serving);
        let (at, monotonic_ns) = self.clock.to_be_continued();
        Ok(Bequest { at, monotonic_ns, secrets, probes: Some(self.probing.begun()) })
    }

    /// There is no successor: all goes on from what is on the disk, which is what we left unless it has decided something.
    async fn open_files(&mut self) -> Result<(), GaveUp> {
        let now = self.clock.now();
        let config = std::sync::Arc::clone(self.reloads.running());
        let config = &config.config;
        let folder = store::history_folder(&config.node.state_dir);
        match HistoryWriter::start(&folder, &config.node.name, config.history) {
            Ok(writer) => self.record.resume(writer),
            Err(error) => error!(event = "history.write_failed", "the history stays closed: {error}"),
        }
        self.notifier.resume();
        self.doors.open();
        match recorder(config) {
            Ok(recorder) => self.recorder = recorder,
            Err(error) => warn!(event = "recorder.off", "probes cannot be recorded: {error}"),
        }
        self.disk.reopen(&config.node.state_dir, now);
        let deadline = Instant::now() + REOPENED_WITHIN;
        while self.disk.is_reopening() && Instant::now() < deadline {
            if let Ok(news) = tokio::time::timeout_at(deadline, self.disk.next()).await {
                self.go_on(news)?;
            }
        }
        Ok(())
    }

    /// Takes in what the disk says, also that somebody else has decided meanwhile.
    pub(super) fn go_on(&mut self, news: DiskNews) -> Result<(), GaveUp> {
        let DiskNews::Changed(saved, ended) = news else {
            self.hear_of_disk(news);
            return Ok(());
        };
        let now = self.clock.now();
        let mark = UnsavedMark::at(unsaved_mark(&self.reloads.running().config));
        let saved = saved.with_missing(missing(ended, &mark));
        self.disk.forget_proposals();
        self.forget_those_who_wait();
        let effects = self.controller.go_on_from(saved, now)?;
        for event in self.perform(effects) {
            self.take(event);
        }
        Ok(())
    }
}
