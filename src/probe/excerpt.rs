//! What endpoints say, fit to be shown.

/// As much of an endpoint's words as is kept, in characters: enough to recognise, too little to flood a terminal.
const EXCERPT_MAX_CHARACTERS: usize = 60;

/// Cut short, and without anything that could repaint a terminal or turn its text around.
pub(super) fn excerpt(text: &str) -> String {
    let mut characters = text.chars();
    let mut shown: String = characters.by_ref().take(EXCERPT_MAX_CHARACTERS).map(harmless).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// The first line that is not blank, likewise.
pub(super) fn first_line(text: &str) -> String {
    excerpt(text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default())
}

fn harmless(character: char) -> char {
    let invisible = matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    if character.is_control() || invisible { char::REPLACEMENT_CHARACTER } else { character }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_says_something() {
        assert_eq!(first_line("\n  \r\n fine \r\nmore"), "fine");
        assert_eq!(first_line(" \n"), "");
    }

    #[test]
    fn harmless_and_short() {
        assert_eq!(excerpt("degraded"), "degraded");
        assert_eq!(excerpt("\x1b[2Jall\r\nfine\u{202e}"), "\u{fffd}[2Jall\u{fffd}\u{fffd}fine\u{fffd}");
        assert_eq!(excerpt(&"é".repeat(60)), "é".repeat(60));
        assert_eq!(excerpt(&"é".repeat(61)), "é".repeat(60) + "…");
    }
}
