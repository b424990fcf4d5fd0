//! One node of a name: a lock file that names its holder.
//!
//! Holds: the kernel drops the lock with its process, so a dead node never blocks a new one.

use rustix::fd::OwnedFd;
use rustix::fs::{FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::io;
use std::path::Path;

/// The lock, held while this lives.
#[derive(Debug)]
pub struct NameLock {
    _file: OwnedFd,
}

/// Why the name is not ours.
#[derive(Debug)]
pub enum LockError {
    /// A living process holds it.
    Held {
        /// The process it wrote into the file; 0 when the file does not say.
        pid: u32,
    },
    /// The file cannot be made or locked.
    Io(io::Error),
}

impl From<io::Error> for LockError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl NameLock {
    /// Takes the lock in `directory`, which is made (mode 0700) if missing, and writes this process into it.
    ///
    /// # Errors
    /// `Held` names the holder.
    pub fn take(directory: &Path) -> Result<Self, LockError> {
        std::fs::create_dir_all(directory)?;
        rustix::fs::chmod(directory, Mode::RWXU).map_err(io::Error::from)?;
        let path = directory.join("lock");
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC;
        let file = rustix::fs::open(&path, flags, Mode::RUSR | Mode::WUSR).map_err(io::Error::from)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => {
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                return Err(LockError::Held { pid: text.trim().parse().unwrap_or(0) });
            }
            Err(errno) => return Err(LockError::Io(errno.into())),
        }
        rustix::fs::ftruncate(&file, 0).map_err(io::Error::from)?;
        let text = format!("{}\n", std::process::id());
        rustix::io::pwrite(&file, text.as_bytes(), 0).map_err(io::Error::from)?;
        Ok(Self { _file: file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_told_the_first_ones_process() {
        let directory = std::env::temp_dir().join(format!("windlass-lock-{}", std::process::id()));
        let first = NameLock::take(&directory).unwrap();
        match NameLock::take(&directory) {
            Err(LockError::Held { pid }) => assert_eq!(pid, std::process::id()),
            other => panic!("{other:?}"),
        }
        drop(first);
        NameLock::take(&directory).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
