//! Parts of the program that have died are told to people, and that they work again.

use std::collections::BTreeSet;

use crate::api::PartStatus;

/// What was told of the parts last.
#[derive(Debug, Default)]
pub(super) struct PartAlarms {
    /// All that there were; none before the first look.
    known: BTreeSet<String>,
    dead: BTreeSet<String>,
}

/// What is to be told now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartNews {
    pub(super) part: String,
    /// Why it does not work; none if it does.
    pub(super) trouble: Option<String>,
}

impl PartAlarms {
    /// Whether nothing was looked at yet.
    pub(super) fn is_new(&self) -> bool {
        self.known.is_empty()
    }

    /// What has changed since the last look. At the first one everything is told: alerts of the process before are over.
    pub(super) fn look(&mut self, parts: &[PartStatus]) -> Vec<PartNews> {
        let mut news = Vec::new();
        for PartStatus { part, healthy, trouble, .. } in parts {
            let is_new = self.known.insert(part.clone());
            let has_changed = if *healthy { self.dead.remove(part) } else { self.dead.insert(part.clone()) };
            if has_changed || is_new {
                let why = || trouble.clone().unwrap_or_else(|| format!("{part} does not work"));
                news.push(PartNews { part: part.clone(), trouble: (!healthy).then(why) });
            }
        }
        news
    }

    /// Whether some are there no more, which are forgotten.
    pub(super) fn forget_others(&mut self, parts: &[PartStatus]) -> bool {
        let is_there = |known: &String| parts.iter().any(|part| part.part == *known);
        let before = self.known.len();
        self.known.retain(is_there);
        self.dead.retain(is_there);
        self.known.len() != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, trouble: Option<&str>) -> PartStatus {
        let part = PartStatus { healthy: trouble.is_none(), ..PartStatus::working(name) };
        trouble.map_or(part.clone(), |trouble| part.with_trouble(trouble.to_owned(), "restart it"))
    }

    fn told(alarms: &mut PartAlarms, parts: &[PartStatus]) -> Vec<String> {
        let line =
            |PartNews { part, trouble }| format!("{part}: {}", trouble.unwrap_or_else(|| "works".into()));
        alarms.look(parts).into_iter().map(line).collect()
    }

    #[test]
    fn a_part_is_told_when_it_dies_and_when_it_is_back_and_once() {
        let mut alarms = PartAlarms::default();
        let well = [part("dns-0-53", None), part("log", None)];
        let dead = [part("dns-0-53", Some("it rests")), part("log", None)];
        assert_eq!(told(&mut alarms, &well), ["dns-0-53: works", "log: works"], "what fired before is over");
        assert_eq!(told(&mut alarms, &well), Vec::<String>::new());
        assert_eq!(told(&mut alarms, &dead), ["dns-0-53: it rests"]);
        assert_eq!(told(&mut alarms, &dead), Vec::<String>::new());
        assert_eq!(told(&mut alarms, &well), ["dns-0-53: works"]);
        // What went wrong once and works is no alert.
        let was = PartStatus { healthy: true, ..part("log", Some("lines dropped: 7")) };
        assert_eq!(told(&mut alarms, &[was]), Vec::<String>::new());
    }

    #[test]
    fn a_part_that_is_taken_away_is_forgotten() {
        let mut alarms = PartAlarms::default();
        assert_eq!(told(&mut alarms, &[part("dns-1-53", Some("it rests"))]), ["dns-1-53: it rests"]);
        assert!(alarms.forget_others(&[part("log", None)]));
        assert!(!alarms.forget_others(&[part("log", None)]));
        assert_eq!(told(&mut alarms, &[part("dns-1-53", None)]), ["dns-1-53: works"]);
    }
}
