//! `docs/openapi.json` is what the API serves: every path is there, and every document is as it says, no field more.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::kit::place::free_port;
use crate::kit::steered::{NAME, PREFERRED, STANDBY, Steered};

const DESCRIPTION: &str = include_str!("../../docs/openapi.json");

fn request(server: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).expect("it listens");
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: {server}\r\n\r\n").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (code, body.to_owned())
}

/// Every difference between a value and what is said of it, with its place.
fn differences(all: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/components/schemas/")) {
        let named = &all["components"]["schemas"][name];
        assert!(named.is_object(), "there is no schema {name}");
        return differences(all, named, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let found: Vec<_> = choices.iter().map(|choice| differences(all, choice, value, at)).collect();
        return if found.iter().any(Vec::is_empty) { Vec::new() } else { found.concat() };
    }
    let mut found = Vec::new();
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return found, // anything
    };
    let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
    if !fits {
        return vec![format!("{at} is {value}, not {kinds:?}")];
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{at} is {value}, none of {words:?}"));
    }
    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(differences(all, &schema["items"], item, &format!("{at}[{number}]")));
    }
    if let (Some(properties), Some(fields)) = (schema["properties"].as_object(), value.as_object()) {
        for (name, field) in fields {
            match properties.get(name) {
                Some(property) => found.extend(differences(all, property, field, &format!("{at}.{name}"))),
                None => found.push(format!("{at}.{name} is not described")),
            }
        }
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        found.extend(
            required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at}.{name} is missing")),
        );
    }
    found
}

#[test]
fn the_description_is_what_is_served() {
    let api = free_port();
    let keys = format!("failback = {{ mode = \"manual\" }}\n[api]\nlisten = [\"{api}\"]");
    let mut steered = Steered::start(&keys);
    let all: Value = serde_json::from_str(DESCRIPTION).expect("it is JSON");
    assert_eq!(request(api, "GET", "/api/v1/openapi.json").1, DESCRIPTION);
    compare(&all, api);
    steered.preferred.die();
    steered.wait_for(STANDBY);
    compare(&all, api);
}

/// Asks for everything that is described.
fn compare(all: &Value, api: SocketAddr) {
    for (path, operations) in all["paths"].as_object().expect("paths") {
        let concrete = path.replace("{name}", NAME).replace("{region}", PREFERRED);
        let concrete = if path.ends_with("explain") { format!("{concrete}?name={NAME}") } else { concrete };
        let method = if operations["get"].is_object() { "GET" } else { "POST" };
        let (code, body) = request(api, method, &concrete);
        if method == "POST" {
            assert_eq!(code, 415, "{path}: a body is missing, not the path: {body}");
            let problem = serde_json::from_str(&body).expect("a problem document");
            let schema = &all["components"]["schemas"]["Problem"];
            assert_eq!(differences(all, schema, &problem, path), Vec::<String>::new());
            continue;
        }
        assert_eq!(code, 200, "{path}: {body}");
        let content = operations["get"]["responses"]["200"]["content"].as_object().expect("content");
        if let Some(schema) = content.get("application/json").map(|content| &content["schema"]) {
            let document =
                serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"));
            assert_eq!(differences(all, schema, &document, path), Vec::<String>::new());
        }
    }
}

#[test]
fn a_difference_would_be_found() {
    let all = serde_json::json!({});
    let schema = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": { "a": { "type": "string", "enum": ["x"] }, "b": { "type": ["integer", "null"] } },
    });
    let found = |value: Value| differences(&all, &schema, &value, "v").join("; ");
    assert_eq!(found(serde_json::json!({ "a": "x", "b": null })), "");
    assert_eq!(found(serde_json::json!({ "a": "y" })), "v.a is \"y\", none of [String(\"x\")]");
    assert_eq!(
        found(serde_json::json!({ "b": "1", "c": 1 })),
        "v.b is \"1\", not [\"integer\", \"null\"]; v.c is not described; v.a is missing"
    );
}
