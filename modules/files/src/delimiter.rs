//! Delimiter: what stands between the fields of a row: one character of ASCII, or several of any kind.
//!
//! Holds: the CSV library knows one byte. Of several characters, each place outside of quotes becomes one byte that the text has not
//! (`single`); what is written is quoted wherever a delimiter could begin, so that it is read as it was.

use crate::columns::bad;
use std::borrow::Cow;
use windlass::prelude::*;

/// What stands between fields.
#[derive(Clone, Debug)]
pub(crate) enum Delimiter {
    One(u8),
    Several(String),
}

impl Delimiter {
    /// By its text.
    ///
    /// # Errors
    /// `BadArguments` when it is empty, has a quote or a line end, or is one character that is not of ASCII.
    pub(crate) fn of(text: &str) -> Result<Self, Fault> {
        if text.contains(['"', '\n', '\r']) {
            return Err(bad(format!("{text:?} is no delimiter: it has a quote or a line end")));
        }
        match text.as_bytes() {
            [one] => Ok(Self::One(*one)),
            _ if text.chars().count() > 1 => Ok(Self::Several(text.to_owned())),
            _ => Err(bad(format!("{text:?} is no delimiter: it is one character of ASCII, or several"))),
        }
    }

    /// The text with one byte between fields, and that byte. Cost: a copy, if there are several characters.
    ///
    /// # Errors
    /// `BadArguments` when the text of `path` has every byte that could be it.
    pub(crate) fn single<'a>(&self, path: &str, text: &'a str) -> Result<(Cow<'a, str>, u8), Fault> {
        let by = match self {
            Self::One(byte) => return Ok((Cow::Borrowed(text), *byte)),
            Self::Several(by) => by.as_str(),
        };
        let spare =
            (1..=31u8).find(|byte| !matches!(byte, b'\t' | b'\n' | b'\r') && !text.as_bytes().contains(byte));
        let spare =
            spare.ok_or_else(|| bad(format!("{path} has every control character, so {by:?} cannot part it")))?;
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        let (mut quoted, mut begins) = (false, true);
        while let Some(next) = rest.chars().next() {
            if let Some(behind) = rest.strip_prefix(by).filter(|_| !quoted) {
                out.push(char::from(spare));
                (rest, begins) = (behind, true);
                continue;
            }
            // A quote opens at the begin of a field alone; two of them inside are closed and opened.
            quoted = if quoted { next != '"' } else { next == '"' && (begins || out.ends_with('"')) };
            begins = !quoted && matches!(next, '\n' | '\r');
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
        Ok((Cow::Owned(out), spare))
    }

    /// Rows that are added to a text.
    pub(crate) fn rows<'a>(&'a self, out: &'a mut Vec<u8>) -> Rows<'a> {
        match self {
            Self::One(byte) => Rows::One(Box::new(csv::WriterBuilder::new().delimiter(*byte).from_writer(out))),
            Self::Several(by) => Rows::Several { by, out },
        }
    }
}

/// Rows that are added to a text; `end` writes what is not there yet.
pub(crate) enum Rows<'a> {
    One(Box<csv::Writer<&'a mut Vec<u8>>>),
    Several { by: &'a str, out: &'a mut Vec<u8> },
}

impl Rows<'_> {
    /// Adds a row.
    ///
    /// # Errors
    /// What the library says.
    pub(crate) fn add(&mut self, fields: impl Iterator<Item = String>) -> Result<(), Fault> {
        let (by, out) = match self {
            Self::One(writer) => return writer.write_record(fields).map_err(|error| bad(error.to_string())),
            Self::Several { by, out } => (*by, out),
        };
        let begin = out.len();
        for (at, field) in fields.enumerate() {
            if at > 0 {
                out.extend_from_slice(by.as_bytes());
            }
            let risky = by.chars().next().is_some_and(|first| field.contains(first));
            if risky || field.contains(['"', '\n', '\r']) {
                out.push(b'"');
                out.extend_from_slice(field.replace('"', "\"\"").as_bytes());
                out.push(b'"');
            } else {
                out.extend_from_slice(field.as_bytes());
            }
        }
        // A row of nothing would be no row.
        if out.len() == begin {
            out.extend_from_slice(b"\"\"");
        }
        out.push(b'\n');
        Ok(())
    }

    /// All rows are in the text.
    ///
    /// # Errors
    /// What the library says.
    pub(crate) fn end(self) -> Result<(), Fault> {
        match self {
            Self::One(mut writer) => writer.flush().map_err(|error| bad(error.to_string())),
            Self::Several { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(by: &Delimiter, text: &str) -> Vec<Vec<String>> {
        let (text, byte) = by.single("t", text).unwrap();
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.delimiter(byte).has_headers(false).flexible(true).from_reader(text.as_bytes());
        let rows = reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect());
        rows.collect()
    }

    #[test]
    fn what_is_written_is_read_whatever_stands_in_the_fields() {
        let pieces =
            ["", "a", "|*|", "|*", "*|", "|", "\"", "\"\"", "x|*|\"y\"", "two\nlines", ",", "ü|", "\u{1}"];
        for by in ["|*|", "||", ",", "multichardelim", "größer"] {
            let by = Delimiter::of(by).unwrap();
            for a in pieces {
                for b in pieces {
                    let mut out = Vec::new();
                    let mut rows = by.rows(&mut out);
                    rows.add([a, b, a].map(str::to_owned).into_iter()).unwrap();
                    rows.add(["end", "", ""].map(str::to_owned).into_iter()).unwrap();
                    rows.end().unwrap();
                    let text = String::from_utf8(out).unwrap();
                    assert_eq!(fields(&by, &text), [[a, b, a], ["end", "", ""]], "{by:?} {text:?}");
                }
            }
        }
    }

    #[test]
    fn a_quote_inside_a_field_opens_nothing_and_an_empty_row_is_one() {
        let by = Delimiter::of("::").unwrap();
        assert_eq!(fields(&by, "5\" pipe::b\nc::\"d::e\"\n"), [["5\" pipe", "b"], ["c", "d::e"]]);
        let mut out = Vec::new();
        by.rows(&mut out).add([String::new()].into_iter()).unwrap();
        assert_eq!(out, b"\"\"\n");
    }

    #[test]
    fn what_cannot_part_fields_is_refused() {
        for wrong in ["", "\"", "a\"b", "a\n", "ü"] {
            assert!(Delimiter::of(wrong).is_err(), "{wrong:?}");
        }
        let all: String = (1..=31u8).map(char::from).collect();
        assert!(Delimiter::of("::").unwrap().single("t", &all).is_err());
    }
}
