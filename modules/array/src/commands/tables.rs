//! Tables: rows of many columns by one array of indices, rows of two tables that meet within a window of time, and sums of sparse rows.

use super::shape::joined;
use super::strings::created;
use crate::work::{
    bad, cast_to, copied_as, drive, fault, fill, kernel_dtype, not_implemented, our_dtype, ready_room, room, view,
};
use windlass::prelude::*;
use windlass_kernels::group::{GroupBy, segmented};
use windlass_kernels::index::{self, Negative};
use windlass_kernels::reduce::Sum;
use windlass_kernels::sort::Keys;
use windlass_kernels::{Number, promote, with_dtype};

/// Most columns of one call.
const COLUMNS_MAX: usize = 4096;

/// Tables.
pub struct Tables;

/// Rows of tables: by index, joined within a window of time, and sparse ones added.
#[module(name = "array_tables", export = false, stateless)]
impl Tables {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The rows that `idx_name` picks from each column, as `class+column+what was created`.
    ///
    /// A column is `class+column+names`; the classes with one array are indexed as it is, `Strings` by string, `Categorical` by code and given
    /// as strings, and `SegArray` by segment.
    #[method(standard, name = "dataframe_idx")]
    async fn rows(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Vec<String>, Fault> {
        let picks = cast_to(cx, &given.array(cx, "idx_name")?, Dtype::Int64).await?;
        let columns = given.texts("columns")?;
        if columns.len() > COLUMNS_MAX {
            return Err(bad(format!("{} columns; {COLUMNS_MAX} at most are taken", columns.len())));
        }
        let mut said = Vec::with_capacity(columns.len());
        for column in &columns {
            said.push(row_of(cx, column, &picks).await?);
        }
        Ok(said)
    }

    /// The pairs of rows whose keys are equal and whose times agree: any (`pred` 0), at most `dt` apart (1), or the second at most `dt`
    /// later (2); the first `resLimit` pairs, as rows of one table and of the other.
    ///
    /// The keys of the second table come grouped: `g2keys` ascend, and `g2seg` says where the rows of each begin in `g2perm`.
    #[method(standard, name = "joinEqWithDT")]
    async fn join_within(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let join = Join {
            times: (column(cx, given, "t1").await?, column(cx, given, "t2").await?),
            keys: column(cx, given, "g2keys").await?,
            starts: column(cx, given, "g2seg").await?,
            permutation: column(cx, given, "g2perm").await?,
            within: Within::of(given.scalar("pred")?, given.scalar("dt")?)?,
        };
        let asked = column(cx, given, "a1").await?;
        if asked.len() != join.times.0.len() {
            return Err(bad("a1 and t1 must be same size"));
        }
        if join.times.1.len() != join.permutation.len() || join.keys.len() != join.starts.len() {
            return Err(bad("t2 and g2perm, or g2keys and g2seg, do not belong together"));
        }
        let most = usize::try_from(given.scalar::<i64>("resLimit")?).map_err(|_| bad("resLimit is below 0"))?;
        let mut count = 0;
        for (row, &key) in asked.iter().enumerate() {
            count = join
                .pairs(row, key)?
                .try_fold(count, |count, _| (count < most).then_some(count + 1))
                .unwrap_or(most);
            if count >= most {
                break;
            }
            cx.yield_if_due().await?;
        }
        let (mut left, mut right) = (room::<i64>(cx, &[count])?, room::<i64>(cx, &[count])?);
        let mut at = 0;
        for (row, &key) in asked.iter().enumerate() {
            if at == count {
                break;
            }
            for other in join.pairs(row, key)?.take(count - at) {
                (left[at], right[at]) = (row as i64, other);
                at += 1;
            }
            cx.yield_if_due().await?;
        }
        Ok(format!("{}+{}", told(cx, &left.done())?, told(cx, &right.done())?))
    }

    /// The sum of two sparse rows: the indices of both, ascending, and for each its value, or the sum of its values.
    #[method(standard, name = "sparseSumHelp")]
    async fn sparse_sum(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let indices = together(cx, given, "idx1", "idx2").await?;
        let values = together(cx, given, "val1", "val2").await?;
        if indices.dtype() != Dtype::Int64 || indices.size() != values.size() {
            return Err(bad(format!(
                "{} indices of {} for {} values",
                indices.size(),
                indices.dtype(),
                values.size()
            )));
        }
        let from = view::<i64>(&indices)?;
        let mut permutation = ready_room::<i64>(cx, &[from.elements()]).await?;
        let mut starts = Vec::new();
        if from.elements() > 0 {
            let mut grouping = GroupBy::new(vec![&from as &dyn Keys], &mut permutation[..]).map_err(fault)?;
            drive(cx, &mut grouping).await?;
            starts = grouping.into_starts();
        }
        let mut found = room::<i64>(cx, &[starts.len()])?;
        fill(cx, &mut found, |range, out| {
            for (out, &start) in out.iter_mut().zip(&starts[range]) {
                *out = from.get(permutation[start as usize] as usize).unwrap_or_default();
            }
            Ok(())
        })
        .await?;
        let sums = with_dtype!(numbers kernel_dtype(values.dtype()), T => {
            let memory = view::<T>(&values)?;
            let memory = memory.as_slice().ok_or_else(|| bad("values with gaps"))?;
            let mut out = room::<<T as Number>::Wide>(cx, &[starts.len()])?;
            fill(cx, &mut out, |range, out| segmented(Sum, memory, (&permutation[..], &starts[..]), range, out)).await?;
            cast_to(cx, &out.done(), values.dtype()).await
        }, else => Err(not_implemented("sparseSumHelp", &[values.dtype()])))?;
        Ok(format!("{}+{}", told(cx, &found.done())?, told(cx, &sums)?))
    }
}

/// Two arrays of rank 1 one after another, in a dtype that holds both.
async fn together(cx: &Context<'_>, given: &Given, first: &str, second: &str) -> Result<Array, Fault> {
    let (a, b) = (given.array(cx, first)?, given.array(cx, second)?);
    let common = promote(kernel_dtype(a.dtype()), kernel_dtype(b.dtype())).map(our_dtype);
    let common = common.ok_or_else(|| not_implemented("sparseSumHelp", &[a.dtype(), b.dtype()]))?;
    joined(cx, &[cast_to(cx, &a, common).await?, cast_to(cx, &b, common).await?], 0).await
}

async fn column(cx: &Context<'_>, given: &Given, key: &str) -> Result<Fresh<i64>, Fault> {
    copied_as::<i64>(cx, &given.array(cx, key)?).await
}

/// A new array as the ancestor tells it.
fn told(cx: &Context<'_>, array: &Array) -> Result<String, Fault> {
    let name = cx.symbols().insert(array.clone())?;
    let shape: Vec<String> = array.shape().iter().map(usize::to_string).collect();
    let (dtype, size, rank, shape) = (array.dtype(), array.size(), array.ndim(), shape.join(","));
    Ok(format!("created {name} {dtype} {size} {rank} [{shape}] {}", dtype.itemsize().unwrap_or(0)))
}

async fn row_of(cx: &Context<'_>, column: &str, picks: &Array) -> Result<String, Fault> {
    let parts: Vec<&str> = column.split('+').collect();
    let made = match parts[..] {
        ["pdarray" | "IPv4" | "Fields" | "Datetime" | "BitVector", _, name] => {
            told(cx, &gathered(cx, &cx.symbols().array(name)?, picks).await?)?
        }
        ["Strings", _, name] => strings(cx, &cx.symbols().strings(name)?, picks)?,
        ["Categorical", label, codes, categories] => {
            let codes = gathered(cx, &cx.symbols().array(codes)?, picks).await?;
            let codes = cast_to(cx, &codes, Dtype::Int64).await?;
            return Ok(format!("Strings+{label}+{}", strings(cx, &cx.symbols().strings(categories)?, &codes)?));
        }
        ["SegArray", _, starts, values] => {
            segments(cx, &cx.symbols().array(starts)?, &cx.symbols().array(values)?, picks).await?
        }
        _ => return Err(bad(format!("{column:?} is no column of a table"))),
    };
    Ok(format!("{}+{}+{made}", parts[0], parts[1]))
}

async fn gathered(cx: &Context<'_>, array: &Array, picks: &Array) -> Result<Array, Fault> {
    with_dtype!(kernel_dtype(array.dtype()), T => {
        let whole = copied_as::<T>(cx, array).await?;
        let at = view::<i64>(picks)?;
        let mut out = room::<T>(cx, picks.shape())?;
        fill(cx, &mut out, |range, out| index::gather(&whole, &at, Negative::FromEnd, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("dataframe_idx", &[array.dtype()])))
}

fn strings(cx: &Context<'_>, all: &Strings, picks: &Array) -> Result<String, Fault> {
    let places = view::<i64>(picks)?.to_vec();
    let place = |&at: &i64| {
        let from_start = if at < 0 { at.saturating_add(all.len() as i64) } else { at };
        let place = usize::try_from(from_start).ok().filter(|at| *at < all.len());
        place.ok_or_else(|| bad(format!("index {at} is outside of {} strings", all.len())))
    };
    let places: Vec<usize> = places.iter().map(place).collect::<Result<_, _>>()?;
    created(cx, places.len(), |at| all.get(places[at]).unwrap_or_default())
}

/// The segments that are picked, one after another.
async fn segments(cx: &Context<'_>, starts: &Array, values: &Array, picks: &Array) -> Result<String, Fault> {
    let starts = view::<i64>(starts)?.to_vec();
    let size = values.size() as i64;
    let mut places = Vec::new();
    let mut begins = room::<i64>(cx, &[picks.size()])?;
    for (begin, at) in begins.iter_mut().zip(view::<i64>(picks)?.to_vec()) {
        let segment = usize::try_from(if at < 0 { at.saturating_add(starts.len() as i64) } else { at }).ok();
        let from = segment.and_then(|segment| starts.get(segment).copied());
        let to = segment.and_then(|segment| starts.get(segment + 1).copied()).unwrap_or(size);
        let from = from.filter(|from| (0..=to).contains(from) && to <= size);
        let from = from.ok_or_else(|| bad(format!("index {at} is no segment of {}", starts.len())))?;
        *begin = places.len() as i64;
        places.extend(from..to);
        cx.yield_if_due().await?;
    }
    let places = cx.symbols().array_of(&places)?;
    let rows = gathered(cx, values, &places).await?;
    Ok(format!("{}+{}", told(cx, &begins.done())?, told(cx, &rows)?))
}

/// Which pairs of times agree.
#[derive(Clone, Copy)]
enum Within {
    Any,
    Apart(u64),
    Later(u64),
}

impl Within {
    fn of(predicate: i64, window: i64) -> Result<Self, Fault> {
        // No times are less than nothing apart.
        let window = u64::try_from(window).map_err(|_| bad(format!("a window of {window}")));
        match predicate {
            0 => Ok(Self::Any),
            1 => Ok(Self::Apart(window?)),
            2 => Ok(Self::Later(window?)),
            other => Err(bad(format!("{other} is no predicate; 0, 1 and 2 are"))),
        }
    }

    fn holds(self, first: i64, second: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Apart(window) => first.abs_diff(second) <= window,
            Self::Later(window) => first <= second && first.abs_diff(second) <= window,
        }
    }
}

/// The second table of a join, and when rows meet.
struct Join {
    times: (Fresh<i64>, Fresh<i64>),
    keys: Fresh<i64>,
    starts: Fresh<i64>,
    permutation: Fresh<i64>,
    within: Within,
}

impl Join {
    /// The rows of the second table that `row` of the first, whose key is `key`, meets.
    fn pairs(&self, row: usize, key: i64) -> Result<impl Iterator<Item = i64> + '_, Fault> {
        let group = self.keys.binary_search(&key).ok();
        let rows = match group {
            None => &[][..],
            Some(group) => {
                let end = self.starts.get(group + 1).copied().unwrap_or(self.permutation.len() as i64);
                let range = usize::try_from(self.starts[group]).ok().zip(usize::try_from(end).ok());
                let rows = range.and_then(|(from, to)| self.permutation.get(from..to));
                rows.ok_or_else(|| bad(format!("group {group} is outside of {} rows", self.permutation.len())))?
            }
        };
        let outside = rows.iter().find(|at| !(0..self.times.1.len() as i64).contains(*at));
        if let Some(outside) = outside {
            return Err(bad(format!("row {outside} is outside of {}", self.times.1.len())));
        }
        let first = self.times.0[row];
        Ok(rows.iter().copied().filter(move |&at| self.within.holds(first, self.times.1[at as usize])))
    }
}
