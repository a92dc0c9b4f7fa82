//! What every page has around its content: where one is, how old it is, and what is wrong with the daemon itself.

use std::time::Duration;

use super::asset::{ICON, SCRIPT, STYLE};
use super::when::{Since, clock};
use crate::api::{Source, Status, age};
use crate::model::{Moment, plain};

/// A page that is older than this says so.
const OLD: Duration = Duration::from_secs(15);

/// What is known when a page is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Sight<'s> {
    /// What the controller said last.
    pub status: &'s Status,
    /// Why it does not say more, if it does not: a sentence without a full stop.
    pub trouble: Option<&'s str>,
    /// What time it is.
    pub now: Moment,
}

/// The pages that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Overview,
    Cluster,
    History,
    Settings,
    Elsewhere,
}

/// The frame of a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) place: Place,
    /// There is a page of the cluster.
    pub(super) is_clustered: bool,
    pub(super) now: Moment,
    pub(super) node: String,
    pub(super) version: String,
    pub(super) told: Moment,
    pub(super) started: Option<Since>,
    pub(super) alarm: Option<String>,
    pub(super) style: &'static str,
    pub(super) script: &'static str,
    pub(super) icon: &'static str,
}

impl Sight<'_> {
    pub(super) fn frame(&self, title: impl Into<String>, place: Place) -> Frame {
        let Sight { status, now, .. } = *self;
        Frame {
            title: title.into(),
            place,
            is_clustered: status.cluster.is_some(),
            now,
            node: status.node.clone(),
            version: status.version.clone(),
            told: status.time,
            started: status.started.map(|started| Since::new(started, now)),
            alarm: self.alarm(),
            ..Frame::bare(now)
        }
    }

    /// What makes everything else on the page doubtful.
    fn alarm(&self) -> Option<String> {
        let Sight { status, trouble, now } = *self;
        let old = now.since(status.time);
        let told = format!("What follows is what it said {} ago, at {}.", age(old), clock(status.time, now));
        match (trouble, status.source) {
            (Some(trouble), _) => Some(format!("The controller does not answer: {trouble}. {told}")),
            (None, Source::Saved) => Some(format!("The daemon does not run. {told}")),
            (None, Source::Stale) => Some(format!("The controller does not answer. {told}")),
            (None, Source::Live) if old > OLD => Some(format!("This is old. {told}")),
            (None, Source::Live) => None,
        }
    }
}

impl Frame {
    /// Of a page that knows nothing.
    pub(super) fn bare(now: Moment) -> Frame {
        Frame {
            title: String::new(),
            place: Place::Elsewhere,
            is_clustered: false,
            now,
            node: String::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            told: now,
            started: None,
            alarm: None,
            style: &STYLE.path,
            script: &SCRIPT.path,
            icon: &ICON.path,
        }
    }

    pub(super) fn is_at(&self, place: Place) -> bool {
        self.place == place
    }

    pub(super) fn told_at(&self) -> String {
        clock(self.told, self.now)
    }
}

/// The text of a page: no character in it turns a line around, whoever wrote it.
pub(super) fn finished(page: &impl askama::Template) -> String {
    let html = page.render().expect("writing to a string does not fail");
    plain(&html, |character| character == '\n').into_owned()
}
