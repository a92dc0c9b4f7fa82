//! A failover as a picture: what was measured from the death of a region until a client behind a cache had the next one.

use askama::Template;
use serde::{Deserialize, Serialize};

/// What was measured of one failover; spans are in seconds, all from the death of the region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failover {
    /// The name.
    pub name: String,
    /// The region that died.
    pub from: String,
    /// The region that took over.
    pub to: String,
    /// The first probe that failed had ended.
    pub noticed: f64,
    /// It was proven down.
    pub proven: f64,
    /// The name server answered with the next region.
    pub answered: f64,
    /// A client behind a caching resolver got that answer.
    pub followed: f64,
    /// How long all of that may take by the configuration.
    pub budget: f64,
}

/// The picture's own units: the plot, and the first of its lanes.
const LEFT: f64 = 190.0;
const RIGHT: f64 = 850.0;
const TOP: f64 = 58.0;

/// From one lane to the next.
const LANE: f64 = 31.0;

/// A bar is at least so wide, so that a short one is seen.
const WIDTH_MIN: f64 = 3.0;

/// A figure stands right of its bar, unless that ends beyond this.
const TURN: f64 = 700.0;

#[derive(Template)]
#[template(path = "failover.svg", escape = "html")]
struct Picture<'f> {
    failover: &'f Failover,
    record: String,
    words: String,
    died: String,
    ticks: Vec<(String, u32)>,
    bars: Vec<Bar>,
    texts: Vec<Text>,
}

/// A bar, by the class of its look.
struct Bar {
    class: &'static str,
    x: String,
    y: f64,
    width: String,
}

/// A text, by the class of its look.
struct Text {
    class: &'static str,
    x: String,
    y: f64,
    text: String,
}

impl Failover {
    /// The picture as SVG, which follows the light or dark of who looks at it. What it shows is also in its `<metadata>`.
    #[must_use]
    pub fn picture(&self) -> String {
        let Failover { from, to, noticed, proven, answered, followed, budget, .. } = self;
        let mut lanes = Lanes::of(self);
        lanes.next(from);
        lanes.bar("before", lanes.from, 0.0, "serves");
        lanes.bar("dead", 0.0, lanes.to, "dead");
        lanes.next("the client gets");
        lanes.bar("before", lanes.from, 0.0, from);
        lanes.bar("dead", 0.0, *followed, "a dead address");
        lanes.bar("after", *followed, lanes.to, to);
        let steps = [
            ("a probe fails", 0.0, *noticed),
            ("it is proven down", *noticed, *proven),
            ("the answer changes", *proven, *answered),
            ("the cache asks again", *answered, *followed),
        ];
        for (label, begin, end) in steps {
            lanes.next(label);
            lanes.step(begin, end);
        }
        lanes.next("promised");
        lanes.put("budget", 0.0, *budget);
        lanes.text("strong", lanes.x(0.0) + 7.0, &format!("{budget:.2} s"));
        let picture = Picture {
            failover: self,
            record: serde_json::to_string(self).expect("plain data"),
            words: self.words(),
            died: lanes.place(0.0),
            ticks: lanes.ticks(),
            bars: lanes.bars,
            texts: lanes.texts,
        };
        picture.render().expect("writing to a string does not fail")
    }

    /// What a picture was drawn from; none if it is none of ours.
    #[must_use]
    pub fn of_picture(svg: &str) -> Option<Failover> {
        let record = svg.split_once("<metadata>")?.1.split_once("</metadata>")?.0;
        let escapes = [("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#39;", "'"), ("&#38;", "&")];
        let record = escapes.iter().fold(record.to_owned(), |text, (from, to)| text.replace(from, to));
        serde_json::from_str(&record).ok()
    }

    /// The same for whoever does not see it.
    fn words(&self) -> String {
        let Failover { name, from, to, noticed, proven, answered, followed, budget } = self;
        format!(
            "{from} dies. After {noticed:.2} s a probe of it fails, after {proven:.2} s it is proven down, after \
             {answered:.2} s {name} is answered with {to}, and after {followed:.2} s a client behind a caching resolver \
             gets that. The budget is {budget:.2} s."
        )
    }
}

/// Lanes below each other, on one axis from a little before the death until a little after all is over.
struct Lanes {
    from: f64,
    to: f64,
    y: f64,
    bars: Vec<Bar>,
    texts: Vec<Text>,
}

impl Lanes {
    fn of(failover: &Failover) -> Lanes {
        let length = failover.budget.max(failover.followed).max(0.1);
        let (from, to) = (-0.16 * length, 1.1 * length);
        Lanes { from, to, y: TOP - LANE, bars: Vec::new(), texts: Vec::new() }
    }

    fn x(&self, seconds: f64) -> f64 {
        LEFT + (seconds - self.from) / (self.to - self.from) * (RIGHT - LEFT)
    }

    fn place(&self, seconds: f64) -> String {
        format!("{:.1}", self.x(seconds))
    }

    fn next(&mut self, label: &str) {
        self.y += LANE;
        self.text("end", LEFT - 14.0, label);
    }

    fn text(&mut self, class: &'static str, x: f64, text: &str) {
        self.texts.push(Text { class, x: format!("{x:.1}"), y: self.y + 15.0, text: text.into() });
    }

    fn put(&mut self, class: &'static str, from: f64, to: f64) {
        let width = (self.x(to) - self.x(from)).max(WIDTH_MIN);
        self.bars.push(Bar { class, x: self.place(from), y: self.y, width: format!("{width:.1}") });
    }

    /// A bar with a word in it.
    fn bar(&mut self, class: &'static str, from: f64, to: f64, word: &str) {
        self.put(class, from, to);
        let look = if class == "dead" { "gone" } else { "on" };
        self.text(look, self.x(from) + 7.0, word);
    }

    /// A bar with its end in seconds beside it.
    fn step(&mut self, from: f64, to: f64) {
        self.put("step", from, to);
        let figure = format!("{to:.2} s");
        match self.x(to).max(self.x(from) + WIDTH_MIN) {
            end if end > TURN => self.text("end strong", self.x(from) - 7.0, &figure),
            end => self.text("strong", end + 7.0, &figure),
        }
    }

    /// Whole seconds, so many apart that their figures have room.
    fn ticks(&self) -> Vec<(String, u32)> {
        let steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600];
        let step = steps.into_iter().find(|step| self.to / f64::from(*step) <= 10.0).unwrap_or(3600);
        let seconds = (0..=10).map(|number| number * step);
        let within = seconds.filter(|seconds| f64::from(*seconds) <= self.to);
        within.map(|seconds| (self.place(f64::from(seconds)), seconds)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(name: &str, followed: f64, budget: f64) -> Failover {
        Failover {
            name: name.into(),
            from: "us-east".into(),
            to: "eu-west".into(),
            noticed: 0.11,
            proven: 0.62,
            answered: 0.63,
            followed,
            budget,
        }
    }

    #[test]
    fn the_picture_looks_like_this() {
        insta::assert_snapshot!(measured("cadence.example.com", 4.8, 6.5).picture());
    }

    #[test]
    fn a_picture_has_in_it_what_it_was_drawn_from() {
        for name in ["cadence.example.com", "</metadata><script>", "a&b\"'"] {
            for (followed, budget) in [(4.8, 6.5), (0.0, 0.0), (900.0, 38.5), (1e-9, 1e6)] {
                let failover = measured(name, followed, budget);
                let svg = failover.picture();
                let document =
                    roxmltree::Document::parse(&svg).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert!(!document.descendants().any(|node| node.has_tag_name("script")), "{svg}");
                assert_eq!(Failover::of_picture(&svg), Some(failover));
            }
        }
        assert_eq!(Failover::of_picture("<svg/>"), None);
    }

    /// It is what its own record is drawn as: nobody has touched it up.
    #[test]
    fn the_picture_of_the_readme_is_what_was_measured() {
        let svg = include_str!("../../docs/failover.svg");
        let failover =
            Failover::of_picture(svg).expect("`cadence-dns demo --picture docs/failover.svg` makes it");
        assert_eq!(failover.picture(), svg, "make it anew: `cadence-dns demo --picture docs/failover.svg`");
        let Failover { noticed, proven, answered, followed, budget, .. } = failover;
        assert!(0.0 < noticed && noticed <= proven && proven <= answered && answered <= followed, "{svg}");
        assert!(followed <= budget, "a failover over its budget is no advertisement");
    }
}
