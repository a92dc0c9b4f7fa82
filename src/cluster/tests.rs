//! What the room promises, beside members that fail in every way that was measured, and in some that were not.

mod members;
mod stand_in;
mod transacting;
mod watching;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::config::{EtcdLogin, EtcdSettings, SecretFile, TrustSettings};
use crate::controller::{KeyValue, TransactionId};
use crate::health::Member;
use crate::model::Place;
use stand_in::{Asked, End, Reply, StandIn};

/// Quick, so that what fails by its time fails soon; and slow enough for a machine that does other things.
const QUICK: Pace = Pace {
    connect: Duration::from_millis(400),
    request: Duration::from_millis(500),
    transaction: Duration::from_millis(1200),
    silence: Duration::from_millis(700),
    back_off: (Duration::from_millis(1), Duration::from_millis(20)),
    survey: Duration::from_secs(3600),
    login: Duration::from_secs(60),
};

fn settings(endpoints: &[&str], login: Option<EtcdLogin>) -> ClusterSettings {
    let endpoints = endpoints.iter().map(|url| url.parse().expect("a URL")).collect();
    let authorities = TrustSettings { ca_file: None, ca_file_place: None, insecure: true };
    ClusterSettings {
        name: "edge".into(),
        nodes: vec![Member::server("ns1".into())],
        etcd: EtcdSettings { endpoints, authorities, certificate: None, login },
    }
}

fn start(endpoints: &[&str]) -> (Register, mpsc::Receiver<RegisterNews>) {
    start_as(endpoints, None)
}

fn start_as(endpoints: &[&str], login: Option<EtcdLogin>) -> (Register, mpsc::Receiver<RegisterNews>) {
    let (news, told) = mpsc::channel(64);
    let prepared = prepare_at(&settings(endpoints, login), QUICK).unwrap_or_else(|why| panic!("{why:?}"));
    (prepared.start(news), told)
}

/// What is told next, of the kind that a test is about.
async fn next(
    told: &mut mpsc::Receiver<RegisterNews>,
    is_wanted: impl Fn(&RegisterNews) -> bool,
) -> RegisterNews {
    loop {
        let news = told.recv().await.expect("it goes on");
        if is_wanted(&news) {
            return news;
        }
    }
}

async fn outcome(told: &mut mpsc::Receiver<RegisterNews>) -> (u64, Transacted) {
    let news = next(told, |news| matches!(news, RegisterNews::Transacted(..))).await;
    let RegisterNews::Transacted(id, outcome) = news else { panic!("{news:?}") };
    (id.0, outcome)
}

async fn snapshot(told: &mut mpsc::Receiver<RegisterNews>) -> (u64, Vec<KeyValue>) {
    let news = next(told, |news| matches!(news, RegisterNews::Snapshot { .. })).await;
    let RegisterNews::Snapshot { revision, all } = news else { panic!("{news:?}") };
    (revision, all)
}

fn transaction(id: u64, conditions: &[(&str, u64)]) -> Transaction {
    Transaction {
        id: TransactionId(id),
        conditions: conditions.iter().map(|(key, revision)| ((*key).to_owned(), *revision)).collect(),
        writes: vec![("votes/ns1".into(), Some("{}".into())), ("old".into(), None)],
    }
}

/// A well member: nothing in it, at this revision, and a watch that has begun and is silent.
fn well(asked: &Asked, revision: u64) -> Reply {
    match asked.path.as_str() {
        wire::RANGE => Reply::Json(200, json!({ "header": header(revision) })),
        wire::WATCH => Reply::Stream(vec![created()], End::Open),
        wire::STATUS => {
            let status = json!({ "header": header(revision), "version": "3.4.23", "leader": "7" });
            Reply::Json(200, status)
        }
        wire::TRANSACTION => written(revision + 1),
        _ => Reply::Text(404, "Not Found\n".into()),
    }
}

fn written(revision: u64) -> Reply {
    Reply::Json(200, json!({ "header": header(revision), "succeeded": true, "responses": [{}, {}] }))
}

fn header(revision: u64) -> Value {
    json!({ "cluster_id": "14841639068965178418", "member_id": "7", "revision": revision.to_string() })
}

fn created() -> String {
    line(&json!({ "header": header(1), "created": true }))
}

fn line(result: &Value) -> String {
    format!("{}\n", json!({ "result": result }))
}

fn event(key: &str, value: Option<&str>, revision: u64) -> Value {
    let key = STANDARD.encode(format!("/cadence-dns/edge/v1/{key}"));
    match value {
        Some(value) => {
            json!({ "kv": { "key": key, "value": STANDARD.encode(value), "mod_revision": revision.to_string() } })
        }
        None => json!({ "type": "DELETE", "kv": { "key": key, "mod_revision": revision.to_string() } }),
    }
}

fn held(key: &str, value: Option<&str>, revision: u64) -> KeyValue {
    KeyValue { key: key.into(), value: value.map(str::to_owned), revision }
}
