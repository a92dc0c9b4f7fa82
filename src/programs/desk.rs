//! The daemon's side: where shells ask, and the runner's replies come in.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as Socket;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::sync::{OnceCell, mpsc, oneshot};

use super::runner::ARGUMENT;
use super::wire::{Reply, Request, octets, receive, send};
use super::{Ended, Extra, Program};
use crate::supervisor::VARIABLES;

/// Requests on their way to the runner; beyond that a shell waits, within its own time.
const REQUESTS_MAX: usize = 64;

const GONE: &str = "the process that runs programs is gone; a restart brings it back";

/// One for each daemon.
#[derive(Debug)]
pub(super) struct Desk {
    /// Until the first request: there is a runtime by then.
    socket: Mutex<Option<Socket>>,
    requests: OnceCell<mpsc::Sender<(Question, oneshot::Sender<Ended>)>>,
    /// Nobody waits for it: when it ends, the socket says so.
    _runner: Child,
}

#[derive(Debug)]
struct Question {
    number: usize,
    extra: Extra,
    limit: Duration,
}

impl Desk {
    /// Starts the runner and hands it the list. When the socket closes, as it does when this process ends, the runner ends.
    pub(super) fn open(executable: &OsStr, list: &[Program]) -> io::Result<Desk> {
        let (mut ours, theirs) = Socket::pair()?;
        let mut command = Command::new(executable);
        command.arg(ARGUMENT).stdin(OwnedFd::from(theirs)).stdout(Stdio::null());
        command.process_group(0); // a signal from the terminal is for the daemon, which then ends the runner
        for variable in VARIABLES {
            command.env_remove(variable);
        }
        let runner = command.spawn()?;
        drop(command); // and with it our copy of its end of the socket
        ours.write_all(&octets(&list)?)?;
        Ok(Desk { socket: Mutex::new(Some(ours)), requests: OnceCell::new(), _runner: runner })
    }

    /// Whether the runner is there, as far as is known: it is not before it is asked for anything.
    pub(super) fn is_open(&self) -> bool {
        self.requests.get().is_none_or(|requests| !requests.is_closed())
    }

    pub(super) async fn run(&self, number: usize, extra: Extra, limit: Duration) -> Ended {
        let requests = match self.requests.get_or_try_init(async || self.attend()).await {
            Ok(requests) => requests,
            Err(error) => return Ended::not_started(error),
        };
        let (reply, replied) = oneshot::channel();
        if requests.send((Question { number, extra, limit }, reply)).await.is_err() {
            return Ended::not_started(GONE);
        }
        replied.await.unwrap_or_else(|_| Ended::not_started(GONE))
    }

    fn attend(&self) -> io::Result<mpsc::Sender<(Question, oneshot::Sender<Ended>)>> {
        let socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner).take();
        let socket = socket.ok_or_else(|| io::Error::other(GONE))?;
        socket.set_nonblocking(true)?;
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        tokio::spawn(pass_on(UnixStream::from_std(socket)?, requests));
        Ok(sender)
    }
}

/// Between the shells and the runner, until either is gone. Who waits then is told by a dropped reply.
async fn pass_on(stream: UnixStream, mut requests: mpsc::Receiver<(Question, oneshot::Sender<Ended>)>) {
    let (mut from_runner, mut to_runner) = stream.into_split();
    let (replied, mut replies) = mpsc::channel::<Reply>(REQUESTS_MAX);
    let reading = tokio::spawn(async move {
        while let Ok(reply) = receive(&mut from_runner).await {
            if replied.send(reply).await.is_err() {
                return;
            }
        }
    });
    let mut waiting: HashMap<u64, oneshot::Sender<Ended>> = HashMap::new();
    let mut last = 0;
    loop {
        tokio::select! {
            reply = replies.recv() => {
                let Some(Reply { id, ended }) = reply else { break };
                if let Some(waiting) = waiting.remove(&id) {
                    drop(waiting.send(ended)); // whoever asked may have given up
                }
            }
            asked = requests.recv() => {
                let Some((Question { number, extra, limit }, reply)) = asked else { break };
                last += 1;
                waiting.insert(last, reply);
                let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
                if send(&mut to_runner, &Request { id: last, number, extra, limit_ms }).await.is_err() {
                    break;
                }
            }
        }
    }
    reading.abort();
}
