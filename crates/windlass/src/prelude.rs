//! Everything a module or a client names, for `use windlass::prelude::*`.

pub use crate::{
    Bytes, Code, Context, Cost, Described, Fault, Hooks, In, InOut, Level, Out, Outcome, PoolId, Retry, Sample,
    SharedBytes, create, data, hook, method, module,
};
#[cfg(feature = "client")]
pub use crate::{Client, FrozenLoan, Loan, Payload, Pool, ResultView};
