//! A scenario is played, step by step, until one is not what was expected.

use std::net::IpAddr;

use super::compare::{Found, compare, shown};
use super::language::{Change, Expectation, Mistake, Restart, Step, What, When, Where};
use super::places::{self, Unknown};
use super::topology::Topologies;
use crate::controller::Parameters;
use crate::health::Member;
use crate::model::{Moment, Name, VantageId};
use crate::policy::Decision;
use crate::simulator::{BEGINNING, Onlooker, Simulator};

/// A story on its way.
pub struct Player<O> {
    parameters: Parameters,
    others: Topologies,
    /// The name servers, and the world.
    pub simulator: Simulator<O>,
    /// The steps that were played, each with the moment at which it was done or came true.
    pub played: Vec<(Moment, Step)>,
}

impl<O: Onlooker> Player<O> {
    /// A name server that never ran before starts now.
    #[must_use]
    pub fn new(topologies: Topologies) -> Player<O> {
        Player {
            simulator: Simulator::start(topologies.first.clone()),
            parameters: topologies.first.clone(),
            others: topologies,
            played: Vec::new(),
        }
    }

    /// Plays one step.
    ///
    /// # Errors
    /// What is not as expected, or cannot be done, with the column of the line that says so.
    pub fn play(&mut self, step: &Step) -> Result<(), Mistake> {
        let (When::At(time) | When::By(time) | When::Until(time)) = step.when;
        let time = BEGINNING + time;
        if time < self.simulator.now {
            let found = format!("time does not run backwards: it is {}", shown(self.simulator.now));
            return Err(Mistake { column: 1, found, help: "put the lines in the order of time".into() });
        }
        match (&step.when, &step.what) {
            (When::By(_), What::Expect(expectation)) => self.wait_for(expectation, step.at, time)?,
            (When::Until(_), What::Expect(expectation)) => self.stays(expectation, step.at, time)?,
            (_, what) => {
                self.simulator.run_until(time);
                for node in self.nodes_at(step.at, step.column)? {
                    self.happen(what, node, step.column)?;
                }
            }
        }
        self.played.push((self.simulator.now, step.clone()));
        Ok(())
    }

    /// What the name server told, oldest first.
    #[must_use]
    pub fn journal(&self) -> &[(Moment, String)] {
        &self.simulator.us().journal
    }

    /// The numbers of the nodes that are meant.
    fn nodes_at(&self, at: Where, column: u32) -> Result<Vec<usize>, Mistake> {
        let number = self.simulator.nodes.len();
        match at {
            Where::Everywhere => Ok((0..number).collect()),
            Where::Node(node) if node < number => Ok(vec![node]),
            Where::Node(node) => Err(Mistake {
                column,
                found: format!("there is no ns{}", node + 1),
                help: "begin the story with a line such as `0s 3 name servers vote`".into(),
            }),
        }
    }

    fn compare_at(&self, expectation: &Expectation, at: Where) -> Result<(), Mistake> {
        let nodes = self.nodes_at(at, expectation.column)?;
        nodes.into_iter().try_for_each(|node| self.compare(expectation, node))
    }

    fn wait_for(&mut self, expectation: &Expectation, at: Where, limit: Moment) -> Result<(), Mistake> {
        loop {
            let Err(difference) = self.compare_at(expectation, at) else { return Ok(()) };
            if !self.simulator.step(limit) {
                return Err(difference);
            }
        }
    }

    fn stays(&mut self, expectation: &Expectation, at: Where, limit: Moment) -> Result<(), Mistake> {
        loop {
            for node in self.nodes_at(at, expectation.column)? {
                if self.simulator.nodes[node].controller().is_some() {
                    self.compare(expectation, node)?;
                }
            }
            if !self.simulator.step(limit) {
                return Ok(());
            }
        }
    }

    fn happen(&mut self, what: &What, at: usize, column: u32) -> Result<(), Mistake> {
        let now = self.simulator.now;
        let wrong = |found: String, help: String| Err(Mistake { column, found, help });
        match what {
            What::World { places, change } => match places::addresses(&self.parameters, places) {
                Ok(addresses) => addresses.into_iter().for_each(|address| self.change(address, at, *change)),
                Err(Unknown { place, known }) => {
                    let found = format!("`{place}` is neither a region nor an address that is probed");
                    return wrong(found, format!("there are {known}, and their addresses"));
                }
            },
            What::Network { node, .. } | What::Linked { node, .. } | What::Stands { node, .. }
                if *node >= self.simulator.nodes.len() =>
            {
                let found = format!("there is no ns{}", node + 1);
                return wrong(found, "begin the story with a line such as `0s 3 name servers vote`".into());
            }
            What::Network { node, families, lost } => {
                self.simulator.cut_off((*node).max(at), families, *lost);
            }
            What::Family { family, taken } => self.simulator.world.take_family(at, *family, *taken),
            What::Linked { node, link } => self.simulator.register.set_link(*node, *link),
            What::RegisterDown(down) => self.simulator.register.set_down(*down),
            What::RegisterSlow(more) => self.simulator.register.set_slow(*more, self.simulator.now),
            What::Stands { .. } if now > BEGINNING => {
                return wrong(
                    "name servers stand where they stand from the start on".into(),
                    "write it at 0s".into(),
                );
            }
            What::Stands { node, region } => {
                let members = &mut self.parameters.members;
                let member = Member { region: Some(region.clone()), ..Member::server(node_name(*node)) };
                members.retain(|known| known.vantage != member.vantage);
                members.push(member);
                self.simulator = Simulator::start_nodes(&self.parameters, self.simulator.nodes.len());
            }
            What::Forged(forged) => self.simulator.world.forge(at, *forged),
            What::Exhausted(exhausted) => self.simulator.world.exhaust(at, *exhausted),
            What::Stuck(stuck) => self.simulator.nodes[at].set_prober_stuck(*stuck, now),
            What::StandStill(time) => self.simulator.nodes[at].stand_still(*time, now),
            What::Disk(state) => self.simulator.nodes[at].set_disk(*state),
            What::Clock(millis) => self.simulator.nodes[at].set_clock_back(*millis),
            What::Nodes(_) if now > BEGINNING => {
                return wrong("name servers vote from the start on".into(), "write it at 0s".into());
            }
            What::Nodes(number) => self.simulator = Simulator::start_nodes(&self.parameters, *number),
            What::FailBack(name) => {
                let name = match name {
                    Some(name) => name.parse::<Name>().ok(),
                    None => self.parameters.steers.first().map(|steer| steer.name().clone()),
                };
                let Some(name) = name else { return wrong("which name?".into(), String::new()) };
                self.simulator.nodes[at].fail_back(&name, now);
            }
            What::Says(said) => {
                let (what, terms) = said.as_ref().clone();
                self.simulator.nodes[at].obey(what, terms, now);
            }
            What::Gate { gate, seen } => {
                if !self.parameters.gates.iter().any(|known| known.id == *gate) {
                    return wrong(format!("there is no gate {gate}"), "the name of a `[[gate]]`".into());
                }
                self.simulator.nodes[at].set_gate(gate, seen.clone());
            }
            What::Hook { hook, fails } => {
                if !self.parameters.hooks.iter().any(|known| known.id == *hook) {
                    return wrong(format!("there is no hook {hook}"), "the name of a `[[hook]]`".into());
                }
                self.simulator.nodes[at].set_hook(hook, *fails);
            }
            What::Restart(restart) => return self.restart(restart, at, column),
            What::Configuration(name) => {
                self.configure(name, column)?;
                self.simulator.reload(&self.parameters);
            }
            What::Expect(expectation) => return self.compare(expectation, at),
        }
        Ok(())
    }

    fn change(&mut self, address: IpAddr, at: usize, change: Change) {
        match change {
            Change::Becomes(condition) if at > 0 => self.simulator.world.set_for(at, address, condition),
            Change::Becomes(condition) => self.simulator.world.set(address, condition),
            Change::Certificate(end) => self.simulator.world.certify(address, BEGINNING + end),
            Change::Loses(probes) => self.simulator.world.lose(address, probes),
        }
    }

    fn restart(&mut self, restart: &Restart, at: usize, column: u32) -> Result<(), Mistake> {
        let Restart { gap, back, power_lost, config } = restart;
        if let Some(name) = config {
            self.configure(name, column)?;
            self.simulator.configure_node(at, &self.parameters);
        }
        let (now, millis) = (self.simulator.now, i64::try_from(back.as_millis()).unwrap_or(i64::MAX));
        let node = &mut self.simulator.nodes[at];
        node.set_clock_back(millis);
        node.restart_after(*gap, *power_lost, now);
        Ok(())
    }

    /// Another configuration of the story.
    fn configure(&mut self, name: &str, column: u32) -> Result<(), Mistake> {
        let Some(parameters) = self.others.others.get(name) else {
            let found = format!("there is no configuration `{name}`");
            let help = format!("write it after the story, below a line `--- {name}`");
            return Err(Mistake { column, found, help });
        };
        self.parameters = parameters.clone();
        Ok(())
    }

    fn compare(&self, expectation: &Expectation, at: usize) -> Result<(), Mistake> {
        let Expectation { name, region, column, facts } = expectation;
        let (now, node) = (shown(self.simulator.now), &self.simulator.nodes[at]);
        let now = if at > 0 { format!("{now} at ns{}", at + 1) } else { now };
        let Some(controller) = node.controller() else {
            let found = format!("expected {region}, found at {now}: the name server is away");
            return Err(Mistake { column: *column, found, help: String::new() });
        };
        let decision = self.decision(controller.decisions(), name.as_deref(), *column)?;
        let served = &decision.standing.region;
        let why = format!("{served}: {}", decision.derivation.headline(served));
        if served != region {
            let found = format!("expected {region}, found {served} at {now}");
            return Err(Mistake { column: *column, found, help: why });
        }
        let status = || node.status(self.simulator.now);
        let found = Found { decision, status: &status, reply: node.reply.as_ref() };
        facts.iter().try_for_each(|expected| {
            compare(&expected.fact, &found).map_err(|found| Mistake {
                column: expected.column,
                found: format!("expected {}, found {found} at {now}", expected.text),
                help: why.clone(),
            })
        })
    }

    /// The decision on a name, or the only one.
    fn decision<'d>(
        &self,
        decisions: &'d [Decision],
        name: Option<&str>,
        column: u32,
    ) -> Result<&'d Decision, Mistake> {
        let found = match name {
            Some(name) => decisions.iter().find(|decision| {
                decision.names.iter().any(|known| known.to_string() == name.trim_end_matches('.'))
            }),
            None => Some(decisions).filter(|all| all.len() == 1).and_then(<[Decision]>::first),
        };
        found.ok_or_else(|| {
            let all = decisions.iter().flat_map(|decision| decision.names.iter());
            let known = all.map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let found = match name {
                Some(name) => format!("{name} is not steered"),
                None => "which name is in question is not said".into(),
            };
            Mistake {
                column,
                found,
                help: format!("after `expect` stands one of {known}, and then the region"),
            }
        })
    }
}

fn node_name(node: usize) -> VantageId {
    format!("ns{}", node + 1).as_str().into()
}
