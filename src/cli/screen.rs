//! The whole terminal for a command that redraws it: taken, and given back however the command ends.

use std::io::{self, IsTerminal, Stdout};
use std::panic;
use std::thread;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::{Frame, Terminal};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use super::failure::Failure;

/// Keys that may wait; somebody who leans on the keyboard need not be obeyed to the last one.
const KEYS_MAX: usize = 16;

/// What the person at the terminal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Input {
    /// A key.
    Key(KeyCode),
    /// The window has another size.
    Resized,
    /// The end is wanted: `q`, Ctrl-C, SIGTERM, SIGINT or SIGHUP.
    End,
}

/// The terminal in our hands. Dropping it gives it back, and so does a panic before it is told.
pub(super) struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    keys: mpsc::Receiver<Input>,
    signals: [Signal; 3],
}

/// Whether there is a terminal that can be redrawn.
pub(super) fn is_possible() -> bool {
    io::stdout().is_terminal() && !is_dumb()
}

/// Whether the terminal says of itself that it can only print line after line.
pub(super) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb")
}

/// Whether colours are wanted: not with `NO_COLOR`, whatever it is set to (no-color.org).
pub(super) fn wants_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

impl Screen {
    /// Takes the terminal, on the current tokio runtime.
    ///
    /// # Errors
    /// When it cannot be had.
    pub(super) fn take() -> Result<Screen, Failure> {
        let failed = |error: io::Error| Failure::Failed(format!("cannot use the terminal: {error}"));
        let signals = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = signals.map(signal);
        let signals = [terminate.map_err(failed)?, interrupt.map_err(failed)?, hangup.map_err(failed)?];
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
        enable_raw_mode().map_err(failed)?;
        let terminal = execute!(io::stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Screen { terminal, keys: read_keys(), signals }),
            Err(error) => {
                give_back();
                Err(failed(error))
            }
        }
    }

    /// Draws; what has not changed is not sent.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub(super) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> Result<(), Failure> {
        let drawn = self.terminal.draw(draw);
        drawn.map(drop).map_err(|error| Failure::Failed(format!("cannot draw: {error}")))
    }

    /// The next that is done; not lost when the future is dropped.
    pub(super) async fn input(&mut self) -> Input {
        let [terminate, interrupt, hangup] = &mut self.signals;
        tokio::select! {
            key = self.keys.recv() => key.unwrap_or(Input::End), // the terminal is gone
            _ = terminate.recv() => Input::End,
            _ = interrupt.recv() => Input::End,
            _ = hangup.recv() => Input::End,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// As it was; a terminal that has gone away needs nothing.
fn give_back() {
    drop(disable_raw_mode());
    drop(execute!(io::stdout(), LeaveAlternateScreen, Show));
}

/// A thread that waits for the keyboard, for that blocks; it ends with the process.
fn read_keys() -> mpsc::Receiver<Input> {
    let (pressed, keys) = mpsc::channel(KEYS_MAX);
    thread::spawn(move || {
        while let Ok(event) = event::read() {
            if let Some(input) = input(&event)
                && pressed.blocking_send(input).is_err()
            {
                return;
            }
        }
    });
    keys
}

fn input(event: &Event) -> Option<Input> {
    match event {
        Event::Resize(..) => Some(Input::Resized),
        Event::Key(KeyEvent { kind: KeyEventKind::Release, .. }) => None,
        Event::Key(KeyEvent { code: KeyCode::Char('c' | 'd'), modifiers, .. })
            if modifiers.contains(KeyModifiers::CONTROL) =>
        {
            Some(Input::End)
        }
        Event::Key(KeyEvent { code: KeyCode::Char('q' | 'Q'), .. }) => Some(Input::End),
        Event::Key(KeyEvent { code, .. }) => Some(Input::Key(*code)),
        Event::FocusGained | Event::FocusLost | Event::Mouse(_) | Event::Paste(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_end_are_known() {
        let key = |code, modifiers| input(&Event::Key(KeyEvent::new(code, modifiers)));
        assert_eq!(key(KeyCode::Char('q'), KeyModifiers::NONE), Some(Input::End));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Input::End));
        assert_eq!(key(KeyCode::Char('c'), KeyModifiers::NONE), Some(Input::Key(KeyCode::Char('c'))));
        assert_eq!(input(&Event::Resize(10, 5)), Some(Input::Resized));
        assert_eq!(input(&Event::FocusLost), None);
    }
}
