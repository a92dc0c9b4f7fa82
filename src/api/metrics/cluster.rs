//! How the name servers of a cluster stand to each other, as this one sees it, and how it stands with etcd.

use super::families::Page;
use crate::api::cluster::{is_divided, zones_that_differ};
use crate::api::etcd::{EtcdMemberStatus, EtcdStatus};
use crate::api::status::Status;
use crate::controller::{ClusterView, NodeView, Togetherness};
use crate::health::Vote;

const STATES: [(Togetherness, &str); 3] =
    [(Togetherness::Together, "together"), (Togetherness::CutOff, "cut-off"), (Togetherness::Alone, "alone")];

const VOTES: [&str; 3] = ["up", "down", "unknown"];

pub(super) fn tell(page: &mut Page, status: &Status) {
    if let Some(view) = &status.cluster {
        standing(page, view);
        nodes(page, view);
        votes(page, view);
        let mut split = page.gauge(
            "cadence_dns_cluster_split_vantage",
            "1 for a region that some name servers see up, and others down.",
        );
        for region in &status.regions {
            split.flag(&[("region", region.region.as_str())], is_divided(view, &region.region));
        }
        drop(split);
        zones(page, view);
    }
    if let Some(etcd) = &status.etcd {
        members(page, etcd);
    }
}

fn standing(page: &mut Page, view: &ClusterView) {
    let mut state = page.gauge(
        "cadence_dns_cluster_state",
        "1 for how this name server stands to the others: together, cut-off, or alone and deciding for itself.",
    );
    STATES.iter().for_each(|(one, word)| state.flag(&[("state", word)], view.state == *one));
    drop(state);
    let mut only = |name: &str, help: &str, value: usize| page.gauge(name, help).only(value as f64);
    only(
        "cadence_dns_cluster_nodes",
        "Name servers that count: those of the configuration, less the suspended.",
        view.active,
    );
    only(
        "cadence_dns_cluster_nodes_heard",
        "Of them, those that were heard lately, this one included.",
        view.heard,
    );
    only(
        "cadence_dns_cluster_overrides_unshared",
        "Overrides that the other name servers do not know of yet.",
        view.unshared.len(),
    );
    only(
        "cadence_dns_cluster_keys_unreadable",
        "Keys in etcd that this name server cannot read.",
        view.unreadable.len(),
    );
    page.gauge("cadence_dns_cluster_namesake", "1 if another process calls itself by the name of this one.")
        .only(f64::from(u8::from(view.namesake)));
    page.gauge("cadence_dns_cluster_revision", "The revision of etcd that was read up to.")
        .only(view.revision as f64);
}

fn nodes(page: &mut Page, view: &ClusterView) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&NodeView) -> Option<f64>| {
        let mut family = page.gauge(name, help);
        for node in &view.nodes {
            if let Some(value) = value(node) {
                family.put(&[("node", node.node.as_str())], value);
            }
        }
    };
    let flag = |is: bool| Some(f64::from(u8::from(is)));
    each("cadence_dns_cluster_node_heard", "1 if the name server was heard lately.", &|node| {
        flag(node.heard)
    });
    each(
        "cadence_dns_cluster_node_age_seconds",
        "How long ago it said what is known of it, at most.",
        &|node| node.age,
    );
    each("cadence_dns_cluster_node_suspended", "1 if an operator has taken it out for a while.", &|node| {
        flag(node.suspended)
    });
    each("cadence_dns_cluster_node_cut_off", "1 if it says of itself that it is cut off.", &|node| {
        flag(node.cut_off)
    });
    each(
        "cadence_dns_cluster_node_same_configuration",
        "1 if it decides by the configuration of this one.",
        &|node| flag(node.same_configuration?),
    );
}

fn votes(page: &mut Page, view: &ClusterView) {
    let mut vote = page.gauge("cadence_dns_cluster_vote", "1 for what a name server says of a region.");
    for node in &view.nodes {
        for (region, said) in &node.votes {
            let said = match said {
                Vote::Up => "up",
                Vote::Down => "down",
                Vote::Unknown(_) => "unknown",
            };
            for one in VOTES {
                let labels = [("node", node.node.as_str()), ("region", region.as_str()), ("vote", one)];
                vote.flag(&labels, one == said);
            }
        }
    }
}

fn zones(page: &mut Page, view: &ClusterView) {
    let different = zones_that_differ(view);
    let mut family = page.gauge(
        "cadence_dns_cluster_zone_differs",
        "1 for a zone of which name servers tell one serial, and not the same content.",
    );
    for (zone, is_different) in &different {
        family.flag(&[("zone", zone)], *is_different);
    }
}

fn members(page: &mut Page, etcd: &EtcdStatus) {
    let mut each = |name: &str, help: &str, value: &dyn Fn(&EtcdMemberStatus) -> Option<f64>| {
        let mut family = page.gauge(name, help);
        for member in &etcd.members {
            if let Some(value) = value(member) {
                family.put(&[("endpoint", &member.endpoint)], value);
            }
        }
    };
    let flag = |is: bool| Some(f64::from(u8::from(is)));
    each(
        "cadence_dns_etcd_up",
        "1 if this member of etcd answers, and finds nothing wrong with itself.",
        &|member| flag(member.error.is_none() && member.heard.is_some() && member.complaints.is_empty()),
    );
    each("cadence_dns_etcd_leader", "1 for the member that leads the others.", &|member| flag(member.leads));
    each("cadence_dns_etcd_latency_seconds", "How long it took to answer last.", &|member| member.latency);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::Source;
    use crate::health::Doubt;
    use crate::model::Moment;

    fn told(status: &Status) -> String {
        let mut page = Page::default();
        tell(&mut page, status);
        page.lines()
    }

    fn node(name: &str, vote: Vote, checksum: &str) -> NodeView {
        NodeView {
            node: name.into(),
            region: None,
            role: crate::health::Role::Server,
            us: name == "ns1",
            suspended: false,
            heard: true,
            age: Some(0.5),
            version: None,
            same_configuration: Some(name == "ns1"),
            epochs: [].into(),
            zones: [("cadence.example.com.".to_owned(), (7, checksum.to_owned()))].into(),
            cut_off: false,
            votes: [("us-east".into(), vote)].into(),
        }
    }

    #[test]
    fn a_single_name_server_has_no_cluster_to_tell_of() {
        assert_eq!(told(&Status::new("ns1", Source::Live, Moment::default())), "");
    }

    #[test]
    fn every_node_vote_zone_and_member_is_told() {
        let cluster = ClusterView {
            state: Togetherness::Together,
            since: None,
            why: None,
            heard: 2,
            active: 3,
            revision: 41,
            nodes: vec![node("ns1", Vote::Up, "aa"), node("ns2", Vote::Unknown(Doubt::Stale), "bb")],
            unshared: Vec::new(),
            unreadable: [].into(),
            namesake: false,
        };
        let member = EtcdMemberStatus {
            endpoint: "https://192.0.2.21:2379".into(),
            heard: Some(0.2),
            latency: Some(0.004),
            error: None,
            version: None,
            leads: true,
            complaints: Vec::new(),
        };
        let etcd = EtcdStatus {
            cluster_id: None,
            followed: None,
            silent_for: None,
            revision: 41,
            error: None,
            members: vec![member],
        };
        let status = Status {
            cluster: Some(cluster),
            etcd: Some(etcd),
            ..Status::new("ns1", Source::Live, Moment::default())
        };
        insta::assert_snapshot!(told(&status), @r#"
        cadence_dns_cluster_state{state="together"} 1
        cadence_dns_cluster_state{state="cut-off"} 0
        cadence_dns_cluster_state{state="alone"} 0
        cadence_dns_cluster_nodes 3
        cadence_dns_cluster_nodes_heard 2
        cadence_dns_cluster_overrides_unshared 0
        cadence_dns_cluster_keys_unreadable 0
        cadence_dns_cluster_namesake 0
        cadence_dns_cluster_revision 41
        cadence_dns_cluster_node_heard{node="ns1"} 1
        cadence_dns_cluster_node_heard{node="ns2"} 1
        cadence_dns_cluster_node_age_seconds{node="ns1"} 0.5
        cadence_dns_cluster_node_age_seconds{node="ns2"} 0.5
        cadence_dns_cluster_node_suspended{node="ns1"} 0
        cadence_dns_cluster_node_suspended{node="ns2"} 0
        cadence_dns_cluster_node_cut_off{node="ns1"} 0
        cadence_dns_cluster_node_cut_off{node="ns2"} 0
        cadence_dns_cluster_node_same_configuration{node="ns1"} 1
        cadence_dns_cluster_node_same_configuration{node="ns2"} 0
        cadence_dns_cluster_vote{node="ns1",region="us-east",vote="up"} 1
        cadence_dns_cluster_vote{node="ns1",region="us-east",vote="down"} 0
        cadence_dns_cluster_vote{node="ns1",region="us-east",vote="unknown"} 0
        cadence_dns_cluster_vote{node="ns2",region="us-east",vote="up"} 0
        cadence_dns_cluster_vote{node="ns2",region="us-east",vote="down"} 0
        cadence_dns_cluster_vote{node="ns2",region="us-east",vote="unknown"} 1
        cadence_dns_cluster_zone_differs{zone="cadence.example.com."} 1
        cadence_dns_etcd_up{endpoint="https://192.0.2.21:2379"} 1
        cadence_dns_etcd_leader{endpoint="https://192.0.2.21:2379"} 1
        cadence_dns_etcd_latency_seconds{endpoint="https://192.0.2.21:2379"} 0.004
        "#);
    }
}
