//! Spent: scratch that is done with and goes back a piece at a time, because the kernel takes milliseconds to unmap many pages at once.

/// Bytes that go back in one step.
const PIECE_BYTES: usize = 2 << 20;

/// Memory on its way back.
#[derive(Debug, Default)]
pub(crate) struct Spent(Vec<Vec<u64>>);

impl Spent {
    /// Of one piece of memory, or of none.
    pub fn of(rows: Option<Vec<u64>>) -> Self {
        let mut spent = Self::default();
        spent.take(rows.unwrap_or_default());
        spent
    }

    /// Takes memory that nobody has use for any more.
    pub fn take(&mut self, mut rows: Vec<u64>) {
        if rows.capacity() > 0 {
            // What was never written has no pages, and what was is cut from the end.
            rows.clear();
            self.0.push(rows);
        }
    }

    /// Gives the next piece back; whether there was one. Cost: a tenth of a millisecond, for an allocator that cuts large memory where it is;
    /// one that moves it instead is given all of it at once.
    pub fn step(&mut self) -> bool {
        let Some(last) = self.0.last_mut() else { return false };
        let (left, at) = (last.capacity().saturating_sub(PIECE_BYTES / size_of::<u64>()), last.as_ptr());
        last.shrink_to(left);
        if left == 0 || last.as_ptr() != at {
            self.0.pop();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_goes_back_in_pieces_and_all_of_it() {
        let mut spent = Spent::default();
        assert!(!spent.step());
        spent.take(Vec::new());
        assert!(!spent.step(), "nothing is no memory");
        [1, 1 << 10, 3 << 18].into_iter().for_each(|length| spent.take(vec![7; length]));
        let steps = (0..).take_while(|_| spent.step()).count();
        assert!((3..=5).contains(&steps), "{steps}");
        assert!(spent.0.is_empty());
    }
}
