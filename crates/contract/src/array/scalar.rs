//! Scalars: one value whose dtype is told at run time, and how it becomes a value of a type and back.
//!
//! Holds: a conversion keeps the value or is refused: 1.5 is no int64, 300 no uint8. Text is read as the ancestor's server
//! does: `True`, `true` and integers are bools, `nan` and `inf` are floats.

use super::Dtype;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;

macro_rules! scalars {
    ($($variant:ident $rust:ty,)*) => {
        /// One value and its dtype. As JSON it is the bare value; its dtype is known to whoever reads the reply's bytes.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[allow(missing_docs, reason = "the variants are named after the dtypes")]
        pub enum Scalar {
            $($variant($rust),)*
            /// Decimal digits.
            BigInt(String),
            Str(String),
        }

        impl Scalar {
            /// Its dtype.
            pub fn dtype(&self) -> Dtype {
                match self {
                    $(Self::$variant(_) => Dtype::$variant,)*
                    Self::BigInt(_) => Dtype::BigInt,
                    Self::Str(_) => Dtype::Str,
                }
            }
            /// The same value in another dtype, if that can hold it.
            pub fn cast(&self, dtype: Dtype) -> Option<Self> {
                match dtype {
                    $(Dtype::$variant => <$rust>::from_scalar(self).map(Self::$variant),)*
                    Dtype::Str => Some(Self::Str(self.plain())),
                    Dtype::BigInt => self.digits().map(Self::BigInt),
                }
            }
        }
        $(impl From<$rust> for Scalar {
            fn from(value: $rust) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

scalars! {
    Int8 i8, Int16 i16, Int32 i32, Int64 i64, UInt8 u8, UInt16 u16, UInt32 u32, UInt64 u64, Float32 f32, Float64 f64,
    Bool bool,
}

impl From<String> for Scalar {
    fn from(value: String) -> Self {
        Self::Str(value)
    }
}
impl From<&str> for Scalar {
    fn from(value: &str) -> Self {
        Self::Str(value.into())
    }
}

/// A type that one value can have.
pub trait Value: Sized + Into<Scalar> {
    /// The value of a scalar; `None` when this type cannot hold it.
    fn from_scalar(scalar: &Scalar) -> Option<Self>;
}

/// A scalar without its dtype.
enum Plain<'a> {
    Whole(i128),
    Float(f64),
    Bool(bool),
    Text(&'a str),
}

impl Scalar {
    fn plain_form(&self) -> Plain<'_> {
        match self {
            Self::Int8(value) => Plain::Whole((*value).into()),
            Self::Int16(value) => Plain::Whole((*value).into()),
            Self::Int32(value) => Plain::Whole((*value).into()),
            Self::Int64(value) => Plain::Whole((*value).into()),
            Self::UInt8(value) => Plain::Whole((*value).into()),
            Self::UInt16(value) => Plain::Whole((*value).into()),
            Self::UInt32(value) => Plain::Whole((*value).into()),
            Self::UInt64(value) => Plain::Whole((*value).into()),
            Self::Float32(value) => Plain::Float((*value).into()),
            Self::Float64(value) => Plain::Float(*value),
            Self::Bool(value) => Plain::Bool(*value),
            Self::BigInt(text) | Self::Str(text) => Plain::Text(text.trim()),
        }
    }

    fn digits(&self) -> Option<String> {
        match self.plain_form() {
            Plain::Whole(value) => Some(value.to_string()),
            Plain::Bool(value) => Some(u8::from(value).to_string()),
            Plain::Float(value) => whole_of(value).map(|value| value.to_string()),
            Plain::Text(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
            }
        }
    }

    /// Reads text as a value of `dtype`.
    pub fn parse(text: &str, dtype: Dtype) -> Option<Self> {
        Self::Str(text.into()).cast(dtype)
    }

    /// Reads text whose dtype nobody says: `true`, an integer, a float, or else text.
    pub fn guess(text: &str) -> Self {
        if matches!(text, "true" | "True" | "false" | "False") {
            return Self::Bool(text.starts_with(['t', 'T']));
        }
        let number =
            [Dtype::Int64, Dtype::UInt64, Dtype::Float64].into_iter().find_map(|dtype| Self::parse(text, dtype));
        number.unwrap_or_else(|| Self::Str(text.into()))
    }

    /// The value as the ancestor's replies show it: a float with 17 digits, a bool in lower case.
    pub fn plain(&self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Float32(value) => float_text(f64::from(*value)),
            Self::Float64(value) => float_text(*value),
            Self::BigInt(text) | Self::Str(text) => text.clone(),
            other => match other.plain_form() {
                Plain::Whole(value) => value.to_string(),
                Plain::Float(_) | Plain::Bool(_) | Plain::Text(_) => unreachable!("only integers are left"),
            },
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Json {
        match self.plain_form() {
            Plain::Bool(value) => Json::from(value),
            Plain::Whole(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => Json::from(value),
                (_, Ok(value)) => Json::from(value),
                _ => Json::from(value.to_string()),
            },
            Plain::Float(value) => match serde_json::Number::from_f64(value) {
                Some(number) => Json::Number(number),
                None => Json::from(float_text(value)),
            },
            Plain::Text(_) => Json::from(self.plain()),
        }
    }

    /// The value of a JSON value: null, lists and objects are none.
    pub fn of_json(json: &Json) -> Option<Self> {
        match json {
            Json::Bool(value) => Some(Self::Bool(*value)),
            Json::String(text) => Some(Self::Str(text.clone())),
            Json::Number(number) => {
                let whole = number.as_i64().map(Self::Int64).or_else(|| number.as_u64().map(Self::UInt64));
                whole.or_else(|| number.as_f64().map(Self::Float64))
            }
            Json::Null | Json::Array(_) | Json::Object(_) => None,
        }
    }
}

impl fmt::Display for Scalar {
    /// `<dtype> <text>`, as the ancestor's replies have it; text in quotes, escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Str(text) => write!(f, "str {}", Json::from(text.as_str())),
            other => write!(f, "{} {}", other.dtype(), other.plain()),
        }
    }
}

fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    // Rust's shortest text reads back to the same float, as 17 digits would, and is never longer.
    let text = format!("{value:?}");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

/// The integer that a float is, if it is one.
fn whole_of(value: f64) -> Option<i128> {
    // 2^64 is past every integer dtype; below it the cast is exact.
    (value.fract() == 0.0 && value.abs() <= 18_446_744_073_709_551_616.0).then_some(value as i128)
}

fn parse_float(text: &str) -> Option<f64> {
    let looks = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    if looks { text.parse().ok() } else { None }
}

macro_rules! whole {
    ($($rust:ty)*) => {
        $(impl Value for $rust {
            fn from_scalar(scalar: &Scalar) -> Option<Self> {
                match scalar.plain_form() {
                    Plain::Whole(value) => value.try_into().ok(),
                    Plain::Bool(value) => Some(Self::from(value)),
                    Plain::Float(value) => whole_of(value)?.try_into().ok(),
                    Plain::Text(text) => match text.parse() {
                        Ok(value) => Some(value),
                        Err(_) => match text {
                            "True" | "true" => Some(1),
                            "False" | "false" => Some(0),
                            _ => whole_of(parse_float(text)?)?.try_into().ok(),
                        },
                    },
                }
            }
        })*
    };
}
whole! { i8 i16 i32 i64 u8 u16 u32 u64 }

impl Value for f64 {
    fn from_scalar(scalar: &Scalar) -> Option<Self> {
        match scalar.plain_form() {
            Plain::Whole(value) => Some(value as f64),
            Plain::Bool(value) => Some(f64::from(u8::from(value))),
            Plain::Float(value) => Some(value),
            Plain::Text("True" | "true") => Some(1.0),
            Plain::Text("False" | "false") => Some(0.0),
            Plain::Text(text) => parse_float(text),
        }
    }
}
impl Value for f32 {
    fn from_scalar(scalar: &Scalar) -> Option<Self> {
        let wide = f64::from_scalar(scalar)?;
        let value = wide as f32;
        (value.is_finite() || !wide.is_finite()).then_some(value)
    }
}
impl Value for bool {
    fn from_scalar(scalar: &Scalar) -> Option<Self> {
        match scalar.plain_form() {
            Plain::Whole(value) => Some(value != 0),
            Plain::Bool(value) => Some(value),
            Plain::Float(value) => whole_of(value).map(|value| value != 0),
            Plain::Text("True" | "true") => Some(true),
            Plain::Text("False" | "false") => Some(false),
            Plain::Text(text) => text.parse::<i64>().ok().map(|value| value != 0),
        }
    }
}
impl Value for String {
    fn from_scalar(scalar: &Scalar) -> Option<Self> {
        Some(scalar.plain())
    }
}
impl Value for Scalar {
    fn from_scalar(scalar: &Scalar) -> Option<Self> {
        Some(scalar.clone())
    }
}

#[cfg(test)]
#[allow(non_snake_case, reason = "rows of the requirements are named as they are")]
mod tests {
    use super::*;

    #[test]
    fn arrays_R9_text_becomes_the_value_that_it_says_or_is_refused() {
        let to = |text: &str, dtype| Scalar::parse(text, dtype).map(|scalar| scalar.to_string());
        assert_eq!(to("True", Dtype::Bool).as_deref(), Some("bool true"));
        assert_eq!(to("0", Dtype::Bool).as_deref(), Some("bool false"));
        assert_eq!(to("1e-05", Dtype::Float64).as_deref(), Some("float64 1e-5"));
        assert_eq!(to("nan", Dtype::Float64).as_deref(), Some("float64 nan"));
        assert_eq!(to("18446744073709551615", Dtype::UInt64).as_deref(), Some("uint64 18446744073709551615"));
        assert_eq!(to("5.0", Dtype::Int64).as_deref(), Some("int64 5"));
        assert_eq!(
            [to("5.5", Dtype::Int64), to("300", Dtype::UInt8), to("-1", Dtype::UInt64)],
            [None, None, None]
        );
        assert_eq!([to("x", Dtype::Float64), to("", Dtype::Bool), to("1 2", Dtype::Int64)], [None, None, None]);
        assert_eq!(
            to("12345678901234567890123", Dtype::BigInt).as_deref(),
            Some("bigint 12345678901234567890123")
        );
    }

    #[test]
    fn arrays_R10_replies_show_dtype_and_text() {
        assert_eq!(Scalar::from(1.5).to_string(), "float64 1.5");
        assert_eq!(Scalar::from(true).to_string(), "bool true");
        assert_eq!(Scalar::from("a \"b\"").to_string(), "str \"a \\\"b\\\"\"");
        assert_eq!(Scalar::guess("-3"), Scalar::Int64(-3));
        assert_eq!(Scalar::guess("18446744073709551615"), Scalar::UInt64(u64::MAX));
        assert_eq!(Scalar::guess("False"), Scalar::Bool(false));
        assert_eq!(Scalar::guess("id_x_1"), Scalar::Str("id_x_1".into()));
    }
}
