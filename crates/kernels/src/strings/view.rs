//! Strings as Arrow lays them out: offsets and bytes.
//!
//! Holds: offsets ascend, stay inside the bytes and stand between characters; the bytes between first and last are UTF-8.

use crate::error::KernelError;

/// Strings to read: string `i` is the bytes from `offsets[i]` to `offsets[i + 1]`.
#[derive(Debug, Clone, Copy)]
pub struct Strings<'a> {
    offsets: &'a [i64],
    text: &'a str,
}

impl<'a> Strings<'a> {
    /// Strings over offsets (one more than strings) and bytes, all of which are checked. Cost: one pass over both.
    ///
    /// # Errors
    /// `Malformed` for no offsets, for offsets that descend, lie outside or split a character, and for bytes that are not UTF-8.
    pub fn new(offsets: &'a [i64], bytes: &'a [u8]) -> Result<Self, KernelError> {
        let text = std::str::from_utf8(bytes).map_err(|error| KernelError::Malformed {
            what: format!("byte {} is not UTF-8", error.valid_up_to()),
        })?;
        Self::of_text(offsets, text)
    }

    /// As `new`, over text that is known to be UTF-8.
    ///
    /// # Errors
    /// `Malformed` for offsets that do not describe strings of the text.
    pub fn of_text(offsets: &'a [i64], text: &'a str) -> Result<Self, KernelError> {
        let malformed = |at: usize, how: &str| KernelError::Malformed { what: format!("offset {at} {how}") };
        if offsets.is_empty() {
            return Err(KernelError::Malformed { what: "there is no offset; no strings have one offset".into() });
        }
        let mut last = 0;
        for (at, &offset) in offsets.iter().enumerate() {
            if offset < last {
                return Err(malformed(at, "is less than the one before"));
            }
            if !usize::try_from(offset).is_ok_and(|offset| text.is_char_boundary(offset)) {
                return Err(malformed(at, "lies outside or inside a character"));
            }
            last = offset;
        }
        Ok(Self { offsets, text })
    }

    /// Strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Offsets; the first need not be 0.
    #[must_use]
    pub fn offsets(&self) -> &'a [i64] {
        self.offsets
    }

    /// The text that all offsets point into.
    pub(crate) fn all(&self) -> &'a str {
        self.text
    }

    /// Bytes of all strings together.
    #[must_use]
    pub fn bytes_in_all(&self) -> usize {
        (self.offsets[self.len()] - self.offsets[0]) as usize
    }

    /// String `i`; the empty one past the end. Cost: constant.
    #[must_use]
    pub fn get(&self, i: usize) -> &'a str {
        match (self.offsets.get(i), self.offsets.get(i + 1)) {
            (Some(&start), Some(&end)) => self.text.get(start as usize..end as usize).unwrap_or(""),
            _ => "",
        }
    }

    /// The bytes of string `i`.
    #[must_use]
    pub fn bytes(&self, i: usize) -> &'a [u8] {
        self.get(i).as_bytes()
    }

    /// All strings in order.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let this = *self;
        (0..this.len()).map(move |i| this.get(i))
    }

    /// The eight bytes of string `i` from `from`, as a number in their order; missing ones are 0.
    pub(crate) fn word(&self, i: usize, from: usize) -> u64 {
        let rest = self.bytes(i).get(from..).unwrap_or_default();
        match rest.first_chunk::<8>() {
            Some(word) => u64::from_be_bytes(*word),
            None => {
                let mut word = [0; 8];
                word[..rest.len()].copy_from_slice(rest);
                u64::from_be_bytes(word)
            }
        }
    }
}

/// Room for strings to write: offsets (one more than strings) and bytes, of the sizes that a kernel told beforehand.
#[derive(Debug)]
pub struct StringsRoom<'a> {
    /// Offsets.
    pub offsets: &'a mut [i64],
    /// Bytes.
    pub bytes: &'a mut [u8],
}
