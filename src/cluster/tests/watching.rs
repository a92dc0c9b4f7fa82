//! What is told of changes.

use super::*;

/// Revision by revision, however the octets come.
#[tokio::test]
async fn every_revision_is_told_once_and_whole() {
    let one = line(&json!({ "header": header(8), "events": [
        event("a", Some("1"), 6), event("b", Some(""), 6), event("a", None, 7), event("c", Some("é"), 8),
    ] }));
    let other = line(&json!({ "header": header(9), "events": [event("a", Some("2"), 9)] }));
    let cut = one.len() / 2;
    let pieces = vec![
        format!("{}{}", created(), &one[..cut]),
        one[cut..].to_owned(),
        line(&json!({ "header": header(8) })), // a sign of life
        format!("{}{}", &other[..1], &other[1..]),
    ];
    let member = StandIn::start(move |asked, _| match asked.path.as_str() {
        wire::RANGE => {
            let kvs = [event("a", Some("0"), 3)["kv"].clone()];
            Reply::Json(200, json!({ "header": header(5), "kvs": kvs, "count": "1" }))
        }
        wire::WATCH => Reply::Stream(pieces.clone(), End::Open),
        _ => well(asked, 5),
    })
    .await;
    let (_register, mut told) = start(&[&member.url]);
    assert_eq!(snapshot(&mut told).await, (5, vec![held("a", Some("0"), 3)]));
    let changed = [
        (6, vec![held("a", Some("1"), 6), held("b", Some(""), 6)]),
        (7, vec![held("a", None, 7)]),
        (8, vec![held("c", Some("é"), 8)]),
        (9, vec![held("a", Some("2"), 9)]),
    ];
    for (revision, keys) in changed {
        assert_eq!(told.recv().await, Some(RegisterNews::Changed { revision, keys }));
    }
    let watched = &member.asked(wire::WATCH)[0];
    assert_eq!(watched.body["create_request"]["start_revision"], "6");
    assert!(watched.head.contains("grpc-metadata-hasleader: true"), "{}", watched.head);
    let range = &member.asked(wire::RANGE)[0].body;
    let ends = [&range["key"], &range["range_end"]].map(|end| {
        STANDARD.decode(end.as_str().expect("a text")).map(String::from_utf8).expect("Base64").expect("text")
    });
    assert_eq!(ends, ["/cadence-dns/edge/v1/", "/cadence-dns/edge/v10"]);
    assert!(range.get("serializable").is_none(), "such a read lies");
}

/// What a follower that is cut off does for half a minute.
#[tokio::test]
async fn a_silent_watch_is_left_for_another_member() {
    let first = StandIn::start(|asked, _| well(asked, 5)).await;
    let other = StandIn::start(|asked, _| well(asked, 6)).await;
    let (register, mut told) = start(&[&first.url, &other.url]);
    assert_eq!(snapshot(&mut told).await.0, 5);
    assert_eq!(register.health().followed.map(|(endpoint, _)| endpoint), Some(first.url.clone()));
    assert_eq!(snapshot(&mut told).await.0, 6);
    let error = register.health().error.map(|(why, _)| why);
    assert_eq!(error, Some(format!("{}: its watch has been silent for 0.7 s", first.url)));
}

/// It shows signs of life, and lacks what was acknowledged.
#[tokio::test]
async fn a_watch_that_lags_behind_what_was_acknowledged_is_left() {
    let alive = line(&json!({ "header": header(5) }));
    let first = StandIn::start(move |asked, _| match asked.path.as_str() {
        wire::WATCH => Reply::Stream(vec![created()], End::Repeat(alive.clone(), Duration::from_millis(20))),
        _ => well(asked, 5),
    })
    .await;
    let other = StandIn::start(|asked, _| well(asked, 6)).await;
    let (register, mut told) = start(&[&first.url, &other.url]);
    assert_eq!(snapshot(&mut told).await.0, 5);
    assert_eq!(register.transact(transaction(1, &[])), None);
    assert_eq!(outcome(&mut told).await, (1, Transacted::Written(6)));
    assert_eq!(snapshot(&mut told).await.0, 6);
    let (why, _) = register.health().error.expect("it was left for a reason");
    assert!(why.ends_with("does not come to revision 6, which was acknowledged"), "{why}");
}

/// Whatever ends a watch: the next begins with all that there is.
#[tokio::test]
async fn what_ends_a_watch_is_told_and_nothing_is_missed() {
    let check = async |end: Reply, why: &str| {
        let end = std::sync::Mutex::new(Some(end));
        let first = StandIn::start(move |asked, _| match asked.path.as_str() {
            wire::WATCH => end.lock().expect("no panic").take().unwrap_or(Reply::Silence),
            _ => well(asked, 5),
        })
        .await;
        let other = StandIn::start(|asked, _| well(asked, 9)).await;
        let (register, mut told) = start(&[&first.url, &other.url]);
        while snapshot(&mut told).await.0 != 9 {}
        let (told, _) = register.health().error.expect("it was left for a reason");
        assert_eq!(told, format!("{}: {why}", first.url));
    };
    let stream = |result: Value| Reply::Stream(vec![created(), line(&result)], End::Open);
    let compacted = json!({ "header": header(5), "canceled": true, "compact_revision": "8" });
    check(stream(compacted), "everything before revision 8 has been compacted").await;
    let cancelled =
        json!({ "header": header(5), "canceled": true, "cancel_reason": "etcdserver: no leader" });
    check(stream(cancelled), "etcdserver: no leader").await;
    let refused = Reply::Json(503, json!({ "error": "etcdserver: no leader", "code": 14 }));
    check(refused, "etcdserver: no leader").await;
    let error = json!({ "error": { "grpc_code": 14, "message": "etcdserver: \u{1b}[31mno leader" } });
    let error = Reply::Stream(vec![format!("{error}\n")], End::Open);
    check(error, "etcdserver: \\u{1b}[31mno leader").await;
    check(Reply::Stream(vec![created()], End::Over), "its watch has ended").await;
    check(Reply::Silence, "no reply within 0.5 s").await;
    check(Reply::Stream(Vec::new(), End::Open), "no reply within 0.5 s").await;
    let twice = json!({ "header": header(5), "events": [event("a", None, 5)] });
    check(stream(twice), "its watch tells revision 5 after 5").await;
    let nonsense = Reply::Stream(vec!["<html>\n".into()], End::Open);
    check(nonsense, "a reply that is not of etcd: expected value at line 1 column 1").await;
    let foreign = json!({ "events": [{ "kv": { "key": "L2E=", "mod_revision": "6" } }] });
    check(stream(foreign), "a key outside of /cadence-dns/edge/v1/").await;
    let broken = json!({ "events": [{ "kv": { "key": "?", "mod_revision": "6" } }] });
    check(stream(broken), "a key or a value that is no Base64: Invalid symbol 63, offset 0.").await;
    let endless = Reply::Stream(vec![created(), "x".repeat(3 << 20), "x".repeat(3 << 20)], End::Open);
    check(endless, "a line of its watch has more than 4194304 octets").await;
    let unknown = json!({ "events": [{ "kv": { "key": "L2E=", "mod_revision": "-6" } }] });
    check(stream(unknown), "a reply that is not of etcd: digits of something else at line 1 column 60").await;
}

/// A member that only fails is not asked in a hot loop.
#[tokio::test(start_paused = true)]
async fn a_member_that_fails_at_once_is_asked_with_pauses() {
    let member = StandIn::start(|asked, _| match asked.path.as_str() {
        wire::WATCH => Reply::Json(503, json!({ "error": "no", "code": 14 })),
        _ => well(asked, 5),
    })
    .await;
    let (news, mut told) = mpsc::channel(64);
    let prepared = prepare(&settings(&[&member.url], None)).expect("nothing is read");
    let _register = prepared.start(news);
    let listen = async { while told.recv().await.is_some() {} };
    // It listens for a minute of the clock, which is over as soon as everybody waits.
    let _ = tokio::time::timeout(Duration::from_secs(60), listen).await;
    let asked = member.asked(wire::WATCH).len();
    assert!((2..=130).contains(&asked), "{asked} times in a minute");
}
