//! Ending: batches as they come, and how it ends.
//!
//! Lives here: `Incoming` (batches from the node), `Ending` (what the call answered, told once), `own_or` (whose Fault is told).
//! From: `items` and `awaited`, whose streams end in the same way.
//! Holds: after the last value stands what the call answered; where a batch cannot pass, the call is cancelled and its own Fault is
//!   told if it says more; a Fault comes once, as the last item.

use windlass_contract::limits::STREAM_CHUNK_BYTES;
use windlass_contract::streams::{Batch, Reader};
use windlass_contract::{Code, Fault, Outcome};

use super::OUT_AT_ONCE;
use crate::reply::Reply;

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

    /// All that came was read, and nothing more comes.
    ///
    /// # Errors
    /// `BadArguments` inside a value; `BadReply` when the node answers a call before it has said that nothing more comes beside it.
    fn is_whole(&self) -> Result<(), Fault> {
        self.reader.end()?;
        let early =
            || Fault::new(Code::BadReply, "the call has ended before its stream").with_outcome(Outcome::Ended);
        self.last.then_some(()).ok_or_else(early)
    }
}

/// How a call with streams ends.
#[derive(Default)]
pub(super) struct Ending {
    /// Why a batch cannot pass, until the call says more.
    aside: Option<Fault>,
    /// What the call answered.
    answer: Option<Result<Reply, Fault>>,
    /// The Fault was given out.
    told: bool,
}

impl Ending {
    /// A batch cannot pass, so that the call, which has not answered yet, is cancelled: only its answer is still to come.
    pub(super) fn set_aside(&mut self, fault: Fault) {
        self.aside.get_or_insert(fault);
    }

    /// Only the call's answer is still to come.
    pub(super) fn is_near(&self) -> bool {
        self.aside.is_some()
    }

    /// The call has answered.
    pub(super) fn answered(&mut self, own: Result<Reply, Fault>) {
        let own = own_or(own, self.aside.take());
        self.answer.get_or_insert(own);
    }

    /// It cannot go on, whatever the call would answer.
    pub(super) fn failed(&mut self, fault: Fault) {
        self.answer.get_or_insert(Err(fault));
    }

    /// All that came was read: the Fault that it ended with, once.
    pub(super) fn tell(&mut self, incoming: &Incoming) -> Option<Fault> {
        if let (Some(Ok(_)), Err(fault)) = (&self.answer, incoming.is_whole()) {
            self.answer = Some(Err(fault));
        }
        match &self.answer {
            Some(Err(fault)) if !self.told => {
                self.told = true;
                Some(fault.clone())
            }
            _ => None,
        }
    }

    /// What the call answered, when all is told.
    pub(super) fn take(&mut self) -> Result<Reply, Fault> {
        let none = || Err(Fault::new(Code::Internal, "a stream ended without an answer"));
        self.answer.take().unwrap_or_else(none)
    }
}

/// What a call ended with that was cancelled because a batch could not pass: what it says itself, unless that is just that it was
/// cancelled, or that it knows of nothing. Whether it ran is known from its own answer alone.
pub(super) fn own_or(own: Result<Reply, Fault>, aside: Option<Fault>) -> Result<Reply, Fault> {
    match (own, aside) {
        (own, None) => own,
        (Ok(_), Some(aside)) => Err(aside.with_outcome(Outcome::Ended)),
        (Err(own), Some(aside)) if own.is(Code::Cancelled) => Err(aside.with_outcome(own.outcome)),
        (Err(own), Some(_)) => Err(own),
    }
}
