//! Hashes of values, strings, segments of either, and rows of several: SipHash-2-4 with the key that the ancestor has.
//!
//! Holds: the hash of a row is that of its columns, each turned by its number, so that equal columns do not cancel each other.

use crate::words::{kept, object, pieces, seen};
use crate::work::{bad, fault, kernel_dtype, not_implemented, room, view};
use windlass::prelude::*;
use windlass::symbols::Symbol;
use windlass_kernels::hash::{hash_strings, hash_values, hash_values_64};
use windlass_kernels::{morsel, with_dtype};

/// Most columns of one row.
const COLUMNS_MAX: usize = 128;

/// Hashes.
pub struct Hashes;

/// Hashes of values, strings and rows.
#[module(name = "array_hash", export = false, stateless)]
impl Hashes {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The hash of each element in 64 bits.
    #[method(each(T in Element, n in Rank), standard)]
    async fn hash64(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let array = given.array(cx, "x")?;
        with_dtype!(kernel_dtype(array.dtype()), T => {
            let values = view::<T>(&array)?;
            let mut out = room::<u64>(cx, array.shape())?;
            for (range, part) in morsel::outputs(&mut out) {
                hash_values_64(&values, range, part).map_err(fault)?;
                cx.yield_if_due().await?;
            }
            Ok(out.done())
        }, else => Err(not_implemented("hash64", &[array.dtype()])))
    }

    /// The hash of each element in 128 bits, as two arrays.
    #[method(each(T in Element, n in Rank), standard)]
    async fn hash128(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let array = given.array(cx, "x")?;
        let (upper, lower) = of_values(cx, &array).await?;
        Ok(format!("{}+{}", shaped(cx, &upper, array.shape())?, shaped(cx, &lower, array.shape())?))
    }

    /// The hash of each string, or of each segment of values, as two arrays.
    #[method(standard, name = "segmentedHash")]
    async fn segmented_hash(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (upper, lower) = match given.text("objType")?.to_ascii_lowercase().as_str() {
            "strings" => of_strings(cx, &given.strings(cx, "obj")?).await?,
            "segarray" => of_segments(cx, given.text("segments")?, given.text("values")?).await?,
            other => return Err(bad(format!("no hashes of a {other}"))),
        };
        Ok(format!("{}+{}", shaped(cx, &upper, &[upper.len()])?, shaped(cx, &lower, &[lower.len()])?))
    }

    /// The hash of each row of several columns: arrays, strings, categoricals, segments.
    #[method(standard, name = "hashList")]
    async fn hash_list(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (names, sorts) = (given.texts("nameslist")?, given.texts("typeslist")?);
        if names.is_empty() || names.len() > COLUMNS_MAX || names.len() != sorts.len() {
            let text = format!("{} columns with {} types; 1 to {COLUMNS_MAX} are taken", names.len(), sorts.len());
            return Err(bad(text));
        }
        let mut rows: Option<Halves> = None;
        for (at, (name, sort)) in names.iter().zip(&sorts).enumerate() {
            let column = match sort.to_ascii_lowercase().as_str() {
                "segarray" | "categorical" => {
                    let parts: Parts = serde_json::from_str(name)
                        .map_err(|error| bad(format!("column {at} is not what a {sort} is: {error}")))?;
                    match parts {
                        Parts::Categorical { categories, codes } => {
                            of_categorical(cx, &cx.symbols().strings(&categories)?, &cx.symbols().array(&codes)?)
                                .await?
                        }
                        Parts::Segments { segments, values } => of_segments(cx, &segments, &values).await?,
                    }
                }
                _ => of_symbol(cx, name.split('+').next().unwrap_or(name)).await?,
            };
            joined(&mut rows, column, at)?;
        }
        said(cx, &rows.unwrap_or_default())
    }

    /// The hash of the category of each code.
    #[method(standard, name = "categoricalHash")]
    async fn categorical_hash(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (categories, codes) = (given.strings(cx, "categories")?, given.array(cx, "codes")?);
        said(cx, &of_categorical(cx, &categories, &codes).await?)
    }
}

/// The upper and lower halves of hashes.
type Halves = (Vec<u64>, Vec<u64>);

/// A column that consists of several symbols.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Parts {
    Categorical { categories: String, codes: String },
    Segments { segments: String, values: String },
}

fn shaped(cx: &Context<'_>, half: &[u64], shape: &[usize]) -> Result<String, Fault> {
    let mut out = room::<u64>(cx, shape)?;
    out.copy_from_slice(half);
    kept(cx, &out.done())
}

fn said(cx: &Context<'_>, (upper, lower): &Halves) -> Result<String, Fault> {
    let upper = shaped(cx, upper, &[upper.len()])?;
    Ok(object(&[("upperHash", upper), ("lowerHash", shaped(cx, lower, &[lower.len()])?)]))
}

async fn of_values(cx: &Context<'_>, array: &Array) -> Result<Halves, Fault> {
    let (mut upper, mut lower) = (vec![0; array.size()], vec![0; array.size()]);
    if array.dtype() == Dtype::Bool {
        // One bit needs no hash, and the ancestor makes none.
        for (low, value) in lower.iter_mut().zip(view::<bool>(array)?.to_vec()) {
            *low = value.into();
        }
        return Ok((upper, lower));
    }
    with_dtype!(kernel_dtype(array.dtype()), T => {
        let values = view::<T>(array)?;
        for (range, high) in morsel::outputs(&mut upper) {
            hash_values(&values, range.clone(), (high, &mut lower[range])).map_err(fault)?;
            cx.yield_if_due().await?;
        }
    }, else => return Err(not_implemented("hash128", &[array.dtype()])));
    Ok((upper, lower))
}

async fn of_strings(cx: &Context<'_>, strings: &Strings) -> Result<Halves, Fault> {
    let strings = seen(strings)?;
    let (mut upper, mut lower) = (vec![0; strings.len()], vec![0; strings.len()]);
    for piece in pieces(strings.len()) {
        hash_strings(&strings, piece.clone(), (&mut upper[piece.clone()], &mut lower[piece])).map_err(fault)?;
        cx.yield_if_due().await?;
    }
    Ok((upper, lower))
}

async fn of_symbol(cx: &Context<'_>, name: &str) -> Result<Halves, Fault> {
    match cx.symbols().get(name)? {
        Symbol::Array(array) => of_values(cx, &array).await,
        Symbol::Strings(strings) => of_strings(cx, &strings).await,
        Symbol::Own(own) => Err(bad(format!("no hashes of a {}", own.class))),
    }
}

async fn of_categorical(cx: &Context<'_>, categories: &Strings, codes: &Array) -> Result<Halves, Fault> {
    let (upper, lower) = of_strings(cx, categories).await?;
    let codes = view::<i64>(codes)?.to_vec();
    let (mut high, mut low) = (Vec::with_capacity(codes.len()), Vec::with_capacity(codes.len()));
    for code in codes {
        let at = usize::try_from(code).ok().filter(|at| *at < upper.len());
        let at = at.ok_or_else(|| bad(format!("code {code} of {} categories", upper.len())))?;
        high.push(upper[at]);
        low.push(lower[at]);
    }
    Ok((high, low))
}

/// The hash of each segment: of its values and their places, hashed once more, so that equal values do not cancel each other.
async fn of_segments(cx: &Context<'_>, segments: &str, values: &str) -> Result<Halves, Fault> {
    let starts = view::<i64>(&cx.symbols().array(segments)?)?.to_vec();
    let values = of_symbol(cx, values.split('+').next().unwrap_or(values)).await?;
    let size = values.0.len();
    let mut places = vec![0i64; size];
    let mut bounds = Vec::with_capacity(starts.len());
    for (at, &start) in starts.iter().enumerate() {
        let end = starts.get(at + 1).copied().unwrap_or(size as i64);
        let bound = usize::try_from(start).ok().zip(usize::try_from(end).ok());
        let bound = bound.filter(|(start, end)| start <= end && *end <= size);
        let (start, end) = bound.ok_or_else(|| bad(format!("segment {at} lies outside of {size} values")))?;
        places[start..end].iter_mut().zip(0..).for_each(|(to, place)| *to = place);
        bounds.push(start..end);
    }
    let mut rows = Some(values);
    joined(&mut rows, of_values(cx, &cx.symbols().array_of(&places)?).await?, 1)?;
    let (upper, lower) = rows.unwrap_or_default();
    let mut again = Some(of_values(cx, &cx.symbols().array_of(&upper)?).await?);
    joined(&mut again, of_values(cx, &cx.symbols().array_of(&lower)?).await?, 1)?;
    let (upper, lower) = again.unwrap_or_default();
    let together = |half: &[u64]| {
        bounds.iter().map(|bound| half[bound.clone()].iter().fold(0, |all, one| all ^ one)).collect()
    };
    Ok((together(&upper), together(&lower)))
}

/// Adds column `at` to the rows.
fn joined(rows: &mut Option<Halves>, column: Halves, at: usize) -> Result<(), Fault> {
    let (upper, lower) = match rows {
        None => {
            *rows = Some(column);
            return Ok(());
        }
        Some((upper, lower)) => (upper, lower),
    };
    if upper.len() != column.0.len() {
        return Err(bad(format!("column {at} has {} rows, those before it {}", column.0.len(), upper.len())));
    }
    let pairs = upper.iter_mut().zip(lower).zip(column.0.into_iter().zip(column.1));
    for ((upper, lower), (high, low)) in pairs {
        let (high, low) = turned(high, low, (at % 64) as u32);
        *upper ^= high;
        *lower ^= low;
    }
    Ok(())
}

/// Both halves turned left, with the bits that leave one entering the other.
fn turned(high: u64, low: u64, by: u32) -> (u64, u64) {
    let tail = (1u64 << by) - 1;
    let (one, other) = (high.rotate_left(by), low.rotate_left(by));
    ((one & !tail) | (other & tail), (other & !tail) | (one & tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_that_of_128_bits() {
        for by in [0, 1, 7, 63] {
            let (high, low) = (0x8123_4567_89ab_cdef, 0xfedc_ba98_7654_3210);
            let whole = ((u128::from(high) << 64) | u128::from(low)).rotate_left(by);
            assert_eq!(turned(high, low, by), ((whole >> 64) as u64, whole as u64));
        }
    }
}
