//! Foreign programs: started in a namespace, logged to a file, and never left behind.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::network::Namespace;

/// How often a condition is looked at while waiting for it.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// As much of a log as helps when a test fails.
const LOG_LINES: usize = 60;

/// A program and its children, all in a process group of their own; killed when dropped.
pub(crate) struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it says goes to `NAME.log` in the folder, after what is there already.
    pub(crate) fn start(namespace: &Namespace, name: &str, folder: &Path, mut command: Command) -> Process {
        let log = folder.join(format!("{name}.log"));
        let out =
            File::options().create(true).append(true).open(&log).expect("the test's folder is writable");
        let err = out.try_clone().expect("a file descriptor is left");
        command.process_group(0).stdin(Stdio::null()).stdout(out).stderr(err);
        let child = namespace
            .inside(|| command.spawn())
            .unwrap_or_else(|error| panic!("{name} does not start ({error}); tests/run.sh installs it"));
        Process { name: name.to_owned(), child, log }
    }

    /// Sends a signal to the program and all its children.
    pub(crate) fn signal(&self, signal: Signal) {
        let group = Pid::from_child(&self.child);
        kill_process_group(group, signal)
            .unwrap_or_else(|error| panic!("{}: {signal:?}: {error}", self.name));
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
            eprintln!("--- {} said last:\n{}", self.name, tail(&self.log));
        }
        self.end();
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
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
