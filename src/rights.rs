//! What the process may still do once everything that takes a right is open: as little as the rest of it needs.
//!
//! ```text
//! no_dumps ─▶ files are read, sockets taken ─▶ give_up ─▶ threads start, the state is opened, queries are answered
//! ```
//!
//! [`no_dumps`] comes first, before a secret is in memory. [`give_up`] comes before any thread is started: the user is
//! the process's, but capabilities are a thread's, which hands them down to those that it starts. What cannot be given
//! up stops the start; what this system does not have is said.

mod capabilities;
mod dumps;
mod folder;
mod user;

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use rustix::thread::set_no_new_privs;

pub use dumps::no_dumps;
pub use user::unknown_user;

use user::{Become, User};

/// Where the kernel lists the threads of this process.
const THREADS: &str = "/proc/self/task";

/// What is still needed when the rights are gone.
#[derive(Debug, Clone)]
pub struct Needs {
    /// `[node] user`, if the configuration names one.
    pub user: Option<String>,
    /// Folders that are written to. Those that are missing are made, for the user that we become.
    pub written: Vec<PathBuf>,
}

/// What has become of the rights, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// As whom we run from now on.
    pub user: String,
    /// What was not given up, and what would help.
    pub doubts: Vec<String>,
}

/// A right that could not be given up, or a user that we cannot become.
#[derive(Debug)]
pub enum RightsError {
    /// There is no such user.
    NoSuchUser(String),
    /// Only root can become another user; the name of the user that we are.
    NotRoot {
        /// Who we are.
        us: String,
        /// Who we should become.
        wanted: String,
    },
    /// Threads run already: they would keep their rights.
    Threads(usize),
    /// The system refused.
    System(&'static str, io::Error),
}

impl fmt::Display for RightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RightsError::NoSuchUser(name) => {
                write!(f, "[node] user: there is no user {name}; {}", user::HOW_TO_MAKE)
            }
            RightsError::NotRoot { us, wanted } => write!(
                f,
                "[node] user: this process runs as {us} and cannot become {wanted}; start it as root or as {wanted}, or \
                 leave `user` out"
            ),
            RightsError::Threads(number) => {
                write!(
                    f,
                    "rights cannot be given up: {number} threads run already; this is a bug, please report it"
                )
            }
            RightsError::System(what, error) => write!(f, "{what} cannot be given up: {error}"),
        }
    }
}

impl std::error::Error for RightsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RightsError::System(_, error) => Some(error),
            RightsError::NoSuchUser(_) | RightsError::NotRoot { .. } | RightsError::Threads(_) => None,
        }
    }
}

/// Gives up all that is not needed any more, for good: root, groups, every capability, and what a program that is
/// executed could bring.
///
/// # Errors
/// When something of it cannot be given up; the process must not go on then.
pub fn give_up(needs: &Needs) -> Result<GivenUp, RightsError> {
    alone()?;
    let Become { user, doubt } = user::choose(needs.user.as_deref())?;
    for path in &needs.written {
        folder::prepare(path, user.as_ref());
    }
    let refused = |what| move |error| RightsError::System(what, error);
    capabilities::empty_bounding_set().map_err(refused("the bounding set of capabilities"))?;
    if let Some(user) = &user {
        user.become_it().map_err(refused("the user that started us"))?;
        no_dumps().map_err(refused("core dumps"))?; // another user, and the kernel's default is back
    }
    capabilities::give_up().map_err(refused("capabilities"))?;
    set_no_new_privs(true).map_err(|error| RightsError::System("new privileges", error.into()))?;
    let user = user.unwrap_or_else(User::us).to_string();
    Ok(GivenUp { user, doubts: doubt.into_iter().collect() })
}

/// Where /proc is not mounted, nobody can tell.
fn alone() -> Result<(), RightsError> {
    match fs::read_dir(THREADS).map(Iterator::count) {
        Ok(0 | 1) | Err(_) => Ok(()),
        Ok(number) => Err(RightsError::Threads(number)),
    }
}
