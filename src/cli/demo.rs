//! `cadence-dns demo`: watch a region die and the answer move.
//!
//! ```text
//! region: HTTP servers that die and return ◀─probes─ the daemon, as `run` starts it ◀─UDP, control socket─ watch
//!                                                               ▲─UDP─ resolver: a cache ◀─UDP─ watch, as a client
//! watch ─Seen─▶ story: what it means, what to do next ─Event─▶ show: a line each
//! ```
//!
//! Nothing is simulated or computed: a flip is seen when an answer over UDP carries other addresses, at the name server
//! and, later, behind the cache.

mod line;
mod news;
mod plan;
mod region;
mod show;
mod stage;
mod story;
#[cfg(test)]
mod tests;
mod view;
mod watch;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::resolver::{Resolver, Sockets};
use super::{Failure, refused, runtime};
use crate::daemon::{self, Daemon, StartError};

use plan::Plan;
use region::Servers;
use show::Intro;
use stage::Stage;
use story::{Deed, Event, Story};
use watch::Targets;

/// A cycle with everything at its slowest, from the start until the client is back, and a little for a busy machine.
const SECONDS_MIN: u64 = 35;

/// A day; without the option the demo has no end of its own.
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
    /// The port of the caching resolver on 127.0.0.1; 0 is any that is free
    #[arg(long, value_name = "PORT", default_value_t = 5301)]
    resolver_port: u16,
    /// The port of the HTTP API on 127.0.0.1; 0 is any that is free
    #[arg(long, value_name = "PORT", default_value_t = 5380)]
    api_port: u16,
    /// Draw the last failover that was measured as a picture into this file (SVG)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// Shorter than a cycle would always end with exit code 1, and look like a failure.
fn seconds(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(seconds) if (SECONDS_MIN..=SECONDS_MAX).contains(&seconds) => Ok(seconds),
        Ok(0..SECONDS_MIN) => Err(format!(
            "at least {SECONDS_MIN}: a region must be proven up, die, lose the name, return, be held before the \
             failback, and be seen again behind the cache"
        )),
        Ok(_) => Err(format!("at most {SECONDS_MAX}; without --seconds it runs until Ctrl-C")),
        Err(_) => Err(format!("a whole number of seconds, at least {SECONDS_MIN}")),
    }
}

/// Plays until the time is over, or SIGINT or SIGTERM ends it.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    runtime()?.block_on(play(arguments))
}

async fn play(arguments: &Arguments) -> Result<(), Failure> {
    let interrupted = interruption()?;
    let [east, west] = region::open().await.map_err(Failure::Failed)?;
    let sockets = Sockets::bind(arguments.resolver_port).await.map_err(Failure::Failed)?;
    let stage = Stage::build(arguments.port, arguments.api_port, east.port()).map_err(Failure::Failed)?;
    let ready = daemon::load(&stage.config()).map_err(|problems| refused(&problems))?;
    let length = arguments.seconds.map(Duration::from_secs);
    let plan = Plan::of(&ready.config, length).expect("the demo's own configuration can fail over");
    let opened = daemon::open(ready).map_err(|error| explain(&error, arguments))?;
    let daemon = daemon::start(opened).await.map_err(|error| explain(&error, arguments))?;
    let (server, api) = (daemon.addresses()[0], daemon.api_addresses()[0]);
    let resolver = Resolver::start(sockets, server).map_err(Failure::Failed)?;

    let mut screen = Screen::open();
    let (config, resolver_address) = (stage.config(), resolver.address());
    let intro = Intro {
        plan: &plan,
        server,
        resolver: resolver_address,
        api,
        region_port: east.port(),
        program: program(),
        config,
    };
    screen.show(&intro.render(screen.colour));
    let name = plan.steer.name().clone();
    let targets = Targets { name, server, resolver: resolver_address, socket: stage.socket() };
    let (stop, stopped) = oneshot::channel::<()>();
    let daemon = tokio::spawn(run_daemon(daemon, stopped));
    let story = tell(Story::new(plan), east, targets, &mut screen, interrupted).await;
    drop(stop);
    drop(daemon.await); // it has stopped, one way or another
    drop((west, resolver));
    screen.show(&show::closing(&story, screen.colour));
    if let Some(file) = &arguments.picture {
        draw(&story, file)?;
    }
    verdict(&story, arguments)
}

/// This program, so that the commands on the screen work in any folder.
fn program() -> String {
    std::env::current_exe().map_or_else(|_| "cadence-dns".into(), |path| path.display().to_string())
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
    targets: Targets,
    screen: &mut Screen,
    interrupted: impl Future<Output = ()>,
) -> Story {
    let (sender, mut seen) = mpsc::channel(SEEN_MAX);
    let _watcher = watch::start(targets, sender);
    let start = Instant::now();
    let end = story.plan().length.map(|length| start + length);
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
        events.iter().for_each(|event| screen.show(&show::event(event, screen.colour)));
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
            Err(why) => story.trouble(start.elapsed(), &why),
        },
    }
}

fn draw(story: &Story, file: &Path) -> Result<(), Failure> {
    let Some(failover) = story.measured() else {
        return Err(Failure::Failed("no failover was seen to its end, so there is nothing to draw".into()));
    };
    std::fs::write(file, failover.picture())
        .map_err(|error| Failure::Failed(format!("cannot write {}: {error}", file.display())))
}

/// Only answers count, and only where `--seconds` asks for a verdict.
fn verdict(story: &Story, arguments: &Arguments) -> Result<(), Failure> {
    let missing = story.missing();
    match arguments.seconds {
        Some(_) if !missing.is_empty() => {
            Err(Failure::Failed(format!("not seen in the answers: {}", missing.join(", "))))
        }
        Some(_) | None => Ok(()),
    }
}

fn explain(error: &StartError, arguments: &Arguments) -> Failure {
    let taken = |port: u16, by: &str, option: &str| {
        format!(
            "port {port} of 127.0.0.1 is taken ({by}): choose another with {option}, or any that is free with {option} 0"
        )
    };
    Failure::Failed(match error {
        StartError::Dns(error) if error.error.kind() == std::io::ErrorKind::AddrInUse => {
            taken(arguments.port, &error.protocol.to_string(), "--port")
        }
        StartError::Api(error) if error.error.kind() == std::io::ErrorKind::AddrInUse => {
            taken(arguments.api_port, "TCP", "--api-port")
        }
        StartError::Dns(_)
        | StartError::Store(_)
        | StartError::Control(_)
        | StartError::Api(_)
        | StartError::Rights(_)
        | StartError::Handover(_)
        | StartError::System(_) => error.to_string(),
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

/// Stdout, until its reader has gone.
struct Screen {
    colour: bool,
    there: bool,
}

impl Screen {
    /// Colour only on a terminal that has it, and not against NO_COLOR (no-color.org).
    fn open() -> Screen {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        Screen { colour: std::io::stdout().is_terminal() && !unwanted && !dumb, there: true }
    }

    fn show(&mut self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        self.there &= stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok();
    }

    /// A demo without a reader (`| head`) ends.
    fn is_there(&self) -> bool {
        self.there
    }
}
