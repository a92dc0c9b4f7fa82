//! Points in time as a page shows them: as text that is right when it is served, and that the script keeps right.

use std::fmt;

use askama::filters::HtmlSafe;

use crate::api::age;
use crate::model::Moment;

/// How long ago something was: `12:44`, counting up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Since {
    at: Moment,
    now: Moment,
}

/// How long it is until then: `01:41`, counting down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Left {
    at: Moment,
    now: Moment,
}

/// When something was, or will be: `16:04:11`, with the day if that is another one.
#[derive(Debug, Clone, Copy)]
pub(super) struct At {
    at: Moment,
    now: Moment,
}

impl Since {
    pub(super) fn new(at: Moment, now: Moment) -> Since {
        Since { at, now }
    }
}

impl Left {
    pub(super) fn new(at: Moment, now: Moment) -> Left {
        Left { at, now }
    }
}

impl At {
    pub(super) fn new(at: Moment, now: Moment) -> At {
        At { at, now }
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Since { at, now } = self;
        write!(f, "<time datetime=\"{at}\" title=\"{at}\" data-count=\"up\">{}</time>", age(now.since(*at)))
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Left { at, now } = self;
        write!(f, "<time datetime=\"{at}\" title=\"{at}\" data-count=\"down\">{}</time>", age(at.after(*now)))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let At { at, now } = self;
        write!(f, "<time datetime=\"{at}\" title=\"{at}\">{}</time>", clock(*at, *now))
    }
}

// Digits and marks of our own alone.
impl HtmlSafe for Since {}
impl HtmlSafe for Left {}
impl HtmlSafe for At {}

/// `16:04:11` in UTC, with the date if that is not today's.
pub(super) fn clock(at: Moment, now: Moment) -> String {
    let (at, now) = (at.to_string(), now.to_string());
    match (at.split_once('T'), now.split_once('T')) {
        (Some((day, time)), Some((today, _))) => {
            let time = time.get(..8).unwrap_or(time);
            if day == today { time.to_owned() } else { format!("{day} {time}") }
        }
        _ => at,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Moment = Moment::from_millis(1_795_363_451_007);

    #[test]
    fn the_day_is_told_when_it_is_another_one() {
        assert_eq!(clock(NOW, NOW), "16:04:11");
        assert_eq!(clock(NOW.before(Duration::from_secs(86_400)), NOW), "2026-11-21 16:04:11");
    }

    #[test]
    fn a_span_says_from_when_on_it_counts() {
        let earlier = NOW.before(Duration::from_secs(764));
        assert_eq!(
            Since::new(earlier, NOW).to_string(),
            "<time datetime=\"2026-11-22T15:51:27.007Z\" title=\"2026-11-22T15:51:27.007Z\" data-count=\"up\">12:44</time>"
        );
    }
}
