//! Tables, as operators read them.

use comfy_table::{ContentArrangement, Table, presets};

pub(super) use crate::api::{age, latency, probe_of};

/// A table without lines; wrapped to the width of a terminal, unwrapped elsewhere.
pub(super) fn table(header: &[&str], width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.iter().copied());
    match width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}
