//! Names: which files are meant, and how files that are written are called.
//!
//! Holds: what is written under `a/b.parquet` is `a/b_LOCALE0000.parquet`, so that the ancestor's client finds it by `a/b*`.

use crate::columns::bad;
use crate::limits::FILES_MAX;
use windlass::prelude::*;

/// What kind of file it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Parquet,
    Hdf5,
    Arrow,
    Csv,
}

impl Kind {
    /// By the first bytes of the file; what is none of the others is text.
    pub(crate) fn of(start: &[u8]) -> Self {
        match start {
            [b'P', b'A', b'R', b'1', ..] => Self::Parquet,
            [0x89, b'H', b'D', b'F', b'\r', b'\n', 0x1A, b'\n', ..] => Self::Hdf5,
            // A file, a stream (no text begins so: these bytes are not UTF-8), and Feather's first version, to be told of.
            [b'A', b'R', b'R', b'O', b'W', b'1', ..]
            | [0xFF, 0xFF, 0xFF, 0xFF, ..]
            | [b'F', b'E', b'A', b'1', ..] => Self::Arrow,
            _ => Self::Csv,
        }
    }
    /// As the ancestor calls it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Hdf5 => "HDF5",
            Self::Arrow => "Arrow",
            Self::Csv => "CSV",
        }
    }
}

/// Whether a name is a pattern.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// A pattern that means this name.
pub(crate) fn literal(name: &str) -> String {
    glob::Pattern::escape(name)
}

/// The files that a pattern means, in order of their names.
pub(crate) fn expand(pattern: &str) -> Result<Vec<String>, Fault> {
    let found = glob::glob(pattern).map_err(|error| bad(format!("{pattern}: {error}")))?;
    let mut names = Vec::new();
    // What cannot be looked into has no file for us.
    for path in found.flatten() {
        let name = path.into_os_string().into_string().map_err(|name| bad(format!("{name:?} is not UTF-8")))?;
        names.push(name);
        if names.len() > FILES_MAX {
            return Err(Fault::new(Code::TooLarge, format!("{pattern} means more than {FILES_MAX} files")));
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// A prefix and its extension.
pub(crate) fn parts(prefix: &str) -> (&str, &str) {
    let base = prefix.rfind('/').map_or(0, |at| at + 1);
    match prefix[base..].rfind('.').filter(|at| *at > 0) {
        Some(at) => prefix.split_at(base + at),
        None => (prefix, ""),
    }
}

/// What a file of this prefix is called; there is one, because there is one node.
pub(crate) fn written(prefix: &str) -> String {
    let (stem, extension) = parts(prefix);
    format!("{stem}_LOCALE0000{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_keeps_its_extension() {
        assert_eq!(written("a.b/c.parquet"), "a.b/c_LOCALE0000.parquet");
        assert_eq!(written("a.b/c"), "a.b/c_LOCALE0000");
        assert_eq!(written(".hidden"), ".hidden_LOCALE0000");
    }

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        assert_eq!(Kind::of(b"PAR1...."), Kind::Parquet);
        assert_eq!(Kind::of(b"\x89HDF\r\n\x1a\n"), Kind::Hdf5);
        assert_eq!(Kind::of(b"ARROW1\0\0"), Kind::Arrow);
        assert_eq!(Kind::of(b"\xFF\xFF\xFF\xFF\x10\0\0\0"), Kind::Arrow);
        assert_eq!(Kind::of(b"a,b"), Kind::Csv);
        assert_eq!(Kind::of(b""), Kind::Csv);
    }
}
