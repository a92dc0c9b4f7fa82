//! `cadence-dns explain`: why a name is answered as it is, or was.

#[cfg(test)]
mod tests;
mod tree;

use std::net::IpAddr;
use std::path::Path;

use super::daemon_address::DaemonAddress;
use super::failure::{Failure, unreadable};
use super::output::{Output, complain, print, print_as_it_is};
use super::runtime::runtime;
use crate::api::Explanation;
use crate::config::Whereabouts;
use crate::control::{Explain, client};
use crate::controller::HistoryEntry;
use crate::model::Name;
use crate::store::{HistoryReader, history_folder};

/// `cadence-dns explain NAME [TYPE]`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Why now:       cadence-dns explain app.example.com
Why it moved:  cadence-dns explain app.example.com --at EPOCH, with an epoch of `cadence-dns history`
For a client:  cadence-dns explain app.example.com AAAA --client 192.0.2.7

Regions marked with * are decisive: with another verdict on one of them the answer would be another one. \
Whatever is believed of the others changes nothing now.")]
pub(super) struct Arguments {
    /// Any name, steered or not, in our zones or not
    name: Name,
    /// The record type, such as A, AAAA or TXT
    #[arg(value_name = "TYPE")]
    rtype: Option<String>,
    /// Whether this client is answered as well, and how often
    #[arg(long, value_name = "ADDRESS")]
    client: Option<IpAddr>,
    /// The answer while this epoch lasted, from the history, instead of the present one; needs no daemon
    #[arg(long, value_name = "EPOCH", conflicts_with_all = ["rtype", "client"])]
    at: Option<u64>,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Explains the present answer, or a past one.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { name, rtype, client, at, output, daemon } = arguments;
    let Whereabouts { socket, state_dir } = daemon.whereabouts()?;
    let explanation = match at {
        Some(epoch) => past(&history_folder(&state_dir), name, *epoch)?,
        None => {
            let question = Explain { name: name.clone(), rtype: rtype.clone(), client: *client };
            runtime()?.block_on(client::explain(&socket, &question))?
        }
    };
    match output {
        Output::Table => print(&tree::render(&explanation)),
        Output::Json => {
            let text = serde_json::to_string_pretty(&explanation).expect("an explanation is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    Ok(())
}

fn past(folder: &Path, name: &Name, epoch: u64) -> Result<Explanation, Failure> {
    let mut entries: Vec<(u64, HistoryEntry)> = Vec::new();
    let read = HistoryReader::new(folder).read(|recorded| {
        if recorded.entry.names.contains(name) && recorded.entry.epoch.is_some() {
            entries.push((recorded.number, recorded.entry));
        }
    });
    let troubles = read.map_err(|error| unreadable(&error))?;
    troubles.iter().for_each(|trouble| complain(&format!("cadence-dns: {trouble}")));
    Explanation::past(name, epoch, &entries).ok_or_else(|| {
        let mut known: Vec<String> =
            entries.iter().filter_map(|(_, entry)| entry.epoch).map(|epoch| epoch.to_string()).collect();
        known.dedup();
        Failure::Failed(match known.as_slice() {
            [] => format!("{} has no decision about {name}", folder.display()),
            known => format!("the history has no epoch {epoch} of {name}; it has {}", known.join(", ")),
        })
    })
}
