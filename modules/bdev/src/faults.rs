//! The module's own Faults; what the node says itself (`NoSpace`, `InUse`, `NotFound`, ..) keeps the node's codes.

use windlass::Fault;

/// 1001: the id is of nothing that is allocated (any more).
pub fn not_allocated(id: u64) -> Fault {
    Fault::module(1, format!("{id:#x} is not allocated; it was freed, or never was"))
}
/// 1002: bytes outside the allocation.
pub fn outside(at: u64, len: u64, bytes: u64) -> Fault {
    Fault::module(2, format!("bytes {at} + {len} lie outside an allocation of {bytes}"))
}
/// 1003: the file is shorter than its superblock says.
pub fn short(path: &str, is: u64, should: u64) -> Fault {
    Fault::module(3, format!("{path} has {is} bytes and should have {should}: its end is missing"))
}
/// 1004: a checksum does not hold.
pub fn damaged(path: &str, what: &str) -> Fault {
    Fault::module(4, format!("{path} is damaged: {what}"))
}
/// 1005: the file is of a newer format.
pub fn newer(path: &str, is: u32, known: u32) -> Fault {
    Fault::module(5, format!("{path} has format {is}, this version knows formats up to {known}: use a newer one"))
}
/// 1006: the file is something else.
pub fn foreign(path: &str) -> Fault {
    Fault::module(6, format!("{path} is not empty and not a device: it is left as it is"))
}
/// 1007: the device exists with another shape.
pub fn other_shape(path: &str, what: &str) -> Fault {
    Fault::module(7, format!("{path} has another shape than asked for: {what}"))
}
/// 1008: a change could not be made durable, so no other is taken.
pub fn broken(why: &str) -> Fault {
    Fault::module(
        8,
        format!("a change could not be made durable ({why}); make the pool anew to go on from what is"),
    )
}
