//! Shelf: named bytes, kept in memory. Chapters 5 and 6: what waits, in which order, and who looks on.
//!
//! Holds: versions of a name count up by one, however many callers put it at once.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;
use windlass::prelude::*;

use crate::compressor;

/// State of a container. Borrowed between waits, never across one.
#[derive(Default)]
pub struct Shelf {
    kept: RefCell<BTreeMap<String, Kept>>,
}

#[derive(Clone, Default)]
struct Kept {
    version: u64,
    bytes: Vec<u8>,
}

/// Keeps bytes by name.
#[module(export = false)]
impl Shelf {
    /// Begins empty.
    #[create]
    fn create() -> Self {
        Self::default()
    }

    /// Keeps `data` under `name`, once it has settled for so many microseconds, and answers its version.
    #[method(key = name)]
    async fn put(&self, cx: &Context<'_>, name: &str, settle_us: u64, data: In<Bytes>) -> Result<u64, Fault> {
        let version = self.find(name).version + 1;
        cx.sleep(Duration::from_micros(settle_us)).await?;
        self.kept.borrow_mut().insert(name.to_owned(), Kept { version, bytes: data.to_vec() });
        Ok(version)
    }

    /// Gives what is kept under `name`, and its version; 0 when there is nothing.
    #[method(idempotent)]
    fn get(&self, name: &str, mut out: Out<Bytes>) -> Result<u64, Fault> {
        let found = self.find(name);
        let small = || Fault::new(Code::TooLarge, format!("{name} has {} bytes", found.bytes.len()));
        out.fill(&found.bytes).ok_or_else(small)?;
        Ok(found.version)
    }

    /// The room that the pool `compressor` may need to pack what is kept under `name`.
    #[method(idempotent)]
    async fn room(&self, cx: &Context<'_>, name: &str, compressor: &str) -> Result<u64, Fault> {
        let bytes = self.find(name).bytes.len() as u64;
        compressor::Nested::find(cx, compressor).await?.bound(bytes, 1).await
    }

    /// Forgets names that keep no bytes, when there is nothing more urgent to do. Nobody waits for it.
    #[method(prio = "background", detached)]
    async fn tidy(&self, cx: &Context<'_>) -> Result<(), Fault> {
        let names: Vec<String> = self.kept.borrow().keys().cloned().collect();
        for name in names {
            cx.yield_if_due().await?;
            if self.find(&name).bytes.is_empty() {
                self.kept.borrow_mut().remove(&name);
            }
        }
        Ok(())
    }

    /// A sum over all bytes; takes as long as it takes, on a thread of its own.
    #[method(blocking, idempotent)]
    fn sum(data: In<Bytes>) -> u64 {
        data.iter().map(|&byte| u64::from(byte)).sum()
    }

    /// A pool that still keeps something is not ended.
    #[hook]
    fn destroy(&self, _cx: &Context<'_>) -> Result<(), Fault> {
        match self.kept.borrow().len() {
            0 => Ok(()),
            names => Err(Fault::module(1, format!("{names} names are still kept"))),
        }
    }

    /// How much is kept, as JSON.
    #[hook]
    fn monitor(&self, _cx: &Context<'_>, question: &str) -> Result<String, Fault> {
        let kept = self.kept.borrow();
        match question {
            "" => Ok(format!("{{\"names\":{}}}", kept.len())),
            other => Err(Fault::new(Code::Unsupported, format!("nothing is known of {other:?}; ask nothing"))),
        }
    }

    fn find(&self, name: &str) -> Kept {
        self.kept.borrow().get(name).cloned().unwrap_or_default()
    }
}
