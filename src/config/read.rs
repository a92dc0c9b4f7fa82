//! The tree of TOML, read value by value into types; what has another type or no name is reported.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use jiff::SpanRelativeTo;
use jiff::fmt::friendly::SpanParser;
use toml::Spanned;
use toml::de::{DeArray, DeInteger, DeTable, DeValue};

use super::diagnostics::{Diagnostics, quoted};
use super::near::nearest;
use super::reference::Kind;
use crate::model::Place;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct At<T> {
    /// What was written.
    pub(super) value: T,
    /// Where it begins; of a table, where its header does.
    pub(super) place: Place,
}

/// The entries of a list that may have been left out.
pub(super) fn entries<T>(list: Option<At<Vec<At<T>>>>) -> Vec<At<T>> {
    list.map(|list| list.value).unwrap_or_default()
}

/// The same, to change them.
pub(super) fn entries_of<T>(list: &mut Option<At<Vec<At<T>>>>) -> impl Iterator<Item = &mut At<T>> {
    list.iter_mut().flat_map(|list| &mut list.value)
}

/// What a value of the file can be read as.
pub(super) trait Read: Sized {
    /// The value, or none when it was reported.
    fn read(value: Value<'_, '_>) -> Option<Self>;

    /// An example of a key with such a value, for messages about a missing key.
    fn sample(key: &str) -> String;

    /// What the reference calls it.
    fn kind() -> Kind;
}

/// A value of any type, on its way to being one.
pub(super) struct Value<'r, 't> {
    diagnostics: &'r Diagnostics<'t>,
    /// How messages call it.
    name: String,
    place: Place,
    /// The octets of the text that it takes.
    span: Range<usize>,
    tree: DeValue<'t>,
}

/// A table whose keys are taken one by one; what is left in the end is unknown.
pub(super) struct Table<'r, 't> {
    diagnostics: &'r Diagnostics<'t>,
    /// How messages call it.
    name: String,
    place: Place,
    left: DeTable<'t>,
    known: Vec<&'static str>,
}

impl<'r, 't> Table<'r, 't> {
    /// The whole file.
    pub(super) fn root(tree: DeTable<'t>, diagnostics: &'r Diagnostics<'t>) -> Table<'r, 't> {
        let name = "the configuration".to_owned();
        Table { diagnostics, name, place: diagnostics.place(0), left: tree, known: Vec::new() }
    }

    /// A table that stands in no file.
    pub(super) fn named(name: &str, tree: DeTable<'t>, diagnostics: &'r Diagnostics<'t>) -> Table<'r, 't> {
        Table { name: format!("`{name}`"), ..Table::root(tree, diagnostics) }
    }

    /// A key that may be left out.
    pub(super) fn may<T: Read>(&mut self, key: &'static str) -> Option<At<T>> {
        self.known.push(key);
        let (_, tree) = self.left.remove_entry(key)?;
        Value::new(format!("`{key}`"), tree, self.diagnostics).read()
    }

    /// A key that must be there.
    pub(super) fn must<T: Read>(&mut self, key: &'static str) -> Option<At<T>> {
        if !self.left.contains_key(key) {
            let help = format!("add `{}`", T::sample(key));
            self.diagnostics.absence(&self.place, format!("{} has no `{key}`", self.name), help);
        }
        self.may(key)
    }

    /// Reports the keys that the table does not have.
    pub(super) fn finish(self) {
        for (key, _) in self.left {
            let place = self.diagnostics.place(key.span().start);
            let help = match nearest(key.get_ref(), self.known.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("the keys here are {}", self.known.join(", ")),
            };
            let found = format!("{} has no key {}", self.name, quoted(key.get_ref()));
            self.diagnostics.absence(&place, found, help);
        }
    }
}

impl<'r, 't> Value<'r, 't> {
    fn new(name: String, tree: Spanned<DeValue<'t>>, diagnostics: &'r Diagnostics<'t>) -> Value<'r, 't> {
        let span = tree.span();
        Value { diagnostics, name, place: diagnostics.place(span.start), span, tree: tree.into_inner() }
    }

    fn read<T: Read>(self) -> Option<At<T>> {
        let place = self.place.clone();
        T::read(self).map(|value| At { value, place })
    }

    /// The value as a table that is written like `sample`: `[node]`, or `fresh = { … }`.
    pub(super) fn table(self, sample: &'static str) -> Option<Table<'r, 't>> {
        let Value { diagnostics, place, tree: DeValue::Table(left), .. } = self else {
            return self.refuse("a table", &format!("write it as `{sample}`"));
        };
        let header = sample.split_once(" = ").map_or(sample, |(key, _)| key);
        Some(Table { diagnostics, name: format!("`{header}`"), place, left, known: Vec::new() })
    }

    /// The entries of a list, in their order.
    fn entries<T: Read>(name: &str, list: DeArray<'t>, diagnostics: &'r Diagnostics<'t>) -> Vec<At<T>> {
        let entry = |tree| Value::new(format!("an entry of {name}"), tree, diagnostics).read();
        list.into_iter().filter_map(entry).collect()
    }

    fn refuse<T>(&self, wanted: &str, help: &str) -> Option<T> {
        let found = format!("{} is {}, not {wanted}", self.name, kind(&self.tree));
        self.diagnostics.error(&self.place, found, help);
        None
    }

    fn reject<T>(&self, found: &str, help: &str) -> Option<T> {
        self.diagnostics.error(&self.place, format!("{} is {found}", self.name), help);
        None
    }
}

/// The type of a value, as messages call it.
fn kind(tree: &DeValue<'_>) -> &'static str {
    match tree {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl Read for String {
    fn read(value: Value<'_, '_>) -> Option<String> {
        let DeValue::String(text) = value.tree else {
            return value.refuse("a string", "put it in double quotes");
        };
        Some(text.into_owned())
    }

    fn sample(key: &str) -> String {
        format!("{key} = \"…\"")
    }

    fn kind() -> Kind {
        Kind::Text
    }
}

impl Read for bool {
    fn read(value: Value<'_, '_>) -> Option<bool> {
        let DeValue::Boolean(set) = value.tree else {
            return value.refuse("true or false", "write true or false, without quotes");
        };
        Some(set)
    }

    fn sample(key: &str) -> String {
        format!("{key} = true")
    }

    fn kind() -> Kind {
        Kind::Boolean
    }
}

impl Read for i64 {
    fn read(value: Value<'_, '_>) -> Option<i64> {
        let DeValue::Integer(number) = &value.tree else {
            return value.refuse("a whole number", "write a whole number, without quotes");
        };
        integer(number).or_else(|| value.reject("not a number of 64 bits", "a smaller number"))
    }

    fn sample(key: &str) -> String {
        format!("{key} = 1")
    }

    fn kind() -> Kind {
        Kind::Number
    }
}

fn integer(number: &DeInteger<'_>) -> Option<i64> {
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// `500ms`, `5s`, `1h30m`, `21d`: the friendly format of jiff, in whole milliseconds; a day has 24 hours.
impl Read for Duration {
    fn read(value: Value<'_, '_>) -> Option<Duration> {
        if let DeValue::Integer(number) = &value.tree {
            let found = format!("{} is a number without a unit", value.name);
            let help = format!("write the unit, as in \"{0}s\" or \"{0}ms\"", number.as_str());
            value.diagnostics.error(&value.place, found, help);
            return None;
        }
        let DeValue::String(text) = &value.tree else {
            return value.refuse("a duration", "write a number with its unit, as in \"5s\" or \"500ms\"");
        };
        let Some(span) = duration(text) else {
            let found = format!("{}, which is not a duration", quoted(text));
            return value.reject(
                &found,
                "write a number with its unit, as in \"5s\", \"500ms\", \"2m\" or \"1h30m\"",
            );
        };
        if span.subsec_nanos() % 1_000_000 != 0 {
            return value.reject(&quoted(text), "durations are in whole milliseconds");
        }
        Some(span)
    }

    fn sample(key: &str) -> String {
        format!("{key} = \"30s\"")
    }

    fn kind() -> Kind {
        Kind::Duration
    }
}

fn duration(text: &str) -> Option<Duration> {
    let parser = SpanParser::new();
    let in_days = || {
        let span = parser
            .parse_span(text.as_bytes())
            .ok()
            .filter(|span| span.get_months() == 0 && span.get_years() == 0)?;
        span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?.try_into().ok()
    };
    parser.parse_unsigned_duration(text.as_bytes()).ok().or_else(in_days)
}

/// A list; an empty one is a mistake.
impl<T: Read> Read for Vec<At<T>> {
    fn read(value: Value<'_, '_>) -> Option<Vec<At<T>>> {
        let Value { diagnostics, name, tree: DeValue::Array(list), .. } = value else {
            let sample = <Vec<At<T>> as Read>::sample(value.name.trim_matches('`'));
            return value.refuse("a list", &format!("write it as `{sample}`"));
        };
        if list.is_empty() {
            let help = "leave it out, or add an entry";
            diagnostics.error(&value.place, format!("{name} is an empty list"), help);
            return None;
        }
        Some(Value::entries(&name, list, diagnostics))
    }

    fn sample(key: &str) -> String {
        let entry = T::sample(key);
        match entry.split_once(" = ") {
            Some((key, one)) => format!("{key} = [{one}]"),
            None => entry, // a header, with the brackets it needs
        }
    }

    fn kind() -> Kind {
        Kind::List(Box::new(T::kind()))
    }
}

/// A string or a whole number.
#[derive(Debug, Clone)]
pub(super) enum Word {
    /// Such as `"50%"`.
    Text(String),
    /// Such as `2`.
    Number(i64),
}

impl Read for Word {
    fn read(value: Value<'_, '_>) -> Option<Word> {
        match &value.tree {
            DeValue::String(text) => Some(Word::Text(text.as_ref().to_owned())),
            DeValue::Integer(_) => i64::read(value).map(Word::Number),
            DeValue::Float(_)
            | DeValue::Boolean(_)
            | DeValue::Datetime(_)
            | DeValue::Array(_)
            | DeValue::Table(_) => value.refuse("a string or a whole number", "write one of the two"),
        }
    }

    fn sample(key: &str) -> String {
        String::sample(key)
    }

    fn kind() -> Kind {
        Kind::TextOrNumber
    }
}

/// One value, or a list of them.
#[derive(Debug, Clone)]
pub(super) struct OneOrMore<T>(pub(super) Vec<At<T>>);

impl<T: Read> Read for OneOrMore<T> {
    fn read(value: Value<'_, '_>) -> Option<OneOrMore<T>> {
        if matches!(value.tree, DeValue::Array(_)) {
            return Vec::read(value).map(OneOrMore);
        }
        value.read().map(|one| OneOrMore(vec![one]))
    }

    fn sample(key: &str) -> String {
        T::sample(key)
    }

    fn kind() -> Kind {
        Kind::OneOrMore(Box::new(T::kind()))
    }
}

/// A value that may be, or contain, a password or a token. No message shows the lines that it takes.
#[derive(Clone)]
pub(super) struct Concealed<T>(pub(super) T);

impl<T: Read> Read for Concealed<T> {
    fn read(value: Value<'_, '_>) -> Option<Concealed<T>> {
        let last = value.diagnostics.place(value.span.end.saturating_sub(1).max(value.span.start));
        value.diagnostics.conceal(value.place.line..=last.line);
        T::read(value).map(Concealed)
    }

    fn sample(key: &str) -> String {
        T::sample(key)
    }

    fn kind() -> Kind {
        T::kind()
    }
}

impl<T> fmt::Debug for Concealed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("concealed")
    }
}

/// A table whose keys the operator chooses, in file order.
#[derive(Debug, Clone)]
pub(super) struct Pairs<T>(pub(super) Vec<(At<String>, At<T>)>);

impl<T: Read> Read for Pairs<T> {
    fn read(value: Value<'_, '_>) -> Option<Pairs<T>> {
        let Value { diagnostics, tree: DeValue::Table(table), .. } = value else {
            return value.refuse("a table", "write it as { \"key\" = \"value\" }");
        };
        let pair = |(key, tree): (Spanned<_>, Spanned<DeValue<'_>>)| {
            let place = diagnostics.place(key.span().start);
            let key: String = std::borrow::Cow::into_owned(key.into_inner());
            let value = Value::new(quoted(&key), tree, diagnostics).read()?;
            Some((At { value: key, place }, value))
        };
        let mut pairs: Vec<_> = table.into_iter().filter_map(pair).collect();
        pairs.sort_by(|a, b| a.0.place.cmp(&b.0.place));
        Some(Pairs(pairs))
    }

    fn sample(key: &str) -> String {
        format!("{key} = {{ \"key\" = \"value\" }}")
    }

    fn kind() -> Kind {
        Kind::Pairs(Box::new(T::kind()))
    }
}

/// TOML has every value of JSON but null.
impl Read for serde_json::Value {
    fn read(value: Value<'_, '_>) -> Option<serde_json::Value> {
        let diagnostics = value.diagnostics;
        match &value.tree {
            DeValue::Boolean(set) => Some((*set).into()),
            DeValue::String(text) => Some(text.as_ref().into()),
            DeValue::Integer(_) => i64::read(value).map(Into::into),
            DeValue::Float(number) => {
                let finite = number.as_str().parse().ok().and_then(serde_json::Number::from_f64);
                finite
                    .map(Into::into)
                    .or_else(|| value.reject("not a number of JSON", "write a finite number"))
            }
            DeValue::Datetime(_) => value.refuse("a value of JSON", "put it in double quotes"),
            DeValue::Array(list) => {
                let entries: Vec<At<serde_json::Value>> =
                    Value::entries(&value.name, list.clone(), diagnostics);
                Some(entries.into_iter().map(|entry| entry.value).collect())
            }
            DeValue::Table(_) => {
                let Pairs(pairs) = Pairs::<serde_json::Value>::read(value)?;
                Some(pairs.into_iter().map(|(key, entry)| (key.value, entry.value)).collect())
            }
        }
    }

    fn sample(key: &str) -> String {
        String::sample(key)
    }

    fn kind() -> Kind {
        Kind::Any
    }
}
