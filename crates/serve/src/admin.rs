//! Admin: the module of pool 0, as a table written by hand: each method passes one request on to the node.
//!
//! Lives here: `ADMIN`. From: any client. To: `Context::control`, which only pool 0 may use.
//! Holds: names and numbers of methods never change; clients find all other pools by `find` and `describe`.
//! Not here: the answers (`windlass_runtime`).

use std::sync::OnceLock;
use windlass_contract::abi::{Access, ModuleTable, Shared, Started, table};
use windlass_contract::admin::{
    MODULE, MethodFacts, ModuleFacts, NodeFacts, PoolFacts, Request, Response, SessionFacts,
};
use windlass_contract::context::Incoming;
use windlass_contract::module::{Hooks, Module};
use windlass_contract::schema::{MethodFlags, Parameter, Shape};
use windlass_contract::serve::{Arguments, answer, encoded, inherited};
use windlass_contract::{Code, Described, Fault, MethodId, MethodSchema, ModuleDescriptor, Schema};

/// The table of the module that becomes pool 0.
pub static ADMIN: ModuleTable = table::<Admin>();

/// What the node says about itself, and how pools come and go.
#[derive(Debug)]
struct Admin;

/// One method: what it takes, what it asks, what it answers.
struct Row {
    id: u32,
    name: &'static str,
    docs: &'static str,
    values: &'static [(&'static str, Schema)],
    reply: fn() -> Schema,
    request: fn(&mut Arguments<'_>) -> Result<Request, Fault>,
    idempotent: bool,
}

const NAME: &[(&str, Schema)] = &[("name", Schema::Str)];

const ROWS: &[Row] = &[
    row(10, "find", "The pool of this name, or of this id in decimal.", NAME, PoolFacts::schema, |from| {
        from.value("name").map(Request::Find)
    }),
    row(11, "describe", "The descriptor of a pool's module, or of the module of this name, in postcard.", NAME,
        <Vec<u8>>::schema, |from| from.value("name").map(Request::Describe)),
    changing(12, "create",
        "Makes a pool, or answers the one that exists with the same module and parameters; with others: `PoolExists`.",
        &[("name", Schema::Str), ("module", Schema::Str), ("parameters", Schema::Bytes)], PoolFacts::schema, |from| {
            let (name, module) = (from.value("name")?, from.value("module")?);
            Ok(Request::Create { name, module, parameters: from.value("parameters")? })
        }),
    changing(13, "destroy", "Ends a pool.", NAME, <()>::schema, |from| from.value("name").map(Request::Destroy)),
    row(14, "pools", "All pools.", &[], <Vec<PoolFacts>>::schema, |_| Ok(Request::Pools)),
    row(15, "modules", "All modules that are linked in or loaded.", &[], <Vec<ModuleFacts>>::schema, |_| {
        Ok(Request::Modules)
    }),
    row(16, "sessions", "All sessions.", &[], <Vec<SessionFacts>>::schema, |_| Ok(Request::Sessions)),
    row(17, "node", "The node as a whole.", &[], NodeFacts::schema, |_| Ok(Request::Node)),
    row(18, "methods", "All methods that were called, and what they took.", &[], <Vec<MethodFacts>>::schema, |_| {
        Ok(Request::Methods)
    }),
    row(19, "flush", "Waits until every call accepted so far has ended.", &[], <()>::schema, |_| Ok(Request::Flush)),
    changing(20, "stop", "Stops the node, letting calls end for so many milliseconds.",
        &[("deadline_ms", Schema::U64)], <()>::schema, |from| from.value("deadline_ms").map(Request::Stop)),
    changing(21, "load", "Opens a module library of the node's machine.", &[("path", Schema::Str)],
        ModuleFacts::schema, |from| from.value("path").map(Request::Load)),
];

type Ask = fn(&mut Arguments<'_>) -> Result<Request, Fault>;
type Values = &'static [(&'static str, Schema)];

const fn row(id: u32, name: &'static str, docs: &'static str, values: Values, reply: fn() -> Schema, request: Ask) -> Row {
    Row { id, name, docs, values, reply, request, idempotent: true }
}

const fn changing(
    id: u32,
    name: &'static str,
    docs: &'static str,
    values: Values,
    reply: fn() -> Schema,
    request: Ask,
) -> Row {
    Row { id, name, docs, values, reply, request, idempotent: false }
}

impl Row {
    fn described(&self) -> MethodSchema {
        let value = |(name, schema): &(&str, Schema)| Parameter {
            name: (*name).to_owned(),
            shape: Shape::Value { schema: schema.clone(), default: None, since: false },
        };
        let parameters: Vec<Parameter> = self.values.iter().map(value).collect();
        let reply = (self.reply)();
        MethodSchema {
            id: MethodId(self.id),
            name: self.name.to_owned(),
            docs: self.docs.to_owned(),
            hashes: MethodSchema::hashes_of(MODULE, self.name, &parameters, &reply),
            parameters,
            reply,
            flags: MethodFlags { is_async: true, local: true, idempotent: self.idempotent, ..MethodFlags::default() },
        }
    }
}

impl Hooks for Admin {}

impl Module for Admin {
    type Access = Shared;

    fn descriptor() -> ModuleDescriptor {
        let create = MethodSchema {
            id: MethodId::CREATE,
            name: "create".into(),
            docs: "Made by the node itself, once.".into(),
            parameters: Vec::new(),
            reply: Schema::Unit,
            flags: MethodFlags::default(),
            hashes: MethodSchema::hashes_of(MODULE, "create", &[], &Schema::Unit),
        };
        ModuleDescriptor {
            name: MODULE.into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "What the node says about itself, and how pools come and go.".into(),
            all_sync: false,
            methods: std::iter::once(create).chain(ROWS.iter().map(Row::described)).collect(),
        }
    }

    fn descriptor_cell() -> &'static OnceLock<Vec<u8>> {
        static CELL: OnceLock<Vec<u8>> = OnceLock::new();
        &CELL
    }

    fn create(call: Incoming<'_>) -> Started<'_> {
        call.created(Self);
        Started::ended()
    }

    fn start<'a>(this: <Self::Access as Access>::This<'a, Self>, call: Incoming<'a>) -> Started<'a> {
        let Some(row) = ROWS.iter().find(|row| row.id == call.method()) else {
            let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
            inherited(this, call, MODULE, &names);
            return Started::ended();
        };
        let mut arguments = Arguments::of(call);
        let request = (row.request)(&mut arguments).and_then(|request| arguments.end().map(|()| request));
        let cx = call.context();
        Started::future(call, async move {
            let run = async { cx.control(encoded(&request?)).await };
            match run.await {
                Ok(bytes) => pass_on(call, &bytes),
                Err(fault) => call.fault(&fault),
            }
        })
    }

    fn block(call: Incoming<'_>) {
        call.fault(&Fault::new(Code::UnknownMethod, "admin has no blocking methods"));
    }

    fn key(_: u32, _: &[u8]) -> Option<u64> {
        None
    }
}

/// Answers with what the node answered.
fn pass_on(call: Incoming<'_>, response: &[u8]) {
    match postcard::from_bytes(response) {
        Ok(Response::Done) => answer(call, Ok(())),
        Ok(Response::Pool(facts)) => answer(call, Ok(facts)),
        Ok(Response::Descriptor(bytes)) => answer(call, Ok(bytes)),
        Ok(Response::Pools(facts)) => answer(call, Ok(facts)),
        Ok(Response::Modules(mut facts)) if call.method() == 21 => match facts.pop() {
            Some(one) => answer(call, Ok(one)),
            None => call.fault(&Fault::new(Code::Internal, "the node loaded a module and does not say which")),
        },
        Ok(Response::Modules(facts)) => answer(call, Ok(facts)),
        Ok(Response::Sessions(facts)) => answer(call, Ok(facts)),
        Ok(Response::Node(facts)) => answer(call, Ok(facts)),
        Ok(Response::Methods(facts)) => answer(call, Ok(facts)),
        Err(error) => call.fault(&Fault::new(Code::Internal, format!("the node's answer: {error}"))),
    }
}
