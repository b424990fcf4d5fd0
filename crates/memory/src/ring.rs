//! Rings: single-producer, single-consumer arrays of 64-byte entries between two processes that need not trust each
//! other. Drawn in docs/formats.md, section Rings.
//!
//! Lives here: `Ring` (where one stands), `Producer`, `Consumer`, and what their far side can get wrong.
//! From: the client publishes slots, the node takes them; the node publishes completions, the client takes them.
//! Holds: an entry is published by its phase bit alone, there is no shared tail to lie about; every position is
//!   masked, so no value that a peer writes leads outside the ring; a peer's head that cannot be is an error value.
//! Not here: what entries mean (`contract`), sleeping and waking (`park.rs`).

use std::sync::Arc;

use crate::cells::{Cells, ENTRY_BYTES, ENTRY_WORDS, Word, WordMut};
use crate::limits::RING_DEPTH_MAX;
use crate::segment::Segment;
use crate::sync::{Ordering, fence};
use crate::word::{MappedCells, OwnWord, PeerWord};

/// One entry: 64 bytes as eight words, in the order they stand in memory.
pub type Entry = [u64; ENTRY_WORDS];

/// The publish word of the submit ring: `flags` stands in bytes 22 and 23 of a slot.
pub const SUBMIT: usize = 2;

/// The publish word of the completion ring: `flags` stands in bytes 10 and 11 of a completion.
pub const COMPLETION: usize = 1;

/// The phase bit of a publish word: bit 15 of the entry's `flags`.
const fn phase_bit(publish_word: usize) -> u64 {
    match publish_word {
        SUBMIT => 1 << 63,
        COMPLETION => 1 << 31,
        _ => panic!("a ring publishes by word 2 (submit) or word 1 (completion)"),
    }
}

/// The phase bit's value on the lap of `position`: set on the first lap, clear on the second, and so on.
#[inline(always)]
fn phase_of(position: u32, depth: u32, bit: u64) -> u64 {
    if position & depth == 0 { bit } else { 0 }
}

/// Where a ring stands in a segment.
#[derive(Clone, Debug)]
pub struct Ring {
    segment: Arc<Segment>,
    at: usize,
    depth: u32,
}

/// A ring that cannot stand where it was said to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RingError {
    /// The depth is zero, not a power of two, or above `limits::RING_DEPTH_MAX`.
    #[error("a ring of {depth} entries: it must be a power of two, at most {RING_DEPTH_MAX}")]
    Depth {
        /// The depth that was asked for.
        depth: u32,
    },
    /// It does not begin on a cache line, or leaves its segment.
    #[error("a ring of {depth} entries at byte {at} does not fit a segment of {bytes} bytes")]
    Place {
        /// First byte.
        at: usize,
        /// Entries.
        depth: u32,
        /// Bytes of the segment.
        bytes: usize,
    },
}

impl Ring {
    /// Places a ring of `depth` entries at byte `at`. Memory fresh from the kernel is an empty ring.
    ///
    /// # Errors
    /// `Depth`, `Place`.
    pub fn new(segment: Arc<Segment>, at: usize, depth: u32) -> Result<Ring, RingError> {
        if !depth.is_power_of_two() || depth > RING_DEPTH_MAX {
            return Err(RingError::Depth { depth });
        }
        let inside = segment.span(at as u64, Ring::bytes(depth) as u64).is_ok();
        if !inside || !at.is_multiple_of(ENTRY_BYTES as usize) {
            return Err(RingError::Place { at, depth, bytes: segment.bytes() });
        }
        Ok(Ring { segment, at, depth })
    }

    /// Bytes that a ring of `depth` entries takes.
    pub const fn bytes(depth: u32) -> usize {
        depth as usize * ENTRY_BYTES as usize
    }

    /// The end that publishes. `head` is the consumer's word. One per ring: a second one would overwrite the first.
    ///
    /// # Panics
    /// If the ring's segment is mapped for reading only.
    pub fn producer<const W: usize>(&self, head: PeerWord) -> Producer<W> {
        Producer::over(MappedCells::new(&self.segment, self.at, self.depth), head)
    }

    /// The end that takes. `head` is this side's own word. One per ring.
    pub fn consumer<const W: usize>(&self, head: OwnWord) -> Consumer<W> {
        Consumer::over(MappedCells::new(&self.segment, self.at, self.depth), head)
    }
}

/// The consumer's head says what it cannot: it runs backwards, or past what was published. Its writer is broken or
/// hostile; the session ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the consumer's head says {head}, which is not between {taken} and {published}")]
pub struct BackwardsHead {
    /// What the word says.
    pub head: u32,
    /// The last head that made sense.
    pub taken: u32,
    /// What was published.
    pub published: u32,
}

/// Why an entry was not published.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PublishError {
    /// Every entry is published and not yet consumed; try again when the consumer has moved on.
    #[error("the ring is full")]
    Full,
    /// The consumer lies.
    #[error(transparent)]
    BackwardsHead(#[from] BackwardsHead),
}

/// The end of a ring that publishes. `W` is the publish word: `SUBMIT` or `COMPLETION`.
pub struct Producer<const W: usize, C = MappedCells, H = PeerWord> {
    cells: C,
    head: H,
    depth: u32,
    /// Entries published since the beginning, wrapping.
    published: u32,
    /// The consumer's head when it was last read: `published - taken` never exceeds the depth.
    taken: u32,
}

impl<const W: usize, C: Cells, H: Word> Producer<W, C, H> {
    const PHASE: u64 = phase_bit(W);

    /// A producer at the beginning of an empty ring.
    ///
    /// # Panics
    /// If the cells cannot be written from here.
    pub fn over(cells: C, head: H) -> Producer<W, C, H> {
        assert!(cells.is_writable(), "a producer needs a writable mapping");
        let depth = cells.depth();
        Producer { cells, head, depth, published: 0, taken: 0 }
    }

    /// Publishes one entry; the phase bit is set here, whatever `entry` holds in its place.
    ///
    /// Cost: eight stores; the consumer's word is read only when the ring looks full.
    ///
    /// # Errors
    /// `Full`, `BackwardsHead`.
    #[inline]
    pub fn publish(&mut self, entry: Entry) -> Result<(), PublishError> {
        if self.published.wrapping_sub(self.taken) >= self.depth && self.unconsumed()? >= self.depth {
            return Err(PublishError::Full);
        }
        for (word, value) in entry.iter().enumerate() {
            if word != W {
                self.cells.store(self.published, word, *value);
            }
        }
        let phase = phase_of(self.published, self.depth, Self::PHASE);
        // ORDER: this Release pairs with the Acquire fence in `Consumer::take`.
        self.cells.publish(self.published, W, (entry[W] & !Self::PHASE) | phase);
        self.published = self.published.wrapping_add(1);
        Ok(())
    }

    /// Entries published since the beginning, wrapping.
    pub fn published(&self) -> u32 {
        self.published
    }

    /// Whether `more` entries fit beside those that the consumer has not committed. Reads the consumer's word only when
    /// the ring looks too full by what was read of it before.
    ///
    /// # Errors
    /// `BackwardsHead`.
    #[inline]
    pub fn has_room(&mut self, more: u32) -> Result<bool, BackwardsHead> {
        let looks = self.published.wrapping_sub(self.taken);
        Ok(looks.saturating_add(more) <= self.depth || self.unconsumed()?.saturating_add(more) <= self.depth)
    }

    /// Entries published that the consumer has not committed yet, by its word as it stands now.
    ///
    /// # Errors
    /// `BackwardsHead`.
    #[inline]
    pub fn unconsumed(&mut self) -> Result<u32, BackwardsHead> {
        let head = self.head.load();
        // ORDER: pairs with the Release store in `Consumer::commit`: its reads of the entries come before our
        //   overwriting them.
        fence(Ordering::Acquire);
        if head.wrapping_sub(self.taken) > self.published.wrapping_sub(self.taken) {
            return Err(BackwardsHead { head, taken: self.taken, published: self.published });
        }
        self.taken = head;
        Ok(self.published.wrapping_sub(head))
    }

    /// The entries that the consumer has not committed, oldest first, phase bits cleared. Of a consumer that is gone: what it
    /// has not acted on, since it commits before it acts.
    ///
    /// # Errors
    /// `BackwardsHead`.
    pub fn left(&mut self) -> Result<Vec<Entry>, BackwardsHead> {
        // ORDER: whoever saw the consumer's last word sees how far it had come before that.
        fence(Ordering::Acquire);
        let count = self.unconsumed()?.min(self.depth);
        let entry = |at| {
            let mut entry: Entry = std::array::from_fn(|word| self.cells.load(at, word));
            entry[W] &= !Self::PHASE;
            entry
        };
        Ok((0..count).map(|one| entry(self.taken.wrapping_add(one))).collect())
    }
}

/// The end of a ring that takes. `W` as in `Producer`.
pub struct Consumer<const W: usize, C = MappedCells, H = OwnWord> {
    cells: C,
    head: H,
    depth: u32,
    /// Entries taken since the beginning, wrapping.
    taken: u32,
}

impl<const W: usize, C: Cells, H: WordMut> Consumer<W, C, H> {
    const PHASE: u64 = phase_bit(W);

    /// A consumer at the beginning of an empty ring.
    pub fn over(cells: C, head: H) -> Consumer<W, C, H> {
        let depth = cells.depth();
        Consumer { cells, head, depth, taken: 0 }
    }

    /// Takes the next entry if it is published: a private copy, each word read once, phase bit cleared. What stands
    /// in it is the peer's word and nothing more.
    ///
    /// Cost: one load when there is none; eight loads otherwise. The peer learns of it at the next `commit`.
    #[inline]
    pub fn take(&mut self) -> Option<Entry> {
        let publish = self.cells.load(self.taken, W);
        if publish & Self::PHASE != phase_of(self.taken, self.depth, Self::PHASE) {
            return None;
        }
        // ORDER: pairs with the Release store in `Producer::publish`; a fence after a relaxed load, because this
        //   memory may be mapped for reading only.
        fence(Ordering::Acquire);
        let mut entry = [0; ENTRY_WORDS];
        for (word, value) in entry.iter_mut().enumerate() {
            *value = if word == W { publish & !Self::PHASE } else { self.cells.load(self.taken, word) };
        }
        self.taken = self.taken.wrapping_add(1);
        Some(entry)
    }

    /// Whether `take` would give an entry now.
    #[inline]
    pub fn peek_ready(&self) -> bool {
        self.cells.load(self.taken, W) & Self::PHASE == phase_of(self.taken, self.depth, Self::PHASE)
    }

    /// Tells the producer how far this side is, so that it may overwrite. The caller chooses when: once per batch,
    /// and at the latest after `depth` entries. Commit before acting on an entry in a way that lets the producer
    /// publish more, else it may find the ring full that its own count says has room.
    #[inline]
    pub fn commit(&mut self) {
        // ORDER: this Release pairs with the Acquire fence in `Producer::unconsumed`.
        self.head.store(self.taken);
    }

    /// Entries taken since the beginning, wrapping.
    pub fn taken(&self) -> u32 {
        self.taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_phase_bits_are_bit_15_of_the_flags_that_formats_md_draws() {
        let flags_of_slot = 22 * 8;
        assert_eq!(phase_bit(SUBMIT), 1 << (flags_of_slot + 15 - SUBMIT * 64));
        let flags_of_completion = 10 * 8;
        assert_eq!(phase_bit(COMPLETION), 1 << (flags_of_completion + 15 - COMPLETION * 64));
    }

    #[test]
    fn the_phase_alternates_by_lap_and_over_the_wrap_of_the_position() {
        for lap in 0..6_u32 {
            assert_eq!(phase_of(lap * 8 + 3, 8, 1), u64::from(lap % 2 == 0));
        }
        // Position 2^32 is a multiple of two laps, so the lap before it has the phase of an odd lap.
        assert_eq!(phase_of(u32::MAX, RING_DEPTH_MAX, 1), 0);
        assert_eq!(phase_of(u32::MAX.wrapping_add(1), RING_DEPTH_MAX, 1), 1);
    }

    #[test]
    fn entries_pass_in_order_while_the_position_wraps() {
        const DEPTH: u32 = 4;
        let (segment, _fd) = Segment::create("test", 4096, crate::Role::Heap).expect("create");
        let segment = Arc::new(segment);
        let ring = Ring::new(Arc::clone(&segment), 64, DEPTH).expect("ring");
        // Two laps before the wrap: the lap that begins there has the phase of a first lap, as fresh memory needs.
        let start = 0_u32.wrapping_sub(2 * DEPTH);
        let mut producer: Producer<SUBMIT> = ring.producer(PeerWord::new(&segment, 0));
        let mut consumer: Consumer<SUBMIT> = ring.consumer(OwnWord::new(&segment, 0));
        (producer.published, producer.taken, consumer.taken) = (start, start, start);
        consumer.commit();
        for number in 0..u64::from(5 * DEPTH) {
            for ahead in 0..u64::from(DEPTH) {
                producer.publish([number * 10 + ahead; ENTRY_WORDS]).expect("room");
            }
            assert_eq!(producer.publish([0; ENTRY_WORDS]), Err(PublishError::Full));
            for ahead in 0..u64::from(DEPTH) {
                assert_eq!(consumer.take(), Some([number * 10 + ahead; ENTRY_WORDS]));
            }
            assert_eq!(consumer.take(), None);
            consumer.commit();
            assert_eq!(producer.unconsumed(), Ok(0));
        }
        assert!(producer.published() < start);
    }
}
