//! Registry: objects that outlive their session under a name, as the ancestor's clients register and attach them.
//!
//! Lives here: `Entry` (what an object consists of: arrays and strings by name, and how they belong together).
//! Holds: an entry is a symbol of its own, registered under the object's name; the symbols that it consists of are registered under
//!   their own names, and stay so as long as any entry has them. So nothing of it is kept in this module, which can be replaced.
//! Not here: names and who may read them (the node's table of symbols).

use crate::words::said;
use crate::work::bad;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use windlass::array::{ArrayFacts, StringsFacts};
use windlass::prelude::*;
use windlass::symbols::{Head, Symbol, SymbolLine};

/// Most parts of one object: columns, keys, levels.
const PARTS_MAX: usize = 4096;

/// Registered objects.
pub struct Registry;

/// Objects registered under a name: by whom they are made they are outlived.
#[module(name = "array_registry", export = false, stateless)]
impl Registry {
    /// Nothing to keep: entries are symbols.
    #[create]
    fn create() -> Self {
        Self
    }

    /// Registers an object, which then survives its session and can be attached by all.
    #[method(standard)]
    fn register(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let (name, entry) = (given.text("name")?, Entry::of(given)?);
        let mut parts = BTreeSet::new();
        entry.parts(&mut parts);
        // All of them are looked at before any is changed.
        for part in &parts {
            cx.symbols().get(part)?;
        }
        let own = cx.symbols().insert(Symbol::try_from(Own(entry.clone()))?)?;
        if let Err(fault) = cx.symbols().register(&own, name) {
            cx.symbols().delete(&own)?;
            return Err(match fault.is(Code::Exists) {
                true => Fault::new(
                    Code::Exists,
                    format!("Name, {name}, not available for registration. Already in use."),
                ),
                false => fault,
            });
        }
        let mut done = Vec::new();
        for part in &parts {
            match cx.symbols().register(part, part) {
                Ok(()) => done.push(part),
                // Another entry has it already.
                Err(fault) if fault.is(Code::Exists) => {}
                Err(fault) => {
                    for part in done {
                        cx.symbols().unregister(part)?;
                    }
                    cx.symbols().unregister(name)?;
                    cx.symbols().delete(&own)?;
                    return Err(fault);
                }
            }
        }
        Ok(format!("Registered {}", entry.sort))
    }

    /// What the object of this name consists of.
    #[method(standard)]
    fn attach(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("name")?;
        let entry = entry(cx, name)?;
        Ok(json!({ "objType": entry.sort, "create": entry.created(cx)? }).to_string())
    }

    /// Ends a registration.
    #[method(standard)]
    fn unregister(cx: &Context<'_>, _command: &Called, given: &Given) -> Result<String, Fault> {
        let name = given.text("name")?;
        let gone = entry(cx, name)?;
        let own = registered(cx)?.into_iter().find(|line| line.registered.as_deref() == Some(name));
        cx.symbols().unregister(name)?;
        if let Some(line) = own.filter(is_entry) {
            cx.symbols().delete(&line.name)?;
            let (mut parts, mut held) = (BTreeSet::new(), BTreeSet::new());
            gone.parts(&mut parts);
            for (_, entry) in entries(cx)? {
                entry.parts(&mut held);
            }
            for part in parts.difference(&held) {
                match cx.symbols().unregister(part) {
                    Err(fault) if !fault.is(Code::UnknownSymbol) => return Err(fault),
                    // It had another name already when it was registered as a part.
                    _ => {}
                }
            }
        }
        Ok(format!("Unregistered {} {name}", gone.sort))
    }

    /// Names and types of all registered objects, and the symbols that they consist of.
    #[method(standard, name = "list_registry")]
    fn list(cx: &Context<'_>, _command: &Called, _given: &Given) -> Result<String, Fault> {
        let (mut names, mut sorts, mut parts) = (Vec::new(), Vec::new(), BTreeSet::new());
        for (name, entry) in entries(cx)? {
            names.push(name);
            sorts.push(entry.sort.clone());
            entry.parts(&mut parts);
        }
        let text = |list: Value| list.to_string();
        Ok(json!({
            "Objects": text(json!(names)), "Object_Types": text(json!(sorts)), "Components": text(json!(parts)),
        })
        .to_string())
    }
}

/// What an object consists of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Entry {
    /// What it is, as the ancestor writes it: `PDARRAY`.
    sort: String,
    body: Body,
}

/// Symbols by name, and how they belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Body {
    /// An array or strings.
    One(String),
    Bits {
        values: String,
        width: String,
        reverse: String,
    },
    Segments {
        segments: String,
        values: String,
        lengths: Option<String>,
    },
    Categorical {
        codes: String,
        categories: String,
        missing: String,
        grouping: Option<(String, String)>,
    },
    Groups {
        segments: String,
        permutation: String,
        uniques: String,
        keys: Vec<Entry>,
    },
    Frame {
        columns: Vec<(String, Entry)>,
        index: String,
    },
    Index(Vec<Entry>),
    Series {
        index: Vec<Entry>,
        values: Box<Entry>,
    },
}

impl SymbolType for Entry {
    const CLASS: &'static str = "registration";
    fn parameters(&self) -> Vec<String> {
        vec![self.sort.clone()]
    }
}

impl Entry {
    fn one(sort: &str, name: &str) -> Self {
        // Strings are named with what follows a `+` in older messages.
        let name = name.split('+').next().unwrap_or(name);
        Self { sort: sort.to_ascii_uppercase(), body: Body::One(name.into()) }
    }

    /// What a caller registers.
    fn of(given: &Given) -> Result<Self, Fault> {
        let sort = given.text("objType")?.to_ascii_uppercase();
        let text = |key: &str| given.text(key).map(str::to_owned);
        let some = |key: &str| given.text(key).ok().filter(|name| !name.is_empty()).map(str::to_owned);
        let body = match sort.as_str() {
            "PDARRAY" | "STRINGS" | "DATETIME" | "TIMEDELTA" | "IPV4" => {
                return Ok(Self::one(&sort, given.text("array")?));
            }
            "BITVECTOR" => Body::Bits {
                values: text("values")?,
                width: text("width")?,
                reverse: lower(given.text("reverse")?),
            },
            "SEGARRAY" => {
                Body::Segments { segments: text("segments")?, values: text("values")?, lengths: some("lengths") }
            }
            "CATEGORICAL" => Body::Categorical {
                codes: text("codes")?,
                categories: text("categories")?,
                missing: text("_akNAcode")?,
                grouping: some("permutation").zip(some("segments")),
            },
            "GROUPBY" => Body::Groups {
                segments: text("segments")?,
                permutation: text("permutation")?,
                uniques: text("uki")?,
                keys: parts(given, "keys", "key_objTypes")?,
            },
            "DATAFRAME" => {
                let (names, columns) = (given.texts("column_names")?, parts(given, "columns", "col_objTypes")?);
                if names.len() != columns.len() {
                    return Err(bad(format!("{} names for {} columns", names.len(), columns.len())));
                }
                Body::Frame { columns: names.into_iter().zip(columns).collect(), index: text("idx")? }
            }
            "INDEX" | "MULTIINDEX" => Body::Index(parts(given, "idx_names", "idx_types")?),
            "SERIES" => Body::Series {
                index: parts(given, "idx_names", "idx_types")?,
                values: Box::new(Self::part(given.text("val_type")?, given.text("values")?)?),
            },
            other => return Err(bad(format!("ObjType Not Supported by Registry: {other}"))),
        };
        Ok(Self { sort, body })
    }

    /// A part of an object: the name of a symbol, or a JSON object of several.
    fn part(sort: &str, text: &str) -> Result<Self, Fault> {
        let sort = sort.to_ascii_uppercase();
        if !matches!(sort.as_str(), "CATEGORICAL" | "SEGARRAY" | "BITVECTOR") {
            return Ok(Self::one(&sort, text));
        }
        let wrong = || {
            bad(format!("this is not what a {sort} consists of: {}", text.chars().take(80).collect::<String>()))
        };
        let parts: Value = serde_json::from_str(text).map_err(|_| wrong())?;
        let some = |key: &str| match &parts[key] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        };
        let text = |key: &str| some(key).ok_or_else(wrong);
        let body = match sort.as_str() {
            "CATEGORICAL" => Body::Categorical {
                codes: text("codes")?,
                categories: text("categories")?,
                missing: text("NA_codes")?,
                grouping: some("permutation").zip(some("segments")),
            },
            "SEGARRAY" => {
                Body::Segments { segments: text("segments")?, values: text("values")?, lengths: some("lengths") }
            }
            _ => Body::Bits { values: text("name")?, width: text("width")?, reverse: lower(&text("reverse")?) },
        };
        Ok(Self { sort, body })
    }

    /// The symbols that it consists of.
    fn parts(&self, to: &mut BTreeSet<String>) {
        let mut add = |names: &[&String]| to.extend(names.iter().map(|name| (*name).clone()));
        match &self.body {
            Body::One(name) => add(&[name]),
            Body::Bits { values, .. } => add(&[values]),
            Body::Segments { segments, values, lengths } => {
                add(&[segments, values]);
                add(&lengths.iter().collect::<Vec<_>>());
            }
            Body::Categorical { codes, categories, missing, grouping } => {
                add(&[codes, categories, missing]);
                if let Some((permutation, segments)) = grouping {
                    add(&[permutation, segments]);
                }
            }
            Body::Groups { segments, permutation, uniques, keys } => {
                add(&[segments, permutation, uniques]);
                keys.iter().for_each(|key| key.parts(to));
            }
            Body::Frame { columns, index } => {
                add(&[index]);
                columns.iter().for_each(|(_, column)| column.parts(to));
            }
            Body::Index(levels) => levels.iter().for_each(|level| level.parts(to)),
            Body::Series { index, values } => {
                index.iter().for_each(|level| level.parts(to));
                values.parts(to);
            }
        }
    }

    /// What a client needs to have the object: what is said when its symbols are made, alone or as JSON.
    fn created(&self, cx: &Context<'_>) -> Result<String, Fault> {
        let said = |name: &String| created(cx, name);
        let tagged = |entry: &Entry| entry.created(cx).map(|text| format!("{}+|+{text}", entry.sort));
        let levels = |index: &[Entry]| {
            let levels: Result<Vec<String>, Fault> = index.iter().map(tagged).collect();
            levels.map(|levels| json!(levels).to_string())
        };
        let parts = match &self.body {
            Body::One(name) => return said(name),
            Body::Index(index) => return levels(index),
            Body::Bits { values, width, reverse } => {
                json!({ "values": said(values)?, "width": width, "reverse": reverse })
            }
            Body::Segments { segments, values, lengths } => {
                let mut parts = json!({ "segments": said(segments)?, "values": said(values)? });
                if let Some(lengths) = lengths {
                    parts["lengths"] = said(lengths)?.into();
                }
                parts
            }
            Body::Categorical { codes, categories, missing, grouping } => {
                let mut parts = json!({
                    "codes": said(codes)?, "categories": said(categories)?, "_akNAcode": said(missing)?,
                });
                if let Some((permutation, segments)) = grouping {
                    parts["permutation"] = said(permutation)?.into();
                    parts["segments"] = said(segments)?.into();
                }
                parts
            }
            Body::Groups { segments, permutation, uniques, keys } => {
                let mut parts = json!({
                    "segments": said(segments)?, "permutation": said(permutation)?, "uki": said(uniques)?,
                });
                for (at, key) in keys.iter().enumerate() {
                    parts[format!("KEY_{at}")] = tagged(key)?.into();
                }
                parts
            }
            Body::Frame { columns, .. } => {
                let mut parts = serde_json::Map::new();
                for (name, column) in columns {
                    parts.insert(name.clone(), tagged(column)?.into());
                }
                Value::Object(parts)
            }
            Body::Series { index, values } => json!({ "index": levels(index)?, "value": tagged(values)? }),
        };
        Ok(parts.to_string())
    }
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}

/// The parts that two lists tell: what each is, and of what.
fn parts(given: &Given, names: &str, sorts: &str) -> Result<Vec<Entry>, Fault> {
    let (names, sorts) = (given.texts(names)?, given.texts(sorts)?);
    if names.len() != sorts.len() || names.len() > PARTS_MAX {
        return Err(bad(format!("{} parts with {} types; {PARTS_MAX} are taken", names.len(), sorts.len())));
    }
    names.iter().zip(&sorts).map(|(name, sort)| Entry::part(sort, name)).collect()
}

/// What is said of a symbol that is there.
fn created(cx: &Context<'_>, name: &str) -> Result<String, Fault> {
    Ok(match cx.symbols().get(name)? {
        Symbol::Strings(strings) => said(&StringsFacts::of(name.into(), &strings)),
        Symbol::Array(array) => {
            let facts = ArrayFacts::of(name.into(), &array);
            let shape: Vec<String> = facts.shape.iter().map(u64::to_string).collect();
            let (dtype, shape) = (&facts.dtype, shape.join(","));
            format!("created {name} {dtype} {} {} [{shape}] {}", facts.size, facts.ndim, facts.itemsize)
        }
        Symbol::Own(own) if own.class == "bigint" => super::bigint::said_of(name, &own)?,
        Symbol::Own(own) => return Err(bad(format!("{name} is a {}, and no part of an object", own.class))),
    })
}

fn is_entry(line: &SymbolLine) -> bool {
    matches!(&line.head, Head::Own { class, .. } if class == Entry::CLASS)
}

fn registered(cx: &Context<'_>) -> Result<Vec<SymbolLine>, Fault> {
    Ok(cx.symbols().list()?.into_iter().filter(|line| line.registered.is_some()).collect())
}

/// The entry of this name; one is made up for an array or strings that were registered without.
fn entry(cx: &Context<'_>, name: &str) -> Result<Entry, Fault> {
    match cx.symbols().get(name)? {
        Symbol::Own(own) => Ok(Own::<Entry>::of(&own)?.0),
        Symbol::Array(_) => Ok(Entry::one("PDARRAY", name)),
        Symbol::Strings(_) => Ok(Entry::one("STRINGS", name)),
    }
}

/// All registered objects by name. Parts of them, which are registered under their own names, are none.
fn entries(cx: &Context<'_>) -> Result<Vec<(String, Entry)>, Fault> {
    let mut entries = Vec::new();
    for line in registered(cx)? {
        let foreign = matches!(line.head, Head::Own { .. }) && !is_entry(&line);
        if let Some(name) = line.registered.filter(|name| *name != line.name && !foreign) {
            let entry = entry(cx, &name)?;
            entries.push((name, entry));
        }
    }
    Ok(entries)
}
