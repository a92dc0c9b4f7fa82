//! What is new in a status since the one before.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::line::Tone;
use crate::api::{CheckStatus, Status, WaitStatus};
use crate::health::{Failure, Health, Rules, State};
use crate::model::RegionId;
use crate::policy::Hold;

/// Told by the daemon's status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The first probe that failed after the death.
    FirstFailure { address: IpAddr, failure: Failure, count: u8, fall: u8 },
    /// The first probe that passed after the return.
    FirstPass { address: IpAddr, count: u8, rise: u8 },
    /// Another verdict on a region.
    Verdict { region: RegionId, state: State, why: String },
    /// A change is wanted and must wait.
    Waits { to: RegionId, hold: Hold, left: Option<u64> },
    /// It waits for so many seconds more.
    StillWaits { hold: Hold, left: u64 },
}

impl Told {
    pub(super) fn words(&self) -> (Tone, String) {
        match self {
            Told::FirstFailure { address, failure, count, fall } => {
                (Tone::Warn, format!("first failed probe: {address}, {failure} ({count} of {fall} in a row)"))
            }
            Told::FirstPass { address, count, rise } => {
                (Tone::Plain, format!("first probe that passes: {address} ({count} of {rise} in a row)"))
            }
            Told::Verdict { region, state, why } => {
                let tone = if *state == State::Up { Tone::Plain } else { Tone::Warn };
                (tone, format!("{region} is {why}"))
            }
            Told::Waits { to, hold, left } => {
                let left = left.map(|left| format!(", {left} s to go")).unwrap_or_default();
                (Tone::Plain, format!("{hold} hold: the name may not go to {to} yet{left}"))
            }
            Told::StillWaits { hold, left } => (Tone::Faint, format!("{hold} hold: {left} s to go")),
        }
    }
}

/// The probe that the story waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Nothing,
    Failure,
    Pass,
}

/// What was last seen.
pub(super) struct News {
    region: RegionId,
    rules: Rules,
    awaited: Awaited,
    states: BTreeMap<RegionId, State>,
    wait: Option<(RegionId, Hold, Option<u64>)>,
}

impl News {
    /// About every region, and about the probes of one.
    pub(super) fn new(region: RegionId, rules: Rules) -> News {
        News { region, rules, awaited: Awaited::Nothing, states: BTreeMap::new(), wait: None }
    }

    pub(super) fn expect_failure(&mut self) {
        self.awaited = Awaited::Failure;
    }

    pub(super) fn expect_pass(&mut self) {
        self.awaited = Awaited::Pass;
    }

    /// Whether every region was up when last seen.
    pub(super) fn all_up(&self) -> bool {
        !self.states.is_empty() && self.states.values().all(|state| *state == State::Up)
    }

    /// What is new.
    pub(super) fn of(&mut self, status: &Status) -> Vec<Told> {
        let mut news: Vec<Told> = self.awaited_probe(status).into_iter().collect();
        news.extend(self.verdicts(status));
        news.extend(self.waiting(status));
        news
    }

    fn awaited_probe(&mut self, status: &Status) -> Option<Told> {
        let region = status.regions.iter().find(|region| region.region == self.region)?;
        let mut checks = region.endpoints.iter().flat_map(|endpoint| {
            endpoint.checks.iter().map(|check| (endpoint.address, check)).collect::<Vec<_>>()
        });
        let found = match self.awaited {
            Awaited::Nothing => None,
            Awaited::Failure => checks.find_map(|(address, check)| {
                let failure = check.failure.clone()?;
                Some(Told::FirstFailure { address, failure, count: failures(check), fall: self.rules.fall })
            }),
            Awaited::Pass => checks.find(|(_, check)| check.failure.is_none()).map(|(address, check)| {
                Told::FirstPass { address, count: passes(check, &self.rules), rise: self.rules.rise }
            }),
        };
        if found.is_some() {
            self.awaited = Awaited::Nothing;
        }
        found
    }

    /// That nothing is known yet is no news.
    fn verdicts(&mut self, status: &Status) -> Vec<Told> {
        let mut news = Vec::new();
        for region in &status.regions {
            let before = self.states.insert(region.region.clone(), region.state);
            let unknown_yet = before.is_none() && region.state == State::Unknown;
            if before != Some(region.state) && !unknown_yet {
                let (region, state, why) = (region.region.clone(), region.state, region.why.clone());
                news.push(Told::Verdict { region, state, why });
            }
        }
        news
    }

    /// Once a second for as long as it waits.
    fn waiting(&mut self, status: &Status) -> Option<Told> {
        let wait = status.names.iter().find_map(|name| name.wait.as_ref()).map(countdown);
        let before = std::mem::replace(&mut self.wait, wait.clone());
        let (to, hold, left) = wait.clone().filter(|_| before != wait)?;
        match (before, left) {
            (Some((_, before, _)), Some(left)) if before == hold => Some(Told::StillWaits { hold, left }),
            (Some(_) | None, _) => Some(Told::Waits { to, hold, left }),
        }
    }
}

fn countdown(wait: &WaitStatus) -> (RegionId, Hold, Option<u64>) {
    (wait.to.clone(), wait.hold.clone(), wait.left.map(|left| left.ceil() as u64))
}

fn failures(check: &CheckStatus) -> u8 {
    check.health.failures().max(1)
}

fn passes(check: &CheckStatus, rules: &Rules) -> u8 {
    match check.health {
        Health::Down { passes } | Health::Unknown { passes, .. } => passes.max(1),
        Health::Up { .. } => rules.rise,
    }
}
