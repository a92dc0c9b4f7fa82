//! Probes become blocks.

use std::time::Duration;

use super::block::{PROBES, TABLE, framed};
use super::{Probe, number, outcome};
use crate::model::{CheckId, Moment};

/// The longest time between two probes of one block, three days: four octets.
const GAP_MAX: Duration = Duration::from_millis(1 << 28);

/// Probes of one block, which is being filled.
#[derive(Debug, Clone, Default)]
pub struct ProbeBlock {
    content: Vec<u8>,
    last: Moment,
    probes: u64,
}

impl ProbeBlock {
    /// Appends a probe; false when it must begin another block: it lies before the last one, or too long after it.
    #[must_use]
    pub fn push(&mut self, probe: &Probe) -> bool {
        if self.probes == 0 {
            self.content.extend_from_slice(&probe.at.as_millis().to_le_bytes());
            self.last = probe.at;
        }
        if probe.at < self.last || probe.at.since(self.last) >= GAP_MAX {
            return false;
        }
        let content = &mut self.content;
        number::put(content, millis(probe.at.since(self.last)));
        number::put(content, u64::from(probe.check));
        outcome::put(content, &probe.outcome);
        let timings = &probe.timings;
        number::put(content, u64::from(micros(timings.total)));
        for part in [timings.connect, timings.response] {
            number::put(content, part.map_or(0, |part| u64::from(micros(part)) + 1));
        }
        self.last = probe.at;
        self.probes += 1;
        true
    }

    /// How many octets it has so far.
    #[must_use]
    pub fn octets(&self) -> usize {
        self.content.len()
    }

    /// How many probes are in it.
    #[must_use]
    pub fn probes(&self) -> u64 {
        self.probes
    }

    /// The octets of the whole block, and begins another one.
    #[must_use]
    pub fn take(&mut self) -> Vec<u8> {
        self.probes = 0;
        framed(PROBES, &std::mem::take(&mut self.content))
    }
}

/// The block that says which checks the numbers of the following blocks mean, from 0 on.
#[must_use]
pub fn table(checks: &[CheckId]) -> Vec<u8> {
    let mut content = Vec::new();
    number::put(&mut content, checks.len() as u64);
    for CheckId { region, probe, address } in checks {
        for text in [region.as_str(), &address.to_string()] {
            number::put(&mut content, text.len() as u64);
            content.extend_from_slice(text.as_bytes());
        }
        number::put(&mut content, u64::from(*probe));
    }
    framed(TABLE, &content)
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

/// An hour at most: no timeout is longer.
fn micros(span: Duration) -> u32 {
    u32::try_from(span.as_micros()).unwrap_or(u32::MAX).min(3_600_000_000)
}
