//! A simulated driver: one process's access to a simulated world.
//!
//! Lives here: `SimDriver`.
//! From: a worker's turn. To: `operations`; real descriptors (doorbells, control sockets) are looked at without waiting.
//! Holds: `park` never waits for the machine: stepped, it says until when the worker sleeps and returns at once, and whoever
//! steps it does not turn the worker before `is_awake`; alone, it lets the world's time pass instead.
//! What is ready or done is handed out in a drawn order, and some of it later.

use super::dice::Dice;
use super::operations::Process;
use super::outside::SimFd;
use super::world::{Machine, SimWorld};
use crate::limits::SIM_READY_MAX;
use crate::{Completion, Driver, Handle, IoError, Nanos, OpId, Operation, Ready, Tag, Token, Watch};
use rustix::event::epoll;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};
use rustix::io::Errno;
use std::fmt;
use std::io;
use std::rc::Rc;

/// The driver of one simulated process. Dropping it is the death of that process: its descriptors are closed.
pub struct SimDriver {
    world: SimWorld,
    id: usize,
    epoll: OwnedFd,
    watched: Vec<(RawFd, Token)>,
    /// Ready, not handed out.
    heard: Vec<Ready>,
    dice: Dice,
    /// Sleeps, until then or for ever.
    asleep: Option<Option<Nanos>>,
    alone: bool,
}

impl SimDriver {
    /// A driver that is stepped: its `park` returns at once.
    ///
    /// # Errors
    /// The system's, or the simulated machine's EMFILE, when it has no descriptor.
    pub fn stepped(world: &SimWorld, machine: Machine) -> io::Result<Self> {
        Self::new(world, machine, false)
    }

    /// A driver whose `park` lets the world's time pass up to what wakes it: for one that is alone in its world.
    ///
    /// # Errors
    /// As `stepped`.
    pub fn alone(world: &SimWorld, machine: Machine) -> io::Result<Self> {
        Self::new(world, machine, true)
    }

    fn new(world: &SimWorld, machine: Machine, alone: bool) -> io::Result<Self> {
        if world.0.borrow().room_for_descriptor(machine).is_err() {
            return Err(Errno::MFILE.into());
        }
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut inner = world.0.borrow_mut();
        let id = inner.processes.len();
        inner.processes.push(Some(Process::new(machine)));
        let dice = Dice::new(inner.seed ^ (id as u64) << 32, "driver");
        drop(inner);
        let (watched, heard) = (Vec::new(), Vec::new());
        Ok(Self { world: world.clone(), id, epoll, watched, heard, dice, asleep: None, alone })
    }

    /// The world it is in.
    pub fn world(&self) -> &SimWorld {
        &self.world
    }

    /// Registers a simulated descriptor from outside, as the real driver registers a real one. It is closed with its handle.
    ///
    /// # Errors
    /// `Exists` for a socket or listener that is registered already, `TooManyHandles`, `NoMemory`, the system's `Unsupported` for
    /// what is neither file nor stream; the descriptor comes back.
    pub fn register(&mut self, fd: SimFd) -> Result<Handle, (SimFd, IoError)> {
        let registered = self.world.0.borrow_mut().register_outside(self.id, fd.number());
        match registered {
            Ok(handle) => {
                fd.give();
                Ok(handle)
            }
            Err(error) => Err((fd, error)),
        }
    }

    /// Registers what this number names; the number stays its owner's, the driver keeps a duplicate.
    ///
    /// # Errors
    /// `BadDescriptor` for a number that is not open, `TooManyHandles` also when the machine has as many descriptors as it may,
    /// and those of `register`.
    pub fn register_number(&mut self, number: i32) -> Result<Handle, IoError> {
        self.world.0.borrow_mut().register_duplicate(self.id, number)
    }

    /// Descriptors registered, those that are closing included.
    pub fn handle_count(&self) -> usize {
        self.world.0.borrow().processes[self.id].as_ref().map_or(0, |process| process.handles.count())
    }

    /// Wakes it, now or as soon as it would sleep.
    pub fn ring(&self) {
        if let Some(process) = &mut self.world.0.borrow_mut().processes[self.id] {
            process.rung = true;
        }
    }

    /// Whether it does not sleep, or something would wake it by now.
    ///
    /// # Errors
    /// The system's.
    pub fn is_awake(&mut self) -> io::Result<bool> {
        let Some(until) = self.asleep else { return Ok(true) };
        self.world.run_due();
        let (due, told, spurious) = {
            let inner = self.world.0.borrow();
            let process = inner.processes[self.id].as_ref();
            let told = process.is_some_and(|process| process.rung || !process.done.is_empty());
            (until.is_some_and(|until| until <= inner.now()), told, inner.weather.spurious)
        };
        if !due && !told {
            // A system call, so only when its answer matters.
            self.listen()?;
        }
        let wakes = due || told || !self.heard.is_empty() || self.dice.hits(spurious);
        if wakes {
            self.asleep = None;
        }
        Ok(wakes)
    }

    /// When it wakes by itself, if it sleeps with an end.
    pub fn sleeps_until(&self) -> Option<Nanos> {
        self.asleep.flatten()
    }

    /// Looks at the real descriptors and keeps what is ready.
    fn listen(&mut self) -> io::Result<()> {
        if self.watched.is_empty() {
            return Ok(());
        }
        let now = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        let mut events: Vec<epoll::Event> = Vec::with_capacity(SIM_READY_MAX);
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut events), Some(&now)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        for event in &events {
            let (flags, data) = (event.flags, event.data.u64());
            let gone = epoll::EventFlags::HUP | epoll::EventFlags::RDHUP | epoll::EventFlags::ERR;
            let news = Ready {
                token: Token(data),
                readable: flags.contains(epoll::EventFlags::IN),
                hung_up: flags.intersects(gone),
            };
            match self.heard.iter_mut().find(|ready| ready.token == news.token) {
                Some(ready) => {
                    ready.readable |= news.readable;
                    ready.hung_up |= news.hung_up;
                }
                None => self.heard.push(news),
            }
        }
        Ok(())
    }

    /// Hands out what is ready, but for what is heard late.
    fn hand_out(&mut self, ready: &mut Vec<Ready>) -> io::Result<bool> {
        self.listen()?;
        // The kernel's order is by its own lists; ours is by the seed alone.
        self.heard.sort_by_key(|ready| ready.token.0);
        self.dice.shuffle(&mut self.heard);
        let late = self.world.0.borrow().weather.late_bell;
        let before = ready.len();
        for news in std::mem::take(&mut self.heard) {
            if self.dice.hits(late) {
                self.heard.push(news);
            } else {
                self.world.note("ready", self.id as u64, news.token.0);
                ready.push(news);
            }
        }
        Ok(ready.len() > before)
    }

    fn take_rung(&self) -> bool {
        let mut inner = self.world.0.borrow_mut();
        let Some(process) = &mut inner.processes[self.id] else { return true };
        let told = std::mem::take(&mut process.rung);
        told || !process.done.is_empty()
    }
}

impl Driver for SimDriver {
    fn operations_by(&self) -> (&'static str, &str) {
        ("sim", "")
    }

    fn now(&self) -> Nanos {
        self.world.0.borrow().clock.read()
    }

    fn clock(&self) -> Rc<dyn Fn() -> Nanos> {
        let clock = self.world.0.borrow().clock.clone();
        Rc::new(move || clock.read())
    }

    fn chance(&mut self) -> u64 {
        self.dice.bits()
    }

    fn watch(&mut self, fd: BorrowedFd<'_>, token: Token, how: Watch) -> io::Result<()> {
        let flags = match how {
            Watch::Edge => epoll::EventFlags::IN | epoll::EventFlags::ET,
            Watch::Level => epoll::EventFlags::IN | epoll::EventFlags::RDHUP,
        };
        epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token.0), flags)?;
        self.watched.push((fd.as_raw_fd(), token));
        Ok(())
    }

    fn unwatch(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        epoll::delete(&self.epoll, fd)?;
        let number = fd.as_raw_fd();
        if let Some(at) = self.watched.iter().position(|(watched, _)| *watched == number) {
            let (_, token) = self.watched.swap_remove(at);
            self.heard.retain(|ready| ready.token != token);
        }
        Ok(())
    }

    fn poll(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.world.run_due();
        self.hand_out(ready).map(drop)
    }

    fn start(&mut self, operation: Operation, tag: Tag) -> Result<OpId, Operation> {
        self.world.0.borrow_mut().start(self.id, operation, tag)
    }

    fn cancel(&mut self, operation: OpId) {
        self.world.0.borrow_mut().cancel(self.id, operation.0);
    }

    fn close(&mut self, handle: Handle) -> Result<(), IoError> {
        self.world.0.borrow_mut().close(self.id, handle)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.world.0.borrow_mut().flush(self.id);
        Ok(())
    }

    fn reap(&mut self, done: &mut Vec<Completion>) -> io::Result<()> {
        let mut inner = self.world.0.borrow_mut();
        inner.run_due();
        let held_back = inner.weather.held_back;
        let Some(process) = &mut inner.processes[self.id] else { return Ok(()) };
        let mut waiting = std::mem::take(&mut process.done);
        self.dice.shuffle(&mut waiting);
        let (later, now): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|_| self.dice.hits(held_back));
        process.done = later;
        done.extend(now);
        Ok(())
    }

    fn under_way(&self) -> usize {
        self.world.0.borrow().processes[self.id].as_ref().map_or(0, Process::under_way)
    }

    fn park(&mut self, until: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.flush()?;
        loop {
            self.world.run_due();
            let heard = self.hand_out(ready)?;
            let (now, next) = (self.world.now(), self.world.next_at());
            if self.take_rung() || heard || until.is_some_and(|until| until <= now) {
                return Ok(());
            }
            if !self.heard.is_empty() {
                // Late, but something is there.
                continue;
            }
            if !self.alone {
                self.world.note("sleeps", self.id as u64, until.unwrap_or(0));
                self.asleep = Some(until);
                return Ok(());
            }
            match [until, next].into_iter().flatten().min() {
                Some(at) => self.world.advance_to(at),
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "nothing in this simulated world will ever wake this driver",
                    ));
                }
            }
        }
    }
}

impl Drop for SimDriver {
    fn drop(&mut self) {
        self.world.0.borrow_mut().end_process(self.id, false);
    }
}

impl fmt::Debug for SimDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "driver {} of {:?}", self.id, self.world)
    }
}
