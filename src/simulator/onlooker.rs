//! Who looks on at all that a node does: the tests assert by it what must always hold.

use super::disk::Disk;
use crate::controller::{Controller, Effect, Event, Parameters};
use crate::model::Moment;

/// Somebody who looks on. Its memory outlives restarts of the node.
pub trait Onlooker: Clone {
    /// Before the first start of a node that decides by these.
    fn new(parameters: &Parameters) -> Self;

    /// Another configuration holds from the next start on.
    fn configured(&mut self, _parameters: &Parameters) {}

    /// Somebody has set the clock of the node.
    fn clock_was_set(&mut self) {}

    /// The node was stopped for a while: it could not act.
    fn stood_still(&mut self) {}

    /// The controller has started; `lost` when the last that was told may not have been on the disk.
    fn started(&mut self, _controller: &Controller, _effects: &[Effect], _lost: bool, _now: Moment) {}

    /// The controller has taken in an event; `clock` is what the node takes for now.
    fn handled(&mut self, _seen: Handled<'_>, _clock: Moment, _now: Moment) {}

    /// A table is about to be published.
    fn publishes(&mut self, _disk: &Disk, _controller: &Controller, _clock: Moment) {}
}

/// An event, and what came of it.
pub struct Handled<'h> {
    /// What has happened.
    pub event: &'h Event,
    /// The controller after it.
    pub controller: &'h Controller,
    /// What is to be done.
    pub effects: &'h [Effect],
}

/// Nobody looks on.
#[derive(Debug, Clone, Copy)]
pub struct Nobody;

impl Onlooker for Nobody {
    fn new(_parameters: &Parameters) -> Nobody {
        Nobody
    }
}
