//! Strings: picked, compared, joined, assembled, and made of numbers.

use super::bigint::is_big;
use super::bigint_pick;
use super::shape::joined;
use crate::words::{kept, kept_strings};
use crate::work::{bad, cast_to, fill, kernel_dtype, not_implemented, room, view};
use windlass::prelude::*;
use windlass_kernels::random::{Pcg, pcg_integers, pcg_normal};
use windlass_kernels::with_dtype;

/// Longest of random strings, with the zero that ends it.
const RANDOM_LENGTH_MAX: f64 = 65536.0;

/// Strings.
pub struct Text;

/// Arrays of strings: picked, compared, joined, assembled, made of numbers.
#[module(name = "array_strings", export = false, stateless)]
impl Text {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// One string, those of a slice, or those that an array of numbers or a mask picks.
    #[method(standard, name = "segmentedIndex")]
    async fn index(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let strings = given.strings(cx, "obj")?;
        let count = strings.len();
        let picks: Vec<usize> = match given.text("subcmd")? {
            "intIndex" => {
                let one = strings.get(given.index("key", count)?).unwrap_or_default();
                return Ok(format!("item str {}", quoted(one)));
            }
            "sliceIndex" => {
                let [start, stop, stride]: [i64; 3] =
                    given.list::<i64>("key")?.try_into().map_err(|_| bad("a slice is start, stop and stride"))?;
                sliced(start, stop, stride, count)?
            }
            "pdarrayIndex" => {
                let key = given.array(cx, "key")?;
                if key.dtype() == Dtype::Bool {
                    let mask = view::<bool>(&key)?.to_vec();
                    if mask.len() != count {
                        return Err(bad(format!("a mask of {} for {count} strings", mask.len())));
                    }
                    (0..count).filter(|&at| mask[at]).collect()
                } else {
                    let key = cast_to(cx, &key, Dtype::Int64).await?;
                    view::<i64>(&key)?
                        .to_vec()
                        .into_iter()
                        .map(|at| placed(at, count))
                        .collect::<Result<_, _>>()?
                }
            }
            other => return Err(bad(format!("{other:?} is no way to index strings"))),
        };
        cx.yield_if_due().await?;
        created(cx, picks.len(), |at| strings.get(picks[at]).unwrap_or_default())
    }

    /// Two arrays of strings compared one by one, or joined one to one by `stick`.
    #[method(standard, name = "segmentedBinopvv")]
    fn with_strings(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (left, right) = (given.strings(cx, "obj")?, given.strings(cx, "other")?);
        if left.len() != right.len() {
            return Err(bad(format!("{} strings beside {}", left.len(), right.len())));
        }
        let pair = |at: usize| (left.get(at).unwrap_or_default(), right.get(at).unwrap_or_default());
        match given.text("op")? {
            "stick" => {
                let between = given.text("delim")?;
                let turned = given.scalar::<bool>("left")?;
                let joined: Vec<String> = (0..left.len())
                    .map(|at| {
                        let (one, other) = if turned { (pair(at).1, pair(at).0) } else { pair(at) };
                        format!("{one}{between}{other}")
                    })
                    .collect();
                created(cx, joined.len(), |at| &joined[at])
            }
            op => compared(cx, op, left.len(), pair),
        }
    }

    /// Strings compared with one.
    #[method(standard, name = "segmentedBinopvs")]
    fn with_string(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (strings, other) = (given.strings(cx, "obj")?, given.text("other")?);
        compared(cx, given.text("op")?, strings.len(), |at| (strings.get(at).unwrap_or_default(), other))
    }

    /// Strings one after another; arrays likewise, whose order does not matter to who asks.
    #[method(standard, name = "concatenateStr")]
    async fn concatenate(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let names = given.texts("names")?;
        if given.text("objType")?.eq_ignore_ascii_case("pdarray") {
            for name in &names {
                if is_big(cx, name)? {
                    return bigint_pick::joined(cx, &names, 0).await;
                }
            }
            let arrays: Vec<Array> =
                names.iter().map(|name| cx.symbols().array(name)).collect::<Result<_, _>>()?;
            return kept(cx, &joined(cx, &arrays, 0).await?);
        }
        let all: Vec<Strings> = names
            .iter()
            .map(|name| cx.symbols().strings(name.split('+').next().unwrap_or(name)))
            .collect::<Result<_, _>>()?;
        let parts: Vec<&str> =
            all.iter().flat_map(|one| (0..one.len()).map(|at| one.get(at).unwrap_or_default())).collect();
        created(cx, parts.len(), |at| parts[at])
    }

    /// Strings of offsets and bytes in which a zero ends each.
    #[method(standard, name = "segStr-assemble")]
    fn assemble(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let offsets = view::<i64>(&given.array(cx, "offsets")?)?.to_vec();
        let bytes = view::<u8>(&given.array(cx, "values")?)?.to_vec();
        let mut parts = Vec::with_capacity(offsets.len());
        for (at, &from) in offsets.iter().enumerate() {
            let to = offsets.get(at + 1).copied().unwrap_or(bytes.len() as i64);
            let part = usize::try_from(from).ok().zip(usize::try_from(to).ok());
            let part = part.and_then(|(from, to)| bytes.get(from..to));
            let part =
                part.ok_or_else(|| bad(format!("offset {from} of string {at} lies outside of the bytes")))?;
            let part = part.strip_suffix(&[0]).unwrap_or(part);
            parts.push(std::str::from_utf8(part).map_err(|_| bad(format!("string {at} is not UTF-8")))?);
        }
        created(cx, parts.len(), |at| parts[at])
    }

    /// The elements of an array as text: offsets, and bytes in which a zero ends each.
    #[method(each(T in Element), standard, name = "castToStrings")]
    async fn cast_to_strings(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let array = given.array(cx, "name")?;
        let mut offsets = Vec::with_capacity(array.size());
        let mut bytes: Vec<u8> = Vec::new();
        with_dtype!(kernel_dtype(array.dtype()), T => {
            for (at, value) in view::<T>(&array)?.to_vec().into_iter().enumerate() {
                let value: Scalar = value.into();
                offsets.push(bytes.len() as i64);
                match value {
                    Scalar::Bool(value) => bytes.extend_from_slice(if value { b"True" } else { b"False" }),
                    other => bytes.extend_from_slice(other.plain().as_bytes()),
                }
                bytes.push(0);
                if at % 4096 == 0 {
                    cx.yield_if_due().await?;
                }
            }
        }, else => return Err(not_implemented("castToStrings", &[array.dtype()])));
        let (offsets, bytes) = (cx.symbols().array_of(&offsets)?, cx.symbols().array_of(&bytes)?);
        Ok(format!("{}+{}", kept(cx, &offsets)?, kept(cx, &bytes)?))
    }

    /// Random strings of random lengths.
    #[method(standard, name = "randomStrings")]
    async fn random_strings(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let seed = match given.text("seed")? {
            "" | "None" | "-1" => cx.random(),
            _ => given.scalar::<i64>("seed")? as u64,
        };
        let count = usize::try_from(given.scalar::<i64>("size")?).map_err(|_| bad("size is below 0"))?;
        let letters = match given.text("chars")? {
            "uppercase" => (b'A', b'Z'),
            "lowercase" => (b'a', b'z'),
            "numeric" => (b'0', b'9'),
            "printable" | "binary" => (b' ', b'~'),
            other => return Err(bad(format!("{other:?} is no set of characters"))),
        };
        let (stream, mut lengths) = (Pcg::new(seed), room::<i64>(cx, &[count])?);
        // A length counts the zero that ends a string in the ancestor's memory.
        if given.text("dist")? == "lognormal" {
            let (mean, deviation) = (given.scalar::<f64>("arg1")?, given.scalar::<f64>("arg2")?);
            let mut drawn = room::<f64>(cx, &[count])?;
            fill(cx, &mut drawn, |range, out| pcg_normal((&stream, &Pcg::new(seed.wrapping_add(1))), range, out))
                .await?;
            let length = |value: f64| (mean + deviation * value).exp().ceil().clamp(1.0, RANDOM_LENGTH_MAX) as i64;
            lengths.iter_mut().zip(drawn.iter()).for_each(|(out, value)| *out = length(*value));
        } else {
            let (least, end) = (given.scalar::<f64>("arg1")?, given.scalar::<f64>("arg2")?);
            let least = least.clamp(0.0, RANDOM_LENGTH_MAX) as i64 + 1;
            let most = (end.clamp(0.0, RANDOM_LENGTH_MAX) as i64).max(least);
            fill(cx, &mut lengths, |range, out| pcg_integers(&stream, (least, most), range, out)).await?;
        }
        let total = lengths.iter().sum::<i64>() as usize;
        let mut drawn = room::<u8>(cx, &[total])?;
        fill(cx, &mut drawn, |range, out| pcg_integers(&stream, letters, range, out)).await?;
        let (mut offsets, mut bytes) = (room::<i64>(cx, &[count + 1])?, room::<u8>(cx, &[total - count])?);
        let (mut from, mut end) = (0, 0);
        for (at, length) in lengths.iter().enumerate() {
            let kept = *length as usize - 1;
            bytes[end..end + kept].copy_from_slice(&drawn[from..from + kept]);
            (from, end) = (from + kept + 1, end + kept);
            offsets[at + 1] = end as i64;
            if at % 1024 == 0 {
                cx.yield_if_due().await?;
            }
        }
        let made = Strings::new(offsets.done(), bytes.done());
        kept_strings(cx, made.ok_or_else(|| Fault::new(Code::Internal, "strings were cut between characters"))?)
    }
}

/// Keeps new strings and says so, as the ancestor does.
pub(super) fn created<'a>(cx: &Context<'_>, count: usize, of: impl Fn(usize) -> &'a str) -> Result<String, Fault> {
    let total = (0..count).map(|at| of(at).len()).sum();
    let mut offsets = room::<i64>(cx, &[count + 1])?;
    let mut bytes = room::<u8>(cx, &[total])?;
    let mut end = 0;
    for at in 0..count {
        let one = of(at).as_bytes();
        bytes[end..end + one.len()].copy_from_slice(one);
        end += one.len();
        offsets[at + 1] = end as i64;
    }
    let made = Strings::new(offsets.done(), bytes.done());
    let made = made.ok_or_else(|| Fault::new(Code::Internal, "strings were cut between characters"))?;
    kept_strings(cx, made)
}

fn compared<'a>(
    cx: &Context<'_>,
    op: &str,
    count: usize,
    pair: impl Fn(usize) -> (&'a str, &'a str),
) -> Result<String, Fault> {
    let holds: fn(&str, &str) -> bool = match op {
        "==" => |a, b| a == b,
        "!=" => |a, b| a != b,
        "<" => |a, b| a < b,
        "<=" => |a, b| a <= b,
        ">" => |a, b| a > b,
        ">=" => |a, b| a >= b,
        other => return Err(bad(format!("strings have no operator {other:?}"))),
    };
    let mut out = room::<bool>(cx, &[count])?;
    for (at, out) in out.iter_mut().enumerate() {
        let (one, other) = pair(at);
        *out = holds(one, other);
    }
    kept(cx, &out.done())
}

/// The indices of a slice as Python's `slice.indices` gives it.
fn sliced(start: i64, stop: i64, stride: i64, count: usize) -> Result<Vec<usize>, Fault> {
    if stride == 0 {
        return Err(bad("a stride of 0"));
    }
    let steps = ((stop - start + stride - stride.signum()) / stride).max(0);
    (0..steps).map(|step| placed_exactly(start + step * stride, count)).collect()
}

fn placed_exactly(at: i64, count: usize) -> Result<usize, Fault> {
    let place = usize::try_from(at).ok().filter(|at| *at < count);
    place.ok_or_else(|| bad(format!("index {at} is outside of {count}")))
}

/// An index, negative from the end.
fn placed(at: i64, count: usize) -> Result<usize, Fault> {
    placed_exactly(if at < 0 { at.saturating_add(count as i64) } else { at }, count)
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for one in text.chars() {
        match one {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            one if one.is_control() && (one as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", one as u32)),
            one => out.push(one),
        }
    }
    out.push('"');
    out
}
