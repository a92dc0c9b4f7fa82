//! Where the keys of a file stand, by the tables of the reference.

use std::ops::Range;

use cadence_dns::config::{REFERENCE, TableReference};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A key and its value in a file.
pub(super) struct Occurrence {
    /// The table's `sample`.
    pub(super) table: &'static str,
    /// The key.
    pub(super) key: &'static str,
    /// From the key to the end of the value.
    whole: Range<usize>,
    value: Range<usize>,
}

impl Occurrence {
    /// The value as it is written.
    pub(super) fn value<'f>(&self, file: &'f str) -> &'f str {
        &file[self.value.clone()]
    }

    /// The file with another value.
    pub(super) fn replaced(&self, file: &str, value: &str) -> String {
        format!("{}{value}{}", &file[..self.value.start], &file[self.value.end..])
    }

    /// The file without the key, with the comma that parts it from its neighbour.
    pub(super) fn removed(&self, file: &str) -> String {
        let (before, after) = (&file[..self.whole.start], &file[self.whole.end..]);
        let line_is_its_own = before.is_empty() || before.ends_with('\n');
        match (before.strip_suffix(", "), after.strip_prefix(", ")) {
            _ if line_is_its_own => format!("{before}#{after}"),
            (_, Some(after)) => format!("{before}{after}"),
            (before_comma, None) => format!("{}{after}", before_comma.unwrap_or(before)),
        }
    }
}

/// All keys of a file that is right, in no order but that of the values of one key.
pub(super) fn occurrences(file: &str) -> Vec<Occurrence> {
    let tree = DeTable::parse(file).expect("the complete file is TOML");
    let mut found = Vec::new();
    visit(REFERENCE, tree.get_ref(), &mut found);
    found
}

fn visit(table: &'static TableReference, tree: &DeTable<'_>, found: &mut Vec<Occurrence>) {
    for (key, value) in tree {
        let known = table.keys.iter().find(|known| known.name == key.get_ref());
        let known = known.expect("the complete file is right");
        found.push(Occurrence {
            table: table.sample,
            key: known.name,
            whole: key.span().start..value.span().end,
            value: value.span(),
        });
        if let Some(inner) = (known.kind)().table() {
            for tree in within(value) {
                visit(inner, tree, found);
            }
        }
    }
}

/// A table, or those in a list.
fn within<'v, 't>(value: &'v Spanned<DeValue<'t>>) -> Vec<&'v DeTable<'t>> {
    match value.get_ref() {
        DeValue::Table(table) => vec![table],
        DeValue::Array(list) => list.iter().flat_map(within).collect(),
        DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_) => Vec::new(),
    }
}
