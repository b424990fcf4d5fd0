//! Read: columns out of Arrow IPC files and streams.

use super::message::{self, Opened, Part};
use super::sink::{self, Become, Sink};
use super::{guarded, of_file};
use crate::columns::{Column, Values, bad};
use crate::disk::Whole;
use arrow_array::ArrayRef;
use arrow_ipc::reader::{RecordBatchDecoder, read_dictionary};
use arrow_schema::DataType;
use std::collections::HashMap;
use std::sync::Arc;
use windlass::prelude::*;

/// Names of the columns that can be read.
pub(crate) fn names(file: &Whole) -> Result<Vec<String>, Fault> {
    let opened = message::open(file)?;
    let read = opened.schema.fields().iter().filter(|field| sink::becomes(field.data_type()).is_some());
    Ok(read.map(|field| field.name().clone()).collect())
}

/// Where a column stands among those of its file, and what it becomes.
fn find(file: &Whole, opened: &Opened, name: &str) -> Result<(usize, Become), Fault> {
    let fields = opened.schema.fields();
    let at = fields.iter().position(|field| field.name() == name).ok_or_else(|| {
        let have: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
        bad(format!("Dataset: {name} does not exist in file {}; it has {}", file.path, have.join(", ")))
    })?;
    let become_ = sink::becomes(fields[at].data_type()).ok_or_else(|| {
        let text = format!("{name} of {} is of a type that is not read: {}", file.path, fields[at].data_type());
        Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended)
    })?;
    Ok((at, become_))
}

fn rows_of(file: &Whole, opened: &Opened) -> Result<usize, Fault> {
    let mut all = 0usize;
    for part in &opened.parts {
        if let Some(batch) = part.message(file)?.header_as_record_batch() {
            all = all.saturating_add(message::rows(file, batch)?);
        }
    }
    Ok(all)
}

/// A column of several files, one after another.
pub(crate) async fn column(cx: &Context<'_>, files: &[Whole], name: &str) -> Result<Column, Fault> {
    let mut all = Vec::with_capacity(files.len());
    let mut rows = 0usize;
    for file in files {
        let opened = message::open(file)?;
        let (at, become_) = find(file, &opened, name)?;
        rows = rows.saturating_add(rows_of(file, &opened)?);
        all.push((file, opened, at, become_));
    }
    let Some((first, .., become_)) = all.first() else { return Err(bad("no files")) };
    if let Some((other, ..)) = all.iter().find(|(.., other)| other != become_) {
        return Err(bad(format!("{name} is of one type in {} and of another in {}", first.path, other.path)));
    }
    let mut sink = Sink::new(cx, *become_, rows)?;
    for (file, opened, at, _) in &all {
        drain(cx, file, opened, *at, &mut sink).await?;
    }
    sink.column(cx)
}

/// Takes one column of one file.
async fn drain(cx: &Context<'_>, file: &Whole, opened: &Opened, at: usize, sink: &mut Sink) -> Result<(), Fault> {
    let wanted = dictionary(opened, at);
    let mut dictionaries: HashMap<i64, ArrayRef> = HashMap::new();
    for part in &opened.parts {
        let message = part.message(file)?;
        let version = message.version();
        if let Some(batch) = message.header_as_record_batch() {
            asked(cx, file, part, batch)?;
            let body = part.body(file);
            let batch = guarded(&file.path, || {
                let schema = Arc::clone(&opened.schema);
                let decoder = RecordBatchDecoder::try_new(&body, batch, schema, &dictionaries, &version)?;
                decoder.with_projection(Some(&[at])).read_record_batch()
            })?;
            sink.take(cx, &file.path, batch.column(0)).await?;
        } else if let Some(batch) = message.header_as_dictionary_batch() {
            if wanted != Some(batch.id()) {
                continue;
            }
            let Some(data) = batch.data() else { return Err(of_file(&file.path, "a dictionary without values")) };
            asked(cx, file, part, data)?;
            let body = part.body(file);
            guarded(&file.path, || read_dictionary(&body, batch, &opened.schema, &mut dictionaries, &version))?;
            cx.yield_if_due().await?;
        } else {
            return Err(of_file(&file.path, format_args!("a message of kind {:?}", message.header_type())));
        }
    }
    Ok(())
}

/// Asks for the room of what a batch is decoded to.
fn asked(cx: &Context<'_>, file: &Whole, part: &Part, batch: arrow_ipc::RecordBatch<'_>) -> Result<(), Fault> {
    drop(cx.symbols().reserve(part.check(file, batch)?)?);
    Ok(())
}

/// The dictionary that a column's values are looked up in.
fn dictionary(opened: &Opened, at: usize) -> Option<i64> {
    let field = &opened.schema.fields()[at];
    let field = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => item,
        _ => field,
    };
    #[expect(deprecated, reason = "the library has no other way to tell it, and needs it itself")]
    field.dict_id()
}

/// Which file each row comes from.
pub(crate) async fn tags(cx: &Context<'_>, files: &[Whole]) -> Result<Column, Fault> {
    let mut all: Vec<i64> = Vec::new();
    for (at, file) in files.iter().enumerate() {
        let rows = rows_of(file, &message::open(file)?)?;
        drop(cx.symbols().reserve((8 * all.len() as u64).saturating_add(8u64.saturating_mul(rows as u64)))?);
        all.extend(std::iter::repeat_n(at as i64, rows));
        cx.yield_if_due().await?;
    }
    Ok(Column::Flat(Values::Array(cx.symbols().array_of(&all)?)))
}
