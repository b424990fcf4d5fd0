//! Items: values from a method, for a thread that reads them.
//!
//! Holds: what waits looks up now and then; how it ends is `ending`'s.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use windlass_contract::streams::Reader;
use windlass_contract::{Code, Fault};

use super::Streaming;
use super::ending::{Ending, Incoming};
use super::feed::{Gathered, LOOK, Next, NoMore};
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
    ending: Ending,
}

impl<T, R> Items<T, R> {
    pub(super) fn new(streaming: Streaming, call: Pending, values: Option<Next>) -> Self {
        let (takes, incoming, ending) = Default::default();
        let mut inner =
            Inner { streaming: Arc::new(streaming), call: Some(call), values: None, takes, incoming, ending };
        if let Some(values) = values
            && let Err(fault) = inner.feed(values)
        {
            inner.fail(fault);
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
        if self.incoming.last || self.ending.is_near() {
            return self.until_answered(goes_on);
        }
        while self.takes.len() < self.incoming.ahead() {
            self.takes.push_back(self.streaming.take(self.incoming.asked).send());
            self.incoming.asked += 1;
        }
        loop {
            let (Some(first), Some(call)) = (self.takes.front_mut(), &self.call) else { return Ok(More::Over) };
            if first.wait_within(LOOK) {
                break;
            }
            if call.is_answered() {
                return Ok(More::Over);
            }
            if self.look_at_values()? {
                return self.until_answered(goes_on);
            }
            if !goes_on() {
                return Ok(More::Stopped);
            }
        }
        let Some(first) = self.takes.pop_front() else { return Ok(More::Over) };
        match first.wait() {
            Ok(reply) => self.incoming.take(&reply)?,
            Err(fault) => {
                self.set_aside(fault);
                return self.until_answered(goes_on);
            }
        }
        Ok(More::Came)
    }

    /// Waits for the call's answer: it is all that comes.
    fn until_answered(&mut self, goes_on: &mut GoesOn<'_>) -> Result<More, Fault> {
        while let Some(call) = self.call.as_mut()
            && !call.wait_within(LOOK)
        {
            if !self.look_at_values()? && !goes_on() {
                return Ok(More::Stopped);
            }
        }
        Ok(More::Over)
    }

    /// Looks whether values still go; true when they do not any more for a reason that the call may know better.
    ///
    /// # Errors
    /// Why there is no next value.
    fn look_at_values(&mut self) -> Result<bool, Fault> {
        match self.values.as_ref().and_then(|values| values.stopped()) {
            None => Ok(false),
            Some(NoMore::Value(fault)) => Err(fault),
            Some(NoMore::Batch(fault)) => {
                self.set_aside(fault);
                Ok(true)
            }
        }
    }

    /// A batch cannot pass: the call is to end, and to say how.
    fn set_aside(&mut self, fault: Fault) {
        self.takes.clear();
        self.stop_feeding();
        if let Some(call) = &mut self.call
            && !call.wait_within(Duration::ZERO)
        {
            call.cancel();
            self.ending.set_aside(fault);
        }
    }

    /// Nothing comes any more: the call's answer does.
    fn ended(&mut self) {
        self.takes.clear();
        self.stop_feeding();
        if let Some(call) = self.call.take() {
            self.ending.answered(call.wait());
        }
    }

    /// Whoever gives values is to stop.
    fn stop_feeding(&mut self) {
        if let Some(values) = self.values.take() {
            values.is_over();
        }
    }

    /// It cannot go on.
    fn fail(&mut self, fault: Fault) {
        self.takes.clear();
        self.stop_feeding();
        // Dropped, it is cancelled.
        self.call = None;
        self.ending.failed(fault);
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
                Ok(None) if self.call.is_none() => return Some(self.ending.tell(&self.incoming).map(Err)),
                Ok(None) => {}
                Err(fault) => {
                    self.fail(fault);
                    return Some(self.ending.tell(&self.incoming).map(Err));
                }
            }
            match self.more(goes_on) {
                Ok(More::Came) => {}
                Ok(More::Over) => self.ended(),
                Ok(More::Stopped) => return None,
                Err(fault) => self.fail(fault),
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
        self.inner.ending.take()?.value()
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
        self.inner.ending.take()
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
