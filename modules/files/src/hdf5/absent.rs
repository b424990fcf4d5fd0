//! Absent: what is answered by a node that was built without HDF5.

use windlass::prelude::*;

/// HDF5 is a feature of its own, because it needs a C library.
fn no_hdf5(path: &str) -> Fault {
    let text = format!(
        "{path}: this node was built without HDF5. Build it with `--features hdf5`, which needs libhdf5 (`apt-get install \
         libhdf5-dev`), or use Parquet"
    );
    Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended)
}

pub(crate) async fn names(_: &Context<'_>, path: &str) -> Result<Vec<String>, Fault> {
    Err(no_hdf5(path))
}

pub(crate) async fn format(_: &Context<'_>, path: &str) -> Result<String, Fault> {
    Err(no_hdf5(path))
}

pub(crate) async fn read(_: &Context<'_>, given: &Given) -> Result<String, Fault> {
    Err(no_hdf5(given.text("filenames")?))
}

pub(crate) async fn write(_: &Context<'_>, given: &Given) -> Result<(), Fault> {
    Err(no_hdf5(given.text("filename")?))
}

pub(crate) fn step(_: u64) -> Result<(), Fault> {
    Err(no_hdf5("this"))
}
