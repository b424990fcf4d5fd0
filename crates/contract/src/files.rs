//! Files, for methods and spawned tasks.
//!
//! Lives here: `File`, `OpenHow`, and `Context::{open, remove_file, rename_file}`.
//! From: a method through its context. To: the node's driver, which does them while other tasks run.
//! Holds: a file belongs to the container that opened it and is closed when its `File` is dropped, at the latest with the
//! container; any number of reads and writes may be under way on one file.
//! Not here: sockets (`sockets`), whose memory an operation has (`lending`).

use crate::abi::{
    Home, OPEN_CREATE, OPEN_DIRECT, OPEN_DURABLE, OPEN_EXCLUSIVE, OPEN_FRESH, OPEN_TRUNCATE, OPEN_WRITE, OpKind,
    Tell,
};
use crate::context::Context;
use crate::lending::{Lost, Moved, On, Source, Target, all, once};
use crate::limits::PATH_MAX;
use crate::{Code, Fault};
use std::ops::RangeBounds;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// How a file is opened. By itself: one that exists, for reading.
///
/// # Example
/// ```
/// use windlass_contract::files::OpenHow;
///
/// let log = OpenHow::read().write().create().durable();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenHow(u64);

impl OpenHow {
    /// A file that exists, for reading.
    pub const fn read() -> Self {
        Self(0)
    }
    /// It may be written too.
    #[must_use]
    pub const fn write(self) -> Self {
        Self(self.0 | OPEN_WRITE)
    }
    /// It is made if missing.
    #[must_use]
    pub const fn create(self) -> Self {
        Self(self.0 | OPEN_CREATE)
    }
    /// It is made, and must not exist (`Exists`).
    #[must_use]
    pub const fn fresh(self) -> Self {
        Self(self.0 | OPEN_CREATE | OPEN_FRESH)
    }
    /// Its old content is dropped.
    #[must_use]
    pub const fn truncate(self) -> Self {
        Self(self.0 | OPEN_TRUNCATE)
    }
    /// Around the page cache: offsets, lengths and memory must be multiples of `limits::PAGE_BYTES` (see
    /// [`crate::abi::Pages`]).
    #[must_use]
    pub const fn direct(self) -> Self {
        Self(self.0 | OPEN_DIRECT)
    }
    /// Each write is durable when it has ended.
    #[must_use]
    pub const fn durable(self) -> Self {
        Self(self.0 | OPEN_DURABLE)
    }
    /// Nobody else may have it open this way (`InUse`), as long as this `File` lives.
    #[must_use]
    pub const fn exclusive(self) -> Self {
        Self(self.0 | OPEN_EXCLUSIVE)
    }
}

/// What a container has opened; closed when dropped.
#[derive(Debug)]
pub(crate) struct Opened {
    handle: u64,
    home: Home,
}

impl Opened {
    /// Takes what an operation of `cx` opened.
    pub(crate) fn new(cx: &Context<'_>, handle: u64) -> Result<Self, Fault> {
        match cx.call.home() {
            Some(home) => Ok(Self { handle, home }),
            None => Err(Fault::new(Code::Unsupported, "this host keeps nothing open between calls")),
        }
    }
    pub(crate) fn on(&self, kind: OpKind, at: u64) -> On {
        On { kind, handle: self.handle, at }
    }
    pub(crate) fn handle(&self) -> u64 {
        self.handle
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.home.tell(Tell::Close, self.handle);
    }
}

/// An open file.
///
/// # Example
/// ```
/// use windlass_contract::{Fault, context::Context, files::OpenHow};
///
/// async fn note(cx: &Context<'_>, text: &str) -> Result<u64, Fault> {
///     let file = cx.open("/var/lib/notes", OpenHow::read().write().create()).await?;
///     let end = file.length(cx).await?;
///     file.write_all_at(cx, end, text.as_bytes().to_vec(), ..).await?;
///     file.sync(cx).await?;
///     Ok(end)
/// }
/// ```
#[derive(Debug)]
pub struct File(Opened);

impl File {
    /// Reads into `range` of `buffer` from byte `at` of the file on: the bytes read, fewer at the file's end, and the buffer.
    ///
    /// Cost: no copy: the bytes go where the buffer is, also when that is a caller's memory.
    ///
    /// # Errors
    /// `BadArguments` for a range outside the buffer, or one that a direct file does not take; `Io` with the system's word;
    /// `Cancelled` and `DeadlineExceeded` when the call is to end, and then the buffer is gone.
    pub async fn read_at<B: Target>(
        &self,
        cx: &Context<'_>,
        at: u64,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Moved<B> {
        once(cx, self.0.on(OpKind::ReadAt, at), buffer, range).await
    }

    /// Fills all of `range`.
    ///
    /// # Errors
    /// As `read_at`, and `Ended` when the file is shorter.
    pub async fn read_exact_at<B: Target>(
        &self,
        cx: &Context<'_>,
        at: u64,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Result<B, Lost<B>> {
        all(cx, self.0.on(OpKind::ReadAt, at), buffer, range).await
    }

    /// Writes `range` of `buffer` at byte `at` of the file: the bytes written, which may be fewer, and the buffer.
    ///
    /// # Errors
    /// As `read_at`; `NoSpace` when the medium is full.
    pub async fn write_at<B: Source>(
        &self,
        cx: &Context<'_>,
        at: u64,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Moved<B> {
        once(cx, self.0.on(OpKind::WriteAt, at), buffer, range).await
    }

    /// Writes all of `range`.
    ///
    /// # Errors
    /// As `write_at`; some of it may be written.
    pub async fn write_all_at<B: Source>(
        &self,
        cx: &Context<'_>,
        at: u64,
        buffer: B,
        range: impl RangeBounds<usize>,
    ) -> Result<B, Lost<B>> {
        all(cx, self.0.on(OpKind::WriteAt, at), buffer, range).await
    }

    /// Makes durable what was written before, and everything about the file.
    ///
    /// # Errors
    /// `Io`: what was written before may be lost.
    pub async fn sync(&self, cx: &Context<'_>) -> Result<(), Fault> {
        cx.operation(OpKind::Sync, self.0.handle(), 0, Vec::new()).await.map(|_| ())
    }

    /// As `sync`, but only the bytes and what is needed to find them.
    ///
    /// # Errors
    /// As `sync`.
    pub async fn sync_data(&self, cx: &Context<'_>) -> Result<(), Fault> {
        cx.operation(OpKind::Sync, self.0.handle(), 1, Vec::new()).await.map(|_| ())
    }

    /// The file's length, bytes.
    ///
    /// # Errors
    /// `Io`.
    pub async fn length(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        cx.operation(OpKind::Length, self.0.handle(), 0, Vec::new()).await.map(|done| done.value)
    }

    /// Cuts or extends it.
    ///
    /// # Errors
    /// `Io`.
    pub async fn set_length(&self, cx: &Context<'_>, bytes: u64) -> Result<(), Fault> {
        cx.operation(OpKind::SetLength, self.0.handle(), bytes, Vec::new()).await.map(|_| ())
    }

    /// Reserves room on the medium for the first `bytes`, so that writes below do not find it full.
    ///
    /// # Errors
    /// `NoSpace`, `Io`.
    pub async fn reserve(&self, cx: &Context<'_>, bytes: u64) -> Result<(), Fault> {
        cx.operation(OpKind::Reserve, self.0.handle(), bytes, Vec::new()).await.map(|_| ())
    }
}

/// A path's bytes, if it can be one.
fn path_bytes(path: &Path) -> Result<Vec<u8>, Fault> {
    let bytes = path.as_os_str().as_bytes();
    if bytes.is_empty() || bytes.len() > PATH_MAX || bytes.contains(&0) {
        let text = format!("a path has 1 to {PATH_MAX} bytes, none of them zero; this one has {}", bytes.len());
        return Err(Fault::new(Code::BadArguments, text));
    }
    Ok(bytes.to_vec())
}

impl Context<'_> {
    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound`, `Exists`, `InUse`, `Denied`, `HandleLimit`, `Io`.
    pub async fn open(&self, path: impl AsRef<Path>, how: OpenHow) -> Result<File, Fault> {
        let done = self.operation(OpKind::Open, how.0, 0, path_bytes(path.as_ref())?).await?;
        Opened::new(self, done.value).map(File)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Io`.
    pub async fn remove_file(&self, path: impl AsRef<Path>) -> Result<(), Fault> {
        self.operation(OpKind::Remove, 0, 0, path_bytes(path.as_ref())?).await.map(|_| ())
    }

    /// Gives a file another name, in place of what had it, durably: after a crash the name means the old file or the new one,
    /// whole.
    ///
    /// # Errors
    /// `NotFound`, `Denied`, `Io`.
    pub async fn rename_file(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<(), Fault> {
        let both = [path_bytes(from.as_ref())?, path_bytes(to.as_ref())?].join(&0);
        self.operation(OpKind::Rename, 0, 0, both).await.map(|_| ())
    }
}
