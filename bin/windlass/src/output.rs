//! Output: data on standard output, as a table for people or as JSON for programs.
//!
//! Holds: a reader that closes its end early (`| head`) ends the command quietly.

use crate::trouble::Trouble;
use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// How data is written.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// As JSON.
    pub json: bool,
}

impl Output {
    /// Writes `value` as JSON, or what `text` makes of it.
    ///
    /// # Errors
    /// `Io` when standard output cannot be written.
    pub fn data(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Trouble> {
        if !self.json {
            return write(&text());
        }
        let json =
            serde_json::to_string_pretty(value).map_err(|error| Trouble::io("the result", &error.into()))?;
        write(&json)
    }

    /// Writes text as it is, or as the JSON object `{ name: text }`.
    ///
    /// # Errors
    /// As `data`.
    pub fn text(self, name: &str, text: &str) -> Result<(), Trouble> {
        self.data(&serde_json::json!({ name: text }), || text.trim_end().to_owned())
    }

    /// Says something to the person at the terminal; programs do not hear it.
    pub fn say(self, text: &str) {
        if !self.json {
            // Talk is dropped when nobody can hear it.
            let _may_be_closed = writeln!(std::io::stderr(), "{text}");
        }
    }
}

/// Writes bytes to standard output; whoever does not want them any more is no error.
///
/// # Errors
/// `Io`.
pub fn bytes(bytes: &[u8]) -> Result<(), Trouble> {
    heard(bytes).map(|_| ())
}

/// The same; answers whether anybody still reads.
///
/// # Errors
/// `Io`.
pub fn heard(bytes: &[u8]) -> Result<bool, Trouble> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Trouble::io("standard output", &error)),
    }
}

fn write(text: &str) -> Result<(), Trouble> {
    if text.is_empty() {
        return Ok(());
    }
    bytes(format!("{text}\n").as_bytes())
}

/// Rows under headings; headings that begin with `>` are of numbers and stand on the right.
pub struct Rows {
    table: Table,
    columns: usize,
}

impl Rows {
    /// A table of these columns.
    pub fn new(headings: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(NOTHING);
        if std::io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        let heading = |text: &&str| Cell::new(text.trim_start_matches('>').to_uppercase());
        table.set_header(headings.iter().map(heading));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for (at, _) in headings.iter().enumerate().filter(|(_, text)| text.starts_with('>')) {
            if let Some(column) = table.column_mut(at) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        Self { table, columns: headings.len() }
    }

    /// One more row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.table.add_row(cells.into_iter().take(self.columns));
    }

    /// The table, without blanks at the ends of its lines.
    pub fn text(&self) -> String {
        let lines: Vec<String> = self.table.lines().map(|line| line.trim_end().to_owned()).collect();
        lines.join("\n")
    }
}

/// How this command is called from here: by its path if it was, relative to the folder if it lies in it.
pub fn program() -> String {
    let own = std::env::args().next().unwrap_or_default();
    if !own.contains('/') {
        return "windlass".to_owned();
    }
    let here = std::env::current_dir().unwrap_or_default();
    Path::new(&own).strip_prefix(here).map_or(own.clone(), |short| short.display().to_string())
}

/// `1234567` as `1 234 567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn numbers_stand_on_the_right() {
        let mut rows = Rows::new(&["name", ">calls"]);
        rows.row(["a".into(), "1".into()]);
        rows.row(["bb".into(), "1000".into()]);
        assert!(rows.text().lines().all(|line| line.ends_with(['S', '1', '0'])), "{}", rows.text());
    }
}
