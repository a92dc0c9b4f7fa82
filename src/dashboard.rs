//! The dashboard: what operators see in a browser, made from the shapes of `api`.
//!
//! ```text
//! Status, Heartbeats, Explanation, HistoryPage ─▶ page: a view of one thing ─template─▶ HTML, with charts as SVG
//! style sheet, script, icon ─▶ asset: embedded, named by what is in them
//! ```
//!
//! A page is whole without a script: it tells all that it has as text, and asks to be loaded again. With the script it
//! listens to `/events`, loads itself when something has changed, and replaces the parts that are marked `data-live`: so
//! there is one truth, the page as it is served. The serving is the task of `control`.
//!
//! All text that operators or the network wrote is escaped by the templates, and what could turn a line around is shown as
//! an escape. Nothing is loaded from elsewhere: [`CONTENT_SECURITY_POLICY`] has the browser hold us to it.

mod advice;
mod asset;
mod chart;
mod cluster;
mod failover;
mod frame;
mod history;
mod mark;
mod measured;
mod name;
mod notice;
mod overview;
mod prose;
mod region;
mod settings;
mod when;
mod words;

pub use asset::{Asset, asset};
pub use cluster::cluster;
pub use failover::Failover;
pub use frame::Sight;
pub use history::history;
pub use name::{NameSight, Span, name};
pub use notice::{Notice, notice};
pub use overview::{OverviewQuery, Shown, overview};
pub use region::region;
pub use settings::settings;

/// What a browser may load and do on our pages: nothing that is not from us, no script but the one file, no frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
     connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

#[cfg(test)]
mod tests;
