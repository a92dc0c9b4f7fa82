//! `cadence-dns completions SHELL`: commands and options for the shell, and the names and regions of a configuration.

mod fish;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Arg, Command};
use clap_complete::{Shell, generate};

use super::failure::Failure;
use super::output::{complain, put};
use crate::config::Config;
use crate::daemon;
use crate::policy::Proof;

/// `cadence-dns completions SHELL`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
bash:  cadence-dns completions bash > /etc/bash_completion.d/cadence-dns
zsh:   cadence-dns completions zsh > /usr/local/share/zsh/site-functions/_cadence-dns
fish:  cadence-dns completions fish > /etc/fish/completions/cadence-dns.fish

Names, regions, addresses, switches and receivers are those of the configuration at that time: write it anew after a change \
of them. Without a configuration commands and options are completed.")]
pub(super) struct Arguments {
    /// For which shell
    shell: Shell,
    /// The configuration file whose names and regions are completed
    #[arg(long, short, value_name = "FILE", default_value = "/etc/cadence-dns/cadence-dns.toml")]
    config: PathBuf,
}

/// Prints the script.
pub(super) fn run(Arguments { shell, config }: &Arguments, command: Command) -> Result<(), Failure> {
    let words = words(config);
    put(&script(*shell, with_words(command, &words)));
    Ok(())
}

fn script(shell: Shell, mut command: Command) -> String {
    let mut script = Vec::new();
    generate(shell, &mut command, "cadence-dns", &mut script);
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == Shell::Fish {
        script.push_str(&fish::alone(&command));
    }
    script
}

/// What can stand for the arguments of commands.
#[derive(Debug, Default)]
struct Words {
    names: BTreeSet<String>,
    regions: BTreeSet<String>,
    addresses: BTreeSet<String>,
    switches: BTreeSet<String>,
    receivers: BTreeSet<String>,
}

/// Those of a configuration; none where there is none, for packages are built without one.
fn words(file: &Path) -> Words {
    if !file.exists() {
        return Words::default();
    }
    match daemon::load_config(file) {
        Ok(parsed) => Words::of(&parsed.config),
        Err(problems) => {
            let shown = file.display();
            let first = problems.first().map(ToString::to_string).unwrap_or_default();
            complain(&format!(
                "cadence-dns: no names and regions are completed: {shown} has mistakes: {first}"
            ));
            Words::default()
        }
    }
}

impl Words {
    fn of(config: &Config) -> Words {
        let names = config.steers.iter().flat_map(|steer| steer.names.iter());
        let switches = config.gates.iter().filter(|gate| matches!(gate.proof, Proof::Switch { .. }));
        let addresses = config.regions.iter().flat_map(|region| &region.addresses);
        Words {
            names: names.map(ToString::to_string).collect(),
            regions: config.regions.iter().map(|region| region.id.to_string()).collect(),
            addresses: addresses.map(ToString::to_string).collect(),
            switches: switches.map(|gate| gate.id.to_string()).collect(),
            receivers: config.receivers.iter().map(|of| of.receiver.to_string()).collect(),
        }
    }

    /// What an argument may be, by the word that stands for it in the help.
    fn of_argument(&self, shown: &str) -> Option<Vec<String>> {
        let all = |sets: &[&BTreeSet<String>]| sets.iter().flat_map(|set| set.iter().cloned()).collect();
        let words: Vec<String> = match shown {
            "NAME" => all(&[&self.names]),
            "REGION" => all(&[&self.regions]),
            "NAME|REGION" => all(&[&self.names, &self.regions]),
            "REGION|ADDRESS" => all(&[&self.regions, &self.addresses]),
            "all|REGION|NAME" => {
                let everything = BTreeSet::from(["all".to_owned()]);
                all(&[&everything, &self.regions, &self.names])
            }
            "SWITCH" => all(&[&self.switches]),
            "RECEIVER" => all(&[&self.receivers]),
            _ => return None,
        };
        (!words.is_empty()).then_some(words)
    }
}

/// The tree of commands, with the words where they fit. A zone's name is none of them.
fn with_words(command: Command, words: &Words) -> Command {
    if command.get_name() == "zone" {
        return command;
    }
    let command = command.mut_args(|argument| with_values(argument, words));
    command.mut_subcommands(|subcommand| with_words(subcommand, words))
}

fn with_values(argument: Arg, words: &Words) -> Arg {
    let shown = match argument.get_value_names() {
        Some([one]) => one.to_string(),
        Some(_) => return argument,
        None => argument.get_id().as_str().to_uppercase(),
    };
    match words.of_argument(&shown) {
        Some(values) => argument.value_parser(PossibleValuesParser::new(values)),
        None => argument,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn told(shell: Shell) -> String {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        let words = Words {
            names: set(&["app.example.com"]),
            regions: set(&["eu-west"]),
            addresses: set(&["192.0.2.20"]),
            switches: set(&["window"]),
            receivers: set(&["pager"]),
        };
        script(shell, with_words(crate::cli::Cli::command(), &words))
    }

    #[test]
    fn every_shell_gets_commands_names_and_regions() {
        for shell in [Shell::Bash, Shell::Zsh] {
            let script = told(shell);
            for word in ["switchover", "--break-glass", "app.example.com", "eu-west", "192.0.2.20", "pager"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn fish_gets_commands_the_values_of_options_and_what_stands_alone() {
        let script = told(Shell::Fish);
        for word in ["switchover", "break-glass", "eu-west"] {
            assert!(script.contains(word), "{word}");
        }
        let condition = "__fish_cadence_dns_using_subcommand";
        for (commands, words) in [
            ("failover", "app.example.com"),
            ("drill", "eu-west"),
            (
                "override; and __fish_seen_subcommand_from set; and __fish_seen_subcommand_from force-down",
                "eu-west 192.0.2.20",
            ),
        ] {
            let line = format!("complete -c cadence-dns -n \"{condition} {commands}\" -f -a \"{words}\"\n");
            assert!(script.contains(&line), "{line} is not in:\n{script}");
        }
    }

    #[test]
    fn without_a_configuration_commands_are_completed() {
        assert!(words(Path::new("/nowhere/c.toml")).names.is_empty());
    }
}
