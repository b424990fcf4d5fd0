//! Library: what is asked of the C library, on a thread that may wait.
//!
//! Lives here: `members` and `format` (of a file), `look` (what stands under names), `fill` (elements into memory that was admitted),
//! `write` (a tree into a file).
//! From: `desk`. To: the disk.
//! Holds: one look follows so many objects, so deep; what is read has the size that was seen before; a file that is written or added to is
//! written beside its name and takes it when it is durable, and writers of this process follow each other.
//! Not here: what the objects mean.

use super::layout::{Class, FILE_VERSION, FORMAT, KNOWN, Marks, Node, OBJECT, RELEASE, Seen, What};
use crate::columns::bad;
use crate::limits::{DEEP_MAX, OBJECTS_MAX, ROWS_AT_ONCE};
use hdf5_metno::plist::dataset_create::Layout;
use hdf5_metno::types::{FixedAscii, FloatSize, IntSize, TypeDescriptor};
use hdf5_metno::{Dataset, File, Group, H5Type, IndexType, IterationOrder, LinkType, Location, LocationType};
use rustix::fs::{Mode, OFlags};
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use windlass::prelude::*;

/// What the library says of a file, as a caller hears it.
fn of<'a>(path: &'a str, doing: &'a str) -> impl Fn(hdf5_metno::Error) -> Fault + 'a {
    move |error| bad(format!("{path}: {doing}: {error}"))
}

fn io(path: &str) -> impl Fn(std::io::Error) -> Fault + '_ {
    move |error| Fault::new(Code::Io, format!("{path}: {error}")).with_outcome(Outcome::Ended)
}

/// Opens a file to read it. One that is no plain file is not touched: opening a pipe would wait for ever.
fn open(path: &str) -> Result<File, Fault> {
    match fs::metadata(path) {
        Ok(facts) if facts.is_file() => {}
        Ok(_) => return Err(bad(format!("{path} is no file"))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Fault::new(Code::NotFound, format!("File {path} not found")));
        }
        Err(error) => return Err(io(path)(error)),
    }
    let mut options = File::with_options();
    // Without a buffer of its own for small pieces, the library asks the file for what it wants, and hears where that is not.
    options.with_fapl(|access| access.sieve_buf_size(0));
    options.open(path).map_err(of(path, "it cannot be read as an HDF5 file"))
}

/// Whether a dataset's elements stand where the file says, and as many: the library believes it, and reads past its own memory.
fn sound(data: &Dataset, class: &Class, file_bytes: u64) -> bool {
    let layout = data.layout();
    let offset = match (&layout, data.offset()) {
        (Layout::Contiguous, Some(offset)) => offset,
        (Layout::Compact, _) => 0,
        // Pieces are looked at by the library; of what was never written there is nothing in the file.
        _ => return true,
    };
    let each = match class {
        Class::Signed(bytes) | Class::Unsigned(bytes) | Class::Float(bytes) => u64::from(*bytes),
        Class::Bool => 1,
        Class::Other(_) => return false,
    };
    let bytes = each.checked_mul(data.size() as u64);
    let ends = bytes.and_then(|bytes| offset.checked_add(bytes));
    bytes == Some(data.storage_size()) && ends.is_some_and(|end| end <= file_bytes)
}

/// Names of the groups and datasets of a file, in their order.
pub(super) fn members(path: &str) -> Result<Vec<String>, Fault> {
    let file = open(path)?;
    let links = file.links(IndexType::Name, IterationOrder::Native).map_err(of(path, "its names"))?;
    let mut names = Vec::with_capacity(links.len());
    for (name, link) in links {
        match file.loc_type_by_name(&name) {
            Ok(LocationType::Group | LocationType::Dataset) => names.push(name),
            Ok(_) => {}
            Err(error) if link.link_type == LinkType::Hard => return Err(of(path, &name)(error)),
            // It names what may be elsewhere, or nowhere.
            Err(_) => {}
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The file's mark of its format.
pub(super) fn format(path: &str) -> Result<Option<i64>, Fault> {
    let marks = marks(&*open(path)?).map_err(of(path, "its marks"))?;
    Ok(marks.get(FORMAT).copied())
}

/// The marks of an object that mean something to us.
fn marks(place: &Location) -> Result<Marks, hdf5_metno::Error> {
    let mut marks = Marks::new();
    for name in place.attr_names()? {
        if KNOWN.contains(&name.as_str()) {
            let value = place.attr(&name)?.read_scalar::<i64>()?;
            marks.insert(name, value);
        }
    }
    Ok(marks)
}

/// What stands under each of the names in a file. What cannot be had is an error of its own.
pub(super) fn look(path: &str, names: &[String]) -> Vec<Result<Seen, Fault>> {
    let file = match open(path) {
        Ok(file) => file,
        Err(fault) => return names.iter().map(|_| Err(fault.clone())).collect(),
    };
    let mut left = OBJECTS_MAX;
    names.iter().map(|name| Looking { path, left: &mut left }.object(&file, name, 0)).collect()
}

struct Looking<'a> {
    path: &'a str,
    /// Objects that may still be looked at.
    left: &'a mut usize,
}

impl Looking<'_> {
    fn object(&mut self, within: &Group, name: &str, deep: usize) -> Result<Seen, Fault> {
        let path = self.path;
        *self.left = self.left.checked_sub(1).ok_or_else(|| {
            Fault::new(Code::TooLarge, format!("{path} has more than {OBJECTS_MAX} objects under the names given"))
        })?;
        let missing = || bad(format!("Dataset {name} not found in file {path}"));
        match within.loc_type_by_name(name).map_err(|_| missing())? {
            LocationType::Dataset => {
                let data = within.dataset(name).map_err(of(path, name))?;
                let class = class(&data);
                Ok(Seen {
                    marks: marks(&data).map_err(of(path, name))?,
                    what: What::Data { class, shape: shape(&data).map_err(of(path, name))? },
                })
            }
            LocationType::Group if deep < DEEP_MAX => {
                let group = within.group(name).map_err(of(path, name))?;
                let names = group.member_names().map_err(of(path, name))?;
                let members = names.into_iter().map(|name| {
                    let seen = self.object(&group, &name, deep + 1)?;
                    Ok((name, seen))
                });
                let members = members.collect::<Result<_, Fault>>()?;
                Ok(Seen { marks: marks(&group).map_err(of(path, name))?, what: What::Group(members) })
            }
            _ => Ok(Seen { marks: Marks::new(), what: What::Other }),
        }
    }
}

/// Lengths of a dataset; a single value is one of rank 1.
fn shape(data: &Dataset) -> Result<Vec<usize>, hdf5_metno::Error> {
    let space = data.space()?;
    let shape = space.shape();
    Ok(if shape.is_empty() { vec![space.size()] } else { shape })
}

fn class(data: &Dataset) -> Class {
    let bytes = |size: IntSize| size as u8;
    match data.dtype().and_then(|dtype| dtype.to_descriptor()) {
        Ok(TypeDescriptor::Integer(size)) => Class::Signed(bytes(size)),
        Ok(TypeDescriptor::Unsigned(size)) => Class::Unsigned(bytes(size)),
        Ok(TypeDescriptor::Float(size)) => Class::Float(match size {
            FloatSize::U4 => 4,
            FloatSize::U8 => 8,
        }),
        Ok(TypeDescriptor::Boolean) => Class::Bool,
        Ok(other) => Class::Other(other.to_string()),
        Err(error) => Class::Other(error.to_string()),
    }
}

/// Room for the elements of one dataset of several files.
#[derive(Debug)]
pub(super) enum Room {
    Int(Fresh<i64>),
    Unsigned(Fresh<u64>),
    Float(Fresh<f64>),
    Byte(Fresh<u8>),
    /// Zeros and ones, which is looked at when all is read.
    Bool(Fresh<u8>),
}

/// What is to be read, and where to.
#[derive(Debug)]
pub(super) struct Want {
    /// Of the dataset, from the file's root.
    pub(super) name: String,
    pub(super) room: Room,
    /// What it has in each file that is read: elements of the room, and what they are there.
    pub(super) pieces: Vec<(Range<usize>, Class)>,
}

/// Reads elements of files.
///
/// # Errors
/// The library's; `BadArguments` when a file was changed since it was looked at, or a value does not fit.
pub(super) fn fill(paths: &[String], mut wants: Vec<Want>) -> Result<Vec<Want>, Fault> {
    for (at, path) in paths.iter().enumerate() {
        let file = open(path)?;
        let file_bytes = fs::metadata(path).map_err(io(path))?.len();
        for want in &mut wants {
            let Some((range, class)) = want.pieces.get(at).cloned() else { continue };
            if range.is_empty() {
                continue;
            }
            let data = file.dataset(&want.name).map_err(of(path, &want.name))?;
            if data.size() != range.len() || self::class(&data) != class {
                return Err(bad(format!("{path} was changed while it was read")));
            }
            let doing = want.name.as_str();
            if !sound(&data, &class, file_bytes) {
                return Err(bad(format!("{path}: {doing}: its elements are not where the file says")));
            }
            match (&mut want.room, class) {
                (Room::Int(room), Class::Unsigned(8)) => narrow::<u64, i64>(&data, &mut room[range], path)?,
                (Room::Unsigned(room), Class::Signed(_)) => narrow::<i64, u64>(&data, &mut room[range], path)?,
                (Room::Int(room), _) => whole(&data, &mut room[range]).map_err(of(path, doing))?,
                (Room::Unsigned(room), _) => whole(&data, &mut room[range]).map_err(of(path, doing))?,
                (Room::Float(room), _) => whole(&data, &mut room[range]).map_err(of(path, doing))?,
                (Room::Byte(room) | Room::Bool(room), _) => {
                    whole(&data, &mut room[range]).map_err(of(path, doing))?
                }
            }
        }
    }
    Ok(wants)
}

fn whole<T: H5Type + Copy>(data: &Dataset, room: &mut [T]) -> Result<(), hdf5_metno::Error> {
    data.read_into_raw(room).map(drop)
}

/// Values of a type that has others than the room's: one that does not fit is an error, where the library would take the nearest.
fn narrow<From, To>(data: &Dataset, room: &mut [To], path: &str) -> Result<(), Fault>
where
    From: H5Type + Copy + std::fmt::Display,
    To: TryFrom<From>,
{
    let failed = of(path, "its values");
    let mut put = |at: usize, values: &[From]| -> Result<(), Fault> {
        for (room, value) in room[at..].iter_mut().zip(values) {
            *room = To::try_from(*value)
                .map_err(|_| bad(format!("{path}: {value} does not fit the dtype of the other files")))?;
        }
        Ok(())
    };
    let rows = data.size();
    if data.ndim() != 1 {
        return put(0, &data.read_raw::<From>().map_err(&failed)?);
    }
    let mut at = 0;
    while at < rows {
        let end = rows.min(at + ROWS_AT_ONCE);
        let values = data.read_slice_1d::<From, _>(at..end).map_err(&failed)?;
        put(at, values.as_slice().unwrap_or(&[]))?;
        at = end;
    }
    Ok(())
}

/// A tree that goes into a file.
#[derive(Debug)]
pub(super) struct Written {
    /// The file, and what it is called until it is durable.
    pub(super) path: String,
    pub(super) aside: String,
    /// Beside what is there.
    pub(super) append: bool,
    /// In place of what has the name.
    pub(super) overwrite: bool,
    /// What a new file is marked with.
    pub(super) format: i64,
    /// zlib's level, if any.
    pub(super) packing: Option<u8>,
    pub(super) name: String,
    pub(super) node: Node,
}

/// Two that add to one file would each leave the other's part out.
static WRITING: Mutex<()> = Mutex::new(());

/// Writes a file, or adds to one.
///
/// # Errors
/// `Exists` for a name that the file has; the library's and the disk's. What was there stays then.
pub(super) fn write(asked: &Written) -> Result<(), Fault> {
    let _one_at_a_time = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let done = write_aside(asked).and_then(|()| fs::rename(&asked.aside, &asked.path).map_err(io(&asked.path)));
    if done.is_err() {
        // It may not be there at all; the first error is what counts.
        let _gone = fs::remove_file(&asked.aside);
        return done;
    }
    let folder = Path::new(&asked.path).parent().filter(|folder| !folder.as_os_str().is_empty());
    sync(folder.unwrap_or(Path::new(".")), OFlags::RDONLY | OFlags::DIRECTORY)
}

fn write_aside(asked: &Written) -> Result<(), Fault> {
    let failed = of(&asked.path, "it cannot be written");
    let mut options = File::with_options();
    // Metadata with checksums: what is damaged is told, by any reader. Room is not kept for what may come.
    options.with_fapl(|access| access.libver_v18().meta_block_size(0).small_data_block_size(0));
    let file = if asked.append && fs::exists(&asked.path).map_err(io(&asked.path))? {
        // It has to be one of HDF5, and whole, before anything is added.
        drop(open(&asked.path)?);
        fs::copy(&asked.path, &asked.aside).map_err(io(&asked.path))?;
        options.open_rw(&asked.aside).map_err(of(&asked.path, "it cannot be added to"))?
    } else {
        let file = options.create(&asked.aside).map_err(&failed)?;
        mark(&file, FORMAT, asked.format).map_err(&failed)?;
        file
    };
    if file.link_exists(&asked.name) {
        if !asked.overwrite {
            let text = format!(
                "A dataset named {} already exists in {}. If you would like to overwrite it please use update_hdf.",
                asked.name, asked.path
            );
            return Err(Fault::new(Code::Exists, text).with_outcome(Outcome::Ended));
        }
        file.unlink(&asked.name).map_err(&failed)?;
    }
    put(&file, &asked.name, &asked.node, asked.packing).map_err(&failed)?;
    file.close().map_err(&failed)?;
    sync(Path::new(&asked.aside), OFlags::RDONLY)
}

fn sync(path: &Path, how: OFlags) -> Result<(), Fault> {
    let opened = rustix::fs::open(path, how | OFlags::CLOEXEC, Mode::empty());
    opened.and_then(rustix::fs::fsync).map_err(|error| io(&path.display().to_string())(error.into()))
}

type Done = Result<(), hdf5_metno::Error>;

fn mark(place: &Location, name: &str, value: i64) -> Done {
    place.new_attr::<i64>().create(name)?.write_scalar(&value)
}

fn put(within: &Group, name: &str, node: &Node, packing: Option<u8>) -> Done {
    let (made, marks): (Location, &Marks) = match node {
        Node::Data { marks, array } => ((**elements(within, name, array, packing)?).clone(), marks),
        Node::Group { marks, members } => {
            let group = within.create_group(name)?;
            members.iter().try_for_each(|(name, node)| put(&group, name, node, packing))?;
            ((*group).clone(), marks)
        }
    };
    marks.iter().try_for_each(|(name, value)| mark(&made, name, *value))?;
    if marks.contains_key(OBJECT) {
        made.new_attr::<f32>().create(FILE_VERSION.0)?.write_scalar(&FILE_VERSION.1)?;
        let release = FixedAscii::<16>::from_ascii(RELEASE.1)
            .map_err(|error| hdf5_metno::Error::Internal(error.to_string()))?;
        made.new_attr::<FixedAscii<16>>().create(RELEASE.0)?.write_scalar(&release)?;
    }
    Ok(())
}

fn elements(within: &Group, name: &str, array: &Array, packing: Option<u8>) -> Result<Dataset, hdf5_metno::Error> {
    let given = (within, name, packing);
    match array.dtype() {
        Dtype::Bool => {
            let bytes = Array::new(Dtype::UInt8, array.shape(), array.memory().clone());
            let bytes = bytes.map_err(|error| hdf5_metno::Error::Internal(error.to_string()))?;
            typed::<u8>(given, &bytes)
        }
        Dtype::Int8 => typed::<i8>(given, array),
        Dtype::Int16 => typed::<i16>(given, array),
        Dtype::Int32 => typed::<i32>(given, array),
        Dtype::Int64 => typed::<i64>(given, array),
        Dtype::UInt8 => typed::<u8>(given, array),
        Dtype::UInt16 => typed::<u16>(given, array),
        Dtype::UInt32 => typed::<u32>(given, array),
        Dtype::UInt64 => typed::<u64>(given, array),
        Dtype::Float32 => typed::<f32>(given, array),
        Dtype::Float64 => typed::<f64>(given, array),
        Dtype::BigInt | Dtype::Str => Err(hdf5_metno::Error::Internal("an array of no numbers".into())),
    }
}

fn typed<T: Item + H5Type>(
    (within, name, packing): (&Group, &str, Option<u8>),
    array: &Array,
) -> Result<Dataset, hdf5_metno::Error> {
    let view = array.view::<T>().ok_or("an array of another dtype than it says")?;
    let values = view.memory().get(view.offset()..view.offset() + array.size());
    let values = values.ok_or("an array that is not whole")?;
    let mut builder = within.new_dataset::<T>();
    if let Some(level) = packing.filter(|_| !values.is_empty()) {
        builder = builder.chunk_min_kb(CHUNK_KIB).shuffle().deflate(level);
    }
    let data = builder.shape(array.shape()).create(name)?;
    if !values.is_empty() {
        data.write_raw(values)?;
    }
    Ok(data)
}

/// Least size of what is packed at once.
const CHUNK_KIB: usize = 512;
