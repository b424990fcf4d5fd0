//! A spawned task as it crosses: how the host begins it, and what it answers.
//!
//! Holds: a body is begun or dropped, once; a task's value stays on the module's side, the host hears only that it has ended.

use super::{Incoming, RawBytes, RawCall, RawFuture, Started, shim};
use crate::context::Context;
use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// A task that a module asks for.
#[derive(Debug)]
#[repr(C)]
pub struct RawSpawn {
    /// Bytes of this record, for growth.
    pub size: u32,
    /// 0: the class of calls that are waited for; 1: background.
    pub class: u32,
    /// Its weight beside other lanes of its class; 0: it shares the lane of its class with the calls.
    pub weight: u32,
    /// Zero.
    pub reserved: u32,
    /// UTF-8, for lists of tasks; read before the call returns.
    pub name: RawBytes,
    /// The body; the host owns it from here on.
    pub data: *mut c_void,
    /// Begins it: consumes `data`. The record lives until the future is dropped.
    pub begin: unsafe extern "C" fn(*mut c_void, *const RawCall) -> RawFuture,
    /// Drops a body that is not begun.
    pub drop: unsafe extern "C" fn(*mut c_void),
}

/// Where a task leaves its value.
pub(crate) type Left<T> = Rc<RefCell<Option<T>>>;

struct Body<F, T> {
    run: F,
    left: Left<T>,
}

impl RawSpawn {
    /// A task that runs `run` and leaves its value.
    pub(crate) fn new<F, T>(class: u32, weight: u32, name: &str, run: F, left: Left<T>) -> Self
    where
        F: AsyncFnOnce(Context<'_>) -> T + 'static,
        T: 'static,
    {
        Self {
            size: size_of::<Self>() as u32,
            class,
            weight,
            reserved: 0,
            name: RawBytes::of(name.as_bytes()),
            data: Box::into_raw(Box::new(Body { run, left })).cast(),
            begin: begin::<F, T>,
            drop: drop_body::<F, T>,
        }
    }
}

unsafe extern "C" fn begin<F, T>(data: *mut c_void, call: *const RawCall) -> RawFuture
where
    F: AsyncFnOnce(Context<'_>) -> T + 'static,
    T: 'static,
{
    // SAFETY: the box that `new` leaked; the host begins a body once, and does not drop it then.
    let body = unsafe { Box::from_raw(data.cast::<Body<F, T>>()) };
    // SAFETY: the host keeps `call` valid until the future it gets is dropped.
    let call: Incoming<'_> = unsafe { Incoming::new(call) };
    let Body { run, left } = *body;
    shim::guarded(&call, move || {
        Started::future(call, async move {
            let value = run(call.context()).await;
            *left.borrow_mut() = Some(value);
            call.reply_bytes(&[]);
        })
    })
}

unsafe extern "C" fn drop_body<F, T>(data: *mut c_void) {
    // SAFETY: the box that `new` leaked, dropped once by the host instead of being begun.
    let body = unsafe { Box::from_raw(data.cast::<Body<F, T>>()) };
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(body))) {
        shim::forget_panic(payload);
    }
}
