//! `cadence-dns support-bundle`: what whoever helps from afar needs to see, in one file, without a secret.

mod archive;
mod configuration;
mod machine;
mod secrets;

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::print;
use super::progress::Waiting;
use super::runtime::runtime;
use super::version::Version;
use super::when::now;
use crate::api::Status;
use crate::config::Whereabouts;
use crate::control::{Explain, client};
use crate::controller::{Change, Saved};
use crate::daemon;
use crate::store::{self, HistoryReader, history_folder};

use secrets::Secrets;

/// So many of the last entries of the history.
const HISTORY_MAX: usize = 1_000;

/// So many names are explained.
const EXPLAINED_MAX: usize = 20;

/// As much of the end of a log, in octets.
const LOG_MAX: usize = 512 * 1024;

/// `cadence-dns support-bundle`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
In it: the status, why each name is answered as it is, the end of the history, the configuration with its meaning, versions, \
kernel and limits. Not in it: keys, tokens, passwords, contents of files that the configuration names, arguments of programs, \
values of headers, paths of URLs, the environment, zones. Names, addresses and the words of operators are. Look through it \
before it leaves the house: `tar -xzOf FILE | less`.

The log goes to stderr, which systemd keeps: `journalctl -u cadence-dns --since -1h > log; cadence-dns support-bundle --log log`.")]
pub(super) struct Arguments {
    /// The file that is written; it must not be there yet
    #[arg(long, short, value_name = "FILE", default_value = "cadence-dns-support.tar.gz")]
    file: PathBuf,
    /// A file whose end goes into it
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// A file of the bundle.
struct Part {
    name: String,
    text: String,
}

impl Part {
    fn new(name: impl Into<String>, text: impl Into<String>) -> Part {
        Part { name: name.into(), text: text.into() }
    }
}

/// Gathers and writes it. Whatever cannot be had is said in its place: a bundle is needed when something is broken.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { file, log, daemon } = arguments;
    let waiting = Waiting::for_a("gathering");
    let config = fs::read_to_string(daemon.file());
    let secrets = Secrets::of(config.as_deref().unwrap_or_default(), daemon.file().parent());
    let mut parts = vec![Part::new("version.json", json(&Version::ours()))];
    parts.push(match &config {
        Ok(text) => Part::new("configuration.json", configuration::without_secrets(text)),
        Err(error) => Part::new("configuration.error", format!("{}: {error}\n", daemon.file().display())),
    });
    parts.push(judged(daemon.file()));
    match daemon.whereabouts() {
        Ok(whereabouts) => parts.extend(of_daemon(&whereabouts)),
        Err(failure) => parts.push(Part::new("status.error", format!("{failure}\n"))),
    }
    parts.extend(log.as_deref().map(log_tail));
    for part in &mut parts {
        part.text = secrets.concealed(&part.text);
    }
    archive::write(file, &parts, now()).map_err(Failure::Failed)?;
    drop(waiting);
    print(&told(file, &parts));
    Ok(())
}

fn told(file: &Path, parts: &[Part]) -> String {
    let lines: String =
        parts.iter().map(|part| format!("  {} ({} octets)\n", part.name, part.text.len())).collect();
    let shown = file.display();
    format!("{shown}:\n{lines}Look through it before it leaves the house: tar -xzOf {shown} | less\n")
}

fn json(document: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(document).expect("it is plain data") + "\n"
}

/// What `check` says.
fn judged(file: &Path) -> Part {
    let text = match daemon::load_config(file) {
        Ok(parsed) => parsed.warnings.iter().map(|problem| format!("{problem}\n\n")).collect(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n\n")).collect::<String>(),
    };
    Part::new("check.txt", if text.is_empty() { "right\n".to_owned() } else { text })
}

fn of_daemon(whereabouts: &Whereabouts) -> Vec<Part> {
    let Whereabouts { socket, state_dir } = whereabouts;
    let Ok(runtime) = runtime() else { return Vec::new() };
    let (status, error) = match runtime.block_on(client::status(socket)) {
        Ok(status) => (Some(status), None),
        Err(error) => (saved(state_dir), Some(error.to_string())),
    };
    let mut parts = Vec::new();
    parts.extend(error.map(|error| Part::new("status.error", error + "\n")));
    parts.extend(status.as_ref().map(|status| Part::new("status.json", json(status))));
    for name in status.iter().flat_map(|status| &status.names).take(EXPLAINED_MAX) {
        let question = Explain { name: name.name.clone(), rtype: None, client: None };
        if let Ok(explanation) = runtime.block_on(client::explain(socket, &question)) {
            parts.push(Part::new(format!("explain/{}.json", name.name), json(&explanation)));
        }
    }
    parts.push(history(state_dir));
    parts.push(Part::new("machine.txt", machine::told(runtime.block_on(machine::daemon(socket)))));
    parts
}

fn saved(state_dir: &Path) -> Option<Status> {
    let recovered = store::read_for_display::<Saved, Change>(state_dir).ok()?;
    let saved = Saved::with_changes(recovered.snapshot, recovered.entries)?;
    Some(Status::from_saved(saved, now()))
}

fn history(state_dir: &Path) -> Part {
    let mut lines: VecDeque<String> = VecDeque::new();
    let read = HistoryReader::new(&history_folder(state_dir)).read(|recorded| {
        if lines.len() == HISTORY_MAX {
            lines.pop_front();
        }
        lines.push_back(recorded.line + "\n");
    });
    match read {
        Ok(troubles) => {
            let troubles = troubles.iter().map(|trouble| format!("# {trouble}\n"));
            Part::new("history.jsonl", lines.into_iter().chain(troubles).collect::<String>())
        }
        Err(error) => Part::new("history.error", format!("{error}\n")),
    }
}

fn log_tail(file: &Path) -> Part {
    match fs::read(file) {
        Ok(octets) => {
            let tail = &octets[octets.len().saturating_sub(LOG_MAX)..];
            Part::new("log.txt", String::from_utf8_lossy(tail))
        }
        Err(error) => Part::new("log.error", format!("{}: {error}\n", file.display())),
    }
}
