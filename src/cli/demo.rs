//! `cadence-dns demo`: watch a region die and the answer move.
//!
//! ```text
//! region: HTTP servers that die and return ◀─probes─ the daemon, as `run` starts it ◀─UDP, control socket─ watch
//! watch ─Seen─▶ story: what it means, what to do next ─Event─▶ show: a line each
//! ```
//!
//! Nothing is simulated: a flip is seen when an answer over UDP carries other addresses, and in no other way.

mod event;
mod news;
mod region;
mod show;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod watch;

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::{Failure, refused, runtime};
use crate::daemon::{self, Daemon, StartError};

use event::{Deed, Event, Seen};
use region::Servers;
use show::Intro;
use stage::Stage;
use story::{Plan, Story};

/// A cycle with everything at its slowest, from the start to the failback, and a little for a busy machine.
const SECONDS_MIN: u64 = 25;

/// A day: whoever wants longer leaves the option away.
const SECONDS_MAX: u64 = 24 * 60 * 60;

/// Observations on their way to the story.
const SEEN_MAX: usize = 64;

/// `cadence-dns demo`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End by itself after so many seconds; exit code 0 only if flip and failback were seen in real answers
    #[arg(long, value_name = "N", value_parser = seconds)]
    seconds: Option<u64>,
    /// The port of the name server on 127.0.0.1; 0 is any that is free
    #[arg(long, value_name = "PORT", default_value_t = 5300)]
    port: u16,
}

/// Shorter than a cycle would always end with exit code 1, and look like a failure.
fn seconds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seconds) if (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
        Ok(0..SECONDS_MIN) => Err(format!(
            "at least {SECONDS_MIN}: a region must be proven up, die, lose the name, return, and be held before the \
             failback"
        )),
        Ok(_) => Err(format!("at most {SECONDS_MAX}; without --seconds it runs until Ctrl-C")),
        Err(_) => Err(format!("a whole number of seconds, at least {SECONDS_MIN}")),
    }
}

/// Plays until the time is over or somebody ends it.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    runtime()?.block_on(play(arguments))
}

async fn play(arguments: &Arguments) -> Result<(), Failure> {
    let interrupted = interruption()?;
    let [east, west] = region::open().await.map_err(Failure::Failed)?;
    let stage = Stage::build(arguments.port, east.port()).map_err(Failure::Failed)?;
    let ready = daemon::load(&stage.config()).map_err(|problems| refused(&problems))?;
    let length = arguments.seconds.map(Duration::from_secs);
    let plan = Plan::of(&ready.config, length).expect("the demo's own configuration can fail over");
    let daemon = daemon::start(ready).await.map_err(|error| explain(&error, arguments.port))?;
    let server = daemon.addresses()[0];

    let mut screen = Screen::open();
    screen.show(&Intro::of(&plan, server, east.port(), &stage).render(screen.colour));
    let (stop, stopped) = oneshot::channel::<()>();
    let daemon = tokio::spawn(run_daemon(daemon, stopped));
    let story = tell(Story::new(plan), east, server, &stage, &mut screen, interrupted).await;
    drop(stop);
    drop(daemon.await); // it has stopped, one way or another
    drop(west);
    screen.show(&show::closing(&story, screen.colour));
    verdict(&story, arguments)
}

async fn run_daemon(daemon: Daemon, stopped: oneshot::Receiver<()>) {
    if let Err(gave_up) = daemon.run_until(async { drop(stopped.await) }).await {
        eprintln!("cadence-dns: {gave_up}");
    }
}

/// The one loop: what is seen goes into the story, what comes out is shown, and what is due is done.
async fn tell(
    mut story: Story,
    mut preferred: Servers,
    server: SocketAddr,
    stage: &Stage,
    screen: &mut Screen,
    interrupted: impl Future<Output = ()>,
) -> Story {
    let (sender, mut seen) = mpsc::channel(SEEN_MAX);
    let _watcher = watch::start(server, story.name().clone(), stage.socket(), sender);
    let start = Instant::now();
    let end = story.length().map(|length| start + length);
    let mut interrupted = std::pin::pin!(interrupted);
    while screen.is_there() {
        let what = tokio::select! {
            biased;
            () = &mut interrupted => break,
            () = async { sleep_until(end.expect("guarded")).await }, if end.is_some() => break,
            Some(what) = seen.recv() => what,
        };
        let mut events = story.take(start.elapsed(), &what);
        if let Some(deed) = story.due(start.elapsed()) {
            events.extend(perform(deed, &mut preferred, &mut story, start).await);
        }
        events.iter().for_each(|event| screen.show(&show::line(event, screen.colour)));
    }
    story
}

/// A region is dead when its servers are, and alive when they listen: the time is taken right there.
async fn perform(deed: Deed, region: &mut Servers, story: &mut Story, start: Instant) -> Vec<Event> {
    match deed {
        Deed::Kill => {
            let at = start.elapsed();
            region.kill().await;
            story.done(deed, at)
        }
        Deed::Revive => match region.revive().await {
            Ok(()) => story.done(deed, start.elapsed()),
            Err(why) => story.take(start.elapsed(), &Seen::Trouble(why)),
        },
    }
}

/// Only answers count, and only when somebody waits for a verdict.
fn verdict(story: &Story, arguments: &Arguments) -> Result<(), Failure> {
    let missing = story.missing();
    match arguments.seconds {
        Some(_) if !missing.is_empty() => {
            Err(Failure::Failed(format!("not seen in the answers over UDP: {}", missing.join(" and "))))
        }
        Some(_) | None => Ok(()),
    }
}

fn explain(error: &StartError, port: u16) -> Failure {
    Failure::Failed(match error {
        StartError::Dns(error) if error.error.kind() == std::io::ErrorKind::AddrInUse => format!(
            "port {port} of 127.0.0.1 is taken ({}): choose another with --port, or any that is free with --port 0",
            error.protocol
        ),
        StartError::Dns(_) | StartError::Store(_) | StartError::Control(_) | StartError::System(_) => {
            error.to_string()
        }
    })
}

fn interruption() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::Failed(format!("no signal handlers: {error}")));
    let (mut interrupt, mut terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Stdout for as long as somebody reads it.
struct Screen {
    colour: bool,
    there: bool,
}

impl Screen {
    /// Colour only on a terminal that has it, and unless somebody does not want it (no-color.org).
    fn open() -> Screen {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Screen { colour: std::io::stdout().is_terminal() && !unwanted && !dumb, there: true }
    }

    fn show(&mut self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        self.there &= stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok();
    }

    /// A demo that nobody can see (`| head`) ends.
    fn is_there(&self) -> bool {
        self.there
    }
}
