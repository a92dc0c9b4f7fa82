//! How commands fail.

use std::fmt;
use std::io::ErrorKind;
use std::process::ExitCode;

use super::output::complain;
use crate::control::client::ClientError;
use crate::model::{Problem, Severity};
use crate::store::StoreError;

/// Why a command did not do what it was asked, and the exit code that goes with it.
#[derive(Debug)]
pub enum Failure {
    /// It was tried and went wrong: exit code 1.
    Failed(String),
    /// The command line is wrong, or help was asked for: clap prints it and knows the exit code.
    Usage(clap::Error),
    /// The command line is right and cannot be meant: exit code 2.
    Misused(String),
    /// The daemon cannot be reached: exit code 3.
    Unreachable(String),
    /// A safety rule, a gate or `--if-epoch` forbids it: exit code 4.
    Forbidden(String),
    /// All is told already, on stdout: this exit code.
    Told(u8),
}

impl Failure {
    /// Prints it to stderr.
    #[must_use]
    pub fn report(self) -> ExitCode {
        let (text, code) = match self {
            Failure::Told(code) => return ExitCode::from(code),
            Failure::Usage(error) => {
                drop(error.print()); // a closed pipe needs no second message
                return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
            }
            Failure::Failed(text) => (text, 1),
            Failure::Misused(text) => (text, 2),
            Failure::Unreachable(text) => (text, 3),
            Failure::Forbidden(text) => (text, 4),
        };
        if !text.is_empty() {
            complain(&format!("cadence-dns: {text}"));
        }
        ExitCode::from(code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Failed(text)
            | Failure::Misused(text)
            | Failure::Unreachable(text)
            | Failure::Forbidden(text) => f.write_str(text),
            Failure::Usage(error) => write!(f, "{error}"),
            Failure::Told(code) => write!(f, "exit code {code}"),
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Failure {
        match error {
            ClientError::Unreachable(..) => Failure::Unreachable(error.to_string()),
            ClientError::Forbidden(_) => Failure::Forbidden(error.to_string()),
            ClientError::Mistakes(mistakes, _) => {
                mistakes.iter().for_each(|mistake| complain(&format!("{mistake}\n")));
                Failure::Failed("the configuration cannot be used; everything stays as it was".into())
            }
            ClientError::Refused(_) | ClientError::Malformed(_) => Failure::Failed(error.to_string()),
        }
    }
}

/// Files of the daemon that a command cannot read.
pub(super) fn unreadable(error: &StoreError) -> Failure {
    let StoreError::Io { action, path, source } = error else { return Failure::Failed(error.to_string()) };
    if source.kind() != ErrorKind::PermissionDenied {
        return Failure::Failed(error.to_string());
    }
    let path = path.display();
    let help = "run this as root, or as a user whose group may read the state folder";
    Failure::Failed(format!("cannot {action} {path}: {source}; {help}"))
}

/// A failure whose text has every problem, for somebody elsewhere.
pub(super) fn told(problems: &[Problem]) -> Failure {
    Failure::Failed(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// Prints every problem to stderr; the failure counts the errors.
pub(super) fn refused(problems: &[Problem]) -> Failure {
    for problem in problems {
        complain(&format!("{problem}\n"));
    }
    Failure::Failed(match problems.iter().filter(|problem| problem.severity == Severity::Error).count() {
        1 => "1 error; nothing was changed".into(),
        errors => format!("{errors} errors; nothing was changed"),
    })
}
