//! The screen as a golden text.

use std::time::Duration;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::KeyCode;
use ratatui::style::{Color, Modifier};

use super::super::status::sample::{NOW, failed_over};
use super::view::View;
use super::*;
use crate::api::Status;
use crate::model::Moment;

/// A failover that has been watched for ten seconds, with 150 queries in each.
fn watched(colour: bool) -> View {
    let mut view = View::new(colour);
    for second in 0..10 {
        view.take(Ok(Box::new(after(second))), at(second));
    }
    view
}

fn at(second: u64) -> Moment {
    NOW + Duration::from_secs(second)
}

fn after(second: u64) -> Status {
    let mut status = Status { time: at(second), ..failed_over() };
    if let Some(dns) = &mut status.dns {
        dns.queries += 150 * second;
        dns.noerror += 150 * second;
    }
    for region in &mut status.regions {
        for check in region.endpoints.iter_mut().flat_map(|endpoint| &mut endpoint.checks) {
            check.seen = Some(at(second));
            check.latency = Some(0.001 * (second % 4 + 1) as f64);
        }
    }
    status
}

fn drawn(view: &View, width: u16, height: u16) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is in memory");
    terminal.draw(|frame| draw::all(frame, view, at(10))).expect("it is in memory");
    terminal
}

fn text(view: &View, width: u16, height: u16) -> String {
    let terminal = drawn(view, width, height);
    let buffer = terminal.backend().buffer();
    let line = |y| -> String { (0..width).map(|x| buffer[(x, y)].symbol()).collect() };
    (0..height).map(|y| format!("|{}\n", line(y).trim_end())).collect()
}

#[test]
fn a_failover_on_a_wide_terminal() {
    insta::assert_snapshot!(text(&watched(true), 120, 18), @r"
    |cadence-dns 1.0.0  ns1  up 41d 03:12  16:04:20Z
    |queries 150/s: 150 NOERROR, 0 NXDOMAIN, 0 REFUSED, 0 limited, 0 lost
    |────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    |  NAME                ANSWER      SINCE     EPOCH  WHY
    |> cadence.example.com eu-west (2) 12:54     17     failed over: us-east down: 0/1 up, 1 needed, connection refused; fail
    |
    |
    |
    |────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    |  ADDRESS            STATE       PROBES                         LATENCY  LAST PROBE
    |  eu-west 192.0.2.20 up                              ▂▄▆█▂▄▆█▂▄ 2 ms     00:01 ago: ok
    |  us-east 192.0.2.10 DOWN                            ×××××××××× 2 ms     00:01 ago: connection refused
    |
    |
    |
    |
    |! region us-east is down
    |q end   Tab names/addresses   ↑↓ choose   s sort   p pause   ? help
    ");
}

#[test]
fn a_failover_on_a_narrow_terminal() {
    insta::assert_snapshot!(text(&watched(true), 46, 14), @r"
    |cadence-dns 1.0.0  ns1  up 41d 03:12  16:04:20
    |queries 150/s: 150 NOERROR, 0 NXDOMAIN, 0 REFU
    |──────────────────────────────────────────────
    |  NAME            ANSWER      WHY
    |> cadence.example eu-west (2) failed over: us-
    |
    |──────────────────────────────────────────────
    |  ADDRESS     STATE       PROBES      LATENCY
    |  eu-west 192 up           ▂▄▆█▂▄▆█▂▄ 2 ms
    |  us-east 192 DOWN         ×××××××××× 2 ms
    |
    |
    |! region us-east is down
    |q end  Tab  ↑↓  s sort  p  ?
    ");
}

#[test]
fn any_size_is_drawn() {
    let mut view = watched(true);
    view.press(KeyCode::Char('?'));
    for (width, height) in [(1, 1), (23, 5), (24, 6), (30, 7), (80, 24), (400, 120), (65_535, 1)] {
        drawn(&view, width, height);
    }
    drawn(&View::new(false), 80, 24);
}

#[test]
fn the_keys_choose_sort_pause_and_help() {
    let mut view = watched(true);
    view.press(KeyCode::Char('s'));
    assert!(text(&view, 120, 18).contains("NAME (by urgency)"));
    view.press(KeyCode::Tab);
    view.press(KeyCode::Char('s'));
    view.press(KeyCode::Down);
    view.press(KeyCode::Down);
    let shown = text(&view, 120, 18);
    assert!(shown.contains("ADDRESS (by state)") && shown.contains("> eu-west 192.0.2.20"), "{shown}");
    view.press(KeyCode::Char('p'));
    view.take(Ok(Box::new(after(60))), at(60));
    let paused = text(&view, 120, 18);
    assert!(paused.contains("PAUSED") && paused.contains("16:04:20Z"), "it stands still: {paused}");
    view.press(KeyCode::Char('?'));
    assert!(text(&view, 120, 18).contains("choose a row"));
}

#[test]
fn rates_are_differences_and_a_restart_begins_anew() {
    let mut view = watched(false);
    assert_eq!(view.rates.map(|rates| rates.queries), Some(150.0));
    let mut restarted = after(20);
    restarted.dns = Some(crate::api::DnsStatus::default());
    view.take(Ok(Box::new(restarted)), at(20));
    assert_eq!(view.rates, None);
}

#[test]
fn a_daemon_that_does_not_answer_is_told_above_what_it_said_last() {
    let mut view = watched(true);
    view.take(Err("no daemon answers on /run/x".into()), at(10));
    let shown = text(&view, 120, 18);
    assert!(shown.starts_with("|NO ANSWER for 00:00: no daemon answers on /run/x"), "{shown}");
    assert!(shown.contains("cadence.example.com"), "{shown}");
    view.take(Ok(Box::new(after(12))), at(12));
    assert!(!text(&view, 120, 18).contains("NO ANSWER"));
}

#[test]
fn without_colours_nothing_is_coloured_and_what_is_bad_is_seen() {
    let of = |colour| {
        let terminal = drawn(&watched(colour), 120, 18);
        let cells = terminal.backend().buffer().content().to_vec();
        let has_colour = cells.iter().any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset);
        let has_sign = cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED));
        (has_colour, has_sign)
    };
    assert_eq!(of(true), (true, false));
    assert_eq!(of(false), (false, true));
}
