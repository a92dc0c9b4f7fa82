//! What one configuration means beside another: what was seen and still counts, and what no reload can change.

use std::collections::BTreeMap;

use super::probe_settings::Probe;
use super::settings::{Config, NodeSettings};
use crate::controller::{Kept, renamed_regions};
use crate::model::{CheckId, GateId, Problem, RegionId};

/// What was seen under `before` and still counts under `after`: the same is asked of the same, wherever it stands and
/// whatever its region is called now.
#[must_use]
pub fn kept(before: &Config, after: &Config) -> Kept {
    let renamed = renamed_regions(&before.regions, &after.regions);
    let new_name = |region: &RegionId| renamed.get(region).unwrap_or(region).clone();
    let mut known: BTreeMap<CheckId, Vec<&Probe>> = BTreeMap::new();
    for probe in &before.probes {
        // Those of one region and address, whatever their number.
        let place = CheckId { region: new_name(&probe.check.region), probe: 0, ..probe.check.clone() };
        known.entry(place).or_default().push(probe);
    }
    let mut checks = BTreeMap::new();
    for probe in &after.probes {
        let place = CheckId { probe: 0, ..probe.check.clone() };
        let Some(candidates) = known.get_mut(&place) else { continue };
        let same_number = candidates
            .iter()
            .position(|was| was.check.probe == probe.check.probe && was.asks_the_same(probe));
        let found = same_number.or_else(|| candidates.iter().position(|was| was.asks_the_same(probe)));
        if let Some(found) = found {
            checks.insert(probe.check.clone(), candidates.remove(found).check.clone());
        }
    }
    let is_same = |gate: &&GateId| {
        let of = |config: &'_ Config| config.gates.iter().find(|known| known.id == **gate).cloned();
        let asked = |config: &'_ Config| {
            config.asked.iter().find(|known| known.gate == **gate).map(|known| known.ask.clone())
        };
        of(before) == of(after) && asked(before) == asked(after)
    };
    let gates = after.gates.iter().map(|gate| &gate.id).filter(is_same).cloned();
    Kept { checks, gates: gates.collect() }
}

/// Settings that no reload can change, where they are others in `after`.
#[must_use]
pub fn fixed(before: &Config, after: &Config) -> Vec<Problem> {
    let NodeSettings { name, state_dir, user, landlock, seccomp, .. } = &before.node;
    let node = &after.node;
    let kinds = [
        ("[node] name", *name != node.name),
        ("[node] state_dir", *state_dir != node.state_dir),
        ("[node] user", *user != node.user),
        ("[node] landlock", *landlock != node.landlock),
        ("[node] seccomp", *seccomp != node.seccomp),
        ("[control] socket", before.control != after.control),
        ("[api]", before.api != after.api),
        ("[history]", before.history != after.history),
        ("[[notify]]", before.receivers != after.receivers),
        ("[cluster]", before.cluster != after.cluster),
        (
            "[dns] xdp",
            before.dns.xdp.as_ref().map(|xdp| &xdp.interface)
                != after.dns.xdp.as_ref().map(|xdp| &xdp.interface),
        ),
    ];
    let problem = |key: &str| {
        let found = format!("{key} cannot become another one while the daemon runs");
        Problem::error(None, found, "a restart takes it up")
    };
    kinds.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| problem(key)).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const TEXT: &str = r#"
        [node]
        name = "ns1"
        [[zone]]
        name = "example.com"
        file = "z"
        [[region]]
        name = "us"
        addresses = ["192.0.2.1", "192.0.2.2"]
        [[region.probe]]
        tcp = 80
        [[region.probe]]
        url = "http://example.com/health"
        [[region]]
        name = "eu"
        addresses = ["198.51.100.1"]
        [[region.probe]]
        tcp = 80
        [[steer]]
        name = "example.com"
        regions = ["us", "eu"]
        [[gate]]
        name = "lag"
        exec = ["/bin/lag"]
    "#;

    fn config(text: &str) -> Config {
        parse("c.toml", text, Path::new("."), 1).expect("a good configuration").config
    }

    /// What is kept when the text becomes another one, and how much of that under another identity.
    fn check(after: &str, kept_checks: usize, renamed: usize, gates: usize) {
        let kept = kept(&config(TEXT), &config(after));
        let others = kept.checks.iter().filter(|(now, was)| now != was).count();
        assert_eq!((kept.checks.len(), others, kept.gates.len()), (kept_checks, renamed, gates), "{after}");
    }

    #[test]
    fn what_asks_the_same_of_the_same_is_kept() {
        check(TEXT, 5, 0, 1);
        check(&TEXT.replace("tcp = 80", "tcp = 80\ninterval = \"3s\""), 5, 0, 1);
        check(&TEXT.replace("tcp = 80", "tcp = 81"), 2, 0, 1);
        check(&TEXT.replace("/health", "/deep"), 3, 0, 1);
        check(&TEXT.replace(", \"192.0.2.2\"", ", \"192.0.2.3\""), 3, 0, 1);
        check(&TEXT.replace("\"us\"", "\"us-east\""), 5, 4, 1);
        check(&TEXT.replace("/bin/lag", "/bin/lag2"), 5, 0, 0);
        // Another probe in front: the others have other numbers.
        check(&TEXT.replacen("[[region.probe]]", "[[region.probe]]\ntcp = 22\n[[region.probe]]", 1), 5, 4, 1);
    }

    #[test]
    fn what_cannot_change_is_named() {
        assert!(fixed(&config(TEXT), &config(TEXT)).is_empty());
        let other = TEXT.replace(
            "\"ns1\"",
            "\"ns2\"\nseccomp = \"log\"\n[history]\nfiles = 3\n[control]\nsocket = \"s\"",
        );
        let told: Vec<String> = fixed(&config(TEXT), &config(&other)).into_iter().map(|p| p.found).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("[node] name cannot become another one"), "{told:?}");
    }
}
