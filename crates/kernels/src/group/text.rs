//! A column of strings as dense ranks, so that strings group and sort beside any other column.

use crate::error::KernelError;
use crate::morsel::{self, Step, Stepwise, Team};
use crate::sort::{Column, TextArgSort};
use crate::strings::Strings;

/// Replaces strings by ranks: 0 for the least, one more for each that is greater. Cost: a sort of the strings.
pub struct TextRanks<'a> {
    strings: Strings<'a>,
    permutation: &'a [i64],
    ranks: Vec<u64>,
    distinct: usize,
    at: usize,
}

impl<'a> TextRanks<'a> {
    /// Strings with the permutation that sorts them (`sort::TextArgSort`).
    ///
    /// # Errors
    /// `OutputSize` for a permutation of another length.
    pub fn new(strings: Strings<'a>, permutation: &'a [i64]) -> Result<Self, KernelError> {
        KernelError::check_output(strings.len(), permutation.len())?;
        Ok(Self { strings, permutation, ranks: vec![0; permutation.len()], distinct: 0, at: 0 })
    }

    /// Sorts and ranks in one go, for columns of moderate length.
    ///
    /// # Errors
    /// `TooLarge` past the limits of a sort.
    pub fn of(strings: Strings<'_>) -> Result<(Column, usize), KernelError> {
        let mut permutation = vec![0i64; strings.len()];
        TextArgSort::new(strings, &mut permutation)?.run()?;
        let mut ranks = TextRanks::new(strings, &permutation)?;
        ranks.run()?;
        Ok(ranks.into_column())
    }

    /// The ranks and how many different strings there are, complete once `step` said `Done`.
    #[must_use]
    pub fn into_column(self) -> (Column, usize) {
        (Column(self.ranks), self.distinct)
    }
}

impl Stepwise for TextRanks<'_> {
    fn step_with(&mut self, _team: &dyn Team) -> Result<Step, KernelError> {
        let n = self.permutation.len();
        let until = n.min(self.at + morsel::ELEMENTS / 4);
        for at in self.at..until {
            let row = self.permutation[at] as usize;
            let len = n;
            let before = at.checked_sub(1).map(|before| self.strings.bytes(self.permutation[before] as usize));
            if before != Some(self.strings.bytes(row)) {
                self.distinct += 1;
            }
            let place = self.ranks.get_mut(row);
            *place.ok_or(KernelError::Bounds { what: "row", at: row as i64, len })? = self.distinct as u64 - 1;
        }
        self.at = until;
        Ok(if until < n { Step::More } else { Step::Done })
    }
}
