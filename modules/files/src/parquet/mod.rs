//! Parquet: columns out of files (`read`) and into one (`write`), by the column readers and writers of the library, without Arrow.

pub(crate) mod read;
pub(crate) mod write;

use crate::columns::bad;
use windlass::prelude::*;

/// What the library says of a file, as a caller hears it.
fn of_file(path: &str, error: &::parquet::errors::ParquetError) -> Fault {
    bad(format!("{path} cannot be read as Parquet: {error}"))
}
