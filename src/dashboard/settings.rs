//! The configuration that is in effect, without secrets, as the API tells it.

use askama::Template;
use serde_json::Value;

use super::frame::{Frame, Place, Sight, finished};

/// The tables that are shown: thousands of names have one each.
const TABLES_MAX: usize = 200;

#[derive(Template)]
#[template(path = "settings.html")]
struct Settings {
    frame: Frame,
    tables: Vec<Table>,
    more: usize,
}

/// A table of the file.
#[derive(Debug, PartialEq, Eq)]
struct Table {
    header: String,
    values: Vec<(String, String)>,
}

/// The configuration that is in effect: a document as [`effective_config`](crate::api::effective_config) makes it.
#[must_use]
pub fn settings(sight: &Sight<'_>, config: &Value) -> String {
    let mut tables = tables(config);
    let more = tables.len().saturating_sub(TABLES_MAX);
    tables.truncate(TABLES_MAX);
    finished(&Settings { frame: sight.frame("Configuration", Place::Settings), tables, more })
}

/// `[node]` for a table, `[[region]] us-east` for each of many.
fn tables(config: &Value) -> Vec<Table> {
    let mut tables = Vec::new();
    for (key, value) in config.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => tables.push(Table::of(format!("[{key}]"), value)),
            Value::Array(many) => {
                let header = |one: &Value| {
                    let name = one.get("name").or_else(|| one.get("names").and_then(|names| names.get(0)));
                    format!("[[{key}]] {}", name.and_then(Value::as_str).unwrap_or_default())
                };
                tables.extend(many.iter().map(|one| Table::of(header(one), one)));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {} // what the document says of itself
        }
    }
    tables
}

impl Table {
    fn of(header: String, value: &Value) -> Table {
        let mut table = Table { header, values: Vec::new() };
        table.put("", value);
        table
    }

    /// Keys below keys are joined by dots; of many, each has its number.
    fn put(&mut self, key: &str, value: &Value) {
        let below = |part: &str| if key.is_empty() { part.to_owned() } else { format!("{key}.{part}") };
        match value {
            Value::Object(inner) => inner.iter().for_each(|(part, value)| self.put(&below(part), value)),
            Value::Array(many) if many.iter().any(Value::is_object) => {
                many.iter()
                    .enumerate()
                    .for_each(|(index, value)| self.put(&format!("{key} #{index}"), value));
            }
            Value::Array(many) if many.is_empty() => self.values.push((key.to_owned(), "none".to_owned())),
            Value::Array(many) => {
                let words: Vec<String> = many.iter().map(word).collect();
                self.values.push((key.to_owned(), words.join(", ")));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                self.values.push((key.to_owned(), word(value)));
            }
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_document_becomes_the_tables_of_the_file() {
        let document = json!({
            "schema": "cadence-dns/config/v1",
            "node": { "name": "ns1", "user": null, "cookies": { "enabled": true } },
            "region": [{ "name": "us", "addresses": ["192.0.2.1", "192.0.2.2"], "probe": [{ "fall": 3 }] }],
            "steer": [{ "names": ["a.example", "b.example"], "rto": [] }],
        });
        let shown = tables(&document).into_iter().map(|table| {
            let values = table.values.iter().map(|(key, value)| format!("  {key} = {value}"));
            [table.header.clone()].into_iter().chain(values).collect::<Vec<_>>().join("\n")
        });
        insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @"
        [node]
          cookies.enabled = true
          name = ns1
          user = not set
        [[region]] us
          addresses = 192.0.2.1, 192.0.2.2
          name = us
          probe #0.fall = 3
        [[steer]] a.example
          names = a.example, b.example
          rto = none
        ");
    }
}
