//! A raw client: the protocol by hand, with no rule kept but those its user keeps.
//!
//! Lives here: `Raw` (hello, entries, control messages, whatever bytes), `Heard`; `child` (a node in a process of its own and
//! a client that behaves), `rough` (a module for rough treatment).
#![allow(dead_code, reason = "each test uses a part")]

pub mod child;
pub mod rough;

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use windlass_contract::completion::{Completion, ReplyAt};
use windlass_contract::control::{Control, ControlKind, DATAGRAM_BYTES_MAX};
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head};
use windlass_contract::hello::{CONTRACT_HASH, Hello, VERSION, Welcome};
use windlass_contract::slot::{Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodRef, PoolId};
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::ring::{COMPLETION, Consumer, Entry, Producer, SUBMIT};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Access, Doorbell, Segment, SegmentId};

/// How often a wait looks, and how long it goes on: 10 seconds, then the test gives up.
const LOOK: Duration = Duration::from_micros(200);
const LOOKS_MAX: u32 = 50_000;

/// A connected socket, no hello said.
pub fn dial(address: &str) -> OwnedFd {
    let socket =
        rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None).unwrap();
    let path = Path::new(address).join(windlass_contract::node_dir::SOCKET);
    rustix::net::connect(&socket, &SocketAddrUnix::new(&path).unwrap()).unwrap();
    rustix::io::ioctl_fionbio(&socket, true).unwrap();
    socket
}

/// Waits for a datagram; `None` when the node hung up.
pub fn hear_datagram(socket: BorrowedFd<'_>) -> Option<(Vec<u8>, Vec<OwnedFd>)> {
    let mut datagram = vec![0; DATAGRAM_BYTES_MAX];
    for _ in 0..LOOKS_MAX {
        match recv_with_fds(socket, &mut datagram, 3) {
            Ok((0, _)) => return None,
            Ok((length, fds)) => {
                datagram.truncate(length);
                return Some((datagram, fds));
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(LOOK),
            // What the node left unread when it closed resets the connection; that is a hang-up too.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return None,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the node neither answered nor hung up");
}

/// Says these bytes as a hello and hears the answer; `None` when the node hung up without one.
pub fn say_hello(
    address: &str,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> (OwnedFd, Option<(Welcome, Vec<OwnedFd>)>) {
    let socket = dial(address);
    send_with_fds(socket.as_fd(), bytes, fds).unwrap();
    let heard = hear_datagram(socket.as_fd());
    (socket, heard.map(|(bytes, fds)| (Welcome::decode(&bytes).unwrap(), fds)))
}

/// A hello that the node accepts.
pub fn hello(calls: u32) -> Hello {
    Hello {
        version_min: VERSION,
        version_max: VERSION,
        features: 0,
        contract: CONTRACT_HASH,
        calls,
        pid: std::process::id(),
        name: "raw".into(),
    }
}

/// What became of something sent.
#[derive(Debug)]
pub enum Heard {
    /// The call's value, and where its buffers stand.
    Value(Vec<u8>, Vec<BufferEntry>),
    /// The call's Fault.
    Fault(Fault),
    /// The session ended: the code in the node's words, and the sentence of its bye.
    Ended(Code, String),
}

impl Heard {
    /// The refusal of a call by this code; its text.
    #[track_caller]
    pub fn refused(self, code: Code) -> String {
        match self {
            Self::Fault(fault) if fault.is(code) => {
                assert!(!fault.message.is_empty(), "{fault:?} says nothing");
                fault.message
            }
            other => panic!("{code:?} was expected: {other:?}"),
        }
    }
    /// The end of the session by this code; its text.
    #[track_caller]
    pub fn ended(self, code: Code) -> String {
        match self {
            Self::Ended(with, text) if with == code => {
                ENDS.with_borrow_mut(|ends| ends.push(code));
                text
            }
            other => panic!("the end by {code:?} was expected: {other:?}"),
        }
    }
    /// The value.
    #[track_caller]
    pub fn value<T: serde::de::DeserializeOwned>(self) -> T {
        match self {
            Self::Value(bytes, _) => postcard::from_bytes(&bytes).unwrap(),
            other => panic!("a value was expected: {other:?}"),
        }
    }
}

thread_local! {
    /// The sessions of this test that the node has ended, by their Faults.
    static ENDS: std::cell::RefCell<Vec<Code>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// The ends that this thread was told of.
pub fn ends() -> Vec<Code> {
    ENDS.take()
}

/// A client by hand.
pub struct Raw {
    /// The control socket.
    pub socket: OwnedFd,
    /// What the node granted.
    pub welcome: Welcome,
    /// Where rings and cells stand.
    pub layout: Layout,
    /// The client's own segment, to be written anywhere.
    pub client: Arc<Segment>,
    /// Its descriptor.
    pub client_fd: OwnedFd,
    /// The node's segment.
    pub node: Arc<Segment>,
    /// Its words.
    pub words: NodeWords,
    /// The pool that calls go to, unless their slot says otherwise.
    pub pool: PoolId,
    /// The ring's end that publishes.
    pub submit: Producer<SUBMIT>,
    complete: Consumer<COMPLETION>,
    bell: Doorbell,
    generation: u32,
    results: HashMap<SegmentId, Segment>,
    requests: u64,
}

impl Raw {
    /// Connects with 16 calls.
    pub fn connect(address: &str, pool: PoolId) -> Self {
        let (socket, answer) = say_hello(address, &hello(16).encode(), &[]);
        let (welcome, mut fds) = answer.unwrap();
        assert_eq!((welcome.code, fds.len()), (0, 3), "{}", welcome.text);
        let layout = Layout::new(welcome.calls).unwrap();
        let bell = Doorbell::from_fd(fds.pop().unwrap());
        let open = |fd: &OwnedFd, access| Arc::new(Segment::open(fd.as_fd(), layout.bytes(), access).unwrap());
        let (node_fd, client_fd) = (fds.pop().unwrap(), fds.pop().unwrap());
        let (client, node) = (open(&client_fd, Access::ReadWrite), open(&node_fd, Access::Read));
        let words = NodeWords::open(node.clone()).unwrap();
        let own = ClientWords::open(client.clone()).unwrap();
        let submit = layout.ring(client.clone()).unwrap().producer(words.peer_submit_head());
        let complete = layout.ring(node.clone()).unwrap().consumer(own.own_completion_head());
        let (generation, results, requests) = (0, HashMap::new(), 0);
        Self {
            socket,
            welcome,
            layout,
            client,
            client_fd,
            node,
            words,
            pool,
            submit,
            complete,
            bell,
            generation,
            results,
            requests,
        }
    }

    /// A slot for a method, on call slot 0 with its next generation.
    pub fn slot(&mut self, method: MethodRef) -> Slot {
        self.generation += 1;
        Slot {
            call: CallId::new(0, self.generation),
            pool: self.pool,
            method: method.id,
            kind: Kind::Call,
            query: Query::Local,
            flags: 0,
            schema: method.schema,
            time_left_ns: NO_DEADLINE,
            arguments: Place { segment: SegmentId::CLIENT, length: 0, offset: 0 },
        }
    }

    /// Writes argument bytes to the cell of the slot's call and points the slot there.
    pub fn put(&self, slot: &mut Slot, bytes: &[u8]) {
        let offset = self.layout.cell(slot.call.slot()).unwrap();
        self.write(offset, bytes);
        slot.arguments = Place { segment: SegmentId::CLIENT, length: bytes.len() as u32, offset };
    }

    /// Writes bytes anywhere into the client segment.
    pub fn write(&self, offset: u64, bytes: &[u8]) {
        self.client.copy_in(self.client.span(offset, bytes.len() as u64).unwrap(), bytes);
    }

    /// Publishes an entry and rings.
    pub fn publish(&mut self, entry: Entry) {
        self.submit.publish(entry).unwrap();
        self.ring();
    }

    /// Rings the doorbell.
    pub fn ring(&self) {
        self.bell.ring().unwrap();
    }

    /// The doorbell, to be treated as its holder likes.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Sends a call with these argument bytes and hears what comes of it.
    pub fn ask(&mut self, mut slot: Slot, bytes: &[u8]) -> Heard {
        self.put(&mut slot, bytes);
        self.send(&slot)
    }

    /// Publishes a slot as it is and hears what comes of it.
    pub fn send(&mut self, slot: &Slot) -> Heard {
        self.publish(slot.encode());
        self.hear().1
    }

    /// Calls a method with these buffers and argument bytes.
    pub fn with_buffers(&mut self, method: MethodRef, buffers: &[BufferEntry], arguments: &[u8]) -> Heard {
        let head = Head { buffers: buffers.to_vec(), ..Head::default() };
        let mut bytes = Vec::new();
        head.encode(&mut bytes);
        bytes.extend_from_slice(arguments);
        let mut slot = self.slot(method);
        slot.flags = head.flags();
        self.ask(slot, &bytes)
    }

    /// Waits for the next completion, or the end of the session.
    pub fn hear(&mut self) -> (Option<CallId>, Heard) {
        for _ in 0..LOOKS_MAX {
            if let Some(entry) = self.complete.take() {
                self.complete.commit();
                let completion = Completion::decode(&entry).unwrap();
                return (Some(completion.call), self.read(&completion));
            }
            if let Some(end) = self.end() {
                return (None, end);
            }
            std::thread::sleep(LOOK);
        }
        panic!("the node neither answered nor ended the session");
    }

    /// Waits for the end of the session, taking whatever is answered before.
    pub fn hear_end(&mut self) -> Heard {
        loop {
            if let (None, end) = self.hear() {
                return end;
            }
        }
    }

    /// How the session ended, if it has.
    pub fn end(&mut self) -> Option<Heard> {
        let code = match self.words.ended().load() {
            0 => return None,
            code => Code::from_number(code as u16).unwrap(),
        };
        loop {
            match self.control() {
                Some((message, _)) if message.kind == ControlKind::Bye => {
                    assert_eq!(message.code, code as u16, "word and bye differ");
                    return Some(Heard::Ended(code, message.text));
                }
                Some(_) => {}
                None => return Some(Heard::Ended(code, String::new())),
            }
        }
    }

    fn read(&mut self, completion: &Completion) -> Heard {
        let length = completion.length as usize;
        let bytes = match completion.at {
            ReplyAt::Inline(bytes) => bytes[..length].to_vec(),
            ReplyAt::Segment { segment: SegmentId::NODE, offset } => copy(&self.node, offset, length),
            ReplyAt::Segment { segment, offset } => {
                while !self.results.contains_key(&segment) {
                    self.take_result();
                }
                copy(&self.results[&segment], offset, length)
            }
        };
        let (buffers, value) = Head::decode_reply(completion.buffers, &bytes).unwrap();
        match completion.fault {
            None => Heard::Value(value.to_vec(), buffers),
            Some(head) => Heard::Fault(Fault::decode(head.code, head.outcome, head.retry, value)),
        }
    }

    fn take_result(&mut self) {
        let (message, fds) = self.control().expect("the node hung up before its segment came");
        assert_eq!(message.kind, ControlKind::Segment);
        let segment = Segment::open(fds[0].as_fd(), message.length as usize, Access::Read).unwrap();
        self.results.insert(message.segment, segment);
    }

    /// Waits for the next control message; `None` when the node hung up.
    pub fn control(&self) -> Option<(Control, Vec<OwnedFd>)> {
        hear_datagram(self.socket.as_fd()).map(|(bytes, fds)| (Control::decode(&bytes).unwrap(), fds))
    }

    /// Says something on the control socket.
    pub fn say(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        send_with_fds(self.socket.as_fd(), bytes, fds).unwrap();
    }

    /// Asks for something on the control socket and hears the answer.
    pub fn request(
        &mut self,
        kind: ControlKind,
        segment: SegmentId,
        length: u64,
        fds: &[BorrowedFd<'_>],
    ) -> (Control, Vec<OwnedFd>) {
        self.requests += 1;
        self.say(&Control::new(kind, segment, length, self.requests).encode(), fds);
        let (answer, fds) = self.control().expect("the node hung up");
        assert_eq!(answer.request, self.requests);
        (answer, fds)
    }

    /// A heap segment of so many bytes.
    pub fn grow(&mut self, bytes: u64) -> (SegmentId, Segment, OwnedFd) {
        let (answer, mut fds) = self.request(ControlKind::Grow, SegmentId::NONE, bytes, &[]);
        assert_eq!(answer.kind, ControlKind::Segment, "{}", answer.text);
        let fd = fds.pop().unwrap();
        let segment = Segment::open(fd.as_fd(), answer.length as usize, Access::ReadWrite).unwrap();
        (answer.segment, segment, fd)
    }
}

fn copy(segment: &Segment, offset: u64, length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    segment.copy_out_vec(segment.span(offset, length as u64).unwrap(), &mut bytes);
    bytes
}

/// A buffer entry of kind bytes.
pub fn bytes_entry(direction: Direction, segment: SegmentId, offset: u64, length: u64) -> BufferEntry {
    BufferEntry { segment, direction, kind: BufferKind::Bytes, offset, length }
}

/// A buffer entry of kind shared bytes.
pub fn shared_entry(direction: Direction, segment: SegmentId, offset: u64, length: u64) -> BufferEntry {
    BufferEntry { segment, direction, kind: BufferKind::Shared, offset, length }
}
