//! Awaited: streams of a call for a task.
//!
//! Lives here: `AsyncItems` (values from a method), `give` (values to one).
//! Holds: as `items` and `feed`; no thread is blocked, also not while all call slots of the session are out.

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use futures_core::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use windlass_contract::limits::STREAM_CHUNK_BYTES;
use windlass_contract::streams::{Reader, Writer};
use windlass_contract::{Code, Fault};

use super::feed::Cut;
use super::items::{Incoming, ended_before_its_stream};
use super::{EncodedStream, OUT_AT_ONCE, Streaming};
use crate::outgoing::Outgoing;
use crate::reply::Reply;

/// A call that is out, or waits for a slot.
struct Out {
    call: Pin<Box<dyn Future<Output = Result<Reply, Fault>> + Send>>,
    answer: Option<Result<Reply, Fault>>,
}

impl Out {
    /// It is sent when it is first polled.
    fn new(call: Outgoing) -> Self {
        Self { call: Box::pin(call.answered()), answer: None }
    }

    /// Whether its answer is there.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if self.answer.is_none()
            && let Poll::Ready(answer) = self.call.as_mut().poll(context)
        {
            self.answer = Some(answer);
        }
        self.answer.is_some()
    }
}

/// Polls all, so that they are sent in order; takes the answer of the first, if it is there.
fn first(out: &mut VecDeque<Out>, context: &mut Context<'_>) -> Option<Result<Reply, Fault>> {
    let mut there = false;
    for (at, one) in out.iter_mut().enumerate() {
        let answered = one.poll(context);
        there |= at == 0 && answered;
    }
    if there { out.pop_front().and_then(|first| first.answer) } else { None }
}
/// Writes the next value, if there is one now; false when none comes any more.
type Next<'v> = dyn FnMut(&mut Context<'_>, &mut Writer) -> Poll<Result<bool, Fault>> + 'v;
/// The same, to be kept.
pub(super) type Values =
    Box<dyn FnMut(&mut Context<'_>, &mut Writer) -> Poll<Result<bool, Fault>> + Send + 'static>;

fn write<T: Serialize>(
    values: Pin<&mut impl Stream<Item = T>>,
    context: &mut Context<'_>,
    writer: &mut Writer,
) -> Poll<Result<bool, Fault>> {
    values.poll_next(context).map(|value| match value {
        Some(value) => writer.put(&value).map(|()| true),
        None => Ok(false),
    })
}

/// Values that a task has.
pub(super) fn boxed<T: Serialize + 'static>(values: impl Stream<Item = T> + Send + 'static) -> Values {
    let mut values = Box::pin(values);
    Box::new(move |context, writer| write(values.as_mut(), context, writer))
}

/// Values in postcard that a task has.
pub(super) fn encoded(mut values: EncodedStream) -> Values {
    Box::new(move |context, writer| {
        values.as_mut().poll_next(context).map(|value| match value {
            Some(value) => writer.put_encoded(&value?).map(|()| true),
            None => Ok(false),
        })
    })
}

/// Values on their way to the node.
#[derive(Default)]
struct Feed {
    writer: Writer,
    cut: Cut,
    /// No value comes any more.
    dry: bool,
    out: VecDeque<Out>,
}

impl Feed {
    /// Goes on as far as it can; ready when the method has all, or wants no more.
    fn poll(
        &mut self,
        next: &mut Next<'_>,
        context: &mut Context<'_>,
        streaming: &Streaming,
    ) -> Poll<Result<(), Fault>> {
        loop {
            while !self.cut.over && self.out.len() < OUT_AT_ONCE {
                if self.cut.is_empty() {
                    while !self.dry && self.writer.len() < STREAM_CHUNK_BYTES {
                        match next(context, &mut self.writer) {
                            Poll::Ready(more) => self.dry = !more?,
                            Poll::Pending => break,
                        }
                    }
                    if self.writer.is_empty() && !self.dry {
                        break;
                    }
                    self.cut.put(self.writer.take());
                }
                self.out.push_back(Out::new(streaming.batch(&self.cut.batch(self.dry))));
            }
            let Some(answer) = first(&mut self.out, context) else {
                let all = self.cut.over && self.out.is_empty();
                return if all { Poll::Ready(Ok(())) } else { Poll::Pending };
            };
            let more: bool = answer?.value()?;
            if !more {
                // What is out yet is not wanted either.
                self.cut.over = true;
                self.out.clear();
            }
        }
    }
}

/// Sends the values, and waits for the answer.
pub(super) async fn give<T: Serialize>(
    streaming: Streaming,
    call: Outgoing,
    values: impl Stream<Item = T>,
) -> Result<Reply, Fault> {
    let (mut values, mut call, mut feed) = (pin!(values), pin!(call.answered()), Some(Feed::default()));
    let mut failed = None;
    poll_fn(|context| {
        if let Poll::Ready(answer) = call.as_mut().poll(context) {
            return Poll::Ready(answer);
        }
        if let Some(feeds) = &mut feed {
            let mut next =
                |context: &mut Context<'_>, writer: &mut Writer| write(values.as_mut(), context, writer);
            match feeds.poll(&mut next, context, &streaming) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(fault)) => failed = Some(fault),
            }
            feed = None;
        }
        match failed.take() {
            // The call is dropped, and so cancelled.
            Some(fault) => Poll::Ready(Err(fault)),
            None => Poll::Pending,
        }
    })
    .await
}

/// Values that a method sends while it runs, for a task: `next().await`, or a `futures_core::Stream`. Dropped before its end, it
/// ends the call. The call is sent when it is first awaited.
pub struct AsyncItems<T, R = ()> {
    streaming: Streaming,
    call: Option<Out>,
    values: Option<(Feed, Values)>,
    takes: VecDeque<Out>,
    incoming: Incoming,
    /// What the call answered.
    answer: Option<Result<Reply, Fault>>,
    /// The Fault was given out.
    told: bool,
    of: PhantomData<fn() -> (T, R)>,
}

impl<T, R> AsyncItems<T, R> {
    pub(super) fn new(streaming: Streaming, call: Outgoing, values: Option<Values>) -> Self {
        let values = values.map(|values| (Feed::default(), values));
        let call = Some(Out::new(call));
        let (takes, incoming) = Default::default();
        Self { streaming, call, values, takes, incoming, answer: None, told: false, of: PhantomData }
    }

    fn fail(&mut self, fault: Fault) {
        // Dropped, all of it is cancelled.
        (self.call, self.values) = (None, None);
        self.takes.clear();
        self.answer.get_or_insert(Err(fault));
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

    /// Waits until there are more bytes, or the call has answered.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Some(call) = &mut self.call else { return Poll::Ready(Ok(())) };
        // First of all: it goes before what rides beside it.
        let answered = call.poll(context);
        let mut any = false;
        while !self.incoming.last {
            while !answered && self.takes.len() < self.incoming.ahead() {
                self.takes.push_back(Out::new(self.streaming.take(self.incoming.asked)));
                self.incoming.asked += 1;
            }
            match first(&mut self.takes, context) {
                Some(Ok(reply)) => self.incoming.take(&reply)?,
                // Its own answer says why, if it is there.
                Some(Err(fault)) if !answered => return Poll::Ready(Err(fault)),
                Some(Err(_)) | None => break,
            }
            any = true;
        }
        if self.incoming.last {
            self.takes.clear();
        }
        if let Some(answer) = call.answer.take() {
            (self.call, self.values) = (None, None);
            self.takes.clear();
            self.answer = Some(answer.and_then(|reply| match self.incoming.last {
                true => Ok(reply),
                false => Err(ended_before_its_stream()),
            }));
            return Poll::Ready(Ok(()));
        }
        if let Some((feed, values)) = &mut self.values
            && let Poll::Ready(done) = feed.poll(values, context, &self.streaming)
        {
            self.values = None;
            done?;
        }
        if any { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_item<V>(
        &mut self,
        context: &mut Context<'_>,
        read: impl Fn(&mut Reader) -> Result<Option<V>, Fault>,
    ) -> Poll<Option<Result<V, Fault>>> {
        loop {
            match read(&mut self.incoming.reader) {
                Ok(Some(value)) => return Poll::Ready(Some(Ok(value))),
                Ok(None) if self.call.is_none() => {
                    if let (Some(Ok(_)), Err(fault)) = (&self.answer, self.incoming.reader.end()) {
                        self.answer = Some(Err(fault));
                    }
                    return Poll::Ready(self.tell().map(Err));
                }
                Ok(None) => {}
                Err(fault) => {
                    self.fail(fault);
                    return Poll::Ready(self.tell().map(Err));
                }
            }
            match self.poll_more(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(fault)) => self.fail(fault),
            }
        }
    }
}

impl<T: DeserializeOwned, R> AsyncItems<T, R> {
    /// The next value; `None` after the last.
    ///
    /// # Errors
    /// What the call ended with, once, as the last item.
    pub async fn next(&mut self) -> Option<Result<T, Fault>> {
        poll_fn(|context| self.poll_item(context, Reader::next_value)).await
    }
}

impl<T, R: DeserializeOwned> AsyncItems<T, R> {
    /// Reads what is left, without looking at it, and answers what the method did.
    ///
    /// # Errors
    /// What the call ended with, also if that was an item before.
    pub async fn end(mut self) -> Result<R, Fault> {
        let skip = |reader: &mut Reader| Ok(reader.next_encoded()?.map(drop));
        while poll_fn(|context| self.poll_item(context, skip)).await.is_some_and(|item| item.is_ok()) {}
        match self.answer.take() {
            Some(answer) => answer?.value(),
            None => Err(Fault::new(Code::Internal, "a stream ended without an answer")),
        }
    }
}

impl AsyncItems<Vec<u8>> {
    /// Of a call that sends nothing back: only its end is waited for.
    pub(super) fn without_items(mut self) -> Self {
        self.incoming.last = true;
        self
    }

    /// The next value in postcard, of a stream that is read by schema; `None` after the last.
    ///
    /// # Errors
    /// What the call ended with, once, as the last item.
    pub fn poll_encoded(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>, Fault>>> {
        self.poll_item(context, |reader| Ok(reader.next_encoded()?.map(<[u8]>::to_vec)))
    }

    /// What the call answered, once, after all that is left was read and not looked at.
    ///
    /// # Errors
    /// What the call ended with, also if that was an item before.
    pub fn poll_answer(&mut self, context: &mut Context<'_>) -> Poll<Result<Reply, Fault>> {
        while let Poll::Ready(item) = self.poll_item(context, |reader| Ok(reader.next_encoded()?.map(drop))) {
            if item.is_none_or(|item| item.is_err()) {
                let none = || Err(Fault::new(Code::Internal, "a stream ended without an answer"));
                return Poll::Ready(self.answer.take().unwrap_or_else(none));
            }
        }
        Poll::Pending
    }
}

impl<T: DeserializeOwned, R> Stream for AsyncItems<T, R> {
    type Item = Result<T, Fault>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_item(context, Reader::next_value)
    }
}

impl<T, R> fmt::Debug for AsyncItems<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AsyncItems({:?})", self.streaming)
    }
}
