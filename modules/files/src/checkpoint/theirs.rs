//! Theirs: checkpoints that the ancestor wrote: arrays of rank 1, each with a description and a Parquet file.
//!
//! Holds: descriptions are JSON texts one after another: the symbol, the array, then each file that has a part of it.

use super::checkpoints;
use super::folder::Place;
use super::load::Back;
use super::manifest::damaged;
use crate::columns::{Column, Values};
use crate::limits::FILES_MAX;
use crate::{disk, parquet};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Deserializer, StreamDeserializer, Value};
use std::path::Path;
use windlass::prelude::*;
use windlass::symbols::Symbol;

/// The column of the Parquet files.
const COLUMN: &str = "data";
/// The one sort of symbol that the ancestor saves.
const ARRAY: &str = "PrimitiveTypedArraySymEntry";

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "entryName")]
    name: String,
    #[serde(rename = "entryType")]
    sort: String,
}

#[derive(Deserialize)]
struct Chunk {
    filename: String,
    #[serde(rename = "numElems")]
    elements: u64,
}

/// Reads all symbols of one.
///
/// # Errors
/// Fault 1001 for what is damaged; `Unsupported` for what is not an array of plain elements.
pub(super) async fn read(cx: &Context<'_>, place: &Place) -> Result<Vec<Back>, Fault> {
    let entries = checkpoints::Nested::on(cx, cx.pool()).entries(&place.path, &place.name).await?;
    let mut all = Vec::with_capacity(entries.len());
    for entry in entries {
        all.push(one(cx, place, &place.file(&entry)).await?);
    }
    Ok(all)
}

async fn one(cx: &Context<'_>, place: &Place, path: &str) -> Result<Back, Fault> {
    let text = disk::read(cx, path).await?.bytes;
    let mut values = Deserializer::from_slice(&text).into_iter::<Value>();
    let entry: Entry = next(&mut values, "entry", path)?;
    if entry.sort != ARRAY {
        return Err(unsupported(format!("{} of {path} is a {}", entry.name, entry.sort)));
    }
    let array: Value = next(&mut values, "array", path)?;
    let number = |field: &str| {
        let missing = || damaged(format!("could not read array metadata of {path}: field '{field}' not found"));
        array.get(field).and_then(Value::as_u64).ok_or_else(missing)
    };
    let (size, ndim, locales, chunks) =
        (number("size")?, number("ndim")?, number("numTargetLocales")?, number("numChunks")?);
    if locales != 1 {
        return Err(damaged(format!(
            "Attempting to load a checkpoint that was made with a different number of locales ({locales}) then the current \
             execution (1)"
        )));
    }
    let dtype = array.get("dtype").and_then(Value::as_str).and_then(Dtype::of);
    let Some(dtype) = dtype.filter(|dtype| ndim == 1 && dtype.itemsize().is_some()) else {
        let text = format!("{} of {path} has rank {ndim} and dtype {}", entry.name, array["dtype"]);
        return Err(unsupported(text));
    };
    if chunks > FILES_MAX as u64 {
        return Err(damaged(format!("{path} names {chunks} files")));
    }
    let mut files = Vec::new();
    let mut told = 0u64;
    for at in 1..=chunks {
        let chunk: Chunk = next(&mut values, &format!("chunk {at}"), path)?;
        told = told.saturating_add(chunk.elements);
        files.push(disk::read(cx, &beside(place, &chunk.filename)).await?);
    }
    let array = match parquet::read::column(cx, &files, COLUMN).await? {
        Column::Flat(Values::Array(array)) => array,
        Column::Flat(Values::Strings(_)) | Column::Lists { .. } => {
            return Err(damaged(format!("{path}: its files hold no array")));
        }
    };
    if (told, array.size() as u64, array.dtype()) != (size, size, dtype) {
        return Err(damaged(format!(
            "{path} says {size} elements of {dtype}; its files have {} of {}",
            array.size(),
            array.dtype()
        )));
    }
    Ok(Back { name: entry.name, registered: None, symbol: Symbol::Array(array) })
}

/// A data file: by the name it was given, or that of the same name in the checkpoint's folder, which may have moved.
fn beside(place: &Place, name: &str) -> String {
    match Path::new(name).file_name().and_then(|name| name.to_str()) {
        Some(name) => place.file(name),
        None => name.to_owned(),
    }
}

type Texts<'a> = StreamDeserializer<'a, serde_json::de::SliceRead<'a>, Value>;

fn next<T: DeserializeOwned>(values: &mut Texts<'_>, what: &str, path: &str) -> Result<T, Fault> {
    let wrong = |why: String| damaged(format!("could not read {what} metadata of {path}: {why}"));
    let value = values.next().ok_or_else(|| wrong("the file ends".into()))?;
    let value = value.map_err(|error| wrong(error.to_string()))?;
    serde_json::from_value(value).map_err(|error| wrong(error.to_string()))
}

fn unsupported(what: String) -> Fault {
    let text = format!("{what}, which is read from no checkpoint of the ancestor's; save it again with this node");
    Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended)
}
