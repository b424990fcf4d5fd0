//! Windlass: a runtime for data services. This crate is the one that users name.
//!
//! ```
//! use windlass::prelude::*;
//! use std::collections::HashMap;
//!
//! #[derive(Default)]
//! pub struct Counter {
//!     totals: HashMap<String, u64>,
//! }
//!
//! /// Counts things by name.
//! #[module(version = "1.2")]
//! impl Counter {
//!     /// Starts at nothing.
//!     #[create]
//!     fn create() -> Self {
//!         Self::default()
//!     }
//!
//!     /// Adds `by` and answers the new total.
//!     #[method(key = name)]
//!     fn add(&mut self, name: &str, by: u64) -> u64 {
//!         let total = self.totals.entry(name.to_owned()).or_default();
//!         *total += by;
//!         *total
//!     }
//! }
//!
//! # #[cfg(feature = "client")]
//! fn from_another_process() -> Result<u64, Fault> {
//!     let counter = counter::Blocking::connect("local", "counters")?;
//!     counter.add("cats", 2)
//! }
//! # fn main() {}
//! ```
//!
//! Lives here: `prelude`, the re-exports behind it, `wait`, and what expansions name (`__private`).
//! Features: `module` (write one), `client` (call one; default), `provide` (run one here, for a node: `client.serve`), `node` (be one: `node!`), `tasks` (run tasks with no node).
//! Holds: a build with `module` alone contains no client.
//! Not here: anything that runs.

#[cfg(feature = "module")]
pub mod prelude;

#[cfg(feature = "tasks")]
pub mod tasks;

#[cfg(feature = "client")]
pub use windlass_client::{
    AsyncItems, Client, Connect, Counters, FrozenLoan, Items, Loan, Outgoing, Payload, Pending, Pool, Query,
    Reply, ResultView, Streaming, dynamic,
};
#[cfg(feature = "module")]
pub use {
    serde,
    windlass_contract::abi::{ModuleTable, Pages},
    windlass_contract::array::{self, Array, ArrayView, Dtype, Fresh, Item, Scalar, Strings},
    windlass_contract::buffers::{Bytes, In, InOut, Out, SharedBytes},
    windlass_contract::commands::{Answered, Called, Given, Tuple},
    windlass_contract::context::{Context, Level},
    windlass_contract::files::{File, OpenHow},
    windlass_contract::lending::{Lost, Moved, Source, Target},
    windlass_contract::module::{Cost, Hooks, Lane, LaneCall, Sample},
    windlass_contract::sockets::{Address, Listener, Socket},
    windlass_contract::spawn::{LaneFacts, Spawn, Task},
    windlass_contract::streams::{Sink, Stream},
    windlass_contract::symbols::{self, Own, Slot, Symbol, SymbolType, Symbols},
    windlass_contract::{
        Code, Described, Fault, MethodId, MethodRef, MethodSchema, ModuleDescriptor, Outcome, PoolId, Retry,
        Schema,
    },
    windlass_macros::{Described, create, data, hook, method, module},
};

/// Which containers of a pool a call goes to.
#[cfg(all(feature = "module", not(feature = "client")))]
pub use windlass_contract::slot::Query;

/// How calls of a container wait for each other: locks, channels, barriers, pools of buffers. State of a module whose methods
/// are `async`, so it is held by `&self`.
///
/// # Example
/// ```
/// use windlass::prelude::*;
/// use windlass::wait::QLock;
///
/// /// A page that many write, one after another.
/// #[derive(Default)]
/// pub struct Page {
///     lines: QLock<Vec<String>>,
/// }
///
/// #[module]
/// impl Page {
///     #[create]
///     fn create() -> Self {
///         Self::default()
///     }
///
///     /// Adds `lines`, which no other call comes between, however long they take.
///     #[method]
///     async fn add(&self, cx: &Context, lines: Vec<String>) -> Result<u64, Fault> {
///         let mut page = cx.wait(self.lines.lock()).await??;
///         for line in lines {
///             page.push(line);
///             cx.yield_if_due().await?; // other calls run here, and wait for the page
///         }
///         Ok(page.len() as u64)
///     }
/// }
/// # fn main() {}
/// ```
#[cfg(feature = "module")]
pub use windlass_wait as wait;

/// The node that [`node!`] makes of a program.
#[cfg(feature = "node")]
pub use windlass_serve as node;

/// A module served from this process: `client.serve(pool, Module::TABLE)`.
#[cfg(feature = "provide")]
pub use windlass_provide as provide;

/// Makes a program a node of these modules: writes its `main`, which takes the flags of `windlass serve`.
///
/// Shape: one type of a `#[module]` after another. The node has a pool of each, called like its module and made with
/// default parameters, unless its configuration names pools.
///
/// # Example
/// ```ignore
/// windlass::node!(Compressor);
/// ```
#[cfg(feature = "node")]
#[macro_export]
macro_rules! node {
    ($($module:ty),+ $(,)?) => {
        fn main() -> ::std::process::ExitCode {
            $crate::node::main(&[$(<$module>::TABLE),+])
        }
    };
}

/// What expansions name. No promise is made about it to anybody else.
#[cfg(feature = "module")]
#[doc(hidden)]
pub mod __private {
    #[cfg(feature = "client")]
    pub use windlass_client as client;
    pub use windlass_contract::{
        Described, Fault, MethodId, MethodRef, PoolId, abi, admin, array, commands, context, describe, module,
        nested, schema, serve, streams, symbols,
    };
}

/// Its content, with the feature `client`.
#[cfg(feature = "client")]
#[doc(hidden)]
#[macro_export]
macro_rules! __client {
    ($($content:tt)*) => { $($content)* };
}

/// Its content, with the feature `client`.
#[cfg(not(feature = "client"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __client {
    ($($content:tt)*) => {};
}
