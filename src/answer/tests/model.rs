//! The same answers found the slow way: a list of records, searched from the start for every question, and sent
//! without compression. What it finds is meant to be seen to be right, not to be fast.

use std::collections::BTreeMap;

use crate::model::{Name, RecordType};
use crate::zone::Zone;

use super::super::Located;
use super::super::respond::{ALIASES_MAX, RENAMED_MAX};

/// A zone as a list.
pub(super) struct Model {
    origin: Name,
    sets: BTreeMap<(Name, RecordType), Set>,
    negative_ttl: u32,
}

/// The TTL and the data of each record.
type Set = (u32, Vec<Vec<u8>>);

type Line = (Name, RecordType, u32, Vec<u8>);

/// A reply in parts.
#[derive(Default)]
struct Parts {
    code: u16,
    authoritative: bool,
    answer: Vec<Line>,
    authority: Vec<Line>,
    additional: Vec<Line>,
}

enum Found {
    Exists(Name),
    Wildcard(Name),
    Delegated(Name),
    Renamed(Name),
    Absent(Name),
}

impl Model {
    pub(super) fn of(zone: &Zone) -> Model {
        let owner = |wire: &[u8]| Name::from_wire(wire).expect("owners are names");
        let records = |set: &crate::zone::RecordSet<'_>| set.rdata().map(<[u8]>::to_vec).collect();
        let sets = zone.sets().map(|set| ((owner(set.owner), set.rtype), (set.ttl.as_secs(), records(&set))));
        Model {
            origin: zone.origin().clone(),
            sets: sets.collect(),
            negative_ttl: zone.negative_ttl().as_secs(),
        }
    }

    /// The name of the apex.
    pub(super) fn origin(&self) -> &Name {
        &self.origin
    }

    /// Of several zones the one that is asked: the lowest that a name lies in, but for a DS the one above its cut.
    pub(super) fn of_name<'m>(models: &'m [Model], name: &Name, rtype: RecordType) -> &'m Model {
        let around = |model: &&Model| name.is_within(&model.origin);
        let lowest =
            |models: &mut dyn Iterator<Item = &'m Model>| models.max_by_key(|m| m.origin.wire().len());
        let below = |model: &&Model| rtype != RecordType::DS || *name != model.origin;
        let found = lowest(&mut models.iter().filter(around).filter(below));
        found.or_else(|| lowest(&mut models.iter().filter(around))).unwrap_or(&models[0])
    }

    /// Where a name of the zone stands; the predecessor is found by looking at every owner.
    pub(super) fn locate(&self, name: &Name) -> Located {
        let (wildcard, closest_encloser) = match self.find(name, RecordType::A) {
            Found::Wildcard(wildcard) => {
                (Some(wildcard.clone()), wildcard.parent().expect("a label is above"))
            }
            Found::Exists(node) | Found::Delegated(node) | Found::Renamed(node) | Found::Absent(node) => {
                (None, node)
            }
        };
        let owns_nsec = |owner: &Name| match self.find(owner, RecordType::A) {
            Found::Exists(_) => true,
            Found::Delegated(cut) => cut == *owner,
            Found::Wildcard(_) | Found::Renamed(_) | Found::Absent(_) => false,
        };
        let owners = self.sets.keys().map(|(owner, _)| owner).filter(|owner| *owner <= name);
        let predecessor =
            owners.filter(|owner| owns_nsec(owner)).max().expect("the apex comes first").clone();
        Located { zone: self.origin.clone(), wildcard, closest_encloser, predecessor }
    }

    /// A reply as octets, in full length.
    pub(super) fn reply(&self, query: &[u8], name: &Name, rtype: RecordType) -> Vec<u8> {
        let parts = self.answer(name, rtype);
        let mut reply = query.to_vec();
        reply[2] = 0x80 | u8::from(parts.authoritative) << 2;
        reply[3] = parts.code as u8;
        for (at, section) in [(7, &parts.answer), (9, &parts.authority), (11, &parts.additional)] {
            reply[at] = u8::try_from(section.len()).expect("small zones");
            for (owner, rtype, ttl, data) in section {
                reply.extend(owner.wire());
                reply.extend(rtype.0.to_be_bytes());
                reply.extend([0, 1]);
                reply.extend(ttl.to_be_bytes());
                reply.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
                reply.extend(data);
            }
        }
        reply
    }

    fn answer(&self, name: &Name, rtype: RecordType) -> Parts {
        let mut parts = Parts::default();
        if !name.is_within(&self.origin) {
            parts.code = 5;
            return parts;
        }
        parts.authoritative = true;
        let mut seen = vec![name.clone()];
        while let Some(target) = self.step(&seen[seen.len() - 1], rtype, seen.len() > 1, &mut parts) {
            let renamed = parts.answer.iter().any(|line| line.1 == RecordType::DNAME);
            let most = if renamed { RENAMED_MAX } else { ALIASES_MAX };
            if seen.len() >= most || seen.contains(&target) || !target.is_within(&self.origin) {
                break;
            }
            seen.push(target);
        }
        parts
    }

    /// Answers for one name, and returns the next one if it is an alias.
    fn step(&self, name: &Name, rtype: RecordType, aliased: bool, parts: &mut Parts) -> Option<Name> {
        match self.find(name, rtype) {
            Found::Delegated(cut) => self.refer(&cut, aliased, parts),
            Found::Renamed(owner) => return self.rename(name, &owner, rtype, parts),
            Found::Absent(_) => {
                parts.code = 3;
                parts.authority.push(self.soa());
            }
            Found::Exists(node) | Found::Wildcard(node)
                if rtype == RecordType::ANY && self.sets.keys().any(|(owner, _)| *owner == node) =>
            {
                parts.answer.extend(self.any(&node, name, &parts.answer));
            }
            Found::Exists(node) | Found::Wildcard(node) if self.has(&node, rtype) => {
                let lines = self.lines(&node, rtype, name).into_iter();
                let new: Vec<Line> = lines.filter(|line| !parts.answer.contains(line)).collect();
                parts.answer.extend(new);
                self.beside(rtype, parts);
            }
            Found::Exists(node) | Found::Wildcard(node) if self.has(&node, RecordType::CNAME) => {
                let alias = self.lines(&node, RecordType::CNAME, name).remove(0);
                parts.answer.push(alias.clone());
                return Name::from_wire(&alias.3);
            }
            Found::Exists(_) | Found::Wildcard(_) => parts.authority.push(self.soa()),
        }
        None
    }

    /// One set stands for all: what most come for, or the first.
    fn any(&self, node: &Name, owner: &Name, said: &[Line]) -> Vec<Line> {
        let preferred = [RecordType::CNAME, RecordType::A, RecordType::AAAA];
        let all = || self.sets.keys().filter(|(name, _)| name == node).map(|(_, rtype)| *rtype);
        let chosen = preferred.into_iter().find(|rtype| self.has(node, *rtype)).or_else(|| all().next());
        let lines = chosen.map_or_else(Vec::new, |rtype| self.lines(node, rtype, owner));
        lines.into_iter().filter(|line| !said.contains(line)).collect()
    }

    fn rename(&self, name: &Name, owner: &Name, rtype: RecordType, parts: &mut Parts) -> Option<Name> {
        let dname = self.lines(owner, RecordType::DNAME, owner).remove(0);
        if !parts.answer.contains(&dname) {
            parts.answer.push(dname.clone());
        }
        let kept = &name.wire()[..name.wire().len() - owner.wire().len()];
        let Some(target) = Name::from_wire(&[kept, &dname.3].concat()) else {
            parts.code = 6;
            return None;
        };
        parts.answer.push((name.clone(), RecordType::CNAME, dname.2, target.wire().to_vec()));
        (rtype != RecordType::CNAME).then_some(target)
    }

    /// From the top down: the first cut or renaming above a name decides.
    fn find(&self, name: &Name, rtype: RecordType) -> Found {
        let mut path = vec![name.clone()];
        while path[path.len() - 1] != self.origin {
            path.push(path[path.len() - 1].parent().expect("within the zone"));
        }
        for above in path.iter().rev() {
            let asks_parent = above == name && rtype == RecordType::DS;
            if *above != self.origin && self.has(above, RecordType::NS) && !asks_parent {
                return Found::Delegated(above.clone());
            }
            if above != name && self.has(above, RecordType::DNAME) {
                return Found::Renamed(above.clone());
            }
        }
        let encloser = path.iter().find(|above| self.exists(above)).expect("the apex exists");
        if encloser == name {
            return Found::Exists(name.clone());
        }
        let wildcard = Name::from_wire(&[b"\x01*", encloser.wire()].concat());
        match wildcard.filter(|wildcard| self.exists(wildcard)) {
            Some(wildcard) => Found::Wildcard(wildcard),
            None => Found::Absent(encloser.clone()),
        }
    }

    /// Names above others exist, though they have nothing to say.
    fn exists(&self, name: &Name) -> bool {
        self.sets.keys().any(|(owner, _)| owner.is_within(name))
    }

    fn has(&self, name: &Name, rtype: RecordType) -> bool {
        self.sets.contains_key(&(name.clone(), rtype))
    }

    fn lines(&self, node: &Name, rtype: RecordType, owner: &Name) -> Vec<Line> {
        let set = self.sets.get(&(node.clone(), rtype));
        let line = |ttl: u32| move |data: &Vec<u8>| (owner.clone(), rtype, ttl, data.clone());
        set.map_or_else(Vec::new, |(ttl, records)| records.iter().map(line(*ttl)).collect())
    }

    fn soa(&self) -> Line {
        let (origin, rtype, _, data) = self.lines(&self.origin, RecordType::SOA, &self.origin).remove(0);
        (origin, rtype, self.negative_ttl, data)
    }

    fn refer(&self, cut: &Name, after_alias: bool, parts: &mut Parts) {
        parts.authoritative = after_alias;
        parts.authority = self.lines(cut, RecordType::NS, cut);
        let targets: Vec<Name> = parts.authority.iter().filter_map(target).collect();
        let (below, beside): (Vec<Name>, Vec<Name>) =
            targets.into_iter().partition(|name| name.is_within(cut));
        [below, beside].concat().iter().for_each(|target| self.addresses(target, true, parts));
    }

    fn beside(&self, rtype: RecordType, parts: &mut Parts) {
        if ![RecordType::NS, RecordType::MX, RecordType::SRV].contains(&rtype) {
            return;
        }
        let mut done = Vec::new();
        let last = parts.answer.iter().filter(|line| line.1 == rtype);
        for target in last.filter_map(target).collect::<Vec<Name>>() {
            if !done.contains(&target) {
                self.addresses(&target, rtype == RecordType::NS, parts);
                done.push(target);
            }
        }
    }

    fn addresses(&self, name: &Name, glue: bool, parts: &mut Parts) {
        let node = match name.is_within(&self.origin).then(|| self.find(name, RecordType::A)) {
            Some(Found::Exists(node) | Found::Wildcard(node)) => node,
            Some(Found::Delegated(_)) if glue => name.clone(),
            Some(Found::Delegated(_) | Found::Renamed(_) | Found::Absent(_)) | None => return,
        };
        for rtype in [RecordType::A, RecordType::AAAA] {
            parts.additional.extend(self.lines(&node, rtype, name));
        }
    }
}

fn target((_, rtype, _, data): &Line) -> Option<Name> {
    Name::from_wire(match *rtype {
        RecordType::MX => &data[2..],
        RecordType::SRV => &data[6..],
        _ => data,
    })
}
