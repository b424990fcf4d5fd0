//! The table: rows for a person.
//!
//! Lives here: `table` (every figure, aligned), `overview` (one line a contender, one column a size).
//! Holds: what has no figure is shown as `-`.

use crate::{drive::Measured, row::Row};

/// Lines up cells in columns: the first `left` of them to the left, the others to the right.
#[must_use]
pub fn align(lines: &[Vec<String>], left: usize) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for line in lines {
        let mut aligned = String::new();
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            if column > 0 {
                aligned.push_str("  ");
            }
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if column < left { ("", padding.as_str()) } else { (padding.as_str(), "") };
            aligned.push_str(before);
            aligned.push_str(cell);
            aligned.push_str(after);
        }
        text.push_str(aligned.trim_end());
        text.push('\n');
    }
    text
}

/// Every figure: one block for each placement, size and number outstanding, contenders in the order measured.
#[must_use]
pub fn table(measured: &[Measured]) -> String {
    let head = "contender|p50 us|spread us|p99 us|cpu us/op|ops/s|GB/s|copied B/op|peak MB|n";
    let mut lines = vec![head.split('|').map(str::to_owned).collect::<Vec<_>>()];
    lines.extend(measured.iter().map(line));
    let aligned = align(&lines, 1);
    let mut aligned = aligned.lines();
    let mut text = aligned.next().unwrap_or_default().to_owned() + "\n";
    for block in measured.chunk_by(|one, next| place_of(&one.row) == place_of(&next.row)) {
        text.push_str(&block.first().map_or_else(String::new, |first| format!("\n{}\n", title(&first.row))));
        aligned.by_ref().take(block.len()).for_each(|line| text.extend([line, "\n"]));
    }
    text
}

fn place_of(row: &Row) -> (Option<&str>, Option<u64>, Option<u32>) {
    (row.placement.as_deref(), row.bytes, row.outstanding)
}

fn title(row: &Row) -> String {
    let placement = row.placement.as_deref().unwrap_or("-");
    let bytes = row.bytes.map_or_else(|| "-".into(), size);
    format!("{placement}, {bytes}, {} outstanding", row.outstanding.unwrap_or(0))
}

fn line(measured: &Measured) -> Vec<String> {
    let row = &measured.row;
    let spread = measured.spread_us.map(|(least, most)| format!("{}..{}", digits(least), digits(most)));
    vec![
        row.contender.clone(),
        shown(row.p50_us),
        spread.unwrap_or_else(|| "-".into()),
        shown(row.p99_us),
        shown(row.cpu_us_per_op),
        row.ops_per_s.map_or_else(|| "-".into(), |rate| format!("{rate:.0}")),
        shown(row.gb_per_s),
        row.copied_bytes.map_or_else(|| "-".into(), |bytes| bytes.to_string()),
        shown(row.peak_mb),
        row.n.map_or_else(|| "-".into(), |n| n.to_string()),
    ]
}

/// One outstanding, p50 in microseconds: a block for each placement, a line for each contender, a column for each size.
#[must_use]
pub fn overview(measured: &[Measured]) -> String {
    let rows: Vec<&Row> = measured.iter().map(|one| &one.row).filter(|row| row.outstanding == Some(1)).collect();
    let sizes = distinct(rows.iter().filter_map(|row| row.bytes));
    let mut text = String::new();
    for placement in distinct(rows.iter().map(|row| row.placement.as_deref())) {
        let here: Vec<&&Row> = rows.iter().filter(|row| row.placement.as_deref() == placement).collect();
        let mut lines = vec![vec![placement.unwrap_or("-").to_owned()]];
        lines[0].extend(sizes.iter().map(|&bytes| size(bytes)));
        for contender in distinct(here.iter().map(|row| row.contender.as_str())) {
            let p50 =
                |bytes| here.iter().find(|row| row.contender == contender && row.bytes == Some(bytes))?.p50_us;
            let mut line = vec![contender.to_owned()];
            line.extend(sizes.iter().map(|&bytes| shown(p50(bytes))));
            lines.push(line);
        }
        text.push_str(&align(&lines, 1));
        text.push('\n');
    }
    text
}

/// Each value once, in the order of its first appearance.
pub(crate) fn distinct<T: PartialEq>(values: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    values.for_each(|value| {
        if !seen.contains(&value) {
            seen.push(value);
        }
    });
    seen
}

/// `64 B`, `16 KiB`, `8 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        whole if whole >= 1 << 20 && whole % (1 << 20) == 0 => format!("{} MiB", whole >> 20),
        whole if whole >= 1 << 10 && whole % (1 << 10) == 0 => format!("{} KiB", whole >> 10),
        bytes => format!("{bytes} B"),
    }
}

fn shown(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), digits)
}

/// Three or four digits that matter.
pub(crate) fn digits(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::sample;

    fn measured(contender: &str, placement: &str, bytes: u64, p50_us: f64) -> Measured {
        let row = sample(contender, placement, bytes, 1, p50_us);
        Measured { row, spread_us: Some((p50_us, p50_us + 1.0)), reason: None }
    }

    #[test]
    fn columns_line_up_words_left_numbers_right() {
        let lines = [vec!["a".into(), "10".into(), "x".into()], vec!["bcd".into(), "2".into(), "yz".into()]];
        assert_eq!(align(&lines, 1), "a    10   x\nbcd   2  yz\n");
    }

    #[test]
    fn the_table_has_a_block_for_each_cell_and_a_dash_for_each_null() {
        let mut nothing = measured("futex", "one-core", 1024, 1.0);
        nothing.row.p50_us = None;
        nothing.spread_us = None;
        let text =
            table(&[measured("futex", "one-core", 64, 1.5), measured("unix", "one-core", 64, 2.75), nothing]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[2], "one-core, 64 B, 1 outstanding");
        assert!(lines[3].starts_with("futex      ") && lines[3].contains("1.50  1.50..2.50"), "{text}");
        assert_eq!(lines[6], "one-core, 1 KiB, 1 outstanding");
        assert!(lines[7].contains(" -           -"), "{text}");
        assert_eq!(lines[3].chars().count(), lines[4].chars().count(), "{text}");
    }

    #[test]
    fn the_overview_has_a_column_for_each_size() {
        let rows = [
            measured("futex", "one-core", 64, 1.5),
            measured("unix", "one-core", 64, 2.75),
            measured("unix", "one-core", 1 << 20, 250.0),
            measured("unix", "two-cores", 64, 35.0),
        ];
        let expected = "one-core  64 B  1 MiB\nfutex     1.50      -\nunix      2.75    250\n\n\
                        two-cores  64 B  1 MiB\nunix       35.0      -\n\n";
        assert_eq!(overview(&rows), expected);
    }

    #[test]
    fn sizes_are_shown_in_whole_units() {
        assert_eq!([64, 1000, 1024, 16 << 10, 8 << 20].map(size), ["64 B", "1000 B", "1 KiB", "16 KiB", "8 MiB"]);
    }
}
