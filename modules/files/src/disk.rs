//! Disk: whole files in and out, through the node's own disk operations.
//!
//! Holds: a file that is written appears under its name when all of it is durable, in place of what was there; a reader of the old one
//! keeps what it has.

use crate::columns::Kept;
use crate::limits::FILE_BYTES_MAX;
use crate::names::Kind;
use bytes::Bytes;
use windlass::prelude::*;

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    pub(crate) path: String,
    pub(crate) bytes: Bytes,
}

/// Reads a file.
///
/// # Errors
/// The disk's; `TooLarge`; `NoMemory`.
pub(crate) async fn read(cx: &Context<'_>, path: &str) -> Result<Whole, Fault> {
    let file = cx.open(path, OpenHow::read()).await?;
    let length = file.length(cx).await?;
    if length > FILE_BYTES_MAX {
        return Err(Fault::new(Code::TooLarge, format!("{path} has {length} bytes; {FILE_BYTES_MAX} are read")));
    }
    // Asked for, and given back: what is decoded from it is asked for again.
    drop(cx.symbols().reserve(length)?);
    let mut room = Vec::new();
    let no_memory = || Fault::new(Code::NoMemory, format!("{length} bytes for {path}"));
    let wanted = usize::try_from(length).map_err(|_| no_memory())?;
    room.try_reserve_exact(wanted).map_err(|_| no_memory())?;
    room.resize(wanted, 0u8);
    let room = if wanted == 0 { room } else { file.read_exact_at(cx, 0, room, ..).await? };
    Ok(Whole { path: path.to_owned(), bytes: Bytes::from(room) })
}

/// Reads several files.
pub(crate) async fn read_all(cx: &Context<'_>, paths: &[String]) -> Result<Vec<Whole>, Fault> {
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        files.push(read(cx, path).await?);
    }
    Ok(files)
}

/// The same; if `lenient`, what cannot be read is told of in the reply and left out, as long as one can.
pub(crate) async fn read_allowed(
    cx: &Context<'_>,
    paths: &[String],
    lenient: bool,
    kept: &mut Kept,
) -> Result<Vec<Whole>, Fault> {
    if !lenient {
        return read_all(cx, paths).await;
    }
    let mut files = Vec::new();
    let mut last = None;
    for path in paths {
        match read(cx, path).await {
            Ok(file) => files.push(file),
            Err(fault) => {
                kept.failed(format!("Other error in accessing file {path}: {}", fault.message));
                last = Some(fault);
            }
        }
    }
    match last {
        Some(fault) if files.is_empty() => Err(fault),
        _ => Ok(files),
    }
}

/// What kind of file it is.
pub(crate) async fn kind(cx: &Context<'_>, path: &str) -> Result<Kind, Fault> {
    let file = cx.open(path, OpenHow::read()).await?;
    let wanted = file.length(cx).await?.min(8) as usize;
    let start = vec![0u8; wanted];
    let start = if wanted == 0 { start } else { file.read_exact_at(cx, 0, start, ..).await? };
    Ok(Kind::of(&start))
}

/// Writes a file.
///
/// # Errors
/// The disk's; what was there stays then.
pub(crate) async fn write(cx: &Context<'_>, path: &str, bytes: Vec<u8>) -> Result<(), Fault> {
    let aside = format!("{path}.{:016x}.new", cx.random());
    let written = write_aside(cx, &aside, bytes).await;
    let done = match written {
        Ok(()) => cx.rename_file(&aside, path).await,
        Err(fault) => Err(fault),
    };
    if done.is_err() {
        // It may not be there at all; the first error is what counts.
        let _gone = cx.remove_file(&aside).await;
    }
    done
}

async fn write_aside(cx: &Context<'_>, path: &str, bytes: Vec<u8>) -> Result<(), Fault> {
    let file = cx.open(path, OpenHow::read().write().fresh()).await?;
    if !bytes.is_empty() {
        file.write_all_at(cx, 0, bytes, ..).await?;
    }
    file.sync(cx).await
}
