//! The reference as a page.

use std::fmt::Write;

use cadence_dns::config::{KeyReference, REFERENCE, TableReference};

use super::{COMPLETE, in_the_complete_file, tables};

/// All of `docs/configuration.md`.
pub(super) fn page() -> String {
    let mut page = "# Configuration\n\n\
        <!-- Made from src/config/spec; what is changed here is lost. See CONTRIBUTING.md. -->\n"
        .to_owned();
    page.push_str(&paragraphs(REFERENCE.about));
    let links: Vec<String> = tables().iter().map(|(heading, _)| link(heading, heading)).collect();
    writeln!(page, "\n{}", links.join(" ·\n")).expect("a string grows");
    for (heading, table) in tables() {
        page.push_str(&section(&heading, table));
    }
    page
}

fn section(heading: &str, table: &TableReference) -> String {
    let mut section = format!("\n## {heading}\n{}", paragraphs(table.about));
    if !table.sample.starts_with('[') {
        writeln!(section, "\nFor example `{}`.", table.sample).expect("a string grows");
    }
    section.push_str("\n| key | value | default | example | what it says |\n|---|---|---|---|---|\n");
    for key in table.keys {
        section.push_str(&row(table, key));
    }
    section
}

fn row(table: &TableReference, key: &KeyReference) -> String {
    let words: Vec<&str> = key.about.iter().map(|line| line.trim()).collect();
    let (value, example) = match (key.kind)().table() {
        Some(inner) => {
            let place = tables().into_iter().find(|(_, other)| std::ptr::eq(*other, inner));
            let (heading, _) = place.expect("every table has its place");
            (link(&(key.kind)().to_string(), &heading), String::new())
        }
        None => (key.values(), format!("`{}`", example(table, key))),
    };
    let cells = [format!("`{}`", key.name), value, key.default_value(), example, words.join(" ")];
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The first that is not the default.
fn example(table: &TableReference, key: &KeyReference) -> String {
    let default = (key.kind)().written(key.facts.default);
    let all = in_the_complete_file(table, key);
    let other = all.iter().find(|occurrence| occurrence.value(COMPLETE) != default).unwrap_or(&all[0]);
    other.value(COMPLETE).to_owned()
}

/// Lines of doc comments, an empty one between paragraphs.
fn paragraphs(lines: &[&str]) -> String {
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(line.trim());
        text.push('\n');
    }
    text
}

/// A link within the page; anchors are those of GitHub.
fn link(text: &str, heading: &str) -> String {
    let kept = |letter: &char| letter.is_ascii_alphanumeric() || "-_ ".contains(*letter);
    let anchor: String = heading.to_lowercase().chars().filter(kept).collect();
    format!("[{text}](#{})", anchor.replace(' ', "-"))
}
