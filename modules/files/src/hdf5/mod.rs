//! HDF5: Arkouda's objects in HDF5 files, of one node or of a server of several locales.
//!
//! Lives here: `layout` (what objects are called inside a file, and by which numbers), `write` (objects as trees of datasets),
//! `read` (trees as objects), `plan` (what is to be read, from what was seen), `build` (objects from what was read), `big` (integers
//! without a width), `reply` (objects as symbols, and what is said of them); `desk` (work for a thread that may wait), `library` (the
//! C library, on that thread). Without the feature `hdf5`: `absent`.
//! From: the commands. To: the disk, through the C library, which opens files itself.
//! Holds: nothing of a read is kept unless all of it could be read; a file appears under its name when all of it is on the disk; the
//! library runs on threads that may wait, never on a lane; what it answers or how it fails is a value.
//! Not here: which files are meant (`names`).

#[cfg(not(feature = "hdf5"))]
mod absent;
#[cfg(feature = "hdf5")]
mod big;
#[cfg(feature = "hdf5")]
mod build;
#[cfg(feature = "hdf5")]
mod desk;
#[cfg(feature = "hdf5")]
mod layout;
#[cfg(feature = "hdf5")]
mod library;
#[cfg(feature = "hdf5")]
mod plan;
#[cfg(feature = "hdf5")]
mod read;
#[cfg(feature = "hdf5")]
mod reply;
#[cfg(feature = "hdf5")]
mod write;

#[cfg(not(feature = "hdf5"))]
pub(crate) use absent::{format, names, read, step, write};
#[cfg(feature = "hdf5")]
pub(crate) use desk::step;
#[cfg(feature = "hdf5")]
pub(crate) use read::{format, names, read};
#[cfg(feature = "hdf5")]
pub(crate) use write::write;
