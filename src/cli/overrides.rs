//! `cadence-dns override`: what operators have ordered, and more orders.

use clap::Subcommand;

use super::command::{Lasting, Options, carry_out};
use super::daemon_address::DaemonAddress;
use super::failover::TargetArgument;
use super::failure::Failure;
use super::output::{Output, print, print_as_it_is};
use super::runtime::runtime;
use super::text::{age, table};
use crate::control::client;
use crate::controller::{What, Which};
use crate::model::{Moment, Name, RegionId};
use crate::policy::{AtExpiry, Order, OverrideId, Overrides, Scope};

/// `cadence-dns override …`
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Put an order in force: it beats health until it ends
    #[command(subcommand)]
    Set(Set),
    /// Show the orders in force, whose they are, why, and when they end
    List(List),
    /// End one order, or all of them, before their time
    Clear(Clear),
}

/// What can be ordered.
#[derive(Debug, Subcommand)]
pub(super) enum Set {
    /// A region or an address counts as up, whatever its probes say
    ForceUp(OnTarget),
    /// A region or an address counts as down, whatever its probes say
    ForceDown(OnTarget),
    /// A region or an address is left, and entered only where nothing else works
    Drain(OnTarget),
    /// A name has a region, whatever the probes of any region say
    Pin(Pin),
    /// Answers stay exactly as they are, also in an outage
    Freeze(Freeze),
}

/// An order about a region or an address.
#[derive(Debug, clap::Args)]
pub(super) struct OnTarget {
    /// A region, or one of its addresses
    #[arg(value_name = "REGION|ADDRESS")]
    target: TargetArgument,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// `override set pin NAME --to REGION`
#[derive(Debug, clap::Args)]
pub(super) struct Pin {
    /// The steered name
    name: Name,
    /// The region that it gets
    #[arg(long, value_name = "REGION")]
    to: String,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// `override set freeze all|REGION|NAME`
#[derive(Debug, clap::Args)]
pub(super) struct Freeze {
    /// All names, those that a region serves, or a name and its group
    #[arg(value_name = "all|REGION|NAME")]
    scope: String,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// `override list`
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    daemon: DaemonAddress,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// `override clear ID|all`
#[derive(Debug, clap::Args)]
pub(super) struct Clear {
    /// The number that `override list` shows, or `all`
    #[arg(value_name = "ID|all", value_parser = which)]
    which: Which,
    #[command(flatten)]
    options: Options,
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Set(set) => self::set(set),
        Command::List(list) => self::list(list),
        Command::Clear(Clear { which, options }) => carry_out(What::Withdraw(which.clone()), None, options),
    }
}

fn set(set: &Set) -> Result<(), Failure> {
    let about = |OnTarget { target, lasting, options }: &OnTarget, order: fn(_) -> Order| {
        carry_out(lasting.order(order(target.0.clone())), None, options)
    };
    match set {
        Set::ForceUp(on) => about(on, Order::ForceUp),
        Set::ForceDown(on) => about(on, Order::ForceDown),
        Set::Drain(on) => about(on, Order::Drain),
        Set::Pin(Pin { name, to, lasting, options }) => {
            let order = Order::Pin { name: name.clone(), region: RegionId::from(to.as_str()) };
            carry_out(lasting.order(order), Some(name), options)
        }
        Set::Freeze(Freeze { scope, lasting, options }) => {
            let scope = self::scope(scope, options)?;
            let name = match &scope {
                Scope::OfName(name) => Some(name.clone()),
                Scope::All | Scope::InRegion(_) => None,
            };
            carry_out(lasting.order(Order::Freeze(scope)), name.as_ref(), options)
        }
    }
}

/// The daemon knows what is a region.
fn scope(text: &str, options: &Options) -> Result<Scope, Failure> {
    if text == "all" {
        return Ok(Scope::All);
    }
    let socket = options.daemon().whereabouts()?.socket;
    let status = runtime()?.block_on(client::status(&socket))?;
    if status.regions.iter().any(|region| region.region.as_str() == text) {
        return Ok(Scope::InRegion(RegionId::from(text)));
    }
    let name =
        text.parse::<Name>().map_err(|error| Failure::Misused(format!("{text:?} is no name: {error}")))?;
    Ok(Scope::OfName(name))
}

fn list(List { daemon, output }: &List) -> Result<(), Failure> {
    let socket = daemon.whereabouts()?.socket;
    let status = runtime()?.block_on(client::status(&socket))?;
    match output {
        Output::Table if status.overrides.is_empty() => print("no override is in force\n"),
        Output::Table => print(&shown(&status.overrides, status.time, None)),
        Output::Json => {
            let document = serde_json::json!({
                "schema": "cadence-dns/overrides/v1",
                "overrides": &status.overrides,
            });
            let text = serde_json::to_string_pretty(&document).expect("it is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    Ok(())
}

/// A row for each order.
pub(super) fn shown(overrides: &Overrides, now: Moment, width: Option<u16>) -> String {
    let mut table = table(&["OVERRIDE", "ORDER", "BEGINS", "ENDS IN", "THEN", "BY", "REASON"], width);
    for order in overrides.iter() {
        let then = match order.at_expiry {
            AtExpiry::Automatic => "automatic",
            AtExpiry::Hold => "hold",
        };
        table.add_row([
            order.id.to_string(),
            order.order.to_string(),
            order.starts.map_or_else(|| "-".into(), |starts| format!("in {}", age(starts.after(now)))),
            age(order.expires.after(now)),
            then.into(),
            order.author.clone(),
            order.reason.clone(),
        ]);
    }
    format!("{}\n", table.trim_fmt())
}

fn which(text: &str) -> Result<Which, String> {
    if text == "all" {
        return Ok(Which::All);
    }
    let number = text.strip_prefix('#').unwrap_or(text).parse();
    number
        .map(|number| Which::Id(OverrideId(number)))
        .map_err(|_| "a number, as `override list` shows it, or `all`".into())
}
