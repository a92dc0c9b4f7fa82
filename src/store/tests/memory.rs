//! A disk with a page cache that can lose power, be killed at any operation, fill up, fail and hang.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use crate::store::files::{Appendable, Files, ReadError};

/// A disk; clones are the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryDisk {
    disk: Arc<Mutex<Disk>>,
    released: Arc<Condvar>,
}

#[derive(Debug, Clone, Default)]
struct Disk {
    contents: Vec<Content>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// Changes of names since the folder was synced.
    changes: Vec<Change>,
    operations: usize,
    faults: Faults,
    is_dead: bool,
    /// What hangs, if anything does: every file, or those of one name.
    hangs: Option<Hang>,
    waiting: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hang {
    All,
    Name(String),
}

#[derive(Debug, Clone, Default)]
struct Content {
    cached: Vec<u8>,
    synced: Vec<u8>,
    /// From here on the page cache has what was not synced.
    dirty: Option<usize>,
}

#[derive(Debug, Clone)]
enum Change {
    Create(String, usize),
    Rename(String, String),
    Remove(String),
}

/// What goes wrong, and when.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    /// So many operations that change something succeed, then the process is killed.
    pub(super) killed_after: Option<usize>,
    /// If that operation writes, so many octets of it are written.
    pub(super) torn_at: usize,
    /// Octets that fit on the disk still.
    pub(super) room: Option<usize>,
    /// Nothing can be changed.
    pub(super) is_read_only: bool,
    /// The next sync of a file fails, and what it should have synced is never synced by another one.
    pub(super) sync_fails: bool,
    /// No file can be read.
    pub(super) reading_fails: bool,
}

/// What a power cut leaves of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsynced {
    Lost,
    Kept,
    Half,
    Zeroed,
}

pub(super) const UNSYNCED: [Unsynced; 4] = [Unsynced::Lost, Unsynced::Kept, Unsynced::Half, Unsynced::Zeroed];

impl MemoryDisk {
    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("no test panics inside")
    }

    pub(super) fn fail(&self, faults: Faults) {
        let mut disk = self.disk();
        disk.faults = faults;
        disk.operations = 0;
    }

    /// Operations that changed something since the faults were set.
    pub(super) fn operations(&self) -> usize {
        self.disk().operations
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.disk().names.keys().cloned().collect()
    }

    pub(super) fn get(&self, name: &str) -> Vec<u8> {
        let disk = self.disk();
        disk.contents[disk.names[name]].cached.clone()
    }

    /// Puts a file there as if it had always been there.
    pub(super) fn put(&self, name: &str, octets: &[u8]) {
        let mut disk = self.disk();
        let number = disk.contents.len();
        disk.contents.push(Content { cached: octets.to_vec(), synced: octets.to_vec(), dirty: None });
        disk.names.insert(name.to_owned(), number);
        disk.synced_names.insert(name.to_owned(), number);
    }

    /// All files with their octets.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let names = self.names();
        names.into_iter().map(|name| (name.clone(), self.get(&name))).collect()
    }

    /// How many changes of names a power cut may keep or lose.
    pub(super) fn unsynced_names(&self) -> usize {
        self.disk().changes.len()
    }

    /// Another process on the same machine.
    pub(super) fn after_kill(&self) -> MemoryDisk {
        let mut disk = self.disk().clone();
        (disk.is_dead, disk.faults, disk.operations) = (false, Faults::default(), 0);
        (disk.hangs, disk.waiting) = (None, 0);
        MemoryDisk { disk: Arc::new(Mutex::new(disk)), released: Arc::default() }
    }

    /// The machine after a power cut that kept those changes of names whose bit is set.
    pub(super) fn after_power_cut(&self, kept_names: usize, unsynced: Unsynced) -> MemoryDisk {
        let before = self.disk();
        let mut names = before.synced_names.clone();
        for (bit, change) in before.changes.iter().enumerate() {
            if kept_names >> bit & 1 == 1 {
                apply(&mut names, change);
            }
        }
        let contents = before.contents.iter().map(|content| content.after_power_cut(unsynced)).collect();
        let disk = Disk { contents, synced_names: names.clone(), names, ..Disk::default() };
        MemoryDisk { disk: Arc::new(Mutex::new(disk)), released: Arc::default() }
    }

    /// From now on everything that changes something waits until [`MemoryDisk::release`].
    pub(super) fn hang(&self) {
        self.disk().hangs = Some(Hang::All);
    }

    /// The creation of this file waits until [`MemoryDisk::release`].
    pub(super) fn hang_on(&self, name: &str) {
        self.disk().hangs = Some(Hang::Name(name.to_owned()));
    }

    pub(super) fn release(&self) {
        self.disk().hangs = None;
        self.released.notify_all();
    }

    /// Waits until an operation hangs.
    pub(super) fn wait_until_it_hangs(&self) {
        let disk = self.disk();
        drop(self.released.wait_while(disk, |disk| disk.waiting == 0).expect("no test panics inside"));
    }

    /// The disk for one operation that changes something; `Err` when the process was killed or nothing may be changed.
    fn change(&self, name: &str) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        if disk.hangs(name) {
            disk.waiting += 1;
            self.released.notify_all();
            disk = self.released.wait_while(disk, |disk| disk.hangs(name)).expect("no test panics inside");
            disk.waiting -= 1;
        }
        if disk.faults.killed_after == Some(disk.operations) {
            disk.is_dead = true;
        }
        if disk.is_dead {
            return Err(io::Error::other("the process was killed"));
        }
        if disk.faults.is_read_only {
            return Err(ErrorKind::ReadOnlyFilesystem.into());
        }
        disk.operations += 1;
        Ok(disk)
    }
}

impl Disk {
    fn hangs(&self, name: &str) -> bool {
        match &self.hangs {
            None => false,
            Some(Hang::All) => true,
            Some(Hang::Name(hanging)) => hanging == name,
        }
    }

    fn rename(&mut self, change: Change) {
        apply(&mut self.names, &change);
        self.changes.push(change);
    }
}

impl Content {
    fn write(&mut self, octets: &[u8]) {
        self.dirty = self.dirty.or(Some(self.cached.len()));
        self.cached.extend(octets);
    }

    fn after_power_cut(&self, unsynced: Unsynced) -> Content {
        let (cached, synced) = (self.cached.len(), self.synced.len());
        let octets = match unsynced {
            Unsynced::Lost => self.synced.clone(),
            // What a failed sync has forgotten is not kept.
            Unsynced::Kept => {
                let dirty = self.dirty.unwrap_or(cached).min(synced);
                [&self.synced[..dirty], &self.cached[dirty.min(cached)..]].concat()
            }
            Unsynced::Half => {
                let mut octets = self.synced[..synced.min(cached)].to_vec();
                octets.extend(&self.cached[octets.len()..(octets.len() + cached) / 2]);
                octets
            }
            Unsynced::Zeroed => {
                let mut octets = self.synced[..synced.min(cached)].to_vec();
                octets.resize(cached, 0);
                octets
            }
        };
        Content { cached: octets.clone(), synced: octets, dirty: None }
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    match change {
        Change::Create(name, content) => drop(names.insert(name.clone(), *content)),
        Change::Remove(name) => drop(names.remove(name)),
        Change::Rename(from, to) => {
            if let Some(content) = names.remove(from) {
                names.insert(to.clone(), content);
            }
        }
    }
}

impl Files for MemoryDisk {
    fn path(&self, name: &str) -> PathBuf {
        if name.is_empty() { "/state".into() } else { PathBuf::from("/state").join(name) }
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let there = self.disk().names.contains_key(name);
        if there && self.disk().faults.reading_fails {
            return Err(ReadError::Io(io::Error::other("bad sector")));
        }
        Ok(there.then(|| self.get(name)))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn Appendable>> {
        let mut disk = self.change(name)?;
        if disk.names.contains_key(name) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        let number = disk.contents.len();
        disk.contents.push(Content::default());
        disk.rename(Change::Create(name.to_owned(), number));
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn reopen(&self, name: &str) -> io::Result<Box<dyn Appendable>> {
        let number = self.disk().names.get(name).copied().ok_or(ErrorKind::NotFound)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut disk = self.change(from)?;
        if !disk.names.contains_key(from) {
            return Err(ErrorKind::NotFound.into());
        }
        disk.rename(Change::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if !self.disk().names.contains_key(name) {
            return Err(ErrorKind::NotFound.into());
        }
        self.change(name)?.rename(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut disk = self.change("")?;
        disk.synced_names = disk.names.clone();
        disk.changes.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    number: usize,
}

impl Appendable for MemoryFile {
    fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        let mut disk = match self.disk.change("") {
            Ok(disk) => disk,
            Err(error) => {
                let mut disk = self.disk.disk();
                // The write that the kill cuts short, and none after it.
                let torn = std::mem::take(&mut disk.faults.torn_at).min(octets.len());
                disk.contents[self.number].write(&octets[..torn]);
                return Err(error);
            }
        };
        let fits = disk.faults.room.map_or(octets.len(), |room| room.min(octets.len()));
        disk.contents[self.number].write(&octets[..fits]);
        if let Some(room) = &mut disk.faults.room {
            *room -= fits;
        }
        if fits == octets.len() { Ok(()) } else { Err(ErrorKind::StorageFull.into()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.disk.change("")?;
        let fails = std::mem::take(&mut disk.faults.sync_fails);
        let content = &mut disk.contents[self.number];
        let Some(from) = content.dirty.take() else { return Ok(()) };
        content.synced.resize(from, 0);
        if fails {
            // What did not reach the disk counts as clean now: no later sync writes it.
            content.synced.resize(content.cached.len(), 0);
            return Err(io::Error::other("Input/output error"));
        }
        content.synced.extend(&content.cached[from..]);
        Ok(())
    }

    fn cut(&mut self, octets: u64) -> io::Result<()> {
        let mut disk = self.disk.change("")?;
        let octets = usize::try_from(octets).expect("files in memory");
        let content = &mut disk.contents[self.number];
        let freed = content.cached.len().saturating_sub(octets);
        content.cached.truncate(octets);
        content.dirty = Some(content.dirty.unwrap_or(octets).min(octets));
        if let Some(room) = &mut disk.faults.room {
            *room += freed;
        }
        Ok(())
    }
}
