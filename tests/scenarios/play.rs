//! A scenario is played, line by line, until one is not what was expected.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use cadence_dns::answer::Identity;
use cadence_dns::config::Config;
use cadence_dns::controller::Parameters;
use cadence_dns::model::Moment;
use cadence_dns::policy::Decision;

use super::language::{self, Change, Expectation, Fact, Step, What, When};
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
    let text = format!("{}\n{SURROUNDINGS}", scenario.config);
    let parsed = cadence_dns::config::parse(&shown, &text, Path::new("/"), 1);
    let config = parsed.map(|parsed| parsed.config).unwrap_or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        panic!("{}", lines.join("\n"))
    });
    let mut player = Player::new(&config);
    for step in &scenario.steps {
        if let Err(why) = player.play(step) {
            panic!("{shown}:{}: {why}\n{}", step.line, player.journal());
        }
    }
}

struct Player {
    parameters: Parameters,
    simulator: Simulator,
}

impl Player {
    fn new(config: &Config) -> Player {
        let parameters = Parameters {
            vantage: config.node.name.clone(),
            identity: Identity::default(),
            regions: config.regions.clone(),
            steers: config.steers.clone(),
        };
        Player { simulator: Simulator::start(parameters.clone()), parameters }
    }

    fn play(&mut self, step: &Step) -> Result<(), String> {
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

    fn happen(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::World { places, change } => {
                for address in self.addresses(places)? {
                    match change {
                        Change::Becomes(condition) => self.simulator.world.set(address, *condition),
                        Change::Loses(probes) => self.simulator.world.lose(address, *probes),
                    }
                }
            }
            What::Network { families, lost } => {
                families.iter().for_each(|family| self.simulator.world.cut_off(*family, *lost));
            }
            What::Exhausted(exhausted) => self.simulator.world.exhaust(*exhausted),
            What::Stuck(stuck) => self.simulator.set_prober_stuck(*stuck),
            What::Restart { gap, back } => {
                self.simulator.set_clock_back(*back);
                self.simulator.restart_after(*gap);
            }
            What::Expect(expectation) => return self.compare(expectation),
        }
        Ok(())
    }

    fn addresses(&self, places: &[String]) -> Result<Vec<IpAddr>, String> {
        let known =
            || self.parameters.regions.iter().flat_map(|region| &region.checks).map(|check| check.id.address);
        let mut addresses = Vec::new();
        for place in places {
            let region = self.parameters.regions.iter().find(|region| region.id.as_str() == place);
            match (region, place.parse::<IpAddr>()) {
                (Some(region), _) => addresses.extend(&region.addresses),
                (None, Ok(address)) if known().any(|known| known == address) => addresses.push(address),
                (None, _) => {
                    return Err(format!("`{place}` is neither a region nor an address that is probed"));
                }
            }
        }
        Ok(addresses)
    }

    fn compare(&self, expectation: &Expectation) -> Result<(), String> {
        let controller = self.simulator.controller().ok_or("the name server is away")?;
        let wanted = |decision: &&Decision| match &expectation.name {
            Some(name) => decision.name.to_string().trim_end_matches('.') == name.trim_end_matches('.'),
            None => controller.decisions().len() == 1,
        };
        let decision = controller.decisions().iter().find(wanted).ok_or("which name?")?;
        let region = &decision.standing.region;
        if *region != expectation.region {
            return Err(format!("it is {region}: {}", decision.derivation.headline(region)));
        }
        expectation.facts.iter().try_for_each(|fact| check(decision, fact))
    }

    fn journal(&self) -> String {
        let journal = &self.simulator.journal;
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
