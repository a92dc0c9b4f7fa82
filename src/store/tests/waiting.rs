//! A disk that hangs or fails keeps nobody waiting but the writer's own threads.

use std::time::{Duration, Instant};

use tokio::sync::mpsc::Receiver;

use super::memory::Faults;
use super::*;

type Writer = StateWriter<State, u64>;

fn start(disk: &MemoryDisk) -> (Writer, Receiver<Written>, Sequence) {
    let (log, _) = open(disk);
    let last = log.last();
    let (writer, written) = StateWriter::start(log).expect("threads");
    (writer, written, last)
}

/// Ample for anything that does not hang.
const AMPLE: Duration = Duration::from_secs(60);

/// What does not move for so long hangs.
const LATE: Duration = Duration::from_secs(20);

#[track_caller]
fn sequence(written: Option<Written>, id: u64) -> Sequence {
    let written = written.expect("the writer works");
    assert_eq!(written.id, id);
    written.result.expect("the disk works")
}

#[tokio::test]
async fn commits_are_told_in_order_once_they_are_on_the_disk() {
    let disk = MemoryDisk::default();
    let (writer, mut written, _) = start(&disk);
    let mut through = None;
    for id in 1..=100 {
        writer.commit(id, vec![id], NOW).expect("room");
    }
    for id in 1..=100 {
        let number = sequence(written.recv().await, id);
        assert_eq!(number, Sequence(id));
        through = Some(number);
        let cut = open(&disk.after_power_cut(0, super::memory::Unsynced::Lost)).1;
        assert!(whole(&cut).len() as u64 >= id);
    }
    let through = through.expect("a hundred of them");
    writer.snapshot(vec![1], through, NOW);
    let state: State = (1..=100).collect();
    writer.close(state.clone(), through, NOW, AMPLE).await.expect("the disk works");
    let (_, recovered) = open(&disk);
    let wanted =
        Recovered { snapshot: Some(state), entries: vec![], ended: Ended::Cleanly, troubles: vec![] };
    assert_eq!(recovered, wanted);
}

#[tokio::test]
async fn a_disk_that_hangs_is_told_and_commits_are_refused_in_the_end() {
    let disk = MemoryDisk::default();
    let (writer, mut written, last) = start(&disk);
    disk.hang();
    let begin = Instant::now();
    writer.commit(0, vec![0], NOW).expect("room");
    disk.wait_until_it_hangs();
    let mut accepted = 1;
    let refused = loop {
        match writer.commit(accepted, vec![accepted], NOW) {
            Ok(()) => accepted += 1,
            Err(error) => break error,
        }
        writer.snapshot(vec![accepted], last, NOW);
    };
    assert!(matches!(refused, CommitError::QueueFull) && accepted == 256, "{refused} after {accepted}");
    assert!(written.try_recv().is_err());

    // Moments of before it hung and of long after, however busy the machine is in between.
    assert_eq!(writer.trouble(begin), None);
    let late = Instant::now() + LATE;
    let trouble = writer.trouble(late).expect("it hangs");
    assert!(trouble.starts_with("the disk has not taken the state log for "), "{trouble}");
    assert!(!writer.is_healthy(late));

    disk.release();
    for id in 0..accepted {
        assert_eq!(sequence(written.recv().await, id), Sequence(id + 1));
    }
    writer.commit(accepted, vec![accepted], NOW).expect("room again");
    sequence(written.recv().await, accepted);
    // The snapshots that waited are still being written.
    wait_for(|| writer.is_healthy(Instant::now() + LATE)).await;
}

#[tokio::test(start_paused = true)]
async fn closing_gives_up_on_a_disk_that_hangs() {
    let disk = MemoryDisk::default();
    let (writer, _written, last) = start(&disk);
    disk.hang();
    let closed = writer.close(vec![1], last, NOW, Duration::from_secs(3)).await;
    let error = closed.expect_err("it hangs").to_string();
    assert_eq!(error, "the disk did not take the last state within 3 s");
    assert_eq!(open(&disk.after_kill()).1.ended, Ended::Killed);
    disk.release();
}

/// A snapshot that hangs holds up no commit.
#[tokio::test]
async fn commits_do_not_wait_for_a_snapshot() {
    let disk = MemoryDisk::default();
    let (writer, mut written, last) = start(&disk);
    disk.hang_on("state.json.new");
    writer.snapshot(vec![1], last, NOW);
    disk.wait_until_it_hangs();
    for id in 1..=3 {
        writer.commit(id, vec![id], NOW).expect("room");
        sequence(written.recv().await, id);
        // Those in between are never written.
        writer.snapshot(vec![id], Sequence(id), NOW);
    }
    let late = Instant::now() + Duration::from_secs(60);
    let trouble = writer.trouble(late).expect("it hangs");
    assert!(trouble.starts_with("the disk has not taken a snapshot of the state for "), "{trouble}");
    disk.release();
    writer.room().await;
    writer.close(vec![1, 2, 3], Sequence(3), NOW, AMPLE).await.expect("the disk works");
    let (_, recovered) = open(&disk);
    assert_eq!((whole(&recovered), recovered.ended), (vec![1, 2, 3], Ended::Cleanly));
    let previous = String::from_utf8(disk.get("state.json.previous")).expect("JSON");
    assert!(previous.contains("\"sequence\":3"), "{previous}");
}

#[tokio::test]
async fn a_disk_that_fails_is_told_until_it_works_again() {
    let disk = MemoryDisk::default();
    let (writer, mut written, _) = start(&disk);
    disk.fail(Faults { room: Some(10), ..Faults::default() });
    writer.commit(1, vec![1], NOW).expect("room in the queue");
    let error = written.recv().await.expect("the writer works").result.expect_err("no room on the disk");
    let why = error.to_string();
    assert!(why.starts_with("cannot write /state/log-1: "), "{why}");
    wait_for(|| writer.trouble(Instant::now()).as_ref() == Some(&why)).await;
    disk.fail(Faults::default());
    writer.commit(2, vec![2], NOW).expect("room in the queue");
    assert_eq!(sequence(written.recv().await, 2), Sequence(1));
    wait_for(|| writer.is_healthy(Instant::now())).await;
    drop(writer);
}

#[tokio::test]
async fn a_snapshot_that_failed_is_tried_again() {
    let disk = MemoryDisk::default();
    let (log, _) = open(&disk);
    let last = log.last();
    disk.fail(Faults { room: Some(10), ..Faults::default() });
    let (writer, _written) =
        StateWriter::<State, u64>::start_with(log, Duration::from_millis(1)).expect("threads");
    writer.snapshot(vec![1], last, NOW);
    wait_for(|| writer.trouble(Instant::now()).is_some_and(|why| why.contains("state.json.new"))).await;
    disk.fail(Faults::default());
    wait_for(|| writer.is_healthy(Instant::now())).await;
    assert_eq!(whole(&open(&disk.after_kill()).1), [1]);
}

/// The last state is not on the disk, so the run has not ended as it should.
#[tokio::test]
async fn a_run_whose_last_state_failed_was_not_closed() {
    let disk = MemoryDisk::default();
    let (writer, _written, last) = start(&disk);
    disk.fail(Faults { room: Some(10), ..Faults::default() });
    let error = writer.close(vec![1], last, NOW, AMPLE).await.expect_err("no room").to_string();
    assert!(error.starts_with("cannot write /state/state.json.new: "), "{error}");
    assert_eq!(open(&disk.after_kill()).1.ended, Ended::Killed);
}

/// A thread that panics is seen; what it owed never comes.
#[tokio::test]
async fn a_thread_that_died_is_told() {
    #[derive(serde::Deserialize)]
    struct Bad;
    impl Serialize for Bad {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            panic!("a mistake of ours")
        }
    }
    let disk = MemoryDisk::default();
    let (writer, mut written) = StateWriter::<State, Bad>::start(open(&disk).0).expect("threads");
    writer.commit(1, vec![Bad], NOW).expect("room");
    wait_for(|| !writer.is_healthy(Instant::now())).await;
    let trouble = writer.trouble(Instant::now()).expect("it has ended");
    assert_eq!(trouble, "a thread that writes the state has ended; restart the daemon");
    assert!(matches!(writer.commit(2, vec![], NOW), Err(CommitError::Ended)));
    assert!(written.try_recv().is_err());
    assert!(matches!(writer.close(vec![], Sequence(0), NOW, AMPLE).await, Err(CloseError::Ended)));
}

/// What a thread notes after it has told the result, or as it ends.
async fn wait_for(mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < AMPLE, "it never came");
        tokio::task::yield_now().await;
    }
}
