//! What is different between two configuration files, in words: key by key, entries by their names.

use toml::{Table, Value};

/// Longer values are cut.
const SHOWN_MAX_CHARACTERS: usize = 60;

/// Values that nobody reads over a shoulder.
const SECRET: [&str; 4] = ["headers", "password", "token", "secret"];

/// What is different in the second text, each in a line, in the order of the keys; nothing where one is no TOML.
#[must_use]
pub fn changes(before: &str, after: &str) -> Vec<String> {
    let (Ok(before), Ok(after)) = (before.parse::<Table>(), after.parse::<Table>()) else {
        return Vec::new();
    };
    let mut told = Vec::new();
    of_tables("", &before, &after, &mut told);
    told
}

fn of_tables(path: &str, before: &Table, after: &Table, told: &mut Vec<String>) {
    let new = after.keys().filter(|key| !before.contains_key(*key));
    for key in before.keys().chain(new) {
        let inner = if path.is_empty() { key.clone() } else { format!("{path} {key}") };
        match (before.get(key), after.get(key)) {
            (Some(before), Some(after)) if is_secret(key) && before != after => {
                told.push(format!("{inner}: another secret"));
            }
            (Some(Value::Table(before)), Some(Value::Table(after))) => of_tables(&inner, before, after, told),
            (Some(before), Some(after)) if is_entries(before) || is_entries(after) => {
                of_entries(&inner, before, after, told);
            }
            (Some(before), Some(after)) if before != after => {
                told.push(format!("{inner}: {} becomes {}", shown(key, before), shown(key, after)));
            }
            (Some(before), None) if is_entries(before) => of_entries(&inner, before, &nothing(), told),
            (None, Some(after)) if is_entries(after) => of_entries(&inner, &nothing(), after, told),
            (Some(_), None) => told.push(format!("{inner} is gone")),
            (None, Some(Value::Table(_))) => told.push(format!("{inner} is new")),
            (None, Some(after)) => told.push(format!("{inner} is new: {}", shown(key, after))),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

/// `[[entries]]`: known by their names, and those without one by their number.
fn of_entries(path: &str, before: &Value, after: &Value, told: &mut Vec<String>) {
    let (before, after) = (named(before), named(after));
    for (name, entry) in &before {
        match after.iter().find(|(other, _)| other == name) {
            Some((_, other)) => of_tables(&format!("{path} {name}"), entry, other, told),
            None => told.push(format!("{path} {name} is gone")),
        }
    }
    let order = |entries: &[(String, &Table)], others: &[(String, &Table)]| -> Vec<String> {
        let is_in_both = |name: &&String| others.iter().any(|(other, _)| other == *name);
        entries.iter().map(|(name, _)| name).filter(is_in_both).cloned().collect()
    };
    if order(&before, &after) != order(&after, &before) {
        told.push(format!("{path}: in another order"));
    }
    let new = after.iter().filter(|(name, _)| !before.iter().any(|(other, _)| other == name));
    told.extend(new.map(|(name, _)| format!("{path} {name} is new")));
}

fn named(entries: &Value) -> Vec<(String, &Table)> {
    let tables = entries.as_array().into_iter().flatten().filter_map(Value::as_table);
    let name = |entry: &Table, number: usize| -> String {
        let names = entry.get("names").and_then(Value::as_array).and_then(|names| names.first());
        let name = entry.get("name").or_else(|| entry.get("label")).or(names).and_then(Value::as_str);
        name.map_or_else(|| number.to_string(), str::to_owned)
    };
    tables.zip(1..).map(|(entry, number)| (name(entry, number), entry)).collect()
}

fn is_entries(value: &Value) -> bool {
    value.as_array().is_some_and(|all| !all.is_empty() && all.iter().all(Value::is_table))
}

fn nothing() -> Value {
    Value::Array(Vec::new())
}

fn is_secret(key: &str) -> bool {
    SECRET.iter().any(|word| key.contains(word)) && !key.ends_with("_file")
}

fn shown(key: &str, value: &Value) -> String {
    if is_secret(key) {
        return "a secret".to_owned();
    }
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX_CHARACTERS) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = r#"
        [node]
        name = "ns1"
        [[region]]
        name = "us-east"
        addresses = ["192.0.2.1"]
        [[region.probe]]
        url = "http://a/health"
        headers = { authorization = "Bearer 1" }
        [[region]]
        name = "old"
        addresses = ["192.0.2.9"]
        [[steer]]
        names = ["a.example.com", "b.example.com"]
        ttl = "30s"
    "#;

    #[test]
    fn what_is_different_is_told_by_name() {
        let after = BEFORE
            .replace("\"192.0.2.1\"", "\"192.0.2.1\", \"192.0.2.2\"")
            .replace("Bearer 1", "Bearer 2")
            .replace("\"old\"", "\"new\"")
            .replace("ttl = \"30s\"", "ttl = \"60s\"\nrto = \"90s\"")
            + "[dns]\nlisten = [\"127.0.0.1:53\"]";
        insta::assert_snapshot!(changes(BEFORE, &after).join("\n"), @r#"
        region us-east addresses: ["192.0.2.1"] becomes ["192.0.2.1", "192.0.2.2"]
        region us-east probe 1 headers: another secret
        region old is gone
        region new is new
        steer a.example.com ttl: "30s" becomes "60s"
        steer a.example.com rto is new: "90s"
        dns is new
        "#);
    }

    #[test]
    fn the_same_in_other_words_is_nothing() {
        assert!(changes(BEFORE, BEFORE).is_empty());
        assert!(changes("a = 1 # one\nb = 2", "b = 2\na = 1").is_empty());
        assert_eq!(
            changes("[[a]]\nname = \"x\"\n[[a]]\nname = \"y\"", "[[a]]\nname = \"y\"\n[[a]]\nname = \"x\""),
            ["a: in another order"]
        );
    }
}
