//! Layout: what Arkouda's objects are called inside an HDF5 file, and by which numbers.
//!
//! Lives here: names, marks (attributes that are integers), `Sort` (what an object is), `Node` (an object as it is written) and `Seen`
//! (as it is found).
//! Source: files of the ancestor at v2026.07.15, whose file version is 2.

use std::collections::BTreeMap;
use windlass::prelude::*;

/// Where values and offsets of strings and lists stand, and the other parts of objects.
pub(super) const VALUES: &str = "values";
pub(super) const SEGMENTS: &str = "segments";
pub(super) const CATEGORIES: &str = "categories";
pub(super) const CODES: &str = "codes";
pub(super) const NA_CODES: &str = "NA_Codes";
pub(super) const PERMUTATION: &str = "permutation";
pub(super) const UNIQUE_KEYS: &str = "unique_key_idx";
pub(super) const INDEX: &str = "Index";
/// What limbs, keys and levels are called, with a number behind.
pub(super) const LIMB: &str = "Limb_";
pub(super) const KEY: &str = "KEY_";
pub(super) const LEVEL: &str = "IDX_";
/// A group of older files, which holds no object.
pub(super) const THEIR_METADATA: &str = "_arkouda_metadata";

/// Marks of objects and files.
pub(super) const OBJECT: &str = "ObjType";
pub(super) const IS_BOOL: &str = "isBool";
pub(super) const IS_BIG: &str = "isBigInt";
pub(super) const MAX_BITS: &str = "MaxBits";
pub(super) const LIMBS: &str = "NumLimbs";
pub(super) const KEYS: &str = "NumKeys";
pub(super) const COLUMNS: &str = "NumCols";
pub(super) const LEVELS: &str = "NumIdx";
pub(super) const FORMAT: &str = "File_Format";
/// Ours: the last limb has a sign. The ancestor loses signs.
pub(super) const SIGNED: &str = "windlass_signed";
/// Those that are read.
pub(super) const KNOWN: [&str; 9] = [OBJECT, IS_BOOL, IS_BIG, MAX_BITS, LIMBS, KEYS, LEVELS, FORMAT, SIGNED];
/// What every object says of the layout: its version, and the release it is of.
pub(super) const FILE_VERSION: (&str, f32) = ("file_version", 2.0);
pub(super) const RELEASE: (&str, &str) = ("arkouda_version", "v2026.07.15");

/// One file, or one of as many as there are locales.
pub(super) const SINGLE: i64 = 0;
pub(super) const DISTRIBUTED: i64 = 1;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Array,
    Strings,
    Lists,
    Categorical,
    GroupBy,
    Frame,
    Datetime,
    Timedelta,
    Ipv4,
    Index,
    MultiIndex,
}

/// Each with its number and its word.
const SORTS: [(Sort, i64, &str); 11] = [
    (Sort::Array, 1, "PDARRAY"),
    (Sort::Strings, 2, "STRINGS"),
    (Sort::Lists, 3, "SEGARRAY"),
    (Sort::Categorical, 4, "CATEGORICAL"),
    (Sort::GroupBy, 5, "GROUPBY"),
    (Sort::Frame, 6, "DATAFRAME"),
    (Sort::Datetime, 7, "DATETIME"),
    (Sort::Timedelta, 8, "TIMEDELTA"),
    (Sort::Ipv4, 9, "IPV4"),
    (Sort::Index, 12, "INDEX"),
    (Sort::MultiIndex, 13, "MULTIINDEX"),
];

impl Sort {
    /// By its word, in any case.
    pub(super) fn of(word: &str) -> Result<Self, Fault> {
        let found = SORTS.iter().find(|(.., known)| known.eq_ignore_ascii_case(word));
        found.map(|(sort, ..)| *sort).ok_or_else(|| {
            let text = format!("Unable to write object type {word} to HDF5 file.");
            Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended)
        })
    }
    /// By its number.
    pub(super) fn numbered(number: i64) -> Option<Self> {
        SORTS.iter().find(|(_, known, _)| *known == number).map(|(sort, ..)| *sort)
    }
    pub(super) fn number(self) -> i64 {
        SORTS.iter().find(|(sort, ..)| *sort == self).map_or(-1, |(_, number, _)| *number)
    }
    pub(super) fn word(self) -> &'static str {
        SORTS.iter().find(|(sort, ..)| *sort == self).map_or("UNKNOWN", |(.., word)| word)
    }
    /// Whether it is one array of numbers.
    pub(super) fn is_array(self) -> bool {
        matches!(self, Self::Array | Self::Datetime | Self::Timedelta | Self::Ipv4)
    }
}

/// Attributes that are integers.
pub(super) type Marks = BTreeMap<String, i64>;

/// An object as it is written.
#[derive(Debug)]
pub(super) enum Node {
    /// A dataset. The elements stand one after another; `bool` is written as bytes.
    Data { marks: Marks, array: Array },
    /// A group.
    Group { marks: Marks, members: Vec<(String, Node)> },
}

/// Marks of an object of this sort.
pub(super) fn marks(sort: Sort, more: &[(&str, i64)]) -> Marks {
    let mut all = Marks::from([(OBJECT.to_owned(), sort.number())]);
    all.extend(more.iter().map(|(name, value)| ((*name).to_owned(), *value)));
    all
}

/// What the elements of a dataset are, with their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Signed(u8),
    Unsigned(u8),
    Float(u8),
    Bool,
    /// One that is not read, by its name.
    Other(String),
}

/// What was found under a name.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) marks: Marks,
    pub(super) what: What,
}

/// A dataset, a group, or something else.
#[derive(Clone, Debug)]
pub(super) enum What {
    Data { class: Class, shape: Vec<usize> },
    Group(BTreeMap<String, Seen>),
    Other,
}

impl Seen {
    /// What it is; without a mark it is an array, or strings if it is a group with values.
    pub(super) fn sort(&self) -> Option<Sort> {
        match self.marks.get(OBJECT) {
            Some(&number) => Sort::numbered(number),
            None if self.member(VALUES).is_some() => Some(Sort::Strings),
            None => Some(Sort::Array),
        }
    }
    pub(super) fn member(&self, name: &str) -> Option<&Seen> {
        match &self.what {
            What::Group(members) => members.get(name),
            What::Data { .. } | What::Other => None,
        }
    }
    pub(super) fn mark(&self, name: &str) -> Option<i64> {
        self.marks.get(name).copied()
    }
}
