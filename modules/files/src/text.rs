//! Text: CSV, plain or with the ancestor's header, which tells the dtype of each column.
//!
//! Holds: a header is three lines: `**HEADER**`, dtypes by commas, `*/HEADER/*`; then the names. Without one, columns are strings.

use crate::columns::{Column, Source, Values, bad};
use crate::delimiter::Delimiter;
use crate::disk::Whole;
use crate::limits::BATCH_ROWS;
use windlass::array::{Item, Value};
use windlass::prelude::*;

const OPEN: &str = "**HEADER**";
const CLOSE: &str = "*/HEADER/*";

/// The dtypes that a header tells, and the text behind it.
fn opened(file: &Whole) -> Result<(Option<Vec<String>>, &str), Fault> {
    let text = std::str::from_utf8(&file.bytes).map_err(|_| bad(format!("{} is not UTF-8", file.path)))?;
    let Some(rest) = text.strip_prefix(OPEN) else { return Ok((None, text)) };
    let mut lines = rest.trim_start_matches(['\r', '\n']).splitn(3, '\n');
    let (dtypes, close, rest) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""), lines.next());
    match rest {
        Some(rest) if close.trim_end() == CLOSE => {
            Ok((Some(dtypes.trim_end().split(',').map(|one| one.trim().to_owned()).collect()), rest))
        }
        _ => Err(bad(format!("{} is missing header values when headers were detected", file.path))),
    }
}

fn reader(text: &str, by: u8) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().delimiter(by).flexible(true).from_reader(text.as_bytes())
}

/// Names of the columns.
pub(crate) fn names(file: &Whole, by: &Delimiter) -> Result<Vec<String>, Fault> {
    let (_, text) = opened(file)?;
    let (text, by) = by.single(&file.path, text)?;
    let mut reader = reader(&text, by);
    let headers = reader.headers().map_err(|error| bad(format!("{}: {error}", file.path)))?;
    Ok(headers.iter().map(|name| name.trim().to_owned()).collect())
}

/// What is collected of a column.
enum Sink {
    Int(Vec<i64>),
    Unsigned(Vec<u64>),
    Float(Vec<f64>),
    Bool(Vec<bool>),
    Text { offsets: Vec<i64>, bytes: Vec<u8> },
}

impl Sink {
    fn of(dtype: &str, path: &str) -> Result<Self, Fault> {
        Ok(match dtype {
            "int64" => Self::Int(Vec::new()),
            "uint64" => Self::Unsigned(Vec::new()),
            "float64" => Self::Float(Vec::new()),
            "bool" => Self::Bool(Vec::new()),
            "str" => Self::Text { offsets: vec![0], bytes: Vec::new() },
            other => {
                return Err(bad(format!(
                    "{path}: a column of {other:?}; int64, uint64, float64, bool and str are read"
                )));
            }
        })
    }
    /// Takes a field; `false` when it is none of the dtype, and then it is the least of it.
    fn take(&mut self, text: &str) -> bool {
        fn put<T: Value>(values: &mut Vec<T>, text: &str, least: T) -> bool {
            let value = T::from_scalar(&text.trim().into());
            let fits = value.is_some();
            values.push(value.unwrap_or(least));
            fits
        }
        match self {
            Self::Int(values) => put(values, text, i64::MIN),
            Self::Unsigned(values) => put(values, text, 0),
            Self::Float(values) => put(values, text, f64::MIN),
            Self::Bool(values) => put(values, text, false),
            Self::Text { offsets, bytes } => {
                bytes.extend_from_slice(text.as_bytes());
                offsets.push(bytes.len() as i64);
                true
            }
        }
    }
    fn bytes(&self) -> u64 {
        (match self {
            Self::Int(values) => 8 * values.len(),
            Self::Unsigned(values) => 8 * values.len(),
            Self::Float(values) => 8 * values.len(),
            Self::Bool(values) => values.len(),
            Self::Text { offsets, bytes } => 8 * offsets.len() + bytes.len(),
        }) as u64
    }
    fn column(self, cx: &Context<'_>) -> Result<Column, Fault> {
        let symbols = cx.symbols();
        Ok(Column::Flat(match self {
            Self::Int(values) => Values::Array(symbols.array_of(&values)?),
            Self::Unsigned(values) => Values::Array(symbols.array_of(&values)?),
            Self::Float(values) => Values::Array(symbols.array_of(&values)?),
            Self::Bool(values) => Values::Array(symbols.array_of(&values)?),
            Self::Text { offsets, bytes } => {
                let strings = Strings::new(symbols.array_of(&offsets)?, symbols.array_of(&bytes)?);
                Values::Strings(
                    strings.ok_or_else(|| Fault::new(Code::Internal, "strings cut between characters"))?,
                )
            }
        }))
    }
}

/// Columns of several files, one after another; all that there are if none is named.
pub(crate) async fn read(
    cx: &Context<'_>,
    files: &[Whole],
    wanted: &[String],
    by: &Delimiter,
    lenient: bool,
) -> Result<Vec<(String, Column)>, Fault> {
    let mut sinks: Vec<(String, Sink)> = Vec::new();
    for file in files {
        let (dtypes, text) = opened(file)?;
        let told = |error: csv::Error| bad(format!("{}: {error}", file.path));
        let (text, by) = by.single(&file.path, text)?;
        let mut reader = reader(&text, by);
        let have: Vec<String> =
            reader.headers().map_err(told)?.iter().map(|name| name.trim().to_owned()).collect();
        let named = if wanted.is_empty() { &have } else { wanted };
        let mut places = Vec::with_capacity(named.len());
        for (at, name) in named.iter().enumerate() {
            let place = have.iter().position(|one| one == name).ok_or_else(|| {
                bad(format!("The dataset {name} was not found in {}; it has {}", file.path, have.join(", ")))
            })?;
            let dtype = dtypes.as_ref().map_or(Some("str"), |all| all.get(place).map(String::as_str));
            let dtype = dtype.ok_or_else(|| bad(format!("{} has fewer dtypes than columns", file.path)))?;
            let sink = Sink::of(dtype, &file.path)?;
            match sinks.get(at) {
                None => sinks.push((name.clone(), sink)),
                Some((_, first)) if std::mem::discriminant(first) == std::mem::discriminant(&sink) => {}
                Some(_) => {
                    return Err(bad(format!("{name} is of one type in {} and of another before", file.path)));
                }
            }
            places.push(place);
        }
        let mut record = csv::StringRecord::new();
        let mut row = 0usize;
        while reader.read_record(&mut record).map_err(told)? {
            for (&place, (name, sink)) in places.iter().zip(&mut sinks) {
                let field = record.get(place).unwrap_or("");
                if !sink.take(field) && !lenient {
                    let field: String = field.chars().take(64).collect();
                    return Err(bad(format!("{}: row {row} of {name} is {field:?}", file.path)));
                }
            }
            row += 1;
            if row.is_multiple_of(BATCH_ROWS) {
                // Asked for as they come: how many there are is known at the end.
                drop(cx.symbols().reserve(sinks.iter().map(|(_, sink)| sink.bytes()).sum())?);
                cx.yield_if_due().await?;
            }
        }
    }
    sinks.into_iter().map(|(name, sink)| Ok((name, sink.column(cx)?))).collect()
}

/// The bytes of a file of these columns.
pub(crate) async fn written(
    cx: &Context<'_>,
    names: &[String],
    sources: &[Source],
    by: &Delimiter,
) -> Result<Vec<u8>, Fault> {
    let mut columns = Vec::new();
    for (name, source) in names.iter().zip(sources) {
        let Column::Flat(values) = &source.0 else {
            return Err(bad(format!("{name} has lists, which CSV has not")));
        };
        let cell: Box<dyn Fn(usize) -> String> = match values {
            Values::Strings(strings) => Box::new(|at| strings.get(at).unwrap_or("").to_owned()),
            Values::Array(array) => {
                cell(array).ok_or_else(|| bad(format!("Data Type {} cannot be written to CSV.", array.dtype())))?
            }
        };
        let dtype = match values {
            Values::Strings(_) => "str",
            Values::Array(array) => array.dtype().name(),
        };
        columns.push((dtype, cell));
    }
    let rows = sources.first().map_or(0, Source::rows);
    if let Some(other) = sources.iter().find(|source| source.rows() != rows) {
        return Err(bad(format!("columns of {rows} and of {} rows are no file", other.rows())));
    }
    let dtypes: Vec<&str> = columns.iter().map(|(dtype, _)| *dtype).collect();
    let mut out = format!("{OPEN}\n{}\n{CLOSE}\n", dtypes.join(",")).into_bytes();
    let mut lines = by.rows(&mut out);
    lines.add(names.iter().cloned())?;
    for row in 0..rows {
        lines.add(columns.iter().map(|(_, cell)| cell(row)))?;
        if row % BATCH_ROWS == 0 {
            cx.yield_if_due().await?;
        }
    }
    lines.end()?;
    Ok(out)
}

/// How a value of an array is written.
fn cell(array: &Array) -> Option<Box<dyn Fn(usize) -> String + '_>> {
    fn of<'a, T: Item>(
        array: &'a Array,
        text: impl Fn(T) -> String + 'a,
    ) -> Option<Box<dyn Fn(usize) -> String + 'a>> {
        let view = array.view::<T>()?;
        Some(Box::new(move |at| view.get(&[at]).map(&text).unwrap_or_default()))
    }
    match array.dtype() {
        Dtype::Int64 => of::<i64>(array, |value| value.to_string()),
        Dtype::UInt64 => of::<u64>(array, |value| value.to_string()),
        // As short as it can be and still the same number.
        Dtype::Float64 => of::<f64>(array, |value| format!("{value:?}")),
        Dtype::Bool => of::<bool>(array, |value| value.to_string()),
        _ => None,
    }
}
