//! A scripted node for tests: one thread, one session, the real bytes of docs/formats.md.
//!
//! Lives here: `Peer` (start, orders, log) and the methods it answers, among them every lie that a client must survive.
//! Not here: lanes, modules, policies. It answers from the slot, in order, and keeps what it is told to keep.
#![allow(dead_code, reason = "each test file uses its part of the fixture")]
#![allow(
    clippy::disallowed_methods,
    reason = "the peer is a process of its own as far as the client can see: it has its thread"
)]

mod node;

use std::path::PathBuf;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{JoinHandle, Thread};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::schema::{MethodFlags, Parameter, Shape};
use windlass_contract::{MethodId, MethodRef, MethodSchema, ModuleDescriptor, PoolId, Schema};

/// The pool that the peer serves.
pub const POOL: PoolId = PoolId::new(1, 1);
/// Its name.
pub const POOL_NAME: &str = "peers";

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $id:literal,)*) => {
        $($(#[$doc])* pub const $name: MethodRef =
            MethodRef { id: MethodId($id), schema: $id, name: stringify!($name), idempotent: false };)*
    };
}

methods! {
    /// Answers its argument bytes.
    ECHO = 10,
    /// Answers a Fault of the module.
    FAIL = 11,
    /// Answers when it is cancelled or told to go on.
    HOLD = 12,
    /// Sums its `In` buffer.
    SUM = 13,
    /// Fills its `Out<Bytes>` buffer with the argument byte.
    FILL = 14,
    /// Reverses its `InOut<Bytes>` buffer.
    REVERSE = 15,
    /// Fills half of its `Out<SharedBytes>` buffer in place.
    FILL_SHARED = 16,
    /// Answers after all other calls, and never while an order to go on is out: keeps its call for ever.
    NEVER = 17,
    /// As `HOLD`, but when it is cancelled it says what was wrong.
    COMPLAIN = 18,
    /// Lies: the reply stands in a result segment that nobody was given.
    LIE_SEGMENT = 20,
    /// Lies: the reply stands behind the end of its segment.
    LIE_OFFSET = 21,
    /// Lies: another generation of the call is answered.
    LIE_GENERATION = 22,
    /// Lies: the completion is no reply.
    LIE_KIND = 23,
    /// Lies: the reply is longer than any may be.
    LIE_LENGTH = 24,
    /// Lies: the result is longer than its segment.
    LIE_VIEW = 25,
    /// Lies: more buffers than the reply bytes hold.
    LIE_COUNT = 26,
    /// Lies: the answer comes twice.
    LIE_TWICE = 27,
    /// Lies: the reply stands in the client's own segment.
    LIE_OWN = 28,
    /// Lies: a buffer comes back that was not asked for.
    LIE_BUFFER = 29,
    /// Lies: a call slot that does not exist is answered.
    LIE_SLOT = 30,
    /// Lies: the node says that it has consumed more slots than there were.
    LIE_HEAD = 31,
    /// Lies: 64 random bytes are published as a completion.
    LIE_RANDOM = 32,
    /// Lies: a control message that no node sends.
    LIE_CONTROL = 33,
    /// Lies: a result segment that can shrink.
    LIE_UNSEALED = 34,
    /// Lies: the session's own small segment is given as a result segment.
    LIE_RESULT_IN_WORDS = 35,
    /// Ends the session by its word.
    END = 40,
    /// Ends the session by a message.
    BYE = 41,
    /// The node dies.
    DIE = 42,
}

/// What the peer saw.
#[derive(Default, Debug)]
pub struct Log {
    /// Leases released: segment and offset, in order.
    pub released: Vec<(u32, u64)>,
    /// Segments retired.
    pub retired: Vec<u32>,
    /// Calls cancelled, as ids.
    pub cancelled: Vec<u64>,
    /// Calls seen: method and time left.
    pub calls: Vec<(u32, u64)>,
    /// Leases given.
    pub leased: Vec<(u32, u64)>,
    /// Heap segments given, in bytes.
    pub grown: Vec<u64>,
    /// Calls that were out at once, at most.
    pub out_most: usize,
}

/// How the peer behaves before any call.
#[derive(Clone, Copy)]
pub struct Manners {
    /// Calls it grants.
    pub calls: u32,
    /// It refuses the hello.
    pub refuses: bool,
    /// It refuses frozen loans.
    pub refuses_frozen: bool,
    /// Bytes of heap it grants.
    pub heap_bytes_max: u64,
    /// It answers held calls by itself once so many are held; 0: never.
    pub answers_at: usize,
    /// It keeps who asks for bytes of a stream waiting, where it otherwise refuses them.
    pub keeps_takers: bool,
}

impl Default for Manners {
    fn default() -> Manners {
        Manners {
            calls: 4096,
            refuses: false,
            refuses_frozen: false,
            heap_bytes_max: 64 << 20,
            answers_at: 0,
            keeps_takers: false,
        }
    }
}

/// An order to the peer.
pub enum Order {
    /// Answer every held call.
    GoOn,
    /// Stop and close everything, as a killed process would.
    Die,
}

/// A running peer. Dropped, it dies.
pub struct Peer {
    dir: tempfile::TempDir,
    orders: Sender<Order>,
    log: Arc<Mutex<Log>>,
    held: Arc<AtomicU64>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    /// Starts one with ordinary manners.
    pub fn start() -> Peer {
        Peer::with(Manners::default())
    }

    /// Starts one.
    pub fn with(manners: Manners) -> Peer {
        let dir = tempfile::tempdir().expect("a directory of our own");
        let path = dir.path().join("socket");
        let listener =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
                .expect("socket");
        rustix::net::bind(&listener, &SocketAddrUnix::new(&path).expect("path")).expect("bind");
        rustix::net::listen(&listener, 8).expect("listen");
        let (orders, taken): (Sender<Order>, Receiver<Order>) = channel();
        let log = Arc::new(Mutex::new(Log::default()));
        let held = Arc::new(AtomicU64::new(0));
        let stopping = Arc::new(AtomicBool::new(false));
        let (its_log, its_held, its_stopping) = (Arc::clone(&log), Arc::clone(&held), Arc::clone(&stopping));
        let thread = std::thread::Builder::new()
            .name("peer".into())
            .spawn(move || node::run(listener, manners, &taken, &its_log, &its_held, &its_stopping))
            .expect("thread");
        Peer { dir, orders, log, held, stopping, thread: Some(thread) }
    }

    /// What to pass to `Client::connect`.
    pub fn node(&self) -> String {
        let mut path: PathBuf = self.dir.path().to_owned();
        path.push(".");
        path.to_string_lossy().into_owned()
    }

    pub fn order(&self, order: Order) {
        self.orders.send(order).expect("the peer takes orders");
    }

    /// Waits until so many calls are held.
    pub fn wait_held(&self, calls: u64) {
        while self.held.load(Ordering::Acquire) < calls {
            std::thread::yield_now();
        }
    }

    /// Waits until the log satisfies `what`.
    pub fn wait_log(&self, what: impl Fn(&Log) -> bool) {
        while !what(&self.log.lock().expect("log")) {
            std::thread::yield_now();
        }
    }

    pub fn log<R>(&self, read: impl FnOnce(&Log) -> R) -> R {
        read(&self.log.lock().expect("log"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the peer itself must not panic");
            }
        }
    }
}

/// Runs a future on this thread, which sleeps until it is woken.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// The described module of the peer's pool, for calls by schema.
pub fn node_module() -> ModuleDescriptor {
    let value = |name: &str, schema, default| Parameter {
        name: name.into(),
        shape: Shape::Value { schema, default, since: false },
    };
    let buffer = |name: &str, direction| Parameter {
        name: name.into(),
        shape: Shape::Buffer { direction, kind: BufferKind::Bytes },
    };
    let method = |id: u32, name: &str, parameters: Vec<Parameter>, reply: Schema| MethodSchema {
        id: MethodId(id),
        name: name.into(),
        docs: String::new(),
        hashes: MethodSchema::hashes_of("peer", name, &parameters, &reply),
        parameters,
        reply,
        flags: MethodFlags::default(),
    };
    ModuleDescriptor {
        commands: Vec::new(),
        lanes: Vec::new(),
        name: "peer".into(),
        version: "0.1.0".into(),
        docs: String::new(),
        all_sync: true,
        methods: vec![
            method(0, "create", vec![], Schema::Unit),
            method(10, "echo", vec![value("text", Schema::Str, None)], Schema::Str),
            method(13, "sum", vec![buffer("data", Direction::In)], Schema::U64),
            method(
                14,
                "fill",
                vec![value("byte", Schema::U8, Some(vec![5])), buffer("out", Direction::Out)],
                Schema::Unit,
            ),
        ],
    }
}
