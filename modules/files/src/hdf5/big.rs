//! Big: integers without a width, whose limbs stand in datasets of their own.
//!
//! Lives here: `node` (one as it is written), `of_limbs` (one that was read).
//! Holds: values come back with their signs, which the ancestor loses: it reads our limbs as it reads its own.

use super::layout::{IS_BIG, LIMB, LIMBS, MAX_BITS, Node, SIGNED, Sort, marks};
use crate::columns::bad;
use windlass::Array;
use windlass::array::row_major;
use windlass::prelude::*;
use windlass::symbols::{BigintSymbol, OwnSymbol};
use windlass_kernels::limits::BIGINT_BITS_MAX;

/// Limbs of a value, one for the sign included.
pub(super) const WIDTH_MAX: usize = (BIGINT_BITS_MAX / 64) as usize + 1;

/// The symbol as it is written: as many limbs as the widest value needs.
pub(super) fn node(sort: Sort, own: &OwnSymbol) -> Result<Node, Fault> {
    let big = Own::<BigintSymbol>::of(own)?.0;
    let memory = big.memory()?;
    let internal = |error: windlass::array::ArrayError| Fault::new(Code::Internal, error.to_string());
    let shape: Vec<usize> = big.shape.iter().map(|&length| length as usize).collect();
    let size = big.size();
    let words = memory.len() / 8;
    let all = Array::new(Dtype::UInt64, &[words], memory).map_err(internal)?;
    let view = all.view::<u64>().ok_or_else(|| bad("limbs are uint64"))?;
    let limb = |at: usize| view.memory().get(at * size..(at + 1) * size).unwrap_or(&[]);
    let mut width = words.checked_div(size).unwrap_or(1).max(1);
    let signed = limb(width - 1).iter().any(|word| word >> 63 == 1);
    while !signed && width > 1 && limb(width - 1).iter().all(|word| *word == 0) {
        width -= 1;
    }
    let mut members = Vec::with_capacity(width);
    for at in 0..width {
        let array = if size == 0 {
            all.clone().view_as(&shape, &row_major(&shape), 0)
        } else {
            all.view_as(&shape, &row_major(&shape), at * size)
        };
        let array = array.map_err(internal)?;
        members.push((format!("{LIMB}{at}"), Node::Data { marks: marks(Sort::Array, &[]), array }));
    }
    let max_bits = big.max_bits.map_or(-1, |bits| i64::try_from(bits).unwrap_or(-1));
    let mut marks = marks(sort, &[(IS_BIG, 1), (MAX_BITS, max_bits), (LIMBS, width as i64)]);
    if signed {
        marks.insert(SIGNED.to_owned(), 1);
    }
    Ok(Node::Group { marks, members })
}

/// How values wrap, by the file's mark.
pub(super) fn max_bits(mark: Option<i64>) -> Result<Option<u64>, Fault> {
    match mark {
        None | Some(-1) => Ok(None),
        Some(bits) => {
            let fits = u64::try_from(bits).ok().filter(|bits| (1..=BIGINT_BITS_MAX).contains(bits));
            fits.map(Some).ok_or_else(|| bad(format!("bigint of {bits} bits; there are 1 to {BIGINT_BITS_MAX}")))
        }
    }
}

/// Values of their limbs, the least first.
pub(super) async fn of_limbs(
    cx: &Context<'_>,
    shape: &[usize],
    limbs: &[Fresh<u64>],
    max_bits: Option<u64>,
    signed: bool,
) -> Result<BigintSymbol, Fault> {
    let size: usize = shape.iter().product();
    let top = limbs.last().map_or(&[][..], |limb| &limb[..]);
    // A first bit that is no sign needs a limb in front of it that says so.
    let more = usize::from(!signed && top.iter().any(|word| word >> 63 == 1));
    let mut out = cx.symbols().fresh::<u64>(&[(limbs.len() + more) * size])?;
    if size > 0 {
        for (at, (out, limb)) in out.chunks_mut(size).zip(limbs).enumerate() {
            let kept = match max_bits {
                Some(bits) if !signed => match bits.saturating_sub(64 * at as u64) {
                    0 => 0,
                    bits @ 1..64 => (1u64 << bits) - 1,
                    _ => u64::MAX,
                },
                _ => u64::MAX,
            };
            for (out, word) in out.iter_mut().zip(&limb[..]) {
                *out = word & kept;
            }
            cx.yield_if_due().await?;
        }
    }
    let memory = out.done().memory().clone();
    Ok(BigintSymbol { shape: shape.iter().map(|&length| length as u64).collect(), max_bits, limbs: Some(memory) })
}
