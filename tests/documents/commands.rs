//! What is shown of commands works.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::kit::place::PROGRAM;
use crate::kit::steered::Steered;
use crate::pages::{blocks, root};

/// A shell in a folder, where `cadence-dns` is the program under test with these arguments after all others.
fn shell(folder: &Path, line: &str, after: &str) -> Output {
    let program = folder.join("cadence-dns");
    // Nobody can be asked here; a reload does not ask.
    let ask = "case \" $* \" in *\" reload \"*) ;; *\" --reason \"*) set -- \"$@\" --yes ;; esac";
    fs::write(&program, format!("#!/bin/sh\n{ask}\nexec {PROGRAM} \"$@\" {after}\n")).expect("our folder");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("our file");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("timeout");
    command.args(["60", "sh", "-c", line]).current_dir(folder).env("PATH", path).stdin(Stdio::null());
    command.output().expect("there is a shell")
}

#[test]
fn every_command_to_a_daemon_does_what_it_says() {
    let all = blocks("sh daemon");
    assert!(!all.is_empty());
    for (page, block) in all {
        let steered = Steered::start("");
        let folder = tempfile::tempdir().expect("a folder");
        let after = format!("--config {}", steered.place.config().display());
        for line in block.lines() {
            let Output { status, stdout, stderr } = shell(folder.path(), line, &after);
            let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
            assert!(status.success(), "{}: {line}\n{said}{complained}", page.display());
        }
    }
}

/// A command of a transcript, and what it is said to print.
fn steps(transcript: &str) -> Vec<(&str, String)> {
    let mut steps: Vec<(&str, String)> = Vec::new();
    for line in transcript.lines() {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, String::new())),
            (None, Some((_, printed))) => {
                printed.push_str(line);
                printed.push('\n');
            }
            (None, None) => panic!("a transcript begins with a command: {line}"),
        }
    }
    steps
}

/// Whether a text is as it is shown, `…` in a line of its own for any number of lines.
fn is_as_shown(text: &str, shown: &str) -> bool {
    let (text, shown) = (text.trim(), shown.trim());
    let mut left = format!("\n{text}\n");
    let parts: Vec<String> = format!("\n{shown}\n")
        .split("\n…\n")
        .map(|part| format!("\n{}\n", part.trim_matches('\n')))
        .collect();
    for (number, part) in parts.iter().enumerate() {
        let part = if part.trim().is_empty() { continue } else { part };
        match left.find(part.as_str()) {
            Some(at) if number > 0 || at == 0 => left = left[at + part.len() - 1..].to_owned(),
            Some(_) | None => return false,
        }
    }
    shown.ends_with('…') || left.trim().is_empty()
}

#[test]
fn a_difference_would_be_found() {
    assert!(is_as_shown("a\nb\nc\nd", "a\n…\nc\nd"));
    assert!(is_as_shown("a\nb\nc", "…\nb\n…"));
    assert!(!is_as_shown("a\nb\nc", "b\nc"));
    assert!(!is_as_shown("a\nb\nc", "a\nb"));
    assert!(!is_as_shown("a\nx\nc", "a\n…\nb\n…"));
}

#[test]
fn every_transcript_is_what_is_printed() {
    let all = blocks("text transcript");
    assert!(!all.is_empty());
    for (page, transcript) in all {
        let folder = tempfile::tempdir().expect("a folder");
        for file in ["cadence-dns.toml", "zones"] {
            std::os::unix::fs::symlink(root().join(file), folder.path().join(file)).expect("our folder");
        }
        for (command, shown) in steps(&transcript) {
            if let Some(file) = command.strip_prefix("cat ") {
                fs::write(folder.path().join(file), &shown).expect("our folder");
                continue;
            }
            let Output { stdout, stderr, .. } = shell(folder.path(), command, "");
            let told = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
            assert!(
                is_as_shown(&told, &shown),
                "{}: {command} prints\n{told}\nand not\n{shown}",
                page.display()
            );
        }
    }
}

/// Commands for the sources: what they name is there.
#[test]
fn every_command_for_the_sources_names_what_is_there() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("it is there");
    for (page, block) in blocks("sh source") {
        for line in block.lines() {
            let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
            for pair in words.windows(2).filter(|pair| pair[0] == "--bench") {
                assert!(manifest.contains(&format!("name = \"{}\"", pair[1])), "{}: {line}", page.display());
            }
            let paths = words
                .iter()
                .filter(|word| ["tests/", "packaging/", ".ci/"].iter().any(|at| word.starts_with(at)));
            for path in paths {
                assert!(root().join(path).exists(), "{}: {path} is not there", page.display());
            }
        }
    }
}

#[test]
fn the_package_has_the_name_that_is_shown() {
    let package = format!("./cadence-dns_{}-1_amd64.deb", env!("CARGO_PKG_VERSION"));
    for (page, block) in blocks("sh package") {
        assert!(block.contains(&package), "{}: {block}", page.display());
    }
}
