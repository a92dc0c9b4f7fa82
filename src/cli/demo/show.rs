//! What stands above, below and between the lines: pure functions, so that its look is a golden text.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::line::{Line, Tone, addresses};
use super::plan::Plan;
use super::story::{Cycle, Event, Story};

/// What stands above the timeline.
pub(super) struct Intro<'a> {
    /// What is played.
    pub(super) plan: &'a Plan,
    /// The name server.
    pub(super) server: SocketAddr,
    /// The caching resolver.
    pub(super) resolver: SocketAddr,
    /// The HTTP API.
    pub(super) api: SocketAddr,
    /// Where the regions listen.
    pub(super) region_port: u16,
    /// How to start this program, in any folder.
    pub(super) program: String,
    /// The configuration file.
    pub(super) config: PathBuf,
}

impl Intro<'_> {
    pub(super) fn render(&self, colour: bool) -> String {
        let title = "cadence-dns demo: a region dies, and the name moves to the next one";
        format!(
            "{}\n\n{}\n{}\n{}\n",
            Tone::Bold.paint(title, colour),
            self.cast(),
            self.commands(colour),
            Tone::Faint.paint(Line::HEADING, colour)
        )
    }

    fn cast(&self) -> String {
        let mut text = String::new();
        for (region, role) in self.plan.regions.iter().zip(["preferred", "takes over"]) {
            let (name, addresses) = (region.id.as_str(), addresses(&region.addresses));
            let port = self.region_port;
            writeln!(text, "  {name:<9}{addresses}   real HTTP servers on port {port}, {role}")
                .expect("a string takes everything");
        }
        let (rules, steer) = (&self.plan.budget.rules, &self.plan.steer);
        let (interval, recheck) = (rules.interval, rules.recheck);
        write!(
            text,
            "  server   {}   answers for {} with one region,\n           \
             TTL {}, and {} while a change may be near\n  \
             client   asks {}, a resolver with a cache, which asks the name server\n  \
             probes   GET /health at each address every {interval:?}, every {recheck:?} after a failure;\n           \
             {} failures in a row are down, {} passes are up\n",
            self.server,
            steer.name(),
            steer.ttl,
            steer.ttl_suspect,
            self.resolver,
            rules.fall,
            rules.rise,
        )
        .expect("a string takes everything");
        text
    }

    fn commands(&self, colour: bool) -> String {
        let (program, config) = (&self.program, self.config.display());
        let name = &self.plan.steer.name();
        let dig = |at: SocketAddr| format!("dig @{} -p {} {name} +noall +answer", at.ip(), at.port());
        let commands = [
            dig(self.server),
            dig(self.resolver),
            format!("{program} status --config {config}"),
            format!("curl -s http://{}/api/v1/status", self.api),
            format!("{program} check --config {config}"),
            format!("less {config}"),
        ];
        let mut text = String::from("Try meanwhile, in another terminal:\n\n");
        for command in commands {
            writeln!(text, "  {}", Tone::Bold.paint(&command, colour)).expect("a string takes everything");
        }
        let page = Tone::Bold.paint(&format!("http://{}/", self.api), colour);
        writeln!(text, "\nOr look at {page} in a browser: the page changes by itself.")
            .expect("a string takes everything");
        text
    }
}

/// One event: a line, or the table at the end of a cycle.
pub(super) fn event(event: &Event, colour: bool) -> String {
    match event {
        Event::Line(line) => line.render(colour),
        Event::CycleEnds(cycle) => table(cycle, colour),
    }
}

/// Budget against measured.
fn table(cycle: &Cycle, colour: bool) -> String {
    let Cycle { number, budget, died, returned, .. } = cycle;
    let since = |start: Duration, at: Option<Duration>| at.map(|at| at.saturating_sub(start));
    let from_death = [
        ("first failed probe", budget.first_failed, cycle.first_failed),
        ("the region is declared down", budget.detect, cycle.down),
        ("the name server answers with the next region", budget.detect, cycle.flip),
        ("the client behind the cache gets it", budget.total, cycle.client_flip),
    ];
    let from_return = [
        ("the name server answers with it again", cycle.failback),
        ("the client behind the cache gets it", cycle.client_failback),
    ];
    let death = format!("Cycle {number}, from the death until");
    let death = format!("{death:<48}{:>8}{:>11}", "BUDGET", "MEASURED");
    let mut text = format!("\n  {}\n", Tone::Bold.paint(&death, colour));
    for (what, limit, at) in from_death {
        text += &row(what, Some(limit), since(*died, at), colour);
    }
    text += "  from the return until\n";
    for (what, at) in from_return {
        text += &row(what, None, returned.and_then(|returned| since(returned, at)), colour);
    }
    let derivation = budget.to_string().replace("; ", "\n           ");
    text + &format!("  {}\n", Tone::Faint.paint(&format!("budget = {derivation}"), colour))
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
    format!("    {}\n", format!("{what:<46}{budget:>8}{measured:>11}  {verdict}").trim_end())
}

/// What stands below the timeline.
pub(super) fn closing(story: &Story, colour: bool) -> String {
    let missing = story.missing();
    let seen = match missing.is_empty() {
        true => {
            Tone::Good.paint("flip and failback were seen in real answers, also behind the cache", colour)
        }
        false => Tone::Bad.paint(&format!("not seen: {}", missing.join(", ")), colour),
    };
    let [(asked, bad), (asked_cache, bad_cache)] = story.questions();
    let lost = match bad + bad_cache {
        0 => "each answered with the addresses of one region".into(),
        lost => {
            Tone::Bad.paint(&format!("{lost} of them not answered with the addresses of one region"), colour)
        }
    };
    format!(
        "\nDone: {seen}.\n{asked} questions to the name server and {asked_cache} through the cache, {lost}.\n\
         Name server, resolver, regions and their folder are gone.\n"
    )
}
