//! Octets of a master file become words: one entry at a time, parentheses, quotes and comments understood
//! (RFC 1035 section 5.1). The meaning of a word is not judged here.

/// What is wrong at one place of the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LexError {
    /// The octet of the text at which it stands.
    pub(super) at: usize,
    /// What was found.
    pub(super) found: String,
    /// What would be right.
    pub(super) help: String,
}

impl LexError {
    pub(super) fn new(at: usize, found: impl Into<String>, help: impl Into<String>) -> LexError {
        LexError { at, found: found.into(), help: help.into() }
    }
}

/// How a token was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Without quotes.
    Word,
    /// Between quotes, which are not part of the text.
    Quoted,
    /// `key="value"`, the quotes being part of the text.
    Pair,
}

/// A word or a quoted string, its escapes untouched.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    /// Where it starts.
    pub(super) at: usize,
    /// Its octets.
    pub(super) text: &'t [u8],
    /// How it was written.
    pub(super) form: Form,
}

/// Walks over one text, entry by entry: a line, or several that parentheses hold together.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    at: usize,
    depth: u32,
    opened: usize,
    ended: bool,
    pending: Option<Token<'t>>,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Lexer { text, at: 0, depth: 0, opened: 0, ended: false, pending: None }
    }

    /// Passes the mark that some editors put before UTF-8; tells whether it was there.
    pub(super) fn skip_byte_order_mark(&mut self) -> bool {
        let marked = self.text.starts_with(b"\xef\xbb\xbf");
        self.at = if marked { 3 } else { 0 };
        marked
    }

    /// Goes on to the next entry; `None` at the end of the text, else whether it starts with a blank.
    pub(super) fn start_entry(&mut self) -> Option<bool> {
        self.ended = false;
        self.text.get(self.at).map(|octet| matches!(octet, b' ' | b'\t'))
    }

    /// The next token of the entry; `None` at its end.
    pub(super) fn next(&mut self) -> Result<Option<Token<'t>>, LexError> {
        if let Some(token) = self.pending.take() {
            return Ok(Some(token));
        }
        while !self.ended {
            let at = self.at;
            match self.text.get(at) {
                Some(b' ' | b'\t') => self.at += 1,
                Some(b'\n') => self.end_line(),
                Some(b'\r') if self.text.get(at + 1) == Some(&b'\n') => self.at += 1,
                Some(b';') => self.skip_line(),
                Some(b'(') => self.open(),
                Some(b')') => self.close()?,
                Some(b'"') => return self.quoted().map(Some),
                Some(_) => return self.word().map(Some),
                None => self.end_text()?,
            }
        }
        Ok(None)
    }

    /// Gives a token back, to be the next one again.
    pub(super) fn unread(&mut self, token: Token<'t>) {
        self.pending = Some(token);
    }

    /// The next token, which must be there and not a pair.
    pub(super) fn need(&mut self, what: &str) -> Result<Token<'t>, LexError> {
        let end = self.at;
        match self.next()? {
            Some(token) if token.form == Form::Pair => Err(quote_inside(token.at)),
            Some(token) => Ok(token),
            None => Err(LexError::new(end, format!("{what} is missing"), "the record ends too early")),
        }
    }

    /// The next token, which must be a word without quotes.
    pub(super) fn need_word(&mut self, what: &str) -> Result<Token<'t>, LexError> {
        let token = self.need(what)?;
        match token.form {
            Form::Word => Ok(token),
            Form::Quoted | Form::Pair => {
                Err(LexError::new(token.at, format!("quotes where {what} belongs"), "take the quotes away"))
            }
        }
    }

    /// Goes to the end of a broken entry. Tells when it has none, for then all that follows was swallowed.
    pub(super) fn skip_entry(&mut self) -> Option<LexError> {
        self.pending = None;
        let mut unclosed = None;
        while !self.ended {
            if let Err(fault) = self.next() {
                unclosed = self.ended.then_some(fault);
            }
        }
        unclosed
    }

    fn end_line(&mut self) {
        self.at += 1;
        self.ended = self.depth == 0;
    }

    fn skip_line(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
    }

    fn open(&mut self) {
        if self.depth == 0 {
            self.opened = self.at;
        }
        self.depth += 1;
        self.at += 1;
    }

    fn close(&mut self) -> Result<(), LexError> {
        self.at += 1;
        match self.depth.checked_sub(1) {
            Some(depth) => self.depth = depth,
            None => {
                return Err(LexError::new(self.at - 1, "a ) without its (", "take it away, or write \\)"));
            }
        }
        Ok(())
    }

    fn end_text(&mut self) -> Result<(), LexError> {
        self.ended = true;
        if std::mem::take(&mut self.depth) == 0 {
            return Ok(());
        }
        Err(LexError::new(
            self.opened,
            "a ( that is never closed",
            "close it with ) after the last word of the record",
        ))
    }

    fn quoted(&mut self) -> Result<Token<'t>, LexError> {
        let at = self.at;
        self.pass_quotes()?;
        let text = &self.text[at + 1..self.at - 1];
        Ok(Token { at, text, form: Form::Quoted })
    }

    fn word(&mut self) -> Result<Token<'t>, LexError> {
        let at = self.at;
        let mut form = Form::Word;
        while let Some(&octet) = self.text.get(self.at) {
            match octet {
                _ if ORDINARY[usize::from(octet)] => self.at += 1,
                b'\\' => self.pass_escape()?,
                b'"' if form == Form::Word && self.text[at..self.at].ends_with(b"=") => {
                    self.pass_quotes()?;
                    form = Form::Pair;
                    break;
                }
                b'"' => {
                    self.skip_word();
                    return Err(quote_inside(at));
                }
                b' ' | b'\t' | b'\n' | b'(' | b')' | b';' => break,
                b'\r' if self.text.get(self.at + 1) == Some(&b'\n') => break,
                _ => return self.refuse_control(octet),
            }
        }
        Ok(Token { at, text: &self.text[at..self.at], form })
    }

    /// Passes a quoted string that starts here; it ends on the same line, and a blank follows.
    fn pass_quotes(&mut self) -> Result<(), LexError> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => self.pass_escape()?,
                Some(b'\n' | b'\r') | None => {
                    return Err(LexError::new(
                        start,
                        "a quote that is not closed on its line",
                        "close it with \"",
                    ));
                }
                Some(&octet) if is_control(octet) => return self.refuse_control(octet),
                Some(_) => self.at += 1,
            }
        }
        self.at += 1;
        match self.text.get(self.at) {
            Some(b' ' | b'\t' | b'\n' | b'\r' | b'(' | b')' | b';') | None => Ok(()),
            Some(_) => Err(LexError::new(
                self.at,
                "a quote with no blank after it",
                "put a blank between two strings",
            )),
        }
    }

    fn pass_escape(&mut self) -> Result<(), LexError> {
        match self.text.get(self.at + 1) {
            Some(&octet) if !is_control(octet) => {
                self.at += 2;
                Ok(())
            }
            Some(_) | None => {
                self.at += 1;
                Err(LexError::new(
                    self.at - 1,
                    "a \\ at the end of a line",
                    "write \\\\ for the character itself",
                ))
            }
        }
    }

    fn skip_word(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|octet| matches!(octet, b' ' | b'\t' | b'\n')).unwrap_or(rest.len());
    }

    fn refuse_control<T>(&mut self, octet: u8) -> Result<T, LexError> {
        self.at += 1;
        let found = match octet {
            b'\r' => "a carriage return in the middle of a line".to_owned(),
            _ => format!("the control character {octet}"),
        };
        Err(LexError::new(
            self.at - 1,
            found,
            format!("take it away, or write \\{octet:03} where a name or text needs it"),
        ))
    }
}

fn quote_inside(at: usize) -> LexError {
    LexError::new(at, "a quote in the middle of a word", "put a blank before the quote, or write \\\"")
}

fn is_control(octet: u8) -> bool {
    octet.is_ascii_control() && octet != b'\t'
}

/// Octets without a special meaning in the middle of a word.
static ORDINARY: [bool; 256] = {
    let mut table = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop stops at 255")]
        let special = matches!(octet as u8, 0..=b' ' | b'"' | b'(' | b')' | b';' | b'\\' | 0x7f);
        table[octet] = !special;
        octet += 1;
    }
    table
};
