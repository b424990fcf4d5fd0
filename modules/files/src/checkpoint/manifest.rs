//! Manifest: what `server.md` says of a checkpoint, in JSON: which symbols it has, and where their bytes are.
//!
//! Holds: the ancestor's two fields come first, so that its tools know a checkpoint; a manifest without `format` is the ancestor's own.

use crate::columns::bad;
use serde::{Deserialize, Serialize};
use windlass::prelude::*;
use windlass::symbols::Head;

/// The file that says what there is.
pub(super) const MANIFEST: &str = "server.md";
/// The file that has the bytes.
pub(super) const DATA: &str = "symbols.bin";
/// The version that is written.
pub(super) const FORMAT: u32 = 1;
/// Where a piece of memory begins in the file: a multiple of this.
pub(super) const ALIGN: u64 = 64;

/// A checkpoint.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) serverid: String,
    #[serde(rename = "numLocales")]
    pub(super) locales: i64,
    /// Version of what follows; none in a checkpoint of the ancestor's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) format: Option<u32>,
    /// When it was saved, nanoseconds of the node's clock.
    #[serde(default)]
    pub(super) saved_ns: u64,
    /// Bytes of the data file.
    #[serde(default)]
    pub(super) bytes: u64,
    #[serde(default)]
    pub(super) symbols: Vec<Saved>,
}

/// A symbol.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) name: String,
    pub(super) registered: Option<String>,
    pub(super) head: Head,
    pub(super) pieces: Vec<Piece>,
}

/// A piece of its memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Piece {
    /// Its first byte in the data file.
    pub(super) at: u64,
    pub(super) bytes: u64,
    /// XXH3-64 of the bytes.
    pub(super) xxh3: u64,
}

impl Manifest {
    /// Reads one, and looks whether it can be loaded here.
    ///
    /// # Errors
    /// Fault 1001 for what is damaged or of more machines; `Unsupported` for a later version's.
    pub(super) fn read(text: &[u8], path: &str) -> Result<Self, Fault> {
        let manifest: Self = serde_json::from_slice(text).map_err(|error| damaged(format!("{path}: {error}")))?;
        if manifest.locales != 1 {
            return Err(damaged(format!(
                "Attempting to load a checkpoint that was made with a different number of locales ({}) than the current \
                 execution (1)",
                manifest.locales
            )));
        }
        match manifest.format {
            None | Some(FORMAT) => Ok(manifest),
            Some(other) => {
                let text = format!("{path} is of version {other}; this node reads version {FORMAT}");
                Err(Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended))
            }
        }
    }

    /// Its text.
    ///
    /// # Errors
    /// None for what `save` makes.
    pub(super) fn text(&self) -> Result<Vec<u8>, Fault> {
        serde_json::to_vec(self).map_err(|error| bad(format!("a manifest does not encode: {error}")))
    }
}

/// A checkpoint that cannot be loaded.
pub(super) fn damaged(text: impl Into<String>) -> Fault {
    Fault::module(1, text)
}
