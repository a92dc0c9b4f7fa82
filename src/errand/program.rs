//! One program: executed directly, ended with its children when its time is over, heard up to a limit.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::model::plain;

/// As much of what a program says is kept, in octets: the end, which says why it failed.
const OUTPUT_MAX: usize = 2048;

/// What a program that has ended left in its pipes is read for so long. A child of it that lives on may hold them.
const DRAIN_MAX: Duration = Duration::from_millis(100);

/// Where programs that a program runs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What became of a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// How it ended.
    pub end: End,
    /// The last that it said, on either stream, fit to be shown.
    pub output: String,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It was ended with its children, for its time was over.
    Late(Duration),
    /// It was never started.
    NotStarted(String),
}

impl End {
    /// Whether all is well.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == End::Code(0)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Code(code) => write!(f, "it ended with {code}"),
            End::Signal(signal) => write!(f, "it was ended by signal {signal}"),
            End::Late(deadline) => write!(f, "it had not ended after {} s", deadline.as_secs_f64()),
            End::NotStarted(why) => write!(f, "it could not be started: {why}"),
        }
    }
}

/// Its process group, which does not outlive it, however its run ends.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Gone already is what is wanted.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Runs a program in an environment of these variables and a PATH alone, in the folder `/`.
pub(super) async fn run(program: &[String], environment: &[(String, String)], deadline: Duration) -> Ran {
    let mut child = match start(program, environment) {
        Ok(child) => child,
        Err(error) => return Ran { end: End::NotStarted(error.to_string()), output: String::new() },
    };
    let group = Group(child.id().and_then(|id| Pid::from_raw(id.cast_signed())));
    let mut tail = Tail::default();
    let end = match timeout(deadline, attend(&mut child, &mut tail, &group)).await {
        Ok(Ok(status)) => ended(status),
        Ok(Err(error)) => End::NotStarted(error.to_string()),
        Err(_) => End::Late(deadline),
    };
    Ran { end, output: tail.shown() }
}

fn start(program: &[String], environment: &[(String, String)]) -> io::Result<Child> {
    let (path, arguments) = program.split_first().ok_or_else(|| io::Error::other("it has no path"))?;
    Command::new(path)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Listens until it ends. Its children end with it: they would hold its pipes.
async fn attend(child: &mut Child, tail: &mut Tail, group: &Group) -> io::Result<ExitStatus> {
    let (mut out, mut err) = (child.stdout.take(), child.stderr.take());
    let (mut said, mut complained) = ([0; 1024], [0; 1024]);
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            more = next(&mut out, &mut said) => tail.take(&mut out, more, &said),
            more = next(&mut err, &mut complained) => tail.take(&mut err, more, &complained),
        }
    };
    if let Some(group) = group.0 {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let rest = async {
        while out.is_some() || err.is_some() {
            tokio::select! {
                more = next(&mut out, &mut said), if out.is_some() => tail.take(&mut out, more, &said),
                more = next(&mut err, &mut complained), if err.is_some() => tail.take(&mut err, more, &complained),
            }
        }
    };
    let _ = timeout(DRAIN_MAX, rest).await; // what is missing then, is missing
    Ok(status)
}

/// Never ready without a stream.
async fn next(stream: &mut Option<impl AsyncRead + Unpin>, buffer: &mut [u8]) -> io::Result<usize> {
    match stream {
        Some(stream) => stream.read(buffer).await,
        None => std::future::pending().await,
    }
}

fn ended(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => End::Signal(signal.unwrap_or_default()),
    }
}

/// The last that was said.
#[derive(Default)]
struct Tail {
    octets: Vec<u8>,
    cut: bool,
}

impl Tail {
    /// What was read from a stream, which is given up at its end.
    fn take<S>(&mut self, stream: &mut Option<S>, read: io::Result<usize>, buffer: &[u8]) {
        match read {
            Ok(0) | Err(_) => *stream = None,
            Ok(octets) => self.push(&buffer[..octets]),
        }
    }

    fn push(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        let beyond = self.octets.len().saturating_sub(OUTPUT_MAX);
        self.cut |= beyond > 0;
        self.octets.drain(..beyond);
    }

    fn shown(&self) -> String {
        let text = String::from_utf8_lossy(&self.octets);
        let text = plain(text.trim(), |character| character == '\n' || character == '\t').into_owned();
        if self.cut { format!("…{text}") } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    async fn shell(script: &str, deadline: Duration) -> Ran {
        let program = ["/bin/sh", "-c", script].map(str::to_owned);
        let environment = [("CADENCE_TO".to_owned(), "eu-west".to_owned())];
        run(&program, &environment, deadline).await
    }

    async fn check(script: &str, end: End, output: &str) {
        let ran = shell(script, AMPLE).await;
        assert_eq!((ran.end, ran.output.as_str()), (end, output), "{script}");
    }

    #[tokio::test]
    async fn how_it_ended_and_what_it_said_is_told() {
        check("echo to $CADENCE_TO", End::Code(0), "to eu-west").await;
        check("echo no >&2; exit 7", End::Code(7), "no").await;
        check("kill -9 $$", End::Signal(9), "").await;
        check("printf '\\033[2Jred\\n'", End::Code(0), "\\u{1b}[2Jred").await;
        check("pwd; env | grep -c HOME", End::Code(1), "/\n0").await;
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_never_started() {
        let ran = run(&["/no/such/program".to_owned()], &[], AMPLE).await;
        assert!(matches!(&ran.end, End::NotStarted(why) if why.contains("No such file")), "{ran:?}");
    }

    #[tokio::test]
    async fn endless_words_are_cut_to_their_end() {
        let ran = shell("i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done", AMPLE).await;
        assert!(ran.output.len() < OUTPUT_MAX + 8 && ran.output.starts_with('…'), "{}", ran.output.len());
        assert!(ran.output.ends_with("line 2999"), "{}", ran.output);
    }

    /// Alive, and no zombie that nobody has waited for.
    fn is_running(pid: &str) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
    }

    async fn gone(pid: &str) -> bool {
        for _ in 0..500 {
            if !is_running(pid) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    #[tokio::test]
    async fn a_late_one_is_ended_with_its_children() {
        let ran = shell("sleep 1000 & echo $!; wait", Duration::from_millis(500)).await;
        assert_eq!(ran.end, End::Late(Duration::from_millis(500)));
        assert!(!ran.output.is_empty() && gone(&ran.output).await, "{ran:?}");
    }

    /// A child in the background would hold the pipes for ever.
    #[tokio::test]
    async fn a_child_left_behind_delays_nothing() {
        let ran = shell("sleep 1000 & echo $!", AMPLE).await;
        assert_eq!(ran.end, End::Code(0));
        assert!(gone(&ran.output).await, "{ran:?}");
    }
}
