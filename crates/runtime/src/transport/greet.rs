//! Greeting: a connection says hello and becomes a session, or is told why not.
//!
//! Lives here: `greet` (a connection of the node's own socket), `check`, `welcome` (what every greeting has).
//! From: the listener, through the worker. To: `session::Session`, in shared memory or, if the client asked for one, over
//! a stream whose other end goes with the welcome.
//! Holds: everything a session needs is made before the welcome is sent; a step that fails leaves nothing behind.
//! Not here: connections over TCP (`stream::tcp`).

use super::Via;
use super::ring::{Ring, RingParts};
use super::stream::{self, Stream};
use crate::core::Core;
use crate::limits::{LEASES_MAX, LOAN_BYTES_MAX, SESSIONS_MAX, STREAM_CALLS_MAX};
use crate::session::{Session, Who};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::hello::{CONTRACT_HASH, FEATURE_STREAM, Hello, VERSION, Welcome};
use windlass_contract::limits::{ARGUMENT_BYTES_MAX, BUFFERS_MAX, CALLS_MAX, REPLY_BYTES_MAX};
use windlass_contract::{Code, Fault};
use windlass_driver::Driver;
use windlass_driver::socket::{Peer, stream_pair, watch_process};
use windlass_lane::io::Socket;
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Doorbell, Role, Segment};

/// Reads the hello that waits on `socket` and answers it.
///
/// # Errors
/// A Fault that has been told to the client; the connection is over.
pub(crate) fn greet(
    core: &Rc<Core>,
    driver: &mut dyn Driver,
    socket: OwnedFd,
    peer: Peer,
    number: u64,
) -> Result<Rc<Session>, Fault> {
    match try_greet(core, driver, &socket, peer, number) {
        Ok(Greeted::Ring { who, parts, fds, welcome }) => {
            let fds = [fds[0].as_fd(), fds[1].as_fd(), parts.doorbell.as_fd()];
            send_with_fds(socket.as_fd(), &welcome.encode(), &fds).map_err(|error| io("the welcome", &error))?;
            Ok(Session::new(core, who, Via::Ring(Ring::new(socket, *parts))))
        }
        Ok(Greeted::Stream { who, near, far, welcome }) => {
            send_with_fds(socket.as_fd(), &welcome.encode(), &[far.as_fd()])
                .map_err(|error| io("the welcome", &error))?;
            let session = Session::new(core, who, Via::Stream(Stream::new(welcome.calls)));
            stream::serve::begin(core, &session, near, Vec::new())?;
            Ok(session)
        }
        Err(fault) => {
            refuse(&socket, &fault);
            Err(fault)
        }
    }
}

enum Greeted {
    Ring { who: Who, parts: Box<RingParts>, fds: [OwnedFd; 2], welcome: Welcome },
    Stream { who: Who, near: Socket, far: OwnedFd, welcome: Welcome },
}

/// Tells a client why it gets no session.
pub(crate) fn refuse(socket: &OwnedFd, fault: &Fault) {
    let refusal = Welcome { code: fault.code, text: fault.message.clone(), ..refusal() };
    // The client may be gone by now; the fault goes to the log either way.
    let _unheard = send_with_fds(socket.as_fd(), &refusal.encode(), &[]);
}

/// What every refusal says.
pub(crate) fn refusal() -> Welcome {
    Welcome { version: VERSION, ..Welcome::default() }
}

fn io(what: &str, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::Io, format!("{what}: {error}"))
}

/// Whether whoever said this hello may have a session, wherever it came from; answers how many calls it may have.
///
/// # Errors
/// `VersionMismatch`, `Draining`, `NoMemory`.
pub(crate) fn check(core: &Rc<Core>, hello: &Hello) -> Result<u32, Fault> {
    if !(hello.version_min..=hello.version_max).contains(&VERSION) {
        let text = format!(
            "this node speaks version {VERSION}, the client {} to {}",
            hello.version_min, hello.version_max
        );
        return Err(Fault::new(Code::VersionMismatch, text));
    }
    if hello.contract != CONTRACT_HASH {
        let text = "client and node were built from different drafts of the records; build them from one version";
        return Err(Fault::new(Code::VersionMismatch, text));
    }
    if core.draining.get() {
        return Err(Fault::new(Code::Draining, "the node is stopping"));
    }
    // This one is counted already.
    if core.shared.sessions() > SESSIONS_MAX {
        return Err(Fault::new(Code::NoMemory, "the node has as many sessions as it may have"));
    }
    Ok(hello.calls.min(CALLS_MAX))
}

/// How many calls of those a stream may have.
pub(crate) fn stream_calls(calls: u32) -> u32 {
    calls.min(STREAM_CALLS_MAX)
}

/// What a session is welcomed with.
pub(crate) fn welcome(core: &Rc<Core>, number: u64, calls: u32, wanted: u64) -> Welcome {
    Welcome {
        version: VERSION,
        code: 0,
        features: wanted & FEATURE_STREAM,
        node_generation: core.generation(),
        session: number,
        calls,
        node: 0,
        client_segment_bytes: 0,
        node_segment_bytes: 0,
        argument_bytes_max: ARGUMENT_BYTES_MAX,
        reply_bytes_max: REPLY_BYTES_MAX,
        loan_bytes_max: LOAN_BYTES_MAX,
        session_bytes_max: core.limits.session_bytes_max,
        buffers_max: BUFFERS_MAX as u32,
        leases_max: LEASES_MAX,
        pid: std::process::id(),
        text: core.name.clone(),
    }
}

fn try_greet(
    core: &Rc<Core>,
    driver: &mut dyn Driver,
    socket: &OwnedFd,
    peer: Peer,
    number: u64,
) -> Result<Greeted, Fault> {
    let mut datagram = [0; 256];
    let (length, _no_descriptors_are_wanted) = recv_with_fds(socket.as_fd(), &mut datagram, 0)
        .map_err(|error| Fault::new(Code::BadHello, error.to_string()))?;
    let hello =
        Hello::decode(&datagram[..length]).map_err(|error| Fault::new(Code::BadHello, error.to_string()))?;
    let calls = check(core, &hello)?;
    if peer.uid != windlass_driver::socket::user() && peer.uid != 0 {
        return Err(Fault::new(Code::Denied, format!("user {} may not connect to this node", peer.uid)));
    }
    let name = if hello.name.is_empty() { format!("pid {}", peer.pid) } else { hello.name };
    let who = Who { number, name, peer, far: false };
    if hello.features & FEATURE_STREAM != 0 {
        let (ours, far) = stream_pair().map_err(|error| io("the stream", &error))?;
        let handle = driver.adopt(ours).map_err(|error| io("the stream", &error))?;
        let near = Socket::from_handle(&core.io, handle);
        let welcome = welcome(core, number, stream_calls(calls), hello.features);
        return Ok(Greeted::Stream { who, near, far, welcome });
    }
    let layout = Layout::new(calls).ok_or_else(|| Fault::new(Code::BadHello, "calls must be a power of two"))?;
    let make = |name: &str, role| {
        Segment::create(name, layout.bytes(), role).map_err(|error| Fault::new(Code::NoMemory, error.to_string()))
    };
    let (client, client_fd) = make("windlass-client", Role::Client)?;
    let (node, node_fd) = make("windlass-node", Role::Node)?;
    let (client, node) = (Arc::new(client), Arc::new(node));
    let node_words = NodeWords::begin(node.clone(), core.generation(), number)
        .map_err(|error| io("the node's words", &error))?;
    let client_words = ClientWords::open(client.clone()).map_err(|error| io("the client's words", &error))?;
    let doorbell = Doorbell::new().map_err(|error| io("the doorbell", &error))?;
    let welcome = Welcome {
        client_segment_bytes: client.bytes() as u64,
        node_segment_bytes: node.bytes() as u64,
        ..welcome(core, number, calls, 0)
    };
    let process = watch_process(peer.pid);
    let parts = Box::new(RingParts { layout, client, node, node_words, client_words, doorbell, process });
    Ok(Greeted::Ring { who, parts, fds: [client_fd, node_fd], welcome })
}
