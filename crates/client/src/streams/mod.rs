//! Streams: values that pass one by one beside a call, both ways.
//!
//! Lives here: `Streaming` (a call with streams being put together); `feed` (values on their way to the node), `items` (values
//!   from it, for a thread), `awaited` (the same for a task), `ending` (how both end).
//! From: generated clients, `dynamic`. To: ordinary calls: the one that runs the method, and beside it those that take and give
//!   batches, a few of which are out at a time.
//! Holds: values come in order, once; a stream that is dropped ends its call; nothing waits for a stream whose call has ended.
//! Not here: how values stand in bytes, and the node's window (`windlass_contract::streams`).

mod awaited;
mod ending;
mod feed;
mod items;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;
use windlass_contract::slot::Query;
use windlass_contract::streams::{Batch, open};
use windlass_contract::{Code, Fault, MethodRef, PoolId, streams};

pub use awaited::AsyncItems;
pub use items::Items;

use crate::again::Life;
use crate::client::Pool;
use crate::outgoing::Outgoing;
use crate::reply::Reply;
use crate::session::Session;
use ending::own_or;
use feed::{Gathered, NoMore};

/// Batches of one direction that are out at once: one travels while another is worked on.
const OUT_AT_ONCE: usize = 2;

/// Call slots that a call with streams is counted for: its own, two batches each way, and some for other calls.
const EACH_HOLDS: u32 = 8;
/// With fewer, a call and what rides beside it would wait for each other.
const SLOTS_MIN: u32 = 4;

/// A call with streams, being put together: `call` begins it, then it is sent by the function that fits its streams.
pub struct Streaming {
    life: Arc<Life>,
    pool: PoolId,
    method: MethodRef,
    /// The container that the call goes to, and all that rides beside it.
    query: Query,
    number: u64,
    _counted: Counted,
}

/// One of a session's calls with streams. Each holds some of its call slots for long, so that they are kept few enough for other
/// calls to find some.
struct Counted(Arc<Session>);

impl Counted {
    fn new(session: &Arc<Session>) -> Result<Self, Fault> {
        let slots = session.welcome().calls;
        if slots < SLOTS_MIN {
            let text = format!(
                "a call with streams holds some of its session's {slots} call slots; connect with {SLOTS_MIN} or more (`Connect::calls`)"
            );
            return Err(Fault::new(Code::QueueFull, text));
        }
        let most = (slots / EACH_HOLDS).max(1);
        // ORDER: a count, and nothing behind it.
        let under_way = session.streaming.fetch_add(1, Ordering::Relaxed);
        let counted = Self(Arc::clone(session));
        if under_way >= most {
            let text = format!(
                "this session has {most} calls with streams under way, as many as its {slots} call slots are for; connect with more \
                 (`Connect::calls`), or once more"
            );
            return Err(Fault::new(Code::QueueFull, text));
        }
        Ok(counted)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.streaming.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    /// Begins a call with streams.
    ///
    /// Cost: one call, unless the container is named by its id (`toward`).
    ///
    /// # Errors
    /// `QueueFull` when the session has an eighth as many of them under way as it has call slots, or less than four slots; `Unsupported` toward several containers; `UnknownMethod` when the pool's module has no streams.
    pub fn streaming(&self, method: MethodRef) -> Result<Streaming, Fault> {
        let (streaming, ask) = self.begin_streaming(method)?;
        match ask {
            true => {
                let reply = streaming.riding(open()).wait()?;
                streaming.at(&reply)
            }
            false => Ok(streaming),
        }
    }

    /// As `streaming`, without blocking a thread.
    ///
    /// # Errors
    /// As `streaming`.
    pub async fn streaming_async(&self, method: MethodRef) -> Result<Streaming, Fault> {
        let (streaming, ask) = self.begin_streaming(method)?;
        match ask {
            true => {
                let reply = streaming.riding(open()).answered().await?;
                streaming.at(&reply)
            }
            false => Ok(streaming),
        }
    }

    fn begin_streaming(&self, method: MethodRef) -> Result<(Streaming, bool), Fault> {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        let (life, pool, query) = self.now()?;
        let ask = match query {
            Query::Id(_) => false,
            Query::Local | Query::Hash(_) | Query::Dynamic => true,
            Query::Range { .. } | Query::Broadcast | Query::Node(_) => {
                let text = format!("{} has streams, which go to one container, not to {query:?}", method.name);
                return Err(Fault::new(Code::Unsupported, text));
            }
        };
        // ORDER: nothing hangs on it but that each is another.
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let _counted = Counted::new(life.session())?;
        Ok((Streaming { life, pool, method, query, number, _counted }, ask))
    }
}

impl Streaming {
    fn at(self, reply: &Reply) -> Result<Streaming, Fault> {
        let place: u32 = reply.value()?;
        Ok(Streaming { query: Query::Id(place.into()), ..self })
    }

    /// A call of the same container in the same session.
    fn riding(&self, method: MethodRef) -> Outgoing {
        Outgoing::new(Arc::clone(&self.life), self.pool, method).query(self.query)
    }

    /// The call: give it its arguments and buffers in order, then send it by `give`, `items` or their like.
    pub fn call(&self) -> Outgoing {
        self.riding(self.method).argument(&self.number)
    }

    /// Asks for a batch.
    fn take(&self, turn: u64) -> Outgoing {
        self.riding(streams::take()).argument(&self.number).argument(&turn)
    }

    /// Brings a batch.
    fn batch(&self, batch: &Batch<'_>) -> Outgoing {
        let give = self.riding(streams::give()).argument(&self.number);
        match postcard::to_allocvec(batch) {
            Ok(bytes) => give.argument_bytes(&bytes),
            Err(error) => give.refused(Fault::new(Code::BadArguments, error.to_string())),
        }
    }

    /// Sends the call, then the values, and waits for the answer. Values that the method wants no more are not asked for.
    ///
    /// Cost: a thread, and a call for each batch of values, two of them out at a time.
    ///
    /// # Errors
    /// As `Outgoing::wait`; `TooLarge` and `BadArguments` for a value that cannot be sent, which ends the call.
    pub fn give<T: Serialize>(self, call: Outgoing, values: impl IntoIterator<Item = T>) -> Result<Reply, Fault> {
        let (mut call, gathered) = (call.send(), Gathered::default());
        #[allow(
            clippy::disallowed_methods,
            reason = "the iterator may hold this thread up; a client has no driver to ask"
        )]
        std::thread::scope(|scope| {
            scope.spawn(|| gathered.send(&self, || call.is_answered()));
            gathered.pull(feed::typed(values.into_iter()));
        });
        match gathered.stopped() {
            // Dropped, it is cancelled.
            Some(NoMore::Value(fault)) if !call.wait_within(Duration::ZERO) => Err(fault),
            Some(NoMore::Batch(fault)) if !call.wait_within(Duration::ZERO) => {
                call.cancel();
                own_or(call.wait(), Some(fault))
            }
            _ => call.wait(),
        }
    }

    /// As `give`, for a task.
    ///
    /// # Errors
    /// As `give`.
    pub async fn give_async<T: Serialize>(
        self,
        call: Outgoing,
        values: impl futures_core::Stream<Item = T>,
    ) -> Result<Reply, Fault> {
        awaited::give(self, call, values).await
    }

    /// Sends the call; what it sends back is read from what this gives.
    pub fn items<T, R>(self, call: Outgoing) -> Items<T, R> {
        Items::new(self, call.send(), None)
    }

    /// As `items`, with values to send meanwhile: a thread of their own takes them from the iterator, which may wait for what comes back.
    pub fn items_of<T, R, V: Serialize>(
        self,
        call: Outgoing,
        values: impl IntoIterator<Item = V, IntoIter: Send + 'static>,
    ) -> Items<T, R> {
        Items::new(self, call.send(), Some(Box::new(feed::typed(values.into_iter()))))
    }

    /// As `items`, for a task.
    pub fn items_async<T, R>(self, call: Outgoing) -> AsyncItems<T, R> {
        AsyncItems::new(self, call, None)
    }

    /// As `items_async`, with values to send meanwhile.
    pub fn items_of_async<T, R, V: Serialize + 'static>(
        self,
        call: Outgoing,
        values: impl futures_core::Stream<Item = V> + Send + 'static,
    ) -> AsyncItems<T, R> {
        AsyncItems::new(self, call, Some(awaited::boxed(values)))
    }

    /// Sends the call with values in postcard, and reads back values in postcard: for callers by schema. `values` is absent if the
    /// method reads no stream; `reads` says whether it fills one.
    pub fn items_encoded(self, call: Outgoing, values: Option<EncodedValues>, reads: bool) -> Items<Vec<u8>> {
        let values = values.map(|values| Box::new(feed::encoded(values)) as feed::Next);
        let items = Items::new(self, call.send(), values);
        if reads { items } else { items.without_items() }
    }

    /// As `items_encoded`, for a task.
    pub fn items_encoded_async(
        self,
        call: Outgoing,
        values: Option<EncodedStream>,
        reads: bool,
    ) -> AsyncItems<Vec<u8>> {
        let items = AsyncItems::new(self, call, values.map(awaited::encoded));
        if reads { items } else { items.without_items() }
    }
}

/// Values for a stream that a task has, in postcard, or why there is no next one, which ends the call.
pub type EncodedStream = Pin<Box<dyn futures_core::Stream<Item = Result<Vec<u8>, Fault>> + Send>>;

/// Values for a stream, in postcard, or why there is no next one, which ends the call.
pub type EncodedValues = Box<dyn Iterator<Item = Result<Vec<u8>, Fault>> + Send>;

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Streaming({}, stream {})", self.method.name, self.number)
    }
}
