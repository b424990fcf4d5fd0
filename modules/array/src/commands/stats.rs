//! Statistics: quantiles, histograms, covariance and correlation, the least and greatest few, closeness.
//!
//! Holds: quantiles are NumPy's, by its methods; histograms have bins of one width of which the last holds its upper edge; NaN is in no
//! bin and is not among the least or greatest few.
//! Not here: means and variances (`reduce.rs`).

use crate::work::{
    axes, bad, cast_to, copied_as, fault, fill, kernel_dtype, not_implemented, ready_room, room, steps, view,
};
use windlass::prelude::*;
use windlass_kernels::elementwise::compare::is_close;
use windlass_kernels::reduce::{fan_in, line};
use windlass_kernels::sort::{ArgSort, Direction, SortValues};
use windlass_kernels::stats::{Bins, Pairs, Quantile, histogram_dd, quantile};
use windlass_kernels::{View, morsel, with_dtype};

/// Most coordinates of a histogram.
const COORDINATES_MAX: usize = 32;

/// Statistics.
pub struct Stats;

/// Quantiles, histograms, covariance, correlation, the least and greatest few, closeness.
#[module(name = "array_stats", export = false, stateless)]
impl Stats {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The quantile `q` of all elements.
    #[method(each(T in Numeric, n in Rank), standard)]
    async fn quantile_scalar_no_axis(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<f64, Fault> {
        let array = given.array(cx, "a")?;
        let all = axes(&[], array.ndim())?;
        let found = quantiles(cx, given, &array, &[given.scalar::<f64>("q")?], all).await?;
        found.first().copied().ok_or_else(|| bad("no quantile was asked for"))
    }

    /// The quantiles of all elements, one for each of `q`.
    #[method(each(T in Numeric, n in Rank, m in Rank), standard)]
    async fn quantile_array_no_axis(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (array, wanted) = (given.array(cx, "a")?, given.array(cx, "q")?);
        let all = axes(&[], array.ndim())?;
        let found = quantiles(cx, given, &array, &shares(cx, &wanted).await?, all).await?;
        shaped(found, wanted.shape())
    }

    /// The quantile `q` along axes, which are kept with length 1.
    #[method(each(T in Numeric, n in Rank), standard)]
    async fn quantile_scalar_with_axis(
        cx: &Context<'_>,
        _command: &Called,
        given: &Given,
    ) -> Result<Array, Fault> {
        let array = given.array(cx, "a")?;
        let set = axes(&given.list::<i64>("axis")?, array.ndim())?;
        let found = quantiles(cx, given, &array, &[given.scalar::<f64>("q")?], set).await?;
        shaped(found, &kept(array.shape(), set))
    }

    /// The quantiles along axes, which are kept with length 1, one for each of `q`, whose axes come first.
    #[method(each(T in Numeric, n in Rank, m in Rank), standard)]
    async fn quantile_array_with_axis(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (array, wanted) = (given.array(cx, "a")?, given.array(cx, "q")?);
        let set = axes(&given.list::<i64>("axis")?, array.ndim())?;
        let found = quantiles(cx, given, &array, &shares(cx, &wanted).await?, set).await?;
        shaped(found, &[wanted.shape(), &kept(array.shape(), set)].concat())
    }

    /// The covariance of pairs, as of a sample.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard)]
    async fn cov(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<f64, Fault> {
        Ok(pairs(cx, given).await?.covariance(1.0))
    }

    /// Pearson's correlation of pairs; NaN where a side does not vary.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard)]
    async fn corr(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<f64, Fault> {
        Ok(pairs(cx, given).await?.correlation())
    }

    /// Whether all pairs are within `atol + rtol |b|` of one another.
    #[method(each(T in Element, n in Rank, U in Element, m in Rank), standard)]
    async fn allclose(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<bool, Fault> {
        let (a, b) = (given.array(cx, "a")?, given.array(cx, "b")?);
        if a.shape() != b.shape() {
            return Err(bad(format!("arrays of shapes {:?} and {:?} are not compared", a.shape(), b.shape())));
        }
        let within = (given.scalar("rtol")?, given.scalar("atol")?, given.scalar("equal_nan")?);
        let (a, b) = (cast_to(cx, &a, Dtype::Float64).await?, cast_to(cx, &b, Dtype::Float64).await?);
        let (a, b) = (view::<f64>(&a)?, view::<f64>(&b)?);
        let mut close = vec![false; morsel::ELEMENTS.min(a.elements())];
        for range in morsel::split(a.elements()) {
            let close = &mut close[..range.len()];
            is_close(&a, &b, within, range, close).map_err(fault)?;
            if close.contains(&false) {
                return Ok(false);
            }
            cx.yield_if_due().await?;
        }
        Ok(true)
    }

    /// How many elements are in each of `bins` bins between two bounds.
    #[method(standard)]
    async fn histogram(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let bins = bins(given.scalar("minVal")?, given.scalar("maxVal")?, given.scalar("bins")?)?;
        counted(cx, &[given.array(cx, "array")?], &[bins]).await
    }

    /// How many points are in each cell of a grid, as float64, in one row.
    #[method(standard, name = "histogram2D")]
    async fn histogram_2d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let x = bins(given.scalar("xMin")?, given.scalar("xMax")?, given.scalar("xBins")?)?;
        let y = bins(given.scalar("yMin")?, given.scalar("yMax")?, given.scalar("yBins")?)?;
        let found = counted(cx, &[given.array(cx, "x")?, given.array(cx, "y")?], &[x, y]).await?;
        cast_to(cx, &found, Dtype::Float64).await
    }

    /// How many points of several coordinates are in each cell of a grid, as float64, in one row.
    #[method(standard, name = "histogramdD")]
    async fn histogram_dd(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let names = given.texts("sample")?;
        if names.is_empty() || names.len() > COORDINATES_MAX {
            return Err(bad(format!("{} coordinates; 1 to {COORDINATES_MAX} are taken", names.len())));
        }
        let arrays: Vec<Array> = names.iter().map(|name| cx.symbols().array(name)).collect::<Result<_, _>>()?;
        let (low, high) =
            (given.tuple::<f64>("rangeMin", names.len())?, given.tuple::<f64>("rangeMax", names.len())?);
        let count = given.tuple::<i64>("bins", names.len())?;
        let grid: Vec<Bins> =
            (0..names.len()).map(|at| bins(low[at], high[at], count[at])).collect::<Result<_, _>>()?;
        let found = counted(cx, &arrays, &grid).await?;
        cast_to(cx, &found, Dtype::Float64).await
    }

    /// The `k` least elements, ascending, or where they stand; NaN is not among them.
    #[method(standard)]
    async fn mink(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        extremes(cx, given, false).await
    }

    /// The `k` greatest elements, ascending, or where they stand; NaN is not among them.
    #[method(standard)]
    async fn maxk(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        extremes(cx, given, true).await
    }
}

/// The quantiles that are asked for.
async fn shares(cx: &Context<'_>, wanted: &Array) -> Result<Fresh<f64>, Fault> {
    copied_as::<f64>(cx, &cast_to(cx, wanted, Dtype::Float64).await?).await
}

/// A shape with the axes of a set of length 1.
fn kept(shape: &[usize], set: u8) -> Vec<usize> {
    shape.iter().enumerate().map(|(axis, &length)| if set >> axis & 1 == 1 { 1 } else { length }).collect()
}

fn shaped(found: Fresh<f64>, shape: &[usize]) -> Result<Array, Fault> {
    let row = windlass::array::row_major(shape);
    found.done().view_as(shape, &row, 0).map_err(|error| bad(error.to_string()))
}

/// The quantiles along a set of axes, those of the first share first. Cost: a sort of each line.
async fn quantiles(
    cx: &Context<'_>,
    given: &Given,
    array: &Array,
    wanted: &[f64],
    set: u8,
) -> Result<Fresh<f64>, Fault> {
    let name = given.text("method")?;
    let method = Quantile::ALL.into_iter().find(|(_, known)| *known == name);
    let (method, _) = method.ok_or_else(|| bad(format!("{name:?} is no method of quantiles")))?;
    let array = cast_to(cx, array, Dtype::Float64).await?;
    let from = view::<f64>(&array)?;
    let each = fan_in(from.shape(), set);
    let lines: usize = kept(array.shape(), set).iter().product();
    let size = wanted.len().checked_mul(lines).ok_or_else(|| bad("more quantiles than memory"))?;
    let mut out = room::<f64>(cx, &[size])?;
    let mut sorted = room::<f64>(cx, &[each])?;
    for k in 0..lines {
        let line = line(&from, set, k).map_err(fault)?;
        steps(cx, SortValues::new(line, &mut sorted[..]).map_err(fault)?).await?;
        for (at, &share) in wanted.iter().enumerate() {
            out[at * lines + k] = quantile(method, &sorted, share).map_err(fault)?;
        }
        cx.yield_if_due().await?;
    }
    Ok(out)
}

async fn pairs(cx: &Context<'_>, given: &Given) -> Result<Pairs, Fault> {
    let (x, y) = (given.array(cx, "x")?, given.array(cx, "y")?);
    let (x, y) = (cast_to(cx, &x, Dtype::Float64).await?, cast_to(cx, &y, Dtype::Float64).await?);
    let (x, y) = (view::<f64>(&x)?, view::<f64>(&y)?);
    if x.shape() != y.shape() {
        return Err(bad("x and y must have the same shape"));
    }
    let mut all = Pairs::default();
    for range in morsel::split(x.elements()) {
        all = all.with(&Pairs::partial(&x, &y, range).map_err(fault)?);
        cx.yield_if_due().await?;
    }
    Ok(all)
}

fn bins(low: f64, high: f64, count: i64) -> Result<Bins, Fault> {
    let count = usize::try_from(count).map_err(|_| bad(format!("{count} bins")))?;
    Bins::new(low, high, count).map_err(fault)
}

/// How many points are in each cell, row-major.
async fn counted(cx: &Context<'_>, arrays: &[Array], grid: &[Bins]) -> Result<Array, Fault> {
    let cells = grid.iter().try_fold(1usize, |all, bins| all.checked_mul(bins.count()));
    let mut out = room::<i64>(cx, &[cells.ok_or_else(|| bad("more cells than memory"))?])?;
    let first = arrays.first().map_or(Dtype::Float64, Array::dtype);
    let dtype = if arrays.iter().all(|array| array.dtype() == first) { first } else { Dtype::Float64 };
    let mut points = Vec::with_capacity(arrays.len());
    for array in arrays {
        points.push(cast_to(cx, array, dtype).await?);
    }
    with_dtype!(numbers kernel_dtype(dtype), T => {
        let views: Vec<View<'_, T>> = points.iter().map(view::<T>).collect::<Result<_, _>>()?;
        let axes: Vec<(&Bins, &View<'_, T>)> = grid.iter().zip(&views).collect();
        for range in morsel::split(views.first().map_or(0, View::elements)) {
            histogram_dd(&axes, range, &mut out).map_err(fault)?;
            cx.yield_if_due().await?;
        }
        Ok(out.done())
    }, else => Err(not_implemented("histogram", &[dtype])))
}

/// The first or last places of the order of an array.
async fn extremes(cx: &Context<'_>, given: &Given, greatest: bool) -> Result<Array, Fault> {
    let array = given.array(cx, "array")?;
    let k = given.scalar::<i64>("k")?;
    let k = usize::try_from(k)
        .ok()
        .filter(|k| *k > 0)
        .ok_or_else(|| bad(format!("k must be 1 or greater, not {k}")))?;
    let places = given.scalar::<bool>("rtnInd")?;
    with_dtype!(numbers kernel_dtype(array.dtype()), T => {
        let from = view::<T>(&array)?;
        let mut order = ready_room::<i64>(cx, &[from.elements()]).await?;
        steps(cx, ArgSort::new(&from, Direction::Ascending, &mut order[..]).map_err(fault)?).await?;
        // NaN stands last, so what is a number ends where the first NaN of the order is.
        let is_number = |at: &i64| from.get(*at as usize).is_some_and(|value| !windlass_kernels::Element::is_nan(value));
        let numbers = order.partition_point(is_number);
        let taken = if greatest { numbers.saturating_sub(k)..numbers } else { 0..k.min(numbers) };
        let taken = &order[taken];
        if places {
            return cx.symbols().array_of(taken);
        }
        let mut out = room::<T>(cx, &[taken.len()])?;
        fill(cx, &mut out, |range, out| {
            for (out, at) in out.iter_mut().zip(&taken[range]) {
                *out = from.get(*at as usize).unwrap_or_default();
            }
            Ok(())
        })
        .await?;
        Ok(out.done())
    }, else => Err(not_implemented(if greatest { "maxk" } else { "mink" }, &[array.dtype()])))
}
