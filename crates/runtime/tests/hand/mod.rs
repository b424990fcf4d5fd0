//! Two modules written by hand, without macros: the least `admin` a client needs, and an echo. They prove the table.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::disallowed_methods, reason = "a test module may block its own thread")]

use std::sync::OnceLock;
use windlass_contract::abi::{Access, ModuleTable, Shared, Started, table};
use windlass_contract::admin::{PoolFacts, Request, Response};
use windlass_contract::buffers::{Bytes, In, InOut, Out, SharedBytes};
use windlass_contract::context::Incoming;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::module::{Hooks, Module};
use windlass_contract::schema::{MethodFlags, Parameter, Shape};
use windlass_contract::serve::{Arguments, answer, inherited};
use windlass_contract::{Code, Described, Fault, MethodId, MethodRef, MethodSchema, ModuleDescriptor, Schema};

/// Describes a method: values first, then buffers.
pub fn method(
    module: &str,
    id: u32,
    name: &str,
    values: &[Schema],
    buffers: &[(Direction, BufferKind)],
    reply: Schema,
    flags: MethodFlags,
) -> MethodSchema {
    let value = |(at, schema): (usize, &Schema)| Parameter {
        name: format!("value{at}"),
        shape: Shape::Value { schema: schema.clone(), default: None, since: false },
    };
    let buffer = |(at, (direction, kind)): (usize, &(Direction, BufferKind))| Parameter {
        name: format!("buffer{at}"),
        shape: Shape::Buffer { direction: *direction, kind: *kind },
    };
    let parameters: Vec<Parameter> =
        values.iter().enumerate().map(value).chain(buffers.iter().enumerate().map(buffer)).collect();
    let hashes = MethodSchema::hashes_of(module, name, &parameters, &reply);
    MethodSchema { id: MethodId(id), name: name.into(), docs: String::new(), parameters, reply, flags, hashes }
}

fn descriptor(name: &str, methods: Vec<MethodSchema>) -> ModuleDescriptor {
    ModuleDescriptor {
        name: name.into(),
        version: "1.0.0".into(),
        docs: String::new(),
        all_sync: false,
        methods,
        commands: Vec::new(),
        lanes: Vec::new(),
    }
}

/// How to call a method of `Echo`.
pub fn echo(name: &'static str) -> MethodRef {
    let descriptor = Echo::descriptor();
    let method = descriptor.method(name).unwrap();
    MethodRef { id: method.id, schema: method.hash(), name, idempotent: false }
}

/// Echoes and more.
#[derive(Default)]
pub struct Echo {
    seen: std::cell::RefCell<Vec<String>>,
}

impl Hooks for Echo {}

impl Module for Echo {
    type Access = Shared;

    fn descriptor() -> ModuleDescriptor {
        let (input, out, in_out) = (Direction::In, Direction::Out, Direction::InOut);
        let (bytes, shared) = (BufferKind::Bytes, BufferKind::Shared);
        let plain = MethodFlags::default;
        let m = |id, name, values: &[Schema], buffers: &[(Direction, BufferKind)], reply, flags| {
            method("echo", id, name, values, buffers, reply, flags)
        };
        let keyed = MethodFlags { key: Some("value0".into()), is_async: true, ..plain() };
        descriptor(
            "echo",
            vec![
                m(0, "create", &[], &[], Schema::Unit, plain()),
                m(10, "ping", &[Schema::U64], &[], Schema::U64, plain()),
                m(11, "digest", &[Schema::Bytes], &[], Schema::U64, plain()),
                m(12, "checksum", &[], &[(input, bytes)], Schema::U64, plain()),
                m(13, "copy", &[], &[(input, bytes), (out, bytes)], Schema::U64, plain()),
                m(14, "pause", &[Schema::U64], &[], Schema::Unit, plain()),
                m(15, "panic", &[Schema::Str], &[], Schema::Unit, plain()),
                m(16, "reverse", &[], &[(in_out, bytes)], Schema::Unit, plain()),
                m(17, "fill", &[Schema::U8], &[(out, shared)], Schema::Unit, plain()),
                m(18, "echo", &[Schema::Str], &[], Schema::Str, plain()),
                m(19, "relay", &[Schema::Str, Schema::U32], &[], Schema::U32, plain()),
                m(20, "keyed", &[Schema::Str, Schema::U64, Schema::Str], &[], Schema::Unit, keyed),
                m(21, "seen", &[], &[], <Vec<String>>::schema(), plain()),
                m(
                    22,
                    "block",
                    &[Schema::U64],
                    &[(input, bytes)],
                    Schema::U64,
                    MethodFlags { blocking: true, ..plain() },
                ),
                m(23, "stubborn", &[Schema::U64], &[], Schema::Unit, plain()),
            ],
        )
    }
    fn descriptor_cell() -> &'static OnceLock<Vec<u8>> {
        static CELL: OnceLock<Vec<u8>> = OnceLock::new();
        &CELL
    }
    fn create(call: Incoming<'_>) -> Started<'_> {
        call.created(Self::default());
        Started::ended()
    }
    fn start<'a>(this: <Self::Access as Access>::This<'a, Self>, call: Incoming<'a>) -> Started<'a> {
        let mut arguments = Arguments::of(call);
        let cx = call.context();
        let arguments = &mut arguments;
        match call.method() {
            10 => answer(call, arguments.value::<u64>("value")),
            11 => answer(call, arguments.value::<&[u8]>("bytes").map(xxhash_rust::xxh3::xxh3_64)),
            12 => {
                answer(call, arguments.buffer::<In<Bytes>>("data").map(|data| xxhash_rust::xxh3::xxh3_64(&data)))
            }
            13 => answer(
                call,
                (|| {
                    let data: In<Bytes> = arguments.buffer("data")?;
                    let mut out: Out<Bytes> = arguments.buffer("out")?;
                    out.fill(&data).ok_or_else(|| Fault::module(1, "the room is too small"))?;
                    Ok(data.len() as u64)
                })(),
            ),
            14 => {
                let time = arguments.value::<u64>("us");
                return Started::future(call, async move {
                    let slept = match time {
                        Ok(us) => cx.sleep(std::time::Duration::from_micros(us)).await,
                        Err(fault) => Err(fault),
                    };
                    answer(call, slept);
                });
            }
            15 => panic!("{}", arguments.value::<String>("text").unwrap_or_default()),
            16 => answer(call, arguments.buffer::<InOut<Bytes>>("data").map(|mut data| data.reverse())),
            17 => answer(
                call,
                (|| {
                    let byte: u8 = arguments.value("byte")?;
                    let mut out: Out<SharedBytes> = arguments.buffer("out")?;
                    let bytes = vec![byte; out.len()];
                    let written = out.write_at(0, &bytes);
                    out.set_len(written);
                    Ok(())
                })(),
            ),
            18 => answer(call, arguments.value::<&str>("text")),
            19 => {
                // Calls itself on another pool until `left` is 0; answers how deep it got.
                let (name, left) = (arguments.value::<String>("pool"), arguments.value::<u32>("left"));
                return Started::future(call, async move {
                    let run = async {
                        let (name, left) = (name?, left?);
                        if left == 0 {
                            return Ok(u32::from(cx.depth()));
                        }
                        let pool = cx.find_pool(&name).await?;
                        let arguments = windlass_contract::serve::encoded(&(name, left - 1));
                        cx.call::<u32>(pool, echo("relay"), &arguments).await
                    };
                    answer(call, run.await);
                });
            }
            20 => {
                let all = (
                    arguments.value::<String>("key"),
                    arguments.value::<u64>("us"),
                    arguments.value::<String>("mark"),
                );
                return Started::future(call, async move {
                    let run = async {
                        let (_, us, mark) = (all.0?, all.1?, all.2?);
                        this.seen.borrow_mut().push(format!("{mark} begins"));
                        cx.sleep(std::time::Duration::from_micros(us)).await?;
                        this.seen.borrow_mut().push(format!("{mark} ends"));
                        Ok(())
                    };
                    answer(call, run.await);
                });
            }
            21 => answer(call, Ok(this.seen.borrow().clone())),
            23 => {
                // Ends neither when asked to nor at its deadline: the host has to drop it.
                return Started::future(call, std::future::pending());
            }
            _ => inherited(this, call, "echo", &["ping"]),
        }
        Started::ended()
    }
    fn block(call: Incoming<'_>) {
        let mut arguments = Arguments::of(call);
        answer(
            call,
            (|| {
                let ms: u64 = arguments.value("ms")?;
                let data: In<Bytes> = arguments.buffer("data")?;
                std::thread::sleep(std::time::Duration::from_millis(ms));
                Ok(data.len() as u64)
            })(),
        );
    }
    fn key(method: u32, arguments: &[u8]) -> Option<u64> {
        let key: &str = postcard::take_from_bytes(arguments).ok()?.0;
        windlass_contract::serve::key_hash(method, &key)
    }
}

/// The least admin: find and describe, and what the tests need besides.
pub struct Admin;

impl Hooks for Admin {}

impl Module for Admin {
    type Access = Shared;

    fn descriptor() -> ModuleDescriptor {
        let flags = MethodFlags::default;
        let text = [Schema::Str];
        let m = |id, name, values: &[Schema], reply| method("admin", id, name, values, &[], reply, flags());
        descriptor(
            "admin",
            vec![
                m(0, "create", &[], Schema::Unit),
                m(10, "find_pool", &text, PoolFacts::schema()),
                m(11, "describe", &text, Schema::Bytes),
                m(30, "ask", &[Schema::Bytes], Schema::Bytes),
            ],
        )
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
        let mut arguments = Arguments::of(call);
        let cx = call.context();
        let request = match call.method() {
            10 => arguments.value("name").map(Request::Find),
            11 => arguments.value("name").map(Request::Describe),
            30 => arguments.value::<Vec<u8>>("request").and_then(|bytes| {
                postcard::from_bytes(&bytes).map_err(|_| Fault::new(Code::BadArguments, "request"))
            }),
            _ => {
                inherited(this, call, "admin", &["find"]);
                return Started::ended();
            }
        };
        let method = call.method();
        Started::future(call, async move {
            let run = async { cx.control(windlass_contract::serve::encoded(&request?)).await };
            let response = match run.await {
                Ok(bytes) => bytes,
                Err(fault) => return call.fault(&fault),
            };
            match (method, postcard::from_bytes::<Response>(&response)) {
                (10, Ok(Response::Pool(facts))) => answer(call, Ok(facts)),
                (11, Ok(Response::Descriptor(bytes))) => answer(call, Ok(bytes)),
                (30, _) => answer(call, Ok(response)),
                (_, other) => answer::<()>(call, Err(Fault::new(Code::Internal, format!("{other:?}")))),
            }
        })
    }
    fn block(call: Incoming<'_>) {
        call.fault(&Fault::new(Code::UnknownMethod, "no blocking methods"));
    }
    fn key(_: u32, _: &[u8]) -> Option<u64> {
        None
    }
}

/// Their tables.
pub static ECHO: ModuleTable = table::<Echo>();
/// The admin table.
pub static ADMIN: ModuleTable = table::<Admin>();

/// Asks the node of `client` through the hand-made admin.
pub fn ask(client: &windlass_client::Client, request: &Request) -> Result<Response, Fault> {
    let descriptor = Admin::descriptor();
    let schema = descriptor.method("ask").unwrap().hash();
    let method = MethodRef { id: MethodId(30), schema, name: "ask", idempotent: false };
    let request = postcard::to_allocvec(request).unwrap();
    let reply = client.admin().call(method).argument(&request).wait()?;
    let bytes: Vec<u8> = reply.value()?;
    Ok(postcard::from_bytes(&bytes).unwrap())
}

/// Workers of test nodes that do not say how many: `WINDLASS_TEST_WORKERS`, or 1.
pub fn workers() -> usize {
    std::env::var("WINDLASS_TEST_WORKERS").ok().and_then(|text| text.parse().ok()).unwrap_or(1)
}

/// A node of these modules in a directory of its own, with the pool `echo`.
pub struct TestNode {
    /// The node.
    pub node: Option<windlass_runtime::Node>,
    directory: tempfile::TempDir,
}

impl TestNode {
    /// Starts it.
    pub fn start() -> Self {
        Self::with(|_| {})
    }
    /// Starts it with changes.
    pub fn with(change: impl FnOnce(&mut windlass_runtime::NodeConfig)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = windlass_runtime::NodeConfig::new("test", &ADMIN);
        config.directory = directory.path().join("test");
        config.modules.push(&ECHO);
        let pool = |name: &str| windlass_runtime::PoolSpec::new(name, "echo");
        config.pools = vec![pool("echo"), pool("other")];
        config.workers = workers();
        change(&mut config);
        let node = windlass_runtime::Node::start(config).unwrap();
        Self { node: Some(node), directory }
    }
    /// Where clients connect.
    pub fn address(&self) -> String {
        self.directory.path().join("test").display().to_string()
    }
    /// A client of it.
    pub fn connect(&self) -> windlass_client::Client {
        windlass_client::Client::connect(&self.address()).unwrap()
    }
}
