//! `cadence-dns notify`: who is told of what happens, and whether it arrives.

use serde::Serialize;

use super::daemon_address::DaemonAddress;
use super::failure::Failure;
use super::output::{Output, print, print_as_it_is};
use super::progress::Waiting;
use super::runtime::runtime;
use super::text::{age, table};
use super::when::now;
use crate::api::ReceiverStatus;
use crate::control::{TestReceiver, client};
use crate::model::Moment;

/// `cadence-dns notify …`
#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Show the receivers of `[[notify]]`: what they have taken, what waits, and what is wrong with them
    List(List),
    /// Send a notice that changes nothing to one receiver, now, and tell whether it took it
    Test(Test),
}

/// `notify list`
#[derive(Debug, clap::Args)]
pub(super) struct List {
    #[command(flatten)]
    daemon: DaemonAddress,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// `notify test RECEIVER`
#[derive(Debug, clap::Args)]
pub(super) struct Test {
    /// The name of the `[[notify]]`
    #[arg(value_name = "RECEIVER")]
    receiver: String,
    #[command(flatten)]
    daemon: DaemonAddress,
    /// How to print it
    #[arg(long, short, value_enum, default_value_t = Output::Table)]
    output: Output,
}

/// What programs read.
#[derive(Serialize)]
struct Document<'d> {
    schema: &'static str,
    receivers: &'d [ReceiverStatus],
}

/// Runs one of them.
pub(super) fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::List(list) => self::list(list),
        Command::Test(test) => self::test(test),
    }
}

fn list(List { daemon, output }: &List) -> Result<(), Failure> {
    let socket = daemon.whereabouts()?.socket;
    let receivers = runtime()?.block_on(client::status(&socket))?.receivers;
    match output {
        Output::Table => print(&shown(&receivers, now())),
        Output::Json => {
            let document = Document { schema: "cadence-dns/receivers/v1", receivers: &receivers };
            let text = serde_json::to_string_pretty(&document).expect("it is plain data");
            print_as_it_is(&format!("{text}\n"));
        }
    }
    Ok(())
}

fn test(Test { receiver, daemon, output }: &Test) -> Result<(), Failure> {
    let socket = daemon.whereabouts()?.socket;
    let wanted = TestReceiver { receiver: receiver.as_str().into() };
    let waiting = Waiting::for_a(format!("{receiver} is being told"));
    let answer = runtime()?.block_on(client::test_receiver(&socket, &wanted))?;
    drop(waiting);
    match output {
        Output::Table => print(&format!("{receiver} has taken it\n")),
        Output::Json => print_as_it_is(&format!("{answer:#}\n")),
    }
    Ok(())
}

fn shown(receivers: &[ReceiverStatus], now: Moment) -> String {
    if receivers.is_empty() {
        return "nobody is told: the configuration has no [[notify]]\n".to_owned();
    }
    let mut table =
        table(&["RECEIVER", "KIND", "SENT", "FAILED", "GIVEN UP", "WAITING", "FIRING", "LAST"], None);
    for status in receivers {
        let ReceiverStatus { receiver, kind, sent, failed, dead, waiting, firing, last, .. } = status;
        let last = last.map_or_else(|| "never".to_owned(), |last| format!("{} ago", age(now.since(last))));
        let counts = [*sent, *failed, *dead].map(|count| count.to_string());
        let [sent, failed, dead] = counts;
        let (waiting, firing) = (waiting.to_string(), firing.to_string());
        table.add_row([receiver.to_string(), kind.clone(), sent, failed, dead, waiting, firing, last]);
    }
    let mut text = format!("{}\n", table.trim_fmt());
    for warning in receivers.iter().filter_map(ReceiverStatus::warning) {
        text += &format!("! {}\n    help: {}\n", warning.text, warning.help);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_for_each_receiver_and_what_is_wrong() {
        let now = Moment::from_millis(1_795_363_451_000);
        let works = ReceiverStatus {
            receiver: "chat".into(),
            kind: "slack".into(),
            sent: 7,
            failed: 1,
            dead: 0,
            waiting: 0,
            firing: 1,
            last: Some(now.before(Duration::from_secs(75))),
            since: None,
            trouble: None,
        };
        let fails = ReceiverStatus {
            receiver: "pager".into(),
            kind: "pagerduty".into(),
            sent: 0,
            last: None,
            waiting: 2,
            since: Some(now.before(Duration::from_secs(60))),
            trouble: Some("status 503".into()),
            ..works.clone()
        };
        insta::assert_snapshot!(shown(&[works, fails], now), @r"
        RECEIVER  KIND       SENT  FAILED  GIVEN UP  WAITING  FIRING  LAST
        chat      slack      7     1       0         0        1       01:15 ago
        pager     pagerduty  0     1       0         2        1       never
        ! pager takes no notices since 2026-11-22T16:03:11.000Z, waiting: 2: status 503
            help: mend it, then `cadence-dns notify test pager`
        ");
        assert!(shown(&[], now).contains("no [[notify]]"));
    }
}
