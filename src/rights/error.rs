//! Why the start ends where the rights should have.

use std::fmt;
use std::io;
use std::path::PathBuf;

use landlock::RulesetError;

/// What to do when there is no user to become.
pub(super) const HOW_TO_MAKE: &str =
    "`useradd --system --user-group --no-create-home --shell /usr/sbin/nologin cadence-dns` makes one";

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
    /// The process that runs programs could not be started.
    Runner(io::Error),
    /// The kernel has Landlock, and refused.
    Files(RulesetError),
    /// A file that is read again when it changes, and that the user may not read.
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The user.
        user: String,
        /// What the system said.
        error: io::Error,
    },
}

impl fmt::Display for RightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RightsError::NoSuchUser(name) => {
                write!(f, "[node] user: there is no user {name}; {}", HOW_TO_MAKE)
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
            RightsError::Runner(error) => write!(
                f,
                "the process that runs the programs of `exec` probes cannot be started: {error}; it is this executable \
                 once more"
            ),
            RightsError::Unreadable { file, user, error } => write!(
                f,
                "{} cannot be read by {user}, who must read it again when it changes: {error}; give the file and its \
                 folders to a group of that user that may read them",
                file.display()
            ),
            RightsError::Files(error) => {
                write!(
                    f,
                    "the files of others cannot be given up: {error}; [node] landlock = \"off\" does without"
                )
            }
        }
    }
}

impl std::error::Error for RightsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RightsError::System(_, error) | RightsError::Runner(error) => Some(error),
            RightsError::Files(error) => Some(error),
            RightsError::Unreadable { error, .. } => Some(error),
            RightsError::NoSuchUser(_) | RightsError::NotRoot { .. } | RightsError::Threads(_) => None,
        }
    }
}
