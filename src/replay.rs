//! What other settings would have made of the probes that were recorded.
//!
//! ```text
//! recordings ─▶ History ─┬─▶ hindsight: when each region was dead
//!                        │                                 └──────────────┐
//!                        └─▶ Schedule, Meeting ─Observation─▶ Controller ─▶ Course ─▶ Figures
//! ```
//!
//! # What a replay can know
//!
//! The past was looked at by one schedule, and other settings would have looked at other moments. What they would have met
//! is concluded like this, and each conclusion is a rule of `meeting`:
//!
//! * A probe that is due where the recording has one, within the jitter of the schedule, is that one. With the settings
//!   that were in force, a replay is the past.
//! * Between two recorded probes that agree, it is what they agree on.
//! * Trouble of three or more failed probes in a row was lasting: it began halfway between the last pass and the first
//!   failure, and ended halfway between the last failure and the next pass.
//! * Shorter trouble hits the probe that comes next, once for each failure that was recorded; a schedule with wider gaps
//!   meets it only as often as its gaps allow. Trouble between two recorded probes was seen by nobody, so faster
//!   schedules show no more of it than there is in the recording.
//! * A pass that took longer than the timeout is a failure by time; what failed by time fails with a longer timeout as well,
//!   for how long it would have taken nobody knows.
//! * Where nothing is recorded, nothing is known: probes there are faults of our own, and the answer freezes.

mod advice;
mod course;
mod figures;
mod hindsight;
mod history;
mod meeting;
mod schedule;
mod spans;

pub use advice::{Advice, Candidate, advise, settings};
pub use course::{Course, Stay, replay};
pub use figures::{Figures, figures};
pub use hindsight::{Hindsight, Outage};
pub use history::{Coverage, History};
pub use spans::Spans;

#[cfg(test)]
mod tests;
