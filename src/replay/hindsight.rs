//! When each region was dead, as is known afterwards.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use super::history::{Coverage, History, Kind, Track};
use super::spans::Spans;
use crate::controller::Parameters;
use crate::health::{Alone, Check, Region};
use crate::model::{Family, Moment, RegionId};

/// The truth about every region, as far as the recording has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hindsight {
    dead: BTreeMap<RegionId, Spans>,
    /// Where nothing is known about any check.
    unknown: Spans,
}

/// A region was dead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Which one.
    pub region: RegionId,
    /// From when on.
    pub from: Moment,
    /// Until when.
    pub until: Moment,
}

impl Hindsight {
    /// What is known afterwards. Outages of less than `glitch` are glitches: no reason to leave a region.
    #[must_use]
    pub fn of(
        history: &History,
        coverage: &Coverage,
        parameters: &Parameters,
        glitch: Duration,
    ) -> Hindsight {
        let past = Past { history, parameters };
        let dead = parameters.regions.iter().map(|region| {
            let dead = past.dead(region);
            let lasting = dead.iter().filter(|(from, until)| until.since(*from) >= glitch);
            (region.id.clone(), Spans::of(lasting.collect::<Vec<_>>()))
        });
        Hindsight { dead: dead.collect(), unknown: past.unknown(coverage) }
    }

    /// When a region was dead.
    #[must_use]
    pub fn dead(&self, region: &RegionId) -> Spans {
        self.dead.get(region).cloned().unwrap_or_default()
    }

    /// Where nothing is known about any check.
    #[must_use]
    pub fn unknown(&self) -> &Spans {
        &self.unknown
    }

    /// Every outage of a region, the oldest first.
    #[must_use]
    pub fn outages(&self) -> Vec<Outage> {
        let of = |(region, spans): (&RegionId, &Spans)| -> Vec<Outage> {
            let outage = |(from, until)| Outage { region: region.clone(), from, until };
            spans.iter().map(outage).collect()
        };
        let mut all: Vec<Outage> = self.dead.iter().flat_map(of).collect();
        all.sort_by_key(|outage| outage.from);
        all
    }
}

struct Past<'p> {
    history: &'p History,
    parameters: &'p Parameters,
}

impl Past<'_> {
    /// A region is dead when a family that it needs has fewer addresses than it must have.
    fn dead(&self, region: &Region) -> Spans {
        let of_family = |family: &Family| {
            let addresses: Vec<IpAddr> = region.addresses_of(*family).collect();
            let needed = region.min_up.of(addresses.len());
            let dead: Vec<Spans> =
                addresses.iter().map(|address| self.dead_address(region, *address)).collect();
            Spans::where_at_least(addresses.len() + 1 - needed, &dead)
        };
        region.families.iter().map(of_family).fold(Spans::default(), |dead, of_family| dead.or(&of_family))
    }

    /// An address is dead while one of its checks fails lastingly.
    fn dead_address(&self, region: &Region, address: IpAddr) -> Spans {
        let checks = region.checks.iter().filter(|check| check.covers(address));
        Spans::of(checks.flat_map(|check| self.failing(check)).collect::<Vec<_>>())
    }

    /// Rows of failures that were the endpoint's: it said so itself, or another place was heard meanwhile.
    fn failing(&self, check: &Check) -> Vec<(Moment, Moment)> {
        let Some(track) = self.history.track(&check.id) else { return Vec::new() };
        let counts = |(first, last): &(usize, usize)| {
            let samples = &track.samples[*first..=*last];
            let was_heard = samples.iter().any(|sample| sample.kind == Kind::Heard);
            was_heard || self.is_witnessed(check, samples[0].start, samples[samples.len() - 1].start)
        };
        track.lasting.iter().filter(|row| counts(row)).map(|row| span(track, *row)).collect()
    }

    fn is_witnessed(&self, check: &Check, from: Moment, until: Moment) -> bool {
        let checks = self.parameters.regions.iter().flat_map(|region| &region.checks);
        let others = checks
            .chain(&self.parameters.witnesses)
            .filter(|other| other.id.address != check.id.address && other.id.family() == check.id.family());
        let mut others = others.peekable();
        if others.peek().is_none() {
            return self.parameters.alone == Alone::Trust;
        }
        others.any(|other| {
            let samples =
                self.history.track(&other.id).map(|track| track.samples.as_slice()).unwrap_or_default();
            let first = samples.partition_point(|sample| sample.start < from);
            let meanwhile = samples[first..].iter().take_while(|sample| sample.start <= until);
            meanwhile.into_iter().any(|sample| matches!(sample.kind, Kind::Pass | Kind::Heard))
        })
    }

    /// Where no check has a probe for longer than usual.
    fn unknown(&self, coverage: &Coverage) -> Spans {
        let checks = self.parameters.regions.iter().flat_map(|region| &region.checks);
        let mut gaps = checks.filter_map(|check| self.history.track(&check.id)).map(|track| {
            let ends = [coverage.from, track.samples[0].start]
                .into_iter()
                .zip([track.samples[0].start, coverage.until]);
            let first = ends.take(1);
            let last = track.samples[track.samples.len() - 1].start;
            let between = (0..track.samples.len() - 1)
                .filter(|index| track.is_gap_after(*index))
                .map(|index| (track.samples[index].start, track.samples[index + 1].start));
            Spans::of(first.chain(between).chain([(last, coverage.until)]).collect::<Vec<_>>())
        });
        let first = gaps.next().unwrap_or_default();
        gaps.fold(first, |unknown, gaps| unknown.and(&gaps))
    }
}

/// From halfway after the last pass to halfway before the next one.
fn span(track: &Track, (first, last): (usize, usize)) -> (Moment, Moment) {
    let samples = &track.samples;
    let halfway = |from: Moment, until: Moment| from + until.since(from) / 2;
    let begin = samples[first].start;
    let begin = match first.checked_sub(1) {
        Some(before) if !track.is_gap_after(before) => halfway(samples[before].start, begin),
        Some(_) | None => begin,
    };
    let end = samples[last].start;
    let end = if track.is_gap_after(last) { end } else { halfway(end, samples[last + 1].start) };
    (begin, end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replay::tests::{history, parameters, recorded_as, recorded_as_west};

    /// When east was dead, in seconds from the beginning; probes are five seconds apart.
    fn check(east: &str, west: &str, expected: &[(u64, u64)]) {
        let history = history(&[&recorded_as(east), &recorded_as_west(west)]);
        let parameters = parameters();
        let checks = parameters.regions.iter().flat_map(|region| &region.checks).map(|check| &check.id);
        let coverage = history.coverage(checks).expect("probes");
        let hindsight = Hindsight::of(&history, &coverage, &parameters, Duration::from_secs(10));
        let spans = hindsight.dead(&"east".into());
        let beginning = crate::replay::tests::at(0);
        let dead: Vec<(u64, u64)> = spans
            .iter()
            .map(|(from, until)| {
                (from.since(beginning).as_millis() as u64, until.since(beginning).as_millis() as u64)
            })
            .collect();
        assert_eq!(dead, expected, "{east} {west}");
    }

    #[test]
    fn three_failures_are_an_outage() {
        check("..xxx..", ".......", &[(7_500, 22_500)]);
        check("..xx...", ".......", &[]);
        check("..x.x.x.", "........", &[]);
        check("xxxx...", ".......", &[(0, 17_500)]);
    }

    /// `o` is silent.
    #[test]
    fn silence_counts_when_another_place_was_heard() {
        check("..oooo..", "........", &[(7_500, 27_500)]);
        check("..oooo..", "..oooo..", &[]);
        check("..oxoo..", "..oooo..", &[(7_500, 27_500)]);
    }
}
