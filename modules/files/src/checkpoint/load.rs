//! Load: a checkpoint's symbols, all of them read and checked before the first is put back.

use super::folder::Place;
use super::manifest::{DATA, FORMAT, MANIFEST, Manifest, Piece, Saved, damaged};
use super::{Checkpoint, theirs};
use crate::disk;
use crate::limits::PIECE_BYTES;
use windlass::File;
use windlass::array::Memory;
use windlass::prelude::*;
use windlass::symbols::{Head, OwnSymbol, Symbol};
use xxhash_rust::xxh3::Xxh3;

/// Which symbols of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    All,
    Registered,
}

/// A symbol that was read.
pub(super) struct Back {
    pub(super) name: String,
    pub(super) registered: Option<String>,
    pub(super) symbol: Symbol,
}

/// Puts the symbols of a checkpoint back.
///
/// # Errors
/// See `Checkpoints::load`.
pub(super) async fn load(cx: &Context<'_>, place: &Place, which: Which) -> Result<Checkpoint, Fault> {
    let path = place.file(MANIFEST);
    let text = match disk::read(cx, &path).await {
        Err(fault) if fault.is(Code::NotFound) => {
            let text = format!("The checkpoint directory not found: {}", place.folder().display());
            return Err(Fault::new(Code::NotFound, text).with_outcome(Outcome::Ended));
        }
        read => read?.bytes,
    };
    let manifest = Manifest::read(&text, &path)?;
    drop(text);
    let all = match manifest.format {
        Some(FORMAT) => ours(cx, place, manifest, which).await?,
        _ => theirs::read(cx, place).await?,
    };
    let bytes = all.iter().flat_map(|back| back.symbol.clone().split().1).map(|part| part.len() as u64).sum();
    let symbols = all.len() as u64;
    put_back(cx, all)?;
    Ok(Checkpoint { name: place.name.clone(), symbols, bytes })
}

async fn ours(cx: &Context<'_>, place: &Place, manifest: Manifest, which: Which) -> Result<Vec<Back>, Fault> {
    let path = place.file(DATA);
    let file = cx.open(&path, OpenHow::read()).await?;
    let length = file.length(cx).await?;
    if length != manifest.bytes {
        return Err(damaged(format!("{path} has {length} bytes and should have {}", manifest.bytes)));
    }
    let mut input = In { file, path, length, buffer: Vec::new() };
    let mut all = Vec::new();
    for Saved { name, registered, head, pieces } in manifest.symbols {
        if which == Which::Registered && registered.is_none() {
            continue;
        }
        let mut parts = Vec::new();
        for piece in &pieces {
            parts.push(input.piece(cx, &name, piece).await?);
        }
        let symbol = joined(head, parts).ok_or_else(|| {
            damaged(format!("{name} of {} does not fit its description", place.folder().display()))
        })?;
        all.push(Back { name, registered, symbol });
    }
    Ok(all)
}

/// A symbol of its description and memory, both of which may be anything.
fn joined(head: Head, mut parts: Vec<Memory>) -> Option<Symbol> {
    if !head.fits() {
        return None;
    }
    Some(match head {
        Head::Array { dtype, shape, strides, offset } => {
            let (Some(memory), true) = (parts.pop(), parts.is_empty()) else { return None };
            let shape: Vec<usize> = shape.into_iter().map(usize::try_from).collect::<Result<_, _>>().ok()?;
            let offset = usize::try_from(offset).ok()?;
            Symbol::Array(Array::strided(dtype, &shape, &strides, offset, memory).ok()?)
        }
        Head::Strings => {
            let (Some(bytes), Some(offsets), true) = (parts.pop(), parts.pop(), parts.is_empty()) else {
                return None;
            };
            let (n, m) = (offsets.len() / size_of::<i64>(), bytes.len());
            let offsets = Array::new(Dtype::Int64, &[n], offsets).ok()?;
            Symbol::Strings(Strings::new(offsets, Array::new(Dtype::UInt8, &[m], bytes).ok()?)?)
        }
        Head::Own { class, parameters, state } => Symbol::Own(OwnSymbol { class, parameters, state, parts }),
    })
}

/// A symbol that stands in the table again, and what is to be done if it cannot stay.
struct Done {
    name: String,
    /// What had the name before.
    before: Option<Symbol>,
    /// A registration that there was not before.
    registered: Option<String>,
}

/// Puts all back, or none: what a refusal comes upon is undone.
fn put_back(cx: &Context<'_>, all: Vec<Back>) -> Result<(), Fault> {
    let table = cx.symbols();
    let there = |name: &str| match table.get(name) {
        Ok(symbol) => Ok(Some(symbol)),
        Err(fault) if fault.is(Code::UnknownSymbol) => Ok(None),
        Err(fault) => Err(fault),
    };
    let mut done = Vec::new();
    for Back { name, registered, symbol } in all {
        let put = there(&name).and_then(|before| {
            let registered = match &registered {
                Some(registered) if there(registered)?.is_none() => Some(registered.clone()),
                _ => None,
            };
            Ok(Done { name: name.clone(), before, registered })
        });
        let put = put.and_then(|undo| table.restore(&name, registered.as_deref(), symbol).map(|()| undo));
        match put {
            Ok(undo) => done.push(undo),
            Err(fault) => {
                undo(cx, done);
                return Err(fault);
            }
        }
    }
    Ok(())
}

fn undo(cx: &Context<'_>, done: Vec<Done>) {
    for Done { name, before, registered } in done.into_iter().rev() {
        let table = cx.symbols();
        let unregistered = registered.map_or(Ok(()), |registered| table.unregister(&registered));
        let step = unregistered.and_then(|()| match before {
            Some(before) => table.restore(&name, None, before),
            None => table.delete(&name).map(drop),
        });
        if let Err(fault) = step {
            cx.log(Level::Error, &format!("{name} of a checkpoint that could not be loaded stays: {fault}"));
        }
    }
}

/// The data file.
struct In {
    file: File,
    path: String,
    length: u64,
    buffer: Vec<u8>,
}

impl In {
    /// The memory of one piece, whose bytes are those that were saved.
    async fn piece(&mut self, cx: &Context<'_>, name: &str, piece: &Piece) -> Result<Memory, Fault> {
        let Piece { at, bytes, xxh3 } = *piece;
        if at.checked_add(bytes).is_none_or(|end| end > self.length) {
            return Err(damaged(format!("{name} reaches beyond the end of {}", self.path)));
        }
        let mut room = cx.symbols().reserve(bytes)?;
        let mut hash = Xxh3::new();
        let mut from = at;
        for some in room.chunks_mut(PIECE_BYTES) {
            let mut buffer = std::mem::take(&mut self.buffer);
            buffer.resize(some.len(), 0);
            buffer = self.file.read_exact_at(cx, from, buffer, ..).await?;
            hash.update(&buffer);
            some.copy_from_slice(&buffer);
            from += some.len() as u64;
            self.buffer = buffer;
            cx.yield_if_due().await?;
        }
        if hash.digest() != xxh3 {
            return Err(damaged(format!("bytes of {name} in {} are not those that were saved", self.path)));
        }
        Ok(room.freeze())
    }
}
