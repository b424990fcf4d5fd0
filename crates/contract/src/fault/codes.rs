//! The code table: every Fault of ours, once. docs/errors/README.md is written from it.
//!
//! Holds: a number means the same for ever; a code that goes out of use stays in the table.

use super::{Outcome, Retry};
use std::fmt::Write as _;

/// gRPC's status codes, as far as ours map to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are gRPC's and documented there")]
#[repr(u8)]
pub enum GrpcCode {
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
}

/// What the table says of one code.
#[derive(Clone, Copy, Debug)]
pub struct CodeInfo {
    /// The code.
    pub code: Code,
    /// Its name, everywhere the same.
    pub name: &'static str,
    /// Outcome unless the place that raises it knows better.
    pub outcome: Outcome,
    /// Retry advice unless the place that raises it knows better.
    pub retry: Retry,
    /// gRPC status.
    pub grpc: GrpcCode,
    /// HTTP status.
    pub http: u16,
    /// Exit code of the command line.
    pub exit: u8,
    /// Python exception class.
    pub python: &'static str,
    /// What it means and what to do.
    pub meaning: &'static str,
}

/// Exit code of a command that ends with a module's own Fault.
pub(super) const MODULE_EXIT: u8 = 20;

macro_rules! codes {
    ($($number:literal $name:ident $outcome:ident $retry:expr, $grpc:ident $http:literal $exit:literal $python:literal, $meaning:literal;)*) => {
        /// A Fault of ours. Numbers are stable; 1000 and above belong to modules.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Code {
            $(#[doc = $meaning] $name = $number,)*
        }

        /// The table, in order of numbers.
        pub const TABLE: &[CodeInfo] = &[
            $(CodeInfo {
                code: Code::$name,
                name: stringify!($name),
                outcome: Outcome::$outcome,
                retry: $retry,
                grpc: GrpcCode::$grpc,
                http: $http,
                exit: $exit,
                python: $python,
                meaning: $meaning,
            },)*
        ];
    };
}

use Retry::{After, Elsewhere, Never, Same};

codes! {
    1 Lost Unknown Never, Unavailable 502 10 "Lost", "Nobody answered the call although a task held it: a fault of the node. Ask whether it ran before you send it again.";
    2 NodeGone Unknown Elsewhere, Unavailable 503 11 "NodeGone", "The node ended or the connection broke while the call was out. Connect again; calls with outcome NotStarted may be sent again.";
    3 Forked NotStarted Never, FailedPrecondition 500 12 "Forked", "This process is a fork of the one that connected; session memory is not inherited. Connect anew in the child.";
    4 Cancelled Ended Never, Cancelled 499 13 "Cancelled", "The caller asked the call to end, and it did.";
    5 DeadlineExceeded Ended Same, DeadlineExceeded 504 14 "DeadlineExceeded", "The call's time ran out. Give it more time, or less work.";
    6 Panicked Ended Never, Internal 500 15 "Panicked", "The method panicked; its message is in the node's log under the call's id.";
    7 NoCredit NotStarted After(1), ResourceExhausted 429 16 "NoCredit", "More calls are outstanding than the session was granted. Wait for an answer, or ask for more calls when connecting.";
    8 NoMemory NotStarted After(100), ResourceExhausted 507 16 "NoMemory", "A memory limit of the session or the node is reached. Release leases and loans, or raise the limit.";
    9 QueueFull NotStarted After(1), ResourceExhausted 429 16 "QueueFull", "A queue of the node is full. Send the call again a little later.";
    10 UnknownPool NotStarted Never, NotFound 404 17 "UnknownPool", "No pool has this id or name. `windlass ls pools` lists those that exist.";
    11 UnknownMethod NotStarted Never, Unimplemented 404 17 "UnknownMethod", "The module has no method of this number or name. `windlass describe POOL` lists those that exist.";
    12 UnknownKind NotStarted Never, InvalidArgument 400 18 "UnknownKind", "A slot asks for something that this version of the protocol does not have.";
    13 SchemaMismatch NotStarted Never, FailedPrecondition 412 18 "SchemaMismatch", "The client was built against another shape of this method. Build it against the module that the node runs.";
    14 BadArguments NotStarted Never, InvalidArgument 400 18 "BadArguments", "The argument bytes do not decode to the method's arguments.";
    15 BadBuffer NotStarted Never, InvalidArgument 400 18 "BadBuffer", "A buffer names no segment of the session, lies outside it, overlaps another one, or does not fit the method's parameter.";
    16 BadFrozen NotStarted Never, InvalidArgument 400 18 "BadFrozen", "A frozen segment is not a memfd, not sealed against writing and resizing, has holes, or is not of the size announced.";
    17 TooLarge NotStarted Never, OutOfRange 413 18 "TooLarge", "Arguments, a reply or a buffer exceed their limit. Send bulk data as a buffer, or in parts.";
    18 Unsupported NotStarted Never, Unimplemented 501 19 "Unsupported", "This module or this version of the node does not do that.";
    19 PoolExists NotStarted Never, AlreadyExists 409 19 "PoolExists", "A pool of this name exists with another module or other parameters. Choose another name, or destroy it first.";
    20 UnknownModule NotStarted Never, NotFound 404 17 "UnknownModule", "No module of this name is linked in or loaded. `windlass ls modules` lists those that are.";
    21 ModuleRefused NotStarted Never, FailedPrecondition 412 19 "ModuleRefused", "A module library was refused before any of its code ran: another table version, contract, target or panic strategy.";
    22 Denied NotStarted Never, PermissionDenied 403 19 "Denied", "The session's identity may not do this.";
    23 WouldDeadlock NotStarted Never, Aborted 409 19 "WouldDeadlock", "A nested call needs a key that its own root holds, and the method is not reentrant.";
    24 TooDeep NotStarted Never, FailedPrecondition 400 18 "TooDeep", "Calls or argument types nest deeper than allowed.";
    25 Draining NotStarted Elsewhere, Unavailable 503 11 "Draining", "The node is stopping and takes no new calls.";
    26 SessionEnded Unknown Never, Aborted 400 19 "SessionEnded", "The node ended this session because the client broke the protocol; the node's log names how.";
    27 BadHello NotStarted Never, InvalidArgument 400 18 "BadHello", "The first bytes of the connection are not a hello of this protocol.";
    28 VersionMismatch NotStarted Never, FailedPrecondition 412 19 "VersionMismatch", "Client and node have no protocol version in common.";
    29 Replaced Unknown Never, Unavailable 503 11 "Replaced", "The module was replaced by force while the call ran. Ask whether it ran before you send it again, unless its method is idempotent.";
    30 Internal Unknown Never, Internal 500 15 "Internal", "A broken invariant of ours; please report it with the node's log.";
    31 BadReply Ended Never, Internal 502 15 "BadReply", "The reply does not decode to the type the client expects.";
    32 UnknownContainer NotStarted Never, NotFound 404 17 "UnknownContainer", "The domain query meets no container of the pool.";
    33 NodeRunning NotStarted Never, AlreadyExists 409 19 "NodeRunning", "A node of this name already runs; the message names its process.";
    34 CreateFailed Ended Never, FailedPrecondition 422 19 "CreateFailed", "The module refused to make a container from these parameters.";
    35 Io Ended Never, Internal 500 15 "Io", "An operation of the operating system failed; the message names it.";
    36 NotConnected NotStarted Same, Unavailable 503 11 "NotConnected", "No node answers under this name. Start one with `windlass serve`.";
    37 BadConfig NotStarted Never, InvalidArgument 400 2 "BadConfig", "A flag, key or parameter is unknown or has a wrong value; the message says which and what would do.";
    38 LeaseLimit NotStarted After(1), ResourceExhausted 429 16 "LeaseLimit", "The session holds more leases than it was granted. Drop views that are no longer needed.";
    39 NotRegistered Ended Never, FailedPrecondition 400 18 "NotRegistered", "A handle is of nothing that its container has open: it was closed, belongs to another container, or never was one.";
    40 Busy Ended After(1), Aborted 409 19 "Busy", "Another task has this half of the socket; it has one reader and one writer at a time.";
    41 Closed Ended Never, Aborted 409 19 "Closed", "What was waited for was closed meanwhile.";
    42 NoSpace Ended Never, ResourceExhausted 507 16 "NoSpace", "The medium or the device is full. Free something, or make it larger.";
    43 InUse Ended After(100), FailedPrecondition 423 19 "InUse", "Another has the file or the address in use; the message names it.";
    44 NotFound Ended Never, NotFound 404 17 "NotFound", "Nothing of this name is there.";
    45 Exists Ended Never, AlreadyExists 409 19 "Exists", "Something of this name is there already.";
    46 Ended Ended Never, OutOfRange 416 19 "Ended", "The file or the other side ended before everything had passed.";
    47 Disconnected Ended Same, Unavailable 503 11 "Disconnected", "The other side of a connection does not answer, refused it, or broke it off.";
    48 TimedOut Ended Same, DeadlineExceeded 504 14 "TimedOut", "The other side did not answer in the time that the system gives it.";
    49 HandleLimit Ended After(100), ResourceExhausted 429 16 "HandleLimit", "A container or the node has as many files and sockets open as it may have. Close some.";
    50 UnknownSymbol NotStarted Never, NotFound 404 17 "UnknownSymbol", "The node has no symbol of this name that the session may read. Names do not outlive the node that gave them, nor, unless registered, their session.";
    51 UnknownCommand NotStarted Never, Unimplemented 404 17 "UnknownCommand", "No module has a command of this name. The message names near ones.";
    52 NoInstance NotStarted Never, Unimplemented 501 18 "NoInstance", "The command is there, but not for these dtypes or this rank. The message lists those that it has.";
    53 NotRestored NotStarted Never, FailedPrecondition 412 19 "NotRestored", "The node came back without this pool's state; the message says why. Create the pool anew, which begins empty, or destroy it.";
}

impl Code {
    /// The table's line.
    pub fn info(self) -> &'static CodeInfo {
        let at = TABLE.iter().position(|info| info.code == self);
        &TABLE[at.unwrap_or(0)]
    }

    /// The code of this number, if it is one of ours.
    pub fn from_number(number: u16) -> Option<Self> {
        TABLE.iter().find(|info| info.code as u16 == number).map(|info| info.code)
    }
}

/// The table as docs/errors/README.md shows it.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Faults\n\nEvery error that crosses a process boundary is one of these, or a module's own (1000 and above). \
         Numbers are never reused.\nThis page is written from `crates/contract/src/fault/codes.rs`; a test holds the two together.\n\n\
         | code | name | ran? | retry | gRPC | HTTP | exit | Python | meaning |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    for info in TABLE {
        let outcome = match info.outcome {
            Outcome::NotStarted => "no",
            Outcome::Unknown => "unknown",
            Outcome::Ended => "yes",
        };
        let retry = match info.retry {
            Never => "never".to_owned(),
            Same => "as it is".to_owned(),
            After(ms) => format!("after {ms} ms"),
            Elsewhere => "elsewhere".to_owned(),
        };
        let _infallible = writeln!(
            page,
            "| {} | `{}` | {outcome} | {retry} | {:?} | {} | {} | `{}` | {} |",
            info.code as u16, info.name, info.grpc, info.http, info.exit, info.python, info.meaning
        );
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_below_1000_and_found_again() {
        for (at, info) in TABLE.iter().enumerate() {
            assert!((info.code as u16) < super::super::MODULE_FIRST);
            assert_eq!(Code::from_number(info.code as u16), Some(info.code));
            assert!(TABLE[..at].iter().all(|other| (other.code as u16) < info.code as u16));
            assert_eq!(info.code.info().name, info.name);
        }
    }
}
