//! Limits of one driver.

/// Descriptors registered at once.
pub const HANDLES_MAX: usize = 1 << 16;
/// Operations under way at once; a driver that has as many gives the next one back.
pub const OPERATIONS_MAX: usize = 1 << 12;
/// Bytes of a path or a name.
pub const NAME_MAX: usize = 4096;
/// Addresses that a name is taken to stand for.
pub const ADDRESSES_MAX: usize = 16;
/// Connections that may wait to be accepted.
pub const BACKLOG: i32 = 1024;
/// Requests that the ring takes in one system call.
pub const RING_ENTRIES: u32 = 512;
/// Threads of one driver for calls that block: opening, renaming, and in the fallback reading and writing of files.
pub const HELPERS_MAX: usize = 8;
/// Threads of one driver that look names up.
pub const RESOLVERS_MAX: usize = 2;
/// How long such a thread waits for the next call before it ends, milliseconds.
pub const HELPER_IDLE_MS: u64 = 5_000;
/// How often an operation is handed over again when the kernel says to try again.
pub const TRIES_MAX: u8 = 16;
/// Lines that a simulated world keeps of what happened last.
pub const SIM_TRACE_LINES: usize = 4_000;
/// Unsynced contents of one sector that a simulated disk may still choose from at a crash; the oldest go.
pub const SIM_VERSIONS_MAX: usize = 4;
/// Things that are to happen in a simulated world; more is a world that runs away.
pub const SIM_EVENTS_MAX: usize = 1 << 20;
/// Events of real descriptors that a simulated driver takes from the kernel at once.
pub const SIM_READY_MAX: usize = 64;
/// Bytes of a simulated file that are copied at once.
pub const SIM_PIECE_BYTES: usize = 32 << 10;
/// Threads that the kernel may start for requests of a ring that block, such as syncs; of each of its two kinds.
pub const KERNEL_THREADS_MAX: u32 = 16;
