//! The process that runs programs for the daemon, and the daemon's side of it.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Link;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use super::link::{Begun, Ended, LINE_MAX, Orders, RunnerError, Wanted, give_orders, line};
use super::program::{self, End, Ran};

/// Programs at a time, in the runner.
const PROGRAMS_MAX: usize = 64;

/// Lines that wait for the link.
const LINES_MAX: usize = 128;

/// How long after a program's deadline its end is waited for.
const GRACE: Duration = Duration::from_secs(2);

/// A runner that has begun, before there is a runtime.
pub struct Runner {
    link: Link,
}

impl Runner {
    /// Starts this program once more, as `arguments` say, with its orders on a socket at its standard input. No thread may
    /// run yet that has secrets.
    ///
    /// # Errors
    /// When it cannot be started, or does not begin.
    pub fn start(arguments: &[&str], orders: &Orders) -> Result<Runner, RunnerError> {
        let (mut ours, theirs) = Link::pair()?;
        // A group of its own: what a terminal sends to us is not for it, and it ends when we do.
        Command::new("/proc/self/exe")
            .arg0("cadence-dns")
            .args(arguments)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()?;
        give_orders(&mut ours, orders)?;
        Ok(Runner { link: ours })
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").finish_non_exhaustive()
    }
}

/// The runner at work, in its own process: until the daemon is gone. `given_up` is what became of its rights.
///
/// # Errors
/// When the system has no more for us; never because of a program.
pub fn serve(link: Link, orders: Orders, given_up: Result<(), String>) -> io::Result<()> {
    let begun = match &given_up {
        Ok(()) => Begun::Ready,
        Err(why) => Begun::Refused(why.clone()),
    };
    io::Write::write_all(&mut &link, &line(&begun)?)?;
    if given_up.is_err() {
        return Ok(());
    }
    link.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (reader, writer) = UnixStream::from_std(link)?.into_split();
        obey(reader, writer, &Arc::from(orders.programs)).await;
        Ok(())
    })
}

/// Programs that are under way when the daemon goes end with it.
async fn obey(reader: OwnedReadHalf, writer: OwnedWriteHalf, programs: &Arc<[Vec<String>]>) {
    let (told, lines) = mpsc::channel(LINES_MAX);
    let writing = tokio::spawn(write_lines(writer, lines));
    let places = Arc::new(Semaphore::new(PROGRAMS_MAX));
    let mut running = JoinSet::new();
    let mut reader = BufReader::new(reader);
    while let Some(wanted) = read_line::<Wanted>(&mut reader).await {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let (programs, told) = (Arc::clone(programs), told.clone());
        running.spawn(async move {
            let Wanted { id, program, environment, deadline } = wanted;
            let ran = match programs.get(program) {
                Some(words) => program::run(words, &environment, deadline).await,
                None => {
                    Ran { end: End::NotStarted("there is no such program".into()), output: String::new() }
                }
            };
            if let Ok(line) = line(&Ended { id, ran }) {
                drop(told.send(line).await); // the daemon is gone
            }
            drop(place);
        });
        while running.try_join_next().is_some() {}
    }
    running.shutdown().await;
    writing.abort();
}

async fn write_lines(mut writer: OwnedWriteHalf, mut lines: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(&line).await.is_err() {
            return;
        }
    }
}

/// None at the end, or at a line that makes no sense: both have the same version, so nobody else writes there.
async fn read_line<T: serde::de::DeserializeOwned>(reader: &mut BufReader<OwnedReadHalf>) -> Option<T> {
    let mut line = Vec::new();
    let read = reader.take(LINE_MAX as u64).read_until(b'\n', &mut line).await.ok()?;
    if read == 0 { None } else { serde_json::from_slice(&line).ok() }
}

/// Programs by their number, run by a runner, or in this process where that has all its rights.
#[derive(Clone)]
pub struct Programs(Arc<Place>);

enum Place {
    Here(Vec<Vec<String>>),
    Apart(Apart),
}

/// The daemon's side of the link.
struct Apart {
    lines: mpsc::Sender<Vec<u8>>,
    waiting: Arc<Mutex<Waiting>>,
    reader: JoinHandle<()>,
    writer: JoinHandle<()>,
}

/// Who waits for the end of which run.
#[derive(Default)]
struct Waiting {
    last: u64,
    runs: HashMap<u64, oneshot::Sender<Ran>>,
}

impl Programs {
    /// Run in this process: a test, or the demo.
    #[must_use]
    pub fn here(programs: Vec<Vec<String>>) -> Programs {
        Programs(Arc::new(Place::Here(programs)))
    }

    /// Run by a runner, on the current runtime.
    ///
    /// # Errors
    /// When the system does not let us wait for its link.
    pub fn apart(runner: Runner) -> io::Result<Programs> {
        runner.link.set_nonblocking(true)?;
        let (reader, writer) = UnixStream::from_std(runner.link)?.into_split();
        let (lines, to_write) = mpsc::channel(LINES_MAX);
        let waiting = Arc::new(Mutex::new(Waiting::default()));
        let heard = Arc::clone(&waiting);
        let reader = tokio::spawn(async move {
            let mut reader = BufReader::new(reader);
            while let Some(Ended { id, ran }) = read_line::<Ended>(&mut reader).await {
                if let Some(run) = lock(&heard).runs.remove(&id) {
                    drop(run.send(ran)); // nobody waits any more
                }
            }
            lock(&heard).runs.clear(); // whoever waits is told that it is gone
        });
        let writer = tokio::spawn(write_lines(writer, to_write));
        Ok(Programs(Arc::new(Place::Apart(Apart { lines, waiting, reader, writer }))))
    }

    /// Whether there is none to run.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(&*self.0, Place::Here(programs) if programs.is_empty())
    }

    /// Whether programs can be run.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        match &*self.0 {
            Place::Here(_) => true,
            Place::Apart(apart) => !apart.reader.is_finished() && !apart.writer.is_finished(),
        }
    }

    /// Runs a program, which has this long; its end comes a little later at most.
    pub async fn run(&self, program: usize, environment: Vec<(String, String)>, deadline: Duration) -> Ran {
        match &*self.0 {
            Place::Here(programs) => match programs.get(program) {
                Some(words) => program::run(words, &environment, deadline).await,
                None => not_started("there is no such program"),
            },
            Place::Apart(apart) => apart.run(program, environment, deadline).await,
        }
    }
}

impl Apart {
    async fn run(&self, program: usize, environment: Vec<(String, String)>, deadline: Duration) -> Ran {
        const GONE: &str = "the process that runs programs is gone; restart cadence-dns";
        if self.reader.is_finished() {
            return not_started(GONE);
        }
        let (ended, end) = oneshot::channel();
        let id = {
            let mut waiting = lock(&self.waiting);
            waiting.last += 1;
            let id = waiting.last;
            waiting.runs.insert(id, ended);
            id
        };
        let line = match line(&Wanted { id, program, environment, deadline }) {
            Ok(line) => line,
            Err(error) => return not_started(&error.to_string()),
        };
        let run = async {
            self.lines.send(line).await.ok()?;
            end.await.ok()
        };
        let ran = timeout(deadline + GRACE, run).await;
        lock(&self.waiting).runs.remove(&id);
        match ran {
            Ok(Some(ran)) => ran,
            Ok(None) => not_started(GONE),
            Err(_) => Ran { end: End::Late(deadline), output: String::new() },
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        self.reader.abort();
        self.writer.abort();
    }
}

/// Plain values, whole after every change.
fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_started(why: &str) -> Ran {
    Ran { end: End::NotStarted(why.to_owned()), output: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AMPLE: Duration = Duration::from_secs(60);

    /// A runner on a task of this process.
    fn apart(programs: &[&[&str]]) -> (Programs, JoinHandle<()>) {
        let (ours, theirs) = Link::pair().expect("a pair of sockets");
        theirs.set_nonblocking(true).expect("ours");
        let words = |words: &&[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let programs: Arc<[Vec<String>]> = programs.iter().map(words).collect();
        let (reader, writer) = UnixStream::from_std(theirs).expect("a runtime").into_split();
        let runner = tokio::spawn(async move { obey(reader, writer, &programs).await });
        (Programs::apart(Runner { link: ours }).expect("a runtime"), runner)
    }

    #[tokio::test]
    async fn programs_are_run_side_by_side_by_their_number() {
        let (programs, _runner) = apart(&[&["/bin/sh", "-c", "echo $WHO"], &["/bin/false"]]);
        let environment = vec![("WHO".to_owned(), "me".to_owned())];
        let (first, second) =
            tokio::join!(programs.run(0, environment, AMPLE), programs.run(1, Vec::new(), AMPLE));
        assert_eq!((first.end, first.output.as_str()), (End::Code(0), "me"));
        assert_eq!(second.end, End::Code(1));
        let none = programs.run(2, Vec::new(), AMPLE).await;
        assert_eq!(none, not_started("there is no such program"));
        assert!(programs.is_healthy());
    }

    #[tokio::test]
    async fn a_runner_that_is_gone_is_told_to_whoever_waits_and_asks() {
        let (programs, runner) = apart(&[&["/bin/sleep", "1000"]]);
        let waits = {
            let programs = programs.clone();
            tokio::spawn(async move { programs.run(0, Vec::new(), AMPLE).await })
        };
        while match &*programs.0 {
            Place::Apart(apart) => lock(&apart.waiting).runs.is_empty(),
            Place::Here(_) => false,
        } {
            tokio::task::yield_now().await;
        }
        runner.abort();
        let told = waits.await.expect("no panic").end.to_string();
        assert!(told.contains("is gone; restart"), "{told}");
        let told = programs.run(0, Vec::new(), AMPLE).await.end.to_string();
        assert!(told.contains("is gone; restart") && !programs.is_healthy(), "{told}");
    }
}
