//! Modules that the tests describe: every kind of parameter, buffer, reply and attribute at least once.
#![allow(dead_code, reason = "each test file uses some of them")]

pub mod waiting;

use std::collections::{BTreeMap, HashMap};
use windlass::prelude::*;

/// Where in a volume.
#[data]
#[derive(Copy, Eq, Hash)]
pub struct Place {
    /// First block.
    pub block: u64,
    /// Blocks.
    pub count: u32,
}

/// What is done there: every kind of variant.
#[data]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Reads.
    Read(Place),
    /// Copies.
    Copy(Place, Place),
    /// Writes.
    Write {
        /// Where.
        at: Place,
        /// What.
        r#type: Option<String>,
    },
}

/// One field stands for itself.
#[data]
#[derive(Eq, PartialOrd, Ord, Hash)]
pub struct Name(pub String);

/// Nothing to say.
#[data]
pub struct Marker;

/// A pair of anything.
#[data]
pub struct Pair<T> {
    /// One.
    pub one: T,
    /// And the other.
    pub other: Vec<T>,
}

/// A module's own error.
#[derive(Debug)]
pub struct Full {
    /// What would have been passed.
    pub limit: u64,
}

impl From<Full> for Fault {
    fn from(full: Full) -> Self {
        Fault::module(1, format!("the total would pass {}", full.limit))
    }
}

/// Every method is a plain `fn`, so they may hold `&mut self`.
pub struct Counter {
    totals: HashMap<String, u64>,
    limit: u64,
}

/// Counts things.
///
/// By name.
#[module(version = "1.2", export = false)]
impl Counter {
    /// Starts with a limit.
    #[create]
    fn create(
        cx: &Context,
        #[arg(default = 100)] limit: u64,
        #[arg(default = "plain")] _style: String,
        #[arg(since, default = None)] first: Option<Name>,
    ) -> Result<Self, Full> {
        cx.log(Level::Info, "a counter begins");
        if limit == 0 {
            return Err(Full { limit });
        }
        Ok(Self { totals: first.into_iter().map(|name| (name.0, 0)).collect(), limit })
    }

    /// Adds `by` and answers the new total.
    #[method(id = 12, key = name)]
    fn add(&mut self, name: &str, by: u64, #[arg(since, default = 1)] times: u32) -> Result<u64, Full> {
        let total = self.totals.entry(name.to_owned()).or_default();
        let sum = total.saturating_add(by.saturating_mul(u64::from(times)));
        if sum > self.limit {
            return Err(Full { limit: self.limit });
        }
        *total = sum;
        Ok(sum)
    }

    #[method(idempotent)]
    fn totals(&self) -> BTreeMap<String, u64> {
        self.totals.clone().into_iter().collect()
    }

    /// Does things in order of the first block's group.
    #[method(key = (place.block / 8, "group"), reentrant)]
    fn act(&mut self, _actions: Vec<Action>, place: Place, _marker: Marker, _pair: Pair<(u8, i16)>) -> Marker {
        self.limit = self.limit.max(place.block);
        Marker
    }

    #[method(prio = "background", period = "250ms", local)]
    fn sweep(&mut self, _cx: &Context) {
        self.helper();
    }

    #[method(detached)]
    fn forget(&mut self, name: &str) -> Result<(), Fault> {
        self.totals.remove(name);
        Ok(())
    }

    #[method(id = 4_000_000_000, blocking)]
    fn render(values: Vec<f64>) -> String {
        format!("{values:?}")
    }

    #[method(id = 30, aggregate)]
    fn count(&self) -> u64 {
        self.totals.len() as u64
    }

    #[hook]
    fn replica_aggregate(&self, _method: u32, replies: &[Vec<u8>]) -> Result<Vec<u8>, Fault> {
        Ok(replies.concat())
    }

    fn helper(&self) {}
}

/// Some methods wait, so all take `&self`.
pub struct Mover;

#[module(name = "data-mover", export = false)]
impl Mover {
    #[create]
    async fn open(_cx: &Context) -> Self {
        Self
    }
    #[method]
    async fn copy(&self, _cx: &Context, data: In<Bytes>, scale: f64, mut out: Out<Bytes>) -> Result<u64, Fault> {
        let _ = (out.fill(&data), scale);
        Ok(data.len() as u64)
    }
    #[method]
    fn turn(&self, mut data: InOut<'_, Bytes>) {
        data.reverse();
    }
    #[method]
    fn fill(&self, byte: u8, mut out: Out<SharedBytes>, _like: In<SharedBytes>, mut also: InOut<SharedBytes>) {
        let _ = (out.write_at(0, &[byte]), also.write_at(0, &[byte]));
    }
    #[method]
    async fn ask(&self, cx: &Context, pool: &str, name: &str) -> Result<u64, Fault> {
        counter::Nested::find(cx, pool).await?.add(name, 1, 1).await
    }
    /// A name that the nested client has as well gives way.
    #[method]
    fn find(&self, bytes: &[u8], flags: [bool; 4]) -> Option<char> {
        let _ = (bytes, flags);
        None
    }
    #[method]
    fn create(&self, r#type: String) -> (u8, i64) {
        let _ = r#type;
        (0, 0)
    }
}

/// The counter again, as another author would write it down: other order, other names, other words.
pub mod rewritten {
    use super::{Full, Marker, Pair, Place};
    use windlass::prelude::*;

    /// The same, differently.
    pub struct Other;

    /// Other words.
    #[module(name = "counter", version = "9.9", export = false)]
    impl Other {
        #[method(id = 30)]
        fn count(&self) -> u64 {
            0
        }
        #[method(id = 14)]
        fn act(&self, all: Vec<super::Action>, at: Place, mark: Marker, two: Pair<(u8, i16)>) -> Marker {
            let _ = (all, at, two);
            mark
        }
        /// Shorter by what was added since.
        #[method(id = 12)]
        fn add(&mut self, what: String, how_much: u64) -> Result<u64, Full> {
            let _ = what;
            Ok(how_much)
        }
        #[create]
        fn make(_cx: &Context) -> Result<Self, Fault> {
            Ok(Self)
        }
    }
}
