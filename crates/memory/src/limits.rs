//! Limits: what this crate refuses to exceed, in one place.
//!
//! Lives here: one constant per bound, with the reason for its value.
//! Not here: limits that an operator sets (sessions, calls, leases): those belong to the runtime.

/// The longest segment in bytes: loans count 64-byte units in 32 bits, which reaches 256 GiB.
pub const SEGMENT_BYTES_MAX: usize = 256 << 30;

/// The unit of a loan in bytes: one cache line, so that two loans never share one.
pub const LOAN_UNIT_BYTES: u64 = 64;

/// Loans outstanding from one segment. Bounds the bookkeeping at about 256 KiB per segment.
pub const LOANS_PER_SEGMENT_MAX: u32 = 4096;

/// Entries of one ring: 4 MiB of memory, and far below the half of `u32` at which positions become ambiguous.
pub const RING_DEPTH_MAX: u32 = 1 << 16;

/// Up to this many bytes are copied as relaxed atomic words; beyond it a string instruction is faster.
pub const COPY_BY_WORDS_MAX: usize = 256;

/// Descriptors in one datagram: the welcome carries three.
pub const DESCRIPTORS_PER_MESSAGE_MAX: usize = 8;

/// How often a side gives way before it sleeps.
pub const GIVE_WAY_TRIES: u32 = 2;
/// Giving way for longer than this means that a third thread took the processor, nanoseconds: a slice of it is milliseconds.
pub const GIVE_WAY_LONG_NS: u64 = 100_000;
/// How long nobody gives way after that, nanoseconds; four times as long each time, half as long after each that was short.
pub const GIVE_WAY_PAUSE_MIN_NS: u64 = 1_000_000;
/// And at most: beside a thread that always computes, a slice of it is lost once in so long.
pub const GIVE_WAY_PAUSE_MAX_NS: u64 = 1_000_000_000;

/// Call slots of one session whose threads share a reaper.
pub const SEATS_MAX: u32 = 1 << 16;

const _: () = assert!(SEGMENT_BYTES_MAX as u64 / LOAN_UNIT_BYTES <= 1 << 32, "loan units must fit 32 bits");
const _: () = assert!(RING_DEPTH_MAX.is_power_of_two(), "a ring's position is masked, not divided");
