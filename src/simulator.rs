//! The real controller in a simulated world: no sockets, no clock, the same history every time.
//!
//! ```text
//! World: how each address behaves ─▶ Prober ─Observation─▶ Controller ─Effect─▶ Disk, journal, Prober
//!                                                            ▲   └─ an Onlooker sees all of it
//!                                       Register: votes and decisions of other Nodes
//! ```

mod clock;
mod disk;
mod node;
mod onlooker;
mod prober;
mod register;
mod world;
mod zones;

use crate::controller::{Cluster, Controller, Event, Parameters};
use crate::health::Member;
use crate::model::{Family, Moment, VantageId};

pub use disk::{Disk, DiskState};
pub use node::Node;
pub use onlooker::{Handled, Nobody, Onlooker};
pub use prober::{Outside, ProbeStart, Prober};
pub use register::{Link, Register};
pub use world::{Condition, World};

/// When every history begins: 2026-11-22T16:00:00Z.
pub const BEGINNING: Moment = Moment::from_millis(1_795_363_200_000);

/// Name servers, and the world. The first is the one that a story calls "we".
pub struct Simulator<O> {
    /// What time it is.
    pub now: Moment,
    /// What is out there.
    pub world: World,
    /// The name servers.
    pub nodes: Vec<Node<O>>,
    /// What they share.
    pub register: Register,
}

impl<O: Onlooker> Simulator<O> {
    /// A name server that never ran before starts now.
    pub fn start(parameters: Parameters) -> Simulator<O> {
        Simulator::start_nodes(&parameters, 1)
    }

    /// So many name servers start now: `ns1` and so on, which vote together.
    pub fn start_nodes(parameters: &Parameters, number: usize) -> Simulator<O> {
        let nodes = (0..number).map(|node| Node::start(node, of_node(parameters, node, number), BEGINNING));
        let nodes = nodes.collect();
        let (world, register) = (World::default(), Register::new(number));
        let mut simulator = Simulator { now: BEGINNING, world, nodes, register };
        simulator.carry();
        simulator
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

    /// Takes a node's network away, or gives it back: with both families the way to the others is gone, too.
    pub fn cut_off(&mut self, node: usize, families: &[Family], lost: bool) {
        families.iter().for_each(|family| self.world.cut_off(node, *family, lost));
        if families.len() == Family::ALL.len() {
            self.part(node, lost);
        }
    }

    /// From now on the others do not hear of a node, nor it of them; or they do again.
    pub fn part(&mut self, node: usize, parted: bool) {
        self.register.set_link(node, if parted { Link::Down } else { Link::Up });
    }

    /// Another configuration of a node from its next start on.
    pub fn configure_node(&mut self, node: usize, parameters: &Parameters) {
        let number = self.nodes.len();
        self.nodes[node].configure(of_node(parameters, node, number));
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
        self.deliver();
        for node in &mut self.nodes {
            if node.next() <= self.now {
                node.live(&mut self.world, self.now);
            }
        }
        self.carry();
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
            register: self.register.clone(),
        }
    }

    fn next(&self) -> Moment {
        let nodes = self.nodes.iter().map(Node::next).min().expect("there is one");
        self.register.next().map_or(nodes, |at| nodes.min(at))
    }

    /// What reaches the nodes by now.
    fn deliver(&mut self) {
        if self.nodes.len() == 1 {
            return;
        }
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if node.stands_still_until().is_some_and(|until| until <= self.now) {
                node.live(&mut self.world, self.now);
                self.register.stand_still(number, node.stands_still_until());
            }
        }
        for (node, heard) in self.register.run(self.now) {
            self.nodes[node].handle(Event::Register(heard), self.now);
        }
    }

    /// What the nodes write, and whether they are there at all.
    fn carry(&mut self) {
        if self.nodes.len() == 1 {
            return;
        }
        for (number, node) in self.nodes.iter_mut().enumerate() {
            if node.has_started_again() || !self.register.has(number) && node.controller().is_some() {
                self.register.join(number, self.now);
            }
            if node.controller().is_none() && self.register.has(number) {
                self.register.leave(number);
            }
            self.register.stand_still(number, node.stands_still_until());
            for transaction in node.take_transactions() {
                self.register.transact(number, transaction, self.now);
            }
        }
    }
}

/// What a node decides by, one of `number` that vote.
fn of_node(parameters: &Parameters, node: usize, number: usize) -> Parameters {
    let name = |node: usize| VantageId::from(format!("ns{}", node + 1).as_str());
    let members = (0..number).map(|node| {
        let known = parameters.members.iter().find(|member| member.vantage == name(node));
        known.cloned().unwrap_or_else(|| Member::server(name(node)))
    });
    let cluster = (number > 1).then(|| Cluster {
        name: "simulated".into(),
        configuration: format!("{:?}", (&parameters.regions, &parameters.steers)),
    });
    Parameters { vantage: name(node), members: members.collect(), cluster, ..parameters.clone() }
}
