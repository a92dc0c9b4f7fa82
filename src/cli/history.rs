//! `cadence-dns history`: what was decided and ordered, and why, with or without a daemon.

mod choice;
mod incident;
mod lines;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::thread;
use std::time::Duration;

use super::daemon_address::DaemonAddress;
use super::failure::{Failure, unreadable};
use super::output::{Output, Readers, complain, harmless, print, put};
use super::when::{When, now};
use crate::api::Incident;
use crate::model::{Moment, Name, RegionId};
use crate::store::{HistoryReader, Recorded, history_folder};

use choice::Choice;

/// How often new entries are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// `cadence-dns history`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The last hour:            cadence-dns history --since 1h
One name, as it goes on:  cadence-dns history app.example.com --follow
Why, in full:             cadence-dns explain app.example.com --at EPOCH
For the postmortem:       cadence-dns history --since 6h --incident > incident.md

An entry that begins with `!` is one that an operator should have looked at. Nothing of this needs the daemon: \
it reads the files in `history` below [node] state_dir, which `cadence-dns audit verify` checks for changes.")]
pub(super) struct Arguments {
    /// Entries about this name and the regions that it may have, and about the daemon
    name: Option<Name>,
    /// Entries about this region, and about the daemon
    #[arg(long, value_name = "REGION", value_parser = region)]
    region: Option<RegionId>,
    /// From when on: how long ago (`90m`, `2h`, `3d`) or a time (`2026-11-29T03:00:00Z`)
    #[arg(long, value_name = "WHEN", default_value = "24h")]
    since: When,
    /// Until when; now, if left out
    #[arg(long, value_name = "WHEN", conflicts_with = "follow")]
    until: Option<When>,
    /// Go on with new entries as they come, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// A timeline in Markdown: what came first, where each name was and for how long, who did what
    #[arg(long, conflicts_with_all = ["follow", "output"])]
    incident: bool,
    /// How to print it; as JSON, one line an entry, as it lies on the disk
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

fn region(text: &str) -> Result<RegionId, std::convert::Infallible> {
    Ok(text.into())
}

/// Shows the entries that were asked for.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = history_folder(&arguments.daemon.whereabouts()?.state_dir);
    let now = now();
    let from = arguments.since.moment(now);
    let to = arguments.until.map(|until| until.moment(now));
    let mut choice = Choice::new(arguments.name.clone(), arguments.region.clone(), from, to);
    let mut reader = HistoryReader::new(&folder);
    let mut all = Vec::new();
    read(&mut reader, |recorded| all.push(recorded))?;
    all.iter().for_each(|recorded| choice.learn(&recorded.entry));
    let last = all.last().map(|recorded| recorded.entry.time);
    let chosen: Vec<Recorded> = all.into_iter().filter(|recorded| choice.has(&recorded.entry)).collect();
    if arguments.incident {
        let entries: Vec<_> = chosen.into_iter().map(|recorded| recorded.entry).collect();
        print(&incident::markdown(&Incident::of(&entries, from, to.unwrap_or(now))));
        return Ok(());
    }
    if chosen.is_empty() && !arguments.follow {
        tell_nothing(&folder, from, last);
    }
    let mut readers = Readers::There;
    for recorded in &chosen {
        readers = show(recorded, arguments.output);
    }
    if !arguments.follow {
        return Ok(());
    }
    while readers == Readers::There {
        thread::sleep(LOOK_EVERY);
        read(&mut reader, |recorded| {
            choice.learn(&recorded.entry);
            if choice.has(&recorded.entry) {
                readers = show(&recorded, arguments.output);
            }
        })?;
    }
    Ok(())
}

fn read(reader: &mut HistoryReader, each: impl FnMut(Recorded)) -> Result<(), Failure> {
    let troubles = reader.read(each).map_err(|error| unreadable(&error))?;
    troubles.iter().for_each(|trouble| complain(&format!("cadence-dns: {trouble}")));
    Ok(())
}

/// An empty screen would leave it open whether anything was looked at.
fn tell_nothing(folder: &Path, from: Moment, last: Option<Moment>) {
    let last = match last {
        Some(last) => format!("the last entry of all is of {last}"),
        None => format!("there is no history in {}", folder.display()),
    };
    complain(&format!("cadence-dns: no such entry since {from}; {last}"));
}

fn show(recorded: &Recorded, output: Output) -> Readers {
    match output {
        Output::Table => put(&harmless(&lines::line(recorded))),
        Output::Json => put(&format!("{}\n", recorded.line)),
    }
}
