//! Everything a module or a client names, for `use windlass::prelude::*`.

pub use crate::{
    Bytes, Code, Context, Cost, Described, Fault, File, Hooks, In, InOut, Level, Listener, OpenHow, Out, Outcome,
    PoolId, Query, Retry, Sample, SharedBytes, Socket, Spawn, Task, create, data, hook, method, module,
};
#[cfg(feature = "client")]
pub use crate::{Client, FrozenLoan, Loan, Payload, Pool, ResultView};
