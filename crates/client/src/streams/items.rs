//! Items: values from a method, for a thread that reads them.
//!
//! Holds: after the last value stands what the call answered; a Fault comes once, as the last item.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use windlass_contract::limits::STREAM_CHUNK_BYTES;
use windlass_contract::streams::{Batch, Reader};
use windlass_contract::{Code, Fault, Outcome};

use super::feed::{Gathered, LOOK, Next};
use super::{OUT_AT_ONCE, Streaming};
use crate::pending::Pending;
use crate::reply::Reply;

/// Values that a method sends while it runs: an iterator that waits for the next. Dropped before its end, it ends the call.
///
/// # Example
/// ```ignore
/// let mut lines = logs.lines("today")?; // a method `async fn lines(&self, day: &str, out: Sink<String>) -> Result<u64, Fault>`
/// for line in &mut lines {
///     println!("{}", line?);
/// }
/// println!("{} bytes", lines.end()?);
/// ```
pub struct Items<T, R = ()> {
    inner: Inner,
    of: PhantomData<fn() -> (T, R)>,
}

struct Inner {
    streaming: Arc<Streaming>,
    call: Option<Pending>,
    /// Values that it reads, which threads of their own pull and send.
    values: Option<Arc<Gathered>>,
    takes: VecDeque<Pending>,
    incoming: Incoming,
    /// What the call answered.
    answer: Option<Result<Reply, Fault>>,
    /// The Fault was given out.
    told: bool,
}

/// Batches as they come.
#[derive(Default)]
pub(super) struct Incoming {
    pub(super) reader: Reader,
    /// Batches that were asked for.
    pub(super) asked: u64,
    got: u64,
    pub(super) last: bool,
    /// More come than go into a batch.
    busy: bool,
}

impl Incoming {
    /// How many batches are to be asked for at once: of a stream that trickles, one, so that it holds few of the session's slots.
    pub(super) fn ahead(&self) -> usize {
        if self.busy { OUT_AT_ONCE } else { 1 }
    }

    /// The next batch has come.
    ///
    /// # Errors
    /// `BadReply` for one that is none, or not the next.
    pub(super) fn take(&mut self, reply: &Reply) -> Result<(), Fault> {
        let bad = |text: String| Fault::new(Code::BadReply, text).with_outcome(Outcome::Unknown);
        let read = postcard::from_bytes::<&[u8]>(reply.value_bytes());
        let batch: Result<Batch<'_>, _> = read.and_then(postcard::from_bytes);
        let batch = batch.map_err(|error| bad(format!("a batch of a stream does not decode: {error}")))?;
        if batch.turn != self.got {
            return Err(bad(format!("batch {} of a stream comes where {} is next", batch.turn, self.got)));
        }
        self.got += 1;
        self.last = batch.last;
        self.busy = batch.bytes.len() >= STREAM_CHUNK_BYTES;
        self.reader.push(batch.bytes);
        Ok(())
    }
}

/// A node that answers a call before it has said that nothing more comes beside it.
pub(super) fn ended_before_its_stream() -> Fault {
    Fault::new(Code::BadReply, "the call has ended before its stream").with_outcome(Outcome::Ended)
}

impl<T, R> Items<T, R> {
    pub(super) fn new(streaming: Streaming, call: Pending, values: Option<Next>) -> Self {
        let (takes, incoming) = Default::default();
        let streaming = Arc::new(streaming);
        let mut inner =
            Inner { streaming, call: Some(call), values: None, takes, incoming, answer: None, told: false };
        if let Some(values) = values
            && let Err(fault) = inner.feed(values)
        {
            let _told_as_the_first_item = inner.fail(fault);
            inner.told = false;
        }
        Self { inner, of: PhantomData }
    }
}

fn spawn(run: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
    #[allow(
        clippy::disallowed_methods,
        reason = "an iterator may hold its thread up; a client has no driver to ask"
    )]
    let spawned = std::thread::Builder::new().name("windlass-values".into()).spawn(run);
    spawned
        .map(drop)
        .map_err(|error| Fault::new(Code::Io, format!("no thread to give values could be started: {error}")))
}

/// Whether to wait on.
type GoesOn<'g> = dyn FnMut() -> bool + 'g;

/// What waiting came to.
enum More {
    /// There are more bytes.
    Came,
    /// Nothing comes any more: the call has answered, or is about to.
    Over,
    /// The caller does not want to wait on.
    Stopped,
}

impl Inner {
    /// Has threads pull values and send them: an iterator may wait, also for what comes back.
    fn feed(&mut self, values: Next) -> Result<(), Fault> {
        let (gathered, streaming) = (Arc::<Gathered>::default(), Arc::clone(&self.streaming));
        let (pulls, sends) = (Arc::clone(&gathered), Arc::clone(&gathered));
        self.values = Some(gathered);
        // Whoever reads says when the call is over.
        spawn(move || sends.send(&streaming, || false))?;
        spawn(move || pulls.pull(values))
    }

    /// Waits until there are more bytes, or the stream is over.
    fn more(&mut self, goes_on: &mut GoesOn<'_>) -> Result<More, Fault> {
        if self.incoming.last {
            // All that a call without items sends is its end.
            let Some(call) = self.call.as_mut() else { return Ok(More::Over) };
            while !call.wait_within(LOOK) {
                if let Some(fault) = self.values.as_ref().and_then(|values| values.failed()) {
                    // The call knows best why, if it knows.
                    return if call.wait_within(LOOK) { Ok(More::Over) } else { Err(fault) };
                }
                if !goes_on() {
                    return Ok(More::Stopped);
                }
            }
            return Ok(More::Over);
        }
        while self.takes.len() < self.incoming.ahead() {
            self.takes.push_back(self.streaming.take(self.incoming.asked).send());
            self.incoming.asked += 1;
        }
        loop {
            let (Some(first), Some(call)) = (self.takes.front_mut(), self.call.as_mut()) else {
                return Ok(More::Over);
            };
            if first.wait_within(LOOK) {
                break;
            }
            if call.is_answered() {
                return Ok(More::Over);
            }
            if let Some(fault) = self.values.as_ref().and_then(|values| values.failed()) {
                // The call knows best why, if it knows.
                return if call.wait_within(LOOK) { Ok(More::Over) } else { Err(fault) };
            }
            if !goes_on() {
                return Ok(More::Stopped);
            }
        }
        let Some(first) = self.takes.pop_front() else { return Ok(More::Over) };
        match first.wait() {
            Ok(reply) => self.incoming.take(&reply)?,
            // Its own answer says why.
            Err(_) if self.call.as_mut().is_some_and(|call| call.wait_within(LOOK)) => return Ok(More::Over),
            Err(fault) => return Err(fault),
        }
        Ok(More::Came)
    }

    /// Nothing comes any more: the call's answer does.
    fn ended(&mut self) -> Option<Fault> {
        self.takes.clear();
        self.stop_feeding();
        if let Some(call) = self.call.take() {
            let whole = self.incoming.reader.end();
            let answer = call.wait();
            self.answer = Some(answer.and_then(|reply| match (self.incoming.last, whole) {
                (true, Ok(())) => Ok(reply),
                (_, Err(fault)) => Err(fault),
                (false, _) => Err(ended_before_its_stream()),
            }));
        }
        self.tell()
    }

    /// Whoever gives values is to stop.
    fn stop_feeding(&mut self) {
        if let Some(values) = self.values.take() {
            values.is_over();
        }
    }

    /// The Fault that it ended with, once.
    fn tell(&mut self) -> Option<Fault> {
        match &self.answer {
            Some(Err(fault)) if !self.told => {
                self.told = true;
                Some(fault.clone())
            }
            _ => None,
        }
    }

    /// It cannot go on.
    fn fail(&mut self, fault: Fault) -> Option<Fault> {
        self.takes.clear();
        self.stop_feeding();
        // Dropped, it is cancelled.
        self.call = None;
        self.answer.get_or_insert(Err(fault));
        self.tell()
    }

    /// The next item; `None` within: none comes. `None`: the caller does not want to wait on.
    fn next_while<T>(
        &mut self,
        goes_on: &mut GoesOn<'_>,
        read: impl Fn(&mut Reader) -> Result<Option<T>, Fault>,
    ) -> Option<Option<Result<T, Fault>>> {
        loop {
            match read(&mut self.incoming.reader) {
                Ok(Some(value)) => return Some(Some(Ok(value))),
                Ok(None) if self.call.is_none() => return Some(self.tell().map(Err)),
                Ok(None) => {}
                Err(fault) => return Some(self.fail(fault).map(Err)),
            }
            match self.more(goes_on) {
                Ok(More::Came) => {}
                Ok(More::Over) => return Some(self.ended().map(Err)),
                Ok(More::Stopped) => return None,
                Err(fault) => return Some(self.fail(fault).map(Err)),
            }
        }
    }

    fn next<T>(&mut self, read: impl Fn(&mut Reader) -> Result<Option<T>, Fault>) -> Option<Result<T, Fault>> {
        self.next_while(&mut || true, read).flatten()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop_feeding();
    }
}

impl<T, R: DeserializeOwned> Items<T, R> {
    /// Reads what is left, without looking at it, and answers what the method did.
    ///
    /// # Errors
    /// What the call ended with, also if that was an item before.
    pub fn end(mut self) -> Result<R, Fault> {
        while self.inner.next(|reader| Ok(reader.next_encoded()?.map(drop))).is_some_and(|item| item.is_ok()) {}
        match self.inner.answer.take() {
            Some(answer) => answer?.value(),
            None => Err(Fault::new(Code::Internal, "a stream ended without an answer")),
        }
    }
}

impl Items<Vec<u8>> {
    /// Of a call that sends nothing back: only its end is waited for.
    pub(super) fn without_items(mut self) -> Self {
        self.inner.incoming.last = true;
        self
    }

    /// The next value in postcard, of a stream that is read by schema.
    pub fn next_encoded(&mut self) -> Option<Result<Vec<u8>, Fault>> {
        self.inner.next(|reader| Ok(reader.next_encoded()?.map(<[u8]>::to_vec)))
    }

    /// The same, but asks every few milliseconds while it waits whether to go on; `None` when not. Nothing is lost by that.
    pub fn next_encoded_while(
        &mut self,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Option<Option<Result<Vec<u8>, Fault>>> {
        self.inner.next_while(goes_on, |reader| Ok(reader.next_encoded()?.map(<[u8]>::to_vec)))
    }

    /// What the call answered, of a stream that is read by schema and has come to its end.
    ///
    /// # Errors
    /// As `end`.
    pub fn end_encoded(mut self) -> Result<Reply, Fault> {
        while self.next_encoded().is_some_and(|item| item.is_ok()) {}
        self.inner
            .answer
            .take()
            .unwrap_or_else(|| Err(Fault::new(Code::Internal, "a stream ended without an answer")))
    }
}

impl<T: DeserializeOwned, R> Iterator for Items<T, R> {
    type Item = Result<T, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.inner.next(Reader::next_value)
    }
}

impl<T, R> fmt::Debug for Items<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Items({:?})", self.inner.streaming)
    }
}
