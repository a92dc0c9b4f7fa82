//! The last probes of every check, kept for those who ask, and how they come here without anybody waiting.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{mpsc, watch};

use crate::api::{
    Beat, BeatingCheck, HEARTBEATS_SCHEMA, Heartbeats, ProbeFigures, beats_kept, effective_config,
};
use crate::config::Config;
use crate::health::{Failure, Observation};
use crate::model::{CheckId, Moment, RegionId};

/// Beats that may wait for the thread of the API: some seconds of a thousand checks.
const WAITING_MAX: usize = 4096;

/// Where the owner of the controller tells what happens. Nothing here ever waits.
#[derive(Debug)]
pub struct Feed {
    beats: mpsc::Sender<Ended>,
    configured: watch::Sender<Arc<Configured>>,
    changes: watch::Sender<u64>,
    lost: Arc<AtomicU64>,
}

/// A probe that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) check: CheckId,
    pub(super) beat: Beat,
    /// The label of its failure.
    pub(super) failure: Option<&'static str>,
}

/// What the configuration in force says to those who look.
#[derive(Debug, Default)]
pub(super) struct Configured {
    /// Every check.
    pub(super) checks: Vec<BeatingCheck>,
    /// All of it, without secrets.
    pub(super) config: serde_json::Value,
}

/// The other end of a [`Feed`].
#[derive(Debug)]
pub struct Fed {
    pub(super) beats: mpsc::Receiver<Ended>,
    pub(super) configured: watch::Receiver<Arc<Configured>>,
    pub(super) changes: watch::Receiver<u64>,
    pub(super) lost: Arc<AtomicU64>,
}

/// A feed about what is configured.
#[must_use]
pub fn feed(config: &Config) -> (Feed, Fed) {
    let (beats, fed_beats) = mpsc::channel(WAITING_MAX);
    let (configured, fed_configured) = watch::channel(Arc::new(Configured::of(config)));
    let (changes, fed_changes) = watch::channel(0);
    let lost = Arc::<AtomicU64>::default();
    let fed =
        Fed { beats: fed_beats, configured: fed_configured, changes: fed_changes, lost: Arc::clone(&lost) };
    (Feed { beats, configured, changes, lost }, fed)
}

impl Configured {
    fn of(config: &Config) -> Configured {
        Configured {
            checks: config.probes.iter().map(BeatingCheck::of).collect(),
            config: effective_config(config),
        }
    }
}

impl Feed {
    /// A probe has ended. Where too many wait already, it is counted as lost.
    pub fn beat(&self, observation: &Observation, at: Moment) {
        let ended = Ended {
            check: observation.check.clone(),
            beat: Beat::of(observation, at),
            failure: observation.outcome.failure().map(Failure::label),
        };
        if self.beats.try_send(ended).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Another configuration is in force; checks that stay keep their beats.
    pub fn configured(&self, config: &Config) {
        self.configured.send_replace(Arc::new(Configured::of(config)));
        self.changed();
    }

    /// Something that status shows has changed: whoever shows it looks again.
    pub fn changed(&self) {
        self.changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }
}

/// The last probes of every check.
#[derive(Debug, Default)]
pub(super) struct Beats {
    checks: Vec<(BeatingCheck, VecDeque<Beat>)>,
    places: BTreeMap<CheckId, usize>,
    kept: usize,
    figures: BTreeMap<RegionId, ProbeFigures>,
}

impl Beats {
    /// Other checks, in their order; those that stay keep their beats.
    pub(super) fn set_checks(&mut self, checks: &[BeatingCheck]) {
        let mut before: BTreeMap<CheckId, VecDeque<Beat>> =
            self.checks.drain(..).map(|(check, beats)| (check.id, beats)).collect();
        let kept = beats_kept(checks.len());
        let with_beats = |check: &BeatingCheck| {
            let mut beats = before.remove(&check.id).unwrap_or_default();
            beats.drain(..beats.len().saturating_sub(kept));
            (check.clone(), beats)
        };
        self.checks = checks.iter().map(with_beats).collect();
        self.places = checks.iter().map(|check| check.id.clone()).zip(0..).collect();
        self.kept = kept;
        let regions: BTreeSet<&RegionId> = checks.iter().map(|check| &check.id.region).collect();
        self.figures.retain(|region, _| regions.contains(region));
    }

    /// A probe of a check has ended. One that is not there is ignored: it was taken away meanwhile.
    pub(super) fn take(&mut self, Ended { check, beat, failure }: Ended) {
        let Some((_, beats)) = self.places.get(&check).and_then(|place| self.checks.get_mut(*place)) else {
            return;
        };
        let region = check.region;
        let figures = self.figures.entry(region.clone()).or_insert_with(|| ProbeFigures::new(region));
        figures.add(&beat, failure);
        if beats.len() >= self.kept {
            beats.pop_front();
        }
        beats.push_back(beat);
    }

    /// All of them, or those of a region.
    pub(super) fn shown(&self, region: Option<&RegionId>) -> Heartbeats {
        let is_wanted = |check: &BeatingCheck| region.is_none_or(|region| check.id.region == *region);
        let wanted = self.checks.iter().filter(|(check, _)| is_wanted(check));
        let checks = wanted.map(|(check, beats)| check.with(beats.iter().cloned().collect()));
        Heartbeats { schema: HEARTBEATS_SCHEMA.into(), checks: checks.collect() }
    }
}

impl Beats {
    /// What was seen since the start, region by region.
    pub(super) fn figures(&self) -> Vec<ProbeFigures> {
        self.figures.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{BEATS_MAX, BeatOutcome};

    fn check(host: u8) -> BeatingCheck {
        let id = CheckId { region: "us".into(), probe: 0, address: [192, 0, 2, host].into() };
        BeatingCheck { id, label: None, does: "connects".into(), target: "192.0.2.1:443".into() }
    }

    fn beat(number: u64) -> Beat {
        let outcome = BeatOutcome::Pass;
        Beat {
            at: Moment::from_millis(number),
            outcome,
            seconds: 0.1,
            connect: None,
            response: None,
            why: None,
        }
    }

    fn ended(check: u8, number: u64) -> Ended {
        Ended { check: self::check(check).id, beat: beat(number), failure: None }
    }

    fn moments(beats: &Beats, check: usize) -> Vec<u64> {
        beats.shown(None).checks[check].beats.iter().map(|beat| beat.at.as_millis()).collect()
    }

    #[test]
    fn the_newest_beats_are_kept_oldest_first() {
        let mut beats = Beats::default();
        beats.set_checks(&[check(1), check(2)]);
        for number in 0..BEATS_MAX as u64 + 5 {
            beats.take(ended(2, number));
        }
        assert!(moments(&beats, 0).is_empty());
        assert_eq!(moments(&beats, 1), (5..125).collect::<Vec<_>>());
    }

    #[test]
    fn checks_that_stay_keep_their_beats_and_others_go() {
        let mut beats = Beats::default();
        beats.set_checks(&[check(1), check(2)]);
        beats.take(ended(1, 1));
        beats.take(ended(2, 2));
        beats.set_checks(&[check(3), check(2)]);
        beats.take(ended(1, 3)); // the last probe of a check that is gone
        assert_eq!((moments(&beats, 0), moments(&beats, 1)), (vec![], vec![2]));
        assert_eq!(beats.shown(Some(&"eu".into())).checks, []);
        assert_eq!(beats.shown(Some(&"us".into())).checks.len(), 2);
    }

    #[test]
    fn memory_stays_bounded_with_very_many_checks() {
        let checks: Vec<BeatingCheck> = (0..24_000_u32)
            .map(|number| BeatingCheck {
                id: CheckId { address: std::net::Ipv4Addr::from_bits(number).into(), ..check(1).id },
                ..check(1)
            })
            .collect();
        let mut beats = Beats::default();
        beats.set_checks(&checks);
        for check in &checks {
            (0..9).for_each(|number| {
                beats.take(Ended { check: check.id.clone(), beat: beat(number), failure: None });
            });
        }
        let total: usize = beats.shown(None).checks.iter().map(|check| check.beats.len()).sum();
        assert_eq!(total, 120_000);
    }

    /// The thread of the API stands still: the control thread goes on.
    #[test]
    fn beats_that_nobody_takes_are_counted_and_nobody_waits() {
        let (beats, fed_beats) = mpsc::channel(WAITING_MAX);
        let (configured, fed_configured) = watch::channel(Arc::default());
        let (changes, fed_changes) = watch::channel(0);
        let lost = Arc::<AtomicU64>::default();
        let feed = Feed { beats, configured, changes, lost };
        let mut fed_beats = fed_beats;
        let observation = Observation {
            check: check(1).id,
            vantage: "ns1".into(),
            outcome: crate::health::ProbeOutcome::Pass,
            timings: crate::health::Timings::default(),
            certificate_expires: None,
        };
        for number in 0..WAITING_MAX as u64 + 7 {
            feed.beat(&observation, Moment::from_millis(number));
        }
        assert_eq!(feed.lost.load(Ordering::Relaxed), 7);
        assert!(fed_beats.try_recv().is_ok());
        feed.changed();
        assert_eq!((*fed_changes.borrow(), fed_configured.borrow().checks.len()), (1, 0));
    }
}
