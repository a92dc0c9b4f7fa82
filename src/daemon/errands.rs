//! Programs and secrets of gates, hooks, receivers and the cluster: whether they are there.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::shared::shared_too_widely;
use super::unreadable::unreadable;
use crate::config::{ClusterSettings, Config, GateSettings, HookSettings, ReceiverSettings, SecretFile};
use crate::model::{Place, Problem};

/// What is wrong with them, and what may be.
pub(super) fn doubts(config: &Config) -> Vec<Problem> {
    let gates = config.asked.iter().filter_map(|gate| Some((gate.program()?, &gate.place)));
    let hooks = config.deeds.iter().filter_map(|hook| Some((hook.program()?, &hook.place)));
    let receivers =
        config.receivers.iter().filter_map(|receiver| Some((receiver.program()?, &receiver.place)));
    let programs = gates
        .chain(hooks)
        .chain(receivers)
        .filter_map(|(words, place)| program(Path::new(words.first()?), place));
    let of_gates = config.asked.iter().filter_map(GateSettings::secret_file);
    let secrets = of_gates.chain(config.deeds.iter().filter_map(HookSettings::secret_file));
    let secrets = secrets.chain(config.receivers.iter().flat_map(ReceiverSettings::secret_files));
    let secrets = secrets.chain(config.cluster.iter().flat_map(ClusterSettings::secret_files));
    programs.chain(secrets.filter_map(secret)).collect()
}

/// A program that is not there can be installed later, but hardly is.
fn program(path: &Path, place: &Place) -> Option<Problem> {
    let shown = path.display();
    let (found, help) = match fs::metadata(path) {
        Err(error) => (format!("there is no program {shown}: {error}"), "the whole path of a program"),
        Ok(file) if !file.is_file() => (format!("{shown} is no program"), "the whole path of a program"),
        Ok(file) if file.permissions().mode() & 0o111 == 0 => {
            (format!("{shown} may not be executed"), "`chmod +x`")
        }
        Ok(_) => return None,
    };
    Some(Problem::error(Some(place.clone()), found, help))
}

fn secret(SecretFile { file, place }: &SecretFile) -> Option<Problem> {
    let shown = file.display().to_string();
    let placed = |problem: Problem| Problem { place: Some(place.clone()), ..problem };
    match File::open(file) {
        Err(error) => Some(placed(unreadable(&shown, "the secret in", &error))),
        Ok(_) => shared_too_widely(file, &shown).map(placed),
    }
}
