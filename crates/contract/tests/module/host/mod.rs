//! A hand-made host: the node's side of the module table, small enough to see through.
//!
//! Lives here: `Call` (one call: its arguments, buffers, and a record of everything the module asked and answered),
//! `Running` (a future of the module), `Instance` (a container's state, held as the node holds it), `Answer`.
//! From: a test. To: a `ModuleTable`.
//! Holds: what the real host promises: a call outlives its future, an instance outlives its calls, each is dropped once.

mod wakers;

pub use wakers::{Kept, Task};

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use windlass_contract::abi::{
    HostTable, HostWaker, ModuleTable, OpKind, RawBuffer, RawBytes, RawCall, RawFault, RawFuture, RawOp,
    RawOpResult, RawOwned, RawPieces, RawSpawn, RawSymbols, TABLE_VERSION,
};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::{Fault, Outcome, Retry};

static HOST: HostTable = HostTable {
    size: size_of::<HostTable>() as u32,
    version: TABLE_VERSION,
    reply,
    fault,
    created,
    now_ns,
    random,
    cancelled,
    yield_due,
    log,
    log_enabled,
    op_start,
    op_poll,
    op_drop,
    spawn,
    tell,
    symbols,
    together,
};

/// What a call was answered with.
#[derive(Debug, PartialEq)]
pub enum Answer {
    Value(Vec<u8>),
    Fault(Fault),
}

/// An operation that the module asked for.
pub struct Op {
    pub kind: u32,
    pub flags: u32,
    pub a: u64,
    pub b: u64,
    pub bytes: Vec<u8>,
    /// The buffer that was handed over, the place of the call's own, and the range.
    pub buffer: RawOwned,
    pub place: u32,
    pub range: (u64, u64),
    pub polls: u32,
    done: Option<RawOpResult>,
    waker: Option<Kept>,
}

/// What happened in a call, and what the host says when asked.
#[derive(Default)]
pub struct Record {
    pub answers: Vec<Answer>,
    pub created: Vec<*mut c_void>,
    pub logs: Vec<(u32, String)>,
    pub ops: BTreeMap<u64, Op>,
    pub given_up: Vec<u64>,
    pub now_ns: u64,
    pub cancelled: bool,
    pub yield_due: bool,
    pub log_level: u32,
    /// What the home was told, references left out.
    pub told: Vec<(u32, u64)>,
    /// References to the home that are counted.
    pub kept: i64,
    /// Names of the tasks that were spawned and dropped unbegun.
    pub spawned: Vec<String>,
    tokens: u64,
}

/// One call. Boxed, because the module holds its address.
pub struct Call {
    arguments: Vec<u8>,
    memory: Vec<(*mut u8, usize)>,
    buffers: Vec<RawBuffer>,
    method: u32,
    deadline_ns: u64,
    raw: OnceCell<RawCall>,
    pub record: RefCell<Record>,
}

impl Call {
    pub fn new(method: u32, arguments: Vec<u8>) -> Box<Self> {
        let record = RefCell::new(Record { now_ns: 1_000, log_level: 3, ..Record::default() });
        let (memory, buffers) = (Vec::new(), Vec::new());
        Box::new(Self { arguments, memory, buffers, method, deadline_ns: u64::MAX, raw: OnceCell::new(), record })
    }

    pub fn with_deadline(mut self: Box<Self>, deadline_ns: u64) -> Box<Self> {
        self.deadline_ns = deadline_ns;
        self
    }

    /// Adds a buffer that holds `bytes`.
    pub fn with_buffer(mut self: Box<Self>, direction: Direction, kind: BufferKind, bytes: &[u8]) -> Box<Self> {
        let length = bytes.len();
        let first = Box::into_raw(bytes.to_vec().into_boxed_slice()).cast::<u8>();
        self.memory.push((first, length));
        // SAFETY: `first` is this call's own memory until `drop`, which comes after the future's.
        self.buffers.push(unsafe { RawBuffer::new(first, length as u64, direction, kind) });
        self
    }

    /// The bytes of a buffer, now that nobody else looks at them.
    pub fn buffer(&self, at: usize) -> Vec<u8> {
        let (first, length) = self.memory[at];
        // SAFETY: from `with_buffer`; tests look when the future that could write has ended.
        unsafe { std::slice::from_raw_parts(first, length) }.to_vec()
    }

    pub fn used(&self, at: usize) -> u64 {
        self.buffers[at].used()
    }

    /// What crosses to the module; valid while the box is.
    pub fn raw(&self) -> *const RawCall {
        self.raw.get_or_init(|| RawCall {
            size: size_of::<RawCall>() as u32,
            method: self.method,
            handle: ptr::from_ref(self).cast_mut().cast(),
            host: &HOST,
            arguments: RawBytes::of(&self.arguments),
            buffers: self.buffers.as_ptr(),
            buffer_count: self.buffers.len(),
            pool: 5,
            call: 77,
            root: 70,
            depth: 2,
            reserved: 0,
            deadline_ns: self.deadline_ns,
            home: ptr::from_ref(self).cast_mut().cast(),
        })
    }

    /// The one answer.
    pub fn answer(&self) -> Answer {
        let mut record = self.record.borrow_mut();
        assert_eq!(record.answers.len(), 1, "a call is answered once: {:?}", record.answers);
        record.answers.remove(0)
    }

    /// The one answer, a value.
    pub fn value<T: serde::de::DeserializeOwned>(&self) -> T {
        match self.answer() {
            Answer::Value(bytes) => postcard::from_bytes(&bytes).expect("the reply is of this type"),
            Answer::Fault(fault) => panic!("a value was expected, not {fault:?}"),
        }
    }

    /// The one answer, a Fault.
    pub fn fault(&self) -> Fault {
        match self.answer() {
            Answer::Fault(fault) => fault,
            Answer::Value(bytes) => panic!("a Fault was expected, not {bytes:?}"),
        }
    }

    pub fn is_answered(&self) -> bool {
        !self.record.borrow().answers.is_empty()
    }

    /// The one operation under way: its token and kind.
    pub fn pending_op(&self) -> (u64, u32) {
        let record = self.record.borrow();
        assert_eq!(record.ops.len(), 1, "one operation is under way");
        let (token, op) = record.ops.iter().next().expect("there is one");
        (*token, op.kind)
    }

    /// Ends an operation with a number and bytes; the waker is whoever polled last.
    pub fn finish(&self, token: u64, value: u64, bytes: &[u8]) -> Option<Kept> {
        self.finish_with(
            token,
            RawOpResult { value, bytes: RawOwned::new(bytes.to_vec()), ..RawOpResult::empty() },
        )
    }

    /// Ends an operation with a Fault.
    pub fn finish_with_fault(&self, token: u64, fault: &Fault) -> Option<Kept> {
        let mut text = Vec::new();
        fault.encode_text(&mut text);
        let (retry, value) = match fault.retry {
            Retry::Never => (0, 0),
            Retry::Same => (1, 0),
            Retry::After(ms) => (2, u64::from(ms)),
            Retry::Elsewhere => (3, 0),
        };
        self.finish_with(
            token,
            RawOpResult {
                code: u32::from(fault.code),
                fault_head: fault.outcome as u32 | retry << 8,
                value,
                bytes: RawOwned::new(text),
                ..RawOpResult::empty()
            },
        )
    }

    /// Ends an operation with a number, and gives its buffer back.
    pub fn finish_and_give_back(&self, token: u64, value: u64) -> Option<Kept> {
        let mut record = self.record.borrow_mut();
        let op = record.ops.get_mut(&token).expect("the operation is under way");
        let buffer = std::mem::replace(&mut op.buffer, RawOwned::empty());
        op.done = Some(RawOpResult { value, buffer, given_back: 1, ..RawOpResult::empty() });
        op.waker.take()
    }

    fn finish_with(&self, token: u64, done: RawOpResult) -> Option<Kept> {
        let mut record = self.record.borrow_mut();
        let op = record.ops.get_mut(&token).expect("the operation is under way");
        op.done = Some(done);
        op.waker.take()
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        for (first, length) in self.memory.drain(..) {
            // SAFETY: the box that `with_buffer` leaked.
            drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(first, length)) });
        }
    }
}

/// A future of the module. Dropped once, ended or not.
pub struct Running<'c> {
    raw: RawFuture,
    _call: &'c Call,
}

impl Running<'_> {
    /// Whether the call ended before it began to wait.
    pub fn ended_at_once(&self) -> bool {
        self.raw.data.is_null()
    }
    /// Whether it has ended now.
    pub fn poll(&mut self, task: &Task) -> bool {
        assert!(!self.ended_at_once(), "nothing is left to poll");
        // SAFETY: the future lives until `drop`; the waker through this call.
        unsafe { (self.raw.poll)(self.raw.data, task.as_host()) == 1 }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if !self.raw.data.is_null() {
            // SAFETY: the only drop of this future; its call still lives.
            unsafe { (self.raw.drop)(self.raw.data) }
        }
    }
}

/// A container's state, as the host holds it.
pub struct Instance {
    table: Rc<ModuleTable>,
    state: *mut c_void,
}

impl Instance {
    /// Runs `create` to its end; the Fault when the module says no.
    pub fn create(table: ModuleTable, arguments: Vec<u8>) -> Result<Self, Fault> {
        let call = Call::new(0, arguments);
        // SAFETY: the call outlives its future.
        let raw = unsafe { (table.create)(call.raw()) };
        let mut running = Running { raw, _call: &call };
        assert!(running.ended_at_once() || running.poll(&Task::new()), "these modules create without waiting");
        drop(running);
        let created = std::mem::take(&mut call.record.borrow_mut().created);
        match created[..] {
            [state] => {
                assert!(!call.is_answered(), "an instance is the answer");
                Ok(Self { table: Rc::new(table), state })
            }
            [] => Err(call.fault()),
            _ => panic!("create hands over one instance"),
        }
    }

    pub fn start<'c>(&self, call: &'c Call) -> Running<'c> {
        // SAFETY: the instance lives until `drop`, the call as long as the future, by its lifetime.
        let raw = unsafe { (self.table.start)(self.state, call.raw()) };
        Running { raw, _call: call }
    }

    /// Starts a call that ends at once or with its first poll.
    pub fn run(&self, call: &Call) {
        let mut running = self.start(call);
        assert!(running.ended_at_once() || running.poll(&Task::new()), "it has nothing to wait for");
    }

    pub fn event(&self, event: u32, arguments: Vec<u8>) -> Box<Call> {
        let call = Call::new(0, arguments);
        // SAFETY: instance and call live through this.
        unsafe { (self.table.event)(self.state, event, call.raw()) };
        call
    }

    pub fn block(&self, call: &Call) {
        // SAFETY: the call lives through this.
        unsafe { (self.table.block)(call.raw()) }
    }

    pub fn key(&self, method: u32, arguments: &[u8]) -> Option<u64> {
        let mut hash = 0;
        // SAFETY: arguments and room live through this.
        let found = unsafe { (self.table.key)(method, RawBytes::of(arguments), &mut hash) };
        (found == 1).then_some(hash)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the only drop of what `created` handed over; its futures borrow calls that tests drop first.
        unsafe { (self.table.drop_instance)(self.state) }
    }
}

fn call<'a>(handle: *mut c_void) -> &'a Call {
    // SAFETY: the handle is the `Call` that `raw` took it from, alive while the module runs.
    unsafe { &*handle.cast::<Call>() }
}

fn text(bytes: RawBytes) -> String {
    // SAFETY: the module lends the text for the length of the host function.
    String::from_utf8(unsafe { bytes.get() }.to_vec()).expect("texts are UTF-8")
}

unsafe extern "C" fn reply(handle: *mut c_void, bytes: RawBytes) {
    // SAFETY: the module lends the bytes for the length of this function.
    let bytes = unsafe { bytes.get() }.to_vec();
    call(handle).record.borrow_mut().answers.push(Answer::Value(bytes));
}
unsafe extern "C" fn fault(handle: *mut c_void, raw: *const RawFault) {
    // SAFETY: the module lends the record for the length of this function.
    let raw = unsafe { &*raw };
    let retry = match raw.retry {
        0 => Retry::Never,
        1 => Retry::Same,
        2 => Retry::After(raw.after_ms),
        3 => Retry::Elsewhere,
        other => panic!("retry {other}"),
    };
    let outcome = Outcome::from_bits(raw.outcome).expect("an outcome");
    let (message, details) = (text(raw.message), text(raw.details));
    let fault = Fault { code: raw.code, outcome, retry, message, details };
    call(handle).record.borrow_mut().answers.push(Answer::Fault(fault));
}
unsafe extern "C" fn created(handle: *mut c_void, instance: *mut c_void) {
    call(handle).record.borrow_mut().created.push(instance);
}
unsafe extern "C" fn now_ns(handle: *mut c_void) -> u64 {
    call(handle).record.borrow().now_ns
}
unsafe extern "C" fn random(_: *mut c_void) -> u64 {
    4
}
unsafe extern "C" fn cancelled(handle: *mut c_void) -> u32 {
    u32::from(call(handle).record.borrow().cancelled)
}
unsafe extern "C" fn yield_due(handle: *mut c_void) -> u32 {
    u32::from(call(handle).record.borrow().yield_due)
}
unsafe extern "C" fn log(handle: *mut c_void, level: u32, line: RawBytes) {
    call(handle).record.borrow_mut().logs.push((level, text(line)));
}
unsafe extern "C" fn log_enabled(handle: *mut c_void, level: u32) -> u32 {
    u32::from(level <= call(handle).record.borrow().log_level)
}
unsafe extern "C" fn op_start(handle: *mut c_void, asked: *mut RawOp) -> u64 {
    // SAFETY: the module lends the record; its bytes are the host's from here on.
    let asked = unsafe { &mut *asked };
    let bytes = std::mem::replace(&mut asked.bytes, RawOwned::empty());
    let mut record = call(handle).record.borrow_mut();
    record.tokens += 1;
    let token = record.tokens;
    let buffer = std::mem::replace(&mut asked.buffer, RawOwned::empty());
    let op = Op {
        kind: asked.kind,
        flags: asked.flags,
        a: asked.a,
        b: asked.b,
        bytes: bytes.as_slice().to_vec(),
        buffer,
        place: asked.place,
        range: (asked.from, asked.to),
        polls: 0,
        done: None,
        waker: None,
    };
    record.ops.insert(token, op);
    token
}
unsafe extern "C" fn op_poll(
    handle: *mut c_void,
    token: u64,
    waker: *const HostWaker,
    into: *mut RawOpResult,
) -> u32 {
    let mut record = call(handle).record.borrow_mut();
    let op = record.ops.get_mut(&token).expect("the token is of an operation under way");
    op.polls += 1;
    match op.done.take() {
        Some(done) => {
            record.ops.remove(&token);
            // SAFETY: the module lends room for the result, which holds an empty one.
            unsafe { *into = done };
            1
        }
        None => {
            // SAFETY: the module lends the waker for the length of this function.
            op.waker = Some(unsafe { Kept::clone_of(waker) });
            0
        }
    }
}
unsafe extern "C" fn op_drop(handle: *mut c_void, token: u64) {
    let mut record = call(handle).record.borrow_mut();
    assert!(record.ops.remove(&token).is_some(), "only a live operation is given up");
    record.given_up.push(token);
}

unsafe extern "C" fn spawn(handle: *mut c_void, asked: *const RawSpawn, _: *mut RawOpResult) -> u64 {
    // SAFETY: the module lends the record, and hands the body over, which is dropped here, once.
    let name = unsafe {
        let asked = &*asked;
        (asked.drop)(asked.data);
        text(asked.name)
    };
    let mut record = call(handle).record.borrow_mut();
    record.spawned.push(name);
    record.spawned.len() as u64
}
unsafe extern "C" fn tell(home: *mut c_void, what: u32, number: u64) {
    let mut record = call(home).record.borrow_mut();
    match what {
        1 => record.kept += 1,
        2 => record.kept -= 1,
        what => record.told.push((what, number)),
    }
}

/// This host has no symbols and says so.
unsafe extern "C" fn together(_: *mut c_void, pieces: *const RawPieces) -> u32 {
    // SAFETY: the module lends the record and waits.
    unsafe { (*pieces).alone() };
    1
}

unsafe extern "C" fn symbols(_: *mut c_void, asked: *mut RawSymbols) {
    let mut text = Vec::new();
    Fault::new(windlass_contract::Code::Unsupported, "this host has no symbols").encode_text(&mut text);
    // SAFETY: the module lends the record and hands over its memory.
    unsafe {
        drop((*asked).take());
        (*asked).answer = RawOpResult {
            code: windlass_contract::Code::Unsupported as u32,
            bytes: RawOwned::new(text),
            ..RawOpResult::empty()
        };
    }
}

/// The kinds, for assertions.
pub const TIMER: u32 = OpKind::Timer as u32;
