//! Tables for a person.

use comfy_table::Table;
use comfy_table::presets;

/// Makes a plain table: columns apart by spaces, no frame, so that it can be cut and grepped.
pub(crate) fn plain<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a figure, or that it is unknown.
pub(crate) fn or_unknown<T: ToString>(figure: Option<T>) -> String {
    figure.map_or_else(|| "unknown".to_owned(), |figure| figure.to_string())
}
