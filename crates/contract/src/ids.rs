//! Ids: numbers that cannot be swapped for one another.
//!
//! Lives here: `CallId`, `PoolId`, `MethodId`, `MethodRef`.
//! Holds: ids that may be reused carry a generation, so a late message about an old call never hits a new one.

use std::fmt;

/// One call of one session: a call slot and how often that slot has been used.
///
/// Shape: low 32 bits the slot, high 32 bits the generation. Never a pointer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(u64);

impl CallId {
    /// Call number `generation` of call slot `slot`.
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self((generation as u64) << 32 | slot as u64)
    }
    /// From the 8 bytes of a record.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    /// The 8 bytes of a record.
    pub const fn bits(self) -> u64 {
        self.0
    }
    /// Call slot, below the calls granted to the session.
    pub const fn slot(self) -> u32 {
        self.0 as u32
    }
    /// How often the slot had been used before this call.
    pub const fn generation(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

impl fmt::Debug for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {}.{}", self.slot(), self.generation())
    }
}

/// A pool: the node that made it and that node's counter.
///
/// Shape: high 16 bits the node, low 48 bits the counter. Counters are never reused within a node's generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct PoolId(u64);

impl PoolId {
    /// Pool 0 of this node: `admin`, always there.
    pub const ADMIN: Self = Self(0);
    /// Pool `counter` made by `node`.
    pub const fn new(node: u16, counter: u64) -> Self {
        Self((node as u64) << 48 | (counter & 0xFFFF_FFFF_FFFF))
    }
    /// From the 8 bytes of a record.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
    /// The 8 bytes of a record.
    pub const fn bits(self) -> u64 {
        self.0
    }
    /// The node that made the pool.
    pub const fn node(self) -> u16 {
        (self.0 >> 48) as u16
    }
    /// The making node's counter.
    pub const fn counter(self) -> u64 {
        self.0 & 0xFFFF_FFFF_FFFF
    }
}

impl fmt::Display for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node(), self.counter())
    }
}
impl fmt::Debug for PoolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pool {self}")
    }
}

/// A method's number, unique in its module. 0 to 9 are inherited, a module's own begin at 10.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct MethodId(pub u32);

impl MethodId {
    /// Makes a container from its parameters; the only required method.
    pub const CREATE: Self = Self(0);
    /// Ends a container.
    pub const DESTROY: Self = Self(1);
    /// Tells a container that a node of its pool failed.
    pub const NODE_FAILURE: Self = Self(2);
    /// Takes over the state of a lost container.
    pub const RECOVER: Self = Self(3);
    /// Hands state to another node.
    pub const MIGRATE: Self = Self(4);
    /// Takes over the state of an older version.
    pub const UPGRADE: Self = Self(5);
    /// Comes back after the node restarted.
    pub const RESTART: Self = Self(6);
    /// Gives the container's state away, for `IMPORT`.
    pub const EXPORT: Self = Self(7);
    /// Takes over the state that a container of the same pool gave before the node restarted.
    pub const IMPORT: Self = Self(8);
    /// Answers a question about the container.
    pub const MONITOR: Self = Self(9);
    /// First number a module may give its own methods.
    pub const OWN_FIRST: u32 = 10;
    /// Whether the number is one of the inherited ones.
    pub const fn is_inherited(self) -> bool {
        self.0 < Self::OWN_FIRST
    }
}

impl fmt::Debug for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "method {}", self.0)
    }
}

/// What a generated client knows of a method before it asks the node: enough to call it and to be refused if it is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MethodRef {
    /// The method's number.
    pub id: MethodId,
    /// Hash of module name, method name, argument and reply types (docs/formats.md, Hashes).
    pub schema: u64,
    /// For messages only; the hash is what counts.
    pub name: &'static str,
    /// Whether a client may send the call again when it does not know whether it ran.
    pub idempotent: bool,
}
