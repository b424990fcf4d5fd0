//! Files: arrays and strings in Parquet, Arrow IPC, CSV and (a feature) HDF5, as the ancestor's client asks for them, and checkpoints of all symbols.
//!
//! Lives here: the commands; `names` (which files are meant), `disk` (whole files in and out), `columns` (what a file has and the node
//! keeps), `parquet`, `arrow`, `text` (CSV), `hdf5`; `checkpoint` (a module of its own).
//! From: any caller of the commands. To: the node's table of symbols, and its disk through the context.
//! Holds: nothing of a read is kept unless all of it could be read; a file appears under its name when all of it is on the disk;
//! decoding lets other calls run after each batch; room for what comes is asked for before it is decoded.
//! Not here: what the commands compute with (`array`).

mod arrow;
mod checkpoint;
mod columns;
mod delimiter;
mod disk;
mod hdf5;
mod limits;
mod names;
mod parquet;
mod text;

pub use checkpoint::{Checkpoint, Checkpoints};

use columns::{Column, Kept, Source};
use delimiter::Delimiter;
use names::Kind;
use serde_json::json;
use windlass::prelude::*;

/// Reads and writes files.
pub struct Files;

/// Arrays and strings in files: Parquet, Arrow IPC, CSV and, if the node was built with it, HDF5. Paths are those of the node's machine.
#[module(stateless)]
impl Files {
    /// Nothing to keep: files are the disk's, symbols the node's.
    #[create]
    fn create() -> Self {
        Self
    }

    /// The files that a pattern means, in order of their names; a name without `*`, `?` and `[` means itself.
    /// Errors: `BadArguments` when it is no pattern, `TooLarge` when it means too many.
    #[method(blocking, idempotent)]
    fn expand(pattern: String) -> Result<Vec<String>, Fault> {
        names::expand(&pattern)
    }

    /// Names of the columns of a file, or of the first file that a pattern means.
    #[method(standard, name = "lsany")]
    async fn list(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        match disk::kind(cx, &path).await? {
            Kind::Parquet => parquet_names(cx, &path, given).await,
            Kind::Csv => csv_names(cx, &path, given).await,
            Kind::Arrow => arrow_names(cx, &path).await,
            Kind::Hdf5 => Ok(json!(hdf5::names(cx, &path).await?).to_string()),
        }
    }

    /// Names of the columns of a Parquet file; without lists unless `read_nested`.
    #[method(standard, name = "lspq")]
    async fn list_parquet(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        parquet_names(cx, &path, given).await
    }

    /// Names of the columns of an Arrow IPC file or stream.
    #[method(standard, name = "lsarrow")]
    async fn list_arrow(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        arrow_names(cx, &path).await
    }

    /// Names of the columns of a CSV file.
    #[method(standard, name = "lscsv")]
    async fn list_csv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        csv_names(cx, &path, given).await
    }

    /// Names of the objects of an HDF5 file.
    #[method(standard, name = "lshdf")]
    async fn list_hdf(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        Ok(json!(hdf5::names(cx, &path).await?).to_string())
    }

    /// Whether an HDF5 file is `single`, or one of several (`distribute`).
    #[method(standard, name = "hdffileformat")]
    async fn hdf_format(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        hdf5::format(cx, &path).await
    }

    /// Objects of one or several HDF5 files, one after another: arrays, strings, lists, categories, groupings, frames, indexes.
    #[method(standard, name = "readAllHdf")]
    async fn read_hdf(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        hdf5::read(cx, given).await
    }

    /// An object into an HDF5 file; `write_mode` 1 adds it to one that is there, and `overwrite` lets it take the place of what has its
    /// name. `compression` is `none`, `gzip`, or `gzip:1` to `gzip:9`.
    #[method(standard, name = "tohdf")]
    async fn write_hdf(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        hdf5::write(cx, given).await?;
        Ok("Dataset written successfully!".into())
    }

    /// A step of the commands for HDF5: what waits under a ticket. Errors: `NotFound`.
    #[method(blocking)]
    fn hdf5_step(ticket: u64) -> Result<(), Fault> {
        hdf5::step(ticket)
    }

    /// What kind of file it is: `Parquet`, `HDF5`, `Arrow` or `CSV`.
    #[method(standard, name = "getfiletype")]
    async fn file_type(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let path = first(cx, given).await?;
        Ok(disk::kind(cx, &path).await?.word().to_owned())
    }

    /// The files that a list of one pattern means, or the list itself.
    #[method(standard, name = "globExpansion")]
    async fn glob_expansion(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        Ok(json!(wanted(cx, given).await?).to_string())
    }

    /// Removes the files that were written under a prefix.
    #[method(standard, name = "deleteMatchingFilenames")]
    async fn delete(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (stem, extension) = names::parts(given.text("prefix")?);
        let pattern = format!("{}_LOCALE*{extension}", names::literal(stem));
        for path in files::Nested::on(cx, cx.pool()).expand(&pattern).await? {
            cx.remove_file(&path).await?;
        }
        Ok("Files deleted successfully!".into())
    }

    /// An array, strings or lists as a column of a Parquet file; `mode` 1 adds it to the columns of one that is there.
    #[method(standard, name = "writeParquet")]
    async fn write_parquet(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let source = match given.text("objType")?.to_ascii_lowercase().as_str() {
            "segarray" => Source::lists(cx, given.text("values")?, given.text("segments")?)?,
            _ => Source::named(cx, given.text("values")?)?,
        };
        let append = given.scalar::<i64>("mode")? == 1;
        let column = (given.text("dset")?.to_owned(), source);
        write(cx, given.text("prefix")?, given, vec![column], append).await?;
        Ok("Dataset written successfully!".into())
    }

    /// Several columns as one Parquet file.
    #[method(standard, name = "toParquet_multi")]
    async fn write_parquet_columns(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        write(cx, given.text("filename")?, given, sources(cx, given)?, false).await?;
        Ok("File written successfully!".into())
    }

    /// Several columns as one Arrow IPC file; `mode` 1 adds them to the columns of one that is there. `compression` is `none`, `lz4` or
    /// `zstd`.
    #[method(standard, name = "writeArrow")]
    async fn write_arrow(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let append = given.has("mode") && given.scalar::<i64>("mode")? == 1;
        write_arrow_columns(cx, given, sources(cx, given)?, append).await?;
        Ok("File written successfully!".into())
    }

    /// Columns of one or several Arrow IPC files or streams, one after another.
    #[method(standard, name = "readArrow")]
    async fn read_arrow(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let lenient = given.has("allow_errors") && given.scalar::<bool>("allow_errors")?;
        let mut kept = Kept::default();
        let files = disk::read_allowed(cx, &wanted(cx, given).await?, lenient, &mut kept).await?;
        if given.has("tag_data") && given.scalar::<bool>("tag_data")? {
            kept.add("Filename_Codes".into(), arrow::read::tags(cx, &files).await?)?;
        }
        for name in given.texts("dsets")? {
            let column = arrow::read::column(cx, &files, &name).await?;
            kept.add(name, column)?;
        }
        kept.reply(cx)
    }

    /// Columns of one or several Parquet files, one after another.
    #[method(standard, name = "readAllParquet")]
    async fn read_parquet(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        read(cx, given).await
    }

    /// As `readAllParquet`, of all columns.
    #[method(standard, name = "readAllColsParquet")]
    async fn read_parquet_columns(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        read(cx, given).await
    }

    /// Which rows of columns are null, as 1 and 0.
    #[method(standard, name = "getnullparquet")]
    async fn parquet_nulls(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let files = disk::read_all(cx, &wanted(cx, given).await?).await?;
        let mut kept = Kept::default();
        for name in given.texts("dsets")? {
            let column = parquet::read::nulls(cx, &files, &name).await?;
            kept.add(name, column)?;
        }
        kept.reply(cx)
    }

    /// Arrays and strings as a CSV file, with a header that tells their dtypes.
    #[method(standard, name = "writecsv")]
    async fn write_csv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (names, symbols) = (given.texts("col_names")?, given.texts("datasets")?);
        if names.len() != symbols.len() {
            return Err(columns::bad(format!("{} names and {} columns", names.len(), symbols.len())));
        }
        let sources: Vec<Source> =
            symbols.iter().map(|symbol| Source::named(cx, symbol)).collect::<Result<_, _>>()?;
        let path = names::written(given.text("filename")?);
        let there = files::Nested::on(cx, cx.pool()).expand(&names::literal(&path)).await?;
        if !given.scalar::<bool>("overwrite")? && !there.is_empty() {
            let text = "Filenames for the provided name exist. Overwrite must be set to true in order to save with the name";
            return Err(Fault::new(Code::Exists, format!("{text} {path}")).with_outcome(Outcome::Ended));
        }
        let bytes = text::written(cx, &names, &sources, &Delimiter::of(given.text("col_delim")?)?).await?;
        disk::write(cx, &path, bytes).await?;
        Ok("CSV Data written successfully!".into())
    }

    /// Columns of one or several CSV files, one after another.
    #[method(standard, name = "readcsv")]
    async fn read_csv(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let paths = wanted(cx, given).await?;
        let lenient = given.scalar::<bool>("allow_errors")?;
        let by = Delimiter::of(given.text("col_delim")?)?;
        let mut kept = Kept::default();
        let files = disk::read_allowed(cx, &paths, lenient, &mut kept).await?;
        for (name, column) in text::read(cx, &files, &given.texts("datasets")?, &by, lenient).await? {
            kept.add(name, column)?;
        }
        kept.reply(cx)
    }
}

/// The files that a request names: a list of one is a pattern.
async fn wanted(cx: &Context<'_>, given: &Given) -> Result<Vec<String>, Fault> {
    let named = given.texts("filenames")?;
    let [pattern] = &named[..] else { return Ok(named) };
    if pattern.trim().is_empty() {
        return Err(columns::bad("filelist was empty."));
    }
    let found = files::Nested::on(cx, cx.pool()).expand(pattern).await?;
    if found.is_empty() {
        let text = "either corresponds to files inaccessible to Arkouda or files of an invalid format";
        return Err(columns::bad(format!("The wildcarded filename {pattern} {text}")));
    }
    Ok(found)
}

/// The file that a request names, or the first that its pattern means.
async fn first(cx: &Context<'_>, given: &Given) -> Result<String, Fault> {
    let name = given.text("filename")?;
    if name.is_empty() {
        return Err(columns::bad("Filename was Empty"));
    }
    let found = files::Nested::on(cx, cx.pool()).expand(name).await?.into_iter().next();
    found.ok_or_else(|| {
        if names::is_pattern(name) {
            let text = "check file name or format";
            columns::bad(format!("Cannot retrieve filename from glob expression {name}, {text}"))
        } else {
            columns::bad(format!("File {name} does not exist in a location accessible to Arkouda"))
        }
    })
}

async fn parquet_names(cx: &Context<'_>, path: &str, given: &Given) -> Result<String, Fault> {
    let nested = !given.has("read_nested") || given.scalar::<bool>("read_nested")?;
    let file = disk::read(cx, path).await?;
    Ok(json!(parquet::read::names(&file, nested)?).to_string())
}

async fn arrow_names(cx: &Context<'_>, path: &str) -> Result<String, Fault> {
    Ok(json!(arrow::read::names(&disk::read(cx, path).await?)?).to_string())
}

async fn csv_names(cx: &Context<'_>, path: &str, given: &Given) -> Result<String, Fault> {
    let by = Delimiter::of(given.text("col_delim")?)?;
    let file = disk::read(cx, path).await?;
    Ok(json!(text::names(&file, &by)?).to_string())
}

/// The columns that a request names, each with what it is.
fn sources(cx: &Context<'_>, given: &Given) -> Result<Vec<(String, Source)>, Fault> {
    let (names, symbols) = (given.texts("col_names")?, given.texts("columns")?);
    let sorts = given.texts("col_objtypes")?;
    if names.len() != symbols.len() || names.len() != sorts.len() {
        return Err(columns::bad(format!("{} names and {} columns", names.len(), symbols.len())));
    }
    let mut all = Vec::new();
    for ((name, symbol), sort) in names.into_iter().zip(&symbols).zip(&sorts) {
        let source = if sort.eq_ignore_ascii_case("segarray") {
            Source::lists_of(cx, symbol)?
        } else {
            Source::named(cx, symbol)?
        };
        all.push((name, source));
    }
    Ok(all)
}

/// Two columns of one name in a file are an error.
fn exists(name: &str, path: &str) -> Fault {
    let text = format!("A dataset named {name} already exists in {path}");
    Fault::new(Code::Exists, text).with_outcome(Outcome::Ended)
}

async fn write_arrow_columns(
    cx: &Context<'_>,
    given: &Given,
    columns: Vec<(String, Source)>,
    append: bool,
) -> Result<(), Fault> {
    let path = names::written(given.text("filename")?);
    let packing = arrow::write::packing(given.text("compression").unwrap_or("none"))?;
    for (at, (name, _)) in columns.iter().enumerate() {
        if columns[..at].iter().any(|(other, _)| other == name) {
            return Err(columns::bad(format!("{name} is named twice")));
        }
    }
    let mut all = Vec::new();
    if append && !files::Nested::on(cx, cx.pool()).expand(&names::literal(&path)).await?.is_empty() {
        let file = disk::read(cx, &path).await?;
        for name in arrow::read::names(&file)? {
            if columns.iter().any(|(new, _)| *new == name) {
                return Err(exists(&name, &path));
            }
            let column = arrow::read::column(cx, std::slice::from_ref(&file), &name).await?;
            all.push((name, Source::of(column)));
        }
    }
    all.extend(columns);
    let bytes = arrow::write::file(cx, &all, packing).await?;
    disk::write(cx, &path, bytes).await
}

async fn write(
    cx: &Context<'_>,
    prefix: &str,
    given: &Given,
    columns: Vec<(String, Source)>,
    append: bool,
) -> Result<(), Fault> {
    let path = names::written(prefix);
    let packing = parquet::write::packing(given.text("compression").unwrap_or("none"))?;
    let mut all = Vec::new();
    if append && !files::Nested::on(cx, cx.pool()).expand(&names::literal(&path)).await?.is_empty() {
        let file = disk::read(cx, &path).await?;
        for name in parquet::read::names(&file, true)? {
            if columns.iter().any(|(new, _)| *new == name) {
                return Err(exists(&name, &path));
            }
            let column = parquet::read::column(cx, std::slice::from_ref(&file), &name).await?;
            all.push((name, Source::of(column)));
        }
    }
    all.extend(columns);
    let bytes = parquet::write::file(cx, &all, packing).await?;
    disk::write(cx, &path, bytes).await
}

async fn read(cx: &Context<'_>, given: &Given) -> Result<String, Fault> {
    let paths = wanted(cx, given).await?;
    let lenient = given.scalar::<bool>("allow_errors")?;
    let mut kept = Kept::default();
    let files = disk::read_allowed(cx, &paths, lenient, &mut kept).await?;
    if given.has("tag_data") && given.scalar::<bool>("tag_data")? {
        kept.add("Filename_Codes".into(), parquet::read::tags(cx, &files).await?)?;
    }
    for name in given.texts("dsets")? {
        let column: Column = parquet::read::column(cx, &files, &name).await?;
        kept.add(name, column)?;
    }
    kept.reply(cx)
}
