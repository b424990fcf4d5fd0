//! The real backend: one place to sleep, the machine's clock and random source, operations by io_uring or, where that is
//! forbidden, by readiness and helper threads.
//!
//! Lives here: `RealDriver` (one per worker thread), `Backend`; in the order an operation moves: `table` (those under
//! way), `descriptor` (what they work on), `ring` and `polling` (who does them), `helpers` and `calls` (what blocks), `start`
//! and `ended` (both ends of one), `sleep` (doorbells, sockets of sessions, `Remote`); beside them `clock`.
//! Holds: with no operation under way nothing of the above exists but `sleep`: no ring, no thread. A buffer stays with its
//! operation in the table until the kernel or the helper has let go of it, also when the driver is dropped.

mod calls;
pub(crate) mod clock;
mod descriptor;
mod ended;
mod helpers;
mod polling;
mod ring;
mod sleep;
mod start;
mod table;

pub use sleep::Remote;

use crate::handles::{Handles, Kind};
use crate::limits::{HELPERS_MAX, OPERATIONS_MAX, RESOLVERS_MAX};
use crate::{Completion, Driver, Handle, IoError, Nanos, OpId, Operation, Ready, Tag, Token, Value, Watch};
use clock::Clock;
use descriptor::Descriptor;
use helpers::{Answer, Helpers};
use polling::Polling;
use ring::Ring;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use sleep::Sleep;
use std::collections::VecDeque;
use std::io;
use std::marker::PhantomData;
use std::rc::Rc;
use table::{Ending, Stage, Table};

/// How a driver does its operations; chosen when it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// By io_uring.
    IoUring,
    /// Sockets by readiness, files by helper threads: where io_uring is forbidden.
    Polling,
}

impl Backend {
    /// As logs and figures name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::Polling => "polling",
        }
    }
}

/// The driver of one worker thread.
pub struct RealDriver {
    backend: Backend,
    /// Why it is not the best there is; empty if it is.
    why: String,
    // Before the table: both wait, when they are dropped, until nobody has a buffer that stands there.
    helpers: Helpers,
    resolvers: Helpers,
    ring: Option<Ring>,
    polling: Option<Polling>,
    sleep: Sleep,
    clock: Rc<Clock>,
    state: u64,
    table: Table,
    handles: Handles<Descriptor>,
    queued: VecDeque<OpId>,
    done: Vec<Completion>,
    answers: Vec<Answer>,
    taken: Vec<(OpId, i32)>,
    /// Whether the last sleep was ended by the ring and not by what is watched.
    ring_spoke: bool,
    /// The ring belongs to the thread that made it.
    one_thread: PhantomData<*const ()>,
}

impl RealDriver {
    /// Makes a driver, by io_uring if this process may use it. Call it on the thread that will park in it.
    ///
    /// # Errors
    /// The system's, when descriptors have run out.
    pub fn new() -> io::Result<Self> {
        match ring::refused() {
            None => Self::with(Backend::IoUring),
            Some(why) => {
                let mut driver = Self::with(Backend::Polling)?;
                driver.why = why;
                Ok(driver)
            }
        }
    }

    /// Makes a driver of this kind. One that may not use io_uring says so at its first operation.
    ///
    /// # Errors
    /// The system's, when descriptors have run out.
    pub fn with(backend: Backend) -> io::Result<Self> {
        let sleep = Sleep::new()?;
        let mut seed = [0; 8];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
        let why = if backend == Backend::Polling { "it was asked for" } else { "" };
        Ok(Self {
            backend,
            why: why.to_owned(),
            helpers: Helpers::new("windlass-io", HELPERS_MAX, sleep.remote()),
            resolvers: Helpers::new("windlass-names", RESOLVERS_MAX, sleep.remote()),
            ring: None,
            polling: None,
            sleep,
            clock: Rc::new(Clock::new()),
            state: u64::from_ne_bytes(seed) | 1,
            table: Table::default(),
            handles: Handles::default(),
            queued: VecDeque::new(),
            done: Vec::new(),
            answers: Vec::new(),
            taken: Vec::new(),
            ring_spoke: false,
            one_thread: PhantomData,
        })
    }

    /// How this driver does its operations.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// A handle that wakes this driver.
    pub fn remote(&self) -> Remote {
        self.sleep.remote()
    }

    /// Registers a descriptor from outside: a file, a stream socket, a listener, or one end of a pipe, which is a socket
    /// with one half. It is closed with its handle. It is made to block or not to, as the driver needs it; who shares the
    /// open description sees that.
    ///
    /// # Errors
    /// `Exists` for a socket that is registered already, `TooManyHandles`, `NoMemory`, the system's `Unsupported` for
    /// what is none of these; the descriptor comes back.
    pub fn register(&mut self, fd: OwnedFd) -> Result<Handle, (OwnedFd, IoError)> {
        let (kind, descriptor) = descriptor::identify(fd)?;
        let known = |(_, other): (Handle, &Descriptor)| other.identity == descriptor.identity;
        let fault = if descriptor.identity.is_some() && self.handles.iter().any(known) {
            Some(IoError::Exists)
        } else if kind == Kind::File {
            None
        } else {
            let blocking = self.backend == Backend::IoUring;
            descriptor::set_blocking(descriptor.fd.as_fd(), blocking).err().map(descriptor::system_error)
        };
        let refused = match fault {
            Some(error) => (descriptor, error),
            None => match self.handles.register(kind, descriptor) {
                Ok(handle) => return Ok(handle),
                Err(refused) => refused,
            },
        };
        let (descriptor, error) = refused;
        match std::sync::Arc::try_unwrap(descriptor.fd) {
            Ok(fd) => Err((fd, error)),
            Err(_) => unreachable!("nobody else has a descriptor that was just made"),
        }
    }

    /// Registers what this number of a descriptor names, as `register`; the number stays its owner's, the driver keeps a
    /// duplicate.
    ///
    /// # Errors
    /// `BadDescriptor` for a number that is negative or not open, `TooManyHandles` also when the process has as many
    /// descriptors as it may, and those of `register`.
    pub fn register_number(&mut self, number: i32) -> Result<Handle, IoError> {
        self.register(descriptor::duplicate(number)?).map_err(|(_, error)| error)
    }

    /// Descriptors registered, those that are closing included.
    pub fn handle_count(&self) -> usize {
        self.handles.count()
    }

    /// Ends an operation: gives its buffer back, and closes its descriptor if that was only waiting for this.
    fn finish(&mut self, id: OpId, result: Result<Value, IoError>) {
        let Some(running) = self.table.remove(id) else { return };
        if let Some(handle) = running.handle() {
            let last = self.handles.end(handle, running.direction());
            self.release(last);
        }
        self.done.push(Completion { tag: running.tag, result, buffer: running.operation.into_buffer() });
    }

    fn release(&self, descriptor: Option<Descriptor>) {
        if let (Some(descriptor), Some(polling)) = (&descriptor, &self.polling)
            && descriptor.watched
        {
            polling.unwatch(descriptor.fd.as_fd());
        }
    }

    /// Registers what an operation has opened.
    fn adopt(&mut self, kind: Kind, descriptor: Descriptor) -> Result<Value, IoError> {
        self.handles.register(kind, descriptor).map(Value::Handle).map_err(|(_closed, error)| error)
    }

    /// Sleeps in the ring, which watches the set of descriptors.
    fn sleep_in_ring(&mut self, timeout: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        if !ring.is_watched_ready() {
            ring.sleep(timeout, self.sleep.as_fd())?;
        }
        self.collect()?;
        if self.ring.as_mut().is_some_and(Ring::take_watched_ready) {
            self.sleep.wait(Some(0), ready)?;
            self.ring_spoke = ready.is_empty();
        }
        Ok(())
    }

    /// Sleeps in the set of descriptors; a completion rings the `Remote`.
    fn sleep_beside_ring(&mut self, timeout: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        ring.submit()?;
        ring.let_ring(true);
        let slept = if ring.has_some() { Ok(()) } else { self.sleep.wait(timeout, ready) };
        ring.let_ring(false);
        if ring.has_some() {
            self.ring_spoke = true;
            self.collect()?;
        }
        slept
    }

    /// Ends an operation early, if it has not ended.
    fn end_early(&mut self, id: OpId, ending: Ending) {
        let Some(running) = self.table.get_mut(id) else { return };
        if running.ending.is_some() {
            return;
        }
        running.ending = Some(ending);
        let (stage, handle) = (running.stage, running.handle());
        let at_once = match stage {
            Stage::Queued => true,
            Stage::Ring => {
                if let Some(ring) = &mut self.ring {
                    ring.cancel(id);
                }
                false
            }
            Stage::Helper => self.helpers.withdraw(id) || self.resolvers.withdraw(id),
            Stage::Waiting => {
                if let Some(descriptor) = handle.and_then(|handle| self.handles.get_mut(handle)) {
                    descriptor.waiting.retain(|other| *other != id);
                }
                true
            }
        };
        if at_once {
            let error = match ending {
                Ending::Cancelled => IoError::Cancelled,
                Ending::Closed => IoError::Closed,
            };
            self.finish(id, Err(error));
        }
    }
}

impl Driver for RealDriver {
    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn clock(&self) -> Rc<dyn Fn() -> Nanos> {
        let clock = self.clock.clone();
        Rc::new(move || clock.now())
    }

    fn chance(&mut self) -> u64 {
        crate::splitmix(&mut self.state)
    }

    fn operations_by(&self) -> (&'static str, &str) {
        (self.backend.name(), &self.why)
    }

    fn watch(&mut self, fd: BorrowedFd<'_>, token: Token, how: Watch) -> io::Result<()> {
        self.sleep.watch(fd, token, how)
    }

    fn unwatch(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.sleep.unwatch(fd)
    }

    fn give_way(&mut self) {
        std::thread::yield_now();
    }

    fn poll(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.sleep.wait(Some(0), ready)
    }

    fn start(&mut self, operation: Operation, tag: Tag) -> Result<OpId, Operation> {
        if self.under_way() >= OPERATIONS_MAX {
            return Err(operation);
        }
        let begun = self.check(&operation).and_then(|()| self.handles.begin(&operation));
        if let Err(error) = begun {
            self.done.push(Completion { tag, result: Err(error), buffer: operation.into_buffer() });
            return Ok(OpId(0));
        }
        let (handle, direction) = (operation.handle(), operation.direction());
        match self.table.insert(operation, tag) {
            Ok(id) => {
                self.queued.push_back(id);
                Ok(id)
            }
            Err(operation) => {
                let last = handle.and_then(|handle| self.handles.end(handle, direction));
                self.release(last);
                let result = Err(IoError::NoMemory);
                self.done.push(Completion { tag, result, buffer: operation.into_buffer() });
                Ok(OpId(0))
            }
        }
    }

    fn cancel(&mut self, operation: OpId) {
        self.end_early(operation, Ending::Cancelled);
    }

    fn close(&mut self, handle: Handle) -> Result<(), IoError> {
        let closed = self.handles.close(handle)?;
        if closed.is_some() {
            self.release(closed);
            return Ok(());
        }
        let of_this = |(id, running): (OpId, &table::Running)| (running.handle() == Some(handle)).then_some(id);
        let ids: Vec<OpId> = self.table.iter().filter_map(of_this).collect();
        for id in ids {
            self.end_early(id, Ending::Closed);
        }
        Ok(())
    }

    fn adopt(&mut self, socket: OwnedFd) -> Result<Handle, IoError> {
        self.register(socket).map_err(|(_, error)| error)
    }

    fn flush(&mut self) -> io::Result<()> {
        for _ in 0..self.queued.len() {
            if let Some(id) = self.queued.pop_front() {
                self.begin(id);
            }
        }
        match &mut self.ring {
            Some(ring) => ring.submit(),
            None => Ok(()),
        }
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        let looked = self.collect();
        done.append(&mut self.done);
        looked
    }

    fn under_way(&self) -> usize {
        self.table.count() + self.done.len()
    }

    fn park(&mut self, until: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
        if self.under_way() > 0 {
            for _ in 0..self.queued.len() {
                if let Some(id) = self.queued.pop_front() {
                    self.begin(id);
                }
            }
            self.collect()?;
            if !self.done.is_empty() {
                // There is something to do already; what was begun is handed over all the same.
                return self.ring.as_mut().map_or(Ok(()), Ring::submit);
            }
        }
        let timeout = until.map(|until| until.saturating_sub(self.now()));
        match self.ring.as_ref().filter(|ring| ring.in_flight() > 0) {
            None => self.sleep.wait(timeout, ready),
            // A sleep is ended cheapest by what it is slept in. Files answer soon; of peers and doorbells, whoever spoke
            // last is expected again.
            Some(ring) if ring.ends_soon() || self.ring_spoke => self.sleep_in_ring(timeout, ready),
            Some(_) => self.sleep_beside_ring(timeout, ready),
        }
    }
}

impl Drop for RealDriver {
    fn drop(&mut self) {
        let has_ring = |(id, running): (OpId, &table::Running)| (running.stage == Stage::Ring).then_some(id);
        let ids: Vec<OpId> = self.table.iter().filter_map(has_ring).collect();
        for id in ids {
            self.end_early(id, Ending::Cancelled);
        }
        while let Some(ring) = self.ring.as_mut().filter(|ring| ring.in_flight() > 0) {
            if ring.wait().is_err() {
                // The kernel may still write to these buffers: nobody else may ever have them.
                std::mem::forget(std::mem::take(&mut self.table));
                return;
            }
            let mut taken = std::mem::take(&mut self.taken);
            if ring.take(&mut taken).is_err() && taken.is_empty() {
                std::mem::forget(std::mem::take(&mut self.table));
                return;
            }
            for (id, answer) in taken.drain(..) {
                self.answered(id, answer);
            }
            self.taken = taken;
        }
    }
}

impl std::fmt::Debug for RealDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} driver with {} operations on {:?}", self.backend.name(), self.under_way(), self.handles)
    }
}

impl AsFd for RealDriver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.sleep.as_fd()
    }
}

#[cfg(test)]
mod tests;
