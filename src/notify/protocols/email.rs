//! A message of RFC 5322 for a program such as sendmail, which reads the recipients from it.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::config::Email;
use crate::controller::Notice;

/// The longest subject, in characters.
const SUBJECT_MAX: usize = 150;

/// Octets of a text in one encoded word: it may have 75 characters (RFC 2047 section 2).
const ENCODED_OCTETS: usize = 39;

/// The message. All notices of one alert are one thread.
pub(in crate::notify) fn message(email: &Email, notice: &Notice, subject: &str, text: &str) -> String {
    let Notice { id, key, node, time, urgency, state, .. } = notice;
    let headers = [
        ("From", email.from.clone()),
        ("To", email.to.join(", ")),
        ("Subject", self::subject(subject)),
        ("Date", date(time.as_millis())),
        ("Message-ID", message_id(id, node.as_str())),
        ("References", message_id(key, node.as_str())),
        ("Auto-Submitted", "auto-generated".to_owned()), // RFC 3834: nobody's absence is to be answered to us
        ("X-Cadence-Urgency", urgency.to_string()),
        ("X-Cadence-State", format!("{state:?}").to_lowercase()),
        ("MIME-Version", "1.0".to_owned()),
        ("Content-Type", "text/plain; charset=utf-8".to_owned()),
        ("Content-Transfer-Encoding", "8bit".to_owned()),
    ];
    let mut message: String = headers.iter().map(|(name, value)| format!("{name}: {value}\n")).collect();
    message.push('\n');
    for line in text.lines() {
        // RFC 5322 section 2.1.1: at most 998 octets a line.
        let mut rest = line;
        while rest.len() > 900 {
            let (part, more) = rest.split_at(boundary(rest, 900));
            message.push_str(part);
            message.push('\n');
            rest = more;
        }
        message.push_str(rest);
        message.push('\n');
    }
    message
}

/// The last place up to `at` where a character begins.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default()
}

/// One line, whatever is in it; encoded where it is not ASCII (RFC 2047).
fn subject(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUBJECT_MAX).collect();
    if line.is_ascii() {
        return line;
    }
    let mut words = Vec::new();
    let mut rest = line.as_str();
    while !rest.is_empty() {
        let (part, more) = rest.split_at(boundary(rest, ENCODED_OCTETS));
        words.push(format!("=?utf-8?b?{}?=", BASE64_STANDARD.encode(part)));
        rest = more;
    }
    words.join("\n ")
}

/// Only characters that need no quotes (RFC 5322 section 3.2.3).
fn message_id(id: &str, node: &str) -> String {
    let atom = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
    };
    format!("<{}@{}.cadence-dns>", atom(id), atom(node))
}

/// `Sun, 22 Nov 2026 16:00:00 +0000` (RFC 5322 section 3.3).
fn date(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or_default();
    time.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::words::{body, headline, sample};

    fn email() -> Email {
        Email {
            sendmail: Vec::new(),
            from: "cadence-dns <dns@example.com>".into(),
            to: vec!["ops@example.com".into(), "boss@example.com".into()],
            subject: None,
        }
    }

    #[test]
    fn the_message() {
        let notice = sample();
        insta::assert_snapshot!(message(&email(), &notice, &headline(&notice), &body(&notice)), @r#"
        From: cadence-dns <dns@example.com>
        To: ops@example.com, boss@example.com
        Subject: [warning] app.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: "refused" <&>
        Date: Sun, 22 Nov 2026 16:00:00 +0000
        Message-ID: <ns1_name_app_example_com_1795363200000_firing@ns1.cadence-dns>
        References: <name_app_example_com@ns1.cadence-dns>
        Auto-Submitted: auto-generated
        X-Cadence-Urgency: warning
        X-Cadence-State: firing
        MIME-Version: 1.0
        Content-Type: text/plain; charset=utf-8
        Content-Transfer-Encoding: 8bit

        [warning] app.example.com: us-east -> eu-west (epoch 17): failed over: us-east down: "refused" <&>
        names: app.example.com, api.example.com
        ns1, 2026-11-22T16:00:00.000Z, name/app.example.com; why: cadence-dns explain app.example.com
        "#);
    }

    #[test]
    fn no_text_makes_a_header() {
        let message = message(&email(), &sample(), "a\r\nBcc: all@example.com", "x");
        let (headers, _) = message.split_once("\n\n").expect("an empty line");
        assert!(!headers.lines().any(|line| line.starts_with("Bcc")), "{headers}");
        assert!(headers.contains("Subject: a  Bcc: all@example.com"), "{headers}");
    }

    #[test]
    fn a_subject_that_is_not_ascii_is_encoded_in_short_words() {
        let encoded = subject(&"Zürich ".repeat(30));
        assert!(encoded.lines().all(|line| line.trim().len() <= 75), "{encoded}");
        let decoded: Vec<u8> = encoded
            .lines()
            .flat_map(|word| {
                let word = word.trim().trim_start_matches("=?utf-8?b?").trim_end_matches("?=");
                BASE64_STANDARD.decode(word).expect("Base64")
            })
            .collect();
        assert_eq!(String::from_utf8(decoded).expect("whole characters").chars().count(), SUBJECT_MAX);
    }

    #[test]
    fn a_long_line_is_broken() {
        let message = message(&email(), &sample(), "x", &"é".repeat(2_000));
        assert!(message.lines().all(|line| line.len() <= 998));
        assert_eq!(message.matches('é').count(), 2_000);
    }
}
