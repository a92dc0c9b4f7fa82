//! A zone's master file, read from the disk with the files that it includes, and judged.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::noted::Noted;
use super::unreadable::unreadable;
use crate::model::{Name, Place, Problem};
use crate::zone::{self, Accepted, IncludeError, MasterFile};

/// Reads and judges a master file. `steered` are the names in it whose addresses come from a decision; `named_at` is
/// the place that names the file, to be told when it cannot be read.
///
/// # Errors
/// Every mistake in it, with its place.
pub fn read_zone(
    origin: &Name,
    file: &Path,
    steered: &BTreeSet<Name>,
    named_at: Option<&Place>,
) -> Result<Accepted, Vec<Problem>> {
    read_noted(origin, file, steered, named_at, &mut Noted::default())
}

/// The same, and what was read is noted.
pub(super) fn read_noted(
    origin: &Name,
    file: &Path,
    steered: &BTreeSet<Name>,
    named_at: Option<&Place>,
    noted: &mut Noted,
) -> Result<Accepted, Vec<Problem>> {
    noted.file(file);
    let shown = file.display().to_string();
    let text = fs::read(file).map_err(|error| {
        vec![Problem { place: named_at.cloned(), ..unreadable(&shown, "the zone file", &error) }]
    })?;
    noted.text(&text);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut include = |named: &str| {
        noted.file(&folder.join(named));
        read_included(folder, named).inspect(|text| noted.text(text))
    };
    zone::parse(origin, &MasterFile { file: &shown, text: &text }, steered, &mut include)
}

/// A zone file may only include what lies in its own folder: who may edit zones may not read every file.
fn read_included(folder: &Path, named: &str) -> Result<Vec<u8>, IncludeError> {
    let file = folder.join(named).canonicalize().map_err(IncludeError::Unreadable)?;
    if !file.starts_with(folder.canonicalize().map_err(IncludeError::Unreadable)?) {
        return Err(IncludeError::OutsideFolder);
    }
    fs::read(&file).map_err(IncludeError::Unreadable)
}
