//! Zones for names whose zone files do not matter.

use std::collections::BTreeSet;

use crate::model::Name;
use crate::policy::Steer;
use crate::zone::{self, MasterFile, Zone};

/// A zone for each steered name, with the name at its apex.
pub(super) fn zones(steers: &[Steer]) -> Vec<Zone> {
    let text = b"@ 300 SOA ns.example.net. admin 1 2 3 4 60\n@ 300 NS ns.example.net.\n";
    let master = MasterFile { file: "simulated.zone", text };
    let zone = |name: &Name| {
        let steered = BTreeSet::from([name.clone()]);
        let accepted = zone::parse(name, &master, &steered, &mut zone::no_include);
        accepted.unwrap_or_else(|problems| panic!("{}", problems[0])).zone
    };
    steers.iter().flat_map(|steer| steer.names.iter()).map(zone).collect()
}
