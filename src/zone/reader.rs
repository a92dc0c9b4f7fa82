//! Entries of a master file become records: directives, owners, TTLs, classes and types (RFC 1035 section 5,
//! RFC 2308 section 4). What is doubtful is an error, with its place.

use std::borrow::Cow;

use super::draft::{Draft, Owner};
use super::findings::{Findings, Source, Spot};
use super::lexer::{Form, LexError, Lexer, Token};
use super::{Include, MasterFile, rdata, value};
use crate::model::{Class, Name, RecordType, Ttl, wire_name};

/// How deep `$INCLUDE` may go: a file that includes itself stops here.
const INCLUDE_DEPTH_MAX: usize = 8;

/// How many files a zone may consist of: files that include each other twice would double at each depth.
const INCLUDES_MAX: usize = 1000;

/// What was read, whether or not it is a zone.
pub(super) struct Reading<'t> {
    /// The records of the zone.
    pub(super) draft: Draft,
    /// What is wrong with the text.
    pub(super) findings: Findings,
    /// The texts, for showing places in them.
    pub(super) sources: Vec<Source<'t>>,
}

/// Reads a master file and what it includes.
pub(super) fn read<'t>(zone: &Name, master: &MasterFile<'t>, include: Include<'_>) -> Reading<'t> {
    let reading = Reading { draft: Draft::default(), findings: Findings::default(), sources: Vec::new() };
    let mut reader = Reader { zone, include, reading, depth: 0 };
    reader.file(master.file, Cow::Borrowed(master.text), zone.clone(), Lifetimes::default());
    reader.reading
}

struct Reader<'r, 't> {
    zone: &'r Name,
    include: Include<'r>,
    reading: Reading<'t>,
    depth: usize,
}

/// What an entry may leave out, because it was stated before. Each file has its own, so that what an included
/// file states ends with it.
struct Context {
    source: u16,
    origin: Name,
    lifetimes: Lifetimes,
    owner: Option<Stated>,
    /// Whether the file has a directive, or a record with data of its type.
    has_entries: bool,
}

/// The TTLs that were stated so far.
#[derive(Clone, Copy, Default)]
struct Lifetimes {
    /// The value of `$TTL`; it takes precedence over the last TTL of a record (RFC 2308 section 4).
    default: Option<Ttl>,
    /// The last that a record stated (RFC 1035 section 5.1).
    last: Option<Ttl>,
}

/// The owner that was stated last.
#[derive(Clone, Copy)]
enum Stated {
    Good(Owner),
    /// It was refused; the records that go with it are not refused once more.
    Refused,
}

/// What stands between owner and data.
struct Head {
    rtype: RecordType,
    /// Where the type is written.
    at: usize,
    ttl: Option<Ttl>,
}

impl<'t> Reader<'_, 't> {
    fn file(&mut self, file: &str, text: Cow<'t, [u8]>, origin: Name, lifetimes: Lifetimes) {
        let source = u16::try_from(self.reading.sources.len()).expect("includes are bounded");
        let is_included = self.depth > 0;
        self.reading.sources.push(Source {
            file: file.into(),
            text: Cow::Borrowed(&[]),
            may_be_shown: !is_included,
        });
        let mut context = Context { source, origin, lifetimes, owner: None, has_entries: false };
        match u32::try_from(text.len()) {
            Ok(_) => self.entries(&text, &mut context),
            Err(_) => self
                .fault(source, LexError::new(0, "a file of more than 4 GiB", "split the zone by delegation")),
        }
        let source = &mut self.reading.sources[usize::from(source)];
        source.text = text;
        source.may_be_shown |= context.has_entries;
    }

    fn entries(&mut self, text: &[u8], context: &mut Context) {
        let mut lexer = Lexer::new(text);
        if lexer.skip_byte_order_mark() {
            self.fault(context.source, LexError::new(0, "a byte order mark", "save the file without one"));
        }
        while let Some(blank) = lexer.start_entry() {
            if let Err(fault) = self.entry(&mut lexer, blank, context) {
                self.fault(context.source, fault);
                if let Some(unclosed) = lexer.skip_entry() {
                    self.fault(context.source, unclosed);
                }
            }
        }
    }

    fn fault(&mut self, source: u16, fault: LexError) {
        self.reading.findings.fault(source, fault);
    }

    fn entry(&mut self, lexer: &mut Lexer<'_>, blank: bool, context: &mut Context) -> Result<(), LexError> {
        let Some(first) = lexer.next()? else { return Ok(()) };
        if !self.reading.draft.has_room() {
            return Err(LexError::new(
                first.at,
                "more than 4 GiB of records",
                "split the zone by delegation",
            ));
        }
        if blank {
            lexer.unread(first);
        } else if first.form == Form::Word && first.text.starts_with(b"$") {
            return self.directive(&first, lexer, context);
        } else {
            context.owner = Some(Stated::Refused);
            context.owner = Some(Stated::Good(self.owner(&first, &context.origin)?));
        }
        let no_owner =
            || LexError::new(first.at, "no owner, and none before it", "begin the line with a name, or @");
        let owner = context.owner.ok_or_else(no_owner)?;
        self.record(owner, lexer, context)
    }

    fn owner(&mut self, token: &Token<'_>, origin: &Name) -> Result<Owner, LexError> {
        if token.form != Form::Word {
            return Err(LexError::new(token.at, "quotes around an owner", "take the quotes away"));
        }
        let owner = self.reading.draft.owner(|arena| rdata::push_name(token, origin, arena))?;
        if wire_name::is_within(self.reading.draft.owner_wire(owner), self.zone.wire()) {
            return Ok(owner);
        }
        let found = format!("{} is not in the zone {}", value::shown(token.text), self.zone);
        Err(LexError::new(
            token.at,
            found,
            "names without a last dot are completed by the origin; check $ORIGIN too",
        ))
    }

    fn record(
        &mut self,
        owner: Stated,
        lexer: &mut Lexer<'_>,
        context: &mut Context,
    ) -> Result<(), LexError> {
        let head = head(lexer)?;
        let ttl = self.ttl(&head, &mut context.lifetimes)?;
        let draft = &mut self.reading.draft;
        let start = draft.arena.len();
        let outcome = rdata::read(lexer, head.rtype, &context.origin, &mut draft.arena);
        context.has_entries |= outcome.is_ok();
        match (outcome, owner) {
            (Ok(()), Stated::Good(owner)) => {
                let at = u32::try_from(head.at).expect("texts are bounded");
                draft.add(owner, head.rtype, ttl, Spot { source: context.source, at }, start);
                Ok(())
            }
            (outcome, Stated::Good(_) | Stated::Refused) => {
                draft.arena.truncate(start);
                outcome
            }
        }
    }

    fn ttl(&self, head: &Head, lifetimes: &mut Lifetimes) -> Result<Ttl, LexError> {
        lifetimes.last = head.ttl.or(lifetimes.last);
        let ttl = head.ttl.or(lifetimes.default).or(lifetimes.last);
        // A broken line may have been the one that stated it: one message is enough.
        let ttl = ttl.or_else(|| self.reading.findings.has_errors().then_some(Ttl::MAX));
        ttl.ok_or_else(|| {
            LexError::new(head.at, "no TTL, and none before it", "begin the file with $TTL, as in $TTL 1h")
        })
    }

    fn directive(
        &mut self,
        name: &Token<'_>,
        lexer: &mut Lexer<'_>,
        context: &mut Context,
    ) -> Result<(), LexError> {
        let directive = name.text.to_ascii_uppercase();
        context.has_entries |=
            matches!(directive.as_slice(), b"$ORIGIN" | b"$TTL" | b"$INCLUDE" | b"$GENERATE");
        match directive.as_slice() {
            b"$ORIGIN" => context.origin = read_origin(&lexer.need_word("a name")?, &context.origin)?,
            b"$TTL" => context.lifetimes.default = Some(value::seconds(&lexer.need_word("a time")?)?),
            b"$INCLUDE" => return self.include(lexer, context),
            b"$GENERATE" => {
                return Err(LexError::new(
                    name.at,
                    "$GENERATE, which is no standard",
                    "write the records out",
                ));
            }
            _ => {
                let found = format!("{} is not a directive", value::shown(name.text));
                return Err(LexError::new(
                    name.at,
                    found,
                    "there are $ORIGIN, $TTL and $INCLUDE; a name is written \\$x",
                ));
            }
        }
        end_of_entry(lexer)
    }

    /// `$INCLUDE file [origin]`: what the file states about origin, TTL and owner ends with it.
    fn include(&mut self, lexer: &mut Lexer<'_>, context: &Context) -> Result<(), LexError> {
        let file = lexer.need("a file")?;
        let mut octets = Vec::new();
        value::push_unescaped(&file, &mut octets)?;
        let origin = match value::next_word(lexer, "a name")? {
            Some(origin) => read_origin(&origin, &context.origin)?,
            None => context.origin.clone(),
        };
        end_of_entry(lexer)?;
        let name = String::from_utf8_lossy(&octets);
        if self.depth == INCLUDE_DEPTH_MAX || self.reading.sources.len() > INCLUDES_MAX {
            let found = format!("$INCLUDE of {}, the one too many", value::shown(&octets));
            let help =
                format!("at most {INCLUDE_DEPTH_MAX} deep and {INCLUDES_MAX} files; does it include itself?");
            return Err(LexError::new(file.at, found, help));
        }
        let text = (self.include)(&name).map_err(|error| {
            LexError::new(
                file.at,
                format!("cannot include {}: {error}", value::shown(&octets)),
                "a file in the zone's folder",
            )
        })?;
        self.depth += 1;
        self.file(&name, Cow::Owned(text), origin, context.lifetimes);
        self.depth -= 1;
        Ok(())
    }
}

fn read_origin(token: &Token<'_>, origin: &Name) -> Result<Name, LexError> {
    if token.text == b"@" {
        return Ok(origin.clone());
    }
    Name::from_text(token.text, Some(origin)).map_err(|error| rdata::bad_name(token, error))
}

fn end_of_entry(lexer: &mut Lexer<'_>) -> Result<(), LexError> {
    match lexer.next()? {
        Some(junk) => {
            let found = format!("{} after the end of the directive", value::shown(junk.text));
            Err(LexError::new(junk.at, found, "take it away, or begin a comment with ;"))
        }
        None => Ok(()),
    }
}

/// TTL and class in any order, each at most once, then the type.
fn head(lexer: &mut Lexer<'_>) -> Result<Head, LexError> {
    let (mut ttl, mut class) = (None, false);
    loop {
        let word = lexer.need_word("a record type")?;
        let twice = |what| Err(LexError::new(word.at, format!("a second {what}"), "one is enough"));
        if word.text[0].is_ascii_digit() {
            match ttl.replace(value::seconds(&word)?) {
                Some(_) => return twice("TTL"),
                None => continue,
            }
        }
        if let Some(named) = Class::from_mnemonic(word.text) {
            match (named, std::mem::replace(&mut class, true)) {
                (Class::IN, false) => continue,
                (Class::IN, true) => return twice("class"),
                _ => return Err(LexError::new(word.at, "a class that is not IN", "only class IN is served")),
            }
        }
        let at = word.at;
        return record_type(&word).map(|rtype| Head { rtype, at, ttl });
    }
}

fn record_type(word: &Token<'_>) -> Result<RecordType, LexError> {
    let wrong = |what: &str, help: &str| {
        LexError::new(word.at, format!("{} is {what}", value::shown(word.text)), help)
    };
    match RecordType::from_mnemonic(word.text) {
        Some(rtype) if rtype.is_data() => Ok(rtype),
        Some(_) => Err(wrong("a type for messages, not for zones", "take the record away")),
        None => Err(wrong(
            "neither a type nor a class nor a TTL",
            "types that have no name here are written as TYPE65280 (RFC 3597)",
        )),
    }
}
