//! Marks: how many buffers a pool has.

use crate::limits::BUFFERS_MAX;

/// How many buffers a pool keeps, may have, and holds back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks {
    /// Made at the beginning and kept: what comes back beyond it is freed, unless somebody waits for it.
    pub low: usize,
    /// Owned at most, out or not.
    pub high: usize,
    /// The last ones, for `Pool::reserve` alone. At most `low`, so that they are there when memory is short; fewer than
    /// `high`, so that others get one at all.
    pub reserve: usize,
}

/// Which mark does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarksError {
    /// A pool of no buffers would let everybody wait for ever.
    #[error("a pool has 1 buffer at least")]
    Nothing,
    /// Beyond `limits::BUFFERS_MAX`.
    #[error("a pool has {BUFFERS_MAX} buffers at most, not {high}")]
    TooMany {
        /// The high mark.
        high: usize,
    },
    /// The low mark is above the high one.
    #[error("the low mark {low} is above the high mark {high}")]
    LowAboveHigh {
        /// The low mark.
        low: usize,
        /// The high mark.
        high: usize,
    },
    /// The reserve is above the low mark, or all there is.
    #[error(
        "a reserve of {reserve} does not fit: it is at most the low mark {low} and below the high mark {high}"
    )]
    Reserve {
        /// The reserve.
        reserve: usize,
        /// The low mark.
        low: usize,
        /// The high mark.
        high: usize,
    },
}

impl Marks {
    /// `count` buffers from the beginning, no more, none held back.
    pub const fn fixed(count: usize) -> Self {
        Self { low: count, high: count, reserve: 0 }
    }

    /// Says which mark does not fit, if one does not.
    ///
    /// # Errors
    /// `MarksError`.
    pub const fn check(self) -> Result<Self, MarksError> {
        let Self { low, high, reserve } = self;
        if high == 0 {
            return Err(MarksError::Nothing);
        }
        if high > BUFFERS_MAX {
            return Err(MarksError::TooMany { high });
        }
        if low > high {
            return Err(MarksError::LowAboveHigh { low, high });
        }
        if reserve > low || reserve == high {
            return Err(MarksError::Reserve { reserve, low, high });
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_that_do_not_fit_are_refused_by_name() {
        let check = |low, high, reserve| Marks { low, high, reserve }.check().map(|_| ());
        assert_eq!(check(0, 1, 0), Ok(()));
        assert_eq!(check(2, 3, 2), Ok(()));
        assert_eq!(check(0, 0, 0), Err(MarksError::Nothing));
        assert_eq!(check(0, BUFFERS_MAX + 1, 0), Err(MarksError::TooMany { high: BUFFERS_MAX + 1 }));
        assert_eq!(check(4, 3, 0), Err(MarksError::LowAboveHigh { low: 4, high: 3 }));
        assert_eq!(check(1, 3, 2), Err(MarksError::Reserve { reserve: 2, low: 1, high: 3 }));
        assert_eq!(check(3, 3, 3), Err(MarksError::Reserve { reserve: 3, low: 3, high: 3 }));
    }
}
