//! The real controller in a simulated world: no sockets, no clock, the same history every time.
//!
//! ```text
//! World: how each address behaves ─▶ Prober ─Observation─▶ Controller ─Effect─▶ Disk, journal, Prober
//!                                                            ▲   └─ an Onlooker sees all of it
//!                                                     votes of other Nodes
//! ```

mod clock;
mod disk;
mod node;
mod onlooker;
mod prober;
mod world;
mod zones;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::controller::{Controller, Event, Parameters, Votes};
use crate::health::Member;
use crate::model::{Moment, VantageId};

pub use disk::{Disk, DiskState};
pub use node::Node;
pub use onlooker::{Handled, Nobody, Onlooker};
pub use prober::{Outside, ProbeStart, Prober};
pub use world::{Condition, World};

/// When every history begins: 2026-11-22T16:00:00Z.
pub const BEGINNING: Moment = Moment::from_millis(1_795_363_200_000);

/// Nodes tell each other this often what they see, and this is how long it takes.
const VOTES_EVERY: Duration = Duration::from_millis(500);
const VOTES_TAKE: Duration = Duration::from_millis(30);

/// Name servers, and the world. The first is the one that a story calls "we".
pub struct Simulator<O> {
    /// What time it is.
    pub now: Moment,
    /// What is out there.
    pub world: World,
    /// The name servers.
    pub nodes: Vec<Node<O>>,
    /// Nodes that the others do not hear of, nor they of them.
    parted: BTreeSet<usize>,
    next_votes: Moment,
    /// Votes on their way.
    votes: Option<(Moment, Vec<(usize, Votes)>)>,
}

impl<O: Onlooker> Simulator<O> {
    /// A name server that never ran before starts now.
    pub fn start(parameters: Parameters) -> Simulator<O> {
        Simulator::start_nodes(&parameters, 1)
    }

    /// So many name servers start now: `ns1` and so on, which vote together.
    pub fn start_nodes(parameters: &Parameters, number: usize) -> Simulator<O> {
        let nodes = (0..number).map(|node| Node::start(node, of_node(parameters, node, number), BEGINNING));
        Simulator {
            now: BEGINNING,
            world: World::default(),
            nodes: nodes.collect(),
            parted: BTreeSet::new(),
            next_votes: BEGINNING + VOTES_EVERY,
            votes: None,
        }
    }

    /// Our own node.
    pub fn us(&self) -> &Node<O> {
        &self.nodes[0]
    }

    /// Our own node, to do something to it.
    pub fn us_mut(&mut self) -> &mut Node<O> {
        &mut self.nodes[0]
    }

    /// None while our name server is away.
    pub fn controller(&self) -> Option<&Controller> {
        self.us().controller()
    }

    /// From now on the others do not hear of a node, or they do again.
    pub fn part(&mut self, node: usize, parted: bool) {
        if parted {
            self.parted.insert(node);
        } else {
            self.parted.remove(&node);
        }
    }

    /// Another configuration from the next start on.
    pub fn configure(&mut self, parameters: &Parameters) {
        let number = self.nodes.len();
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.configure(of_node(parameters, index, number));
        }
    }

    /// Another configuration from now on, without a restart.
    pub fn reload(&mut self, parameters: &Parameters) {
        let (now, number) = (self.now, self.nodes.len());
        for (index, node) in self.nodes.iter_mut().enumerate() {
            node.reload(of_node(parameters, index, number), now);
        }
    }

    /// Lets time go by until the next thing happens, but not past `limit`. False when nothing happens any more.
    pub fn step(&mut self, limit: Moment) -> bool {
        let next = self.next();
        if next > limit {
            self.now = limit.max(self.now);
            return false;
        }
        self.now = next.max(self.now);
        self.exchange_votes();
        for node in &mut self.nodes {
            if node.next() <= self.now {
                node.live(&mut self.world, self.now);
            }
        }
        true
    }

    /// Lets time go by.
    ///
    /// # Panics
    /// When time does not go on though something happens again and again.
    pub fn run_until(&mut self, limit: Moment) {
        let (mut steps, mut last) = (0, self.now);
        while self.step(limit) {
            steps = if self.now > last { 0 } else { steps + 1 };
            last = self.now;
            assert!(steps < 10_000, "time stands still at {last:?}");
        }
    }

    /// The watchdog, between its ticks. Returns how much there was to do.
    pub fn time_passes(&mut self) -> usize {
        let now = self.now;
        self.us_mut().handle(Event::TimePassed, now)
    }

    /// The same world, with a controller that has just been started from what this one would save.
    ///
    /// # Panics
    /// While the name server is away, or when there are several.
    pub fn restarted_twin(&self) -> Simulator<O> {
        assert_eq!(self.nodes.len(), 1, "votes are not saved");
        Simulator {
            now: self.now,
            world: self.world.clone(),
            nodes: vec![self.us().restarted_twin(self.now)],
            parted: BTreeSet::new(),
            next_votes: self.next_votes,
            votes: None,
        }
    }

    fn next(&self) -> Moment {
        let nodes = self.nodes.iter().map(Node::next).min().expect("there is one");
        if self.nodes.len() == 1 {
            return nodes;
        }
        let arrives = self.votes.as_ref().map_or(self.next_votes, |(at, _)| *at);
        nodes.min(self.next_votes).min(arrives)
    }

    fn exchange_votes(&mut self) {
        if self.nodes.len() == 1 {
            return;
        }
        if let Some((_, votes)) = self.votes.take_if(|(at, _)| *at <= self.now) {
            for (from, votes) in votes {
                for to in 0..self.nodes.len() {
                    let heard = from != to && !self.parted.contains(&from) && !self.parted.contains(&to);
                    if heard {
                        let votes = Votes { age: VOTES_TAKE, ..votes.clone() };
                        self.nodes[to].handle(Event::Voted(votes), self.now);
                    }
                }
            }
        }
        if self.next_votes <= self.now {
            self.next_votes = self.now + VOTES_EVERY;
            let votes =
                self.nodes.iter().enumerate().filter_map(|(number, node)| {
                    Some((number, node.controller()?.votes(node.time(self.now))))
                });
            self.votes = Some((self.now + VOTES_TAKE, votes.collect()));
        }
    }
}

/// What a node decides by, one of `number` that vote.
fn of_node(parameters: &Parameters, node: usize, number: usize) -> Parameters {
    let name = |node: usize| VantageId::from(format!("ns{}", node + 1).as_str());
    let member = |node| Member::server(name(node));
    Parameters { vantage: name(node), members: (0..number).map(member).collect(), ..parameters.clone() }
}
