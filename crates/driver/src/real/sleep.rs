//! Sleep: the epoll set of one worker, and who may end its sleep from outside.
//!
//! Lives here: `Sleep` (what is watched, and waiting for it), `Remote` (rings it from any thread).
//! From: `RealDriver`. To: the kernel.
//! Holds: doorbells are edge-triggered, so a wake costs no read; a ring of the `Remote` is never lost; descriptors of
//! operations stand in a set of their own, which is watched as one.
//! Not here: waiting inside the ring (`ring.rs`), which watches this set as one descriptor.

use crate::{Nanos, Ready, Token, Watch};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use std::io;
use std::sync::Arc;

/// Events taken from the kernel at once.
pub(super) const EVENTS_MAX: usize = 64;
const REMOTE: u64 = u64::MAX;
const OPERATIONS: u64 = u64::MAX - 1;

/// Wakes a parked driver. Cheap to clone, callable from any thread.
#[derive(Clone, Debug)]
pub struct Remote(Arc<OwnedFd>);

impl Remote {
    /// Ends the driver's sleep, now or as soon as it would sleep.
    pub fn ring(&self) {
        // A full counter means that it has been rung already; nothing else can fail on our own eventfd.
        let _full_counts_as_rung = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// What one worker watches.
pub(super) struct Sleep {
    epoll: OwnedFd,
    remote: Arc<OwnedFd>,
    events: Vec<epoll::Event>,
    /// Whether the set of the operations' descriptors has something.
    operations_ready: bool,
}

impl Sleep {
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let remote = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        epoll::add(
            &epoll,
            &*remote,
            epoll::EventData::new_u64(REMOTE),
            epoll::EventFlags::IN | epoll::EventFlags::ET,
        )?;
        Ok(Self { epoll, remote, events: Vec::with_capacity(EVENTS_MAX), operations_ready: false })
    }

    pub fn remote(&self) -> Remote {
        Remote(self.remote.clone())
    }

    /// What a `Remote` rings.
    pub fn remote_fd(&self) -> BorrowedFd<'_> {
        self.remote.as_fd()
    }

    pub fn watch(&self, fd: BorrowedFd<'_>, token: Token, how: Watch) -> io::Result<()> {
        let flags = match how {
            Watch::Edge => epoll::EventFlags::IN | epoll::EventFlags::ET,
            Watch::Level => epoll::EventFlags::IN | epoll::EventFlags::RDHUP,
        };
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token.0), flags)?)
    }

    pub fn unwatch(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    /// Watches the set of the operations' descriptors.
    pub fn watch_operations(&self, set: BorrowedFd<'_>) -> io::Result<()> {
        let data = epoll::EventData::new_u64(OPERATIONS);
        Ok(epoll::add(&self.epoll, set, data, epoll::EventFlags::IN)?)
    }

    /// Whether the set of the operations' descriptors was found ready since this was asked last.
    pub fn take_operations_ready(&mut self) -> bool {
        std::mem::take(&mut self.operations_ready)
    }

    /// Appends what is ready, waiting for it at most `timeout`. An interrupted wait is a short one.
    pub fn wait(&mut self, timeout: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = timeout
            .map(|ns| Timespec { tv_sec: (ns / 1_000_000_000) as i64, tv_nsec: (ns % 1_000_000_000) as i64 });
        self.events.clear();
        match epoll::wait(&self.epoll, rustix::buffer::spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
        for event in &self.events {
            let (flags, data) = (event.flags, event.data.u64());
            match data {
                REMOTE => continue,
                OPERATIONS => {
                    self.operations_ready = true;
                    continue;
                }
                _ => {}
            }
            let gone = epoll::EventFlags::HUP | epoll::EventFlags::RDHUP | epoll::EventFlags::ERR;
            ready.push(Ready {
                token: Token(data),
                readable: flags.contains(epoll::EventFlags::IN),
                hung_up: flags.intersects(gone),
            });
        }
        Ok(())
    }
}

impl AsFd for Sleep {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
