//! Greeting: a connection says hello and becomes a session, or is told why not.
//!
//! From: the listener, through the worker. To: `session::Session`.
//! Holds: everything a session needs is made before the welcome is sent; a step that fails leaves nothing behind.

use crate::core::Core;
use crate::limits::{LEASES_MAX, LOAN_BYTES_MAX, SESSIONS_MAX};
use crate::session::{Session, SessionParts};
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::hello::{CONTRACT_HASH, Hello, VERSION, Welcome};
use windlass_contract::limits::{ARGUMENT_BYTES_MAX, BUFFERS_MAX, CALLS_MAX, REPLY_BYTES_MAX};
use windlass_contract::{Code, Fault};
use windlass_driver::socket::{Peer, watch_process};
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Doorbell, Role, Segment};

/// Reads the hello that waits on `socket` and answers it.
///
/// # Errors
/// A Fault that has been told to the client; the connection is over.
pub(crate) fn greet(core: &Rc<Core>, socket: OwnedFd, peer: Peer, number: u64) -> Result<Rc<Session>, Fault> {
    match try_greet(core, &socket, peer, number) {
        Ok((parts, fds, welcome)) => {
            let fds = [fds[0].as_fd(), fds[1].as_fd(), parts.doorbell.as_fd()];
            send_with_fds(socket.as_fd(), &welcome.encode(), &fds).map_err(|error| io("the welcome", &error))?;
            Ok(Session::new(core, socket, parts))
        }
        Err(fault) => {
            refuse(&socket, &fault);
            Err(fault)
        }
    }
}

/// Tells a client why it gets no session.
pub(crate) fn refuse(socket: &OwnedFd, fault: &Fault) {
    let refusal =
        Welcome { version: VERSION, code: fault.code, text: fault.message.clone(), ..Welcome::default() };
    // The client may be gone by now; the fault goes to the log either way.
    let _unheard = send_with_fds(socket.as_fd(), &refusal.encode(), &[]);
}

fn io(what: &str, error: &dyn std::fmt::Display) -> Fault {
    Fault::new(Code::Io, format!("{what}: {error}"))
}

fn try_greet(
    core: &Rc<Core>,
    socket: &OwnedFd,
    peer: Peer,
    number: u64,
) -> Result<(SessionParts, [OwnedFd; 2], Welcome), Fault> {
    let mut datagram = [0; 256];
    let (length, _no_descriptors_are_wanted) = recv_with_fds(socket.as_fd(), &mut datagram, 0)
        .map_err(|error| Fault::new(Code::BadHello, error.to_string()))?;
    let hello =
        Hello::decode(&datagram[..length]).map_err(|error| Fault::new(Code::BadHello, error.to_string()))?;
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
    if peer.uid != windlass_driver::socket::user() && peer.uid != 0 {
        return Err(Fault::new(Code::Denied, format!("user {} may not connect to this node", peer.uid)));
    }
    if core.draining.get() {
        return Err(Fault::new(Code::Draining, "the node is stopping"));
    }
    // This one is counted already.
    if core.shared.sessions() > SESSIONS_MAX {
        return Err(Fault::new(Code::NoMemory, "the node has as many sessions as it may have"));
    }
    let calls = hello.calls.min(CALLS_MAX);
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
        version: VERSION,
        code: 0,
        features: 0,
        node_generation: core.generation(),
        session: number,
        calls,
        node: 0,
        client_segment_bytes: client.bytes() as u64,
        node_segment_bytes: node.bytes() as u64,
        argument_bytes_max: ARGUMENT_BYTES_MAX,
        reply_bytes_max: REPLY_BYTES_MAX,
        loan_bytes_max: LOAN_BYTES_MAX,
        session_bytes_max: core.limits.session_bytes_max,
        buffers_max: BUFFERS_MAX as u32,
        leases_max: LEASES_MAX,
        pid: std::process::id(),
        text: core.name.clone(),
    };
    let process = watch_process(peer.pid);
    let name = if hello.name.is_empty() { format!("pid {}", peer.pid) } else { hello.name };
    let parts =
        SessionParts { number, name, peer, layout, client, node, node_words, client_words, doorbell, process };
    Ok((parts, [client_fd, node_fd], welcome))
}
