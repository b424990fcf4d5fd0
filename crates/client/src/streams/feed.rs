//! Feed: values on their way to the node.
//!
//! Lives here: `Feed` (batches of an iterator's values, with those that are out), `typed` and `encoded` (where values come from).
//! Holds: batches are numbered and go in order; one that was answered with `false` is the last.

use std::collections::VecDeque;
use std::time::Duration;

use serde::Serialize;
use windlass_contract::Fault;
use windlass_contract::limits::{STREAM_BATCH_BYTES_MAX, STREAM_CHUNK_BYTES};
use windlass_contract::streams::{Batch, Writer};

use super::{OUT_AT_ONCE, Streaming};
use crate::pending::Pending;

/// Values of a type: writes the next; false when there is none.
pub(super) fn typed<'v, T: Serialize>(
    mut values: impl Iterator<Item = T> + 'v,
) -> impl FnMut(&mut Writer) -> Result<bool, Fault> + 'v {
    move |writer| match values.next() {
        Some(value) => writer.put(&value).map(|()| true),
        None => Ok(false),
    }
}

/// Values in postcard.
pub(super) fn encoded(mut values: super::EncodedValues) -> impl FnMut(&mut Writer) -> Result<bool, Fault> + Send {
    move |writer| match values.next() {
        Some(value) => writer.put_encoded(&value?).map(|()| true),
        None => Ok(false),
    }
}

/// Bytes that are cut into batches.
#[derive(Default)]
pub(super) struct Cut {
    bytes: Vec<u8>,
    at: usize,
    turn: u64,
    /// The last batch was made.
    pub(super) over: bool,
}

impl Cut {
    /// What is written is to go.
    pub(super) fn put(&mut self, bytes: Vec<u8>) {
        self.bytes = bytes;
        self.at = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next batch; the last one if nothing comes behind these bytes.
    pub(super) fn batch(&mut self, last: bool) -> Batch<'_> {
        let end = self.bytes.len().min(self.at + STREAM_BATCH_BYTES_MAX);
        let bytes = &self.bytes[self.at..end];
        let batch = Batch { turn: self.turn, last: last && end == self.bytes.len(), bytes };
        self.at = end;
        self.turn += 1;
        self.over = batch.last;
        batch
    }
}

/// An iterator's values, as they go.
pub(super) struct Feed<N> {
    next: N,
    writer: Writer,
    cut: Cut,
    /// No value comes any more.
    dry: bool,
    out: VecDeque<Pending>,
}

/// How often a thread that waits for a batch looks whether the call has ended.
pub(super) const LOOK: Duration = Duration::from_millis(20);

impl<N: FnMut(&mut Writer) -> Result<bool, Fault>> Feed<N> {
    pub(super) fn new(next: N) -> Self {
        Self { next, writer: Writer::default(), cut: Cut::default(), dry: false, out: VecDeque::new() }
    }

    /// The same, with values from elsewhere.
    pub(super) fn map<M>(self, to: impl FnOnce(N) -> M) -> Feed<M> {
        let Self { next, writer, cut, dry, out } = self;
        Feed { next: to(next), writer, cut, dry, out }
    }

    /// Sends batches, as many as may be out at once. False: all are sent.
    ///
    /// # Errors
    /// Of a value that cannot be sent.
    pub(super) fn fill(&mut self, streaming: &Streaming) -> Result<bool, Fault> {
        while !self.cut.over && self.out.len() < OUT_AT_ONCE {
            if self.cut.is_empty() {
                while !self.dry && self.writer.len() < STREAM_CHUNK_BYTES {
                    self.dry = !(self.next)(&mut self.writer)?;
                }
                self.cut.put(self.writer.take());
            }
            let batch = self.cut.batch(self.dry);
            self.out.push_back(streaming.batch(&batch).send());
        }
        Ok(!self.cut.over)
    }

    /// The batch that was sent first of those that are out.
    pub(super) fn front(&mut self) -> Option<&mut Pending> {
        self.out.front_mut()
    }

    /// That batch was answered.
    ///
    /// # Errors
    /// What it was answered with.
    pub(super) fn answered(&mut self) -> Result<(), Fault> {
        let Some(first) = self.out.pop_front() else { return Ok(()) };
        let more: bool = first.wait()?.value()?;
        if !more {
            // What is out yet is not wanted either.
            self.cut.over = true;
            self.out.clear();
        }
        Ok(())
    }

    /// Sends all, until the method has them, wants no more, or has ended. False: the caller does not want to wait on.
    ///
    /// # Errors
    /// Of a value that cannot be sent; the call then goes on, to be dropped.
    pub(super) fn all(
        &mut self,
        streaming: &Streaming,
        call: &mut Pending,
        goes_on: &mut dyn FnMut() -> bool,
    ) -> Result<bool, Fault> {
        loop {
            self.fill(streaming)?;
            let Some(first) = self.out.front_mut() else { return Ok(true) };
            while !first.wait_within(LOOK) {
                if call.is_answered() {
                    return Ok(true);
                }
                if !goes_on() {
                    return Ok(false);
                }
            }
            if let Err(fault) = self.answered() {
                // The call knows best why, if it knows.
                return if call.wait_within(LOOK) { Ok(true) } else { Err(fault) };
            }
        }
    }
}
