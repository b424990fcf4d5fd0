//! `Ledger`: a module whose methods wait, panic, fill buffers and call others.

use super::{buffer, count_drop, described, value};
use std::cell::Cell;
use std::panic::panic_any;
use std::sync::OnceLock;
use std::time::Duration;
use windlass_contract::abi::Started;
use windlass_contract::buffers::{Bytes, In, InOut, Out, SharedBytes};
use windlass_contract::context::{Context, Incoming, Level};
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::module::{Hooks, Module, Shared};
use windlass_contract::schema::{Field, MethodFlags};
use windlass_contract::serve::{Arguments, answer, inherited, key_hash, unknown_method};
use windlass_contract::{Code, Described, Fault, MethodId, MethodRef, ModuleDescriptor, PoolId, Schema};

/// What `Ledger`'s methods are called.
pub const METHODS: [&str; 13] = [
    "add",
    "nap",
    "boom",
    "boom_later",
    "copy",
    "in_place",
    "large",
    "sum",
    "ask",
    "facts",
    "rude_boom",
    "grudge",
    "tidy",
];

/// Create parameters.
#[derive(Clone, Copy, serde::Serialize, serde::Deserialize)]
pub struct Start {
    pub total: i64,
}

impl Described for Start {
    fn schema_at(_: usize) -> Schema {
        let fields = vec![Field { name: "total".into(), schema: Schema::I64 }];
        Schema::Struct { name: "Start".into(), fields }
    }
}

/// Call, root, depth, pool, time left in ns, whether debug lines are written, chance.
pub type Facts = (u64, u64, u16, String, Option<u64>, bool, u64);

/// The module whose methods wait.
pub struct Ledger {
    total: Cell<u64>,
}

impl Drop for Ledger {
    fn drop(&mut self) {
        count_drop();
    }
}

/// A panic's payload that is counted, and one that panics again.
struct Payload;
impl Drop for Payload {
    fn drop(&mut self) {
        count_drop();
    }
}
struct RudePayload;
impl Drop for RudePayload {
    fn drop(&mut self) {
        panic!("even its payload panics");
    }
}

impl Ledger {
    fn add(&self, by: u64) -> Result<u64, Fault> {
        let total = self.total.get().checked_add(by).ok_or_else(|| Fault::module(1, "the ledger is full"))?;
        self.total.set(total);
        Ok(total)
    }

    async fn nap(&self, cx: &Context<'_>, ms: u64) -> Result<u64, Fault> {
        cx.sleep(Duration::from_millis(ms)).await?;
        cx.yield_if_due().await?;
        self.add(1)
    }

    fn copy(from: &In<'_, Bytes>, room: &mut Out<'_, Bytes>) -> Result<u32, Fault> {
        room.fill(from).ok_or_else(|| Fault::module(2, "the room is too small"))?;
        Ok(from.len() as u32)
    }

    fn in_place(
        place: &mut InOut<'_, Bytes>,
        shared: &mut InOut<'_, SharedBytes>,
        from: &In<'_, SharedBytes>,
        into: &mut Out<'_, SharedBytes>,
    ) -> usize {
        place.make_ascii_uppercase();
        place.set_len(2);
        let seen = shared.to_vec();
        shared.write_at(1, b"--------");
        let written = into.write_at(0, &seen);
        into.set_len(written);
        let mut two = [0; 2];
        from.read_at(from.len() - 1, &mut two)
    }

    async fn ask(cx: &Context<'_>, pool: &str) -> Result<String, Fault> {
        let pool: PoolId = cx.find_pool(pool).await?;
        let method = MethodRef { id: MethodId(10), schema: 99, name: "greet", idempotent: false };
        cx.call(pool, method, b"\x02me").await
    }

    fn facts(cx: &Context<'_>) -> Facts {
        cx.log(Level::Info, "asked");
        let left = cx.time_left().map(|left| left.as_nanos() as u64);
        (
            cx.call_number(),
            cx.root(),
            cx.depth(),
            cx.pool().to_string(),
            left,
            cx.log_enabled(Level::Debug),
            cx.random(),
        )
    }

    /// Ends early when it is told to, with its own clean-up.
    async fn tidy(&self, cx: &Context<'_>) -> Result<u64, Fault> {
        match cx.sleep(Duration::from_secs(3600)).await {
            Err(fault) if cx.cancelled() => {
                self.add(1000)?;
                Err(fault)
            }
            other => other.map(|()| 0),
        }
    }
}

impl Hooks for Ledger {}

impl Module for Ledger {
    type Access = Shared;

    fn descriptor() -> ModuleDescriptor {
        use Direction::{In, InOut, Out};
        let plain = MethodFlags::default;
        let waits = || MethodFlags { is_async: true, ..MethodFlags::default() };
        let blocks = MethodFlags { blocking: true, ..MethodFlags::default() };
        let keyed = MethodFlags { key: Some("by".into()), ..MethodFlags::default() };
        let (bytes, shared) = (BufferKind::Bytes, BufferKind::Shared);
        let copy = vec![buffer("from", In, bytes), buffer("room", Out, bytes)];
        let in_place = vec![
            buffer("place", InOut, bytes),
            buffer("shared", InOut, shared),
            buffer("from", In, shared),
            buffer("into", Out, shared),
        ];
        described(
            "ledger",
            vec![
                (0, "create", vec![value("start", Start::schema())], Schema::Unit, plain()),
                (10, "add", vec![value("by", Schema::U64)], Schema::U64, keyed),
                (11, "nap", vec![value("ms", Schema::U64)], Schema::U64, waits()),
                (12, "boom", vec![], Schema::Unit, plain()),
                (13, "boom_later", vec![], Schema::Unit, waits()),
                (14, "copy", copy, Schema::U32, plain()),
                (15, "in_place", in_place, Schema::U64, plain()),
                (16, "large", vec![value("bytes", Schema::U64)], Schema::Bytes, plain()),
                (17, "sum", vec![buffer("data", In, bytes)], Schema::U64, blocks),
                (18, "ask", vec![value("pool", Schema::Str)], Schema::Str, waits()),
                (19, "facts", vec![], Facts::schema(), plain()),
                (20, "rude_boom", vec![], Schema::Unit, plain()),
                (21, "grudge", vec![], Schema::Unit, waits()),
                (4_000_000_000, "tidy", vec![], Schema::U64, waits()),
            ],
        )
    }

    fn descriptor_cell() -> &'static OnceLock<Vec<u8>> {
        static CELL: OnceLock<Vec<u8>> = OnceLock::new();
        &CELL
    }

    fn create(call: Incoming<'_>) -> Started<'_> {
        let mut arguments = Arguments::of(call);
        let start = arguments.value("start").and_then(|start: Start| arguments.end().map(|()| start));
        match start.map(|start| u64::try_from(start.total)) {
            Ok(Ok(13)) => panic!("no ledger begins at 13"),
            Ok(Ok(total)) => call.created(Self { total: Cell::new(total) }),
            Ok(Err(_)) => call.fault(&Fault::new(Code::CreateFailed, "`total` is not negative")),
            Err(fault) => call.fault(&fault),
        }
        Started::ended()
    }

    fn start<'a>(this: &'a Self, call: Incoming<'a>) -> Started<'a> {
        let cx = call.context();
        let mut arguments = Arguments::of(call);
        match call.method() {
            10 => {
                let by = arguments.value("by").and_then(|by| arguments.end().map(|()| by));
                answer(call, by.and_then(|by| this.add(by)));
            }
            11 => match arguments.value("ms").and_then(|ms| arguments.end().map(|()| ms)) {
                Ok(ms) => return Started::future(call, async move { answer(call, this.nap(&cx, ms).await) }),
                Err(fault) => call.fault(&fault),
            },
            12 => panic_any(Payload),
            13 => {
                return Started::future(call, async move {
                    let _woken = cx.sleep(Duration::from_millis(1)).await;
                    panic!("later, at {}", cx.now_ns());
                });
            }
            14 => answer(
                call,
                (|| {
                    let (from, mut room) = (arguments.buffer("from")?, arguments.buffer("room")?);
                    arguments.end()?;
                    Self::copy(&from, &mut room)
                })(),
            ),
            15 => answer(
                call,
                (|| {
                    let (mut place, mut shared) = (arguments.buffer("place")?, arguments.buffer("shared")?);
                    let (from, mut into) = (arguments.buffer("from")?, arguments.buffer("into")?);
                    arguments.end()?;
                    Ok(Self::in_place(&mut place, &mut shared, &from, &mut into))
                })(),
            ),
            16 => answer(call, arguments.value::<u64>("bytes").map(|bytes| "x".repeat(bytes as usize))),
            18 => match arguments.value("pool") {
                Ok(pool) => return Started::future(call, async move { answer(call, Self::ask(&cx, pool).await) }),
                Err(fault) => call.fault(&fault),
            },
            19 => answer(call, Ok(Self::facts(&cx))),
            20 => panic_any(RudePayload),
            21 => {
                return Started::future(call, async move {
                    let _held = RudePayload;
                    let _woken = cx.sleep(Duration::from_millis(1)).await;
                });
            }
            4_000_000_000 => return Started::future(call, async move { answer(call, this.tidy(&cx).await) }),
            _ => inherited(this, call, "ledger", &METHODS),
        }
        Started::ended()
    }

    fn block(call: Incoming<'_>) {
        let mut arguments = Arguments::of(call);
        match call.method() {
            17 => answer(
                call,
                arguments.buffer::<In<'_, Bytes>>("data").and_then(|data| {
                    assert!(data.first() != Some(&0xBB), "nothing begins with 0xBB");
                    arguments.end().map(|()| data.iter().map(|&byte| u64::from(byte)).sum::<u64>())
                }),
            ),
            other => call.fault(&unknown_method("ledger", other, &METHODS)),
        }
    }

    fn key(method: u32, arguments: &[u8]) -> Option<u64> {
        let by: u64 = postcard::from_bytes(arguments).ok()?;
        assert!(by != 13, "13 is no key");
        key_hash(method, &by)
    }
}
