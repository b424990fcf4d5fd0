//! Groups: rows of equal keys brought together, and what is made of each group.
//!
//! Holds: keys are arrays of rank 1 and of one length, or strings; the permutation is stable, and groups come in the order of their keys.

use super::bigint::is_big;
use super::bigint_group;
use crate::words::kept;
use crate::work::{
    bad, cast_to, copied, drive, each, fault, fill, kernel_dtype, not_implemented, ready_room, room, steps, view,
};
use windlass::prelude::*;
use windlass::symbols::Symbol;
use windlass_kernels::group::{
    End, GroupBy, Statistic, TextRanks, check_segments, counts, end_sizes, ends, order_statistic, parts_in_order,
};
use windlass_kernels::reduce::{
    All, Any, ArgMax, ArgMin, BitAnd, BitOr, BitXor, First, Max, Min, Moment, Prod, Reducer, SkipNan, Sum,
};
use windlass_kernels::search::Members;
use windlass_kernels::sort::{CoArgSort, Column, Keys, TextArgSort};
use windlass_kernels::{Element, KernelError, View, morsel, with_dtype};

/// Most columns of keys.
const COLUMNS_MAX: usize = 128;

/// Groups.
pub struct Group;

/// Rows of equal keys, and what is made of them.
#[module(name = "array_group", export = false, stateless)]
impl Group {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The permutation that sorts rows by several columns of keys, the first one first.
    #[method(standard)]
    async fn coargsort(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let columns = columns(cx, &given.texts("arr_names")?).await?;
        let rows = columns.first().map_or(0, |column| column.rows());
        let mut out = ready_room::<i64>(cx, &[rows]).await?;
        let keys: Vec<&dyn Keys> = columns.iter().map(|column| column as &dyn Keys).collect();
        steps(cx, CoArgSort::new(keys, &mut out[..]).map_err(fault)?).await?;
        Ok(out.done())
    }

    /// The groups of rows with equal keys: the permutation, where each begins, and the first row of each; or that alone.
    #[method(standard)]
    async fn unique(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let columns = columns(cx, &given.texts("keynames")?).await?;
        let rows = columns.first().map_or(0, |column| column.rows());
        let mut permutation = ready_room::<i64>(cx, &[rows]).await?;
        let mut starts = Vec::new();
        if rows > 0 {
            let keys: Vec<&dyn Keys> = columns.iter().map(|column| column as &dyn Keys).collect();
            let mut grouping = GroupBy::new(keys, &mut permutation[..]).map_err(fault)?;
            drive(cx, &mut grouping).await?;
            starts = grouping.into_starts();
        }
        let firsts: Vec<i64> =
            starts.iter().map(|&at| permutation.get(at as usize).copied().unwrap_or(0)).collect();
        let mut made = Vec::new();
        if given.scalar::<bool>("returnGroupStr")? {
            made.push(permutation.done());
            made.push(cx.symbols().array_of(&starts)?);
        }
        made.push(cx.symbols().array_of(&firsts)?);
        let mut said = Vec::new();
        for array in made {
            let name = cx.symbols().insert(array.clone())?;
            said.push(format!("created {name} {} {} 1 [{}] 8", array.dtype(), array.size(), array.size()));
        }
        Ok(said.join("+"))
    }

    /// A value of each group for each of its rows; with `permute`, where the rows stood before they were grouped.
    #[method(standard)]
    async fn gbbroadcast(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let starts = given.array(cx, "segName")?;
        let starts = view::<i64>(&starts)?.to_vec();
        let permute = given.scalar::<bool>("permute")?;
        // Without it callers name no permutation.
        let order = if permute { Some(view::<i64>(&given.array(cx, "permName")?)?.to_vec()) } else { None };
        let order = order.as_deref();
        let rows = usize::try_from(given.scalar::<i64>("size")?).map_err(|_| bad("size is below 0"))?;
        if is_big(cx, given.text("valName")?)? {
            return bigint_group::broadcast(cx, given.text("valName")?, &starts, order, rows).await;
        }
        let values = given.array(cx, "valName")?;
        if values.size() != starts.len() || order.is_some_and(|order| order.len() != rows) {
            return Err(bad(format!("{} values for {} groups of {rows} rows", values.size(), starts.len())));
        }
        with_dtype!(kernel_dtype(values.dtype()), T => {
            let mut out = ready_room::<T>(cx, &[rows]).await?;
            spread(cx, &starts, order, &view::<T>(&values)?.to_vec(), &mut out).await?;
            kept(cx, &out.done())
        }, else => Err(not_implemented("gbbroadcast", &[values.dtype()])))
    }

    /// Whether each element of `pda1` is one of `pda2`.
    #[method(standard)]
    async fn in1d(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (asked, among) = (given.array(cx, "pda1")?, given.array(cx, "pda2")?);
        let invert = given.scalar::<bool>("invert")?;
        let dtype = windlass_kernels::promote(kernel_dtype(asked.dtype()), kernel_dtype(among.dtype()));
        let dtype = dtype.map(crate::work::our_dtype).ok_or_else(|| bad("no dtype holds both"))?;
        let (asked, among) = (cast_to(cx, &asked, dtype).await?, cast_to(cx, &among, dtype).await?);
        with_dtype!(kernel_dtype(dtype), T => {
            let (asked, among) = (view::<T>(&asked)?, view::<T>(&among)?);
            let mut members = Members::new(&among).map_err(fault)?;
            drive(cx, &mut members).await?;
            let mut out = room::<bool>(cx, &[asked.elements()])?;
            fill(cx, &mut out, |range, part| {
                members.ask(&asked, range, part)?;
                part.iter_mut().for_each(|one| *one ^= invert);
                Ok(())
            })
            .await?;
            Ok(out.done())
        }, else => Err(not_implemented("in1d", &[dtype])))
    }

    /// How many rows each group has.
    #[method(standard, name = "sizeReduction")]
    fn size_reduction(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let segments = given.array(cx, "segments")?;
        let starts = view::<i64>(&segments)?.to_vec();
        let rows = usize::try_from(given.scalar::<i64>("size")?).map_err(|_| bad("size is below 0"))?;
        let mut out = room::<i64>(cx, &[starts.len()])?;
        counts(&starts, rows, 0..starts.len(), &mut out).map_err(fault)?;
        Ok(out.done())
    }

    /// The values of each group to one: `values` stand in the order of the groups, which begin at `segments`.
    #[method(standard, name = "segmentedReduction")]
    async fn segmented_reduction(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let starts = view::<i64>(&given.array(cx, "segments")?)?.to_vec();
        let op = given.text("op")?;
        if is_big(cx, given.text("values")?)? {
            return bigint_group::reduced(cx, given.text("values")?, &starts, op).await;
        }
        let values = given.array(cx, "values")?;
        let skip = given.scalar::<bool>("skip_nan")?;
        let ddof = if given.has("ddof") { given.scalar::<f64>("ddof")? } else { 1.0 };
        let whole = if values.is_whole() { values.clone() } else { copied(cx, &values).await? };
        if matches!(op, "head" | "tail") {
            let n = crate::words::count(given, "n")?;
            let end = if op == "head" { End::Head(n) } else { End::Tail(n) };
            return kept(cx, &kept_ends(cx, &whole, &starts, end).await?);
        }
        kept(cx, &reduced(cx, &whole, &starts, op, skip, ddof).await?)
    }
}

/// A value of each group for each of its rows; with `order`, where the rows stood before they were grouped.
pub(super) async fn spread<V: Clone>(
    cx: &Context<'_>,
    starts: &[i64],
    order: Option<&[i64]>,
    values: &[V],
    out: &mut [V],
) -> Result<(), Fault> {
    let rows = out.len();
    for (group, (&start, value)) in starts.iter().zip(values).enumerate() {
        let end = starts.get(group + 1).copied().unwrap_or(rows as i64);
        for from in (start..end).step_by(morsel::ELEMENTS) {
            for row in from..end.min(from.saturating_add(morsel::ELEMENTS as i64)) {
                let at = match order {
                    Some(order) => usize::try_from(row).ok().and_then(|row| order.get(row)).copied().unwrap_or(-1),
                    None => row,
                };
                let place = usize::try_from(at).ok().and_then(|at| out.get_mut(at));
                place.ok_or_else(|| bad(format!("row {at} is outside of {rows}")))?.clone_from(value);
            }
            cx.yield_if_due().await?;
        }
        if group % morsel::ELEMENTS == 0 {
            cx.yield_if_due().await?;
        }
    }
    Ok(())
}

/// Columns of keys by the names of arrays and strings.
async fn columns(cx: &Context<'_>, names: &[String]) -> Result<Vec<Column>, Fault> {
    if names.is_empty() || names.len() > COLUMNS_MAX {
        return Err(bad(format!("{} columns of keys; 1 to {COLUMNS_MAX} are taken", names.len())));
    }
    let mut columns: Vec<Column> = Vec::new();
    for name in names {
        // Strings are named with what follows a `+` in older messages.
        let name = name.split('+').next().unwrap_or(name);
        let column = match cx.symbols().get(name)? {
            Symbol::Array(array) if array.ndim() == 1 => with_dtype!(kernel_dtype(array.dtype()), T => {
                let keys = view::<T>(&array)?;
                let mut all = vec![0; array.size()];
                fill(cx, &mut all, |range, out| keys.fill(range, out)).await?;
                Ok(Column(all))
            }, else => Err(not_implemented("group by", &[array.dtype()])))?,
            Symbol::Array(array) => return Err(bad(format!("keys have rank 1, {name} has {}", array.ndim()))),
            Symbol::Strings(strings) => ranks(cx, &strings).await?,
            Symbol::Own(own) => return Err(bad(format!("{name} is a {}, and no key", own.class))),
        };
        if columns.first().is_some_and(|first| first.rows() != column.rows()) {
            return Err(bad(format!("{name} has {} rows, the first column others", column.rows())));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// The ranks of strings, as a column of keys.
pub(super) async fn ranks(cx: &Context<'_>, strings: &Strings) -> Result<Column, Fault> {
    let seen = windlass_kernels::strings::Strings::new(strings.offset_slice(), strings.byte_slice());
    let seen = seen.map_err(fault)?;
    let mut order = vec![0i64; seen.len()];
    steps(cx, TextArgSort::new(seen, &mut order).map_err(fault)?).await?;
    let mut ranks = TextRanks::new(seen, &order).map_err(fault)?;
    drive(cx, &mut ranks).await?;
    Ok(ranks.into_column().0)
}

async fn reduced(
    cx: &Context<'_>,
    values: &Array,
    starts: &[i64],
    op: &str,
    skip: bool,
    ddof: f64,
) -> Result<Array, Fault> {
    // Bools are added and multiplied as numbers, and have no order of their own in a kernel.
    let values = match (values.dtype(), op) {
        (Dtype::Bool, "sum" | "prod") => cast_to(cx, values, Dtype::Int64).await?,
        (Dtype::Bool, "min" | "max" | "argmin" | "argmax") => cast_to(cx, values, Dtype::UInt8).await?,
        _ => values.clone(),
    };
    let none = || not_implemented(&format!("segmented {op}"), &[values.dtype()]);

    with_dtype!(kernel_dtype(values.dtype()), T => {
        let from = view::<T>(&values)?;
        match op {
            "any" => plain(cx, Any, &from, starts).await,
            "all" => plain(cx, All, &from, starts).await,
            "first" => plain(cx, First, &from, starts).await,
            "nunique" => {
                let whole = ordered(cx, Statistic::Distinct, &from, starts).await?;
                cast_to(cx, &whole, Dtype::Int64).await
            }
            "count" => counted(cx, &from, starts, skip).await,
            "median" if skip => {
                let (rows, starts) = without_nan(cx, &from, starts).await?;
                statistic(cx, Statistic::Median, &from, (&rows, &starts)).await
            }
            "median" => ordered(cx, Statistic::Median, &from, starts).await,
            "mode" => {
                let rows = ordered(cx, Statistic::Mode, &from, starts).await?;
                let rows = view::<f64>(&rows)?.to_vec();
                let picked: Vec<T> = rows.iter().filter_map(|&row| from.get(row as usize)).collect();
                cx.symbols().array_of(&picked)
            }
            "mean" => moments(cx, Moment::MEAN, &from, starts, skip).await,
            "var" => moments(cx, Moment::variance(ddof), &from, starts, skip).await,
            "std" => moments(cx, Moment::deviation(ddof), &from, starts, skip).await,
            "or" | "and" | "xor" => bitwise(cx, &values, starts, op).await,
            _ => numbers(cx, &values, starts, op, skip).await,
        }
    }, else => Err(none()))
}

async fn numbers(cx: &Context<'_>, values: &Array, starts: &[i64], op: &str, skip: bool) -> Result<Array, Fault> {
    let none = || not_implemented(&format!("segmented {op}"), &[values.dtype()]);
    with_dtype!(numbers kernel_dtype(values.dtype()), T => {
        let from = view::<T>(values)?;
        match (op, skip) {
            ("sum", true) => plain(cx, SkipNan(Sum), &from, starts).await,
            ("sum", false) => plain(cx, Sum, &from, starts).await,
            ("prod", true) => plain(cx, SkipNan(Prod), &from, starts).await,
            ("prod", false) => plain(cx, Prod, &from, starts).await,
            ("min", true) => plain(cx, OrNan(SkipNan(Min)), &from, starts).await,
            ("min", false) => plain(cx, Min, &from, starts).await,
            ("max", true) => plain(cx, OrNan(SkipNan(Max)), &from, starts).await,
            ("max", false) => plain(cx, Max, &from, starts).await,
            ("argmin", _) => places(cx, ArgMin, &from, starts).await,
            ("argmax", _) => places(cx, ArgMax, &from, starts).await,
            _ => Err(none()),
        }
    }, else => Err(none()))
}

/// The rows as they stand: group `g` is the values from its start to the next.
fn in_order(count: usize) -> Vec<i64> {
    (0..count as i64).collect()
}

async fn plain<T: Element, R: Reducer<T, Out: Item>>(
    cx: &Context<'_>,
    reducer: R,
    values: &View<'_, T>,
    starts: &[i64],
) -> Result<Array, Fault> {
    let memory = values.as_slice().ok_or_else(|| bad("values with gaps"))?;
    check_segments(starts, memory.len()).map_err(fault)?;
    let mut out = room::<R::Out>(cx, &[starts.len()])?;
    // A group ends when the next begins: until then its parts are joined.
    let mut groups = out.iter_mut().enumerate();
    let mut acc = reducer.start();
    let mut open = groups.next();
    let mut failed = None;
    let mut end = |acc: &R::Acc, out: &mut R::Out| match reducer.finish(acc) {
        Ok(value) => *out = value,
        Err(error) => failed = failed.take().or(Some(error)),
    };
    let ranges = morsel::split(memory.len());
    each(
        cx,
        ranges,
        |range| parts_in_order(reducer, memory, starts, range),
        |parts| {
            for (group, part) in parts {
                while let Some((_, out)) = open.take_if(|(at, _)| *at < group) {
                    end(&acc, out);
                    acc = reducer.start();
                    open = groups.next();
                }
                reducer.merge(&mut acc, &part);
            }
        },
    )
    .await?;
    while let Some((_, out)) = open {
        end(&acc, out);
        acc = reducer.start();
        open = groups.next();
    }
    match failed {
        Some(error) => Err(fault(error)),
        None => Ok(out.done()),
    }
}

async fn moments<T: Element>(
    cx: &Context<'_>,
    moment: Moment,
    values: &View<'_, T>,
    starts: &[i64],
    skip: bool,
) -> Result<Array, Fault> {
    match skip {
        true => plain(cx, SkipNan(moment), values, starts).await,
        false => plain(cx, moment, values, starts).await,
    }
}

async fn places<T: Element, R: Reducer<T, Out = u64>>(
    cx: &Context<'_>,
    reducer: R,
    values: &View<'_, T>,
    starts: &[i64],
) -> Result<Array, Fault> {
    // Counted from where their groups begin.
    let inside = plain(cx, reducer, values, starts).await?;
    let inside = view::<u64>(&inside)?.to_vec();
    let places: Vec<i64> = inside.iter().zip(starts).map(|(&at, &start)| start + at as i64).collect();
    cx.symbols().array_of(&places)
}

async fn ordered<T: Element>(
    cx: &Context<'_>,
    what: Statistic,
    values: &View<'_, T>,
    starts: &[i64],
) -> Result<Array, Fault> {
    let rows = in_order(values.elements());
    statistic(cx, what, values, (&rows, starts)).await
}

async fn statistic<T: Element>(
    cx: &Context<'_>,
    what: Statistic,
    values: &View<'_, T>,
    (rows, starts): (&[i64], &[i64]),
) -> Result<Array, Fault> {
    let memory = values.as_slice().ok_or_else(|| bad("values with gaps"))?;
    let mut out = room::<f64>(cx, &[starts.len()])?;
    fill(cx, &mut out, |range, part| order_statistic(what, memory, (rows, starts), range, part)).await?;
    Ok(out.done())
}

/// A reduction whose result of no values is NaN, where the dtype has one.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrNan<R>(pub(super) R);

impl<T: Element + Item, R: Reducer<T, Out = T>> Reducer<T> for OrNan<R> {
    type Acc = R::Acc;
    type Out = T;
    fn start(&self) -> R::Acc {
        self.0.start()
    }
    fn push(&self, acc: &mut R::Acc, value: T, at: usize) {
        self.0.push(acc, value, at);
    }
    fn run(&self, acc: &mut R::Acc, values: &[T], at: usize) {
        self.0.run(acc, values, at);
    }
    fn merge(&self, acc: &mut R::Acc, next: &R::Acc) {
        self.0.merge(acc, next);
    }
    fn finish(&self, acc: &R::Acc) -> Result<T, KernelError> {
        match self.0.finish(acc) {
            Err(error @ KernelError::Empty { .. }) => {
                windlass::array::Value::from_scalar(&Scalar::Float64(f64::NAN)).ok_or(error)
            }
            other => other,
        }
    }
}

async fn bitwise(cx: &Context<'_>, values: &Array, starts: &[i64], op: &str) -> Result<Array, Fault> {
    // Of bools these are any, all and whether an odd number holds, which bits of 0 and 1 say as well.
    let bits =
        if values.dtype() == Dtype::Bool { cast_to(cx, values, Dtype::UInt8).await? } else { values.clone() };
    let whole = with_dtype!(integers kernel_dtype(bits.dtype()), T => {
        let from = view::<T>(&bits)?;
        match op {
            "or" => plain(cx, BitOr, &from, starts).await,
            "and" => plain(cx, BitAnd, &from, starts).await,
            _ => plain(cx, BitXor, &from, starts).await,
        }
    }, else => Err(not_implemented(&format!("segmented {op}"), &[values.dtype()])))?;
    // All bits of no values are set; of bools that is still true.
    cast_to(cx, &whole, values.dtype()).await
}

/// The rows that are not NaN, and where each group begins among them.
async fn without_nan<T: Element>(
    cx: &Context<'_>,
    values: &View<'_, T>,
    starts: &[i64],
) -> Result<(Vec<i64>, Vec<i64>), Fault> {
    let memory = values.as_slice().ok_or_else(|| bad("values with gaps"))?;
    let mut rows = Vec::with_capacity(memory.len());
    // How many there are before each row.
    let mut before = Vec::with_capacity(memory.len() + 1);
    for (at, value) in memory.iter().enumerate() {
        before.push(rows.len() as i64);
        if !value.is_nan() {
            rows.push(at as i64);
        }
        if at % 65_536 == 0 {
            cx.yield_if_due().await?;
        }
    }
    before.push(rows.len() as i64);
    let moved = |start: &i64| usize::try_from(*start).ok().and_then(|start| before.get(start).copied());
    let starts: Option<Vec<i64>> = starts.iter().map(moved).collect();
    Ok((rows, starts.ok_or_else(|| bad("a group begins outside of the values"))?))
}

/// How many values each group has; without NaN if asked.
async fn counted<T: Element>(
    cx: &Context<'_>,
    values: &View<'_, T>,
    starts: &[i64],
    skip: bool,
) -> Result<Array, Fault> {
    let (rows, starts) = match skip {
        true => without_nan(cx, values, starts).await?,
        false => (in_order(values.elements()), starts.to_vec()),
    };
    let mut out = room::<i64>(cx, &[starts.len()])?;
    counts(&starts, rows.len(), 0..starts.len(), &mut out).map_err(fault)?;
    Ok(out.done())
}

/// The values at one end of each group.
async fn kept_ends(cx: &Context<'_>, values: &Array, starts: &[i64], end: End) -> Result<Array, Fault> {
    let rows = in_order(values.size());
    let (_, all) = end_sizes(end, starts, rows.len()).map_err(fault)?;
    let mut places = vec![0; all];
    ends(end, &rows, starts, &mut places).map_err(fault)?;
    with_dtype!(kernel_dtype(values.dtype()), T => {
        let from = view::<T>(values)?;
        let mut out = room::<T>(cx, &[all])?;
        for (to, place) in out.iter_mut().zip(&places) {
            *to = from.get(*place as usize).unwrap_or_default();
        }
        cx.yield_if_due().await?;
        Ok(out.done())
    }, else => Err(not_implemented("segmented head", &[values.dtype()])))
}
