//! A device in memory: chunks that are made when they are first written, and kept.
//!
//! Holds: memory that is refused is `NoMemory`, never an abort; what was never written takes no memory.

use crate::limits::CHUNK_BYTES;
use std::cell::RefCell;
use windlass::{Code, Fault, Pages};

/// The bytes of a device.
#[derive(Debug)]
pub struct Ram {
    chunks: RefCell<Vec<Option<Pages>>>,
    bytes: u64,
}

impl Ram {
    /// So many bytes, none of them there yet.
    ///
    /// # Errors
    /// `NoMemory`.
    pub fn new(bytes: u64) -> Result<Self, Fault> {
        let count = usize::try_from(bytes.div_ceil(CHUNK_BYTES)).map_err(|_| no_memory(bytes))?;
        let mut chunks = Vec::new();
        chunks.try_reserve_exact(count).map_err(|_| no_memory(bytes))?;
        chunks.resize_with(count, || None);
        Ok(Self { chunks: RefCell::new(chunks), bytes })
    }

    /// Bytes of memory that it takes.
    pub fn taken(&self) -> u64 {
        self.chunks.borrow().iter().flatten().map(|chunk| chunk.len() as u64).sum()
    }

    /// Shows bytes `at..at + len`, piece by piece: the piece, and how far from `at` it begins.
    ///
    /// # Errors
    /// `NoMemory`; the pieces before were shown.
    pub fn each(&self, at: u64, len: u64, mut show: impl FnMut(&mut [u8], usize)) -> Result<(), Fault> {
        let mut chunks = self.chunks.borrow_mut();
        let mut done = 0;
        while done < len {
            let here = at + done;
            let (index, skip) = ((here / CHUNK_BYTES) as usize, (here % CHUNK_BYTES) as usize);
            let whole = CHUNK_BYTES.min(self.bytes.saturating_sub(index as u64 * CHUNK_BYTES)) as usize;
            let chunk = match chunks.get_mut(index) {
                Some(Some(chunk)) => chunk,
                Some(empty) => empty.insert(Pages::zeroed(whole).ok_or_else(|| no_memory(whole as u64))?),
                None => return Err(Fault::new(Code::Internal, "bytes outside the device")),
            };
            let count = ((whole - skip) as u64).min(len - done);
            if count == 0 {
                return Err(Fault::new(Code::Internal, "bytes outside the device"));
            }
            show(&mut chunk[skip..skip + count as usize], done as usize);
            done += count;
        }
        Ok(())
    }
}

fn no_memory(bytes: u64) -> Fault {
    Fault::new(Code::NoMemory, format!("no memory for {bytes} bytes of the device"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_stay_where_they_were_put_over_the_edges_of_chunks() {
        let ram = Ram::new(2 * CHUNK_BYTES + 100).unwrap();
        assert_eq!(ram.taken(), 0);
        let at = CHUNK_BYTES - 3;
        ram.each(at, 10, |piece, from| piece.iter_mut().zip(from..).for_each(|(byte, at)| *byte = at as u8))
            .unwrap();
        assert_eq!(ram.taken(), 2 * CHUNK_BYTES);
        let mut seen = Vec::new();
        ram.each(at, 10, |piece, _| seen.extend_from_slice(piece)).unwrap();
        assert_eq!(seen, (0..10).collect::<Vec<u8>>());
        ram.each(2 * CHUNK_BYTES, 100, |piece, _| assert_eq!(piece.len(), 100)).unwrap();
        assert!(ram.each(2 * CHUNK_BYTES + 99, 2, |_, _| {}).is_err());
        assert!(Ram::new(u64::MAX).unwrap_err().is(Code::NoMemory));
    }
}
