//! What a folder says about the runs before: read first, and only then, if all of it makes sense, put in order.

use std::path::Path;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::aside::{Aside, set_aside};
use super::chain::{Chain, Newer};
use super::error::{StoreError, failed, is_full, with_help};
use super::files::{Files, ReadError};
use super::format_1;
use super::log::{End, LOG_MAX_OCTETS, segments};
use super::record;
use super::record::FORMAT;
use super::snapshot::{self, CURRENT, PREVIOUS, Reach, Snapshot};
use crate::model::Moment;

/// A thousand entries a second get here in 285,000 years; beyond it, numbers might end.
const SEQUENCE_MAX: u64 = 1 << 53;

/// What the runs before have left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered<T, E> {
    /// The newest snapshot that is whole; none at a first start, or when none could be used.
    pub snapshot: Option<T>,
    /// What was appended after it, in order.
    pub entries: Vec<E>,
    /// How the last run ended.
    pub ended: Ended,
    /// What was wrong, a sentence each for the operator.
    pub troubles: Vec<String>,
}

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// There was none.
    FirstStart,
    /// As it should: all that it decided is here.
    Cleanly,
    /// The process was killed or crashed, the machine went on: all that was written is here, synced or not.
    Killed,
    /// The machine went down, or it is not known: what had not been synced may be gone.
    PowerLost,
}

/// A folder that was read, and nothing in it was touched yet.
#[derive(Debug)]
pub(super) struct Survey {
    /// The file of the newest whole snapshot.
    state: Option<(&'static str, Vec<u8>)>,
    pub(super) current: Option<Reach>,
    pub(super) previous: Option<Reach>,
    journals: Vec<(String, Vec<u8>)>,
    chain: Chain,
    /// The segments, and how many lines of the chain end with each.
    lines_until: Vec<(String, usize)>,
    end: End,
    /// What is to be set aside, and why: a sentence without its end.
    damage: Vec<(Aside, Vec<u8>, String)>,
    troubles: Vec<String>,
    /// The segments that were read: what a killed run wrote is there, but not on the disk yet.
    walked: Vec<String>,
    is_empty: bool,
}

/// Reads everything.
///
/// # Errors
/// When a file is of a newer format, or not ours.
pub(super) fn survey(files: &dyn Files) -> Result<Survey, StoreError> {
    let names = files.list().map_err(failed("list", &files.path("")))?;
    let (mut damage, mut troubles) = (Vec::new(), Vec::new());
    let current = read_snapshot(files, CURRENT, &mut damage)?;
    let previous = read_snapshot(files, PREVIOUS, &mut damage)?;
    let reach = |found: &Option<(Reach, Vec<u8>)>| found.as_ref().map(|(reach, _)| *reach);
    let (current_reach, previous_reach) = (reach(&current), reach(&previous));
    let state = current.map(|(_, state)| (CURRENT, state));
    let state = state.or(previous.map(|(_, state)| (PREVIOUS, state)));
    let base = current_reach.or(previous_reach);
    if current_reach.is_none() && !damage.is_empty() {
        troubles.push(match base {
            Some(_) => format!("{} is used, with the log since", files.path(PREVIOUS).display()),
            None => "no snapshot of the state can be used: what is not in the log is lost".to_owned(),
        });
    }
    let first = match base {
        None => Some(0),
        Some(Reach::BeforeJournal(first)) => Some(first),
        Some(Reach::Through(_)) => None,
    };
    let journals = first.map(|first| format_1::journals(&names, first)).unwrap_or_default();
    let is_empty = state.is_none() && damage.is_empty() && journals.is_empty() && segments(&names).is_empty();
    let journals = read_journals(files, journals, &mut troubles)?;
    let chain = Chain::after(base.map(Reach::through));
    let end = End { segment: None, after: 0, next: 1, octets: 0 };
    let mut survey = Survey {
        state,
        current: current_reach,
        previous: previous_reach,
        journals,
        chain,
        lines_until: Vec::new(),
        end,
        damage,
        troubles,
        walked: Vec::new(),
        is_empty,
    };
    survey.walk(files, &segments(&names), base.map_or(0, Reach::through))?;
    (survey.end.after, survey.end.next) = (survey.chain.last, survey.chain.next());
    if survey.end.next > SEQUENCE_MAX {
        let why = "has entries with numbers that no daemon reaches; move it away".to_owned();
        return Err(StoreError::NotOurs { path: files.path(""), why });
    }
    Ok(survey)
}

/// A snapshot that is whole: how far it goes, and its state.
fn read_snapshot(
    files: &dyn Files,
    name: &'static str,
    damage: &mut Vec<(Aside, Vec<u8>, String)>,
) -> Result<Option<(Reach, Vec<u8>)>, StoreError> {
    let path = files.path(name);
    let mut damaged = |why: String| {
        damage.push((Aside::File(name.to_owned()), Vec::new(), format!("{} {why}", path.display())));
        Ok(None)
    };
    let octets = match files.read(name) {
        Ok(None) => return Ok(None),
        Ok(Some(octets)) => octets,
        Err(ReadError::NotOurs(why)) => return Err(StoreError::NotOurs { path, why }),
        Err(ReadError::Io(error)) => return damaged(format!("cannot be read: {}", with_help(&error))),
    };
    match snapshot::open(&octets) {
        Snapshot::Newer(format) => Err(StoreError::NewerFormat { path, format, known: FORMAT }),
        Snapshot::Damaged(why) => damaged(format!("is damaged: {why}")),
        Snapshot::Whole(whole) => Ok(Some((whole.reach, octets[whole.state].to_vec()))),
    }
}

/// The journals of the first format. One that cannot be read stays where it is, and is told.
fn read_journals(
    files: &dyn Files,
    names: Vec<String>,
    troubles: &mut Vec<String>,
) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut journals = Vec::new();
    for name in names {
        match read(files, &name)? {
            Ok(octets) => journals.push((name, octets)),
            Err(why) => troubles.push(why),
        }
    }
    Ok(journals)
}

/// A file of the log; a sentence if it cannot be read.
fn read(files: &dyn Files, name: &str) -> Result<Result<Vec<u8>, String>, StoreError> {
    let path = files.path(name);
    match files.read(name) {
        Ok(Some(octets)) => Ok(Ok(octets)),
        Ok(None) => Ok(Err(format!("{} is gone", path.display()))),
        Err(ReadError::NotOurs(why)) => Err(StoreError::NotOurs { path, why }),
        Err(ReadError::Io(error)) => {
            Ok(Err(format!("{} cannot be read: {}", path.display(), with_help(&error))))
        }
    }
}

impl Survey {
    /// Follows the segments, also those that the snapshot has: what is wrong with them is better known now than when they
    /// are needed.
    fn walk(
        &mut self,
        files: &dyn Files,
        segments: &[(u64, String)],
        through: u64,
    ) -> Result<(), StoreError> {
        for (index, (_, name)) in segments.iter().enumerate() {
            let next_begins = segments.get(index + 1).map_or(u64::MAX, |(first, _)| *first);
            let path = files.path(name);
            let newer = |Newer(format)| StoreError::NewerFormat { path: path.clone(), format, known: FORMAT };
            let octets = match read(files, name)? {
                Ok(octets) => octets,
                Err(why) => {
                    self.chain.lose_unread(LOG_MAX_OCTETS);
                    self.damage.push((Aside::File(name.clone()), Vec::new(), why));
                    continue;
                }
            };
            if next_begins > through.saturating_add(1) {
                self.end.octets = self.end.octets.saturating_add(octets.len() as u64);
            }
            let walk = self.chain.walk(&octets).map_err(newer)?;
            self.lines_until.push((name.clone(), self.chain.lines.len()));
            if walk.harmless_octets > 0 {
                let (path, octets) = (path.display(), walk.harmless_octets);
                self.troubles.push(format!("{path}: {octets} octets are damaged, but nothing is missing"));
            }
            let good = walk.damaged_from.unwrap_or(octets.len());
            self.take(&path, name, octets, good, walk.is_gap);
        }
        Ok(())
    }

    /// A segment of which so many octets are good.
    fn take(&mut self, path: &Path, name: &str, octets: Vec<u8>, good: usize, is_gap: bool) {
        let (path, name) = (path.display(), name.to_owned());
        if good == octets.len() {
            self.walked.push(name.clone());
            self.end.segment = Some((name, good as u64));
            return;
        }
        let what = if is_gap { "entries before that are missing" } else { "it was cut short or changed" };
        let lost = octets.len() - good;
        let why = format!("{path} is damaged at octet {good}, {lost} octets before its end: {what}");
        if good == 0 {
            self.end.segment = None;
            self.damage.push((Aside::File(name), octets, why));
        } else {
            self.walked.push(name.clone());
            self.end.segment = Some((name.clone(), good as u64));
            self.damage.push((Aside::Tail(name, good), octets, why));
        }
    }

    /// What was found, in the types of the caller.
    ///
    /// # Errors
    /// When a whole state or entry is none that these types know.
    pub(super) fn recovered<T, E>(
        &mut self,
        files: &dyn Files,
        boot: &str,
    ) -> Result<Recovered<T, E>, StoreError>
    where
        T: DeserializeOwned,
        E: DeserializeOwned,
    {
        let unintelligible = |name: &str| {
            let path = files.path(name);
            move |source| StoreError::Unintelligible { path, source }
        };
        let snapshot = match &self.state {
            None => None,
            Some((name, state)) => Some(serde_json::from_slice(state).map_err(unintelligible(name))?),
        };
        let mut entries = Vec::new();
        for (name, octets) in &self.journals {
            let (read, damaged) = format_1::entries(octets);
            entries.extend::<Vec<E>>(read);
            if let Some(from) = damaged {
                let path = files.path(name);
                let why =
                    format!("{} is damaged at octet {from}: it was cut short or changed", path.display());
                self.damage.push((Aside::Copy(name.clone(), from), octets.clone(), why));
            }
        }
        for (index, (line, known)) in self.chain.lines.iter().enumerate() {
            let read = record::entries_of(line).map_err(unintelligible(self.segment_of(index)))?;
            entries.extend::<Vec<E>>(read.into_iter().skip(*known).collect());
        }
        let damage = self.damage.iter().map(|(_, _, why)| why.clone());
        let troubles = damage.chain(self.troubles.iter().cloned()).collect();
        Ok(Recovered { snapshot, entries, ended: self.ended(boot), troubles })
    }

    /// The segment that a line of the chain is in.
    fn segment_of(&self, line: usize) -> &str {
        let segment = self.lines_until.iter().find(|(_, until)| line < *until);
        segment.map_or("", |(name, _)| name)
    }

    fn ended(&self, boot: &str) -> Ended {
        match &self.chain.boot {
            None if self.is_empty => Ended::FirstStart,
            _ if self.chain.is_closed => Ended::Cleanly,
            Some(last) if last == boot && !boot.is_empty() => Ended::Killed,
            Some(_) | None => Ended::PowerLost,
        }
    }

    /// Sets the damage aside and brings to the disk what a killed run has left in the page cache. Returns where the log
    /// goes on, and what was done, in sentences.
    ///
    /// # Errors
    /// When the disk does not let us; then nothing may be written to the log.
    pub(super) fn put_in_order(
        self,
        files: &Arc<dyn Files>,
        now: Moment,
    ) -> Result<(End, Vec<String>), StoreError> {
        let Survey { damage, mut end, mut troubles, walked, .. } = self;
        let mut told = Vec::new();
        for (aside, octets, why) in &damage {
            match set_aside(&**files, aside, octets, now) {
                Ok(name) => told.push(format!("{why}; it was set aside as {}", files.path(&name).display())),
                Err(error) if is_full(&error) && can_stay(aside, &end) => {
                    told.push(format!("{why}; it could not be set aside: {}", with_help(&error)));
                    end.segment = None;
                }
                Err(error) => return Err(failed("set aside", &files.path(file_of(aside)))(error)),
            }
        }
        for name in walked {
            let synced = files.reopen(&name).and_then(|mut file| file.sync());
            synced.map_err(failed("sync", &files.path(&name)))?;
        }
        files.sync().map_err(failed("sync", &files.path("")))?;
        told.append(&mut troubles);
        Ok((end, told))
    }
}

/// Damage at the very end of the log harms nothing where it is: the log goes on in another segment.
fn can_stay(aside: &Aside, end: &End) -> bool {
    match aside {
        Aside::Copy(..) => true,
        Aside::Tail(name, _) => end.segment.as_ref().is_some_and(|(last, _)| last == name),
        Aside::File(_) => false,
    }
}

fn file_of(aside: &Aside) -> &str {
    let (Aside::File(name) | Aside::Tail(name, _) | Aside::Copy(name, _)) = aside;
    name
}
