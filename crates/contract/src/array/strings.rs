//! Strings: UTF-8 in Arrow's layout: offsets, one more than there are strings, and bytes.

use super::{Array, Dtype};

/// An array of strings.
#[derive(Clone, Debug)]
pub struct Strings {
    offsets: Array,
    bytes: Array,
}

impl Strings {
    /// From offsets (int64, rank 1, one more than strings) and bytes (uint8, rank 1); `None` unless the offsets rise from 0
    /// to the number of bytes and cut UTF-8 at its boundaries. Cost: a look at each.
    pub fn new(offsets: Array, bytes: Array) -> Option<Self> {
        let fits = |array: &Array, dtype| array.dtype() == dtype && array.ndim() == 1 && array.is_whole();
        if !fits(&offsets, Dtype::Int64) || !fits(&bytes, Dtype::UInt8) {
            return None;
        }
        let strings = Self { offsets, bytes };
        let (at, raw) = (strings.offset_slice(), strings.byte_slice());
        let text = std::str::from_utf8(raw).ok()?;
        let rises = at.windows(2).all(|pair| pair[0] <= pair[1]);
        let ends = at.first() == Some(&0) && at.last() == i64::try_from(raw.len()).ok().as_ref();
        let cuts = ends && rises && at.iter().all(|&at| text.is_char_boundary(at as usize));
        cuts.then_some(strings)
    }
    /// As `new`, for what was proved before it became a symbol.
    pub(crate) fn seen(offsets: Array, bytes: Array) -> Self {
        Self { offsets, bytes }
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.offsets.size().saturating_sub(1)
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Where each begins, and where the last ends.
    pub fn offsets(&self) -> &Array {
        &self.offsets
    }
    /// All their bytes.
    pub fn bytes(&self) -> &Array {
        &self.bytes
    }
    /// The offsets as a slice.
    pub fn offset_slice(&self) -> &[i64] {
        self.offsets.view::<i64>().map_or(&[], |view| view.memory())
    }
    /// The bytes as a slice.
    pub fn byte_slice(&self) -> &[u8] {
        self.bytes.view::<u8>().map_or(&[], |view| view.memory())
    }
    /// The string at `at`.
    pub fn get(&self, at: usize) -> Option<&str> {
        let offsets = self.offset_slice();
        let (from, to) = (*offsets.get(at)?, *offsets.get(at + 1)?);
        let bytes = self.byte_slice().get(usize::try_from(from).ok()?..usize::try_from(to).ok()?)?;
        std::str::from_utf8(bytes).ok()
    }
}
