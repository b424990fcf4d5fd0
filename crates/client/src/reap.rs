//! Reaping: taking completions, and waiting for them.
//!
//! Lives here: `Taker` (what one thread at a time holds), the turn of a reaper (`Session::reap`), from completion to
//!   answer (`answer_of`), and how a dead node is noticed.
//! From: the completion ring. To: tickets (`table`).
//! Holds: nothing the node writes is believed: an id, a range or a count that cannot be is a Fault, for that call or, if
//!   it is not clear whose, for the session. A wait looks for the node's end every quarter second.
//! Not here: what to do with an answer (`pending`, `reply`).

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use windlass_contract::completion::{Completion, ReplyAt};
use windlass_contract::head::{BufferEntry, BufferKind, Direction, ENTRY_BYTES, Head};
use windlass_contract::limits::BUFFERS_MAX;
use windlass_contract::{Code, Fault};
use windlass_memory::cells::Slept;
use windlass_memory::hooks::{Plant, planted};
use windlass_memory::ring::{COMPLETION, Consumer, Entry};
use windlass_memory::{Segment, SegmentId};

use crate::clock;
use crate::hand::{Hand, Patience};
use crate::heap::Loan;
use crate::limits::{PARK_SLICE, REPLY_INLINE, SEGMENT_WAIT};
use crate::link::{Link, Ring};
use crate::outgoing::{Asked, Hold, Holds};
use crate::reply::{Given, Reply, ReplyBytes, ResultView};
use crate::session::{Session, ended_by};
use crate::spin::Spin;
use crate::stream::inbound::{Inbound, Parts};
use crate::table::{Answer, Out, Ticket, locked};
use crate::wire::News;

/// Control messages looked at when a session is suspected to have ended.
const LAST_WORDS_MAX: usize = 64;

/// What the reaper holds for all threads.
pub(crate) enum Taker {
    /// Of a ring.
    Ring(RingTaker),
    /// Of a stream.
    Stream(Box<Inbound>),
}

/// What the reaper of a ring holds.
pub(crate) struct RingTaker {
    pub(crate) consumer: Consumer<COMPLETION>,
    pub(crate) spin: Spin,
}

/// The call that a reaping thread itself waits for: its answer is handed over on the spot, past its ticket, and whoever waits
/// frees its slot.
pub(crate) struct Own<'a> {
    pub(crate) ticket: &'a Arc<Ticket>,
    pub(crate) answer: OnceCell<Answer>,
}

impl Session {
    /// One turn of a reaper: takes what is there, or spins, or sleeps for at most `time` and a quarter second.
    pub(crate) fn reap(self: &Arc<Self>, taker: &mut Taker, time: Option<Duration>, own: Option<&Own<'_>>) {
        match (&self.link, taker) {
            (Link::Ring(ring), Taker::Ring(taker)) => self.reap_ring(ring, taker, time, own),
            (Link::Stream(stream), Taker::Stream(inbound)) => self.reap_framed(stream, inbound, time, own),
            _ => unreachable!("a session's reaper takes from its own link"),
        }
    }

    #[inline]
    fn reap_ring(
        self: &Arc<Self>,
        ring: &Ring,
        taker: &mut RingTaker,
        time: Option<Duration>,
        own: Option<&Own<'_>>,
    ) {
        if self.take_completions(ring, taker, own) > 0 || self.over.get().is_some() {
            self.flush_backlog();
            return;
        }
        let RingTaker { consumer, spin } = taker;
        if spin.spin(ring.processors.apart(), || consumer.peek_ready()) {
            self.counts.spins_won.add_alone(1);
            self.take_completions(ring, taker, own);
            return;
        }
        self.flush_backlog();
        let seen = ring.park.seen();
        let slice = time.map_or(PARK_SLICE, |time| time.min(PARK_SLICE));
        let consumer = &taker.consumer;
        let began = clock::now();
        let slept = ring.park.wait(seen, Some(slice), || consumer.peek_ready() || ring.words.ended().load() != 0);
        if slept != Slept::Changed {
            self.counts.parks.add_alone(1);
            spin.slept(clock::since(began));
        }
        if ring.words.ended().load() != 0 || (slept == Slept::TimedOut && ring.wire.hung_up()) {
            // What the node published before it ended still counts.
            self.take_completions(ring, taker, own);
            self.look_for_end(ring);
        }
    }

    /// Takes what answers there are, without waiting. Answers how many calls were answered.
    fn take(self: &Arc<Self>, taker: &mut Taker) -> u32 {
        match (&self.link, taker) {
            (Link::Ring(ring), Taker::Ring(taker)) => self.take_completions(ring, taker, None),
            (Link::Stream(stream), Taker::Stream(inbound)) => {
                self.push_rest(stream);
                self.take_framed(stream, inbound, None)
            }
            _ => unreachable!("a session's reaper takes from its own link"),
        }
    }

    /// Takes completions if nobody else is at it, without waiting.
    pub(crate) fn reap_what_is_there(self: &Arc<Self>) {
        // Nothing is lost if another thread has the turn: it takes them.
        let _taken_by_us = self.reaper.try_reap(|taker| self.take(taker));
    }

    /// Moves a session by hand: takes completions, publishes what waits, and looks whether the node has ended the session.
    /// Answers how many calls were answered.
    pub(crate) fn pump(self: &Arc<Self>) -> u32 {
        let taken = self.reaper.try_reap(|taker| self.take(taker)).unwrap_or(0);
        self.flush_backlog();
        if let Link::Ring(ring) = &self.link
            && ring.words.ended().load() != 0
        {
            self.look_for_end(ring);
        }
        taken
    }

    /// Whether something is there to be taken.
    pub(crate) fn has_news(&self) -> bool {
        match &self.link {
            Link::Ring(ring) => {
                let waits = |taker: &mut Taker| match taker {
                    Taker::Ring(taker) => taker.consumer.peek_ready(),
                    Taker::Stream(_) => false,
                };
                let waits = self.reaper.try_reap(waits).unwrap_or(false);
                waits || (ring.words.ended().load() != 0 && self.over.get().is_none())
            }
            Link::Stream(stream) => self.over.get().is_none() && stream.has_news(),
        }
    }

    /// Waits by hand until `done`; `false`: nothing moves any more.
    pub(crate) fn pump_until(self: &Arc<Self>, hand: &Hand, done: impl Fn() -> bool) -> bool {
        loop {
            self.pump();
            // The world moves on by steps and not by time, so there is no quarter second to wait for this look.
            self.is_alive();
            if done() || self.over.get().is_some() {
                return true;
            }
            if !hand.step() {
                return done();
            }
        }
    }

    fn take_completions(self: &Arc<Self>, ring: &Ring, taker: &mut RingTaker, own: Option<&Own<'_>>) -> u32 {
        let mut taken = 0;
        // At most one ring's worth: then the caller looks whether its own answer is there.
        while taken < ring.layout.depth() {
            let Some(entry) = taker.consumer.take() else { break };
            // Before the answer frees its slot: the next call may need the room.
            taker.consumer.commit();
            taken += 1;
            self.completed(ring, &entry, own);
        }
        taken
    }

    fn completed(self: &Arc<Self>, ring: &Ring, entry: &Entry, own: Option<&Own<'_>>) {
        let completion = match Completion::decode(entry) {
            Ok(completion) => completion,
            Err(error) => {
                self.broken(error);
                return;
            }
        };
        match self.table.take_out(completion.call) {
            Some(Out { call, ticket, holds }) => {
                let answer = self.answer_of(ring, &completion, holds);
                self.hand_over(Out { call, ticket, holds: Holds::default() }, answer, own);
            }
            // A second answer, or one of another generation: then the right one may never come.
            None => {
                self.broken(format!("it answered {:?}, which is not out", completion.call));
            }
        }
    }

    /// Hands an answer to the reaping thread itself, or leaves it on its ticket.
    #[inline]
    pub(crate) fn hand_over(&self, out: Out, answer: Answer, own: Option<&Own<'_>>) {
        if let Some(own) = own.filter(|own| Arc::ptr_eq(own.ticket, &out.ticket)) {
            if answer.is_err() {
                self.counts.faults.add(1);
            }
            // `take_out` gives a call out once, so nothing stands here yet.
            let _first = own.answer.set(answer);
            return;
        }
        self.finish(out, answer);
    }

    /// Finds out whether the session has ended and says so to all.
    fn look_for_end(self: &Arc<Self>, ring: &Ring) {
        for _ in 0..LAST_WORDS_MAX {
            match ring.wire.read(&Patience::none()).0 {
                News::Nothing => break,
                news => {
                    if !self.act(news) {
                        return;
                    }
                }
            }
        }
        let ended = ring.words.ended().load();
        if ended != 0 {
            let code = u16::try_from(ended).unwrap_or(Code::SessionEnded as u16);
            self.ended_there(ended_by(code, &self.node, ""));
        } else if ring.wire.hung_up() {
            self.ended_there(self.gone());
        }
    }

    /// Whether the node is still there: looks now, whatever was known before.
    pub(crate) fn is_alive(self: &Arc<Self>) -> bool {
        if self.forked() {
            return false;
        }
        match &self.link {
            Link::Ring(ring) => {
                if ring.words.ended().load() != 0 || ring.wire.hung_up() {
                    self.reap_what_is_there();
                    self.look_for_end(ring);
                }
            }
            // An end is read like everything else.
            Link::Stream(_) => self.reap_what_is_there(),
        }
        self.over.get().is_none()
    }

    /// From completion to answer: copies the reply and takes over its leases.
    fn answer_of(self: &Arc<Self>, ring: &Ring, completion: &Completion, holds: Holds) -> Answer {
        // Most answers: a short value and nothing else.
        if let (0, None, ReplyAt::Inline(inline), true) =
            (completion.buffers, completion.fault, completion.at, holds.buffers.is_empty())
        {
            let bytes = ReplyBytes::Inline(completion.length as u16, inline);
            return Ok(Reply::new(bytes, 0, Vec::new(), Vec::new()));
        }
        let bytes = match self.reply_bytes(ring, completion) {
            Ok(bytes) => bytes,
            Err(fault) => {
                if fault.is(Code::NoMemory) {
                    self.give_back(ring, completion, holds);
                }
                return Err(fault);
            }
        };
        let (entries, value) = Head::decode_reply(completion.buffers, bytes.as_slice())
            .map_err(|error| lost(format!("its reply head is wrong: {error}")))?;
        let from = bytes.as_slice().len() - value.len();
        let given = self.given(&entries, holds, completion.fault.is_none(), None);
        if let Some(head) = completion.fault {
            if planted(Plant::LeakedLoan) {
                std::mem::forget(given);
            }
            return Err(Fault::decode(head.code, head.outcome, head.retry, value));
        }
        let (given, inputs) = given?;
        Ok(Reply::new(bytes, from, given, inputs))
    }

    /// Copies the reply bytes into private memory.
    fn reply_bytes(&self, ring: &Ring, completion: &Completion) -> Result<ReplyBytes, Fault> {
        let length = completion.length as usize;
        let (segment, offset) = match completion.at {
            ReplyAt::Inline(inline) => {
                let mut bytes = ReplyBytes::new();
                bytes.extend(&inline[..length.min(inline.len())]);
                return Ok(bytes);
            }
            ReplyAt::Segment { segment, offset } => (segment, offset),
        };
        let limit = self.welcome.reply_bytes_max as usize + BUFFERS_MAX * ENTRY_BYTES;
        if length > limit {
            return Err(lost(format!("its reply says {length} bytes, {limit} is the limit")));
        }
        let memory = self.readable(ring, segment)?;
        let span = memory.span(offset, length as u64).map_err(|error| lost(format!("its reply: {error}")))?;
        if length <= REPLY_INLINE {
            let mut room = [0; REPLY_INLINE];
            memory.copy_out(span, &mut room[..length]);
            return Ok(ReplyBytes::Inline(length as u16, room));
        }
        let mut bytes = Vec::new();
        if windlass_memory::hooks::fails() || bytes.try_reserve_exact(length).is_err() {
            return Err(Fault::new(Code::NoMemory, format!("no memory for a reply of {length} bytes")));
        }
        memory.copy_out_vec(span, &mut bytes);
        Ok(ReplyBytes::Spilled(bytes))
    }

    /// Gives back what a reply lent that cannot be kept: its head alone is read, which is short.
    fn give_back(self: &Arc<Self>, ring: &Ring, completion: &Completion, holds: Holds) {
        let ReplyAt::Segment { segment, offset } = completion.at else { return };
        let mut room = [0; BUFFERS_MAX * ENTRY_BYTES];
        let Some(head) = room.get_mut(..usize::from(completion.buffers) * ENTRY_BYTES) else { return };
        let Ok(memory) = self.readable(ring, segment) else { return };
        let Ok(span) = memory.span(offset, head.len() as u64) else { return };
        memory.copy_out(span, head);
        if let Ok((entries, _)) = Head::decode_reply(completion.buffers, head) {
            drop(self.given(&entries, holds, false, None));
        }
    }

    /// A segment that the node writes: its small one, or a result segment, which may still be in the socket.
    fn readable(&self, ring: &Ring, id: SegmentId) -> Result<Arc<Segment>, Fault> {
        if id == SegmentId::NODE {
            return Ok(Arc::clone(&ring.theirs));
        }
        if !id.is_node_written() {
            return Err(lost(format!("its reply stands in segment {:#x}, which is not the node's", id.0)));
        }
        let patience = Patience::new(self.hand.as_ref(), SEGMENT_WAIT);
        let mut over = false;
        loop {
            if let Some(one) = locked(&ring.results).get(&id) {
                return Ok(Arc::clone(&one.segment));
            }
            if over {
                return Err(lost(format!("its reply stands in segment {:#x}, which never came", id.0)));
            }
            let (news, late) = ring.wire.read(&patience);
            over = late;
            if !self.act(news) {
                return Err(lost("the session ended before its reply could be read".into()));
            }
        }
    }

    /// What the buffers of a reply are to the caller. Leases become views at once, so that none is lost. `parts`: what came of them
    /// in a stream.
    pub(crate) fn given(
        self: &Arc<Self>,
        entries: &[BufferEntry],
        holds: Holds,
        complete: bool,
        mut parts: Option<Parts>,
    ) -> Result<(Vec<Given>, Vec<Loan>), Fault> {
        if entries.is_empty() && holds.buffers.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let Holds { arguments: _returned, mut buffers } = holds;
        let inputs = buffers
            .extract_if(.., |asked| asked.entry.direction == Direction::In)
            .filter_map(|asked| if let Hold::Loan(loan) = asked.hold { Some(loan) } else { None })
            .collect();
        let views: Vec<Option<Result<ResultView, Fault>>> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.kind == BufferKind::Bytes).then(|| self.view(at, entry, parts.as_mut())))
            .collect();
        let mut wanted = buffers.into_iter();
        let mut given = Vec::with_capacity(entries.len());
        for (at, (entry, view)) in entries.iter().zip(views).enumerate() {
            if view.is_none() && parts.as_ref().is_some_and(|parts| !parts.filled(at, entry)) {
                return Err(lost("not all of a shared buffer came back".into()));
            }
            let may_be_longer = self.is_shown(entry.segment);
            let fits = |asked: &_| is_answer(entry, asked, self.is_stream(), may_be_longer);
            let Some(asked) = wanted.next().filter(fits) else {
                return Err(lost("its reply gives back a buffer that was not asked for".into()));
            };
            given.push(match (view, asked.hold) {
                (Some(view), _) => Given::View(view?),
                (None, Hold::Loan(loan)) => Given::Loan(loan, entry.length as usize),
                (None, _) => return Err(lost("its reply gives back a loan that was never given".into())),
            });
        }
        if complete && wanted.next().is_some() {
            return Err(lost("its reply leaves out a buffer".into()));
        }
        Ok((given, inputs))
    }

    /// Whether it is memory that one result shows.
    fn is_shown(&self, id: SegmentId) -> bool {
        match &self.link {
            Link::Ring(ring) => locked(&ring.results).get(&id).is_some_and(|one| one.shown),
            Link::Stream(_) => false,
        }
    }

    fn view(
        self: &Arc<Self>,
        at: usize,
        entry: &BufferEntry,
        parts: Option<&mut Parts>,
    ) -> Result<ResultView, Fault> {
        let ring = match (&self.link, parts) {
            (Link::Stream(_), Some(parts)) => return parts.view(at, entry),
            (Link::Stream(_), None) => return Err(lost("its result came by no way".into())),
            (Link::Ring(ring), _) => ring,
        };
        if entry.segment == SegmentId::NONE && entry.length == 0 {
            return Ok(ResultView::empty());
        }
        if entry.segment == SegmentId::NODE {
            return Err(lost("its result stands among the node's words".into()));
        }
        let memory = self.readable(ring, entry.segment)?;
        ResultView::new(self, memory, entry).map_err(|error| lost(format!("its result: {error}")))
    }
}

/// Whether a reply's entry can answer this buffer.
fn is_answer(entry: &BufferEntry, asked: &Asked, stream: bool, may_be_longer: bool) -> bool {
    let same = entry.direction == asked.entry.direction && entry.kind == asked.entry.kind;
    let in_place = entry.kind == BufferKind::Bytes
        || (stream && entry.segment == SegmentId::NONE)
        || (entry.segment == asked.entry.segment && entry.offset == asked.entry.offset);
    same && in_place && (may_be_longer || entry.length <= asked.entry.length)
}

/// The Fault of one call whose answer cannot be: it ran, perhaps, and nobody can tell.
pub(crate) fn lost(text: String) -> Fault {
    Fault::new(Code::Lost, format!("the node answered a call, but {text}"))
}
