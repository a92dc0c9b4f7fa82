//! `cadence-dns failover`, `drain`, `undrain` and `switch`: what an operator does most.

use std::convert::Infallible;
use std::str::FromStr;

use clap::ValueEnum;

use super::command::{Lasting, Options, carry_out};
use super::failure::Failure;
use crate::controller::{What, Which};
use crate::model::{GateId, Name, RegionId};
use crate::policy::{Order, Target};

/// `cadence-dns failover NAME --to REGION --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Failover {
    /// The steered name
    name: Name,
    /// The region that it gets, whatever its probes say
    #[arg(long, value_name = "REGION")]
    to: String,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// `cadence-dns drain REGION|ADDRESS --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Drain {
    /// A region, or one of its addresses
    #[arg(value_name = "REGION|ADDRESS")]
    target: TargetArgument,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// `cadence-dns undrain REGION|ADDRESS --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Undrain {
    /// What was drained
    #[arg(value_name = "REGION|ADDRESS")]
    target: TargetArgument,
    #[command(flatten)]
    options: Options,
}

/// `cadence-dns switch GATE on|off --reason TEXT`
#[derive(Debug, clap::Args)]
pub(super) struct Switch {
    /// A `[[gate]]` with `switch`
    gate: String,
    /// Whether names may pass it
    state: OnOff,
    #[command(flatten)]
    lasting: Lasting,
    #[command(flatten)]
    options: Options,
}

/// What a switch is turned to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OnOff {
    /// Names may pass
    On,
    /// No name passes, whatever happens to its region
    Off,
}

/// An address if it looks like one, a region otherwise.
#[derive(Debug, Clone)]
pub(super) struct TargetArgument(pub(super) Target);

impl FromStr for TargetArgument {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<TargetArgument, Infallible> {
        Ok(TargetArgument(match text.parse() {
            Ok(address) => Target::Address(address),
            Err(_) => Target::Region(RegionId::from(text)),
        }))
    }
}

/// Gives a name to a region.
pub(super) fn failover(Failover { name, to, lasting, options }: &Failover) -> Result<(), Failure> {
    let order = Order::Pin { name: name.clone(), region: RegionId::from(to.as_str()) };
    carry_out(lasting.order(order), Some(name), options)
}

/// Lets names move, or keeps them from it.
pub(super) fn switch(Switch { gate, state, lasting, options }: &Switch) -> Result<(), Failure> {
    let order = Order::Switch { gate: GateId::from(gate.as_str()), on: *state == OnOff::On };
    carry_out(lasting.order(order), None, options)
}

/// Takes clients away from a region or an address.
pub(super) fn drain(Drain { target, lasting, options }: &Drain) -> Result<(), Failure> {
    carry_out(lasting.order(Order::Drain(target.0.clone())), None, options)
}

/// Lets them come back.
pub(super) fn undrain(Undrain { target, options }: &Undrain) -> Result<(), Failure> {
    let order = Order::Drain(target.0.clone());
    carry_out(What::Withdraw(Which::Order(order)), None, options)
}
