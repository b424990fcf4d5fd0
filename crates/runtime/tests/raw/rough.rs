//! Rough: a module written by hand for rough treatment. Its methods wait, refuse to end, panic, nest, hold keys and block.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use windlass_contract::abi::{Access, ModuleTable, Shared, Started, table};
use windlass_contract::buffers::{Bytes, In, InOut, Out, SharedBytes};
use windlass_contract::context::Incoming;
use windlass_contract::head::{BufferKind, Direction};
use windlass_contract::module::{Hooks, Module};
use windlass_contract::schema::MethodFlags;
use windlass_contract::serve::{Arguments, answer, inherited};
use windlass_contract::{Code, Fault, MethodRef, ModuleDescriptor, Schema};

use crate::hand::method;

/// Its table.
pub static ROUGH: ModuleTable = table::<Rough>();

/// How to call a method of it.
pub fn rough(name: &'static str) -> MethodRef {
    static CELL: OnceLock<ModuleDescriptor> = OnceLock::new();
    let descriptor = CELL.get_or_init(Rough::descriptor);
    let method = descriptor.method(name).unwrap_or_else(|| panic!("no method {name}"));
    MethodRef { id: method.id, schema: method.hash(), name, idempotent: false }
}

/// A container. Its mode is its create parameter.
///
/// 0 and from 100 on: an ordinary one. 1: `create` refuses. 2: it panics. 3: it refuses after a while. 4: it answers
/// without a container. 5: dropping it panics. 6: it takes a while.
pub struct Rough {
    mode: u64,
    steps: std::cell::Cell<u64>,
}

impl Rough {
    fn new(mode: u64) -> Self {
        *containers().entry(mode).or_default() += 1;
        Self { mode, steps: std::cell::Cell::new(0) }
    }
}

impl Drop for Rough {
    fn drop(&mut self) {
        *containers().entry(self.mode).or_default() -= 1;
        assert!(self.mode != 5, "a container of mode 5 panics when it is dropped");
    }
}

fn containers() -> std::sync::MutexGuard<'static, HashMap<u64, i64>> {
    static ALIVE: OnceLock<Mutex<HashMap<u64, i64>>> = OnceLock::new();
    ALIVE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

/// Containers of this mode that are alive in this process.
pub fn alive(mode: u64) -> i64 {
    containers().get(&mode).copied().unwrap_or(0)
}

impl Hooks for Rough {}

struct PanicsWhenDropped;
impl Drop for PanicsWhenDropped {
    fn drop(&mut self) {
        panic!("a future's value panics when it is dropped");
    }
}

impl Module for Rough {
    type Access = Shared;

    fn descriptor() -> ModuleDescriptor {
        let (input, out, in_out) = (Direction::In, Direction::Out, Direction::InOut);
        let (bytes, shared) = (BufferKind::Bytes, BufferKind::Shared);
        let plain = MethodFlags::default;
        let key = || MethodFlags { key: Some("value0".into()), ..plain() };
        let (text, number) = (Schema::Str, Schema::U64);
        let one = std::slice::from_ref;
        let m = |id, name, values: &[Schema], buffers: &[(Direction, BufferKind)], reply: &Schema, flags| {
            method("rough", id, name, values, buffers, reply.clone(), flags)
        };
        let unit = &Schema::Unit;
        let methods = vec![
            m(0, "create", one(&number), &[], unit, plain()),
            m(10, "ping", one(&number), &[], &number, plain()),
            m(11, "pause", one(&number), &[], unit, plain()),
            m(12, "stubborn", &[], &[], unit, plain()),
            m(13, "sum", &[], &[(input, bytes)], &number, plain()),
            m(14, "copy", &[], &[(input, bytes), (out, bytes)], &number, plain()),
            m(15, "flip", &[], &[(in_out, shared)], &number, plain()),
            m(16, "two", &[], &[(out, shared), (out, shared)], unit, plain()),
            m(17, "nest", &[text.clone(), number.clone()], &[], unit, plain()),
            m(18, "keyed", &[text.clone(), number.clone()], &[], unit, key()),
            m(19, "step", one(&text), &[], &number, key()),
            m(20, "enter", &[text.clone(), Schema::Bool], &[], &number, key()),
            m(21, "again", one(&text), &[], &number, MethodFlags { reentrant: true, ..key() }),
            m(22, "panic_late", &[], &[], unit, plain()),
            m(23, "panic_drop", &[], &[], unit, plain()),
            m(24, "later", one(&number), &[], &number, MethodFlags { background: true, ..plain() }),
            m(25, "block", one(&number), &[], unit, MethodFlags { blocking: true, ..plain() }),
            m(26, "peek", &[], &[(input, shared)], &number, plain()),
            m(27, "swap", &[], &[(in_out, bytes)], unit, plain()),
            m(28, "hold", one(&number), &[(input, bytes)], unit, plain()),
            m(29, "length", one(&text), &[], &number, plain()),
        ];
        ModuleDescriptor {
            commands: Vec::new(),
            lanes: Vec::new(),
            name: "rough".into(),
            version: "1.0.0".into(),
            docs: String::new(),
            all_sync: false,
            methods,
        }
    }

    fn descriptor_cell() -> &'static OnceLock<Vec<u8>> {
        static CELL: OnceLock<Vec<u8>> = OnceLock::new();
        &CELL
    }

    fn create(call: Incoming<'_>) -> Started<'_> {
        let mode = match Arguments::of(call).value::<u64>("mode") {
            Ok(mode) => mode,
            Err(fault) => {
                call.fault(&fault);
                return Started::ended();
            }
        };
        let cx = call.context();
        match mode {
            1 => call.fault(&Fault::module(7, "mode 1 is refused")),
            2 => panic!("mode 2 panics"),
            3 | 6 => {
                return Started::future(call, async move {
                    match cx.sleep(Duration::from_millis(2)).await {
                        Ok(()) if mode == 6 => call.created(Self::new(mode)),
                        Ok(()) => call.fault(&Fault::module(7, "mode 3 is refused late")),
                        Err(fault) => call.fault(&fault),
                    }
                });
            }
            4 => call.reply_bytes(&[]),
            _ => call.created(Self::new(mode)),
        }
        Started::ended()
    }

    fn start<'a>(this: <Self::Access as Access>::This<'a, Self>, call: Incoming<'a>) -> Started<'a> {
        let mut arguments = Arguments::of(call);
        let cx = call.context();
        match call.method() {
            10 => answer(call, whole(arguments, |arguments| arguments.value::<u64>("value"))),
            11 => {
                let time = whole(arguments, |arguments| arguments.value::<u64>("us"));
                return Started::future(call, async move {
                    let slept = match time {
                        Ok(us) => cx.sleep(Duration::from_micros(us)).await,
                        Err(fault) => Err(fault),
                    };
                    answer(call, slept);
                });
            }
            // Ends neither when asked to nor at its deadline: the host has to drop it.
            12 => return Started::future(call, std::future::pending()),
            13 => {
                let data = whole(arguments, |arguments| arguments.buffer::<In<Bytes>>("data"));
                answer(call, data.map(|data| xxhash_rust::xxh3::xxh3_64(&data)));
            }
            14 => {
                let both = whole(arguments, |arguments| {
                    Ok((arguments.buffer::<In<Bytes>>("data")?, arguments.buffer::<Out<Bytes>>("out")?))
                });
                answer(
                    call,
                    both.and_then(|(data, mut out)| {
                        out.fill(&data).ok_or_else(|| Fault::module(1, "the room is too small"))?;
                        Ok(data.len() as u64)
                    }),
                );
            }
            15 => {
                let data = whole(arguments, |arguments| arguments.buffer::<InOut<SharedBytes>>("data"));
                answer(
                    call,
                    data.map(|mut data| {
                        let flipped: Vec<u8> = data.to_vec().iter().map(|byte| !byte).collect();
                        data.write_at(0, &flipped) as u64
                    }),
                );
            }
            16 => {
                let both = whole(arguments, |arguments| {
                    Ok((
                        arguments.buffer::<Out<SharedBytes>>("left")?,
                        arguments.buffer::<Out<SharedBytes>>("right")?,
                    ))
                });
                answer(
                    call,
                    both.map(|(mut left, mut right)| {
                        left.write_at(0, &[1; 64]);
                        right.write_at(0, &[2; 64]);
                    }),
                );
            }
            17 => {
                // Calls `name` of its own pool: "stubborn", or "pause" for so many microseconds.
                let both = whole(arguments, |arguments| {
                    Ok((arguments.value::<String>("name")?, arguments.value::<u64>("us")?))
                });
                return Started::future(call, async move {
                    let run = async {
                        let (name, us) = both?;
                        match name.as_str() {
                            "stubborn" => cx.call::<()>(cx.pool(), rough("stubborn"), &[]).await,
                            _ => {
                                let us = windlass_contract::serve::encoded(&us);
                                cx.call::<()>(cx.pool(), rough("pause"), &us).await
                            }
                        }
                    };
                    answer(call, run.await);
                });
            }
            18 => {
                let both = whole(arguments, |arguments| {
                    Ok((arguments.value::<String>("key")?, arguments.value::<u64>("us")?))
                });
                return Started::future(call, async move {
                    let slept = match both {
                        Ok((_, us)) => cx.sleep(Duration::from_micros(us)).await,
                        Err(fault) => Err(fault),
                    };
                    answer(call, slept);
                });
            }
            19 | 21 => {
                let key = whole(arguments, |arguments| arguments.value::<String>("key"));
                answer(
                    call,
                    key.map(|_| {
                        this.steps.set(this.steps.get() + 1);
                        this.steps.get()
                    }),
                );
            }
            20 => {
                // Holds its key and calls a method that wants the same one.
                let both = whole(arguments, |arguments| {
                    Ok((arguments.value::<String>("key")?, arguments.value::<bool>("reentrant")?))
                });
                return Started::future(call, async move {
                    let run = async {
                        let (key, reentrant) = both?;
                        let inner = if reentrant { rough("again") } else { rough("step") };
                        cx.call::<u64>(cx.pool(), inner, &windlass_contract::serve::encoded(&key)).await
                    };
                    answer(call, run.await);
                });
            }
            22 => {
                return Started::future(call, async move {
                    let _slept = cx.sleep(Duration::from_micros(100)).await;
                    panic!("a method panics after its first wait");
                });
            }
            23 => {
                return Started::future(call, async move {
                    let _panics = PanicsWhenDropped;
                    std::future::pending::<()>().await;
                });
            }
            24 => answer(call, whole(arguments, |arguments| arguments.value::<u64>("value"))),
            26 => {
                let data = whole(arguments, |arguments| arguments.buffer::<In<SharedBytes>>("data"));
                answer(call, data.map(|data| data.to_vec().iter().map(|byte| u64::from(*byte)).sum::<u64>()));
            }
            27 => {
                let data = whole(arguments, |arguments| arguments.buffer::<InOut<Bytes>>("data"));
                answer(call, data.map(|mut data| data.reverse()));
            }
            28 => {
                // Waits with its buffer in hand, then reads all of it.
                let both = (|| {
                    let us = arguments.value::<u64>("us")?;
                    Ok::<_, Fault>((us, arguments.buffer::<In<Bytes>>("data")?))
                })();
                return Started::future(call, async move {
                    let run = async {
                        let (us, data) = both?;
                        cx.sleep(Duration::from_micros(us)).await?;
                        let _read = xxhash_rust::xxh3::xxh3_64(&data);
                        Ok(())
                    };
                    answer(call, run.await);
                });
            }
            29 => answer(call, whole(arguments, |arguments| Ok(arguments.value::<&str>("text")?.len() as u64))),
            _ => inherited(this, call, "rough", &["ping"]),
        }
        Started::ended()
    }

    fn block(call: Incoming<'_>) {
        let time = whole(Arguments::of(call), |arguments| arguments.value::<u64>("ms"));
        answer(call, time.map(|ms| std::thread::sleep(Duration::from_millis(ms))));
    }

    fn key(method: u32, arguments: &[u8]) -> Option<u64> {
        let key: &str = postcard::take_from_bytes(arguments).ok()?.0;
        windlass_contract::serve::key_hash(method, &key)
    }
}

/// Takes arguments and refuses any that are left.
fn whole<'a, T>(
    mut arguments: Arguments<'a>,
    take: impl FnOnce(&mut Arguments<'a>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let taken = take(&mut arguments)?;
    arguments.end().map(|()| taken)
}

/// Whether an error is of this code.
pub fn is<T>(result: &Result<T, Fault>, code: Code) -> bool {
    result.as_ref().is_err_and(|fault| fault.is(code))
}
