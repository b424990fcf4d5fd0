//! Face: what the expansion of `#[module]` names, without the facade (whose `node` brings this module along).
//!
//! Holds: clients are generated with the feature `client` alone; a node has none.

/// As in the facade, without a client.
pub(crate) mod __private {
    #[cfg(feature = "client")]
    pub(crate) use windlass_client as client;
    #[cfg(feature = "client")]
    pub(crate) use windlass_contract::admin;
    pub(crate) use windlass_contract::{
        Fault, MethodRef, PoolId, abi, context, describe, module, nested, schema, serve,
    };
}

/// Its content, with the feature `client`.
#[cfg(feature = "client")]
macro_rules! __client {
    ($($content:tt)*) => { $($content)* };
}

/// Leaves its content, a client, out.
#[cfg(not(feature = "client"))]
macro_rules! __client {
    ($($content:tt)*) => {};
}

pub(crate) use __client;
