//! What the probes would take to notice a death: played in the simulator.

use std::fmt::Write;
use std::time::Duration;

use crate::api::DeathNoticed;
use crate::config::Config;
use crate::controller::Parameters;
use crate::model::{Name, RegionId};
use crate::policy::Steer;
use crate::simulator::{BEGINNING, Condition, Nobody, Simulator};

/// After this everything is proven, and the region dies.
const SETTLED: Duration = Duration::from_secs(600);

/// Who has not moved by then does not.
const LIMIT: Duration = Duration::from_secs(3600);

/// How the region dies, and when a name leaves it.
pub(super) struct Death {
    name: Name,
    way: &'static str,
    /// How long that takes, and where the name goes; none if it stays.
    left: Option<(Duration, RegionId)>,
}

/// Each way to die for each name. All other regions are well in it, whatever they are now.
pub(super) fn deaths(config: &Config, region: &RegionId) -> Vec<Death> {
    let parameters = config.parameters();
    let ways = [
        ("refuses", Condition::Refuses),
        ("answers 503", Condition::Answers(503)),
        ("hangs", Condition::Hangs),
    ];
    let names = parameters.steers.iter().zip(0..).filter(|(steer, _)| steer.regions.contains(region));
    let dies = |(steer, index): (&Steer, usize), (way, condition)| Death {
        name: steer.name().clone(),
        way,
        left: took(&parameters, steer, index, region, condition),
    };
    names.flat_map(|name| ways.map(|way| dies(name, way))).collect()
}

/// A line for each.
pub(super) fn text(deaths: &[Death], region: &RegionId) -> String {
    let mut text =
        String::from("noticed by the probes of this configuration, while all else is well (simulated):\n");
    for Death { name, way, left } in deaths {
        let told = match left {
            Some((took, to)) => format!("{took:?}, to {to}"),
            None => "never: the answer stays".to_owned(),
        };
        writeln!(text, "    {name}: {region} {way}: {told}").expect("room");
    }
    text
}

impl Death {
    /// For programs.
    pub(super) fn document(&self) -> DeathNoticed {
        let (took, to) = self.left.clone().unzip();
        let took = took.map(|took| took.as_secs_f64());
        DeathNoticed { name: self.name.clone(), way: self.way.to_owned(), took, to }
    }
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
        let region = "us-east".into();
        let deaths = deaths(&config, &region);
        let documents: Vec<DeathNoticed> = deaths.iter().map(Death::document).collect();
        assert_eq!(documents[0].took, Some(2.892));
        insta::assert_snapshot!(text(&deaths, &region), @r"
        noticed by the probes of this configuration, while all else is well (simulated):
            cadence.example.com: us-east refuses: 2.892s, to eu-west
            cadence.example.com: us-east answers 503: 2.91s, to eu-west
            cadence.example.com: us-east hangs: 8.683s, to eu-west
        ");
    }
}
