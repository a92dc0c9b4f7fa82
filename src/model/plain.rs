//! Text that strangers or operators wrote, fit for a log and a terminal: the one place that says which characters are not.

use std::borrow::Cow;

/// Whether a character could begin another line, move a cursor, or turn the reading direction around: C0, DEL and C1
/// controls; line and paragraph separators; marks and overrides of the direction.
#[must_use]
pub fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{061c}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with every deceptive character as Rust escapes it, such as `\n` or `\u{202e}`, except those that may pass.
#[must_use]
pub fn plain(text: &str, may_pass: impl Fn(char) -> bool) -> Cow<'_, str> {
    let is_escaped = |character| is_deceptive(character) && !may_pass(character);
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_deceives_is_escaped_and_what_may_pass_is_not() {
        let check = |text: &str, expected: &str| assert_eq!(plain(text, |c| c == '\n'), expected, "{text:?}");
        check("Zürich — grün ✓\nnext", "Zürich — grün ✓\nnext");
        check("over\rwritten\tand \u{1b}[31mred\u{7}", "over\\rwritten\\tand \\u{1b}[31mred\\u{7}");
        check("a\u{85}b\u{2028}c\u{202e}d\u{9b}31m", "a\\u{85}b\\u{2028}c\\u{202e}d\\u{9b}31m");
        assert_eq!(plain("a\nb", |_| false), "a\\nb");
    }
}
