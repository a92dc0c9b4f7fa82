//! What the daemon and its runner tell each other: a line of JSON each.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::program::Ran;

/// The longest line: the programs of a whole configuration.
pub(super) const LINE_MAX: usize = 1 << 20;

/// The runner begins within milliseconds, or something is wrong with it.
const START_MAX: Duration = Duration::from_secs(10);

/// What a runner is for: the first line that it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orders {
    /// Whom it becomes, when root starts it and the configuration names somebody.
    pub user: Option<String>,
    /// What it may run: a path and its arguments, known by its place.
    pub programs: Vec<Vec<String>>,
}

/// Whether a runner has begun: the first line that it tells.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Begun {
    Ready,
    Refused(String),
}

/// A program is to be run.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) id: u64,
    pub(super) program: usize,
    pub(super) environment: Vec<(String, String)>,
    pub(super) deadline: Duration,
}

/// It has ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    pub(super) id: u64,
    pub(super) ran: Ran,
}

/// Why there is no runner.
#[derive(Debug)]
pub enum RunnerError {
    /// The system.
    System(io::Error),
    /// It could not give up its rights, say.
    Refused(String),
}

impl fmt::Display for RunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RunnerError::System(error) => write!(f, "{error}"),
            RunnerError::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for RunnerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RunnerError::System(error) => Some(error),
            RunnerError::Refused(_) => None,
        }
    }
}

impl From<io::Error> for RunnerError {
    fn from(error: io::Error) -> RunnerError {
        RunnerError::System(error)
    }
}

/// A line of JSON.
pub(super) fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    if line.len() > LINE_MAX {
        return Err(io::Error::other("it is too long for one line"));
    }
    Ok(line)
}

/// The orders of the daemon that started this process, and the link to it; in the runner, before it is anything else.
///
/// # Errors
/// When nobody gives any.
pub fn take_orders() -> io::Result<(Orders, UnixStream)> {
    use std::os::fd::AsFd;
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    link.set_read_timeout(Some(START_MAX))?;
    let orders = read_line(&mut link)?;
    link.set_read_timeout(None)?;
    Ok((orders, link))
}

/// Gives a runner its orders, and waits until it has begun.
pub(super) fn give_orders(link: &mut UnixStream, orders: &Orders) -> Result<(), RunnerError> {
    link.set_read_timeout(Some(START_MAX))?;
    link.write_all(&line(orders)?)?;
    match read_line(link)? {
        Begun::Ready => Ok(link.set_read_timeout(None)?),
        Begun::Refused(why) => Err(RunnerError::Refused(why)),
    }
}

/// Octet by octet, for what comes after the line is for others.
fn read_line<T: DeserializeOwned>(link: &mut UnixStream) -> io::Result<T> {
    let mut line = Vec::new();
    let mut octet = [0];
    loop {
        match link.read(&mut octet)? {
            0 => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended at once")),
            _ if octet[0] == b'\n' => return Ok(serde_json::from_slice(&line)?),
            _ if line.len() >= LINE_MAX => return Err(io::Error::other("a line without an end")),
            _ => line.push(octet[0]),
        }
    }
}
