//! Connecting: from a node's name to a session.
//!
//! Lives here: `Connect`, a builder; the hello and what is checked of the welcome.
//! From: `Client::connect`. To: `session`, with its segments mapped and its rings placed.
//! Holds: a session begins only with segments of the sizes that its layout needs, sealed, and words that a node wrote.
//! Not here: what passes afterwards (`wire`).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use windlass_contract::frame::Token;
use windlass_contract::hello::{CONTRACT_HASH, FEATURE_STREAM, Hello, VERSION, WELCOME_BYTES, Welcome};
use windlass_contract::limits::{CALLS_DEFAULT, CALLS_MAX, FAULT_MESSAGE_MAX, NAME_MAX};
use windlass_contract::{Code, Fault, node_dir};
use windlass_memory::Processors;
use windlass_memory::park::ClientPark;
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Access, Doorbell, ForkGuard, Reaper, Segment, SegmentError, SegmentId};

use crate::background::Background;
use crate::client::Client;
use crate::connecting::Connecting;
use crate::counters::Counts;
use crate::hand::{Hand, Patience};
use crate::heap::Heap;
use crate::limits::{SPIN_DEFAULT, TIMEOUT_DEFAULT};
use crate::link::{Link, Ring, Submit};
use crate::reap::{RingTaker, Taker};
use crate::session::Session;
use crate::spin::Spin;
use crate::stages::Stages;
use crate::stream::inbound::Inbound;
use crate::stream::pipe::{Pipe, Way};
use crate::stream::{Stream, dial};
use crate::table::Table;
use crate::wire::Wire;

/// Descriptors of a welcome: client segment, node segment, doorbell.
const WELCOME_FDS: usize = 3;

/// What is connected to, and by which way.
#[derive(Clone, Debug)]
enum Target {
    /// The node of a name, in shared memory.
    Node(String),
    /// The node of a name, over a stream that its own socket hands out.
    UnixStream(String),
    /// A node at an address.
    Tcp(String),
}

/// The terms of a connection, to be changed before it is made.
#[derive(Clone, Debug)]
pub struct Connect {
    to: Target,
    token: Token,
    name: String,
    calls: u32,
    timeout: Duration,
    spin: Duration,
    stages: bool,
    hand: Option<Hand>,
    attended: bool,
}

impl Connect {
    pub(crate) fn new() -> Connect {
        Connect {
            to: Target::Node(node_dir::DEFAULT_NODE.to_owned()),
            token: Token::NONE,
            name: String::new(),
            calls: CALLS_DEFAULT,
            timeout: TIMEOUT_DEFAULT,
            spin: SPIN_DEFAULT,
            stages: false,
            hand: None,
            attended: false,
        }
    }

    /// To the node of this name, or whose directory this is (a path with a `/`), in shared memory; or, for `tcp://HOST:PORT`, as
    /// `tcp`.
    pub fn to(node: &str) -> Connect {
        Connect::new().at(node)
    }

    /// To the node of this name, or whose directory this is, over a Unix stream: for processes that are not to share memory.
    pub fn unix_stream(node: &str) -> Connect {
        Connect { to: Target::UnixStream(node.to_owned()), ..Connect::new() }
    }

    /// To the node that listens at this address (`127.0.0.1:7070`); it wants its token.
    pub fn tcp(address: &str) -> Connect {
        Connect { to: Target::Tcp(address.to_owned()), ..Connect::new() }
    }

    fn at(mut self, node: &str) -> Connect {
        self.to = match node.strip_prefix("tcp://") {
            Some(address) => Target::Tcp(address.to_owned()),
            None => Target::Node(node.to_owned()),
        };
        self
    }

    /// What the node wants to be shown by whoever comes over TCP: the text of the file `token` in its directory is read by
    /// `Token::from_text`.
    pub fn token(mut self, token: Token) -> Self {
        self.token = token;
        self
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

    /// A client that starts no thread for its futures: a program with a loop of its own watches the session's descriptor, and
    /// calls [`crate::Attending::attend`] when it is readable. Without this a thread takes answers while a future waits.
    pub fn attended(mut self) -> Self {
        self.attended = true;
        self
    }

    /// Connects to the node of this name, or whose directory this is (a path with a `/`), or at `tcp://HOST:PORT`.
    ///
    /// # Errors
    /// As `open`.
    pub fn connect(self, node: &str) -> Result<Client, Fault> {
        self.at(node).open()
    }

    /// Connects.
    ///
    /// # Errors
    /// `NotConnected` when no node answers there; `BadConfig` for terms that cannot be; what the node says when it
    /// refuses (`Denied` for a wrong token); `Io` when the system gives no memory or descriptors.
    pub fn open(self) -> Result<Client, Fault> {
        let terms = self.clone();
        Ok(Client::of(self.establish()?, Some(terms)))
    }

    /// A session on these terms.
    ///
    /// # Errors
    /// As `open`.
    pub(crate) fn establish(self) -> Result<Session, Fault> {
        let calls = self.asked()?;
        let patience = Patience::new(self.hand.as_ref(), self.timeout);
        match self.to.clone() {
            Target::Node(node) => {
                let (welcome, socket, fds) = self.greet_at(&node, self.hello(calls, 0), &patience)?;
                self.in_shared_memory(&node, calls, welcome, socket, fds)
            }
            Target::UnixStream(node) => {
                let hello = self.hello(calls, FEATURE_STREAM);
                let (welcome, _said_what_it_had_to, mut fds) = self.greet_at(&node, hello, &patience)?;
                let (1, Some(stream)) = (fds.len(), fds.pop()) else {
                    let text = format!("the node {node} offers no streams: it is of an older version");
                    return Err(Fault::new(Code::VersionMismatch, text));
                };
                self.over_stream(&node, calls, welcome, Way::Socket(stream), &[])
            }
            Target::Tcp(address) => {
                let way = Way::Socket(dial::tcp(&address, self.timeout)?);
                self.greet_over(&format!("tcp://{address}"), way, &patience)
            }
        }
    }

    /// As `open`, without blocking the thread that awaits it: a node that is slow to welcome holds up no executor.
    ///
    /// Cost: a thread for as long as it takes. Dropping the future gives the connection up.
    ///
    /// # Errors
    /// As `open`, and `Io` when the system gives no thread.
    pub fn open_async(self) -> Connecting {
        Connecting::new(self)
    }

    /// As `connect`, without blocking the thread that awaits it.
    ///
    /// # Errors
    /// As `open_async`.
    pub fn connect_async(self, node: &str) -> Connecting {
        self.at(node).open_async()
    }

    /// How long a connection may take.
    pub(crate) fn patience(&self) -> Duration {
        self.timeout
    }

    /// Whether the caller moves the connection itself.
    pub(crate) fn is_by_hand(&self) -> bool {
        self.hand.is_some()
    }

    /// Connects over a connection that the caller has made and moves; only for a client by hand.
    ///
    /// # Errors
    /// As `open`.
    pub fn over(self, pipe: impl Pipe + 'static) -> Result<Client, Fault> {
        let patience = Patience::new(self.hand.as_ref(), self.timeout);
        if self.hand.is_none() {
            let text = "a connection of the caller's own is moved by hand: give `by_hand` a step";
            return Err(Fault::new(Code::BadConfig, text));
        }
        Ok(Client::of(self.greet_over("at the other end", Way::Hand(Box::new(pipe)), &patience)?, None))
    }

    fn asked(&self) -> Result<u32, Fault> {
        let calls = self.calls.checked_next_power_of_two().filter(|calls| (1..=CALLS_MAX).contains(calls));
        calls.filter(|_| self.calls > 0).ok_or_else(|| {
            let text = format!("{} calls at once cannot be (1 to {CALLS_MAX})", self.calls);
            Fault::new(Code::BadConfig, text)
        })
    }

    /// Says hello at a node's own socket.
    fn greet_at(
        &self,
        node: &str,
        hello: Hello,
        patience: &Patience,
    ) -> Result<(Welcome, OwnedFd, Vec<OwnedFd>), Fault> {
        let dir = node_dir::of(node, rustix::process::getuid().as_raw());
        let socket = dial(&dir.join(node_dir::SOCKET), node, self.timeout)?;
        let (welcome, fds) =
            greet(&socket, &hello, patience).map_err(|error| unanswered(node, &error, self.timeout))??;
        Ok((accepted(welcome)?, socket, fds))
    }

    /// Says hello over a stream.
    fn greet_over(self, node: &str, way: Way, patience: &Patience) -> Result<Session, Fault> {
        let calls = self.asked()?;
        let hello = self.hello(calls, FEATURE_STREAM);
        let (welcome, rest) = dial::greet(&way, self.token, hello, patience)
            .map_err(|error| unanswered(node, &error, self.timeout))??;
        self.over_stream(node, calls, accepted(welcome)?, way, &rest)
    }

    fn hello(&self, calls: u32, features: u64) -> Hello {
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
            features,
            contract: CONTRACT_HASH,
            calls,
            pid: std::process::id(),
            name,
        }
    }

    /// Maps what came with the welcome and puts the session together.
    fn in_shared_memory(
        self,
        node: &str,
        asked: u32,
        welcome: Welcome,
        socket: OwnedFd,
        fds: Vec<OwnedFd>,
    ) -> Result<Session, Fault> {
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
        let taker = Taker::Ring(RingTaker { consumer, spin: Spin::new(self.spin, processors) });
        let link = Link::Ring(Box::new(Ring {
            layout,
            park: ClientPark::new(&words, &own_words),
            processors: Processors::client(&words, &own_words),
            watched: own_words.own_watched(),
            own,
            theirs,
            words,
            doorbell: Doorbell::from_fd(bell_fd),
            wire: Wire::new(socket),
            submit: Mutex::new(Submit::new(producer)),
            has_backlog: AtomicBool::new(false),
            results: Mutex::new(HashMap::new()),
        }));
        self.session(node, welcome, link, taker)
    }

    /// Puts a session over a stream together.
    fn over_stream(
        self,
        node: &str,
        asked: u32,
        welcome: Welcome,
        way: Way,
        rest: &[u8],
    ) -> Result<Session, Fault> {
        if !(1..=asked).contains(&welcome.calls) {
            let text =
                format!("the node {node} welcomed us wrongly: {} calls granted, {asked} asked for", welcome.calls);
            return Err(Fault::new(Code::BadHello, text));
        }
        let system = |error: io::Error| Fault::new(Code::Io, format!("no descriptor for the session: {error}"));
        let link = Link::Stream(Box::new(Stream::new(way).map_err(system)?));
        self.session(node, welcome, link, Taker::Stream(Box::new(Inbound::new(rest))))
    }

    fn session(self, node: &str, welcome: Welcome, link: Link, taker: Taker) -> Result<Session, Fault> {
        let system = |error: io::Error| Fault::new(Code::Io, format!("no page for the fork guard: {error}"));
        let calls = welcome.calls;
        Ok(Session {
            guard: ForkGuard::new().map_err(system)?,
            node: node.to_owned(),
            timeout: self.timeout,
            hand: self.hand,
            attended: self.attended,
            link,
            table: Table::new(calls),
            reaper: Reaper::new(taker, Table::seats(calls)),
            over: OnceLock::new(),
            heap: Heap::default(),
            frozen_next: Mutex::new(Some(SegmentId::FIRST_FROZEN)),
            counts: Counts::default(),
            stages: self.stages.then(Stages::default),
            background: Background::default(),
            answers_wait: AtomicBool::new(false),
            streaming: AtomicU32::new(0),
            welcome,
        })
    }
}

/// A welcome, or the Fault that it is instead.
fn accepted(welcome: Welcome) -> Result<Welcome, Fault> {
    if welcome.code == 0 {
        return Ok(welcome);
    }
    let code = Code::from_number(welcome.code).unwrap_or(Code::BadHello);
    Err(Fault::new(code, welcome.text))
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
