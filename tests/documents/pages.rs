//! The pages, what kinds of blocks they have, and where their links lead.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

use crate::kit::documents::fenced;

/// What may stand after a fence; CONTRIBUTING.md says who runs it.
const KINDS: [&str; 12] = [
    "sh daemon",
    "sh debian",
    "sh package",
    "sh compose",
    "sh source",
    "toml fragment",
    "text transcript",
    "text scenario",
    "zone parent",
    "text",
    "yaml",
    "rust",
];

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// README, CONTRIBUTING and all of docs: the path from the root, and the text.
pub(crate) fn pages() -> Vec<(PathBuf, String)> {
    let mut files = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/examples", "docs/rules"] {
        let entries = fs::read_dir(root().join(folder)).expect("the folder is there");
        files.extend(entries.map(|entry| entry.expect("a file").path()));
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    let page = |file: PathBuf| {
        let text = fs::read_to_string(&file).expect("it is readable");
        (file.strip_prefix(root()).expect("below the root").to_owned(), text)
    };
    files.into_iter().map(page).collect()
}

/// All blocks of one kind, each with its page.
pub(crate) fn blocks(kind: &str) -> Vec<(PathBuf, String)> {
    let of = |(page, text): (PathBuf, String)| {
        let blocks = crate::kit::documents::blocks(&text, kind);
        blocks.into_iter().map(move |block| (page.clone(), block)).collect::<Vec<_>>()
    };
    pages().into_iter().flat_map(of).collect()
}

#[test]
fn every_block_says_who_runs_it() {
    for (page, text) in pages() {
        for (said, block) in fenced(&text) {
            let kind = if said.starts_with("text scenario ") { "text scenario" } else { said };
            assert!(KINDS.contains(&kind), "{}: a block of {said:?}:\n{block}", page.display());
        }
    }
}

/// As GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let kept = |letter: &char| letter.is_alphanumeric() || "-_ ".contains(*letter);
    let anchor = |line: &str| {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        heading.chars().filter(kept).collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").expect("it is an expression");
    for (page, text) in pages() {
        for target in link.captures_iter(&text).map(|found| found[1].to_owned()) {
            if target.contains("://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = page.parent().expect("a page is a file");
            let file = if file.is_empty() { root().join(&page) } else { root().join(folder).join(file) };
            assert!(file.exists(), "{}: {target} is not there", page.display());
            if !anchor.is_empty() {
                let there = anchors(&fs::read_to_string(&file).expect("it is readable"));
                assert!(
                    there.contains(&anchor.to_owned()),
                    "{}: {target} is no heading: {there:?}",
                    page.display()
                );
            }
        }
    }
}
