//! Bulk: the commands that carry an array's bytes, which are ordinary methods with buffers.
//!
//! Lives here: `Bulk` (which of them a command is, with its arguments), `BULK` (their names).
//! From: `calls`. To: methods of the module `transfer`: `array_from_bytes`, `strings_from_bytes`, `bytes_of`, `to_bytes` and `info`.
//! Holds: sizes are told by the node before room is asked for; an announced shape is held against the payload there.

use crate::request::{Request, RequestError, quote};
use serde_json::json;
use windlass_contract::commands::split;

/// Names and descriptions, as `getCmdMap` tells them.
pub(crate) const BULK: &[(&str, &str)] = &[
    ("array", "Makes an array of the bytes that follow"),
    ("arraySegString", "Makes strings of the bytes that follow, each ended by a zero"),
    ("info", "Facts of arrays, as a JSON list"),
    ("segStr-tondarray", "Gives the offsets or the bytes of strings"),
    ("tondarray", "Gives the bytes of an array"),
];

/// A command with bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bulk {
    /// Bytes come: the method and its arguments.
    In(&'static str, Vec<(String, String)>),
    /// Bytes go: a symbol's name, and which part of it.
    Out(String, String),
    /// Facts of the symbols of these names go, as text.
    Info(String),
}

impl Bulk {
    /// The command with bytes that a request is, if it is one.
    ///
    /// # Errors
    /// What its arguments lack.
    pub(crate) fn of(request: &Request) -> Option<Result<Bulk, RequestError>> {
        let (base, values) = split(&request.cmd);
        match base {
            "array" => Some(array(request, values.first().copied().unwrap_or_default())),
            "arraySegString" => Some(Ok(Bulk::In("strings_from_bytes", Vec::new()))),
            "tondarray" => Some(request.argument("array").map(|name| Bulk::Out(name.to_owned(), String::new()))),
            "segStr-tondarray" => Some(part(request)),
            "info" => Some(request.argument("names").map(|names| Bulk::Info(names.to_owned()))),
            _ => None,
        }
    }
}

fn array(request: &Request, dtype: &str) -> Result<Bulk, RequestError> {
    let shape = request.argument("shape")?;
    let wrong = || RequestError::Cast { text: quote(shape), as_what: "a shape" };
    let numbers: Vec<u64> = shape
        .trim_matches(|one: char| "[]() ".contains(one))
        .split(',')
        .map(|text| text.trim().trim_matches('"'))
        .filter(|text| !text.is_empty())
        .map(|text| text.parse().map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let arguments = vec![("dtype".to_owned(), dtype.to_owned()), ("shape".to_owned(), json!(numbers).to_string())];
    Ok(Bulk::In("array_from_bytes", arguments))
}

fn part(request: &Request) -> Result<Bulk, RequestError> {
    let name = request.argument("obj")?;
    // A string's symbol is named by itself or, in front of a `+`, with the size of its bytes.
    let name = name.split('+').next().unwrap_or(name);
    match request.argument("comp")? {
        part @ ("offsets" | "values") => Ok(Bulk::Out(name.to_owned(), part.to_owned())),
        other => Err(RequestError::Cast { text: quote(other), as_what: "offsets or values" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Argument;

    fn request(cmd: &str, args: &[(&str, &str)]) -> Request {
        let one =
            |(key, val): &(&str, &str)| Argument { key: (*key).into(), dtype: String::new(), val: (*val).into() };
        Request { cmd: cmd.into(), args: args.iter().map(one).collect(), ..Request::default() }
    }

    #[test]
    fn a_shape_is_read_in_every_way_that_clients_write_it() {
        for shape in ["[\"2\", \"3\"]", "[2, 3]", "(2, 3)", "2,3"] {
            let Some(Ok(Bulk::In("array_from_bytes", arguments))) =
                Bulk::of(&request("array<int64,2>", &[("shape", shape)]))
            else {
                panic!("{shape}")
            };
            assert_eq!(arguments[1].1, "[2,3]", "{shape}");
            assert_eq!(arguments[0].1, "int64");
        }
        let wrong =
            Bulk::of(&request("array<int64,1>", &[("shape", "[x]")])).expect("it is one").expect_err("wrong");
        assert!(wrong.to_string().contains("a shape"));
    }

    #[test]
    fn other_commands_are_none_of_these() {
        assert_eq!(Bulk::of(&request("argsort<int64,1>", &[])), None);
        assert!(matches!(Bulk::of(&request("tondarray<int64,1>", &[])), Some(Err(RequestError::Missing(_)))));
    }
}
