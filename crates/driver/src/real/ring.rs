//! The ring: operations by io_uring, and sleeping inside it.
//!
//! Lives here: `Ring` (one per driver, made for its first operation), `refused` (why this process may have none).
//! From: `RealDriver` pushes requests and submits them. To: the kernel; its completions are read from shared memory.
//! Holds: a request that was pushed completes once; the completion queue has room for every request and its cancel; the
//! set of descriptors that the worker watches wakes a sleep in here, and is watched only while somebody sleeps here.
//! Not here: what a completion means (`mod.rs`).

use super::descriptor::Descriptor;
use super::table::Running;
use crate::Nanos;
use crate::limits::{KERNEL_THREADS_MAX, OPERATIONS_MAX, RING_ENTRIES};
use crate::operation::{OpId, Operation};
use io_uring::types::{Fd, FsyncFlags, SubmitArgs, Timespec};
use io_uring::{EnterFlags, IoUring, opcode, squeue};
use rustix::fd::{AsRawFd as _, BorrowedFd};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{Ordering, fence};

/// Requests of the ring's own; no operation has these numbers, because a generation is never 0.
const CANCEL: u64 = 0;
const WATCHED: u64 = 1;
/// The offset that means: this is a stream.
const STREAM: u64 = u64::MAX;

/// Whether the bell is silenced while nobody sleeps outside the ring. The kernel orders its write before its reading of
/// that flag by a locked instruction where that is a full barrier; elsewhere the bell rings always, which costs a little.
const QUIET: bool = cfg!(target_arch = "x86_64");

/// One driver's io_uring.
pub(super) struct Ring {
    ring: IoUring,
    /// What did not fit into the submission queue.
    spill: VecDeque<squeue::Entry>,
    /// Operations that the kernel has, or will be handed.
    in_flight: usize,
    /// Those of them that wait for a medium, which is soon, and not for a peer.
    prompt: usize,
    /// Whether the watched set has a request of ours.
    armed: bool,
    /// Whether the watched set was found ready.
    watched_ready: bool,
    no_iowait: u32,
}

/// Why this process may make no rings, or which of what is needed here the kernel's do not have; `None`: they serve.
pub(super) fn refused() -> Option<String> {
    let ring = match build(2, 4) {
        Ok(ring) => ring,
        Err(error) => return Some(format!("io_uring: {error}")),
    };
    let has = ring.params();
    let needed = [
        ("EXT_ARG", has.is_feature_ext_arg()),
        ("NODROP", has.is_feature_nodrop()),
        ("FAST_POLL", has.is_feature_fast_poll()),
    ];
    let missing: Vec<&str> = needed.iter().filter(|(_, is_there)| !is_there).map(|(name, _)| *name).collect();
    (!missing.is_empty()).then(|| format!("this kernel's io_uring has no {}", missing.join(", ")))
}

/// The best kind of ring that this kernel has.
fn build(entries: u32, completions: u32) -> io::Result<IoUring> {
    let mut last = None;
    for kind in 0..3 {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(completions).setup_clamp().dontfork();
        match kind {
            // Completions are prepared when we ask, not whenever the kernel likes to interrupt us.
            0 => builder.setup_single_issuer().setup_defer_taskrun().setup_taskrun_flag().setup_submit_all(),
            1 => builder.setup_coop_taskrun().setup_taskrun_flag().setup_submit_all(),
            _ => &mut builder,
        };
        match builder.build(entries) {
            Ok(ring) => return Ok(ring),
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::Unsupported.into()))
}

impl Ring {
    /// A ring that can ring this `eventfd` when something completes (`let_ring`).
    ///
    /// # Errors
    /// The system's, when it has no memory or no descriptor for one.
    pub fn new(bell: BorrowedFd<'_>) -> io::Result<Self> {
        let mut ring = build(RING_ENTRIES, 2 * OPERATIONS_MAX as u32)?;
        ring.submitter().register_eventfd(bell.as_raw_fd())?;
        // Kernels before 5.15 cannot be told; there its own limits hold.
        let _own_limits = ring.submitter().register_iowq_max_workers(&mut [KERNEL_THREADS_MAX; 2]);
        if QUIET {
            ring.completion().disable_eventfd();
        }
        let no_iowait = if ring.params().is_feature_no_iowait() { EnterFlags::NO_IOWAIT.bits() } else { 0 };
        Ok(Self {
            ring,
            spill: VecDeque::new(),
            in_flight: 0,
            prompt: 0,
            armed: false,
            watched_ready: false,
            no_iowait,
        })
    }

    /// Operations that have not completed.
    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Whether an operation on a file is among them: its end is near.
    pub fn ends_soon(&self) -> bool {
        self.prompt > 0
    }

    /// Begins an operation. `descriptor` is its handle's; one that connects brings its own socket.
    ///
    /// Answers `false` for an operation that is not the ring's.
    ///
    /// # Safety
    /// The running operation, with its buffer, its address and its descriptor, is kept until its completion is taken.
    pub unsafe fn begin(&mut self, id: OpId, running: &mut Running, descriptor: Option<&Descriptor>) -> bool {
        let Some(entry) = request(running, descriptor) else { return false };
        self.in_flight += 1;
        self.prompt += usize::from(running.is_prompt());
        self.push(entry.user_data(id.0));
        true
    }

    /// Asks the kernel to end an operation early.
    pub fn cancel(&mut self, id: OpId) {
        self.push(opcode::AsyncCancel::new(id.0).build().user_data(CANCEL));
    }

    fn push(&mut self, entry: squeue::Entry) {
        if !self.spill.is_empty() || !self.fits(&entry) {
            self.spill.push_back(entry);
        }
    }

    fn fits(&mut self, entry: &squeue::Entry) -> bool {
        // SAFETY: what the entry points to is kept until its completion (`begin`); the ring's own point to nothing.
        unsafe { self.ring.submission().push(entry) }.is_ok()
    }

    /// Hands over what was pushed, and lets the kernel post what is done.
    ///
    /// Cost: one system call for every `RING_ENTRIES` requests; none when nothing was pushed and nothing is done.
    ///
    /// # Errors
    /// The system's. What the kernel has no room for now stays, and is handed over the next time.
    pub fn submit(&mut self) -> io::Result<()> {
        loop {
            let (waiting, due) = {
                let queue = self.ring.submission();
                (queue.len() as u32, queue.taskrun() || queue.cq_overflow())
            };
            if waiting == 0 && !due {
                return Ok(());
            }
            match self.enter(waiting, 0, None)? {
                Some(taken) if taken > 0 => {}
                _ => return Ok(()),
            }
            while let Some(entry) = self.spill.front().cloned() {
                if !self.fits(&entry) {
                    break;
                }
                self.spill.pop_front();
            }
        }
    }

    /// Sleeps until something completes, the watched set is ready, or the time is over. What was pushed is handed over.
    ///
    /// Cost: one system call.
    ///
    /// # Errors
    /// The system's.
    pub fn sleep(&mut self, timeout: Option<Nanos>, watched: BorrowedFd<'_>) -> io::Result<()> {
        if !self.armed {
            let request = opcode::PollAdd::new(Fd(watched.as_raw_fd()), libc::POLLIN as u32);
            self.push(request.build().user_data(WATCHED));
            self.armed = true;
        }
        if !self.spill.is_empty() {
            self.submit()?;
        }
        let waiting = self.ring.submission().len() as u32;
        let wanted = u32::from(self.ring.completion().is_empty() && self.spill.is_empty());
        self.enter(waiting, wanted, timeout)?;
        Ok(())
    }

    /// An operation on a file has completed.
    pub fn prompt_ended(&mut self) {
        self.prompt -= 1;
    }

    /// Takes what has completed: an operation's number and the kernel's answer.
    ///
    /// Cost: no system call, unless the kernel says that it holds something back.
    ///
    /// # Errors
    /// The system's.
    pub fn take(&mut self, done: &mut Vec<(OpId, i32)>) -> io::Result<()> {
        let due = {
            let queue = self.ring.submission();
            queue.taskrun() || queue.cq_overflow()
        };
        if due {
            self.enter(0, 0, None)?;
        }
        for entry in self.ring.completion() {
            match entry.user_data() {
                CANCEL => {}
                WATCHED => {
                    self.armed = false;
                    self.watched_ready = true;
                }
                id => {
                    self.in_flight -= 1;
                    done.push((OpId(id), entry.result()));
                }
            }
        }
        Ok(())
    }

    /// Whether completions ring the bell: for a sleep elsewhere. Look at `has_some` after `true`, and sleep if there is
    /// nothing.
    pub fn let_ring(&mut self, may: bool) {
        if !QUIET {
            return;
        }
        let queue = self.ring.completion();
        match may {
            true => queue.enable_eventfd(),
            false => queue.disable_eventfd(),
        }
        // ORDER: the flag is written before `has_some` reads what is there; the kernel writes what is there and then reads
        //   the flag, with locked instructions between (`QUIET`).
        fence(Ordering::SeqCst);
    }

    /// Whether something can be taken, or could if the kernel were asked.
    pub fn has_some(&mut self) -> bool {
        let due = {
            let queue = self.ring.submission();
            queue.taskrun() || queue.cq_overflow()
        };
        due || !self.ring.completion().is_empty()
    }

    /// Whether the watched set was found ready and nobody has looked at it yet.
    pub fn is_watched_ready(&self) -> bool {
        self.watched_ready
    }

    /// The same, and now somebody looks.
    pub fn take_watched_ready(&mut self) -> bool {
        std::mem::take(&mut self.watched_ready)
    }

    /// One `io_uring_enter`; `None` when the kernel wants to be asked again later.
    fn enter(&mut self, submit: u32, wanted: u32, timeout: Option<Nanos>) -> io::Result<Option<usize>> {
        let mut flags = EnterFlags::GETEVENTS.bits();
        if wanted > 0 {
            flags |= self.no_iowait;
        }
        let submitter = self.ring.submitter();
        let result = match timeout {
            Some(ns) if wanted > 0 => {
                let time = Timespec::new().sec(ns / 1_000_000_000).nsec((ns % 1_000_000_000) as u32);
                let args = SubmitArgs::new().timespec(&time);
                // SAFETY: the entries lie in the queue, and what they point to is kept (`begin`); the arguments
                //   outlive the call.
                unsafe { submitter.enter(submit, wanted, flags | EnterFlags::EXT_ARG.bits(), Some(&args)) }
            }
            // SAFETY: as above, without arguments.
            _ => unsafe { submitter.enter::<libc::sigset_t>(submit, wanted, flags, None) },
        };
        match result {
            Ok(taken) => Ok(Some(taken)),
            Err(error) => match Errno::from_io_error(&error) {
                Some(Errno::TIME | Errno::INTR | Errno::AGAIN | Errno::BUSY) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Sleeps until something completes, whatever the worker watches. For the end of the driver.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&mut self) -> io::Result<()> {
        self.submit()?;
        if self.ring.completion().is_empty() {
            let waiting = self.ring.submission().len() as u32;
            self.enter(waiting, 1, None)?;
        }
        Ok(())
    }
}

/// The request for an operation.
fn request(running: &mut Running, descriptor: Option<&Descriptor>) -> Option<squeue::Entry> {
    if let Some(connecting) = &running.connecting {
        let (at, len) = connecting.address.encoded();
        return Some(opcode::Connect::new(Fd(connecting.socket.as_raw_fd()), at.cast(), len).build());
    }
    let descriptor = descriptor?;
    let fd = Fd(descriptor.raw());
    Some(match &mut running.operation {
        Operation::ReadAt { at, buffer, .. } => {
            let len = clamped(buffer.len());
            opcode::Read::new(fd, buffer.as_mut_ptr(), len).offset(*at).build()
        }
        Operation::WriteAt { at, buffer, .. } => {
            opcode::Write::new(fd, buffer.as_ptr(), clamped(buffer.len())).offset(*at).build()
        }
        Operation::Receive { buffer, .. } => {
            let len = clamped(buffer.len());
            match descriptor.pipe {
                true => opcode::Read::new(fd, buffer.as_mut_ptr(), len).offset(STREAM).build(),
                false => opcode::Recv::new(fd, buffer.as_mut_ptr(), len).build(),
            }
        }
        Operation::Send { buffer, .. } => {
            let len = clamped(buffer.len());
            match descriptor.pipe {
                true => opcode::Write::new(fd, buffer.as_ptr(), len).offset(STREAM).build(),
                false => opcode::Send::new(fd, buffer.as_ptr(), len).flags(libc::MSG_NOSIGNAL).build(),
            }
        }
        Operation::Sync { data_only, .. } => {
            let flags = if *data_only { FsyncFlags::DATASYNC } else { FsyncFlags::empty() };
            opcode::Fsync::new(fd).flags(flags).build()
        }
        Operation::Accept { .. } => {
            let nowhere = std::ptr::null_mut();
            opcode::Accept::new(fd, nowhere, nowhere.cast()).flags(libc::SOCK_CLOEXEC).build()
        }
        _ => return None,
    })
}

/// What the kernel transfers at most at once; more is a short transfer.
fn clamped(len: usize) -> u32 {
    len.min(0x7FFF_F000) as u32
}
