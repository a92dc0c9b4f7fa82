//! What becomes of transactions.

use super::*;

#[tokio::test]
async fn a_refused_transaction_says_what_the_keys_hold() {
    let member = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::TRANSACTION => {
            let kv = event("decisions/www", Some("{}"), 12)["kv"].clone();
            let responses = json!([{ "response_range": { "kvs": [kv] } }, { "response_range": {} }]);
            Reply::Json(200, json!({ "header": header(14), "responses": responses }))
        }
        _ => well(asked, 5),
    })
    .await;
    let (register, mut told) = start(&[&member.url]);
    assert_eq!(register.transact(transaction(3, &[("decisions/www", 11), ("new", 4)])), None);
    let held = vec![held("decisions/www", Some("{}"), 12), held("new", None, 0)];
    assert_eq!(outcome(&mut told).await, (3, Transacted::Refused(held)));
    let asked = &member.asked(wire::TRANSACTION)[0].body;
    let key = STANDARD.encode("/cadence-dns/edge/v1/decisions/www");
    let compare = json!({ "target": "MOD", "result": "EQUAL", "key": key, "mod_revision": "11" });
    assert_eq!((&asked["compare"][0], asked["success"].as_array().map(Vec::len)), (&compare, Some(2)));
    assert_eq!(asked["success"][0]["request_put"]["value"], STANDARD.encode("{}"));
    assert_eq!(asked["failure"][0]["request_range"]["key"], key);
}

/// Whether it was written, nobody knows: with conditions it is told so, and not tried again.
#[tokio::test]
async fn a_lost_acknowledgement_is_no_success_and_no_failure() {
    let deaf = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::TRANSACTION => Reply::HangUp,
        _ => well(asked, 5),
    })
    .await;
    let other = StandIn::start(|asked, _| well(asked, 6)).await;
    let (register, mut told) = start(&[&deaf.url, &other.url]);
    assert_eq!(register.transact(transaction(1, &[("a", 0)])), None);
    let (id, what) = outcome(&mut told).await;
    assert!(matches!((id, &what), (1, Transacted::Unknown(why)) if why.starts_with(&deaf.url)), "{what:?}");
    assert_eq!((deaf.asked(wire::TRANSACTION).len(), other.asked(wire::TRANSACTION).len()), (1, 0));
    // The next one goes to the member that has not failed.
    assert_eq!(register.transact(transaction(2, &[("a", 0)])), None);
    assert_eq!(outcome(&mut told).await, (2, Transacted::Written(7)));
    assert_eq!((deaf.asked(wire::TRANSACTION).len(), other.asked(wire::TRANSACTION).len()), (1, 1));
}

/// A heartbeat may be written twice.
#[tokio::test]
async fn what_has_no_conditions_goes_to_the_next_member() {
    let deaf = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::TRANSACTION => Reply::Silence,
        _ => well(asked, 5),
    })
    .await;
    let other = StandIn::start(|asked, _| well(asked, 6)).await;
    let (register, mut told) = start(&[&deaf.url, &other.url]);
    assert_eq!(register.transact(transaction(1, &[])), None);
    assert_eq!(outcome(&mut told).await, (1, Transacted::Written(7)));
    assert_eq!((deaf.asked(wire::TRANSACTION).len(), other.asked(wire::TRANSACTION).len()), (1, 1));
}

/// What proves that nothing was written makes the next member be asked, also with conditions.
#[tokio::test]
async fn what_was_certainly_not_written_goes_to_the_next_member() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let refusing = format!("http://{}", gone.local_addr().expect("bound"));
    drop(gone);
    let leaderless = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::TRANSACTION => Reply::Json(503, json!({ "error": "etcdserver: no leader", "code": 14 })),
        _ => well(asked, 5),
    })
    .await;
    let proxy = StandIn::start(|_, _| Reply::Text(404, "404 page not found".into())).await;
    let well = StandIn::start(|asked, _| well(asked, 6)).await;
    let (register, mut told) = start(&[&refusing, &leaderless.url, &proxy.url, &well.url]);
    assert_eq!(register.transact(transaction(1, &[("a", 0)])), None);
    assert_eq!(outcome(&mut told).await, (1, Transacted::Written(7)));
}

#[tokio::test]
async fn nonsense_is_no_success() {
    let check = async |reply: fn() -> Reply, why: &str| {
        let member = StandIn::start(move |asked, _| match asked.path.as_str() {
            wire::TRANSACTION => reply(),
            _ => well(asked, 5),
        })
        .await;
        let (register, mut told) = start(&[&member.url]);
        assert_eq!(register.transact(transaction(1, &[("a", 0)])), None);
        let expected = Transacted::Unknown(format!("{}: {why}", member.url));
        assert_eq!(outcome(&mut told).await, (1, expected));
    };
    check(
        || Reply::Text(200, "<html>".into()),
        "a reply that is not of etcd: expected value at line 1 column 1",
    )
    .await;
    check(|| Reply::Text(502, "<html>".into()), "status 502").await;
    check(|| Reply::Text(400, "a name\u{1b}\nand more".into()), "status 400: a name\\u{1b}").await;
    check(|| Reply::Json(200, json!({ "header": header(6) })), "0 replies to 1 conditions").await;
    let timed_out = || Reply::Json(503, json!({ "error": "etcdserver: request timed out", "code": 14 }));
    check(timed_out, "etcdserver: request timed out").await;
    check(|| Reply::Text(200, " ".repeat(17 << 20)), "the reply has more than 16777216 octets").await;
}

/// Two seconds for each answer: a decision waits for its time, and heartbeats do not wait for it.
#[tokio::test]
async fn heartbeats_do_not_wait_for_decisions() {
    let member = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::TRANSACTION if asked.body["compare"][0].is_object() => Reply::Silence,
        _ => well(asked, 5),
    })
    .await;
    let (register, mut told) = start(&[&member.url]);
    for id in 1..=20 {
        assert_eq!(register.transact(transaction(id, &[("a", 0)])), None);
    }
    member.wait_for(wire::TRANSACTION, 4).await;
    assert_eq!(register.transact(transaction(99, &[])), None);
    assert_eq!(outcome(&mut told).await, (99, Transacted::Written(6)));
    let late = Transacted::Unknown(format!("{}: no reply within 0.5 s", member.url));
    assert!(matches!(outcome(&mut told).await, (_, what) if what == late));
    // Those that wait for longer than they may are not even tried.
    let mut rest = Vec::new();
    for _ in 0..19 {
        rest.push(outcome(&mut told).await.1);
    }
    let untried = Transacted::Unknown("there was no time left for it".into());
    assert!(rest.contains(&untried), "{rest:?}");
    assert!(member.asked(wire::TRANSACTION).len() < 21);
}

#[tokio::test]
async fn too_many_are_told_at_once() {
    let member = StandIn::start(|_, _| Reply::Silence).await;
    let (register, _told) = start(&[&member.url]);
    let mut sent: Vec<Option<RegisterNews>> =
        (0..200).map(|id| register.transact(transaction(id, &[]))).collect();
    let why = Transacted::Unknown("too many transactions wait".into());
    assert_eq!(sent.pop(), Some(Some(RegisterNews::Transacted(TransactionId(199), why))));
    assert!(sent.iter().filter(|told| told.is_none()).count() <= 65);
}
