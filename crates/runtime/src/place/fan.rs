//! Fan: a call to several containers, which comes back as one.
//!
//! Lives here: `begin` (its parts), `Fan` (their answers), `Fans` (those that have not come back).
//! From: `find`, for a range or a broadcast. To: each part on its own way; then the method's aggregate, and the `ReplySlot`.
//! Holds: each container is called exactly once; all parts are awaited, whatever the first of them says. The first Fault is the
//! answer, names its container, and does not claim that nothing ran when some of it did.
//! Bytes of a frozen loan go to all parts with no copy, those of another buffer with the one copy that was made on arrival.

use super::{Found, Method, Pool};
use crate::core::Core;
use crate::reply::{Answer, Refused, ReplySlot, Serving};
use crate::session::CopyCharge;
use crate::transport::Arrived;
use crate::transport::buffers::{Backing, Memory};
use slotmap::SlotMap;
use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;
use windlass_contract::head::Direction;
use windlass_contract::slot::{FLAG_DETACHED, Query, Slot};
use windlass_contract::{Code, Fault, MethodId, Outcome};

slotmap::new_key_type! {
    /// A call to several containers that has not come back.
    pub(crate) struct FanKey;
}

/// The calls to several containers of one worker that have not come back.
pub(crate) type Fans = SlotMap<FanKey, Rc<Fan>>;

/// A call to several containers.
pub(crate) struct Fan {
    core: Rc<Core>,
    key: Cell<FanKey>,
    slot: Slot,
    method: Rc<Method>,
    /// The first container.
    first: usize,
    /// The session that the call serves.
    owner: u64,
    reply: RefCell<Option<ReplySlot>>,
    answers: RefCell<Vec<Vec<u8>>>,
    waiting: Cell<usize>,
    fault: RefCell<Option<Fault>>,
    /// Whether a part ran, or may have.
    ran: Cell<bool>,
    serving: RefCell<Vec<Option<Serving>>>,
    given_up: Cell<Option<Code>>,
    /// What a session pays for private copies that all parts read.
    _charges: Vec<CopyCharge>,
}

impl Fan {
    pub(crate) fn set_live(&self, part: usize, serving: Serving) {
        if let Some(place) = self.serving.borrow_mut().get_mut(part) {
            *place = Some(serving);
        }
    }

    pub(crate) fn given_up(&self) -> Option<Code> {
        self.given_up.get().or_else(|| self.reply.borrow().as_ref().and_then(ReplySlot::given_up))
    }

    /// A part has ended.
    pub(crate) fn answered(self: &Rc<Self>, part: usize, answer: &Answer<'_>) {
        match answer {
            Answer::Value { bytes, .. } => {
                self.ran.set(true);
                self.answers.borrow_mut()[part] = bytes.to_vec();
            }
            Answer::Fault(fault) => {
                self.ran.set(self.ran.get() || fault.outcome != Outcome::NotStarted);
                let named = || {
                    let message = format!("container {}: {}", self.first + part, fault.message);
                    Fault { message, ..(*fault).clone() }
                };
                self.fault.borrow_mut().get_or_insert_with(named);
            }
        }
        self.serving.borrow_mut()[part] = None;
        self.waiting.set(self.waiting.get() - 1);
        if self.waiting.get() == 0 {
            self.all_answered();
        }
    }

    fn all_answered(self: &Rc<Self>) {
        if let Some(fault) = self.fault.take() {
            let outcome = match fault.outcome {
                // Another container may have done its part: the whole is not to be sent again as if nothing had been.
                Outcome::NotStarted if self.ran.get() => Outcome::Unknown,
                outcome => outcome,
            };
            return self.answer(&Answer::Fault(&fault.with_outcome(outcome)));
        }
        if self.method.answers_nothing {
            return self.answer(&Answer::Value { bytes: &[], buffers: &[] });
        }
        let folded = postcard::to_allocvec(&(self.method.id.0, self.answers.take()));
        match folded {
            Ok(arguments) => crate::path::fold(&self.core, self.fold(arguments), self.first),
            Err(error) => self.answer(&Answer::Fault(&Fault::new(Code::Internal, error.to_string()))),
        }
    }

    /// The call that folds the answers: an event of the first container.
    fn fold(self: &Rc<Self>, arguments: Vec<u8>) -> Arrived {
        let slot = Slot { method: Method::FOLD, query: Query::Id(self.first as u64), flags: 0, ..self.slot };
        let reply = ReplySlot::folded(self.clone());
        let (root, owner) = (None, self.owner);
        Arrived { slot, reply, arguments, skip: 0, backing: Vec::new(), root, owner, number: 0 }
    }

    /// The answers were folded into one, or could not be. The methods have run by now, whatever became of that.
    pub(crate) fn folded(&self, answer: &Answer<'_>) {
        let fault = match answer {
            Answer::Value { bytes, .. } => match postcard::from_bytes::<&[u8]>(bytes) {
                Ok(value) => return self.answer(&Answer::Value { bytes: value, buffers: &[] }),
                Err(error) => Fault::new(Code::BadReply, format!("{}'s aggregate: {error}", self.method.name)),
            },
            Answer::Fault(fault) => (*fault).clone(),
        };
        self.answer(&Answer::Fault(&fault.with_outcome(Outcome::Ended)));
    }

    fn answer(&self, answer: &Answer<'_>) {
        self.core.fans.borrow_mut().remove(self.key.get());
        let reply = self.reply.borrow_mut().take();
        if let Some(reply) = reply {
            reply.answer(answer);
        }
    }
}

/// Asks all parts of a call to end.
pub(crate) fn end(core: &Rc<Core>, key: FanKey, code: Code) {
    let fan = core.fans.borrow().get(key).cloned();
    let Some(fan) = fan else { return };
    // Those that have not begun look here.
    fan.given_up.set(Some(code));
    let serving: Vec<_> = fan.serving.borrow().iter().flatten().copied().collect();
    serving.into_iter().for_each(|part| part.end(core, code));
}

/// The parts of a call to these containers.
///
/// # Errors
/// `Unsupported` for a method that answers a value and has no aggregate, `BadBuffer` for a buffer that is written: several
/// containers cannot share one. `QueueFull` for one detached call too many.
pub(super) fn begin(
    core: &Rc<Core>,
    call: Arrived,
    pool: &Rc<Pool>,
    method: &Rc<Method>,
    to: Range<usize>,
) -> Result<Vec<Found>, Refused> {
    if let Err(fault) = can_fold(&call, pool, method) {
        return Err(Refused::new(call.reply, fault));
    }
    let Arrived { mut slot, mut reply, arguments, skip, backing, root, owner, number: _ } = call;
    if slot.flags & FLAG_DETACHED != 0 {
        reply = reply.detach()?;
        slot.flags &= !FLAG_DETACHED;
    }
    let (mut common, mut charges) = (Vec::new(), Vec::new());
    for Backing { direction, kind, memory } in backing {
        let memory = match memory {
            Memory::Private(bytes, charge) => {
                charges.extend(charge);
                Memory::Common(Arc::new(bytes))
            }
            other => other,
        };
        common.push(Backing { direction, kind, memory });
    }
    let fan = Rc::new(Fan {
        core: core.clone(),
        key: Cell::default(),
        slot,
        method: method.clone(),
        first: to.start,
        owner,
        reply: RefCell::default(),
        answers: RefCell::new(vec![Vec::new(); to.len()]),
        waiting: Cell::new(to.len()),
        fault: RefCell::default(),
        ran: Cell::new(false),
        serving: RefCell::new(vec![None; to.len()]),
        given_up: Cell::default(),
        _charges: charges,
    });
    let key = core.fans.borrow_mut().insert(fan.clone());
    fan.key.set(key);
    reply.set_live(Serving::Fan(key));
    *fan.reply.borrow_mut() = Some(reply);
    let part = |(part, at): (usize, usize)| {
        let mut copied = core.warm.borrow_mut().take(arguments.len());
        copied.extend_from_slice(&arguments);
        let backing = common.iter().filter_map(Backing::again).collect();
        let reply = ReplySlot::part(fan.clone(), part);
        let slot = Slot { query: Query::Id(at as u64), ..slot };
        let call = Arrived { slot, reply, arguments: copied, skip, backing, root, owner, number: 0 };
        super::at(core, pool, method, call, at)
    };
    let parts = to.enumerate().map(part).collect();
    core.warm.borrow_mut().keep(arguments);
    Ok(parts)
}

fn can_fold(call: &Arrived, pool: &Pool, method: &Method) -> Result<(), Fault> {
    if !method.answers_nothing && !method.flags.aggregate {
        let text = format!(
            "{}.{} answers a value and says no `aggregate`: call one container, or let the method say how answers become one",
            pool.name, method.name
        );
        return Err(Fault::new(Code::Unsupported, text));
    }
    if let Some(at) = call.backing.iter().position(|buffer| buffer.direction != Direction::In) {
        let text =
            format!("buffer {at} is written by the method: a call to several containers takes `in` buffers only");
        return Err(Fault::new(Code::BadBuffer, text));
    }
    Ok(())
}

impl Method {
    /// The number of the event that folds answers; no method of a module has it.
    pub(crate) const FOLD: MethodId = MethodId(u32::MAX - 1);
}
