//! Prefix: how many of its arguments a call by schema sends.
//!
//! From: whoever encodes arguments by schema. To: the slot, which names the hash of what was sent.
//! Holds: arguments added with `since` are left out where the caller leaves out all that follow as well, so that an older
//!   module would take the call.

use windlass_contract::MethodSchema;

/// How many of the method's values to send, when the caller gave those that `given` says, and the hash of that prefix.
pub fn prefix(method: &MethodSchema, given: impl Fn(&str) -> bool) -> (usize, u64) {
    let values: Vec<_> = method.values().collect();
    let least = values.len() + 1 - method.hashes.len().clamp(1, values.len() + 1);
    let mut kept = values.len();
    while kept > least && !given(&values[kept - 1].0.name) {
        kept -= 1;
    }
    (kept, method.hashes.get(kept - least).copied().unwrap_or_else(|| method.hash()))
}
