//! How the shells do, in the words of status.

use crate::api::{PartStatus, ReceiverStatus};
use crate::dns::{Meter, WorkerHealth, WorkerState};
use crate::gate::Asking;
use crate::model::GateId;
use crate::notify::ReceiverHealth;
use crate::programs::Programs;
use crate::recorder::RecorderHealth;
use crate::telemetry;

/// Every DNS worker, and the log.
pub(super) fn all(meter: &Meter) -> Vec<PartStatus> {
    let workers = meter.workers().into_iter().map(worker);
    let log = telemetry::monitor().map(|monitor| log(monitor.is_healthy(), monitor.dropped()));
    workers.chain(log).collect()
}

/// Those who ask at gates and run programs, where there are any.
pub(super) fn errands(asking: &Asking, programs: &Programs) -> Vec<PartStatus> {
    let gates = (!asking.is_empty()).then(|| gates(&asking.ended()));
    let runner = (!programs.is_empty()).then(|| runner(programs.is_healthy()));
    gates.into_iter().chain(runner).collect()
}

fn gates(ended: &[GateId]) -> PartStatus {
    let status = PartStatus { healthy: ended.is_empty(), ..PartStatus::working("gates") };
    let Some(first) = ended.first() else { return status };
    let found = format!("{} gates are asked no more, {first} among them", ended.len());
    status
        .with_trouble(found, "a panic is a bug: the log has its place, please report it; restart the program")
}

/// Who is told of what happens.
pub(super) fn receivers(health: Vec<ReceiverHealth>) -> Vec<ReceiverStatus> {
    let of = |health: ReceiverHealth| {
        let ReceiverHealth { receiver, kind, sent, failed, dead, waiting, firing, last, trouble } = health;
        let (since, trouble) = trouble.unzip();
        let kind = kind.to_owned();
        ReceiverStatus { receiver, kind, sent, failed, dead, waiting, firing, last, since, trouble }
    };
    health.into_iter().map(of).collect()
}

fn runner(healthy: bool) -> PartStatus {
    let status = PartStatus { healthy, ..PartStatus::working("runner") };
    if healthy {
        return status;
    }
    let found = "the process that runs the programs of gates, hooks and receivers is gone".to_owned();
    status.with_trouble(found, "restart cadence-dns; look into the log for who ended it")
}

fn worker(health: WorkerHealth) -> PartStatus {
    const BUG: &str = "a panic is a bug: the log has its place, please report it";
    let healthy = health.is_healthy();
    let WorkerHealth { name, state, deaths, connections_lost, last_panic } = health;
    let status = PartStatus { healthy, ..PartStatus::working(&name) };
    let last = last_panic.map(|panic| format!(": {panic}")).unwrap_or_default();
    let times = if deaths == 1 { "once".to_owned() } else { format!("{deaths} times") };
    match state {
        WorkerState::Ended => status
            .with_trouble(format!("worker {name} has ended{last}"), "restart the program; then report it"),
        WorkerState::Resting => status.with_trouble(
            format!("worker {name} answers nothing until the minute is over: it died {times}, last{last}"),
            BUG,
        ),
        WorkerState::Working | WorkerState::Restarting if deaths > 0 => {
            status.with_trouble(format!("worker {name} died {times} and was started again, last{last}"), BUG)
        }
        WorkerState::Working | WorkerState::Restarting if connections_lost > 0 => status.with_trouble(
            format!("connections of worker {name} that ended by a panic: {connections_lost}"),
            BUG,
        ),
        WorkerState::Working | WorkerState::Restarting => status,
    }
}

fn log(healthy: bool, dropped: u64) -> PartStatus {
    const READER: &str = "look at what reads stderr: journald, a pipe, a terminal that is stopped";
    let status = PartStatus { healthy, ..PartStatus::working("log") };
    match (healthy, dropped) {
        (false, _) => status.with_trouble(
            format!("the log cannot be written, its reader is stuck; lines dropped so far: {dropped}"),
            READER,
        ),
        (true, 0) => status,
        (true, _) => status.with_trouble(
            format!("the reader of the log did not keep up; lines dropped since the start: {dropped}"),
            READER,
        ),
    }
}

/// Who writes the probes down.
pub(super) fn recorder(health: RecorderHealth) -> PartStatus {
    const ROOM: &str = "free space, or mend the rights on [node] state_dir; answers do not depend on it";
    let RecorderHealth { is_healthy, lost, trouble } = health;
    let status = PartStatus { healthy: is_healthy, ..PartStatus::working("recorder") };
    let why = trouble.unwrap_or_else(|| "more came at once than was written".into());
    match (is_healthy, lost) {
        (true, 0) => status,
        (true, lost) => status.with_trouble(
            format!("probes that were not recorded since the start: {lost}, last: {why}"),
            ROOM,
        ),
        (false, lost) => status
            .with_trouble(format!("probes cannot be recorded: {why}; lost since the start: {lost}"), ROOM),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: WorkerState, deaths: u64, connections_lost: u64) -> String {
        let last_panic = (deaths > 0).then(|| "index out of bounds".to_owned());
        let name = "dns-0-53".to_owned();
        let status = worker(WorkerHealth { name, state, deaths, connections_lost, last_panic });
        assert_eq!(status.healthy, state == WorkerState::Working);
        status.warning().map_or_else(|| "-".into(), |warning| warning.text)
    }

    #[test]
    fn what_a_worker_does_is_told_in_words() {
        let told = [
            told(WorkerState::Working, 0, 0),
            told(WorkerState::Working, 1, 5),
            told(WorkerState::Restarting, 2, 0),
            told(WorkerState::Resting, 21, 0),
            told(WorkerState::Ended, 1, 0),
            told(WorkerState::Ended, 0, 0),
            told(WorkerState::Working, 0, 3),
        ];
        insta::assert_snapshot!(told.join("\n"), @r"
        -
        worker dns-0-53 died once and was started again, last: index out of bounds
        worker dns-0-53 died 2 times and was started again, last: index out of bounds
        worker dns-0-53 answers nothing until the minute is over: it died 21 times, last: index out of bounds
        worker dns-0-53 has ended: index out of bounds
        worker dns-0-53 has ended
        connections of worker dns-0-53 that ended by a panic: 3
        ");
    }

    #[test]
    fn probes_that_are_not_recorded_are_told() {
        let told = |is_healthy, lost, trouble: Option<&str>| {
            let trouble = trouble.map(str::to_owned);
            let status = recorder(RecorderHealth { is_healthy, lost, trouble });
            assert_eq!(status.healthy, is_healthy);
            status.warning().map_or_else(|| "-".into(), |warning| warning.text)
        };
        let full = Some("No space left on device");
        let told = [told(true, 0, None), told(false, 7, full), told(true, 7, full), told(true, 7, None)];
        insta::assert_snapshot!(told.join("\n"), @r"
        -
        probes cannot be recorded: No space left on device; lost since the start: 7
        probes that were not recorded since the start: 7, last: No space left on device
        probes that were not recorded since the start: 7, last: more came at once than was written
        ");
    }

    #[test]
    fn a_log_that_is_not_read_is_told() {
        let told = [log(true, 0), log(true, 7), log(false, 0), log(false, 7)];
        let told = told.map(|status| status.warning().map_or_else(|| "-".into(), |warning| warning.text));
        insta::assert_snapshot!(told.join("\n"), @r"
        -
        the reader of the log did not keep up; lines dropped since the start: 7
        the log cannot be written, its reader is stuck; lines dropped so far: 0
        the log cannot be written, its reader is stuck; lines dropped so far: 7
        ");
    }
}
