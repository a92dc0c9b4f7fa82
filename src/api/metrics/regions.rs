//! What each region, address and check is believed to be, and what gates show.

use super::decisions::seconds;
use super::families::Page;
use crate::api::status::{CheckStatus, EndpointStatus, RegionStatus, Status};
use crate::health::State;
use crate::policy::Light;

const STATES: [State; 3] = [State::Up, State::Down, State::Unknown];
const LIGHTS: [Light; 3] = [Light::Green, Light::Red, Light::Unknown];

pub(super) fn tell(page: &mut Page, status: &Status) {
    verdicts(page, &status.regions);
    endpoints(page, &status.regions);
    checks(page, &status.regions);
    gates(page, status);
}

fn verdicts(page: &mut Page, regions: &[RegionStatus]) {
    let mut verdict = page.gauge("cadence_dns_region_verdict", "1 for what is agreed of the region.");
    for region in regions {
        for state in STATES {
            let labels = [("region", region.region.as_str()), ("verdict", word(state))];
            verdict.flag(&labels, region.state == state);
        }
    }
    drop(verdict);
    let mut since =
        page.gauge("cadence_dns_region_verdict_timestamp_seconds", "Since when the region is what it is.");
    regions.iter().for_each(|region| since.put(&[("region", region.region.as_str())], seconds(region.since)));
    drop(since);
    let mut degraded =
        page.gauge("cadence_dns_region_degraded", "1 for a region with a family of addresses all down.");
    for region in regions {
        degraded.flag(&[("region", region.region.as_str())], !region.degraded.is_empty());
    }
}

fn endpoints(page: &mut Page, regions: &[RegionStatus]) {
    let mut state = page.gauge("cadence_dns_endpoint_state", "1 for what is agreed of the address.");
    for (region, endpoint) in all(regions) {
        let address = endpoint.address.to_string();
        for one in STATES {
            let labels = [("region", region.region.as_str()), ("address", &*address), ("state", word(one))];
            state.flag(&labels, endpoint.state == one);
        }
    }
}

fn checks(page: &mut Page, regions: &[RegionStatus]) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&CheckStatus) -> Option<f64>| {
        let mut family = page.gauge(name, help);
        for (region, endpoint) in all(regions) {
            let address = endpoint.address.to_string();
            for check in &endpoint.checks {
                let probe = check.probe.to_string();
                if let Some(value) = value(check) {
                    let region = region.region.as_str();
                    family.put(&[("region", region), ("address", &address), ("probe", &probe)], value);
                }
            }
        }
    };
    each("cadence_dns_probe_success", "1 if the last probe of the check passed.", &|check| {
        check.seen.map(|_| f64::from(u8::from(check.failure.is_none())))
    });
    each(
        "cadence_dns_probe_last_timestamp_seconds",
        "When the last probe of the check ended that said something.",
        &|check| check.seen.map(seconds),
    );
    each("cadence_dns_probe_last_duration_seconds", "How long the last probe of the check took.", &|check| {
        check.latency
    });
    each(
        "cadence_dns_probe_ssl_earliest_cert_expiry",
        "When the certificate expires that the check was shown last, in seconds since 1970.",
        &|check| check.certificate_expires.map(seconds),
    );
}

fn gates(page: &mut Page, status: &Status) {
    let mut light = page.gauge("cadence_dns_gate_light", "1 for what the gate shows before the region.");
    for gate in &status.gates {
        for one in LIGHTS {
            let labels =
                [("gate", gate.gate.as_str()), ("region", gate.region.as_str()), ("light", colour(one))];
            light.flag(&labels, gate.light == one);
        }
    }
}

fn all(regions: &[RegionStatus]) -> impl Iterator<Item = (&RegionStatus, &EndpointStatus)> {
    regions.iter().flat_map(|region| region.endpoints.iter().map(move |endpoint| (region, endpoint)))
}

fn word(state: State) -> &'static str {
    match state {
        State::Up => "up",
        State::Down => "down",
        State::Unknown => "unknown",
    }
}

fn colour(light: Light) -> &'static str {
    match light {
        Light::Green => "green",
        Light::Red => "red",
        Light::Unknown => "unknown",
    }
}
