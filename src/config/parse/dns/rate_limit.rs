//! `[dns.rate_limit]`

use super::super::limit::Limit;
use super::network::networks;
use crate::config::diagnostics::Diagnostics;
use crate::config::read::{At, entries};
use crate::config::settings::{NETWORK_RATE_FACTOR, RateLimitSettings};
use crate::config::spec::RateLimitSpec;

const RATE: Limit<i64> = Limit {
    key: "rate",
    least: 1,
    most: 100_000,
    why: "replies per second; `enabled = false` sets no limit",
};

const NETWORK_RATE: Limit<i64> = Limit {
    key: "network_rate",
    least: 1,
    most: 1_000_000,
    why: "replies per second about all things together; ten times `rate` by default",
};

const SLIP: Limit<i64> = Limit {
    key: "slip",
    least: 0,
    most: 100,
    why: "every n-th reply beyond the limit is sent truncated; 0 for none, 1 for all",
};

/// `[dns.rate_limit]`
pub(super) fn rate_limit(
    spec: Option<At<RateLimitSpec>>,
    diagnostics: &Diagnostics<'_>,
) -> Option<RateLimitSettings> {
    let RateLimitSpec { enabled, rate, network_rate, slip, exempt } =
        spec.map(|spec| spec.value).unwrap_or_default();
    let default = RateLimitSettings::default();
    let enabled = enabled.map_or(default.enabled, |enabled| enabled.value);
    let rate = RATE.or(rate.as_ref(), default.rate, diagnostics);
    let network_rate = rate.and_then(|rate| self::network_rate(network_rate.as_ref(), rate, diagnostics));
    let slip = SLIP.or(slip.as_ref(), default.slip, diagnostics);
    let exempt = networks(&entries(exempt), diagnostics);
    Some(RateLimitSettings { enabled, rate: rate?, network_rate: network_rate?, slip: slip?, exempt })
}

/// The limit of a network as a whole, no less than that of one thing.
fn network_rate(number: Option<&At<i64>>, rate: u32, diagnostics: &Diagnostics<'_>) -> Option<u32> {
    let network_rate = NETWORK_RATE.or(number, rate * NETWORK_RATE_FACTOR, diagnostics)?;
    if let Some(number) = number
        && network_rate < rate
    {
        let found = format!("`network_rate` is {network_rate}, less than `rate`, which is {rate}");
        diagnostics.error(
            &number.place,
            found,
            format!("at least {rate}, or leave it out for {}", rate * NETWORK_RATE_FACTOR),
        );
        return None;
    }
    Some(network_rate)
}
