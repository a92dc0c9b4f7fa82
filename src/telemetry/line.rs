//! One event is one line: what an outsider or an operator wrote cannot look like another event.

use crate::model::plain;

/// A longer event is cut: it must not fill the queue alone.
pub(super) const LINE_MAX_OCTETS: usize = 16 * 1024;

/// What stands at the end of a line that was cut.
const CUT: &str = "…";

/// Makes a formatted event one line that ends with a line feed: every character in it that would begin another line,
/// move a cursor or reverse the reading direction is escaped as Rust writes it, such as `\n` or `\u{202e}`. Escape
/// characters may pass where the formatter uses them for colours.
pub(super) fn one_line(event: &[u8], escape_may_pass: bool) -> Vec<u8> {
    let event = event.strip_suffix(b"\n").unwrap_or(event);
    let is_plain = |octet: &u8| (b' '..=b'~').contains(octet) || (escape_may_pass && *octet == 0x1b);
    let mut line = if event.iter().all(is_plain) {
        event.to_vec()
    } else {
        let event = String::from_utf8_lossy(event);
        plain(&event, |character| escape_may_pass && character == '\u{1b}').into_owned().into_bytes()
    };
    if line.len() > LINE_MAX_OCTETS {
        let text = String::from_utf8_lossy(&line[..LINE_MAX_OCTETS]);
        line = format!("{}{CUT}", text.trim_end_matches('\u{fffd}')).into_bytes();
    }
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(event: &str, expected: &str) {
        assert_eq!(String::from_utf8_lossy(&one_line(event.as_bytes(), false)), expected, "{event:?}");
    }

    #[test]
    fn whatever_an_event_holds_it_is_one_line() {
        check("all well\n", "all well\n");
        check("without an end", "without an end\n");
        check("ok\n2026-11-25T02:00:00Z  INFO forged\n", "ok\\n2026-11-25T02:00:00Z  INFO forged\n");
        check("over\rwritten\tand \u{1b}[31mred\u{7}\n", "over\\rwritten\\tand \\u{1b}[31mred\\u{7}\n");
        check("Zürich — grün ✓\n", "Zürich — grün ✓\n");
        check("a\u{85}b\u{2028}c\u{202e}d\u{9b}31m\n", "a\\u{85}b\\u{2028}c\\u{202e}d\\u{9b}31m\n");
        assert_eq!(one_line(b"\xff\xfe\n", false), "\u{fffd}\u{fffd}\n".as_bytes());
        assert_eq!(one_line(b"\x1b[31mred\n!\n", true), b"\x1b[31mred\\n!\n");
    }

    #[test]
    fn a_long_event_is_cut_between_characters() {
        for long in
            ["a".repeat(100_000), "ü".repeat(50_000), "\n".repeat(50_000), format!("a{}", "ü".repeat(50_000))]
        {
            let line = String::from_utf8(one_line(long.as_bytes(), false)).expect("whole characters");
            assert!(line.len() <= LINE_MAX_OCTETS + CUT.len() + 1, "{}", line.len());
            assert!(line.ends_with("…\n"), "it says that it was cut");
        }
    }
}
