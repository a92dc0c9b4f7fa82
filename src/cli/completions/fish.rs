//! What stands alone, such as a name or a region, for fish: the crate completes commands and options only.

use std::fmt::Write;

use clap::{Arg, Command};

/// What a fish function of the script says of the first command.
const FIRST: &str = "__fish_cadence_dns_using_subcommand";

/// Lines for all commands that take such a word.
pub(super) fn alone(command: &Command) -> String {
    let mut script = String::new();
    for subcommand in command.get_subcommands() {
        let condition = format!("{FIRST} {}", subcommand.get_name());
        lines(subcommand, &condition, &mut script);
    }
    script
}

fn lines(command: &Command, condition: &str, script: &mut String) {
    let words: Vec<String> = command.get_positionals().flat_map(values).collect();
    if !words.is_empty() {
        let words = words.join(" ");
        writeln!(script, "complete -c cadence-dns -n \"{condition}\" -f -a \"{words}\"").expect("room");
    }
    for subcommand in command.get_subcommands() {
        let condition = format!("{condition}; and __fish_seen_subcommand_from {}", subcommand.get_name());
        lines(subcommand, &condition, script);
    }
}

/// What it may be. Words that mean something to the shell are left to be typed.
fn values(argument: &Arg) -> Vec<String> {
    let is_plain = |word: &String| word.chars().all(|c| c.is_ascii_alphanumeric() || "._:-".contains(c));
    let values = argument.get_possible_values();
    values.iter().map(|value| value.get_name().to_owned()).filter(is_plain).collect()
}
