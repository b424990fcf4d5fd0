//! Bigint: integers without a width, as all modules that have them keep them in the table.
//!
//! Holds: a module reads what another has made, also one that was linked apart from it.
//! Not here: arithmetic (`windlass_kernels::bigint`), bytes in files.

use super::SymbolType;
use crate::array::Memory;
use crate::{Code, Fault};
use serde::{Deserialize, Serialize};

/// An array of integers without a width, or modulo a power of two: as many limbs as its widest value needs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BigintSymbol {
    /// Lengths of its axes.
    pub shape: Vec<u64>,
    /// Bits that values wrap to, if they do.
    pub max_bits: Option<u64>,
    /// Words of 64 bits in two's complement. Limb `k` of all values stands before limb `k + 1` of the first; the last one has the sign.
    #[serde(skip)]
    pub limbs: Option<Memory>,
}

impl SymbolType for BigintSymbol {
    const CLASS: &'static str = "bigint";
    fn parameters(&self) -> Vec<String> {
        vec![self.shape.len().to_string()]
    }
    fn parts(&self) -> Vec<Memory> {
        self.limbs.iter().cloned().collect()
    }
    fn set_parts(&mut self, parts: Vec<Memory>) {
        self.limbs = parts.into_iter().next();
    }
}

impl BigintSymbol {
    /// Values that it has.
    pub fn size(&self) -> usize {
        self.shape.iter().product::<u64>() as usize
    }

    /// The memory of its limbs.
    ///
    /// # Errors
    /// `Internal` when it has none: a table gives back what it was given.
    pub fn memory(&self) -> Result<Memory, Fault> {
        self.limbs.clone().ok_or_else(|| Fault::new(Code::Internal, "a bigint without limbs"))
    }

    /// What clients are told of one that stands under a name.
    pub fn told(&self, name: &str) -> String {
        let lengths: Vec<String> = self.shape.iter().map(u64::to_string).collect();
        format!("created {name} bigint {} {} [{}] 16", self.size(), self.shape.len(), lengths.join(","))
    }
}
