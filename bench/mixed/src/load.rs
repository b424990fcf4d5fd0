//! Load: one method that does nothing, and two that compute for as long as they are told; and one of a module that workers share.

use windlass::prelude::*;

/// Numbers to compute with.
pub struct Load {
    numbers: Vec<u64>,
}

#[module(export = false)]
impl Load {
    #[create]
    fn create() -> Self {
        Self { numbers: (0..4096).collect() }
    }

    /// Answers one more.
    #[method(id = 10)]
    fn quick(&self, value: u64) -> u64 {
        value + 1
    }

    /// Computes for so long and yields when it is due to; answers how many sums it made.
    #[method(id = 11)]
    async fn heavy(&self, cx: &Context<'_>, us: u64) -> Result<u64, Fault> {
        // Its own time, not that of others which run meanwhile.
        let (mut used, mut sums) = (0, 0);
        while used < us * 1000 {
            let began = cx.now_ns();
            sums += self.sum();
            used += cx.now_ns() - began;
            cx.yield_if_due().await?;
        }
        Ok(sums)
    }

    /// Computes for so long without a pause.
    #[method(id = 12)]
    fn solid(&self, cx: &Context<'_>, us: u64) -> u64 {
        let (until, mut sums) = (cx.now_ns() + us * 1000, 0);
        while cx.now_ns() < until {
            sums += self.sum();
        }
        sums
    }
}

impl Load {
    fn sum(&self) -> u64 {
        let sum = self.numbers.iter().fold(0u64, |sum, number| sum.wrapping_mul(31).wrapping_add(*number));
        u64::from(std::hint::black_box(sum) != 1)
    }
}

/// The same numbers, which workers share.
pub struct Shared(Load);

#[module(export = false, sync)]
impl Shared {
    #[create]
    fn create() -> Self {
        Self(Load::create())
    }

    /// Computes for so long without a pause.
    #[method(id = 10)]
    fn solid(&self, cx: &Context<'_>, us: u64) -> u64 {
        self.0.solid(cx, us)
    }
}
