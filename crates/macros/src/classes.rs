//! Parameter classes: what `each(T in Class)` may be, from this file and from the `windlass.toml` of the build.
//!
//! Lives here: `Among`, `Classes` (read once per expansion from the first `windlass.toml` above the crate).
//! Holds: dtypes of built-in classes are narrowed to those of `[classes.array] dtype`; the file becomes an input of the crate that
//! is compiled, so a change of it builds anew.

use crate::names;
use std::path::PathBuf;
use toml::{Table, Value};

/// Dtypes with their types in Rust, in order of their numbers.
pub const DTYPES: &[(&str, &str, &str)] = &[
    ("int8", "Int8", "i8"),
    ("int16", "Int16", "i16"),
    ("int32", "Int32", "i32"),
    ("int64", "Int64", "i64"),
    ("uint8", "UInt8", "u8"),
    ("uint16", "UInt16", "u16"),
    ("uint32", "UInt32", "u32"),
    ("uint64", "UInt64", "u64"),
    ("float32", "Float32", "f32"),
    ("float64", "Float64", "f64"),
    ("bool", "Bool", "bool"),
];
/// Classes that need no file, each with where its dtypes stand in `DTYPES`.
const BUILT_IN: &[(&str, std::ops::Range<usize>)] = &[
    ("Element", 0..11),
    ("Numeric", 0..10),
    ("Integer", 0..8),
    ("Signed", 0..4),
    ("Unsigned", 4..8),
    ("Float", 8..10),
];
/// Bounds of a type parameter that say which dtypes it can be: traits of `kernels`.
const BOUNDS: &[(&str, std::ops::Range<usize>)] = &[("Number", 0..10), ("Integer", 0..8), ("Float", 8..10)];
/// `contract::limits::RANK_MAX`.
pub const RANK_MAX: u8 = 8;

/// What a variable can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Among {
    /// Dtypes, by NumPy's names.
    Dtypes(Vec<String>),
    /// Ranks, both included.
    Ranks(u8, u8),
    /// Words.
    Words(Vec<String>),
}

/// The classes of a build.
#[derive(Default)]
pub struct Classes {
    /// The file they came from.
    pub file: Option<PathBuf>,
    table: Table,
}

impl Classes {
    /// From the first `windlass.toml` in the crate's folder or above; none is no mistake.
    ///
    /// # Errors
    /// A sentence when there is one that cannot be read.
    pub fn of_build() -> Result<Self, String> {
        let Some(crate_folder) = std::env::var_os("CARGO_MANIFEST_DIR") else { return Ok(Self::default()) };
        let crate_folder = PathBuf::from(crate_folder);
        let file = crate_folder.ancestors().map(|folder| folder.join("windlass.toml")).find(|file| file.is_file());
        let Some(file) = file else { return Ok(Self::default()) };
        #[allow(
            clippy::disallowed_methods,
            reason = "a macro runs inside the compiler; the file is an input of the build"
        )]
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let table: Table = text.parse().map_err(|error| format!("{}: {error}", file.display()))?;
        Ok(Self { file: Some(file), table })
    }

    /// From text, for tests.
    #[cfg(test)]
    pub fn of_text(text: &str) -> Self {
        Self { file: None, table: text.parse().expect("the text is TOML") }
    }

    fn class(&self, name: &str) -> Option<&Table> {
        self.table.get("classes")?.get(name)?.as_table()
    }

    /// The values of a class of one name: built in, or a list of `[classes]`.
    ///
    /// # Errors
    /// A sentence that names the classes that exist.
    pub fn named(&self, name: &str) -> Result<Among, String> {
        if name == "Rank" {
            return Ok(Among::Ranks(1, RANK_MAX));
        }
        if let Some((_, range)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            let dtypes: Vec<String> = DTYPES[range.clone()].iter().map(|(name, ..)| (*name).to_owned()).collect();
            return self.narrowed(dtypes).map(Among::Dtypes);
        }
        if let Some(Value::Array(values)) = self.table.get("classes").and_then(|classes| classes.get(name)) {
            return among(name, values);
        }
        let mut known: Vec<&str> = BUILT_IN.iter().map(|(name, _)| *name).collect();
        known.push("Rank");
        if names::nearest(name, &known).is_none() {
            let own = self.table.get("classes").and_then(Value::as_table).into_iter().flat_map(Table::keys);
            known.extend(own.map(String::as_str));
        }
        Err(format!("there is no class `{name}`{}", names::instead(name, &known)))
    }

    /// The values of `class.field`.
    ///
    /// # Errors
    /// A sentence that names the classes or fields that exist.
    pub fn field(&self, class: &str, field: &str) -> Result<Among, String> {
        let shown = format!("{class}.{field}");
        let Some(fields) = self.class(class) else {
            let classes = self.table.get("classes").and_then(Value::as_table);
            let known: Vec<&str> = classes.into_iter().flat_map(Table::keys).map(String::as_str).collect();
            if known.is_empty() {
                return Err(format!("no `windlass.toml` in the crate's folder or above it has a class `{class}`"));
            }
            return Err(format!("`windlass.toml` has no class `{class}`{}", names::instead(class, &known)));
        };
        let Some(value) = fields.get(field) else {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            return Err(format!("the class `{class}` has no field `{field}`{}", names::instead(field, &known)));
        };
        match value {
            Value::Array(values) => among(&shown, values),
            Value::Table(table) => match table.get("variants") {
                Some(Value::Array(values)) => among(&shown, values),
                _ => Err(format!("`{shown}` of `windlass.toml` needs `variants`, a list of the enum's variants")),
            },
            single => among(&shown, std::slice::from_ref(single)),
        }
    }

    /// The fields of a class, in the order of their names in the file.
    pub fn fields(&self, class: &str) -> Vec<String> {
        self.class(class).map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
    }

    fn narrowed(&self, mut dtypes: Vec<String>) -> Result<Vec<String>, String> {
        if let Some(Value::Array(values)) = self.class("array").and_then(|array| array.get("dtype")) {
            let Among::Dtypes(kept) = among("array.dtype", values)? else {
                return Err("`array.dtype` of `windlass.toml` lists dtypes".into());
            };
            dtypes.retain(|dtype| kept.contains(dtype));
        }
        Ok(dtypes)
    }
}

/// The dtypes that a bound of this name leaves.
pub fn of_bound(name: &str) -> Option<Vec<&'static str>> {
    let (_, range) = BOUNDS.iter().find(|(known, _)| *known == name)?;
    Some(DTYPES[range.clone()].iter().map(|(name, ..)| *name).collect())
}

/// NumPy's name of the dtype that `rust` is, if it is one.
pub fn of_rust(rust: &str) -> Option<&'static str> {
    DTYPES.iter().find(|(.., known)| *known == rust).map(|(name, ..)| *name)
}

fn among(shown: &str, values: &[Value]) -> Result<Among, String> {
    let texts: Option<Vec<String>> = values
        .iter()
        .map(|value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        })
        .collect();
    let texts = texts.filter(|texts| !texts.is_empty());
    let texts = texts
        .ok_or_else(|| format!("`{shown}` of `windlass.toml` is a list of names or numbers, and not empty"))?;
    let dtypes: Option<Vec<String>> = texts.iter().map(|text| dtype(text).map(str::to_owned)).collect();
    Ok(dtypes.map_or(Among::Words(texts), Among::Dtypes))
}

/// NumPy's name of a dtype, of its own or of the ancestor's configuration.
fn dtype(text: &str) -> Option<&'static str> {
    let name = match text {
        "int" | "int(64)" => "int64",
        "int(32)" => "int32",
        "int(16)" => "int16",
        "int(8)" => "int8",
        "uint" | "uint(64)" => "uint64",
        "uint(32)" => "uint32",
        "uint(16)" => "uint16",
        "uint(8)" => "uint8",
        "real" | "real(64)" => "float64",
        "real(32)" => "float32",
        other => other,
    };
    DTYPES.iter().find(|(known, ..)| *known == name).map(|(known, ..)| *known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        [classes]
        Money = ["int64", "real"]
        [classes.array]
        dtype = ["int", "float64", "bool"]
        [classes.MySym]
        t = ["int64", "float64"]
        n = [3, 4]
        [classes.group]
        field = { enum = "Side", variants = ["Left", "Right"] }
    "#;

    fn dtypes(names: &[&str]) -> Result<Among, String> {
        Ok(Among::Dtypes(names.iter().map(|name| (*name).to_owned()).collect()))
    }

    #[test]
    fn arrays_r6_classes_come_from_the_file_and_built_in_ones_are_narrowed_by_it() {
        let classes = Classes::of_text(FILE);
        assert_eq!(classes.named("Numeric"), dtypes(&["int64", "float64"]));
        assert_eq!(classes.named("Money"), dtypes(&["int64", "float64"]));
        assert_eq!(classes.field("MySym", "n"), Ok(Among::Words(vec!["3".into(), "4".into()])));
        assert_eq!(classes.field("group", "field"), Ok(Among::Words(vec!["Left".into(), "Right".into()])));
        assert_eq!(classes.fields("MySym"), ["t", "n"]);
        assert_eq!(Classes::default().named("Float"), dtypes(&["float32", "float64"]));
    }

    #[test]
    fn a_class_or_field_that_is_not_there_is_named_with_those_that_are() {
        let classes = Classes::of_text(FILE);
        assert!(classes.named("Numric").unwrap_err().contains("did you mean `Numeric`?"));
        assert!(classes.field("MySim", "t").unwrap_err().contains("did you mean `MySym`?"));
        assert!(classes.field("MySym", "m").unwrap_err().contains("`t`, `n`"));
    }
}
