//! Single words become values: numbers, times and strings.

use super::lexer::{Form, LexError, Lexer, Token};
use crate::model::{Ttl, wire_name};

/// The longest string of a TXT record and its like: its length is one octet (RFC 1035 section 3.3).
pub(super) const TEXT_MAX_OCTETS: usize = 255;

/// Reads the next word as a number up to `max`.
pub(super) fn number(lexer: &mut Lexer<'_>, max: u32) -> Result<u32, LexError> {
    let token = lexer.need_word("a number")?;
    let value = digits(token.text).filter(|value| *value <= u64::from(max));
    value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| {
        LexError::new(
            token.at,
            format!("{} is not a number from 0 to {max}", shown(token.text)),
            "write it in digits",
        )
    })
}

/// Plain digits; saturates far above everything that is allowed.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    let add = |value: u64, octet: &u8| value.saturating_mul(10).saturating_add(u64::from(octet - b'0'));
    let plain = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    plain.then(|| text.iter().fold(0, add))
}

/// A time as `3600`, `1h` or `1h30m`; units are s, m, h, d and w.
pub(super) fn seconds(token: &Token<'_>) -> Result<Ttl, LexError> {
    let wrong =
        |found: &str, help: &str| LexError::new(token.at, format!("{} {found}", shown(token.text)), help);
    let total = digits(token.text).or_else(|| with_units(token.text));
    let total =
        total.ok_or_else(|| wrong("is not a time", "write seconds, or units as in 1h30m (s, m, h, d, w)"))?;
    Ttl::from_secs(total)
        .ok_or_else(|| wrong("is more than 2147483647 seconds", "RFC 2181 section 8 allows 2^31 - 1 at most"))
}

/// Every number has a unit: `1h30` would leave open what 30 is.
fn with_units(mut text: &[u8]) -> Option<u64> {
    let mut total = 0_u64;
    loop {
        let length = text.iter().take_while(|octet| octet.is_ascii_digit()).count();
        let (number, rest) = text.split_at(length);
        let (unit, rest) = rest.split_first()?;
        let unit_seconds = match unit.to_ascii_lowercase() {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            b'w' => 604_800,
            _ => return None,
        };
        total = total.saturating_add(digits(number)?.saturating_mul(unit_seconds));
        if rest.is_empty() {
            return Some(total);
        }
        text = rest;
    }
}

/// Appends the octets of a string, its escapes resolved.
pub(super) fn push_unescaped(token: &Token<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let wrong = || {
        LexError::new(
            token.at,
            "a bad escape",
            "write \\ and one character, or \\ and three digits up to 255",
        )
    };
    let mut octets = token.text.iter().copied();
    while let Some(octet) = octets.next() {
        wire.push(if octet == b'\\' { wire_name::escaped(&mut octets).ok_or_else(wrong)? } else { octet });
    }
    Ok(())
}

/// Appends a string with its length before it.
pub(super) fn push_text(token: &Token<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let start = wire.len();
    wire.push(0);
    push_unescaped(token, wire)?;
    let length = wire.len() - start - 1;
    wire[start] = u8::try_from(length).map_err(|_| {
        let found = format!("a string of {length} octets");
        LexError::new(
            token.at,
            found,
            format!("write several of at most {TEXT_MAX_OCTETS}, with blanks between them"),
        )
    })?;
    Ok(())
}

/// The next token if there is one; it must be a word.
pub(super) fn next_word<'t>(lexer: &mut Lexer<'t>, what: &str) -> Result<Option<Token<'t>>, LexError> {
    let Some(token) = lexer.next()? else { return Ok(None) };
    if token.form != Form::Word {
        return Err(LexError::new(token.at, format!("quotes where {what} belong"), "take the quotes away"));
    }
    Ok(Some(token))
}

/// The longest part of a word that a message repeats.
const SHOWN_OCTETS: usize = 60;

/// A word for a message: cut, quoted, control characters replaced.
pub(super) fn shown(text: &[u8]) -> String {
    let cut = &text[..text.len().min(SHOWN_OCTETS)];
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("\"{}{more}\"", String::from_utf8_lossy(cut).replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Token<'_> {
        Token { at: 0, text: text.as_bytes(), form: Form::Word }
    }

    #[test]
    fn times_have_units() {
        for (text, total) in [
            ("0", Some(0)),
            ("3600", Some(3600)),
            ("1h30m", Some(5400)),
            ("1W2D3H4M5S", Some(788_645)),
            ("2147483647", Some(2_147_483_647)),
            ("2147483648", None),
            ("99999999999999999999999w", None),
            ("1h30", None),
            ("h", None),
            ("1x", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(seconds(&word(text)).ok().map(Ttl::as_secs), total, "{text}");
        }
    }

    #[test]
    fn a_word_in_a_message_is_short_and_harmless() {
        assert_eq!(shown(b"a\x1b[31m"), "\"a\u{fffd}[31m\"");
        assert_eq!(shown(&[b'x'; 61]).chars().count(), 63);
    }
}
