//! `cadence-dns switchover`: a move that is planned, followed step by step.

use std::thread::sleep;
use std::time::Duration;

use clap::ArgGroup;
use jiff::Timestamp;

use super::command::{Lasting, Options, carried_out, carry_out, span_ahead};
use super::failure::Failure;
use super::output::print;
use super::runtime::runtime;
use super::when::now;
use crate::control::client;
use crate::controller::{Done, What, Which};
use crate::model::{Moment, Name, RegionId};
use crate::policy::{Order, OverrideId};

/// How often the daemon is asked for the next step.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// `cadence-dns switchover NAME --to REGION --at TIME --reason TEXT`
#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("what").required(true).args(["to", "cancel"]))]
#[command(group = ArgGroup::new("when").args(["at", "within"]))]
pub(super) struct Arguments {
    /// The steered name
    name: Name,
    /// The region that it gets
    #[arg(long, value_name = "REGION", requires = "when")]
    to: Option<String>,
    /// When, such as 2026-12-01T03:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Moment>,
    /// The same from now, such as 10m; at least as long as the TTL, so that caches can be made ready
    #[arg(long = "in", value_name = "SPAN", value_parser = span_ahead)]
    within: Option<Duration>,
    /// Give up what was planned for the name
    #[arg(long, conflicts_with = "when")]
    cancel: bool,
    /// Do not wait for the steps; `status` and `history` tell them too
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// Plans it and follows it, or gives it up.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { name, to, at, within, no_wait, lasting, options, .. } = arguments;
    let Some(to) = to else { return cancel(name, options) };
    let starts = at.or_else(|| within.map(|within| now() + within));
    let order = Order::Pin { name: name.clone(), region: RegionId::from(to.as_str()) };
    let done = carried_out(lasting.order_from(starts, order), Some(name), options)?;
    let made = done.and_then(|Done { made, .. }| made).filter(|_| !no_wait);
    match made {
        Some(made) => follow(made.id, options),
        None => Ok(()),
    }
}

fn cancel(name: &Name, options: &Options) -> Result<(), Failure> {
    let socket = options.daemon().whereabouts()?.socket;
    let status = runtime()?.block_on(client::status(&socket))?;
    let planned =
        status.overrides.iter().find(|known| known.starts.is_some() && known.order.name() == Some(name));
    match planned {
        Some(planned) => carry_out(What::Withdraw(Which::Id(planned.id)), Some(name), options),
        None => Err(Failure::Failed(format!("nothing is planned for {name}; `cadence-dns override list`"))),
    }
}

/// A line for each step, until the last one. Whoever stops looking stops nothing.
fn follow(id: OverrideId, options: &Options) -> Result<(), Failure> {
    let socket = options.daemon().whereabouts()?.socket;
    let runtime = runtime()?;
    let mut told = 0;
    loop {
        let status = runtime.block_on(client::status(&socket))?;
        let steps: Vec<_> = status.steps.iter().filter(|step| step.id == id).collect();
        for step in steps.iter().skip(told) {
            if options.is_for_people() {
                print(&format!("{}  {}\n", step.at, step.text));
            }
        }
        told = told.max(steps.len());
        match steps.last().filter(|step| step.last) {
            Some(last) if last.bad => return Err(Failure::Failed(last.text.clone())),
            Some(_) => return Ok(()),
            None if status.overrides.get(id).is_none() => {
                return Err(Failure::Failed(
                    "it was given up by an operator; `cadence-dns history` tells by whom".into(),
                ));
            }
            None => sleep(LOOK_EVERY),
        }
    }
}

fn time(text: &str) -> Result<Moment, String> {
    let time = text
        .parse::<Timestamp>()
        .map_err(|_| "a time with its zone, as in 2026-12-01T03:00:00Z".to_owned())?;
    let millis = u64::try_from(time.as_millisecond()).map_err(|_| "a time to come".to_owned())?;
    Ok(Moment::from_millis(millis))
}
