//! Request: what a client asks, taken out of three levels of quoting.
//!
//! Lives here: `Request`, `Argument`, `decode`, `RequestError`.
//! From: the parts of a message (`wire`). To: `answer`.
//! Holds: any bytes give a request or a sentence that says what is wrong with them; nothing is guessed.
//! Not here: what a command means, or whether it exists.
//!
//! A part of text is `{"user", "token", "cmd", "format", "args", "size"}`; `args` is a string that holds a list of strings, each of
//! which holds an object `{"key", "dtype", "val"}`. With a payload the text ends in `BINARY_PAYLOAD`, and a second part follows.

use crate::limits::{ARGUMENTS_MAX, NAME_BYTES_MAX, QUOTE_BYTES_MAX};
use serde::Deserialize;
use serde_json::Value;

/// What follows the text of a request that has a payload.
const PAYLOAD_MARK: &[u8] = b"BINARY_PAYLOAD";

/// One argument, as the client wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Argument {
    /// Its name.
    pub key: String,
    /// The type that the client took it for.
    #[serde(default)]
    pub dtype: String,
    /// Its value: a symbol's name, a scalar as text, or JSON.
    pub val: String,
}

/// A request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Who asks; any text.
    pub user: String,
    /// The token, empty if there is none.
    pub token: String,
    /// The command: `argsort<int64,1>`.
    pub cmd: String,
    /// Its arguments, in order.
    pub args: Vec<Argument>,
}

impl Request {
    /// The argument of this name.
    ///
    /// # Errors
    /// `Missing`, in the words that clients know.
    pub fn argument(&self, key: &str) -> Result<&str, RequestError> {
        let found = self.args.iter().find(|argument| argument.key == key);
        found.map(|argument| argument.val.as_str()).ok_or_else(|| RequestError::Missing(key.to_owned()))
    }

    /// The argument of this name as a value of a type.
    ///
    /// # Errors
    /// `Missing`; `Cast` when it is not one.
    pub fn parsed<T: std::str::FromStr>(&self, key: &str, as_what: &'static str) -> Result<T, RequestError> {
        let text = self.argument(key)?;
        text.trim().parse().map_err(|_| RequestError::Cast { text: quote(text), as_what })
    }

    /// The argument of this name as `True` or `False`.
    ///
    /// # Errors
    /// As `parsed`.
    pub fn truth(&self, key: &str) -> Result<bool, RequestError> {
        match self.argument(key)?.trim() {
            "True" | "true" | "1" => Ok(true),
            "False" | "false" | "0" => Ok(false),
            other => Err(RequestError::Cast { text: quote(other), as_what: "bool" }),
        }
    }
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A message of no parts, or of more than two.
    #[error("a request has one frame of JSON, or two if the first ends in BINARY_PAYLOAD; this one has {0}")]
    Parts(usize),
    /// Text that is not UTF-8.
    #[error("the request is not UTF-8 after byte {0}")]
    NotText(usize),
    /// Text that is not a request.
    #[error("the request is not what it should be: {0}")]
    NotRequest(String),
    /// `args` is not a list of objects in strings.
    #[error("the arguments are not what they should be: {0}")]
    NotArguments(String),
    /// `size` tells another number of arguments than there are.
    #[error("the request announces {announced} arguments and has {found}")]
    Count {
        /// What `size` says.
        announced: i64,
        /// What `args` has.
        found: usize,
    },
    /// Too many arguments.
    #[error("{0} arguments, at most {ARGUMENTS_MAX} are taken")]
    TooMany(usize),
    /// No command.
    #[error("Server received an empty command")]
    NoCommand,
    /// The command's name is too long to be one.
    #[error("the command's name has {0} bytes, at most {NAME_BYTES_MAX} are taken")]
    LongName(usize),
    /// An argument that is not there.
    #[error("JSON argument key Not Found: {0}")]
    Missing(String),
    /// An argument of another type.
    #[error("Json Argument '{text}' cannot be cast as {as_what}")]
    Cast {
        /// What it says.
        text: String,
        /// What is needed.
        as_what: &'static str,
    },
}

/// The object of a request's text. Fields that are not known are left alone.
#[derive(Deserialize)]
struct Text {
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    token: Option<String>,
    cmd: String,
    #[serde(default)]
    args: Option<String>,
    #[serde(default)]
    size: Value,
}

/// Reads a request; the payload is the second part, if its text says that there is one.
///
/// Cost: in proportion to the bytes.
///
/// # Errors
/// `RequestError`, with the user if one could be read.
pub fn decode(parts: &[Vec<u8>]) -> Result<(Request, Option<&[u8]>), RequestError> {
    let wrong = RequestError::Parts(parts.len());
    let (text, payload) = match parts {
        [text] if !text.ends_with(PAYLOAD_MARK) => (&text[..], None),
        [text, payload] => match text.strip_suffix(PAYLOAD_MARK) {
            Some(text) => (text, Some(&payload[..])),
            None => return Err(wrong),
        },
        _ => return Err(wrong),
    };
    let text = std::str::from_utf8(text).map_err(|error| RequestError::NotText(error.valid_up_to()))?;
    let text: Text = serde_json::from_str(text).map_err(|error| RequestError::NotRequest(error.to_string()))?;
    if text.cmd.is_empty() {
        return Err(RequestError::NoCommand);
    }
    if text.cmd.len() > NAME_BYTES_MAX {
        return Err(RequestError::LongName(text.cmd.len()));
    }
    let announced = size_of(&text.size)?;
    // `connect` and its like have no arguments and announce -1.
    let args = match announced {
        ..=0 => Vec::new(),
        announced => {
            let args = arguments(text.args.as_deref().unwrap_or_default())?;
            if i64::try_from(args.len()) != Ok(announced) {
                return Err(RequestError::Count { announced, found: args.len() });
            }
            args
        }
    };
    let request = Request {
        user: text.user.unwrap_or_default(),
        token: text.token.unwrap_or_default(),
        cmd: text.cmd,
        args,
    };
    Ok((request, payload))
}

/// Reads a list of arguments, as `args` and as the value of a dictionary hold it.
///
/// # Errors
/// `NotArguments`, `TooMany`.
pub fn arguments(text: &str) -> Result<Vec<Argument>, RequestError> {
    let wrong = |error: serde_json::Error| RequestError::NotArguments(error.to_string());
    let texts: Vec<String> = serde_json::from_str(text).map_err(wrong)?;
    if texts.len() > ARGUMENTS_MAX {
        return Err(RequestError::TooMany(texts.len()));
    }
    texts.iter().map(|text| serde_json::from_str(text).map_err(wrong)).collect()
}

fn size_of(value: &Value) -> Result<i64, RequestError> {
    let size = match value {
        Value::Null => Some(0),
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    size.ok_or_else(|| {
        RequestError::NotRequest(format!("size is a whole number, not {}", quote(&value.to_string())))
    })
}

/// The beginning of a text, for a sentence about it.
pub(crate) fn quote(text: &str) -> String {
    if text.len() <= QUOTE_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = QUOTE_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}..", &text[..end])
}

/// The body of the fuzz test: any two parts give a request that can be written again as what was read, or a sentence.
#[cfg(any(test, fuzzing))]
pub fn fuzz(data: &[u8]) -> bool {
    let cut = data.iter().position(|byte| *byte == 0xFE);
    let parts: Vec<Vec<u8>> = match cut {
        Some(at) => vec![data[..at].to_vec(), data[at + 1..].to_vec()],
        None => vec![data.to_vec()],
    };
    match decode(&parts) {
        Ok((request, payload)) => {
            assert_eq!(payload.is_some(), cut.is_some(), "a payload is there if a second part is");
            let again = encode(&request, payload.is_some());
            let again: Vec<Vec<u8>> = std::iter::once(again).chain(payload.map(<[u8]>::to_vec)).collect();
            let (second, _) = decode(&again).expect("what was read can be read again");
            assert_eq!(second, request);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}

/// Writes a request as the client does.
#[cfg(any(test, fuzzing))]
pub fn encode(request: &Request, payload: bool) -> Vec<u8> {
    let args: Vec<String> = request
        .args
        .iter()
        .map(|one| serde_json::json!({ "key": one.key, "dtype": one.dtype, "val": one.val }).to_string())
        .collect();
    let text = serde_json::json!({
        "user": request.user, "token": request.token, "cmd": request.cmd, "format": "STRING",
        "args": serde_json::json!(args).to_string(), "size": args.len(),
    });
    let mut bytes = text.to_string().into_bytes();
    if payload {
        bytes.extend_from_slice(PAYLOAD_MARK);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Request, RequestError> {
        decode(&[text.as_bytes().to_vec()]).map(|(request, _)| request)
    }

    #[test]
    fn three_levels_of_quoting_are_undone() {
        let text = r#"{"user": "ana", "token": "", "cmd": "set<int64,1>", "format": "STRING", "args": "[\"{\\\"key\\\": \\\"val\\\", \\\"dtype\\\": \\\"str\\\", \\\"val\\\": \\\"a\\\\\\\"b\\\"}\"]", "size": 1}"#;
        let request = one(text).expect("a request");
        assert_eq!((request.user.as_str(), request.cmd.as_str()), ("ana", "set<int64,1>"));
        assert_eq!(request.argument("val"), Ok("a\"b"));
        let missing = request.argument("array").expect_err("there is none");
        assert_eq!(missing.to_string(), "JSON argument key Not Found: array");
        let cast = request.parsed::<i64>("val", "int").expect_err("it is text");
        assert_eq!(cast.to_string(), "Json Argument 'a\"b' cannot be cast as int");
    }

    #[test]
    fn connect_has_no_arguments_whatever_stands_there() {
        for text in [
            r#"{"user": "u", "token": "", "cmd": "connect", "format": "STRING", "args": "", "size": -1}"#,
            r#"{"user": "u", "token": null, "cmd": "connect", "format": "STRING", "args": null, "size": -1}"#,
            r#"{"cmd": "connect", "args": "[]", "size": "0"}"#,
            r#"{"cmd": "connect"}"#,
        ] {
            assert_eq!(one(text).expect(text).args, []);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("", "EOF"),
            ("[1]", "not what it should be"),
            (r#"{"cmd": 1}"#, "invalid type"),
            (r#"{"user": "u"}"#, "missing field `cmd`"),
            (r#"{"cmd": ""}"#, "empty command"),
            (r#"{"cmd": "x", "size": 1.5}"#, "whole number"),
            (r#"{"cmd": "x", "size": {}}"#, "whole number"),
            (r#"{"cmd": "x", "size": 1, "args": "{"}"#, "arguments are not"),
            (r#"{"cmd": "x", "size": 1, "args": "[1]"}"#, "arguments are not"),
            (r#"{"cmd": "x", "size": 1, "args": "[\"{}\"]"}"#, "missing field `key`"),
            (r#"{"cmd": "x", "size": 2, "args": "[]"}"#, "announces 2 arguments and has 0"),
        ] {
            let error = one(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let long = format!(r#"{{"cmd": "{}"}}"#, "x".repeat(NAME_BYTES_MAX + 1));
        assert!(matches!(one(&long), Err(RequestError::LongName(_))));
        assert!(matches!(decode(&[vec![0xFF]]), Err(RequestError::NotText(0))));
        assert!(matches!(decode(&[]), Err(RequestError::Parts(0))));
        assert!(matches!(decode(&[b"{}BINARY_PAYLOAD".to_vec()]), Err(RequestError::Parts(1))));
        assert!(matches!(decode(&[b"{}".to_vec(), vec![]]), Err(RequestError::Parts(2))));
    }

    #[test]
    fn deep_nesting_ends_in_a_sentence() {
        let deep = "[".repeat(100_000);
        assert!(one(&deep).is_err());
        assert!(arguments(&deep).is_err());
    }

    #[test]
    fn fuzz_any_bytes_give_a_request_or_a_sentence() {
        let args = vec![
            Argument { key: "a".into(), dtype: "int64".into(), val: "id_x_1".into() },
            Argument { key: "v".into(), dtype: "str".into(), val: "\"\\\u{1F600}".into() },
        ];
        let request = Request { user: "u".into(), token: "t".into(), cmd: "set<int64,1>".into(), args };
        let mut with_payload = encode(&request, true);
        with_payload.extend_from_slice(&[0xFE, 1, 2, 3]);
        let seeds = [encode(&request, false), with_payload, br#"{"cmd":"connect","args":"","size":-1}"#.to_vec()];
        for seed in &seeds {
            assert!(fuzz(seed), "a seed is what it claims to be");
        }
        let mut dice = fastrand::Rng::with_seed(7);
        let mut accepted = 0;
        for _ in 0..20_000 {
            let mut bytes = seeds[dice.usize(..seeds.len())].clone();
            for _ in 0..=dice.usize(..4) {
                let at = dice.usize(..bytes.len());
                match dice.u8(..6) {
                    0 => bytes[at] ^= 1 << dice.u8(..8),
                    1 => bytes[at] = *dice.choice(b"\"\\{}[],:0-9\xFE\xFF").expect("some"),
                    2 => drop(bytes.remove(at)),
                    3 => bytes.insert(at, *dice.choice(b"\"\\{}[],:").expect("some")),
                    4 => bytes.truncate(at.max(1)),
                    _ => bytes[at] = dice.u8(..),
                }
                if bytes.is_empty() {
                    bytes.push(b'{');
                }
            }
            accepted += usize::from(fuzz(&bytes));
        }
        assert!((1..20_000).contains(&accepted), "some are accepted, some are not: {accepted}");
    }
}
