//! The screen: a pure function of what is looked at.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Clear, Paragraph, Row, Table, TableState, Wrap};

use super::view::{EndpointsBy, Focus, NamesBy, Rates, View};
use crate::api::{CheckStatus, EndpointStatus, NameStatus, RegionStatus, Status};
use crate::cli::output::harmless;
use crate::cli::status::words::{endpoint_state, with_wait};
use crate::cli::text::{age, latency, probe_of};
use crate::health::State;
use crate::model::Moment;
use crate::policy::Urgency;

/// Smaller than this there is nothing to be seen.
const SMALLEST: (u16, u16) = (24, 6);

/// Warnings have so many lines at most.
const WARNINGS_MAX: u16 = 5;

const HELP: &str = "\
q        end
Tab      from the names to the addresses, and back
up down  choose a row (also k j, PgUp PgDn, Home End)
s        sort: names by configuration, urgency, name, newest;
         addresses by region, state, latency
p        pause and go on
?        this help

A strip has the last probes, the newest at the right: the
higher, the slower; × failed, ? could not be sent.";

/// Draws all of it.
pub(super) fn all(frame: &mut Frame<'_>, view: &View, now: Moment) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        frame.render_widget(Paragraph::new("too small; q ends"), area);
        return;
    }
    let warnings = warnings(view);
    let shown = u16::try_from(warnings.len()).unwrap_or(WARNINGS_MAX).min(WARNINGS_MAX);
    let (names, endpoints) = (view.names().len(), rows_of_endpoints(view));
    let [head, of_names, of_endpoints, of_warnings, foot] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Fill(part(names)),
        Constraint::Fill(part(endpoints)),
        Constraint::Length(shown),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(Paragraph::new(heading(view, now)), head);
    draw_names(frame, view, of_names, now);
    draw_endpoints(frame, view, of_endpoints, now);
    let warnings: Vec<Line<'_>> = warnings.into_iter().take(usize::from(shown)).collect();
    frame.render_widget(Paragraph::new(warnings), of_warnings);
    frame.render_widget(Paragraph::new(footer(view, area.width)), foot);
    if view.has_help {
        help(frame, area);
    }
}

/// Tables share the height by what they have; a long one leaves a short one its own.
fn part(rows: usize) -> u16 {
    u16::try_from(rows.clamp(1, 30)).unwrap_or(30) + 2
}

fn rows_of_endpoints(view: &View) -> usize {
    view.endpoints().iter().map(|(_, endpoint)| endpoint.checks.len().max(1)).sum()
}

fn heading(view: &View, now: Moment) -> Vec<Line<'static>> {
    let first = match (&view.silent, &view.status) {
        (Some((since, why)), _) => {
            let text = format!("NO ANSWER for {}: {}", age(now.since(*since)), harmless(why));
            Line::styled(text, bad(view))
        }
        (None, None) => Line::raw("asking the daemon …"),
        (None, Some(status)) => Line::from(vec![
            Span::styled(
                format!("cadence-dns {}", status.version),
                Style::new().add_modifier(Modifier::BOLD),
            ),
            Span::raw(format!("  {}{}  {}", status.node, up(status), clock(status.time))),
            Span::styled(if view.is_paused { "  PAUSED" } else { "" }, warn(view)),
        ]),
    };
    vec![first, rates(view.rates.as_ref())]
}

fn up(status: &Status) -> String {
    status.started.map(|started| format!("  up {}", age(status.time.since(started)))).unwrap_or_default()
}

/// `16:04:11`, which is enough beside a clock.
fn clock(time: Moment) -> String {
    let text = time.to_string();
    text.get(11..19).unwrap_or(&text).to_owned() + "Z"
}

fn rates(rates: Option<&Rates>) -> Line<'static> {
    let Some(Rates { queries, noerror, nxdomain, refused, limited, lost }) = rates else {
        return Line::raw("queries: –");
    };
    Line::raw(format!(
        "queries {}/s: {} NOERROR, {} NXDOMAIN, {} REFUSED, {} limited, {} lost",
        rate(*queries),
        rate(*noerror),
        rate(*nxdomain),
        rate(*refused),
        rate(*limited),
        rate(*lost)
    ))
}

fn rate(a_second: f64) -> String {
    match a_second {
        0.0 => "0".into(),
        r if r < 10.0 => format!("{r:.1}"),
        r if r < 10_000.0 => format!("{r:.0}"),
        r if r < 1_000_000.0 => format!("{:.1}k", r / 1e3),
        r => format!("{:.2}M", r / 1e6),
    }
}

fn draw_names(frame: &mut Frame<'_>, view: &View, area: Rect, now: Moment) {
    let Some(status) = &view.status else { return };
    let wide = area.width >= 90;
    let row = |name: &&NameStatus| {
        let style = style(view, Urgency::of_name(name, status));
        let mut cells = vec![name.name.to_string(), answer(name)];
        if wide {
            cells.extend([age(now.since(name.since)), name.epoch.to_string()]);
        }
        cells.push(harmless(&with_wait(name)).into_owned());
        Row::new(cells.into_iter().map(Cell::from)).style(style)
    };
    let sorted = match view.names_by {
        NamesBy::Configuration => "",
        NamesBy::Urgency => " (by urgency)",
        NamesBy::Name => " (by name)",
        NamesBy::Newest => " (newest first)",
    };
    let names = view.names();
    let longest = names.iter().map(|name| name.name.to_string().len()).max().unwrap_or_default();
    let answers = names.iter().map(|name| answer(name).len()).max().unwrap_or_default();
    let mut widths = vec![column(longest.max(4 + sorted.len()), area.width / 3), column(answers.max(6), 24)];
    let mut heads = vec![format!("NAME{sorted}"), "ANSWER".into()];
    if wide {
        widths.extend([Constraint::Length(9), Constraint::Length(6)]);
        heads.extend(["SINCE".into(), "EPOCH".into()]);
    }
    widths.push(Constraint::Fill(1));
    heads.push("WHY".into());
    table(frame, view, area, Focus::Names, heads, widths, names.iter().map(row).collect());
}

fn column(longest: usize, most: u16) -> Constraint {
    Constraint::Length(u16::try_from(longest).unwrap_or(most).min(most))
}

fn answer(name: &NameStatus) -> String {
    format!("{} ({})", name.region, name.addresses.len())
}

fn draw_endpoints(frame: &mut Frame<'_>, view: &View, area: Rect, now: Moment) {
    let strip = usize::from((area.width / 4).clamp(6, 40));
    let endpoints = view.endpoints();
    let rows = endpoints.iter().flat_map(|(region, endpoint)| rows(view, region, endpoint, strip, now));
    let rows: Vec<Row<'_>> = rows.collect();
    let sorted = match view.endpoints_by {
        EndpointsBy::Region => "",
        EndpointsBy::State => " (by state)",
        EndpointsBy::Latency => " (slowest first)",
    };
    let place = |(region, endpoint): &(&RegionStatus, &EndpointStatus)| place(region, endpoint).len();
    let longest = endpoints.iter().map(place).max().unwrap_or_default();
    let longest = longest.max("ADDRESS".len() + sorted.len());
    let strip = Constraint::Length(u16::try_from(strip).unwrap_or(40));
    let mut widths =
        vec![column(longest, area.width / 3), Constraint::Length(11), strip, Constraint::Length(8)];
    let mut heads = vec![format!("ADDRESS{sorted}"), "STATE".into(), "PROBES".into(), "LATENCY".into()];
    if area.width >= 70 {
        widths.push(Constraint::Fill(1));
        heads.push("LAST PROBE".into());
    }
    table(frame, view, area, Focus::Endpoints, heads, widths, rows);
}

fn place(region: &RegionStatus, endpoint: &EndpointStatus) -> String {
    format!("{} {}", region.region, endpoint.address)
}

/// One for each check; one for an address that is not probed.
fn rows<'v>(
    view: &'v View,
    region: &RegionStatus,
    endpoint: &EndpointStatus,
    strip: usize,
    now: Moment,
) -> Vec<Row<'v>> {
    let style = match (endpoint.state, endpoint.suspect || endpoint.degraded.is_some()) {
        (State::Down, _) => bad(view),
        (State::Unknown, _) | (State::Up, true) => warn(view),
        (State::Up, false) => Style::new(),
    };
    let state = endpoint_state(endpoint);
    if endpoint.checks.is_empty() {
        let cells = [place(region, endpoint), state.to_owned(), "not probed".into()];
        return vec![Row::new(cells.map(Cell::from)).style(style)];
    }
    let row = |(number, check): (usize, &CheckStatus)| {
        let (place, state) = match number {
            0 => (place(region, endpoint), state.to_owned()),
            _ => (format!("  {}", probe_of(check)), String::new()),
        };
        let latency = check.latency.map_or_else(|| "-".into(), latency);
        let signs = view.signs(&region.region, endpoint.address, check, strip);
        let cells = [place, state, signs, latency, last(check, now)];
        Row::new(cells.map(Cell::from)).style(style)
    };
    endpoint.checks.iter().enumerate().map(row).collect()
}

fn last(check: &CheckStatus, now: Moment) -> String {
    let seen = check.seen.map(|seen| format!("{} ago: ", age(now.since(seen)))).unwrap_or_default();
    let what = match (&check.trouble, &check.failure) {
        (Some(trouble), _) => format!("could not be sent: {trouble}"),
        (None, Some(failure)) => failure.to_string(),
        (None, None) if check.seen.is_some() => "ok".to_owned(),
        (None, None) => "not yet".to_owned(),
    };
    harmless(&format!("{seen}{what}")).into_owned()
}

fn table(
    frame: &mut Frame<'_>,
    view: &View,
    area: Rect,
    focus: Focus,
    heads: Vec<String>,
    widths: Vec<Constraint>,
    rows: Vec<Row<'_>>,
) {
    let has_focus = view.focus == focus;
    let line = Style::new().add_modifier(if has_focus { Modifier::BOLD } else { Modifier::DIM });
    let heads = Row::new(heads.into_iter().map(Cell::from)).style(Style::new().add_modifier(Modifier::BOLD));
    let table = Table::new(rows, widths)
        .header(heads)
        .column_spacing(1)
        .block(Block::new().borders(Borders::TOP).border_style(line))
        .highlight_symbol(if has_focus { "> " } else { "  " });
    let mut state = TableState::new().with_selected(Some(view.row[focus as usize]));
    frame.render_stateful_widget(table, area, &mut state);
}

fn warnings(view: &View) -> Vec<Line<'static>> {
    let Some(status) = &view.status else { return Vec::new() };
    let line = |text: &str| Line::styled(format!("! {}", harmless(text)), bad(view));
    status.warnings.iter().map(|warning| line(&warning.text)).collect()
}

fn footer(view: &View, width: u16) -> Line<'static> {
    let text = match width {
        70.. => "q end   Tab names/addresses   ↑↓ choose   s sort   p pause   ? help",
        _ => "q end  Tab  ↑↓  s sort  p  ?",
    };
    let warnings = view.status.as_ref().map_or(0, |status| status.warnings.len());
    let more = warnings.saturating_sub(usize::from(WARNINGS_MAX));
    let text = if more > 0 { format!("{text}   {more} warnings more") } else { text.to_owned() };
    Line::styled(text, Style::new().add_modifier(Modifier::DIM))
}

fn help(frame: &mut Frame<'_>, area: Rect) {
    let (width, height) = (area.width.min(64), area.height.min(13));
    let area = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    frame.render_widget(Clear, area);
    let help = Paragraph::new(HELP).wrap(Wrap { trim: false }).block(Block::bordered().title("Keys"));
    frame.render_widget(help, area);
}

fn style(view: &View, urgency: Option<Urgency>) -> Style {
    match urgency {
        None | Some(Urgency::Info) => Style::new(),
        Some(Urgency::Warning) => warn(view),
        Some(Urgency::Critical) => bad(view),
    }
}

fn warn(view: &View) -> Style {
    if view.colour { Style::new().fg(Color::Yellow) } else { Style::new().add_modifier(Modifier::BOLD) }
}

fn bad(view: &View) -> Style {
    let style = Style::new().add_modifier(Modifier::BOLD);
    if view.colour { style.fg(Color::Red) } else { style.add_modifier(Modifier::REVERSED) }
}
