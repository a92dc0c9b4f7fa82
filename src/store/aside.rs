//! Damage is set aside: nothing is lost, and nothing stands in the way of what is written next.

use std::io;

use super::files::Files;
use crate::model::Moment;

/// Between the name of a file and the number of what was set aside of it.
const MARK: &str = ".damaged-";

/// So many are kept, the newest: a failing disk must not fill itself up.
pub(super) const DAMAGED_MAX_FILES: usize = 8;

/// What is to be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Aside {
    /// The file under another name.
    File(String),
    /// A copy of the file from here on; the file itself ends here then.
    Tail(String, usize),
    /// A copy of the file from here on; the file stays as it is.
    Copy(String, usize),
}

/// Sets it aside; returns the name that it has now.
pub(super) fn set_aside(files: &dyn Files, aside: &Aside, octets: &[u8], now: Moment) -> io::Result<String> {
    let (Aside::File(name) | Aside::Tail(name, _) | Aside::Copy(name, _)) = aside;
    let known = damaged(files)?;
    // After all others, even if the clock was set back or the last one is of this millisecond: the oldest are removed.
    let newest = known.last().map_or(0, |(number, _)| number.saturating_add(1));
    let kept = format!("{name}{MARK}{:013}", newest.max(now.as_millis()));
    for (_, oldest) in known.iter().rev().skip(DAMAGED_MAX_FILES - 1) {
        files.remove(oldest)?;
    }
    match aside {
        Aside::File(name) => files.rename(name, &kept)?,
        Aside::Copy(_, from) => copy(files, &kept, &octets[*from..])?,
        Aside::Tail(name, from) => {
            copy(files, &kept, &octets[*from..])?;
            let mut file = files.reopen(name)?;
            file.cut(*from as u64)?;
            file.sync()?;
        }
    }
    Ok(kept)
}

/// On the disk before the original is cut.
fn copy(files: &dyn Files, kept: &str, octets: &[u8]) -> io::Result<()> {
    let mut file = files.create(kept)?;
    let written = file.write_all(octets).and_then(|()| file.sync()).and_then(|()| files.sync());
    written.inspect_err(|_| drop(files.remove(kept)))
}

/// What was set aside, the oldest first.
fn damaged(files: &dyn Files) -> io::Result<Vec<(u64, String)>> {
    let number = |name: String| Some((name.rsplit_once(MARK)?.1.parse().ok()?, name));
    let mut damaged: Vec<(u64, String)> = files.list()?.into_iter().filter_map(number).collect();
    damaged.sort_unstable();
    Ok(damaged)
}
