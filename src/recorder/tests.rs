//! Disks that fill up, hang, and come back; files that were cut; and the bound that holds.

use std::collections::BTreeMap;
use std::io::Write;

use super::*;
use crate::health::{ProbeOutcome, Timings};
use crate::recording::read;

const CHECKS: usize = 4;

fn checks() -> Vec<CheckId> {
    let check = |host: u8| CheckId { region: "us-east".into(), probe: 0, address: [192, 0, 2, host].into() };
    (0..CHECKS as u8).map(check).collect()
}

fn observation(number: usize) -> Observation {
    Observation {
        check: checks()[number % CHECKS].clone(),
        vantage: "ns1".into(),
        outcome: ProbeOutcome::Pass,
        timings: Timings { total: Duration::from_millis(12), ..Timings::default() },
        certificate_expires: None,
    }
}

fn at(number: usize) -> Moment {
    Moment::from_millis(1_795_363_200_000 + number as u64 * 1_250)
}

/// Files in memory, on a disk with room for so many octets.
#[derive(Debug, Clone, Default)]
struct Memory(Arc<Mutex<Disk>>);

#[derive(Debug, Default)]
struct Disk {
    files: BTreeMap<u64, Vec<u8>>,
    room: usize,
    most: usize,
}

struct Tail {
    disk: Memory,
    number: u64,
}

impl Memory {
    fn with_room(room: usize) -> Memory {
        Memory(Arc::new(Mutex::new(Disk { room, ..Disk::default() })))
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no test panics with it")
    }

    fn probes(&self) -> usize {
        let mut probes = 0;
        for octets in self.disk().files.values().filter(|octets| !octets.is_empty()) {
            read(octets, |_, _| probes += 1).expect("ours");
        }
        probes
    }
}

impl Disk {
    fn octets(&self) -> usize {
        self.files.values().map(Vec::len).sum()
    }
}

impl Files for Memory {
    fn list(&self) -> io::Result<Vec<(u64, u64)>> {
        Ok(self.disk().files.iter().map(|(number, octets)| (*number, octets.len() as u64)).collect())
    }

    fn read(&self, number: u64) -> io::Result<Vec<u8>> {
        Ok(self.disk().files[&number].clone())
    }

    fn append(&self, number: u64, length: u64) -> io::Result<Box<dyn Write + Send>> {
        let length = usize::try_from(length).expect("small");
        self.disk().files.entry(number).or_default().truncate(length);
        Ok(Box::new(Tail { disk: self.clone(), number }))
    }

    fn remove(&self, number: u64) -> io::Result<()> {
        self.disk().files.remove(&number);
        Ok(())
    }
}

/// As a disk does it: what there is room for is written, then comes the error.
impl Write for Tail {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut disk = self.disk.disk();
        let room = disk.room.saturating_sub(disk.octets()).min(octets.len());
        if room == 0 {
            return Err(io::ErrorKind::StorageFull.into());
        }
        disk.files.entry(self.number).or_default().extend_from_slice(&octets[..room]);
        disk.most = disk.most.max(disk.octets());
        Ok(room)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks of ten probes, written to segments without a thread.
fn write(segments: &mut Segments<Memory>, probes: std::ops::Range<usize>) -> usize {
    let mut written = 0;
    let mut block = crate::recording::ProbeBlock::default();
    for number in probes {
        assert!(block.push(&Probe::of(&observation(number), (number % CHECKS) as u32, at(number))));
        if block.probes() == 10 {
            written += if segments.write(&block.take()).is_ok() { 10 } else { 0 };
        }
    }
    written
}

#[tokio::test]
async fn probes_are_recorded_and_a_restart_goes_on_in_the_same_file() {
    let folder = tempfile::tempdir().expect("a folder");
    for run in 0..3 {
        let recorder = Recorder::start(folder.path(), 1 << 20, checks()).expect("a thread");
        (0..100).for_each(|number| recorder.note(&observation(number), at(run * 100 + number)));
        let health = recorder.health();
        recorder.stop().await;
        assert_eq!((health.lost, health.is_healthy), (0, true));
    }
    let files = recordings(&folder.path().join(FOLDER)).expect("a folder");
    assert_eq!(files.len(), 1);
    let octets = std::fs::read(&files[0].1).expect("it is there");
    let mut times = Vec::new();
    let contents = read(&octets, |_, probe| times.push(probe.at)).expect("a recording");
    assert_eq!((contents.probes, contents.damaged), (300, 0));
    assert!(times.is_sorted());
}

#[tokio::test]
async fn a_probe_of_a_check_that_is_not_known_is_not_recorded() {
    let memory = Memory::with_room(1 << 20);
    let recorder = Recorder::on(memory.clone(), 1 << 20, checks()[..1].to_vec()).expect("a thread");
    (0..8).for_each(|number| recorder.note(&observation(number), at(number)));
    recorder.stop().await;
    assert_eq!(memory.probes(), 2);
}

#[test]
fn all_files_together_never_take_more_than_they_may() {
    let (memory, max_size) = (Memory::with_room(usize::MAX), 64 << 10);
    let mut segments = Segments::new(memory.clone(), max_size, &checks());
    assert_eq!(write(&mut segments, 0..60_000), 60_000);
    let most = memory.disk().most;
    assert!(most as u64 <= max_size, "{most} octets");
    let probes = memory.probes();
    assert!(probes > 3_000 && probes < 60_000, "the newest are there, the oldest are not: {probes}");
}

/// The disk is full in the middle of a block; somebody makes room later.
#[test]
fn a_full_disk_costs_recordings_and_nothing_else() {
    for room in (100..2_000).step_by(37) {
        let memory = Memory::with_room(room);
        let mut segments = Segments::new(memory.clone(), 1 << 20, &checks());
        let before = write(&mut segments, 0..1_000);
        assert!(before < 1_000, "room for {room} octets");
        assert_eq!(memory.probes(), before, "what was written is whole");
        memory.disk().room = usize::MAX;
        let after = write(&mut segments, 1_000..1_100);
        assert_eq!((after, memory.probes()), (100, before + 100));
    }
}

#[tokio::test]
async fn lost_probes_are_counted_and_the_reason_is_told() {
    let memory = Memory::with_room(40);
    let recorder = Recorder::on(memory, 1 << 20, checks()).expect("a thread");
    let watch = Arc::clone(&recorder.watch);
    (0..100).for_each(|number| recorder.note(&observation(number), at(number)));
    recorder.stop().await;
    let doing = watch.doing();
    assert_eq!(doing.lost, 100);
    assert!(doing.failure.as_ref().is_some_and(|why| why.contains("storage")), "{doing:?}");
}

#[test]
fn a_torn_tail_is_cut_before_more_is_written() {
    let whole = Memory::with_room(usize::MAX);
    write(&mut Segments::new(whole.clone(), 1 << 20, &checks()), 0..100);
    let octets = whole.disk().files[&1].clone();
    for end in (1..octets.len()).step_by(7) {
        let torn = Memory::with_room(usize::MAX);
        torn.disk().files.insert(1, octets[..end].to_vec());
        let before = torn.probes();
        write(&mut Segments::new(torn.clone(), 1 << 20, &checks()), 100..200);
        assert_eq!(torn.probes(), before + 100, "cut at {end}");
    }
}

#[test]
fn a_file_of_another_version_is_left_alone() {
    let memory = Memory::with_room(usize::MAX);
    let newer = b"cadence-dns probes 2\nwhatever".to_vec();
    memory.disk().files.insert(7, newer.clone());
    write(&mut Segments::new(memory.clone(), 1 << 20, &checks()), 0..100);
    assert_eq!(memory.disk().files[&7], newer);
    assert!(memory.disk().files.contains_key(&8));
}

/// The thread is stuck in a write: nobody waits, and what does not fit into the queue is lost.
#[test]
fn a_disk_that_hangs_keeps_nobody() {
    let memory = Memory::with_room(usize::MAX);
    let held = memory.disk();
    let recorder = Recorder::on(memory.clone(), 1 << 20, checks()).expect("a thread");
    (0..3 * QUEUE_MAX).for_each(|number| recorder.note(&observation(number), at(number)));
    assert!(recorder.health().lost >= QUEUE_MAX as u64, "{:?}", recorder.health());
    drop(held);
}
