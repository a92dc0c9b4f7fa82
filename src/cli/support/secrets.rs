//! The secrets of a configuration, to be found wherever they have strayed to: in the words of a probe, of a hook, of a log.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use toml::de::{DeTable, DeValue};
use url::Url;

/// What stands for one.
const CONCEALED: &str = "(concealed)";

/// Shorter texts are words that stand elsewhere for good reasons.
const SHORTEST: usize = 6;

/// The longest file that is looked into, in octets.
const FILE_MAX: usize = 64 * 1024;

/// Keys of files with secrets.
const FILES: [&str; 4] = ["secret_file", "password_file", "url_file", "key"];

/// All that is known to be secret, the longest first, so that a part of one is not taken for the whole.
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Those of this configuration, whose files lie beside it. What cannot be read cannot have strayed by our doing.
    pub(super) fn of(text: &str, folder: Option<&Path>) -> Secrets {
        let mut found = BTreeSet::new();
        if let Ok(table) = DeTable::parse(text) {
            of_table(table.get_ref(), folder.unwrap_or(Path::new("")), &mut found);
        }
        let escaped: Vec<String> = found.iter().map(|secret| in_json(secret)).collect();
        found.extend(escaped);
        let mut all: Vec<String> = found.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
        all.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(all)
    }

    /// The text without them.
    pub(super) fn concealed(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), CONCEALED))
    }
}

fn in_json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.trim_matches('"').to_owned()
}

fn of_table(table: &DeTable<'_>, folder: &Path, found: &mut BTreeSet<String>) {
    for (key, value) in table {
        of(key.get_ref(), value.get_ref(), folder, found);
    }
}

fn of(key: &str, value: &DeValue<'_>, folder: &Path, found: &mut BTreeSet<String>) {
    match value {
        DeValue::String(text) if FILES.contains(&key) => found.extend(of_file(&folder.join(text.as_ref()))),
        DeValue::String(text) if key == "url" => found.extend(of_url(text)),
        DeValue::Table(headers) if key == "headers" => {
            for value in headers.values() {
                if let DeValue::String(text) = value.get_ref() {
                    found.insert(text.to_string());
                    found.extend(text.split_whitespace().map(str::to_owned));
                }
            }
        }
        DeValue::Table(table) => of_table(table, folder, found),
        // Words of a program that begin with a hyphen are options.
        DeValue::Array(list) if matches!(key, "exec" | "command") => {
            for word in list.iter().skip(1) {
                if let DeValue::String(word) = word.get_ref()
                    && !word.starts_with('-')
                {
                    found.insert(word.to_string());
                    found.extend(tokens(word));
                }
            }
        }
        DeValue::Array(list) => list.iter().for_each(|entry| of(key, entry.get_ref(), folder, found)),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => {}
    }
}

/// What looks like a token in the text of a script.
fn tokens(script: &str) -> impl Iterator<Item = String> {
    let words = script.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ';' | '|'));
    let is_token = |word: &&str| {
        word.len() >= 10 && word.chars().any(|c| c.is_ascii_digit()) && word.chars().any(char::is_alphabetic)
    };
    words.filter(is_token).map(str::to_owned)
}

/// Each line of it.
fn of_file(file: &Path) -> Vec<String> {
    let octets = fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&octets[..octets.len().min(FILE_MAX)]);
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("-----"));
    lines.flat_map(|line| std::iter::once(line.to_owned()).chain(of_url(line))).collect()
}

/// A password, what is asked with, and a path that is too long to be one that people type.
fn of_url(text: &str) -> Vec<String> {
    let Ok(url) = Url::parse(text) else { return Vec::new() };
    let mut found: Vec<String> = url.password().map(str::to_owned).into_iter().collect();
    found.extend(url.query_pairs().map(|(_, value)| value.into_owned()));
    if url.path().len() > 24 {
        found.push(url.path().to_owned());
        found.extend(
            url.path_segments().into_iter().flatten().filter(|part| part.len() > 16).map(str::to_owned),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_strayed_is_concealed() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("t"), "to\"ken-1\n").expect("our folder");
        let text = "[a]\nsecret_file = \"t\"\nurl = \"http://h/?key=qu3ry-s3cr3t\"\nheaders = { a = \"Bearer abcdef\" }\n\
                    command = [\"/x\", \"--flag\", \"argum3nt\", \"say t0ken-of-it\"]";
        let secrets = Secrets::of(text, Some(folder.path()));
        let strayed =
            r#"to"ken-1 {"x":"to\"ken-1"} qu3ry-s3cr3t Bearer abcdef abcdef argum3nt t0ken-of-it --flag"#;
        let concealed = secrets.concealed(strayed);
        for secret in ["ken-1", "qu3ry", "abcdef", "argum3nt", "t0ken"] {
            assert!(!concealed.contains(secret), "{concealed}");
        }
        assert!(concealed.ends_with("--flag"));
    }
}
