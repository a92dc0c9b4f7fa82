//! What the probes would take to notice a death: played in the simulator.

use std::fmt::Write;
use std::time::Duration;

use crate::config::Config;
use crate::controller::Parameters;
use crate::model::RegionId;
use crate::policy::Steer;
use crate::simulator::{BEGINNING, Condition, Nobody, Simulator};

/// After this everything is proven, and the region dies.
const SETTLED: Duration = Duration::from_secs(600);

/// Who has not moved by then does not.
const LIMIT: Duration = Duration::from_secs(3600);

/// A line for each name and each way to die. All other regions are well in it, whatever they are now.
pub(super) fn noticed(config: &Config, region: &RegionId) -> String {
    let parameters = config.parameters();
    let mut text =
        String::from("noticed by the probes of this configuration, while all else is well (simulated):\n");
    let ways = [
        ("refuses", Condition::Refuses),
        ("answers 503", Condition::Answers(503)),
        ("hangs", Condition::Hangs),
    ];
    for (steer, index) in
        parameters.steers.iter().zip(0..).filter(|(steer, _)| steer.regions.contains(region))
    {
        for (way, condition) in ways {
            let took = took(&parameters, steer, index, region, condition);
            let told =
                took.map_or("never: the answer stays".to_owned(), |(took, to)| format!("{took:?}, to {to}"));
            writeln!(text, "    {}: {region} {way}: {told}", steer.name()).expect("room");
        }
    }
    text
}

/// How long the name takes to leave the region, and where it goes; none if it does not.
fn took(
    parameters: &Parameters,
    steer: &Steer,
    index: usize,
    region: &RegionId,
    condition: Condition,
) -> Option<(Duration, RegionId)> {
    // It is served from this region, so those before it are taken out of the name's list.
    let mut parameters = parameters.clone();
    let place = steer.regions.iter().position(|known| known == region)?;
    let mut regions = steer.regions.clone();
    regions.remove(place);
    regions.insert(0, region.clone());
    parameters.steers[index].regions = regions;
    let dies = parameters.regions.iter().find(|known| known.id == *region)?.addresses.clone();
    let mut simulator = Simulator::<Nobody>::start(parameters);
    simulator.run_until(BEGINNING + SETTLED);
    let died = simulator.now;
    dies.into_iter().for_each(|address| simulator.world.set(address, condition));
    while simulator.step(died + LIMIT) {
        let served = &simulator.controller()?.decisions()[index].standing.region;
        if served != region {
            return Some((simulator.now.since(died), served.clone()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = include_str!("../../../tests/config/contract.toml");

    #[test]
    fn each_way_to_die() {
        let config = crate::config::parse("c.toml", CONTRACT, std::path::Path::new("/"), 1);
        let config = config.expect("the contract is right").config;
        insta::assert_snapshot!(noticed(&config, &"us-east".into()), @r"
        noticed by the probes of this configuration, while all else is well (simulated):
            cadence.example.com: us-east refuses: 2.892s, to eu-west
            cadence.example.com: us-east answers 503: 2.91s, to eu-west
            cadence.example.com: us-east hangs: 8.683s, to eu-west
        ");
    }
}
