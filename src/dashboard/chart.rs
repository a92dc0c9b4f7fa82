//! Charts as inline SVG that stretches to its place: lines and bars alone, so that text keeps its size beside them. What
//! they show is told in words as well.

mod lanes;
mod latency;
mod strip;

pub(super) use lanes::Lanes;
pub(super) use latency::Latency;
pub(super) use strip::Strip;
