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
    writer: HistoryWriter,
    node: VantageId,
    /// What the log said last.
    told: Option<String>,
}

impl Record {
    /// The daemon has started after a run that ended like this.
    pub(super) fn begin(writer: HistoryWriter, node: VantageId, ended: Ended, now: Moment) -> Record {
        let record = Record { writer, node, told: None };
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
            self.writer.add(entry);
        }
    }

    /// The controller has panicked, and another one goes on.
    pub(super) fn panicked(&self, panic: &str, now: Moment) {
        let text = format!("the controller panicked and was built anew from the saved state: {panic}");
        self.say("controller.panicked", text, now);
    }

    fn say(&self, kind: &str, text: String, now: Moment) {
        self.writer.add(HistoryEntry::told(&self.node, now, kind, text));
    }

    /// Says once in the log that the disk fails us, and once that it is over.
    pub(super) fn look(&mut self) {
        for notice in self.writer.take_notices() {
            warn!(event = "history.mended", "{notice}");
        }
        let trouble = self.writer.health(Instant::now()).trouble;
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
        part(self.writer.health(Instant::now()))
    }

    /// The daemon stops: the last entries are written, unless that takes too long.
    pub(super) async fn finish(self, now: Moment, within: Duration) {
        self.say("daemon.stopped", "stopped in order".to_owned(), now);
        if let Err(error) = self.writer.close(within).await {
            error!(event = "history.write_failed", "the last entries of the history are lost: {error}");
        }
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
