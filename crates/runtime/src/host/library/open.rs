//! Opening a module library.
//!
//! Holds: code is never unloaded; the file is checked before it is mapped as far as it can be, its table before it runs.

use super::{Table, check};
use std::path::Path;
use windlass_contract::abi::{ENTRY_PREFIX, ModuleTable};
use windlass_contract::{Code, Fault};

impl Table {
    /// Opens the library at `path` and takes its table. The entry symbol is `windlass_module_<crate>`; the crate is told by
    /// the file's name (`libNAME.so`).
    ///
    /// # Errors
    /// `ModuleRefused` names what does not fit.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let refused = |what: String| Fault::new(Code::ModuleRefused, format!("{}: {what}", path.display()));
        let stem = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .ok_or_else(|| refused("the file has no name in UTF-8".into()))?;
        let name = stem.strip_prefix("lib").unwrap_or(stem).replace('-', "_");
        let symbol = format!("{ENTRY_PREFIX}{name}");
        // SAFETY: opening runs the library's constructors; loading modules is a right of `admin` alone, and a file that an
        //   operator names is trusted as much as the node's own binary.
        let library = unsafe { libloading::Library::new(path) }.map_err(|error| refused(whole(&error)))?;
        // Never unloaded: futures, wakers and thread-locals of the module may outlive any moment we could choose.
        let library: &'static libloading::Library = Box::leak(Box::new(library));
        // SAFETY: the symbol's type is fixed by its name in table version 1: a function that gives a static table.
        let entry = unsafe { library.get::<unsafe extern "C" fn() -> *const ModuleTable>(symbol.as_bytes()) }
            .map_err(|_| refused(format!("it has no symbol {symbol}; is it a module built as a cdylib?")))?;
        // SAFETY: as above; the function takes nothing and gives a pointer.
        let table = unsafe { entry() };
        if table.is_null() || !table.is_aligned() {
            return Err(refused("it gives no table".into()));
        }
        // SAFETY: a non-null aligned pointer to a static that begins with size and version; `check` reads no further
        //   before these two fit.
        let table: &'static ModuleTable = unsafe { &*table };
        check(table).map_err(|fault| refused(fault.message))?;
        Ok(Self(table))
    }
}

/// An error with what is behind it: the loader's own words stand there.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut behind = error.source();
    while let Some(next) = behind {
        text = format!("{text}: {next}");
        behind = next.source();
    }
    text
}
