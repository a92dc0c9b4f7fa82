//! What the shells have counted, read from any thread, and what the process takes.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{Dir, Mode, OFlags, open};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

use super::changes::Changes;
use super::clock::Clock;
use super::parts;
use crate::api::{HistogramFigures, ProcessFigures, QueryFigures, ShellFigures};
use crate::control::ReadFigures;
use crate::dns::{DurationCounts, Meter, Protocol, ProtocolFigures};

/// What the kernel says about this process: files of /proc, opened while there is the right to.
#[derive(Debug)]
pub(super) struct Proc {
    statm: Option<File>,
    descriptors: Option<Mutex<Dir>>,
    /// Where the system says how long a page is, is among the files that are closed to us later.
    page_octets: u64,
}

impl Proc {
    /// What there is of it.
    pub(super) fn open() -> Proc {
        let folder =
            open("/proc/self/fd", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
        let descriptors = folder.ok().and_then(|folder| Dir::new(folder).ok()).map(Mutex::new);
        let page_octets = rustix::param::page_size() as u64;
        Proc { statm: File::open("/proc/self/statm").ok(), descriptors, page_octets }
    }

    fn figures(&self) -> ProcessFigures {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        let [virtual_octets, resident_octets] = self.memory();
        ProcessFigures {
            cpu_seconds: time.tv_sec as f64 + time.tv_nsec as f64 / 1e9,
            resident_octets,
            virtual_octets,
            open_descriptors: self.open_descriptors(),
            descriptors_max: getrlimit(Resource::Nofile).current,
        }
    }

    /// Mapped and resident memory (proc(5), statm).
    fn memory(&self) -> [Option<u64>; 2] {
        let mut text = [0; 128];
        let read = self.statm.as_ref().and_then(|statm| statm.read_at(&mut text, 0).ok()).unwrap_or_default();
        let mut pages = text[..read]
            .split(|octet| *octet == b' ')
            .map(|word| std::str::from_utf8(word).ok()?.parse::<u64>().ok());
        let mut octets = || pages.next().flatten().map(|pages| pages * self.page_octets);
        [octets(), octets()]
    }

    fn open_descriptors(&self) -> Option<u64> {
        let mut folder = self.descriptors.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        folder.rewind();
        let entries = std::iter::from_fn(|| folder.read()).filter_map(Result::ok);
        let is_number = |name: &std::ffi::CStr| name.to_bytes().first().is_some_and(u8::is_ascii_digit);
        Some(entries.filter(|entry| is_number(entry.file_name())).count() as u64)
    }
}

/// Reads all of it, whenever asked.
pub(super) fn reader(meter: Meter, changes: Changes, proc: Proc, clock: Clock) -> Arc<ReadFigures> {
    Arc::new(move || ShellFigures {
        now: clock.now(),
        dns: meter.counters().into_iter().collect(),
        queries: meter.protocols().iter().map(queries).collect(),
        parts: parts::all(&meter),
        changes: changes.counted(),
        process: Some(proc.figures()),
    })
}

fn queries(figures: &ProtocolFigures) -> QueryFigures {
    let ProtocolFigures { protocol, replies, durations } = figures;
    let protocol = match protocol {
        Protocol::Udp => "udp",
        Protocol::Tcp => "tcp",
        Protocol::Tls => "tls",
        Protocol::Https => "https",
    };
    let replies = replies.iter().map(|(kind, count)| (kind.qtype, kind.code, *count)).collect();
    QueryFigures { protocol, replies, durations: histogram(durations) }
}

fn histogram(durations: &DurationCounts) -> HistogramFigures {
    HistogramFigures {
        buckets: durations.cumulative().collect(),
        sum: durations.seconds(),
        count: durations.count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_what_the_process_takes() {
        let proc = Proc::open();
        let before = proc.figures();
        let _one_more = File::open("/dev/null").expect("a file");
        let after = proc.figures();
        assert!(after.cpu_seconds > 0.0 && after.resident_octets > Some(1 << 20), "{after:?}");
        assert!(after.virtual_octets >= after.resident_octets, "{after:?}");
        assert!(after.open_descriptors > Some(3) && before.open_descriptors > Some(3), "{after:?}");
    }
}
