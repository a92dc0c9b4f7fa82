//! A name: what it is answered with, where it was, why, and how long a failover takes by promise and by measurement.

use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;

use super::chart::Lanes;
use super::frame::{Frame, Place, Sight, finished};
use super::mark::Mark;
use super::measured::{Measured, measured};
use super::overview::{OrderRow, Waits};
use super::prose::Prose;
use super::when::{At, Since};
use super::words::list;
use crate::api::{
    BudgetStatus, Explanation, Heartbeats, HistoryPage, Incident, NameStatus, NumberedEntry, Outline, Stay,
    age,
};
use crate::health::State;
use crate::model::{Moment, Name, RegionId};

/// The decisions that are listed below the timeline.
const DECISIONS_MAX: usize = 20;

/// How far back a timeline goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Span {
    /// An hour.
    Hour,
    /// A day.
    #[default]
    Day,
    /// A week.
    Week,
}

impl Span {
    /// All of them.
    pub const ALL: [Span; 3] = [Span::Hour, Span::Day, Span::Week];

    /// How long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        let hours = match self {
            Span::Hour => 1,
            Span::Day => 24,
            Span::Week => 7 * 24,
        };
        Duration::from_secs(hours * 3600)
    }

    /// Its name in a URL, and on the page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Span::Hour => "1h",
            Span::Day => "24h",
            Span::Week => "7d",
        }
    }

    /// The span of this name.
    #[must_use]
    pub fn of(label: &str) -> Option<Span> {
        Span::ALL.into_iter().find(|span| span.label() == label)
    }
}

/// What is known of a name.
#[derive(Debug, Clone, Copy)]
pub struct NameSight<'s> {
    /// Why it is answered as it is.
    pub explanation: &'s Explanation,
    /// The entries about it, the newest first; or why there are none.
    pub history: Result<&'s HistoryPage, &'s str>,
    /// The last probes.
    pub beats: &'s Heartbeats,
    /// How far back its timeline goes.
    pub span: Span,
}

#[derive(Template)]
#[template(path = "name.html")]
struct NamePage<'s> {
    frame: Frame,
    name: &'s NameStatus,
    mark: Mark,
    since: Since,
    addresses: String,
    together: Vec<String>,
    ttl: Prose,
    waits: Option<Waits>,
    orders: Vec<OrderRow<'s>>,
    span: Span,
    lanes: Lanes,
    decisions: Vec<Decided<'s>>,
    is_cut: bool,
    no_history: Option<&'s str>,
    tree: Tree,
    budget: Option<Budget<'s>>,
    now: Moment,
}

struct Decided<'s> {
    at: At,
    numbered: &'s NumberedEntry,
}

/// Lines below lines.
#[derive(Template)]
#[template(path = "tree.html")]
pub(super) struct Tree {
    lines: Vec<Outline>,
    depth: usize,
}

impl HtmlSafe for Tree {}

impl Tree {
    fn prose(outline: &Outline) -> Prose {
        Prose::new(&outline.text)
    }

    fn below(&self, outline: &Outline) -> Tree {
        Tree { lines: outline.below.clone(), depth: self.depth + 1 }
    }

    /// What is open from the start: the first two levels, but not the rules that did not fire.
    fn is_open(&self, outline: &Outline) -> bool {
        self.depth < 2 && outline.text != "rules"
    }
}

/// What was promised, and what was measured.
struct Budget<'s> {
    budget: &'s BudgetStatus,
    rows: Vec<BudgetRow>,
    measured: Option<Measured>,
}

/// A span as a bar beside the others.
struct BudgetRow {
    what: &'static str,
    figure: String,
    /// Of 1000.
    width: u32,
    is_measured: bool,
}

/// The page of a name; none if it is not steered.
#[must_use]
pub fn name(sight: &Sight<'_>, name: &Name, seen: &NameSight<'_>) -> Option<String> {
    let Sight { status, now, .. } = *sight;
    let NameSight { explanation, history, beats, span } = *seen;
    let entries = history.map(|page| page.entries.as_slice()).unwrap_or_default();
    let found = status.names.iter().find(|known| known.name == *name)?;
    let region = status.regions.iter().find(|region| region.region == found.region);
    let mark = Mark::of_name(found, region.is_some_and(|region| region.state == State::Down));
    let decision = explanation.decision.as_deref();
    let regions: Vec<RegionId> =
        decision.iter().flat_map(|decision| &decision.regions).map(|region| region.region.clone()).collect();
    let from = now.before(span.length());
    let stays = stays(found, entries, from, now);
    let of_name = |numbered: &&NumberedEntry| numbered.entry.names.contains(name);
    let of_name: Vec<&NumberedEntry> = entries.iter().filter(of_name).collect();
    let orders = decision.iter().flat_map(|decision| &decision.overrides);
    let together = decision.map(|decision| decision.names.as_slice()).unwrap_or_default();
    let page = NamePage {
        frame: sight.frame(format!("{name}: {} {}", mark.word, found.region), Place::Elsewhere),
        name: found,
        since: Since::new(found.since, now),
        addresses: list(&found.addresses),
        together: together.iter().filter(|other| *other != name).take(20).map(ToString::to_string).collect(),
        ttl: Prose::new(&match (decision, found.ttl) {
            (Some(decision), _) => format!("{}, {}", decision.ttl.ttl, decision.ttl.why),
            (None, Some(ttl)) => ttl.to_string(),
            (None, None) => "unknown".into(),
        }),
        waits: Waits::of(found, now),
        orders: orders.map(|order| OrderRow::of(order, now)).collect(),
        span,
        lanes: Lanes::new(&regions, &stays, from, now, now),
        no_history: history.err(),
        is_cut: of_name.len() > DECISIONS_MAX,
        decisions: of_name
            .iter()
            .take(DECISIONS_MAX)
            .map(|numbered| Decided { at: At::new(numbered.entry.time, now), numbered })
            .collect(),
        tree: Tree { lines: Outline::of(explanation).below, depth: 0 },
        budget: found.budget.as_ref().map(|budget| Budget::of(budget, measured(name, entries, beats))),
        now,
        mark,
    };
    Some(finished(&page))
}

/// Where the name was, as far back as the entries go. While none of them is about it, it was as it is now.
fn stays(name: &NameStatus, entries: &[NumberedEntry], from: Moment, now: Moment) -> Vec<Stay> {
    let known = entries.last().map_or(from, |oldest| oldest.entry.time.max(from));
    let about = entries.iter().rev().map(|numbered| &numbered.entry);
    let entries: Vec<_> = about.filter(|entry| entry.names.contains(&name.name)).cloned().collect();
    let stays = Incident::of(&entries, known, now).stays;
    if !stays.is_empty() {
        return stays;
    }
    let begin = name.since.max(from);
    vec![Stay {
        name: name.name.clone(),
        more_names: 0,
        region: name.region.clone(),
        epoch: name.epoch,
        from: begin,
        to: now,
        why: Some(name.why.clone()),
        is_dead: false,
    }]
}

impl<'s> Budget<'s> {
    fn of(budget: &'s BudgetStatus, measured: Option<Measured>) -> Budget<'s> {
        let detect = measured.as_ref().and_then(|measured| measured.detect).map(|span| span.as_secs_f64());
        let spans = [
            ("may take, by your rto", budget.rto, false),
            ("until the last client has moved, at the most", Some(budget.total), false),
            ("until the answer has changed, at the most", Some(budget.detect), false),
            ("until the answer had changed, the last time", detect, true),
        ];
        let longest = spans.iter().filter_map(|(_, seconds, _)| *seconds).fold(f64::MIN_POSITIVE, f64::max);
        let row = |(what, seconds, is_measured): (&'static str, Option<f64>, bool)| {
            let seconds = seconds?;
            let width = (seconds / longest * 1000.0).clamp(4.0, 1000.0) as u32;
            Some(BudgetRow { what, figure: crate::api::latency(seconds), width, is_measured })
        };
        Budget { budget, rows: spans.into_iter().filter_map(row).collect(), measured }
    }
}

impl Measured {
    fn ago(&self, now: Moment) -> String {
        age(now.since(self.at))
    }
}
