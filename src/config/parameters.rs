//! What the core decides by.

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};

use super::cluster::ClusterSettings;
use super::settings::Config;
use crate::answer::Identity;
use crate::controller::{Cluster, Parameters};
use crate::health::Member;

/// As much of a hash tells two configurations apart.
const CONFIGURATION_OCTETS: usize = 8;

impl Config {
    /// What a controller decides by; without a cluster this node votes alone.
    #[must_use]
    pub fn parameters(&self) -> Parameters {
        let vantage = self.node.name.clone();
        let alone = || vec![Member::server(vantage.clone())];
        Parameters {
            members: self.cluster.as_ref().map_or_else(alone, |cluster| cluster.nodes.clone()),
            vantage,
            cluster: self.cluster.as_ref().map(|cluster| self.of_cluster(cluster)),
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

    fn of_cluster(&self, ClusterSettings { name, nodes, etcd: _ }: &ClusterSettings) -> Cluster {
        let Config { alone, witnesses, regions, steers, gates, safety, .. } = self;
        // Of witnesses, whether there are some: each node may hear others.
        let decisive = (alone, witnesses.is_empty(), regions, steers, gates, safety, nodes);
        let digest = digest(&SHA256, format!("{decisive:?}").as_bytes());
        let configuration = HEXLOWER.encode(&digest.as_ref()[..CONFIGURATION_OCTETS]);
        Cluster { name: name.clone(), configuration }
    }

    /// What the configuration lets us say about ourselves.
    fn identity(&self) -> Identity {
        let name = self.node.name.to_string();
        let host = if self.dns.identity { name.clone() } else { String::new() };
        Identity { nsid: name, version: self.dns.version.clone().unwrap_or_default(), host }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const TEXT: &str = r#"
        [node]
        name = "ns1"
        [cluster]
        name = "edge"
        nodes = [{ name = "ns1", region = "us" }, { name = "ns2" }, { name = "ns3" }]
        etcd = { endpoints = ["https://etcd1:2379"] }
        [[witness]]
        address = "203.0.113.1"
        tcp = 53
        [[zone]]
        name = "example.com"
        file = "z"
        [[region]]
        name = "us"
        addresses = ["192.0.2.1"]
        [[region.probe]]
        url = "https://example.com/health"
        ca_file = "ca.pem"
        [[region]]
        name = "eu"
        addresses = ["198.51.100.1"]
        [[region.probe]]
        tcp = 80
        [[steer]]
        name = "example.com"
        regions = ["us", "eu"]
    "#;

    fn hash(text: &str) -> String {
        let config = parse("c.toml", text, Path::new("."), 1).expect("a good configuration").config;
        config.parameters().cluster.expect("a cluster").configuration
    }

    #[test]
    fn only_what_decisions_follow_from_is_in_the_hash() {
        let whole = hash(TEXT);
        let check = |old: &str, new: &str, same: bool| {
            assert!(TEXT.contains(old), "{old}");
            assert_eq!(hash(&TEXT.replacen(old, new, 1)) == whole, same, "{new}");
        };
        check("\"ns1\"\n", "\"ns2\"\nwatch = true\n[dns]\nworkers = 3\n# a comment\n", true);
        check("\"ca.pem\"", "\"/elsewhere/ca.pem\"", true);
        check("203.0.113.1", "203.0.113.2", true);
        check("https://etcd1:2379", "https://etcd2:2379", true);
        check("\"z\"", "\"zones/z\"", true);
        check("[\"us\", \"eu\"]", "[\"eu\", \"us\"]", false);
        check("tcp = 80", "tcp = 80\nfall = 4", false);
        check("192.0.2.1", "192.0.2.2", false);
        check("{ name = \"ns2\" }, { name = \"ns3\" }", "{ name = \"ns3\" }, { name = \"ns2\" }", false);
        check(", region = \"us\"", "", false);
    }

    #[test]
    fn without_a_cluster_this_node_votes_alone() {
        let start = TEXT.find("[cluster]").expect("there is one");
        let end = TEXT.find("[[witness]]").expect("there is one");
        let alone = format!("{}{}", &TEXT[..start], &TEXT[end..]);
        let config = parse("c.toml", &alone, Path::new("."), 1).expect("a good configuration").config;
        let parameters = config.parameters();
        assert_eq!(parameters.cluster, None);
        assert_eq!(parameters.members, [Member::server("ns1".into())]);
    }
}
