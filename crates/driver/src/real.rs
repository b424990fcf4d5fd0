//! The real backend: epoll as the one place to sleep, the machine's clock and random source.
//!
//! Lives here: `RealDriver` (one per worker thread), `Remote` (rings it from any thread).
//! Holds: doorbells are edge-triggered, so a wake costs no read; a ring of the `Remote` is never lost.

use crate::{Driver, Nanos, Ready, Token, Watch};
use rustix::event::{EventfdFlags, Timespec, epoll, eventfd};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::time::{ClockId, clock_gettime};
use std::io;
use std::rc::Rc;
use std::sync::Arc;

/// Events taken from the kernel at once.
const EVENTS_MAX: usize = 64;
const REMOTE: u64 = u64::MAX;

/// The driver of one worker thread.
pub struct RealDriver {
    epoll: OwnedFd,
    remote: Arc<OwnedFd>,
    state: u64,
    events: Vec<epoll::Event>,
}

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

impl RealDriver {
    /// Makes a driver. Call it on the thread that will park in it.
    ///
    /// # Errors
    /// The system's, when descriptors have run out.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let remote = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        epoll::add(
            &epoll,
            &*remote,
            epoll::EventData::new_u64(REMOTE),
            epoll::EventFlags::IN | epoll::EventFlags::ET,
        )?;
        let mut seed = [0; 8];
        rustix::rand::getrandom(&mut seed, rustix::rand::GetRandomFlags::empty())?;
        Ok(Self { epoll, remote, state: u64::from_ne_bytes(seed) | 1, events: Vec::with_capacity(EVENTS_MAX) })
    }

    /// A handle that wakes this driver.
    pub fn remote(&self) -> Remote {
        Remote(self.remote.clone())
    }

    fn wait(&mut self, timeout: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
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
            if data == REMOTE {
                continue;
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

/// The machine's `CLOCK_MONOTONIC`: one zero for all its processes.
pub(crate) fn monotonic() -> Nanos {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as Nanos * 1_000_000_000 + now.tv_nsec as Nanos
}

impl Driver for RealDriver {
    fn now(&self) -> Nanos {
        monotonic()
    }

    fn clock(&self) -> Rc<dyn Fn() -> Nanos> {
        Rc::new(monotonic)
    }

    fn chance(&mut self) -> u64 {
        crate::splitmix(&mut self.state)
    }

    fn watch(&mut self, fd: BorrowedFd<'_>, token: Token, how: Watch) -> io::Result<()> {
        let flags = match how {
            Watch::Edge => epoll::EventFlags::IN | epoll::EventFlags::ET,
            Watch::Level => epoll::EventFlags::IN | epoll::EventFlags::RDHUP,
        };
        Ok(epoll::add(&self.epoll, fd, epoll::EventData::new_u64(token.0), flags)?)
    }

    fn unwatch(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    fn give_way(&mut self) {
        std::thread::yield_now();
    }

    fn poll(&mut self, ready: &mut Vec<Ready>) -> io::Result<()> {
        self.wait(Some(0), ready)
    }

    fn park(&mut self, until: Option<Nanos>, ready: &mut Vec<Ready>) -> io::Result<()> {
        let timeout = until.map(|until| until.saturating_sub(self.now()));
        self.wait(timeout, ready)
    }
}

impl AsFd for RealDriver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_before_the_sleep_ends_it() {
        let mut driver = RealDriver::new().unwrap();
        driver.remote().ring();
        let mut ready = Vec::new();
        driver.park(None, &mut ready).unwrap();
        assert!(ready.is_empty());
    }

    #[test]
    fn an_edge_watched_doorbell_tells_each_ring_without_being_read() {
        let mut driver = RealDriver::new().unwrap();
        let bell = windlass_memory::Doorbell::new().unwrap();
        driver.watch(bell.as_fd(), Token(7), Watch::Edge).unwrap();
        for _ in 0..3 {
            bell.ring().unwrap();
            let mut ready = Vec::new();
            driver.park(None, &mut ready).unwrap();
            assert_eq!(ready, [Ready { token: Token(7), readable: true, hung_up: false }]);
            ready.clear();
            driver.poll(&mut ready).unwrap();
            assert!(ready.is_empty());
        }
    }
}
