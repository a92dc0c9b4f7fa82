//! `cadence-dns top`: the whole name server on one screen, as it lives.

mod draw;
mod strip;
#[cfg(test)]
mod tests;
mod view;

use std::time::Duration;

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::poll::statuses;
use super::runtime::runtime;
use super::screen::{self, Input, Screen};
use super::when::now;
use crate::control::client;

use view::View;

/// How often the daemon is asked.
const PERIOD: Duration = Duration::from_millis(500);

/// `cadence-dns top`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Keys: q ends, Tab goes from names to addresses, up and down choose, s sorts, p pauses, ? helps. With NO_COLOR in the \
environment there are no colours; without a terminal use `cadence-dns status --watch`.")]
pub(super) struct Arguments {
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Draws until it is told to end.
pub(super) fn run(Arguments { daemon }: &Arguments) -> Result<(), Failure> {
    let socket = daemon.whereabouts()?.socket;
    if !screen::is_possible() {
        let help = "use `cadence-dns status --watch`, which prints a line a change";
        let why = if screen::is_dumb() { "TERM is dumb or not set" } else { "stdout is no terminal" };
        return Err(Failure::Failed(format!("{why}, so nothing can be redrawn; {help}")));
    }
    runtime()?.block_on(async {
        let mut screen = Screen::take()?;
        let mut view = View::new(screen::wants_colour());
        if let Ok(heartbeats) = client::heartbeats(&socket).await {
            view.remember(&heartbeats);
        }
        let mut statuses = statuses(socket, PERIOD);
        loop {
            screen.draw(|frame| draw::all(frame, &view, now()))?;
            tokio::select! {
                Some(seen) = statuses.recv() => view.take(seen, now()),
                input = screen.input() => match input {
                    Input::End => return Ok(()),
                    Input::Key(key) => view.press(key),
                    Input::Resized => {}
                },
            }
        }
    })
}
