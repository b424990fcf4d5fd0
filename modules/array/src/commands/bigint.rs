//! Bigint: arrays of integers without a width, or modulo a power of two: made of limbs, taken apart, computed with, picked.
//!
//! Lives here: `Values` (as they are computed with), the commands. The symbol is `windlass::symbols::BigintSymbol`.
//! Holds: what results may need is admitted before it is computed, by the number of bits that they can have at most.
//! Not here: arithmetic (`kernels::bigint`).

use super::operators::{Op, binary, of_sign};
use crate::words::{count, kept};
use crate::work::{bad, cast_to, constant, fault, lengths, not_implemented, room, view};
use windlass::array::Memory;
use windlass::prelude::*;
use windlass::symbols::{BigintSymbol, Symbol};
use windlass_kernels::bigint::{BigInt, Modulus, arith, bits, compare, from_limbs, to_limbs};
use windlass_kernels::elementwise::{Arith, Bits};
use windlass_kernels::limits::BIGINT_BITS_MAX;

/// Values that are worked on before others may run.
const PIECE: usize = 1024;
/// Bytes of a value besides its bits while it is computed with.
const VALUE_BYTES: u64 = 32;
/// Most arrays of limbs.
const LIMBS_MAX: usize = (BIGINT_BITS_MAX / 64) as usize;

/// Integers without a width.
pub struct BigInts;

/// Arrays of integers without a width, or modulo 2^max_bits.
#[module(name = "array_bigint", export = false, stateless)]
impl BigInts {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Of one array of numbers; floats are cut, and NaN is refused.
    #[method(each(T in bigint.other, n in Rank), standard)]
    async fn big_int_creation_one_limb(
        cx: &Context<'_>,
        _command: &Called,
        given: &Given,
    ) -> Result<String, Fault> {
        let array = given.array(cx, "array")?;
        let values = of_array(cx, &array).await?;
        store(cx, array.shape(), values, &wanted(given)?).await
    }

    /// Of arrays of limbs, the least first; with `signed` the last one has the sign.
    #[method(each(T in bigint.other, n in Rank), standard)]
    async fn big_int_creation_multi_limb(
        cx: &Context<'_>,
        _command: &Called,
        given: &Given,
    ) -> Result<String, Fault> {
        let signed = given.scalar::<bool>("signed")?;
        of_limbs(cx, given, given.texts("arrays")?, signed).await
    }

    /// Of arrays of limbs, the greatest first.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn big_int_creation(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let mut names = given.texts("arrays")?;
        names.reverse();
        of_limbs(cx, given, names, false).await
    }

    /// As arrays of limbs, the least first, as many as the widest value needs.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn bigint_to_uint_list(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("array")?).await?;
        // A last limb of nothing but the sign is left out, as the ancestor leaves it.
        let most = big.values.iter().map(BigInt::bits).max().unwrap_or(0);
        let mut said = Vec::new();
        for limb in 0..(most.div_ceil(64) as usize).max(1) {
            let mut out = room::<u64>(cx, &big.shape)?;
            to_limbs(&big.values, limb, 0..big.values.len(), &mut out).map_err(fault)?;
            said.push(kept(cx, &out.done())?);
            cx.yield_if_due().await?;
        }
        Ok(serde_json::json!(said).to_string())
    }

    /// Bytes that the values take in memory.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn big_int_nbytes(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (_, memory) = raw(cx, given.text("array")?)?;
        Ok(memory.len().to_string())
    }

    /// The number of bits that values wrap to; -1 if they do not, or have a width of their own.
    #[method(each(T in bigint.any, n in Rank), standard)]
    fn get_max_bits(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        Ok(match cx.symbols().get(given.text("array")?)? {
            Symbol::Own(own) => {
                Own::<BigintSymbol>::of(&own)?.0.max_bits.map_or("-1".into(), |bits| bits.to_string())
            }
            _ => "-1".into(),
        })
    }

    /// Wraps values to so many bits; -1 for none.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn set_max_bits(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("array")?;
        let big = load(cx, name).await?;
        replace(cx, name, Values { modulus: wanted(given)?, ..big }).await
    }

    /// Zeros of a shape.
    #[method(each(T in bigint.t, n in Rank), standard, name = "create")]
    async fn zeros(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let shape = lengths(&given.list::<i64>("shape")?)?;
        let size = size_of_shape(&shape)?;
        admit(cx, size, 0)?;
        store(cx, &shape, vec![BigInt::default(); size], &wanted_or_none(given)?).await
    }

    /// Every element becomes `val`.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn set(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("array")?;
        let big = load(cx, name).await?;
        let value = big.modulus.wrap(number(given.text("val")?)?);
        admit(cx, big.values.len(), value.bits())?;
        let values = vec![value; big.values.len()];
        replace(cx, name, Values { values, ..big }).await
    }

    /// `start`, `start + step`, .. up to before `stop`.
    #[method(each(T in bigint.t, n in Rank), standard)]
    async fn arange(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let [start, stop, step] = ["start", "stop", "step"].map(|key| given.text(key).and_then(number));
        let (start, stop, step) = (start?, stop?, step?);
        let zero = BigInt::default();
        if step == zero {
            return Err(bad("step is 0"));
        }
        let one = BigInt::from(if step > zero { 1 } else { -1 });
        let n: BigInt = (&stop - &start + &step - one) / &step;
        let n = if n < zero {
            0
        } else {
            usize::try_from(&n).map_err(|_| bad("arange would have too many elements"))?
        };
        admit(cx, n, start.bits().max(stop.bits()) + 1)?;
        let (mut values, mut at) = (Vec::with_capacity(n), start);
        for _ in 0..n {
            let next = &at + &step;
            values.push(std::mem::replace(&mut at, next));
            if values.len() % PIECE == 0 {
                cx.yield_if_due().await?;
            }
        }
        store(cx, &[n], values, &wanted_or_none(given)?).await
    }

    /// The values as another dtype: integers take their low bits, floats the nearest number.
    #[method(each(T in bigint.t, U in bigint.any, n in Rank), standard)]
    async fn cast(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("name")?).await?;
        let to = command.word("U").and_then(Dtype::of).ok_or_else(|| bad("cast names the dtype"))?;
        if to == Dtype::BigInt {
            return store(cx, &big.shape, big.values, &big.modulus).await;
        }
        if to.is_float() {
            return kept(cx, &cast_to(cx, &nearest(cx, &big).await?, to).await?);
        }
        if to == Dtype::Bool {
            let mut out = room::<bool>(cx, &big.shape)?;
            out.iter_mut().zip(&big.values).for_each(|(out, value)| *out = *value != BigInt::default());
            return kept(cx, &out.done());
        }
        let mut low = room::<u64>(cx, &big.shape)?;
        to_limbs(&big.values, 0, 0..big.values.len(), &mut low).map_err(fault)?;
        kept(cx, &cast_to(cx, &low.done(), to).await?)
    }

    /// The values as text.
    #[method(each(T in bigint.t), standard, name = "castToStrings")]
    async fn cast_to_strings(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("name")?).await?;
        let (mut offsets, mut bytes) = (Vec::with_capacity(big.values.len()), Vec::new());
        for value in &big.values {
            offsets.push(bytes.len() as i64);
            bytes.extend_from_slice(value.to_string().as_bytes());
            bytes.push(0u8);
            cx.yield_if_due().await?;
        }
        let (offsets, bytes) = (cx.symbols().array_of(&offsets)?, cx.symbols().array_of(&bytes)?);
        Ok(format!("{}+{}", kept(cx, &offsets)?, kept(cx, &bytes)?))
    }

    /// The values in another shape; one length may be -1, which is what is left.
    #[method(each(T in bigint.t, n in Rank, m in Rank), standard)]
    async fn reshape(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let big = load(cx, given.text("name")?).await?;
        let shape = super::shape::completed(&given.list::<i64>("shape")?, big.values.len())?;
        if size_of_shape(&shape)? != big.values.len() {
            return Err(bad(format!("{} values do not make {shape:?}", big.values.len())));
        }
        store(cx, &shape, big.values, &big.modulus).await
    }

    /// `a op b`.
    #[method(each(T in bigint.t, U in bigint.any, n in Rank), standard)]
    async fn binopvv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        both(cx, given).await
    }

    /// `a op value`.
    #[method(each(T in bigint.t, U in bigint.any, n in Rank), standard)]
    async fn binopvs(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        with_value(cx, command, given, false).await
    }

    /// `value op a`.
    #[method(each(T in bigint.t, U in bigint.any, n in Rank), standard)]
    async fn binopsv(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        with_value(cx, command, given, true).await
    }
}

/// Arrays of a width beside integers without one.
pub struct BigIntsRight;

/// Operators and casts whose first array has a width, and whose result has none.
#[module(name = "array_bigint_right", export = false, stateless)]
impl BigIntsRight {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The elements as integers without a width; floats are cut.
    #[method(each(T in bigint.other, U in bigint.t, n in Rank), standard)]
    async fn cast(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let array = given.array(cx, "name")?;
        let values = of_array(cx, &array).await?;
        store(cx, array.shape(), values, &Modulus::new(None).map_err(fault)?).await
    }

    /// `a op b`.
    #[method(each(T in bigint.other, U in bigint.t, n in Rank), standard)]
    async fn binopvv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        both(cx, given).await
    }

    /// `a op value`.
    #[method(each(T in bigint.other, U in bigint.t, n in Rank), standard)]
    async fn binopvs(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        with_value(cx, command, given, false).await
    }

    /// `value op a`.
    #[method(each(T in bigint.other, U in bigint.t, n in Rank), standard)]
    async fn binopsv(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        with_value(cx, command, given, true).await
    }
}

/// Values as they are computed with.
pub(super) struct Values {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<BigInt>,
    pub(super) modulus: Modulus,
}

/// Whether the symbol of this name is one of bigint.
pub(super) fn is_big(cx: &Context<'_>, name: &str) -> Result<bool, Fault> {
    Ok(matches!(cx.symbols().get(name)?, Symbol::Own(own) if own.class == BigintSymbol::CLASS))
}

/// What is said of one that is there.
pub(super) fn said_of(name: &str, own: &windlass::symbols::OwnSymbol) -> Result<String, Fault> {
    Ok(Own::<BigintSymbol>::of(own)?.0.told(name))
}

/// Puts other values under a name.
pub(super) async fn replace(cx: &Context<'_>, name: &str, values: Values) -> Result<String, Fault> {
    let Values { shape, values, modulus } = values;
    let values = values.into_iter().map(|value| modulus.wrap(value)).collect();
    cx.symbols().put(name, Symbol::try_from(Own(packed(cx, &shape, values, &modulus).await?))?)?;
    Ok(String::new())
}

fn raw(cx: &Context<'_>, name: &str) -> Result<(BigintSymbol, Memory), Fault> {
    let big = match cx.symbols().get(name)? {
        Symbol::Own(own) => Own::<BigintSymbol>::of(&own)?.0,
        other => return Err(bad(format!("{name} is {}, not one of bigint", other.sort()))),
    };
    let memory = big.memory()?;
    Ok((big, memory))
}

pub(super) async fn load(cx: &Context<'_>, name: &str) -> Result<Values, Fault> {
    let (big, memory) = raw(cx, name)?;
    let shape: Vec<usize> = big.shape.iter().map(|&length| length as usize).collect();
    let size = size_of_shape(&shape)?;
    let width = memory.len() / 8 / size.max(1);
    admit(cx, size, 64 * width as u64)?;
    let (mut values, mut limbs) = (Vec::with_capacity(size), vec![0; width]);
    for at in 0..size {
        for (limb, to) in limbs.iter_mut().enumerate() {
            let from = 8 * (limb * size + at);
            *to = memory.get(from..from + 8).and_then(|bytes| bytes.try_into().ok()).map_or(0, u64::from_ne_bytes);
        }
        values.push(from_limbs(&limbs, true));
        if at % PIECE == 0 {
            cx.yield_if_due().await?;
        }
    }
    Ok(Values { shape, values, modulus: Modulus::new(big.max_bits).map_err(fault)? })
}

pub(super) async fn packed(
    cx: &Context<'_>,
    shape: &[usize],
    values: Vec<BigInt>,
    modulus: &Modulus,
) -> Result<BigintSymbol, Fault> {
    // A bit more than the widest has, for the sign.
    let width = (values.iter().map(BigInt::bits).max().unwrap_or(0) / 64 + 1) as usize;
    let mut limbs = room::<u64>(cx, &[width, values.len()])?;
    for limb in 0..width {
        let part = &mut limbs[limb * values.len()..(limb + 1) * values.len()];
        to_limbs(&values, limb, 0..values.len(), part).map_err(fault)?;
        cx.yield_if_due().await?;
    }
    let shape = shape.iter().map(|&length| length as u64).collect();
    Ok(BigintSymbol { shape, max_bits: modulus.max_bits(), limbs: Some(limbs.done().memory().clone()) })
}

pub(super) async fn store(
    cx: &Context<'_>,
    shape: &[usize],
    values: Vec<BigInt>,
    modulus: &Modulus,
) -> Result<String, Fault> {
    let values: Vec<BigInt> = values.into_iter().map(|value| modulus.wrap(value)).collect();
    let size = values.len();
    let big = packed(cx, shape, values, modulus).await?;
    let name = cx.symbols().insert(Symbol::try_from(Own(big))?)?;
    let lengths: Vec<String> = shape.iter().map(usize::to_string).collect();
    Ok(format!("created {name} bigint {size} {} [{}] 16", shape.len(), lengths.join(",")))
}

/// Asks whether so many values of so many bits have room, before they are made.
pub(super) fn admit(cx: &Context<'_>, count: usize, bits: u64) -> Result<(), Fault> {
    let bytes = (bits / 8 + VALUE_BYTES).checked_mul(count as u64);
    let bytes = bytes.ok_or_else(|| Fault::new(Code::TooLarge, "more bytes of bigint than can be counted"))?;
    cx.symbols().reserve(bytes).map(drop)
}

pub(super) fn size_of_shape(shape: &[usize]) -> Result<usize, Fault> {
    let size = shape.iter().try_fold(1usize, |all, &length| all.checked_mul(length));
    size.ok_or_else(|| Fault::new(Code::TooLarge, format!("an array of shape {shape:?} has no size")))
}

fn wanted(given: &Given) -> Result<Modulus, Fault> {
    let bits = u64::try_from(given.scalar::<i64>("max_bits")?).ok().filter(|&bits| bits > 0);
    Modulus::new(bits).map_err(fault)
}

fn wanted_or_none(given: &Given) -> Result<Modulus, Fault> {
    if given.has("max_bits") { wanted(given) } else { Modulus::new(None).map_err(fault) }
}

pub(super) fn number(text: &str) -> Result<BigInt, Fault> {
    let wrong =
        || bad(format!("Json Argument '{}' cannot be cast as bigint", text.chars().take(64).collect::<String>()));
    match text.trim() {
        "True" | "true" => Ok(BigInt::from(1)),
        "False" | "false" => Ok(BigInt::default()),
        // A decimal digit says a little over three bits.
        text if text.len() as u64 > BIGINT_BITS_MAX / 3 => Err(wrong()),
        text => text.parse().map_err(|_| wrong()),
    }
}

async fn of_array(cx: &Context<'_>, array: &Array) -> Result<Vec<BigInt>, Fault> {
    admit(cx, array.size(), 64)?;
    if array.dtype().is_float() {
        let wide = cast_to(cx, array, Dtype::Float64).await?;
        let cut = |value: f64| {
            let finite = value.is_finite().then(|| format!("{:.0}", value.trunc()));
            finite.ok_or_else(|| bad("Non-finite real values detected")).and_then(|text| number(&text))
        };
        return view::<f64>(&wide)?.to_vec().into_iter().map(cut).collect();
    }
    if array.dtype() == Dtype::UInt64 {
        return Ok(view::<u64>(array)?.to_vec().into_iter().map(BigInt::from).collect());
    }
    let wide = cast_to(cx, array, Dtype::Int64).await?;
    Ok(view::<i64>(&wide)?.to_vec().into_iter().map(BigInt::from).collect())
}

/// Of the arrays of these names, the least first.
async fn of_limbs(cx: &Context<'_>, given: &Given, names: Vec<String>, signed: bool) -> Result<String, Fault> {
    if names.len() > LIMBS_MAX || names.len() != count(given, "num_arrays")? {
        return Err(bad(format!("{} arrays of limbs; at most {LIMBS_MAX} are taken", names.len())));
    }
    let shape = lengths(&given.list::<i64>("shape")?)?;
    let size = size_of_shape(&shape)?;
    admit(cx, size, 64 * names.len() as u64)?;
    let mut columns = Vec::with_capacity(names.len());
    for name in &names {
        let array = cx.symbols().array(name)?;
        let column = view::<u64>(&cast_to(cx, &array, Dtype::UInt64).await?)?.to_vec();
        if column.len() != size {
            return Err(bad(format!("{} limbs for {size} values", column.len())));
        }
        columns.push(column);
    }
    let (mut values, mut limbs) = (Vec::with_capacity(size), vec![0; columns.len()]);
    for at in 0..size {
        limbs.iter_mut().zip(&columns).for_each(|(limb, column)| *limb = column[at]);
        values.push(from_limbs(&limbs, signed));
        if at % PIECE == 0 {
            cx.yield_if_due().await?;
        }
    }
    store(cx, &shape, values, &wanted(given)?).await
}

/// An operand: an array of bigint, or one of integers, whose values wrap nowhere.
pub(super) async fn operand(cx: &Context<'_>, name: &str) -> Result<Values, Fault> {
    match cx.symbols().get(name)? {
        Symbol::Array(array) if array.dtype().is_float() => {
            Err(not_implemented("bigint operator", &[Dtype::BigInt, array.dtype()]))
        }
        Symbol::Array(array) => {
            let values = of_array(cx, &array).await?;
            Ok(Values { shape: array.shape().to_vec(), values, modulus: Modulus::new(None).map_err(fault)? })
        }
        _ => load(cx, name).await,
    }
}

async fn both(cx: &Context<'_>, given: &Given) -> Result<String, Fault> {
    let (a, b, op) = (given.text("a")?, given.text("b")?, given.text("op")?);
    if op == "/" || is_float(cx, a)? || is_float(cx, b)? {
        let (a, b) = (floats(cx, a).await?, floats(cx, b).await?);
        return kept(cx, &binary(cx, "binopvv", op, &a, &b).await?);
    }
    operated(cx, op, &operand(cx, a).await?, &operand(cx, b).await?).await
}

async fn with_value(cx: &Context<'_>, command: &Called, given: &Given, turned: bool) -> Result<String, Fault> {
    let of = command.word("U").and_then(Dtype::of).ok_or_else(|| bad("the dtype of the value is in the name"))?;
    let (name, op) = (given.text("a")?, given.text("op")?);
    if op == "/" || of.is_float() || is_float(cx, name)? {
        let a = floats(cx, name).await?;
        let value = constant(cx, &Scalar::Float64(float(given.text("value")?)?), Dtype::Float64)?;
        let made = if turned {
            binary(cx, "binopsv", op, &value, &a).await?
        } else {
            binary(cx, "binopvs", op, &a, &value).await?
        };
        return kept(cx, &made);
    }
    let a = operand(cx, name).await?;
    let value = number(given.text("value")?)?;
    admit(cx, a.values.len(), value.bits())?;
    let values = vec![value; a.values.len()];
    let b = Values { shape: a.shape.clone(), values, modulus: Modulus::new(None).map_err(fault)? };
    if turned { operated(cx, op, &b, &a).await } else { operated(cx, op, &a, &b).await }
}

fn is_float(cx: &Context<'_>, name: &str) -> Result<bool, Fault> {
    Ok(matches!(cx.symbols().get(name)?, Symbol::Array(array) if array.dtype().is_float()))
}

/// A number as the nearest float.
fn float(text: &str) -> Result<f64, Fault> {
    let text = match text.trim() {
        "True" | "true" => "1",
        "False" | "false" => "0",
        text => text,
    };
    text.parse().map_err(|_| bad("a value has no float64"))
}

/// An operand as the nearest floats.
async fn floats(cx: &Context<'_>, name: &str) -> Result<Array, Fault> {
    if let Symbol::Array(array) = cx.symbols().get(name)? {
        return cast_to(cx, &array, Dtype::Float64).await;
    }
    nearest(cx, &load(cx, name).await?).await
}

async fn nearest(cx: &Context<'_>, big: &Values) -> Result<Array, Fault> {
    let mut out = room::<f64>(cx, &big.shape)?;
    for (at, (out, value)) in out.iter_mut().zip(&big.values).enumerate() {
        *out = float(&value.to_string())?;
        if at % PIECE == 0 {
            cx.yield_if_due().await?;
        }
    }
    Ok(out.done())
}

/// Bits that a result can have at most.
fn most(op: &Op, a: &Values, b: &Values, modulus: &Modulus) -> u64 {
    let wide = |values: &Values| values.values.iter().map(BigInt::bits).max().unwrap_or(0);
    let greatest = || b.values.iter().max().and_then(|value| u64::try_from(value).ok()).unwrap_or(BIGINT_BITS_MAX);
    let bits = match op {
        Op::Arith(Arith::Multiply) => wide(a) + wide(b),
        Op::Arith(Arith::Power) => wide(a).saturating_mul(greatest()),
        Op::Bits(Bits::ShiftLeft) => wide(a).saturating_add(greatest()),
        _ => wide(a).max(wide(b)) + 1,
    };
    bits.min(modulus.max_bits().unwrap_or(BIGINT_BITS_MAX))
}

pub(super) async fn operated(cx: &Context<'_>, sign: &str, a: &Values, b: &Values) -> Result<String, Fault> {
    let op = of_sign(sign).filter(|op| !matches!(op, Op::Arith(Arith::Divide)));
    let op = op.ok_or_else(|| bad(format!("bigint has no operator {sign}")))?;
    if a.shape != b.shape {
        return Err(bad(format!("{:?} and {:?} are different shapes", a.shape, b.shape)));
    }
    let n = a.values.len();
    if let Op::Compare(op) = op {
        let mut out = room::<bool>(cx, &a.shape)?;
        for start in (0..n).step_by(PIECE) {
            let range = start..n.min(start + PIECE);
            compare(op, &a.values, &b.values, range.clone(), &mut out[range]).map_err(fault)?;
            cx.yield_if_due().await?;
        }
        return kept(cx, &out.done());
    }
    let made = computed(cx, sign, a, b).await?;
    store(cx, &made.shape, made.values, &made.modulus).await
}

/// What an operator that is no comparison makes of two arrays of one shape.
pub(super) async fn computed(cx: &Context<'_>, sign: &str, a: &Values, b: &Values) -> Result<Values, Fault> {
    let op = of_sign(sign).ok_or_else(|| bad(format!("bigint has no operator {sign}")))?;
    if a.shape != b.shape {
        return Err(bad(format!("{:?} and {:?} are different shapes", a.shape, b.shape)));
    }
    let n = a.values.len();
    let modulus = a.modulus.meet(&b.modulus).map_err(fault)?;
    admit(cx, n, most(&op, a, b, &modulus))?;
    let mut out = vec![BigInt::default(); n];
    // One value can be long, so each is a piece of its own.
    for at in 0..n {
        let to = &mut out[at..at + 1];
        match op {
            Op::Arith(op) => arith(op, &a.values, &b.values, &modulus, at..at + 1, to),
            Op::Bits(op) => bits(op, &a.values, &b.values, &modulus, at..at + 1, to),
            Op::Compare(_) => Ok(()),
        }
        .map_err(fault)?;
        cx.yield_if_due().await?;
    }
    Ok(Values { shape: a.shape.clone(), values: out, modulus })
}
