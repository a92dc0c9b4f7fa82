//! Octets as hexadecimal digits, as Base64 and as quoted strings.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use super::lexer::{LexError, Lexer};
use super::value::next_word;

/// The words up to the end of an entry, as one text.
#[derive(Default)]
struct Words {
    text: Vec<u8>,
    /// Where in `text` each word begins, and where it stands in the file.
    starts: Vec<(usize, usize)>,
}

impl Words {
    fn read(lexer: &mut Lexer<'_>, what: &str) -> Result<Words, LexError> {
        let mut words = Words::default();
        while let Some(token) = next_word(lexer, what)? {
            words.starts.push((words.text.len(), token.at));
            words.text.extend_from_slice(token.text);
        }
        Ok(words)
    }

    /// Where an octet of the text stands in the file.
    fn place(&self, index: usize) -> usize {
        let word = self.starts.iter().rfind(|(start, _)| *start <= index);
        word.map_or(0, |(start, at)| at + index - start)
    }
}

/// Appends the octets that the hexadecimal words up to the end of the entry stand for.
pub(super) fn push_hex(lexer: &mut Lexer<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let words = Words::read(lexer, "hexadecimal digits")?;
    if let Some(index) = words.text.iter().position(|octet| !octet.is_ascii_hexdigit()) {
        let found = "a character that is not a hexadecimal digit";
        return Err(LexError::new(words.place(index), found, "use 0-9 and a-f"));
    }
    let octets = HEXLOWER_PERMISSIVE.decode(&words.text).map_err(|_| {
        let last = words.place(words.text.len() - 1);
        LexError::new(last, "an odd number of hexadecimal digits", "write two for each octet")
    })?;
    wire.extend(octets);
    Ok(())
}

/// Appends the octets that the Base64 words up to the end of the entry stand for.
pub(super) fn push_base64(lexer: &mut Lexer<'_>, wire: &mut Vec<u8>) -> Result<(), LexError> {
    let words = Words::read(lexer, "Base64")?;
    let octets = from_base64(&words.text).ok_or_else(|| {
        LexError::new(words.place(0), "text that is not Base64", "pad it with = to a multiple of 4")
    })?;
    wire.extend(octets);
    Ok(())
}

/// The octets of padded Base64 (RFC 4648 section 4); bits that stand for nothing must be zero.
pub(super) fn from_base64(text: &[u8]) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Padded Base64.
pub(super) fn base64(octets: &[u8]) -> String {
    STANDARD.encode(octets)
}

/// Hexadecimal digits in lower case.
pub(super) fn hex(octets: &[u8]) -> String {
    HEXLOWER.encode(octets)
}

/// A string between quotes, with everything escaped that needs it.
pub(super) fn quoted(octets: &[u8]) -> String {
    let mut text = String::from("\"");
    for &octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(octet)]),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => text.push_str(&format!("\\{octet:03}")),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As other name servers read it: a zone must not mean two things.
    #[test]
    fn base64_is_padded_and_has_no_stray_bits() {
        for (text, octets) in [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYg==", Some("foob")),
            ("Zg", None),
            ("Zh==", None),
            ("Zg=a", None),
            ("Zg==Zg==", None),
            ("Z===", None),
            ("====", None),
            ("Zm9-", None),
        ] {
            let decoded = from_base64(text.as_bytes());
            assert_eq!(decoded.as_deref(), octets.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn a_fault_is_placed_in_its_word() {
        let fault = |text: &str| {
            let mut wire = Vec::new();
            push_hex(&mut Lexer::new(text.as_bytes()), &mut wire).map(|()| wire).map_err(|fault| fault.at)
        };
        assert_eq!(fault("0aF f a"), Err(6));
        assert_eq!(fault("0a Fa 0"), Err(6));
        assert_eq!(fault("0a f g0"), Err(5));
        assert_eq!(fault("0aF f"), Ok(vec![0x0a, 0xff]));
    }
}
