//! Groups by number: which group each row is in, and what the groups' values come to, without an order of the rows.
//!
//! Holds: groups are numbered in the order of their keys, as a permutation would have them; where keys are too many for that to be
//!   faster, the caller is told and asks for the permutation (`group`).

use super::group::{OrNan, ranks};
use crate::work::{bad, cast_to, drive, fault, kernel_dtype, not_implemented, our_dtype, ready_room, room, view};
use windlass::prelude::*;
use windlass::symbols::Symbol;
use windlass_kernels::group::{ByCode, Codes, Pairs, finish, first_rows};
use windlass_kernels::reduce::{
    All, Any, BitAnd, BitOr, BitXor, First, Max, Min, Moment, Prod, Reducer, SkipNan, Sum,
};
use windlass_kernels::sort::Keys;
use windlass_kernels::{Element, KernelError, View, morsel, with_dtype};

/// Most columns of keys.
const COLUMNS_MAX: usize = 128;

/// Groups by number.
pub struct ByKey;

/// Groups of rows by number, and what is made of them.
#[module(name = "array_by_key", export = false, stateless)]
impl ByKey {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The group number of each row and the first row of each group, in the order of keys; `many` where keys are so many that a
    /// permutation is faster (`unique`).
    #[method(standard, name = "groupNumbers")]
    async fn group_numbers(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let names = given.texts("keynames")?;
        if names.is_empty() || names.len() > COLUMNS_MAX {
            return Err(bad(format!("{} columns of keys; 1 to {COLUMNS_MAX} are taken", names.len())));
        }
        let mut numbers: Option<(Fresh<u32>, usize)> = None;
        for name in &names {
            let Some(next) = numbered(cx, name).await? else { return Ok("many".into()) };
            numbers = match numbers {
                None => Some(next),
                Some((before, groups)) => {
                    if before.len() != next.0.len() {
                        return Err(bad(format!("{name} has {} rows, the first column others", next.0.len())));
                    }
                    let pairs = Pairs::new((&before[..], groups), (&next.0[..], next.1)).map_err(fault)?;
                    match codes(cx, &pairs).await? {
                        Some(both) => Some(both),
                        None => return Ok("many".into()),
                    }
                }
            };
        }
        let (numbers, groups) = numbers.ok_or_else(|| bad("no columns"))?;
        let mut firsts = room::<i64>(cx, &[groups])?;
        firsts.fill(-1);
        let mut met = 0;
        for range in morsel::split(numbers.len()) {
            if met == groups {
                break;
            }
            met += first_rows(&numbers, range, &mut firsts).map_err(fault)?;
            cx.yield_if_due().await?;
        }
        let mut said = Vec::new();
        for array in [numbers.done(), firsts.done()] {
            let name = cx.symbols().insert(array.clone())?;
            let (dtype, size) = (array.dtype(), array.size());
            said.push(format!("created {name} {dtype} {size} 1 [{size}] {}", dtype.itemsize().unwrap_or(8)));
        }
        Ok(said.join("+"))
    }

    /// The values of each group to one: `numbers` says which group each value is in, of `groups`; every group has one.
    #[method(standard, name = "groupReduction")]
    async fn group_reduction(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let numbers = given.array(cx, "numbers")?;
        let none = || bad(format!("group numbers are a whole array of uint32, not of {}", numbers.dtype()));
        let codes = numbers.view::<u32>().filter(|_| numbers.is_whole()).ok_or_else(none)?.memory();
        let groups = crate::words::count(given, "groups")?;
        if groups > codes.len() {
            return Err(bad(format!("{groups} groups of {} rows: each has one at least", codes.len())));
        }
        let skip = given.has("skip_nan") && given.scalar::<bool>("skip_nan")?;
        let ddof = if given.has("ddof") { given.scalar::<f64>("ddof")? } else { 1.0 };
        let op = given.text("op")?;
        if op == "size" {
            return sized(cx, codes, groups).await;
        }
        let values = given.array(cx, "values")?;
        if values.shape() != [codes.len()] {
            return Err(bad(format!("values of shape {:?} for {} rows of keys", values.shape(), codes.len())));
        }
        reduced(cx, &values, (codes, groups), op, skip, ddof).await
    }
}

/// The group numbers of one column of keys, and how many groups there are.
async fn numbered(cx: &Context<'_>, name: &str) -> Result<Option<(Fresh<u32>, usize)>, Fault> {
    // Strings are named with what follows a `+` in older messages.
    let name = name.split('+').next().unwrap_or(name);
    match cx.symbols().get(name)? {
        Symbol::Array(array) if array.ndim() == 1 => with_dtype!(kernel_dtype(array.dtype()), T => {
            codes(cx, &view::<T>(&array)?).await
        }, else => Err(not_implemented("group by", &[array.dtype()]))),
        Symbol::Array(array) => Err(bad(format!("keys have rank 1, {name} has {}", array.ndim()))),
        Symbol::Strings(strings) => codes(cx, &ranks(cx, &strings).await?).await,
        Symbol::Own(own) => Err(bad(format!("{name} is a {}, and no key", own.class))),
    }
}

async fn codes(cx: &Context<'_>, keys: &dyn Keys) -> Result<Option<(Fresh<u32>, usize)>, Fault> {
    if keys.rows() > u32::MAX as usize {
        return Ok(None);
    }
    let mut numbers = ready_room::<u32>(cx, &[keys.rows()]).await?;
    let mut numbering = Codes::of_few(keys, &mut numbers[..]).map_err(fault)?;
    drive(cx, &mut numbering).await?;
    let groups = numbering.groups();
    Ok(groups.map(|groups| (numbers, groups)))
}

async fn sized(cx: &Context<'_>, codes: &[u32], groups: usize) -> Result<Array, Fault> {
    by_code(cx, Rows, View::flat(codes), (codes, groups)).await
}

/// How many values there are, NaN too.
#[derive(Debug, Clone, Copy)]
struct Rows;

impl<T: Element> Reducer<T> for Rows {
    type Acc = i64;
    type Out = i64;
    fn start(&self) -> i64 {
        0
    }
    fn push(&self, acc: &mut i64, _value: T, _at: usize) {
        *acc += 1;
    }
    fn merge(&self, acc: &mut i64, next: &i64) {
        *acc += next;
    }
    fn finish(&self, acc: &i64) -> Result<i64, KernelError> {
        Ok(*acc)
    }
}

async fn by_code<T: Element, R: Reducer<T, Out: Item>>(
    cx: &Context<'_>,
    reducer: R,
    values: View<'_, T>,
    (codes, groups): (&[u32], usize),
) -> Result<Array, Fault> {
    let mut reduction = ByCode::new(reducer, values, codes, groups).map_err(fault)?;
    drive(cx, &mut reduction).await?;
    let mut out = room::<R::Out>(cx, &[groups])?;
    finish(reducer, reduction.parts(), &mut out).map_err(fault)?;
    Ok(out.done())
}

async fn reduced(
    cx: &Context<'_>,
    values: &Array,
    by: (&[u32], usize),
    op: &str,
    skip: bool,
    ddof: f64,
) -> Result<Array, Fault> {
    if values.dtype() == Dtype::Bool && matches!(op, "or" | "and" | "xor") {
        let bits = cast_to(cx, values, Dtype::UInt8).await?;
        return cast_to(cx, &numbers(cx, &bits, by, op, skip).await?, Dtype::Bool).await;
    }
    // Bools are added and multiplied as numbers, and have no order of their own in a kernel.
    let values = match (values.dtype(), op) {
        (Dtype::Bool, "sum" | "prod") => cast_to(cx, values, Dtype::Int64).await?,
        (Dtype::Bool, "min" | "max") => cast_to(cx, values, Dtype::UInt8).await?,
        _ => values.clone(),
    };
    with_dtype!(kernel_dtype(values.dtype()), T => {
        let from = view::<T>(&values)?;
        let moment = match op {
            "any" => return by_code(cx, Any, from, by).await,
            "all" => return by_code(cx, All, from, by).await,
            "first" => return by_code(cx, First, from, by).await,
            "mean" => Moment::MEAN,
            "var" => Moment::variance(ddof),
            "std" => Moment::deviation(ddof),
            _ => return numbers(cx, &values, by, op, skip).await,
        };
        match skip {
            true => by_code(cx, SkipNan(moment), from, by).await,
            false => by_code(cx, moment, from, by).await,
        }
    }, else => Err(not_implemented(&format!("group {op}"), &[values.dtype()])))
}

async fn numbers(
    cx: &Context<'_>,
    values: &Array,
    by: (&[u32], usize),
    op: &str,
    skip: bool,
) -> Result<Array, Fault> {
    let none = || not_implemented(&format!("group {op}"), &[our_dtype(kernel_dtype(values.dtype()))]);
    if matches!(op, "or" | "and" | "xor") {
        return with_dtype!(integers kernel_dtype(values.dtype()), T => {
            let from = view::<T>(values)?;
            match op {
                "or" => by_code(cx, BitOr, from, by).await,
                "and" => by_code(cx, BitAnd, from, by).await,
                _ => by_code(cx, BitXor, from, by).await,
            }
        }, else => Err(none()));
    }
    with_dtype!(numbers kernel_dtype(values.dtype()), T => {
        let from = view::<T>(values)?;
        match (op, skip) {
            ("sum", true) => by_code(cx, SkipNan(Sum), from, by).await,
            ("sum", false) => by_code(cx, Sum, from, by).await,
            ("prod", true) => by_code(cx, SkipNan(Prod), from, by).await,
            ("prod", false) => by_code(cx, Prod, from, by).await,
            ("min", true) => by_code(cx, OrNan(SkipNan(Min)), from, by).await,
            ("min", false) => by_code(cx, Min, from, by).await,
            ("max", true) => by_code(cx, OrNan(SkipNan(Max)), from, by).await,
            ("max", false) => by_code(cx, Max, from, by).await,
            _ => Err(none()),
        }
    }, else => Err(none()))
}
