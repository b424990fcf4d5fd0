//! Calls by schema: a method is called by name, with arguments as text, and its reply is JSON.
//!
//! Lives here: `DynamicPool`, `Supply` (what a buffer parameter is given), `DynamicReply`; `commands` (by full name, with texts by key).
//! From: the command line, edges, Python: whoever has no generated client. To: the same `Outgoing` that one uses.
//! Holds: the shapes come from the node that is called, so nothing has to be regenerated; a wrong name is refused before
//!   anything is sent, with the names that exist.
//! Not here: how text and JSON become postcard (`windlass_contract::schema`).

pub mod commands;
pub mod near;
mod prefix;

pub use prefix::prefix;

use std::ops::Deref;
use std::time::Duration;

use serde_json::Value;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::schema::parse_text;
use windlass_contract::{Code, Fault, MethodRef, MethodSchema, ModuleDescriptor, Outcome};

use crate::client::{Client, Pool};
use crate::frozen::FrozenLoan;
use crate::heap::Loan;
use crate::limits::DYNAMIC_ROOM;
use crate::outgoing::Outgoing;
use crate::reply::{Given, Reply, ResultView};
use crate::streams::{EncodedValues, Items};

/// A pool with the description of its methods.
#[derive(Clone, Debug)]
pub struct DynamicPool {
    pool: Pool,
    module: ModuleDescriptor,
}

/// What a buffer parameter is given.
#[derive(Clone, Debug)]
pub enum Supply<'a> {
    /// The bytes of an `in` or `in-out` buffer; copied into a loan.
    Bytes(&'a [u8]),
    /// The same, sent without a copy.
    Frozen(FrozenLoan),
    /// Room for the result of an `out` buffer, in bytes.
    Room(usize),
}

/// What a buffer gave back: a result of the node's, or the used part of a loan that the method wrote in place.
#[derive(Debug)]
pub enum Bulk {
    /// In the node's memory, under a lease.
    View(ResultView),
    /// In this client's memory; the first so many bytes are used.
    Loan(Loan, usize),
}

/// What a method answered.
#[derive(Debug)]
pub struct DynamicReply {
    /// The value.
    pub value: Value,
    /// `out` and `in-out` buffers, by parameter name, in order.
    pub buffers: Vec<(String, Bulk)>,
}

impl Deref for Bulk {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Bulk::View(view) => view,
            Bulk::Loan(loan, used) => &loan[..*used],
        }
    }
}

impl DynamicPool {
    /// The pool of this name, described.
    ///
    /// Cost: two calls.
    ///
    /// # Errors
    /// As `Client::pool` and `Pool::describe`.
    pub fn open(client: &Client, name: &str) -> Result<DynamicPool, Fault> {
        let pool = client.pool(name)?;
        let module = pool.describe()?;
        Ok(DynamicPool { pool, module })
    }

    /// The pool.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Its module's methods and their shapes.
    pub fn module(&self) -> &ModuleDescriptor {
        &self.module
    }

    /// The method of this name.
    ///
    /// # Errors
    /// `UnknownMethod`, with a near name and those that exist.
    pub fn method(&self, name: &str) -> Result<&MethodSchema, Fault> {
        self.module.method(name).ok_or_else(|| {
            let own = self.module.methods.iter().filter(|method| !method.id.is_inherited());
            let hint = near::hint(name, own.map(|method| method.name.as_str()));
            let text = format!("the module {} has no method {name:?}{hint}", self.module.name);
            Fault::new(Code::UnknownMethod, text)
        })
    }

    /// Calls a method and waits. `arguments` are texts by parameter name (numbers, bare words, JSON); `buffers` are
    /// supplies by parameter name. An argument with a default may be left out, and so may the room of an `out` buffer.
    ///
    /// # Errors
    /// `UnknownMethod`, `BadArguments`, `BadBuffer` with the names that exist, before anything is sent; then as
    /// `Outgoing::wait`; `BadReply` when the reply is not what the schema says.
    pub fn call(
        &self,
        method: &str,
        arguments: &[(String, String)],
        buffers: &[(String, Supply<'_>)],
    ) -> Result<DynamicReply, Fault> {
        let method = self.method(method)?;
        let outgoing = self.outgoing(method, arguments, buffers)?;
        read(method, outgoing.wait()?)
    }

    /// Puts a call together without sending it, to set its deadline or query, or to await it; `read` reads its reply.
    ///
    /// # Errors
    /// As `call`, before anything is sent.
    pub fn outgoing(
        &self,
        method: &MethodSchema,
        arguments: &[(String, String)],
        buffers: &[(String, Supply<'_>)],
    ) -> Result<Outgoing, Fault> {
        outgoing(&self.pool, method, arguments, buffers)
    }
}

/// Puts a call of a method that is known already together, as `DynamicPool::outgoing` does: for whoever keeps descriptions and
/// calls in several sessions.
///
/// # Errors
/// As `DynamicPool::call`, before anything is sent.
pub fn outgoing(
    pool: &Pool,
    method: &MethodSchema,
    arguments: &[(String, String)],
    buffers: &[(String, Supply<'_>)],
) -> Result<Outgoing, Fault> {
    if let Some((stream, ..)) = method.streams().next() {
        let text =
            format!("{} has the stream {:?} beside it: call it as one with streams", method.name, stream.name);
        return Err(Fault::new(Code::Unsupported, text));
    }
    let (called, bytes) = called(method, arguments, buffers)?;
    supplied_all(pool, method, pool.call(called).encoded(&bytes), buffers)
}

/// Puts a call of a method with streams together, as `outgoing` does, and sends it. `values` are what it reads, in postcard
/// (`Schema::encode_json`); absent if it reads none. What it sends comes in postcard too (`Schema::decode_json`).
///
/// # Errors
/// As `outgoing`; `BadArguments` when values are missing or not wanted; as `Pool::streaming`.
pub fn streamed(
    pool: &Pool,
    method: &MethodSchema,
    arguments: &[(String, String)],
    buffers: &[(String, Supply<'_>)],
    deadline: Option<Duration>,
    values: Option<EncodedValues>,
) -> Result<Items<Vec<u8>>, Fault> {
    let wrong = match (method.stream(Direction::In), &values) {
        (Some(_), None) => Some("reads a stream, and no values are given for it"),
        (None, Some(_)) => Some("reads no stream, and values are given for one"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(Fault::new(Code::BadArguments, format!("{} {wrong}", method.name)));
    }
    let (called, bytes) = called(method, arguments, buffers)?;
    let streaming = pool.streaming(called)?;
    let mut call = supplied_all(pool, method, streaming.call().encoded(&bytes), buffers)?;
    if let Some(deadline) = deadline {
        call = call.deadline(deadline);
    }
    Ok(streaming.items_encoded(call, values, method.stream(Direction::Out).is_some()))
}

/// What is called, and its arguments.
fn called(
    method: &MethodSchema,
    arguments: &[(String, String)],
    buffers: &[(String, Supply<'_>)],
) -> Result<(MethodRef, Vec<u8>), Fault> {
    check_names(method, arguments.iter().map(|(name, _)| name.as_str()), true)?;
    check_names(method, buffers.iter().map(|(name, _)| name.as_str()), false)?;
    let (bytes, schema) = encode(method, arguments)?;
    let (id, idempotent) = (method.id, method.flags.idempotent);
    Ok((MethodRef { id, schema, name: "a method called by schema", idempotent }, bytes))
}

fn supplied_all(
    pool: &Pool,
    method: &MethodSchema,
    mut outgoing: Outgoing,
    buffers: &[(String, Supply<'_>)],
) -> Result<Outgoing, Fault> {
    let inputs = buffers.iter().map(|(_, supply)| supply.bytes()).fold(0, usize::saturating_add);
    for (parameter, direction, kind) in method.buffers() {
        let name = parameter.name.as_str();
        let supply = buffers.iter().find(|(given, _)| given == name).map(|(_, supply)| supply);
        outgoing = supplied(pool.client(), outgoing, name, direction, kind, supply, inputs)?;
    }
    Ok(outgoing)
}

fn supplied(
    client: &Client,
    outgoing: Outgoing,
    name: &str,
    direction: Direction,
    kind: BufferKind,
    supply: Option<&Supply<'_>>,
    inputs: usize,
) -> Result<Outgoing, Fault> {
    if direction == Direction::Out {
        let room = match supply {
            None => DYNAMIC_ROOM.max(inputs.saturating_mul(2)),
            Some(Supply::Room(room)) => *room,
            Some(_) => return Err(bad_buffer(format!("{name} is an `out` buffer: give it room, not bytes"))),
        };
        return Ok(match kind {
            BufferKind::Bytes => outgoing.output(room),
            BufferKind::Shared => outgoing.output_shared(client.lend(room)?),
        });
    }
    let bytes = match supply {
        None => return Err(bad_buffer(format!("the buffer {name} is missing: give it bytes, as a file"))),
        Some(Supply::Room(_)) => {
            return Err(bad_buffer(format!("{name} is not an `out` buffer: give it bytes, not room")));
        }
        Some(Supply::Frozen(frozen)) if kind == BufferKind::Bytes => {
            return Ok(match direction {
                Direction::InOut => outgoing.inout(frozen),
                _ => outgoing.input(frozen),
            });
        }
        Some(Supply::Frozen(frozen)) => frozen,
        Some(Supply::Bytes(bytes)) => *bytes,
    };
    Ok(match (direction, kind) {
        (Direction::InOut, BufferKind::Bytes) => outgoing.inout(bytes),
        (_, BufferKind::Bytes) => outgoing.input(bytes),
        (_, BufferKind::Shared) => {
            let mut loan = client.lend(bytes.len())?;
            loan.copy_from_slice(bytes);
            client.session().counts().bytes_copied.add(bytes.len() as u64);
            match direction {
                Direction::InOut => outgoing.inout_shared(loan),
                _ => outgoing.input_shared(loan),
            }
        }
    })
}

impl Supply<'_> {
    fn bytes(&self) -> usize {
        match self {
            Supply::Bytes(bytes) => bytes.len(),
            Supply::Frozen(frozen) => frozen.len(),
            Supply::Room(_) => 0,
        }
    }
}

/// Reads a reply by the schema of its method.
///
/// # Errors
/// `BadReply` when it is not what the schema says.
pub fn read(method: &MethodSchema, mut reply: Reply) -> Result<DynamicReply, Fault> {
    let bad = |text: String| Fault::new(Code::BadReply, text).with_outcome(Outcome::Ended);
    let mut bytes = reply.value_bytes();
    let value = method.reply.decode_json(&mut bytes).map_err(|error| bad(error.to_string()))?;
    if !bytes.is_empty() {
        return Err(bad(format!("{} bytes follow the reply's value", bytes.len())));
    }
    let giving = method.buffers().filter(|(_, direction, _)| *direction != Direction::In);
    let mut buffers = Vec::new();
    for (at, (parameter, ..)) in giving.enumerate() {
        let bulk = match reply.take(at) {
            Some(Given::View(view)) => Bulk::View(view),
            Some(Given::Loan(loan, used)) => Bulk::Loan(loan, used),
            Some(Given::Taken) | None => {
                return Err(bad(format!("the buffer {} did not come back", parameter.name)));
            }
        };
        buffers.push((parameter.name.clone(), bulk));
    }
    Ok(DynamicReply { value, buffers })
}

/// Every name given is a parameter of that sort, once.
fn check_names<'a>(
    method: &MethodSchema,
    names: impl Iterator<Item = &'a str>,
    values: bool,
) -> Result<(), Fault> {
    let exist = || -> Vec<&str> {
        if values {
            method.values().map(|(parameter, ..)| parameter.name.as_str()).collect()
        } else {
            method.buffers().map(|(parameter, ..)| parameter.name.as_str()).collect()
        }
    };
    let (code, sort) = if values { (Code::BadArguments, "argument") } else { (Code::BadBuffer, "buffer") };
    let mut seen: Vec<&str> = Vec::new();
    for name in names {
        if seen.contains(&name) {
            return Err(Fault::new(code, format!("the {sort} {name:?} is given twice")));
        }
        let exist = exist();
        if !exist.contains(&name) {
            let hint = near::hint(name, exist.into_iter());
            return Err(Fault::new(code, format!("{} has no {sort} {name:?}{hint}", method.name)));
        }
        seen.push(name);
    }
    Ok(())
}

/// The argument bytes, and the hash of the prefix that they are; a default in it is sent as it is described.
fn encode(method: &MethodSchema, arguments: &[(String, String)]) -> Result<(Vec<u8>, u64), Fault> {
    let text_of = |name: &str| arguments.iter().find(|(given, _)| given == name).map(|(_, text)| text.as_str());
    let (kept, hash) = prefix(method, |name| text_of(name).is_some());
    let mut bytes = Vec::new();
    for (parameter, schema, default) in method.values().take(kept) {
        let name = &parameter.name;
        let wrong = |error| Fault::new(Code::BadArguments, format!("{name}: {error}"));
        match (text_of(name), default) {
            (Some(text), _) => {
                let value = parse_text(schema, text).map_err(wrong)?;
                schema.encode_json(&value, &mut bytes).map_err(wrong)?;
            }
            (None, Some(default)) => bytes.extend_from_slice(default),
            (None, None) => {
                let text = format!("{} needs the argument {name:?}, a {schema}", method.name);
                return Err(Fault::new(Code::BadArguments, text));
            }
        }
    }
    Ok((bytes, hash))
}

fn bad_buffer(text: String) -> Fault {
    Fault::new(Code::BadBuffer, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_contract::schema::{Parameter, Schema, Shape};

    fn method() -> MethodSchema {
        let value = |name: &str, default: Option<Vec<u8>>, since| Parameter {
            name: name.into(),
            shape: Shape::Value { schema: Schema::U8, default, since },
        };
        let parameters =
            vec![value("a", None, false), value("b", Some(vec![7]), true), value("c", Some(vec![9]), true)];
        let hashes = MethodSchema::hashes_of("m", "f", &parameters, &Schema::Unit);
        MethodSchema {
            id: windlass_contract::MethodId(10),
            name: "f".into(),
            docs: String::new(),
            parameters,
            reply: Schema::Unit,
            flags: Default::default(),
            hashes,
        }
    }

    fn given(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect()
    }

    #[test]
    fn what_is_left_out_at_the_end_is_not_sent_and_what_is_left_out_before_goes_as_its_default() {
        let method = method();
        assert_eq!(encode(&method, &given(&["a"])).expect("fits"), (vec![1], method.hashes[0]));
        assert_eq!(encode(&method, &given(&["b", "a"])).expect("fits"), (vec![1, 1], method.hashes[1]));
        assert_eq!(encode(&method, &given(&["a", "c"])).expect("fits"), (vec![1, 7, 1], method.hashes[2]));
    }

    #[test]
    fn a_missing_or_unknown_argument_is_named() {
        let method = method();
        let missing = encode(&method, &given(&["b"])).expect_err("a has no default");
        assert!(missing.is(Code::BadArguments) && missing.message.contains("\"a\""));
        let unknown = check_names(&method, ["aa"].into_iter(), true).expect_err("there is no aa");
        assert!(unknown.message.contains("did you mean \"a\"?"), "{unknown}");
        assert!(check_names(&method, ["a", "a"].into_iter(), true).is_err());
        assert!(check_names(&method, ["a"].into_iter(), false).is_err());
    }
}
