//! An outgoing call: arguments, buffers and terms, put together and sent.
//!
//! Lives here: `Outgoing`, `Payload` (how the bytes of a buffer are given), `Holds` (what a call keeps while it is out).
//! From: generated clients, `dynamic`, `Pool`. To: `session`, as a slot, and `table`, as what stands behind it.
//! Holds: an error made while putting a call together comes out when it is sent, and nothing of it is sent then; what
//!   the node may read or write stays with the call until its completion.
//! Not here: waiting (`pending`).

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use windlass_contract::head::{BufferEntry, BufferKind, Direction, Head};
use windlass_contract::limits::{ARGUMENT_BYTES_MAX, BUFFERS_MAX};
use windlass_contract::slot::{FLAG_DETACHED, Kind, NO_DEADLINE, Place, Query, Slot};
use windlass_contract::{CallId, Code, Fault, MethodRef, PoolId};
use windlass_memory::SegmentId;
use windlass_memory::words::CELL_BYTES;

use crate::again::Life;
use crate::frozen::FrozenLoan;
use crate::heap::Loan;
use crate::limits::ARGUMENTS_INLINE;
use crate::link::{Link, Ring};
use crate::pending::Pending;
use crate::prepared::Prepared;
use crate::reply::Reply;
use crate::session::Session;
use crate::slots::CallSlot;
use crate::small::{Appending, SmallBytes};
use crate::stages::Stamps;
use crate::table::{Out, Ticket};
use crate::taking::{Slotless, Taken, take_slot};

/// The arguments of a call being put together.
type Arguments = SmallBytes<ARGUMENTS_INLINE>;

/// One call being put together. Give arguments and buffers in the order of the method's parameters, then `send` or
/// `wait`.
#[must_use = "a call that is not sent does nothing"]
pub struct Outgoing {
    life: Arc<Life>,
    pool: PoolId,
    method: MethodRef,
    query: Query,
    deadline: Option<Duration>,
    detached: bool,
    arguments: Arguments,
    buffers: Vec<Asked>,
    slot: Option<CallSlot>,
    fault: Option<Fault>,
    begun: u64,
    #[cfg(feature = "hooks")]
    lie: Option<Lie>,
}

/// What a simulated hostile client does to a slot before it is published.
#[cfg(feature = "hooks")]
type Lie = Box<dyn FnOnce(&mut Slot) + Send>;

/// The bytes of an `In` or `InOut` buffer: a slice is copied into a loan (once, counted); a loan is moved; a frozen loan
/// is read in place by the node, but for `InOut`, where it is copied like a slice.
pub struct Payload<'a>(Given<'a>);

enum Given<'a> {
    Slice(&'a [u8]),
    Loan(Loan),
    Frozen(FrozenLoan),
}

impl<'a> From<&'a [u8]> for Payload<'a> {
    fn from(bytes: &'a [u8]) -> Payload<'a> {
        Payload(Given::Slice(bytes))
    }
}

impl<'a> From<&'a Vec<u8>> for Payload<'a> {
    fn from(bytes: &'a Vec<u8>) -> Payload<'a> {
        Payload(Given::Slice(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Payload<'a> {
    fn from(bytes: &'a [u8; N]) -> Payload<'a> {
        Payload(Given::Slice(bytes))
    }
}

impl From<Loan> for Payload<'_> {
    fn from(loan: Loan) -> Self {
        Payload(Given::Loan(loan))
    }
}

impl From<&FrozenLoan> for Payload<'_> {
    fn from(frozen: &FrozenLoan) -> Self {
        Payload(Given::Frozen(frozen.clone()))
    }
}

impl From<FrozenLoan> for Payload<'_> {
    fn from(frozen: FrozenLoan) -> Self {
        Payload(Given::Frozen(frozen))
    }
}

/// What a call keeps while it is out.
#[derive(Default)]
pub(crate) struct Holds {
    /// Arguments too long for their cell.
    pub(crate) arguments: Option<Loan>,
    /// One per buffer, in order.
    pub(crate) buffers: Vec<Asked>,
}

/// A buffer of a call: what the node is told, and what is kept for it.
pub(crate) struct Asked {
    pub(crate) entry: BufferEntry,
    pub(crate) hold: Hold,
}

/// What is kept for a buffer.
pub(crate) enum Hold {
    /// Nothing: the node lends the room.
    Room,
    Loan(Loan),
    /// Kept so that the node does not retire it while the call runs.
    Frozen(FrozenLoan),
}

impl Holds {
    /// Lets go of everything after the session ended while the node may still run: what it may still write is not lent
    /// again.
    pub(crate) fn abandon(self) {
        for asked in self.buffers {
            if let (BufferKind::Shared, Hold::Loan(loan)) = (asked.entry.kind, asked.hold) {
                loan.abandon();
            }
        }
    }
}

impl Outgoing {
    #[inline]
    pub(crate) fn new(life: Arc<Life>, pool: PoolId, method: MethodRef) -> Outgoing {
        let begun = life.session().stamp();
        Outgoing {
            life,
            pool,
            method,
            query: Query::Local,
            deadline: None,
            detached: false,
            arguments: Arguments::new(),
            buffers: Vec::new(),
            slot: None,
            fault: None,
            begun,
            #[cfg(feature = "hooks")]
            lie: None,
        }
    }

    /// The next argument.
    ///
    /// Cost: no allocation while all arguments fit 256 bytes.
    #[inline]
    pub fn argument<T: Serialize + ?Sized>(mut self, value: &T) -> Self {
        if let Err(error) = postcard::serialize_with_flavor(value, Appending(&mut self.arguments)) {
            let text = format!("an argument of {} does not encode: {error}", self.method.name);
            self.fail(Fault::new(Code::BadArguments, text));
        }
        self
    }

    /// The next argument, bytes (`&[u8]` or `Vec<u8>` of the method), without a look at each of them.
    #[inline]
    pub fn argument_bytes(mut self, bytes: &[u8]) -> Self {
        if let Err(error) = postcard::serialize_with_flavor(&bytes.len(), Appending(&mut self.arguments)) {
            self.fail(Fault::new(Code::BadArguments, format!("a length does not encode: {error}")));
        }
        self.arguments.extend(bytes);
        self
    }

    /// The next argument, or all of them, in postcard already.
    #[inline]
    pub fn encoded(mut self, bytes: &[u8]) -> Self {
        self.arguments.extend(bytes);
        self
    }

    /// The next buffer, `In<Bytes>`.
    pub fn input<'a>(self, bytes: impl Into<Payload<'a>>) -> Self {
        self.given(Direction::In, bytes.into())
    }

    /// The next buffer, `In<SharedBytes>`: the method reads the loan in place. It returns to the heap afterwards.
    pub fn input_shared(self, loan: Loan) -> Self {
        self.lent(Direction::In, BufferKind::Shared, loan)
    }

    /// The next buffer, `Out<Bytes>`: the node lends `room_bytes` for the result.
    pub fn output(mut self, room_bytes: usize) -> Self {
        let entry = BufferEntry {
            segment: SegmentId::NONE,
            direction: Direction::Out,
            kind: BufferKind::Bytes,
            offset: 0,
            length: room_bytes as u64,
        };
        self.buffers.push(Asked { entry, hold: Hold::Room });
        self
    }

    /// The next buffer, `Out<SharedBytes>`: the method writes the loan in place (`Reply::take_loan`).
    pub fn output_shared(self, loan: Loan) -> Self {
        self.lent(Direction::Out, BufferKind::Shared, loan)
    }

    /// The next buffer, `InOut<Bytes>`: bytes in, result out.
    pub fn inout<'a>(self, bytes: impl Into<Payload<'a>>) -> Self {
        self.given(Direction::InOut, bytes.into())
    }

    /// The next buffer, `InOut<SharedBytes>`: the method changes the loan in place (`Reply::take_loan`).
    pub fn inout_shared(self, loan: Loan) -> Self {
        self.lent(Direction::InOut, BufferKind::Shared, loan)
    }

    /// Time the call may take, counted from its arrival at the node; then it ends as `DeadlineExceeded`.
    pub fn deadline(mut self, time: Duration) -> Self {
        self.deadline = Some(time);
        self
    }

    /// Which containers of the pool it goes to. Without this: a local one.
    pub fn query(mut self, query: Query) -> Self {
        self.query = query;
        self
    }

    /// Sends it in a slot that was reserved (`Client::call_slot`), so that `send` waits for none.
    pub fn slot(mut self, slot: CallSlot) -> Self {
        self.slot = Some(slot);
        self
    }

    /// Waits for acceptance only: the answer comes as soon as the node has taken the call, and is empty.
    pub fn detached(mut self) -> Self {
        self.detached = true;
        self
    }

    /// Changes the slot just before it is published, as a hostile client would. For simulations.
    #[cfg(feature = "hooks")]
    pub fn lying(mut self, lie: impl FnOnce(&mut Slot) + Send + 'static) -> Self {
        self.lie = Some(Box::new(lie));
        self
    }

    /// Sends the call.
    ///
    /// Cost: a copy of the arguments, a slot, a fence; a system call if the node's worker sleeps. Blocks only while all
    /// call slots of the session are out, until one of them is answered: a task that must not block its thread uses `answered`.
    #[inline]
    pub fn send(mut self) -> Pending {
        match self.publish(None, true) {
            Ok((call, ticket, stamps)) => Pending::out(self.life, call, ticket, stamps),
            Err(fault) => Pending::failed(self.life, fault),
        }
    }

    /// What `send` would send.
    ///
    /// Cost: a copy of the arguments.
    pub fn prepared(&self) -> Prepared {
        let told = |asked: &Asked| (asked.entry.direction, asked.entry.kind, asked.entry.length);
        Prepared {
            pool: self.pool,
            method: self.method,
            query: self.query,
            deadline: self.deadline,
            detached: self.detached,
            arguments: self.arguments.as_slice().to_vec(),
            buffers: self.buffers.iter().map(told).collect(),
            fault: self.fault.clone(),
        }
    }

    /// As `send`, but whoever calls it wakes the node afterwards (`Session::announce`).
    pub(crate) fn send_unannounced(mut self) -> Pending {
        match self.publish(None, false) {
            Ok((call, ticket, stamps)) => Pending::out(self.life, call, ticket, stamps),
            Err(fault) => Pending::failed(self.life, fault),
        }
    }

    /// Whether it is a call of this session.
    pub(crate) fn is_of(&self, life: &Arc<Life>) -> bool {
        Arc::ptr_eq(&self.life, life)
    }

    /// Sends the call and waits for its answer.
    ///
    /// # Errors
    /// What made the call impossible to send; what the method, the node or a policy answered; `NodeGone` when the node
    /// ends first.
    pub fn wait(self) -> Result<Reply, Fault> {
        self.send().wait()
    }

    /// As `wait`, for a task: sends the call as soon as a call slot is free, and answers it. No thread is blocked, so other tasks
    /// of this thread go on, which may be what frees a slot. Calls are sent in the order in which they find one.
    ///
    /// # Errors
    /// As `wait`.
    pub async fn answered(self) -> Result<Reply, Fault> {
        self.sent().await.await
    }

    /// As `answered`, but waits only until the call is out.
    pub(crate) async fn sent(mut self) -> Pending {
        let session = Arc::clone(self.life.session());
        let published = match Slotless::new(&session).await {
            Ok(taken) => self.publish(Some(taken), true),
            Err(fault) => Err(fault),
        };
        match published {
            Ok((call, ticket, stamps)) => Pending::out(self.life, call, ticket, stamps),
            Err(fault) => Pending::failed(self.life, fault),
        }
    }

    /// It is known already that it cannot be sent.
    pub(crate) fn refused(mut self, fault: Fault) -> Self {
        self.fail(fault);
        self
    }

    fn fail(&mut self, fault: Fault) {
        // The first mistake is the one to tell.
        self.fault.get_or_insert(fault);
    }

    fn given(mut self, direction: Direction, payload: Payload<'_>) -> Self {
        match payload.0 {
            Given::Loan(loan) => return self.lent(direction, BufferKind::Bytes, loan),
            Given::Slice(bytes) => match self.copied(bytes) {
                Ok(loan) => return self.lent(direction, BufferKind::Bytes, loan),
                Err(fault) => self.fail(fault),
            },
            // Nobody may change frozen bytes, so a method that changes them gets a copy.
            Given::Frozen(frozen) if direction != Direction::In => match self.copied(&frozen) {
                Ok(loan) => return self.lent(direction, BufferKind::Bytes, loan),
                Err(fault) => self.fail(fault),
            },
            Given::Frozen(frozen) => {
                if !frozen.is_of(self.life.session()) {
                    self.fail(of_another_session());
                }
                let entry = BufferEntry {
                    segment: frozen.id(),
                    direction,
                    kind: BufferKind::Bytes,
                    offset: 0,
                    length: frozen.len() as u64,
                };
                self.buffers.push(Asked { entry, hold: Hold::Frozen(frozen) });
            }
        }
        self
    }

    fn copied(&self, bytes: &[u8]) -> Result<Loan, Fault> {
        let session = self.life.session();
        let mut loan = Loan::lend(session, bytes.len())?;
        loan.copy_from_slice(bytes);
        session.counts().bytes_copied.add(bytes.len() as u64);
        Ok(loan)
    }

    fn lent(mut self, direction: Direction, kind: BufferKind, loan: Loan) -> Self {
        if !loan.is_of(self.life.session()) {
            self.fail(of_another_session());
        }
        let (segment, offset) = loan.place();
        let entry = BufferEntry { segment, direction, kind, offset, length: loan.bytes() };
        self.buffers.push(Asked { entry, hold: Hold::Loan(loan) });
        self
    }

    /// Checks, takes a slot, writes the arguments and publishes.
    fn publish(&mut self, taken: Option<Taken>, announce: bool) -> Result<(CallId, Arc<Ticket>, Stamps), Fault> {
        let session = self.life.session();
        session.usable()?;
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        self.check(session)?;
        let mut holds = Holds { arguments: None, buffers: std::mem::take(&mut self.buffers) };
        let (arguments, flags) = self.with_head(&holds);
        let arguments = arguments.as_ref().unwrap_or(&self.arguments).as_slice();
        let most = ARGUMENT_BYTES_MAX.min(session.welcome().argument_bytes_max);
        if arguments.len() > most as usize {
            let text =
                format!("{} bytes of arguments (at most {most}); send bulk data as a buffer", arguments.len());
            return Err(Fault::new(Code::TooLarge, text));
        }
        let framed = session.is_stream();
        let in_cell = framed || arguments.len() <= CELL_BYTES;
        // Before the slot: a loan may wait for the node, a slot should not.
        let long = (!in_cell).then(|| Loan::lend(session, arguments.len())).transpose()?;
        let reserved = self.slot.take().and_then(|slot| slot.into_parts(session));
        let (call, ticket) = match (taken, reserved) {
            (Some(taken), _) => taken.used(),
            (None, Some(reserved)) => reserved,
            (None, None) => {
                if !announce && !session.table.has_free_slot() {
                    // Slots come back from a node that knows of the calls before.
                    session.announce();
                }
                take_slot(session)?
            }
        };
        let length = arguments.len() as u32;
        let place = match (&session.link, long) {
            // They stand behind the slot.
            (Link::Stream(_), _) => Place { segment: SegmentId::NONE, length, offset: 0 },
            (Link::Ring(ring), None) => write_cell(session, ring, call, arguments)?,
            (Link::Ring(_), Some(mut loan)) => {
                loan.copy_from_slice(arguments);
                let (segment, offset) = loan.place();
                holds.arguments = Some(loan);
                Place { segment, length, offset }
            }
        };
        #[cfg_attr(not(feature = "hooks"), expect(unused_mut, reason = "a simulated liar changes it"))]
        let mut slot = Slot {
            call,
            pool: self.pool,
            method: self.method.id,
            kind: Kind::Call,
            query: self.query,
            flags: if self.detached { flags | FLAG_DETACHED } else { flags },
            schema: self.method.schema,
            time_left_ns: self.deadline.map_or(NO_DEADLINE, nanoseconds),
            arguments: place,
        };
        #[cfg(feature = "hooks")]
        if let Some(lie) = self.lie.take() {
            lie(&mut slot);
        }
        session.table.put(Out { call, ticket: Arc::clone(&ticket), holds });
        let published = match &session.link {
            Link::Ring(ring) => session.publish_call(ring, &slot, announce),
            Link::Stream(stream) => session.publish_framed(stream, &slot, arguments, announce),
        };
        match published {
            Ok(published) => Ok((call, ticket, Stamps { begun: self.begun, published })),
            Err(fault) => {
                // The end of the session may have swept it away already, freeing the slot.
                if session.table.take_out(call).is_some() {
                    session.free_slot(call.slot());
                }
                Err(fault)
            }
        }
    }

    fn check(&self, session: &Session) -> Result<(), Fault> {
        let welcome = session.welcome();
        let buffers_max = BUFFERS_MAX.min(welcome.buffers_max as usize);
        if self.buffers.len() > buffers_max {
            let text = format!("{} buffers in one call (at most {buffers_max})", self.buffers.len());
            return Err(Fault::new(Code::TooLarge, text));
        }
        if let Some(long) = self.buffers.iter().find(|asked| asked.entry.length > welcome.loan_bytes_max) {
            let text = format!("a buffer of {} bytes (at most {})", long.entry.length, welcome.loan_bytes_max);
            return Err(Fault::new(Code::TooLarge, text));
        }
        let gives =
            |asked: &Asked| asked.entry.kind == BufferKind::Shared || asked.entry.direction != Direction::In;
        if self.detached && self.buffers.iter().any(gives) {
            let text = "a detached call waits for no result, so it takes no shared, `out` or `in-out` buffer";
            return Err(Fault::new(Code::BadBuffer, text));
        }
        Ok(())
    }

    /// Head and arguments; `None` when there is no head and the arguments stand for themselves.
    fn with_head(&self, holds: &Holds) -> (Option<Arguments>, u16) {
        if holds.buffers.is_empty() {
            return (None, 0);
        }
        // In a stream no place is named: the bytes follow.
        let stream = self.life.session().is_stream();
        let named = |asked: &Asked| match stream {
            true => BufferEntry { segment: SegmentId::NONE, offset: 0, ..asked.entry },
            false => asked.entry,
        };
        let head = Head { buffers: holds.buffers.iter().map(named).collect(), ..Head::default() };
        let mut encoded = Vec::new();
        head.encode(&mut encoded);
        let mut bytes = Arguments::new();
        bytes.extend(&encoded);
        bytes.extend(self.arguments.as_slice());
        (Some(bytes), head.flags())
    }
}

fn write_cell(session: &Session, ring: &Ring, call: CallId, arguments: &[u8]) -> Result<Place, Fault> {
    let inside = |_| session.broken("a call slot has no argument cell");
    let offset = ring.layout.cell(call.slot()).ok_or(()).map_err(inside)?;
    let span = ring.own.span(offset, arguments.len() as u64).map_err(|_| ()).map_err(inside)?;
    ring.own.copy_in(span, arguments);
    Ok(Place { segment: SegmentId::CLIENT, length: arguments.len() as u32, offset })
}

fn nanoseconds(time: Duration) -> u64 {
    // One below the value that means "none".
    u64::try_from(time.as_nanos()).unwrap_or(NO_DEADLINE).min(NO_DEADLINE - 1)
}

fn of_another_session() -> Fault {
    Fault::new(Code::BadBuffer, "this loan was lent by another session; lend it from the client that sends it")
}
