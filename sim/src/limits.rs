//! Limits of one run.

/// Steps of one run; more is a run that does not end.
pub const STEPS_MAX: u64 = 400_000;
/// Virtual time of one run, nanoseconds; more is a run in which somebody waits for something that does not come.
pub const TIME_MAX_NS: u64 = 2_000_000_000_000;
/// How long a call may take to end after it was asked to, virtual nanoseconds: the grace, and what the weather may add.
pub const CANCEL_MAX_NS: u64 = 20_000_000_000;
/// One turn of so many is that of a worker which is held up then, in a node of several.
pub const HOLD_ONE_IN: u64 = 400;
/// For how many turns at most.
pub const HELD_STEPS_MAX: u64 = 300;
/// Seeds of one workload that run in `cargo test`.
pub const SEEDS_IN_TESTS: u64 = 60;
/// Seeds within which a planted bug has to be found.
pub const SEEDS_PER_PLANT: u64 = 1_000;
/// Bytes of a client that wait to be carried by its conduit.
pub const CONDUIT_BYTES: usize = 64 << 10;
/// How long a conduit that carried something waits before it looks again, virtual nanoseconds; then ever longer.
pub const CONDUIT_LOOK_NS: u64 = 20_000;
/// At most so long.
pub const CONDUIT_LOOK_MAX_NS: u64 = 20_000_000;
