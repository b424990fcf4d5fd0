//! Operations: what is measured, and the bytes that each has to touch.
//!
//! Lives here: `Operation`. To: `rounds` asks contenders for it by name.
//! Holds: bytes are those that no way of doing it can spare: each input element read once, each element of the answer written once. What a
//! contender touches besides (temporaries, sorting passes) is its own affair and lowers its GB/s.
//! Not here: inputs and how each contender does it (`contenders/*.py`).

use clap::ValueEnum;
use std::fmt;

/// One operation over `n` elements; numbers are 64 bits wide, answers of yes and no a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Operation {
    /// `a + s * b` of float64.
    Stream,
    /// The order of random int64.
    Argsort,
    /// The order of two int64 columns, of which the first has 1,000 values.
    Coargsort,
    /// Sums of int64 by 100,000 int64 keys.
    Groupby,
    /// `values[places]`, random places.
    Gather,
    /// `target[places] = values`, each place once.
    Scatter,
    /// The sum of float64.
    Reduce,
    /// The running sum of float64.
    Scan,
    /// Which of int64 are among 50,000 others.
    In1d,
    /// Which texts of 16 bytes have a given text of two.
    Contains,
}

impl Operation {
    /// All, in the order they are measured.
    pub const ALL: [Self; 10] = [
        Self::Stream,
        Self::Reduce,
        Self::Scan,
        Self::Gather,
        Self::Scatter,
        Self::Argsort,
        Self::Coargsort,
        Self::Groupby,
        Self::In1d,
        Self::Contains,
    ];

    /// As contenders and rows call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Argsort => "argsort",
            Self::Coargsort => "coargsort",
            Self::Groupby => "groupby",
            Self::Gather => "gather",
            Self::Scatter => "scatter",
            Self::Reduce => "reduce",
            Self::Scan => "scan",
            Self::In1d => "in1d",
            Self::Contains => "contains",
        }
    }

    /// Bytes that have to be touched for one element: read, and written.
    #[must_use]
    pub fn bytes_per_element(self) -> (u64, u64) {
        match self {
            Self::Stream | Self::Gather | Self::Scatter => (16, 8),
            Self::Coargsort => (16, 8),
            Self::Argsort | Self::Scan => (8, 8),
            // The sums are few beside the rows.
            Self::Groupby => (16, 0),
            Self::Reduce => (8, 0),
            Self::In1d => (8, 1),
            Self::Contains => (16, 1),
        }
    }

    /// Bytes that one operation over `n` elements has to touch.
    #[must_use]
    pub fn bytes(self, n: u64) -> u64 {
        let (read, written) = self.bytes_per_element();
        (read + written) * n
    }

    /// Whether a first run in a fresh process is measured beside the warm ones.
    #[must_use]
    pub fn has_cold(self) -> bool {
        matches!(self, Self::Stream | Self::Reduce)
    }

    /// Whether a floor of bandwidth is measured in its rounds.
    #[must_use]
    pub fn has_floor(self) -> bool {
        self.has_cold()
    }

    /// About how many bytes a run holds at its peak: the inputs of every contender and of the floor, and what the greediest needs
    /// besides while it works or is being given its inputs.
    #[must_use]
    pub fn resident_bytes(self, n: u64, contenders: usize) -> u64 {
        let (inputs, besides) = match self {
            Self::Stream => (16, 40),
            Self::Reduce => (8, 24),
            Self::Scan => (8, 32),
            Self::Gather => (16, 40),
            Self::Scatter => (24, 48),
            Self::Argsort => (8, 48),
            Self::Coargsort => (16, 96),
            Self::Groupby => (16, 80),
            Self::In1d => (8, 80),
            // Offsets and views stand beside the texts; Polars keeps a view of 16 bytes for each.
            Self::Contains => (28, 64),
        };
        let floor = if self.has_floor() { inputs + 8 } else { 0 };
        (inputs * contenders as u64 + floor + besides) * n
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
