//! Limits of a node: every count and size that a client could drive up.

/// Sessions at once.
pub const SESSIONS_MAX: usize = 4096;
/// Workers of a node.
pub const WORKERS_MAX: usize = 256;
/// Calls of one worker that one other worker has and has not answered.
pub const AWAY_MAX: usize = 1 << 14;
/// Orders of one worker (to make a container, to report) that others have not carried out.
pub const ORDERS_MAX: usize = 1 << 12;
/// How long a worker may take to report before it is left out, nanoseconds.
pub const REPORT_NS: u64 = 200_000_000;
/// Letters of other workers read in one turn.
pub const LETTERS_PER_TURN: usize = 1024;
/// Containers of one pool.
pub const CONTAINERS_MAX: usize = 1024;
/// Tasks in a list of them.
pub const TASKS_LISTED_MAX: usize = 4096;
/// Connections that have not said hello yet.
pub const GREETINGS_MAX: usize = 256;
/// How long a connection may take to say hello, nanoseconds.
pub const GREETING_NS: u64 = 2_000_000_000;
/// How long the node waits before it accepts again when the machine had no descriptor for a connection, nanoseconds.
pub const ACCEPT_PAUSE_NS: u64 = 100_000_000;
/// Pools at once.
pub const POOLS_MAX: usize = 4096;
/// Slots taken from one session in one turn.
pub const SLOTS_PER_TURN: usize = 64;
/// Pieces of work run in one turn.
pub const WORK_PER_TURN: usize = 256;
/// Control messages taken from one session at once.
pub const CONTROLS_PER_TURN: usize = 16;
/// Heap and result segments of one session.
pub const SEGMENTS_MAX: usize = 256;
/// Frozen segments of one session.
pub const FROZEN_MAX: usize = 1024;
/// Leases one session may hold.
pub const LEASES_MAX: u32 = 4096;
/// Detached calls of one session that have not ended.
pub const DETACHED_MAX: u32 = 4096;
/// Bytes of all segments of one session, unless configured.
pub const SESSION_BYTES_MAX: u64 = 8 << 30;
/// Bytes of one loan or buffer.
pub const LOAN_BYTES_MAX: u64 = 4 << 30;
/// Bytes of a session's first result segment, unless its first result is longer; each further one is twice as long.
pub const RESULT_BYTES_MIN: u64 = 64 << 10;
/// The longest result segment that doubling asks for; a longer result gets a segment of its own.
pub const RESULT_BYTES_STEP_MAX: u64 = 1 << 20;
/// Bytes of private buffers kept warm between calls.
pub const WARM_BYTES_MAX: usize = 64 << 20;
/// Calls of one key that wait for their turn, per container.
pub const KEY_WAITING_MAX: usize = 1 << 14;
/// Operations one call may have under way.
pub const OPERATIONS_MAX: usize = 1024;
/// Nested calls that one root may have under way.
pub const NESTED_MAX: usize = 1 << 14;
/// How long a cancelled call may clean up before its future is dropped, nanoseconds.
pub const CANCEL_GRACE_NS: u64 = 2_000_000_000;
/// How often that time is given again to a call that does what it shielded.
pub const SHIELDS_MAX: u32 = 15;
/// How long operations may take to end when the node ends, nanoseconds.
pub const LAST_IO_NS: u64 = 2_000_000_000;
/// How long the worker sleeps at most between two looks at them, nanoseconds.
pub const LAST_IO_NAP_NS: u64 = 5_000_000;
/// Files and sockets that one container may have open.
pub const CONTAINER_HANDLES_MAX: usize = 4096;
/// Tasks that one container may have spawned and that run, or wait to be joined.
pub const CONTAINER_TASKS_MAX: usize = 1 << 14;
/// Rounds of `WORK_PER_TURN` in which calls that are dropped at the node's end may answer for themselves.
pub const LAST_ROUNDS: usize = 1 << 12;
/// How long the worker looks on before it sleeps, nanoseconds, when looking has paid lately.
pub const SPIN_NS: u64 = 50_000;
/// And when it has not.
pub const SPIN_COLD_NS: u64 = 2_000;
/// Turns between two looks at sockets while there is work.
pub const TURNS_PER_POLL: u32 = 32;
/// And pieces of work, however few the turns they take: a silent session is heard by such a look only.
pub const WORK_PER_POLL: usize = 1024;
/// And time, nanoseconds, however few the pieces.
pub const POLL_NS: u64 = 1_000_000;
/// Calls that one session over a socket may have out: their answers wait in the node's memory while the client does not read.
pub const STREAM_CALLS_MAX: u32 = 1024;
/// Bytes read from a stream at once, at first.
pub const STREAM_READ_BYTES: usize = 16 << 10;
/// And once it has brought that much at a time.
pub const STREAM_READ_BYTES_MAX: usize = 256 << 10;
/// Bytes written to a stream at once, about.
pub const STREAM_WRITE_BYTES: usize = 256 << 10;
/// How long a frame that has begun to arrive may take, nanoseconds.
pub const STREAM_FRAME_NS: u64 = 5_000_000_000;
/// How long a client has to read what was sent to it when its session has ended, nanoseconds.
pub const STREAM_LAST_WORDS_NS: u64 = 1_000_000_000;
/// The last calls of a method that a container remembers one by one.
pub const SAMPLES_KEPT: usize = 64;
/// So many calls teach before what is learnt counts, and between two changes of that.
pub const LEARNT_AFTER: u64 = 8;
/// Calls of a method after which its module is asked for a fit of its own.
pub const TRAINED_AFTER: u64 = 64;
/// Calls that have ended and that their modules were not told of yet, per worker; further ones are not told.
pub const SAMPLES_UNTOLD_MAX: usize = 1024;
/// What is expected to hold its worker for longer than this, nanoseconds, is heavy: quick calls pass it.
pub const HEAVY_NS: u64 = windlass_lane::limits::SLICE_NS;
/// What the heavy calls of a worker get of it at least while they wait, in thousandths.
pub const HEAVY_SHARE: u32 = 250;
/// How long a heavy call may run before it should yield, nanoseconds.
pub const HEAVY_QUANTUM_NS: u64 = 200_000;
/// How long a flush waits before it asks a container once more what remains to be done, nanoseconds.
pub const FLUSH_AGAIN_NS: u64 = 5_000_000;
/// And how long in all.
pub const FLUSH_WORK_NS: u64 = 60_000_000_000;
/// Symbols of one session, and registered symbols of a node.
pub const SYMBOLS_MAX: usize = 1_000_000;
/// Memory of a symbol that is at least so long stands in a file of its own, which a client can read in place. Shorter memory is
/// copied in less than a millisecond, and the allocator keeps it warm.
pub const FILE_BYTES_MIN: u64 = 4 << 20;
/// Files of symbols at once, each a descriptor; further memory is copied when it is read.
pub const FILES_MAX: usize = 256;
/// Bytes of files that are kept for the next symbols.
pub const FILES_WARM_BYTES_MAX: u64 = 1 << 30;
/// And which part of the node's bytes at most.
pub const FILES_WARM_PART: u64 = 8;
/// And how many.
pub const FILES_WARM_MAX: usize = 32;
/// Symbols in a list of them.
pub const SYMBOLS_SHOWN_MAX: usize = 10_000;
/// Calls of a served pool that wait until its provider takes them.
pub const RELAYED_MAX: usize = 4096;
/// Calls with streams that one session may have under way on a worker.
pub const STREAMS_MAX: usize = 32;
/// Bytes of a stream that wait in the node, each way, before whoever sends them waits.
pub const STREAM_WINDOW_BYTES: usize = 128 * 1024;
/// How long a pool that a process is to serve stands without being held, nanoseconds.
pub const UNHELD_NS: u64 = 5_000_000_000;
/// Calls of one worker that wait while the container that they go to moves.
pub const HELD_MAX: usize = 4096;
/// How long a container that is to move may take to end its calls, nanoseconds; others wait meanwhile.
pub const MOVE_DRAIN_NS: u64 = 200_000_000;
/// How often it is looked at whether it has.
pub const MOVE_LOOK_NS: u64 = 100_000;
/// The same, when it was looked often.
pub const MOVE_LOOK_MAX_NS: u64 = 5_000_000;
/// How long workers have to hold calls back for that.
pub const MOVE_HOLD_NS: u64 = 200_000_000;
/// How long a state may take from one container to the next.
pub const MOVE_STATE_NS: u64 = 5_000_000_000;
/// How long whoever wants to end, keep or change a pool waits for a container of it that moves.
pub const MOVE_WAIT_NS: u64 = 10_000_000_000;
/// By how much more a session's calls have to go to another worker than elsewhere before it goes there.
pub const DRIFTS: i32 = 64;
/// What of that counts at most.
pub const DRIFT_MAX: i32 = 128;
/// How long a session stays where it came to, at least.
pub const DRIFT_NS: u64 = 100_000_000;
/// How long it takes until a worker gives another session away.
pub const SESSION_GAP_NS: u64 = 10_000_000;
/// How often it is looked whether a worker that was held, and gave its shares away, turns again.
pub const RELIEF_LOOK_NS: u64 = 100_000_000;
/// Events that a node keeps for those who ask.
pub const EVENTS_MAX: usize = 1024;
/// Bytes of events in one reply, about.
pub const EVENTS_BYTES_AT_ONCE: usize = 32 << 10;
/// Calls that wait for the next event at once; further ones look again and again.
pub const EVENT_WAITERS_MAX: usize = 256;
/// How long a call may wait for the next event, milliseconds.
pub const EVENT_WAIT_MS_MAX: u64 = 10_000;
