//! The one error of all kernels.

use crate::dtype::DType;

/// Why a kernel did not do what it was asked. Nothing is retried inside; each variant says what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// A shape has more dimensions than `limits::RANK_MAX`.
    #[error("rank {rank} is over the limit of {max}", max = crate::limits::RANK_MAX)]
    Rank {
        /// The rank that was asked for.
        rank: usize,
    },
    /// A shape multiplies to more elements than a kernel takes.
    #[error("more than {max} elements")]
    TooLarge {
        /// The limit that was passed.
        max: usize,
    },
    /// A view reaches outside the memory it stands on.
    #[error("a view of {len} elements of memory would reach element {reach}")]
    OutsideMemory {
        /// Elements that the memory has.
        len: usize,
        /// The element that would have been touched; negative before the beginning.
        reach: i64,
    },
    /// Two shapes that must be equal, or that must broadcast, do not.
    #[error("shapes {left:?} and {right:?} do not fit")]
    Shapes {
        /// One shape.
        left: Vec<usize>,
        /// The other.
        right: Vec<usize>,
    },
    /// The output has another size than the kernel said beforehand.
    #[error("the output has room for {got} elements and needs exactly {needed}")]
    OutputSize {
        /// Elements that the kernel writes.
        needed: usize,
        /// Elements that the output has.
        got: usize,
    },
    /// A range or an axis that the array does not have.
    #[error("{what} {at} is outside 0..{len}")]
    Bounds {
        /// What was out of bounds: `index`, `axis`, `range`, ..
        what: &'static str,
        /// Its value.
        at: i64,
        /// What there is.
        len: usize,
    },
    /// The operation is not there for this dtype.
    #[error("{operation} is not there for {dtype}")]
    NotForDType {
        /// The operation's name.
        operation: &'static str,
        /// The dtype it was asked for.
        dtype: DType,
    },
    /// Two dtypes have no common one that the operation takes.
    #[error("{operation} of {left} and {right} is not there")]
    NoCommonDType {
        /// The operation's name.
        operation: &'static str,
        /// dtype of the left operand.
        left: DType,
        /// dtype of the right operand.
        right: DType,
    },
    /// A reduction without a neutral value met an empty input.
    #[error("{operation} of no elements has no value")]
    Empty {
        /// The operation's name.
        operation: &'static str,
    },
    /// A checked cast met a value that the target cannot hold.
    #[error("element {at} does not fit {to}")]
    DoesNotFit {
        /// Flat index of the first such element.
        at: usize,
        /// The target.
        to: DType,
    },
    /// An integer was raised to a negative power.
    #[error("element {at}: an integer has no negative power")]
    NegativePower {
        /// Flat index of the first such element.
        at: usize,
    },
    /// An argument has a value that makes no sense for the operation.
    #[error("{what}")]
    Argument {
        /// What is wrong and what is right.
        what: String,
    },
    /// Bytes that should be text are not UTF-8, or offsets do not describe strings in them.
    #[error("strings are malformed: {what}")]
    Malformed {
        /// Where and how.
        what: String,
    },
}

impl KernelError {
    /// `Ok` if an output of `got` elements is exactly what is `needed`.
    pub(crate) fn check_output(needed: usize, got: usize) -> Result<(), Self> {
        if needed == got { Ok(()) } else { Err(Self::OutputSize { needed, got }) }
    }

    pub(crate) fn argument(what: impl Into<String>) -> Self {
        Self::Argument { what: what.into() }
    }
}
