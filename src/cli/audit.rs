//! `cadence-dns audit`: whether the history is as it was written.

use std::path::Path;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::daemon_address::DaemonAddress;
use super::failure::{Failure, unreadable};
use super::output::{Output, print, print_as_it_is};
use super::progress::Waiting;
use crate::store::{self, Verified, VerifyError, history_folder};

/// A line that the daemon is just writing is whole after this.
const WRITTEN_WITHIN: Duration = Duration::from_millis(300);

/// `cadence-dns audit …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Follow the chain of the history from its first line to its last: exit code 1 and the place of the first line that
    /// was changed, taken out or put in
    #[command(after_help = "\
Each line carries the hash of the line before and its own, so nobody can change one without writing all that follow anew. \
Who may write the files can do just that, or cut the newest lines off: note the last hash elsewhere now and then, and \
ask for it with --noted NUMBER:HASH.")]
    Verify(Verify),
}

/// `cadence-dns audit verify`
#[derive(Debug, clap::Args)]
pub(super) struct Verify {
    /// An entry and its hash that were printed by an earlier `audit verify`: they must still be there
    #[arg(long, value_name = "NUMBER:HASH", value_parser = noted)]
    noted: Option<(u64, String)>,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// What programs read of a history that is whole; one that is not is told on stderr, with exit code 1.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    files: usize,
    first: u64,
    last: u64,
    /// Of the last entry: note it elsewhere.
    hash: &'d str,
}

fn noted(text: &str) -> Result<(u64, String), String> {
    let parts = text.split_once(':').and_then(|(number, hash)| Some((number.parse().ok()?, hash.to_owned())));
    parts.ok_or_else(|| "write the number and the hash as `audit verify` prints them: `17:60a3…`".to_owned())
}

/// Verifies the history.
pub(super) fn run(Command::Verify(Verify { noted, output, daemon }): &Command) -> Result<(), Failure> {
    let folder = history_folder(&daemon.whereabouts()?.state_dir);
    let noted = noted.as_ref().map(|(number, hash)| (*number, hash.as_str()));
    let waiting = Waiting::for_a("following the chain");
    let verified = verify(&folder, noted).map_err(|error| match error {
        VerifyError::Unreadable(error) => unreadable(&error),
        broken @ VerifyError::Broken { .. } => Failure::Failed(broken.to_string()),
    })?;
    drop(waiting);
    match output {
        Output::Table => print(&verdict(&verified, &folder)),
        Output::Json => {
            let Verified { files, first, last, hash, .. } = &verified;
            let (files, first, last) = (*files, *first, *last);
            let document = Document { schema: "cadence-dns/audit/v1", files, first, last, hash };
            let text = serde_json::to_string_pretty(&document).expect("it is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    match (noted, verified.has_noted) {
        (Some((number, _)), Some(false)) if number < verified.first => Err(Failure::Failed(format!(
            "entry {number} is gone with its file, the history begins with entry {} now; note a newer one",
            verified.first
        ))),
        (Some((number, hash)), Some(false)) => Err(Failure::Failed(format!(
            "entry {number} does not have the hash {hash}: the history was written anew, or cut off before it"
        ))),
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

/// A daemon may be writing: what is wrong is wrong for longer than a moment.
fn verify(folder: &Path, noted: Option<(u64, &str)>) -> Result<Verified, VerifyError> {
    store::verify(folder, noted).or_else(|_| {
        thread::sleep(WRITTEN_WITHIN);
        store::verify(folder, noted)
    })
}

fn verdict(Verified { files, first, last, hash, .. }: &Verified, folder: &Path) -> String {
    let folder = folder.display();
    match last {
        0 => format!("{folder}: no history\n"),
        _ => format!("{folder}: whole, entries {first} to {last} in {files} files; note {last}:{hash}\n"),
    }
}
