//! Reply: the two shapes in which a client takes an answer.
//!
//! Lives here: `Reply` and how it is written.
//! From: `answer`. To: one frame on the wire.
//! Holds: a client that waits for bytes gets bytes, also for an error: a frame that begins with `Error:`, which is the only
//!   thing that it looks for there.

use std::ops::Deref;
use windlass_client::dynamic::Bulk;

/// How a text is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An answer.
    Normal,
    /// An answer, and a warning in the client.
    #[allow(dead_code, reason = "no command of ours warns yet; the shape is part of the protocol and tested")]
    Warning,
    /// A refusal or failure.
    Error,
}

/// An answer.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Text.
    Text(Kind, String),
    /// Bytes in the node's memory, written from there.
    Bytes(Bulk),
    /// No bytes at all.
    Nothing,
}

/// What is written.
pub(crate) enum Written {
    Text(Vec<u8>),
    Bytes(Bulk),
}

impl Deref for Written {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Written::Text(bytes) => bytes,
            Written::Bytes(bulk) => bulk,
        }
    }
}

impl Reply {
    /// An answer in words.
    pub(crate) fn text(text: impl Into<String>) -> Reply {
        Reply::Text(Kind::Normal, text.into())
    }

    /// A refusal in words.
    pub(crate) fn error(text: impl Into<String>) -> Reply {
        Reply::Text(Kind::Error, text.into())
    }

    /// What goes over the wire. `binary`: the client waits for bytes.
    pub(crate) fn write(self, user: &str, binary: bool) -> Written {
        match self {
            Reply::Bytes(bulk) => Written::Bytes(bulk),
            Reply::Nothing => Written::Text(Vec::new()),
            Reply::Text(Kind::Error, text) if binary => {
                let text = if text.starts_with("Error:") { text } else { format!("Error: {text}") };
                Written::Text(text.into_bytes())
            }
            Reply::Text(kind, text) => {
                let kind = match kind {
                    Kind::Normal => "NORMAL",
                    Kind::Warning => "WARNING",
                    Kind::Error => "ERROR",
                };
                let object = serde_json::json!({
                    "msg": text, "msgType": kind, "msgFormat": "STRING", "user": user, "payload": "",
                });
                Written::Text(object.to_string().into_bytes())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_five_fields_and_the_kind_in_capitals() {
        for (kind, name) in [(Kind::Normal, "NORMAL"), (Kind::Warning, "WARNING"), (Kind::Error, "ERROR")] {
            let written = Reply::Text(kind, "a \"b\"".into()).write("ana", false);
            let value: serde_json::Value = serde_json::from_slice(&written).expect("JSON");
            assert_eq!((&value["msg"], &value["msgType"]), (&"a \"b\"".into(), &name.into()));
            assert_eq!((&value["user"], &value["msgFormat"]), (&"ana".into(), &"STRING".into()));
        }
    }

    #[test]
    fn an_error_to_a_client_that_waits_for_bytes_begins_as_it_expects() {
        assert_eq!(&*Reply::error("no symbol x").write("u", true), b"Error: no symbol x");
        assert_eq!(&*Reply::error("Error: twice").write("u", true), b"Error: twice");
    }
}
