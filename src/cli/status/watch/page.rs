//! What the terminal shows: a pure function, so that its look is a golden text.

use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Text};

use super::Watched;
use crate::cli::output::harmless;
use crate::cli::status::look::{Look, MARK};
use crate::cli::status::render::render;
use crate::cli::text::age;
use crate::model::Moment;

/// Narrower than this, tables are not wrapped but cut: words of three letters a line help nobody.
const WRAPPED_FROM: u16 = 80;

/// So many changes are shown at least, where there are so many.
const CHANGES_MIN: usize = 3;

/// A line, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shown {
    pub(super) tone: Tone,
    pub(super) text: String,
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    /// The heading of a table.
    Heading,
    /// Something has just changed in it.
    Marked,
    /// An operator should look.
    Bad,
    /// Beside the point.
    Faint,
}

/// The lines for a terminal of this size.
pub(super) fn lines(watched: &Watched, now: Moment, width: u16, height: u16) -> Vec<Shown> {
    let mut above = silence(watched, now);
    above.extend(status(watched, now, width));
    let below = changes(watched);
    let (height, kept) = (usize::from(height), below.len().min(CHANGES_MIN + 2));
    let room = height.saturating_sub(kept);
    if above.len() > room {
        let hidden = above.len() - room.saturating_sub(1);
        above.truncate(room.saturating_sub(1));
        above.push(Shown { tone: Tone::Faint, text: format!("… {hidden} lines more than fit") });
    }
    above.extend(below);
    above.truncate(height);
    above.into_iter().map(|line| cut(line, usize::from(width))).collect()
}

fn silence(watched: &Watched, now: Moment) -> Vec<Shown> {
    let Some((since, why)) = &watched.silent else { return Vec::new() };
    let seen = match &watched.status {
        Some(status) => format!("; below is what it said at {}", status.time),
        None => String::new(),
    };
    let text = format!("NO ANSWER for {}: {why}{seen}", age(now.since(*since)));
    vec![Shown { tone: Tone::Bad, text }, plain(String::new())]
}

fn status(watched: &Watched, now: Moment, width: u16) -> Vec<Shown> {
    let Some(status) = &watched.status else { return Vec::new() };
    let marked = watched.marked(now);
    let width = (width >= WRAPPED_FROM).then_some(width);
    let text = render(status, &Look { now, width, marked: &marked });
    harmless(&text).lines().map(of_line).collect()
}

fn of_line(text: &str) -> Shown {
    let first = text.split_whitespace().next().unwrap_or_default();
    let tone = match text {
        _ if text.starts_with(MARK) => Tone::Marked,
        _ if text.starts_with("! ") || text.contains(" DOWN ") => Tone::Bad,
        _ if ["NAME", "REGION", "ENDPOINT", "GATE", "ID"].contains(&first) => Tone::Heading,
        _ if text.starts_with("note:") || text.starts_with("    help:") => Tone::Faint,
        _ => Tone::Plain,
    };
    Shown { tone, text: text.to_owned() }
}

fn changes(watched: &Watched) -> Vec<Shown> {
    let line = |(at, change): &(Moment, _)| {
        let super::Change { text, .. } = change;
        let time = at.to_string();
        let time = time.get(11..19).unwrap_or(&time);
        plain(format!("{time}  {}", harmless(text)))
    };
    if watched.recent.is_empty() {
        return Vec::new();
    }
    let heading = Shown { tone: Tone::Heading, text: "CHANGES, the newest first (q ends)".into() };
    [plain(String::new()), heading].into_iter().chain(watched.recent.iter().map(line)).collect()
}

fn plain(text: String) -> Shown {
    Shown { tone: Tone::Plain, text }
}

/// Cut to the width, with a sign that it was.
fn cut(Shown { tone, text }: Shown, width: usize) -> Shown {
    if text.chars().count() <= width {
        return Shown { tone, text };
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    Shown { tone, text: format!("{kept}…") }
}

/// With colours, or without.
pub(super) fn painted(lines: &[Shown], colour: bool) -> Text<'static> {
    let line = |Shown { tone, text }: &Shown| Line::styled(text.clone(), style(*tone, colour));
    Text::from(lines.iter().map(line).collect::<Vec<_>>())
}

fn style(tone: Tone, colour: bool) -> Style {
    let style = Style::default();
    match tone {
        Tone::Plain => style,
        Tone::Heading => style.add_modifier(Modifier::BOLD),
        Tone::Faint => style.add_modifier(Modifier::DIM),
        Tone::Marked if colour => style.fg(Color::Yellow).add_modifier(Modifier::BOLD),
        Tone::Bad if colour => style.fg(Color::Red).add_modifier(Modifier::BOLD),
        Tone::Marked | Tone::Bad => style.add_modifier(Modifier::BOLD),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::sample::{NOW, failed_over};
    use super::*;

    fn watched() -> Watched {
        let mut watched = Watched::default();
        let mut moved = failed_over();
        moved.names[0].epoch = 18;
        for (second, status) in [(0, failed_over()), (60, moved)] {
            let now = NOW + Duration::from_secs(second);
            watched.take(Ok(Box::new(status)), now).expect("nothing is left out");
        }
        watched
    }

    fn page(watched: &Watched, width: u16, height: u16) -> String {
        let lines = lines(watched, NOW + Duration::from_secs(61), width, height);
        assert!(lines.len() <= usize::from(height));
        assert!(lines.iter().all(|line| line.text.chars().count() <= usize::from(width)));
        let sign = |tone| match tone {
            Tone::Marked => '>',
            Tone::Bad => '!',
            Tone::Plain | Tone::Heading | Tone::Faint => ' ',
        };
        lines.iter().map(|line| format!("{}|{}\n", sign(line.tone), line.text)).collect()
    }

    #[test]
    fn a_wide_terminal() {
        insta::assert_snapshot!(page(&watched(), 110, 40), @r"
         |cadence-dns 1.0.0  node ns1  up 41d 03:13  2026-11-22T16:04:11.000Z
         |
         |NAME                   ANSWER                 TTL  SINCE  EPOCH  WHY
        >|* cadence.example.com  eu-west (1 A, 1 AAAA)  30s  13:45  18     failed over: us-east down: 0/1 up, 1
         |                                                                 needed, connection refused; failback hold,
         |                                                                 to us-east in 00:40
         |
         |budget cadence.example.com: 37s of rto 45s  = 5s + 2s
         |
         |REGION   SINCE  VERDICT
         |eu-west  13:45  up: 1/1 up
         |us-east  13:45  down: 0/1 up, 1 needed, connection refused
         |
         |ENDPOINT            STATE  PROBE              SEEN       LATENCY  LAST PROBE
         |eu-west 192.0.2.20  up     #0 up              00:02 ago  12 ms    ok
        !|us-east 192.0.2.10  DOWN   #0 down, 1 passed  00:02 ago  12 ms    connection refused
         |
         |queries 5000: 4000 NOERROR, 300 NXDOMAIN, 20 REFUSED, 1 other codes, 9 dropped; 7 truncated, 2 unsent, 3 over…
         |AF_XDP 4500 of the queries
         |rate limit 670: 300 dropped, 330 slipped, 40 BADCOOKIE
         |
        !|! region us-east is down
         |    help: look at it
         |
         |CHANGES, the newest first (q ends)
         |16:05:11  cadence.example.com: stays with eu-west (epoch 18): failed over: us-east down: 0/1 up, 1 needed, co…
         |16:04:11  ! region us-east is down
         |16:04:11  us-east: down: 0/1 up, 1 needed, connection refused
         |16:04:11  eu-west: up: 1/1 up
         |16:04:11  cadence.example.com: eu-west: failed over: us-east down: 0/1 up, 1 needed, connection refused; fail…
         |16:04:11  cadence-dns 1.0.0 was started at 2026-10-12T12:51:27.000Z
        ");
    }

    #[test]
    fn a_narrow_and_low_one_is_cut() {
        insta::assert_snapshot!(page(&watched(), 40, 14), @r"
         |cadence-dns 1.0.0  node ns1  up 41d 03:…
         |
         |NAME                   ANSWER          …
        >|* cadence.example.com  eu-west (1 A, 1 …
         |
         |budget cadence.example.com: 37s of rto …
         |
         |REGION   SINCE  VERDICT
         |… 13 lines more than fit
         |
         |CHANGES, the newest first (q ends)
         |16:05:11  cadence.example.com: stays wi…
         |16:04:11  ! region us-east is down
         |16:04:11  us-east: down: 0/1 up, 1 need…
        ");
    }

    #[test]
    fn a_daemon_that_is_gone_stands_above_all() {
        let mut watched = watched();
        let now = NOW + Duration::from_secs(61);
        watched.take(Err("no daemon answers on /run/x: connection refused".into()), now).expect("a word");
        let page = page(&watched, 120, 30);
        assert!(page.starts_with("!|NO ANSWER for 00:00: no daemon answers on /run/x"), "{page}");
        assert!(page.contains("cadence.example.com"), "{page}");
    }

    #[test]
    fn any_size_is_drawn() {
        for (width, height) in [(0, 0), (1, 1), (2, 3), (79, 5), (500, 200)] {
            let watched = watched();
            drop(painted(&lines(&watched, NOW, width, height), true));
        }
    }
}
