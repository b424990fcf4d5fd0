//! What all groups use: from arrays to the kernels' views and back, and loops that let others run.
//!
//! Holds: a loop yields after each batch of morsels when its time is used up, so a long command delays no other by more than that;
//!   results of morsels are put together in their order, whoever ran them.

use std::ops::Range;
use windlass::array::Piece;
use windlass::prelude::*;
use windlass_kernels::elementwise::{CastTo, cast};
use windlass_kernels::{
    DType, Element, KernelError, Shape, Step, Stepwise, Strides, Team, View, morsel, with_dtype,
};

/// The kernel's word for a dtype.
pub fn kernel_dtype(dtype: Dtype) -> DType {
    DType::from_name(dtype.name()).unwrap_or(DType::Str)
}

/// Our word for a kernel's dtype.
pub fn our_dtype(dtype: DType) -> Dtype {
    Dtype::of(dtype.name()).unwrap_or(Dtype::Str)
}

/// A kernel's error as a caller hears it.
pub fn fault(error: KernelError) -> Fault {
    Fault::new(Code::BadArguments, error.to_string()).with_outcome(Outcome::Ended)
}

/// What is wrong with an argument.
pub fn bad(text: impl Into<String>) -> Fault {
    Fault::new(Code::BadArguments, text)
}

/// `<proc>: <dtype> <op> <dtype> not implemented`, as the ancestor says it.
pub fn not_implemented(what: &str, dtypes: &[Dtype]) -> Fault {
    let dtypes: Vec<&str> = dtypes.iter().map(|dtype| dtype.name()).collect();
    Fault::new(Code::NoInstance, format!("Error: {what}: ({}) not implemented", dtypes.join(",")))
        .with_outcome(Outcome::Ended)
}

/// An array as kernels see it.
pub fn view<T: Item + Element>(array: &Array) -> Result<View<'_, T>, Fault> {
    let seen = array
        .view::<T>()
        .ok_or_else(|| bad(format!("a {} array, not one of {}", array.dtype(), <T as Item>::DTYPE)))?;
    of_view(seen)
}

/// The same, of an array whose element type is known.
pub fn of_view<'a, T: Item + Element>(seen: ArrayView<'a, T>) -> Result<View<'a, T>, Fault> {
    let shape = Shape::new(seen.shape()).map_err(fault)?;
    let strides = Strides::new(seen.strides()).map_err(fault)?;
    View::new(seen.memory(), seen.offset(), shape, strides).map_err(fault)
}

/// How long one batch of morsels may hold the worker, nanoseconds.
const BATCH_NS: u64 = 500_000;
/// A batch of more than this is halved, even if some thread then has nothing to do: perhaps nobody helps.
const BATCH_LONG_NS: u64 = 4 * BATCH_NS;
/// Morsels of the first batch, of which nothing is known yet, and of the largest.
const BATCH_FIRST: usize = 4;
const BATCH_MAX: usize = 1024;

/// How many morsels the next batch has, when one of `size` took `took_ns` on up to `threads` threads.
///
/// Below one for each thread a batch gets no shorter as long as they help, so that it is not cut further for that alone.
fn next_size(size: usize, threads: usize, took_ns: u64) -> usize {
    match took_ns {
        _ if took_ns > BATCH_LONG_NS => (size / 2).max(1),
        _ if size < threads => (size * 2).min(threads),
        _ if took_ns > BATCH_NS => (size / 2).max(threads),
        _ if took_ns < BATCH_NS / 2 => (size * 2).min(BATCH_MAX.max(threads)),
        _ => size,
    }
}

/// Runs `work` on each item, several at a time, and hands the results to `done` in the order of the items. Others run after each
/// batch, whose size is as long as it may take.
pub async fn each<I: Send, R: Send>(
    cx: &Context<'_>,
    mut items: impl Iterator<Item = I>,
    work: impl Fn(I) -> Result<R, KernelError> + Sync,
    mut done: impl FnMut(R),
) -> Result<(), Fault> {
    let team = Helped { cx, threads: cx.threads() };
    let mut size = BATCH_FIRST;
    loop {
        let batch: Vec<I> = items.by_ref().take(size).collect();
        if batch.is_empty() {
            return Ok(());
        }
        let begun = cx.now_ns();
        let results = morsel::each(&team, batch, &work).map_err(fault)?;
        let took = cx.now_ns().saturating_sub(begun);
        results.into_iter().for_each(&mut done);
        size = next_size(size, team.threads, took);
        cx.yield_if_due().await?;
    }
}

/// Runs `work` on each item, several at a time, and lets nobody else run meanwhile: for what is short.
pub fn together<I: Send>(
    cx: &Context<'_>,
    items: impl IntoIterator<Item = I>,
    work: impl Fn(I) -> Result<(), KernelError> + Sync,
) -> Result<(), Fault> {
    morsel::each(&Helped { cx, threads: cx.threads() }, items, work).map(drop).map_err(fault)
}

/// Room to fill, in pieces that different threads may have.
pub trait Fill<T: Item> {
    /// All of it at once.
    fn whole(&mut self) -> &mut [T];
    /// Elements.
    fn count(&self) -> usize;
    /// Its morsels, with the flat indices of each.
    fn morsels(&mut self) -> impl Iterator<Item = (Range<usize>, Part<'_, T>)>;
}

/// A morsel of room.
pub enum Part<'a, T> {
    /// Of memory that is as it is.
    Plain(&'a mut [T]),
    /// Of an array under construction, zeroed by whoever fills it.
    Late(Piece<'a, T>),
}

impl<'a, T: Item> Part<'a, T> {
    /// Its elements.
    pub fn ready(self) -> &'a mut [T] {
        match self {
            Part::Plain(room) => room,
            Part::Late(piece) => piece.ready(),
        }
    }
}

impl<T: Item> Fill<T> for [T] {
    fn whole(&mut self) -> &mut [T] {
        self
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn morsels(&mut self) -> impl Iterator<Item = (Range<usize>, Part<'_, T>)> {
        morsel::outputs(self).map(|(range, room)| (range, Part::Plain(room)))
    }
}

impl<T: Item> Fill<T> for Vec<T> {
    fn whole(&mut self) -> &mut [T] {
        self
    }
    fn count(&self) -> usize {
        self.len()
    }
    fn morsels(&mut self) -> impl Iterator<Item = (Range<usize>, Part<'_, T>)> {
        self[..].morsels()
    }
}

impl<T: Item> Fill<T> for Fresh<T> {
    fn whole(&mut self) -> &mut [T] {
        self
    }
    fn count(&self) -> usize {
        self.size()
    }
    fn morsels(&mut self) -> impl Iterator<Item = (Range<usize>, Part<'_, T>)> {
        self.pieces(morsel::ELEMENTS).map(|(range, piece)| (range, Part::Late(piece)))
    }
}

/// Fills room, morsels at a time.
pub async fn fill<T: Item>(
    cx: &Context<'_>,
    out: &mut (impl Fill<T> + ?Sized),
    work: impl Fn(Range<usize>, &mut [T]) -> Result<(), KernelError> + Sync,
) -> Result<(), Fault> {
    match out.count() {
        0 => Ok(()),
        count if count <= morsel::ELEMENTS => work(0..count, out.whole()).map_err(fault),
        _ => each(cx, out.morsels(), |(range, room)| work(range, room.ready()), |()| ()).await,
    }
}

/// New room for a shape, for a kernel that fills it in an order of its own: zeroed morsel by morsel, so that this holds nobody up.
pub async fn ready_room<T: Item>(cx: &Context<'_>, shape: &[usize]) -> Result<Fresh<T>, Fault> {
    let mut out = room::<T>(cx, shape)?;
    fill(cx, &mut out, |_, _| Ok(())).await?;
    Ok(out)
}

/// The worker and the threads that help it.
struct Helped<'a> {
    cx: &'a Context<'a>,
    threads: usize,
}

impl Team for Helped<'_> {
    fn threads(&self) -> usize {
        self.threads
    }
    fn run(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        match count {
            1 => piece(0),
            _ => self.cx.together(count, piece),
        }
    }
}

/// Runs a stepwise kernel to its end.
pub async fn steps(cx: &Context<'_>, mut kernel: impl Stepwise) -> Result<(), Fault> {
    drive(cx, &mut kernel).await
}

/// As `steps`, for a kernel that is asked afterwards what it found.
pub async fn drive(cx: &Context<'_>, kernel: &mut impl Stepwise) -> Result<(), Fault> {
    let team = Helped { cx, threads: cx.threads() };
    while kernel.step_with(&team).map_err(fault)? == Step::More {
        cx.yield_if_due().await?;
    }
    Ok(())
}

/// New room for a shape.
pub fn room<T: Item>(cx: &Context<'_>, shape: &[usize]) -> Result<Fresh<T>, Fault> {
    cx.symbols().fresh(shape)
}

/// The array in another dtype; itself when that is its own.
pub async fn cast_to(cx: &Context<'_>, array: &Array, to: Dtype) -> Result<Array, Fault> {
    if array.dtype() == to {
        return Ok(array.clone());
    }
    let none = || Err(not_implemented("cast", &[array.dtype(), to]));
    with_dtype!(kernel_dtype(to), B => {
        with_dtype!(kernel_dtype(array.dtype()), A => cast_pair::<A, B>(cx, array).await, else => none())
    }, else => none())
}

async fn cast_pair<A: Item + CastTo<B>, B: Item + Element>(
    cx: &Context<'_>,
    array: &Array,
) -> Result<Array, Fault> {
    let from = view::<A>(array)?;
    let mut out = room::<B>(cx, array.shape())?;
    fill(cx, &mut out, |range, out| cast(&from, range, out)).await?;
    Ok(out.done())
}

/// One value as an array of rank 0, which broadcasts to any shape.
pub fn constant(cx: &Context<'_>, value: &Scalar, dtype: Dtype) -> Result<Array, Fault> {
    let value = value.cast(dtype).ok_or_else(|| bad(format!("{} is no {dtype}", value.plain())))?;
    with_dtype!(kernel_dtype(dtype), T => {
        let mut out = room::<T>(cx, &[])?;
        out[0] = windlass::array::Value::from_scalar(&value).unwrap_or_default();
        Ok(out.done())
    }, else => Err(not_implemented("constant", &[dtype])))
}

/// A copy without gaps.
pub async fn copied(cx: &Context<'_>, array: &Array) -> Result<Array, Fault> {
    with_dtype!(kernel_dtype(array.dtype()), T => Ok(copied_as::<T>(cx, array).await?.done()),
        else => Err(not_implemented("copy", &[array.dtype()])))
}

/// A copy without gaps, to be changed.
pub async fn copied_as<T: Item + Element>(cx: &Context<'_>, array: &Array) -> Result<Fresh<T>, Fault> {
    let from = view::<T>(array)?;
    let mut out = room::<T>(cx, array.shape())?;
    fill(cx, &mut out, |range, out| from.copy(range, out)).await?;
    Ok(out)
}

/// Lengths that callers gave, as lengths.
pub fn lengths(given: &[i64]) -> Result<Vec<usize>, Fault> {
    let length = |&one: &i64| usize::try_from(one).map_err(|_| bad(format!("{given:?} is no shape")));
    given.iter().map(length).collect()
}

/// Axes that callers gave, negative from the end, as a set; none = all.
pub fn axes(given: &[i64], rank: usize) -> Result<u8, Fault> {
    if given.is_empty() {
        return Ok(((1u16 << rank) - 1) as u8);
    }
    let mut set = 0u8;
    for &axis in given {
        set |= 1 << self::axis(axis, rank)?;
    }
    Ok(set)
}

/// An axis, negative from the end.
pub fn axis(given: i64, rank: usize) -> Result<usize, Fault> {
    let from_start = if given < 0 { given.saturating_add(rank as i64) } else { given };
    usize::try_from(from_start)
        .ok()
        .filter(|axis| *axis < rank)
        .ok_or_else(|| bad(format!("axis {given} is outside of rank {rank}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of morsels that take `morsel_ns` each, of which `helping` run at a time; the last size, and the longest batch
    /// after the first few.
    fn settled(threads: usize, helping: u64, morsel_ns: u64) -> (usize, u64) {
        let (mut size, mut longest) = (BATCH_FIRST, 0);
        for turn in 0..64 {
            let took = (size as u64).div_ceil(helping) * morsel_ns;
            longest = if turn < 16 { 0 } else { took.max(longest) };
            size = next_size(size, threads, took);
        }
        (size, longest)
    }

    #[test]
    fn slow_morsels_still_come_one_for_each_thread() {
        assert_eq!(settled(2, 2, 800_000), (2, 800_000));
        assert_eq!(settled(8, 8, 800_000), (8, 800_000));
    }

    #[test]
    fn quick_morsels_fill_half_a_quantum_and_no_more() {
        for threads in [1, 2, 8] {
            let (size, longest) = settled(threads, threads as u64, 10_000);
            assert!(
                size >= threads && longest > BATCH_NS / 4 && longest <= BATCH_NS,
                "{threads}: {size}, {longest}"
            );
        }
    }

    #[test]
    fn where_nobody_helps_a_batch_holds_the_worker_little_longer_than_it_may() {
        for threads in [2, 8, 64] {
            let (_, longest) = settled(threads, 1, 800_000);
            assert!(longest <= 2 * BATCH_LONG_NS, "{threads}: {longest}");
        }
    }
}
