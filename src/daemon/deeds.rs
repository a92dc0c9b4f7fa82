//! The programs of gates, hooks and receivers, by their numbers.

use crate::config::{Config, GateSettings, HookSettings, ReceiverSettings};
use crate::model::{GateId, HookId, ReceiverId};
use crate::programs::{Program, Programs};

/// Every program: those of the gates come first, then those of the hooks, then those of the receivers.
pub(super) fn programs(config: &Config) -> Programs {
    let of_gates = config.asked.iter().filter_map(GateSettings::program);
    let of_hooks = config.deeds.iter().filter_map(HookSettings::program);
    let all = of_gates.chain(of_hooks).chain(config.receivers.iter().filter_map(ReceiverSettings::program));
    Programs::new(all.map(|words| Program { arguments: words.to_vec(), environment: Vec::new() }).collect())
}

/// The number of a gate's program.
pub(super) fn of_gate(config: &Config, gate: &GateId) -> Option<usize> {
    let with_program = config.asked.iter().filter(|settings| settings.program().is_some());
    with_program.map(|settings| &settings.gate).position(|known| known == gate)
}

/// The number of a hook's program.
pub(super) fn of_hook(config: &Config, hook: &HookId) -> Option<usize> {
    let before = config.asked.iter().filter(|settings| settings.program().is_some()).count();
    let with_program = config.deeds.iter().filter(|settings| settings.program().is_some());
    with_program.map(|settings| &settings.hook).position(|known| known == hook).map(|place| before + place)
}

/// The number of a receiver's program.
pub(super) fn of_receiver(config: &Config, receiver: &ReceiverId) -> Option<usize> {
    let of_gates = config.asked.iter().filter(|settings| settings.program().is_some()).count();
    let of_hooks = config.deeds.iter().filter(|settings| settings.program().is_some()).count();
    let with_program = config.receivers.iter().filter(|settings| settings.program().is_some());
    let place = with_program.map(|settings| &settings.receiver).position(|known| known == receiver);
    place.map(|place| of_gates + of_hooks + place)
}
