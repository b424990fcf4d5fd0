//! Columns: what a file has and the node keeps: arrays, strings, and lists of either.

use crate::limits::ERRORS_TOLD_MAX;
use serde_json::{Map, Value, json};
use windlass::Answered;
use windlass::array::{ArrayFacts, StringsFacts};
use windlass::prelude::*;
use windlass::symbols::Symbol;

/// What is wrong with an argument or a file.
pub(crate) fn bad(text: impl Into<String>) -> Fault {
    Fault::new(Code::BadArguments, text).with_outcome(Outcome::Ended)
}

/// An array whose memory is its elements, one after another, and nothing else.
pub(crate) fn whole(cx: &Context<'_>, array: Array) -> Result<Array, Fault> {
    if array.is_whole() {
        return Ok(array);
    }
    let bytes = array.size() * array.dtype().itemsize().unwrap_or(1);
    let mut room = cx.symbols().reserve(bytes as u64)?;
    array.write_to(&mut room);
    Array::new(array.dtype(), array.shape(), room.freeze())
        .map_err(|error| Fault::new(Code::Internal, error.to_string()))
}

/// Values of rows.
#[derive(Clone, Debug)]
pub(crate) enum Values {
    Array(Array),
    Strings(Strings),
}

impl Values {
    /// How many.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Array(array) => array.size(),
            Self::Strings(strings) => strings.len(),
        }
    }
    /// Makes a symbol, notes its name, and says what it is.
    fn keep(self, cx: &Context<'_>, made: &mut Vec<String>) -> Result<String, Fault> {
        Ok(match self {
            Self::Array(array) => {
                let name = cx.symbols().insert(array.clone())?;
                made.push(name.clone());
                Answered::Array(ArrayFacts::of(name, &array)).to_string()
            }
            Self::Strings(strings) => {
                let name = cx.symbols().insert(strings.clone())?;
                made.push(name.clone());
                Answered::Strings(StringsFacts::of(name, &strings)).to_string()
            }
        })
    }
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) enum Column {
    /// A value for each row.
    Flat(Values),
    /// A list for each row: where each begins in the values.
    Lists { segments: Array, values: Values },
}

/// A column that is to be written.
#[derive(Clone, Debug)]
pub(crate) struct Source(pub(crate) Column);

impl Source {
    /// The array or strings of this name.
    pub(crate) fn named(cx: &Context<'_>, name: &str) -> Result<Self, Fault> {
        Ok(Self(Column::Flat(values(cx, name)?)))
    }
    /// Lists of the values of one name, beginning where the array of the other says.
    pub(crate) fn lists(cx: &Context<'_>, name: &str, segments: &str) -> Result<Self, Fault> {
        let (values, segments) = (values(cx, name)?, cx.symbols().array(segments)?);
        if segments.dtype() != Dtype::Int64 || segments.ndim() != 1 {
            return Err(bad(format!(
                "segments are int64 of rank 1, not {} of {:?}",
                segments.dtype(),
                segments.shape()
            )));
        }
        Ok(Self(Column::Lists { segments, values }))
    }
    /// The same, of a JSON object that names both.
    pub(crate) fn lists_of(cx: &Context<'_>, text: &str) -> Result<Self, Fault> {
        let parts: Value = serde_json::from_str(text).map_err(|error| bad(format!("{text:?}: {error}")))?;
        let part = |key: &str| {
            parts.get(key).and_then(Value::as_str).ok_or_else(|| bad(format!("{text} names no {key}")))
        };
        Self::lists(cx, part("values")?, part("segments")?)
    }
    /// One that was read.
    pub(crate) fn of(column: Column) -> Self {
        Self(column)
    }
    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        match &self.0 {
            Column::Flat(values) => values.len(),
            Column::Lists { segments, .. } => segments.size(),
        }
    }
}

fn values(cx: &Context<'_>, name: &str) -> Result<Values, Fault> {
    match cx.symbols().get(name)? {
        Symbol::Array(array) if array.ndim() <= 1 => Ok(Values::Array(array)),
        Symbol::Strings(strings) => Ok(Values::Strings(strings)),
        Symbol::Array(array) => Err(bad(format!("a column has rank 1; {name} has shape {:?}", array.shape()))),
        other @ Symbol::Own(_) => Err(bad(format!("{name} is {}, which is no column of a file", other.sort()))),
    }
}

/// What was read, to be told in one reply. Symbols are made by `reply`, so that nothing is left of a read that fails.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    columns: Vec<(String, Column)>,
    errors: Vec<String>,
    error_count: usize,
}

impl Kept {
    /// One more column; another of this name is an error.
    pub(crate) fn add(&mut self, name: String, column: Column) -> Result<(), Fault> {
        if self.columns.iter().any(|(other, _)| *other == name) {
            return Err(bad(format!("{name} is named twice")));
        }
        self.columns.push((name, column));
        Ok(())
    }
    /// A file could not be read.
    pub(crate) fn failed(&mut self, text: String) {
        self.error_count += 1;
        if self.errors.len() < ERRORS_TOLD_MAX {
            self.errors.push(text.replace(['\n', '\r', '\t'], " "));
        }
    }
    /// Makes the symbols, and says what they are; none is left if one cannot be made.
    pub(crate) fn reply(self, cx: &Context<'_>) -> Result<String, Fault> {
        let mut made = Vec::new();
        let said = self.told(cx, &mut made);
        if said.is_err() {
            for name in made {
                cx.symbols().delete(&name)?;
            }
        }
        said
    }

    fn told(mut self, cx: &Context<'_>, made: &mut Vec<String>) -> Result<String, Fault> {
        let mut items = Vec::new();
        for (name, column) in std::mem::take(&mut self.columns) {
            let (sort, created) = match column {
                Column::Flat(values @ Values::Array(_)) => ("PDARRAY", values.keep(cx, made)?),
                Column::Flat(values @ Values::Strings(_)) => ("STRINGS", values.keep(cx, made)?),
                Column::Lists { segments, values } => {
                    let segments = Values::Array(segments).keep(cx, made)?;
                    let values = values.keep(cx, made)?;
                    ("SEGARRAY", json!({ "segments": segments, "values": values }).to_string())
                }
            };
            items.push(json!({ "dataset_name": name, "arkouda_type": sort, "created": created }));
        }
        Ok(self.wrapped(items))
    }

    /// What is replied: what was made, and which files could not be read.
    pub(crate) fn wrapped(&self, items: Vec<Value>) -> String {
        let mut reply = Map::new();
        reply.insert("items".into(), Value::String(Value::Array(items).to_string()));
        if self.error_count > 0 {
            reply.insert("allow_errors".into(), "true".into());
            reply.insert("file_error_count".into(), self.error_count.to_string().into());
            reply.insert("file_errors".into(), Value::String(json!(self.errors).to_string()));
        }
        Value::Object(reply).to_string()
    }
}
