//! Makes another configuration ready beside the one that runs: read, judged, compiled, its new sockets taken. Nothing of
//! what runs is touched; where anything is wrong, all of it is dropped.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::{Ready, load_noted};
use super::noted::Noted;
use crate::answer::CookieSecrets;
use crate::config::{self, Config};
use crate::control::Candidate;
use crate::controller::{Kept, ReloadedZone, compile_zones};
use crate::dns;
use crate::model::{Name, Problem};
use crate::policy::Affected;
use crate::programs::Programs;
use crate::zone::{Zone, ZoneDifference};

/// What runs, as far as the next configuration is compared with it.
pub(super) struct Running {
    /// The configuration file.
    pub(super) file: PathBuf,
    pub(super) config: Config,
    pub(super) text: String,
    pub(super) hash: String,
    pub(super) zones: Arc<[Zone]>,
    /// The programs of probes, and those of gates and hooks.
    pub(super) programs: [Programs; 2],
}

/// The sockets that are open, for a configuration that may answer elsewhere or otherwise.
pub(super) struct Open {
    pub(super) sockets: dns::Sockets,
    pub(super) own_secrets: Option<CookieSecrets>,
}

/// Another configuration, ready to take over.
pub(super) struct Prepared {
    pub(super) ready: Ready,
    pub(super) zones: Vec<ReloadedZone>,
    pub(super) kept: Kept,
    pub(super) affected: Affected,
    /// What changes, each in a line.
    pub(super) changes: Vec<String>,
    /// Sockets and what they are served by, where that is anything else.
    pub(super) bound: Option<dns::Bound>,
}

/// What came of making a configuration ready.
pub(super) struct Preparation {
    /// What was read, right or wrong, is told apart by this.
    pub(super) hash: String,
    /// What was read, or looked for.
    pub(super) files: Vec<PathBuf>,
    pub(super) result: Result<Box<Prepared>, Vec<Problem>>,
}

/// Makes the configuration ready that stands in the file of the running one, or a candidate for it. It reads files and
/// may take seconds.
pub(super) fn prepare(running: &Running, open: Open, candidate: Option<Candidate>) -> Preparation {
    let mut noted = Noted::default();
    let (file, text) = match candidate {
        Some(Candidate { file, text }) => (file, Some(text)),
        None => (running.file.clone(), None),
    };
    let loaded = load_noted(&file, text, &mut noted);
    let result = loaded.and_then(|ready| beside(running, open, ready)).map_err(explained);
    Preparation { hash: noted.hash(), files: noted.files().to_vec(), result: result.map(Box::new) }
}

fn beside(running: &Running, open: Open, ready: Ready) -> Result<Prepared, Vec<Problem>> {
    let (before, after) = (&running.config, &ready.config);
    let mut problems = config::fixed(before, after);
    for (programs, known) in [ready.prober.programs(), &ready.programs].into_iter().zip(&running.programs) {
        let shared = programs.share_runner(known);
        problems.extend(shared.err().map(|program| unknown_program(&program.arguments)));
    }
    let bound = match bind(before, &ready, open) {
        Ok(bound) => bound,
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    if !problems.is_empty() {
        return Err(problems);
    }
    let differences = differences(&running.zones, &ready.zones);
    let tables = compile_zones(&ready.zones, &after.parameters().steers);
    let zones = ready.zones.iter().zip(tables).map(|(zone, table)| {
        let was = running.zones.iter().find(|was| was.origin() == zone.origin());
        let steered = |config: &Config| {
            config.zones.iter().find(|known| known.name == *zone.origin()).map(|known| known.steered.clone())
        };
        ReloadedZone { table, changed: was != Some(zone) || steered(before) != steered(after) }
    });
    let zones = zones.collect();
    let affected = differences.values().fold(Affected::default(), |sum, one| Affected {
        names: sum.names + one.names,
        gone: sum.gone + one.gone.count,
        changed: sum.changed + one.changed.count,
    });
    let mut changes = config::changes(&running.text, &ready.text);
    let told = differences.iter().filter(|(_, one)| !one.is_none());
    changes.extend(told.map(|(zone, one)| format!("zone {zone}: {one}")));
    let kept = config::kept(before, after);
    Ok(Prepared { zones, kept, affected, changes, bound, ready })
}

/// Every zone that is there before or after.
fn differences(before: &[Zone], after: &[Zone]) -> BTreeMap<Name, ZoneDifference> {
    let find = |zones: &'_ [Zone], name: &Name| zones.iter().position(|zone| zone.origin() == name);
    let all = before.iter().chain(after).map(Zone::origin);
    let between = |name: &Name| {
        let (old, new) = (find(before, name), find(after, name));
        ZoneDifference::between(old.map(|place| &before[place]), new.map(|place| &after[place]))
    };
    all.map(|name| (name.clone(), between(name))).collect()
}

/// For an address that takes a right.
const NO_RIGHT: &str = "the daemon has given up the rights to it: it may listen on the ports that it started with, and on \
                        none below 1024; a restart takes the address up";

/// The sockets, where they are others or answer otherwise: those that stay are taken over, new ones are bound.
fn bind(before: &Config, ready: &Ready, open: Open) -> Result<Option<dns::Bound>, Problem> {
    let after = &ready.config;
    let secrets = |config: &Config| config.dns.cookies.secret_file.clone();
    if before.dns.does_the_same(&after.dns) && secrets(before) == secrets(after) {
        return Ok(None);
    }
    let wrong = |found: String, help: &str| Problem::error(None, found, help);
    if after.dns.xdp.is_some() {
        let found = "nothing of [dns] can change while AF_XDP answers".to_owned();
        return Err(wrong(found, "a restart takes it up"));
    }
    if after.dns.workers < before.dns.workers {
        let (was, is) = (before.dns.workers, after.dns.workers);
        let found = format!(
            "[dns] workers is {is} and was {was}: fewer would lose what waits in the sockets of the others"
        );
        return Err(wrong(found, "a restart takes it up"));
    }
    let bound = dns::bind_with(&after.dns, open.sockets).map_err(|error| {
        if error.error.kind() != ErrorKind::PermissionDenied {
            return wrong(error.to_string(), "an address that this machine has, and no other program");
        }
        let dns::BindError { address, protocol, error } = error;
        wrong(format!("cannot listen on {address} over {protocol}: {error}"), NO_RIGHT)
    })?;
    let bound = match (&ready.secrets, open.own_secrets) {
        (Some(secrets), _) => bound.with_secrets(secrets.clone()),
        (None, Some(own)) => bound.with_own_secrets(own),
        (None, None) => bound,
    };
    let ready = bound.ready().map_err(|error| wrong(error.to_string(), "a certificate and its key"))?;
    Ok(Some(ready))
}

fn unknown_program(arguments: &[String]) -> Problem {
    let found =
        format!("the daemon may execute no program that it did not start with: {}", arguments.join(" "));
    Problem::error(None, found, "a restart takes it up")
}

/// A file that cannot be read may be one that the daemon may read no more.
fn explained(problems: Vec<Problem>) -> Vec<Problem> {
    const CONFINED: &str = "; the daemon reads only below the folders that it knew when it started: others \
                            take a restart";
    let is_unreadable = |problem: &Problem| {
        problem.found.contains("cannot read") && problem.found.contains("Permission denied")
    };
    let explain = |problem: Problem| match is_unreadable(&problem) {
        true => Problem { help: format!("{}{CONFINED}", problem.help), ..problem },
        false => problem,
    };
    problems.into_iter().map(explain).collect()
}

/// The folders in which files are looked at for changes: where they are named, and where they lie.
pub(super) fn folders(files: &[PathBuf]) -> Vec<PathBuf> {
    let folder = |file: &Path| {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        folder.unwrap_or(Path::new(".")).to_owned()
    };
    let real = files.iter().filter_map(|file| Some(folder(&file.canonicalize().ok()?)));
    let mut all: Vec<PathBuf> = files.iter().map(|file| folder(file)).chain(real).collect();
    all.sort_unstable();
    all.dedup();
    all
}
