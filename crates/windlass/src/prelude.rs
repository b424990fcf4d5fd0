//! Everything a module or a client names, for `use windlass::prelude::*`.

pub use crate::{
    Array, ArrayView, Bytes, Called, Code, Context, Cost, Described, Dtype, Fault, File, Fresh, Given, Hooks, In,
    InOut, Item, Lane, LaneCall, Level, Listener, OpenHow, Out, Outcome, Own, PoolId, Query, Retry, Sample,
    Scalar, SharedBytes, Sink, Slot, Socket, Spawn, Stream, Strings, SymbolType, Task, Tuple, create, data, hook,
    method, module,
};
#[cfg(feature = "client")]
pub use crate::{Client, FrozenLoan, Loan, Payload, Pool, ResultView};
