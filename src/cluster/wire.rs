//! What is said to etcd and what it says, in the JSON of its gateway: keys and values in Base64, numbers as texts.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::{Value, json};

use crate::controller::{KeyValue, Transacted, Transaction};
use crate::model::plain;

/// Where the gateway listens for each request.
pub(super) const RANGE: &str = "v3/kv/range";
pub(super) const TRANSACTION: &str = "v3/kv/txn";
pub(super) const WATCH: &str = "v3/watch";
pub(super) const LOGIN: &str = "v3/auth/authenticate";
pub(super) const STATUS: &str = "v3/maintenance/status";

/// The folder of a cluster: the keys of the controller are below it.
#[derive(Debug, Clone)]
pub(super) struct Folder(String);

/// Which etcd answers, and how far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub(super) struct Header {
    #[serde(deserialize_with = "number")]
    pub(super) cluster_id: u64,
    #[serde(deserialize_with = "number")]
    pub(super) member_id: u64,
    #[serde(deserialize_with = "number")]
    pub(super) revision: u64,
}

/// All keys of the folder.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ranged {
    pub(super) header: Header,
    kvs: Vec<Kv>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kv {
    key: String,
    value: String,
    #[serde(deserialize_with = "number")]
    mod_revision: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TransactionReply {
    header: Header,
    succeeded: bool,
    responses: Vec<Response>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Response {
    response_range: Option<Ranged>,
}

/// A member about itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) header: Header,
    pub(super) version: String,
    /// The member that leads, as this one sees it; 0 for none.
    #[serde(deserialize_with = "number")]
    pub(super) leader: u64,
    /// What it complains of.
    pub(super) errors: Vec<String>,
}

/// A line of a watch.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Line {
    result: Option<Watched>,
    error: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Watched {
    canceled: bool,
    #[serde(deserialize_with = "number")]
    compact_revision: u64,
    cancel_reason: String,
    events: Vec<Event>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    kv: Kv,
}

/// What a line of a watch means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It has begun; or it goes on, and there is nothing new.
    Alive,
    /// What revisions have changed, in their order.
    Changed(Vec<(u64, Vec<KeyValue>)>),
    /// It has ended, and why.
    Ended(String),
}

/// Why a request was refused, as gRPC numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: u64,
    pub(super) message: String,
}

impl Folder {
    /// That of a cluster.
    pub(super) fn of(cluster: &str) -> Folder {
        Folder(format!("/cadence-dns/{cluster}/v1/"))
    }

    /// All that is in it, as most members agree on it.
    pub(super) fn range(&self) -> Value {
        let (key, range_end) = self.ends();
        json!({ "key": key, "range_end": range_end })
    }

    /// How many keys there are: the least question that only most members together can answer.
    pub(super) fn count(&self) -> Value {
        let (key, range_end) = self.ends();
        json!({ "key": key, "range_end": range_end, "count_only": true })
    }

    /// Everything that changes from this revision on.
    pub(super) fn watch(&self, from: u64) -> Value {
        let (key, range_end) = self.ends();
        let create = json!({ "key": key, "range_end": range_end, "start_revision": from.to_string() });
        json!({ "create_request": create })
    }

    /// A transaction; where a condition fails, it asks what the keys hold instead.
    pub(super) fn transaction(&self, transaction: &Transaction) -> Value {
        let Transaction { conditions, writes, .. } = transaction;
        let compare = |(key, revision): &(String, u64)| {
            let key = self.encoded(key);
            json!({ "target": "MOD", "result": "EQUAL", "key": key, "mod_revision": revision.to_string() })
        };
        let write = |(key, value): &(String, Option<String>)| {
            let key = self.encoded(key);
            match value {
                Some(value) => json!({ "request_put": { "key": key, "value": STANDARD.encode(value) } }),
                None => json!({ "request_delete_range": { "key": key } }),
            }
        };
        let ask = |(key, _): &(String, u64)| json!({ "request_range": { "key": self.encoded(key) } });
        json!({
            "compare": conditions.iter().map(compare).collect::<Vec<_>>(),
            "success": writes.iter().map(write).collect::<Vec<_>>(),
            "failure": conditions.iter().map(ask).collect::<Vec<_>>(),
        })
    }

    /// What became of it, and which etcd says so.
    pub(super) fn transacted(
        &self,
        transaction: &Transaction,
        reply: &[u8],
    ) -> Result<(Header, Transacted), String> {
        let TransactionReply { header, succeeded, responses } = read(reply)?;
        if succeeded {
            return Ok((header, Transacted::Written(header.revision)));
        }
        let conditions = &transaction.conditions;
        if conditions.is_empty() || responses.len() != conditions.len() {
            return Err(format!("{} replies to {} conditions", responses.len(), conditions.len()));
        }
        let held = |((key, _), response): (&(String, u64), Response)| -> Result<KeyValue, String> {
            let kvs = response.response_range.map(|range| range.kvs).unwrap_or_default();
            match kvs.into_iter().next() {
                Some(kv) => self.key_value(kv, false),
                None => Ok(KeyValue { key: key.clone(), value: None, revision: 0 }),
            }
        };
        let held = conditions.iter().zip(responses).map(held).collect::<Result<_, _>>()?;
        Ok((header, Transacted::Refused(held)))
    }

    /// Every key, and as of which revision.
    pub(super) fn ranged(&self, reply: &[u8]) -> Result<(Header, Vec<KeyValue>), String> {
        let Ranged { header, kvs } = read(reply)?;
        let all = kvs.into_iter().map(|kv| self.key_value(kv, false)).collect::<Result<_, _>>()?;
        Ok((header, all))
    }

    /// What a line of a watch means.
    pub(super) fn watched(&self, line: &[u8]) -> Result<Told, String> {
        let Line { result, error } = read(line)?;
        if let Some(error) = error {
            return Ok(Told::Ended(refusal_of(&error).message));
        }
        let Some(watched) = result else { return Err("a line of a watch without a result".to_owned()) };
        let Watched { canceled, compact_revision, cancel_reason, events } = watched;
        if canceled {
            let why = match compact_revision {
                0 if cancel_reason.is_empty() => "the watch was cancelled".to_owned(),
                0 => cancel_reason,
                revision => format!("everything before revision {revision} has been compacted"),
            };
            return Ok(Told::Ended(why));
        }
        if events.is_empty() {
            return Ok(Told::Alive);
        }
        let mut changed: Vec<(u64, Vec<KeyValue>)> = Vec::new();
        for Event { kind, kv } in events {
            let revision = kv.mod_revision;
            let key = self.key_value(kv, kind == "DELETE")?;
            match changed.last_mut() {
                Some((last, keys)) if *last == revision => keys.push(key),
                Some(_) | None => changed.push((revision, vec![key])),
            }
        }
        Ok(Told::Changed(changed))
    }

    fn key_value(&self, Kv { key, value, mod_revision }: Kv, is_deleted: bool) -> Result<KeyValue, String> {
        let key = decoded(&key)?;
        let Some(key) = key.strip_prefix(&self.0) else {
            return Err(format!("a key outside of {}", self.0));
        };
        let value = if is_deleted { None } else { Some(decoded(&value)?) };
        Ok(KeyValue { key: key.to_owned(), value, revision: mod_revision })
    }

    fn encoded(&self, key: &str) -> String {
        STANDARD.encode(format!("{}{key}", self.0))
    }

    /// From the folder to where the next one would begin: `/` and the octet after it.
    fn ends(&self) -> (String, String) {
        let end = format!("{}0", self.0.trim_end_matches('/'));
        (STANDARD.encode(&self.0), STANDARD.encode(end))
    }
}

/// A user and a password.
pub(super) fn login(username: &str, password: &str) -> Value {
    json!({ "name": username, "password": password })
}

/// The token of a login.
pub(super) fn token(reply: &[u8]) -> Result<String, String> {
    #[derive(Deserialize)]
    struct Token {
        token: String,
    }
    read::<Token>(reply).map(|reply| reply.token)
}

/// What a member says of itself.
pub(super) fn status(reply: &[u8]) -> Result<Status, String> {
    read(reply)
}

/// The refusal in the body of a reply that is no success.
pub(super) fn refusal(reply: &[u8]) -> Option<Refusal> {
    let value: Value = serde_json::from_slice(reply).ok()?;
    (value.get("code").is_some() || value.get("error").is_some()).then(|| refusal_of(&value))
}

/// `{"error": TEXT, "code": N}`, `{"message": TEXT, "code": N}`, or within a watch `{"grpc_code": N, "message": TEXT}`.
fn refusal_of(value: &Value) -> Refusal {
    let number = |key: &str| value.get(key).and_then(Value::as_u64);
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let code = number("code").or_else(|| number("grpc_code")).unwrap_or(UNKNOWN);
    let message =
        text("message").or_else(|| text("error")).or_else(|| value.as_str()).unwrap_or("no reason given");
    let message: String = message.chars().take(MESSAGE_MAX).collect();
    Refusal { code, message: plain(&message, |_| false).into_owned() }
}

/// Code of gRPC: nothing is known of what has gone wrong.
const UNKNOWN: u64 = 2;

/// As much of a message is kept, in characters.
const MESSAGE_MAX: usize = 200;

fn read<'r, T: Deserialize<'r>>(reply: &'r [u8]) -> Result<T, String> {
    serde_json::from_slice(reply).map_err(|error| format!("a reply that is not of etcd: {error}"))
}

/// Texts that are no UTF-8 were not written by us: nothing in them is understood, and nothing is left out.
fn decoded(base64: &str) -> Result<String, String> {
    let octets =
        STANDARD.decode(base64).map_err(|error| format!("a key or a value that is no Base64: {error}"))?;
    Ok(String::from_utf8(octets)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// 64 bits are a text in the JSON of protocol buffers; a number is understood as well.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number, or the digits of one")
        }

        fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
            Ok(number)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<u64, E> {
            text.parse().map_err(|_| E::custom("digits of something else"))
        }
    }
    deserializer.deserialize_any(Number)
}
