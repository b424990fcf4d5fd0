//! Samples: indices drawn by weight, and elements drawn of each group.
//!
//! Holds: what is drawn follows from the seed and the place alone.

use crate::work::{bad, fault, room, view};
use windlass::prelude::*;
use windlass_kernels::KernelError;
use windlass_kernels::random::{Stream, exponential, integers, uniform};

/// The sums of weights up to each.
pub(super) fn sums_of(weights: &[f64]) -> Result<Vec<f64>, Fault> {
    check(weights)?;
    let mut total = 0.0;
    let sums = weights.iter().map(|weight| {
        total += weight;
        total
    });
    Ok(sums.collect())
}

fn check(weights: &[f64]) -> Result<(), Fault> {
    match weights.iter().any(|one| one.is_nan() || *one < 0.0) {
        true => Err(bad("a weight is below 0 or not a number")),
        false => Ok(()),
    }
}

/// Indices drawn by weight, with repetition.
pub(super) fn by_sums(sums: &[f64], stream: &Stream, start: usize, out: &mut [i64]) -> Result<(), KernelError> {
    let Some(&total) = sums.last() else { return Err(KernelError::Empty { operation: "choice" }) };
    let mut places = vec![0.0; out.len()];
    uniform(stream, (0.0, total), start..start + out.len(), &mut places)?;
    for (out, place) in out.iter_mut().zip(&places) {
        *out = sums.partition_point(|sum| sum <= place).min(sums.len() - 1) as i64;
    }
    Ok(())
}

/// Indices drawn by weight, none twice.
///
/// Each element waits an exponential time whose rate is its weight; the first so many are drawn (Efraimidis and Spirakis).
pub(super) fn first_of(weights: &[f64], stream: &Stream, start: usize, out: &mut [i64]) -> Result<(), Fault> {
    check(weights)?;
    let mut times = vec![0.0; weights.len()];
    exponential(stream, 1.0, start..start + weights.len(), &mut times).map_err(fault)?;
    let mut order: Vec<usize> = (0..weights.len()).filter(|&at| weights[at] > 0.0).collect();
    let (count, weighed) = (out.len(), order.len());
    if weighed < count {
        return Err(bad(format!("{count} elements cannot be drawn of {weighed} that have a weight")));
    }
    order.sort_by(|&a, &b| (times[a] / weights[a]).total_cmp(&(times[b] / weights[b])));
    out.iter_mut().zip(order).for_each(|(out, at)| *out = at as i64);
    Ok(())
}

/// Elements of `perm`, so many of each group as `numSamples` says.
pub(super) async fn of_groups(cx: &Context<'_>, given: &Given, seed: u64, start: usize) -> Result<Array, Fault> {
    let list = |key: &str| Ok::<Vec<i64>, Fault>(view::<i64>(&given.array(cx, key)?)?.to_vec());
    let (rows, starts, sizes, wanted) = (list("perm")?, list("segs")?, list("segLens")?, list("numSamples")?);
    let again = given.scalar::<bool>("replace")?;
    let weights = match given.scalar::<bool>("hasWeights")? {
        true => Some(view::<f64>(&given.array(cx, "weights")?)?.to_vec()),
        false => None,
    };
    if sizes.len() != starts.len() || wanted.len() != starts.len() {
        return Err(bad(format!("{} groups, {} sizes, {} counts", starts.len(), sizes.len(), wanted.len())));
    }
    if weights.as_ref().is_some_and(|weights| weights.len() != rows.len()) {
        return Err(bad(format!("{} rows do not have a weight each", rows.len())));
    }
    let count = |one: i64| usize::try_from(one).map_err(|_| bad(format!("{one} elements cannot be drawn")));
    let mut total = 0usize;
    for &one in &wanted {
        total = total.checked_add(count(one)?).ok_or_else(|| bad("more elements than can be counted"))?;
    }
    let mut out = room::<i64>(cx, &[total])?;
    let (stream, mut end) = (Stream::new(seed, 13), 0usize);
    for ((&first, &size), &one) in starts.iter().zip(&sizes).zip(&wanted) {
        let (drawn, place) = (count(one)?, start.wrapping_add(end));
        let group = usize::try_from(first).ok().zip(usize::try_from(size).ok());
        let group = group.and_then(|(first, size)| Some(first..first.checked_add(size)?));
        let group = group.filter(|group| group.end <= rows.len());
        let group = group.ok_or_else(|| bad(format!("a group of {size} at {first} of {} rows", rows.len())))?;
        if drawn > 0 && (group.is_empty() || (!again && drawn > group.len())) {
            return Err(bad(format!("{drawn} of {} elements cannot be drawn", group.len())));
        }
        let picks = &mut out[end..end + drawn];
        let weighed = weights.as_ref().map(|weights| &weights[group.clone()]);
        match weighed {
            _ if drawn == 0 => {}
            Some(weights) if again => {
                by_sums(&sums_of(weights)?, &stream, place, picks).map_err(fault)?;
            }
            // Each group has places of its own, so that its times are.
            Some(weights) => first_of(weights, &Stream::new(seed, 14), start.wrapping_add(group.start), picks)?,
            None if again => {
                let range = (0, group.len() as i64 - 1);
                integers(&stream, range, place..place + drawn, picks).map_err(fault)?;
            }
            None => shuffled(&stream, group.len(), place, picks)?,
        }
        picks.iter_mut().for_each(|pick| *pick = rows[group.start + *pick as usize]);
        end += drawn;
        cx.yield_if_due().await?;
    }
    Ok(out.done())
}

/// The first places of a shuffle (Fisher and Yates).
fn shuffled(stream: &Stream, size: usize, place: usize, out: &mut [i64]) -> Result<(), Fault> {
    let mut order: Vec<i64> = (0..size as i64).collect();
    for (at, out) in out.iter_mut().enumerate() {
        let mut further = [0i64];
        let range = (0, (size - at - 1) as i64);
        integers(stream, range, place + at..place + at + 1, &mut further).map_err(fault)?;
        order.swap(at, at + further[0] as usize);
        *out = order[at];
    }
    Ok(())
}
