//! Questions about symbols, as they cross: bytes one way and back, with memory that changes hands beside them.

use super::{Incoming, Memory, RawBytes, RawMemory, RawOpResult};
use crate::Fault;
use crate::limits::SYMBOL_PARTS_MAX;

/// One question and its answer.
#[repr(C)]
pub struct RawSymbols {
    /// Bytes of this record, for growth.
    pub size: u32,
    /// How many of `parts` are memory; the question's, then the answer's.
    pub part_count: u32,
    /// A `SymbolAsk` in postcard, lent for the call.
    pub question: RawBytes,
    /// Memory handed over with the question, and then with the answer.
    pub parts: [RawMemory; SYMBOL_PARTS_MAX],
    /// A `SymbolReply` in postcard, or a Fault.
    pub answer: RawOpResult,
}

/// An answer.
pub(crate) struct SymbolsAsked {
    /// A `SymbolReply` in postcard.
    pub(crate) answer: Vec<u8>,
    /// Memory that came with it.
    pub(crate) parts: Vec<Memory>,
}

impl RawSymbols {
    /// A question with its memory; of more than `SYMBOL_PARTS_MAX` pieces the rest is let go.
    pub fn new(question: &[u8], parts: Vec<Memory>) -> Self {
        let mut raw = Self {
            size: size_of::<Self>() as u32,
            part_count: 0,
            question: RawBytes::of(question),
            parts: [const { RawMemory::none() }; SYMBOL_PARTS_MAX],
            answer: RawOpResult::empty(),
        };
        raw.give(parts);
        raw
    }
    /// Hands memory over.
    pub fn give(&mut self, parts: Vec<Memory>) {
        self.part_count = 0;
        for (slot, part) in self.parts.iter_mut().zip(parts) {
            *slot = part.into_raw();
            self.part_count += 1;
        }
    }
    /// Takes the memory that was handed over.
    ///
    /// # Safety
    /// What the record holds came from `give`, of this side or the other, and is the caller's to take.
    pub unsafe fn take(&mut self) -> Vec<Memory> {
        let count = (std::mem::take(&mut self.part_count) as usize).min(SYMBOL_PARTS_MAX);
        // SAFETY: the caller's promise; each is taken once, because `take` leaves none behind.
        self.parts[..count].iter_mut().filter_map(|part| unsafe { part.take() }).collect()
    }
}

impl Incoming<'_> {
    /// Asks the node about its symbols.
    pub(crate) fn symbols(&self, question: &[u8], parts: Vec<Memory>) -> Result<SymbolsAsked, Fault> {
        let mut raw = RawSymbols::new(question, parts);
        self.ask_symbols(&mut raw);
        // SAFETY: the node took what the question carried and left what the answer carries.
        let parts = unsafe { raw.take() };
        crate::context::fault_of(&raw.answer)?;
        Ok(SymbolsAsked { answer: raw.answer.bytes.as_slice().to_vec(), parts })
    }
}
