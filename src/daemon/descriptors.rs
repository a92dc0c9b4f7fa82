//! File descriptors: however many connections strangers open, there must be enough left to probe with.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;
use crate::control;

/// What is open besides connections and probes: listeners, the log, the state, what the runtime waits with.
const OTHERS: u64 = 64;

/// Raises our limit as far as the system allows: the usual 1024 are for the sake of programs that use select(2), which
/// we do not. Returns what to tell the operator if that is not enough.
pub(super) fn take(config: &Config) -> Option<String> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let most = if raised.is_ok() { maximum } else { current };
    too_few(most, needed(config))
}

/// One for each connection there may be, and for each check, whose probes never overlap; another for its tripwire.
fn needed(config: &Config) -> u64 {
    let kinds = if config.dns.tls.is_some() { 2 } else { 1 };
    let connections = kinds * config.dns.tcp.connections;
    let tripwires = config.probes.iter().filter(|probe| probe.tripwire).count();
    let api = if config.api.listen.is_empty() { 0 } else { control::CONNECTIONS_MAX };
    OTHERS
        + (api + connections + config.probes.len() + tripwires + config.dns.listen.len() * config.dns.workers)
            as u64
}

/// `None` for `most` means that there is no limit.
fn too_few(most: Option<u64>, needed: u64) -> Option<String> {
    let most = most.filter(|most| *most < needed)?;
    Some(format!(
        "the system allows {most} file descriptors, and connections and probes may take {needed}: while they run out, \
         no probe says anything; set LimitNOFILE={needed} in the systemd unit, or fewer [dns.tcp] connections"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_is_too_low_is_told_with_one_that_would_do() {
        assert_eq!(too_few(None, 900), None);
        assert_eq!(too_few(Some(900), 900), None);
        let told = too_few(Some(899), 900).expect("one is missing");
        assert!(told.contains("allows 899") && told.contains("LimitNOFILE=900"), "{told}");
    }
}
