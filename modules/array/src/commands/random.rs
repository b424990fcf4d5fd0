//! Random numbers: arrays of a seed, generators that go on where they were, shuffles and choices.
//!
//! Holds: the numbers of a seed are the same on every machine and however their morsels were shared. Uniform and normal ones are those of
//! the ancestor's server (PCG); exponential, gamma, logistic and Poisson numbers, orders and choices are of this node's own streams (Philox).

use super::sample::{by_sums, first_of, sums_of};
use crate::work::{bad, cast_to, copied, fault, fill, kernel_dtype, lengths, not_implemented, room, steps, view};
use windlass::prelude::*;
use windlass::symbols::{OwnSymbol, Symbol};
use windlass_kernels::index::{self, Negative};
use windlass_kernels::random::{
    Parameter, Pcg, Permutation, Places, Stream, exponential, gamma, integers, logistic, pcg_bools, pcg_integers,
    pcg_normal, pcg_uniform, poisson,
};
use windlass_kernels::with_dtype;

/// The class of generators.
const GENERATOR: &str = "Generator";

/// Random numbers.
pub struct Random;

/// Arrays of random numbers.
#[module(name = "array_random", export = false, stateless)]
impl Random {
    /// Nothing to keep.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Uniform numbers from `low` up to before `high`; the same for the same `seed`, unless that is -1.
    #[method(each(T in Element, n in Rank), standard)]
    async fn randint(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let shape = lengths(&given.list::<i64>("shape")?)?;
        drawn(cx, command, given, &Pcg::new(seed_of(cx, given)?), &shape, false).await
    }

    /// Normal numbers of mean 0 and deviation 1.
    #[method(each(n in Rank), standard, name = "randomNormal")]
    async fn random_normal(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let seed = seed_of(cx, given)?;
        let mut out = room::<f64>(cx, &lengths(&given.list::<i64>("shape")?)?)?;
        let (radii, angles) = (Pcg::new(seed), Pcg::new(seed.wrapping_add(1)));
        fill(cx, &mut out, |range, out| pcg_normal((&radii, &angles), range, out)).await?;
        Ok(out.done())
    }

    /// An array of uint64 filled with numbers that follow from seed, stream and place alone (SplitMix64).
    #[method(each(T in Element, n in Rank), standard, name = "fillRandU64")]
    async fn fill_words(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        filled(cx, command, given, Dtype::UInt64).await
    }

    /// An array of float64 filled with numbers from 0 to before 1 that follow from seed, stream and place alone (SplitMix64).
    #[method(each(T in Element, n in Rank), standard, name = "fillUniform01")]
    async fn fill_uniform(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        filled(cx, command, given, Dtype::Float64).await
    }

    /// A generator: a seed under a name.
    #[method(each(T in Element), standard, name = "createGenerator")]
    fn create_generator(cx: &Context<'_>, command: &Called, given: &Given) -> Result<String, Fault> {
        let seed = match given.scalar::<bool>("has_seed")? {
            true => given.scalar::<i64>("seed")? as u64,
            false => cx.random(),
        };
        let dtype = command.dtype("T").map_or("", Dtype::name).to_owned();
        let own = OwnSymbol {
            class: GENERATOR.into(),
            parameters: vec![dtype.clone()],
            state: seed.to_le_bytes().to_vec(),
            parts: Vec::new(),
        };
        Ok(format!("created {} {GENERATOR}<{dtype}>", cx.symbols().insert(own)?))
    }

    /// Ends a generator.
    #[method(standard, name = "delGenerator")]
    fn del_generator(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("name")?;
        cx.symbols().delete(name)?;
        Ok(format!("deleted {name}"))
    }

    /// Uniform numbers of a generator: whole numbers from `low` to `high`, both included, or floats up to before `high`.
    #[method(each(T in Element, n in Rank), standard, name = "uniformGenerator")]
    async fn uniform_generator(cx: &Context<'_>, command: &Called, given: &Given) -> Result<Array, Fault> {
        let stream = going_on(cx, given)?;
        let shape = lengths(&given.list::<i64>("shape")?)?;
        drawn(cx, command, given, &stream, &shape, true).await
    }

    /// Normal numbers of a generator.
    #[method(each(n in Rank), standard, name = "standardNormalGenerator")]
    async fn standard_normal(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let radii = going_on(cx, given)?;
        let mut out = room::<f64>(cx, &lengths(&given.list::<i64>("shape")?)?)?;
        let angles = radii.skipped(out.len() as u64);
        fill(cx, &mut out, |range, out| pcg_normal((&radii, &angles), range, out)).await?;
        Ok(out.done())
    }

    /// Exponential numbers of a generator.
    #[method(each(n in Rank), standard, name = "standardExponential")]
    async fn standard_exponential(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (stream, start) = (Stream::new(generator(cx, given.text("name")?)?, 2), state(given)?);
        let mut out = room::<f64>(cx, &lengths(&given.list::<i64>("size")?)?)?;
        fill(cx, &mut out, |range, out| exponential(&stream, 1.0, range.start + start..range.end + start, out))
            .await?;
        Ok(out.done())
    }

    /// Gamma numbers of a generator, of scale 1; `k_arg` is their shape, one for all or one for each.
    #[method(each(n in Rank), standard, name = "standardGamma")]
    async fn standard_gamma(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (stream, start) = (Stream::new(generator(cx, given.text("name")?)?, 6), state(given)?);
        let shape = lengths(&given.list::<i64>("size")?)?;
        let mut out = room::<f64>(cx, &shape)?;
        let shapes = Spread::of(cx, given, "k_arg", given.scalar::<bool>("is_single_k")?, out.len()).await?;
        fill(cx, &mut out, |range, out| {
            gamma(&stream, shapes.part(&range), range.start + start..range.end + start, out)
        })
        .await?;
        Ok(out.done())
    }

    /// Logistic numbers of a generator; mean and scale are one for all or one for each.
    #[method(standard, name = "logisticGenerator")]
    async fn logistic_generator(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (stream, start) = (Stream::new(generator(cx, given.text("name")?)?, 7), state(given)?);
        let mut out = room::<f64>(cx, &lengths(&[given.scalar::<i64>("size")?])?)?;
        let mean = Spread::of(cx, given, "mu", given.scalar::<bool>("is_single_mu")?, out.len()).await?;
        let scale = Spread::of(cx, given, "scale", given.scalar::<bool>("is_single_scale")?, out.len()).await?;
        fill(cx, &mut out, |range, out| {
            let both = (mean.part(&range), scale.part(&range));
            logistic(&stream, both, range.start + start..range.end + start, out)
        })
        .await?;
        Ok(out.done())
    }

    /// Poisson counts of a generator; the mean is one for all or one for each.
    #[method(standard, name = "poissonGenerator")]
    async fn poisson_generator(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let (stream, start) = (Stream::new(generator(cx, given.text("name")?)?, 8), state(given)?);
        let mut out = room::<i64>(cx, &lengths(&[given.scalar::<i64>("size")?])?)?;
        let mean = Spread::of(cx, given, "lam", given.scalar::<bool>("is_single_lambda")?, out.len()).await?;
        fill(cx, &mut out, |range, out| {
            poisson(&stream, mean.part(&range), range.start + start..range.end + start, out)
        })
        .await?;
        Ok(out.done())
    }

    /// The elements of an array in random order, under its own name.
    #[method(each(T in Element, n in Rank), standard)]
    async fn shuffle(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let array = given.array(cx, "x")?;
        let seed = generator(cx, given.text("name")?)?;
        let order = permuted(cx, &stepped(seed, state(given)?), array.size()).await?;
        let next = picked(cx, &array, &order, array.shape()).await?;
        drop(array);
        cx.symbols().put(given.text("x")?, next)?;
        Ok(String::new())
    }

    /// The elements of an array in random order, or the numbers below `x`.
    #[method(each(T in Element, n in Rank), standard)]
    async fn permutation(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let seed = stepped(generator(cx, given.text("name")?)?, state(given)?);
        if given.scalar::<bool>("isDomPerm")? {
            let size = usize::try_from(given.scalar::<i64>("size")?).map_err(|_| bad("size is below 0"))?;
            return permuted(cx, &seed, size).await;
        }
        let array = given.array(cx, "x")?;
        let order = permuted(cx, &seed, array.size()).await?;
        picked(cx, &array, &order, array.shape()).await
    }

    /// Elements of an array, or numbers below `popSize`, drawn with or without repetition, by weight if there are weights.
    #[method(each(T in Element), standard)]
    async fn choice(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let start = state(given)?;
        let seed = generator(cx, given.text("gName")?)?;
        let number = |key: &str| -> Result<usize, Fault> {
            usize::try_from(given.scalar::<i64>(key)?).map_err(|_| bad(format!("{key} is below 0")))
        };
        let (count, population) = (number("numSamples")?, number("popSize")?);
        let again = given.scalar::<bool>("replace")?;
        if population == 0 || (!again && count > population) {
            return Err(bad(format!("{count} of {population} elements cannot be drawn")));
        }
        let picks = if given.scalar::<bool>("hasWeights")? {
            weighted(cx, &given.array(cx, "wName")?, (seed, start), count, again).await?
        } else if again {
            let mut out = room::<i64>(cx, &[count])?;
            let (stream, last) = (Stream::new(seed, 3), population as i64 - 1);
            fill(cx, &mut out, |range, out| {
                integers(&stream, (0, last), range.start + start..range.end + start, out)
            })
            .await?;
            out.done()
        } else {
            let all = permuted(cx, &stepped(seed, start), population).await?;
            all.view_as(&[count], &[1], 0).map_err(|error| bad(error.to_string()))?
        };
        if given.scalar::<bool>("isDom")? {
            return copied(cx, &picks).await;
        }
        picked(cx, &given.array(cx, "aName")?, &picks, &[count]).await
    }

    /// So many elements of each group, drawn with or without repetition, by weight if there are weights.
    #[method(standard, name = "segmentedSample")]
    async fn segmented_sample(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<Array, Fault> {
        let seed =
            if given.scalar::<bool>("hasSeed")? { given.scalar::<i64>("seed")? as u64 } else { cx.random() };
        super::sample::of_groups(cx, given, seed, state(given)?).await
    }
}

/// A parameter of a distribution: one number for all elements, or an array of one for each.
enum Spread {
    One(f64),
    Each(Array),
}

impl Spread {
    async fn of(cx: &Context<'_>, given: &Given, key: &str, single: bool, count: usize) -> Result<Self, Fault> {
        if single {
            return Ok(Self::One(given.scalar::<f64>(key)?));
        }
        let array = cast_to(cx, &given.array(cx, key)?, Dtype::Float64).await?;
        if array.size() != count {
            return Err(bad(format!("{key} has {} elements, and {count} are drawn", array.size())));
        }
        Ok(Self::Each(if array.is_whole() { array } else { copied(cx, &array).await? }))
    }
    /// What belongs to a range of elements.
    fn part(&self, range: &std::ops::Range<usize>) -> Parameter<'_> {
        match self {
            Self::One(value) => Parameter::One(*value),
            // A whole array lies in a row from its offset; `of` has checked that it is one, and how long.
            Self::Each(array) => match array.view::<f64>() {
                Some(all) => {
                    let from = all.offset() + range.start;
                    Parameter::Each(&all.memory()[from..from + range.len()])
                }
                None => Parameter::Each(&[]),
            },
        }
    }
}

/// Where a generator stands.
fn state(given: &Given) -> Result<usize, Fault> {
    usize::try_from(given.scalar::<i64>("state")?).map_err(|_| bad("state is below 0"))
}

/// The seed that was given, or one of chance for -1 and for none.
fn seed_of(cx: &Context<'_>, given: &Given) -> Result<u64, Fault> {
    match given.text("seed")? {
        "" | "None" | "-1" => Ok(cx.random()),
        _ => Ok(given.scalar::<i64>("seed")? as u64),
    }
}

/// The seed of a generator.
fn generator(cx: &Context<'_>, name: &str) -> Result<u64, Fault> {
    let none = || bad(format!("{name} is no generator"));
    match cx.symbols().get(name)? {
        Symbol::Own(own) if own.class == GENERATOR => {
            own.state.try_into().map(u64::from_le_bytes).map_err(|_| none())
        }
        _ => Err(none()),
    }
}

/// The uniform numbers of a generator from where it stands; the first place is 1.
fn going_on(cx: &Context<'_>, given: &Given) -> Result<Pcg, Fault> {
    Ok(Pcg::new(generator(cx, given.text("name")?)?).skipped((state(given)? as u64).saturating_sub(1)))
}

/// A stream for orders, another for each place where the generator stands.
fn stepped(seed: u64, state: usize) -> Stream {
    Stream::new(seed ^ (state as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15), 4)
}

/// Uniform numbers of the command's dtype.
async fn drawn(
    cx: &Context<'_>,
    command: &Called,
    given: &Given,
    stream: &Pcg,
    shape: &[usize],
    closed: bool,
) -> Result<Array, Fault> {
    let dtype = command.dtype("T").ok_or_else(|| bad("no dtype"))?;
    if dtype == Dtype::Float64 {
        let bounds = (given.scalar::<f64>("low")?, given.scalar::<f64>("high")?);
        let mut out = room::<f64>(cx, shape)?;
        fill(cx, &mut out, |range, out| pcg_uniform(stream, bounds, range, out)).await?;
        return Ok(out.done());
    }
    if dtype == Dtype::Bool {
        let whole = |key: &str| -> Result<i64, Fault> {
            match given.text(key)? {
                "True" => Ok(1),
                "False" => Ok(0),
                _ => given.scalar::<i64>(key),
            }
        };
        let (low, high) = (whole("low")?, whole("high")? - i64::from(!closed));
        if high < low || low < 0 || high > 1 {
            return Err(bad(format!("{low} to {high} are no bools")));
        }
        let mut out = room::<bool>(cx, shape)?;
        fill(cx, &mut out, |range, out| {
            if low < high {
                return pcg_bools(stream, range, out);
            }
            out.fill(low == 1);
            Ok(())
        })
        .await?;
        return Ok(out.done());
    }
    with_dtype!(integers kernel_dtype(dtype), T => {
        // The end that does not belong to the range may be one past the dtype.
        let whole = |key: &str| -> Result<i128, Fault> {
            let text = given.text(key)?;
            whole_number(text).ok_or_else(|| bad(format!("Json Argument '{key}' cannot be cast as {dtype}: {text}")))
        };
        let (low, high) = (whole("low")?, whole("high")?.saturating_sub(i128::from(!closed)));
        // Both may be past what can be counted, and are equal then.
        if high < low && high < i128::MAX - 1 {
            return Err(bad("low >= high"));
        }
        // A bound outside of the dtype is the dtype's own.
        let fits = |value: i128| T::try_from(value).unwrap_or(if value < 0 { T::MIN } else { T::MAX });
        let (low, high) = (fits(low), fits(high));
        let mut out = room::<T>(cx, shape)?;
        fill(cx, &mut out, |range, out| pcg_integers(stream, (low, high), range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("uniform", &[dtype])))
}

/// Fills an array, under its own name, by seed, stream and place.
async fn filled(cx: &Context<'_>, command: &Called, given: &Given, dtype: Dtype) -> Result<String, Fault> {
    let array = given.array(cx, "A")?;
    if array.dtype() != dtype || array.ndim() != 1 {
        let text =
            format!("{} fills rows of {dtype}, not {} of rank {}", command.full_name, array.dtype(), array.ndim());
        return Err(bad(text));
    }
    let places = Places::new(
        given.scalar::<u64>("seed")?,
        given.scalar::<u64>("stream")?,
        given.scalar::<u64>("startIdx")?,
    );
    let next = if dtype == Dtype::UInt64 {
        let mut out = room::<u64>(cx, array.shape())?;
        fill(cx, &mut out, |range, out| {
            range.zip(out).for_each(|(at, out)| *out = places.word(at as u64));
            Ok(())
        })
        .await?;
        out.done()
    } else {
        let mut out = room::<f64>(cx, array.shape())?;
        fill(cx, &mut out, |range, out| {
            range.zip(out).for_each(|(at, out)| *out = places.unit(at as u64));
            Ok(())
        })
        .await?;
        out.done()
    };
    drop(array);
    cx.symbols().put(given.text("A")?, next)?;
    Ok(String::new())
}

/// A whole number in text; one too large for anything is the largest of its sign.
fn whole_number(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let end = if digits.len() < text.len() { i128::MIN } else { i128::MAX };
    is_number.then(|| text.parse().unwrap_or(end))
}

/// The numbers below `count` in random order.
async fn permuted(cx: &Context<'_>, stream: &Stream, count: usize) -> Result<Array, Fault> {
    let mut out = room::<i64>(cx, &[count])?;
    steps(cx, Permutation::new(*stream, &mut out[..]).map_err(fault)?).await?;
    Ok(out.done())
}

/// The elements, counted row-major, that `picks` names, in a shape.
async fn picked(cx: &Context<'_>, array: &Array, picks: &Array, shape: &[usize]) -> Result<Array, Fault> {
    let row = if array.is_whole() { array.clone() } else { copied(cx, array).await? };
    let row = row.view_as(&[array.size()], &[1], 0).map_err(|error| bad(error.to_string()))?;
    let picks = cast_to(cx, picks, Dtype::Int64).await?;
    with_dtype!(kernel_dtype(row.dtype()), T => {
        let (from, picks) = (view::<T>(&row)?, view::<i64>(&picks)?);
        let mut out = room::<T>(cx, shape)?;
        fill(cx, &mut out, |range, out| index::take_along(&from, 0, &picks, Negative::FromEnd, range, out)).await?;
        Ok(out.done())
    }, else => Err(not_implemented("choice", &[row.dtype()])))
}

/// Indices drawn by weight.
async fn weighted(
    cx: &Context<'_>,
    weights: &Array,
    (seed, start): (u64, usize),
    count: usize,
    again: bool,
) -> Result<Array, Fault> {
    let weights: Vec<f64> = view::<f64>(weights)?.to_vec();
    let stream = Stream::new(seed, 5);
    let mut out = room::<i64>(cx, &[count])?;
    if !again {
        first_of(&weights, &stream, start, &mut out)?;
        cx.yield_if_due().await?;
        return Ok(out.done());
    }
    let sums = sums_of(&weights)?;
    fill(cx, &mut out, |range, out| by_sums(&sums, &stream, range.start + start, out)).await?;
    Ok(out.done())
}
