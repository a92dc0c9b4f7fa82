//! What the reference says of each table and each key of the file: `docs/configuration.md` and the man page are made of
//! it. [`super::spec`] holds the words beside the keys; the tests hold them to what is obeyed.

use std::fmt;

/// A table of the file.
#[derive(Debug)]
pub struct TableReference {
    /// How it is written: `[node]`, `[[region]]`, or `fresh = { … }` where it stands within another one.
    pub sample: &'static str,
    /// What it is about, line by line; Markdown.
    pub about: &'static [&'static str],
    /// Its keys, in the order of the reference.
    pub keys: &'static [KeyReference],
}

impl TableReference {
    /// It and all tables within it, each after the one that it stands in.
    #[must_use]
    pub fn tables(&'static self) -> Vec<&'static TableReference> {
        let inner = self.keys.iter().filter_map(|key| (key.kind)().table());
        std::iter::once(self).chain(inner.flat_map(TableReference::tables)).collect()
    }
}

/// A key of a table.
#[derive(Debug)]
pub struct KeyReference {
    /// The key.
    pub name: &'static str,
    /// Whether it must be there.
    pub is_required: bool,
    /// What it does, line by line; Markdown.
    pub about: &'static [&'static str],
    /// The type of its value.
    pub kind: fn() -> Kind,
    /// What else is known of its value.
    pub facts: Facts,
}

/// What is known of a value beyond its type; empty where there is nothing to say.
#[derive(Debug)]
pub struct Facts {
    /// What is obeyed without the key, as it would be written, but for the quotes.
    pub default: &'static str,
    /// The same in words, where no value says it.
    pub otherwise: &'static str,
    /// The smallest number or shortest span, in words of the file.
    pub least: &'static str,
    /// The largest, or longest.
    pub most: &'static str,
    /// What a number counts.
    pub unit: &'static str,
    /// All the texts that it may be.
    pub one_of: &'static [&'static str],
}

impl Facts {
    /// Nothing but the type.
    pub const NONE: Facts = Facts { default: "", otherwise: "", least: "", most: "", unit: "", one_of: &[] };
}

/// The type of a value.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Number,
    /// A string or a whole number.
    TextOrNumber,
    /// `true` or `false`.
    Boolean,
    /// A span of time, such as `"500ms"`.
    Duration,
    /// Any value.
    Any,
    /// A table with known keys.
    Table(&'static TableReference),
    /// A table whose keys the operator chooses.
    Pairs(Box<Kind>),
    /// A list.
    List(Box<Kind>),
    /// One value, or a list of them.
    OneOrMore(Box<Kind>),
}

impl Kind {
    /// The table behind a key of this type, be it one or a list of them.
    #[must_use]
    pub fn table(&self) -> Option<&'static TableReference> {
        match self {
            Kind::Table(table) => Some(table),
            Kind::List(entry) => entry.table(),
            Kind::Text
            | Kind::Number
            | Kind::TextOrNumber
            | Kind::Boolean
            | Kind::Duration
            | Kind::Any
            | Kind::Pairs(_)
            | Kind::OneOrMore(_) => None,
        }
    }

    /// A value as the file has it: with quotes where the type wants them.
    #[must_use]
    pub fn written(&self, value: &str) -> String {
        let is_quoted = match self {
            Kind::Text | Kind::Duration => true,
            Kind::TextOrNumber => !value.bytes().all(|octet| octet.is_ascii_digit()),
            Kind::OneOrMore(entry) => return entry.written(value),
            Kind::Number | Kind::Boolean | Kind::Any | Kind::Table(_) | Kind::Pairs(_) | Kind::List(_) => {
                false
            }
        };
        if is_quoted { format!("\"{value}\"") } else { value.to_owned() }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Text => f.write_str("text"),
            Kind::Number => f.write_str("number"),
            Kind::TextOrNumber => f.write_str("text or number"),
            Kind::Boolean => f.write_str("boolean"),
            Kind::Duration => f.write_str("duration"),
            Kind::Any => f.write_str("any value"),
            Kind::Table(_) => f.write_str("table"),
            Kind::Pairs(value) => write!(f, "table: a {value} for each key"),
            Kind::List(entry) if entry.table().is_some() => f.write_str("tables"),
            Kind::List(entry) => write!(f, "list of {entry}s"),
            Kind::OneOrMore(entry) => write!(f, "{entry}, or a list of them"),
        }
    }
}

impl KeyReference {
    /// What its value may be, in words: the type, or what is known beyond it.
    #[must_use]
    pub fn values(&self) -> String {
        let kind = (self.kind)();
        let Facts { least, most, unit, one_of, .. } = &self.facts;
        if let [first, rest @ ..] = one_of {
            let quoted = |word: &&str| format!("`{}`", kind.written(word));
            return rest.iter().fold(quoted(first), |words, word| format!("{words}, {}", quoted(word)));
        }
        let range = match (least.is_empty(), most.is_empty()) {
            (true, true) => String::new(),
            (false, true) => format!("from {least} on"),
            (true, false) => format!("up to {most}"),
            (false, false) => format!("{least} to {most}"),
        };
        let words = [kind.to_string(), range, (*unit).to_owned()];
        let is_plain_number = matches!(kind, Kind::Number) && !unit.is_empty();
        let skipped = usize::from(is_plain_number);
        let words: Vec<String> = words.into_iter().skip(skipped).filter(|word| !word.is_empty()).collect();
        words.join(" ")
    }

    /// What is obeyed without it; empty for a table that is as if all its keys were left out.
    #[must_use]
    pub fn default_value(&self) -> String {
        let kind = (self.kind)();
        let Facts { default, otherwise, .. } = &self.facts;
        match (self.is_required, default.is_empty(), otherwise.is_empty()) {
            (true, ..) => "required".to_owned(),
            (false, false, _) => format!("`{}`", kind.written(default)),
            (false, true, false) => (*otherwise).to_owned(),
            (false, true, true) if matches!(kind, Kind::Table(_)) => String::new(),
            (false, true, true) => "none".to_owned(),
        }
    }
}
