//! What the core decides by.

use super::settings::Config;
use crate::answer::Identity;
use crate::controller::Parameters;
use crate::health::Member;

impl Config {
    /// What a controller decides by: this node votes alone.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        let vantage = self.node.name.clone();
        Parameters {
            members: vec![Member::server(vantage.clone())],
            vantage,
            cluster: None,
            identity: self.identity(),
            alone: self.alone,
            witnesses: self.witnesses.clone(),
            regions: self.regions.clone(),
            steers: self.steers.clone(),
            safety: self.safety,
            gates: self.gates.clone(),
            hooks: self.hooks.clone(),
        }
    }

    /// What the configuration lets us say about ourselves.
    fn identity(&self) -> Identity {
        let name = self.node.name.to_string();
        let host = if self.dns.identity { name.clone() } else { String::new() };
        Identity { nsid: name, version: self.dns.version.clone().unwrap_or_default(), host }
    }
}
