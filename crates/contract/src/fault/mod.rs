//! Fault: the one error that crosses a process boundary.
//!
//! Lives here: `Fault`, `Outcome`, `Retry`; the code table is in `codes`, its pages in docs/errors/.
//! From: any room that refuses or fails. To: the caller, as 16 bytes of a completion and two short texts.
//! Holds: a Fault always says whether the call ran and whether sending it again can help; codes are never reused.
//! Not here: what happened inside. That goes to the log under the call's id.

mod codes;

pub use codes::{Code, CodeInfo, GrpcCode, TABLE, markdown};

use crate::limits::{FAULT_DETAILS_MAX, FAULT_MESSAGE_MAX};
use std::fmt;

/// Whether the call ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[repr(u8)]
pub enum Outcome {
    /// No line of the method ran.
    NotStarted = 0,
    /// It may have run, wholly or partly.
    Unknown = 1,
    /// The method ran and ended.
    Ended = 2,
}

impl Outcome {
    /// From the byte of a record.
    pub fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0 => Self::NotStarted,
            1 => Self::Unknown,
            2 => Self::Ended,
            _ => return None,
        })
    }
}

/// Whether sending the call again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Retry {
    /// No: the same call gets the same Fault.
    Never,
    /// Yes, as it is, at once.
    Same,
    /// Yes, after this many milliseconds.
    After(u32),
    /// Yes, at another container or node.
    Elsewhere,
}

impl Retry {
    /// The byte of a record, and the milliseconds of `After`.
    pub fn to_bits(self) -> (u8, u32) {
        match self {
            Self::Never => (0, 0),
            Self::Same => (1, 0),
            Self::After(ms) => (2, ms),
            Self::Elsewhere => (3, 0),
        }
    }
    /// From the byte of a record and the milliseconds.
    pub fn from_bits(bits: u8, after_ms: u32) -> Option<Self> {
        Some(match bits {
            0 => Self::Never,
            1 => Self::Same,
            2 => Self::After(after_ms),
            3 => Self::Elsewhere,
            _ => return None,
        })
    }
}

/// Why a call has no value.
///
/// # Example
/// ```
/// use windlass_contract::{Code, Fault, Outcome, Retry};
///
/// let full = Fault::new(Code::QueueFull, "the lane holds 1024 tasks of 1024");
/// assert_eq!((full.outcome, full.retry), (Outcome::NotStarted, Retry::After(1)));
/// assert_eq!(full.to_string(), "QueueFull: the lane holds 1024 tasks of 1024");
///
/// let own = Fault::module(1, "no cats are left");
/// assert_eq!((own.code, own.outcome), (1001, Outcome::Ended));
/// ```
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Fault {
    /// 0 to 999: Windlass's own, see [`Code`]; from 1000: the module's.
    pub code: u16,
    /// Whether the call ran.
    pub outcome: Outcome,
    /// Whether sending it again can help.
    pub retry: Retry,
    /// One sentence for the caller: what is wrong, what exists, what to do.
    pub message: String,
    /// More for tools: key=value lines, or empty.
    pub details: String,
}

/// The first code that belongs to modules.
pub const MODULE_FIRST: u16 = 1000;

impl Fault {
    /// A Fault of ours with the table's outcome and retry.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let info = code.info();
        Self {
            code: code as u16,
            outcome: info.outcome,
            retry: info.retry,
            message: message.into(),
            details: String::new(),
        }
    }

    /// A Fault of a module: the method ran and says no. Codes below 1000 become `1000 + code`.
    pub fn module(code: u16, message: impl Into<String>) -> Self {
        let code = if code < MODULE_FIRST { code.saturating_add(MODULE_FIRST) } else { code };
        Self {
            code,
            outcome: Outcome::Ended,
            retry: Retry::Never,
            message: message.into(),
            details: String::new(),
        }
    }

    /// The same Fault with another outcome.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same Fault with another retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same Fault with details for tools.
    #[must_use]
    pub fn with_details(mut self, details: impl Into<String>) -> Self {
        self.details = details.into();
        self
    }

    /// Our code, if it is one of ours.
    pub fn known(&self) -> Option<Code> {
        Code::from_number(self.code)
    }

    /// Whether it has this code.
    pub fn is(&self, code: Code) -> bool {
        self.code == code as u16
    }

    /// The name for people: `UnknownPool`, or `module fault 1001`.
    pub fn name(&self) -> String {
        match self.known() {
            Some(code) => code.info().name.to_owned(),
            None => format!("module fault {}", self.code),
        }
    }

    /// Exit code of a command that ends with this Fault.
    pub fn exit_code(&self) -> u8 {
        self.known().map_or(codes::MODULE_EXIT, |code| code.info().exit)
    }

    /// Message and details in postcard, cut to their limits: the reply bytes of a Fault.
    pub fn encode_text(&self, into: &mut Vec<u8>) {
        for (text, max) in [(&self.message, FAULT_MESSAGE_MAX), (&self.details, FAULT_DETAILS_MAX)] {
            let text = crate::hello::cut(text, max);
            crate::schema::write_varint(text.len() as u64, into);
            into.extend_from_slice(text.as_bytes());
        }
    }

    /// Puts a Fault together from a completion's head and the reply bytes; unreadable text becomes a note about it.
    pub fn decode(code: u16, outcome: Outcome, retry: Retry, text: &[u8]) -> Self {
        let (message, details) = postcard::from_bytes::<(String, String)>(text)
            .unwrap_or_else(|_| ("(the message of this fault could not be read)".into(), String::new()));
        Self { code, outcome, retry, message, details }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message)
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{} {:?} {:?}]: {}", self.name(), self.code, self.outcome, self.retry, self.message)?;
        if self.details.is_empty() { Ok(()) } else { write!(f, " ({})", self.details) }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_survives_its_encoding_and_long_text_is_cut_at_a_character() {
        let fault = Fault::new(Code::UnknownPool, "é".repeat(FAULT_MESSAGE_MAX)).with_details("pools=a,b");
        let mut bytes = Vec::new();
        fault.encode_text(&mut bytes);
        let back = Fault::decode(fault.code, fault.outcome, fault.retry, &bytes);
        assert_eq!(back.message.len(), FAULT_MESSAGE_MAX);
        assert_eq!(back.details, "pools=a,b");
    }

    #[test]
    fn unreadable_text_still_gives_the_code() {
        let fault = Fault::decode(10, Outcome::NotStarted, Retry::Never, &[0xFF; 3]);
        assert!(fault.is(Code::UnknownPool));
        assert!(fault.message.contains("could not be read"));
    }
}
