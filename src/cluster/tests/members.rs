//! Which members are asked, as whom, and what is shown of them.

use std::sync::OnceLock;

use super::*;

fn me(folder: &std::path::Path) -> EtcdLogin {
    let file = folder.join("password");
    std::fs::write(&file, "s3cret\n").expect("our folder");
    let place = Place { file: "c.toml".into(), line: 1, column: 1 };
    EtcdLogin { username: "me".into(), password_file: SecretFile { file, place } }
}

fn token(asked: &Asked) -> Option<&str> {
    asked.head.lines().find_map(|line| line.strip_prefix("authorization: "))
}

/// A token that has expired is replaced, and the request made again, once.
#[tokio::test]
async fn a_token_is_renewed_when_it_has_expired() {
    let folder = tempfile::tempdir().expect("a folder");
    // The one that the first transaction comes with: who logs in when is up to the scheduler.
    let expired = OnceLock::new();
    let member = StandIn::start(move |asked, number| match (asked.path.as_str(), token(asked)) {
        (wire::LOGIN, _) => Reply::Json(200, json!({ "header": header(5), "token": format!("t{number}") })),
        (wire::TRANSACTION, Some(token)) if expired.get_or_init(|| token.to_owned()) == token => {
            Reply::Json(401, json!({ "error": "etcdserver: invalid auth token", "code": 16 }))
        }
        (_, Some(_)) => well(asked, 5),
        (_, None) => Reply::Json(400, json!({ "error": "etcdserver: user name is empty", "code": 3 })),
    })
    .await;
    let (register, mut told) = start_as(&[&member.url], Some(me(folder.path())));
    snapshot(&mut told).await;
    assert_eq!(register.transact(transaction(1, &[("a", 0)])), None);
    let (_, what) = outcome(&mut told).await;
    assert_eq!(what, Transacted::Written(6));
    let logins = member.asked(wire::LOGIN);
    assert_eq!(logins[0].body, json!({ "name": "me", "password": "s3cret" }));
}

/// It is told, and etcd is not worn out with tries.
#[tokio::test]
async fn a_wrong_password_is_tried_once_in_a_while() {
    let folder = tempfile::tempdir().expect("a folder");
    let member = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::LOGIN => {
            let error = "etcdserver: authentication failed, invalid user ID or password";
            Reply::Json(400, json!({ "error": error, "code": 3 }))
        }
        _ => Reply::Json(400, json!({ "error": "etcdserver: user name is empty", "code": 3 })),
    })
    .await;
    let (register, mut told) = start_as(&[&member.url], Some(me(folder.path())));
    member.wait_for(wire::LOGIN, 1).await;
    let why = "no login as me: etcdserver: authentication failed, invalid user ID or password";
    for id in 0..20 {
        assert_eq!(register.transact(transaction(id, &[])), None);
        assert_eq!(outcome(&mut told).await, (id, Transacted::Unknown(format!("{}: {why}", member.url))));
    }
    // The watch and the look at the members may have begun theirs before the first was refused.
    assert!(member.asked(wire::LOGIN).len() <= 3, "{}", member.asked(wire::LOGIN).len());
    assert_eq!(register.health().members[0].error.as_deref(), Some(why));
}

#[tokio::test]
async fn an_etcd_that_wants_a_login_says_so() {
    let member = StandIn::start(|_, _| {
        Reply::Json(400, json!({ "error": "etcdserver: user name is empty", "code": 3 }))
    })
    .await;
    let (register, mut told) = start(&[&member.url]);
    assert_eq!(register.transact(transaction(1, &[])), None);
    let why = "etcd wants a user and a password: etcdserver: user name is empty";
    assert_eq!(outcome(&mut told).await, (1, Transacted::Unknown(format!("{}: {why}", member.url))));
}

/// Two etcds would be two truths.
#[tokio::test]
async fn a_member_of_another_etcd_is_not_believed() {
    let ours = StandIn::start(|asked, _| well(asked, 5)).await;
    let stranger = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::TRANSACTION => {
            Reply::Json(200, json!({ "header": { "cluster_id": "1", "revision": "9" }, "succeeded": true }))
        }
        _ => Reply::Json(200, json!({ "header": { "cluster_id": "1", "revision": "8" } })),
    })
    .await;
    let (register, mut told) = start(&[&ours.url, &stranger.url]);
    assert_eq!(snapshot(&mut told).await.0, 5);
    // The watch of ours is silent and is left, for nobody else's.
    stranger.wait_for(wire::RANGE, 1).await;
    assert_eq!(snapshot(&mut told).await.0, 5);
    let why = register.health().members[1].error.clone().expect("it was refused");
    assert!(why.starts_with("it belongs to another etcd, 1, than the one that we have met, "), "{why}");
}

#[tokio::test]
async fn how_it_stands_with_every_member_is_known() {
    let well = StandIn::start(|asked, _| super::well(asked, 5)).await;
    let (register, mut told) = start(&[&well.url, "http://127.0.0.1:1"]);
    snapshot(&mut told).await;
    while register.health().members[0].version.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await; // until it was looked at
    }
    assert_eq!(register.transact(transaction(1, &[("a", 0)])), None);
    assert_eq!(outcome(&mut told).await, (1, Transacted::Written(6)));
    let health = register.health();
    assert_eq!(health.followed.map(|(endpoint, _)| endpoint), Some(well.url.clone()));
    assert_eq!((health.revision, health.cluster_id), (5, Some(14_841_639_068_965_178_418)));
    let [first, other] = &health.members[..] else { panic!("two members") };
    assert_eq!((&first.endpoint, &first.version), (&well.url, &Some("3.4.23".to_owned())));
    assert!(first.leads && first.has_leader && first.error.is_none() && first.latency.is_some());
    assert_eq!((&other.version, other.leads, other.heard), (&None, false, None));
}

#[tokio::test]
async fn every_endpoint_is_examined() {
    let well = StandIn::start(|asked, _| super::well(asked, 5)).await;
    let prepared = prepare_at(&settings(&[&well.url, "http://127.0.0.1:1"], None), QUICK);
    let examined = examine(prepared.expect("nothing is read")).await;
    let found = examined[0].found.as_ref().expect("it is well");
    assert_eq!((found.version.as_str(), found.leads), ("3.4.23", true));
    assert_eq!(examined[1].endpoint, "http://127.0.0.1:1");
    assert!(examined[1].found.as_ref().is_err_and(|why| why.contains("refused")), "{examined:?}");
}
