//! Parts of bigint arrays: picked, set, joined, repeated and ordered.
//!
//! Lives here: the commands that move values and do not compute with them. Where an array of another dtype has the same command, its
//! places are moved by that command, and the values are picked by them.
//! Not here: arithmetic and transfer (`bigint`).

use super::bigint::{Values, admit, load, number, operand, replace, store};
use super::operators::of_sign;
use super::{pick, shape};
use crate::words::{kept, place, sliced};
use crate::work::{axes, axis, bad, cast_to, fault, room, view};
use windlass::prelude::*;
use windlass_kernels::bigint::{BigInt, Modulus};

/// Values that are worked on before others may run.
const PIECE: usize = 1024;

/// Parts of arrays of integers without a width.
pub struct BigIntsPicked;

/// Arrays of integers without a width: joined, repeated, picked and ordered.
#[module(name = "array_bigint_picked", export = false, stateless)]
impl BigIntsPicked {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// One value.
    #[method(each(T in bigint.t, n in Rank), standard, name = "[int]")]
    async fn int_index(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("array")?).await?;
        let at = place(&big.shape, &given.list::<i64>("idx")?)?;
        Ok(format!("bigint {}", big.values[at]))
    }

    /// One value becomes `value`.
    #[method(each(T in bigint.t, n in Rank), standard, name = "[int]=val")]
    async fn set_int(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("array")?;
        let mut big = load(cx, name).await?;
        let at = place(&big.shape, &given.list::<i64>("idx")?)?;
        let value = big.modulus.wrap(number(given.text("value")?)?);
        let widest = big.values.iter().map(BigInt::bits).max().unwrap_or(0).max(value.bits());
        admit(cx, big.values.len(), widest)?;
        big.values[at] = value;
        replace(cx, name, big).await
    }

    /// A slice by axis: `starts`, `stops` and `strides` as Python's `slice.indices` gives them.
    #[method(each(T in bigint.t, n in Rank), standard, name = "[slice]")]
    async fn slice(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("array")?).await?;
        let (shape, places) = slice_of(given, &big.shape)?;
        gathered(cx, &big, &shape, &places).await
    }

    /// A copy of `x`.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn deepcopy(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        stored(cx, load(cx, given.text("x")?).await?).await
    }

    /// The values in one row.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn flatten(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("a")?).await?;
        let shape = vec![big.values.len()];
        stored(cx, Values { shape, ..big }).await
    }

    /// The array without axes of length 1.
    #[method(each(T in bigint.t, n in Rank, m in Rank), standard)]
    async fn squeeze(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("name")?).await?;
        let places = shape::squeezed(&places(cx, &big.shape).await?, &given.list::<i64>("axes")?)?;
        by_places(cx, &big, &places).await
    }

    /// Each value repeated, in one row: all as often, or each as often as `repeats` says.
    #[method(each(T in bigint.t, n in Rank), standard, name = "repeatFlat")]
    async fn repeat_flat(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("name")?).await?;
        let row = places(cx, &[big.values.len()]).await?;
        let places = shape::repeated(cx, &row, &given.array(cx, "repeats")?, 0).await?;
        by_places(cx, &big, &places).await
    }

    /// The array without the layers along an axis that a mask or indices name.
    #[method(each(T in bigint.t, n in Rank, U in Element, m in Rank), standard, name = "deleteAggCopy")]
    async fn delete_some(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        without(cx, given).await
    }

    /// As `deleteAggCopy`.
    #[method(each(T in bigint.t, n in Rank, U in Element, m in Rank), standard, name = "deleteBulkCopy")]
    async fn delete_many(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        without(cx, given).await
    }

    /// The order along some axes turned around.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn flip(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        flipped(cx, given, &given.list::<i64>("axis")?).await
    }

    /// The order along all axes turned around.
    #[method(each(T in bigint.t, n in Rank), standard, name = "flipAll")]
    async fn flip_all(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        flipped(cx, given, &[]).await
    }

    /// Whether no value is greater than the next; of all values, row-major.
    #[method(each(T in bigint.t, n in Rank), standard, name = ["isSortedAll", "isSortedLocallyAll"])]
    async fn is_sorted(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<bool, Fault> {
        Ok(load(cx, given.text("x")?).await?.values.is_sorted())
    }

    /// Each layer along an axis repeated.
    #[method(each(T in bigint.t, n in Rank, U in Integer, m in Rank), standard)]
    async fn repeat(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("eIn")?).await?;
        let places = places(cx, &big.shape).await?;
        let at = axis(given.scalar::<i64>("axis")?, places.ndim())?;
        let places = shape::repeated(cx, &places, &given.array(cx, "reps")?, at).await?;
        by_places(cx, &big, &places).await
    }

    /// Arrays joined along an axis; the narrowest width counts.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn concatenate(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        joined(cx, &given.texts("names")?, given.scalar::<i64>("axis")?).await
    }

    /// Values without their signs.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn abs(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("pda")?).await?;
        let zero = BigInt::default();
        let values = big.values.into_iter().map(|value| if value < zero { -value } else { value }).collect();
        stored(cx, Values { values, ..big }).await
    }

    /// `a op= value`.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn opeqvs(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("a")?;
        let a = load(cx, name).await?;
        let value = number(given.text("value")?)?;
        admit(cx, a.values.len(), value.bits())?;
        let values = vec![value; a.values.len()];
        let b = Values { shape: a.shape.clone(), values, modulus: Modulus::new(None).map_err(fault)? };
        in_place(cx, name, given.text("op")?, &a, &b).await
    }

    /// `a op= b`.
    #[method(each(T in bigint.t, U in bigint.any, n in Rank), standard)]
    async fn opeqvv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("a")?;
        let (a, b) = (load(cx, name).await?, operand(cx, given.text("b")?).await?);
        in_place(cx, name, given.text("op")?, &a, &b).await
    }

    /// All values of a slice set to one.
    #[method(each(T in bigint.t, n in Rank), standard, name = "[slice]=val")]
    async fn set_slice(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("array")?;
        let mut big = load(cx, name).await?;
        let (_, places) = slice_of(given, &big.shape)?;
        let value = number(given.text("value")?)?;
        admit(cx, big.values.len(), value.bits())?;
        places.into_iter().for_each(|at| big.values[at] = value.clone());
        replace(cx, name, big).await
    }

    /// The values of a slice set to those of `value`.
    #[method(each(T in bigint.t, U in bigint.any, n in Rank), standard, name = "[slice]=pdarray")]
    async fn set_slice_array(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("array")?;
        let mut big = load(cx, name).await?;
        let value = operand(cx, given.text("value")?).await?;
        let (_, places) = slice_of(given, &big.shape)?;
        set(&mut big, &places, value.values)?;
        replace(cx, name, big).await
    }

    /// Where each of `x2` would be put into the ascending `x1`: before equal values, or behind them.
    #[method(each(T in bigint.t, n in Rank, m in Rank), standard, name = "searchSorted")]
    async fn search_sorted(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (sorted, values) = (load(cx, given.text("x1")?).await?, load(cx, given.text("x2")?).await?);
        let left = match given.text("side")? {
            "left" => true,
            "right" => false,
            other => return Err(bad(format!("searchSorted side must be 'left' or 'right', not {other:?}"))),
        };
        let mut out = room::<i64>(cx, &values.shape)?;
        for (at, (out, value)) in out.iter_mut().zip(&values.values).enumerate() {
            let before = |one: &BigInt| if left { one < value } else { one <= value };
            *out = sorted.values.partition_point(before) as i64;
            if at % PIECE == 0 {
                cx.yield_if_due().await?;
            }
        }
        kept(cx, &out.done())
    }

    /// Numbers that stand in strings. One that is none is an error (`strict`) or 0, and told of in a second array with
    /// `return_validity`.
    #[method(each(T in bigint.t), standard, name = "castStringsTo")]
    async fn cast_strings_to(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "name")?;
        let strings = crate::words::seen(&strings)?;
        let mut valid = room::<bool>(cx, &[strings.len()])?;
        let mut values = Vec::with_capacity(strings.len());
        let opt = given.text("opt")?;
        for at in 0..strings.len() {
            let value = number(strings.get(at));
            if let (Err(fault), "strict") = (&value, opt) {
                return Err(fault.clone());
            }
            valid[at] = value.is_ok();
            values.push(value.unwrap_or_default());
            if at % PIECE == 0 {
                cx.yield_if_due().await?;
            }
        }
        let said = store(cx, &[values.len()], values, &Modulus::new(None).map_err(fault)?).await?;
        Ok(if opt == "return_validity" { format!("{said}+{}", kept(cx, &valid.done())?) } else { said })
    }
}

/// Arrays joined along an axis; the narrowest width counts.
pub(super) async fn joined(cx: &Context<'_>, names: &[String], axis: i64) -> Result<String, Fault> {
    let (mut parts, mut values, mut modulus) = (Vec::new(), Vec::new(), Modulus::new(None).map_err(fault)?);
    for name in names {
        let big = operand(cx, name).await?;
        let from = i64::try_from(values.len()).map_err(|_| bad("more values than can be counted"))?;
        parts.push(places_from(cx, &big.shape, from).await?);
        values.extend(big.values);
        modulus = modulus.meet(&big.modulus).map_err(fault)?;
    }
    let places = shape::joined(cx, &parts, axis).await?;
    by_places(cx, &Values { shape: vec![values.len()], values, modulus }, &places).await
}

/// The values with the order along these axes, or along all, turned around.
async fn flipped(cx: &Context<'_>, given: &Given, along: &[i64]) -> Result<String, Fault> {
    let big = load(cx, given.text("name")?).await?;
    let places = places(cx, &big.shape).await?;
    let places = shape::flipped(&places, axes(along, places.ndim())?)?;
    by_places(cx, &big, &places).await
}

/// The values that an array of numbers or a mask picks.
pub(super) async fn picked(cx: &Context<'_>, given: &Given, idx: &Array) -> Result<String, Fault> {
    let big = load(cx, given.text("array")?).await?;
    let places = named(cx, idx, big.values.len()).await?;
    let shape = if idx.dtype() == Dtype::Bool { vec![places.len()] } else { idx.shape().to_vec() };
    gathered(cx, &big, &shape, &places).await
}

/// Those values set to one.
pub(super) async fn set_picked(cx: &Context<'_>, given: &Given, idx: &Array) -> Result<String, Fault> {
    let name = given.text("array")?;
    let mut big = load(cx, name).await?;
    let value = number(given.text("value")?)?;
    admit(cx, big.values.len(), value.bits())?;
    for at in named(cx, idx, big.values.len()).await? {
        big.values[at] = value.clone();
    }
    replace(cx, name, big).await
}

/// Those values set to others, one after another.
pub(super) async fn set_picked_array(cx: &Context<'_>, given: &Given, idx: &Array) -> Result<String, Fault> {
    let name = given.text("array")?;
    let mut big = load(cx, name).await?;
    let value = operand(cx, given.text("value")?).await?;
    let places = named(cx, idx, big.values.len()).await?;
    set(&mut big, &places, value.values)?;
    replace(cx, name, big).await
}

fn set(big: &mut Values, places: &[usize], values: Vec<BigInt>) -> Result<(), Fault> {
    if values.len() != places.len() && values.len() != 1 {
        return Err(bad(format!("{} values for {} places", values.len(), places.len())));
    }
    for (&at, value) in places.iter().zip(values.iter().cycle()) {
        big.values[at] = value.clone();
    }
    Ok(())
}

async fn in_place(cx: &Context<'_>, name: &str, sign: &str, a: &Values, b: &Values) -> Result<String, Fault> {
    // The ancestor's client sends `+=`, its messages say `+`.
    let sign = sign.strip_suffix('=').unwrap_or(sign);
    if !matches!(of_sign(sign), Some(super::operators::Op::Arith(_) | super::operators::Op::Bits(_))) {
        return Err(bad(format!("Unrecognized operator: {sign}=")));
    }
    let values = super::bigint::computed(cx, sign, a, b).await?;
    replace(cx, name, values).await
}

async fn stored(cx: &Context<'_>, big: Values) -> Result<String, Fault> {
    store(cx, &big.shape, big.values, &big.modulus).await
}

/// The places of a shape's elements, as an array of it.
async fn places(cx: &Context<'_>, shape: &[usize]) -> Result<Array, Fault> {
    places_from(cx, shape, 0).await
}

async fn places_from(cx: &Context<'_>, shape: &[usize], first: i64) -> Result<Array, Fault> {
    let mut out = room::<i64>(cx, shape)?;
    crate::work::fill(cx, &mut out, |range, out| {
        out.iter_mut().zip(range).for_each(|(out, at)| *out = first + at as i64);
        Ok(())
    })
    .await?;
    Ok(out.done())
}

async fn by_places(cx: &Context<'_>, big: &Values, places: &Array) -> Result<String, Fault> {
    let flat: Vec<usize> = view::<i64>(places)?.to_vec().into_iter().map(|at| at as usize).collect();
    gathered(cx, big, places.shape(), &flat).await
}

async fn gathered(cx: &Context<'_>, big: &Values, shape: &[usize], places: &[usize]) -> Result<String, Fault> {
    let widest = places.iter().filter_map(|&at| big.values.get(at)).map(BigInt::bits).max().unwrap_or(0);
    admit(cx, places.len(), widest)?;
    let mut values = Vec::with_capacity(places.len());
    for piece in places.chunks(PIECE) {
        values.extend(piece.iter().filter_map(|&at| big.values.get(at)).cloned());
        cx.yield_if_due().await?;
    }
    store(cx, shape, values, &big.modulus).await
}

/// The places that a mask or indices name, the latter negative from the end.
async fn named(cx: &Context<'_>, idx: &Array, length: usize) -> Result<Vec<usize>, Fault> {
    match idx.dtype() {
        Dtype::Bool if idx.size() == length => {
            let mask = view::<bool>(idx)?.to_vec();
            Ok(mask.into_iter().enumerate().filter(|(_, is)| *is).map(|(at, _)| at).collect())
        }
        Dtype::Bool => Err(bad(format!("a mask of {} for {length} values", idx.size()))),
        dtype if dtype.is_integer() => {
            let idx = cast_to(cx, idx, Dtype::Int64).await?;
            let place = |at: i64| {
                let from_start = if at < 0 { at.saturating_add(length as i64) } else { at };
                let inside = usize::try_from(from_start).ok().filter(|at| *at < length);
                inside.ok_or_else(|| bad(format!("index {at} is outside 0..{length}")))
            };
            view::<i64>(&idx)?.to_vec().into_iter().map(place).collect()
        }
        other => Err(bad(format!("an array of {other} picks nothing"))),
    }
}

fn slice_of(given: &Given, shape: &[usize]) -> Result<(Vec<usize>, Vec<usize>), Fault> {
    let [starts, stops, strides] = ["starts", "stops", "strides"].map(|key| given.list::<i64>(key));
    sliced(shape, &starts?, &stops?, &strides?)
}

async fn without(cx: &Context<'_>, given: &Given) -> Result<String, Fault> {
    let big = load(cx, given.text("eIn")?).await?;
    let places = pick::without_of(cx, given, &places(cx, &big.shape).await?).await?;
    by_places(cx, &big, &places).await
}
