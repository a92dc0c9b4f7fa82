//! Sentences with commands in them.

use askama::Template;
use askama::filters::HtmlSafe;

/// A sentence whose parts between backticks are what one can type.
#[derive(Template)]
#[template(path = "prose.html")]
pub(super) struct Prose {
    parts: Vec<Part>,
}

struct Part {
    is_code: bool,
    text: String,
}

impl Prose {
    pub(super) fn new(text: &str) -> Prose {
        let part = |(index, text): (usize, &str)| Part { is_code: index % 2 == 1, text: text.to_owned() };
        // A backtick without its partner is a letter like any other.
        if text.matches('`').count() % 2 == 1 {
            return Prose { parts: vec![Part { is_code: false, text: text.to_owned() }] };
        }
        Prose { parts: text.split('`').enumerate().map(part).filter(|part| !part.text.is_empty()).collect() }
    }
}

impl HtmlSafe for Prose {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_can_type_is_code() {
        let shown = |text: &str| Prose::new(text).render().expect("plain data");
        assert_eq!(
            shown("its probes in `cadence-dns status` tell"),
            "its probes in <code>cadence-dns status</code> tell"
        );
        assert_eq!(shown("`a` or `b`"), "<code>a</code> or <code>b</code>");
        assert_eq!(shown("a ` alone"), "a ` alone");
        assert_eq!(shown("`<b>`"), "<code>&#60;b&#62;</code>");
    }
}
