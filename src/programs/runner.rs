//! The runner's side: a process of its own that runs programs by their number.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as Socket;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::running;
use super::wire::{List, Reply, Request, receive, send};
use super::{Ended, Extra, Program};

/// The argument that makes the executable a runner.
pub(super) const ARGUMENT: &str = "run-programs";

/// Programs at a time: more of them would take the processors from the probes themselves.
const TOGETHER_MAX: usize = 64;

/// Replies on their way.
const REPLIES_MAX: usize = 64;

/// Serves the daemon at the other end of stdin until that is gone; then whatever runs is killed.
///
/// # Errors
/// When stdin is no socket of a daemon.
pub async fn serve() -> io::Result<()> {
    // When memory runs out a program goes before the daemon, which may be spared by its unit; we hand this down.
    fs::write("/proc/self/oom_score_adj", "0").ok(); // it was higher already
    let socket = Socket::from(io::stdin().as_fd().try_clone_to_owned()?);
    socket.set_nonblocking(true)?;
    serve_on(UnixStream::from_std(socket)?).await
}

async fn serve_on(stream: UnixStream) -> io::Result<()> {
    let (mut from_daemon, mut to_daemon) = stream.into_split();
    let list: Arc<[Program]> = receive::<List>(&mut from_daemon).await?.into();
    let (replied, mut replies) = mpsc::channel::<Reply>(REPLIES_MAX);
    let room = Arc::new(Semaphore::new(TOGETHER_MAX));
    let mut work = JoinSet::new(); // when it is dropped, all of it is
    work.spawn(async move {
        while let Some(reply) = replies.recv().await {
            if send(&mut to_daemon, &reply).await.is_err() {
                return;
            }
        }
    });
    let mut terminate = signal(SignalKind::terminate())?; // whoever ends us ends the programs with us
    loop {
        let request = tokio::select! {
            request = receive(&mut from_daemon) => request,
            _ = terminate.recv() => break,
        };
        let Ok(Request { id, number, extra, limit_ms }) = request else { break };
        while work.try_join_next().is_some() {}
        let (list, room, replied) = (Arc::clone(&list), Arc::clone(&room), replied.clone());
        work.spawn(async move {
            let Extra { environment, input } = extra;
            let program = list.get(number).map(|program| program.with(environment));
            let ended = run(program.as_ref(), input, Duration::from_millis(limit_ms), &room).await;
            drop(replied.send(Reply { id, ended }).await);
        });
    }
    work.shutdown().await;
    Ok(())
}

async fn run(program: Option<&Program>, input: String, limit: Duration, room: &Semaphore) -> Ended {
    let Some(program) = program else { return Ended::not_started("there is no such program") };
    let deadline = Instant::now() + limit;
    match timeout_at(deadline, room.acquire()).await {
        Ok(Ok(_place)) => {
            running::run(program, input, deadline.saturating_duration_since(Instant::now())).await
        }
        Ok(Err(_)) | Err(_) => Ended::not_started(format!("{TOGETHER_MAX} programs run already")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::How;
    use crate::programs::wire;

    const PLENTY: u64 = 20_000;

    fn sh(script: &str) -> Program {
        Program { arguments: ["/bin/sh", "-c", script].map(str::to_owned).into(), environment: Vec::new() }
    }

    /// A slow program holds up no other, a number that is none runs nothing, and the end of the daemon is the end of all.
    #[tokio::test]
    async fn programs_are_run_by_number_and_end_with_the_daemon() {
        let (mut daemon, runner) = UnixStream::pair().expect("a pair of sockets");
        let serving = tokio::spawn(serve_on(runner));
        let list: List = vec![sh("sleep 1000"), sh("echo $WHO; exit 2")];
        wire::send(&mut daemon, &list).await.expect("it listens");
        for (id, number) in [(1, 0), (2, 1), (3, 7)] {
            let environment = vec![("WHO".to_owned(), format!("number {number}"))];
            let extra = Extra { environment, input: String::new() };
            let request = Request { id, number, extra, limit_ms: PLENTY };
            wire::send(&mut daemon, &request).await.expect("it listens");
        }
        let mut replies: Vec<(u64, Ended)> = Vec::new();
        for _ in 0..2 {
            let Reply { id, ended } = wire::receive(&mut daemon).await.expect("a reply");
            replies.push((id, ended));
        }
        replies.sort_by_key(|(id, _)| *id);
        let two = Ended { how: How::Exited(2), output: "number 1\n".into() };
        assert_eq!(replies, [(2, two), (3, Ended::not_started("there is no such program"))]);
        drop(daemon);
        serving.await.expect("no panic").expect("it served");
    }
}
