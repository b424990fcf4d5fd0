//! Message: where the messages of a file or a stream stand, and whether what they say can be.
//!
//! A file is `ARROW1`, messages, a footer that tells where they begin, its length, `ARROW1`. A stream is messages one after another: four
//! bytes `FF`, the length of the head (0 ends the stream), the head, the body.
//! Holds: a `Part` lies inside its file, and so do its buffers; a stream that ends without its end mark was cut, and is refused.

use super::{guarded, of_file};
use crate::disk::Whole;
use crate::limits::{ARROW_EXPANDS_MAX, ARROW_LENGTH_MAX, ARROW_PARTS_MAX};
use arrow_ipc::{Block, Message, RecordBatch};
use arrow_schema::SchemaRef;
use std::ops::Range;
use std::sync::Arc;
use windlass::prelude::*;

const MAGIC: &[u8] = b"ARROW1";
/// In front of a message.
const CONTINUED: [u8; 4] = [0xFF; 4];

/// Rows, or a dictionary: where its head and its body stand in the file.
#[derive(Clone, Debug)]
pub(super) struct Part {
    head: Range<usize>,
    body: Range<usize>,
}

/// What a file has: its schema, and its parts in the order in which they are decoded.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) schema: SchemaRef,
    pub(super) parts: Vec<Part>,
}

impl Part {
    /// The message.
    pub(super) fn message<'a>(&self, file: &'a Whole) -> Result<Message<'a>, Fault> {
        let told = |error| of_file(&file.path, error);
        arrow_ipc::root_as_message(&file.bytes[self.head.clone()]).map_err(told)
    }
    /// Its body.
    pub(super) fn body(&self, file: &Whole) -> arrow_buffer::Buffer {
        arrow_buffer::Buffer::from(file.bytes.slice(self.body.clone()))
    }
    /// Checks every place and length that a batch names, before the library follows them; answers the bytes of its largest buffer.
    pub(super) fn check(&self, file: &Whole, batch: RecordBatch<'_>) -> Result<u64, Fault> {
        let no = |text: String| Err(of_file(&file.path, text));
        rows(file, batch)?;
        for node in batch.nodes().into_iter().flatten() {
            let (length, nulls) = (node.length(), node.null_count());
            if !(0..=ARROW_LENGTH_MAX).contains(&length) || !(0..=length).contains(&nulls) {
                return no(format!("it says {length} values of a column, and {nulls} nulls"));
            }
        }
        let body = &file.bytes[self.body.clone()];
        let mut largest = 0;
        for buffer in batch.buffers().into_iter().flatten() {
            let place = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
            let bytes = place.and_then(|(at, length)| body.get(at..at.checked_add(length)?));
            let Some(bytes) = bytes else {
                return no(format!(
                    "it says {} bytes at {} of a body of {}",
                    buffer.length(),
                    buffer.offset(),
                    body.len()
                ));
            };
            let size = match (batch.compression(), bytes) {
                (None, _) | (_, []) => bytes.len() as u64,
                (Some(_), packed) => expanded(file, packed)?,
            };
            largest = largest.max(size);
        }
        Ok(largest)
    }
}

/// Bytes of a compressed buffer when it is not: what its first eight say.
fn expanded(file: &Whole, packed: &[u8]) -> Result<u64, Fault> {
    let Some((said, rest)) = packed.split_first_chunk::<8>() else {
        return Err(of_file(&file.path, format_args!("a compressed buffer of {} bytes", packed.len())));
    };
    match i64::from_le_bytes(*said) {
        // It did not pay, and the bytes stand as they are.
        -1 => Ok(rest.len() as u64),
        said => match u64::try_from(said) {
            Ok(size) if size <= (rest.len() as u64).saturating_mul(ARROW_EXPANDS_MAX) => Ok(size),
            _ => Err(of_file(&file.path, format_args!("it says {said} bytes of {} compressed ones", rest.len()))),
        },
    }
}

/// Rows of a batch.
pub(super) fn rows(file: &Whole, batch: RecordBatch<'_>) -> Result<usize, Fault> {
    let said = batch.length();
    let rows = usize::try_from(said).ok().filter(|_| said <= ARROW_LENGTH_MAX);
    rows.ok_or_else(|| of_file(&file.path, format_args!("it says that a batch has {said} rows")))
}

/// Finds the messages of a file or a stream.
///
/// # Errors
/// `BadArguments` when it is neither, or was cut; `Unsupported` when its numbers have their highest byte first, or it is of Feather's
/// first version; `TooLarge`.
pub(super) fn open(file: &Whole) -> Result<Opened, Fault> {
    match &file.bytes[..] {
        bytes if bytes.starts_with(MAGIC) => of_footer(file),
        bytes if bytes.starts_with(&CONTINUED) => of_stream(file),
        bytes if bytes.starts_with(b"FEA1") => {
            let text = format!("{} is Feather of version 1; version 2, which is Arrow IPC, is read", file.path);
            Err(Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended))
        }
        _ => Err(of_file(&file.path, "it begins neither as a file nor as a stream")),
    }
}

fn schema(file: &Whole, said: arrow_ipc::Schema<'_>) -> Result<SchemaRef, Fault> {
    if said.endianness() != arrow_ipc::Endianness::Little {
        let text = format!("{}: its numbers have their highest byte first", file.path);
        return Err(Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended));
    }
    Ok(Arc::new(guarded(&file.path, || arrow_ipc::convert::try_fb_to_schema(said))?))
}

fn of_footer(file: &Whole) -> Result<Opened, Fault> {
    let cut = || of_file(&file.path, "its end is not there");
    // Eight bytes in front, the magic with its filling; the footer's length and the magic behind.
    let inner = file.bytes.len().checked_sub(MAGIC.len() + 4).filter(|end| *end >= 8).ok_or_else(cut)?;
    let (said, magic) = file.bytes[inner..].split_first_chunk::<4>().ok_or_else(cut)?;
    if magic != MAGIC {
        return Err(cut());
    }
    let said = i32::from_le_bytes(*said);
    let begin =
        usize::try_from(said).ok().and_then(|length| inner.checked_sub(length)).filter(|begin| *begin >= 8);
    let begin = begin.ok_or_else(|| of_file(&file.path, format_args!("it says a footer of {said} bytes")))?;
    let footer =
        arrow_ipc::root_as_footer(&file.bytes[begin..inner]).map_err(|error| of_file(&file.path, error))?;
    let said = footer.schema().ok_or_else(|| of_file(&file.path, "its footer has no schema"))?;
    let schema = schema(file, said)?;
    let blocks = footer.dictionaries().into_iter().flatten().chain(footer.recordBatches().into_iter().flatten());
    let mut parts = Vec::new();
    for block in blocks {
        counted(file, parts.len())?;
        parts.push(of_block(file, block, begin)?);
    }
    Ok(Opened { schema, parts })
}

/// What a footer says of one message; all of it stands in front of the footer.
fn of_block(file: &Whole, block: &Block, end: usize) -> Result<Part, Fault> {
    let place = || {
        let begin = usize::try_from(block.offset()).ok()?;
        let body = begin.checked_add(usize::try_from(block.metaDataLength()).ok()?)?;
        let behind = body.checked_add(usize::try_from(block.bodyLength()).ok()?)?;
        // Files of the first years have no mark in front of the length.
        let marked = file.bytes.get(begin..)?.starts_with(&CONTINUED);
        let head = begin.checked_add(if marked { 8 } else { 4 })?;
        (head <= body && behind <= end).then_some(Part { head: head..body, body: body..behind })
    };
    place().ok_or_else(|| {
        let (at, head, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
        of_file(
            &file.path,
            format_args!("its footer tells of {head} and {body} bytes at {at}, which are not there"),
        )
    })
}

fn of_stream(file: &Whole) -> Result<Opened, Fault> {
    let cut = || of_file(&file.path, "the stream ends without its end mark");
    let (mut at, mut found, mut parts) = (0usize, None, Vec::new());
    loop {
        counted(file, parts.len())?;
        let (mark, rest) = file.bytes.get(at..).and_then(|rest| rest.split_first_chunk::<4>()).ok_or_else(cut)?;
        let length = rest.first_chunk::<4>().ok_or_else(cut)?;
        if *mark != CONTINUED {
            return Err(of_file(&file.path, format_args!("no message begins at byte {at}")));
        }
        let said = i32::from_le_bytes(*length);
        let length = usize::try_from(said);
        let length = length.map_err(|_| of_file(&file.path, format_args!("a message has {said} bytes")))?;
        if length == 0 {
            break;
        }
        let head = at + 8..(at + 8).checked_add(length).filter(|end| *end <= file.bytes.len()).ok_or_else(cut)?;
        let mut part = Part { body: head.end..head.end, head };
        let message = part.message(file)?;
        let said = message.bodyLength();
        let body = usize::try_from(said);
        let body = body.map_err(|_| of_file(&file.path, format_args!("a body has {said} bytes")))?;
        let end = part.body.start.checked_add(body).filter(|end| *end <= file.bytes.len()).ok_or_else(cut)?;
        part.body.end = end;
        at = end;
        match (message.header_as_schema(), &found) {
            (Some(said), None) => found = Some(schema(file, said)?),
            (Some(_), Some(_)) => return Err(of_file(&file.path, "a stream has one schema")),
            (None, None) => return Err(of_file(&file.path, "a stream begins with its schema")),
            (None, Some(_)) => parts.push(part),
        }
    }
    let schema = found.ok_or_else(|| of_file(&file.path, "a stream of nothing"))?;
    Ok(Opened { schema, parts })
}

fn counted(file: &Whole, parts: usize) -> Result<(), Fault> {
    if parts >= ARROW_PARTS_MAX {
        return Err(Fault::new(Code::TooLarge, format!("{} has more than {ARROW_PARTS_MAX} batches", file.path)));
    }
    Ok(())
}
