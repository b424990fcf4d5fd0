//! Face: what the expansion of `#[module]` names, from contract alone.
//!
//! Holds: no client is generated here; clients know the methods of `admin` from their node, or from `windlass_contract::admin`.

/// As in the facade, without a client.
pub(crate) mod __private {
    pub(crate) use windlass_contract::{
        Fault, MethodRef, PoolId, abi, context, describe, module, nested, schema, serve,
    };
}

/// Leaves its content, a client, out.
macro_rules! __client {
    ($($content:tt)*) => {};
}

pub(crate) use __client;
