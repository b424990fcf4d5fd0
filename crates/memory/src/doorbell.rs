//! Doorbells: the one way a client wakes a worker that sleeps.
//!
//! Lives here: `Doorbell`, an eventfd. The node makes one per session and hands its descriptor to the client.
//! Holds: ringing never blocks and never fails on a living descriptor; rings before a drain count once.
//! Not here: when to ring (`park.rs`), where the node waits for it (driver).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::EventfdFlags;
use rustix::io::{Errno, retry_on_intr};

/// An eventfd, nonblocking, closed on exec.
#[derive(Debug)]
pub struct Doorbell {
    fd: OwnedFd,
}

impl Doorbell {
    /// Makes one that has not been rung.
    ///
    /// # Errors
    /// The kernel's: no descriptor or no memory left.
    pub fn new() -> io::Result<Doorbell> {
        let fd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Doorbell { fd })
    }

    /// Takes one that was received. It shares its nonblocking mode with its maker.
    pub fn from_fd(fd: OwnedFd) -> Doorbell {
        Doorbell { fd }
    }

    /// Rings it. A doorbell that was rung too often to count further is rung all the same.
    ///
    /// Cost: one system call.
    ///
    /// # Errors
    /// The kernel's, if the descriptor is not a doorbell.
    pub fn ring(&self) -> io::Result<()> {
        match retry_on_intr(|| rustix::io::write(&self.fd, &1_u64.to_ne_bytes())) {
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Silences it; answers whether it had been rung since the last time.
    ///
    /// Cost: one system call.
    ///
    /// # Errors
    /// The kernel's, if the descriptor is not a doorbell.
    pub fn drain(&self) -> io::Result<bool> {
        let mut count = [0_u8; 8];
        match retry_on_intr(|| rustix::io::read(&self.fd, &mut count)) {
            Ok(_) => Ok(true),
            Err(Errno::AGAIN) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for Doorbell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_before_a_drain_count_once() {
        let bell = Doorbell::new().expect("eventfd");
        assert!(!bell.drain().expect("drain"));
        for _ in 0..3 {
            bell.ring().expect("ring");
        }
        assert!(bell.drain().expect("drain"));
        assert!(!bell.drain().expect("drain"));
    }

    #[test]
    fn a_doorbell_at_its_highest_count_is_still_rung() {
        let bell = Doorbell::new().expect("eventfd");
        rustix::io::write(&bell.fd, &(u64::MAX - 1).to_ne_bytes()).expect("write");
        bell.ring().expect("ringing a full one is no error");
        assert!(bell.drain().expect("drain"));
    }
}
