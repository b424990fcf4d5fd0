//! Reductions by group number, in the order of rows: one pass, no permutation.
//!
//! Lives here: `by_code` (a range of rows into parts), `merge` and `finish`; `ByCode` (all rows, several threads at a time).
//! Holds: parts are joined in the order of their rows.

use crate::element::Element;
use crate::error::KernelError;
use crate::limits::BLOCK;
use crate::morsel::{self, Step, Stepwise, Team, each};
use crate::reduce::Reducer;
use crate::sort::Index;
use crate::view::{Block, View, scratch};
use std::ops::Range;

/// Takes the values of a range of rows into the parts of their groups; `codes` are those of all rows.
///
/// Cost: about a nanosecond per row while the parts stay in cache. Sums are added in row order, so floats round as one loop does.
///
/// # Errors
/// `OutputSize` if there is not one code per row; `Bounds` for a range outside or a code without a part.
pub fn by_code<T: Element, R: Reducer<T>, I: Index>(
    reducer: R,
    values: &View<'_, T>,
    codes: &[I],
    range: Range<usize>,
    parts: &mut [R::Acc],
) -> Result<(), KernelError> {
    KernelError::check_output(values.elements(), codes.len())?;
    let mut walk = values.walk_checked(&range)?;
    let mut room = scratch();
    let mut row = range.start;
    let len = parts.len();
    for codes in codes[range].chunks(BLOCK) {
        // Looked at first, so that the loop below neither fails in its middle nor asks twice.
        if let Some(bad) = codes.iter().map(|code| code.row()).max().filter(|&code| code >= len) {
            return Err(KernelError::Bounds { what: "group", at: bad as i64, len });
        }
        match walk.next(codes.len(), &mut room) {
            Block::Run(run) => {
                for (code, &value) in codes.iter().zip(run) {
                    reducer.push(&mut parts[code.row()], value, row);
                    row += 1;
                }
            }
            Block::Same(value) => {
                for code in codes {
                    reducer.push(&mut parts[code.row()], value, row);
                    row += 1;
                }
            }
        }
    }
    Ok(())
}

/// Takes in the parts of the rows that follow.
///
/// # Errors
/// `OutputSize` for another number of groups.
pub fn merge<T: Element, R: Reducer<T>>(
    reducer: R,
    parts: &mut [R::Acc],
    next: &[R::Acc],
) -> Result<(), KernelError> {
    KernelError::check_output(parts.len(), next.len())?;
    parts.iter_mut().zip(next).for_each(|(part, next)| reducer.merge(part, next));
    Ok(())
}

/// The results of parts.
///
/// # Errors
/// `OutputSize`; `Empty` for a group without values if the reduction has no neutral one.
pub fn finish<T: Element, R: Reducer<T>>(
    reducer: R,
    parts: &[R::Acc],
    out: &mut [R::Out],
) -> Result<(), KernelError> {
    KernelError::check_output(parts.len(), out.len())?;
    for (out, part) in out.iter_mut().zip(parts) {
        *out = reducer.finish(part)?;
    }
    Ok(())
}

/// Parts of rows that are summed one after another, in morsels: few groups have short ones, so that floats are added in many small sums;
/// with many groups the parts must not cost more than the rows.
fn piece(groups: usize) -> usize {
    groups.saturating_mul(8).div_ceil(morsel::ELEMENTS).max(1)
}

/// The rows of one piece on their way: where they go on and end, and what they came to.
struct Piece<A> {
    at: usize,
    end: usize,
    parts: Vec<A>,
}

/// Takes the values of all rows into the parts of their groups, several threads at a time.
///
/// Order: rows are cut into pieces of a length that depends on the number of groups alone. In a piece the values of a group are taken
/// in row order; the parts of pieces are joined in their order. So floats have the same bits however many threads there are.
/// Cost: about a nanosecond per row and thread while the parts stay in cache.
pub struct ByCode<'a, T, R: Reducer<T>, I>
where
    T: Element,
{
    reducer: R,
    values: View<'a, T>,
    codes: &'a [I],
    groups: usize,
    /// Rows that pieces which have begun end with.
    begun: usize,
    open: Vec<Piece<R::Acc>>,
    parts: Vec<R::Acc>,
}

impl<'a, T: Element, R: Reducer<T>, I: Index> ByCode<'a, T, R, I> {
    /// A reduction that has not begun; there is a code, below `groups`, for each value.
    ///
    /// # Errors
    /// `OutputSize` if there is not.
    pub fn new(reducer: R, values: View<'a, T>, codes: &'a [I], groups: usize) -> Result<Self, KernelError> {
        KernelError::check_output(values.elements(), codes.len())?;
        let parts = vec![reducer.start(); groups];
        Ok(Self { reducer, values, codes, groups, begun: 0, open: Vec::new(), parts })
    }

    /// What each group came to, complete once `step` said `Done`; for `finish`.
    #[must_use]
    pub fn parts(&self) -> &[R::Acc] {
        &self.parts
    }
}

impl<T: Element, R: Reducer<T>, I: Index> Stepwise for ByCode<'_, T, R, I> {
    fn step_with(&mut self, team: &dyn Team) -> Result<Step, KernelError> {
        let rows = self.codes.len();
        // Pieces that run at the same time begin together, so that each thread keeps the parts of its own in its cache.
        if self.open.is_empty() {
            for _ in 0..team.threads() {
                let at = self.begun;
                self.begun = rows.min(at.saturating_add(piece(self.groups) * morsel::ELEMENTS));
                if at < self.begun {
                    let parts = vec![self.reducer.start(); self.groups];
                    self.open.push(Piece { at, end: self.begun, parts });
                }
            }
        }
        let (reducer, values, codes) = (self.reducer, self.values, self.codes);
        self.open = each(team, std::mem::take(&mut self.open), |mut piece| {
            let until = piece.end.min(piece.at + 2 * morsel::ELEMENTS);
            by_code(reducer, &values, codes, piece.at..until, &mut piece.parts)?;
            piece.at = until;
            Ok(piece)
        })?;
        if self.open.iter().all(|piece| piece.at == piece.end) {
            for piece in self.open.drain(..) {
                merge(reducer, &mut self.parts, &piece.parts)?;
            }
        }
        Ok(if self.begun == rows && self.open.is_empty() { Step::Done } else { Step::More })
    }
}
