//! Membership: which values of one array occur in another.

use super::table::Table;
use crate::error::KernelError;
use crate::limits::{BLOCK, KEYS_MAX};
use crate::morsel::{self, Step, Stepwise, Team};
use crate::sort::argsort::blocks;
use crate::sort::keys::Survey;
use crate::sort::{Keys, SortValues};
use crate::view::View;
use std::ops::Range;

/// Bits of a set that is kept as a bitmap: 32 MiB, less than the table for as many keys.
const BITMAP_BITS_MAX: u64 = 1 << 28;

enum Form {
    Survey(Survey, usize),
    Bitmap {
        low: u64,
        bits: Vec<u64>,
        m: usize,
    },
    Table {
        table: Table,
        m: usize,
    },
    /// Keys in ascending order.
    Sorted(Vec<u64>),
}

/// A set of values to ask. Built in steps; asked by any worker.
///
/// NaN is a member if one was put in, as `numpy.unique` counts it (`numpy.isin` says no: ask `is_nan` beside it). Cost: 1 to 5 ns per
/// value asked while the set is a bitmap or a table; a binary search for sets over a million scattered keys.
pub struct Members<'a> {
    keys: &'a dyn Keys,
    form: Form,
    ready: bool,
}

impl<'a> Members<'a> {
    /// A set of the values of a column, still to be built.
    ///
    /// # Errors
    /// `TooLarge` past `KEYS_MAX`.
    pub fn new(keys: &'a dyn Keys) -> Result<Self, KernelError> {
        if keys.rows() > KEYS_MAX {
            return Err(KernelError::TooLarge { max: KEYS_MAX });
        }
        Ok(Self { keys, form: Form::Survey(Survey::start(), 0), ready: false })
    }

    fn each(&self, m: usize, mut f: impl FnMut(u64)) -> Result<(), KernelError> {
        let mut room = [0; BLOCK];
        for range in blocks(morsel::range(self.keys.rows(), m)) {
            let block = &mut room[..range.len()];
            self.keys.fill(range, block)?;
            block.iter().for_each(|&key| f(key));
        }
        Ok(())
    }

    /// Everything at once, for the rare set that neither a bitmap nor a table holds.
    fn sorted(&self) -> Result<Form, KernelError> {
        let n = self.keys.rows();
        let mut keys = vec![0; n];
        for range in blocks(0..n) {
            self.keys.fill(range.clone(), &mut keys[range])?;
        }
        let mut sorted = vec![0; n];
        SortValues::new(View::flat(&keys), &mut sorted)?.run()?;
        sorted.dedup();
        Ok(Form::Sorted(sorted))
    }

    /// `out[i]` says whether row `i` of `asked` is a member, over a range of rows.
    ///
    /// # Errors
    /// `Argument` before the set is built; `Bounds`, `OutputSize`.
    pub fn ask(&self, asked: &dyn Keys, range: Range<usize>, out: &mut [bool]) -> Result<(), KernelError> {
        KernelError::check_output(range.len(), out.len())?;
        if !self.ready {
            return Err(KernelError::argument("the set is not built yet"));
        }
        let mut room = [0; BLOCK];
        for (range, out) in blocks(range).zip(out.chunks_mut(BLOCK)) {
            let block = &mut room[..range.len()];
            asked.fill(range, block)?;
            let answers = out.iter_mut().zip(block.iter());
            match &self.form {
                Form::Survey(..) => {}
                Form::Bitmap { low, bits, .. } => answers.for_each(|(out, key)| {
                    let at = key.wrapping_sub(*low);
                    *out = bits.get((at >> 6) as usize).is_some_and(|word| word >> (at & 63) & 1 == 1);
                }),
                Form::Table { table, .. } => answers.for_each(|(out, key)| *out = table.contains(*key)),
                Form::Sorted(keys) => answers.for_each(|(out, key)| *out = keys.binary_search(key).is_ok()),
            }
        }
        Ok(())
    }
}

impl Stepwise for Members<'_> {
    fn step_with(&mut self, _team: &dyn Team) -> Result<Step, KernelError> {
        let n = self.keys.rows();
        let morsels = morsel::count(n);
        let empty = Form::Sorted(Vec::new());
        self.form = match std::mem::replace(&mut self.form, empty) {
            Form::Survey(mut survey, m) if m < morsels => {
                survey.look(self.keys, morsel::range(n, m))?;
                Form::Survey(survey, m + 1)
            }
            Form::Survey(..) if n == 0 => Form::Sorted(Vec::new()),
            Form::Survey(survey, _) => {
                let span = survey.high - survey.low;
                if span < BITMAP_BITS_MAX && span / 64 <= (n as u64) * 2 + 4096 {
                    Form::Bitmap { low: survey.low, bits: vec![0; (span / 64 + 1) as usize], m: 0 }
                } else {
                    Form::Table { table: Table::new(), m: 0 }
                }
            }
            Form::Bitmap { low, mut bits, m } if m < morsels => {
                self.each(m, |key| bits[((key - low) >> 6) as usize] |= 1 << ((key - low) & 63))?;
                Form::Bitmap { low, bits, m: m + 1 }
            }
            Form::Table { mut table, m } if m < morsels => {
                let mut crowded = false;
                self.each(m, |key| crowded |= crowded || table.insert(key).is_err())?;
                if crowded { self.sorted()? } else { Form::Table { table, m: m + 1 } }
            }
            ready => {
                self.form = ready;
                self.ready = true;
                return Ok(Step::Done);
            }
        };
        Ok(Step::More)
    }
}
