//! Markdown as a manual page: what our own documents use of it.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// A page of this text.
pub(super) fn page(title: &str, section: u8, about: &str, text: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let name = escaped(&title.to_lowercase());
    let out = format!(
        ".TH \"{}\" \"{section}\" \"\" \"cadence\\-dns {version}\" \"cadence\\-dns\"\n.SH NAME\n{name} \\- {}\n.SH DESCRIPTION\n",
        escaped(title),
        escaped(about)
    );
    let mut page = Writer { out, ..Writer::default() };
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.out
}

/// Nothing in the text is a request or an escape. Hyphens stay what is typed.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[derive(Default)]
struct Writer {
    out: String,
    /// What is being put together: a paragraph, a heading, a cell.
    text: String,
    cells: Vec<String>,
    heads: Vec<String>,
    is_head: bool,
    is_code: bool,
    /// The first paragraph of an item stands beside its bullet.
    is_item: bool,
}

#[expect(clippy::wildcard_enum_match_arm, reason = "of Markdown, what our documents have")]
impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => self.text.push_str(&text),
            Event::Text(text) => self.inline(&escaped(&text)),
            Event::Code(code) => {
                self.inline(&format!("\\fB{}\\fR", escaped(&code).trim_start_matches("\\&")))
            }
            Event::SoftBreak | Event::HardBreak => self.text.push(' '),
            _ => {}
        }
    }

    /// Text that begins a line must not look like a request.
    fn inline(&mut self, text: &str) {
        match self.text.is_empty() {
            true => self.text.push_str(text),
            false => self.text.push_str(text.trim_start_matches("\\&")),
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::Paragraph | Tag::TableCell => self.text.clear(),
            Tag::Item => {
                self.text.clear();
                self.out.push_str(".IP \\(bu 2\n");
                self.is_item = true;
            }
            Tag::CodeBlock(_) => {
                self.text.clear();
                self.is_code = true;
            }
            Tag::TableHead => (self.is_head, self.cells) = (true, Vec::new()),
            Tag::TableRow => self.cells = Vec::new(),
            Tag::Emphasis => self.text.push_str("\\fI"),
            Tag::Strong => self.text.push_str("\\fB"),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(HeadingLevel::H1) => {}
            TagEnd::Heading(HeadingLevel::H2) => {
                let plain = self.text.replace("\\fB", "").replace("\\fR", "");
                self.out.push_str(&format!(".SH \"{}\"\n", plain.replace('"', "\\(dq")));
            }
            TagEnd::Heading(_) => {
                self.out.push_str(&format!(".SS \"{}\"\n", self.text.replace('"', "\\(dq")))
            }
            TagEnd::Paragraph => {
                let begins = if std::mem::take(&mut self.is_item) { "" } else { ".PP\n" };
                self.out.push_str(&format!("{begins}{}\n", self.text));
                self.text.clear();
            }
            TagEnd::Item => {
                if std::mem::take(&mut self.is_item) {
                    self.out.push_str(&format!("{}\n", self.text));
                }
                self.text.clear();
            }
            TagEnd::List(_) => self.out.push_str(".PP\n"),
            TagEnd::CodeBlock => self.code(),
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.text)),
            TagEnd::TableHead => {
                self.heads = std::mem::take(&mut self.cells);
                self.is_head = false;
            }
            TagEnd::TableRow => self.row(),
            TagEnd::Emphasis | TagEnd::Strong => self.text.push_str("\\fR"),
            _ => {}
        }
    }

    fn code(&mut self) {
        self.is_code = false;
        self.out.push_str(".PP\n.RS 4\n.nf\n");
        for line in std::mem::take(&mut self.text).lines() {
            self.out.push_str(&format!("{}\n", escaped(line)));
        }
        self.out.push_str(".fi\n.RE\n");
    }

    /// A row is an item of a list of definitions: the first cell, and what the others say of it.
    fn row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        let Some(label) = cells.next() else { return };
        let rest: Vec<String> = cells.collect();
        let label = if label.is_empty() { "\\(bu".to_owned() } else { label };
        self.out.push_str(&format!(".TP\n{label}\n"));
        match rest.as_slice() {
            [default, says] if self.heads.get(1).is_some_and(|head| head == "default") => {
                self.out.push_str(&format!("{says}\n"));
                if !default.is_empty() {
                    self.out.push_str(&format!(".br\n({default})\n"));
                }
            }
            rest => {
                let lines: Vec<&str> =
                    rest.iter().map(String::as_str).filter(|cell| !cell.is_empty()).collect();
                self.out.push_str(&format!("{}\n", lines.join("\n.br\n")));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_documents_use() {
        let text = "Some `code` and *more*,\non two lines.\n\n## `[node]`\n\n| key | default | what it says |\n|---|---|---|\n\
                    | `name` | | told by NSID |\n| `dir` | `\"/var/x-y\"` | [a link](x.md) |\n\n* one\n* **two**\n\n```sh\n.dot \\\n```\n";
        let page = page("X-Y", 5, "a page", text);
        for line in [
            ".TH \"X\\-Y\" \"5\" \"\" \"cadence\\-dns ",
            "x\\-y \\- a page\n",
            ".PP\nSome \\fBcode\\fR and \\fImore\\fR, on two lines.\n",
            ".SH \"[node]\"\n",
            ".TP\n\\fBname\\fR\ntold by NSID\n",
            ".TP\n\\fBdir\\fR\na link\n.br\n(\\fB\"/var/x\\-y\"\\fR)\n",
            ".IP \\(bu 2\none\n.IP \\(bu 2\n\\fBtwo\\fR\n",
            ".nf\n\\&.dot \\e\n.fi\n",
        ] {
            assert!(page.contains(line), "{line:?} is not in\n{page}");
        }
    }

    #[test]
    fn nothing_is_taken_for_a_request() {
        assert_eq!(escaped(".SH x"), "\\&.SH x");
        assert_eq!(escaped("'x \\n"), "\\&'x \\en");
    }
}
