//! A name server that lives through a story in the simulator, and everything that pages are made of.

use std::collections::BTreeMap;

use crate::api::{
    BEATS_MAX, Beat, CheckHeartbeat, Explanation, HEARTBEATS_SCHEMA, Heartbeats, HistoryPage, NumberedEntry,
    Question, Status,
};
use crate::config::DnsSettings;
use crate::controller::{Effect, Event, HistoryEntry, Parameters};
use crate::model::{CheckId, Moment, Name};
use crate::policy::Rule;
use crate::scenario::{self, Player};
use crate::simulator::{Handled, Onlooker};

const TOPOLOGY: &str = r#"
[[witness]]
name = "resolver"
address = "203.0.113.53"
tcp = 53
[[region]]
name = "us-east"
addresses = ["192.0.2.10", "192.0.2.11", "2001:db8::10"]
[[region.probe]]
url = "https://app.example.com/health"
[[region]]
name = "eu-west"
addresses = ["198.51.100.10", "198.51.100.11"]
[[region.probe]]
url = "https://app.example.com/health"
[[steer]]
name = "app.example.com"
regions = ["us-east", "eu-west"]
rto = "60s"
---
"#;

/// Who writes down what the daemon would: the probes, and the history.
#[derive(Clone)]
pub(super) struct Scribe {
    pub(super) beats: BTreeMap<CheckId, Vec<Beat>>,
    pub(super) history: Vec<NumberedEntry>,
}

impl Onlooker for Scribe {
    fn new(_: &Parameters) -> Scribe {
        Scribe { beats: BTreeMap::new(), history: Vec::new() }
    }

    fn handled(&mut self, seen: Handled<'_>, _: Moment, now: Moment) {
        if let Event::Observed(observation) = seen.event {
            let beats = self.beats.entry(observation.check.clone()).or_default();
            beats.push(Beat::of(observation, now));
            beats.drain(..beats.len().saturating_sub(BEATS_MAX));
        }
        for effect in seen.effects {
            if let Effect::Report(report) = effect
                && let Some(entry) = HistoryEntry::of(report, &"ns1".into(), now)
            {
                self.history.push(NumberedEntry { number: self.history.len() as u64 + 1, entry });
            }
        }
    }
}

pub(super) struct Stage {
    player: Player<Scribe>,
}

impl Stage {
    /// Plays a story to its end.
    pub(super) fn play(story: &str) -> Stage {
        let text = format!("{TOPOLOGY}{story}\n");
        let scenario = scenario::read("story", &text).unwrap_or_else(|problems| panic!("{}", problems[0]));
        let topology = scenario.topology.clone().expect("it brings its own");
        let first =
            scenario::of_text("story", &topology).unwrap_or_else(|problems| panic!("{}", problems[0]));
        let mut player = Player::new(scenario::Topologies { first, others: BTreeMap::new() });
        for step in &scenario.steps {
            player.play(step).unwrap_or_else(|mistake| panic!("{}", scenario.problem(step, mistake)));
        }
        Stage { player }
    }

    pub(super) fn now(&self) -> Moment {
        self.player.simulator.now
    }

    pub(super) fn status(&self) -> Status {
        let status = self.player.simulator.us().status(self.now()).expect("it runs");
        Status { version: "1.0.0".into(), ..status }
    }

    pub(super) fn explanation(&self, name: &Name) -> Explanation {
        let controller = self.player.simulator.controller().expect("it runs");
        let question = Question { name: name.clone(), rtype: None, client: None };
        Explanation::of(controller, &question, &DnsSettings::default(), self.now())
    }

    pub(super) fn heartbeats(&self) -> Heartbeats {
        let of_check = |(id, beats): (&CheckId, &Vec<Beat>)| CheckHeartbeat {
            region: id.region.clone(),
            address: id.address,
            check: id.to_string(),
            probe: id.probe,
            label: None,
            does: "GET https://app.example.com/health".into(),
            target: format!("{}:443", id.address).into(),
            beats: beats.clone(),
        };
        let checks = self.player.simulator.us().watch.beats.iter().map(of_check).collect();
        Heartbeats { schema: HEARTBEATS_SCHEMA.into(), checks }
    }

    pub(super) fn history(&self) -> HistoryPage {
        HistoryPage::new(self.player.simulator.us().watch.history.iter().rev().cloned().collect(), None)
    }
}

pub(super) fn no_heartbeats() -> Heartbeats {
    Heartbeats { schema: HEARTBEATS_SCHEMA.into(), checks: Vec::new() }
}

/// So many names, of which the last few are in trouble.
pub(super) fn many_names(number: usize, bad: usize) -> Status {
    let mut status = Stage::play("60s expect us-east").status();
    let one = status.names[0].clone();
    let name = |index: usize| {
        let mut name = one.clone();
        name.name = format!("name-{index}.example.com").parse().expect("a name");
        if index >= number - bad {
            name.rule = Rule::FailOpen;
        }
        name
    };
    status.names = (0..number).map(name).collect();
    status
}

/// A configuration in which everything is called the same.
pub(super) fn configured(word: &str) -> serde_json::Value {
    serde_json::json!({ word: { word: word }, "region": [{ "name": word, "addresses": [word] }] })
}
