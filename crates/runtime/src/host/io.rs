//! Operations on files and sockets: what a module asks for becomes the driver's operation, and its result a module's.
//!
//! Lives here: `begin`, `finished`, `fault_of`.
//! From: `operation`. To: `lane::io`.
//! Holds: a module reaches only what its own container opened; a number, path or address that is none is a Fault in words.

use super::call::Call;
use super::library::lend::{self, take_back};
use super::operation::Finished;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::rc::Rc;
use windlass_contract::abi::{
    OPEN_CREATE, OPEN_DIRECT, OPEN_DURABLE, OPEN_EXCLUSIVE, OPEN_FRESH, OPEN_TRUNCATE, OPEN_WRITE, OpKind, RawOp,
    RawOwned,
};
use windlass_contract::limits::PATH_MAX;
use windlass_contract::sockets::Address;
use windlass_contract::{Code, Fault};
use windlass_driver as driver;
use windlass_driver::{Handle, IoBuffer, IoError, OpenHow, Operation, Value};
use windlass_lane::io::{Done, Ticket};

/// Whether `kind` is one of the operations here.
pub(crate) fn is_io(kind: u32) -> bool {
    (OpKind::Open as u32..=OpKind::Lookup as u32).contains(&kind)
}

/// Starts an operation of a call.
pub(crate) fn begin(call: &Rc<Call>, asked: &mut RawOp) -> Result<Ticket, Finished> {
    let operation = match operation(call, asked) {
        Ok(operation) => operation,
        Err((fault, buffer)) => return Err(Finished::refused(fault, buffer)),
    };
    call.core.io.start(operation).map_err(|operation| {
        let fault = Fault::new(Code::QueueFull, "the worker has as many operations under way as it may have");
        let buffer = operation.into_buffer().map_or(RawOwned::empty(), take_back);
        Finished::refused(fault, buffer)
    })
}

type Refusal = (Fault, RawOwned);

fn operation(call: &Rc<Call>, asked: &mut RawOp) -> Result<Operation, Refusal> {
    let kind = asked.kind;
    let handed = std::mem::replace(&mut asked.buffer, RawOwned::empty());
    let home = &call.container.home;
    let is = |one: OpKind| kind == one as u32;
    let asked = &*asked;
    let handle = || home.handle(asked.a).map_err(|error| fault_of(error, asked));
    let with_buffer = is(OpKind::ReadAt) || is(OpKind::WriteAt) || is(OpKind::Receive) || is(OpKind::Send);
    if with_buffer {
        let on = match handle() {
            Ok(on) => on,
            Err(fault) => return Err((fault, handed)),
        };
        let fills = is(OpKind::ReadAt) || is(OpKind::Receive);
        let buffer = buffer(call, asked, handed, fills)?;
        return Ok(match kind {
            _ if is(OpKind::ReadAt) => Operation::ReadAt { file: on, at: asked.b, buffer },
            _ if is(OpKind::WriteAt) => Operation::WriteAt { file: on, at: asked.b, buffer },
            _ if is(OpKind::Receive) => Operation::Receive { socket: on, buffer },
            _ => Operation::Send { socket: on, buffer },
        });
    }
    let opens = is(OpKind::Open) || is(OpKind::Accept) || is(OpKind::Announce) || is(OpKind::Connect);
    let made = if opens { home.room() } else { Ok(()) }.and_then(|()| without_buffer(asked, handle));
    made.map_err(|fault| (fault, handed))
}

fn without_buffer(asked: &RawOp, handle: impl Fn() -> Result<Handle, Fault>) -> Result<Operation, Fault> {
    let bytes = asked.bytes.as_slice();
    let of = |kind: OpKind| asked.kind == kind as u32;
    Ok(if of(OpKind::Open) {
        Operation::Open { path: path(bytes)?, how: how(asked.a)? }
    } else if of(OpKind::Sync) {
        Operation::Sync { file: handle()?, data_only: asked.b == 1 }
    } else if of(OpKind::Length) {
        Operation::Length { file: handle()? }
    } else if of(OpKind::SetLength) {
        Operation::SetLength { file: handle()?, bytes: asked.b }
    } else if of(OpKind::Reserve) {
        Operation::Reserve { file: handle()?, bytes: asked.b }
    } else if of(OpKind::Remove) {
        Operation::Remove { path: path(bytes)? }
    } else if of(OpKind::Rename) {
        let at = bytes.iter().position(|byte| *byte == 0).ok_or_else(|| bad("a rename has two paths"))?;
        Operation::Rename { from: path(&bytes[..at])?, to: path(&bytes[at + 1..])? }
    } else if of(OpKind::Announce) {
        Operation::Announce { at: address(bytes)? }
    } else if of(OpKind::Accept) {
        Operation::Accept { listener: handle()? }
    } else if of(OpKind::Connect) {
        Operation::Connect { to: address(bytes)? }
    } else if of(OpKind::Shutdown) {
        Operation::Shutdown { socket: handle()? }
    } else if of(OpKind::LocalAddress) {
        Operation::LocalAddress { socket: handle()? }
    } else {
        let name = std::str::from_utf8(bytes).map_err(|_| bad("a name to be looked up is UTF-8"))?;
        Operation::Resolve { name: name.to_owned() }
    })
}

fn bad(text: &str) -> Fault {
    Fault::new(Code::BadArguments, text)
}

fn path(bytes: &[u8]) -> Result<PathBuf, Fault> {
    if bytes.is_empty() || bytes.len() > PATH_MAX || bytes.contains(&0) {
        return Err(bad(&format!("a path has 1 to {PATH_MAX} bytes, none of them zero")));
    }
    Ok(PathBuf::from(OsString::from_vec(bytes.to_vec())))
}

fn how(bits: u64) -> Result<OpenHow, Fault> {
    let known =
        OPEN_WRITE | OPEN_CREATE | OPEN_FRESH | OPEN_TRUNCATE | OPEN_DIRECT | OPEN_DURABLE | OPEN_EXCLUSIVE;
    if bits & !known != 0 {
        return Err(bad(&format!("bits {:#x} say nothing about opening a file", bits & !known)));
    }
    let on = |bit: u64| bits & bit != 0;
    Ok(OpenHow {
        write: on(OPEN_WRITE),
        create: on(OPEN_CREATE),
        fresh: on(OPEN_FRESH),
        truncate: on(OPEN_TRUNCATE),
        direct: on(OPEN_DIRECT),
        durable: on(OPEN_DURABLE),
        exclusive: on(OPEN_EXCLUSIVE),
    })
}

fn address(bytes: &[u8]) -> Result<driver::Address, Fault> {
    match Address::from_bytes(bytes) {
        Some(Address::Tcp(at)) => Ok(driver::Address::Tcp(at)),
        Some(Address::Unix(at)) => Ok(driver::Address::Unix(at)),
        None => Err(bad("this is no address")),
    }
}

/// The buffer of an operation, at the range that it is about.
fn buffer(call: &Rc<Call>, asked: &RawOp, handed: RawOwned, fills: bool) -> Result<IoBuffer, Refusal> {
    let mut buffer = match asked.place {
        0 => lend::owned(handed),
        place => lend::of_call(call, place, fills).map_err(|fault| (fault, handed))?,
    };
    let range = usize::try_from(asked.from).ok().zip(usize::try_from(asked.to).ok());
    match range {
        Some((from, to)) if buffer.set_range(from..to) => Ok(buffer),
        _ => {
            let text = format!("bytes {}..{} of a buffer of {}", asked.from, asked.to, buffer.capacity());
            Err((bad(&text), take_back(buffer)))
        }
    }
}

/// A completion as the module hears it.
pub(crate) fn finished(call: &Rc<Call>, asked: &RawOp, done: Done) -> Finished {
    let buffer = done.buffer.map_or(RawOwned::empty(), take_back);
    let result = match done.result {
        Ok(Value::Nothing) => Ok((0, Vec::new())),
        Ok(Value::Bytes(count)) => Ok((count as u64, Vec::new())),
        Ok(Value::Length(bytes)) => Ok((bytes, Vec::new())),
        Ok(Value::Handle(handle)) => Ok((call.container.home.take(handle), Vec::new())),
        Ok(Value::Address(driver::Address::Tcp(at))) => Ok((0, Address::Tcp(at).to_bytes())),
        Ok(Value::Address(driver::Address::Unix(at))) => Ok((0, Address::Unix(at).to_bytes())),
        Ok(Value::Addresses(all)) => {
            let lines: Vec<String> = all.iter().map(SocketAddr::to_string).collect();
            Ok((0, lines.join("\n").into_bytes()))
        }
        Err(error) => Err(fault_of(error, asked)),
    };
    Finished { result, buffer, given_back: true }
}

/// A driver's error as a Fault: what it is about, and the driver's words.
pub(crate) fn fault_of(error: IoError, asked: &RawOp) -> Fault {
    let code = match &error {
        IoError::NotRegistered => Code::NotRegistered,
        IoError::Busy(_) => Code::Busy,
        IoError::Exists => Code::Exists,
        IoError::TooManyHandles => Code::HandleLimit,
        IoError::TooManyOperations => Code::QueueFull,
        IoError::NoMemory => Code::NoMemory,
        IoError::Closed => Code::Closed,
        IoError::Cancelled => Code::Cancelled,
        IoError::Ended { .. } => Code::Ended,
        IoError::BadRange(_) | IoError::WrongKind { .. } | IoError::BadDescriptor => Code::BadArguments,
        IoError::InUse => Code::InUse,
        IoError::System(error) => of_system(error),
    };
    let text = format!("{}: {error}", about(asked));
    Fault::new(code, text).with_outcome(windlass_contract::Outcome::Ended)
}

/// What an operation is about, for people.
fn about(asked: &RawOp) -> String {
    let name = || String::from_utf8_lossy(asked.bytes.as_slice()).replace('\0', " to ");
    let place = || name().chars().skip(1).collect::<String>();
    let of = |kind: OpKind| asked.kind == kind as u32;
    match asked.kind {
        _ if of(OpKind::Open) => format!("opening {}", name()),
        _ if of(OpKind::ReadAt) => format!("reading a file at byte {}", asked.b),
        _ if of(OpKind::WriteAt) => format!("writing a file at byte {}", asked.b),
        _ if of(OpKind::Sync) => "making a file durable".into(),
        _ if of(OpKind::Length) => "asking a file's length".into(),
        _ if of(OpKind::SetLength) => format!("setting a file's length to {}", asked.b),
        _ if of(OpKind::Reserve) => format!("reserving {} bytes for a file", asked.b),
        _ if of(OpKind::Remove) => format!("removing {}", name()),
        _ if of(OpKind::Rename) => format!("renaming {}", name()),
        _ if of(OpKind::Announce) => format!("listening at {}", place()),
        _ if of(OpKind::Accept) => "accepting a connection".into(),
        _ if of(OpKind::Connect) => format!("connecting to {}", place()),
        _ if of(OpKind::Receive) => "receiving".into(),
        _ if of(OpKind::Send) => "sending".into(),
        _ if of(OpKind::Shutdown) => "ending a connection".into(),
        _ if of(OpKind::LocalAddress) => "asking a socket's address".into(),
        _ => format!("looking up {}", name()),
    }
}

fn of_system(error: &std::io::Error) -> Code {
    match error.kind() {
        ErrorKind::NotFound => Code::NotFound,
        ErrorKind::AlreadyExists => Code::Exists,
        ErrorKind::PermissionDenied => Code::Denied,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => Code::NoSpace,
        ErrorKind::AddrInUse | ErrorKind::ResourceBusy => Code::InUse,
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => Code::Disconnected,
        ErrorKind::TimedOut => Code::TimedOut,
        ErrorKind::OutOfMemory => Code::NoMemory,
        ErrorKind::InvalidInput => Code::BadArguments,
        _ => Code::Io,
    }
}
