//! The keys of the configuration, from what the parser is held to, as Markdown.

use crate::config::{KeyReference, REFERENCE, TableReference};

/// Every table with its keys, each after the one that it stands in.
pub(super) fn markdown() -> String {
    let mut text = words(REFERENCE.about, "\n") + "\n\n";
    for key in REFERENCE.keys {
        tables(key, REFERENCE, &mut text);
    }
    text
}

fn tables(key: &KeyReference, parent: &TableReference, text: &mut String) {
    let Some(table) = (key.kind)().table() else { return };
    *text += &format!("## {}\n\n{}\n\n", heading(key, table, parent), words(table.about, "\n"));
    *text += "| key | default | what it does |\n|---|---|---|\n";
    for key in table.keys {
        let (name, about) = (key.name, words(key.about, " ").replace('|', "\\|"));
        *text += &format!("| `{name}` | {} | {about} |\n", values(key).replace('|', "\\|"));
    }
    *text += "\n";
    for key in table.keys {
        tables(key, table, text);
    }
}

/// A table within a table is called by its key.
fn heading(key: &KeyReference, table: &TableReference, parent: &TableReference) -> String {
    if table.sample.starts_with('[') {
        return format!("`{}`", table.sample);
    }
    let parent = parent.sample.split_once(" = ").map_or(parent.sample, |(key, _)| key);
    format!("`{}` of `{parent}`", key.name)
}

/// What it may be, and what is obeyed without it.
fn values(key: &KeyReference) -> String {
    match key.default_value().as_str() {
        "" => key.values(),
        "required" => format!("{}; required", key.values()),
        default => format!("{}; default: {default}", key.values()),
    }
}

/// Doc comments, whose lines begin with a space.
fn words(lines: &[&str], between: &str) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join(between).trim().to_owned()
}
