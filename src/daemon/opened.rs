//! What is opened while the process still has its rights: everything else is opened without them.

use std::path::{Path, PathBuf};

use super::StartError;
use super::descriptors;
use super::load::Ready;
use crate::config::Config;
use crate::dns;
use crate::rights::{self, GivenUp, Needs};

/// Sockets that are taken and not yet served, and what they are for.
pub struct Opened {
    pub(super) ready: Ready,
    pub(super) bound: dns::Bound,
    /// The lack of descriptors, if there is one.
    pub(super) few_descriptors: Option<String>,
    /// Nothing is given up in a process that does other things as well.
    pub(super) given_up: Option<GivenUp>,
}

/// Takes all that needs a right. Starts no thread.
///
/// # Errors
/// When an address cannot be had.
pub fn open(ready: Ready) -> Result<Opened, StartError> {
    let few_descriptors = descriptors::take(&ready.config);
    let bound = dns::bind(&ready.config.dns).map_err(StartError::Dns)?;
    let bound = bound.direct_to_rings();
    Ok(Opened { ready, bound, few_descriptors, given_up: None })
}

impl Opened {
    /// Gives up every right that this process does not need any more, for good. No thread may run yet.
    ///
    /// # Errors
    /// When that cannot be done: the process must end then.
    pub fn give_up_rights(self) -> Result<Opened, StartError> {
        let given_up = rights::give_up(&needs(&self.ready.config)).map_err(StartError::Rights)?;
        Ok(Opened { given_up: Some(given_up), ..self })
    }
}

/// What is used for as long as the process runs.
fn needs(config: &Config) -> Needs {
    let state = config.node.state_dir.clone();
    Needs { user: config.node.user.clone(), written: vec![state, folder_of(&config.control.socket)] }
}

fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_owned()
}
