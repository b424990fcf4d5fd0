//! A container's home: what outlives a call, on both sides of the edge.
//!
//! Lives here: `Home` (a module's counted reference to its container's side of the node), `Tell`.
//! From: a call, which carries the pointer. To: files, sockets and spawned tasks, which live longer than the call that made them.
//! Holds: the host keeps a home while a reference to it is counted, also when its container is gone; what is told then has
//! no effect.

use super::{HostTable, RawCall};
use std::ffi::c_void;
use std::fmt;

/// What a module tells a home, without waiting for anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Tell {
    /// One more reference is counted.
    Keep = 1,
    /// One fewer.
    Release = 2,
    /// Close this handle.
    Close = 3,
    /// Ask this spawned task to end.
    CancelTask = 4,
    /// Nobody will ask for this task any more; it goes on.
    ForgetTask = 5,
}

/// A module's reference to its container's home. Bound to the container's thread.
pub(crate) struct Home {
    host: *const HostTable,
    home: *mut c_void,
}

impl Home {
    /// The home of a call's container; `None` where a host has none.
    pub(super) fn of(call: &RawCall) -> Option<Self> {
        if call.home.is_null() {
            return None;
        }
        let this = Self { host: call.host, home: call.home };
        this.tell(Tell::Keep, 0);
        Some(this)
    }
    /// Tells it something.
    pub(crate) fn tell(&self, what: Tell, number: u64) {
        // SAFETY: the host's table lives as long as the process; the home is kept by the reference counted in `of`, and in
        //   `of` itself by the call. A raw pointer keeps this type on the container's thread.
        unsafe { ((*self.host).tell)(self.home, what as u32, number) }
    }
}

impl Clone for Home {
    fn clone(&self) -> Self {
        self.tell(Tell::Keep, 0);
        Self { host: self.host, home: self.home }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.tell(Tell::Release, 0);
    }
}

impl fmt::Debug for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a container's home")
    }
}
