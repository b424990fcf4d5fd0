//! Streams: values that pass one by one while their call runs.
//!
//! Lives here: what a method holds of a stream (`Stream`, which it reads; `Sink`, which it fills), how values stand in the bytes of
//! one (`Writer`, `Reader`), and the three methods by which those bytes ride on calls beside the one they belong to (`open`,
//! `take`, `give`).
//! From: a method's parameters, and clients. To: the node, which keeps at most a window of each stream.
//! Holds: values arrive in order, once; all that a method sent is with its caller before its answer is; a reader that is ahead
//! waits, and so does a writer.
//! Not here: the node's side (`runtime::host::streams`), how clients read and write (`windlass_client::streams`).

use crate::abi::{OpKind, RawOp};
use crate::context::{Context, Incoming, Operation};
use crate::head::Direction;
use crate::limits::{STREAM_BATCH_BYTES_MAX, STREAM_CHUNK_BYTES, STREAM_ITEM_BYTES_MAX};
use crate::provide::RESERVED_FIRST;
use crate::schema::{Parameter, Shape};
use crate::{Code, Described, Fault, MethodId, MethodRef, Schema, admin};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Number of `open`.
pub const OPEN: MethodId = MethodId(RESERVED_FIRST + 4);
/// Number of `take`.
pub const TAKE: MethodId = MethodId(RESERVED_FIRST + 5);
/// Number of `give`.
pub const GIVE: MethodId = MethodId(RESERVED_FIRST + 6);

/// Whether a number is one of the three.
#[inline]
pub const fn is_of_streams(method: MethodId) -> bool {
    method.0 >= OPEN.0 && method.0 <= GIVE.0
}

/// `open() -> u32`: which container a call with streams is to go to, so that what rides beside it meets it there.
pub fn open() -> MethodRef {
    admin::of_any_module(OPEN, "open", &[], &Schema::U32)
}

/// `take(stream, turn) -> bytes` (postcard of `Batch`): the next bytes that the call of this stream sends; waits until there are some.
pub fn take() -> MethodRef {
    admin::of_any_module(TAKE, "take", &[("stream", Schema::U64), ("turn", Schema::U64)], &Schema::Bytes)
}

/// `give(stream, batch: bytes) -> bool`: more bytes for the call of this stream; waits until there is room. False: it wants no more.
pub fn give() -> MethodRef {
    admin::of_any_module(GIVE, "give", &[("stream", Schema::U64), ("batch", Schema::Bytes)], &Schema::Bool)
}

/// Bytes of a stream, as they pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<'b> {
    /// Which of the stream's batches it is, counted from 0.
    pub turn: u64,
    /// Nothing comes behind it.
    pub last: bool,
    /// Values one behind another, each behind its length (four bytes, little-endian). One may begin in a batch and end in a later
    /// one.
    #[serde(serialize_with = "whole")]
    pub bytes: &'b [u8],
}

/// Bytes as they are: serde hands on a slice's elements one by one, which stands the same and takes many times as long.
fn whole<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(bytes)
}

impl Batch<'_> {
    /// The postcard of its postcard, which is what passes.
    ///
    /// # Errors
    /// `BadArguments`, which cannot be.
    pub fn encoded(&self) -> Result<Vec<u8>, Fault> {
        /// Bytes of a value.
        #[derive(Serialize)]
        struct Whole<'b>(#[serde(serialize_with = "whole")] &'b [u8]);
        let told = |error: postcard::Error| Fault::new(Code::BadArguments, error.to_string());
        postcard::to_allocvec(self).and_then(|inner| postcard::to_allocvec(&Whole(&inner))).map_err(told)
    }
}

/// Values on their way into a stream's bytes.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Bytes that were taken.
    at: usize,
}

impl Writer {
    /// Appends a value.
    ///
    /// # Errors
    /// `TooLarge` beyond `STREAM_ITEM_BYTES_MAX`; `BadArguments` for one that does not encode. The bytes are then as before.
    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        let begun = self.bytes.len();
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.extend_from_slice(&[0; 4]);
        match postcard::serialize_with_flavor(value, Behind(&mut bytes)) {
            Ok(()) => {}
            Err(error) => {
                bytes.truncate(begun);
                self.bytes = bytes;
                return Err(Fault::new(
                    Code::BadArguments,
                    format!("a value of a stream does not encode: {error}"),
                ));
            }
        }
        self.bytes = bytes;
        self.close(begun)
    }

    /// Appends a value that is in postcard already.
    ///
    /// # Errors
    /// `TooLarge` beyond `STREAM_ITEM_BYTES_MAX`.
    pub fn put_encoded(&mut self, value: &[u8]) -> Result<(), Fault> {
        let begun = self.bytes.len();
        self.bytes.extend_from_slice(&[0; 4]);
        self.bytes.extend_from_slice(value);
        self.close(begun)
    }

    /// Writes the length of the value that begins here.
    fn close(&mut self, begun: usize) -> Result<(), Fault> {
        let length = self.bytes.len() - begun - 4;
        if length > STREAM_ITEM_BYTES_MAX {
            self.bytes.truncate(begun);
            return Err(too_large(length as u64));
        }
        self.bytes[begun..begun + 4].copy_from_slice(&(length as u32).to_le_bytes());
        Ok(())
    }

    /// Bytes that wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes what waits.
    pub fn take(&mut self) -> Vec<u8> {
        self.take_front(usize::MAX)
    }

    /// Moves what waits behind what waits elsewhere.
    pub fn move_to(&mut self, other: &mut Writer) {
        other.bytes.extend_from_slice(&self.bytes[self.at..]);
        self.bytes.clear();
        self.at = 0;
    }

    /// Takes the first bytes of what waits, at most so many.
    pub fn take_front(&mut self, most: usize) -> Vec<u8> {
        let waits = self.len();
        if self.at == 0 && waits <= most {
            return std::mem::replace(&mut self.bytes, Vec::with_capacity(waits));
        }
        let front = self.front(most).to_vec();
        self.forget();
        front
    }

    /// The same, seen where they are.
    pub fn front(&mut self, most: usize) -> &[u8] {
        self.forget();
        let begun = self.at;
        self.at += self.len().min(most);
        &self.bytes[begun..self.at]
    }

    /// Lets go of bytes that were taken; not more is moved than that.
    fn forget(&mut self) {
        if self.at * 2 >= self.bytes.len() {
            self.bytes.drain(..std::mem::take(&mut self.at));
        }
    }
}

/// Appends to a vector that is lent.
struct Behind<'v>(&'v mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Behind<'_> {
    type Output = ();
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

fn too_large(bytes: u64) -> Fault {
    let text = format!(
        "a value of {bytes} bytes in a stream ({STREAM_ITEM_BYTES_MAX} at most); send bulk data as a buffer"
    );
    Fault::new(Code::TooLarge, text)
}

/// A stream's bytes on their way into values.
#[derive(Debug, Default)]
pub struct Reader {
    bytes: Vec<u8>,
    /// Bytes that were read.
    at: usize,
}

impl Reader {
    /// More bytes have come.
    ///
    /// Cost: copies what is left of a value that is not whole yet, once per batch.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.at));
        self.bytes.extend_from_slice(bytes);
    }

    /// The next value's bytes, if they are all there.
    ///
    /// # Errors
    /// `TooLarge` for one that says it is longer than may be.
    pub fn next_encoded(&mut self) -> Result<Option<&[u8]>, Fault> {
        let rest = &self.bytes[self.at..];
        let Some((head, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length > STREAM_ITEM_BYTES_MAX {
            return Err(too_large(length as u64));
        }
        let Some(value) = rest.get(..length) else { return Ok(None) };
        self.at += 4 + length;
        Ok(Some(value))
    }

    /// The next value, if it is all there.
    ///
    /// # Errors
    /// `BadArguments` for bytes that are none, `TooLarge`.
    pub fn next_value<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Fault> {
        let Some(bytes) = self.next_encoded()? else { return Ok(None) };
        let bad = |error| Fault::new(Code::BadArguments, format!("a value of a stream does not decode: {error}"));
        match postcard::take_from_bytes(bytes) {
            Ok((value, [])) => Ok(Some(value)),
            Ok((_, rest)) => {
                let text = format!("{} bytes follow a value of a stream", rest.len());
                Err(Fault::new(Code::BadArguments, text))
            }
            Err(error) => Err(bad(error)),
        }
    }

    /// Nothing comes any more.
    ///
    /// # Errors
    /// `BadArguments` when it ends inside a value.
    pub fn end(&self) -> Result<(), Fault> {
        match self.bytes.len() - self.at {
            0 => Ok(()),
            left => {
                let text = format!("the stream ends inside a value, of which {left} bytes have come");
                Err(Fault::new(Code::BadArguments, text))
            }
        }
    }
}

/// A parameter that is a stream, for macro output.
pub trait Streamed<'a>: Sized {
    /// Which way its values go.
    const DIRECTION: Direction;
    /// Its values.
    type Item: Described;
    /// Takes it.
    fn of(streams: &Streams<'a>) -> Self;
}

/// A parameter that is a stream, described; for macro output.
pub fn described<'a, S: Streamed<'a>>(name: &str) -> Parameter {
    let shape = Shape::Stream { direction: S::DIRECTION, item: S::Item::schema() };
    Parameter { name: name.into(), shape }
}

/// The streams of a call; for macro output.
pub struct Streams<'a>(Rc<Outlet<'a>>);

/// What a call sends: its side of the node's window. A value stays here from `send` until the node has its bytes, also when whoever waits
/// for that stops waiting.
struct Outlet<'a> {
    cx: Context<'a>,
    number: u64,
    /// The method has a sink, so that its caller reads.
    is_read: Cell<bool>,
    writer: RefCell<Writer>,
    /// Bytes that the node has taken, and has no room for more yet.
    full: RefCell<Option<Operation<'a>>>,
    /// Why no more can be sent.
    failed: RefCell<Option<Fault>>,
    /// Whoever waits for room: a part of the method, which may be polled only when it is woken itself.
    sender: RefCell<Option<Waker>>,
}

impl<'a> Outlet<'a> {
    fn asked(&self, kind: OpKind, bytes: Vec<u8>) -> Operation<'a> {
        self.cx.operation(kind, self.number, 0, bytes)
    }

    /// Hands bytes to the node until less than `left` wait, as far as it has room.
    fn poll_hand_on(&self, task: &mut std::task::Context<'_>, left: usize) -> Poll<Result<(), Fault>> {
        if let Some(fault) = &*self.failed.borrow() {
            return Poll::Ready(Err(fault.clone()));
        }
        let mut full = self.full.borrow_mut();
        loop {
            if let Some(waits) = full.as_mut() {
                let Poll::Ready(done) = Pin::new(waits).poll(task) else { return Poll::Pending };
                *full = None;
                if let Err(fault) = done {
                    *self.failed.borrow_mut() = Some(fault.clone());
                    return Poll::Ready(Err(fault));
                }
            }
            let mut writer = self.writer.borrow_mut();
            if writer.is_empty() || writer.len() < left {
                return Poll::Ready(Ok(()));
            }
            // The one before it has found room, so that this one is taken when it is first polled.
            *full = Some(self.asked(OpKind::StreamPut, writer.take_front(STREAM_BATCH_BYTES_MAX)));
        }
    }

    async fn hand_on(&self, left: usize) -> Result<(), Fault> {
        poll_fn(|task| {
            let polled = self.poll_hand_on(task, left);
            *self.sender.borrow_mut() = polled.is_pending().then(|| task.waker().clone());
            polled
        })
        .await
    }

    /// Ends it: waits until its reader has all.
    async fn end(&self) -> Result<(), Fault> {
        if !self.is_read.get() {
            return Ok(());
        }
        self.hand_on(0).await?;
        self.asked(OpKind::StreamEnd, Vec::new()).await.map(drop)
    }
}

impl<'a> Streams<'a> {
    /// Those of the call with this number among its session's.
    ///
    /// # Errors
    /// `QueueFull` when the session has as many streams as it may have.
    pub async fn open(call: Incoming<'a>, number: u64) -> Result<Self, Fault> {
        let cx = call.context();
        cx.operation(OpKind::StreamOpen, number, 0, Vec::new()).await?;
        let (is_read, writer, full, failed, sender) = Default::default();
        Ok(Self(Rc::new(Outlet { cx, number, is_read, writer, full, failed, sender })))
    }

    /// The next parameter that is a stream.
    pub fn take<S: Streamed<'a>>(&self) -> S {
        S::of(self)
    }

    /// Runs the method. What it has sent goes to its caller as soon as the method waits for anything, and all of it before the
    /// method's own answer.
    ///
    /// # Errors
    /// The method's; or, after it has ended well, why its caller did not take all that was sent.
    pub async fn carry<T>(self, method: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
        let mut method = pin!(method);
        let answered = poll_fn(|task| {
            let polled = method.as_mut().poll(task);
            if polled.is_pending() {
                // What it fails with is heard when the method sends again, or ends. The node wakes this from now on, and this whoever waits
                // for the same.
                if self.0.poll_hand_on(task, 0).is_ready()
                    && let Some(sender) = self.0.sender.take()
                {
                    sender.wake();
                }
            }
            polled
        })
        .await;
        let ended = self.0.end().await;
        answered.and_then(|value| ended.map(|()| value))
    }
}

/// Values that the caller sends while the method runs, one by one.
///
/// Holds at most a window of them in memory, however many there are. When it is dropped before its end, the caller sends no more.
///
/// # Example
/// ```
/// use windlass_contract::{Fault, streams::Stream};
///
/// async fn total(mut rows: Stream<'_, u64>) -> Result<u64, Fault> {
///     let mut total = 0u64;
///     while let Some(row) = rows.next().await? {
///         total = total.wrapping_add(row);
///     }
///     Ok(total)
/// }
/// ```
pub struct Stream<'a, T> {
    cx: Context<'a>,
    number: u64,
    reader: Reader,
    ended: bool,
    of: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Stream<'_, T> {
    /// The next value; `None` when the caller has sent its last.
    ///
    /// Cost: values come in batches; one in many waits.
    ///
    /// # Errors
    /// `BadArguments` for bytes that are no value, `TooLarge`; `Cancelled` or `DeadlineExceeded` when the call is to end.
    pub async fn next(&mut self) -> Result<Option<T>, Fault> {
        loop {
            if let Some(value) = self.reader.next_value()? {
                return Ok(Some(value));
            }
            if self.ended {
                return self.reader.end().map(|()| None);
            }
            let done = self.cx.operation(OpKind::StreamTake, self.number, 0, Vec::new()).await?;
            self.reader.push(done.bytes.as_slice());
            self.ended = done.value != 0;
        }
    }
}

impl<'a, T: Described> Streamed<'a> for Stream<'a, T> {
    const DIRECTION: Direction = Direction::In;
    type Item = T;
    fn of(streams: &Streams<'a>) -> Self {
        let Outlet { cx, number, .. } = &*streams.0;
        Self { cx: *cx, number: *number, reader: Reader::default(), ended: false, of: PhantomData }
    }
}

impl<T> Drop for Stream<'_, T> {
    fn drop(&mut self) {
        if !self.ended {
            self.cx.tell(RawOp::new(OpKind::StreamClose, self.number, 0, Vec::new()));
        }
    }
}

impl<T> fmt::Debug for Stream<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.number)
    }
}

/// Values that the method sends while it runs, one by one; the caller reads them meanwhile.
///
/// # Example
/// ```
/// use windlass_contract::{Fault, streams::Sink};
///
/// async fn squares(below: u64, mut out: Sink<'_, u64>) -> Result<(), Fault> {
///     for one in 0..below {
///         out.send(one * one).await?; // waits when the caller is slow
///     }
///     Ok(())
/// }
/// ```
pub struct Sink<'a, T> {
    outlet: Rc<Outlet<'a>>,
    of: PhantomData<fn(T)>,
}

impl<T: Serialize> Sink<'_, T> {
    /// Sends a value: it goes when enough have gathered or the method waits for something. Waits while the caller is a window behind; when
    /// that wait is dropped, the value goes all the same.
    ///
    /// Cost: an encoding; of many, one hands a batch to the node.
    ///
    /// # Errors
    /// `TooLarge`, `BadArguments` for what cannot be sent; `Cancelled` or `DeadlineExceeded` when the call is to end, as it is when the
    /// caller has stopped reading.
    pub async fn send(&mut self, value: T) -> Result<(), Fault> {
        self.outlet.writer.borrow_mut().put(&value)?;
        if self.outlet.writer.borrow().len() >= STREAM_CHUNK_BYTES {
            self.outlet.hand_on(STREAM_CHUNK_BYTES).await?;
            self.outlet.cx.yield_if_due().await?;
        }
        Ok(())
    }
}

impl<'a, T: Described> Streamed<'a> for Sink<'a, T> {
    const DIRECTION: Direction = Direction::Out;
    type Item = T;
    fn of(streams: &Streams<'a>) -> Self {
        streams.0.is_read.set(true);
        Self { outlet: streams.0.clone(), of: PhantomData }
    }
}

impl<T> fmt::Debug for Sink<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({})", self.outlet.number)
    }
}

#[cfg(test)]
mod tests;
