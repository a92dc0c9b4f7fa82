//! The zones as the controller knows them: which steer decides which name of which zone, and what serial each tells.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::reload::ReloadedZone;
use super::{Change, Controller, Missing, News, Parameters, SavedState};
use crate::answer::{AnswerTable, Served, ZoneTable};
use crate::model::{Moment, Name, RegionId, Serial, SteerId};
use crate::policy::{Decision, Steer};
use crate::zone::Zone;

/// So many serials may have been told while the disk still had [`Missing::Notes`] to write: far more than the moves of
/// the 50 ms after which the next start is told of [`Missing::Commits`].
const UNWRITTEN_SERIALS: u32 = 256;

/// The number of a steer: its place in the configuration.
fn steer_id(index: usize) -> SteerId {
    SteerId(u32::try_from(index).expect("fewer steers than 32 bits can count"))
}

/// What the answer engine is told about a decision.
pub(super) fn served(decision: &Decision) -> Served {
    Served { addresses: Arc::clone(&decision.standing.addresses), ttl: decision.ttl }
}

/// The table at a start. Each zone tells a serial after all that it told before, and not before its file's.
pub(super) fn first_table(
    zones: &[Zone],
    parameters: &Parameters,
    decisions: &[Decision],
    saved: &SavedState,
    now: Moment,
) -> AnswerTable {
    let tables = compile_zones(zones, &parameters.steers);
    let table = AnswerTable::of(tables, &answers(decisions), parameters.identity.clone());
    let step = serial_step(saved, now);
    let later = |(zone, serial): (&Name, &Serial)| (zone.clone(), Serial(serial.0.wrapping_add(step)));
    let told = |(zone, serial): (&Name, &Serial)| (zone.clone(), *serial);
    let mut serials: Vec<(Name, Serial)> = match parameters.cluster {
        None => saved.serials.iter().map(later).collect(),
        Some(_) => saved.serials.iter().map(told).collect(),
    };
    if parameters.cluster.is_some() {
        serials.extend(agreed_serials(&table, decisions, None));
    }
    table.with(&[], &serials)
}

/// The serial that every node of a cluster tells for the same content: that of the zone's file, and on top of it the epochs
/// of what is decided in the zone, which only grow.
fn agreed_serials(
    table: &AnswerTable,
    decisions: &[Decision],
    of: Option<&BTreeSet<Name>>,
) -> Vec<(Name, Serial)> {
    let epoch =
        |steer: &SteerId| decisions.get(steer.0 as usize).map_or(0, |decision| decision.standing.epoch);
    let serial = |zone: &ZoneTable| {
        let epochs: u64 = zone.steers().iter().map(epoch).sum();
        let epochs = u32::try_from(epochs & u64::from(u32::MAX)).expect("it was cut to 32 bits");
        (zone.origin().clone(), Serial(zone.serial().0.wrapping_add(epochs)))
    };
    let is_meant = |zone: &&ZoneTable| of.is_none_or(|of| of.contains(zone.origin()));
    table.compiled().filter(is_meant).map(serial).collect()
}

/// Compiles zones with the steers that decide names in them. It takes about a second for some millions of names.
#[must_use]
pub fn compile_zones(zones: &[Zone], steers: &[Steer]) -> Vec<Arc<ZoneTable>> {
    let homes = homes_of(zones, steers);
    zones.iter().zip(&homes).map(|(zone, steers)| Arc::new(ZoneTable::compile(zone, steers))).collect()
}

fn answers(decisions: &[Decision]) -> Vec<(SteerId, Served)> {
    (0..).zip(decisions).map(|(index, decision)| (steer_id(index), served(decision))).collect()
}

/// The table after a reload, and the serial that each zone tells. A zone that has changed, or one of whose names gets
/// another answer, tells another one than before. `gone` is what zones told that are not there any more.
pub(super) fn reloaded_table(
    before: &AnswerTable,
    zones: &[ReloadedZone],
    decisions: &[Decision],
    moved: &[usize],
    parameters: &Parameters,
    gone: &mut BTreeMap<Name, Serial>,
) -> (AnswerTable, Vec<(Name, Serial)>) {
    let tables = zones.iter().map(|zone| Arc::clone(&zone.table)).collect();
    let table = AnswerTable::of(tables, &answers(decisions), parameters.identity.clone());
    let moved: Vec<SteerId> = moved.iter().map(|index| steer_id(*index)).collect();
    let concerned: BTreeSet<Name> = table.zones_of(&moved).cloned().collect();
    gone.extend(before.zones().map(|(zone, serial)| (zone.clone(), serial)));
    let mut serials = Vec::new();
    for ReloadedZone { table: zone, changed } in zones {
        let apex = zone.origin();
        let Some(told) = gone.remove(apex) else { continue };
        let is_another = *changed || concerned.contains(apex) || before.serial_of(apex).is_none();
        serials.push((apex.clone(), if is_another { told.next() } else { told }));
    }
    let table = table.with(&[], &serials);
    let told = table.zones().map(|(zone, serial)| (zone.clone(), serial)).collect();
    (table, told)
}

/// How far ahead of the saved serials a start goes on. One at least, for the zone file may have changed meanwhile. With
/// commits missing, one more for each second since the state was saved: in the long run moves are much rarer.
fn serial_step(saved: &SavedState, now: Moment) -> u32 {
    let unsaved_for = || u32::try_from(now.since(saved.written).as_secs()).unwrap_or(u32::MAX / 4);
    match saved.missing {
        Missing::Nothing => 1,
        Missing::Notes => UNWRITTEN_SERIALS,
        Missing::Commits => UNWRITTEN_SERIALS + unsaved_for().min(u32::MAX / 4),
    }
}

impl Controller {
    /// One table for all that an event has changed, and another serial for each zone that is concerned.
    pub(super) fn publish(&mut self, news: &mut News) -> Option<Arc<AnswerTable>> {
        if news.moved.is_empty() {
            return None;
        }
        let answer = |index: &usize| (steer_id(*index), served(&self.decisions[*index]));
        let answers: Vec<(SteerId, Served)> = news.moved.iter().map(answer).collect();
        let steers: Vec<SteerId> = answers.iter().map(|(steer, _)| *steer).collect();
        let serial = |zone: &Name| self.table.serial_of(zone).map(|serial| (zone.clone(), serial.next()));
        let serials: Vec<(Name, Serial)> = match self.participant {
            None => self.table.zones_of(&steers).filter_map(serial).collect(),
            Some(_) => self.later_serials(&news.raised),
        };
        self.table = Arc::new(self.table.with(&answers, &serials));
        news.changes.extend(serials.into_iter().map(|(zone, serial)| Change::Serial { zone, serial }));
        Some(Arc::clone(&self.table))
    }
}

impl Controller {
    /// What zones tell in a cluster: what all nodes tell, or one more than before where this node has told more for another
    /// reason. A TTL alone is no other content: nodes choose it by what they see.
    fn later_serials(&self, raised: &BTreeSet<usize>) -> Vec<(Name, Serial)> {
        let raised: Vec<SteerId> = raised.iter().map(|index| steer_id(*index)).collect();
        let zones: BTreeSet<Name> = self.table.zones_of(&raised).cloned().collect();
        let mut serials = agreed_serials(&self.table, &self.decisions, Some(&zones));
        for (zone, serial) in &mut serials {
            let told = self.table.serial_of(zone).unwrap_or(*serial);
            *serial = serial.max(told.next());
        }
        serials
    }
}

/// The steered names of each zone: a name belongs to the lowest zone that it lies in. Names of one steer share its number.
fn homes_of(zones: &[Zone], steers: &[Steer]) -> Vec<Vec<(Name, SteerId)>> {
    let apexes: HashMap<&Name, usize> =
        zones.iter().enumerate().map(|(number, zone)| (zone.origin(), number)).collect();
    let mut homes = vec![Vec::new(); zones.len()];
    for (index, steer) in steers.iter().enumerate() {
        for name in steer.names.iter() {
            let mut above = std::iter::successors(Some(name.clone()), Name::parent);
            if let Some(home) = above.find_map(|name| apexes.get(&name).copied()) {
                homes[home].push((name.clone(), steer_id(index)));
            }
        }
    }
    homes
}

/// Which steers a region matters to.
pub(super) fn steers_by_region(steers: &[Steer]) -> BTreeMap<RegionId, Vec<usize>> {
    let mut index: BTreeMap<RegionId, Vec<usize>> = BTreeMap::new();
    for (number, steer) in steers.iter().enumerate() {
        for region in &steer.regions {
            index.entry(region.clone()).or_default().push(number);
        }
    }
    index
}
