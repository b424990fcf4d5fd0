//! Limits of the contract: every count, length and depth a peer can choose has its bound here.

/// Argument bytes of one call, head included, in bytes. Larger payloads travel as buffers.
pub const ARGUMENT_BYTES_MAX: u32 = 64 * 1024;
/// Bytes of a container's exported state. Larger states belong into files or devices of the module's own.
pub const STATE_BYTES_MAX: usize = 16 << 20;
/// Reply bytes of one call, in bytes. Larger results travel as `Out` buffers.
pub const REPLY_BYTES_MAX: u32 = 64 * 1024;
/// Buffers of one call.
pub const BUFFERS_MAX: usize = 16;
/// How deep calls may nest: a call made by a call made by ... a client's call.
pub const DEPTH_MAX: u16 = 16;
/// How deep a described type may nest.
pub const SCHEMA_DEPTH_MAX: usize = 32;
/// Nodes of one described type: fields, variants and elements together.
pub const SCHEMA_NODES_MAX: usize = 4096;
/// Values that one decoding by schema may give, counted over all nesting: a few bytes never ask for endless memory.
pub const DECODED_VALUES_MAX: usize = 1024 * 1024;
/// Parameters of one method, buffers included.
pub const PARAMETERS_MAX: usize = 64;
/// Methods of one module.
pub const METHODS_MAX: usize = 1024;
/// Bytes of an encoded module descriptor.
pub const DESCRIPTOR_BYTES_MAX: usize = 1024 * 1024;
/// Calls that one session may have outstanding, at most (a power of two).
pub const CALLS_MAX: u32 = 4096;
/// Calls granted when a client does not ask (a power of two).
pub const CALLS_DEFAULT: u32 = 64;
/// Bytes of one argument cell and of one reply cell.
pub const CELL_BYTES: u32 = 256;
/// Bytes of a Fault's message; longer text is cut at a character boundary.
pub const FAULT_MESSAGE_MAX: usize = 2048;
/// Bytes of a Fault's details; longer text is cut at a character boundary.
pub const FAULT_DETAILS_MAX: usize = 8192;
/// Bytes of a name: module, pool, method, client.
pub const NAME_MAX: usize = 64;
/// What a file opened `direct` wants offsets, lengths and memory to be multiples of, in bytes.
pub const PAGE_BYTES: usize = 4096;
/// Bytes of a path, an address or a name to be looked up.
pub const PATH_MAX: usize = 4096;
/// The greatest weight of a spawned task.
pub const WEIGHT_MAX: u32 = 1_000_000;
/// Bytes of one operation's buffer, at most.
pub const OPERATION_BYTES_MAX: usize = 1 << 30;
/// Bytes of one chunk of a buffer in a stream, at most.
pub const CHUNK_BYTES_MAX: usize = 64 * 1024;
/// Bytes of chunks that one side of a stream may have sent and the other not yet taken, in each direction.
pub const WINDOW_BYTES: u64 = 1 << 20;
/// Lane groups of one module.
pub const LANE_GROUPS_MAX: usize = 16;
/// Lanes of one group, in each container.
pub const GROUP_LANES_MAX: u32 = 256;
/// Array memory begins at a multiple of this, in bytes.
pub const SHARED_ALIGN: usize = 64;
/// Dimensions of an array.
pub const RANK_MAX: usize = 8;
/// Pieces of memory of one symbol.
pub const SYMBOL_PARTS_MAX: usize = 4;
/// Bytes of a symbol's description: dtype, shape, or the state of a symbol type of a module's own.
pub const SYMBOL_HEAD_MAX: usize = 16 * 1024;
/// Bytes of a symbol's name, and of the name that it is registered under.
pub const SYMBOL_NAME_MAX: usize = 256;
/// Commands of one module.
pub const COMMANDS_MAX: usize = 1024;
/// Dtypes, ranks and enum parameters of one command's name.
pub const COMMAND_VARIABLES_MAX: usize = 16;
/// Instances that a command map lists by their full names.
pub const INSTANCES_MAX: usize = 1_000_000;
/// Bytes of a command's base name.
pub const COMMAND_NAME_MAX: usize = 128;

/// Bytes of a stream that gather before they go, unless their writer waits: about as many as travel at once.
pub const STREAM_CHUNK_BYTES: usize = 16 * 1024;
/// Bytes of a stream that one answer brings, or one call gives, at most.
pub const STREAM_BATCH_BYTES_MAX: usize = 60 * 1024;
/// Bytes of one value in a stream.
pub const STREAM_ITEM_BYTES_MAX: usize = 4 << 20;
