//! The configuration without anything in it that could be a secret: a text is shown only where its key is known to hold none.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};
use url::Url;

use crate::cli::command::span_ahead;

/// What stands for a text that is not shown.
const CONCEALED: &str = "(concealed)";

/// Keys whose texts are no secrets: names, addresses, files, words of a closed list.
#[rustfmt::skip]
const SHOWN: &[&str] = &[
    "name", "names", "region", "regions", "address", "addresses", "listen", "allow", "exempt", "proxy_protocol_from", "version",
    "xdp", "user", "state_dir", "socket", "file", "certificate", "key", "ca_file", "secret_file", "password_file", "url_file",
    "scenarios", "landlock", "seccomp", "alone", "label", "passes", "families", "min_up", "method", "service", "rcode", "type",
    "transport", "server_name", "host", "database", "role", "policy", "capacity", "switch", "mode", "failback", "unproven", "when",
    "kind", "urgency", "events", "from", "to", "value",
];

/// As JSON; what is wrong with it, where it cannot be read. Comments are left out.
pub(super) fn without_secrets(text: &str) -> String {
    match DeTable::parse(text) {
        Ok(table) => {
            let shown = of_table(table.get_ref());
            serde_json::to_string_pretty(&shown).expect("it is plain data") + "\n"
        }
        // The message of the parser repeats the line.
        Err(error) => format!("not TOML, at octet {:?}\n", error.span().map(|span| span.start)),
    }
}

fn of_table(table: &DeTable<'_>) -> Value {
    let pair = |(key, value): (&toml::Spanned<toml::de::DeString<'_>>, &toml::Spanned<DeValue<'_>>)| {
        let key = key.get_ref().to_string();
        let value = of(&key, value.get_ref());
        (key, value)
    };
    Value::Object(table.iter().map(pair).collect::<Map<String, Value>>())
}

fn of(key: &str, value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text_of(key, text)),
        DeValue::Integer(number) => Value::from(number.to_string()),
        DeValue::Float(number) => Value::from(number.to_string()),
        DeValue::Boolean(flag) => Value::from(*flag),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(list) if matches!(key, "exec" | "command") => {
            let words = list.iter().enumerate().map(|(number, word)| match (number, word.get_ref()) {
                (0, DeValue::String(program)) => Value::from(program.to_string()),
                _ => Value::from(CONCEALED),
            });
            words.collect()
        }
        DeValue::Array(list) => list.iter().map(|entry| of(key, entry.get_ref())).collect(),
        DeValue::Table(table) if key == "headers" => {
            let names = table.keys().map(|name| (name.get_ref().to_string(), Value::from(CONCEALED)));
            Value::Object(names.collect())
        }
        DeValue::Table(table) => of_table(table),
    }
}

fn text_of(key: &str, text: &str) -> String {
    if key == "url" {
        return place_of(text);
    }
    if SHOWN.contains(&key) || span_ahead(text).is_ok() { text.to_owned() } else { CONCEALED.to_owned() }
}

/// Scheme, host and port: a path may be a token.
fn place_of(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return CONCEALED.to_owned() };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}/{CONCEALED}", url.scheme(), url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_to_be_harmless_is_not_shown() {
        let text = r#"
            # s3cr3t
            [node]
            name = "ns1"
            s3cr3t_of_the_future = "s3cr3t"
            [[region]]
            addresses = ["192.0.2.1"]
            [[region.probe]]
            url = "https://me:s3cr3t@host:8443/s3cr3t?token=s3cr3t"
            headers = { authorization = "Bearer s3cr3t" }
            interval = "5s"
            fall = 3
            expect = { body = { contains = "s3cr3t" } }
            [[hook]]
            command = ["/usr/bin/tell", "--token", "s3cr3t"]
        "#;
        let shown = without_secrets(&text.replace("s3cr3t_of", "key_of"));
        assert!(!shown.contains("s3cr3t"), "{shown}");
        for kept in ["ns1", "192.0.2.1", "https://host:8443/", "authorization", "\"5s\"", "/usr/bin/tell"] {
            assert!(shown.contains(kept), "{kept} is not in {shown}");
        }
        assert!(!without_secrets("key = s3cr3t").contains("s3cr3t"));
    }
}
