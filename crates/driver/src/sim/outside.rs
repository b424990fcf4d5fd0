//! Outside: simulated descriptors that no driver has made: sockets, pipes, listeners and doorbells of the rest of a program.
//!
//! Lives here: `SimFd` (one such descriptor, by its number), `Bell`, the table of numbers, and how many a machine may have.
//! From: whoever plays the rest of the program. To: `SimDriver::register`, which makes a handle of it; or read, written and
//! rung by hand, as the rest of the program does.
//! Holds: a number names one descriptor until that is closed; what two descriptors share is closed with the last of them. A
//! machine that has as many descriptors as it may gives no other, and what was tried is undone.
//! Not here: what an operation does at them (`operations`, `transfers`).

use super::net::{End, Waiting};
use super::operations::Descriptor;
use super::transfers::Taken;
use super::world::{Inner, Machine, SimWorld};
use crate::handles::Kind;
use crate::operation::Address;
use crate::{Handle, IoError};
use rustix::io::Errno;
use std::collections::BTreeMap;
use std::fmt;
use std::io;

/// The first number: a process has three from the beginning.
const FIRST_NUMBER: i32 = 3;

/// A doorbell: counts until somebody takes the count.
#[derive(Debug, Default)]
pub(super) struct Bell {
    pub(super) rung: u64,
    pub(super) waits: Waiting,
}

/// The simulated descriptors that no driver has, and how many there may be.
#[derive(Debug, Default)]
pub(super) struct Outside {
    /// By number; `None`: something that no driver takes.
    open: BTreeMap<i32, (Machine, Option<Descriptor>)>,
    pub(super) bells: BTreeMap<u64, Bell>,
    next_bell: u64,
    /// By machine, if it is limited.
    most: BTreeMap<u32, usize>,
    /// Something may stand behind two descriptors.
    shares: bool,
}

impl Inner {
    /// Room for one more descriptor on this machine.
    pub(super) fn room_for_descriptor(&self, machine: Machine) -> Result<(), IoError> {
        let Some(most) = self.outside.most.get(&machine.0) else { return Ok(()) };
        let drivers = self.processes.iter().flatten().filter(|process| process.machine == machine);
        let of_drivers: usize = drivers.map(|process| 1 + process.handles.count()).sum();
        let others = self.outside.open.values().filter(|(on, _)| *on == machine).count();
        if of_drivers + others < *most { Ok(()) } else { Err(IoError::TooManyHandles) }
    }

    /// Whether another descriptor has the same behind it.
    pub(super) fn is_shared(&self, descriptor: &Descriptor) -> bool {
        let same = |other: &Descriptor| match (descriptor, other) {
            (Descriptor::Socket(one), Descriptor::Socket(other)) => one == other,
            (Descriptor::Listener(one), Descriptor::Listener(other)) => one == other,
            (Descriptor::Bell(one), Descriptor::Bell(other)) => one == other,
            _ => false,
        };
        let mut others = self.outside.open.values().filter_map(|(_, other)| other.as_ref());
        let mut handles = self.processes.iter().flatten().flat_map(|process| process.handles.iter());
        self.outside.shares && (others.any(same) || handles.any(|(_, other)| same(other)))
    }

    fn open_outside(&mut self, machine: Machine, descriptor: Option<Descriptor>) -> io::Result<i32> {
        if self.room_for_descriptor(machine).is_err() {
            return Err(Errno::MFILE.into());
        }
        let open = &self.outside.open;
        let Some(number) = (FIRST_NUMBER..i32::MAX).find(|number| !open.contains_key(number)) else {
            return Err(Errno::MFILE.into());
        };
        self.outside.open.insert(number, (machine, descriptor));
        Ok(number)
    }

    fn close_outside(&mut self, number: i32) {
        if let Some((machine, Some(descriptor))) = self.outside.open.remove(&number) {
            self.release(machine, &descriptor);
        }
    }

    /// Registers a descriptor that came from outside.
    fn adopt(&mut self, driver: usize, descriptor: Option<Descriptor>) -> Result<Handle, IoError> {
        let unsupported = || IoError::System(io::ErrorKind::Unsupported.into());
        let descriptor = descriptor.ok_or_else(unsupported)?;
        let is_pipe = |inner: &mut Self, end: End| inner.net.connection(end).is_some_and(|one| one.pipe);
        let (kind, once) = match &descriptor {
            Descriptor::File { .. } => (Kind::File, false),
            Descriptor::Listener(_) => (Kind::Listener, true),
            Descriptor::Socket(end) => (Kind::Socket, !is_pipe(self, *end)),
            Descriptor::Bell(_) => (Kind::Socket, false),
        };
        let process = self.processes.get_mut(driver).and_then(Option::as_mut).ok_or(IoError::Closed)?;
        let same = |other: &Descriptor| match (&descriptor, other) {
            (Descriptor::Socket(one), Descriptor::Socket(other)) => one == other,
            (Descriptor::Listener(one), Descriptor::Listener(other)) => one == other,
            _ => false,
        };
        if once && process.handles.iter().any(|(_, other)| same(other)) {
            return Err(IoError::Exists);
        }
        process.handles.register(kind, descriptor).map_err(|(_, error)| error)
    }

    /// Registers what a number names, and closes the number.
    pub(super) fn register_outside(&mut self, driver: usize, number: i32) -> Result<Handle, IoError> {
        let (machine, descriptor) = self.outside.open.remove(&number).ok_or(IoError::BadDescriptor)?;
        let adopted = self.adopt(driver, descriptor.clone());
        if adopted.is_err() {
            self.outside.open.insert(number, (machine, descriptor));
        }
        adopted
    }

    /// Registers a duplicate of what a number names.
    pub(super) fn register_duplicate(&mut self, driver: usize, number: i32) -> Result<Handle, IoError> {
        let (machine, descriptor) = self.outside.open.get(&number).cloned().ok_or(IoError::BadDescriptor)?;
        self.room_for_descriptor(machine)?;
        self.outside.shares = true;
        self.adopt(driver, descriptor)
    }

    /// The doorbell of this number, if it is not closed.
    pub(super) fn bell(&mut self, bell: u64) -> Option<&mut Bell> {
        self.outside.bells.get_mut(&bell)
    }

    /// Rings so often; whoever waits is woken.
    pub(super) fn ring_bell(&mut self, bell: u64, times: u64) {
        let waits = self.bell(bell).and_then(|bell| {
            bell.rung = bell.rung.saturating_add(times);
            bell.waits.take()
        });
        self.wake(waits);
    }

    /// A machine lost its power: what its programs have open falls silent.
    pub(super) fn silence_outside(&mut self, machine: Machine) {
        let of = self.outside.open.values().filter(|(on, _)| *on == machine);
        let ends: Vec<End> = of
            .filter_map(|(_, descriptor)| match descriptor {
                Some(Descriptor::Socket(end)) => Some(*end),
                _ => None,
            })
            .collect();
        for end in ends.into_iter().flat_map(|end| [end, end.other()]) {
            if let Some(side) = self.net.side(end) {
                side.silent = true;
            }
        }
    }
}

/// A simulated descriptor of the rest of a program, closed when it is dropped. Nothing here waits.
pub struct SimFd {
    world: SimWorld,
    number: i32,
    /// It is a driver's by now.
    given: bool,
}

impl SimWorld {
    fn fd(&self, machine: Machine, descriptor: Option<Descriptor>) -> io::Result<SimFd> {
        let number = self.0.borrow_mut().open_outside(machine, descriptor)?;
        Ok(SimFd { world: self.clone(), number, given: false })
    }

    fn ends(&self, machine: Machine, pipe: bool) -> io::Result<(SimFd, SimFd)> {
        let connection = self.0.borrow_mut().net.pair(pipe);
        let end = |side| Some(Descriptor::Socket(End { connection, side }));
        let first = self.fd(machine, end(0))?;
        let second = self.fd(machine, end(1));
        if second.is_err() {
            // Its other end was never anybody's.
            self.0.borrow_mut().hang_up(End { connection, side: 1 });
        }
        Ok((first, second?))
    }

    /// Two sockets of one machine that are connected.
    ///
    /// # Errors
    /// EMFILE, as all that make descriptors here.
    pub fn socket_pair(&self, machine: Machine) -> io::Result<(SimFd, SimFd)> {
        self.ends(machine, false)
    }

    /// A pipe: where it is read, and where it is written.
    ///
    /// # Errors
    /// EMFILE.
    pub fn pipe(&self, machine: Machine) -> io::Result<(SimFd, SimFd)> {
        self.ends(machine, true).map(|(writes, reads)| (reads, writes))
    }

    /// A doorbell.
    ///
    /// # Errors
    /// EMFILE.
    pub fn bell(&self, machine: Machine) -> io::Result<SimFd> {
        let number = {
            let mut inner = self.0.borrow_mut();
            inner.outside.next_bell += 1;
            let number = inner.outside.next_bell;
            inner.outside.bells.insert(number, Bell::default());
            number
        };
        let made = self.fd(machine, Some(Descriptor::Bell(number)));
        if made.is_err() {
            self.0.borrow_mut().outside.bells.remove(&number);
        }
        made
    }

    /// A listener.
    ///
    /// # Errors
    /// EADDRINUSE, EMFILE.
    pub fn listener(&self, machine: Machine, at: &Address) -> io::Result<SimFd> {
        let listening = self.0.borrow_mut().net.listen(at);
        let number = listening.ok_or(io::Error::from(Errno::ADDRINUSE))?;
        let made = self.fd(machine, Some(Descriptor::Listener(number)));
        if made.is_err() {
            self.0.borrow_mut().net.listeners.remove(&number);
        }
        made
    }

    /// Something that no driver takes: a directory, a datagram socket.
    ///
    /// # Errors
    /// EMFILE.
    pub fn neither_file_nor_stream(&self, machine: Machine) -> io::Result<SimFd> {
        self.fd(machine, None)
    }

    /// How many descriptors a machine's programs may have together, those that drivers hold and one for each driver included;
    /// `None`: any number. What is open stays open.
    pub fn limit_descriptors(&self, machine: Machine, most: Option<usize>) {
        let limits = &mut self.0.borrow_mut().outside.most;
        match most {
            Some(most) => limits.insert(machine.0, most),
            None => limits.remove(&machine.0),
        };
    }
}

impl SimFd {
    /// Its number.
    pub fn number(&self) -> i32 {
        self.number
    }

    /// Another descriptor of the same.
    ///
    /// # Errors
    /// EMFILE.
    pub fn try_clone(&self) -> io::Result<SimFd> {
        let open = self.world.0.borrow().outside.open.get(&self.number).cloned();
        let (machine, descriptor) = open.ok_or(io::Error::from(Errno::BADF))?;
        self.world.0.borrow_mut().outside.shares = true;
        self.world.fd(machine, descriptor)
    }

    fn descriptor(&self) -> Option<Descriptor> {
        self.world.0.borrow().outside.open.get(&self.number).and_then(|(_, descriptor)| descriptor.clone())
    }

    /// Reads what is there; 0 at the end.
    ///
    /// # Errors
    /// EAGAIN when nothing is there, EBADF where nothing is read, ECONNRESET.
    pub fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let Some(Descriptor::Socket(end)) = self.descriptor() else { return Err(Errno::BADF.into()) };
        match self.world.0.borrow_mut().take_bytes(end, into.len()) {
            Ok(Taken::Bytes(bytes)) => {
                into[..bytes.len()].copy_from_slice(&bytes);
                Ok(bytes.len())
            }
            Ok(Taken::Nothing) => Err(Errno::AGAIN.into()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Writes as much as there is room for; it is there at once.
    ///
    /// # Errors
    /// EAGAIN without room, EBADF where nothing is written, EPIPE, ECONNRESET.
    pub fn write(&self, from: &[u8]) -> io::Result<usize> {
        let Some(Descriptor::Socket(end)) = self.descriptor() else { return Err(Errno::BADF.into()) };
        let put = self.world.0.borrow_mut().put_bytes(end, from, 0);
        match put {
            Ok(0) if !from.is_empty() => Err(Errno::AGAIN.into()),
            put => Ok(put?),
        }
    }

    /// Rings, if it is a doorbell.
    ///
    /// # Errors
    /// EBADF if it is none.
    pub fn ring(&self) -> io::Result<()> {
        let Some(Descriptor::Bell(bell)) = self.descriptor() else { return Err(Errno::BADF.into()) };
        self.world.0.borrow_mut().ring_bell(bell, 1);
        Ok(())
    }

    /// It is a driver's now.
    pub(super) fn give(mut self) {
        self.given = true;
    }
}

impl Drop for SimFd {
    fn drop(&mut self) {
        if !self.given {
            self.world.0.borrow_mut().close_outside(self.number);
        }
    }
}

impl fmt::Debug for SimFd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "simulated descriptor {}", self.number)
    }
}
