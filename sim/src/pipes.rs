//! Pipes: a module with streams each way, which knows how many of its calls are under way; `Wide`, which several workers share.
//!
//! Holds: its containers move only when no call is under way.

use std::cell::Cell;
use std::time::Duration;
use windlass::prelude::*;

/// How many calls with streams are under way.
#[derive(Default)]
pub struct Pipes {
    under_way: Cell<u64>,
}

/// One that is, whatever becomes of it.
struct UnderWay<'a>(&'a Cell<u64>);

impl<'a> UnderWay<'a> {
    fn begin(count: &'a Cell<u64>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// The value of this number in a stream: as long as this, and like no other.
pub fn value(number: u64, bytes: u64) -> Vec<u8> {
    (0..bytes).map(|at| (number.wrapping_mul(31).wrapping_add(at)) as u8).collect()
}

#[module(export = false)]
impl Pipes {
    #[create]
    fn create() -> Self {
        Self::default()
    }

    #[hook]
    fn export(&self, _cx: &Context<'_>) -> Result<Vec<u8>, Fault> {
        Ok(self.under_way.get().to_le_bytes().to_vec())
    }

    #[hook]
    fn import(&self, _cx: &Context<'_>, _from: &str, state: &[u8]) -> Result<(), Fault> {
        match state.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(Fault::module(7, "it moves with calls under way")),
        }
    }

    /// Sends so many values of so many bytes, rests for so long after every tenth, and fails at the end if it is to.
    #[method]
    async fn send(
        &self,
        cx: &Context<'_>,
        count: u64,
        bytes: u64,
        rest_us: u64,
        fails: bool,
        mut out: Sink<Vec<u8>>,
    ) -> Result<u64, Fault> {
        let _under_way = UnderWay::begin(&self.under_way);
        for number in 0..count {
            out.send(value(number, bytes)).await?;
            if rest_us > 0 && number % 10 == 9 {
                cx.sleep(Duration::from_micros(rest_us)).await?;
            }
        }
        if fails { Err(Fault::module(9, "as it was told")) } else { Ok(count) }
    }

    /// Takes values, at most so many, and checks each; answers how many.
    #[method]
    async fn take(
        &self,
        cx: &Context<'_>,
        most: u64,
        bytes: u64,
        rest_us: u64,
        mut values: Stream<Vec<u8>>,
    ) -> Result<u64, Fault> {
        let _under_way = UnderWay::begin(&self.under_way);
        let mut count = 0;
        while count < most
            && let Some(got) = values.next().await?
        {
            if got != value(count, bytes) {
                return Err(Fault::module(8, format!("value {count} came as {} bytes of another", got.len())));
            }
            count += 1;
            if rest_us > 0 && count % 10 == 9 {
                cx.sleep(Duration::from_micros(rest_us)).await?;
            }
        }
        Ok(count)
    }

    /// Sends back what comes.
    #[method]
    async fn each(&self, mut values: Stream<Vec<u8>>, mut out: Sink<Vec<u8>>) -> Result<u64, Fault> {
        let _under_way = UnderWay::begin(&self.under_way);
        let mut count = 0;
        while let Some(value) = values.next().await? {
            out.send(value).await?;
            count += 1;
        }
        Ok(count)
    }

    /// How many of all these are under way.
    #[method(aggregate = sum)]
    async fn under_way(&self) -> u64 {
        self.under_way.get()
    }
}

/// Streams of a container that several workers share.
pub struct Wide;

#[module(export = false, sync)]
impl Wide {
    #[create]
    fn create() -> Self {
        Self
    }

    /// Sends back what comes.
    #[method]
    async fn each(&self, mut values: Stream<Vec<u8>>, mut out: Sink<Vec<u8>>) -> Result<u64, Fault> {
        let mut count = 0;
        while let Some(value) = values.next().await? {
            out.send(value).await?;
            count += 1;
        }
        Ok(count)
    }
}
