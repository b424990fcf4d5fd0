//! Frozen memory: bytes that nobody can write any more, so that a plain slice over them is sound.
//!
//! Lives here: `Frozen`, made by a client (`make`) or checked by the node (`accept`), and `FrozenError`.
//! From: the client, for what it sends many times. To: methods, as a true `&[u8]` with no copy.
//! Holds: a memory file sealed against writing, shrinking and growing, of exactly the length said, with no holes.
//!   The kernel refuses the write seal while any writable mapping exists, so nobody kept one.
//! Not here: ids and how many one session may have (runtime), memory somebody still writes (`segment.rs`).

use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags, SeekFrom};
use rustix::io::{Errno, retry_on_intr};

use crate::limits::SEGMENT_BYTES_MAX;
use crate::mapping::{Fork, Mapping};

/// Immutable bytes in a memory file of their own, mapped for reading. Dereferences to a slice, page-aligned.
pub struct Frozen {
    mapping: Mapping,
    /// What its maker passes on. Who accepted it needs the mapping only, and descriptors are few.
    fd: Option<OwnedFd>,
}

/// Why memory was not frozen, or not accepted as frozen.
#[derive(Debug, thiserror::Error)]
pub enum FrozenError {
    /// Frozen memory has at least one byte.
    #[error("frozen memory of no bytes")]
    Empty,
    /// Longer than the limit that applies.
    #[error("frozen memory of {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes said.
        bytes: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// The descriptor is not a memory file that can be sealed.
    #[error("the descriptor is not a memory file")]
    NotMemory,
    /// A seal is missing, so the bytes could still change.
    #[error("the memory file can still {}: seal it first", missing.describe())]
    Unsealed {
        /// What is still possible.
        missing: MissingSeals,
    },
    /// The file's length is not what was said.
    #[error("the memory file has {real} bytes, {said} were said")]
    WrongSize {
        /// Bytes the file has.
        real: u64,
        /// Bytes its sender named.
        said: u64,
    },
    /// Part of the file has no memory behind it yet; touching it would cost the reader memory and could fail.
    #[error("the memory file has a hole at byte {at}")]
    Holed {
        /// First byte of the first hole.
        at: u64,
    },
    /// The machine, or this process's share of it, has no memory left for it.
    #[error("no memory for {bytes} frozen bytes")]
    NoMemory {
        /// Bytes asked for.
        bytes: u64,
    },
    /// The kernel refused a step.
    #[error("{step} of frozen memory failed")]
    System {
        /// The system call.
        step: &'static str,
        /// Its error.
        #[source]
        source: io::Error,
    },
}

/// Which of the three seals are missing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MissingSeals {
    /// The bytes can be written.
    pub write: bool,
    /// The file can become shorter.
    pub shrink: bool,
    /// The file can become longer.
    pub grow: bool,
}

impl MissingSeals {
    fn of(seals: SealFlags) -> Option<MissingSeals> {
        let missing = MissingSeals {
            write: !seals.contains(SealFlags::WRITE),
            shrink: !seals.contains(SealFlags::SHRINK),
            grow: !seals.contains(SealFlags::GROW),
        };
        (missing.write || missing.shrink || missing.grow).then_some(missing)
    }

    fn describe(self) -> String {
        let named = [(self.write, "be written"), (self.shrink, "shrink"), (self.grow, "grow")];
        let named: Vec<&str> = named.into_iter().filter(|(missing, _)| *missing).map(|(_, name)| name).collect();
        named.join(", ")
    }
}

/// Times that sealing is tried again while the kernel, or a child that was forked meanwhile, still has the pages in hand, and how long it
/// waits for that each time.
const SEAL_TRIES: u32 = 20;
const SEAL_WAIT: std::time::Duration = std::time::Duration::from_millis(5);

/// Seals, and waits a little where that is refused for the moment.
fn seal(fd: &OwnedFd, seals: SealFlags) -> rustix::io::Result<()> {
    for _ in 0..SEAL_TRIES {
        match rustix::fs::fcntl_add_seals(fd, seals) {
            Err(rustix::io::Errno::BUSY) => {}
            other => return other,
        }
        #[allow(clippy::disallowed_methods, reason = "on the thread of whoever freezes, who waits for it")]
        std::thread::sleep(SEAL_WAIT);
    }
    rustix::fs::fcntl_add_seals(fd, seals)
}

impl Frozen {
    /// Makes frozen memory: `fill` writes the bytes (zero before), then they are sealed for good.
    ///
    /// Cost: one pass over the pages for the kernel, one for `fill`, six system calls. More than copying once, so it
    /// pays for what is sent more than once.
    ///
    /// # Errors
    /// `Empty`, `TooLong`, `NoMemory`, `System`.
    pub fn make(name: &str, bytes: usize, fill: impl FnOnce(&mut [u8])) -> Result<Frozen, FrozenError> {
        let said = check_length(bytes as u64, SEGMENT_BYTES_MAX as u64)?;
        let system = |step| move |errno: Errno| refused_by_kernel(step, said, errno);
        let fd = rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)
            .map_err(system("memfd_create"))?;
        rustix::fs::ftruncate(&fd, said).map_err(system("ftruncate"))?;
        retry_on_intr(|| rustix::fs::fallocate(&fd, FallocateFlags::empty(), 0, said))
            .map_err(system("fallocate"))?;
        {
            let writable = Mapping::new(fd.as_fd(), bytes, true, Fork::Absent).map_err(system("mmap"))?;
            // A reserved page that was never touched still counts as a hole.
            let populated = writable.populate(true);
            // SAFETY: the mapping is writable, `bytes` long, and the only one: the file has no name, and its
            //   descriptor has not left this function. The slice ends with this block, before the mapping does.
            let slice = unsafe { std::slice::from_raw_parts_mut(writable.base().as_ptr(), bytes) };
            if populated.is_err() {
                slice.fill(0);
            }
            fill(slice);
        }
        let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
        seal(&fd, seals).map_err(system("sealing"))?;
        let mapping = Mapping::new(fd.as_fd(), bytes, false, Fork::Inherited).map_err(system("mmap"))?;
        Ok(Frozen { mapping, fd: Some(fd) })
    }

    /// Checks memory that a peer says it froze, and maps it. `limit` is what this peer may have, in bytes.
    ///
    /// Cost: four system calls, no pass over the bytes.
    ///
    /// # Errors
    /// Each its own variant: `Empty`, `TooLong`, `NotMemory`, `Unsealed`, `WrongSize`, `Holed`; `NoMemory` and
    /// `System` are ours.
    pub fn accept(fd: OwnedFd, bytes: u64, limit: u64) -> Result<Frozen, FrozenError> {
        let bytes = check_length(bytes, limit.min(SEGMENT_BYTES_MAX as u64))?;
        let system = |step| move |errno: Errno| refused_by_kernel(step, bytes, errno);
        // The seals first: what is true of a sealed file stays true.
        let seals = rustix::fs::fcntl_get_seals(&fd).map_err(|_| FrozenError::NotMemory)?;
        if let Some(missing) = MissingSeals::of(seals) {
            return Err(FrozenError::Unsealed { missing });
        }
        let stat = rustix::fs::fstat(&fd).map_err(system("fstat"))?;
        let real = u64::try_from(stat.st_size).unwrap_or(0);
        if real != bytes {
            return Err(FrozenError::WrongSize { real, said: bytes });
        }
        let hole = rustix::fs::seek(&fd, SeekFrom::Hole(0)).map_err(system("seek"))?;
        if hole != real {
            return Err(FrozenError::Holed { at: hole });
        }
        let mapping = Mapping::new(fd.as_fd(), bytes as usize, false, Fork::Inherited).map_err(system("mmap"))?;
        Ok(Frozen { mapping, fd: None })
    }

    /// The memory file, to be passed to the node; `None` where it was accepted.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.fd.as_ref().map(AsFd::as_fd)
    }
}

impl Deref for Frozen {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the mapping lives as long as `self`. The file is sealed against writing, shrinking and growing
        //   (set in `make`, checked in `accept`) and seals cannot be removed, so no byte changes and none vanishes.
        //   Breaks if: the kernel allowed a write seal while a writable mapping exists; it refuses with EBUSY.
        unsafe { std::slice::from_raw_parts(self.mapping.base().as_ptr(), self.mapping.bytes()) }
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen").field("bytes", &self.len()).finish()
    }
}

fn check_length(bytes: u64, limit: u64) -> Result<u64, FrozenError> {
    match bytes {
        0 => Err(FrozenError::Empty),
        _ if bytes > limit => Err(FrozenError::TooLong { bytes, limit }),
        _ => Ok(bytes),
    }
}

fn refused_by_kernel(step: &'static str, bytes: u64, errno: Errno) -> FrozenError {
    match errno {
        Errno::NOMEM | Errno::NOSPC => FrozenError::NoMemory { bytes },
        _ => FrozenError::System { step, source: errno.into() },
    }
}
