//! Given: the arguments of a standard command, as texts by key.

use super::text::no_cast;
use super::{CommandSchema, Instance, split};
use crate::array::{Array, Dtype, Item, Strings};
use crate::context::Context;
use crate::{Code, Fault};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// What a standard command was called as.
#[derive(Clone, Debug)]
pub struct Called {
    /// The full name.
    pub full_name: String,
    /// What its variables are.
    pub instance: Instance,
    names: Vec<String>,
}

impl Called {
    /// # Errors
    /// `NoInstance` when the command does not have what the name says.
    pub(super) fn of(command: &CommandSchema, full_name: String) -> Result<Self, Fault> {
        let (base, values) = split(&full_name);
        if base != command.name && !command.also.iter().any(|name| name == base) {
            let text = format!("{full_name} is no name of the command {}", command.name);
            return Err(Fault::new(Code::UnknownCommand, text));
        }
        let instance = command.instance(&values)?;
        let names = command.variables.iter().map(|one| one.name.clone()).collect();
        Ok(Self { full_name, instance, names })
    }
    fn variable(&self, name: &str) -> Option<u16> {
        self.names.iter().position(|one| one == name).and_then(|at| u16::try_from(at).ok())
    }
    /// The dtype of the variable called `name`.
    pub fn dtype(&self, name: &str) -> Option<Dtype> {
        self.instance.dtype(self.variable(name)?)
    }
    /// The rank of the variable called `name`.
    pub fn rank(&self, name: &str) -> Option<u8> {
        self.instance.rank(self.variable(name)?)
    }
    /// The word of the variable called `name`.
    pub fn word(&self, name: &str) -> Option<&str> {
        self.instance.word(self.variable(name)?)
    }
}

/// Texts by key, with the conversions that the ancestor's commands have.
#[derive(Clone, Debug, Default)]
pub struct Given(pub BTreeMap<String, String>);

impl Given {
    /// The text of this key.
    ///
    /// # Errors
    /// `BadArguments` when it is missing.
    pub fn text(&self, key: &str) -> Result<&str, Fault> {
        let missing = || Fault::new(Code::BadArguments, format!("JSON argument key Not Found: {key}"));
        self.0.get(key).map(String::as_str).ok_or_else(missing)
    }
    /// Whether this key was given.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
    /// The value of this key.
    ///
    /// # Errors
    /// `BadArguments` when it is missing or no `T`.
    pub fn scalar<T: Item>(&self, key: &str) -> Result<T, Fault> {
        let text = self.text(key)?;
        T::from_scalar(&text.into()).ok_or_else(|| no_cast(key, text, T::DTYPE))
    }
    /// The values of this key: a JSON array of values or texts, or one value.
    ///
    /// # Errors
    /// `BadArguments` when it is missing or not that.
    pub fn list<T: Item>(&self, key: &str) -> Result<Vec<T>, Fault> {
        let text = self.text(key)?;
        let bad = || no_cast(key, text, T::DTYPE);
        if !text.trim_start().starts_with('[') {
            return Ok(vec![self.scalar(key)?]);
        }
        let parts: Vec<Json> = serde_json::from_str(text).map_err(|_| bad())?;
        parts
            .iter()
            .map(|part| T::from_scalar(&crate::array::Scalar::of_json(part)?))
            .collect::<Option<_>>()
            .ok_or_else(bad)
    }
    /// The texts of this key: a JSON array of texts.
    ///
    /// # Errors
    /// `BadArguments` when it is missing or not that.
    pub fn texts(&self, key: &str) -> Result<Vec<String>, Fault> {
        let text = self.text(key)?;
        serde_json::from_str(text).map_err(|_| {
            Fault::new(Code::BadArguments, format!("Json Argument '{key}' cannot be cast as a list of text"))
        })
    }
    /// As `list`, of exactly `count` values.
    ///
    /// # Errors
    /// As `list`.
    pub fn tuple<T: Item>(&self, key: &str, count: usize) -> Result<Vec<T>, Fault> {
        let values = self.list(key)?;
        if values.len() == count {
            return Ok(values);
        }
        let text = format!("{key}: {count} values wanted, {} given", values.len());
        Err(Fault::new(Code::BadArguments, text))
    }
    /// An index into `length`, negative from the end.
    ///
    /// # Errors
    /// `BadArguments` when it is missing, no integer, or outside.
    pub fn index(&self, key: &str, length: usize) -> Result<usize, Fault> {
        let at: i64 = self.scalar(key)?;
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let from_start = if at < 0 { at.saturating_add(length) } else { at };
        if (0..length).contains(&from_start) {
            return Ok(from_start as usize);
        }
        Err(Fault::new(Code::BadArguments, format!("{key}: {at} is outside of {length}")))
    }
    /// The array that this key names.
    ///
    /// # Errors
    /// `BadArguments`, `UnknownSymbol`.
    pub fn array(&self, cx: &Context<'_>, key: &str) -> Result<Array, Fault> {
        cx.symbols().array(self.text(key)?)
    }
    /// The strings that this key names.
    ///
    /// # Errors
    /// `BadArguments`, `UnknownSymbol`.
    pub fn strings(&self, cx: &Context<'_>, key: &str) -> Result<Strings, Fault> {
        cx.symbols().strings(self.text(key)?)
    }
}
