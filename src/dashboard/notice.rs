//! Pages about what is not there.

use askama::Template;

use super::frame::{Frame, Place, Sight, finished};
use super::prose::Prose;
use crate::model::Moment;

/// What is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// No page at this path.
    NoPage,
    /// The name is not steered.
    NoName(String),
    /// No region of this name.
    NoRegion(String),
    /// The name server decides alone.
    NoCluster,
    /// It cannot be told now: a sentence without a full stop.
    Unavailable(String),
}

#[derive(Template)]
#[template(path = "notice.html")]
struct Page {
    frame: Frame,
    title: &'static str,
    text: String,
    help: Prose,
}

/// A page that says what is not there, and where to go. `sight`: none if the controller has not said anything yet.
#[must_use]
pub fn notice(sight: Option<&Sight<'_>>, notice: &Notice, now: Moment) -> String {
    let (title, text, help) = match notice {
        Notice::NoPage => (
            "No such page",
            "There is no page at this address.".into(),
            "The overview leads to all that there are.",
        ),
        Notice::NoName(name) => (
            "No such name",
            format!("{name} is not steered."),
            "`cadence-dns explain` tells how any name is answered, steered or not.",
        ),
        Notice::NoRegion(region) => {
            ("No such region", format!("There is no region {region}."), "The overview has all of them.")
        }
        Notice::NoCluster => (
            "No cluster",
            "This name server decides alone: its configuration has no [cluster].".into(),
            "The overview has all that it decides.",
        ),
        Notice::Unavailable(why) => (
            "Not to be had now",
            format!("{why}."),
            "DNS goes on with the last answers. `cadence-dns status` shows what was saved; the log says why.",
        ),
    };
    let frame = match sight {
        Some(sight) => sight.frame(title, Place::Elsewhere),
        None => Frame { title: title.into(), ..Frame::bare(now) },
    };
    finished(&Page { frame, title, text, help: Prose::new(help) })
}
