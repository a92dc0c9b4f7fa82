//! The event loop's side of the history: what is remembered, and what is told when the disk does not take it. Nothing
//! here waits for the disk.

use std::time::{Duration, Instant};

use tracing::{error, info, warn};

use crate::api::PartStatus;
use crate::controller::{HistoryEntry, Report};
use crate::model::{Moment, VantageId};
use crate::store::{Ended, HistoryHealth, HistoryWriter};

/// Remembers what happens.
pub(super) struct Record {
    /// None while another process writes it.
    writer: Option<HistoryWriter>,
    node: VantageId,
    /// What the log said last.
    told: Option<String>,
}

impl Record {
    /// The daemon has started after a run that ended like this.
    pub(super) fn begin(writer: HistoryWriter, node: VantageId, ended: Ended, now: Moment) -> Record {
        let record = Record { writer: Some(writer), node, told: None };
        let before = match ended {
            Ended::FirstStart => "for the first time",
            Ended::Cleanly => "after a run that ended as it should",
            Ended::Killed => "after a run that was killed",
            Ended::PowerLost => "after a power cut",
        };
        let version = env!("CARGO_PKG_VERSION");
        record.say("daemon.started", format!("cadence-dns {version} started, {before}"), now);
        record
    }

    /// The name server that tells.
    pub(super) fn node(&self) -> &VantageId {
        &self.node
    }

    /// Something that the controller tells.
    pub(super) fn report(&self, report: &Report, now: Moment) {
        if let Some(entry) = HistoryEntry::of(report, &self.node, now) {
            self.add(entry);
        }
    }

    fn add(&self, entry: HistoryEntry) {
        if let Some(writer) = &self.writer {
            writer.add(entry);
        }
    }

    /// An upgrade has come to nothing, and this process goes on.
    pub(super) fn upgrade_failed(&self, by: &str, why: &str, now: Moment) {
        let text = format!("an upgrade by {by} failed, this process goes on: {why}");
        self.add(HistoryEntry { bad: true, ..HistoryEntry::told(&self.node, now, "upgrade.failed", text) });
    }

    /// Leaves the history to a successor, with a last entry that says so.
    pub(super) async fn hand_over(&mut self, text: String, now: Moment, within: Duration) {
        self.say("daemon.hands_over", text, now);
        self.close(within).await;
    }

    /// There is no successor after all.
    pub(super) fn resume(&mut self, writer: HistoryWriter) {
        self.writer = Some(writer);
    }

    async fn close(&mut self, within: Duration) {
        let Some(writer) = self.writer.take() else { return };
        if let Err(error) = writer.close(within).await {
            error!(event = "history.write_failed", "the last entries of the history are lost: {error}");
        }
    }

    /// The controller has panicked, and another one goes on.
    pub(super) fn panicked(&self, panic: &str, now: Moment) {
        let text = format!("the controller panicked and was built anew from the saved state: {panic}");
        self.say("controller.panicked", text, now);
    }

    /// Another configuration was wanted and cannot be used.
    pub(super) fn reload_failed(&self, by: &str, why: &str, now: Moment) {
        let text = format!("a reload by {by} failed, the configuration before stays: {why}");
        self.add(HistoryEntry { bad: true, ..HistoryEntry::told(&self.node, now, "config.kept", text) });
    }

    fn say(&self, kind: &str, text: String, now: Moment) {
        self.add(HistoryEntry::told(&self.node, now, kind, text));
    }

    /// Says once in the log that the disk fails us, and once that it is over.
    pub(super) fn look(&mut self) {
        let Some(writer) = &self.writer else { return };
        for notice in writer.take_notices() {
            warn!(event = "history.mended", "{notice}");
        }
        let trouble = writer.health(Instant::now()).trouble;
        match (&self.told, &trouble) {
            (None, Some(why)) => {
                error!(event = "history.write_failed", "the history cannot be written: {why}")
            }
            (Some(_), None) => info!(event = "history.written", "the history can be written again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
        self.told = trouble;
    }

    /// How it does, for status.
    pub(super) fn part(&self) -> PartStatus {
        let closed = HistoryHealth { trouble: Some("it is closed".to_owned()), waiting: 0, lost: 0 };
        part(self.writer.as_ref().map_or(closed, |writer| writer.health(Instant::now())))
    }

    /// The daemon stops: the last entries are written, unless that takes too long.
    pub(super) async fn finish(mut self, now: Moment, within: Duration) {
        self.say("daemon.stopped", "stopped in order".to_owned(), now);
        self.close(within).await;
    }
}

fn part(HistoryHealth { trouble, waiting, lost }: HistoryHealth) -> PartStatus {
    const DISK: &str = "free space, or mend the rights on `history` in [node] state_dir";
    let part = PartStatus { healthy: trouble.is_none(), ..PartStatus::working("history") };
    match (trouble, lost) {
        (None, 0) => part,
        (None, lost) => part.with_trouble(
            format!("the disk took no history for long, entries that are lost: {lost}"),
            "the history has the times: cadence-dns history",
        ),
        (Some(why), 0) => {
            part.with_trouble(format!("the history is kept in memory, entries so far: {waiting}; {why}"), DISK)
        }
        (Some(why), lost) => part.with_trouble(
            format!("the history is kept in memory, entries so far: {waiting}, lost for want of room: {lost}; {why}"),
            DISK,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_disk_does_not_take_is_told() {
        let told = |trouble: Option<&str>, waiting, lost| {
            let part = part(HistoryHealth { trouble: trouble.map(str::to_owned), waiting, lost });
            assert_eq!((part.healthy, part.part.as_str()), (trouble.is_none(), "history"));
            part.warning().map_or_else(|| "-".into(), |warning| warning.text)
        };
        let full = Some("cannot write to h: No space left");
        let told = [told(None, 2, 0), told(None, 0, 7), told(full, 12, 0), told(full, 65536, 7)];
        insta::assert_snapshot!(told.join("\n"), @r"
        -
        the disk took no history for long, entries that are lost: 7
        the history is kept in memory, entries so far: 12; cannot write to h: No space left
        the history is kept in memory, entries so far: 65536, lost for want of room: 7; cannot write to h: No space left
        ");
    }
}
