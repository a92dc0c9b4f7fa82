//! What a story calls by name: regions, witnesses, addresses.

use std::net::IpAddr;

use crate::controller::Parameters;
use crate::health::Check;

/// The addresses of regions, of witnesses, or that are given as such.
///
/// # Errors
/// The first that is neither, and those that there are.
pub(super) fn addresses(parameters: &Parameters, places: &[String]) -> Result<Vec<IpAddr>, Unknown> {
    let mut addresses = Vec::new();
    for place in places {
        let region = parameters.regions.iter().find(|region| region.id.as_str() == place);
        let witness = parameters.witnesses.iter().find(|check| name_of_witness(check) == Some(place));
        match (region, witness, place.parse::<IpAddr>()) {
            (Some(region), _, _) => addresses.extend(&region.addresses),
            (None, Some(witness), _) => addresses.push(witness.id.address),
            (None, None, Ok(address)) if is_probed(parameters, address) => addresses.push(address),
            (None, None, _) => {
                let known = parameters.regions.iter().map(|region| region.id.as_str());
                let known = known.chain(parameters.witnesses.iter().filter_map(name_of_witness));
                return Err(Unknown { place: place.clone(), known: known.collect::<Vec<_>>().join(", ") });
            }
        }
    }
    Ok(addresses)
}

/// A name that nothing has.
pub(super) struct Unknown {
    /// As it was written.
    pub(super) place: String,
    /// The names that there are.
    pub(super) known: String,
}

fn name_of_witness(check: &Check) -> Option<&str> {
    check.id.region.as_str().strip_prefix("witness/")
}

fn is_probed(parameters: &Parameters, address: IpAddr) -> bool {
    let of_regions = parameters.regions.iter().flat_map(|region| &region.checks);
    of_regions.chain(&parameters.witnesses).any(|check| check.id.address == address)
}
