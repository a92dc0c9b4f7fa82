//! `cadence-dns drill`: the death of a region, rehearsed.
//!
//! A drill tells the daemon that the region is down, by an order that ends by itself: whoever has started it may be gone by
//! then. In shadow nothing is ordered.

mod followers;
mod report;
mod shadow;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jiff::fmt::friendly::SpanParser;

use super::command::{confirm, meaning};
use super::daemon_address::DaemonAddress;
use super::failure::{Failure, refused};
use super::output::{Output, complain, print, print_document};
use super::runtime::runtime;
use crate::api::{DRILL_SCHEMA, DeathNoticed, Drilled, NameDrilled};
use crate::config::Config;
use crate::control::{Wish, client};
use crate::controller::{Done, NameEffect, Terms, What, Which};
use crate::daemon;
use crate::model::RegionId;
use crate::policy::{AtExpiry, Order, Target};

use followers::Followers;

/// How long a drill may last.
const LASTS: std::ops::RangeInclusive<Duration> = Duration::from_secs(5)..=Duration::from_secs(3600);

/// As many names are followed.
const NAMES_MAX: usize = 8;

/// `cadence-dns drill REGION`
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
A drill orders `override set force-down REGION` for --for, asks as a client behind a caching resolver would, and takes the
order back when every client has followed, at Ctrl-C, or by itself when the time is over. Names come home as `failback`
has it. It does not rehearse the probes: how long it takes to notice a death is a bound of the budget, and is added.

Exit codes: 0 every client followed in time; 1 not, or nothing would move; 3 no daemon; 4 refused by a safety rule")]
pub(super) struct Arguments {
    /// The region that is said to be down
    #[arg(value_parser = region)]
    region: RegionId,
    /// For how long at most, 5s to 1h; longer than the TTL of its names
    #[arg(long = "for", value_name = "SPAN", default_value = "60s", value_parser = span)]
    lasts: Duration,
    /// Only show what would happen, and what the probes would take to notice
    #[arg(long)]
    shadow: bool,
    /// Do it without asking; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
    /// Why, for the log and for colleagues
    #[arg(long, default_value = "a drill")]
    reason: String,
    /// Where to ask the name server, instead of the first address of `[dns] listen`
    #[arg(long, value_name = "ADDRESS:PORT")]
    server: Option<SocketAddr>,
    /// How to print what was seen
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// The order, and who gives it.
struct Drill<'a> {
    order: Order,
    socket: PathBuf,
    arguments: &'a Arguments,
}

/// Rehearses.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = daemon::load_config(arguments.daemon.file()).map_err(|problems| refused(&problems))?.config;
    if !config.regions.iter().any(|region| region.id == arguments.region) {
        let known: Vec<&str> = config.regions.iter().map(|region| region.id.as_str()).collect();
        let found = format!("there is no region {}; there are {}", arguments.region, known.join(", "));
        return Err(Failure::Failed(found));
    }
    let order = Order::ForceDown(Target::Region(arguments.region.clone()));
    let drill = Drill { order, socket: arguments.daemon.whereabouts()?.socket, arguments };
    runtime()?.block_on(drill.run(&config))
}

impl Drill<'_> {
    async fn run(&self, config: &Config) -> Result<(), Failure> {
        let preview = self.ask(self.wanted(), true).await?;
        let moves: Vec<NameEffect> = preview.names.iter().filter(|effect| effect.changes).cloned().collect();
        if self.is_for_people() {
            print(&meaning(&preview));
        }
        if self.arguments.shadow {
            self.print_shadow(&moves, config);
            return Ok(());
        }
        if moves.is_empty() {
            return Err(Failure::Failed("no answer would change, so there is nothing to rehearse".into()));
        }
        self.outlasts(&moves)?;
        if !self.arguments.yes {
            confirm()?;
        }
        let server = self.arguments.server.or_else(|| asked_at(config)).ok_or_else(|| {
            Failure::Failed("[dns] listen has no address to ask; name one with --server".into())
        })?;
        let followers = Followers::of(&moves[..moves.len().min(NAMES_MAX)], server).await?;
        self.ask(self.wanted(), false).await?;
        let followed = tokio::select! {
            followed = followers.follow(self.arguments.lasts) => Ok(followed),
            _ = tokio::signal::ctrl_c() => Err(Failure::Failed("interrupted; the order is taken back".into())),
        };
        if let Err(failure) = self.ask(What::Withdraw(Which::Order(self.order.clone())), false).await {
            complain("cadence-dns: the order could not be taken back, and ends by itself");
            complain(&format!("{failure:?}"));
        }
        let followed = followed?;
        let judged = report::judge(&followed, config);
        let passed = judged.iter().all(|judged| judged.passed);
        match self.arguments.output {
            Output::Table => print(&report::text(&judged)),
            Output::Json => {
                let names = judged.iter().map(report::Judged::document).collect();
                print_document(&self.document(Some(passed), names, Vec::new()));
            }
        }
        if passed { Ok(()) } else { Err(Failure::Failed("the drill was not passed".into())) }
    }

    fn is_for_people(&self) -> bool {
        self.arguments.output == Output::Table
    }

    fn print_shadow(&self, moves: &[NameEffect], config: &Config) {
        let deaths = shadow::deaths(config, &self.arguments.region);
        match self.arguments.output {
            Output::Table => print(&shadow::text(&deaths, &self.arguments.region)),
            Output::Json => {
                let names = moves.iter().map(|effect| report::foreseen(effect, config)).collect();
                let noticed = deaths.iter().map(shadow::Death::document).collect();
                print_document(&self.document(None, names, noticed));
            }
        }
    }

    fn document(&self, passed: Option<bool>, names: Vec<NameDrilled>, noticed: Vec<DeathNoticed>) -> Drilled {
        let Arguments { region, shadow, .. } = self.arguments;
        Drilled {
            schema: DRILL_SCHEMA.into(),
            region: region.clone(),
            shadow: *shadow,
            passed,
            names,
            noticed,
        }
    }

    fn wanted(&self) -> What {
        let (order, lasts) = (self.order.clone(), self.arguments.lasts);
        What::Order { order, starts: None, lasts, at_expiry: AtExpiry::Automatic }
    }

    async fn ask(&self, what: What, dry_run: bool) -> Result<Done, Failure> {
        let terms = Terms { dry_run, ..Terms::default() };
        let wish = Wish { what, reason: self.arguments.reason.clone(), terms, by: String::new() };
        Ok(client::command(&self.socket, &wish).await?)
    }

    /// Caches must let go before the order ends, or nobody would be seen to follow.
    fn outlasts(&self, moves: &[NameEffect]) -> Result<(), Failure> {
        let longest = moves.iter().map(|effect| effect.ttl.as_duration()).max().unwrap_or_default();
        let least = longest + Duration::from_secs(2);
        if self.arguments.lasts < least {
            let found = format!("--for {:?} is shorter than caches keep the answer", self.arguments.lasts);
            return Err(Failure::Misused(format!("{found}: at least {least:?}")));
        }
        Ok(())
    }
}

/// The first address that is listened on, as this machine reaches it.
fn asked_at(config: &Config) -> Option<SocketAddr> {
    let mut server = *config.dns.listen.first()?;
    match server.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => server.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => server.set_ip(Ipv6Addr::LOCALHOST.into()),
        IpAddr::V4(_) | IpAddr::V6(_) => {}
    }
    Some(server)
}

fn span(text: &str) -> Result<Duration, String> {
    let span = SpanParser::new().parse_unsigned_duration(text.as_bytes()).ok();
    let span = span.filter(|span| LASTS.contains(span));
    span.ok_or_else(|| "a number with its unit, as in 60s, from 5s to 1h".to_owned())
}

fn region(text: &str) -> Result<RegionId, String> {
    if text.is_empty() { Err("the name of a region".into()) } else { Ok(text.into()) }
}
