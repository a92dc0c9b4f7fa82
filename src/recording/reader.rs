//! Octets become probes again, whatever has happened to them.

use std::fmt;
use std::time::Duration;

use super::block::{self, ANY_FORMAT, HEADER, PROBES, TABLE};
use super::{Probe, number, outcome};
use crate::health::Timings;
use crate::model::{CheckId, Moment};

/// What was found beside the probes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Contents {
    /// Probes that were read.
    pub probes: u64,
    /// Octets that belong to no whole block, or to one that means nothing.
    pub damaged: u64,
}

/// Why nothing of it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is no recording.
    NoRecording,
    /// It has another format than this program knows.
    OtherFormat,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unreadable::NoRecording => "is no recording of probes",
            Unreadable::OtherFormat => "is a recording of another version of this program",
        })
    }
}

impl std::error::Error for Unreadable {}

/// Hands out each probe with its check, in the order of the recording.
///
/// # Errors
/// When the whole is no recording, or has another format.
pub fn read(octets: &[u8], mut each: impl FnMut(&CheckId, Probe)) -> Result<Contents, Unreadable> {
    let mut contents = Contents::default();
    let mut at = begin(octets)?;
    let mut checks: Vec<CheckId> = Vec::new();
    while let Some((kind, content, start, end)) = block::next(octets, at) {
        contents.damaged += (start - at) as u64;
        at = end;
        let is_understood = match kind {
            TABLE => take_table(content).map(|table| checks = table).is_some(),
            PROBES => take_probes(content, &checks, &mut contents.probes, &mut each).is_some(),
            _ => false,
        };
        contents.damaged += if is_understood { 0 } else { (end - start) as u64 };
    }
    contents.damaged += (octets.len() - at) as u64;
    Ok(contents)
}

/// How many octets of a recording are whole, from the beginning up to the end of the last block that is: a writer may go
/// on from there. None when it is no recording of this format.
#[must_use]
pub fn whole(octets: &[u8]) -> Option<usize> {
    let mut at = begin(octets).ok()?;
    while let Some((_, _, _, end)) = block::next(octets, at) {
        at = end;
    }
    Some(at)
}

fn begin(octets: &[u8]) -> Result<usize, Unreadable> {
    match (octets.starts_with(HEADER), octets.starts_with(ANY_FORMAT)) {
        (true, _) => Ok(HEADER.len()),
        // What was cut within its first line has nothing in it.
        (false, _) if !octets.is_empty() && HEADER.starts_with(octets) => Ok(octets.len()),
        (false, true) => Err(Unreadable::OtherFormat),
        (false, false) => Err(Unreadable::NoRecording),
    }
}

fn take_table(mut content: &[u8]) -> Option<Vec<CheckId>> {
    let count = number::take(&mut content)?;
    let mut checks = Vec::new();
    for _ in 0..count {
        let region = take_text(&mut content)?;
        let address = take_text(&mut content)?.parse().ok()?;
        let probe = number::take(&mut content)?.try_into().ok()?;
        checks.push(CheckId { region: region.into(), probe, address });
    }
    Some(checks)
}

fn take_text<'c>(content: &mut &'c [u8]) -> Option<&'c str> {
    let length = usize::try_from(number::take(content)?).ok()?;
    let (text, rest) = content.split_at_checked(length)?;
    *content = rest;
    std::str::from_utf8(text).ok()
}

fn take_probes(
    content: &[u8],
    checks: &[CheckId],
    read: &mut u64,
    each: &mut impl FnMut(&CheckId, Probe),
) -> Option<()> {
    let (start, mut rest) = content.split_first_chunk::<8>()?;
    let mut at = Moment::from_millis(u64::from_le_bytes(*start));
    while !rest.is_empty() {
        at = at + Duration::from_millis(number::take(&mut rest)?);
        let check = u32::try_from(number::take(&mut rest)?).ok()?;
        let outcome = outcome::take(&mut rest)?;
        let total = Duration::from_micros(number::take(&mut rest)?);
        let mut part = || Some(number::take(&mut rest)?.checked_sub(1).map(Duration::from_micros));
        let timings = Timings { total, connect: part()?, response: part()?, ..Timings::default() };
        let known = checks.get(usize::try_from(check).ok()?)?;
        each(known, Probe { at, check, outcome, timings });
        *read += 1;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::health::{Failure, ProbeOutcome};
    use crate::recording::{PROBE_MAX_OCTETS, ProbeBlock, table};

    fn checks() -> Vec<CheckId> {
        let check = |region: &str, address: &str| CheckId {
            region: region.into(),
            probe: 1,
            address: address.parse().expect("an address"),
        };
        vec![check("us-east", "192.0.2.10"), check("eu-west", "2001:db8::1")]
    }

    fn probe(second: u64, check: u32, outcome: ProbeOutcome) -> Probe {
        let timings = Timings {
            total: Duration::from_micros(12_345),
            connect: Some(Duration::from_micros(1)),
            ..Timings::default()
        };
        Probe { at: Moment::from_millis(1_795_363_200_000 + second * 1_000), check, outcome, timings }
    }

    fn some_probes() -> Vec<Probe> {
        let outcome = |second: u64| match second % 5 {
            0 => ProbeOutcome::failed(Failure::Status(503)),
            1 => ProbeOutcome::Ours("too many open files".chars().take(16).collect()),
            _ => ProbeOutcome::Pass,
        };
        (0..60).map(|second| probe(second, u32::from(second % 2 == 0), outcome(second))).collect()
    }

    /// A recording with a table and six blocks of ten probes.
    fn recording(probes: &[Probe]) -> Vec<u8> {
        let mut octets = [HEADER, &table(&checks())].concat();
        let mut block = ProbeBlock::default();
        for some in probes.chunks(10) {
            assert!(some.iter().all(|probe| block.push(probe)));
            octets.extend(block.take());
        }
        octets
    }

    fn read_all(octets: &[u8]) -> (Vec<Probe>, Contents) {
        let mut probes = Vec::new();
        let contents = read(octets, |check, probe| {
            assert_eq!(*check, checks()[probe.check as usize]);
            probes.push(probe);
        });
        (probes, contents.expect("a recording"))
    }

    #[test]
    fn what_was_recorded_comes_back() {
        let probes = some_probes();
        let (read, contents) = read_all(&recording(&probes));
        assert_eq!((read.as_slice(), contents), (probes.as_slice(), Contents { probes: 60, damaged: 0 }));
    }

    #[test]
    fn a_recording_that_was_cut_at_any_octet_has_its_whole_blocks() {
        let probes = some_probes();
        let octets = recording(&probes);
        let mut before = 0;
        for end in 1..octets.len() {
            let (read, contents) = read_all(&octets[..end]);
            assert!(read.len() % 10 == 0 && read.len() >= before, "{} probes of {end} octets", read.len());
            assert_eq!(read, probes[..read.len()]);
            let rest = end - whole(&octets[..end]).expect("ours");
            assert_eq!(contents.damaged, rest as u64, "{end}");
            before = read.len();
        }
        assert_eq!(before, 50);
    }

    #[test]
    fn a_damaged_octet_costs_one_block() {
        let probes = some_probes();
        let octets = recording(&probes);
        let begins = HEADER.len() + table(&checks()).len();
        for at in begins..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 0x55;
            let (read, contents) = read_all(&damaged);
            assert_eq!(read.len(), 50, "octet {at}");
            assert!(contents.damaged > 0);
        }
        for at in HEADER.len()..begins {
            let mut damaged = octets.clone();
            damaged[at] ^= 0x55;
            assert_eq!(read_all(&damaged).0, [], "without a table nothing has a meaning");
        }
    }

    #[test]
    fn other_files_are_told_apart() {
        let none = |octets: &[u8]| read(octets, |_, _| {}).expect_err("no recording");
        assert_eq!(none(b"hello"), Unreadable::NoRecording);
        assert_eq!(none(b""), Unreadable::NoRecording);
        assert_eq!(none(b"cadence-dns probes 2\n..."), Unreadable::OtherFormat);
    }

    #[test]
    fn no_probe_takes_more_than_it_may() {
        let long = Duration::from_secs(100_000);
        let timings =
            Timings { total: long, connect: Some(long), response: Some(long), ..Timings::default() };
        let mismatch = Failure::JsonMismatch { pointer: "/".repeat(500), got: "x".repeat(500) };
        let program = Failure::Program { code: -1, said: "x".repeat(500) };
        for failure in [mismatch, program] {
            let outcome = ProbeOutcome::failed(failure);
            let worst = Probe { at: Moment::from_millis(u64::MAX / 2), check: 65_535, outcome, timings };
            let mut block = ProbeBlock::default();
            assert!(block.push(&worst));
            let octets = block.take().len();
            assert!(octets <= PROBE_MAX_OCTETS, "{octets} octets in a block of its own");
            let later = Probe { at: worst.at + Duration::from_millis((1 << 28) - 1), ..worst.clone() };
            assert!(block.push(&worst) && block.push(&later), "three days later");
            assert!(block.take().len() - octets <= PROBE_MAX_OCTETS);
            assert!(block.push(&later) && !block.push(&worst), "time runs backwards");
        }
    }

    proptest! {
        #[test]
        fn any_octets_are_read_or_refused(octets in prop::collection::vec(any::<u8>(), 0..300), cut in 0..200_usize) {
            let mut damaged = recording(&some_probes());
            let at = cut.min(damaged.len());
            damaged.splice(at..at, octets.iter().copied());
            let _ = read(&damaged, |_, _| {});
            let _ = read(&[HEADER, &octets].concat(), |_, _| {});
            let _ = whole(&octets);
        }
    }
}
