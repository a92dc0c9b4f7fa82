//! Says on stderr what is being waited for, when it takes longer than a second and somebody looks.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Whatever is done sooner needs no word.
const SILENT_FOR: Duration = Duration::from_secs(1);

/// A line for as long as something lasts; it goes when this is dropped.
pub(super) struct Waiting {
    /// Dropped before the thread is waited for, which then ends.
    done: Option<Sender<()>>,
    teller: Option<JoinHandle<()>>,
}

impl Waiting {
    /// Begins to wait for `what`; silent unless stderr is a terminal.
    pub(super) fn for_a(what: impl Into<String>) -> Waiting {
        let what = what.into();
        if !std::io::stderr().is_terminal() {
            return Waiting { done: None, teller: None };
        }
        let (done, ended) = channel();
        let began = Instant::now();
        let teller = thread::spawn(move || {
            let mut longest = 0;
            while ended.recv_timeout(SILENT_FOR) == Err(RecvTimeoutError::Timeout) {
                let line = line(&what, began.elapsed());
                longest = longest.max(line.chars().count());
                write(&format!("\r{line}"));
            }
            if longest > 0 {
                write(&format!("\r{:longest$}\r", ""));
            }
        });
        Waiting { done: Some(done), teller: Some(teller) }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(teller) = self.teller.take() {
            drop(teller.join()); // so that its line is gone before the next one is printed
        }
    }
}

fn line(what: &str, lasts: Duration) -> String {
    format!("{what} … {} s", lasts.as_secs())
}

fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    drop(stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush())); // nobody reads it: no failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_and_for_how_long() {
        assert_eq!(line("probing 6 addresses", Duration::from_millis(2_700)), "probing 6 addresses … 2 s");
    }
}
