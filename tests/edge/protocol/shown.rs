//! Replies in words: all of the header, how many records are where, and all of the OPT.

use std::fmt::Write;

use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;

use super::dig::FLAGS;

const HEADER_OCTETS: usize = 12;

/// `CODE [opN] flags, qd QUESTIONS an ANSWERS au AUTHORITIES ad ADDITIONAL [, edns VERSION SIZE flags code:octets …]`
///
/// An extended error is `ede NUMBER` instead of `15:octets`.
///
/// The OPT does not count as additional. Fails when the question did not come back as it was sent.
pub(crate) fn shown(query: &[u8], reply: &[u8]) -> String {
    let message = Message::from_vec(reply).unwrap_or_else(|error| panic!("{error}: {reply:02x?}"));
    let count = |at: usize| u16::from_be_bytes([reply[at], reply[at + 1]]);
    assert_eq!(reply[..2], query[..2], "the identifier");
    if count(4) > 0 {
        let end = question_end(query);
        assert_eq!(reply[HEADER_OCTETS..end], query[HEADER_OCTETS..end], "the question");
    }
    let additional = count(10) - u16::from(message.edns.is_some());
    let mut text = head(&message, u16::from_be_bytes([reply[2], reply[3]]));
    write!(text, ", qd {} an {} au {} ad {additional}", count(4), count(6), count(8))
        .expect("a String takes all");
    text + &edns(&message)
}

fn head(message: &Message, word: u16) -> String {
    assert!(word & 0x8000 > 0, "a reply says that it is one");
    let mut text = match u16::from(message.metadata.response_code) {
        0 => "NOERROR".to_owned(),
        1 => "FORMERR".to_owned(),
        3 => "NXDOMAIN".to_owned(),
        4 => "NOTIMP".to_owned(),
        5 => "REFUSED".to_owned(),
        16 => "BADVERS".to_owned(),
        23 => "BADCOOKIE".to_owned(),
        other => format!("CODE{other}"),
    };
    let opcode = word >> 11 & 0xf;
    if opcode > 0 {
        write!(text, " op{opcode}").expect("a String takes all");
    }
    FLAGS.iter().filter(|(_, flag)| word & flag > 0).for_each(|(name, _)| text.extend([" ", name]));
    text
}

fn edns(message: &Message) -> String {
    let Some(edns) = &message.edns else { return String::new() };
    let mut text = format!(", edns {} {}", edns.version(), edns.max_payload());
    if edns.flags().dnssec_ok {
        text += " do";
    }
    if edns.flags().z > 0 {
        text += " mbz";
    }
    for (code, option) in edns.options().as_ref() {
        let shown = match (u16::from(*code), option) {
            (15, EdnsOption::Unknown(_, data)) => format!(" ede {}", u16::from_be_bytes([data[0], data[1]])),
            (code, option) => format!(" {code}:{}", option.len()),
        };
        text += &shown;
    }
    text
}

fn question_end(query: &[u8]) -> usize {
    let mut at = HEADER_OCTETS;
    while query[at] > 0 {
        at += 1 + usize::from(query[at]);
    }
    at + 5
}
