//! An incident as Markdown: a pure function, so that its look is a golden text.

use std::fmt::Write;

use crate::api::{Incident, Stay};
use crate::cli::text::age;
use crate::controller::HistoryEntry;

/// The whole document.
pub(super) fn markdown(incident: &Incident) -> String {
    let Incident { from, to, first, stays, on_dead, orders, entries } = incident;
    let mut text = format!("# Incident, {from} to {to}\n\n");
    match first {
        Some(first) => line(&mut text, &format!("First: {} at {}.", cell(&first.text), first.time)),
        None => line(&mut text, "Nothing went wrong."),
    }
    for (name, dead) in on_dead {
        line(&mut text, &format!("{name} was answered with a region that was down for {}.", age(*dead)));
    }
    section(
        &mut text,
        "Where each name was",
        "| name | from | for | region | epoch | why |",
        stays.iter().map(stay),
    );
    section(&mut text, "Who did what", "| time | who | what | why |", orders.iter().map(order));
    section(&mut text, "Timeline", "| time | kind | what |", entries.iter().map(event));
    text
}

fn section(text: &mut String, title: &str, header: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    line(text, &format!("\n## {title}\n"));
    if rows.is_empty() {
        return line(text, "Nothing.");
    }
    line(text, header);
    line(text, &format!("|{}", "---|".repeat(header.matches('|').count() - 1)));
    rows.iter().for_each(|row| line(text, row));
}

fn stay(stay: &Stay) -> String {
    let Stay { name, more_names, region, epoch, from, to, why, is_dead: _ } = stay;
    let others = if *more_names > 0 { format!(" and {more_names} more") } else { String::new() };
    let why = why.as_deref().unwrap_or("decided before");
    format!("| {name}{others} | {from} | {} | {region} | {epoch} | {} |", age(to.since(*from)), cell(why))
}

fn order(entry: &HistoryEntry) -> String {
    let said = |text: &Option<String>| text.as_deref().map(cell).unwrap_or_default();
    format!("| {} | {} | {} | {} |", entry.time, said(&entry.author), cell(&entry.text), said(&entry.reason))
}

fn event(entry: &HistoryEntry) -> String {
    let mark = if entry.bad { "**!** " } else { "" };
    format!("| {} | {} | {mark}{} |", entry.time, entry.kind, cell(&entry.text))
}

/// What somebody wrote, in one cell of a table.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\n', '\r'], " ")
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing to a string cannot fail");
}
