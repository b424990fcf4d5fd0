//! Write: from the arguments of `tohdf` to a tree, and the tree into a file.
//!
//! Holds: parts of an object are named in one request and go into one file, all or none; a file that is there is added to in a copy that
//! takes its place.

use super::layout::{
    CATEGORIES, CODES, COLUMNS, DISTRIBUTED, INDEX, IS_BOOL, KEY, KEYS, LEVEL, LEVELS, NA_CODES, Node,
    PERMUTATION, SEGMENTS, SINGLE, Sort, UNIQUE_KEYS, VALUES, marks,
};
use super::library::{self, Written};
use super::{big, desk};
use crate::columns::{bad, whole};
use crate::limits::{BATCH_ROWS, PARTS_MAX};
use crate::{files, names};
use serde_json::{Map, Value};
use windlass::prelude::*;
use windlass::symbols::{BigintSymbol, Symbol};

/// Level of zlib when none is said.
const LEVEL_USUAL: u8 = 4;

/// Writes an object.
///
/// # Errors
/// `UnknownSymbol`; `Unsupported` for what has no layout; `Exists` for a name that the file has; the disk's and the library's.
pub(crate) async fn write(cx: &Context<'_>, given: &Given) -> Result<(), Fault> {
    let format = match given.scalar::<i64>("file_format")? {
        format @ (SINGLE | DISTRIBUTED) => format,
        other => {
            let text = "Unknown file format. Expecting 0 (single file) or 1 (file per locale). Found";
            return Err(bad(format!("{text} {other}")));
        }
    };
    let append = match given.scalar::<i64>("write_mode")? {
        0 => false,
        1 => true,
        other => return Err(bad(format!("Unknown write mode {other} found."))),
    };
    let name = plain(given.text("dset")?)?.to_owned();
    let prefix = given.text("filename")?;
    let path = if format == SINGLE { prefix.to_owned() } else { names::written(prefix) };
    if path.is_empty() || path.contains('\0') {
        return Err(bad("Filename was Empty"));
    }
    if append && format == DISTRIBUTED {
        let (stem, extension) = names::parts(prefix);
        let pattern = format!("{}_LOCALE*{extension}", names::literal(stem));
        let there = files::Nested::on(cx, cx.pool()).expand(&pattern).await?;
        if !there.is_empty() && there != [path.clone()] {
            let text = "Cannot append when the number of existing filenames does not match the expected.";
            return Err(bad(format!("{text} There are {}", there.join(", "))));
        }
    }
    let packing = packing(given)?;
    let overwrite = given.has("overwrite") && given.scalar::<bool>("overwrite")?;
    let node = object(cx, Sort::of(given.text("objType")?)?, given).await?;
    let aside = format!("{path}.{:016x}.new", cx.random());
    let asked = Written { path, aside, append, overwrite, format, packing, name, node };
    desk::run(cx, move || library::write(&asked)).await
}

/// How elements are packed: `none`, `gzip`, or `gzip:1` to `gzip:9`.
fn packing(given: &Given) -> Result<Option<u8>, Fault> {
    if !given.has("compression") {
        return Ok(None);
    }
    let word = given.text("compression")?;
    let level = match word {
        "" | "none" => return Ok(None),
        "gzip" => Some(LEVEL_USUAL),
        other => other
            .strip_prefix("gzip:")
            .and_then(|level| level.parse().ok())
            .filter(|level| (1..=9).contains(level)),
    };
    level.map(Some).ok_or_else(|| bad(format!("compression {word:?}: none, gzip, or gzip:1 to gzip:9")))
}

/// A name inside a file or group.
fn plain(name: &str) -> Result<&str, Fault> {
    if name.is_empty() || name.contains(['/', '\0']) || name == "." {
        return Err(bad(format!("{name:?} is no name of a dataset: it has no /, and at least one letter")));
    }
    Ok(name)
}

async fn object(cx: &Context<'_>, sort: Sort, given: &Given) -> Result<Node, Fault> {
    match sort {
        Sort::Array | Sort::Datetime | Sort::Timedelta | Sort::Ipv4 => {
            value(cx, sort, given.text("values")?).await
        }
        Sort::Strings => {
            let offsets = !given.has("save_offsets") || given.scalar::<bool>("save_offsets")?;
            strings(cx, &cx.symbols().strings(given.text("values")?)?, offsets).await
        }
        Sort::Lists => lists(cx, given.text("segments")?, given.text("values")?).await,
        Sort::Categorical => {
            let parts = ["codes", "categories", "NA_codes", "permutation", "segments"];
            let named = parts.into_iter().filter(|part| given.has(part));
            let named = named.map(|part| Ok((part.to_owned(), Value::from(given.text(part)?))));
            categorical(cx, &named.collect::<Result<_, Fault>>()?).await
        }
        Sort::GroupBy => {
            let (symbols, sorts) = (given.texts("key_names")?, given.texts("key_objTypes")?);
            let mut members = Vec::new();
            for (name, key) in
                [(SEGMENTS, "segments"), (PERMUTATION, "permutation"), (UNIQUE_KEYS, "unique_key_idx")]
            {
                members.push((name.to_owned(), value(cx, Sort::Array, given.text(key)?).await?));
            }
            let keys = symbols.len() as i64;
            members.extend(numbered(cx, KEY, &symbols, &sorts).await?);
            Ok(Node::Group { marks: marks(sort, &[(KEYS, keys)]), members })
        }
        Sort::Frame => {
            let names = given.texts("column_names")?;
            let (symbols, sorts) = (given.texts("columns")?, given.texts("column_objTypes")?);
            if names.len() != symbols.len() {
                return Err(bad(format!("{} names and {} columns", names.len(), symbols.len())));
            }
            let mut members = vec![(INDEX.to_owned(), value(cx, Sort::Array, given.text("index")?).await?)];
            for (name, node) in names.iter().zip(parts(cx, &symbols, &sorts).await?) {
                if members.iter().any(|(other, _)| other == name) {
                    return Err(bad(format!("the frame has two columns {name:?}, its index among them")));
                }
                members.push((plain(name)?.to_owned(), node));
            }
            Ok(Node::Group { marks: marks(sort, &[(COLUMNS, names.len() as i64)]), members })
        }
        Sort::Index | Sort::MultiIndex => {
            let (symbols, sorts) = (given.texts("idx")?, given.texts("idx_objTypes")?);
            let members = numbered(cx, LEVEL, &symbols, &sorts).await?;
            Ok(Node::Group { marks: marks(sort, &[(LEVELS, members.len() as i64)]), members })
        }
    }
}

/// Parts of an object, called by a number.
async fn numbered(
    cx: &Context<'_>,
    word: &str,
    symbols: &[String],
    sorts: &[String],
) -> Result<Vec<(String, Node)>, Fault> {
    let nodes = parts(cx, symbols, sorts).await?;
    Ok(nodes.into_iter().enumerate().map(|(at, node)| (format!("{word}{at}"), node)).collect())
}

/// Parts of an object: each by the name of its symbol, or of its own parts in JSON.
async fn parts(cx: &Context<'_>, symbols: &[String], sorts: &[String]) -> Result<Vec<Node>, Fault> {
    if symbols.len() != sorts.len() || symbols.len() > PARTS_MAX {
        let text = format!("{} parts of {} types; there may be {PARTS_MAX}", symbols.len(), sorts.len());
        return Err(bad(text));
    }
    let mut nodes = Vec::with_capacity(symbols.len());
    for (symbol, sort) in symbols.iter().zip(sorts) {
        let sort = Sort::of(sort)?;
        let named = || -> Result<Map<String, Value>, Fault> {
            serde_json::from_str(symbol).map_err(|error| bad(format!("{symbol:?}: {error}")))
        };
        nodes.push(match sort {
            Sort::Categorical => categorical(cx, &named()?).await?,
            Sort::Lists => {
                let named = named()?;
                lists(cx, part(&named, "segments")?, part(&named, "values")?).await?
            }
            Sort::Strings => strings(cx, &cx.symbols().strings(symbol)?, true).await?,
            sort if sort.is_array() => value(cx, sort, symbol).await?,
            other => {
                let text = format!("a {} is no part of another object in a file", other.word());
                return Err(Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended));
            }
        });
    }
    Ok(nodes)
}

fn part<'a>(named: &'a Map<String, Value>, key: &str) -> Result<&'a str, Fault> {
    named
        .get(key)
        .and_then(Value::as_str)
        .ok_or_else(|| bad(format!("{key} is not among the parts of the object")))
}

/// The symbol of this name, by what it is.
async fn value(cx: &Context<'_>, sort: Sort, name: &str) -> Result<Node, Fault> {
    match cx.symbols().get(name)? {
        Symbol::Array(array) => array_node(cx, sort, array),
        Symbol::Strings(of) => strings(cx, &of, true).await,
        Symbol::Own(own) if own.class == BigintSymbol::CLASS => big::node(sort, &own),
        other @ Symbol::Own(_) => Err(bad(format!("{name} is {}, which no file holds", other.sort()))),
    }
}

fn array_node(cx: &Context<'_>, sort: Sort, array: Array) -> Result<Node, Fault> {
    let bools: &[(&str, i64)] = if array.dtype() == Dtype::Bool { &[(IS_BOOL, 1)] } else { &[] };
    Ok(Node::Data { marks: marks(sort, bools), array: whole(cx, array)? })
}

async fn lists(cx: &Context<'_>, segments: &str, values: &str) -> Result<Node, Fault> {
    let begins = cx.symbols().array(segments)?;
    if begins.dtype() != Dtype::Int64 || begins.ndim() != 1 {
        return Err(bad(format!("segments are int64 of rank 1, not {} of {:?}", begins.dtype(), begins.shape())));
    }
    let begins = whole(cx, begins)?;
    let count = match cx.symbols().get(values)? {
        Symbol::Array(array) => array.size(),
        Symbol::Strings(strings) => strings.len(),
        Symbol::Own(own) => Own::<BigintSymbol>::of(&own)?.0.size(),
    } as i64;
    let view = begins.view::<i64>().ok_or_else(|| bad("segments are int64"))?;
    let mut least = 0;
    for piece in view.memory().chunks(BATCH_ROWS) {
        for &begin in piece {
            if begin < least || begin > count {
                return Err(bad(format!("a list (segment) begins at {begin} of {count} values, after {least}")));
            }
            least = begin;
        }
        cx.yield_if_due().await?;
    }
    let members = vec![
        (SEGMENTS.to_owned(), array_node(cx, Sort::Array, begins)?),
        (VALUES.to_owned(), value(cx, Sort::Array, values).await?),
    ];
    Ok(Node::Group { marks: marks(Sort::Lists, &[]), members })
}

async fn categorical(cx: &Context<'_>, named: &Map<String, Value>) -> Result<Node, Fault> {
    let mut members = Vec::new();
    for (name, key) in [(CODES, "codes"), (NA_CODES, "NA_codes")] {
        members.push((name.to_owned(), value(cx, Sort::Array, part(named, key)?).await?));
    }
    let categories = cx.symbols().strings(part(named, "categories")?)?;
    members.push((CATEGORIES.to_owned(), strings(cx, &categories, true).await?));
    if named.contains_key("permutation") && named.contains_key("segments") {
        for (name, key) in [(PERMUTATION, "permutation"), (SEGMENTS, "segments")] {
            members.push((name.to_owned(), value(cx, Sort::Array, part(named, key)?).await?));
        }
    }
    Ok(Node::Group { marks: marks(Sort::Categorical, &[]), members })
}

/// Strings as their bytes, with a zero behind each, and where each begins.
async fn strings(cx: &Context<'_>, of: &Strings, with_offsets: bool) -> Result<Node, Fault> {
    let (offsets, bytes) = (of.offset_slice(), of.byte_slice());
    let mut values = cx.symbols().fresh::<u8>(&[bytes.len() + of.len()])?;
    let mut begins = cx.symbols().fresh::<i64>(&[if with_offsets { of.len() } else { 0 }])?;
    for (at, pair) in offsets.windows(2).enumerate() {
        let (from, to) = (pair[0] as usize, pair[1] as usize);
        // Each string before has one zero.
        values[from + at..to + at].copy_from_slice(&bytes[from..to]);
        if let Some(begin) = begins.get_mut(at) {
            *begin = (from + at) as i64;
        }
        if at % BATCH_ROWS == BATCH_ROWS - 1 {
            cx.yield_if_due().await?;
        }
    }
    if !with_offsets && bytes.contains(&0) {
        return Err(bad("strings with a zero byte are written with their offsets only (save_offsets)"));
    }
    let data = |array| Node::Data { marks: marks(Sort::Array, &[]), array };
    let mut members = vec![(VALUES.to_owned(), data(values.done()))];
    if with_offsets {
        members.push((SEGMENTS.to_owned(), data(begins.done())));
    }
    Ok(Node::Group { marks: marks(Sort::Strings, &[]), members })
}
