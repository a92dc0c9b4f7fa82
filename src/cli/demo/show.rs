//! The timeline as text: pure functions, so that its look is a golden text.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::event::{Answer, Answered, Cycle, Done, Event, Told, What};
use super::stage::Stage;
use super::story::{Plan, Story};
use crate::health::State;
use crate::policy::Hold;

/// How it is set off where there is colour; the words say it without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tone {
    Plain,
    Faint,
    Bold,
    Good,
    Warn,
    Bad,
}

impl Tone {
    /// The SGR code of a terminal (ECMA-48 section 8.3.117).
    fn code(self) -> &'static str {
        match self {
            Tone::Plain => "",
            Tone::Faint => "2",
            Tone::Bold => "1",
            Tone::Good => "1;32",
            Tone::Warn => "33",
            Tone::Bad => "1;31",
        }
    }

    fn paint(self, text: &str, colour: bool) -> String {
        match (self.code(), colour) {
            ("", _) | (_, false) => text.to_owned(),
            (code, true) => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// What stands above the timeline.
pub(super) struct Intro<'a> {
    /// Who plays.
    pub(super) plan: &'a Plan,
    /// Where questions are answered.
    pub(super) server: SocketAddr,
    /// Where the regions listen.
    pub(super) region_port: u16,
    /// How to start this program.
    pub(super) program: String,
    /// The configuration file.
    pub(super) config: PathBuf,
}

impl<'a> Intro<'a> {
    /// With commands that work in any folder.
    pub(super) fn of(plan: &'a Plan, server: SocketAddr, region_port: u16, stage: &Stage) -> Intro<'a> {
        let program = std::env::current_exe().map(|path| path.display().to_string());
        let program = program.unwrap_or_else(|_| "cadence-dns".into());
        Intro { plan, server, region_port, program, config: stage.config() }
    }

    pub(super) fn render(&self, colour: bool) -> String {
        let title = "cadence-dns demo: a region dies, and the name moves to the next one";
        let heading = " SECONDS   AFTER  SEEN IN  WHAT";
        format!(
            "{}\n\n{}\n{}\n{}\n",
            Tone::Bold.paint(title, colour),
            self.cast(),
            self.commands(colour),
            Tone::Faint.paint(heading, colour)
        )
    }

    fn cast(&self) -> String {
        let mut text = String::new();
        for (region, role) in self.plan.regions.iter().zip(["preferred", "takes over"]) {
            let (name, addresses) = (region.id.as_str(), list(&region.addresses));
            writeln!(
                text,
                "  {name:<12}{addresses}   real HTTP servers on port {}, {role}",
                self.region_port
            )
            .expect("a string takes everything");
        }
        let (rules, steer) = (&self.plan.budget.rules, &self.plan.steer);
        write!(
            text,
            "  name server {}   answers for {}\n  \
             probes      GET /health on each address every {:?}, every {:?} while something fails;\n              \
             {} failures in a row are down, {} passes are up\n  \
             TTL         {}, and {} from the first failed probe on\n",
            self.server,
            steer.name(),
            rules.interval,
            rules.recheck,
            rules.fall,
            rules.rise,
            steer.ttl,
            steer.ttl_suspect
        )
        .expect("a string takes everything");
        text
    }

    fn commands(&self, colour: bool) -> String {
        let Intro { plan, server, program, config, .. } = self;
        let config = config.display();
        let commands = [
            format!("dig @{} -p {} {} +noall +answer", server.ip(), server.port(), plan.steer.name()),
            format!("{program} status --config {config}"),
            format!("{program} check --config {config}"),
            format!("less {config}"),
        ];
        let mut text = String::from("Try meanwhile, in another terminal:\n\n");
        for command in commands {
            writeln!(text, "  {}", Tone::Bold.paint(&command, colour)).expect("a string takes everything");
        }
        text
    }
}

/// One event: a line, or the table at the end of a cycle.
pub(super) fn line(event: &Event, colour: bool) -> String {
    let Event { at, after, what } = event;
    let (source, (tone, text)) = match what {
        What::Done(Done::CycleEnds(cycle)) => return table(cycle, colour),
        What::Answered(answered) => ("answer", answered_words(answered)),
        What::Told(told) => ("status", told_words(told)),
        What::Done(done) => ("demo", done_words(done)),
    };
    let after = after.filter(|after| !after.is_zero());
    let after = after.map(|after| format!("+{:.2}", after.as_secs_f64())).unwrap_or_default();
    let starts_a_chapter = matches!(what, What::Done(Done::Dies(_) | Done::Returns(_) | Done::Lingers(_)));
    let gap = if starts_a_chapter { "\n" } else { "" };
    let clock = format!("{:8.2} {after:>7}  {source:<7}", at.as_secs_f64());
    format!("{gap}{}  {}\n", Tone::Faint.paint(&clock, colour), tone.paint(&text, colour))
}

fn answered_words(answered: &Answered) -> (Tone, String) {
    match answered {
        Answered::Begins { name, region, answer } => {
            (Tone::Plain, format!("{name} is {region}: {}", shown(answer)))
        }
        Answered::Flip { name, region, answer } => {
            (Tone::Good, format!("FLIP: {name} is {region}: {}", shown(answer)))
        }
        Answered::Failback { name, region, answer } => {
            (Tone::Good, format!("FAILBACK: {name} is {region}: {}", shown(answer)))
        }
        Answered::Members { region, answer } => {
            (Tone::Plain, format!("still {region}, now as {}", shown(answer)))
        }
        Answered::Ttl { before, now } if now < before => (
            Tone::Plain,
            format!("TTL {before} -> {now}: a change may be near, so caches keep answers less long"),
        ),
        Answered::Ttl { before, now } => (Tone::Plain, format!("TTL {before} -> {now}: all is quiet")),
        Answered::Mixed(answer) => (Tone::Bad, format!("NOT OF ONE REGION: {}", shown(answer))),
        Answered::CachesLetGo { old, new } => {
            (Tone::Good, format!("caches that keep to the TTL have let go of {old}; clients are on {new}"))
        }
        Answered::NoAnswer(why) => (Tone::Bad, format!("NO ADDRESS: {why}")),
    }
}

fn told_words(told: &Told) -> (Tone, String) {
    match told {
        Told::FirstFailure { address, failure, count, fall } => {
            (Tone::Warn, format!("first failed probe: {address}, {failure} ({count} of {fall} in a row)"))
        }
        Told::FirstPass { address, count, rise } => {
            (Tone::Plain, format!("first probe that passes: {address} ({count} of {rise} in a row)"))
        }
        Told::Verdict { region, state: State::Up, why } => (Tone::Plain, format!("{region} is {why}")),
        Told::Verdict { region, state: State::Down | State::Unknown, why } => {
            (Tone::Warn, format!("{region} is {why}"))
        }
        Told::Waits { to, hold, left } => {
            let left = left.map(|left| format!(" {left} s to go")).unwrap_or_default();
            (Tone::Plain, format!("{hold} hold: {}{left}", waits_for(*hold, to.as_str())))
        }
        Told::StillWaits { hold, left } => (Tone::Faint, format!("{hold} hold: {left} s to go")),
    }
}

fn waits_for(hold: Hold, to: &str) -> String {
    match hold {
        Hold::Failback => format!("{to} must prove itself first,"),
        Hold::ManualFailback => format!("{to} waits for `cadence-dns failback`"),
        Hold::Dwell => format!("the last change is too recent to go to {to},"),
        Hold::FlipLimit => format!("too many changes within an hour to go to {to},"),
    }
}

fn done_words(done: &Done) -> (Tone, String) {
    match done {
        Done::Dies(region) => {
            let region = region.as_str().to_uppercase();
            (Tone::Bad, format!("{region} DIES: its servers are gone, connections are refused"))
        }
        Done::Returns(region) => {
            let region = region.as_str().to_uppercase();
            (Tone::Good, format!("{region} RETURNS: its servers listen again"))
        }
        Done::CycleEnds(cycle) => (Tone::Plain, format!("cycle {} is over", cycle.number)),
        Done::Lingers(end) => (
            Tone::Faint,
            format!("no time for another cycle; the name server answers until {} s", end.as_secs()),
        ),
        Done::Trouble(why) => (Tone::Bad, why.clone()),
    }
}

/// Budget against measured.
fn table(cycle: &Cycle, colour: bool) -> String {
    let Cycle { number, budget, died, flip, caches_let_go, returned, failback } = cycle;
    let since_death = |at: &Option<Duration>| at.map(|at| at.saturating_sub(*died));
    let healed = failback.zip(*returned).map(|(failback, returned)| failback.saturating_sub(returned));
    let heading = format!("Cycle {number}{:41}{:>8}{:>11}", "", "BUDGET", "MEASURED");
    let derivation = budget.to_string().replace("; ", "\n           ");
    format!(
        "\n  {}\n{}{}{}  {}\n",
        Tone::Bold.paint(&heading, colour),
        row("from the death to the flip", Some(budget.detect), since_death(flip), colour),
        row(
            "from the death to the last cached answer",
            Some(budget.total),
            since_death(caches_let_go),
            colour
        ),
        row("from the return to the failback", None, healed, colour),
        Tone::Faint.paint(&format!("budget = {derivation}"), colour),
    )
}

fn row(what: &str, budget: Option<Duration>, measured: Option<Duration>, colour: bool) -> String {
    let seconds = |span: Duration| format!("{:.2} s", span.as_secs_f64());
    let verdict = match (budget, measured) {
        (_, None) => Tone::Bad.paint("NOT SEEN", colour),
        (Some(budget), Some(measured)) if measured > budget => Tone::Bad.paint("OVER", colour),
        (Some(_), Some(_)) => Tone::Good.paint("kept", colour),
        (None, Some(_)) => String::new(),
    };
    let (budget, measured) =
        (budget.map(seconds).unwrap_or_default(), measured.map(seconds).unwrap_or_default());
    format!("  {}\n", format!("{what:<48}{budget:>8}{measured:>11}  {verdict}").trim_end())
}

/// What stands below the timeline.
pub(super) fn closing(story: &Story, colour: bool) -> String {
    let (asked, lost) = story.questions();
    let missing = story.missing();
    let seen = match missing.is_empty() {
        true => Tone::Good.paint("flip and failback were seen in real answers over UDP", colour),
        false => Tone::Bad.paint(&format!("not seen: {}", missing.join(" and ")), colour),
    };
    let lost = match lost {
        0 => "each answered with the addresses of one region".into(),
        lost => {
            Tone::Bad.paint(&format!("{lost} of them not answered with the addresses of one region"), colour)
        }
    };
    format!("\nDone: {seen}.\n{asked} questions, {lost}.\nName server, regions and their folder are gone.\n")
}

fn shown(answer: &Answer) -> String {
    format!("{}, TTL {}", list(&answer.addresses), answer.ttl)
}

fn list(addresses: &[IpAddr]) -> String {
    addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
}
