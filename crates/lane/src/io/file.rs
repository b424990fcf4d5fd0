//! Files for tasks.
//!
//! Lives here: `File`, `remove`, `rename`.
//! From: a task. To: `Io`, one operation after another.
//! Holds: every call gives its buffer back with the range that it came with; whoever asks for all bytes gets all of them,
//! or an error that says why not.

use super::wait::unexpected;
use super::{Io, Wait};
use std::io;
use std::path::{Path, PathBuf};
use windlass_driver::buffer::ALIGN;
use windlass_driver::{Handle, IoBuffer, IoError, OpenHow, Operation, Value};

/// An open file. Reads and writes name their place, so any number may be under way at once. It is closed when dropped;
/// what is under way then ends with `Closed`, or with what it came to before.
#[derive(Debug)]
pub struct File {
    io: Io,
    handle: Handle,
    direct: bool,
}

impl File {
    /// Opens a file.
    ///
    /// # Errors
    /// `InUse` if another has it open exclusively, `TooManyHandles`, the system's.
    pub async fn open(io: &Io, path: impl AsRef<Path>, how: OpenHow) -> Result<File, IoError> {
        let operation = Operation::Open { path: path.as_ref().to_owned(), how };
        match Wait::new(io, operation).value().await? {
            Value::Handle(handle) => Ok(File { io: io.clone(), handle, direct: how.direct }),
            _ => Err(unexpected()),
        }
    }

    /// A file that the driver knows already; `direct` if it was opened around the page cache.
    pub fn from_handle(io: &Io, handle: Handle, direct: bool) -> File {
        File { io: io.clone(), handle, direct }
    }

    /// As the driver knows it.
    pub fn handle(&self) -> Handle {
        self.handle
    }

    /// Reads into the buffer's range; answers how many bytes, fewer at the file's end and 0 behind it.
    ///
    /// # Errors
    /// In the answer: `BadRange`, `Closed`, the system's.
    pub async fn read_at(&self, at: u64, buffer: IoBuffer) -> (Result<usize, IoError>, IoBuffer) {
        Wait::new(&self.io, Operation::ReadAt { file: self.handle, at, buffer }).bytes().await
    }

    /// Writes the buffer's range; answers how many bytes, which may be fewer.
    ///
    /// # Errors
    /// In the answer: `BadRange`, `Closed`, the system's.
    pub async fn write_at(&self, at: u64, buffer: IoBuffer) -> (Result<usize, IoError>, IoBuffer) {
        Wait::new(&self.io, Operation::WriteAt { file: self.handle, at, buffer }).bytes().await
    }

    /// Fills the buffer's whole range.
    ///
    /// # Errors
    /// In the answer: `Ended` if the file ends before, and those of `read_at`.
    pub async fn read_exact_at(&self, at: u64, buffer: IoBuffer) -> (Result<(), IoError>, IoBuffer) {
        let (result, buffer) = self.all(at, buffer, false).await;
        let result = match result {
            Ok(None) => Ok(()),
            Ok(Some(done)) => Err(IoError::Ended { done }),
            Err(error) => Err(error),
        };
        (result, buffer)
    }

    /// Writes the buffer's whole range.
    ///
    /// # Errors
    /// In the answer: those of `write_at`, such as the medium's being full; part of the range may be written then.
    pub async fn write_all_at(&self, at: u64, buffer: IoBuffer) -> (Result<(), IoError>, IoBuffer) {
        let (result, buffer) = self.all(at, buffer, true).await;
        let result = match result {
            Ok(None) => Ok(()),
            Ok(Some(_)) => Err(IoError::System(io::ErrorKind::WriteZero.into())),
            Err(error) => Err(error),
        };
        (result, buffer)
    }

    /// Transfers the whole range; `Some` tells after how many bytes nothing more came.
    async fn all(&self, at: u64, mut buffer: IoBuffer, write: bool) -> (Result<Option<usize>, IoError>, IoBuffer) {
        let whole = buffer.range();
        let mut done = 0;
        let mut result = Ok(None);
        while done < whole.len() {
            if !buffer.set_range(whole.start + done..whole.end) {
                result = Err(IoError::BadRange("the range does not lie in the buffer"));
                break;
            }
            let from = at.saturating_add(done as u64);
            let (passed, given_back) = match write {
                true => self.write_at(from, buffer).await,
                false => self.read_at(from, buffer).await,
            };
            buffer = given_back;
            let passed = match passed {
                Ok(passed) => passed,
                Err(error) => {
                    result = Err(error);
                    break;
                }
            };
            // A direct file goes on at a multiple only. Reading, its end is what came between two of them; writing,
            // the rest of that block is written again.
            let whole_blocks = if self.direct { passed - passed % ALIGN } else { passed };
            if whole_blocks == 0 || (!write && whole_blocks < passed) {
                let all = !write && done + passed == whole.len();
                result = Ok((!all).then_some(done + passed));
                break;
            }
            done += whole_blocks;
        }
        // It is the range that it came with.
        let _lies_in_it = buffer.set_range(whole);
        (result, buffer)
    }

    /// Makes what was written durable; with `data_only` the bytes and what is needed to find them.
    ///
    /// # Errors
    /// The system's: then nothing is known of what was written since the last time.
    pub async fn sync(&self, data_only: bool) -> Result<(), IoError> {
        self.nothing(Operation::Sync { file: self.handle, data_only }).await
    }

    /// Its length, bytes.
    ///
    /// # Errors
    /// `Closed`, the system's.
    pub async fn length(&self) -> Result<u64, IoError> {
        match Wait::new(&self.io, Operation::Length { file: self.handle }).value().await? {
            Value::Length(bytes) => Ok(bytes),
            _ => Err(unexpected()),
        }
    }

    /// Cuts or extends it.
    ///
    /// # Errors
    /// `BadRange`, `Closed`, the system's.
    pub async fn set_length(&self, bytes: u64) -> Result<(), IoError> {
        self.nothing(Operation::SetLength { file: self.handle, bytes }).await
    }

    /// Reserves room on the medium up to this length, so that writes below do not find it full.
    ///
    /// # Errors
    /// `BadRange`, `Closed`, the system's, such as the medium's being full.
    pub async fn reserve(&self, bytes: u64) -> Result<(), IoError> {
        self.nothing(Operation::Reserve { file: self.handle, bytes }).await
    }

    async fn nothing(&self, operation: Operation) -> Result<(), IoError> {
        Wait::new(&self.io, operation).value().await.map(|_| ())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        self.io.close(self.handle);
    }
}

/// Removes a file.
///
/// # Errors
/// The system's.
pub async fn remove(io: &Io, path: impl Into<PathBuf>) -> Result<(), IoError> {
    Wait::new(io, Operation::Remove { path: path.into() }).value().await.map(|_| ())
}

/// Gives a file another name, in place of what had it, durably.
///
/// # Errors
/// The system's.
pub async fn rename(io: &Io, from: impl Into<PathBuf>, to: impl Into<PathBuf>) -> Result<(), IoError> {
    Wait::new(io, Operation::Rename { from: from.into(), to: to.into() }).value().await.map(|_| ())
}
