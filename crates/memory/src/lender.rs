//! Loans: runs of bytes lent from a segment, with all bookkeeping outside the lent memory.
//!
//! Lives here: `Lender` (one per segment), `Room` (one loan, moved and not copied), `LendError`.
//! From: the client lends its heap segments; the node lends result segments. Neither reads the other's books.
//! Holds: rooms never overlap; what is lent plus what is free is the segment; a room returns to its own lender.
//! Not here: the bytes (`segment.rs`), leases and who may return them (runtime).

use std::sync::atomic::{AtomicU64, Ordering};

use offset_allocator::{Allocation, Allocator};

use crate::limits::{LOAN_UNIT_BYTES, LOANS_PER_SEGMENT_MAX, SEGMENT_BYTES_MAX};

/// Lends runs of bytes of one segment, 64-byte aligned.
pub struct Lender {
    books: Allocator<u32>,
    id: u64,
    units: u32,
    lent_units: u32,
    loans: u32,
}

/// One loan: a run that nobody else has until it is given back. Dropping it without that keeps the run lent.
#[must_use = "a room that is not given back stays lent"]
#[derive(Debug)]
pub struct Room {
    offset: u64,
    len: u64,
    lender: u64,
    loan: Loan,
}

/// The allocator's own token, kept out of `Room`'s public face.
struct Loan(Allocation<u32>);

impl std::fmt::Debug for Loan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Loan")
    }
}

/// Why nothing was lent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LendError {
    /// A loan has at least one byte.
    #[error("a loan of no bytes")]
    Empty,
    /// More than this lender could give if nothing were lent: take a larger segment (`Lender::bytes_for`).
    #[error("a loan of {len} bytes, this segment lends at most {longest}")]
    TooLong {
        /// Bytes asked for.
        len: u64,
        /// `Lender::longest`.
        longest: u64,
    },
    /// Not now: until some room is given back, at most `largest` bytes can be lent.
    #[error("no room for the loan now, the largest is {largest} bytes")]
    NoRoom {
        /// A length that would be lent now; 0 when none would.
        largest: u64,
    },
    /// Too many loans are outstanding, however small.
    #[error("{max} loans are outstanding from this segment, no more are given")]
    TooMany {
        /// `limits::LOANS_PER_SEGMENT_MAX`.
        max: u32,
    },
}

impl Room {
    /// First byte, from the start of the segment; a multiple of 64.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Bytes granted: what was asked for, rounded up to 64.
    #[expect(clippy::len_without_is_empty, reason = "a room is never empty")]
    pub fn len(&self) -> u64 {
        self.len
    }
}

impl Lender {
    /// A lender of a segment of `bytes`; a last incomplete 64 bytes is not lent.
    ///
    /// Cost: bookkeeping of about 64 bytes per possible loan, at most 256 KiB.
    ///
    /// # Panics
    /// If `bytes` is above `limits::SEGMENT_BYTES_MAX`; no segment is.
    pub fn new(bytes: u64) -> Lender {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        assert!(bytes <= SEGMENT_BYTES_MAX as u64, "no segment is that long");
        let units = u32::try_from(bytes / LOAN_UNIT_BYTES).unwrap_or(u32::MAX);
        // Between and around n loans lie at most n + 1 free runs; the allocator keeps one node in reserve.
        let nodes = 2 * LOANS_PER_SEGMENT_MAX.min(units) + 2;
        Lender {
            books: Allocator::with_max_allocs(units, nodes),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            units,
            lent_units: 0,
            loans: 0,
        }
    }

    /// Lends a run of at least `len` bytes. Its contents are what the last holder left.
    ///
    /// Cost: constant time, no lock, no system call.
    ///
    /// # Errors
    /// `Empty`, `TooLong`: for this `len` always. `NoRoom`, `TooMany`: until some room is given back.
    pub fn lend(&mut self, len: u64) -> Result<Room, LendError> {
        if len == 0 {
            return Err(LendError::Empty);
        }
        let longest = self.longest();
        if len > longest {
            return Err(LendError::TooLong { len, longest });
        }
        if crate::hooks::fails() {
            return Err(LendError::NoRoom { largest: 0 });
        }
        if self.loans == LOANS_PER_SEGMENT_MAX {
            return Err(LendError::TooMany { max: LOANS_PER_SEGMENT_MAX });
        }
        // `longest` is at most `units` units, so the count fits.
        let units = len.div_ceil(LOAN_UNIT_BYTES) as u32;
        let Some(loan) = self.books.allocate(units) else {
            return Err(LendError::NoRoom { largest: self.largest() });
        };
        self.loans += 1;
        self.lent_units += units;
        let offset = u64::from(loan.offset) * LOAN_UNIT_BYTES;
        let len = u64::from(units) * LOAN_UNIT_BYTES;
        debug_assert!(offset + len <= u64::from(self.units) * LOAN_UNIT_BYTES, "a room lies inside its segment");
        Ok(Room { offset, len, lender: self.id, loan: Loan(loan) })
    }

    /// Takes a room back; its bytes may be lent again at once.
    ///
    /// Cost: constant time.
    ///
    /// # Panics
    /// If the room is another lender's: that is a mistake of the caller's, and would corrupt both books.
    pub fn give_back(&mut self, room: Room) {
        assert!(room.lender == self.id, "a room returns to the lender that lent it");
        self.books.free(room.loan.0);
        self.loans -= 1;
        self.lent_units -= (room.len / LOAN_UNIT_BYTES) as u32;
    }

    /// Bytes lent now.
    pub fn lent_bytes(&self) -> u64 {
        u64::from(self.lent_units) * LOAN_UNIT_BYTES
    }

    /// Bytes not lent now, in however many runs.
    pub fn free_bytes(&self) -> u64 {
        u64::from(self.units - self.lent_units) * LOAN_UNIT_BYTES
    }

    /// Rooms lent now.
    pub fn loans(&self) -> u32 {
        self.loans
    }

    /// The longest loan this lender gives when nothing is lent: the segment's length, rounded down to a size class.
    pub fn longest(&self) -> u64 {
        u64::from(class_below(self.units)) * LOAN_UNIT_BYTES
    }

    /// The longest loan it would give now.
    pub fn largest(&self) -> u64 {
        u64::from(self.books.storage_report().largest_free_region) * LOAN_UNIT_BYTES
    }

    /// The length of a segment whose empty lender is sure to lend `len` bytes: at most an eighth more.
    pub fn bytes_for(len: u64) -> u64 {
        let units = u32::try_from(len.div_ceil(LOAN_UNIT_BYTES)).unwrap_or(u32::MAX);
        class_above(units) * LOAN_UNIT_BYTES
    }
}

/// Leading bits of a size that tell its class: the allocator files free runs under eight classes per power of two.
const CLASS_BITS: u32 = 4;

/// The largest size class that is at most `units`: a free run of `units` is surely found for it.
fn class_below(units: u32) -> u32 {
    let dropped = (u32::BITS - units.leading_zeros()).saturating_sub(CLASS_BITS);
    units >> dropped << dropped
}

/// The smallest size class that is at least `units`.
fn class_above(units: u32) -> u64 {
    let below = class_below(units);
    if below == units {
        return u64::from(units);
    }
    let dropped = (u32::BITS - units.leading_zeros()).saturating_sub(CLASS_BITS);
    u64::from(below) + (1 << dropped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_bracket_every_size_within_an_eighth() {
        for units in (0..5000).chain([65_535, 65_536, 65_537, 1 << 31, u32::MAX - 1, u32::MAX]) {
            let (below, above) = (u64::from(class_below(units)), class_above(units));
            let units = u64::from(units);
            assert!(below <= units);
            assert!(units <= above);
            assert!(above - below <= units / 8);
        }
    }

    #[test]
    fn an_empty_lender_lends_its_longest_whatever_its_length() {
        for units in (1..3000_u64).chain([16_384, 16_385, 123_457, 1 << 22, (1 << 22) - 1]) {
            let mut lender = Lender::new(units * LOAN_UNIT_BYTES);
            let longest = lender.longest();
            assert!(longest > 0);
            let room = lender.lend(longest).expect("the longest is lent");
            lender.give_back(room);
            let sized = Lender::bytes_for(units * LOAN_UNIT_BYTES);
            Lender::new(sized).lend(units * LOAN_UNIT_BYTES).map(|_| ()).expect("a segment sized for it lends it");
        }
    }

    #[test]
    fn a_segment_of_the_greatest_length_lends_its_last_byte() {
        let mut lender = Lender::new(SEGMENT_BYTES_MAX as u64);
        let half = lender.lend(128 << 30).expect("half of it");
        let quarter = lender.lend(64 << 30).expect("a quarter");
        assert_eq!(half.offset() + half.len(), quarter.offset());
        assert_eq!(lender.lent_bytes(), 192 << 30);
        lender.give_back(half);
        lender.give_back(quarter);
        assert_eq!(lender.lent_bytes(), 0);
    }

    #[test]
    #[should_panic(expected = "a room returns to the lender that lent it")]
    fn a_room_of_another_lender_is_not_taken() {
        let room = Lender::new(4096).lend(64).expect("room");
        Lender::new(4096).give_back(room);
    }
}
