//! The process that starts successors, from both sides.
//!
//! The daemon may execute nothing once it has given up its rights. The starter is a process that it has started before: as
//! little privileged, in the same sandbox and with the same environment, so that what it starts lives where the daemon
//! does, whoever asks for it from whatever terminal. It starts one program, the file that the daemon was started from,
//! with one command line, and ends nothing but what it has started.

use std::env::{args_os, current_exe};
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::wire::Channel;
use crate::supervisor::OF_ONE_PROCESS;

/// The argument that makes the executable a starter.
pub const ARGUMENT: &str = "start-successors";

/// The argument by which a daemon knows that it takes over.
pub const TAKE_OVER: &str = "--take-over";

/// The starter does at once what it is told, but for the patience that it is told.
const REPLY_MAX: Duration = Duration::from_secs(5);

/// How often it is looked whether a successor has ended by itself.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What the starter is told.
#[derive(Debug, Serialize, Deserialize)]
enum Order {
    /// Start a successor, whose stdin is the socket that comes with this.
    Start,
    /// Let the successor end by itself for so long, then end it.
    End { within_ms: u64 },
    /// Leave the successor alone, and end.
    Leave,
}

/// What it replies.
#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Started { process: u32 },
    NotStarted { why: String },
    Ended { how: String },
}

/// The daemon's side.
#[derive(Debug)]
pub struct Starter {
    channel: Channel,
    /// Nobody waits for it: its end of the channel says when it ends.
    _process: Child,
}

/// Why there is no successor.
#[derive(Debug)]
pub(super) struct NotStarted(pub(super) String);

impl Starter {
    /// Starts it, while this process may. It ends when this process does.
    ///
    /// # Errors
    /// When the system gives no process.
    pub fn start(config: &Path) -> io::Result<Starter> {
        let program = program()?;
        let (channel, theirs) = Channel::pair()?;
        let mut command = Command::new(&program);
        command.arg(ARGUMENT).arg(&program).arg("--config").arg(config).stdin(theirs);
        command.env_remove(OF_ONE_PROCESS).stdout(Stdio::inherit());
        let process = command.spawn()?;
        Ok(Starter { channel, _process: process })
    }

    /// Starts a successor, with one end of a channel to it.
    pub(super) fn launch(&self) -> Result<(Channel, u32), NotStarted> {
        let gone =
            |error: io::Error| NotStarted(format!("the process that starts it does not answer: {error}"));
        let (ours, theirs) = Channel::pair().map_err(gone)?;
        self.channel.send(&Order::Start, &[theirs.as_fd()]).map_err(gone)?;
        drop(theirs); // what ends the successor ends the channel
        match self.reply().map_err(gone)? {
            Reply::Started { process } => Ok((ours, process)),
            Reply::NotStarted { why } | Reply::Ended { how: why } => Err(NotStarted(why)),
        }
    }

    /// Waits for the end of the successor, and brings it about when it takes longer than this. How it ended, in words.
    pub(super) fn end(&self, within: Duration) -> String {
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let replied = self.channel.send(&Order::End { within_ms }, &[]).and_then(|()| self.reply_by(within));
        match replied {
            Ok(Reply::Ended { how }) => how,
            Ok(Reply::Started { .. } | Reply::NotStarted { .. }) => "ended nobody knows how".to_owned(),
            Err(error) => format!("may not have ended: {error}"),
        }
    }

    /// The successor is on its own from now on: nobody's child but that of the first process.
    pub(super) fn leave(&self) {
        // Whatever goes wrong, the starter ends with this process at the latest.
        if self.channel.send(&Order::Leave, &[]).is_ok() {
            let _ = self.reply();
        }
    }

    fn reply(&self) -> io::Result<Reply> {
        self.reply_by(Duration::ZERO)
    }

    fn reply_by(&self, later: Duration) -> io::Result<Reply> {
        Ok(self.channel.receive(Instant::now() + REPLY_MAX + later)?.0)
    }
}

/// The file that this process was started from: by the path that was given, which may be a link that leads elsewhere by
/// then, if it was.
fn program() -> io::Result<PathBuf> {
    let running = current_exe()?;
    let Some(named) = args_os().next().map(PathBuf::from).filter(|named| named.components().count() > 1)
    else {
        return Ok(running);
    };
    let is_same = || {
        let (one, other) = (fs::metadata(&named)?, fs::metadata(&running)?);
        io::Result::Ok((one.dev(), one.ino()) == (other.dev(), other.ino()))
    };
    if is_same().unwrap_or(false) { std::path::absolute(named) } else { Ok(running) }
}

/// The starter's side: until the daemon at the other end of stdin says so, or is gone.
///
/// # Errors
/// When stdin is no socket of a daemon.
pub fn serve(program: &Path, config: &Path) -> io::Result<()> {
    // When memory runs out the daemon goes last; its successor is one.
    let channel = Channel::of(io::stdin().as_fd().try_clone_to_owned()?);
    let mut successor: Option<Child> = None;
    loop {
        let (order, sockets) = match channel.receive::<Order>(Instant::now() + FOREVER) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::TimedOut => continue,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let reply = match order {
            Order::Leave => return Ok(()),
            Order::Start => {
                if let Some(before) = successor.take() {
                    end(before, Duration::ZERO);
                }
                match start(program, config, sockets.into_iter().next()) {
                    Ok(child) => {
                        let process = child.id();
                        successor = Some(child);
                        Reply::Started { process }
                    }
                    Err(error) => {
                        Reply::NotStarted { why: format!("{} cannot be started: {error}", program.display()) }
                    }
                }
            }
            Order::End { within_ms } => {
                let how = successor.take().map(|child| end(child, Duration::from_millis(within_ms)));
                Reply::Ended { how: how.unwrap_or_else(|| "was not there".to_owned()) }
            }
        };
        channel.send(&reply, &[])?;
    }
}

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);

fn start(program: &Path, config: &Path, channel: Option<OwnedFd>) -> io::Result<Child> {
    let channel = channel.ok_or_else(|| io::Error::other("without a channel"))?;
    let words: [OsString; 4] = ["run".into(), TAKE_OVER.into(), "--config".into(), config.into()];
    Command::new(program).arg0(program).args(words).stdin(channel).spawn()
}

/// Waits for a successor, and kills it when it takes too long. Its locks and sockets are free then.
fn end(mut child: Child, within: Duration) -> String {
    let deadline = Instant::now() + within;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return Told(status).to_string(),
            Ok(None) => thread::sleep(LOOK_EVERY),
            Err(error) => return error.to_string(),
        }
    }
    let killed = child.kill().and_then(|()| child.wait());
    killed.map_or_else(|error| error.to_string(), |status| Told(status).to_string())
}

/// How a process ended, in words.
struct Told(ExitStatus);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.code(), self.0.signal()) {
            (Some(code), _) => write!(f, "ended with exit code {code}"),
            (None, Some(signal)) => write!(f, "was ended by signal {signal}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_successor_ended_is_told_in_words() {
        let ended = |script: &str, within| {
            let child = Command::new("/bin/sh").args(["-c", script]).spawn().expect("a shell is everywhere");
            end(child, within)
        };
        let ample = Duration::from_secs(20);
        assert_eq!(ended("exit 7", ample), "ended with exit code 7");
        assert_eq!(ended("kill -SEGV $$", ample), "was ended by signal 11");
        assert_eq!(ended("sleep 1000", Duration::ZERO), "was ended by signal 9");
    }

    #[test]
    fn the_program_is_the_file_that_runs() {
        let program = program().expect("this test runs");
        assert!(program.is_absolute() && program.exists(), "{}", program.display());
    }
}
