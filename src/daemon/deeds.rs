//! The programs of gates and hooks, by their numbers.

use crate::config::{Config, GateSettings, HookSettings};
use crate::model::{GateId, HookId};
use crate::programs::{Program, Programs};

/// Every program of gates and hooks: those of the gates come first.
pub(super) fn programs(config: &Config) -> Programs {
    let of_gates = config.asked.iter().filter_map(GateSettings::program);
    let all = of_gates.chain(config.deeds.iter().filter_map(HookSettings::program));
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
