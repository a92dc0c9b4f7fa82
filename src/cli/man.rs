//! `cadence-dns man DIR`: a page for each command, from the same tree as the help; `cadence-dns.toml(5)` from the reference of the
//! keys, and `cadence-dns(7)`.

mod commands;
mod keys;
mod markdown;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Command;

use super::failure::Failure;
use super::output::print;

/// What it is about.
const CONCEPTS: &str = include_str!("../../docs/concepts.md");

/// What operators look up.
const OPERATING: &str = include_str!("../../docs/operating.md");

/// The section of it that is the table of failures.
const FAILURES: &str = "## At three in the morning";

/// `cadence-dns man DIR`
#[derive(Debug, clap::Args)]
#[command(after_help = "Look at one without installing it: `man -l DIR/cadence-dns-status.1`")]
pub(super) struct Arguments {
    /// The folder that the pages are written to; it is made if it is not there
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// A page: its file's name, and its text.
struct Page {
    file: String,
    text: String,
}

/// Writes all pages.
pub(super) fn run(Arguments { folder }: &Arguments, command: Command) -> Result<(), Failure> {
    let failed = |path: &Path, error: std::io::Error| {
        Failure::Failed(format!("cannot write {}: {error}", path.display()))
    };
    fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
    let pages = pages(command);
    for Page { file, text } in &pages {
        let path = folder.join(file);
        fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    print(&format!("{}: {} pages\n", folder.display(), pages.len()));
    Ok(())
}

fn pages(command: Command) -> Vec<Page> {
    let mut pages = commands::pages(command);
    pages.push(Page {
        file: "cadence-dns.toml.5".into(),
        text: markdown::page("CADENCE-DNS.TOML", 5, "the configuration of cadence-dns", &keys::markdown()),
    });
    let concepts = CONCEPTS.split_once('\n').map_or(CONCEPTS, |(_, rest)| rest);
    let seven = format!("{concepts}\n{}", failures());
    pages.push(Page {
        file: "cadence-dns.7".into(),
        text: markdown::page(
            "CADENCE-DNS",
            7,
            "how cadence-dns decides, and what to do when it fails",
            &seven,
        ),
    });
    pages
}

/// The section up to the next heading.
fn failures() -> &'static str {
    let section = OPERATING.find(FAILURES).map_or("", |at| &OPERATING[at..]);
    let end = section[FAILURES.len().min(section.len())..].find("\n## ").map(|at| at + FAILURES.len());
    &section[..end.unwrap_or(section.len())]
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn page(file: &str) -> String {
        let pages = pages(crate::cli::Cli::command());
        pages.into_iter().find(|page| page.file == file).unwrap_or_else(|| panic!("no {file}")).text
    }

    #[test]
    fn every_command_has_its_page_and_hidden_ones_have_none() {
        let files: Vec<String> =
            pages(crate::cli::Cli::command()).into_iter().map(|page| page.file).collect();
        for file in ["cadence-dns.1", "cadence-dns-status.1", "cadence-dns-override-set-pin.1"] {
            assert!(files.iter().any(|known| known == file), "{file} is not among {files:?}");
        }
        assert!(!files.iter().any(|file| file.contains("run-programs")));
    }

    #[test]
    fn the_pages_say_what_is_looked_up() {
        assert!(page("cadence-dns.1").contains("EXIT STATUS"));
        assert!(page("cadence-dns-status.1").contains("UNKNOWN"));
        let keys = page("cadence-dns.toml.5");
        assert!(keys.contains("max_flips_per_hour") && keys.contains("secret_file"));
        let failures = page("cadence-dns.7");
        assert!(failures.contains("FAIL OPEN") && failures.contains("epoch"), "{failures}");
    }
}
