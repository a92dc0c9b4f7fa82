//! A scenario is played, line by line, until one is not what was expected.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use cadence_dns::answer::Identity;
use cadence_dns::config::Config;
use cadence_dns::controller::Parameters;
use cadence_dns::health::Check;
use cadence_dns::model::Moment;
use cadence_dns::policy::Decision;

use super::language::{self, Change, Expectation, Fact, Restart, Step, What, When};
use super::simulator::{BEGINNING, Simulator};

/// What every configuration needs and no story is about.
const SURROUNDINGS: &str = r#"
[node]
name = "ns1"
[dns]
listen = ["192.0.2.53:53"]
[[zone]]
name = "cadence.example.com"
file = "cadence.zone"
"#;

/// Moments of holds and verdicts are right within this: they depend on the phases of the probes.
const TOLERANCE: Duration = Duration::from_secs(1);

/// The last lines of the journal that are shown when a story goes another way.
const JOURNAL_LINES: usize = 20;

/// Plays the scenario of a file.
///
/// # Panics
/// At the first line that makes no sense or is not as expected, with the file and the line.
pub(crate) fn file(path: &Path) {
    let shown = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(path).display().to_string();
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{shown}: {error}"));
    let scenario = language::read(&text).unwrap_or_else(|mistake| panic!("{shown}:{mistake}"));
    let config = read_config(&shown, &scenario.config);
    let mut player = Player::new(&shown, &config, scenario.configs);
    for step in &scenario.steps {
        if let Err(why) = player.play(step) {
            panic!("{shown}:{}: {why}\n{}", step.line, player.journal());
        }
    }
}

/// What a configuration makes a controller decide by.
///
/// # Panics
/// With every mistake in it.
pub(crate) fn read_config(shown: &str, config: &str) -> Parameters {
    let text = format!("{config}\n{SURROUNDINGS}");
    let parsed = cadence_dns::config::parse(shown, &text, Path::new("/"), 1);
    let config = parsed.map(|parsed| parsed.config).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    });
    parameters(&config)
}

fn parameters(config: &Config) -> Parameters {
    Parameters {
        vantage: config.node.name.clone(),
        members: Vec::new(),
        identity: Identity::default(),
        alone: config.alone,
        witnesses: config.witnesses.clone(),
        regions: config.regions.clone(),
        steers: config.steers.clone(),
        gates: config.gates.clone(),
        hooks: config.hooks.clone(),
    }
}

/// A story on its way.
pub(crate) struct Player {
    shown: String,
    parameters: Parameters,
    configs: BTreeMap<String, String>,
    pub(crate) simulator: Simulator,
}

impl Player {
    pub(crate) fn new(shown: &str, parameters: &Parameters, configs: BTreeMap<String, String>) -> Player {
        Player {
            shown: shown.to_owned(),
            simulator: Simulator::start(parameters.clone()),
            parameters: parameters.clone(),
            configs,
        }
    }

    /// Plays one line; what is not as expected is an error.
    pub(crate) fn play(&mut self, step: &Step) -> Result<(), String> {
        let (When::At(time) | When::By(time) | When::Until(time)) = step.when;
        let time = BEGINNING + time;
        if time < self.simulator.now {
            return Err(format!("time does not run backwards: it is {}", shown(self.simulator.now)));
        }
        match (&step.when, &step.what) {
            (When::By(_), What::Expect(expectation)) => self.wait_for(expectation, time),
            (When::Until(_), What::Expect(expectation)) => self.stays(expectation, time),
            (_, what) => {
                self.simulator.run_until(time);
                self.happen(what)
            }
        }
    }

    fn wait_for(&mut self, expectation: &Expectation, limit: Moment) -> Result<(), String> {
        loop {
            let Err(why) = self.compare(expectation) else { return Ok(()) };
            if !self.simulator.step(limit) {
                return Err(why);
            }
        }
    }

    fn stays(&mut self, expectation: &Expectation, limit: Moment) -> Result<(), String> {
        loop {
            if self.simulator.controller().is_some() {
                let now = shown(self.simulator.now);
                self.compare(expectation).map_err(|why| format!("at {now}: {why}"))?;
            }
            if !self.simulator.step(limit) {
                return Ok(());
            }
        }
    }

    fn restart(&mut self, Restart { gap, back, power_lost, config }: &Restart) -> Result<(), String> {
        if let Some(name) = config {
            let text = self.configs.get(name).ok_or_else(|| format!("there is no part `--- {name}`"))?;
            self.parameters = read_config(&self.shown, text);
            self.simulator.configure(&self.parameters);
        }
        let (now, millis) = (self.simulator.now, i64::try_from(back.as_millis()).unwrap_or(i64::MAX));
        let us = self.simulator.us_mut();
        us.set_clock_back(millis);
        us.restart_after(*gap, *power_lost, now);
        Ok(())
    }

    fn happen(&mut self, what: &What) -> Result<(), String> {
        let now = self.simulator.now;
        match what {
            What::World { places, change } => {
                for address in self.addresses(places)? {
                    match change {
                        Change::Becomes(condition) => self.simulator.world.set(address, *condition),
                        Change::Loses(probes) => self.simulator.world.lose(address, *probes),
                    }
                }
            }
            What::Network { node, families, lost } => {
                families.iter().for_each(|family| self.simulator.world.cut_off(*node, *family, *lost));
            }
            What::Family { family, taken } => self.simulator.world.take_family(0, *family, *taken),
            What::Parted { node, parted } => self.simulator.part(*node, *parted),
            What::Forged(forged) => self.simulator.world.forge(0, *forged),
            What::Exhausted(exhausted) => self.simulator.world.exhaust(0, *exhausted),
            What::Stuck(stuck) => self.simulator.us_mut().set_prober_stuck(*stuck, now),
            What::StandStill(time) => self.simulator.us_mut().stand_still(*time, now),
            What::Disk(state) => self.simulator.us_mut().set_disk(*state),
            What::Clock(millis) => self.simulator.us_mut().set_clock_back(*millis),
            What::Nodes(number) => {
                self.simulator = Simulator::start_nodes(&self.parameters, *number);
            }
            What::Gate { gate, seen } => {
                self.parameters
                    .gates
                    .iter()
                    .find(|known| known.id == *gate)
                    .ok_or("there is no such gate")?;
                let node = self.simulator.us_mut();
                match seen {
                    Some(seen) => drop(node.gates.insert(gate.clone(), seen.clone())),
                    None => drop(node.gates.remove(gate)),
                }
            }
            What::Hook { hook, fails } => {
                self.parameters
                    .hooks
                    .iter()
                    .find(|known| known.id == *hook)
                    .ok_or("there is no such hook")?;
                let failing = &mut self.simulator.us_mut().failing_hooks;
                if *fails {
                    failing.insert(hook.clone())
                } else {
                    failing.remove(hook)
                };
            }
            What::FailBack(name) => {
                let name = match name {
                    Some(name) => name.parse().map_err(|_| format!("`{name}` is no name"))?,
                    None => self.parameters.steers[0].name().clone(),
                };
                self.simulator.us_mut().fail_back(&name, now);
            }
            What::Restart(restart) => self.restart(restart)?,
            What::Expect(expectation) => return self.compare(expectation),
        }
        Ok(())
    }

    fn addresses(&self, places: &[String]) -> Result<Vec<IpAddr>, String> {
        let known = || self.checks().map(|check| check.id.address);
        let mut addresses = Vec::new();
        for place in places {
            let region = self.parameters.regions.iter().find(|region| region.id.as_str() == place);
            let witness = self
                .parameters
                .witnesses
                .iter()
                .find(|check| check.id.region.as_str().strip_prefix("witness/") == Some(place));
            match (region, place.parse::<IpAddr>()) {
                (Some(region), _) => addresses.extend(&region.addresses),
                (None, _) if witness.is_some() => addresses.extend(witness.map(|check| check.id.address)),
                (None, Ok(address)) if known().any(|known| known == address) => addresses.push(address),
                (None, _) => {
                    return Err(format!("`{place}` is neither a region nor an address that is probed"));
                }
            }
        }
        Ok(addresses)
    }

    fn checks(&self) -> impl Iterator<Item = &Check> {
        self.parameters.regions.iter().flat_map(|region| &region.checks).chain(&self.parameters.witnesses)
    }

    fn compare(&self, expectation: &Expectation) -> Result<(), String> {
        let controller = self.simulator.controller().ok_or("the name server is away")?;
        let wanted = |decision: &&Decision| match &expectation.name {
            Some(name) => decision.names.iter().any(|known| known.to_string() == name.trim_end_matches('.')),
            None => controller.decisions().len() == 1,
        };
        let decision = controller.decisions().iter().find(wanted).ok_or("which name?")?;
        let region = &decision.standing.region;
        if *region != expectation.region {
            return Err(format!("it is {region}: {}", decision.derivation.headline(region)));
        }
        expectation.facts.iter().try_for_each(|fact| {
            if let Fact::Warns(text) = fact {
                self.warns(text)
            } else if let Fact::Replied(text) = fact {
                self.replied(text)
            } else {
                check(decision, fact)
            }
        })
    }

    fn warns(&self, text: &str) -> Result<(), String> {
        let status = self.simulator.us().status(self.simulator.now).ok_or("the name server is away")?;
        let warned = match text {
            "of nothing" => status.warnings.is_empty(),
            text => status.warnings.iter().any(|warning| warning.text.contains(text)),
        };
        let all: Vec<String> = status.warnings.into_iter().map(|warning| warning.text).collect();
        if warned { Ok(()) } else { Err(format!("it warns of {all:?}")) }
    }

    fn replied(&self, text: &str) -> Result<(), String> {
        let reply = self.simulator.us().reply.as_ref().ok_or("no reply yet")?;
        let told = match &reply.outcome {
            Ok(done) => done.to_string(),
            Err(refusal) => refusal.to_string(),
        };
        if told.contains(text) { Ok(()) } else { Err(format!("the reply is {told}")) }
    }

    fn journal(&self) -> String {
        let journal = &self.simulator.us().journal;
        let lines = journal.iter().skip(journal.len().saturating_sub(JOURNAL_LINES));
        lines.map(|(at, text)| format!("{:>10}  {text}\n", shown(*at))).collect()
    }
}

fn check(decision: &Decision, fact: &Fact) -> Result<(), String> {
    let (standing, derivation) = (&decision.standing, &decision.derivation);
    let wait = derivation.wait.as_ref();
    let unless = |fine: bool, found: String| if fine { Ok(()) } else { Err(found) };
    match fact {
        Fact::Epoch(epoch) => unless(standing.epoch == *epoch, format!("it is epoch {}", standing.epoch)),
        Fact::Ttl(ttl) => unless(decision.ttl.as_duration() == *ttl, format!("it is ttl {}", decision.ttl)),
        Fact::Answers(addresses) => {
            unless(*standing.addresses == **addresses, format!("it answers {:?}", standing.addresses))
        }
        Fact::Rule(rule) => {
            unless(derivation.rule.label() == rule, format!("it is {}", derivation.rule.label()))
        }
        Fact::Because(text) => {
            let why = derivation.headline(&standing.region);
            unless(why.contains(text), format!("it is because {why}"))
        }
        Fact::Warns(_) | Fact::Replied(_) => Ok(()), // compared with the status
        Fact::WaitsForNothing => unless(wait.is_none(), format!("it waits: {wait:?}")),
        Fact::Waits { hold, to, until } => {
            let fits = wait.is_some_and(|wait| {
                wait.hold.to_string() == *hold && wait.to == *to && until.is_none_or(|u| near(wait.until, u))
            });
            let until = wait.and_then(|wait| wait.until).map(shown);
            unless(fits, format!("it waits for {wait:?}, until {until:?}"))
        }
        Fact::Region { region, state, since } => {
            let verdict =
                derivation.verdict_on(region).ok_or_else(|| format!("{region} is none of its regions"))?;
            let fits = verdict.state == *state && since.is_none_or(|since| near(Some(verdict.since), since));
            unless(fits, format!("{region} is {verdict}, since {}", shown(verdict.since)))
        }
    }
}

fn near(moment: Option<Moment>, expected: Duration) -> bool {
    let expected = BEGINNING + expected;
    moment.is_some_and(|moment| moment.since(expected).max(expected.since(moment)) <= TOLERANCE)
}

/// As in the story: the time since its beginning.
fn shown(moment: Moment) -> String {
    format!("{:?}", moment.since(BEGINNING))
}
