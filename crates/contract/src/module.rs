//! What a module is to the contract: the trait that `#[module]` implements, and the hooks its author may override.
//!
//! Lives here: `Module`, `Access` (the state rule as types), `Hooks`, `Sharing` (that threads may share a state), `Event`.
//! Holds: a module with `&mut self` methods can give no future that outlives the call, so its state is never shared;
//! one with futures sees `&self` only.

use crate::abi::Started;
pub use crate::abi::{Access, Exclusive, Shared};
use crate::context::{Context, Incoming};
use crate::schema::ModuleDescriptor;
use crate::{Code, Fault};
use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

/// Implemented by `#[module]`; nobody writes it by hand but tests of the table.
pub trait Module: Hooks + Sized + 'static {
    /// `Exclusive` when every method is a plain `fn`, else `Shared`.
    type Access: Access;

    /// Name, version, methods.
    fn descriptor() -> ModuleDescriptor;
    /// Where the encoded descriptor is kept.
    fn descriptor_cell() -> &'static OnceLock<Vec<u8>>;
    /// Begins `create`.
    fn create(call: Incoming<'_>) -> Started<'_>;
    /// Begins a call.
    fn start<'a>(
        this: <Self::Access as Access>::This<'a, Self>,
        call: Incoming<'a>,
    ) -> <Self::Access as Access>::Started<'a>;
    /// Runs a `blocking` method.
    fn block(call: Incoming<'_>);
    /// Hash of a method's key.
    fn key(method: u32, arguments: &[u8]) -> Option<u64>;

    /// The descriptor in postcard, made once.
    fn descriptor_bytes() -> &'static [u8] {
        Self::descriptor_cell().get_or_init(|| Self::descriptor().encode().unwrap_or_default())
    }
}

/// What happens to a container, besides calls: the numbers of the monitor events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Event {
    /// How long will this call take?
    Estimate = 1,
    /// A call took this long.
    Sample = 2,
    /// Fit the model to the samples.
    Train = 3,
    /// Which container should a dynamic call go to?
    Schedule = 4,
    /// A call is about to be replicated.
    ReplicaStart = 5,
    /// Fold the replies of the replicas into one.
    ReplicaAggregate = 6,
    /// How much work remains before a flush is done?
    FlushWork = 7,
    /// Which lane of its group does this call go to?
    Lane = 8,
}

impl Event {
    /// Its bit in `Hooks::OWN`.
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// What a call is expected to cost: for how long it holds its worker, waits not counted.
#[derive(Clone, Copy, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct Cost {
    /// Nanoseconds for any call of the method.
    pub fixed_ns: f64,
    /// Nanoseconds more for each byte of arguments and buffers.
    pub per_byte_ns: f64,
}

impl Cost {
    /// Of a call with so many bytes, nanoseconds. What is no number, or less than nothing, costs nothing.
    pub fn of(self, bytes: u64) -> u64 {
        // A float beyond a whole number's ends, or none at all, becomes the nearest one, or 0.
        (self.fixed_ns + self.per_byte_ns * bytes as f64) as u64
    }
}

/// One observed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sample {
    /// The method.
    pub method: u32,
    /// Bytes of arguments and buffers.
    pub bytes: u64,
    /// How long it ran, its waits included, nanoseconds.
    pub ran_ns: u64,
    /// Of that, how long it held its worker.
    pub held_ns: u64,
}

/// A call that is to wait in a lane of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LaneCall {
    /// The method.
    pub method: u32,
    /// Bytes of arguments and buffers.
    pub bytes: u64,
    /// Hash of the method's key, if it has one.
    pub key: Option<u64>,
    /// The group, by its place among the module's.
    pub group: u32,
    /// How many lanes it has.
    pub lanes: u32,
}

/// Which lane of a group a call goes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Lane {
    /// By the method's key; that in which least waits, if it has none.
    #[default]
    Usual,
    /// This one.
    Number(u32),
    /// Always the same for one hash.
    ByHash(u64),
    /// That in which least waits; of equals, one after another.
    LeastLoaded,
}

/// That threads may share a container of type `M`, and that it may end on any of them: there is none for a type that is not
/// `Send` and `Sync`.
pub struct Sharing<M: ?Sized>(PhantomData<fn(&M)>);

impl<M> Sharing<M> {
    /// The compiler has seen to it.
    pub const fn proven() -> Self
    where
        M: Send + Sync,
    {
        Self(PhantomData)
    }
}

impl<M: ?Sized> fmt::Debug for Sharing<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("threads may share it")
    }
}

/// Life-cycle and monitor hooks. Every one has a default that does the right thing for a module that has nothing to say;
/// write the ones you need inside the `#[module]` impl, marked `#[hook]`.
#[allow(unused_variables, reason = "defaults ignore what they are told")]
pub trait Hooks: Sized {
    /// Which of the monitor hooks a node has to ask, one `Event::bit` each: those that are the module's own. All of them, unless
    /// it says so; `#[module]` knows them.
    const OWN: u32 = u32::MAX;
    /// Whether a container keeps nothing between calls, so that the node may have another one in its place at any time:
    /// `#[module(stateless)]`.
    const STATELESS: bool = false;
    /// That threads may share a container, so that a node may run its calls on several workers at once: `#[module(sync)]`.
    const SYNC: Option<Sharing<Self>> = None;

    /// The pool is being destroyed; say no to keep it.
    ///
    /// # Errors
    /// A Fault keeps the pool and goes to whoever asked.
    fn destroy(&self, cx: &Context<'_>) -> Result<(), Fault> {
        Ok(())
    }
    /// A node of the pool failed.
    ///
    /// # Errors
    /// `Unsupported` unless overridden.
    fn node_failure(&self, cx: &Context<'_>, node: u16) -> Result<(), Fault> {
        Err(unsupported("node_failure"))
    }
    /// Take over the state of a lost container.
    ///
    /// # Errors
    /// `Unsupported` unless overridden: a container never silently starts empty.
    fn recover(&self, cx: &Context<'_>, state: &[u8]) -> Result<(), Fault> {
        Err(unsupported("recover"))
    }
    /// Hand state over to node `to`.
    ///
    /// # Errors
    /// `Unsupported` unless overridden.
    fn migrate(&self, cx: &Context<'_>, to: u16) -> Result<Vec<u8>, Fault> {
        Err(unsupported("migrate"))
    }
    /// Take over the exported state of version `from`.
    ///
    /// # Errors
    /// `Unsupported` unless overridden.
    fn upgrade(&self, cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        Err(unsupported("upgrade"))
    }
    /// The node came back with this container, made anew from its parameters, and has no exported state for it. Say `Ok` if
    /// nothing is missing: the module keeps no state, or has found it where it left it (a file, a device).
    ///
    /// # Errors
    /// `Unsupported` unless overridden: the pool is refused to callers, with this Fault's words, until it is created anew.
    fn restart(&self, cx: &Context<'_>) -> Result<(), Fault> {
        Err(unsupported("restart"))
    }
    /// The container's state, as bytes that `import` of this version and of later ones reads. Asked at a flush and at an orderly
    /// stop of a node that keeps its state; no method of the container runs meanwhile, but some may wait. Asked as well when the
    /// container is to go to another worker of its node, twice: whether it can, and once more when no call of it lives, which counts.
    ///
    /// # Errors
    /// `Unsupported` unless overridden. `TooLarge` beyond `limits::STATE_BYTES_MAX`.
    fn export(&self, cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        Err(unsupported("export"))
    }
    /// Take over the state that version `from` of this module exported. The container was made from the pool's parameters just
    /// now, and nothing has called it.
    ///
    /// # Errors
    /// `Unsupported` unless overridden. The pool is refused to callers, with this Fault's words, until it is created anew.
    fn import(&self, cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        Err(unsupported("import"))
    }
    /// As `import`, for a module whose methods have the container to themselves: `#[hook] fn import(&mut self, ..)` becomes it.
    ///
    /// # Errors
    /// As `import`.
    fn import_alone(&mut self, cx: &Context<'_>, from: &str, state: &[u8]) -> Result<(), Fault> {
        self.import(cx, from, state)
    }
    /// Answers a question about the container as JSON text; the empty question asks for an overview.
    ///
    /// # Errors
    /// A Fault when the question is not understood.
    fn monitor(&self, cx: &Context<'_>, question: &str) -> Result<String, Fault> {
        if question.is_empty() { Ok("{}".into()) } else { Err(unsupported("monitor questions")) }
    }
    /// What a call of `method` with so many bytes of arguments and buffers will cost; `learnt` is the node's own fit. Asked
    /// before the call is queued: a call that is to hold its worker for long lets quick ones pass, and dynamic calls go to where
    /// the least of it waits.
    fn estimate(&self, method: u32, bytes: u64, learnt: Cost) -> Cost {
        learnt
    }
    /// A call ran. Told soon after it, when nothing of the container runs; the node keeps its own samples besides.
    fn sample(&self, sample: Sample) {}
    /// Fit a model of your own to the last samples of one method, oldest first; `None` keeps the node's. Asked now and then,
    /// after some calls more; the answer holds until the next is given.
    fn train(&self, samples: &[Sample]) -> Option<Cost> {
        None
    }
    /// Which of `containers` a dynamic call goes to; `hash` is that of the method's key, or of the arguments when it has none.
    /// A module without this hook leaves the choice to the node: where there is least to do. One that is asked and has nothing
    /// to say spreads by the hash.
    fn schedule(&self, method: u32, hash: u64, containers: u32) -> u32 {
        if containers == 0 { 0 } else { (hash % u64::from(containers)) as u32 }
    }
    /// A call is about to go to `replicas` containers; one of them is asked, once.
    ///
    /// # Errors
    /// A Fault is the call's answer, and stops the call before any replica runs.
    fn replica_start(&self, method: u32, replicas: u32) -> Result<(), Fault> {
        Ok(())
    }
    /// Folds the encoded replies of a broadcast into one; the default gives the last.
    ///
    /// # Errors
    /// A Fault becomes the call's answer.
    fn replica_aggregate(&self, method: u32, replies: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
        replies.last().cloned().ok_or_else(|| Fault::new(Code::UnknownContainer, "no container replied"))
    }
    /// Which lane of its group a call goes to (the ancestor's `MapTaskToLane`). Asked for methods of a group, before the call is
    /// queued. Calls of one lane begin in the order they came; those of other lanes pass them.
    fn lane_of(&self, call: LaneCall) -> Lane {
        Lane::Usual
    }
    /// How many units of work remain before what was accepted is done; 0 lets a flush end. Asked again and again until then.
    fn flush_work(&self) -> u64 {
        0
    }
}

fn unsupported(what: &str) -> Fault {
    Fault::new(Code::Unsupported, format!("this module has no `{what}` hook"))
}
