//! What is looked at: the status, what it was before, and what the person at the keys wants to see of it.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::IpAddr;

use ratatui::crossterm::event::KeyCode;

use super::strip::Strip;
use crate::api::{
    CheckHeartbeat, CheckStatus, DnsStatus, EndpointStatus, Heartbeats, NameStatus, RegionStatus, Status,
};
use crate::health::State;
use crate::model::{Moment, RegionId};
use crate::policy::Urgency;

/// Counters are compared over at least this, in milliseconds: shorter spans make figures that jump.
const RATE_MILLIS: u64 = 900;

/// All that is looked at.
#[derive(Debug)]
pub(super) struct View {
    pub(super) colour: bool,
    pub(super) status: Option<Box<Status>>,
    /// Since when there is no answer, and why.
    pub(super) silent: Option<(Moment, String)>,
    pub(super) is_paused: bool,
    pub(super) has_help: bool,
    pub(super) focus: Focus,
    /// The chosen row of each table.
    pub(super) row: [usize; 2],
    pub(super) names_by: NamesBy,
    pub(super) endpoints_by: EndpointsBy,
    strips: BTreeMap<(RegionId, IpAddr, u16), Strip>,
    counted: Option<(Moment, DnsStatus)>,
    pub(super) rates: Option<Rates>,
}

/// The table that the keys are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Focus {
    Names,
    Endpoints,
}

/// The order of the names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamesBy {
    Configuration,
    Urgency,
    Name,
    Newest,
}

/// The order of the addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndpointsBy {
    Region,
    State,
    Latency,
}

/// What comes in a second.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Rates {
    pub(super) queries: f64,
    pub(super) noerror: f64,
    pub(super) nxdomain: f64,
    pub(super) refused: f64,
    pub(super) limited: f64,
    pub(super) lost: f64,
}

impl View {
    pub(super) fn new(colour: bool) -> View {
        View {
            colour,
            status: None,
            silent: None,
            is_paused: false,
            has_help: false,
            focus: Focus::Names,
            row: [0, 0],
            names_by: NamesBy::Configuration,
            endpoints_by: EndpointsBy::Region,
            strips: BTreeMap::new(),
            counted: None,
            rates: None,
        }
    }

    /// Takes in what was seen. While it is paused the screen stays; the probes are remembered nevertheless.
    pub(super) fn take(&mut self, seen: Result<Box<Status>, String>, now: Moment) {
        let status = match seen {
            Err(why) => {
                let since = self.silent.take().map_or(now, |(since, _)| since);
                self.silent = Some((since, why));
                return;
            }
            Ok(status) => status,
        };
        self.silent = None;
        self.take_strips(&status);
        self.take_rates(&status);
        if !self.is_paused {
            self.status = Some(status);
            self.keep_rows();
        }
    }

    /// Takes in what was probed before anybody looked.
    pub(super) fn remember(&mut self, heartbeats: &Heartbeats) {
        for CheckHeartbeat { region, address, probe, beats, .. } in &heartbeats.checks {
            let strip = self.strips.entry((region.clone(), *address, *probe)).or_default();
            strip.remember(beats);
        }
    }

    fn take_strips(&mut self, status: &Status) {
        for region in &status.regions {
            for endpoint in &region.endpoints {
                for check in &endpoint.checks {
                    let key = (region.region.clone(), endpoint.address, check.probe);
                    self.strips.entry(key).or_default().take(check);
                }
            }
        }
        let known = |region: &RegionId| status.regions.iter().any(|status| status.region == *region);
        self.strips.retain(|(region, ..), _| known(region));
    }

    /// By difference; after a restart of the daemon the counters begin anew.
    fn take_rates(&mut self, status: &Status) {
        let Some(dns) = status.dns else { return };
        let Some((at, before)) = self.counted else {
            self.counted = Some((status.time, dns));
            return;
        };
        let millis = status.time.as_millis().saturating_sub(at.as_millis());
        let began_anew = dns.queries < before.queries;
        if began_anew || millis >= RATE_MILLIS {
            self.counted = Some((status.time, dns));
            self.rates = (!began_anew).then(|| Rates::between(&before, &dns, millis as f64 / 1000.0));
        }
    }

    /// The row of a table that has grown shorter is its last.
    fn keep_rows(&mut self) {
        let lengths = [self.names().len(), self.endpoints().len()];
        for (row, length) in self.row.iter_mut().zip(lengths) {
            *row = (*row).min(length.saturating_sub(1));
        }
    }

    /// The names in their order.
    pub(super) fn names(&self) -> Vec<&NameStatus> {
        let Some(status) = &self.status else { return Vec::new() };
        let mut names: Vec<&NameStatus> = status.names.iter().collect();
        match self.names_by {
            NamesBy::Configuration => {}
            NamesBy::Urgency => names.sort_by_key(|name| Reverse(Urgency::of_name(name, status))),
            NamesBy::Name => names.sort_by_key(|name| name.name.clone()),
            NamesBy::Newest => names.sort_by_key(|name| Reverse(name.since)),
        }
        names
    }

    /// The addresses in their order, each with its region.
    pub(super) fn endpoints(&self) -> Vec<(&RegionStatus, &EndpointStatus)> {
        let Some(status) = &self.status else { return Vec::new() };
        let mut endpoints: Vec<(&RegionStatus, &EndpointStatus)> = Vec::new();
        for region in &status.regions {
            endpoints.extend(region.endpoints.iter().map(|endpoint| (region, endpoint)));
        }
        match self.endpoints_by {
            EndpointsBy::Region => {}
            EndpointsBy::State => endpoints.sort_by_key(|(_, endpoint)| badness(endpoint)),
            EndpointsBy::Latency => {
                endpoints.sort_by(|(_, one), (_, other)| slowest(other).total_cmp(&slowest(one)));
            }
        }
        endpoints
    }

    /// The last probes of a check.
    pub(super) fn signs(
        &self,
        region: &RegionId,
        address: IpAddr,
        check: &CheckStatus,
        width: usize,
    ) -> String {
        let strip = self.strips.get(&(region.clone(), address, check.probe));
        strip.map_or_else(|| " ".repeat(width), |strip| strip.signs(width))
    }

    /// Does what a key means; most of those that there are mean nothing.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "keys are somebody else's list, and most mean nothing here"
    )]
    pub(super) fn press(&mut self, key: KeyCode) {
        let focus = self.focus as usize;
        match key {
            KeyCode::Char('?' | 'h') => self.has_help = !self.has_help,
            KeyCode::Esc => self.has_help = false,
            KeyCode::Char('p' | ' ') => self.is_paused = !self.is_paused,
            KeyCode::Tab | KeyCode::BackTab | KeyCode::Left | KeyCode::Right => {
                self.focus = match self.focus {
                    Focus::Names => Focus::Endpoints,
                    Focus::Endpoints => Focus::Names,
                };
            }
            KeyCode::Up | KeyCode::Char('k') => self.row[focus] = self.row[focus].saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.row[focus] += 1,
            KeyCode::PageUp => self.row[focus] = self.row[focus].saturating_sub(10),
            KeyCode::PageDown => self.row[focus] += 10,
            KeyCode::Home => self.row[focus] = 0,
            KeyCode::End => self.row[focus] = usize::MAX,
            KeyCode::Char('s') => self.sort(),
            _ => {}
        }
        self.keep_rows();
    }

    fn sort(&mut self) {
        match self.focus {
            Focus::Names => {
                self.names_by = match self.names_by {
                    NamesBy::Configuration => NamesBy::Urgency,
                    NamesBy::Urgency => NamesBy::Name,
                    NamesBy::Name => NamesBy::Newest,
                    NamesBy::Newest => NamesBy::Configuration,
                };
            }
            Focus::Endpoints => {
                self.endpoints_by = match self.endpoints_by {
                    EndpointsBy::Region => EndpointsBy::State,
                    EndpointsBy::State => EndpointsBy::Latency,
                    EndpointsBy::Latency => EndpointsBy::Region,
                };
            }
        }
    }
}

/// The worst first.
fn badness(endpoint: &EndpointStatus) -> u8 {
    match endpoint.state {
        State::Down => 0,
        State::Unknown => 1,
        State::Up if endpoint.suspect || endpoint.degraded.is_some() => 2,
        State::Up => 3,
    }
}

fn slowest(endpoint: &EndpointStatus) -> f64 {
    endpoint.checks.iter().filter_map(|check| check.latency).fold(0.0, f64::max)
}

impl Rates {
    fn between(before: &DnsStatus, after: &DnsStatus, seconds: f64) -> Rates {
        let a_second = |count: fn(&DnsStatus) -> u64| {
            count(after).saturating_sub(count(before)) as f64 / seconds.max(f64::MIN_POSITIVE)
        };
        Rates {
            queries: a_second(|dns| dns.queries),
            noerror: a_second(|dns| dns.noerror),
            nxdomain: a_second(|dns| dns.nxdomain),
            refused: a_second(|dns| dns.refused),
            limited: a_second(|dns| dns.limited.dropped + dns.limited.slipped + dns.limited.badcookie),
            lost: a_second(|dns| dns.dropped + dns.unsent + dns.overflowed),
        }
    }
}
