//! Connecting: from a node's name to a session.
//!
//! Lives here: `Connect`, a builder; the hello and what is checked of the welcome.
//! From: `Client::connect`. To: `session`, with its segments mapped and its rings placed.
//! Holds: a session begins only with segments of the sizes that its layout needs, sealed, and words that a node wrote.
//! Not here: what passes afterwards (`wire`).

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use windlass_contract::hello::{CONTRACT_HASH, Hello, VERSION, WELCOME_BYTES, Welcome};
use windlass_contract::limits::{CALLS_DEFAULT, CALLS_MAX, FAULT_MESSAGE_MAX, NAME_MAX};
use windlass_contract::{Code, Fault, node_dir};
use windlass_memory::Processors;
use windlass_memory::park::ClientPark;
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Access, Doorbell, ForkGuard, Reaper, Segment, SegmentError, SegmentId};

use crate::background::Background;
use crate::client::Client;
use crate::counters::Counts;
use crate::hand::{Hand, Patience};
use crate::heap::Heap;
use crate::limits::{SPIN_DEFAULT, TIMEOUT_DEFAULT};
use crate::reap::Taker;
use crate::session::{Session, Submit};
use crate::spin::Spin;
use crate::stages::Stages;
use crate::table::Table;
use crate::wire::Wire;

/// Descriptors of a welcome: client segment, node segment, doorbell.
const WELCOME_FDS: usize = 3;

/// The terms of a connection, to be changed before it is made.
#[derive(Clone, Debug)]
pub struct Connect {
    name: String,
    calls: u32,
    timeout: Duration,
    spin: Duration,
    stages: bool,
    hand: Option<Hand>,
}

impl Connect {
    pub(crate) fn new() -> Connect {
        Connect {
            name: String::new(),
            calls: CALLS_DEFAULT,
            timeout: TIMEOUT_DEFAULT,
            spin: SPIN_DEFAULT,
            stages: false,
            hand: None,
        }
    }

    /// What the node calls this client in its lists; at most 64 bytes. Without this: the program's name.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// How many calls may be out at once, rounded up to a power of two; the node may grant fewer.
    pub fn calls(mut self, calls: u32) -> Self {
        self.calls = calls;
        self
    }

    /// How long the node may take to welcome this client, and to answer its control messages.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = time;
        self
    }

    /// How long a waiting thread may spin before it sleeps, at most (100 us without this); zero for never.
    pub fn spin(mut self, time: Duration) -> Self {
        self.spin = time;
        self
    }

    /// Takes stamps of every call (`Client::stages`). Without this: none. Costs about a clock reading at each of three
    /// boundaries of a call.
    pub fn stages(mut self) -> Self {
        self.stages = true;
        self
    }

    /// A client that starts no thread, never sleeps and reads no clock. Where another would wait, it calls `step`, which lets
    /// everything else move on, and looks again; `step` answers `false` when nothing moves any more, which ends the wait as
    /// its time being over does. Futures of such a client wake when `Client::pump` takes their answers. For simulations, and for
    /// programs whose one thread runs the node as well.
    pub fn by_hand(mut self, step: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.hand = Some(Hand::new(step));
        self
    }

    /// Connects to the node of this name, or whose directory this is (a path with a `/`).
    ///
    /// # Errors
    /// `NotConnected` when no node answers there; `BadConfig` for terms that cannot be; what the node says when it
    /// refuses; `Io` when the system gives no memory or descriptors.
    pub fn connect(self, node: &str) -> Result<Client, Fault> {
        let calls = self.calls.checked_next_power_of_two().filter(|calls| (1..=CALLS_MAX).contains(calls));
        let Some(calls) = calls.filter(|_| self.calls > 0) else {
            let text = format!("{} calls at once cannot be (1 to {CALLS_MAX})", self.calls);
            return Err(Fault::new(Code::BadConfig, text));
        };
        let dir = node_dir::of(node, rustix::process::getuid().as_raw());
        let socket = dial(&dir.join(node_dir::SOCKET), node, self.timeout)?;
        let (welcome, fds) = greet(&socket, &self.hello(calls), &Patience::new(self.hand.as_ref(), self.timeout))
            .map_err(|error| unanswered(node, &error, self.timeout))??;
        if welcome.code != 0 {
            let code = Code::from_number(welcome.code).unwrap_or(Code::BadHello);
            return Err(Fault::new(code, welcome.text));
        }
        self.open(node, calls, welcome, socket, fds)
    }

    fn hello(&self, calls: u32) -> Hello {
        let program = || {
            let path = std::env::args_os().next().unwrap_or_default();
            Path::new(&path).file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
        };
        let mut name = if self.name.is_empty() { program() } else { self.name.clone() };
        while name.len() > NAME_MAX {
            name.pop();
        }
        Hello {
            version_min: VERSION,
            version_max: VERSION,
            features: 0,
            contract: CONTRACT_HASH,
            calls,
            pid: std::process::id(),
            name,
        }
    }

    /// Maps what came with the welcome and puts the session together.
    fn open(
        self,
        node: &str,
        asked: u32,
        welcome: Welcome,
        socket: OwnedFd,
        fds: Vec<OwnedFd>,
    ) -> Result<Client, Fault> {
        let wrong =
            |text: String| Fault::new(Code::BadHello, format!("the node {node} welcomed us wrongly: {text}"));
        let layout = Layout::new(welcome.calls)
            .filter(|layout| layout.calls() <= asked)
            .ok_or_else(|| wrong(format!("{} calls granted, {asked} were asked for", welcome.calls)))?;
        let Ok([own_fd, their_fd, bell_fd]) = <[OwnedFd; WELCOME_FDS]>::try_from(fds) else {
            return Err(wrong(format!("it did not come with {WELCOME_FDS} descriptors")));
        };
        let open = |fd: &OwnedFd, bytes: u64, access| {
            let least = layout.bytes() as u64;
            let bytes = usize::try_from(bytes).ok().filter(|_| bytes >= least).ok_or_else(|| {
                wrong(format!("a segment of {bytes} bytes, {least} are needed for {} calls", layout.calls()))
            })?;
            let segment = Segment::open(fd.as_fd(), bytes, access).map_err(|error| match error {
                SegmentError::NoMemory { .. } => Fault::new(Code::NoMemory, error.to_string()),
                _ => wrong(error.to_string()),
            })?;
            // Failure is a loss of speed only: pages come one by one as they are touched.
            let _warm_or_slow = segment.warm();
            Ok::<_, Fault>(Arc::new(segment))
        };
        let own = open(&own_fd, welcome.client_segment_bytes, Access::ReadWrite)?;
        let theirs = open(&their_fd, welcome.node_segment_bytes, Access::Read)?;
        let words = NodeWords::open(Arc::clone(&theirs)).map_err(|error| wrong(error.to_string()))?;
        let own_words = ClientWords::open(Arc::clone(&own)).map_err(|error| wrong(error.to_string()))?;
        let ring =
            |segment: &Arc<Segment>| layout.ring(Arc::clone(segment)).map_err(|error| wrong(error.to_string()));
        let producer = ring(&own)?.producer(words.peer_submit_head());
        let consumer = ring(&theirs)?.consumer(own_words.own_completion_head());
        let processors = rustix::thread::sched_getaffinity(None).map_or(1, |set| set.count());
        let taker = Taker { consumer, spin: Spin::new(self.spin, processors) };
        let system = |error: io::Error| Fault::new(Code::Io, format!("no page for the fork guard: {error}"));
        Ok(Client::of(Session {
            guard: ForkGuard::new().map_err(system)?,
            node: node.to_owned(),
            timeout: self.timeout,
            hand: self.hand,
            layout,
            park: ClientPark::new(&words, &own_words),
            processors: Processors::client(&words, &own_words),
            own,
            theirs,
            words,
            doorbell: Doorbell::from_fd(bell_fd),
            wire: Wire::new(socket),
            submit: Mutex::new(Submit { producer, backlog: VecDeque::new() }),
            has_backlog: AtomicBool::new(false),
            table: Table::new(layout.calls()),
            reaper: Reaper::new(taker, Table::seats(layout.calls())),
            over: OnceLock::new(),
            heap: Heap::default(),
            results: Mutex::new(HashMap::new()),
            frozen_next: Mutex::new(Some(SegmentId::FIRST_FROZEN)),
            counts: Counts::default(),
            stages: self.stages.then(Stages::default),
            background: Background::default(),
            welcome,
        }))
    }
}

/// Opens the socket and connects it.
fn dial(path: &Path, node: &str, timeout: Duration) -> Result<OwnedFd, Fault> {
    let absent = |error: rustix::io::Errno| {
        let how = if node.contains('/') {
            "start it again, or name another".to_owned()
        } else {
            format!("start one with `windlass serve --name {node}`")
        };
        let text = format!("no node {node:?} answers at {} ({}); {how}", path.display(), io::Error::from(error));
        Fault::new(Code::NotConnected, text)
    };
    let address = SocketAddrUnix::new(path).map_err(absent)?;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|errno| Fault::new(Code::Io, format!("no socket: {}", io::Error::from(errno))))?;
    // A node that accepts nobody must not hold us for ever.
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout.max(Duration::from_millis(1))))
        .map_err(absent)?;
    rustix::io::retry_on_intr(|| rustix::net::connect(&socket, &address)).map_err(absent)?;
    rustix::io::ioctl_fionbio(&socket, true).map_err(absent)?;
    Ok(socket)
}

/// Says hello and hears the welcome.
fn greet(
    socket: &OwnedFd,
    hello: &Hello,
    patience: &Patience,
) -> io::Result<Result<(Welcome, Vec<OwnedFd>), Fault>> {
    send_with_fds(socket.as_fd(), &hello.encode(), &[])?;
    let mut buf = [0; WELCOME_BYTES + FAULT_MESSAGE_MAX];
    loop {
        if !patience.ready(socket.as_fd(), PollFlags::IN)? {
            return Err(io::ErrorKind::TimedOut.into());
        }
        return match recv_with_fds(socket.as_fd(), &mut buf, WELCOME_FDS) {
            Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((len, fds)) => Ok(Welcome::decode(&buf[..len])
                .map(|welcome| (welcome, fds))
                .map_err(|error| Fault::new(Code::BadHello, format!("the welcome is none: {error}")))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => Err(error),
        };
    }
}

fn unanswered(node: &str, error: &io::Error, timeout: Duration) -> Fault {
    let why = match error.kind() {
        io::ErrorKind::TimedOut => format!("did not welcome us within {timeout:?}"),
        io::ErrorKind::UnexpectedEof => "hung up without a welcome".into(),
        _ => format!("could not be spoken to: {error}"),
    };
    Fault::new(Code::NotConnected, format!("the node {node:?} {why}"))
}
