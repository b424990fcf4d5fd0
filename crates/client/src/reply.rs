//! The reply: a value, and what the buffers of the call gave back.
//!
//! Lives here: `Reply`, `ResultView`, `Given`.
//! From: `reap`, which copied the reply bytes and took over the leases. To: the caller.
//! Holds: a result stays as it is until the last clone of its view is dropped, on whatever thread; then its lease is
//!   released, once.
//! Not here: decoding by schema (`dynamic`).

use std::ops::Deref;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use windlass_contract::head::BufferEntry;
use windlass_contract::{Code, Fault, Outcome};
use windlass_memory::{RangeError, Segment, SegmentId, View};

use crate::heap::Loan;
use crate::limits::REPLY_INLINE;
use crate::session::Session;
use crate::small::SmallBytes;

/// The bytes of a reply.
pub(crate) type ReplyBytes = SmallBytes<REPLY_INLINE>;

/// What a method answered.
pub struct Reply {
    bytes: ReplyBytes,
    /// Where the value begins.
    from: usize,
    given: Vec<Given>,
    inputs: Vec<Loan>,
}

/// What one buffer gave back.
pub(crate) enum Given {
    View(ResultView),
    Loan(Loan, usize),
    Taken,
}

impl Reply {
    pub(crate) fn new(bytes: ReplyBytes, from: usize, given: Vec<Given>, inputs: Vec<Loan>) -> Reply {
        Reply { bytes, from, given, inputs }
    }

    /// The value.
    ///
    /// # Errors
    /// `BadReply` when the bytes are no `T`.
    pub fn value<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        postcard::from_bytes(self.value_bytes()).map_err(|error| {
            let text = format!("the reply is no {}: {error}", std::any::type_name::<T>());
            Fault::new(Code::BadReply, text).with_outcome(Outcome::Ended)
        })
    }

    /// The value's bytes, in postcard.
    pub fn value_bytes(&self) -> &[u8] {
        &self.bytes.as_slice()[self.from..]
    }

    /// How many buffers gave something back: those of direction `out` and `in-out`.
    pub fn given(&self) -> usize {
        self.given.len()
    }

    /// Takes the result in buffer `i`, counted from 0 among the `out` and `in-out` buffers of the call, shared ones
    /// included.
    ///
    /// # Errors
    /// `BadReply` when there is no such buffer, it was taken before, or it is a loan (`take_loan`).
    pub fn take_view(&mut self, i: usize) -> Result<ResultView, Fault> {
        match self.take(i) {
            Some(Given::View(view)) => Ok(view),
            other => Err(self.no_such(i, "result", other)),
        }
    }

    /// Takes the caller's own loan back from shared buffer `i` (counted as in `take_view`), and how many of its bytes
    /// the method used.
    ///
    /// # Errors
    /// `BadReply` when there is no such buffer, it was taken before, or it is a result (`take_view`).
    pub fn take_loan(&mut self, i: usize) -> Result<(Loan, usize), Fault> {
        match self.take(i) {
            Some(Given::Loan(loan, used)) => Ok((loan, used)),
            other => Err(self.no_such(i, "loan", other)),
        }
    }

    /// Takes the loans back that were sent as `in` buffers, in order, bytes and all: to change a little and send again.
    /// Loans that the call made itself, from a slice, are among them.
    pub fn take_inputs(&mut self) -> Vec<Loan> {
        std::mem::take(&mut self.inputs)
    }

    pub(crate) fn take(&mut self, i: usize) -> Option<Given> {
        self.given.get_mut(i).map(|given| std::mem::replace(given, Given::Taken))
    }

    /// Puts what was taken by mistake back, and says what was wrong.
    fn no_such(&mut self, i: usize, wanted: &str, found: Option<Given>) -> Fault {
        let is = match &found {
            None => format!("the call gave back {} buffers", self.given.len()),
            Some(Given::Taken) => "it was taken before".into(),
            Some(Given::View(_)) => "it is a result".into(),
            Some(Given::Loan(..)) => "it is a loan".into(),
        };
        if let (Some(found), Some(place)) = (found, self.given.get_mut(i)) {
            *place = found;
        }
        Fault::new(Code::BadReply, format!("no {wanted} in buffer {i}: {is}")).with_outcome(Outcome::Ended)
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({} bytes, {} buffers)", self.value_bytes().len(), self.given.len())
    }
}

/// Bytes that the node wrote for this client, read in place, or brought by a stream. Cheap to clone; dereferences to its bytes.
///
/// Shape: one contiguous run; it never changes. Its lease counts against the session's until the last clone is dropped.
///
/// # Panics
/// Reading it in a forked child panics: the memory is not there.
#[derive(Clone)]
pub struct ResultView {
    memory: Memory,
}

/// Where a result stands.
#[derive(Clone)]
enum Memory {
    /// It has no bytes.
    None,
    /// In memory that the node wrote and leased.
    Leased(Arc<Leased>),
    /// In memory of this process, where a stream brought it.
    Private(Arc<Vec<u8>>),
}

struct Leased {
    view: View,
    segment: SegmentId,
    session: Arc<Session>,
}

impl ResultView {
    pub(crate) fn new(
        session: &Arc<Session>,
        memory: Arc<Segment>,
        entry: &BufferEntry,
    ) -> Result<ResultView, RangeError> {
        let view = View::new(memory, entry.offset, entry.length)?;
        let leased = Leased { view, segment: entry.segment, session: Arc::clone(session) };
        Ok(ResultView { memory: Memory::Leased(Arc::new(leased)) })
    }

    /// Maps pages of so many bytes from `from` on, before somebody reads them; answers whether there is more to map after them. For a thread
    /// that has nothing else to do: a first pass over memory that the node wrote meets a fault for each 64 KiB otherwise.
    ///
    /// Cost: 60 us for each MiB.
    pub fn map_ahead(&self, from: usize, len: usize) -> bool {
        let Memory::Leased(leased) = &self.memory else { return false };
        if leased.session.forked() {
            return false;
        }
        let end = from.saturating_add(len).min(leased.view.len());
        leased.view.get(from..end).is_some_and(|part| !part.is_empty() && windlass_memory::map_ahead(part))
    }

    /// A result of no bytes, which has no lease.
    pub(crate) fn empty() -> ResultView {
        ResultView { memory: Memory::None }
    }

    /// A result that came in a stream.
    pub(crate) fn private(bytes: Vec<u8>) -> ResultView {
        ResultView { memory: Memory::Private(Arc::new(bytes)) }
    }
}

impl Deref for ResultView {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.memory {
            Memory::None => &[],
            Memory::Leased(leased) => {
                leased.session.assert_here();
                &leased.view
            }
            Memory::Private(bytes) => bytes,
        }
    }
}

impl AsRef<[u8]> for ResultView {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl std::fmt::Debug for ResultView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = match &self.memory {
            Memory::None => 0,
            Memory::Leased(leased) => leased.view.span().len(),
            Memory::Private(bytes) => bytes.len() as u64,
        };
        write!(f, "ResultView({bytes} bytes)")
    }
}

impl Drop for Leased {
    fn drop(&mut self) {
        self.session.release(self.segment, self.view.span().offset());
    }
}
