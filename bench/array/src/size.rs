//! Sizes: how many elements, as a person writes it, and whether the machine has the memory.
//!
//! Lives here: `Size`, `available_bytes`, `room`.
//! Holds: a size is left out for lack of memory only in words that say how much is short of what.

use crate::limits::{ELEMENTS, MEMORY_SHARE};
use crate::operation::Operation;
use std::fmt;
use std::str::FromStr;

/// Elements of each array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{word}` is no size; there are {:e} to {:e}, like 1e7 or 2500000",
                *ELEMENTS.start() as f64,
                *ELEMENTS.end() as f64
            )
        };
        let value: f64 = word.replace('_', "").parse().map_err(|_| wrong())?;
        let whole = value.fract() == 0.0 && value >= 0.0 && value <= *ELEMENTS.end() as f64;
        let elements = if whole { value as u64 } else { return Err(wrong()) };
        if ELEMENTS.contains(&elements) { Ok(Self(elements)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:e}", self.0 as f64))
    }
}

/// What the kernel says may still be had, in bytes; `None` when it does not say.
#[must_use]
pub fn available_bytes() -> Option<u64> {
    parse_available(&std::fs::read_to_string("/proc/meminfo").ok()?)
}

/// The line `MemAvailable` of `/proc/meminfo`.
#[must_use]
pub fn parse_available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Why an operation of this size cannot be measured with so much memory; `None`: it can.
#[must_use]
pub fn room(operation: Operation, size: Size, contenders: usize, available: u64) -> Option<String> {
    let needed = operation.resident_bytes(size.0, contenders);
    let may = (available as f64 * MEMORY_SHARE) as u64;
    (needed > may).then(|| {
        format!(
            "{operation} at {size} is left out: {contenders} contenders and the floor need about {:.1} GB, and {:.1} GB of the \
             {:.1} GB available may be used",
            needed as f64 / 1e9,
            may as f64 / 1e9,
            available as f64 / 1e9
        )
    })
}
