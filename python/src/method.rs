//! A method of a pool, ready to be called: arguments are bound, encoded, and sent.
//!
//! Lives here: `Method` (`m(..)` waits, `m.send(..)` does not), how arguments are bound (`arguments`), how replies are read.
//! From: Python's positional and keyword arguments. To: `Outgoing`, then `call`.
//! Holds: everything that is wrong with arguments is said before anything is sent, as Python says it: `TypeError` for names and
//!   types, `ValueError` for ranges.
//! Not here: conversion (`encode`, `decode`), waiting (`call`).

use std::sync::Arc;
use std::time::Duration;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};
use windlass_client::contract::head::{BufferKind, Direction};
use windlass_client::contract::schema::{Parameter, Shape};
use windlass_client::contract::{Code, Fault, MethodRef, MethodSchema, ModuleDescriptor, Schema};
use windlass_client::dynamic::{self, Bulk};
use windlass_client::{AsyncItems, CallSlot, EncodedStream, Outgoing, Pool, Reply, Streaming};

use crate::awaited::{self, Awaited};
use crate::buffers::{FrozenLoan, Loan, ResultView, Source};
use crate::call::{Asked, Call, Owners, Ready, answer, slot};
use crate::client::{Client, Found as FoundPool};
use crate::encode::At;
use crate::fault::{or_raise, raised};
use crate::items::{self, Items};
use crate::module::Module;
use crate::plan::Plan;
use crate::type_name;

/// What a call is told besides its arguments, unless its method has a parameter of that name.
const TIMEOUT: &str = "timeout";

/// A method of a pool.
#[pyclass(frozen, subclass, dict, weakref, module = "windlass._core")]
pub struct Method {
    pool: Pool,
    module: Arc<ModuleDescriptor>,
    at: usize,
    /// One for each value, in order.
    values: Vec<Plan>,
    reply: Plan,
    /// The class of an answer that is several things; `None`: it is one, or nothing.
    class: Option<Py<PyAny>>,
}

/// What was given for each parameter, in order.
type Found<'py> = Vec<Option<Bound<'py, PyAny>>>;

#[pymethods]
impl Method {
    #[new]
    fn new(py: Python<'_>, client: &Client, place: &FoundPool, module: &Module, name: &str) -> PyResult<Method> {
        // A client that was closed has no methods any more.
        client.inner(py)?;
        let at = module.described.methods.iter().position(|method| method.name == name);
        let at = at.ok_or_else(|| {
            let text = format!("{} has no method {name:?}", module.described.name);
            raised(py, &Fault::new(Code::UnknownMethod, text))
        })?;
        let schema = &module.described.methods[at];
        let values = schema.values().map(|(_, schema, _)| Plan::of(py, schema)).collect::<PyResult<_>>()?;
        let mut parts: Vec<&str> = if schema.reply == Schema::Unit { Vec::new() } else { vec!["value"] };
        parts.extend(giving(schema).map(|parameter| parameter.name.as_str()));
        let class = (parts.len() > 1)
            .then(|| {
                let names = PyTuple::new(py, &parts)?;
                let maker = py.import("windlass.values")?.getattr("reply_class")?;
                Ok::<_, PyErr>(maker.call1((name, names))?.unbind())
            })
            .transpose()?;
        let (pool, reply) = (place.pool.clone(), Plan::of(py, &schema.reply)?);
        Ok(Method { pool, reply, module: Arc::clone(&module.described), at, values, class })
    }

    /// Calls it and waits for the answer; a signal (Ctrl-C) cancels the call.
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if self.schema().streams().next().is_some() {
            return self.streamed(py, args, kwargs);
        }
        let room = slot(py, self.pool.client())?;
        let (outgoing, lent, limit) = self.outgoing(py, args, kwargs)?;
        let pending = py.detach(|| outgoing.slot(room).send());
        let reply = answer(py, pending, limit)?;
        self.read(py, or_raise(py, reply)?, &lent)
    }

    /// Sends it and does not wait: the answer is asked of the `Call`.
    #[pyo3(signature = (*args, **kwargs))]
    fn send<'py>(
        this: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Call> {
        let room = slot(this.py(), this.get().pool.client())?;
        Method::sent(this, room, args, kwargs)
    }

    /// Begins a call with streams for an event loop.
    fn stream<'py>(
        this: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Awaited> {
        let (kwargs, timeout) = terms(this.get().schema(), Some(kwargs))?;
        let found = arguments(this.get().schema(), Some(args), kwargs.as_ref())?;
        awaited::begin(this, found, timeout)
    }

    /// As `send`, if a call more may be out now; if not, answers None at once.
    fn try_send<'py>(
        this: &Bound<'py, Self>,
        args: &Bound<'py, PyTuple>,
        kwargs: &Bound<'py, PyDict>,
    ) -> PyResult<Option<Call>> {
        let room = or_raise(this.py(), this.get().pool.client().call_slot(Duration::ZERO))?;
        room.map(|room| Method::sent(this, room, args, Some(kwargs))).transpose()
    }
}

impl Method {
    pub(crate) fn schema(&self) -> &MethodSchema {
        &self.module.methods[self.at]
    }

    fn sent<'py>(
        this: &Bound<'py, Self>,
        room: CallSlot,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Call> {
        let py = this.py();
        let (outgoing, lent, limit) = this.get().outgoing(py, args, kwargs)?;
        let pending = py.detach(|| outgoing.slot(room).send());
        Ok(Call::new(Asked::Method(this.clone().unbind()), Ready { pending, lent, limit }))
    }

    /// Puts the call together; with it the loans to be given back, and how long to wait at most.
    fn outgoing<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<(Outgoing, Owners, Option<Duration>)> {
        let schema = self.schema();
        if schema.streams().next().is_some() {
            let text = format!(
                "{} has streams: call it, or await it (`aio`), and read or give their items; it is not sent",
                schema.name
            );
            return Err(PyTypeError::new_err(text));
        }
        let (kwargs, timeout) = terms(schema, kwargs)?;
        let found = arguments(schema, Some(args), kwargs.as_ref())?;
        self.put_together(py, &found, timeout, |called| Ok(self.pool.call(called)))
    }

    /// Begins a call with streams: what it sends comes as an iterator; without that its answer is waited for.
    fn streamed<'py>(
        &self,
        py: Python<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let schema = self.schema();
        let (kwargs, timeout) = terms(schema, kwargs)?;
        let found = arguments(schema, Some(args), kwargs.as_ref())?;
        let given = self.given_items(&found)?;
        let given = given.map(|(name, items)| items::Given::new(py, schema, name, &items)).transpose()?;
        let mut begun = None;
        let (call, lent, _) = self.put_together(py, &found, timeout, |called| {
            let streaming = or_raise(py, py.detach(|| self.pool.streaming(called)))?;
            let call = streaming.call();
            begun = Some(streaming);
            Ok(call)
        })?;
        let streaming = begun.ok_or_else(|| PyValueError::new_err("a call with streams was not begun"))?;
        let (raised, values) = given.map(items::Given::values).unzip();
        let sends = schema.stream(Direction::Out);
        let items = py.detach(|| streaming.items_encoded(call, values, sends.is_some()));
        let plan = sends.map(|item| Plan::of(py, item)).transpose()?;
        let items = Items::new(items, plan, Plan::of(py, &schema.reply)?, raised);
        if sends.is_some() {
            return Ok(Bound::new(py, items)?.into_any());
        }
        let reply = items.finish(py)?;
        self.read(py, reply, &lent)
    }

    /// What is given for the stream that it reads, and the name of that, if it reads one.
    ///
    /// # Errors
    /// `TypeError` when nothing is, and when something is for what comes back.
    pub(crate) fn given_items<'py>(&self, found: &Found<'py>) -> PyResult<Option<(String, Bound<'py, PyAny>)>> {
        let schema = self.schema();
        let mut given = None;
        for (parameter, found) in schema.parameters.iter().zip(found) {
            let Shape::Stream { direction, .. } = parameter.shape else { continue };
            match (direction, found) {
                (Direction::Out, Some(_)) => {
                    let text = format!("{}(): {:?} is what comes back, item by item", schema.name, parameter.name);
                    return Err(PyTypeError::new_err(text));
                }
                (Direction::Out, None) => {}
                (_, Some(items)) => given = Some((parameter.name.clone(), items.clone())),
                (_, None) => {
                    let text =
                        format!("{}() needs items for {:?}: anything to iterate", schema.name, parameter.name);
                    return Err(PyTypeError::new_err(text));
                }
            }
        }
        Ok(given)
    }

    /// What is to be called with these values, if they are right.
    ///
    /// # Errors
    /// As `encode_values`.
    pub(crate) fn check_values(&self, found: &Found<'_>) -> PyResult<MethodRef> {
        let (called, kept) = self.called(found);
        encode_values(self.schema(), &self.values, found, kept).map(|_| called)
    }

    /// The method as it is called with these arguments, and how many values go with it.
    fn called(&self, found: &Found<'_>) -> (MethodRef, usize) {
        let schema = self.schema();
        let given = |name: &str| {
            let at = schema.parameters.iter().position(|one| one.name == name);
            at.is_some_and(|at| found[at].is_some())
        };
        let (kept, hash) = dynamic::prefix(schema, given);
        let idempotent = schema.flags.idempotent;
        (MethodRef { id: schema.id, schema: hash, name: "a method called from Python", idempotent }, kept)
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Sends a call with streams, for an event loop.
    pub(crate) fn send_streams(
        &self,
        py: Python<'_>,
        found: Vec<Option<Py<PyAny>>>,
        timeout: Option<Duration>,
        streaming: Streaming,
        values: Option<EncodedStream>,
    ) -> PyResult<(AsyncItems<Vec<u8>>, Owners)> {
        let found: Found<'_> = found.into_iter().map(|one| one.map(|one| one.into_bound(py))).collect();
        let (call, lent, _) = self.put_together(py, &found, timeout, |_| Ok(streaming.call()))?;
        let reads = self.schema().stream(Direction::Out).is_some();
        Ok((streaming.items_encoded_async(call, values, reads), lent))
    }

    /// The value of a reply.
    pub(crate) fn decode<'py>(&self, py: Python<'py>, reply: &Reply) -> PyResult<Bound<'py, PyAny>> {
        self.reply.decode(py, reply.value_bytes())
    }

    /// A call, begun by `begin`, with its arguments and buffers.
    fn put_together<'py>(
        &self,
        py: Python<'py>,
        found: &Found<'py>,
        timeout: Option<Duration>,
        begin: impl FnOnce(MethodRef) -> PyResult<Outgoing>,
    ) -> PyResult<(Outgoing, Owners, Option<Duration>)> {
        let schema = self.schema();
        let (called, kept) = self.called(found);
        let bytes = encode_values(schema, &self.values, found, kept)?;
        let mut outgoing = begin(called)?.encoded(&bytes);
        if let Some(timeout) = timeout {
            outgoing = outgoing.deadline(timeout);
        }
        // The room of a result that is not told follows from the inputs.
        let sizes = schema.parameters.iter().zip(found).filter(|(parameter, _)| !by_keyword(parameter));
        let inputs = sizes.filter_map(|(_, found)| length_of(found.as_ref()?)).fold(0, usize::saturating_add);
        // Loans are taken last: whatever else is wrong was said by then, and they stay where they are.
        let mut buffers = Vec::new();
        for (parameter, found) in schema.parameters.iter().zip(found) {
            if let Shape::Buffer { direction, kind } = parameter.shape {
                let place = Place { method: &schema.name, name: &parameter.name, direction, kind };
                let given = self.buffer(py, &place, found.as_ref(), inputs)?;
                buffers.push((direction, kind, given));
            }
        }
        let mut loans = take_all(py, &buffers)?.into_iter();
        let mut owners = Owners::new();
        for (direction, kind, given) in buffers {
            let (loan, owner) = match given {
                Given::Room(room) => {
                    outgoing = outgoing.output(room);
                    continue;
                }
                Given::Frozen(frozen) if direction == Direction::In => {
                    outgoing = outgoing.input(frozen);
                    continue;
                }
                Given::Frozen(frozen) => {
                    outgoing = outgoing.inout(frozen);
                    continue;
                }
                Given::Filled(loan) => (Some(loan), None),
                Given::Owner(owner) => (loans.next(), Some(owner.unbind())),
            };
            let loan = loan.ok_or_else(|| PyValueError::new_err("a loan that was given is not there any more"))?;
            if direction == Direction::In {
                owners.push(owner);
            }
            outgoing = match (direction, kind) {
                (Direction::In, BufferKind::Bytes) => outgoing.input(loan),
                (Direction::In, BufferKind::Shared) => outgoing.input_shared(loan),
                (Direction::InOut, BufferKind::Bytes) => outgoing.inout(loan),
                (Direction::InOut, BufferKind::Shared) => outgoing.inout_shared(loan),
                (Direction::Out, _) => outgoing.output_shared(loan),
            };
        }
        Ok((outgoing, owners, timeout))
    }

    /// What a buffer parameter is given, but for loans, which are not taken yet.
    fn buffer<'py>(
        &self,
        py: Python<'py>,
        place: &Place<'_>,
        found: Option<&Bound<'py, PyAny>>,
        inputs: usize,
    ) -> PyResult<Given<'py>> {
        let Place { direction, kind, .. } = *place;
        let loan = found.and_then(|found| found.cast::<Loan>().ok());
        if direction == Direction::Out {
            let room = match (found, loan) {
                (None, _) => windlass_client::limits::DYNAMIC_ROOM.max(inputs.saturating_mul(2)),
                (_, Some(loan)) if kind == BufferKind::Shared => return Ok(Given::Owner(loan.clone())),
                (Some(given), _) => given.extract::<usize>().map_err(|_| {
                    let also = if kind == BufferKind::Shared { " (or a Loan)" } else { "" };
                    let found = type_name(given);
                    PyTypeError::new_err(format!("{place}: its room in bytes wanted{also}, {found} found"))
                })?,
            };
            return Ok(match kind {
                BufferKind::Bytes => Given::Room(room),
                BufferKind::Shared => Given::Filled(or_raise(py, py.detach(|| self.pool.client().lend(room)))?),
            });
        }
        let found = found.ok_or_else(|| PyTypeError::new_err(format!("{place} is missing")))?;
        match (found.cast::<FrozenLoan>(), loan, kind) {
            (Ok(frozen), _, BufferKind::Bytes) => Ok(Given::Frozen(frozen.get().loan().clone())),
            (_, Some(loan), _) => Ok(Given::Owner(loan.clone())),
            _ => Ok(Given::Filled(self.filled(py, place, found)?)),
        }
    }

    /// A loan with a copy of an object's bytes: the one copy that they get on this side.
    fn filled(
        &self,
        py: Python<'_>,
        place: &Place<'_>,
        object: &Bound<'_, PyAny>,
    ) -> PyResult<windlass_client::Loan> {
        let client = self.pool.client();
        if let Ok(bytes) = object.cast::<PyBytes>() {
            // These never change, so that nobody has to stand still for the copy.
            let bytes = bytes.as_bytes();
            return or_raise(
                py,
                py.detach(|| {
                    client.lend(bytes.len()).map(|mut loan| {
                        loan.copy_from_slice(bytes);
                        loan
                    })
                }),
            );
        }
        let source = Source::of(object).map_err(|error| {
            let wrong = PyTypeError::new_err(format!(
                "{place}: bytes wanted (anything with the buffer protocol), {} found",
                type_name(object)
            ));
            wrong.set_cause(py, Some(error));
            wrong
        })?;
        let length = source.len();
        let mut loan = or_raise(py, py.detach(|| client.lend(length)))?;
        source.copy_to(py, &mut loan)?;
        Ok(loan)
    }

    /// What Python gets of a reply: the value, the one result, or both by name. Loans go back to their objects.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        mut reply: Reply,
        lent: &[Option<Py<Loan>>],
    ) -> PyResult<Bound<'py, PyAny>> {
        for (loan, owner) in reply.take_inputs().into_iter().zip(lent) {
            if let Some(owner) = owner {
                owner.get().put_back(loan);
            }
        }
        let schema = self.schema();
        let mut parts = Vec::new();
        if schema.reply != Schema::Unit {
            parts.push(self.reply.decode(py, reply.value_bytes())?);
        }
        for (at, (_, direction, kind)) in
            schema.buffers().filter(|(_, direction, _)| *direction != Direction::In).enumerate()
        {
            let bulk = match (direction, kind) {
                (_, BufferKind::Bytes) => Bulk::View(or_raise(py, reply.take_view(at))?),
                (_, BufferKind::Shared) => {
                    let (loan, used) = or_raise(py, reply.take_loan(at))?;
                    Bulk::Loan(loan, used)
                }
            };
            parts.push(Bound::new(py, ResultView::new(bulk))?.into_any());
        }
        match &self.class {
            Some(class) => class.bind(py).call1(PyTuple::new(py, parts)?),
            None => Ok(parts.pop().unwrap_or_else(|| py.None().into_bound(py))),
        }
    }
}

/// A buffer parameter, and how a message names it.
struct Place<'a> {
    method: &'a str,
    name: &'a str,
    direction: Direction,
    kind: BufferKind,
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", At::Argument { method: self.method, name: self.name })
    }
}

/// What a buffer parameter is given.
enum Given<'py> {
    Room(usize),
    Frozen(windlass_client::FrozenLoan),
    /// A loan that was made for this call.
    Filled(windlass_client::Loan),
    /// A loan of the caller's.
    Owner(Bound<'py, Loan>),
}

/// Takes the loans of the caller's, all of them or none.
fn take_all(
    py: Python<'_>,
    buffers: &[(Direction, BufferKind, Given<'_>)],
) -> PyResult<Vec<windlass_client::Loan>> {
    let owner =
        |given: &Given<'_>| if let Given::Owner(owner) = given { Some(owner.clone().unbind()) } else { None };
    let owners: Vec<Py<Loan>> = buffers.iter().filter_map(|(.., given)| owner(given)).collect();
    let mut taken = Vec::new();
    for owner in &owners {
        match owner.get().take(py) {
            Ok(loan) => taken.push(loan),
            Err(error) => {
                owners.iter().zip(taken).for_each(|(owner, loan)| owner.get().put_back(loan));
                return Err(error);
            }
        }
    }
    Ok(taken)
}

fn length_of(object: &Bound<'_, PyAny>) -> Option<usize> {
    match object.getattr_opt("nbytes") {
        Ok(Some(bytes)) => bytes.extract().ok(),
        _ => object.len().ok(),
    }
}

/// Buffers that give something back.
fn giving(method: &MethodSchema) -> impl Iterator<Item = &Parameter> {
    method.buffers().filter(|(_, direction, _)| *direction != Direction::In).map(|(parameter, ..)| parameter)
}

/// Whether it is told by keyword only: the room of a result, which is seldom told.
fn by_keyword(parameter: &Parameter) -> bool {
    matches!(
        parameter.shape,
        Shape::Buffer { direction: Direction::Out, .. } | Shape::Stream { direction: Direction::Out, .. }
    )
}

/// Takes the call's own terms out of the keyword arguments.
fn terms<'py>(
    method: &MethodSchema,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<(Option<Bound<'py, PyDict>>, Option<Duration>)> {
    let Some(given) = kwargs else { return Ok((None, None)) };
    if method.parameters.iter().any(|parameter| parameter.name == TIMEOUT) {
        return Ok((Some(given.clone()), None));
    }
    let Some(timeout) = given.get_item(TIMEOUT)? else { return Ok((Some(given.clone()), None)) };
    let rest = given.copy()?;
    rest.del_item(TIMEOUT)?;
    if timeout.is_none() {
        return Ok((Some(rest), None));
    }
    let seconds = timeout
        .extract::<f64>()
        .map_err(|_| PyTypeError::new_err(format!("timeout: seconds wanted, {} found", type_name(&timeout))))?;
    let time = Duration::try_from_secs_f64(seconds)
        .map_err(|_| PyValueError::new_err(format!("timeout: {seconds} is no time to wait")))?;
    Ok((Some(rest), Some(time)))
}

/// Binds positional and keyword arguments to a method's parameters, as a Python function does.
///
/// # Errors
/// `TypeError` for too many, for one given twice, and for a name that is none, with the nearest.
pub fn arguments<'py>(
    method: &MethodSchema,
    args: Option<&Bound<'py, PyTuple>>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<Found<'py>> {
    let parameters = &method.parameters;
    let mut found: Found<'py> = vec![None; parameters.len()];
    let mut places = (0..parameters.len()).filter(|at| !by_keyword(&parameters[*at]));
    for given in args.into_iter().flat_map(|args| args.iter()) {
        let Some(at) = places.next() else {
            let takes = parameters.iter().filter(|one| !by_keyword(one)).count();
            let count = args.map_or(0, |args| args.len());
            let text = format!("{}() takes {takes} positional arguments, {count} were given", method.name);
            return Err(PyTypeError::new_err(text));
        };
        found[at] = Some(given);
    }
    for (name, given) in kwargs.into_iter().flat_map(|kwargs| kwargs.iter()) {
        let name: String = name.extract()?;
        let Some(at) = parameters.iter().position(|one| one.name == name) else {
            let hint = dynamic::near::hint(&name, parameters.iter().map(|one| one.name.as_str()));
            return Err(PyTypeError::new_err(format!("{}() has no argument {name:?}{hint}", method.name)));
        };
        if found[at].is_some() {
            return Err(PyTypeError::new_err(format!("{}() was given the argument {name:?} twice", method.name)));
        }
        // The room of a result may be left to the client in words.
        found[at] = if given.is_none() && by_keyword(&parameters[at]) { None } else { Some(given) };
    }
    Ok(found)
}

/// The first `kept` values in postcard; those that were not given go as their defaults.
///
/// # Errors
/// `TypeError` for one that is missing; as `Plan::encode`.
pub fn encode_values(method: &MethodSchema, plans: &[Plan], found: &Found<'_>, kept: usize) -> PyResult<Vec<u8>> {
    let mut bytes = Vec::new();
    let values = method.parameters.iter().zip(found).filter_map(|(parameter, found)| match &parameter.shape {
        Shape::Value { schema, default, .. } => Some((parameter, schema, default, found)),
        Shape::Buffer { .. } | Shape::Stream { .. } => None,
    });
    for ((parameter, schema, default, found), plan) in values.zip(plans).take(kept) {
        match (found, default) {
            (Some(value), _) => {
                plan.encode(value, &mut bytes, &At::Argument { method: &method.name, name: &parameter.name })?;
            }
            (None, Some(default)) => bytes.extend_from_slice(default),
            (None, None) => {
                let text = format!("{}() needs the argument {:?}, a {schema}", method.name, parameter.name);
                return Err(PyTypeError::new_err(text));
            }
        }
    }
    Ok(bytes)
}
