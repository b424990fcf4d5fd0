//! Plan: what is to be read of objects that were seen in one or several files, and the memory for it.
//!
//! Lives here: `Planner` (asks for the memory, which is how a file that claims too much is refused), `Plan` (how an object is put
//! together of what was read).
//! Holds: an object is of one sort and one dtype in all files, or that is said; several files follow one another.

use super::big;
use super::layout::{
    CATEGORIES, CODES, Class, IS_BIG, IS_BOOL, KEY, KEYS, LEVEL, LEVELS, LIMB, LIMBS, MAX_BITS, NA_CODES,
    PERMUTATION, SEGMENTS, SIGNED, Seen, Sort, UNIQUE_KEYS, VALUES, What,
};
use super::library::{Room, Want};
use crate::columns::bad;
use crate::limits::PARTS_MAX;
use std::ops::Range;
use windlass::prelude::*;

/// How an object is put together; numbers are those of wants.
#[derive(Debug)]
pub(super) enum Plan {
    Array { sort: Sort, want: usize },
    Big { sort: Sort, limbs: Range<usize>, max_bits: Option<u64>, signed: bool },
    Text { name: String, values: usize, begins: Option<usize> },
    Lists { name: String, begins: usize, values: Box<Plan> },
    Parts { sort: Sort, members: Vec<(String, Plan)> },
}

pub(super) struct Planner<'a, 'b> {
    pub(super) cx: &'a Context<'b>,
    /// The files that are read.
    pub(super) paths: &'a [String],
    /// Whether one dtype has to have one width.
    pub(super) strict: bool,
    /// Whether strings are told apart by their zeros.
    pub(super) by_zeros: bool,
    pub(super) wants: Vec<Want>,
}

impl Planner<'_, '_> {
    /// An object, as it was seen in each of the files.
    ///
    /// # Errors
    /// `BadArguments` when the files do not agree, or what they have is none of ours; `Unsupported`; `NoMemory`.
    pub(super) fn object(&mut self, name: &str, seen: &[&Seen]) -> Result<Plan, Fault> {
        let Some(first) = seen.first() else { return Err(bad("no files")) };
        let sort = first.sort().ok_or_else(|| {
            let number = first.mark(super::layout::OBJECT).unwrap_or(-1);
            bad(format!("{name} of {} is of a sort that is not known: {number}", self.paths[0]))
        })?;
        if let Some(at) = seen.iter().position(|seen| seen.sort() != Some(sort)) {
            let found = seen[at].sort().map_or("UNKNOWN", Sort::word);
            let text = format!("Expected: {}, Found: {found}", sort.word());
            return Err(bad(format!(
                "Inconsistent objecttype in dataset {name} of file {}. {text}",
                self.paths[at]
            )));
        }
        Ok(match sort {
            sort if sort.is_array() => self.value(name, sort, seen)?,
            Sort::Strings => self.text(name, seen)?,
            Sort::Lists => {
                let begins = self.offsets(name, SEGMENTS, seen)?;
                let (inner, parts) = self.members(name, VALUES, seen)?;
                let values = Box::new(self.object(&inner, &parts)?);
                if !matches!(&*values, Plan::Array { .. } | Plan::Big { .. } | Plan::Text { .. }) {
                    return Err(bad(format!("{name}: lists are of numbers or strings")));
                }
                Plan::Lists { name: name.into(), begins, values }
            }
            Sort::Categorical => {
                let mut members = vec![("codes".to_owned(), self.part(name, CODES, seen)?)];
                let (inner, parts) = self.members(name, CATEGORIES, seen)?;
                members.push(("categories".into(), self.text(&inner, &parts)?));
                members.push(("_akNAcode".into(), self.part(name, NA_CODES, seen)?));
                if first.member(SEGMENTS).is_some() && first.member(PERMUTATION).is_some() {
                    members.push(("segments".into(), self.part(name, SEGMENTS, seen)?));
                    members.push(("permutation".into(), self.part(name, PERMUTATION, seen)?));
                }
                Plan::Parts { sort, members }
            }
            Sort::GroupBy => {
                let mut members = Vec::new();
                for (key, part) in [("permutation", PERMUTATION), ("segments", SEGMENTS), ("uki", UNIQUE_KEYS)] {
                    members.push((key.to_owned(), self.part(name, part, seen)?));
                }
                let keys = first.mark(KEYS).ok_or_else(|| bad(format!("{name}: {KEYS} is missing")))?;
                for at in 0..counted(name, keys)? {
                    let key = format!("{KEY}{at}");
                    let (inner, parts) = self.members(name, &key, seen)?;
                    members.push((key, self.object(&inner, &parts)?));
                }
                Plan::Parts { sort, members }
            }
            Sort::Index | Sort::MultiIndex => {
                let levels: Vec<String> = match first.mark(LEVELS) {
                    Some(levels) => (0..counted(name, levels)?).map(|at| format!("{LEVEL}{at}")).collect(),
                    None => names(first),
                };
                if levels.is_empty() {
                    return Err(bad(format!("{name}: an index without values")));
                }
                Plan::Parts { sort, members: self.all(name, levels, seen)? }
            }
            _ => Plan::Parts { sort, members: self.all(name, names(first), seen)? },
        })
    }

    /// Rows that an object has in each file, where that is a number.
    pub(super) fn rows(&self, plan: &Plan) -> Option<Vec<usize>> {
        match plan {
            Plan::Array { want, .. } => Some(*want),
            Plan::Big { limbs, .. } => Some(limbs.start),
            Plan::Text { begins, .. } => *begins,
            Plan::Lists { begins, .. } => Some(*begins),
            Plan::Parts { .. } => None,
        }
        .map(|want| self.wants[want].pieces.iter().map(|(range, _)| range.len()).collect())
    }

    fn all(&mut self, name: &str, members: Vec<String>, seen: &[&Seen]) -> Result<Vec<(String, Plan)>, Fault> {
        let mut plans = Vec::with_capacity(members.len());
        for member in members {
            let (inner, parts) = self.members(name, &member, seen)?;
            plans.push((member, self.object(&inner, &parts)?));
        }
        Ok(plans)
    }

    /// A member of an object in each of the files, and its name from the root.
    fn members<'s>(&self, name: &str, member: &str, seen: &[&'s Seen]) -> Result<(String, Vec<&'s Seen>), Fault> {
        let inner = format!("{name}/{member}");
        let mut all = Vec::with_capacity(seen.len());
        for (seen, path) in seen.iter().zip(self.paths) {
            let missing = || bad(format!("Dataset {inner} not found in file {path}"));
            all.push(seen.member(member).ok_or_else(missing)?);
        }
        Ok((inner, all))
    }

    fn part(&mut self, name: &str, member: &str, seen: &[&Seen]) -> Result<Plan, Fault> {
        let (inner, parts) = self.members(name, member, seen)?;
        self.value(&inner, Sort::Array, &parts)
    }

    fn offsets(&mut self, name: &str, member: &str, seen: &[&Seen]) -> Result<usize, Fault> {
        let (inner, parts) = self.members(name, member, seen)?;
        let want = self.want(&inner, &parts)?;
        match &self.wants[want].room {
            Room::Int(room) if room.shape().len() == 1 => Ok(want),
            _ => Err(bad(format!("{inner} has no offsets, which are int64 of rank 1"))),
        }
    }

    /// An array of numbers.
    fn value(&mut self, name: &str, sort: Sort, seen: &[&Seen]) -> Result<Plan, Fault> {
        let big = |seen: &&&Seen| seen.mark(IS_BIG) == Some(1);
        let Some(first) = seen.first().filter(big) else {
            return Ok(Plan::Array { sort, want: self.want(name, seen)? });
        };
        let limbs = counted(name, first.mark(LIMBS).unwrap_or(0))?;
        if !(1..=big::WIDTH_MAX).contains(&limbs) {
            return Err(bad(format!("{name}: {limbs} limbs; there are 1 to {}", big::WIDTH_MAX)));
        }
        if let Some(at) = seen.iter().position(|seen| {
            [IS_BIG, LIMBS, MAX_BITS, SIGNED].iter().any(|mark| seen.mark(mark) != first.mark(mark))
        }) {
            return Err(bad(format!("Inconsistent dtype in dataset {name} of file {}", self.paths[at])));
        }
        let begin = self.wants.len();
        for at in 0..limbs {
            let (inner, parts) = self.members(name, &format!("{LIMB}{at}"), seen)?;
            let want = self.want(&inner, &parts)?;
            let fits = match (&self.wants[want].room, &self.wants[begin].room) {
                (Room::Unsigned(limb), Room::Unsigned(other)) => limb.shape() == other.shape(),
                _ => false,
            };
            if !fits {
                return Err(bad(format!("{inner}: limbs are uint64, as many as there are of the first")));
            }
        }
        let (max_bits, signed) = (big::max_bits(first.mark(MAX_BITS))?, first.mark(SIGNED) == Some(1));
        Ok(Plan::Big { sort, limbs: begin..self.wants.len(), max_bits, signed })
    }

    fn text(&mut self, name: &str, seen: &[&Seen]) -> Result<Plan, Fault> {
        let (inner, parts) = self.members(name, VALUES, seen)?;
        if let Some(at) =
            parts.iter().position(|part| !matches!(&part.what, What::Data { class: Class::Unsigned(1), .. }))
        {
            return Err(bad(format!("{inner} of {}: strings are bytes (uint8)", self.paths[at])));
        }
        let values = self.want_of(&inner, &parts, true)?;
        let with_begins = !self.by_zeros && seen.iter().all(|seen| seen.member(SEGMENTS).is_some());
        let begins = if with_begins { Some(self.offsets(name, SEGMENTS, seen)?) } else { None };
        Ok(Plan::Text { name: name.into(), values, begins })
    }

    fn want(&mut self, name: &str, seen: &[&Seen]) -> Result<usize, Fault> {
        self.want_of(name, seen, false)
    }

    /// Memory for a dataset of each of the files.
    fn want_of(&mut self, name: &str, seen: &[&Seen], bytes: bool) -> Result<usize, Fault> {
        let mut pieces = Vec::with_capacity(seen.len());
        let (mut shape, mut kind, mut end) = (Vec::new(), None, 0usize);
        for (seen, path) in seen.iter().zip(self.paths) {
            let What::Data { class, shape: here } = &seen.what else {
                return Err(bad(format!("{name} of {path} is no dataset")));
            };
            let here_kind = kind_of(class, seen, bytes).ok_or_else(|| {
                let text = format!("{name} of {path} has elements of a type that is not read: {class:?}");
                Fault::new(Code::Unsupported, text).with_outcome(Outcome::Ended)
            })?;
            match &kind {
                None => (shape, kind) = (here.clone(), Some((here_kind, class.clone()))),
                Some((kind, _)) if !kind.mixes(here_kind) => {
                    return Err(bad(format!("Inconsistent dtype in dataset {name} of file {path}")));
                }
                Some((_, first)) if self.strict && first != class => {
                    let text = "With strictTypes, mixing of precision and signedness not allowed";
                    return Err(bad(format!(
                        "Inconsistent precision or sign in dataset {name} of file {path}; {text} (set strictTypes=False to suppress)"
                    )));
                }
                Some(_) if shape.len() != here.len() || shape[1..] != here[1..] => {
                    return Err(bad(format!(
                        "{name} of {path} has shape {here:?}, which does not follow {shape:?}"
                    )));
                }
                Some(_) => {
                    let rows = shape[0].checked_add(here[0]).ok_or_else(|| uncounted(name))?;
                    shape[0] = rows;
                }
            }
            let count = here.iter().try_fold(1usize, |all, &length| all.checked_mul(length));
            let next = count.and_then(|count| end.checked_add(count)).ok_or_else(|| uncounted(name))?;
            pieces.push((end..next, class.clone()));
            end = next;
        }
        let symbols = self.cx.symbols();
        let room = match kind {
            None => return Err(bad("no files")),
            Some((Kind::Byte, _)) => Room::Byte(symbols.fresh(&shape)?),
            Some((Kind::Int, _)) => Room::Int(symbols.fresh(&shape)?),
            Some((Kind::Unsigned, _)) => Room::Unsigned(symbols.fresh(&shape)?),
            Some((Kind::Float, _)) => Room::Float(symbols.fresh(&shape)?),
            Some((Kind::Bool, _)) => Room::Bool(symbols.fresh(&shape)?),
        };
        self.wants.push(Want { name: name.into(), room, pieces });
        Ok(self.wants.len() - 1)
    }
}

/// What elements become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Byte,
    Bool,
    Int,
    Unsigned,
    Float,
}

impl Kind {
    /// Whether files of both may follow one another.
    fn mixes(self, other: Self) -> bool {
        let integer = |kind| matches!(kind, Self::Int | Self::Unsigned);
        self == other || (integer(self) && integer(other))
    }
}

fn kind_of(class: &Class, seen: &Seen, bytes: bool) -> Option<Kind> {
    Some(match class {
        Class::Unsigned(1) if bytes => Kind::Byte,
        Class::Bool => Kind::Bool,
        Class::Unsigned(1) if seen.mark(IS_BOOL) == Some(1) => Kind::Bool,
        Class::Unsigned(8) => Kind::Unsigned,
        Class::Signed(_) | Class::Unsigned(_) => Kind::Int,
        Class::Float(_) => Kind::Float,
        Class::Other(_) => return None,
    })
}

fn names(seen: &Seen) -> Vec<String> {
    match &seen.what {
        What::Group(members) => members.keys().cloned().collect(),
        What::Data { .. } | What::Other => Vec::new(),
    }
}

/// A number of parts, by the file's mark.
fn counted(name: &str, parts: i64) -> Result<usize, Fault> {
    let fits = usize::try_from(parts).ok().filter(|parts| *parts <= PARTS_MAX);
    fits.ok_or_else(|| bad(format!("{name}: {parts} parts; there are 0 to {PARTS_MAX}")))
}

fn uncounted(name: &str) -> Fault {
    Fault::new(Code::TooLarge, format!("{name} has more elements than can be counted"))
}
