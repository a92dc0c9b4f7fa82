//! `cadence-dns upgrade`: the daemon hands over to the program that is in the place of its own by now.

use std::time::Duration;

use serde::Serialize;

use super::command::span_ahead;
use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::{Output, print, print_as_it_is};
use super::progress::Waiting;
use super::runtime::runtime;
use crate::control::client;
use crate::control::{UPGRADE_MAX_SECONDS, UpgradeWish, Upgraded};

/// `cadence-dns upgrade`
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The longest that the new program may take until it is ready, at most 10m; then it is ended, and the old one goes on
    #[arg(long, value_name = "SPAN", default_value = "1m", value_parser = within)]
    within: Duration,
    /// How to print who answers now
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
    #[command(flatten)]
    daemon: DaemonAddress,
}

/// Waits until another process answers, or until it is known why none does.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { within, output, daemon } = arguments;
    // Of the file that the daemon cannot make sense of, the socket may still be made out.
    let socket = daemon.whereabouts()?.socket;
    let wish = UpgradeWish { within: within.as_secs(), by: String::new() };
    let upgraded = {
        let _waiting = Waiting::for_a("the new program reads, judges and takes over");
        runtime()?.block_on(client::upgrade(&socket, &wish))?
    };
    match output {
        Output::Table => print(&text(&upgraded)),
        Output::Json => {
            let document = Document { schema: "cadence-dns/upgrade/v1", upgraded: &upgraded };
            let text = serde_json::to_string_pretty(&document).expect("it is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    Ok(())
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    #[serde(flatten)]
    upgraded: &'d Upgraded,
}

fn text(upgraded: &Upgraded) -> String {
    let Upgraded { process, version, predecessor, predecessor_version } = upgraded;
    format!(
        "process {process}, version {version}, answers now; process {predecessor}, version {predecessor_version}, has \
         handed over, and ends when its last connections do\n"
    )
}

/// `30s`, `2m`
fn within(text: &str) -> Result<Duration, String> {
    let span = span_ahead(text)?;
    let longest = Duration::from_secs(UPGRADE_MAX_SECONDS);
    let is_right = (Duration::from_secs(1)..=longest).contains(&span);
    is_right.then_some(span).ok_or_else(|| "between 1s and 10m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_is_told() {
        let upgraded = Upgraded {
            process: 4711,
            version: "1.3.0".into(),
            predecessor: 42,
            predecessor_version: "1.2.9".into(),
        };
        assert_eq!(
            text(&upgraded),
            "process 4711, version 1.3.0, answers now; process 42, version 1.2.9, has handed over, and ends when its last \
             connections do\n"
        );
    }

    #[test]
    fn patience_has_bounds() {
        assert_eq!(within("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["0s", "11m", "60", "soon"] {
            assert!(within(wrong).is_err(), "{wrong}");
        }
    }
}
