//! Depth: a described type that nests too deep is refused while it is read, before it can exhaust the stack.
//!
//! Lives here: `deeper`, which wraps the reading of every place where a `Schema` holds another.
//! Holds: reading and dropping a `Schema` that came from a peer takes bounded stack. `Schema::check` names what is only a
//! little too deep (a recursive Rust type); this bound stands above that one.

use crate::limits::SCHEMA_DEPTH_MAX;
use serde::{Deserialize, Deserializer, de::Error};
use std::cell::Cell;

/// Twice what `Schema::check` allows.
const READ_DEPTH_MAX: usize = 2 * SCHEMA_DEPTH_MAX;

thread_local! {
    // Serde gives a derived reader no place for a count. A read never crosses threads and always leaves by `Level::drop`.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

struct Level;

impl Level {
    fn enter() -> Option<Self> {
        DEPTH.with(|depth| {
            (depth.get() < READ_DEPTH_MAX).then(|| {
                depth.set(depth.get() + 1);
                Self
            })
        })
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        DEPTH.with(|depth| depth.set(depth.get() - 1));
    }
}

/// Reads what is nested one level further in.
///
/// # Errors
/// The reader's own, and one of its making past `READ_DEPTH_MAX`.
pub(super) fn deeper<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    let Some(_level) = Level::enter() else {
        return Err(D::Error::custom("the type nests too deep"));
    };
    T::deserialize(from)
}

#[cfg(test)]
mod tests {
    use crate::Schema;

    #[test]
    fn a_type_of_a_million_levels_is_refused_without_a_million_frames() {
        // Tag 15 is `Option`: each byte nests one level further in.
        let mut bytes = vec![15; 1 << 20];
        bytes.push(0);
        assert!(postcard::from_bytes::<Schema>(&bytes).is_err());
        assert_eq!(postcard::from_bytes::<Schema>(&[15, 15, 2]).unwrap().to_string(), "option<option<u8>>");
    }
}
