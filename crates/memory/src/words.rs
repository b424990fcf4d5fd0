//! Words of a session: the single integers in the first page of its two segments, and what follows that page.
//! Drawn in docs/formats.md, sections Session memory and Words.
//!
//! Lives here: the offsets, `NodeWords`, `ClientWords` (typed views), `Layout` (where rings and cells stand).
//! Holds: each word has one writer, and each stands in a cache line of its own if both sides use it on a call.
//! Not here: how the words are used together (`park.rs`, `ring.rs`).

use std::sync::Arc;

use crate::limits::RING_DEPTH_MAX;
use crate::ring::{Ring, RingError};
use crate::segment::Segment;
use crate::word::{OwnWord, PeerWord, Word32, Word64};

/// Client words: how many completions the client has consumed, u32.
pub const COMPLETION_HEAD: usize = 0;
/// Client words: whether the client sleeps on `COMPLETION_TAIL`, u32: `POLLS` or `PARKED`.
pub const PARKED_AT: usize = 64;
/// Client words: 0, or a number that changes each time the client wants to be told of completions on its socket, u32.
pub const WATCHED_AT: usize = 68;
/// Client words: the processor that the client's waiting thread runs on, plus one; 0 = not said.
pub const CLIENT_PROCESSOR: usize = 128;

/// Node words: `MAGIC`, u64.
pub const MAGIC_AT: usize = 0;
/// Node words: `FORMAT`, u32.
pub const FORMAT_AT: usize = 8;
/// Node words: the node's generation, u64.
pub const GENERATION: usize = 16;
/// Node words: the session, u64.
pub const SESSION: usize = 24;
/// Node words: how many slots the node has consumed, u32.
pub const SUBMIT_HEAD: usize = 64;
/// Node words: whether the worker has stopped looking at this session, u32: `ARMED` or 0.
pub const ARMED_AT: usize = 128;
/// Node words: how many completions were published, u32; clients sleep on it.
pub const COMPLETION_TAIL: usize = 192;
/// Node words: 0, or the code of the Fault that ended the session, u32.
pub const ENDED: usize = 256;
/// Node words: the processor that the session's worker runs on, plus one; 0 = not said.
pub const NODE_PROCESSOR: usize = 320;

/// Bytes of the page of words that opens both segments.
pub const WORDS_BYTES: usize = 4096;
/// Bytes of an argument cell and of a reply cell.
pub const CELL_BYTES: usize = 256;

/// What `MAGIC_AT` holds: the eight bytes `WINDLASS`.
pub const MAGIC: u64 = u64::from_le_bytes(*b"WINDLASS");
/// What `FORMAT_AT` holds: the version of docs/formats.md.
pub const FORMAT: u32 = 1;

/// The client looks at the ring by itself.
pub const POLLS: u32 = 0;
/// The client sleeps, or is about to.
pub const PARKED: u32 = 1;
/// The worker sleeps, or is about to: ring its doorbell.
pub const ARMED: u32 = 1;

/// A page of words that cannot be one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WordsError {
    /// The segment does not open with the node's magic.
    #[error("the segment is not a node's: it opens with {found:#x}")]
    NotNode {
        /// What stands there.
        found: u64,
    },
    /// Another version of the record.
    #[error("the node's words have format {found}, this side knows {FORMAT}")]
    Format {
        /// The node's version.
        found: u32,
    },
    /// The segment is not as long as its page of words.
    #[error("a segment of {bytes} bytes has no page of words")]
    Short {
        /// Bytes of the segment.
        bytes: usize,
    },
}

/// The node's words: the node stores, the client loads.
#[derive(Clone, Debug)]
pub struct NodeWords {
    segment: Arc<Segment>,
}

/// The client's words: the client stores, the node loads and believes none of it.
#[derive(Clone, Debug)]
pub struct ClientWords {
    segment: Arc<Segment>,
}

/// Refuses a segment without a page of words, so that no word below can be out of range.
fn with_page(segment: Arc<Segment>) -> Result<Arc<Segment>, WordsError> {
    match segment.bytes() {
        bytes if bytes < WORDS_BYTES => Err(WordsError::Short { bytes }),
        _ => Ok(segment),
    }
}

impl NodeWords {
    /// The node's side: writes the constant words into a fresh segment.
    ///
    /// # Errors
    /// `Short`.
    pub fn begin(segment: Arc<Segment>, generation: u64, session: u64) -> Result<NodeWords, WordsError> {
        let words = NodeWords { segment: with_page(segment)? };
        words.segment.word64(GENERATION).store(generation);
        words.segment.word64(SESSION).store(session);
        words.segment.word32(FORMAT_AT).store(FORMAT);
        words.segment.word64(MAGIC_AT).store(MAGIC);
        Ok(words)
    }

    /// The client's side: checks that this is a node's page of a format it knows.
    ///
    /// # Errors
    /// `Short`, `NotNode`, `Format`.
    pub fn open(segment: Arc<Segment>) -> Result<NodeWords, WordsError> {
        let words = NodeWords { segment: with_page(segment)? };
        let found = words.segment.word64(MAGIC_AT).load();
        if found != MAGIC {
            return Err(WordsError::NotNode { found });
        }
        let found = words.segment.word32(FORMAT_AT).load();
        if found != FORMAT {
            return Err(WordsError::Format { found });
        }
        Ok(words)
    }

    /// The segment they stand in.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Which start of which node wrote this.
    pub fn generation(&self) -> Word64<'_> {
        self.segment.word64(GENERATION)
    }

    /// Which session it is.
    pub fn session(&self) -> Word64<'_> {
        self.segment.word64(SESSION)
    }

    /// Slots the node has consumed, wrapping.
    pub fn submit_head(&self) -> Word32<'_> {
        self.segment.word32(SUBMIT_HEAD)
    }

    /// `ARMED` while the worker does not look at this session.
    pub fn armed(&self) -> Word32<'_> {
        self.segment.word32(ARMED_AT)
    }

    /// Completions published, wrapping; one more once the session has ended.
    pub fn completion_tail(&self) -> Word32<'_> {
        self.segment.word32(COMPLETION_TAIL)
    }

    /// 0 while the session lives, then the code of the Fault that ended it.
    pub fn ended(&self) -> Word32<'_> {
        self.segment.word32(ENDED)
    }

    /// The node's consumer word for its submit ring.
    pub fn own_submit_head(&self) -> OwnWord {
        OwnWord::new(&self.segment, SUBMIT_HEAD)
    }

    /// The same word as the client's producer sees it.
    pub fn peer_submit_head(&self) -> PeerWord {
        PeerWord::new(&self.segment, SUBMIT_HEAD)
    }
}

impl ClientWords {
    /// Either side's view.
    ///
    /// # Errors
    /// `Short`.
    pub fn open(segment: Arc<Segment>) -> Result<ClientWords, WordsError> {
        Ok(ClientWords { segment: with_page(segment)? })
    }

    /// The segment they stand in.
    pub fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Completions the client has consumed, wrapping.
    pub fn completion_head(&self) -> Word32<'_> {
        self.segment.word32(COMPLETION_HEAD)
    }

    /// `PARKED` while the client sleeps.
    pub fn parked(&self) -> Word32<'_> {
        self.segment.word32(PARKED_AT)
    }

    /// The client's own word by which it asks to be told on its socket.
    pub fn own_watched(&self) -> OwnWord {
        OwnWord::new(&self.segment, WATCHED_AT)
    }

    /// The same word as the node sees it.
    pub fn peer_watched(&self) -> PeerWord {
        PeerWord::new(&self.segment, WATCHED_AT)
    }

    /// The client's consumer word for its completion ring.
    pub fn own_completion_head(&self) -> OwnWord {
        OwnWord::new(&self.segment, COMPLETION_HEAD)
    }

    /// The same word as the node's producer sees it.
    pub fn peer_completion_head(&self) -> PeerWord {
        PeerWord::new(&self.segment, COMPLETION_HEAD)
    }
}

/// Where ring and cells stand in both small segments of a session of `calls` calls: the two are alike.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    calls: u32,
}

impl Layout {
    /// The layout for `calls` calls outstanding, `None` unless that is a power of two from 1 to half of
    /// `limits::RING_DEPTH_MAX`.
    pub const fn new(calls: u32) -> Option<Layout> {
        if calls.is_power_of_two() && calls <= RING_DEPTH_MAX / 2 { Some(Layout { calls }) } else { None }
    }

    /// Calls outstanding at most: call slots are below this.
    pub const fn calls(self) -> u32 {
        self.calls
    }

    /// Entries of each ring.
    pub const fn depth(self) -> u32 {
        2 * self.calls
    }

    /// First byte of the ring.
    pub const fn ring_at(self) -> usize {
        WORDS_BYTES
    }

    /// First byte of the cells.
    pub const fn cells_at(self) -> usize {
        WORDS_BYTES + Ring::bytes(self.depth())
    }

    /// First byte of the cell of a call slot, `None` when there is no such slot.
    pub fn cell(self, call_slot: u32) -> Option<u64> {
        (call_slot < self.calls).then(|| self.cells_at() as u64 + u64::from(call_slot) * CELL_BYTES as u64)
    }

    /// Bytes of a segment.
    pub const fn bytes(self) -> usize {
        self.cells_at() + self.calls as usize * CELL_BYTES
    }

    /// The ring of one of the two segments.
    ///
    /// # Errors
    /// `RingError::Place` when the segment is shorter than `bytes`.
    pub fn ring(self, segment: Arc<Segment>) -> Result<Ring, RingError> {
        Ring::new(segment, self.ring_at(), self.depth())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_both_sides_use_on_a_call_share_no_cache_line() {
        for words in [[COMPLETION_HEAD, PARKED_AT, 128, 192], [SUBMIT_HEAD, ARMED_AT, COMPLETION_TAIL, ENDED]] {
            for pair in words.windows(2) {
                assert!(pair[0] / 64 < pair[1] / 64);
            }
        }
    }

    #[test]
    fn a_layout_is_what_formats_md_draws() {
        let layout = Layout::new(64).expect("a power of two");
        assert_eq!(layout.depth(), 128);
        assert_eq!(layout.ring_at(), 4096);
        assert_eq!(layout.cells_at(), 4096 + 128 * 64);
        assert_eq!(layout.bytes(), 4096 + 128 * 64 + 64 * 256);
        assert_eq!(layout.cell(63), Some(4096 + 128 * 64 + 63 * 256));
        assert_eq!(layout.cell(64), None);
        assert_eq!(Layout::new(0), None);
        assert_eq!(Layout::new(3), None);
        assert_eq!(Layout::new(RING_DEPTH_MAX), None);
    }
}
