//! Shown: memory of a symbol that a client reads in place.
//!
//! From: `Session::show`. To: the session's table, until the client releases it or the session ends.
//! Holds: one hold on the memory, so that a write makes its array a new one. A client that goes without releasing may read on, so
//! that memory is never written again (`MemoryFile::abandon`), whoever has it.
//! Not here: which memory a client may see (`host::call`).

use windlass_contract::array::{Memory, MemoryFile};

pub(crate) struct Shown(Option<Memory>);

impl Shown {
    pub(super) fn new(memory: Memory) -> Self {
        Self(Some(memory))
    }
    pub(super) fn file(&self) -> Option<&MemoryFile> {
        self.0.as_ref().and_then(Memory::file)
    }
    /// The client has no view of it any more.
    pub(super) fn released(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        // Of one that was never sent, this costs a copy at the next write, no more.
        if let Some(file) = self.file() {
            file.abandon();
        }
    }
}
