//! Arguments from texts by key, as edges get them: to the bytes that the method takes.

use super::{Form, Found, Instance, Length, Of};
use crate::array::{Dtype, Scalar};
use crate::{Code, Fault};
use serde_json::Value as Json;

impl Found<'_> {
    /// The method's argument bytes, from texts by key; the hash that goes with them is `offer.method.hash()`.
    ///
    /// A symbol is its name; a value is read as the dtype that the command's name says; a list or tuple is a JSON array of
    /// values or of texts. Keys that the command does not have are left out, as the ancestor's server does.
    ///
    /// # Errors
    /// `BadArguments` names the key that is missing, or what does not fit.
    pub fn encode(&self, given: &[(&str, &str)]) -> Result<Vec<u8>, Fault> {
        let command = &self.offer.command;
        let encoding = |error| Fault::new(Code::Internal, format!("arguments do not encode: {error}"));
        if command.standard {
            let texts: std::collections::BTreeMap<&str, &str> = given.iter().copied().collect();
            return postcard::to_allocvec(&(&self.full_name, texts)).map_err(encoding);
        }
        let mut bytes = postcard::to_allocvec(&self.values).map_err(encoding)?;
        for formal in &command.formals {
            let text = given.iter().find(|(key, _)| *key == formal.key).map(|(_, text)| *text);
            let text = text.ok_or_else(|| {
                Fault::new(Code::BadArguments, format!("JSON argument key Not Found: {}", formal.key))
            })?;
            encode_one(&formal.key, &formal.form, text, &self.instance, &mut bytes)?;
        }
        Ok(bytes)
    }
}

fn encode_one(key: &str, form: &Form, text: &str, instance: &Instance, into: &mut Vec<u8>) -> Result<(), Fault> {
    let encoded = match form {
        Form::Array { .. } | Form::Strings | Form::Own { .. } | Form::Text => postcard::to_allocvec(text),
        Form::Word(words) => {
            if !words.iter().any(|word| word == text) {
                let text = format!("{key}: {text:?} is none of {}", words.join(", "));
                return Err(Fault::new(Code::BadArguments, text));
            }
            postcard::to_allocvec(text)
        }
        Form::Scalar(of) => postcard::to_allocvec(&scalar(key, text, *of, instance)?),
        Form::List(of) => postcard::to_allocvec(&list(key, text, *of, instance)?),
        Form::Tuple(of, length) => {
            let values = list(key, text, *of, instance)?;
            let wanted = match length {
                Length::Fixed(count) => Some(*count as usize),
                Length::Rank(rank) => instance.rank(*rank).map(usize::from),
            };
            if let Some(wanted) = wanted.filter(|wanted| *wanted != values.len()) {
                let text = format!("{key}: {wanted} values wanted, {} given", values.len());
                return Err(Fault::new(Code::BadArguments, text));
            }
            postcard::to_allocvec(&values)
        }
    };
    into.extend(encoded.map_err(|error| Fault::new(Code::Internal, format!("{key} does not encode: {error}")))?);
    Ok(())
}

fn scalar(key: &str, text: &str, of: Of, instance: &Instance) -> Result<Scalar, Fault> {
    match instance.of(of) {
        Some(dtype) => Scalar::parse(text, dtype).ok_or_else(|| no_cast(key, text, dtype)),
        None => Ok(Scalar::guess(text)),
    }
}

fn list(key: &str, text: &str, of: Of, instance: &Instance) -> Result<Vec<Scalar>, Fault> {
    if !text.trim_start().starts_with('[') {
        // One value stands for a list of one.
        return Ok(vec![scalar(key, text, of, instance)?]);
    }
    let bad = || Fault::new(Code::BadArguments, format!("{key}: {text:?} is no JSON array of values"));
    let parts: Vec<Json> = serde_json::from_str(text).map_err(|_| bad())?;
    parts
        .iter()
        .map(|part| match part {
            Json::String(text) => scalar(key, text, of, instance),
            other => {
                let value = Scalar::of_json(other).ok_or_else(bad)?;
                match instance.of(of) {
                    Some(dtype) => value.cast(dtype).ok_or_else(|| no_cast(key, &other.to_string(), dtype)),
                    None => Ok(value),
                }
            }
        })
        .collect()
}

/// `BadArguments` for a text that is no value of `dtype`.
pub(super) fn no_cast(key: &str, text: &str, dtype: Dtype) -> Fault {
    let shown = crate::hello::cut(text, 60);
    Fault::new(Code::BadArguments, format!("Json Argument '{key}' cannot be cast as {dtype}: {shown}"))
}
