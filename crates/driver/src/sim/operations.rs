//! Operations: what they do to a simulated world, and when they end.
//!
//! Lives here: `Process` (one driver's descriptors and operations), `Descriptor`, and the steps of an operation: begun, handed
//! over, performed, finished.
//! From: `driver`. To: `disk`, `net`; completions wait in the process until they are reaped.
//! Holds: an operation that was begun is completed once, with its buffer; what it does to the world it does at one moment
//! between its hand-over and its completion, or, ended early, in part.

use super::disk::{DiskFault, DiskWork, Inode};
use super::net::End;
use super::world::{Event, Inner, Machine};
use crate::buffer::{ALIGN, IoBuffer};
use crate::handles::{Handles, Kind};
use crate::limits::{BACKLOG, OPERATIONS_MAX, SIM_PIECE_BYTES};
use crate::operation::{Address, OpenHow};
use crate::{Completion, Handle, IoError, Nanos, OpId, Operation, Tag, Value};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// What stands behind a handle.
#[derive(Clone, Debug)]
pub(super) enum Descriptor {
    File {
        inode: Inode,
        how: OpenHow,
    },
    Socket(End),
    Listener(u64),
    /// A doorbell from outside.
    Bell(u64),
}

#[derive(Debug)]
struct Op {
    operation: Operation,
    tag: Tag,
}

/// One driver's descriptors and operations.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) machine: Machine,
    pub(super) handles: Handles<Descriptor>,
    ops: BTreeMap<u64, Op>,
    /// Not handed over yet.
    begun: Vec<u64>,
    pub(super) done: Vec<Completion>,
    pub(super) rung: bool,
    next: u64,
}

impl Process {
    pub(super) fn new(machine: Machine) -> Self {
        let (ops, begun, done) = Default::default();
        Self { machine, handles: Handles::default(), ops, begun, done, rung: false, next: 0 }
    }

    pub(super) fn under_way(&self) -> usize {
        self.ops.len() + self.done.len()
    }
}

/// Done, or not yet.
type Outcome = Option<Result<Value, IoError>>;

fn system(errno: Errno) -> IoError {
    IoError::System(errno.into())
}

fn is_network(operation: &Operation) -> bool {
    use Operation::{Accept, Connect, Receive, Resolve, Send, Shutdown};
    matches!(
        operation,
        Accept { .. } | Connect { .. } | Receive { .. } | Send { .. } | Shutdown { .. } | Resolve { .. }
    )
}

impl Inner {
    fn process(&mut self, driver: usize) -> Option<&mut Process> {
        self.processes.get_mut(driver)?.as_mut()
    }

    /// Begins an operation; gives it back when too many are under way.
    pub(super) fn start(&mut self, driver: usize, operation: Operation, tag: Tag) -> Result<OpId, Operation> {
        let Some(process) = self.process(driver) else { return Err(operation) };
        if process.under_way() >= OPERATIONS_MAX {
            return Err(operation);
        }
        process.next += 1;
        let id = process.next;
        let descriptor = operation.handle().and_then(|handle| process.handles.get(handle));
        let direct = matches!(descriptor, Some(Descriptor::File { how, .. }) if how.direct);
        let begun = operation.check(direct).and_then(|()| process.handles.begin(&operation));
        match begun {
            Ok(()) => {
                process.ops.insert(id, Op { operation, tag });
                process.begun.push(id);
            }
            Err(error) => {
                process.done.push(Completion { tag, result: Err(error), buffer: operation.into_buffer() });
            }
        }
        Ok(OpId(id))
    }

    pub(super) fn flush(&mut self, driver: usize) {
        let Some(process) = self.process(driver) else { return };
        for id in std::mem::take(&mut process.begun) {
            let Some(op) = self.process(driver).and_then(|process| process.ops.get(&id)) else { continue };
            let network = is_network(&op.operation);
            let at = self.now() + self.time_of(network);
            self.schedule(at, Event::Operation(driver, id));
        }
    }

    /// A drawn time for one operation.
    fn time_of(&mut self, network: bool) -> Nanos {
        let (latency, slow) = if network {
            (self.weather.net.latency_ns, self.weather.net.slow)
        } else {
            (self.weather.disk.latency_ns, self.weather.disk.slow)
        };
        let usual = self.times.between(1..=latency.max(1));
        if self.times.hits(slow) { usual.saturating_mul(self.times.between(1..=100)) } else { usual }
    }

    /// An operation's moment has come: it is done, or waits on.
    pub(super) fn perform(&mut self, driver: usize, id: u64) {
        let Some(mut op) = self.process(driver).and_then(|process| process.ops.remove(&id)) else { return };
        match self.outcome(driver, id, &mut op.operation) {
            Some(result) => self.finish(driver, id, op, result),
            None => {
                if let Some(process) = self.process(driver) {
                    process.ops.insert(id, op);
                }
            }
        }
    }

    fn finish(&mut self, driver: usize, id: u64, op: Op, result: Result<Value, IoError>) {
        let Op { operation, tag } = op;
        self.note(if result.is_ok() { "done" } else { "failed" }, driver as u64, id);
        let (handle, half) = (operation.handle(), operation.direction());
        let Some(process) = self.process(driver) else { return };
        process.done.push(Completion { tag, result, buffer: operation.into_buffer() });
        let machine = process.machine;
        let closed = handle.and_then(|handle| process.handles.end(handle, half));
        if let Some(descriptor) = closed {
            self.release(machine, &descriptor);
        }
    }

    /// Ends an operation before its moment.
    fn end_early(&mut self, driver: usize, id: u64, error: IoError) {
        let Some(op) = self.process(driver).and_then(|process| process.ops.remove(&id)) else { return };
        self.do_in_part(driver, &op.operation);
        self.finish(driver, id, op, Err(error));
    }

    /// A write that is ended early may have happened in part.
    fn do_in_part(&mut self, driver: usize, operation: &Operation) {
        if let Operation::WriteAt { file, at, buffer } = operation
            && let Some((machine, inode, _)) = self.file(driver, *file)
        {
            let bytes = bytes_of(buffer, buffer.len());
            self.disk(machine).write_some(inode, *at, &bytes);
        }
    }

    pub(super) fn cancel(&mut self, driver: usize, id: u64) {
        let Some(op) = self.process(driver).and_then(|process| process.ops.get(&id)) else { return };
        let network = is_network(&op.operation);
        // A disk often cannot stop what it has begun.
        if network || self.order.coin() {
            self.end_early(driver, id, IoError::Cancelled);
        }
    }

    pub(super) fn close(&mut self, driver: usize, handle: Handle) -> Result<(), IoError> {
        let Some(process) = self.process(driver) else { return Err(IoError::NotRegistered) };
        let machine = process.machine;
        match process.handles.close(handle)? {
            Some(descriptor) => self.release(machine, &descriptor),
            None => {
                let Some(process) = self.process(driver) else { return Ok(()) };
                let on = |op: &Op| op.operation.handle() == Some(handle);
                let mut waiting: Vec<u64> =
                    process.ops.iter().filter(|(_, op)| on(op)).map(|(id, _)| *id).collect();
                self.order.shuffle(&mut waiting);
                for id in waiting {
                    self.end_early(driver, id, IoError::Closed);
                }
            }
        }
        Ok(())
    }

    /// A process ends: killed, its descriptors are closed and its peers are told; cut off, they are not.
    pub(super) fn end_process(&mut self, driver: usize, cut_off: bool) {
        let Some(process) = self.processes.get_mut(driver).and_then(Option::take) else { return };
        self.note("process-ends", driver as u64, cut_off.into());
        // What it was writing may be written in part.
        for op in process.ops.values() {
            if let Operation::WriteAt { file, at, buffer } = &op.operation
                && let Some(Descriptor::File { inode, .. }) = process.handles.get(*file).cloned()
            {
                let bytes = bytes_of(buffer, buffer.len());
                self.disk(process.machine).write_some(inode, *at, &bytes);
            }
        }
        for (_, descriptor) in process.handles.iter() {
            match descriptor {
                Descriptor::Socket(end) if cut_off => {
                    for end in [*end, end.other()] {
                        if let Some(side) = self.net.side(end) {
                            side.silent = true;
                        }
                    }
                }
                descriptor => self.release(process.machine, descriptor),
            }
        }
    }

    pub(super) fn release(&mut self, machine: Machine, descriptor: &Descriptor) {
        if self.is_shared(descriptor) {
            return;
        }
        match descriptor {
            Descriptor::Bell(bell) => drop(self.outside.bells.remove(bell)),
            Descriptor::File { inode, how } => self.disk(machine).close(*inode, how.exclusive),
            Descriptor::Socket(end) => self.hang_up(*end),
            Descriptor::Listener(number) => {
                let Some((_, listener)) = self.net.listeners.remove(number) else { return };
                for connection in listener.queue {
                    self.lose(End { connection, side: 1 });
                }
            }
        }
    }

    fn file(&mut self, driver: usize, handle: Handle) -> Option<(Machine, Inode, OpenHow)> {
        let process = self.process(driver)?;
        match process.handles.get(handle) {
            Some(Descriptor::File { inode, how }) => Some((process.machine, *inode, *how)),
            _ => None,
        }
    }

    /// What a stream's handle stands for, as long as an operation of it is under way.
    fn stream(&mut self, driver: usize, handle: Handle) -> Option<Descriptor> {
        self.process(driver)?.handles.get(handle).cloned()
    }

    /// Room for what an operation is going to open: asked before it does anything that would have to be undone.
    fn room(&mut self, driver: usize) -> Result<(), IoError> {
        let machine = self.process(driver).ok_or(IoError::Closed)?.machine;
        self.room_for_descriptor(machine)
    }

    pub(super) fn register(
        &mut self,
        driver: usize,
        kind: Kind,
        descriptor: Descriptor,
    ) -> Result<Value, IoError> {
        let Some(process) = self.process(driver) else { return Err(IoError::Closed) };
        let machine = process.machine;
        match process.handles.register(kind, descriptor) {
            Ok(handle) => Ok(Value::Handle(handle)),
            Err((descriptor, error)) => {
                self.release(machine, &descriptor);
                Err(error)
            }
        }
    }

    fn outcome(&mut self, driver: usize, id: u64, operation: &mut Operation) -> Outcome {
        let at = |inner: &mut Self, file: Handle| inner.file(driver, file).ok_or(IoError::NotRegistered);
        let machine = self.process(driver)?.machine;
        Some(match operation {
            Operation::Open { path, how } => self.open(driver, machine, path, *how),
            Operation::ReadAt { file, at: from, buffer } => {
                at(self, *file).and_then(|(machine, inode, how)| self.read(machine, inode, how, *from, buffer))
            }
            Operation::WriteAt { file, at: to, buffer } => {
                at(self, *file).and_then(|(machine, inode, how)| self.write(machine, inode, how, *to, buffer))
            }
            Operation::Sync { file, .. } => {
                at(self, *file).and_then(|(machine, inode, _)| self.sync(machine, inode))
            }
            Operation::Length { file } => {
                at(self, *file).map(|(machine, inode, _)| Value::Length(self.disk(machine).bytes(inode)))
            }
            Operation::SetLength { file, bytes } | Operation::Reserve { file, bytes } => {
                let (file, bytes, reserves) = (*file, *bytes, matches!(operation, Operation::Reserve { .. }));
                at(self, file).and_then(|(machine, inode, how)| self.resize(machine, inode, how, bytes, reserves))
            }
            Operation::Remove { path } => match self.disk(machine).remove(path) {
                true => Ok(Value::Nothing),
                false => Err(system(Errno::NOENT)),
            },
            Operation::Rename { from, to } => match self.disk(machine).rename(from, to) {
                true => Ok(Value::Nothing),
                false => Err(system(Errno::NOENT)),
            },
            Operation::Announce { at } => self.announce(driver, at),
            Operation::Accept { listener } => return self.accept(driver, id, *listener),
            Operation::Connect { to } => self.connect(driver, to),
            Operation::Receive { socket, buffer } => match self.stream(driver, *socket) {
                Some(Descriptor::Socket(end)) => return self.receive((driver, id), end, buffer),
                Some(Descriptor::Bell(bell)) => return self.take_rung((driver, id), bell, buffer),
                _ => Err(IoError::NotRegistered),
            },
            Operation::Send { socket, buffer } => match self.stream(driver, *socket) {
                Some(Descriptor::Socket(end)) => return self.send((driver, id), end, buffer),
                Some(Descriptor::Bell(bell)) => self.ring_by(bell, buffer),
                _ => Err(IoError::NotRegistered),
            },
            Operation::Shutdown { socket } => match self.stream(driver, *socket) {
                Some(Descriptor::Socket(end)) => self.shut(end),
                Some(_) => Err(system(Errno::NOTSOCK)),
                None => Err(IoError::NotRegistered),
            },
            Operation::LocalAddress { socket } => self.local_address(driver, *socket),
            Operation::Resolve { name } => match self.net.resolve(name) {
                Some(addresses) if !addresses.is_empty() => Ok(Value::Addresses(addresses)),
                _ => Err(IoError::System(io::Error::new(io::ErrorKind::NotFound, format!("no host {name:?}")))),
            },
        })
    }

    fn open(&mut self, driver: usize, machine: Machine, path: &Path, how: OpenHow) -> Result<Value, IoError> {
        self.room(driver)?;
        let disk = self.disk(machine);
        let inode = match disk.find(path) {
            Some(_) if how.create && how.fresh => return Err(system(Errno::EXIST)),
            Some(inode) => inode,
            None if how.create => disk.make(path),
            None => return Err(system(Errno::NOENT)),
        };
        if !disk.open(inode, how.exclusive) {
            return Err(IoError::InUse);
        }
        if how.truncate && how.write {
            disk.set_bytes(inode, 0);
        }
        self.register(driver, Kind::File, Descriptor::File { inode, how })
    }

    fn fault(&mut self, machine: Machine, work: DiskWork) -> Option<DiskFault> {
        let disk = self.weather.disk.clone();
        let rates = match work {
            DiskWork::Read => vec![(disk.read_error, DiskFault::Error), (disk.rot, DiskFault::Rot)],
            DiskWork::Write => vec![
                (disk.write_error, DiskFault::Error),
                (disk.lost, DiskFault::Lost),
                (disk.misdirected, DiskFault::Misdirected),
            ],
            DiskWork::Sync => vec![(disk.sync_error, DiskFault::Error)],
        };
        let of = self.disk(machine);
        let met = of.planned(work);
        let met =
            met.or_else(|| rates.into_iter().find(|(rate, _)| of.dice().hits(*rate)).map(|(_, fault)| fault));
        if let Some(fault) = met {
            self.note("disk-fault", machine.0.into(), fault as u64);
        }
        met
    }

    fn short(&mut self, machine: Machine, how: OpenHow, len: usize) -> usize {
        let step = if how.direct { ALIGN } else { 1 };
        let rate = self.weather.disk.short;
        let dice = self.disk(machine).dice();
        if len > step && dice.hits(rate) { (1 + dice.place(len / step)) * step } else { len }.min(len)
    }

    fn read(
        &mut self,
        machine: Machine,
        inode: Inode,
        how: OpenHow,
        at: u64,
        buffer: &mut IoBuffer,
    ) -> Result<Value, IoError> {
        match self.fault(machine, DiskWork::Read) {
            Some(DiskFault::Rot) => self.disk(machine).rot(inode, at, buffer.len() as u64),
            Some(_) => return Err(system(Errno::IO)),
            None => {}
        }
        let (whole, len) = (buffer.range(), self.short(machine, how, buffer.len()));
        let mut bytes = vec![0; len.min(SIM_PIECE_BYTES)];
        let mut done = 0;
        while done < len {
            let piece = (len - done).min(bytes.len());
            let read = self.disk(machine).read(inode, at + done as u64, &mut bytes[..piece]);
            let placed = buffer.set_range(whole.start + done..whole.end) && buffer.fill(&bytes[..read]) == read;
            done += read;
            if read < piece || !placed {
                break;
            }
        }
        assert!(buffer.set_range(whole), "the buffer's own range lies in it");
        Ok(Value::Bytes(done))
    }

    fn write(
        &mut self,
        machine: Machine,
        inode: Inode,
        how: OpenHow,
        at: u64,
        buffer: &IoBuffer,
    ) -> Result<Value, IoError> {
        if !how.write {
            return Err(system(Errno::BADF));
        }
        let len = self.short(machine, how, buffer.len());
        let bytes = bytes_of(buffer, len);
        let Some(end) = at.checked_add(len as u64) else { return Err(system(Errno::FBIG)) };
        let fault = self.fault(machine, DiskWork::Write);
        let capacity = self.weather.disk.capacity_bytes;
        let disk = self.disk(machine);
        let grows = end.saturating_sub(disk.room(inode));
        let full = grows > 0 && (disk.is_full(inode) || disk.used_bytes().saturating_add(grows) > capacity);
        if fault == Some(DiskFault::Full) || full {
            return Err(system(Errno::NOSPC));
        }
        match fault {
            Some(DiskFault::Error | DiskFault::Rot) => {
                disk.write_some(inode, at, &bytes);
                return Err(system(Errno::IO));
            }
            Some(DiskFault::Lost | DiskFault::Full) => {}
            Some(DiskFault::Misdirected) => {
                let sectors = (disk.bytes(inode) / super::disk::SECTOR).max(1);
                let astray = disk.dice().below(sectors) * super::disk::SECTOR;
                disk.write(inode, astray, &bytes);
            }
            None => disk.write(inode, at, &bytes),
        }
        if how.durable {
            disk.sync_range(inode, at, len as u64);
        }
        Ok(Value::Bytes(len))
    }

    fn sync(&mut self, machine: Machine, inode: Inode) -> Result<Value, IoError> {
        match self.fault(machine, DiskWork::Sync) {
            None => {
                self.disk(machine).sync(inode);
                Ok(Value::Nothing)
            }
            Some(fault) => {
                self.disk(machine).fail_sync(inode);
                Err(system(if fault == DiskFault::Full { Errno::NOSPC } else { Errno::IO }))
            }
        }
    }

    fn resize(
        &mut self,
        machine: Machine,
        inode: Inode,
        how: OpenHow,
        bytes: u64,
        reserves: bool,
    ) -> Result<Value, IoError> {
        if !how.write {
            return Err(system(Errno::BADF));
        }
        let capacity = self.weather.disk.capacity_bytes;
        let disk = self.disk(machine);
        if !reserves {
            disk.set_bytes(inode, bytes);
            return Ok(Value::Nothing);
        }
        let grows = bytes.saturating_sub(disk.room(inode));
        if grows > 0 && (disk.is_full(inode) || disk.used_bytes().saturating_add(grows) > capacity) {
            return Err(system(Errno::NOSPC));
        }
        disk.reserve(inode, bytes);
        Ok(Value::Nothing)
    }

    fn announce(&mut self, driver: usize, at: &Address) -> Result<Value, IoError> {
        self.room(driver)?;
        let Some(number) = self.net.listen(at) else { return Err(system(Errno::ADDRINUSE)) };
        self.register(driver, Kind::Listener, Descriptor::Listener(number))
    }

    fn accept(&mut self, driver: usize, id: u64, handle: Handle) -> Outcome {
        let Some(Descriptor::Listener(number)) = self.process(driver)?.handles.get(handle).cloned() else {
            return Some(Err(IoError::NotRegistered));
        };
        let room = self.room(driver);
        let (_, listener) = self.net.listeners.get_mut(&number)?;
        // A connection that cannot be had now waits on for somebody who has room.
        if !listener.queue.is_empty()
            && let Err(error) = room
        {
            return Some(Err(error));
        }
        match listener.queue.pop_front() {
            Some(connection) => {
                let end = End { connection, side: 1 };
                Some(self.register(driver, Kind::Socket, Descriptor::Socket(end)))
            }
            None => {
                listener.accepts.push_back((driver, id));
                None
            }
        }
    }

    fn connect(&mut self, driver: usize, to: &Address) -> Result<Value, IoError> {
        self.room(driver)?;
        let cut = self.weather.net.cut;
        if self.times.hits(cut) {
            return Err(system(Errno::TIMEDOUT));
        }
        let Some(number) = self.net.listener_at(to) else {
            let known = match to {
                Address::Tcp(_) => true,
                Address::Unix(path) => self.net.socket_files.contains(path),
            };
            return Err(system(if known { Errno::CONNREFUSED } else { Errno::NOENT }));
        };
        let full = self.net.listeners.get(&number).is_some_and(|(_, one)| one.queue.len() >= BACKLOG as usize);
        let connection = if full { None } else { self.net.connect(to, number) };
        let Some(connection) = connection else { return Err(system(Errno::CONNREFUSED)) };
        while let Some((_, listener)) = self.net.listeners.get_mut(&number)
            && let Some((driver, id)) = listener.accepts.pop_front()
        {
            if self.process(driver).is_some_and(|process| process.ops.contains_key(&id)) {
                let at = self.now() + self.time_of(true);
                self.schedule(at, Event::Operation(driver, id));
                break;
            }
        }
        self.register(driver, Kind::Socket, Descriptor::Socket(End { connection, side: 0 }))
    }

    fn local_address(&mut self, driver: usize, handle: Handle) -> Result<Value, IoError> {
        let descriptor = self.process(driver).and_then(|process| process.handles.get(handle).cloned());
        let address = match descriptor {
            Some(Descriptor::Listener(number)) => self.net.listeners.get(&number).map(|(at, _)| at.clone()),
            Some(Descriptor::Socket(end)) if self.net.connection(end).is_some_and(|one| one.pipe) => {
                return Err(system(Errno::NOTSOCK));
            }
            Some(Descriptor::Socket(end)) => self.net.side(end).map(|side| side.address.clone()),
            Some(Descriptor::Bell(_)) => return Err(system(Errno::NOTSOCK)),
            _ => None,
        };
        address.map(Value::Address).ok_or(IoError::NotRegistered)
    }

    /// A drawn time on the way.
    pub(super) fn way_ns(&mut self) -> Nanos {
        self.time_of(true)
    }
}

pub(super) fn bytes_of(buffer: &IoBuffer, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    buffer.copy_out(&mut bytes);
    bytes
}
