//! How an operator's command is carried out: its effect is shown, he is asked, and then it is done.

mod effect;
mod followers;

use std::io::{IsTerminal, Write};
use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;
use jiff::fmt::friendly::SpanParser;
use serde::Serialize;

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::{Output, complain, print, print_as_it_is};
use super::progress::Waiting;
use super::runtime::runtime;
use crate::control::Wish;
use crate::control::client;
use crate::controller::{Done, Terms, What};
use crate::model::{Moment, Name};
use crate::policy::{AtExpiry, LASTS_MAX, Order, SafetyRule};

/// As many names are held to what was shown: a command has some kilobytes.
const EPOCHS_MAX: usize = 500;

/// What every command takes.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Why, for the log and for colleagues
    #[arg(long)]
    reason: String,
    /// Do it without asking; needed where nobody can be asked
    #[arg(long, short)]
    yes: bool,
    /// Only show what would happen
    #[arg(long)]
    dry_run: bool,
    /// Only while the answer has this epoch, as `status` shows it; NAME=N where the command is not about one name
    #[arg(long, value_name = "[NAME=]N")]
    if_epoch: Vec<Epoch>,
    /// Break this safety rule on purpose: target-down, min-serving, flip-limit or gate
    #[arg(long, value_name = "RULE")]
    break_glass: Vec<SafetyRule>,
    /// How to print what was done
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// How long an override lasts.
#[derive(Debug, clap::Args)]
pub(super) struct Lasting {
    /// For how long, at most 24h; the same command again renews it
    #[arg(long = "for", value_name = "SPAN", default_value = "1h", value_parser = span)]
    lasts: Duration,
    /// What becomes of the names then
    #[arg(long, value_enum, default_value_t = Then::Automatic)]
    then: Then,
}

/// What becomes of the names when an override ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Then {
    /// The evidence decides again
    Automatic,
    /// They stay where they are until `release` or `failback`, or until their region dies
    Hold,
}

/// An epoch that was seen, perhaps of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Epoch {
    name: Option<Name>,
    number: u64,
}

impl Options {
    /// Whether people read along.
    pub(super) fn is_for_people(&self) -> bool {
        self.output == Output::Table
    }

    pub(super) fn daemon(&self) -> &DaemonAddress {
        &self.daemon
    }
}

impl Lasting {
    /// The order from now on.
    pub(super) fn order(&self, order: Order) -> What {
        self.order_from(None, order)
    }

    /// The order from a moment on.
    pub(super) fn order_from(&self, starts: Option<Moment>, order: Order) -> What {
        let at_expiry = match self.then {
            Then::Automatic => AtExpiry::Automatic,
            Then::Hold => AtExpiry::Hold,
        };
        What::Order { order, starts, lasts: self.lasts, at_expiry }
    }
}

/// Shows what the command would mean, asks, does it, and says so. `name` is the one that it is about, if it is about one.
///
/// # Errors
/// When the daemon refuses or cannot be reached, or the operator does not want it after all.
pub(super) fn carry_out(what: What, name: Option<&Name>, options: &Options) -> Result<(), Failure> {
    carried_out(what, name, options).map(drop)
}

/// The same, and what was done; none if it was only to be looked at.
pub(super) fn carried_out(
    what: What,
    name: Option<&Name>,
    options: &Options,
) -> Result<Option<Done>, Failure> {
    let mut terms = options.terms(name)?;
    let preview = options.ask(&what, Terms { dry_run: true, ..terms.clone() })?;
    if options.dry_run {
        options.show(&preview);
        return Ok(None);
    }
    if options.output == Output::Table {
        print(&effect::text(&preview));
    }
    if !options.yes {
        confirm()?;
        // What was shown is what is wanted, and nothing else.
        let seen = preview.names.iter().map(|effect| (effect.name.clone(), effect.epoch));
        terms.if_epochs.extend(seen.take(EPOCHS_MAX));
    }
    let done = options.ask(&what, terms)?;
    match options.output {
        Output::Table => {
            print(&effect::done(&done));
            let socket = options.daemon.whereabouts()?.socket;
            followers::followers(&socket, &done)?.iter().for_each(|line| print(line));
        }
        Output::Json => options.show(&done),
    }
    if !done.durable {
        complain(
            "cadence-dns: the disk has not taken it yet: a restart may forget it; `cadence-dns status` says why",
        );
    }
    Ok(Some(done))
}

/// What a command means, or has meant, as text.
pub(super) fn meaning(done: &Done) -> String {
    effect::text(done)
}

impl Options {
    fn terms(&self, name: Option<&Name>) -> Result<Terms, Failure> {
        let of = |epoch: &Epoch| match (epoch.name.as_ref().or(name), epoch.number) {
            (Some(name), number) => Ok((name.clone(), number)),
            (None, number) => {
                let help = "this command is not about one name: write --if-epoch NAME=";
                Err(Failure::Misused(format!("--if-epoch {number}: whose? {help}{number}")))
            }
        };
        let if_epochs = self.if_epoch.iter().map(of).collect::<Result<_, _>>()?;
        Ok(Terms { dry_run: false, if_epochs, break_glass: self.break_glass.clone() })
    }

    fn ask(&self, what: &What, terms: Terms) -> Result<Done, Failure> {
        let socket = self.daemon.whereabouts()?.socket;
        let wish = Wish { what: what.clone(), reason: self.reason.clone(), terms, by: String::new() };
        let _waiting = Waiting::for_a("the daemon is asked");
        Ok(runtime()?.block_on(client::command(&socket, &wish))?)
    }

    fn show(&self, done: &Done) {
        match self.output {
            Output::Table => print(&effect::text(done)),
            Output::Json => {
                let document = Document { schema: "cadence-dns/command/v1", done };
                let text = serde_json::to_string_pretty(&document).expect("it is plain data");
                print_as_it_is(&format!("{text}\n"));
            }
        }
    }
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    #[serde(flatten)]
    done: &'d Done,
}

/// Asks on the terminal.
pub(super) fn confirm() -> Result<(), Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Failure::Misused(
            "nobody can be asked here: say --yes to do it, or --dry-run to look".into(),
        ));
    }
    let mut stderr = std::io::stderr().lock();
    // A terminal that has gone away answers nothing.
    drop(write!(stderr, "Do it? [y/N] ").and_then(|()| stderr.flush()));
    let mut answer = String::new();
    drop(std::io::stdin().read_line(&mut answer));
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::Failed("nothing was done".into())),
    }
}

/// How far ahead, `10m`.
pub(super) fn span_ahead(text: &str) -> Result<Duration, String> {
    let parsed = SpanParser::new().parse_unsigned_duration(text.as_bytes());
    parsed.map_err(|_| "a number with its unit, as in 90s, 30m or 1h30m".to_owned())
}

/// `90s`, `1h30m`, as long as an override may last.
fn span(text: &str) -> Result<Duration, String> {
    let span = span_ahead(text)?;
    let is_right = (Duration::from_secs(1)..=LASTS_MAX).contains(&span);
    is_right.then_some(span).ok_or_else(|| "between 1s and 24h: an override ends, and can be renewed".into())
}

impl FromStr for Epoch {
    type Err = String;

    fn from_str(text: &str) -> Result<Epoch, String> {
        let (name, number) = match text.split_once('=') {
            Some((name, number)) => (Some(name.parse::<Name>().map_err(|error| error.to_string())?), number),
            None => (None, text),
        };
        let number = number.parse().map_err(|_| format!("{number:?} is no epoch; write N or NAME=N"))?;
        Ok(Epoch { name, number })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_epoch_may_have_a_name() {
        assert_eq!("7".parse(), Ok(Epoch { name: None, number: 7 }));
        assert_eq!(
            "a.test=7".parse(),
            Ok(Epoch { name: Some("a.test".parse().expect("a name")), number: 7 })
        );
        for wrong in ["", "x", "a.test=", "-1", "a..test=1", "=1x"] {
            assert!(wrong.parse::<Epoch>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_span_has_a_unit() {
        assert_eq!(span("1h30m"), Ok(Duration::from_secs(5400)));
        for wrong in ["60", "0s", "25h", "soon"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
