//! Heap: memory that may be refused.
//!
//! Lives here: `try_box`. The standard library's `Box::new` ends the process when memory runs out; what a task asks for does not.

use std::alloc::{Layout, alloc};
use std::ptr::NonNull;

/// Boxes a value.
///
/// Cost: one allocation; none for a value without size.
///
/// # Errors
/// Gives the value back when memory is refused.
pub fn try_box<T>(value: T) -> Result<Box<T>, T> {
    let layout = Layout::new::<T>();
    let place = if layout.size() == 0 {
        NonNull::<T>::dangling()
    } else {
        // SAFETY: the layout has a size.
        let place = unsafe { alloc(layout) };
        match NonNull::new(place.cast::<T>()) {
            Some(place) => place,
            None => return Err(value),
        }
    };
    // SAFETY: `place` is the global allocator's, of this type's layout (or dangling for a type without size), so it may be written once
    //   and then belongs to a `Box`.
    unsafe {
        place.write(value);
        Ok(Box::from_raw(place.as_ptr()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boxed_value_is_the_value_whatever_its_size() {
        assert_eq!(*try_box([7u64; 100]).unwrap(), [7; 100]);
        try_box(()).unwrap();
        let text = try_box(String::from("moved")).unwrap();
        assert_eq!(*text, "moved");
    }
}
