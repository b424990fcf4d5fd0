//! Values by schema alone: JSON to postcard and back, and `key=value` text.
//!
//! From: the command line and other schema-driven callers. To: the same bytes a generated client sends.
//! Holds: what is written here decodes as the Rust type the schema came from, and the other way round.

use super::{Schema, Variant};
use crate::array::Scalar;
use crate::limits::{DECODED_VALUES_MAX, SCHEMA_DEPTH_MAX};
use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Why a value does not fit its schema, or bytes do not decode by it.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum DynamicError {
    /// Another type.
    #[error("{at}: {schema} wanted, {found} found")]
    Mismatch {
        /// Where in the value.
        at: String,
        /// The type wanted.
        schema: String,
        /// What stands there.
        found: String,
    },
    /// A name that the type does not have.
    #[error("{at}: {name:?} is unknown; there is {exist}")]
    Unknown {
        /// Where in the value.
        at: String,
        /// The name.
        name: String,
        /// The names that exist.
        exist: String,
    },
    /// A field is missing.
    #[error("{at}: field {name:?} is missing")]
    Missing {
        /// Where in the value.
        at: String,
        /// The field.
        name: String,
    },
    /// The bytes end early, or hold something impossible.
    #[error("the bytes do not decode as {0}")]
    Bytes(String),
}

impl DynamicError {
    /// The same, with `name` for the whole value that it lies in.
    pub fn in_value(mut self, name: &str) -> Self {
        if let Self::Mismatch { at, .. } | Self::Unknown { at, .. } | Self::Missing { at, .. } = &mut self
            && let Some(inside) = at.strip_prefix("value")
        {
            *at = format!("{name}{inside}");
        }
        self
    }
}

/// Reads `text` as a value of `schema`: numbers, `true`, bare words for text and unit variants, JSON for the rest.
///
/// # Errors
/// `DynamicError` when the text is not a value of the schema.
pub fn parse_text(schema: &Schema, text: &str) -> Result<Value, DynamicError> {
    let value = match schema {
        Schema::Str | Schema::Char | Schema::Symbol(_) => Value::String(text.to_owned()),
        Schema::Scalar => Scalar::guess(text).to_json(),
        Schema::Option(_) if text.is_empty() || text == "null" || text == "none" => Value::Null,
        Schema::Option(inner) => parse_text(inner, text)?,
        Schema::F32 | Schema::F64 if matches!(text, "nan" | "inf" | "-inf") => Value::String(text.to_owned()),
        Schema::Bytes if !text.starts_with('[') => Value::String(text.to_owned()),
        Schema::Enum { .. } if !text.starts_with(['{', '"']) => Value::String(text.to_owned()),
        _ => serde_json::from_str(text).map_err(|_| DynamicError::Mismatch {
            at: "value".into(),
            schema: schema.to_string(),
            found: format!("{text:?}"),
        })?,
    };
    schema.encode_json(&value, &mut Vec::new())?;
    Ok(value)
}

impl Schema {
    /// Appends the postcard of `value`.
    ///
    /// # Errors
    /// `DynamicError` names the place that does not fit.
    pub fn encode_json(&self, value: &Value, into: &mut Vec<u8>) -> Result<(), DynamicError> {
        self.encode_at(value, into, "value")
    }

    fn encode_at(&self, value: &Value, into: &mut Vec<u8>, at: &str) -> Result<(), DynamicError> {
        let mismatch =
            || DynamicError::Mismatch { at: at.to_owned(), schema: self.to_string(), found: short(value) };
        let unsigned = |max: u64| value.as_u64().filter(|&number| number <= max).ok_or_else(mismatch);
        let signed =
            |min: i64, max: i64| value.as_i64().filter(|number| (min..=max).contains(number)).ok_or_else(mismatch);
        match self {
            Self::Unit => value.is_null().then_some(()).ok_or_else(mismatch)?,
            Self::Bool => into.push(u8::from(value.as_bool().ok_or_else(mismatch)?)),
            Self::U8 => into.push(unsigned(u64::from(u8::MAX))? as u8),
            Self::U16 => write_varint(unsigned(u64::from(u16::MAX))?, into),
            Self::U32 => write_varint(unsigned(u64::from(u32::MAX))?, into),
            Self::U64 => write_varint(unsigned(u64::MAX)?, into),
            Self::I8 => into.push(signed(i64::from(i8::MIN), i64::from(i8::MAX))? as u8),
            Self::I16 => write_varint(zigzag(signed(i64::from(i16::MIN), i64::from(i16::MAX))?), into),
            Self::I32 => write_varint(zigzag(signed(i64::from(i32::MIN), i64::from(i32::MAX))?), into),
            Self::I64 => write_varint(zigzag(signed(i64::MIN, i64::MAX)?), into),
            Self::F32 => {
                let wide = float(value).ok_or_else(mismatch)?;
                let number = wide as f32;
                if number.is_infinite() && wide.is_finite() {
                    return Err(mismatch());
                }
                into.extend_from_slice(&number.to_le_bytes());
            }
            Self::F64 => into.extend_from_slice(&float(value).ok_or_else(mismatch)?.to_le_bytes()),
            Self::Char => {
                let text = value.as_str().filter(|text| text.chars().count() == 1).ok_or_else(mismatch)?;
                write_bytes(text.as_bytes(), into);
            }
            Self::Str | Self::Symbol(_) => write_bytes(value.as_str().ok_or_else(mismatch)?.as_bytes(), into),
            Self::Scalar => {
                let scalar = Scalar::of_json(value).ok_or_else(mismatch)?;
                into.extend(postcard::to_allocvec(&scalar).map_err(|_| mismatch())?);
            }
            Self::Bytes => match value {
                Value::String(text) => write_bytes(text.as_bytes(), into),
                Value::Array(parts) => {
                    write_varint(parts.len() as u64, into);
                    for (index, part) in parts.iter().enumerate() {
                        Self::U8.encode_at(part, into, &format!("{at}[{index}]"))?;
                    }
                }
                _ => return Err(mismatch()),
            },
            Self::Option(_) if value.is_null() => into.push(0),
            Self::Option(inner) => {
                into.push(1);
                inner.encode_at(value, into, at)?;
            }
            Self::List(inner) => {
                let parts = value.as_array().ok_or_else(mismatch)?;
                write_varint(parts.len() as u64, into);
                for (index, part) in parts.iter().enumerate() {
                    inner.encode_at(part, into, &format!("{at}[{index}]"))?;
                }
            }
            Self::Array(inner, count) => {
                let parts =
                    value.as_array().filter(|parts| parts.len() == *count as usize).ok_or_else(mismatch)?;
                for (index, part) in parts.iter().enumerate() {
                    inner.encode_at(part, into, &format!("{at}[{index}]"))?;
                }
            }
            Self::Tuple(schemas) => {
                let parts = value.as_array().filter(|parts| parts.len() == schemas.len()).ok_or_else(mismatch)?;
                for (index, (schema, part)) in schemas.iter().zip(parts).enumerate() {
                    schema.encode_at(part, into, &format!("{at}[{index}]"))?;
                }
            }
            Self::Map(key, inner) => {
                let entries = value.as_object().ok_or_else(mismatch)?;
                write_varint(entries.len() as u64, into);
                for (name, part) in entries {
                    let key_value = parse_text(key, name)?;
                    key.encode_at(&key_value, into, &format!("{at}.{name}"))?;
                    inner.encode_at(part, into, &format!("{at}.{name}"))?;
                }
            }
            Self::Struct { fields, .. } => {
                let entries = value.as_object().ok_or_else(mismatch)?;
                if let Some(name) = entries.keys().find(|name| fields.iter().all(|field| field.name != **name)) {
                    let exist = fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
                    return Err(DynamicError::Unknown { at: at.to_owned(), name: name.clone(), exist });
                }
                for field in fields {
                    let missing = || DynamicError::Missing { at: at.to_owned(), name: field.name.clone() };
                    let part = match (entries.get(&field.name), &field.schema) {
                        (Some(part), _) => part,
                        (None, Self::Option(_)) => &Value::Null,
                        (None, _) => return Err(missing()),
                    };
                    field.schema.encode_at(part, into, &format!("{at}.{}", field.name))?;
                }
            }
            Self::Enum { variants, .. } => Self::encode_variant(variants, value, into, at, mismatch)?,
        }
        Ok(())
    }

    fn encode_variant(
        variants: &[Variant],
        value: &Value,
        into: &mut Vec<u8>,
        at: &str,
        mismatch: impl Fn() -> DynamicError,
    ) -> Result<(), DynamicError> {
        let (name, inner) = match value {
            Value::String(name) => (name, &Value::Null),
            Value::Object(entries) if entries.len() == 1 => entries.iter().next().ok_or_else(&mismatch)?,
            _ => return Err(mismatch()),
        };
        let Some(index) = variants.iter().position(|variant| variant.name == *name) else {
            let exist = variants.iter().map(|variant| variant.name.as_str()).collect::<Vec<_>>().join(", ");
            return Err(DynamicError::Unknown { at: at.to_owned(), name: name.clone(), exist });
        };
        write_varint(index as u64, into);
        variants[index].schema.encode_at(inner, into, &format!("{at}.{name}"))
    }

    /// Reads one value of this schema from the front of `bytes`.
    ///
    /// Cost: at most `DECODED_VALUES_MAX` values for a schema that passes `check`; names are repeated in each.
    ///
    /// # Errors
    /// `DynamicError::Bytes` when they are not one, or hold more values than that.
    pub fn decode_json(&self, bytes: &mut &[u8]) -> Result<Value, DynamicError> {
        let mut left = DECODED_VALUES_MAX;
        self.decode_at(bytes, 0, &mut left).ok_or_else(|| DynamicError::Bytes(self.to_string()))
    }

    fn decode_at(&self, bytes: &mut &[u8], depth: usize, left: &mut usize) -> Option<Value> {
        if depth > SCHEMA_DEPTH_MAX {
            return None;
        }
        *left = left.checked_sub(1)?;
        let mut many = |bytes: &mut &[u8], inner: &Self, count: u64| -> Option<Value> {
            // Elements take at least a byte each: `check` refuses others.
            if count > bytes.len() as u64 {
                return None;
            }
            (0..count)
                .map(|_| inner.decode_at(bytes, depth + 1, left))
                .collect::<Option<Vec<_>>>()
                .map(Value::Array)
        };
        Some(match self {
            Self::Unit => Value::Null,
            Self::Bool => match take(bytes, 1)?[0] {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return None,
            },
            Self::U8 => Value::from(take(bytes, 1)?[0]),
            Self::I8 => Value::from(take(bytes, 1)?[0] as i8),
            Self::U16 => Value::from(read_varint(bytes, 16)?),
            Self::U32 => Value::from(read_varint(bytes, 32)?),
            Self::U64 => Value::from(read_varint(bytes, 64)?),
            Self::I16 => Value::from(unzigzag(read_varint(bytes, 16)?)),
            Self::I32 => Value::from(unzigzag(read_varint(bytes, 32)?)),
            Self::I64 => Value::from(unzigzag(read_varint(bytes, 64)?)),
            Self::F32 => float_value(f64::from(f32::from_le_bytes(take(bytes, 4)?.try_into().ok()?))),
            Self::F64 => float_value(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
            Self::Char => {
                let text = std::str::from_utf8(read_bytes(bytes)?).ok()?;
                (text.chars().count() == 1).then(|| Value::from(text))?
            }
            Self::Str | Self::Symbol(_) => Value::from(std::str::from_utf8(read_bytes(bytes)?).ok()?),
            Self::Scalar => {
                let (scalar, rest) = postcard::take_from_bytes::<Scalar>(bytes).ok()?;
                *bytes = rest;
                scalar.to_json()
            }
            Self::Bytes => {
                let raw = read_bytes(bytes)?;
                match std::str::from_utf8(raw) {
                    Ok(text) => Value::from(text),
                    Err(_) => byte_numbers(raw),
                }
            }
            Self::Option(inner) => match take(bytes, 1)?[0] {
                0 => Value::Null,
                1 => inner.decode_at(bytes, depth + 1, left)?,
                _ => return None,
            },
            Self::List(inner) => {
                let count = read_varint(bytes, 64)?;
                many(bytes, inner, count)?
            }
            Self::Array(inner, count) => many(bytes, inner, u64::from(*count))?,
            Self::Tuple(schemas) => Value::Array(
                schemas
                    .iter()
                    .map(|schema| schema.decode_at(bytes, depth + 1, left))
                    .collect::<Option<Vec<_>>>()?,
            ),
            Self::Map(key, inner) => {
                let count = read_varint(bytes, 64)?;
                if count > bytes.len() as u64 {
                    return None;
                }
                let mut entries = Map::new();
                for _ in 0..count {
                    let name = key_text(key, key.decode_at(bytes, depth + 1, left)?);
                    entries.insert(name, inner.decode_at(bytes, depth + 1, left)?);
                }
                Value::Object(entries)
            }
            Self::Struct { fields, .. } => {
                let mut entries = Map::new();
                for field in fields {
                    entries.insert(field.name.clone(), field.schema.decode_at(bytes, depth + 1, left)?);
                }
                Value::Object(entries)
            }
            Self::Enum { variants, .. } => {
                let variant = variants.get(usize::try_from(read_varint(bytes, 32)?).ok()?)?;
                match variant.schema.decode_at(bytes, depth + 1, left)? {
                    Value::Null if variant.schema == Self::Unit => Value::from(variant.name.clone()),
                    inner => Value::Object(Map::from_iter([(variant.name.clone(), inner)])),
                }
            }
        })
    }
}

/// A map's key as `parse_text` reads it back.
fn key_text(key: &Schema, value: Value) -> String {
    match value {
        // Bytes that look like a list of numbers stand as one, or they would be read as the list they look like.
        Value::String(text) if *key == Schema::Bytes && text.starts_with('[') => {
            byte_numbers(text.as_bytes()).to_string()
        }
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn byte_numbers(raw: &[u8]) -> Value {
    Value::Array(raw.iter().map(|&byte| Value::from(byte)).collect())
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => match text.as_str() {
            "nan" => Some(f64::NAN),
            "inf" => Some(f64::INFINITY),
            "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        other => other.as_f64(),
    }
}

fn float_value(number: f64) -> Value {
    match Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => Value::from("nan"),
        None => Value::from(if number > 0.0 { "inf" } else { "-inf" }),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}
fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Appends postcard's variable-length integer.
pub(crate) fn write_varint(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Reads postcard's variable-length integer of a type of `bits` bits: as many bytes as that type needs, no bit too many.
fn read_varint(bytes: &mut &[u8], bits: u32) -> Option<u64> {
    let mut number = 0u64;
    for at in 0..bits.div_ceil(7) {
        let byte = take(bytes, 1)?[0];
        let room = bits - 7 * at;
        if room < 7 && (byte & 0x7F) >> room != 0 {
            return None;
        }
        number |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn write_bytes(raw: &[u8], into: &mut Vec<u8>) {
    write_varint(raw.len() as u64, into);
    into.extend_from_slice(raw);
}

fn read_bytes<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_varint(bytes, 64)?).ok()?;
    take(bytes, length)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(first)
}
