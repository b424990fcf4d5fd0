//! Choir: a module whose containers workers share, and that notices when calls of one key pass each other or meet.
//!
//! Holds: it refuses a number that is not the next one of whoever says it under that key, and a call that begins while another
//! of its key is inside.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use windlass::prelude::*;

/// What each has said last under each key, and which keys have a call inside.
#[derive(Default)]
pub struct Choir {
    voices: Mutex<BTreeMap<u64, Voice>>,
}

#[derive(Default)]
struct Voice {
    next: BTreeMap<u64, u64>,
    inside: bool,
}

impl Choir {
    fn voices(&self) -> MutexGuard<'_, BTreeMap<u64, Voice>> {
        self.voices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[module(export = false, lanes(single = 1, data = 5), sync)]
impl Choir {
    #[create]
    fn create() -> Self {
        Self::default()
    }

    /// Says the next number under a key, and stays inside for so long.
    #[method(key = name)]
    async fn say(&self, cx: &Context<'_>, name: u64, who: u64, number: u64, us: u64) -> Result<u64, Fault> {
        {
            let mut voices = self.voices();
            let voice = voices.entry(name).or_default();
            let next = voice.next.entry(who).or_default();
            if *next != number {
                return Err(Fault::module(3, format!("{who} says {number} under {name} and is to say {next}")));
            }
            if std::mem::replace(&mut voice.inside, true) {
                return Err(Fault::module(4, format!("two calls are inside under {name}")));
            }
            *next += 1;
        }
        let slept = if us > 0 { cx.sleep(Duration::from_micros(us)).await } else { Ok(()) };
        self.voices().entry(name).or_default().inside = false;
        slept.map(|()| number + 1)
    }

    /// The same in a lane of the module's own, at once.
    #[method(key = name, group = data)]
    fn call_out(&self, name: u64, who: u64, number: u64) -> Result<u64, Fault> {
        let mut voices = self.voices();
        let voice = voices.entry(name).or_default();
        let next = voice.next.entry(who).or_default();
        if *next != number || voice.inside {
            let inside = voice.inside;
            return Err(Fault::module(3, format!("{who} says {number} under {name}, is to say {next}, {inside}")));
        }
        *next += 1;
        Ok(*next)
    }

    /// Holds a key and asks the same container, which is the one of this place, under it once more, from within.
    #[method(key = name, reentrant)]
    async fn round(&self, cx: &Context<'_>, at: u64, name: u64, depth: u64) -> Result<u64, Fault> {
        if depth == 0 {
            return Ok(0);
        }
        let here = choir::Nested::find(cx, "choir").await?.toward(Query::Id(at));
        Ok(here.round(at, name, depth - 1).await? + 1)
    }

    /// Waits for so long; has no key.
    #[method]
    async fn hum(&self, cx: &Context<'_>, us: u64) -> Result<(), Fault> {
        cx.sleep(Duration::from_micros(us)).await
    }

    /// In the only lane of its group.
    #[method(group = single)]
    fn alone(&self) -> u64 {
        1
    }

    /// How many numbers all have said.
    #[method(aggregate = sum)]
    fn said(&self) -> u64 {
        self.voices().values().flat_map(|voice| voice.next.values()).sum()
    }

    /// Called by the node.
    #[method(period = "1ms")]
    fn beat(&self) {}
}
