//! Feed: values on their way to the node, from an iterator that may take its time.
//!
//! Lives here: `Gathered` (values that wait to go), `pull` (from the iterator), `send` (to the node), `Cut`; `typed` and `encoded` (where
//!   values come from).
//! Holds: who pulls may be held up by the iterator, so another thread sends: what has come goes, whatever comes next. Batches are
//!   numbered and go in order; one that was answered with `false` is the last.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};
use std::time::Duration;

use serde::Serialize;
use windlass_contract::Fault;
use windlass_contract::limits::{STREAM_BATCH_BYTES_MAX, STREAM_CHUNK_BYTES};
use windlass_contract::streams::{Batch, Writer};

use super::{OUT_AT_ONCE, Streaming};
use crate::pending::Pending;
use crate::table::locked;

/// Writes the next value; false when there is none.
pub(super) type Next = Box<dyn FnMut(&mut Writer) -> Result<bool, Fault> + Send>;

/// Values of a type.
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

/// Values that are cut into batches.
#[derive(Default)]
pub(super) struct Cut {
    /// What is to go.
    pub(super) waits: Writer,
    turn: u64,
    /// The last batch was made.
    pub(super) over: bool,
}

impl Cut {
    /// The next batch; the last one if nothing comes behind what waits.
    pub(super) fn batch(&mut self, last: bool) -> Batch<'_> {
        let turn = self.turn;
        self.turn += 1;
        self.over = last && self.waits.len() <= STREAM_BATCH_BYTES_MAX;
        Batch { turn, last: self.over, bytes: self.waits.front(STREAM_BATCH_BYTES_MAX) }
    }
}

/// Values that were pulled and have not gone yet.
#[derive(Default)]
pub(super) struct Gathered {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waits: Writer,
    /// No value comes any more.
    dry: bool,
    /// Nobody wants any more.
    over: bool,
    stopped: Option<NoMore>,
}

/// Why no more values go.
#[derive(Clone)]
pub(super) enum NoMore {
    /// There is no next one, or it cannot be sent: nobody knows more of that.
    Value(Fault),
    /// A batch was not taken, of which the call may know more.
    Batch(Fault),
}

/// How often a thread that waits for a batch looks whether the call has ended.
pub(super) const LOOK: Duration = Duration::from_millis(20);
/// And whether more values have come, while it could send them.
const MORE: Duration = Duration::from_millis(1);

impl Gathered {
    /// Pulls values until there are none, or nobody wants any; waits while enough are here.
    pub(super) fn pull(&self, mut next: impl FnMut(&mut Writer) -> Result<bool, Fault>) {
        let mut writer = Writer::default();
        loop {
            let came = next(&mut writer);
            let mut state = locked(&self.state);
            writer.move_to(&mut state.waits);
            match came {
                Ok(more) => state.dry = !more,
                Err(fault) => state.stopped = Some(NoMore::Value(fault)),
            }
            self.changed.notify_all();
            while state.waits.len() >= STREAM_CHUNK_BYTES && !state.over {
                state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            if state.dry || state.over || state.stopped.is_some() {
                return;
            }
        }
    }

    /// Nobody wants any more.
    pub(super) fn is_over(&self) {
        locked(&self.state).over = true;
        self.changed.notify_all();
    }

    /// Why no more values go, if something is wrong with them.
    pub(super) fn stopped(&self) -> Option<NoMore> {
        locked(&self.state).stopped.clone()
    }

    /// Sends what is pulled, as it comes, until the method has all, wants no more, or has ended.
    pub(super) fn send(&self, streaming: &Streaming, ended: impl Fn() -> bool) {
        if let Err(fault) = self.send_all(streaming, ended) {
            locked(&self.state).stopped.get_or_insert(NoMore::Batch(fault));
        }
        self.is_over();
    }

    fn send_all(&self, streaming: &Streaming, ended: impl Fn() -> bool) -> Result<(), Fault> {
        let (mut cut, mut out) = (Cut::default(), VecDeque::<Pending>::new());
        loop {
            let mut state = locked(&self.state);
            while state.waits.is_empty() && cut.waits.is_empty() && out.is_empty() && !state.dry && !state.over {
                if state.stopped.is_some() {
                    return Ok(());
                }
                state = self.changed.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
            }
            if state.over {
                return Ok(());
            }
            let has_room = out.len() < OUT_AT_ONCE && !cut.over;
            if has_room && cut.waits.is_empty() && (!state.waits.is_empty() || state.dry) {
                cut.waits = std::mem::take(&mut state.waits);
                self.changed.notify_all();
            }
            let dry = state.dry && state.waits.is_empty();
            drop(state);
            if has_room && (!cut.waits.is_empty() || dry) {
                out.push_back(streaming.batch(&cut.batch(dry)).send());
                continue;
            }
            let Some(first) = out.front_mut() else { return Ok(()) };
            if !first.wait_within(if has_room { MORE } else { LOOK }) {
                if ended() {
                    return Ok(());
                }
                continue;
            }
            let more: bool = match out.pop_front() {
                Some(first) => first.wait()?.value()?,
                None => return Ok(()),
            };
            if !more {
                // What is out yet is not wanted either.
                return Ok(());
            }
        }
    }
}
