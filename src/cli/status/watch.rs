//! `cadence-dns status --watch`: the status as it changes, on the whole terminal, or a line a change where there is none.

mod page;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use ratatui::widgets::Paragraph;

use super::changes::{Change, Subject, changes};
use super::filter::narrow;
use crate::api::Status;
use crate::cli::failure::Failure;
use crate::cli::output::{Output, Readers, harmless, put};
use crate::cli::poll::statuses;
use crate::cli::runtime::runtime;
use crate::cli::screen::{self, Input, Screen};
use crate::cli::when::now;
use crate::model::Moment;

/// How often the daemon is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// For so long a change is marked.
const MARKED_FOR: Duration = Duration::from_secs(10);

/// So many changes are remembered.
const RECENT_MAX: usize = 50;

/// What has been seen so far.
#[derive(Default)]
pub(super) struct Watched {
    /// Only this name or region.
    what: Option<String>,
    /// The last status.
    status: Option<Box<Status>>,
    /// Since when there is none, and why.
    silent: Option<(Moment, String)>,
    /// The last changes, the newest first.
    recent: VecDeque<(Moment, Change)>,
}

/// Watches until it is told to end, or until nobody reads.
pub(super) fn run(socket: PathBuf, what: Option<String>, output: Output) -> Result<(), Failure> {
    let watched = Watched { what, ..Watched::default() };
    runtime()?.block_on(async {
        match output {
            Output::Table if screen::is_possible() => on_screen(socket, watched).await,
            Output::Table | Output::Json => line_by_line(socket, watched, output).await,
        }
    })
}

async fn on_screen(socket: PathBuf, mut watched: Watched) -> Result<(), Failure> {
    let mut screen = Screen::take()?;
    let mut statuses = statuses(socket, PERIOD);
    let colour = screen::wants_colour();
    loop {
        screen.draw(|frame| {
            let area = frame.area();
            let lines = page::lines(&watched, now(), area.width, area.height);
            frame.render_widget(Paragraph::new(page::painted(&lines, colour)), area);
        })?;
        tokio::select! {
            Some(seen) = statuses.recv() => drop(watched.take(seen, now())?),
            input = screen.input() => if input == Input::End { return Ok(()) },
        }
    }
}

async fn line_by_line(socket: PathBuf, mut watched: Watched, output: Output) -> Result<(), Failure> {
    let mut statuses = statuses(socket, PERIOD);
    while let Some(seen) = statuses.recv().await {
        let now = now();
        let news = watched.take(seen, now)?;
        let text: String = match output {
            Output::Table => news.iter().map(|change| line(now, change)).collect(),
            Output::Json if news.is_empty() => String::new(),
            Output::Json => watched.status.as_ref().map(|status| document(status)).unwrap_or_default(),
        };
        if !text.is_empty() && put(&text) == Readers::Gone {
            break;
        }
    }
    Ok(())
}

fn document(status: &Status) -> String {
    serde_json::to_string(status).expect("a status is plain data") + "\n"
}

fn line(now: Moment, change: &Change) -> String {
    format!("{now}  {}\n", harmless(&change.text))
}

impl Watched {
    /// Takes in what was seen; what is new about it.
    ///
    /// # Errors
    /// When the daemon knows nothing of the name or region that is to be watched.
    fn take(&mut self, seen: Result<Box<Status>, String>, now: Moment) -> Result<Vec<Change>, Failure> {
        let news = match seen {
            Err(why) => self.hear_nothing(why, now),
            Ok(status) => {
                let status = match &self.what {
                    Some(what) => Box::new(narrow(*status, what).map_err(Failure::Failed)?),
                    None => status,
                };
                self.hear(status, now)
            }
        };
        for change in &news {
            self.recent.push_front((now, change.clone()));
        }
        self.recent.truncate(RECENT_MAX);
        Ok(news)
    }

    fn hear_nothing(&mut self, why: String, now: Moment) -> Vec<Change> {
        let is_news = self.silent.is_none();
        let since = self.silent.take().map_or(now, |(since, _)| since);
        let text = format!("no answer: {why}");
        self.silent = Some((since, why));
        if is_news { vec![Change { subject: Subject::Daemon, text }] } else { Vec::new() }
    }

    fn hear(&mut self, status: Box<Status>, now: Moment) -> Vec<Change> {
        let silent = self.silent.take().map(|(since, _)| {
            let text = format!("the daemon answers again after {:?}", whole_seconds(now.since(since)));
            Change { subject: Subject::Daemon, text }
        });
        let before = self.status.replace(status);
        let after = self.status.as_ref().expect("it was just put there");
        let news = match before {
            Some(before) => changes(&before, after),
            // From nothing to all: where things stand at the beginning.
            None => changes(&Status::new(&after.node, after.source, after.time), after),
        };
        silent.into_iter().chain(news).collect()
    }

    /// What has changed just now.
    fn marked(&self, now: Moment) -> BTreeSet<Subject> {
        let recent = self.recent.iter().filter(|(at, _)| now.since(*at) < MARKED_FOR);
        recent.map(|(_, change)| change.subject.clone()).collect()
    }
}

fn whole_seconds(span: Duration) -> Duration {
    Duration::from_secs(span.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW, failed_over};
    use super::*;

    fn told(watched: &mut Watched, seen: Result<Status, &str>, second: u64) -> Vec<String> {
        let now = NOW + Duration::from_secs(second);
        let news = watched.take(seen.map(Box::new).map_err(str::to_owned), now).expect("it is known");
        news.into_iter().map(|change| change.text).collect()
    }

    #[test]
    fn a_daemon_that_goes_and_comes_back_is_told_once_each() {
        let mut watched = Watched::default();
        assert!(!told(&mut watched, Ok(failed_over()), 0).is_empty(), "where things stand");
        assert_eq!(told(&mut watched, Err("connection refused"), 1), ["no answer: connection refused"]);
        assert!(told(&mut watched, Err("connection refused"), 2).is_empty());
        assert!(watched.status.is_some(), "the last one stays on the screen");
        let restarted = Status { started: Some(NOW), ..failed_over() };
        let news = told(&mut watched, Ok(restarted), 9);
        assert_eq!(
            news,
            [
                "the daemon answers again after 8s",
                "cadence-dns 1.0.0 was started at 2026-11-22T16:04:11.000Z"
            ]
        );
        assert!(told(&mut watched, Ok(Status { started: Some(NOW), ..failed_over() }), 10).is_empty());
    }

    #[test]
    fn a_mark_goes_after_ten_seconds() {
        let mut watched = Watched::default();
        told(&mut watched, Ok(failed_over()), 0);
        let mut moved = failed_over();
        moved.names[0].epoch = 18;
        told(&mut watched, Ok(moved), 20);
        let name = Subject::Name("cadence.example.com".parse().expect("a name"));
        assert_eq!(watched.marked(NOW + Duration::from_secs(29)), BTreeSet::from([name]));
        assert!(watched.marked(NOW + Duration::from_secs(30)).is_empty());
    }

    #[test]
    fn a_name_that_is_not_steered_ends_the_watch() {
        let mut watched = Watched { what: Some("nowhere".into()), ..Watched::default() };
        let Err(Failure::Failed(why)) = watched.take(Ok(Box::new(failed_over())), NOW) else {
            panic!("it is none");
        };
        assert!(why.contains("nowhere"), "{why}");
    }
}
