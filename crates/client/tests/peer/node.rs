//! The peer's thread: welcome, control messages, slots, answers, lies.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex};

use rustix::event::{PollFd, PollFlags, Timespec};
use windlass_contract::admin::PoolFacts;
use windlass_contract::completion::{Completion, FaultHead, INLINE_BYTES, ReplyAt};
use windlass_contract::control::{Control, ControlKind, DATAGRAM_BYTES_MAX};
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head};
use windlass_contract::hello::{Hello, VERSION, Welcome};
use windlass_contract::slot::{Kind, Slot};
use windlass_contract::streams::{TAKE, is_of_streams};
use windlass_contract::{CallId, Code, Fault, MethodId, Outcome, PoolId};
use windlass_memory::park::NodePark;
use windlass_memory::passing::{recv_with_fds, send_with_fds};
use windlass_memory::ring::{COMPLETION, Consumer, Producer, SUBMIT};
use windlass_memory::words::{ClientWords, Layout, NodeWords};
use windlass_memory::{Access, Doorbell, Frozen, Lender, Role, Room, Segment, SegmentId};

use super::{Log, Manners, Order};

struct Node<'a> {
    manners: Manners,
    log: &'a Mutex<Log>,
    held_count: &'a AtomicU64,
    socket: OwnedFd,
    layout: Layout,
    theirs: Arc<Segment>,
    ours: Arc<Segment>,
    words: NodeWords,
    park: NodePark,
    slots: Consumer<SUBMIT>,
    completions: Producer<COMPLETION>,
    heap: HashMap<u32, Segment>,
    frozen: HashMap<u32, Frozen>,
    /// The one result segment, made at first need.
    result: Option<(SegmentId, Segment, Lender)>,
    leases: HashMap<u64, Room>,
    replies: Vec<Room>,
    held: Vec<CallId>,
    /// Those of them that say what was wrong.
    complaining: Vec<CallId>,
    dead: bool,
    /// It says that it has consumed slots which nobody published.
    runs_ahead: bool,
}

pub(super) fn run(
    listener: OwnedFd,
    manners: Manners,
    orders: &Receiver<Order>,
    log: &Mutex<Log>,
    held: &AtomicU64,
    stopping: &AtomicBool,
) {
    while !stopping.load(Ordering::Acquire) {
        if !readable(&[&listener]) {
            continue;
        }
        let socket = rustix::net::accept_with(&listener, rustix::net::SocketFlags::CLOEXEC).expect("accept");
        let Some((mut node, doorbell)) = welcome(socket, manners, log, held) else { continue };
        node.serve(&doorbell, orders, stopping);
        if node.dead {
            return;
        }
    }
}

/// Whether one of them has something to read, within a few milliseconds.
fn readable(fds: &[&dyn AsFd]) -> bool {
    readable_within(fds, 2_000_000)
}

fn readable_within(fds: &[&dyn AsFd], time_ns: i64) -> bool {
    let mut polled: Vec<PollFd<'_>> =
        fds.iter().map(|fd| PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)).collect();
    let time = Timespec { tv_sec: 0, tv_nsec: time_ns };
    rustix::event::poll(&mut polled, Some(&time)).is_ok_and(|count| count > 0)
}

fn welcome<'a>(
    socket: OwnedFd,
    manners: Manners,
    log: &'a Mutex<Log>,
    held_count: &'a AtomicU64,
) -> Option<(Node<'a>, Doorbell)> {
    let mut buf = [0; 256];
    let (len, _) = recv_with_fds(socket.as_fd(), &mut buf, 0).expect("a hello");
    let hello = Hello::decode(&buf[..len]).expect("a hello");
    if manners.refuses {
        let refusal = Welcome {
            version: VERSION,
            code: Code::Denied as u16,
            text: "this user may not connect".into(),
            ..Welcome::default()
        };
        send_with_fds(socket.as_fd(), &refusal.encode(), &[]).expect("send");
        return None;
    }
    let calls = hello.calls.min(manners.calls);
    let layout = Layout::new(calls).expect("a power of two");
    let (theirs, their_fd) = Segment::create("peer-client", layout.bytes(), Role::Client).expect("segment");
    let (ours, our_fd) = Segment::create("peer-node", layout.bytes(), Role::Node).expect("segment");
    let (theirs, ours) = (Arc::new(theirs), Arc::new(ours));
    let words = NodeWords::begin(Arc::clone(&ours), 7, 1).expect("words");
    let client_words = ClientWords::open(Arc::clone(&theirs)).expect("words");
    let doorbell = Doorbell::new().expect("doorbell");
    let answer = Welcome {
        version: VERSION,
        node_generation: 7,
        session: 1,
        calls,
        client_segment_bytes: theirs.bytes() as u64,
        node_segment_bytes: ours.bytes() as u64,
        argument_bytes_max: 64 * 1024,
        reply_bytes_max: 64 * 1024,
        loan_bytes_max: 1 << 30,
        session_bytes_max: manners.heap_bytes_max,
        buffers_max: 16,
        leases_max: 1024,
        pid: std::process::id(),
        text: "peer".into(),
        ..Welcome::default()
    };
    send_with_fds(socket.as_fd(), &answer.encode(), &[their_fd.as_fd(), our_fd.as_fd(), doorbell.as_fd()])
        .expect("send");
    let node = Node {
        manners,
        log,
        held_count,
        socket,
        layout,
        slots: layout.ring(Arc::clone(&theirs)).expect("ring").consumer(words.own_submit_head()),
        completions: layout.ring(Arc::clone(&ours)).expect("ring").producer(client_words.peer_completion_head()),
        park: NodePark::new(&words, &client_words),
        theirs,
        ours,
        words,
        heap: HashMap::new(),
        frozen: HashMap::new(),
        result: None,
        leases: HashMap::new(),
        replies: Vec::new(),
        held: Vec::new(),
        complaining: Vec::new(),
        dead: false,
        runs_ahead: false,
    };
    Some((node, doorbell))
}

impl Node<'_> {
    fn serve(&mut self, doorbell: &Doorbell, orders: &Receiver<Order>, stopping: &AtomicBool) {
        while !self.dead && !stopping.load(Ordering::Acquire) {
            for order in orders.try_iter() {
                match order {
                    Order::GoOn => self.go_on(),
                    Order::Die => self.dead = true,
                }
            }
            if !self.take_slots() && self.park.arm(|| self.slots.peek_ready()) {
                if readable(&[&self.socket, &doorbell]) && !self.control() {
                    // What was published before the hang-up still counts.
                    self.take_slots();
                    return;
                }
                doorbell.drain().expect("doorbell");
                self.park.disarm();
            }
        }
    }

    /// Takes what is published; whether there was any.
    fn take_slots(&mut self) -> bool {
        let mut busy = false;
        while !self.dead
            && let Some(entry) = self.slots.take()
        {
            busy = true;
            if !self.runs_ahead {
                self.slots.commit();
            }
            self.slot(&Slot::decode(&entry).expect("clients send slots"));
        }
        busy
    }

    fn slot(&mut self, slot: &Slot) {
        match slot.kind {
            Kind::Cancel => {
                self.log.lock().expect("log").cancelled.push(slot.call.bits());
                if let Some(at) = self.held.iter().position(|held| *held == slot.call) {
                    self.held.remove(at);
                    let fault = match self.complaining.contains(&slot.call) {
                        true => Fault::module(1043, "it was wrong all along"),
                        false => Fault::new(Code::Cancelled, "as you wish").with_outcome(Outcome::Unknown),
                    };
                    self.fault(slot.call, &fault);
                }
            }
            Kind::Release => {
                let Place { segment, offset, length } = place(slot);
                if length == 0 {
                    self.frozen.remove(&segment);
                    self.log.lock().expect("log").retired.push(segment);
                } else {
                    self.log.lock().expect("log").released.push((segment, offset));
                    if let (Some(room), Some((.., lender))) = (self.leases.remove(&offset), &mut self.result) {
                        lender.give_back(room);
                    }
                }
            }
            Kind::Call => self.call(slot),
            other => panic!("clients do not send {other:?}"),
        }
    }

    fn call(&mut self, slot: &Slot) {
        let mut bytes = Vec::new();
        let arguments = slot.arguments;
        let memory = match arguments.segment {
            SegmentId::CLIENT => &*self.theirs,
            id => self.heap.get(&id.0).expect("a heap segment of this session"),
        };
        let span = memory.span(arguments.offset, u64::from(arguments.length)).expect("in range");
        memory.copy_out_vec(span, &mut bytes);
        let (head, arguments) = Head::decode(slot.flags, &bytes).expect("a head");
        self.log.lock().expect("log").calls.push((slot.method.0, slot.time_left_ns));
        if slot.pool == PoolId::ADMIN {
            return self.admin(slot, arguments);
        }
        self.method(slot, &head.buffers, arguments);
    }

    fn admin(&mut self, slot: &Slot, arguments: &[u8]) {
        let name: String = postcard::from_bytes(arguments).expect("a name");
        if name != super::POOL_NAME {
            let fault = Fault::new(Code::UnknownPool, format!("no pool {name:?}; there is {}", super::POOL_NAME));
            return self.fault(slot.call, &fault);
        }
        let facts = PoolFacts {
            id: super::POOL.bits(),
            name,
            module: "peer".into(),
            version: "0.1.0".into(),
            parameters: "{}".into(),
            containers: 1,
            calls: 0,
            live: 0,
        };
        let reply = match slot.method.0 {
            10 => postcard::to_allocvec(&facts),
            _ => postcard::to_allocvec(&postcard::to_allocvec(&super::node_module()).expect("encodes")),
        };
        self.value(slot.call, &[], &reply.expect("encodes"));
    }

    fn method(&mut self, slot: &Slot, buffers: &[BufferEntry], arguments: &[u8]) {
        let call = slot.call;
        match slot.method.0 {
            10 => self.value(call, &[], arguments),
            11 => self.fault(call, &Fault::module(1042, "no such luck").with_details("luck=none")),
            12 => self.hold(call),
            13 => {
                let sum: u64 = self.bytes_of(&buffers[0]).iter().map(|byte| u64::from(*byte)).sum();
                self.value(call, &[], &postcard::to_allocvec(&sum).expect("encodes"));
            }
            14 => {
                let room = vec![arguments[0]; buffers[0].length as usize];
                let entry = self.lease(Direction::Out, &room);
                self.value(call, &[entry], &[]);
            }
            15 => {
                let mut bytes = self.bytes_of(&buffers[0]);
                bytes.reverse();
                let entry = self.lease(Direction::InOut, &bytes);
                self.value(call, &[entry], &[]);
            }
            16 => {
                let used = buffers[0].length / 2;
                let memory = &self.heap[&buffers[0].segment.0];
                let span = memory.span(buffers[0].offset, used).expect("in range");
                memory.copy_in(span, &vec![arguments[0]; used as usize]);
                self.value(call, &[BufferEntry { length: used, ..buffers[0] }], &[]);
            }
            17 => {}
            18 => {
                self.complaining.push(call);
                self.hold(call);
            }
            id if MethodId(id) == TAKE && self.manners.keeps_takers => self.hold(call),
            id if is_of_streams(MethodId(id)) => {
                self.fault(
                    call,
                    &Fault::new(Code::NoMemory, "no room for a batch").with_outcome(Outcome::NotStarted),
                );
            }
            40 => self.park.end(u32::from(Code::SessionEnded as u16)),
            41 => {
                let mut bye = Control::new(ControlKind::Bye, SegmentId::NONE, 0, 0);
                bye.code = Code::Draining as u16;
                bye.text = "for the night".into();
                self.send(&bye, None);
                self.park.end(u32::from(Code::Draining as u16));
            }
            42 => self.dead = true,
            _ => self.lie(slot, buffers),
        }
    }

    /// Every lie; then the truth where the lie was about something else.
    fn lie(&mut self, slot: &Slot, buffers: &[BufferEntry]) {
        let call = slot.call;
        let at = |segment: u32, offset: u64| ReplyAt::Segment { segment: SegmentId(segment), offset };
        let plain =
            Completion { call, buffers: 0, fault: None, length: 8, at: ReplyAt::Inline([0; INLINE_BYTES]) };
        let other = |slot: u32, generation: u32| CallId::new(slot, generation);
        match slot.method.0 {
            20 => self.publish(&Completion { at: at(0x8000_7777, 0), ..plain }),
            21 => self.publish(&Completion { at: at(SegmentId::NODE.0, u64::MAX - 3), ..plain }),
            22 => self.publish(&Completion { call: other(call.slot(), call.generation() ^ 1), ..plain }),
            23 => {
                let mut entry = plain.encode();
                entry[1] ^= 0x40;
                self.publish_raw(entry);
            }
            24 => self.publish(&Completion { length: u32::MAX, at: at(SegmentId::NODE.0, 0), ..plain }),
            25 | 29 | 35 => {
                let mut entry = self.lease(Direction::Out, &[1; 64]);
                match slot.method.0 {
                    25 => entry.length = 1 << 40,
                    35 => entry.segment = SegmentId::NODE,
                    _ => assert!(buffers.is_empty(), "this lie gives back a buffer that nobody asked for"),
                }
                self.value(call, &[entry], &[]);
            }
            26 => self.publish(&Completion { buffers: 200, ..plain }),
            27 => {
                self.publish(&plain);
                self.publish(&plain);
            }
            28 => self.publish(&Completion { at: at(SegmentId::CLIENT.0, 0), ..plain }),
            30 => self.publish(&Completion { call: other(1 << 20, 1), ..plain }),
            31 => {
                self.runs_ahead = true;
                self.words.submit_head().store(1 << 30);
                self.publish(&plain);
            }
            32 => {
                let seed = slot.arguments.offset ^ call.bits();
                let mut random = fastrand::Rng::with_seed(seed);
                self.publish_raw(std::array::from_fn(|_| random.u64(..)));
                self.publish(&plain);
            }
            33 => {
                self.send(&Control::new(ControlKind::Grow, SegmentId(3), 1, 1), None);
                self.publish(&Completion { at: at(0x8000_7777, 0), ..plain });
            }
            34 => {
                let file =
                    rustix::fs::memfd_create("peer-unsealed", rustix::fs::MemfdFlags::CLOEXEC).expect("memfd");
                rustix::fs::ftruncate(&file, 4096).expect("ftruncate");
                self.send(&Control::new(ControlKind::Segment, SegmentId(0x8000_7777), 4096, 0), Some(&file));
                self.publish(&Completion { at: at(0x8000_7777, 0), ..plain });
            }
            other => panic!("method {other} is not in the script"),
        }
    }

    fn hold(&mut self, call: CallId) {
        self.held.push(call);
        self.held_count.fetch_add(1, Ordering::AcqRel);
        let mut log = self.log.lock().expect("log");
        log.out_most = log.out_most.max(self.held.len());
        drop(log);
        if self.manners.answers_at != 0 && self.held.len() >= self.manners.answers_at {
            self.go_on();
        }
    }

    /// Answers what is held, the latest first, with the call's own bits.
    fn go_on(&mut self) {
        while let Some(call) = self.held.pop() {
            self.value(call, &[], &postcard::to_allocvec(&call.bits()).expect("encodes"));
        }
    }

    fn value(&mut self, call: CallId, buffers: &[BufferEntry], value: &[u8]) {
        let mut bytes = Vec::new();
        for entry in buffers {
            entry.encode(&mut bytes);
        }
        bytes.extend_from_slice(value);
        let at = self.put(call, &bytes);
        let (buffers, length) = (buffers.len() as u8, bytes.len() as u32);
        self.publish(&Completion { call, buffers, fault: None, length, at });
    }

    fn fault(&mut self, call: CallId, fault: &Fault) {
        let mut bytes = Vec::new();
        fault.encode_text(&mut bytes);
        let at = self.put(call, &bytes);
        let head = FaultHead { code: fault.code, outcome: fault.outcome, retry: fault.retry };
        self.publish(&Completion { call, buffers: 0, fault: Some(head), length: bytes.len() as u32, at });
    }

    /// Inline, in the reply cell, or in a result segment, by length.
    fn put(&mut self, call: CallId, bytes: &[u8]) -> ReplyAt {
        if bytes.len() <= INLINE_BYTES {
            let mut inline = [0; INLINE_BYTES];
            inline[..bytes.len()].copy_from_slice(bytes);
            return ReplyAt::Inline(inline);
        }
        if bytes.len() <= 256 {
            let offset = self.layout.cell(call.slot()).expect("a cell");
            self.ours.copy_in(self.ours.span(offset, bytes.len() as u64).expect("in range"), bytes);
            return ReplyAt::Segment { segment: SegmentId::NODE, offset };
        }
        let (segment, room) = self.write_result(bytes);
        let offset = room.offset();
        self.replies.push(room);
        ReplyAt::Segment { segment, offset }
    }

    fn lease(&mut self, direction: Direction, bytes: &[u8]) -> BufferEntry {
        let (segment, room) = self.write_result(bytes);
        let offset = room.offset();
        self.leases.insert(offset, room);
        self.log.lock().expect("log").leased.push((segment.0, offset));
        BufferEntry { segment, direction, kind: BufferKind::Bytes, offset, length: bytes.len() as u64 }
    }

    fn write_result(&mut self, bytes: &[u8]) -> (SegmentId, Room) {
        if self.result.is_none() {
            let (segment, fd) = Segment::create("peer-result", 16 << 20, Role::Result).expect("segment");
            let id = SegmentId::FIRST_RESULT;
            let lender = Lender::new(segment.bytes() as u64);
            self.send(&Control::new(ControlKind::Segment, id, segment.bytes() as u64, 0), Some(&fd));
            self.result = Some((id, segment, lender));
        }
        let (id, segment, lender) = self.result.as_mut().expect("made above");
        let room = lender.lend(bytes.len().max(1) as u64).expect("room");
        segment.copy_in(segment.span(room.offset(), bytes.len() as u64).expect("in range"), bytes);
        (*id, room)
    }

    fn bytes_of(&self, entry: &BufferEntry) -> Vec<u8> {
        if let Some(frozen) = self.frozen.get(&entry.segment.0) {
            return frozen[entry.offset as usize..][..entry.length as usize].to_vec();
        }
        let memory = self.heap.get(&entry.segment.0).expect("a segment of this session");
        let mut bytes = Vec::new();
        memory.copy_out_vec(memory.span(entry.offset, entry.length).expect("in range"), &mut bytes);
        bytes
    }

    fn publish(&mut self, completion: &Completion) {
        self.publish_raw(completion.encode());
    }

    fn publish_raw(&mut self, entry: windlass_memory::ring::Entry) {
        self.completions.publish(entry).expect("a completion always has room");
        self.park.announce(self.completions.published());
    }

    fn send(&self, message: &Control, fd: Option<&OwnedFd>) {
        let fds: Vec<_> = fd.map(|fd| fd.as_fd()).into_iter().collect();
        send_with_fds(self.socket.as_fd(), &message.encode(), &fds).expect("send");
    }

    /// Reads one control message if there is one; `false` when the client hung up.
    fn control(&mut self) -> bool {
        if !readable_within(&[&self.socket], 0) {
            return true;
        }
        let mut buf = [0; DATAGRAM_BYTES_MAX];
        let Ok((len, mut fds)) = recv_with_fds(self.socket.as_fd(), &mut buf, 1) else { return false };
        if len == 0 {
            return false;
        }
        let message = Control::decode(&buf[..len]).expect("a message");
        match message.kind {
            ControlKind::Grow => self.grow(&message),
            ControlKind::Frozen if self.manners.refuses_frozen => {
                let refused = Control::new(ControlKind::Refused, message.segment, 0, message.request);
                self.send(&Control { code: Code::BadFrozen as u16, text: "too cold".into(), ..refused }, None);
            }
            ControlKind::Frozen => {
                let frozen =
                    Frozen::accept(fds.pop().expect("its memory"), message.length, 1 << 30).expect("frozen");
                self.frozen.insert(message.segment.0, frozen);
                self.send(&Control::new(ControlKind::Accepted, message.segment, 0, message.request), None);
            }
            other => panic!("clients do not send {other:?}"),
        }
        true
    }

    fn grow(&mut self, message: &Control) {
        let held: u64 = self.heap.values().map(|segment| segment.bytes() as u64).sum();
        if held + message.length > self.manners.heap_bytes_max {
            let refused = Control::new(ControlKind::Refused, SegmentId::NONE, 0, message.request);
            let text = "the session's memory is used up".into();
            return self.send(&Control { code: Code::NoMemory as u16, text, ..refused }, None);
        }
        let (segment, fd) = Segment::create("peer-heap", message.length as usize, Role::Heap).expect("segment");
        assert!(segment.access() == Access::ReadWrite, "the maker can write it");
        let id = SegmentId(self.heap.len() as u32 + 1);
        self.log.lock().expect("log").grown.push(segment.bytes() as u64);
        self.send(&Control::new(ControlKind::Segment, id, segment.bytes() as u64, message.request), Some(&fd));
        self.heap.insert(id.0, segment);
    }
}

struct Place {
    segment: u32,
    offset: u64,
    length: u32,
}

fn place(slot: &Slot) -> Place {
    let at = slot.arguments;
    Place { segment: at.segment.0, offset: at.offset, length: at.length }
}
