//! Where a name was over the time: a lane for each region.

use askama::Template;
use askama::filters::HtmlSafe;

use crate::api::Stay;
use crate::dashboard::when::clock;
use crate::model::{Moment, RegionId};

/// The plot's own units; it is stretched to its place.
const WIDTH: f64 = 1000.0;

/// A stay is at least so wide, so that a short one is seen.
const WIDTH_MIN: f64 = 3.0;

/// The lanes of a name's regions, the most preferred on top.
#[derive(Template)]
#[template(path = "lanes.html")]
pub(in crate::dashboard) struct Lanes {
    lanes: Vec<Lane>,
    begin: String,
    middle: String,
    end: String,
}

struct Lane {
    region: RegionId,
    bars: Vec<Bar>,
    words: String,
}

struct Bar {
    x: String,
    width: String,
    is_dead: bool,
    words: String,
}

impl HtmlSafe for Lanes {}

impl Lanes {
    /// `stays` are in the order of time.
    pub(in crate::dashboard) fn new(
        regions: &[RegionId],
        stays: &[Stay],
        from: Moment,
        to: Moment,
        now: Moment,
    ) -> Lanes {
        let mut all: Vec<RegionId> = regions.to_vec();
        for stay in stays {
            if !all.contains(&stay.region) {
                all.push(stay.region.clone());
            }
        }
        let half = to.since(from) / 2;
        Lanes {
            lanes: all.into_iter().map(|region| Lane::new(region, stays, from, to, now)).collect(),
            begin: clock(from, now),
            middle: clock(from + half, now),
            end: clock(to, now),
        }
    }
}

impl Lane {
    fn new(region: RegionId, stays: &[Stay], from: Moment, to: Moment, now: Moment) -> Lane {
        let span = to.since(from).as_secs_f64().max(1.0);
        let place = |at: Moment| at.since(from).as_secs_f64() / span * WIDTH;
        let of_region = stays.iter().filter(|stay| stay.region == region);
        let bar = |stay: &Stay| {
            let width = (place(stay.to) - place(stay.from)).max(WIDTH_MIN);
            let x = place(stay.from).min(WIDTH - width);
            let dead = if stay.is_dead { ", on a region that is down" } else { "" };
            Bar {
                x: format!("{x:.1}"),
                width: format!("{width:.1}"),
                is_dead: stay.is_dead,
                words: format!(
                    "{} to {}, epoch {}{dead}",
                    clock(stay.from, now),
                    clock(stay.to, now),
                    stay.epoch
                ),
            }
        };
        let bars: Vec<Bar> = of_region.map(bar).collect();
        let words = match bars.len() {
            0 => format!("{region}: never in this time"),
            _ => {
                let told: Vec<&str> = bars.iter().map(|bar| bar.words.as_str()).collect();
                format!("{region}: {}", told.join("; "))
            }
        };
        Lane { region, bars, words }
    }
}
