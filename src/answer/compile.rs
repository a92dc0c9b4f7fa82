//! Zones and steered names become nodes, written in one pass over the names in canonical order.
//!
//! In that order a name comes after all names above it, so what lies above decides what a name is, and the empty
//! names between them (RFC 4592 section 2.2.2) are made on the way.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::iter::Peekable;

use crate::model::Name;
use crate::zone::{RecordSet, RecordType, Zone};

use super::Served;
use super::names::Names;
use super::node::{Arena, At, Kind, NodeHeader, SlotId, ZoneId};
use super::records::encode;
use super::steered::Steered;
use super::wire::suffixes;
use super::zones::ZoneInfo;

/// What is built from zones and the first decisions.
pub(super) struct Compiled {
    pub(super) arena: Arena,
    pub(super) names: Names,
    pub(super) zones: Vec<ZoneInfo>,
    pub(super) steered: Steered,
}

/// Builds everything; names of `steered` that lie in none of the zones are left out.
pub(super) fn compile(zones: &[Zone], steered: &[(Name, Served)]) -> Compiled {
    let apexes = Apexes::of(zones);
    let mut homes = homes_of(steered, &apexes, zones.len());
    let mut arena = Arena::default();
    let mut nodes = 0;
    let mut infos = Vec::with_capacity(zones.len());
    for (number, zone) in zones.iter().enumerate() {
        let id = zone_id(number);
        let mut writer =
            ZoneWriter { id, arena: &mut arena, nodes: &mut nodes, above: Vec::new(), apexes: &apexes };
        let apex = writer.write(zone, &std::mem::take(&mut homes[number]));
        let parent = apexes.parent(zone.origin());
        infos.push(ZoneInfo::new(apex, parent, negative_soa(zone), zone.origin().wire().len()));
    }
    arena.shrink();
    let names = Names::of(&arena, nodes);
    Compiled { arena, names, zones: infos, steered: Steered::of(steered.iter().map(|(_, served)| served)) }
}

fn zone_id(number: usize) -> ZoneId {
    ZoneId(u32::try_from(number).expect("fewer zones than 32 bits can count"))
}

/// Which names are apexes, to see where one zone of ours ends and another begins.
struct Apexes(HashMap<Vec<u8>, ZoneId>);

impl Apexes {
    fn of(zones: &[Zone]) -> Apexes {
        Apexes(zones.iter().enumerate().map(|(n, zone)| (zone.origin().lower_wire(), zone_id(n))).collect())
    }

    /// The lowest zone that a name lies in.
    fn home(&self, name: &Name) -> Option<ZoneId> {
        suffixes(&name.lower_wire()).find_map(|suffix| self.0.get(suffix).copied())
    }

    /// The lowest zone that an apex lies in, besides its own.
    fn parent(&self, apex: &Name) -> Option<ZoneId> {
        self.home(&apex.parent()?)
    }

    /// Whether a name of this zone is the apex of another one.
    fn begins_other(&self, zone: ZoneId, name: &[u8]) -> bool {
        self.0.len() > 1 && self.0.get(&name.to_ascii_lowercase()).is_some_and(|other| *other != zone)
    }
}

/// The steered names of each zone in canonical order, with their slots.
fn homes_of<'s>(
    steered: &'s [(Name, Served)],
    apexes: &Apexes,
    zones: usize,
) -> Vec<Vec<(&'s [u8], SlotId)>> {
    let mut homes = vec![Vec::new(); zones];
    for (number, (name, _)) in steered.iter().enumerate() {
        if let (Some(ZoneId(zone)), Ok(slot)) = (apexes.home(name), u32::try_from(number)) {
            homes[zone as usize].push((name.wire(), SlotId(slot)));
        }
    }
    for home in &mut homes {
        home.sort_by(|(a, _), (b, _)| canonical_order(a, b));
    }
    homes
}

/// The SOA with the TTL that negative answers give it.
fn negative_soa(zone: &Zone) -> Box<[u8]> {
    let mut octets = Vec::new();
    let (soa, ttl) = (zone.soa(), zone.negative_ttl());
    encode(&mut octets, zone.origin().wire(), RecordType::SOA, ttl, soa.rdata());
    octets.into()
}

/// Writes the nodes of one zone.
struct ZoneWriter<'w> {
    id: ZoneId,
    arena: &'w mut Arena,
    nodes: &'w mut usize,
    /// From the apex down to the name written last.
    above: Vec<Above>,
    apexes: &'w Apexes,
}

/// What the names further down need to know.
struct Above {
    name_octets: usize,
    at: At,
    kind: Kind,
    governor: Option<At>,
    shadowed: bool,
}

impl ZoneWriter<'_> {
    fn write(&mut self, zone: &Zone, steered: &[(&[u8], SlotId)]) -> At {
        let mut sets = zone.sets().peekable();
        let mut steered = steered.iter().copied().peekable();
        let mut of_one_name = Vec::new();
        let mut apex = None;
        while let Some((owner, slot)) = next_owner(&mut sets, &mut steered) {
            of_one_name.clear();
            while let Some(set) = sets.next_if(|set| set.owner.eq_ignore_ascii_case(owner)) {
                of_one_name.push(set);
            }
            self.names_between(owner);
            let at = self.node(owner, &of_one_name, slot);
            apex = apex.or(Some(at));
        }
        apex.expect("every zone has an apex")
    }

    /// Goes up to the lowest name that this one is below of, then makes the empty ones on the way down to it.
    fn names_between(&mut self, owner: &[u8]) {
        let lower = |above: &Above, arena: &Arena| {
            let name = arena.node(above.at).name();
            suffixes(owner).any(|suffix| suffix.len() == name.len() && suffix.eq_ignore_ascii_case(name))
        };
        while self.above.last().is_some_and(|above| !lower(above, self.arena)) {
            self.above.pop();
        }
        let Some(known) = self.above.last().map(|above| above.name_octets) else {
            return; // the apex itself
        };
        let between: Vec<&[u8]> = suffixes(owner).skip(1).take_while(|suffix| suffix.len() > known).collect();
        for name in between.iter().rev() {
            self.node(name, &[], None);
        }
    }

    fn node(&mut self, name: &[u8], sets: &[RecordSet<'_>], steered: Option<SlotId>) -> At {
        let header = self.header(name, sets, steered);
        let given = |set: &&RecordSet<'_>| steered.is_none() || !is_address(set.rtype);
        let count = u16::try_from(sets.iter().filter(given).count()).expect("at most one set for each type");
        let (at, octets) = self.arena.open(&header, name, count);
        for set in sets.iter().filter(given) {
            encode(octets, set.owner, set.rtype, set.ttl, set.rdata());
        }
        self.arena.close();
        *self.nodes += 1;
        self.settle(name, at, &header);
        at
    }

    fn header(&self, name: &[u8], sets: &[RecordSet<'_>], steered: Option<SlotId>) -> NodeHeader {
        let has = |rtype| sets.iter().any(|set| set.rtype == rtype);
        let above = self.above.last();
        let (kind, governor) = match above.map(|above| (above.kind, above)) {
            Some((Kind::Cut | Kind::Renaming, above)) => (Kind::Below, Some(above.at)),
            Some((Kind::Below, above)) => (Kind::Below, above.governor),
            Some((Kind::Inside, _)) if has(RecordType::NS) => (Kind::Cut, None),
            Some((Kind::Inside, _)) | None if has(RecordType::DNAME) => (Kind::Renaming, None),
            Some((Kind::Inside, _)) | None => (Kind::Inside, None),
        };
        let shadowed = above.is_some_and(|above| above.shadowed) || self.apexes.begins_other(self.id, name);
        NodeHeader { zone: self.id, kind, shadowed, steered, governor }
    }

    fn settle(&mut self, name: &[u8], at: At, header: &NodeHeader) {
        if let Some(parent) = self.above.last()
            && parent.kind == Kind::Inside
            && name.starts_with(b"\x01*")
        {
            self.arena.set_wildcard(parent.at, at);
        }
        let NodeHeader { kind, governor, shadowed, .. } = *header;
        self.above.push(Above { name_octets: name.len(), at, kind, governor, shadowed });
    }
}

fn is_address(rtype: RecordType) -> bool {
    rtype == RecordType::A || rtype == RecordType::AAAA
}

/// The first name of both lists, and its slot if it is steered.
fn next_owner<'a>(
    sets: &mut Peekable<impl Iterator<Item = RecordSet<'a>>>,
    steered: &mut Peekable<impl Iterator<Item = (&'a [u8], SlotId)>>,
) -> Option<(&'a [u8], Option<SlotId>)> {
    let written = sets.peek().map(|set| set.owner);
    let Some((name, slot)) = steered.peek().copied() else {
        return written.map(|owner| (owner, None));
    };
    match written.map_or(Ordering::Less, |owner| canonical_order(name, owner)) {
        Ordering::Greater => written.map(|owner| (owner, None)),
        Ordering::Equal | Ordering::Less => {
            steered.next();
            Some((name, Some(slot)))
        }
    }
}

/// RFC 4034 section 6.1, for names in wire form and any letter case.
fn canonical_order(a: &[u8], b: &[u8]) -> Ordering {
    let (a_starts, b_starts) = (label_starts(a), label_starts(b));
    let label = |name: &'_ [u8], start: &u8| -> std::ops::Range<usize> {
        let start = usize::from(*start);
        start + 1..start + 1 + usize::from(name[start])
    };
    let ours = a_starts.iter().rev().map(|start| &a[label(a, start)]);
    let theirs = b_starts.iter().rev().map(|start| &b[label(b, start)]);
    for (x, y) in ours.zip(theirs) {
        let lower = |l: &[u8]| l.iter().map(u8::to_ascii_lowercase).collect::<Vec<u8>>();
        if !x.eq_ignore_ascii_case(y) {
            return lower(x).cmp(&lower(y));
        }
    }
    a_starts.len().cmp(&b_starts.len())
}

/// Where each label begins, the root's left out.
fn label_starts(name: &[u8]) -> Vec<u8> {
    let starts = suffixes(name).filter(|suffix| suffix.len() > 1).map(|suffix| name.len() - suffix.len());
    starts.filter_map(|start| u8::try_from(start).ok()).collect()
}
