//! Nested calls: a method that calls another pool, through its context.
//!
//! Lives here: `Context::call` and `Encoding` (its arguments), used by the `Nested` client that `#[module]` generates.
//! Holds: a nested call carries its root and depth, takes no session credit, and is refused past `DEPTH_MAX`.
//! Not here: buffers; methods with buffers are called from a client.

use crate::abi::OpKind;
use crate::context::Context;
pub use crate::slot::Query;
use crate::slot::{Kind, NO_DEADLINE, Place, Slot};
use crate::{CallId, Code, Fault, MethodRef, Outcome, PoolId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use windlass_memory::SegmentId;

impl Context<'_> {
    /// Calls `method` of `pool` with encoded arguments and waits for its answer.
    ///
    /// Cost: one pass through the node's call path, no system call. The deadline of this call holds for the nested one.
    ///
    /// # Errors
    /// Whatever the callee answers; `TooDeep`, `WouldDeadlock` and `QueueFull` before it runs; `Cancelled` when this call
    /// is cancelled.
    pub async fn call<R: DeserializeOwned>(
        &self,
        pool: PoolId,
        method: MethodRef,
        arguments: &[u8],
    ) -> Result<R, Fault> {
        self.call_to(pool, Query::Local, method, arguments).await
    }

    /// As `call`, but to these containers of the pool.
    ///
    /// # Errors
    /// As `call`; `UnknownContainer` when the query meets none.
    pub async fn call_to<R: DeserializeOwned>(
        &self,
        pool: PoolId,
        query: Query,
        method: MethodRef,
        arguments: &[u8],
    ) -> Result<R, Fault> {
        let slot = Slot {
            call: CallId::new(0, 0),
            pool,
            method: method.id,
            kind: Kind::Call,
            query,
            flags: 0,
            schema: method.schema,
            time_left_ns: NO_DEADLINE,
            arguments: Place { segment: SegmentId::NONE, length: arguments.len() as u32, offset: 0 },
        };
        let mut bytes = Vec::with_capacity(crate::slot::BYTES + arguments.len());
        bytes.extend_from_slice(&slot.to_bytes());
        bytes.extend_from_slice(arguments);
        let done = self.operation(OpKind::Call, 0, 0, bytes).await?;
        postcard::from_bytes(done.bytes.as_slice()).map_err(|_| {
            Fault::new(Code::BadReply, format!("the reply of {} does not decode", method.name))
                .with_outcome(Outcome::Ended)
        })
    }
}

/// The arguments of a call, encoded one after another.
#[derive(Clone, Debug, Default)]
pub struct Encoding(Vec<u8>);

impl Encoding {
    /// No arguments yet.
    pub fn new() -> Self {
        Self::default()
    }
    /// The same and `value`.
    ///
    /// # Errors
    /// `BadArguments` when serde cannot write the value (a map or sequence of unknown length).
    pub fn with(mut self, value: &impl Serialize) -> Result<Self, Fault> {
        self.0 = postcard::to_extend(value, self.0)
            .map_err(|error| Fault::new(Code::BadArguments, format!("an argument does not encode: {error}")))?;
        Ok(self)
    }
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}
