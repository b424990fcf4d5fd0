//! What is asserted of every decoder, for any bytes: one body for the fuzz targets and for the corpus tests.
//!
//! Lives here: a function per target of `fuzz/`; each takes bytes as a peer might send them and panics when a promise is
//! broken.
//! Holds: bytes are refused, or they are accepted and written again as the same bytes (types with several spellings: as the
//! same value).
//! Not here: the bytes. They come from `fuzz/seeds`, mutated by libFuzzer or by `tests/fuzz_corpus.rs`.
//! Built for tests and fuzzing only.

use crate::completion::Completion;
use crate::control::Control;
use crate::fault::{Code, Fault, Outcome, Retry};
use crate::head::Head;
use crate::hello::{Hello, Welcome};
use crate::limits::{FAULT_DETAILS_MAX, FAULT_MESSAGE_MAX};
use crate::schema::{ModuleDescriptor, Schema};
use crate::slot::{FLAG_BUFFERS, FLAG_PHASE, FLAG_ROOT, FLAG_TRACE, Slot};
use windlass_memory::ring::Entry;

/// A body: one target's assertions over bytes; says whether the bytes were accepted as anything.
pub type Body = fn(&[u8]) -> bool;

/// Every target by name.
pub const TARGETS: [(&str, Body); 8] = [
    ("slot", slot),
    ("completion", completion),
    ("head", head),
    ("hello", hello),
    ("control", control),
    ("frame", frame),
    ("descriptor", descriptor),
    ("dynamic", dynamic),
];

/// A slot: 64 bytes.
pub fn slot(data: &[u8]) -> bool {
    let Some((entry, _)) = entry(data) else { return false };
    let Ok(slot) = Slot::decode(&entry) else { return false };
    let mut clear = entry;
    clear[crate::slot::PUBLISH_WORD] &= !(u64::from(FLAG_PHASE) << 48);
    assert_eq!(slot.encode(), clear, "an accepted slot is written as it came");
    assert_eq!(slot.to_bytes()[..16], data[..16], "the bytes of a slot are its words");
    true
}

/// A completion: 64 bytes, then reply bytes that may be a Fault's text.
pub fn completion(data: &[u8]) -> bool {
    let Some((entry, reply)) = entry(data) else { return false };
    let Ok(completion) = Completion::decode(&entry) else { return false };
    let mut clear = entry;
    clear[crate::completion::PUBLISH_WORD] &= !(u64::from(FLAG_PHASE) << 16);
    assert_eq!(completion.encode(), clear, "an accepted completion is written as it came");
    if let Some(head) = completion.fault {
        fault(head.code, head.outcome, head.retry, reply);
    }
    true
}

fn fault(code: u16, outcome: Outcome, retry: Retry, text: &[u8]) {
    let fault = Fault::decode(code, outcome, retry, text);
    assert_eq!((fault.code, fault.outcome, fault.retry), (code, outcome, retry), "the head is kept");
    assert_eq!(fault.known(), Code::from_number(code), "a code is known by its number alone");
    let mut bytes = Vec::new();
    fault.encode_text(&mut bytes);
    assert!(bytes.len() <= FAULT_MESSAGE_MAX + FAULT_DETAILS_MAX + 4, "texts are cut to their limits");
    let again = Fault::decode(code, outcome, retry, &bytes);
    assert!(fault.message.starts_with(&again.message), "a message is cut, never changed");
    assert!(fault.details.starts_with(&again.details), "details are cut, never changed");
}

/// Two bytes of slot flags, then argument bytes; the same bytes are read as reply bytes too.
pub fn head(data: &[u8]) -> bool {
    let Some((flags, bytes)) = data.split_first_chunk::<2>() else { return false };
    let flags = u16::from_le_bytes(*flags);
    if let Ok((entries, rest)) = Head::decode_reply(data[0], bytes) {
        assert_eq!(entries.len(), usize::from(data[0]), "as many entries as announced");
        let mut again = Vec::new();
        entries.iter().for_each(|entry| entry.encode(&mut again));
        again.extend_from_slice(rest);
        assert_eq!(again, bytes, "accepted entries are written as they came");
    }
    let Ok((head, rest)) = Head::decode(flags, bytes) else { return false };
    assert_eq!(head.flags(), flags & (FLAG_TRACE | FLAG_ROOT | FLAG_BUFFERS), "the flags say what is there");
    let mut again = Vec::new();
    head.encode(&mut again);
    again.extend_from_slice(rest);
    assert_eq!(again, bytes, "an accepted head is written as it came");
    true
}

/// The first datagram of either side.
pub fn hello(data: &[u8]) -> bool {
    let (hello, welcome) = (Hello::decode(data), Welcome::decode(data));
    if let Ok(hello) = &hello {
        assert_eq!(hello.encode(), data, "an accepted hello is written as it came");
    }
    if let Ok(welcome) = &welcome {
        assert_eq!(welcome.encode(), data, "an accepted welcome is written as it came");
    }
    hello.is_ok() || welcome.is_ok()
}

/// A control message.
pub fn control(data: &[u8]) -> bool {
    let Ok(control) = Control::decode(data) else { return false };
    assert_eq!(control.encode(), data, "an accepted message is written as it came");
    true
}

/// What arrived in a stream: frames one after another, the last perhaps cut.
pub fn frame(data: &[u8]) -> bool {
    let mut rest = data;
    let mut any = false;
    loop {
        match crate::frame::take(rest) {
            Ok(Some((frame, used))) => {
                let mut again = Vec::new();
                frame.encode(&mut again);
                assert_eq!(again, rest[..used], "an accepted frame is written as it came");
                rest = &rest[used..];
                any = true;
            }
            Ok(None) => {
                let waits = crate::limits::ARGUMENT_BYTES_MAX as usize * 2;
                assert!(rest.len() < waits, "a frame that is waited for has an end");
                return any;
            }
            Err(_) => return any,
        }
    }
}

/// A module's descriptor.
pub fn descriptor(data: &[u8]) -> bool {
    let Ok(descriptor) = ModuleDescriptor::decode(data) else { return false };
    let bytes = postcard::to_allocvec(&descriptor).expect("a descriptor encodes");
    assert_eq!(ModuleDescriptor::decode(&bytes), Ok(descriptor.clone()), "written and read, it is the same");
    for method in &descriptor.methods {
        assert_eq!(descriptor.method(&method.name), Some(method), "names find their methods");
        assert_eq!(Some(&method.hash()), method.hashes.last(), "the last hash is that of the whole");
    }
    true
}

/// The postcard of a schema, then bytes to read by it.
pub fn dynamic(data: &[u8]) -> bool {
    let Ok((schema, bytes)) = postcard::take_from_bytes::<Schema>(data) else { return false };
    let checked = schema.check().is_ok();
    let mut rest = bytes;
    let Ok(value) = schema.decode_json(&mut rest) else { return false };
    assert!(bytes.ends_with(rest), "what is left is the end of what was there");
    if !checked {
        return false;
    }
    assert!(bytes.len() - rest.len() >= schema.least_bytes(), "no value is shorter than the least");
    let mut again = Vec::new();
    schema.encode_json(&value, &mut again).unwrap_or_else(|error| panic!("{value} was read as {schema}: {error}"));
    let mut left = again.as_slice();
    assert_eq!(schema.decode_json(&mut left), Ok(value), "a value read, written and read is the same");
    assert!(left.is_empty(), "nothing follows a value");
    true
}

fn entry(data: &[u8]) -> Option<(Entry, &[u8])> {
    let (raw, rest) = data.split_first_chunk::<{ crate::slot::BYTES }>()?;
    let mut entry = [0; 8];
    for (word, chunk) in entry.iter_mut().zip(raw.chunks_exact(8)) {
        let mut eight = [0; 8];
        eight.copy_from_slice(chunk);
        *word = u64::from_le_bytes(eight);
    }
    Some((entry, rest))
}
