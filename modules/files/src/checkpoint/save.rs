//! Save: symbols as they are at one moment, into a folder that then becomes the checkpoint.

use super::folder::{Mode, Place};
use super::manifest::{ALIGN, DATA, FORMAT, MANIFEST, Manifest, Piece, Saved};
use super::{Checkpoint, checkpoints};
use crate::columns::whole;
use crate::limits::{BUSY_WAIT, PIECE_BYTES};
use windlass::File;
use windlass::prelude::*;
use windlass::symbols::{Symbol, SymbolLine};
use xxhash_rust::xxh3::Xxh3;

/// Saves what the caller may read.
///
/// # Errors
/// See `Checkpoints::save`.
pub(super) async fn save(cx: &Context<'_>, place: &Place, mode: Mode) -> Result<Checkpoint, Fault> {
    let all = snapshot(cx).await?;
    let mark = cx.random();
    let steps = || checkpoints::Nested::on(cx, cx.pool());
    let (path, name, word) = (&place.path, &place.name, mode.word());
    let aside = steps().begin(path, name, word, mark).await?;
    let done = match write(cx, &aside, all).await {
        Ok(saved) => steps().commit(path, name, word, mark).await.map(|()| saved),
        Err(fault) => Err(fault),
    };
    match done {
        Ok((symbols, bytes)) => Ok(Checkpoint { name: name.clone(), symbols, bytes }),
        Err(fault) => {
            // Why it failed is what counts; what is left behind goes with the next one.
            if let Err(second) = steps().discard(path, name, mark).await {
                cx.log(Level::Warn, &format!("what a failed checkpoint left behind stays: {second}"));
            }
            Err(fault)
        }
    }
}

/// All symbols that may be read, each in the version that it has now. Whoever changes one meanwhile makes a new version.
async fn snapshot(cx: &Context<'_>) -> Result<Vec<(SymbolLine, Symbol)>, Fault> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let lines = cx.symbols().list_after(&after)?;
        let Some(last) = lines.last() else { return Ok(all) };
        after.clone_from(&last.name);
        for line in lines {
            if let Some(symbol) = steady(cx, &line.name).await? {
                all.push((line, symbol));
            }
        }
    }
}

/// A symbol when no command changes it; `None` if it is gone.
async fn steady(cx: &Context<'_>, name: &str) -> Result<Option<Symbol>, Fault> {
    let begun = cx.now_ns();
    loop {
        match cx.symbols().get(name) {
            Ok(symbol) => return Ok(Some(symbol)),
            Err(fault) if fault.is(Code::UnknownSymbol) => return Ok(None),
            Err(fault) if !fault.is(Code::Busy) => return Err(fault),
            Err(fault) if u128::from(cx.now_ns() - begun) > BUSY_WAIT.as_nanos() => return Err(fault),
            Err(_) => cx.sleep(std::time::Duration::from_millis(1)).await?,
        }
    }
}

/// Writes bytes and manifest; both are durable then. Gives the number of symbols, and their bytes.
async fn write(cx: &Context<'_>, folder: &str, all: Vec<(SymbolLine, Symbol)>) -> Result<(u64, u64), Fault> {
    let file = cx.open(format!("{folder}/{DATA}"), OpenHow::read().write().fresh()).await?;
    let mut out = Out { file, at: 0, buffer: Vec::with_capacity(PIECE_BYTES) };
    let mut symbols = Vec::with_capacity(all.len());
    let mut bytes = 0;
    for (line, symbol) in all {
        let (head, parts) = dense(cx, symbol)?.split();
        let mut pieces = Vec::with_capacity(parts.len());
        for part in &parts {
            pieces.push(out.piece(cx, part).await?);
            bytes += part.len() as u64;
        }
        symbols.push(Saved { name: line.name, registered: line.registered, head, pieces });
    }
    out.flush(cx).await?;
    out.file.sync(cx).await?;
    let count = symbols.len() as u64;
    let manifest = Manifest {
        serverid: "windlass".into(),
        locales: 1,
        format: Some(FORMAT),
        saved_ns: cx.now_ns(),
        bytes: out.at,
        symbols,
    };
    let file = cx.open(format!("{folder}/{MANIFEST}"), OpenHow::read().write().fresh()).await?;
    file.write_all_at(cx, 0, manifest.text()?, ..).await?;
    file.sync(cx).await?;
    Ok((count, bytes))
}

/// An array without the memory around it: a slice of ten elements is saved as ten elements.
fn dense(cx: &Context<'_>, symbol: Symbol) -> Result<Symbol, Fault> {
    match symbol {
        Symbol::Array(array) => whole(cx, array).map(Symbol::Array),
        other => Ok(other),
    }
}

/// The data file, written from its beginning to its end.
struct Out {
    file: File,
    /// Bytes that were given to it, the buffer's included.
    at: u64,
    buffer: Vec<u8>,
}

impl Out {
    /// Adds the bytes of one piece, at a multiple of `ALIGN`.
    async fn piece(&mut self, cx: &Context<'_>, bytes: &[u8]) -> Result<Piece, Fault> {
        let gap = self.at.next_multiple_of(ALIGN) - self.at;
        self.add(cx, &[0; ALIGN as usize][..gap as usize]).await?;
        let at = self.at;
        let mut hash = Xxh3::new();
        for some in bytes.chunks(PIECE_BYTES) {
            hash.update(some);
            self.add(cx, some).await?;
        }
        Ok(Piece { at, bytes: bytes.len() as u64, xxh3: hash.digest() })
    }

    async fn add(&mut self, cx: &Context<'_>, bytes: &[u8]) -> Result<(), Fault> {
        if self.buffer.len() + bytes.len() > PIECE_BYTES {
            self.flush(cx).await?;
        }
        self.buffer.extend_from_slice(bytes);
        self.at += bytes.len() as u64;
        Ok(())
    }

    async fn flush(&mut self, cx: &Context<'_>) -> Result<(), Fault> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let begins = self.at - self.buffer.len() as u64;
        let written = self.file.write_all_at(cx, begins, std::mem::take(&mut self.buffer), ..).await;
        self.buffer = written?;
        self.buffer.clear();
        Ok(())
    }
}
