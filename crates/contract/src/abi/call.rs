//! One call on the module's side: safe access to what the host lent, and its answer.
//!
//! Holds: a call is answered once; what is answered after that is dropped by the host.

use super::{
    Home, HostTable, LentWaker, RawBuffer, RawBytes, RawCall, RawFault, RawOp, RawOpResult, RawSpawn, RawSymbols,
};
use crate::context::{Context, Level};
use crate::{Code, Fault};
use std::any::Any;
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::task::Waker;

/// One call as it arrives at a module. Copyable: it is a reference to what the host keeps.
#[derive(Clone, Copy)]
pub struct Incoming<'a> {
    raw: &'a RawCall,
    // A call belongs to the task's thread.
    not_send: PhantomData<*const ()>,
}

impl<'a> Incoming<'a> {
    /// Takes a call from the host.
    ///
    /// # Safety
    /// `raw` and all it points to stay valid and unchanged for `'a`, and `'a` ends with the call's future.
    pub unsafe fn new(raw: *const RawCall) -> Self {
        // SAFETY: the caller's promise.
        Self { raw: unsafe { &*raw }, not_send: PhantomData }
    }

    /// The method's number.
    pub fn method(&self) -> u32 {
        self.raw.method
    }

    /// The encoded arguments.
    pub fn arguments(&self) -> &'a [u8] {
        // SAFETY: part of the promise of `new`: the host's private copy.
        unsafe { self.raw.arguments.get() }
    }

    /// The buffers, in order of the parameters.
    pub fn buffers(&self) -> &'a [RawBuffer] {
        if self.raw.buffer_count == 0 {
            return &[];
        }
        // SAFETY: part of the promise of `new`; `used` is a `Cell`, written on this thread only.
        unsafe { std::slice::from_raw_parts(self.raw.buffers, self.raw.buffer_count) }
    }

    /// What the method may ask.
    pub fn context(&self) -> Context<'a> {
        Context { call: *self, flags: 0 }
    }

    /// Answers with the postcard of a value.
    pub fn reply_bytes(&self, bytes: &[u8]) {
        // SAFETY: the handle is the host's own; the bytes are read before the function returns.
        unsafe { (self.host().reply)(self.raw.handle, RawBytes::of(bytes)) }
    }

    /// Answers with a Fault.
    pub fn fault(&self, fault: &Fault) {
        let (retry, after_ms) = fault.retry.to_bits();
        let raw = RawFault {
            code: fault.code,
            outcome: fault.outcome as u8,
            retry,
            after_ms,
            message: RawBytes::of(fault.message.as_bytes()),
            details: RawBytes::of(fault.details.as_bytes()),
        };
        // SAFETY: as in `reply_bytes`.
        unsafe { (self.host().fault)(self.raw.handle, &raw) }
    }

    /// Answers a `create` with the instance.
    pub fn created<M: crate::module::Module>(&self, instance: M) {
        let instance: *mut c_void = Box::into_raw(Box::new(instance)).cast();
        // SAFETY: the host takes the box and gives it back to `drop_instance` of the same table.
        unsafe { (self.host().created)(self.raw.handle, instance) }
    }

    /// Answers with `Panicked`, the payload's text in the log.
    pub(super) fn panicked(&self, payload: Box<dyn Any + Send>) {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "(no text)".into());
        super::shim::forget_panic(payload);
        self.log(Level::Error, &format!("method {} panicked: {text}", self.raw.method));
        self.fault(&Fault::new(
            Code::Panicked,
            format!(
                "method {} panicked; the node's log has its message under call {}",
                self.raw.method, self.raw.call
            ),
        ));
    }

    /// The raw facts of the call.
    pub(crate) fn raw(&self) -> &'a RawCall {
        self.raw
    }
    pub(crate) fn now_ns(&self) -> u64 {
        // SAFETY: the handle is the host's own, valid for this call.
        unsafe { (self.host().now_ns)(self.raw.handle) }
    }
    pub(crate) fn random(&self) -> u64 {
        // SAFETY: as in `now_ns`.
        unsafe { (self.host().random)(self.raw.handle) }
    }
    pub(crate) fn cancelled(&self) -> bool {
        // SAFETY: as in `now_ns`.
        unsafe { (self.host().cancelled)(self.raw.handle) != 0 }
    }
    pub(crate) fn yield_due(&self) -> bool {
        // SAFETY: as in `now_ns`.
        unsafe { (self.host().yield_due)(self.raw.handle) != 0 }
    }
    pub(crate) fn log_enabled(&self, level: Level) -> bool {
        // SAFETY: as in `now_ns`.
        unsafe { (self.host().log_enabled)(self.raw.handle, level as u32) != 0 }
    }
    pub(crate) fn log(&self, level: Level, text: &str) {
        // SAFETY: as in `now_ns`; the text is read before the function returns.
        unsafe { (self.host().log)(self.raw.handle, level as u32, RawBytes::of(text.as_bytes())) }
    }
    pub(crate) fn op_start(&self, mut asked: RawOp) -> u64 {
        // SAFETY: as in `now_ns`; the host takes the bytes out of `asked` and leaves it empty.
        unsafe { (self.host().op_start)(self.raw.handle, &mut asked) }
    }
    pub(crate) fn op_poll(&self, token: u64, waker: &Waker) -> Option<RawOpResult> {
        let waker = LentWaker::new(waker.clone());
        let mut done = RawOpResult::empty();
        // SAFETY: as in `now_ns`; `waker` and `done` live through the call, the host clones what it keeps.
        let ready = unsafe { (self.host().op_poll)(self.raw.handle, token, waker.as_host(), &mut done) };
        (ready != 0).then_some(done)
    }
    pub(crate) fn op_drop(&self, token: u64) {
        // SAFETY: as in `now_ns`; the caller passes a token that is live.
        unsafe { (self.host().op_drop)(self.raw.handle, token) }
    }

    /// Puts a question about symbols; the answer stands in the record.
    pub(crate) fn ask_symbols(&self, asked: &mut RawSymbols) {
        // SAFETY: as in `now_ns`; the host takes what the record hands over and leaves what it answers.
        unsafe { (self.host().symbols)(self.raw.handle, asked) }
    }
    /// Spawns a task of the container; its number, or the Fault as a result.
    pub(crate) fn spawn(&self, asked: &RawSpawn) -> Result<u64, RawOpResult> {
        let mut refused = RawOpResult::empty();
        // SAFETY: as in `now_ns`; the host takes the body over, and reads the name before it returns.
        match unsafe { (self.host().spawn)(self.raw.handle, asked, &mut refused) } {
            0 => Err(refused),
            number => Ok(number),
        }
    }
    /// What of the container outlives this call.
    pub(crate) fn home(&self) -> Option<Home> {
        Home::of(self.raw)
    }
    /// Where a buffer stands among this call's, counted from 1; `None` when it is another call's.
    pub(crate) fn place_of(&self, buffer: &RawBuffer) -> Option<u32> {
        let at = self.buffers().iter().position(|one| std::ptr::eq(one, buffer))?;
        u32::try_from(at + 1).ok()
    }

    /// The host functions, each as a safe call: the handle is the host's own, for this call.
    pub(super) fn host(&self) -> &'a HostTable {
        // SAFETY: part of the promise of `new`: the host's table outlives every call.
        unsafe { &*self.raw.host }
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} of method {}", self.raw.call, self.raw.method)
    }
}
