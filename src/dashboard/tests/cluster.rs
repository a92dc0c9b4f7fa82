//! The page of the cluster in the states of the failure table.

use std::time::Duration;

use super::stage::Stage;
use super::{judge, text_of};
use crate::api::{EtcdMemberStatus, EtcdStatus, Status};
use crate::dashboard::{OverviewQuery, Sight, cluster, overview};
use crate::health::Role;
use crate::model::RegionId;

/// A title, and a story that leads there; the page is that of ns1.
const SCENES: &[(&str, &str)] = &[
    ("together", "0s 3 name servers vote\n60s expect us-east"),
    (
        "left_a_region",
        "0s 3 name servers vote\n60s us-east refuses\nby 80s expect eu-west\n90s expect eu-west",
    ),
    ("one_is_dead", "0s 3 name servers vote\n60s at ns3 restart after 900s\n90s expect us-east"),
    (
        "split_vantage",
        "0s 3 name servers vote\n0s ns2 stands in us-east\n60s at ns3 us-east hangs\n90s expect us-east",
    ),
    ("cut_off", "0s 3 name servers vote\n60s ns1 is not heard of\n90s expect us-east"),
    ("alone", "0s 3 name servers vote\n60s ns1 is not heard of\n150s expect us-east"),
];

fn page(status: &Status, stage: &Stage) -> String {
    cluster(&Sight { status, trouble: None, now: stage.now() }).expect("it decides with others")
}

/// Three members: one leads, one follows, one is gone.
fn etcd(word: &str) -> EtcdStatus {
    let member = |number: u8, error: Option<&str>| EtcdMemberStatus {
        endpoint: format!("http://etcd{number}.example.net:2379"),
        heard: Some(if error.is_some() { 42.0 } else { 0.4 }),
        latency: Some(0.002),
        error: error.map(str::to_owned),
        version: Some("3.4.23".into()),
        leads: number == 1,
        complaints: Vec::new(),
    };
    EtcdStatus {
        cluster_id: Some("14841639068965178418".into()),
        followed: Some("http://etcd2.example.net:2379".into()),
        silent_for: Some(0.2),
        revision: 4711,
        error: Some("what failed an hour ago".into()),
        members: vec![member(1, None), member(2, None), member(3, Some(word))],
    }
}

#[test]
fn the_cluster_looks_like_this() {
    for (title, story) in SCENES {
        let stage = Stage::play(story);
        let mut status = stage.status();
        status.etcd = Some(etcd("connection refused"));
        // When exactly they push is theirs.
        for node in &mut status.cluster.as_mut().expect("it decides with others").nodes {
            node.age = node.age.map(|_| if node.heard { 1.0 } else { 31.0 });
        }
        let html = page(&status, &stage);
        judge(title, &html);
        assert!(!html.contains("an hour ago"), "{title}: a member is followed, so that is over");
        insta::assert_snapshot!(format!("cluster_{title}"), text_of(&html));
    }
}

#[test]
fn what_differs_on_another_node_is_said_beside_it() {
    let stage = Stage::play(SCENES[0].1);
    let mut status = stage.status();
    let view = status.cluster.as_mut().expect("it decides with others");
    let zones =
        |serial: u32, content: &str| [("example.com".to_owned(), (serial, content.to_owned()))].into();
    (view.nodes[0].zones, view.nodes[1].zones) = (zones(12, "aa"), zones(12, "bb"));
    view.nodes[2].zones = zones(11, "aa");
    view.nodes[1].epochs.insert("app.example.com".into(), 20);
    view.nodes[1].same_configuration = Some(false);
    view.nodes[1].version = Some("1.1.0".into());
    (view.nodes[2].role, view.nodes[2].suspended) = (Role::Witness, true);
    let html = page(&status, &stage);
    judge("differences", &html);
    insta::assert_snapshot!("cluster_differences", text_of(&html));
}

#[test]
fn the_overview_leads_to_the_cluster_where_there_is_one() {
    let stage = Stage::play(SCENES[4].1);
    let status = stage.status();
    let sight = Sight { status: &status, trouble: None, now: stage.now() };
    let html = overview(&sight, &stage.heartbeats(), &OverviewQuery::default());
    judge("overview", &html);
    assert!(html.contains(">Cluster</a></li>") && html.contains("CUT OFF"), "{html}");

    let alone = Stage::play("60s expect us-east");
    let status = alone.status();
    let sight = Sight { status: &status, trouble: None, now: alone.now() };
    assert_eq!(cluster(&sight), None);
    assert!(!overview(&sight, &alone.heartbeats(), &OverviewQuery::default()).contains("luster"));
}

#[test]
fn many_regions_and_names_leave_the_trouble_in_sight() {
    let stage =
        Stage::play("0s 3 name servers vote\n60s us-east refuses\nby 80s expect eu-west\n90s expect eu-west");
    let mut status = stage.status();
    let well = status.regions.iter().find(|region| region.region == RegionId::from("eu-west"));
    let well = well.expect("it is there").clone();
    for number in 0..200 {
        let region = RegionId::from(format!("a-{number:03}").as_str());
        status.regions.insert(0, crate::api::RegionStatus { region, ..well.clone() });
    }
    for node in &mut status.cluster.as_mut().expect("it decides with others").nodes {
        node.epochs.extend((0..100).map(|number| (format!("name-{number:03}.example.com"), 10)));
    }
    status.cluster.as_mut().expect("it is there").nodes[2].epochs.insert("name-099.example.com".into(), 13);
    let html = page(&status, &stage);
    judge("many", &html);
    let text = text_of(&html);
    assert!(text.contains("us-east") && text.contains("DOWN"), "{text}");
    assert!(text.contains("And 190 more regions"), "{text}");
    assert!(text.contains("name-099.example.com 13 10 here"), "{text}");
    assert!(html.len() < 40_000, "{} octets", html.len());
}

#[test]
fn ages_that_no_clock_shows_are_no_crash() {
    let stage = Stage::play(SCENES[0].1);
    for seconds in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let mut status = stage.status();
        let mut etcd = etcd("x");
        (etcd.silent_for, etcd.members[0].heard) = (Some(seconds), Some(seconds));
        etcd.members[0].latency = Some(seconds);
        status.etcd = Some(etcd);
        status.cluster.as_mut().expect("it is there").nodes[1].age = Some(seconds);
        judge("ages", &page(&status, &stage));
    }
    let later = stage.now() + Duration::from_secs(3600);
    let status = stage.status();
    let old = cluster(&Sight { status: &status, trouble: None, now: later }).expect("it is there");
    assert!(text_of(&old).contains("This is old."), "{old}");
}

/// What others write into etcd is theirs: keys, versions, names.
pub(super) fn hostile(stage: &Stage, payload: &str) -> String {
    let mut status = stage.status();
    let mut etcd = EtcdStatus { followed: Some(payload.into()), ..etcd(payload) };
    etcd.members[0].complaints = vec![payload.into()];
    etcd.members[0].endpoint = payload.into();
    etcd.members[0].version = Some(payload.into());
    status.etcd = Some(etcd);
    let view = status.cluster.as_mut().expect("it decides with others");
    view.why = Some(payload.into());
    view.unreadable.insert(payload.into(), payload.into());
    for node in &mut view.nodes {
        (node.node, node.region) = (payload.into(), Some(payload.into()));
        node.version = Some(payload.into());
        node.epochs = [(payload.to_owned(), 20)].into();
        node.zones = [(payload.to_owned(), (1, payload.to_owned()))].into();
    }
    for region in &mut status.regions {
        region.region = payload.into();
    }
    let html = page(&status, stage);
    let etcd = status.etcd.as_mut().expect("just put there");
    (etcd.error, etcd.followed) = (Some(payload.into()), None);
    judge(payload, &page(&status, stage));
    html
}
