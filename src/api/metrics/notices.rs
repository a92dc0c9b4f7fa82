//! Who is told of what happens, and whether he was.

use super::families::Page;
use crate::api::receiver::ReceiverStatus;
use crate::api::status::Status;

/// A family, what it says, and where a receiver has it.
type Counted = (&'static str, &'static str, fn(&ReceiverStatus) -> u64);

const COUNTED: [Counted; 3] = [
    ("cadence_dns_notify_delivered_total", "Messages that a receiver has taken since the start.", |one| {
        one.sent
    }),
    (
        "cadence_dns_notify_failed_total",
        "Attempts at a receiver that failed since the start; they are made again.",
        |one| one.failed,
    ),
    (
        "cadence_dns_notify_dead_letters_total",
        "Notices since the start that were given up, and that a receiver will never have.",
        |one| one.dead,
    ),
];

pub(super) fn tell(page: &mut Page, status: &Status) {
    for (name, help, count) in COUNTED {
        let mut family = page.counter(name, help);
        for receiver in &status.receivers {
            family.put(&[("receiver", receiver.receiver.as_str())], count(receiver) as f64);
        }
    }
    let mut waiting = page.gauge("cadence_dns_notify_waiting", "Notices that a receiver has not taken yet.");
    for receiver in &status.receivers {
        waiting.put(&[("receiver", receiver.receiver.as_str())], receiver.waiting as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::status::Source;
    use crate::model::Moment;

    #[test]
    fn every_receiver_is_told_of() {
        let receiver = |name: &str, sent, failed, dead, waiting| ReceiverStatus {
            receiver: name.into(),
            kind: "slack".into(),
            sent,
            failed,
            dead,
            waiting,
            firing: 0,
            last: None,
            since: None,
            trouble: None,
        };
        let receivers = vec![receiver("chat", 1, 2, 3, 4), receiver("pager", 5, 0, 0, 0)];
        let status = Status { receivers, ..Status::new("ns1", Source::Live, Moment::default()) };
        let mut page = Page::default();
        tell(&mut page, &status);
        insta::assert_snapshot!(page.lines(), @r#"
        cadence_dns_notify_delivered_total{receiver="chat"} 1
        cadence_dns_notify_delivered_total{receiver="pager"} 5
        cadence_dns_notify_failed_total{receiver="chat"} 2
        cadence_dns_notify_failed_total{receiver="pager"} 0
        cadence_dns_notify_dead_letters_total{receiver="chat"} 3
        cadence_dns_notify_dead_letters_total{receiver="pager"} 0
        cadence_dns_notify_waiting{receiver="chat"} 4
        cadence_dns_notify_waiting{receiver="pager"} 0
        "#);
    }
}
