//! Limits: what a client refuses to exceed or waits for at most, in one place.
//!
//! Holds: every wait that is not for a reply ends; a wait for a reply ends with the node.
//! Not here: what the node grants (in its welcome) and what the protocol allows (`windlass_contract::limits`).

use std::time::Duration;

/// How long connecting and the answer to a control message may take, unless `Connect::timeout` says otherwise.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// How long a completion may be ahead of the control message that brings its segment. The node sends the message
/// first, so this passes only if the node breaks its word.
pub const SEGMENT_WAIT: Duration = Duration::from_secs(1);

/// How long a thread sleeps before it looks whether the node is still there.
pub const PARK_SLICE: Duration = Duration::from_millis(250);

/// How long a waiting thread spins before it sleeps, at most, unless `Connect::spin` says otherwise: about what a sleep and a
/// wake of a halted processor cost.
pub const SPIN_DEFAULT: Duration = Duration::from_micros(100);

/// How long it spins while nothing says that longer would pay.
pub const SPIN_SHORT: Duration = Duration::from_micros(20);

/// The longest spin that `Connect::spin` accepts.
pub const SPIN_MAX: Duration = Duration::from_millis(1);

/// How often a loop that attends a session looks for more before it sleeps, while more keeps coming.
pub const ATTEND_ROUNDS_MAX: usize = 4096;

/// How long a client that connects again waits after the first look for a node that is not there; twice as long each time.
pub const AGAIN_FIRST: Duration = Duration::from_millis(5);
/// The longest such pause.
pub const AGAIN_LONGEST: Duration = Duration::from_millis(250);

/// The first heap segment in bytes, unless its first loan is longer; each further one is twice as long, up to the session's
/// limit. Small, since a client that lends little should cost its node little.
pub const HEAP_BYTES_MIN: u64 = 64 << 10;

/// The longest heap segment that growth by doubling asks for; a longer loan gets a segment of its own.
pub const HEAP_BYTES_STEP_MAX: u64 = 256 << 20;

/// Threads of one client that wait at once, beyond one for each call slot. Past that a call that finds no free slot is
/// refused, and a thread that waits for an answer looks for it again and again instead of sleeping.
pub const SPARE_SEATS: u32 = 1024;

/// Bytes of arguments that a call being put together keeps inline; they are moved with it.
pub const ARGUMENTS_INLINE: usize = 128;
/// Bytes of a reply that it keeps inline: as many as a completion has.
pub const REPLY_INLINE: usize = windlass_contract::completion::INLINE_BYTES;

/// Room that a schema-driven call lends for an `out` buffer for which its caller names none, in bytes.
pub const DYNAMIC_ROOM: usize = 1 << 20;

/// Bytes read from a stream at once: more than any frame has.
pub const STREAM_READ_BYTES: usize = 256 << 10;
/// Bytes of chunks written to a stream at once, about.
pub const STREAM_WRITE_BYTES: usize = 256 << 10;
/// Memory asked for ahead for a result that a stream brings, bytes; a longer one grows as it comes.
pub const RESULT_BYTES_AHEAD: u64 = 64 << 20;
/// How long a TCP connection is silent before the system probes the other side.
pub const KEEPALIVE_IDLE: Duration = Duration::from_secs(5);
/// How long it waits for the answer to a probe.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
/// After how many unanswered ones the other side is gone.
pub const KEEPALIVE_TRIES: u32 = 5;
/// How long what was sent may stay unheard before the other side is gone.
pub const UNHEARD_MAX: Duration = Duration::from_secs(10);
