//! Programs: started here or in a network namespace, logged to a file, and never left behind.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// As much of a log as helps when a test fails.
const LOG_LINES: usize = 60;

/// Where a program is started.
pub(crate) trait Ground {
    /// Starts it there.
    fn spawn(&self, command: &mut Command) -> io::Result<Child>;
}

/// In the network of the test itself.
pub(crate) struct Here;

impl Ground for Here {
    fn spawn(&self, command: &mut Command) -> io::Result<Child> {
        command.spawn()
    }
}

/// A program and its children, all in a process group of their own; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it says goes to `NAME.log` in the folder, after what is there already.
    pub(crate) fn start(ground: &impl Ground, name: &str, folder: &Path, mut command: Command) -> Process {
        let log = folder.join(format!("{name}.log"));
        let out =
            File::options().create(true).append(true).open(&log).expect("the test's folder is writable");
        let err = out.try_clone().expect("a file descriptor is left");
        // Debian keeps servers where only root looks for commands.
        let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
        command.env("PATH", path).process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = ground
            .spawn(&mut command)
            .unwrap_or_else(|error| panic!("{name} does not start ({error}); tests/run.sh installs it"));
        Process { name: name.to_owned(), child, log }
    }

    /// Its process number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// All that it has said so far, on stdout and stderr.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal to the program and all its children.
    pub(crate) fn signal(&self, signal: Signal) {
        let group = Pid::from_child(&self.child);
        kill_process_group(group, signal)
            .unwrap_or_else(|error| panic!("{}: {signal:?}: {error}", self.name));
    }

    /// Waits until it has said this; what it had said by then.
    pub(crate) fn wait_for_line(&self, said: &str, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        loop {
            let log = self.log();
            if log.contains(said) {
                return log;
            }
            assert!(Instant::now() < deadline, "{} never says {said:?}:\n{log}", self.name);
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            assert!(Instant::now() < deadline, "{} does not end:\n{}", self.name, self.log());
            thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends it without a chance to tidy up, and waits until it is gone.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        // Either may fail when it has ended by itself, and then nothing is left to do.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            let tail = &lines[lines.len().saturating_sub(LOG_LINES)..];
            eprintln!("--- {} said last:\n{}", self.name, tail.join("\n"));
        }
        self.end();
    }
}

/// Waits until a condition holds; fails with its description when the time is over.
pub(crate) fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) -> Instant {
    let deadline = Instant::now() + limit;
    loop {
        if holds() {
            return Instant::now();
        }
        assert!(Instant::now() < deadline, "waited {limit:?} in vain: {what}");
        thread::sleep(LOOK_EVERY);
    }
}
