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
use windlass_contract::{Code, Fault, Outcome};

use super::ending::{Ending, Incoming, own_or};
use super::feed::{Cut, NoMore};
use super::{EncodedStream, OUT_AT_ONCE, Streaming};
use crate::outgoing::Outgoing;
use crate::pending::Pending;
use crate::reply::Reply;

/// A call of a task.
enum Out {
    /// It waits for a call slot; it is sent when it is first polled.
    Waits(Pin<Box<dyn Future<Output = Pending> + Send>>),
    Sent(Pending),
    /// Its answer, until that is taken.
    Answered(Option<Result<Reply, Fault>>),
}

impl Out {
    fn new(call: Outgoing) -> Self {
        Self::Waits(Box::pin(call.sent()))
    }

    /// Whether its answer is there.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        if let Self::Waits(sent) = self
            && let Poll::Ready(pending) = sent.as_mut().poll(context)
        {
            *self = Self::Sent(pending);
        }
        if let Self::Sent(pending) = self
            && let Poll::Ready(answer) = Pin::new(pending).poll(context)
        {
            *self = Self::Answered(Some(answer));
        }
        matches!(self, Self::Answered(_))
    }

    /// Asks for it to end, if it has not answered; then only its answer is still to come.
    fn cancel(&mut self) {
        match self {
            Self::Waits(_) => {
                let unsent = Fault::new(Code::Cancelled, "the call was not sent any more");
                *self = Self::Answered(Some(Err(unsent.with_outcome(Outcome::NotStarted))));
            }
            Self::Sent(pending) => pending.cancel(),
            Self::Answered(_) => {}
        }
    }

    /// Its answer, if it is there, once.
    fn take(&mut self) -> Option<Result<Reply, Fault>> {
        if let Self::Answered(answer) = self { answer.take() } else { None }
    }
}

/// Polls all, so that they are sent in order; takes the answer of the first, if it is there.
fn first(out: &mut VecDeque<Out>, context: &mut Context<'_>) -> Option<Result<Reply, Fault>> {
    let mut there = false;
    for (at, one) in out.iter_mut().enumerate() {
        let answered = one.poll(context);
        there |= at == 0 && answered;
    }
    if there { out.pop_front().and_then(|mut first| first.take()) } else { None }
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
    ) -> Poll<Result<(), NoMore>> {
        loop {
            while !self.cut.over && self.out.len() < OUT_AT_ONCE {
                if self.cut.waits.is_empty() {
                    while !self.dry && self.cut.waits.len() < STREAM_CHUNK_BYTES {
                        match next(context, &mut self.cut.waits) {
                            Poll::Ready(more) => self.dry = !more.map_err(NoMore::Value)?,
                            Poll::Pending => break,
                        }
                    }
                    if self.cut.waits.is_empty() && !self.dry {
                        break;
                    }
                }
                self.out.push_back(Out::new(streaming.batch(&self.cut.batch(self.dry))));
            }
            let Some(answer) = first(&mut self.out, context) else {
                let all = self.cut.over && self.out.is_empty();
                return if all { Poll::Ready(Ok(())) } else { Poll::Pending };
            };
            let more: bool = answer.and_then(|reply| reply.value()).map_err(NoMore::Batch)?;
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
    let (mut values, mut call, mut feed, mut aside) = (pin!(values), Out::new(call), Some(Feed::default()), None);
    poll_fn(|context| {
        loop {
            if call.poll(context)
                && let Some(own) = call.take()
            {
                return Poll::Ready(own_or(own, aside.take()));
            }
            let Some(feeds) = &mut feed else { return Poll::Pending };
            let mut next =
                |context: &mut Context<'_>, writer: &mut Writer| write(values.as_mut(), context, writer);
            match feeds.poll(&mut next, context, &streaming) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => {}
                // The call is dropped, and so cancelled.
                Poll::Ready(Err(NoMore::Value(fault))) => return Poll::Ready(Err(fault)),
                Poll::Ready(Err(NoMore::Batch(fault))) => {
                    if !call.poll(context) {
                        call.cancel();
                        aside = Some(fault);
                    }
                }
            }
            feed = None;
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
    ending: Ending,
    of: PhantomData<fn() -> (T, R)>,
}

impl<T, R> AsyncItems<T, R> {
    pub(super) fn new(streaming: Streaming, call: Outgoing, values: Option<Values>) -> Self {
        let values = values.map(|values| (Feed::default(), values));
        let call = Some(Out::new(call));
        let (takes, incoming, ending) = Default::default();
        Self { streaming, call, values, takes, incoming, ending, of: PhantomData }
    }

    fn fail(&mut self, fault: Fault) {
        // Dropped, all of it is cancelled.
        (self.call, self.values) = (None, None);
        self.takes.clear();
        self.ending.failed(fault);
    }

    /// A batch cannot pass: the call is to end, and to say how.
    fn set_aside(&mut self, context: &mut Context<'_>, fault: Fault) {
        self.values = None;
        self.takes.clear();
        if let Some(call) = &mut self.call
            && !call.poll(context)
        {
            call.cancel();
            self.ending.set_aside(fault);
        }
    }

    /// Waits until there are more bytes, or the call has answered.
    fn poll_more(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Some(call) = &mut self.call else { return Poll::Ready(Ok(())) };
        // First of all: it goes before what rides beside it.
        let answered = call.poll(context);
        let mut any = false;
        while !self.incoming.last && !self.ending.is_near() {
            while !answered && self.takes.len() < self.incoming.ahead() {
                self.takes.push_back(Out::new(self.streaming.take(self.incoming.asked)));
                self.incoming.asked += 1;
            }
            match first(&mut self.takes, context) {
                Some(Ok(reply)) => self.incoming.take(&reply)?,
                // Its own answer says why, if it is there.
                Some(Err(_)) if answered => break,
                Some(Err(fault)) => {
                    self.set_aside(context, fault);
                    return Poll::Ready(Ok(()));
                }
                None => break,
            }
            any = true;
        }
        if self.incoming.last {
            self.takes.clear();
        }
        if answered {
            self.takes.clear();
            self.values = None;
            if let Some(own) = self.call.take().and_then(|mut call| call.take()) {
                self.ending.answered(own);
            }
            return Poll::Ready(Ok(()));
        }
        if let Some((feed, values)) = &mut self.values
            && let Poll::Ready(done) = feed.poll(values, context, &self.streaming)
        {
            self.values = None;
            match done {
                Ok(()) => {}
                Err(NoMore::Value(fault)) => return Poll::Ready(Err(fault)),
                Err(NoMore::Batch(fault)) => {
                    self.set_aside(context, fault);
                    any = true;
                }
            }
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
                Ok(None) if self.call.is_none() => return Poll::Ready(self.ending.tell(&self.incoming).map(Err)),
                Ok(None) => {}
                Err(fault) => {
                    self.fail(fault);
                    return Poll::Ready(self.ending.tell(&self.incoming).map(Err));
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
        self.ending.take()?.value()
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
                return Poll::Ready(self.ending.take());
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
